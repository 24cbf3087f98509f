/* Calendar arithmetic against the C library's, and the clocks that tests set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "rcptguard/base/clock.h"

static void test_days_agree_with_gmtime(void **state)
{
    (void)state;
    for (int32_t days = -720000; days <= 2932896; days += 97) {
        time_t t = (time_t)days * 86400;
        struct tm tm;
        int year, month, day;

        gmtime_r(&t, &tm);
        clock_date(days, &year, &month, &day);
        assert_int_equal(year, tm.tm_year + 1900);
        assert_int_equal(month, tm.tm_mon + 1);
        assert_int_equal(day, tm.tm_mday);
        assert_int_equal(clock_days(year, month, day), days);
    }
    assert_int_equal(clock_days(1970, 1, 1), 0);
    assert_int_equal(clock_days(2024, 2, 29) + 1, clock_days(2024, 3, 1));
    assert_int_equal(clock_days(2100, 2, 28) + 1, clock_days(2100, 3, 1));
}

static void test_days_there_are(void **state)
{
    static const struct {
        int year, month, day;
        bool is;
    } rows[] = {
        {2024, 2, 29, true},   {2023, 2, 29, false}, {2000, 2, 29, true},  {2100, 2, 29, false},
        {2026, 1, 0, false},   {2026, 0, 1, false},  {2026, 13, 1, false}, {2026, 4, 31, false},
        {2026, 12, 31, true},  {9999, 12, 31, true}, {1970, 1, 1, true},   {0, 0, 0, false},
        {9999, 99, 99, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(clock_is_day(rows[i].year, rows[i].month, rows[i].day), rows[i].is);
}

static void test_read_dates(void **state)
{
    static const char *const none[] = {"",           "2026-11-2",   "2026-11-244", "2026-13-01",
                                       "2026-02-29", "9999999999",  "2026-11 24",  "2026/11/24",
                                       "-026-11-24", "2026-11-24Z", "20261-1-24"};
    int32_t days = 7;
    (void)state;

    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (clock_date_read(view_of(none[i]), &days))
            fail_msg("%s", none[i]);
    assert_int_equal(days, 7);
    assert_true(clock_date_read(view_of("2026-11-24"), &days));
    assert_int_equal(days, clock_days(2026, 11, 24));
    assert_true(clock_date_read(view_of("1970-01-01"), &days));
    assert_int_equal(days, 0);
}

/* In seconds of UTC, by a TZ of its own. */
static int64_t end_of(const char *zone, int year, int month, int day)
{
    setenv("TZ", zone, 1);
    tzset();
    int64_t end = clock_end_of_local_day(year, month, day);
    unsetenv("TZ");
    tzset();
    return end;
}

static void test_ends_of_days(void **state)
{
    static const char europe[] = "CET-1CEST,M3.5.0,M10.5.0/3";
    /* Asuncion until 2024, and a zone that skips the last hour of a day. */
    static const char back_at_midnight[] = "<-04>4<-03>,M10.1.0/0,M3.4.0/0";
    static const char on_at_eleven[] = "XST0XDT,M3.4.6/23,M10.1.0/0";
    char text[21];
    (void)state;

#define ENDS(zone, year, month, day, expected)                                                     \
    assert_string_equal(clock_time_text(end_of(zone, year, month, day), text), expected)
    ENDS("UTC0", 2026, 12, 31, "2026-12-31T23:59:59Z");
    ENDS(europe, 2026, 12, 31, "2026-12-31T22:59:59Z");
    ENDS(europe, 2026, 7, 1, "2026-07-01T21:59:59Z");
    ENDS(europe, 2026, 10, 25, "2026-10-25T22:59:59Z");
    ENDS(europe, 2026, 3, 29, "2026-03-29T21:59:59Z");
    ENDS(back_at_midnight, 2024, 3, 22, "2024-03-23T02:59:59Z");
    ENDS(back_at_midnight, 2024, 3, 23, "2024-03-24T03:59:59Z");
    ENDS(back_at_midnight, 2024, 3, 24, "2024-03-25T03:59:59Z");
    ENDS(on_at_eleven, 2026, 3, 28, "2026-03-28T22:59:59Z");
#undef ENDS
}

static void test_texts(void **state)
{
    (void)state;
    char date[11], when[21];

    assert_string_equal(clock_date_text(clock_days(2026, 11, 5), date), "2026-11-05");
    assert_string_equal(clock_date_text(0, date), "-");
    assert_string_equal(clock_date_text(2932896, date), "9999-12-31");
    assert_string_equal(clock_date_text(2932897, date), "-");
    assert_string_equal(clock_date_text(INT32_MAX, date), "-");
    assert_string_equal(clock_date_text(INT32_MIN, date), "-");
    assert_string_equal(clock_time_text(1767268800, when), "2026-01-01T12:00:00Z");
    assert_string_equal(clock_time_text(253402300799, when), "9999-12-31T23:59:59Z");
    assert_string_equal(clock_time_text(0, when), "-");
    assert_string_equal(clock_time_text(-1, when), "-");
    assert_string_equal(clock_time_text(INT64_MAX, when), "-");
    assert_string_equal(clock_time_text(86399, when), "1970-01-01T23:59:59Z");
}

static void test_set_clocks(void **state)
{
    (void)state;
    clock_set(100, 7);
    assert_int_equal(clock_now(), 100);
    assert_int_equal(clock_mono_ms(), 7);
    clock_set(-1, -1);
    assert_in_range(clock_now() - time(NULL) + 5, 0, 10);
    int64_t before = clock_mono_ms();
    assert_true(clock_mono_ms() >= before && before > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days_agree_with_gmtime),
        cmocka_unit_test(test_days_there_are),
        cmocka_unit_test(test_read_dates),
        cmocka_unit_test(test_ends_of_days),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_set_clocks),
    };
    return cmocka_run_group_tests_name("base/clock", tests, NULL, NULL);
}
