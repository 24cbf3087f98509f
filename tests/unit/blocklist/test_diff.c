/*
 * What two blocklists do not both have: by a table for what a listing may be, against a model for
 * many of them, and with more lists on one key than anybody has room for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rcptguard/blocklist.h"

static struct blocklist_builder *builder_with(int lists)
{
    struct blocklist_builder *b = blocklist_builder_new(0);

    assert_non_null(b);
    for (int i = 0; i < lists; i++) {
        struct blocklist_list list = {.accepted_at = 1};
        snprintf(list.name, sizeof list.name, "list%d", i);
        assert_int_equal(blocklist_builder_list(b, &list, NULL), i);
    }
    return b;
}

static void put(struct blocklist_builder *b, const char *key, uint16_t list, uint8_t kind,
                uint8_t effect, int32_t date)
{
    const struct listing listing = {.list = list, .kind = kind, .effect = effect, .date = date};
    assert_true(blocklist_builder_put(b, view_of(key), &listing, NULL) >= 0);
}

static struct blocklist *finish(struct blocklist_builder *b)
{
    struct blocklist *bl = blocklist_builder_finish(b, NULL);
    assert_non_null(bl);
    return bl;
}

struct seen {
    char text[256]; /* "+3:key -1:key", by kind */
    unsigned calls, stop_at;
};

static int note(struct view key, uint8_t kind, bool added, void *arg)
{
    struct seen *seen = arg;
    size_t len = strlen(seen->text);

    snprintf(seen->text + len, sizeof seen->text - len, "%s%c%u:%.*s", len == 0 ? "" : " ",
             added ? '+' : '-', kind, (int)key.len, key.ptr);
    return ++seen->calls == seen->stop_at ? 7 : 0;
}

struct row {
    const char *name;
    struct listing old, made; /* of key "a"; list 9: none */
    const char *seen;
};
#define NONE {.list = 9}

static void test_one_listing(void **state)
{
    (void)state;
    const struct row rows[] = {
        {"added", NONE, {0, ENTRY_TREE, 0, 0}, "+2:a"},
        {"dropped", {0, ENTRY_TREE, 0, 0}, NONE, "-2:a"},
        {"the same", {0, ENTRY_TREE, 0, 0}, {0, ENTRY_TREE, 0, 0}, ""},
        {"another date", {0, ENTRY_TREE, 0, 5}, {0, ENTRY_TREE, 0, 9}, ""},
        {"another kind", {0, ENTRY_TREE, 0, 0}, {0, ENTRY_BELOW, 0, 0}, "+3:a -2:a"},
        {"blocked to excepted", {0, ENTRY_DOMAIN, 0, 0}, {0, ENTRY_DOMAIN, 1, 0}, "-1:a"},
        {"excepted to blocked", {0, ENTRY_DOMAIN, 2, 0}, {0, ENTRY_DOMAIN, 0, 0}, "+1:a"},
        {"exceptions alone", NONE, {0, ENTRY_DOMAIN, 1, 0}, ""},
        {"from another list", {1, ENTRY_DOMAIN, 0, 0}, {0, ENTRY_DOMAIN, 0, 0}, "+1:a"},
        {"on another list only", {1, ENTRY_DOMAIN, 0, 0}, NONE, ""},
        {"a digest", NONE, {0, ENTRY_DOMAIN_HASH, 0, 0}, "+5:a"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *r = &rows[i];
        struct blocklist_builder *from = builder_with(2), *to = builder_with(2);
        struct seen seen = {.text = ""};
        if (r->old.list != 9)
            put(from, "a", r->old.list, r->old.kind, r->old.effect, r->old.date);
        if (r->made.list != 9)
            put(to, "a", r->made.list, r->made.kind, r->made.effect, r->made.date);
        struct blocklist *old = finish(from), *made = finish(to);
        assert_int_equal(blocklist_diff(old, 0, made, 0, note, &seen), 0);
        if (strcmp(seen.text, r->seen) != 0)
            fail_msg("%s: saw '%s'", r->name, seen.text);
        blocklist_free(old);
        blocklist_free(made);
    }
}

static void test_lists_have_other_numbers(void **state)
{
    (void)state;
    struct blocklist_builder *from = builder_with(3), *to = builder_with(2);
    struct seen seen = {.text = ""};

    put(from, "both", 2, ENTRY_DOMAIN, 0, 0);
    put(to, "both", 1, ENTRY_DOMAIN, 0, 0);
    put(from, "other", 1, ENTRY_DOMAIN, 0, 0); /* the number of MADE's list, but another list */
    put(to, "other", 1, ENTRY_DOMAIN, 0, 0);
    struct blocklist *old = finish(from), *made = finish(to);
    assert_int_equal(blocklist_diff(old, 2, made, 1, note, &seen), 0);
    assert_string_equal(seen.text, "+1:other");
    blocklist_free(old);
    blocklist_free(made);
}

static void test_without_the_other_and_stopped(void **state)
{
    (void)state;
    struct blocklist_builder *b = builder_with(1);
    struct seen none = {.text = ""}, all = {.text = ""}, gone = {.text = ""};
    struct seen stopped = {.text = "", .stop_at = 1};

    put(b, "a", 0, ENTRY_DOMAIN, 0, 0);
    put(b, "b", 0, ENTRY_DOMAIN, 0, 0);
    struct blocklist *bl = finish(b);
    assert_int_equal(blocklist_diff(NULL, 0, NULL, 0, note, &none), 0);
    assert_int_equal(none.calls, 0);
    assert_int_equal(blocklist_diff(NULL, 0, bl, 0, note, &all), 0);
    assert_string_equal(all.text, "+1:a +1:b");
    assert_int_equal(blocklist_diff(bl, 0, NULL, 0, note, &gone), 0);
    assert_string_equal(gone.text, "-1:a -1:b");
    assert_int_equal(blocklist_diff(bl, 0, NULL, 0, note, &stopped), 7);
    assert_int_equal(stopped.calls, 1);
    blocklist_free(bl);
}

static void test_a_thousand_lists_on_one_key(void **state)
{
    (void)state;
    struct blocklist_builder *from = builder_with(BLOCKLIST_MAX_LISTS);
    struct blocklist_builder *to = builder_with(BLOCKLIST_MAX_LISTS);

    for (uint16_t i = 0; i < BLOCKLIST_MAX_LISTS; i++) {
        put(from, "a", i, ENTRY_DOMAIN, 0, 0);
        if (i % 3 != 0)
            put(to, "a", i, ENTRY_DOMAIN, 0, 0);
    }
    struct blocklist *old = finish(from), *made = finish(to);
    for (uint16_t i = 0; i < BLOCKLIST_MAX_LISTS; i++) {
        struct seen seen = {.text = ""};
        assert_int_equal(blocklist_diff(old, i, made, i, note, &seen), 0);
        assert_string_equal(seen.text, i % 3 != 0 ? "" : "-1:a");
    }
    blocklist_free(old);
    blocklist_free(made);
}

enum { MODEL_KEYS = 5000 };

static int count_model(struct view key, uint8_t kind, bool added, void *arg)
{
    signed char *model = arg;

    assert_int_equal(kind, ENTRY_DOMAIN);
    model[strtol(key.ptr, NULL, 10)] += added ? 1 : -1;
    return 0;
}

static void test_against_a_model(void **state)
{
    (void)state;
    static signed char model[MODEL_KEYS];
    struct blocklist_builder *from = builder_with(2), *to = builder_with(2);
    char text[16];
    uint32_t seed = 1;

    for (int i = 0; i < MODEL_KEYS; i++) {
        seed = seed * 1664525u + 1013904223u;
        snprintf(text, sizeof text, "%d.x", i);
        if (seed >> 31)
            put(from, text, 1, ENTRY_DOMAIN, 0, 0);
        if (seed >> 30 & 1)
            put(to, text, 1, ENTRY_DOMAIN, 0, 0);
        put(to, text, 0, ENTRY_DOMAIN, 0, 0);
        /* What the diff tells takes away what is expected of it. */
        model[i] = (signed char)((int)(seed >> 31) - (int)(seed >> 30 & 1));
    }
    struct blocklist *old = finish(from), *made = finish(to);
    assert_int_equal(blocklist_diff(old, 1, made, 1, count_model, model), 0);
    for (int i = 0; i < MODEL_KEYS; i++)
        assert_int_equal(model[i], 0);
    blocklist_free(old);
    blocklist_free(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_listing),
        cmocka_unit_test(test_lists_have_other_numbers),
        cmocka_unit_test(test_without_the_other_and_stopped),
        cmocka_unit_test(test_a_thousand_lists_on_one_key),
        cmocka_unit_test(test_against_a_model),
    };
    return cmocka_run_group_tests_name("diff", tests, NULL, NULL);
}
