/* The small table: many keys, all found, order kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "rcptguard/base/map.h"

enum { KEYS = 20000 };

static struct view key_of(char dst[32], unsigned i)
{
    snprintf(dst, 32, "user%u@example.org", i);
    return view_of(dst);
}

static void test_many_keys(void **state)
{
    (void)state;
    struct map *m = map_new();
    char text[32];
    bool is_new;

    assert_non_null(m);
    assert_null(map_get(m, view_of("nobody")));
    for (unsigned i = 0; i < KEYS; i++) {
        uint64_t *value = map_put(m, key_of(text, i), &is_new);
        assert_true(is_new && *value == 0);
        *value = i;
    }
    assert_int_equal(map_count(m), KEYS);
    for (unsigned i = 0; i < KEYS; i++) {
        const uint64_t *value = map_get(m, key_of(text, i));
        assert_true(value != NULL && *value == i);
        assert_true(view_eq(map_key(m, i), view_of(text)));
    }
    assert_null(map_get(m, key_of(text, KEYS)));
    *map_put(m, key_of(text, 7), &is_new) = 77;
    assert_false(is_new);
    assert_int_equal(*map_get(m, key_of(text, 7)), 77);
    assert_int_equal(map_count(m), KEYS);
    map_free(m);
    map_free(NULL);
}

static void test_keys_are_bytes(void **state)
{
    (void)state;
    struct map *m = map_new();

    *map_put(m, view_make("a\0b", 3), NULL) = 1;
    *map_put(m, view_make("a\0c", 3), NULL) = 2;
    *map_put(m, VIEW_NONE, NULL) = 3;
    assert_int_equal(*map_get(m, view_make("a\0b", 3)), 1);
    assert_int_equal(*map_get(m, view_make("a\0c", 3)), 2);
    assert_int_equal(*map_get(m, view_of("")), 3);
    assert_null(map_get(m, view_of("a")));
    map_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_keys_are_bytes),
    };
    return cmocka_run_group_tests_name("base/map", tests, NULL, NULL);
}
