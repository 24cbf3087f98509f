/* How long an answer may be kept, as servers say it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feeds/fetch/cache_control.h"

static void test_headers(void **state)
{
    static const struct {
        const char *header;
        bool never;
        int64_t max_age_s;
    } table[] = {
        {"max-age=3600", false, 3600},
        {"public, max-age=3600", false, 3600},
        {"MAX-AGE = 3600 ,must-revalidate", false, 3600},
        {"max-age=\"600\"", false, 600},
        {"max-age=600, max-age=60", false, 60},
        {"max-age=0", false, 0},
        {"max-age=99999999999999999999", false, INT64_C(365) * 86400},
        {"max-age=-1", false, -1},
        {"max-age=1h", false, -1},
        {"max-age=", false, -1},
        {"max-age", false, -1},
        {"s-maxage=60", false, -1},
        {"no-cache", true, -1},
        {"max-age=60, No-Store", true, 60},
        {"no-cache=\"Set-Cookie\"", true, -1},
        {"", false, -1},
        {",,=,", false, -1},
    };
    (void)state;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct cache_control c = {.max_age_s = -1};
        cache_control_read(view_of(table[i].header), &c);
        if (c.never != table[i].never || c.max_age_s != table[i].max_age_s)
            fail_msg("%s: %d %lld", table[i].header, c.never, (long long)c.max_age_s);
    }
}

static void test_several_headers(void **state)
{
    struct cache_control c = {.max_age_s = -1};
    (void)state;

    cache_control_read(view_of("max-age=60"), &c);
    cache_control_read(view_of("max-age=600, no-cache"), &c);
    assert_int_equal(c.max_age_s, 60);
    assert_true(c.never);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_several_headers),
    };
    return cmocka_run_group_tests_name("cache_control", tests, NULL, NULL);
}
