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

static void test_words(void **state)
{
    (void)state;
    struct view rest = view_of(" one\t two\r\n"), word;

    assert_true(view_word(&rest, &word) && view_is(word, "one"));
    assert_true(view_word(&rest, &word) && view_is(word, "two"));
    assert_false(view_word(&rest, &word));
    rest = VIEW_NONE;
    assert_false(view_word(&rest, &word));
    assert_true(view_is(view_trim(view_of(" \r\n")), ""));
}

static void test_parts(void **state)
{
    (void)state;
    struct view v = view_of("a@b@c");

    assert_int_equal(view_find(v, '@'), 1);
    assert_int_equal(view_find_last(v, '@'), 3);
    assert_int_equal(view_find(v, 'x'), -1);
    assert_int_equal(view_find_last(VIEW_NONE, '@'), -1);
    assert_true(view_is(view_from(v, 4), "c"));
    assert_int_equal(view_from(v, 5).len, 0);
    assert_true(view_is(view_first(v, 2), "a@"));
    assert_true(view_is(view_first(v, 99), "a@b@c"));
    assert_true(view_starts(v, "a@"));
    assert_false(view_starts(v, "a@b@c@"));
    assert_true(view_eq_nocase(view_of("aBc-1"), view_of("AbC-1")));
    assert_false(view_eq_nocase(view_of("\xc3\xa4"), view_of("\xc3\x84"))); /* ASCII only */
    assert_true(view_eq(VIEW_NONE, view_of("")));
}

static void test_what_is_no_text(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        ptrdiff_t at;
    } table[] = {
        {"", 0, -1},
        {"a\n\n# b\nc", 8, -1},
        {"a\r\n\r\nb\r\r\n\rc \r", 13, -1}, /* whatever ends a line, or stands before it */
        {"\0", 1, 0},
        {"a\nb\n# c\0\0\0", 10, 7},
        {"# a\rb\r", 6, 3},
        {"a\n b \rc\n", 8, 5},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        assert_int_equal(view_find_nontext(view_make(table[i].text, table[i].len)), table[i].at);
    assert_int_equal(view_find_nontext(VIEW_NONE), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split_visits_empty_fields),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_what_is_no_text),
    };
    return cmocka_run_group_tests_name("base/view", tests, NULL, NULL);
}
