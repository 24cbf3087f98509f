/* Errors: filled, prefixed, cut, and harmless where nobody wants to know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "rcptguard/base/error.h"

static void test_filled_and_prefixed(void **state)
{
    (void)state;
    struct error why;

    assert_int_equal(error_set(&why, ERR_SYNTAX, "line %d", 3), ERR_SYNTAX);
    assert_int_equal(why.code, ERR_SYNTAX);
    assert_int_equal(error_prefix(&why, "%s", "aper"), ERR_SYNTAX);
    assert_string_equal(why.text, "aper: line 3");

    errno = EACCES;
    assert_int_equal(error_errno(&why, "cannot open %s", "/x"), ERR_IO);
    assert_int_equal(errno, EACCES);
    assert_string_equal(why.text, "cannot open /x: Permission denied");
}

static void test_nobody_wants_to_know(void **state)
{
    (void)state;
    assert_int_equal(error_set(NULL, ERR_LIMIT, "x"), ERR_LIMIT);
    assert_int_equal(error_errno(NULL, "x"), ERR_IO);
    assert_int_equal(error_prefix(NULL, "x"), ERR_IO);
}

static void test_long_texts_are_cut(void **state)
{
    (void)state;
    struct error why;
    char words[2000];

    memset(words, 'w', sizeof words - 1);
    words[sizeof words - 1] = '\0';
    error_set(&why, ERR_IO, "%s", words);
    assert_int_equal(strlen(why.text), sizeof why.text - 1);
    /* Both the words in front and what was there keep a share. */
    error_set(&why, ERR_IO, "the cause");
    error_prefix(&why, "%s", words);
    assert_non_null(strstr(why.text, "w: the cause"));
    errno = EACCES;
    error_errno(&why, "%s", words);
    assert_non_null(strstr(why.text, ": Permission denied"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filled_and_prefixed),
        cmocka_unit_test(test_nobody_wants_to_know),
        cmocka_unit_test(test_long_texts_are_cut),
    };
    return cmocka_run_group_tests_name("base/error", tests, NULL, NULL);
}
