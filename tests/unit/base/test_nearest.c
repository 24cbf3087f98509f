/* The nearest name: what people type, and what they meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rcptguard/base/nearest.h"

static void test_slips(void **state)
{
    (void)state;
    static const char *const names[] = {"refresh", "reply",    "url",        "types",
                                        "action",  "max_grow", "max_shrink", "hold"};
    static const struct {
        const char *word, *meant;
    } slips[] = {
        {"refesh", "refresh"},
        {"refresch", "refresh"},
        {"refersh", "refresh"},
        {"URL", "url"},
        {"ulr", "url"},
        {"type", "types"},
        {"max-shrink", "max_shrink"},
        {"maxgrow", "max_grow"},
        {"acton", "action"},
        {"reply", "reply"},
        {"hodl", "hold"},
    };

    for (size_t i = 0; i < sizeof slips / sizeof slips[0]; i++)
        assert_string_equal(
            nearest_name(view_of(slips[i].word), names, sizeof names / sizeof names[0]),
            slips[i].meant);
}

static void test_borders(void **state)
{
    (void)state;
    static const char *const names[] = {"first", "later"};
    char long_word[10000];

    memset(long_word, 'l', sizeof long_word);
    assert_null(nearest_name(view_of("x"), names, 0));
    assert_string_equal(nearest_name(view_of(""), names, 2), "first"); /* equally far: the first */
    assert_string_equal(nearest_name(view_make(long_word, sizeof long_word), names, 2), "later");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slips),
        cmocka_unit_test(test_borders),
    };
    return cmocka_run_group_tests_name("base/nearest", tests, NULL, NULL);
}
