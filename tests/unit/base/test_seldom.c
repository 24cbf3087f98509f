/* Trouble that is said once in a while. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rcptguard/base/seldom.h"

static void test_once_in_a_while(void **state)
{
    struct seldom s = {0};
    (void)state;

    assert_true(seldom_say(&s, 5, 100)); /* at once, also where the clock has just begun */
    assert_false(seldom_say(&s, 5, 100));
    assert_true(seldom_is_quiet(&s, 104));
    assert_false(seldom_say(&s, 104, 100));
    assert_false(seldom_is_quiet(&s, 105));
    assert_true(seldom_say(&s, 105, 100));
    assert_false(seldom_say(&s, 204, 100));
}

static void test_one_does_not_hide_another(void **state)
{
    struct seldom one = {0}, other = {0};
    (void)state;

    assert_true(seldom_say(&one, 1000, 100));
    assert_true(seldom_say(&other, 1001, 100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once_in_a_while),
        cmocka_unit_test(test_one_does_not_hide_another),
    };
    return cmocka_run_group_tests_name("seldom", tests, NULL, NULL);
}
