/* Calendar arithmetic against the C library's, and the clocks that tests set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
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
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_set_clocks),
    };
    return cmocka_run_group_tests_name("base/clock", tests, NULL, NULL);
}
