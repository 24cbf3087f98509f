/* References: the same for a minute, otherwise new, and never a word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "rcptguard/record.h"

static bool ask(struct record *r, const char *instance, const char *recipient, const char *list,
                int64_t at_ms, char ref[REF_MAX])
{
    bool is_new;
    record_reference(r, view_of(instance), view_of(recipient), view_of(list), at_ms, ref, &is_new);
    return is_new;
}

static void test_repeats_within_a_minute(void **state)
{
    (void)state;
    struct record *r = record_new();
    char first[REF_MAX], again[REF_MAX], later[REF_MAX];

    assert_true(ask(r, "1.2.3", "a@example.org", "x", 1000, first));
    assert_false(ask(r, "1.2.3", "a@example.org", "x", 60999, again));
    assert_string_equal(first, again);
    assert_true(ask(r, "1.2.3", "a@example.org", "x", 61001, later));
    assert_string_not_equal(first, later);
    record_free(r);
}

static void test_another_question_is_another_reference(void **state)
{
    (void)state;
    struct record *r = record_new();
    char one[REF_MAX], other[REF_MAX];

    assert_true(ask(r, "1.2.3", "a@example.org", "x", 1000, one));
    assert_true(ask(r, "1.2.4", "a@example.org", "x", 1000, other));
    assert_true(ask(r, "1.2.3", "b@example.org", "x", 1000, other));
    assert_true(ask(r, "1.2.3", "a@example.org", "y", 1000, other));
    assert_string_not_equal(one, other);
    /* Fields do not run together. */
    assert_true(ask(r, "1.2.3a", "@example.org", "x", 1000, other));
    record_free(r);
}

static void test_form_and_bounded_memory(void **state)
{
    (void)state;
    struct record *r = record_new();
    char ref[REF_MAX], instance[32];

    for (int i = 0; i < 20000; i++) {
        snprintf(instance, sizeof instance, "%x", i);
        assert_true(ask(r, instance, "a@example.org", "x", 1000 + i, ref));
        assert_in_range(strlen(ref), 6, 12);
        assert_int_equal(strspn(ref, "0123456789BCDFGHJKLMNPQRSTVWXYZ"), strlen(ref));
    }
    record_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repeats_within_a_minute),
        cmocka_unit_test(test_another_question_is_another_reference),
        cmocka_unit_test(test_form_and_bounded_memory),
    };
    return cmocka_run_group_tests_name("record/record", tests, NULL, NULL);
}
