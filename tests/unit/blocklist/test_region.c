/* Regions: contents survive every change of size, across the border between heap and mapping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "blocklist/region.h"

static unsigned char pattern(size_t i)
{
    return (unsigned char)(i * 31 + (i >> 8));
}

static void test_contents_survive_growing_and_shrinking(void **state)
{
    (void)state;
    const size_t sizes[] = {1,
                            5000,
                            REGION_MAP_BYTES - 1,
                            REGION_MAP_BYTES,
                            REGION_MAP_BYTES * 3 + 17,
                            REGION_MAP_BYTES + 1,
                            70000,
                            REGION_MAP_BYTES * 2,
                            0,
                            10};
    struct region r;
    size_t filled = 100, n = sizeof sizes / sizeof *sizes;

    assert_true(region_open(&r, filled));
    for (size_t i = 0; i < filled; i++)
        r.base[i] = pattern(i);
    for (size_t s = 0; s < n; s++) {
        assert_true(region_resize(&r, sizes[s]));
        assert_int_equal(r.bytes, sizes[s]);
        filled = filled < sizes[s] ? filled : sizes[s];
        for (size_t i = 0; i < filled; i++)
            assert_int_equal(r.base[i], pattern(i));
        for (size_t i = filled; i < sizes[s]; i++)
            r.base[i] = pattern(i);
        filled = sizes[s];
    }
    region_close(&r);
    assert_null(r.base);
    region_close(&r);
}

static void test_no_memory_leaves_it_as_it_was(void **state)
{
    (void)state;
    const size_t absurd = SIZE_MAX / 4;
    const size_t sizes[] = {10, REGION_MAP_BYTES};

    for (size_t i = 0; i < 2; i++) {
        struct region r, other;
        assert_true(region_open(&r, sizes[i]));
        r.base[9] = 'x';
        assert_false(region_resize(&r, absurd));
        assert_int_equal(r.bytes, sizes[i]);
        assert_int_equal(r.base[9], 'x');
        region_close(&r);
        assert_false(region_open(&other, absurd));
        assert_null(other.base);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contents_survive_growing_and_shrinking),
        cmocka_unit_test(test_no_memory_leaves_it_as_it_was),
    };
    return cmocka_run_group_tests_name("blocklist/region", tests, NULL, NULL);
}
