/* References: the same for a minute, otherwise new, and never a word. Who is told of decisions. */
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

/* ---- decisions ------------------------------------------------------------------------------ */

static void decide(struct record *r, const char *label, const char *canonical)
{
    record_decide(r, &(struct record_decision){.time = 1700000000,
                                               .label = label,
                                               .canonical = view_of(canonical),
                                               .domain = view_of("example.org"),
                                               .list = view_of("x")});
}

static void note_label(const struct record_decision *d, void *arg)
{
    char *labels = arg;
    snprintf(labels + strlen(labels), 2, "%c", d->label[0]);
}

static void test_watchers(void **state)
{
    (void)state;
    struct record *r = record_new();
    char refusals[32] = "", all[32] = "";
    static const char *const labels[] = {"reject", "pass", "defer", "excluded", "observe"};

    assert_false(record_wants_passes(r));
    struct record_watch *w = record_watch(r, false, note_label, refusals);
    assert_false(record_wants_passes(r));
    struct record_watch *w_all = record_watch(r, true, note_label, all);
    assert_true(record_wants_passes(r));
    for (int i = 0; i < 5; i++)
        decide(r, labels[i], "a@example.org");
    assert_string_equal(refusals, "rdo");
    assert_string_equal(all, "rpdeo");
    record_unwatch(r, w);
    decide(r, "defer", "a@example.org");
    assert_string_equal(refusals, "rdo");
    assert_string_equal(all, "rpdeod");
    record_unwatch(r, NULL);
    record_unwatch(r, w_all);
    assert_false(record_wants_passes(r));
    decide(r, "reject", "a@example.org");
    assert_string_equal(all, "rpdeod");
    assert_non_null(record_watch(r, true, note_label, all)); /* freed with the record */
    record_free(r);
}

static void test_refusals_are_counted(void **state)
{
    (void)state;
    static const struct {
        enum record_top kind;
        const char *name;
    } expected[] = {{TOP_RECIPIENTS, "a@example.org"},
                    {TOP_DOMAINS, "example.org"},
                    {TOP_SENDERS, "<>"},
                    {TOP_LISTS, "x"}};
    struct record *r = record_new();
    struct record_top_row rows[TOP_ROWS];

    decide(r, "pass", "a@example.org");
    decide(r, "excluded", "a@example.org");
    assert_int_equal(record_most(r, TOP_RECIPIENTS, TOP_DAY, 1700000000, rows), 0);
    decide(r, "reject", "a@example.org");
    decide(r, "defer", "a@example.org");
    decide(r, "observe", "a@example.org");
    decide(r, "reject", ""); /* could not be read */
    for (int i = 0; i < 4; i++) {
        assert_int_equal(record_most(r, expected[i].kind, TOP_HOUR, 1700000000, rows), 1);
        assert_string_equal(rows[0].name, expected[i].name);
        assert_int_equal(rows[0].count, expected[i].kind == TOP_RECIPIENTS ? 3 : 4);
    }
    record_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repeats_within_a_minute),
        cmocka_unit_test(test_another_question_is_another_reference),
        cmocka_unit_test(test_form_and_bounded_memory),
        cmocka_unit_test(test_watchers),
        cmocka_unit_test(test_refusals_are_counted),
    };
    return cmocka_run_group_tests_name("record/record", tests, NULL, NULL);
}
