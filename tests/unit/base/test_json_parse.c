/* JSON is read whole or not at all, whichever of its allocations fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "rcptguard/base/json_parse.h"

/* What no malloc has is no mistake here. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

#define WHAT "somebody.with.a.long.name@mail.department.example.org"

static const char text[] = "{\"what\":\"" WHAT "\",\"list\":[\"a\",\"b\"],\"force\":true}";

/* The allocations of json_parse.c, the N-th of which fails. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_or_not_at_all),
        cmocka_unit_test(test_syntax_is_no_lack_of_memory),
    };
    return cmocka_run_group_tests_name("base/json_parse", tests, NULL, NULL);
}
