/* Views: the corners that everything else stands on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rcptguard/base/view.h"

static void test_split_visits_empty_fields(void **state)
{
    (void)state;
    struct view rest = view_of("a,,b,"), part;
    const char *expected[] = {"a", "", "b", ""};
    size_t n = 0;

    while (view_split(&rest, ',', &part))
        assert_true(n < 4 && view_is(part, expected[n++]));
    assert_int_equal(n, 4);
}

static void test_numbers(void **state)
{
    (void)state;
    uint64_t n;

    assert_true(view_to_uint(view_of("18446744073709551615"), UINT64_MAX, &n));
    assert_true(n == UINT64_MAX);
    assert_false(view_to_uint(view_of("18446744073709551616"), UINT64_MAX, &n));
    assert_false(view_to_uint(view_of("256"), 255, &n));
    assert_false(view_to_uint(view_of(""), 255, &n));
    assert_false(view_to_uint(view_of("-1"), 255, &n));
    assert_true(view_to_uint(view_of("007"), 7, &n));
    assert_true(n == 7);
    assert_false(view_to_uint(view_of("9"), 7, &n));
}

static void test_utf8(void **state)
{
    (void)state;
    assert_true(view_is_utf8(view_of("j\xc3\xb6rg \xe4\xbe\x8b \xf0\x9f\x98\x80")));
    assert_false(view_is_utf8(view_of("\xc0\xaf")));         /* overlong */
    assert_false(view_is_utf8(view_of("\xed\xa0\x80")));     /* surrogate */
    assert_false(view_is_utf8(view_of("\xf4\x90\x80\x80"))); /* beyond U+10FFFF */
    assert_false(view_is_utf8(view_of("a\xc3")));            /* cut */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split_visits_empty_fields),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_utf8),
    };
    return cmocka_run_group_tests_name("base/view", tests, NULL, NULL);
}
