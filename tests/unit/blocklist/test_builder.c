/*
 * The builder against a model that is a plain array, over random orders of adding; and the cases
 * a model would not meet: many lists on one key, long keys, squeezing, limits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "blocklist/index.h"

static uint32_t seed;

static uint32_t pick(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(seed >> 4) * below >> 28);
}

static struct blocklist_builder *builder_with(int lists, size_t expected)
{
    struct blocklist_builder *b = blocklist_builder_new(expected);

    assert_non_null(b);
    for (int i = 0; i < lists; i++) {
        struct blocklist_list list = {.accepted_at = 1000 + i};
        snprintf(list.name, sizeof list.name, "list%d", i);
        assert_int_equal(blocklist_builder_list(b, &list, NULL), i);
    }
    return b;
}

static int add(struct blocklist_builder *b, enum entry_kind kind, const char *key, uint16_t list,
               int32_t date)
{
    return blocklist_builder_add(b, kind, view_of(key), list, date, NULL);
}

static size_t find_all(const struct blocklist *bl, const char *key, struct listing *out, size_t max)
{
    return blocklist_find(bl, view_of(key), 0xf, out, max);
}

static void test_first_and_further_listings(void **state)
{
    (void)state;
    struct blocklist_builder *b = builder_with(2, 0);
    struct listing out[8];

    assert_int_equal(add(b, ENTRY_DOMAIN, "example.org", 0, 100), 1);
    assert_int_equal(add(b, ENTRY_DOMAIN, "example.org", 0, 90), 0);
    assert_int_equal(add(b, ENTRY_DOMAIN, "example.org", 1, 0), 0);
    assert_int_equal(add(b, ENTRY_BELOW, "example.org", 1, 7), 1);
    assert_int_equal(add(b, ENTRY_ADDRESS, "jane@example.org", 1, 5), 1);
    assert_int_equal(add(b, ENTRY_DOMAIN, "example.org", 1, 3), 0);
    struct blocklist *bl = blocklist_builder_finish(b, NULL);
    assert_non_null(bl);

    assert_int_equal(blocklist_keys(bl), 2);
    assert_int_equal(blocklist_list(bl, 0)->entries, 1);
    assert_int_equal(blocklist_list(bl, 1)->entries, 3);
    assert_int_equal(blocklist_list(bl, 1)->accepted_at, 1001);
    assert_int_equal(find_all(bl, "example.org", out, 8), 3);
    assert_true(out[0].list == 0 && out[0].kind == ENTRY_DOMAIN && out[0].date == 100);
    assert_true(out[1].list == 1 && out[1].kind == ENTRY_DOMAIN && out[1].date == 3);
    assert_true(out[2].list == 1 && out[2].kind == ENTRY_BELOW && out[2].date == 7);
    blocklist_free(bl);
}

static void test_dates(void **state)
{
    (void)state;
    /* Two dates given one after the other, and what is kept. */
    const int32_t rows[][3] = {
        {0, 0, 0},
        {0, 5, 5},
        {5, 0, 5},
        {6, 5, 6},
        {5, 6, 6},
        {-1, 0, 1},
        {-9000, 2, 2},
        {65535, 0, 65535},
        {65536, 1, 65535},
        {INT32_MAX, 0, 65535},
        {INT32_MIN, INT32_MIN, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct blocklist_builder *b = builder_with(1, 0);
        struct listing out;
        assert_int_equal(add(b, ENTRY_TREE, "example.org", 0, rows[i][0]), 1);
        assert_int_equal(add(b, ENTRY_TREE, "example.org", 0, rows[i][1]), 0);
        struct blocklist *bl = blocklist_builder_finish(b, NULL);
        assert_int_equal(find_all(bl, "example.org", &out, 1), 1);
        assert_int_equal(out.date, rows[i][2]);
        blocklist_free(bl);
    }
}

/* What the model knows: [key][kind][list] is the date, -1: no listing. */
enum { MODEL_KEYS = 700, MODEL_LISTS = 12 };
static int32_t model[MODEL_KEYS][4][MODEL_LISTS];

static void model_clear(void)
{
    memset(model, 0xff, sizeof model);
}

static bool model_has_kind(int key, int kind)
{
    for (int l = 0; l < MODEL_LISTS; l++)
        if (model[key][kind][l] >= 0)
            return true;
    return false;
}

static const char *model_key(int key, char dst[80])
{
    /* Lengths from 1 to some 70, so that records of all sizes meet. */
    snprintf(dst, 80, "%d%.*s", key, key % 67,
             "-a-long-name-that-is-cut-somewhere-else-in-every-key.sub.domain.example");
    return dst;
}

static void check_against_model(const struct blocklist *bl)
{
    struct listing out[4 * MODEL_LISTS];
    uint64_t per_list[MODEL_LISTS] = {0};
    size_t keys = 0;
    char text[80];

    for (int k = 0; k < MODEL_KEYS; k++) {
        size_t expected_all = 0;
        for (int kind = 0; kind < 4; kind++) {
            size_t expected = 0;
            size_t n = blocklist_find(bl, view_of(model_key(k, text)), ENTRY_BIT(kind), out,
                                      4 * MODEL_LISTS);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(model[k][kind][out[i].list], out[i].date);
            for (int l = 0; l < MODEL_LISTS; l++) {
                expected += model[k][kind][l] >= 0;
                per_list[l] += model[k][kind][l] >= 0;
            }
            assert_int_equal(n, expected);
            expected_all += expected;
        }
        assert_int_equal(find_all(bl, text, out, 4 * MODEL_LISTS), expected_all);
        keys += expected_all > 0;
    }
    assert_int_equal(blocklist_keys(bl), keys);
    for (size_t l = 0; l < blocklist_lists(bl); l++)
        assert_int_equal(blocklist_list(bl, l)->entries, per_list[l]);
}

static void test_random_against_model(void **state)
{
    (void)state;
    char text[80];

    for (seed = 1; seed < 40; seed++) {
        uint32_t round = seed;
        struct blocklist_builder *b = builder_with(MODEL_LISTS, pick(3) * 400);
        int adds = (int)pick(9000), keys = 1 + (int)pick(MODEL_KEYS);
        model_clear();
        for (int i = 0; i < adds; i++) {
            int k = (int)pick((uint32_t)keys), kind = (int)pick(4), l = (int)pick(MODEL_LISTS);
            int32_t date = (int32_t)pick(50);
            int expected = !model_has_kind(k, kind);
            assert_int_equal(add(b, (enum entry_kind)kind, model_key(k, text), (uint16_t)l, date),
                             expected);
            if (date > model[k][kind][l])
                model[k][kind][l] = date;
        }
        struct blocklist *bl = blocklist_builder_finish(b, NULL);
        assert_non_null(bl);
        check_against_model(bl);
        blocklist_free(bl);
        seed = round;
    }
}

static struct blocklist *random_blocklist(int adds)
{
    struct blocklist_builder *b = builder_with(MODEL_LISTS, 0);
    char text[80];

    model_clear();
    for (int i = 0; i < adds; i++) {
        int k = (int)pick(MODEL_KEYS), kind = (int)pick(4), l = (int)pick(MODEL_LISTS);
        int32_t date = (int32_t)pick(50);
        assert_true(add(b, (enum entry_kind)kind, model_key(k, text), (uint16_t)l, date) >= 0);
        if (date > model[k][kind][l])
            model[k][kind][l] = date;
    }
    return blocklist_builder_finish(b, NULL);
}

/* Lists 0 and 5 are dropped, the others come in reverse. */
static void test_copies_with_other_numbers(void **state)
{
    (void)state;
    seed = 99;
    struct blocklist *old = random_blocklist(5000);
    int numbers[MODEL_LISTS];
    static int32_t before[MODEL_KEYS][4][MODEL_LISTS];

    memcpy(before, model, sizeof model);
    model_clear();
    for (int l = 0; l < MODEL_LISTS; l++)
        numbers[l] = l == 0 || l == 5 ? -1 : MODEL_LISTS - 1 - l;
    for (int k = 0; k < MODEL_KEYS; k++)
        for (int kind = 0; kind < 4; kind++)
            for (int l = 0; l < MODEL_LISTS; l++)
                if (numbers[l] >= 0)
                    model[k][kind][numbers[l]] = before[k][kind][l];
    struct blocklist_builder *b = builder_with(MODEL_LISTS, 0);
    /* One listing is there already and is newer, one is older. */
    char text[80];
    for (int k = 0; k < 2; k++) {
        int32_t date = k == 0 ? 60 : 0;
        assert_int_equal(add(b, ENTRY_DOMAIN, model_key(k, text), 3, date), 1);
        if (date > model[k][ENTRY_DOMAIN][3])
            model[k][ENTRY_DOMAIN][3] = date;
    }
    assert_int_equal(blocklist_builder_add_from(b, old, numbers, NULL), 0);
    struct blocklist *bl = blocklist_builder_finish(b, NULL);
    check_against_model(bl);
    blocklist_free(bl);
    blocklist_free(old);
}

static void test_copying_into_too_few_lists_fails(void **state)
{
    (void)state;
    seed = 5;
    struct blocklist *old = random_blocklist(500);
    struct blocklist_builder *b = builder_with(1, 0);
    int numbers[MODEL_LISTS];
    struct error why;

    for (int l = 0; l < MODEL_LISTS; l++)
        numbers[l] = l;
    assert_int_equal(blocklist_builder_add_from(b, old, numbers, &why), ERR_LIMIT);
    blocklist_builder_free(b);
    blocklist_free(old);
}

/* Random listings of four lists, some of them exceptions; the same for the same SEED. */
static struct blocklist *effects_blocklist(uint32_t from)
{
    struct blocklist_builder *b = builder_with(4, 0);
    char key[32];

    seed = from;
    for (int i = 0; i < 3000; i++) {
        snprintf(key, sizeof key, "k%u.example", pick(1000));
        const struct listing l = {.list = (uint16_t)pick(4),
                                  .kind = (uint8_t)pick(4),
                                  .effect = (uint8_t)pick(3),
                                  .date = (int32_t)pick(100)};
        assert_true(blocklist_builder_put(b, view_of(key), &l, NULL) >= 0);
    }
    return blocklist_builder_finish(b, NULL);
}

static int is_in(struct view key, const struct listing *listing, void *arg)
{
    struct listing found[64];
    size_t n = blocklist_find(arg, key, ~0u, found, 64);

    for (size_t i = 0; i < n; i++)
        if (found[i].list == listing->list && found[i].kind == listing->kind &&
            found[i].effect == listing->effect && found[i].date == listing->date)
            return 0;
    return 1;
}

static int count_one(struct view key, const struct listing *listing, void *arg)
{
    (void)key, (void)listing;
    ++*(size_t *)arg;
    return 0;
}

static void assert_same(struct blocklist *a, struct blocklist *b)
{
    size_t in_a = 0, in_b = 0;

    assert_int_equal(blocklist_keys(a), blocklist_keys(b));
    assert_int_equal(blocklist_each(a, is_in, b), 0);
    assert_int_equal(blocklist_each(b, is_in, a), 0);
    blocklist_each(a, count_one, &in_a);
    blocklist_each(b, count_one, &in_b);
    assert_int_equal(in_a, in_b);
    for (size_t i = 0; i < blocklist_lists(a); i++)
        assert_int_equal(blocklist_list(a, i)->entries, blocklist_list(b, i)->entries);
}

/* Absorbing is copying, whatever the builder holds already and whatever is left out. */
static void test_absorbing_is_copying(void **state)
{
    (void)state;
    static const int numbers[][4] = {{0, 1, 2, 3},    {3, 2, 1, 0},   {0, -1, -1, -1},
                                     {-1, -1, -1, 2}, {1, -1, 0, -1}, {-1, -1, -1, -1}};

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        for (int before = 0; before <= 1; before++) {
            struct blocklist_builder *want = builder_with(4, 0), *got = builder_with(4, 0);
            struct blocklist *old = effects_blocklist(7), *again = effects_blocklist(7);
            if (before) {
                assert_int_equal(add(want, ENTRY_TREE, "k5.example", 1, 1), 1);
                assert_int_equal(add(got, ENTRY_TREE, "k5.example", 1, 1), 1);
            }
            assert_int_equal(blocklist_builder_add_from(want, old, numbers[i], NULL), 0);
            assert_int_equal(blocklist_builder_absorb(got, again, numbers[i], NULL), 0);
            blocklist_builder_expect(got, 100000);
            /* And both go on. */
            assert_int_equal(add(want, ENTRY_TREE, "new.example", 1, 1), 1);
            assert_int_equal(add(got, ENTRY_TREE, "new.example", 1, 1), 1);
            add(want, ENTRY_BELOW, "k6.example", 3, 9000);
            add(got, ENTRY_BELOW, "k6.example", 3, 9000);
            struct blocklist *a = blocklist_builder_finish(want, NULL);
            struct blocklist *b = blocklist_builder_finish(got, NULL);
            assert_same(a, b);
            blocklist_free(a);
            blocklist_free(b);
            blocklist_free(old);
        }
    }
}

static void test_a_thousand_lists_on_one_key(void **state)
{
    (void)state;
    struct blocklist_builder *b = builder_with(BLOCKLIST_MAX_LISTS, 0);
    static struct listing out[2 * BLOCKLIST_MAX_LISTS];
    static bool seen[BLOCKLIST_MAX_LISTS][2];
    struct blocklist_list one_more = {.name = "one more"};
    struct error why;

    assert_int_equal(blocklist_builder_list(b, &one_more, &why), ERR_LIMIT);
    /* A neighbour now and then, so that the key is not always the last one. */
    for (int i = 0; i < BLOCKLIST_MAX_LISTS; i++) {
        assert_int_equal(add(b, ENTRY_DOMAIN, "example.org", (uint16_t)i, i), i == 0);
        if (i % 7 == 0)
            assert_int_equal(add(b, ENTRY_DOMAIN, "example.net", (uint16_t)i, i), i == 0);
        assert_int_equal(add(b, ENTRY_BELOW, "example.org", (uint16_t)i, i), i == 0);
    }
    struct blocklist *bl = blocklist_builder_finish(b, NULL);
    size_t n = find_all(bl, "example.org", out, 2 * BLOCKLIST_MAX_LISTS);
    assert_int_equal(n, 2 * BLOCKLIST_MAX_LISTS);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(out[i].date, out[i].list);
        assert_false(seen[out[i].list][out[i].kind == ENTRY_BELOW]);
        seen[out[i].list][out[i].kind == ENTRY_BELOW] = true;
    }
    assert_int_equal(find_all(bl, "example.net", out, 1), (BLOCKLIST_MAX_LISTS + 6) / 7);
    blocklist_free(bl);
}

static void test_long_keys_and_refused_ones(void **state)
{
    (void)state;
    static char key[BLOCKLIST_KEY_MAX + 1];
    const size_t lens[] = {1, 127, 128, 4096, 16383, BLOCKLIST_KEY_MAX};
    struct blocklist_builder *b = builder_with(1, 0);
    struct listing out;
    struct error why;

    memset(key, 'k', sizeof key);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(
            blocklist_builder_add(b, ENTRY_DOMAIN, view_make(key, lens[i]), 0, 9, NULL), 1);
    assert_int_equal(blocklist_builder_add(b, ENTRY_DOMAIN, view_make(key, sizeof key), 0, 9, &why),
                     ERR_LIMIT);
    assert_int_equal(blocklist_builder_add(b, ENTRY_DOMAIN, VIEW_NONE, 0, 9, &why), ERR_LIMIT);
    assert_int_equal(blocklist_builder_add(b, ENTRY_DOMAIN, view_of("x"), 1, 9, &why), ERR_LIMIT);
    struct blocklist *bl = blocklist_builder_finish(b, NULL);
    assert_int_equal(blocklist_keys(bl), 6);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(blocklist_find(bl, view_make(key, lens[i]), 0xf, &out, 1), 1);
        assert_int_equal(blocklist_find(bl, view_make(key, lens[i] + 1), 0xf, &out, 1),
                         i == 1 || i == 4);
    }
    blocklist_free(bl);
}

static void test_names_of_lists(void **state)
{
    (void)state;
    struct blocklist_builder *b = builder_with(1, 0);
    struct blocklist_list list = {.name = "list0"};
    struct error why;

    assert_int_equal(blocklist_builder_list(b, &list, &why), ERR_CONFLICT);
    memset(list.name, 0, sizeof list.name);
    assert_int_equal(blocklist_builder_list(b, &list, &why), ERR_LIMIT);
    memset(list.name, 'n', sizeof list.name);
    assert_int_equal(blocklist_builder_list(b, &list, &why), ERR_LIMIT);
    list.name[BLOCKLIST_NAME_MAX - 1] = '\0';
    list.entries = 77;
    assert_int_equal(blocklist_builder_list(b, &list, &why), 1);
    struct blocklist *bl = blocklist_builder_finish(b, NULL);
    assert_int_equal(blocklist_lists(bl), 2);
    assert_string_equal(blocklist_list(bl, 1)->name, list.name);
    assert_int_equal(blocklist_list(bl, 1)->entries, 0);
    blocklist_free(bl);
}

/* Twenty lists that hold the same keys, one list after the other: every item moves again. */
static void test_overlapping_lists_do_not_pile_up(void **state)
{
    (void)state;
    enum { KEYS = 30000, LISTS = 20 };
    struct blocklist_builder *b = builder_with(LISTS, 0);
    struct listing out[LISTS];
    char key[32];

    for (uint16_t l = 0; l < LISTS; l++)
        for (int k = 0; k < KEYS; k++) {
            snprintf(key, sizeof key, "host%d.example.org", k);
            assert_int_equal(add(b, ENTRY_TREE, key, l, l + 1), l == 0);
        }
    struct blocklist *bl = blocklist_builder_finish(b, NULL);
    assert_int_equal(blocklist_keys(bl), KEYS);
    for (int k = 0; k < KEYS; k += 97) {
        snprintf(key, sizeof key, "host%d.example.org", k);
        assert_int_equal(find_all(bl, key, out, LISTS), LISTS);
        for (uint16_t l = 0; l < LISTS; l++)
            assert_true(out[l].list == l && out[l].date == l + 1);
    }
    /* Head 2, key at most 21, listings 4 each, table 6.2. */
    assert_true(blocklist_memory_bytes(bl) < KEYS * (2 + 21 + 4 * LISTS + 7) + 10000);
    blocklist_free(bl);
}

static void test_a_wild_guess_costs_nothing_in_the_end(void **state)
{
    (void)state;
    struct blocklist_builder *b = builder_with(1, SIZE_MAX);

    assert_int_equal(add(b, ENTRY_DOMAIN, "example.org", 0, 0), 1);
    struct blocklist *bl = blocklist_builder_finish(b, NULL);
    assert_true(blocklist_memory_bytes(bl) < 1000);
    blocklist_free(bl);
}

/* The keys of somebody who has learned the secret, all for the first group. */
static void test_colliding_keys_do_not_make_it_slow(void **state)
{
    (void)state;
    enum { GROUPS = 400, KEYS = PROBE_MAX_GROUPS * GROUP + 20 };
    struct blocklist_builder *b = builder_with(1, GROUPS * GROUP_LOAD);
    struct hash_secret known = b->table.secret;
    struct listing out;
    char key[32], first[32], last[32];
    int added = 0;

    assert_int_equal(b->table.groups, GROUPS);
    for (unsigned n = 0; added < KEYS; n++) {
        snprintf(key, sizeof key, "k%u.example.org", n);
        if (probe_home(&(struct probe_table){.groups = GROUPS}, hash_keyed(&known, view_of(key))))
            continue;
        assert_int_equal(add(b, ENTRY_DOMAIN, key, 0, 0), 1);
        if (added++ == 0)
            strcpy(first, key);
        strcpy(last, key);
    }
    assert_memory_not_equal(&b->table.secret, &known, sizeof known);
    struct blocklist *bl = blocklist_builder_finish(b, NULL);
    assert_int_equal(blocklist_keys(bl), KEYS);
    assert_int_equal(find_all(bl, first, &out, 1), 1);
    assert_int_equal(find_all(bl, last, &out, 1), 1);
    blocklist_free(bl);
}

#ifndef __SANITIZE_ADDRESS__ /* it needs the whole address space for itself */
static void limit_memory(rlim_t more_bytes)
{
    unsigned long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    struct rlimit limit;

    assert_non_null(statm);
    assert_int_equal(fscanf(statm, "%lu", &pages), 1);
    fclose(statm);
    assert_int_equal(getrlimit(RLIMIT_AS, &limit), 0);
    limit.rlim_cur =
        more_bytes == 0 ? limit.rlim_max : pages * (rlim_t)sysconf(_SC_PAGESIZE) + more_bytes;
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
}

/* When memory ends, what was added stays, and it goes on when there is some again. */
static void test_no_memory(void **state)
{
    (void)state;
    struct blocklist_builder *b = builder_with(1, 0);
    struct error why = {0};
    struct listing out;
    char key[32];
    int keys = 0, rc = 1, total;

    limit_memory((rlim_t)24 << 20);
    while (rc == 1) {
        snprintf(key, sizeof key, "host%d.example.org", keys);
        rc = blocklist_builder_add(b, ENTRY_TREE, view_of(key), 0, 1, &why);
        keys += rc == 1;
    }
    limit_memory(0);
    assert_int_equal(rc, ERR_NOMEM);
    assert_int_equal(why.code, ERR_NOMEM);
    assert_true(keys > 10000);
    for (total = keys; total < keys + 1000; total++) {
        snprintf(key, sizeof key, "host%d.example.org", total);
        assert_int_equal(add(b, ENTRY_TREE, key, 0, 1), 1);
    }
    struct blocklist *bl = blocklist_builder_finish(b, NULL);
    assert_int_equal(blocklist_keys(bl), total);
    assert_int_equal(blocklist_list(bl, 0)->entries, total);
    for (int k = 0; k < total; k++) {
        snprintf(key, sizeof key, "host%d.example.org", k);
        assert_int_equal(find_all(bl, key, &out, 1), 1);
    }
    blocklist_free(bl);
}
#endif

static void test_bytes_a_key(void **state)
{
    (void)state;
    enum { KEYS = 100000 };
    struct blocklist_builder *b = builder_with(1, 0);
    char key[32];

    for (int k = 0; k < KEYS; k++) {
        snprintf(key, sizeof key, "name%08d@example.org", k);
        assert_int_equal(add(b, ENTRY_ADDRESS, key, 0, 20000), 1);
    }
    struct blocklist *bl = blocklist_builder_finish(b, NULL);
    assert_true(blocklist_memory_bytes(bl) <= KEYS * (24 + 14));
    blocklist_free(bl);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_and_further_listings),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_random_against_model),
        cmocka_unit_test(test_copies_with_other_numbers),
        cmocka_unit_test(test_copying_into_too_few_lists_fails),
        cmocka_unit_test(test_absorbing_is_copying),
        cmocka_unit_test(test_a_thousand_lists_on_one_key),
        cmocka_unit_test(test_long_keys_and_refused_ones),
        cmocka_unit_test(test_names_of_lists),
        cmocka_unit_test(test_overlapping_lists_do_not_pile_up),
        cmocka_unit_test(test_a_wild_guess_costs_nothing_in_the_end),
        cmocka_unit_test(test_colliding_keys_do_not_make_it_slow),
#ifndef __SANITIZE_ADDRESS__
        cmocka_unit_test(test_no_memory),
#endif
        cmocka_unit_test(test_bytes_a_key),
    };
    return cmocka_run_group_tests_name("blocklist/builder", tests, NULL, NULL);
}
