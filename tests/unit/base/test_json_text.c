/* JSON is read and written whole or not at all, whichever of its allocations fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "rcptguard/base/json_text.h"

/* What no malloc has is no mistake here. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

#define WHAT "somebody.with.a.long.name@mail.department.example.org"

static const char text[] = "{\"what\":\"" WHAT "\",\"list\":[\"a\",\"b\"],\"force\":true}";

/* The allocations of json_text.c, the N-th of which fails. */
static json_malloc_t before_malloc;
static json_free_t before_free;
static long left = -1;

static void *one_fails(size_t size)
{
    /* As many bytes as nobody has: the room's own function must see it fail. */
    return before_malloc(left-- == 0 ? SIZE_MAX / 4 : size);
}

static void test_whole_or_not_at_all(void **state)
{
    json_error_t why;
    bool no_memory = true;
    long n = 0;

    (void)state;
    json_get_alloc_funcs(&before_malloc, &before_free);
    json_set_alloc_funcs(one_fails, before_free);
    for (; no_memory; n++) {
        left = n;
        json_t *json = json_parse(view_of(text), JSON_REJECT_DUPLICATES, &why);
        no_memory = json == NULL;
        if (no_memory)
            assert_int_equal(json_error_code(&why), json_error_out_of_memory);
        if (json != NULL)
            assert_string_equal(json_string_value(json_object_get(json, "what")), WHAT);
        json_decref(json);
    }
    json_set_alloc_funcs(before_malloc, before_free);
    assert_in_range(n, 5, 1000);
}

static void test_syntax_is_no_lack_of_memory(void **state)
{
    json_error_t why;

    (void)state;
    assert_null(json_parse(view_of("{"), 0, &why));
    assert_int_not_equal(json_error_code(&why), json_error_out_of_memory);
    assert_null(json_parse(VIEW_NONE, 0, NULL));
}

/* ---- writing -------------------------------------------------------------------------------- */

struct taken {
    char text[128];
    size_t len;
    long left; /* pieces until one is not taken; -1: none */
};

static int take(const char *bytes, size_t len, void *arg)
{
    struct taken *t = arg;

    if (t->left-- == 0)
        return -1;
    assert_true(t->len + len < sizeof t->text);
    memcpy(t->text + t->len, bytes, len);
    t->len += len;
    t->text[t->len] = '\0';
    return 0;
}

/* jansson itself takes no notice of a key that was not taken. */
static void test_no_piece_is_left_out(void **state)
{
    json_t *json = json_parse(view_of(text), 0, NULL);
    bool is_whole = false;
    long n = 0;

    (void)state;
    for (; !is_whole; n++) {
        struct taken t = {.left = n};
        is_whole = json_write(json, JSON_COMPACT, take, &t);
        assert_true(!is_whole || strcmp(t.text, text) == 0);
    }
    assert_in_range(n, 10, 1000);
    json_decref(json);
}

/* A value for which there was no memory is not in the document, which looks whole. */
static void test_no_value_is_left_out(void **state)
{
    bool is_whole = false;
    long n = 0;

    (void)state;
    json_get_alloc_funcs(&before_malloc, &before_free);
    json_set_alloc_funcs(one_fails, before_free);
    for (; !is_whole; n++) {
        left = n;
        json_t *json = json_object();
        json_object_set_new(json, "what", json_string(WHAT));
        json_object_set_new(json, "line", json_integer(7));
        left = -1;
        char *written = json_write_text(json, JSON_COMPACT);
        is_whole = written != NULL;
        if (is_whole)
            assert_string_equal(written, "{\"what\":\"" WHAT "\",\"line\":7}");
        free(written);
        json_decref(json);
    }
    json_set_alloc_funcs(before_malloc, before_free);
    assert_in_range(n, 5, 1000);
    assert_null(json_write_text(NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_or_not_at_all),
        cmocka_unit_test(test_syntax_is_no_lack_of_memory),
        cmocka_unit_test(test_no_piece_is_left_out),
        cmocka_unit_test(test_no_value_is_left_out),
    };
    return cmocka_run_group_tests_name("base/json_text", tests, NULL, NULL);
}
