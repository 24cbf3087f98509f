/* When a feed is due. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feeds/fetch/schedule.h"

#define NOW 1800000000

static int64_t next_after(int64_t refresh_s, unsigned failures, int64_t retry_after_s,
                          uint64_t random)
{
    const struct schedule s = {refresh_s, 0, failures, retry_after_s, 0};
    return schedule_next(NOW, &s, random);
}

static int64_t clamp(int64_t next, int64_t refresh_s, unsigned failures)
{
    const struct schedule s = {refresh_s, 0, failures, 0, 0};
    return schedule_clamp(next, NOW, &s, false);
}

static void test_publishers_floor(void **state)
{
    static const struct {
        struct schedule s;
        int64_t wait_s;
    } table[] = {
        {{3600, 7200, 0, 0, 0}, 7200},
        {{3600, 600, 0, 0, 0}, 3600},
        /* A server that fails is no server that may be asked more often. */
        {{3600, 7200, 1, 0, 0}, 7200},
        {{3600, 7200, 1, 9000, 0}, 9000},
        {{86400, 30000, 1, 0, 0}, 30000},
    };
    (void)state;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        assert_int_equal(schedule_next(NOW, &table[i].s, 0), NOW + table[i].wait_s);
}

static void test_expires_lengthens_by_eight_hours_at_most(void **state)
{
    static const struct {
        struct schedule s;
        int64_t wait_s;
    } table[] = {
        {{3600, 0, 0, 0, 7200}, 7200},
        {{3600, 0, 0, 0, 60}, 3600}, /* never sooner */
        {{3600, 0, 0, 0, -1}, 3600},
        {{3600, 0, 0, 0, INT64_MAX}, 28800},
        {{86400, 0, 0, 0, INT64_MAX}, 86400},
        {{3600, 0, 1, 0, 7200}, 30}, /* after a failure it says nothing */
    };
    (void)state;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        assert_int_equal(schedule_next(NOW, &table[i].s, 0), NOW + table[i].wait_s);
    const struct schedule s = {3600, 0, 0, 0, 0};
    assert_int_equal(schedule_clamp(NOW + 28800 + 2880, NOW, &s, true), NOW + 28800 + 2880);
    assert_int_equal(schedule_clamp(NOW + 28800 + 2881, NOW, &s, true), NOW + 3600);
    assert_int_equal(schedule_clamp(NOW + 28800, NOW, &s, false), NOW + 3600);
    const struct schedule slow = {3600, 86400, 0, 0, 0};
    assert_int_equal(schedule_clamp(NOW + 86400, NOW, &slow, false), NOW + 86400);
    assert_int_equal(schedule_clamp(NOW + 2 * 86400, NOW, &slow, false), NOW + 86400);
}

static void test_success_waits_refresh_and_a_tenth_at_most(void **state)
{
    static const int64_t refresh_s[] = {1, 9, 10, 60, 3600, 86400};
    (void)state;

    for (size_t i = 0; i < sizeof refresh_s / sizeof refresh_s[0]; i++) {
        int64_t low = INT64_MAX, high = 0;
        for (uint64_t random = 0; random < 20000; random++) {
            int64_t wait = next_after(refresh_s[i], 0, 0, random) - NOW;
            low = wait < low ? wait : low;
            high = wait > high ? wait : high;
        }
        assert_int_equal(low, refresh_s[i]);
        assert_int_equal(high, refresh_s[i] + refresh_s[i] / 10);
    }
    assert_true(next_after(3600, 0, 0, UINT64_MAX) <= NOW + 3960);
}

static void test_backoff(void **state)
{
    static const struct {
        int64_t refresh_s, wait_s[12];
    } table[] = {
        {3600, {30, 60, 120, 240, 480, 960, 1920, 3840, 7680, 15360, 21600, 21600}},
        {1, {1, 2, 4, 8, 8, 8, 8, 8, 8, 8, 8, 8}},
        {10, {10, 20, 40, 80, 80, 80, 80, 80, 80, 80, 80, 80}},
        {604800, {30, 60, 120, 240, 480, 960, 1920, 3840, 7680, 15360, 21600, 21600}},
    };
    (void)state;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        for (unsigned n = 1; n <= 12; n++)
            assert_int_equal(next_after(table[i].refresh_s, n, 0, 0) - NOW, table[i].wait_s[n - 1]);
    assert_int_equal(next_after(3600, UINT32_MAX, 0, 0) - NOW, 21600);
}

static void test_retry_after(void **state)
{
    (void)state;
    assert_int_equal(next_after(3600, 1, 600, 0), NOW + 600);
    assert_int_equal(next_after(3600, 1, 5, 0), NOW + 30);
    assert_int_equal(next_after(3600, 1, INT64_MAX, 0), NOW + 21600);
    assert_int_equal(next_after(3600, 1, -5, 0), NOW + 30);
}

static void test_clamp_undoes_clock_jumps(void **state)
{
    static const struct {
        int64_t next, refresh_s;
        unsigned failures;
        int64_t want;
    } table[] = {
        {0, 3600, 0, 0}, /* long due */
        {NOW + 3600, 3600, 0, NOW + 3600},
        {NOW + 3960, 3600, 0, NOW + 3960},
        {NOW + 3961, 3600, 0, NOW + 3600},        /* refresh was longer before */
        {NOW + 86400 * 365, 3600, 0, NOW + 3600}, /* the clock was a year ahead */
        {NOW + 21600, 3600, 9, NOW + 21600},      /* back-off */
        {NOW + 86400 * 365, 3600, 9, NOW + 3600},
        {INT64_MAX, 1, 0, NOW + 1},
    };
    (void)state;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        assert_int_equal(clamp(table[i].next, table[i].refresh_s, table[i].failures),
                         table[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_success_waits_refresh_and_a_tenth_at_most),
        cmocka_unit_test(test_publishers_floor),
        cmocka_unit_test(test_expires_lengthens_by_eight_hours_at_most),
        cmocka_unit_test(test_backoff),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_clamp_undoes_clock_jumps),
    };
    return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
