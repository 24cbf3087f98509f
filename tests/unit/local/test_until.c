/* until=: the last second it holds (rule 10). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <time.h>

#include "local/until.h"

static int zone(void **state)
{
    (void)state;
    /* By rule, so that no tzdata is needed: CET, and CEST from March to October. */
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    return 0;
}

static void test_good(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t until;
    } table[] = {
        {"2026-12-31", 1798757999},        /* 22:59:59Z */
        {"2026-07-01", 1782943199},        /* 21:59:59Z, summer time */
        {"2026-10-25", 1792969199},        /* the day that has 25 hours */
        {"2024-02-29", 1709247599},        /* a leap day */
        {"2026-12-31T18:00Z", 1798740000}, /* as `--for` writes it */
        {"2026-12-31T18:00:30Z", 1798740030},
        {"2026-12-31t18:00:30z", 1798740030},
        {"2026-12-31T18:00+01:00", 1798736400},
        {"2026-12-31T18:00:00-0530", 1798759800},
        {"2026-12-31T18:00+02", 1798732800},
        {"1970-01-01T00:00Z", 0},
        {"9999-12-31T23:59:59Z", 253402300799},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        int64_t until = -1;
        struct error why;
        if (until_parse(view_of(table[i].text), &until, &why) < 0)
            fail_msg("%s", why.text);
        if (until != table[i].until)
            fail_msg("%s: %lld", table[i].text, (long long)until);
    }
}

static void test_bad(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } table[] = {
        {"", "not a date"},
        {"tomorrow", "not a date"},
        {"31.12.2026", "not a date"},
        {"2026-1-1", "not a date"},
        {"2026-02-29", "no such day"},
        {"2026-13-01", "no such day"},
        {"2026-00-10", "no such day"},
        {"2026-04-31", "no such day"},
        {"2026-04-00", "no such day"},
        {"0000-01-01", "no such day"},
        {"2026-12-31 ", "not a time"},
        {"2026-12-311", "not a time"},
        {"2026-12-31T", "not a time"},
        {"2026-12-31T24:00Z", "not a time"},
        {"2026-12-31T18:60Z", "not a time"},
        {"2026-12-31T18:00:60Z", "not a time"},
        {"2026-12-31T18Z", "not a time"},
        {"2026-12-31T18:00", "zone"},
        {"2026-12-31T18:00:00", "zone"},
        {"2026-12-31T18:00CET", "zone"},
        {"2026-12-31T18:00Zulu", "zone"},
        {"2026-12-31T18:00+24:00", "zone"},
        {"2026-12-31T18:00+01:", "zone"},
        {"2026-12-31T18:00+01:60", "zone"},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        int64_t until;
        struct error why;
        assert_int_equal(until_parse(view_of(table[i].text), &until, &why), ERR_SYNTAX);
        if (strstr(why.text, table[i].says) == NULL)
            fail_msg("%s: %s", table[i].text, why.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests_name("local/until", tests, zone, NULL);
}
