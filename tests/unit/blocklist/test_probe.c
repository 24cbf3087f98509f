/* The hash table: both ways to compare tags, wrapped searches, and keys made to collide. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "blocklist/probe.h"

struct arena {
    unsigned char *bytes;
    size_t len;
};

static void arena_add(struct arena *a, const char *key)
{
    size_t len = strlen(key);
    uint32_t packed = listing_pack(&(struct listing){.list = 0, .kind = ENTRY_DOMAIN, .date = 0});

    a->bytes = realloc(a->bytes, a->len + item_bytes(len, 1));
    assert_non_null(a->bytes);
    unsigned char *to = varint_put(varint_put(a->bytes + a->len, (uint32_t)len), 1u << 1);
    memcpy(to, key, len);
    memcpy(to + len, &packed, sizeof packed);
    a->len += item_bytes(len, 1);
}

static enum probe_end seek(const struct probe_table *t, const struct arena *a, const char *key)
{
    size_t place;
    struct view v = view_of(key);

    return probe_seek(t, a->bytes, v, hash_keyed(&t->secret, v), &place);
}

static void test_tag_matchers_agree(void **state)
{
    (void)state;
    unsigned char tags[GROUP];
    uint32_t seed = 1;

    for (int round = 0; round < 20000; round++) {
        unsigned expected = 0;
        unsigned char tag = (unsigned char)(round % 3 == 0 ? 0 : round % 5 == 0 ? 0xff : 0x80);
        for (unsigned i = 0; i < GROUP; i++) {
            seed = seed * 1664525u + 1013904223u;
            unsigned pick = seed >> 28;
            tags[i] = (unsigned char)(pick < 5 ? tag : pick < 8 ? tag ^ 1u : seed >> 20);
            expected |= tags[i] == tag ? 1u << i : 0;
        }
        assert_int_equal(tags_match_portable(tags, tag), expected);
        assert_int_equal(tags_match(tags, tag), expected);
    }
}

static void test_tag_is_never_the_free_mark(void **state)
{
    (void)state;
    assert_int_not_equal(probe_tag(0), 0);
    assert_int_not_equal(probe_tag(0xffffffffffffff00u), 0);
    assert_int_equal(probe_tag(0x1234), 0x34);
}

static void test_home_covers_all_groups_and_no_more(void **state)
{
    (void)state;
    struct probe_table t = {.groups = 77};

    assert_int_equal(probe_home(&t, 0), 0);
    assert_int_equal(probe_home(&t, UINT64_MAX), 76);
}

/* Every key is found at every size, and none that is not there. */
static void test_fill_finds_all(void **state)
{
    (void)state;
    struct probe_table t = {.groups = 0};
    struct arena a = {NULL, 0};
    char key[32];

    for (int n = 0; n < 3000; n++) {
        snprintf(key, sizeof key, "h%d.example.org", n);
        arena_add(&a, key);
        if (n % 100 != 0 && n > 40)
            continue;
        assert_int_equal(probe_fill(&t, probe_groups_for((size_t)n + 1), a.bytes, a.len, NULL), 0);
        for (int i = 0; i <= n; i++) {
            snprintf(key, sizeof key, "h%d.example.org", i);
            assert_int_equal(seek(&t, &a, key), PROBE_FOUND);
        }
        for (int i = 0; i < 50; i++) {
            snprintf(key, sizeof key, "m%d.example.org", i);
            assert_int_equal(seek(&t, &a, key), PROBE_FREE);
        }
    }
    probe_close(&t);
    free(a.bytes);
}

/* The next key, counting from *N, whose home is the first of GROUPS groups. */
static void colliding_key(const struct hash_secret *secret, size_t groups, unsigned *n, char *key,
                          size_t size)
{
    struct probe_table t = {.groups = groups};

    do
        snprintf(key, size, "k%u.example.org", (*n)++);
    while (probe_home(&t, hash_keyed(secret, view_of(key))) != 0);
}

/* Somebody who knew the secret could fill one group; the table takes another secret then. */
static void test_colliding_keys_get_another_secret(void **state)
{
    (void)state;
    enum { KEYS = PROBE_MAX_GROUPS * GROUP + 50, GROUPS = 400 };
    struct probe_table t = {.groups = 0};
    struct arena a = {NULL, 0};
    char key[32];
    unsigned n = 0;

    assert_int_equal(probe_fill(&t, GROUPS, NULL, 0, NULL), 0);
    struct hash_secret known = t.secret;
    for (int i = 0; i < KEYS; i++) {
        colliding_key(&known, GROUPS, &n, key, sizeof key);
        arena_add(&a, key);
    }
    assert_int_equal(probe_fill(&t, GROUPS, a.bytes, a.len, NULL), 0);
    assert_memory_not_equal(&t.secret, &known, sizeof known);
    for (n = 0; n < 3000; n++) {
        colliding_key(&known, GROUPS, &n, key, sizeof key);
        assert_int_equal(seek(&t, &a, key), PROBE_FOUND);
    }
    probe_close(&t);
    free(a.bytes);
}

static void test_equal_keys_are_given_up(void **state)
{
    (void)state;
    struct probe_table t = {.groups = 0};
    struct arena a = {NULL, 0};
    struct error why;

    for (int i = 0; i <= PROBE_MAX_GROUPS * GROUP; i++)
        arena_add(&a, "same.example.org");
    assert_int_equal(probe_fill(&t, 400, a.bytes, a.len, &why), ERR_LIMIT);
    probe_close(&t);
    free(a.bytes);
}

static void test_full_neighbourhood_is_said(void **state)
{
    (void)state;
    struct probe_table t = {.groups = 0};
    struct arena a = {NULL, 0};
    size_t place;

    arena_add(&a, "one.example.org");
    assert_int_equal(probe_fill(&t, PROBE_MAX_GROUPS + 1, a.bytes, a.len, NULL), 0);
    for (size_t i = 0; i < t.groups * GROUP; i++)
        if (t.tags[i] == 0)
            probe_put(&t, i, 0x55, 0);
    assert_int_equal(probe_seek(&t, a.bytes, view_of("other.example.org"), 0x55, &place),
                     PROBE_LONG);
    assert_int_equal(probe_reseed(&t, a.bytes, a.len, NULL), 0);
    assert_int_equal(seek(&t, &a, "other.example.org"), PROBE_FREE);
    assert_int_equal(seek(&t, &a, "one.example.org"), PROBE_FOUND);
    probe_close(&t);
    free(a.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tag_matchers_agree),
        cmocka_unit_test(test_tag_is_never_the_free_mark),
        cmocka_unit_test(test_home_covers_all_groups_and_no_more),
        cmocka_unit_test(test_fill_finds_all),
        cmocka_unit_test(test_colliding_keys_get_another_secret),
        cmocka_unit_test(test_equal_keys_are_given_up),
        cmocka_unit_test(test_full_neighbourhood_is_said),
    };
    return cmocka_run_group_tests_name("blocklist/probe", tests, NULL, NULL);
}
