/* Reading: kinds, small output arrays, misses, the empty blocklist, walks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rcptguard/blocklist.h"

static struct blocklist *three_keys(void)
{
    struct blocklist_builder *b = blocklist_builder_new(0);
    struct blocklist_list list = {.name = "aper"};

    assert_int_equal(blocklist_builder_list(b, &list, NULL), 0);
    blocklist_builder_add(b, ENTRY_ADDRESS, view_of("jane@example.org"), 0, 3, NULL);
    blocklist_builder_add(b, ENTRY_DOMAIN, view_of("example.org"), 0, 4, NULL);
    blocklist_builder_add(b, ENTRY_BELOW, view_of("example.org"), 0, 5, NULL);
    blocklist_builder_add(b, ENTRY_TREE, view_of("example.net"), 0, 6, NULL);
    return blocklist_builder_finish(b, NULL);
}

static void test_only_the_kinds_asked(void **state)
{
    (void)state;
    const struct {
        const char *key;
        unsigned kinds;
        size_t found;
        int32_t first_date;
    } rows[] = {
        {"jane@example.org", ENTRY_BIT(ENTRY_ADDRESS), 1, 3},
        {"jane@example.org", 0xe, 0, 0},
        {"example.org", 0xf, 2, 4},
        {"example.org", ENTRY_BIT(ENTRY_DOMAIN), 1, 4},
        {"example.org", ENTRY_BIT(ENTRY_BELOW) | ENTRY_BIT(ENTRY_TREE), 1, 5},
        {"example.org", ENTRY_BIT(ENTRY_ADDRESS), 0, 0},
        {"example.org", 0, 0, 0},
        {"example.net", ENTRY_BIT(ENTRY_TREE), 1, 6},
        {"Example.net", 0xf, 0, 0},
        {"example.ne", 0xf, 0, 0},
        {"example.nett", 0xf, 0, 0},
        {"", 0xf, 0, 0},
        {NULL, 0xf, 0, 0},
    };
    struct blocklist *bl = three_keys();

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct listing out[4];
        assert_int_equal(blocklist_find(bl, view_of(rows[i].key), rows[i].kinds, out, 4),
                         rows[i].found);
        if (rows[i].found > 0)
            assert_int_equal(out[0].date, rows[i].first_date);
    }
    blocklist_free(bl);
}

static void test_a_small_array_is_not_overrun(void **state)
{
    (void)state;
    struct blocklist *bl = three_keys();
    struct listing out[2] = {{9, 9, 0, 9}, {9, 9, 0, 9}};

    assert_int_equal(blocklist_find(bl, view_of("example.org"), 0xf, out, 1), 2);
    assert_int_equal(out[0].date, 4);
    assert_int_equal(out[1].date, 9);
    assert_int_equal(blocklist_find(bl, view_of("example.org"), 0xf, NULL, 0), 2);
    blocklist_free(bl);
}

static int count_dates(struct view key, const struct listing *listing, void *arg)
{
    assert_true(key.len > 0);
    *(int *)arg += listing->date;
    return 0;
}

static int stop_at_five(struct view key, const struct listing *listing, void *arg)
{
    (void)key, (void)arg;
    return listing->date == 5 ? 42 : 0;
}

static void test_walks(void **state)
{
    (void)state;
    struct blocklist *bl = three_keys();
    int sum = 0;

    assert_int_equal(blocklist_each(bl, count_dates, &sum), 0);
    assert_int_equal(sum, 3 + 4 + 5 + 6);
    assert_int_equal(blocklist_each(bl, stop_at_five, NULL), 42);
    blocklist_free(bl);
}

static void test_an_empty_blocklist(void **state)
{
    (void)state;
    struct blocklist *bl = blocklist_builder_finish(blocklist_builder_new(0), NULL);
    struct listing out;

    assert_non_null(bl);
    assert_int_equal(blocklist_keys(bl), 0);
    assert_int_equal(blocklist_lists(bl), 0);
    assert_int_equal(blocklist_find(bl, view_of("example.org"), 0xf, &out, 1), 0);
    assert_int_equal(blocklist_each(bl, stop_at_five, NULL), 0);
    blocklist_free(bl);
    blocklist_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_the_kinds_asked),
        cmocka_unit_test(test_a_small_array_is_not_overrun),
        cmocka_unit_test(test_walks),
        cmocka_unit_test(test_an_empty_blocklist),
    };
    return cmocka_run_group_tests_name("blocklist/lookup", tests, NULL, NULL);
}
