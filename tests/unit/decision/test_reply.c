/* Replies: what Postfix does with a bad one is told in its table of actions; none may get there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "rcptguard/decision.h"

static const char standard[] =
    "5.7.1 on blocklist ${list}; if this is a mistake ask ${contact} and quote ${ref}";

static struct reply_words words(const char *recipient)
{
    return (struct reply_words){
        .recipient = view_of(recipient),
        .list = view_of("aper"),
        .entry = view_of(recipient),
        .date = view_of("2018-10-10"),
        .contact = view_of("helpdesk@example.org"),
        .ref = view_of("7KQ2XW3T"),
    };
}

struct reply_case {
    const char *template, *recipient;
    enum outcome outcome;
    const char *action;
};

static const struct reply_case cases[] = {
    {standard, "a@example.com", OUTCOME_REJECT,
     "550 5.7.1 on blocklist aper; if this is a mistake ask helpdesk@example.org and quote "
     "7KQ2XW3T"},
    {standard, "a@example.com", OUTCOME_DEFER,
     "450 4.7.1 on blocklist aper; if this is a mistake ask helpdesk@example.org and quote "
     "7KQ2XW3T"},
    {"no", "a@example.com", OUTCOME_REJECT, "550 5.7.1 no"},
    {"no", "a@example.com", OUTCOME_DEFER, "450 4.7.1 no"},
    {"4.1.8 class is forced", "a@example.com", OUTCOME_REJECT, "550 5.1.8 class is forced"},
    {"5.7.999 three digits", "a@example.com", OUTCOME_DEFER, "450 4.7.999 three digits"},
    {"5.7.1000 no DSN code", "a@example.com", OUTCOME_REJECT, "550 5.7.1 5.7.1000 no DSN code"},
    {"9.7.1 no DSN code", "a@example.com", OUTCOME_REJECT, "550 5.7.1 9.7.1 no DSN code"},
    {"5.7.1x no DSN code", "a@example.com", OUTCOME_REJECT, "550 5.7.1 5.7.1x no DSN code"},
    {"5.7.1", "a@example.com", OUTCOME_REJECT, "550 5.7.1 recipient is on a blocklist"},
    {"", "a@example.com", OUTCOME_REJECT, "550 5.7.1 recipient is on a blocklist"},
    {"${recipient} ${entry} ${date}", "a@example.com", OUTCOME_REJECT,
     "550 5.7.1 a@example.com a@example.com 2018-10-10"},
    {"${recipient}", "j\xc3\xb6rg\n\x1b@xn--bcher-kva.example", OUTCOME_REJECT,
     "550 5.7.1 j??rg??@xn--bcher-kva.example"},
    {"costs $5 {or} more", "a@example.com", OUTCOME_REJECT, "550 5.7.1 costs $5 {or} more"},
    {"%s %n", "a@example.com", OUTCOME_REJECT, "550 5.7.1 %s %n"},
};

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reply_words w = words(cases[i].recipient);
        char action[ACTION_MAX];

        reply_build(view_of(cases[i].template), cases[i].outcome, &w, action);
        assert_string_equal(action, cases[i].action);
    }
}

static void test_long_recipient_never_costs_contact_or_ref(void **state)
{
    (void)state;
    static char recipient[4000];
    static const char *const templates[] = {
        "${recipient} is on ${list}: ask ${contact}, quote ${ref}",
        "5.1.1 ${entry} and ${recipient} and ${recipient}: ask ${contact}, quote ${ref}",
    };

    for (size_t len = 1; len < sizeof recipient; len += len < 300 ? 1 : 97) {
        memset(recipient, 'a', len);
        recipient[len] = '\0';
        for (size_t i = 0; i < 2; i++) {
            struct reply_words w = words(recipient);
            char action[ACTION_MAX];
            reply_build(view_of(templates[i]), OUTCOME_REJECT, &w, action);
            assert_non_null(strstr(action, "ask helpdesk@example.org, quote 7KQ2XW3T"));
            assert_true(strlen(action) <= strlen("550 5.7.1 ") + REPLY_TEXT_MAX);
        }
    }
}

/* A short name of a list leaves its room to the recipient. */
static void test_nothing_is_shortened_without_need(void **state)
{
    (void)state;
    static const char template[] = "${recipient} is on ${list}: ask ${contact}, quote ${ref}";
    char recipient[REPLY_TEXT_MAX + 1] = "", whole[2 * REPLY_TEXT_MAX], action[ACTION_MAX];

    for (size_t len = 1; len < REPLY_TEXT_MAX; len++) {
        memset(recipient, 'a', len);
        struct reply_words w = words(recipient);
        int fits = snprintf(whole, sizeof whole,
                            "550 5.7.1 %s is on aper: ask helpdesk@example.org, quote 7KQ2XW3T",
                            recipient) <= 10 + REPLY_TEXT_MAX;
        reply_build(view_of(template), OUTCOME_REJECT, &w, action);
        if (fits)
            assert_string_equal(action, whole);
        else
            assert_int_equal(strlen(action), 10 + REPLY_TEXT_MAX);
    }
}

static void test_check(void **state)
{
    (void)state;
    struct error why;
    char longest[400];

    assert_int_equal(reply_check(view_of(standard), view_of("h@example.org"), &why), 0);
    assert_int_equal(reply_check(view_of(standard), VIEW_NONE, &why), ERR_SYNTAX);
    assert_non_null(strstr(why.text, "contact"));
    assert_int_equal(reply_check(view_of("see ${url}"), VIEW_NONE, &why), ERR_SYNTAX);
    assert_non_null(strstr(why.text, "${url}"));
    assert_int_equal(reply_check(view_of("see ${ref"), VIEW_NONE, &why), ERR_SYNTAX);
    assert_int_equal(reply_check(view_of("see ${"), VIEW_NONE, &why), ERR_SYNTAX);
    assert_int_equal(reply_check(view_of("5.7.1"), VIEW_NONE, &why), ERR_SYNTAX);
    assert_int_equal(reply_check(view_of("na\xc3\xafve"), VIEW_NONE, &why), ERR_SYNTAX);
    memset(longest, 'x', sizeof longest);
    assert_int_equal(reply_check(view_make(longest, 200), VIEW_NONE, &why), 0);
    assert_int_equal(reply_check(view_make(longest, 201), VIEW_NONE, &why), ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_long_recipient_never_costs_contact_or_ref),
        cmocka_unit_test(test_nothing_is_shortened_without_need),
        cmocka_unit_test(test_check),
    };
    return cmocka_run_group_tests_name("decision/reply", tests, NULL, NULL);
}
