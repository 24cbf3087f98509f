/* Which listing decides: rule 7, and fail-open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rcptguard/decision.h"

#define LIST(name_, rank_, specific_, action_, excluded_)                                          \
    {.list = {name_, sizeof(name_) - 1},                                                           \
     .rank = rank_,                                                                                \
     .specificity = specific_,                                                                     \
     .action = action_,                                                                            \
     .excluded = excluded_}

struct decision_case {
    const char *what;
    struct decision_listing listings[3];
    unsigned n;
    enum outcome outcome;
    const char *decided_by, *observed_by;
};

static const struct decision_case cases[] = {
    {"no list holds it", {{.rank = 0}}, 0, OUTCOME_PASS, NULL, NULL},
    {"one list", {LIST("a", 1, 0, ACTION_REJECT, false)}, 1, OUTCOME_REJECT, "a", NULL},
    {"defer", {LIST("a", 1, 0, ACTION_DEFER, false)}, 1, OUTCOME_DEFER, "a", NULL},
    {"observe only", {LIST("a", 1, 0, ACTION_OBSERVE, false)}, 1, OUTCOME_PASS, NULL, "a"},
    {"freed from the list", {LIST("a", 1, 0, ACTION_REJECT, true)}, 1, OUTCOME_PASS, NULL, NULL},
    {"freed from an observing list",
     {LIST("a", 1, 0, ACTION_OBSERVE, true)},
     1,
     OUTCOME_PASS,
     NULL,
     NULL},
    {"freed from one of two",
     {LIST("a", 1, 0, ACTION_REJECT, true), LIST("b", 2, 0, ACTION_DEFER, false)},
     2,
     OUTCOME_DEFER,
     "b",
     NULL},
    {"the most specific, though later in the configuration",
     {LIST("a", 1, 4, ACTION_REJECT, false), LIST("b", 2, 0, ACTION_DEFER, false)},
     2,
     OUTCOME_DEFER,
     "b",
     NULL},
    {"equal: the order of the configuration",
     {LIST("b", 2, 3, ACTION_DEFER, false), LIST("a", 1, 3, ACTION_REJECT, false)},
     2,
     OUTCOME_REJECT,
     "a",
     NULL},
    {"equal: local first",
     {LIST("a", 1, 3, ACTION_DEFER, false), LIST("local", 0, 3, ACTION_REJECT, false)},
     2,
     OUTCOME_REJECT,
     "local",
     NULL},
    {"an observing list never decides, however specific",
     {LIST("a", 1, 0, ACTION_OBSERVE, false), LIST("b", 2, 9, ACTION_REJECT, false)},
     2,
     OUTCOME_REJECT,
     "b",
     "a"},
};

static void assert_listing(const struct decision_listing *l, const char *name)
{
    if (name == NULL)
        assert_null(l);
    else
        assert_true(l != NULL && view_is(l->list, name));
}

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct evidence e = {
            .parsed = true, .listings = cases[i].listings, .n_listings = cases[i].n};
        struct decision d;

        print_message("%s\n", cases[i].what);
        decision_make(&e, &d);
        assert_int_equal(d.outcome, cases[i].outcome);
        assert_listing(d.decided_by, cases[i].decided_by);
        assert_listing(d.observed_by, cases[i].observed_by);
        assert_false(d.observed);
    }
}

static void test_exclusion_and_bad_address_always_pass(void **state)
{
    (void)state;
    const struct decision_listing one[] = {LIST("a", 1, 0, ACTION_REJECT, false)};
    struct evidence e = {.parsed = true, .excluded = true, .listings = one, .n_listings = 1};
    struct decision d;

    decision_make(&e, &d);
    assert_int_equal(d.outcome, OUTCOME_PASS);
    e.excluded = false;
    e.parsed = false;
    decision_make(&e, &d);
    assert_int_equal(d.outcome, OUTCOME_PASS);
}

/* What is said of a pass is what had decided: what refuses, then rule 7. */
static void test_what_an_exclusion_overrules(void **state)
{
    const struct decision_listing some[] = {
        LIST("watch", 0, 0, ACTION_OBSERVE, true), LIST("wide", 1, 3, ACTION_REJECT, true),
        LIST("second", 3, 1, ACTION_REJECT, true), LIST("first", 2, 1, ACTION_DEFER, true),
        LIST("free", 4, 0, ACTION_OBSERVE, false),
    };
    struct evidence e = {.parsed = true, .listings = some, .n_listings = 5};
    struct decision d;
    (void)state;

    decision_make(&e, &d);
    assert_listing(d.overruled, "first");
    assert_listing(d.observed_by, "free");
    e.n_listings = 1;
    decision_make(&e, &d);
    assert_listing(d.overruled, "watch");
    e = (struct evidence){.parsed = true, .excluded = true, .listings = some, .n_listings = 5};
    decision_make(&e, &d);
    assert_listing(d.overruled, "first");
    assert_listing(d.observed_by, NULL);
    e = (struct evidence){.parsed = true, .listings = &some[4], .n_listings = 1};
    decision_make(&e, &d);
    assert_null(d.overruled);
}

static void test_mode_observe_keeps_the_outcome_but_says_so(void **state)
{
    (void)state;
    const struct decision_listing one[] = {LIST("a", 1, 0, ACTION_REJECT, false)};
    struct evidence e = {.mode = MODE_OBSERVE, .parsed = true, .listings = one, .n_listings = 1};
    struct decision d;

    decision_make(&e, &d);
    assert_int_equal(d.outcome, OUTCOME_REJECT);
    assert_true(d.observed);
}

/* As the configuration and the API write them (interface.md). */
static void test_words_of_actions(void **state)
{
    (void)state;
    assert_string_equal(list_action_text(ACTION_REJECT), "reject");
    assert_string_equal(list_action_text(ACTION_DEFER), "defer");
    assert_string_equal(list_action_text(ACTION_OBSERVE), "observe");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_of_actions),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_exclusion_and_bad_address_always_pass),
        cmocka_unit_test(test_what_an_exclusion_overrules),
        cmocka_unit_test(test_mode_observe_keeps_the_outcome_but_says_so),
    };
    return cmocka_run_group_tests_name("decision/decision", tests, NULL, NULL);
}
