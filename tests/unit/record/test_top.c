/* The most refused: windows of time, floods of names, and clocks that jump. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "rcptguard/base/buf.h"
#include "record/top.h"

#define NOW 1700000000

static struct hash_secret secret;
static struct top *top;
static struct record_top_row rows[TOP_ROWS];

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof secret.bytes; i++)
        secret.bytes[i] = (unsigned char)(37 * i + 11); /* any, but each time the same */
    top = top_new(&secret);
    return top == NULL;
}

static int teardown(void **state)
{
    (void)state;
    top_free(top);
    return 0;
}

static void count(const char *name, unsigned times, int64_t now)
{
    for (unsigned i = 0; i < times; i++)
        top_count(top, TOP_RECIPIENTS, view_of(name), now);
}

/* "a=2 b=1 " */
static const char *most(enum record_span span, int64_t now)
{
    static char dst[TOP_ROWS * 300];
    struct text text = text_on(dst, sizeof dst);
    unsigned n = top_most(top, TOP_RECIPIENTS, span, now, rows);

    for (unsigned i = 0; i < n; i++)
        text_addf(&text, "%s=%llu ", rows[i].name, (unsigned long long)rows[i].count);
    return dst;
}

static void test_order(void **state)
{
    (void)state;
    assert_string_equal(most(TOP_DAY, NOW), "");
    count("b", 2, NOW);
    count("c", 5, NOW);
    count("a", 2, NOW);
    count("", 9, NOW);
    assert_string_equal(most(TOP_HOUR, NOW), "c=5 a=2 b=2 ");
    assert_string_equal(most(TOP_DAY, NOW), "c=5 a=2 b=2 ");
    assert_int_equal(top_most(top, TOP_LISTS, TOP_DAY, NOW, rows), 0);
}

static void test_twenty_rows(void **state)
{
    (void)state;
    char name[8];

    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "%02d", (i * 7) % 50);
        count(name, 1 + (unsigned)(i * 7) % 50, NOW);
    }
    assert_int_equal(top_most(top, TOP_RECIPIENTS, TOP_DAY, NOW, rows), TOP_ROWS);
    for (int i = 0; i < TOP_ROWS; i++) {
        snprintf(name, sizeof name, "%02d", 49 - i);
        assert_string_equal(rows[i].name, name);
        assert_int_equal(rows[i].count, 50 - i);
    }
}

/* Buckets are whole ones, so a window is up to one bucket shorter than it says, never longer. */
static void test_windows(void **state)
{
    (void)state;
    static const struct {
        int64_t later;
        const char *hour, *day;
    } table[] = {
        {0, "a=3 ", "a=3 "},         {55 * 60 - 1, "a=3 ", "a=3 "}, {3600, "", "a=3 "},
        {23 * 3600 - 1, "", "a=3 "}, {24 * 3600, "", ""},           {400 * 86400L, "", ""},
    };

    count("a", 3, NOW);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        assert_string_equal(most(TOP_HOUR, NOW + table[i].later), table[i].hour);
        assert_string_equal(most(TOP_DAY, NOW + table[i].later), table[i].day);
    }
}

/* One a minute for three days: old buckets are cleared and used again. */
static void test_buckets_go_round(void **state)
{
    (void)state;
    int64_t now = NOW;

    for (int i = 0; i < 3 * 1440; i++, now += 60)
        count("a", 1, now);
    now -= 60;
    assert_int_equal(top_most(top, TOP_RECIPIENTS, TOP_HOUR, now, rows), 1);
    assert_in_range(rows[0].count, 55, 60);
    assert_int_equal(top_most(top, TOP_RECIPIENTS, TOP_DAY, now, rows), 1);
    assert_in_range(rows[0].count, 23 * 60, 24 * 60);
    count("a", 1, now + 3 * 3600);
    assert_string_equal(most(TOP_HOUR, now + 3 * 3600), "a=1 ");
    assert_int_equal(top_most(top, TOP_RECIPIENTS, TOP_DAY, now + 3 * 3600, rows), 1);
    assert_in_range(rows[0].count, 20 * 60, 21 * 60 + 1);
}

static void test_clock_that_jumps(void **state)
{
    (void)state;
    count("a", 2, NOW);
    count("b", 1, NOW - 50000000);
    assert_string_equal(most(TOP_HOUR, NOW - 50000000), "a=2 b=1 ");
    /* From there on it goes forward: nothing is kept until the old time comes again. */
    assert_string_equal(most(TOP_HOUR, NOW - 50000000 + 3600), "");
    count("c", 1, NOW - 50000000 + 3600);
    assert_string_equal(most(TOP_DAY, NOW - 50000000 + 3600), "a=2 b=1 c=1 ");
    count("d", 1, INT64_MAX);
    assert_string_equal(most(TOP_DAY, INT64_MAX), "d=1 ");
    count("d", 1, 0);
    count("d", 1, NOW);
    assert_string_equal(most(TOP_DAY, NOW), "d=1 ");
}

/* As they are, for those who show them: cut between two characters. */
static void test_long_names_are_cut(void **state)
{
    (void)state;
    char big[400];

    memset(big, 'x', sizeof big);
    memcpy(big, "\n\"\xe2\x80\xae", 5);
    memcpy(big + 254, "\xe2\x80\xae", 3);
    top_count(top, TOP_RECIPIENTS, view_make(big, sizeof big), NOW);
    big[399] = 'y'; /* shown alike, and still another name */
    top_count(top, TOP_RECIPIENTS, view_make(big, sizeof big), NOW);
    top_count(top, TOP_RECIPIENTS, view_make(big, sizeof big), NOW);
    assert_int_equal(top_most(top, TOP_RECIPIENTS, TOP_DAY, NOW, rows), 2);
    assert_int_equal(rows[0].count, 2);
    assert_int_equal(strlen(rows[0].name), 254);
    assert_memory_equal(rows[0].name, big, 254);
}

/* A hundred thousand names once each, and among them five that come again and again: from the
 * start, or only when all places are taken. */
static void test_heavy_hitters_in_a_flood(void **state)
{
    (void)state;
    static const unsigned every[] = {20, 40, 80, 160, 320};
    char name[32];

    for (unsigned i = 0; i < 100000; i++) {
        snprintf(name, sizeof name, "flood %u", i);
        count(name, 1, NOW + i / 2000);
        for (unsigned k = 0; k < 5 && i >= 5000; k++) {
            snprintf(name, sizeof name, "heavy %u", k);
            if (i % every[k] == 0)
                count(name, 1, NOW + i / 2000);
        }
    }
    assert_int_equal(top_most(top, TOP_RECIPIENTS, TOP_HOUR, NOW + 50, rows), TOP_ROWS);
    for (unsigned k = 0; k < 5; k++) {
        snprintf(name, sizeof name, "heavy %u", k);
        assert_string_equal(rows[k].name, name);
        /* At least so many, and hardly less: all but what was counted before it had its place. */
        assert_in_range(rows[k].count, 95000 / every[k] * 9 / 10, 95000 / every[k]);
    }
    assert_int_equal(rows[5].count, 1);
}

/* What was frequent yesterday gives way to what is frequent today. */
static void test_yesterday_gives_way(void **state)
{
    (void)state;
    char name[32];

    for (unsigned i = 0; i < 1024; i++) {
        snprintf(name, sizeof name, "yesterday %u", i);
        count(name, 50, NOW);
    }
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "today %u", i % 10);
        count(name, 1, NOW + 90000 + i);
    }
    assert_int_equal(top_most(top, TOP_RECIPIENTS, TOP_DAY, NOW + 93000, rows), 10);
    for (unsigned i = 0; i < 10; i++)
        assert_in_range(rows[i].count, 299, 300);
}

int main(void)
{
#define TOP_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TOP_TEST(test_order),
        TOP_TEST(test_twenty_rows),
        TOP_TEST(test_windows),
        TOP_TEST(test_buckets_go_round),
        TOP_TEST(test_clock_that_jumps),
        TOP_TEST(test_long_names_are_cut),
        TOP_TEST(test_heavy_hitters_in_a_flood),
        TOP_TEST(test_yesterday_gives_way),
    };
    return cmocka_run_group_tests_name("record/top", tests, NULL, NULL);
}
