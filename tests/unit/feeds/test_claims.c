/* What lists say of themselves, and what only looks like it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feeds/trace.h"

static void on_claim(enum feed_claim claim, int64_t value, void *arg)
{
    assert_int_equal(claim, CLAIM_ROWS);
    assert_int_equal(*(int64_t *)arg, -1); /* once a line */
    *(int64_t *)arg = value;
}

/* The number of rows that COMMENT tells, or -1. */
static int64_t claimed(const char *comment)
{
    int64_t value = -1;
    const struct feed_sink sink = {.claim = on_claim, .arg = &value};
    const struct feed_reader reader = {.sink = &sink};

    feed_comment_tell(&reader, view_of(comment));
    return value;
}

struct claim {
    const char *comment;
    int64_t rows; /* -1: none */
};

static void check(const struct claim *claims, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (claimed(claims[i].comment) != claims[i].rows)
            print_error("%s\n", claims[i].comment);
        assert_int_equal(claimed(claims[i].comment), claims[i].rows);
    }
}

static void test_counts(void **state)
{
    static const struct claim claims[] = {
        {"# Entries: 108,685", 108685},
        {"! Entries: 143,876", 143876},
        {"# Domains: 7355", 7355},
        {"# Domain Count: 15203", 15203},
        {"# Number of unique domains: 102,618", 102618},
        {"# Number of entries: 1156", 1156},
        {"! Number of entries: 3", 3},
        {"# entries:        3570", 3570},
        {"# Blocked: 1,775 domains", 1775},
        {"#|Blocked: 173,563 domains|", 173563},
        {"# Total entries: 4580", 4580},
        {"! Total count: 4580", 4580},
        {"# Total number of domains: 4580", 4580},
        {"##### Number of domains: 4580          ####", 4580},
        {"; A List | entries 6125", 6125},
        {"; A List | 2026 | Entries: 6,125 | x", 6125},
        {"ENTRIES : 5", 5},
        {"// rows:5", 5},
        {"# Entries: 0", 0},
        {"# Entries: 007", 7},
        {"# Entries: 1,234,567", 1234567},
        {"# Entries: 999,999,999,999", 999999999999},
    };

    (void)state;
    check(claims, sizeof claims / sizeof claims[0]);
}

static void test_what_is_no_count(void **state)
{
    static const struct claim claims[] = {
        {"", -1},
        {"#", -1},
        {"# Entries", -1},
        {"# Entries:", -1},
        {"# Entries: see below", -1},
        {"# Entries: none", -1},
        {"# Entries 5", -1},
        {"# entries, 5 of them", -1},
        {"# Domains: 3 per line", -1},
        {"# Entries: 12 (and growing)", -1},
        {"# Entries: 2026-08-22", -1},
        {"# Entries: 12:30", -1},
        {"# Entries: ~12", -1},
        {"# Entries: -12", -1},
        {"# Entries: 12.5", -1},
        {"# Entries: 50%", -1},
        {"# Entries: 0x12", -1},
        {"# Entries: 1,23,4", -1},
        {"# Entries: 1,2345", -1},
        {"# Entries: 1234,567", -1},
        {"# Entries: ,123", -1},
        {"# Entries: 123,", -1},
        {"# Entries: 1.234", -1},
        {"# Entries: 1 234", -1},
        {"# Entries: 1000000000001", -1},
        {"# Entries: 999,999,999,999,999", -1},
        {"# Entries: 99999999999999999999999999", -1},
        {"# Entries: 18446744073709551617", -1},
        {"# version 3", -1},
        {"# Version: 3", -1},
        {"# Last modified: 2026", -1},
        {"# Subdomains: 3", -1},
        {"# My domains: 3", -1},
        {"# Domains blocked: 3", -1},
        {"# Domains per line: 3", -1},
        {"# The list has entries: 3", -1},
        {"# 3 entries", -1},
        {"# A list | entriesx 5", -1},
        {"# A list | entries 5 and 6", -1},
        {"# A list | entries5", -1},
        {"# Entries: \xd9\xa3", -1}, /* a digit of another script */
    };

    (void)state;
    check(claims, sizeof claims / sizeof claims[0]);
}

/* Comments are views: nothing behind their end counts. */
static void test_views(void **state)
{
    int64_t value = -1;
    const struct feed_sink sink = {.claim = on_claim, .arg = &value};
    const struct feed_reader reader = {.sink = &sink};

    (void)state;
    feed_comment_tell(&reader, view_make("# Entries: 12345", 13));
    assert_int_equal(value, 12);
    value = -1;
    feed_comment_tell(&reader, view_make("# Entries: 1,234", 14));
    assert_int_equal(value, -1);
    feed_comment_tell(&reader, VIEW_NONE);
    assert_int_equal(value, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_what_is_no_count),
        cmocka_unit_test(test_views),
    };
    return cmocka_run_group_tests_name("feeds/claims", tests, NULL, NULL);
}
