/* Regions: contents survive every change of size, across the border between heap and mapping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "blocklist/region.h"
#include "rcptguard/base/clock.h"

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
                            REGION_MAP_BYTES * 5 + 17, /* from here in large pages */
                            REGION_MAP_BYTES * 9 + 4099,
                            REGION_MAP_BYTES * 6 + 1,
                            REGION_MAP_BYTES * 20,
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

/* ---- what was closed is taken again ---------------------------------------------------------- */

#define MIB REGION_MAP_BYTES
#define NOW 1000000

static int forget_spares(void **state)
{
    (void)state;
    clock_set(-1, NOW);
    region_trim(NOW + 1000 * REGION_KEEP_MS);
    assert_int_equal(region_trim(NOW), -1);
    return 0;
}

static int end_clock(void **state)
{
    forget_spares(state);
    clock_set(-1, -1);
    return 0;
}

/* Closes a region of so many bytes whose first ones say who it was. */
static void close_one(size_t bytes, unsigned char mark)
{
    struct region r;

    assert_true(region_open(&r, bytes));
    memset(r.base, mark, 64);
    region_close(&r);
}

/* Whether one of BYTES is the one of MARK. */
static bool is_taken_again(size_t bytes, unsigned char mark)
{
    struct region r;

    assert_true(region_open(&r, bytes));
    assert_int_equal(r.bytes, bytes);
    bool same = r.base[63] == mark;
    memset(r.base, 0, bytes); /* all of it is there */
    munmap(r.base, r.bytes);
    return same;
}

static void test_a_closed_one_is_taken_again(void **state)
{
    (void)state;
    close_one(6 * MIB, 'a');
    assert_true(is_taken_again(6 * MIB, 'a'));
    assert_false(is_taken_again(6 * MIB, 'a'));
    close_one(6 * MIB, 'b');
    assert_true(is_taken_again(5 * MIB + 17, 'b'));
    close_one(6 * MIB, 'c');
    assert_false(is_taken_again(3 * MIB, 'c')); /* it would be wasted */
    assert_int_equal(region_trim(NOW), REGION_KEEP_MS);
    assert_false(is_taken_again(7 * MIB, 'c'));
    assert_int_equal(region_trim(NOW), -1); /* nor is it kept beside a larger one */
}

static void test_the_one_that_fits_best_is_taken(void **state)
{
    struct region r[3];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_true(region_open(&r[i], (8 - i) * MIB));
        memset(r[i].base, (int)('a' + i), 64);
    }
    for (size_t i = 0; i < 3; i++)
        region_close(&r[i]);
    assert_true(is_taken_again(7 * MIB, 'b'));
    assert_true(is_taken_again(7 * MIB, 'a'));
}

static void test_few_are_kept_and_not_the_small_ones(void **state)
{
    struct region r[6];

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        assert_true(region_open(&r[i], (20 + 20 * i) * MIB));
        r[i].base[63] = (unsigned char)('a' + i);
    }
    for (size_t i = 6; i-- > 0;)
        region_close(&r[i]);
    assert_true(is_taken_again(60 * MIB, 'c'));
    assert_false(is_taken_again(40 * MIB, 'b'));
    assert_false(is_taken_again(20 * MIB, 'a'));
    assert_true(is_taken_again(120 * MIB, 'f'));
}

static void test_it_is_kept_for_a_minute(void **state)
{
    struct region later;

    (void)state;
    assert_true(region_open(&later, 16 * MIB));
    close_one(6 * MIB, 'a');
    clock_set(-1, NOW + 1000);
    region_close(&later);
    assert_int_equal(region_trim(NOW + 10000), REGION_KEEP_MS - 10000);
    assert_int_equal(region_trim(NOW + REGION_KEEP_MS), 1000);
    assert_false(is_taken_again(6 * MIB, 'a'));
    assert_int_equal(region_trim(NOW + 1000 + REGION_KEEP_MS), -1);
}

/* About so large: one that is a little smaller, or larger by half, will do. */
static void test_expected_bytes(void **state)
{
    struct region r;

    (void)state;
    close_one(6 * MIB, 'x');
    assert_true(region_open(&r, 100));
    memset(r.base, 'r', 100);
    assert_true(region_expect(&r, 6 * MIB + 1000));
    assert_int_equal(r.bytes, 6 * MIB);
    assert_int_equal(r.base[99], 'r');
    close_one(6 * MIB - 1000, 'y'); /* nothing is lost to one that is smaller */
    r.base[6 * MIB - 1] = 'e';
    assert_true(region_expect(&r, 6 * MIB + 100));
    assert_int_equal(r.bytes, 6 * MIB + 100);
    assert_int_equal(r.base[6 * MIB - 1], 'e');
    assert_true(region_expect(&r, 32 * MIB));
    assert_int_equal(r.bytes, 32 * MIB);
    assert_int_equal(r.base[0], 'r');
    assert_false(region_expect(&r, SIZE_MAX / 4));
    assert_int_equal(r.bytes, 32 * MIB);
    region_close(&r);
    assert_true(region_open(&r, 0));
    assert_true(region_expect(&r, 1000));
    assert_int_equal(r.bytes, 1000);
    region_close(&r);
}

static size_t mapped_bytes(void)
{
    unsigned long pages = 0;
    FILE *in = fopen("/proc/self/statm", "r");

    assert_non_null(in);
    assert_int_equal(fscanf(in, "%lu", &pages), 1);
    fclose(in);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Too large to be taken, and in the way of what is asked for. */
static void test_what_is_kept_is_not_what_is_missing(void **state)
{
    struct region grown, fresh;
    struct rlimit old, tight;

    (void)state;
    getrlimit(RLIMIT_AS, &old);
    assert_true(region_open(&grown, 2 * MIB));
    grown.base[7] = 'g';
    for (int i = 0; i < 2; i++) {
        close_one(400 * MIB, 'k');
        tight = old;
        tight.rlim_cur = mapped_bytes() + 50 * MIB;
        setrlimit(RLIMIT_AS, &tight);
        bool done = i == 0 ? region_open(&fresh, 100 * MIB) : region_resize(&grown, 200 * MIB);
        setrlimit(RLIMIT_AS, &old);
        assert_true(done);
        assert_int_equal(region_trim(NOW), -1);
    }
    assert_int_equal(grown.base[7], 'g');
    munmap(fresh.base, fresh.bytes);
    region_close(&grown);
}

#define SPARE_TEST(f) cmocka_unit_test_setup_teardown(f, forget_spares, end_clock)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contents_survive_growing_and_shrinking),
        cmocka_unit_test(test_no_memory_leaves_it_as_it_was),
        SPARE_TEST(test_a_closed_one_is_taken_again),
        SPARE_TEST(test_the_one_that_fits_best_is_taken),
        SPARE_TEST(test_few_are_kept_and_not_the_small_ones),
        SPARE_TEST(test_it_is_kept_for_a_minute),
        SPARE_TEST(test_expected_bytes),
        SPARE_TEST(test_what_is_kept_is_not_what_is_missing),
    };
    return cmocka_run_group_tests_name("blocklist/region", tests, NULL, NULL);
}
