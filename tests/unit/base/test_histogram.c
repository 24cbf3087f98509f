/* Times counted into ranges: the ends of each, and what is beyond. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rcptguard/base/histogram.h"

static void test_ends_of_ranges(void **state)
{
    (void)state;
    for (int i = 0; i < HISTOGRAM_BOUNDS; i++) {
        struct histogram h = {.sum_ns = 0};
        histogram_add(&h, histogram_bounds_ns[i]);
        histogram_add(&h, histogram_bounds_ns[i] + 1);
        assert_int_equal(h.counts[i], 1);
        assert_int_equal(h.counts[i + 1], 1);
        assert_int_equal(h.sum_ns, 2 * histogram_bounds_ns[i] + 1);
        if (i > 0)
            assert_true(histogram_bounds_ns[i] > histogram_bounds_ns[i - 1]);
    }
    assert_int_equal(histogram_bounds_ns[0], 10000);
    assert_int_equal(histogram_bounds_ns[HISTOGRAM_BOUNDS - 1], 2000000000);
}

static void test_strange_times(void **state)
{
    struct histogram h = {.sum_ns = 0};

    (void)state;
    histogram_add(&h, -5);
    histogram_add(&h, 0);
    histogram_add(&h, 3600 * INT64_C(1000000000));
    assert_int_equal(h.counts[0], 2);
    assert_int_equal(h.counts[HISTOGRAM_BOUNDS], 1);
    assert_int_equal(h.sum_ns, 3600 * INT64_C(1000000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends_of_ranges),
        cmocka_unit_test(test_strange_times),
    };
    return cmocka_run_group_tests_name("base/histogram", tests, NULL, NULL);
}
