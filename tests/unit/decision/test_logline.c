/* The log line: its form is part of the contract, and nothing from outside breaks out of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "rcptguard/decision.h"

static void test_form(void **state)
{
    (void)state;
    char line[2048];
    struct text t = text_on(line, sizeof line);
    const struct log_words w = {
        .label = "reject",
        .ref = view_of("7KQ2XW3T"),
        .recipient = view_of("Jane@example.org"),
        .sender = view_of("ann@example.edu"),
        .sasl_username = view_of("ann"),
        .client = view_of("192.0.2.7"),
        .queue_id = view_of("4Xyz"),
        .instance = view_of("1a.2b.3c.0"),
        .list = view_of("aper"),
        .entry = view_of("jane@example.org"),
        .action = view_of("550 5.7.1 no"),
    };

    decision_log_line(&t, &w);
    assert_string_equal(line,
                        "reject: ref=7KQ2XW3T to=<Jane@example.org> from=<ann@example.edu> "
                        "sasl_username=<ann> client=<192.0.2.7> queue_id=4Xyz instance=1a.2b.3c.0 "
                        "list=aper entry=<jane@example.org> action=<550 5.7.1 no>");
}

/* What a DNS zone said stands behind all else; what has none ends as it always did. */
static void test_evidence(void **state)
{
    const struct {
        struct view evidence;
        const char *ends;
    } rows[] = {
        {view_of(""), " list=ebl entry=<> action=<550 5.7.1 no>"},
        {VIEW_NONE, " list=ebl entry=<> action=<550 5.7.1 no>"},
        {view_of("127.0.1.2 since 2026-11-24T10:02:00Z"),
         " action=<550 5.7.1 no> evidence=<127.0.1.2 since 2026-11-24T10:02:00Z>"},
        {view_of("1> action=<x\n"), " action=<550 5.7.1 no> evidence=<1\\x3E action=\\x3Cx\\x0A>"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char line[2048];
        struct text t = text_on(line, sizeof line);
        const struct log_words w = {.label = "reject",
                                    .list = view_of("ebl"),
                                    .action = view_of("550 5.7.1 no"),
                                    .evidence = rows[i].evidence};
        decision_log_line(&t, &w);
        assert_true(t.len > strlen(rows[i].ends));
        assert_string_equal(line + t.len - strlen(rows[i].ends), rows[i].ends);
    }
}

static void test_nothing_breaks_out(void **state)
{
    (void)state;
    char line[2048];
    struct text t = text_on(line, sizeof line);
    const struct log_words w = {
        .label = "observe",
        .recipient = view_of("a> action=<x\nreject: \x1b[2J\xe2\x80\xae\\\"@example.org"),
        .instance = view_of("1 list=other"),
        .list = view_of("aper"),
    };

    decision_log_line(&t, &w);
    assert_string_equal(
        line, "observe: ref= to=<a\\x3E action=\\x3Cx\\x0Areject: "
              "\\x1B[2J\\xE2\\x80\\xAE\\x5C\\x22@example.org> from=<> sasl_username=<> client=<> "
              "queue_id= instance=1\\x20list=other list=aper entry=<> action=<>");
}

static void test_words_leave_room_for_the_rest(void **state)
{
    (void)state;
    char line[2048], monster[4000];
    struct text t = text_on(line, sizeof line);
    const struct log_words w = {
        .label = "reject",
        .queue_id = view_make(monster, sizeof monster),
        .instance = view_make(monster, sizeof monster),
        .list = view_of("aper"),
        .entry = view_of("jane@example.org"),
    };

    for (size_t i = 0; i < sizeof monster; i++)
        monster[i] = i % 2 == 0 ? 'x' : ' ';
    decision_log_line(&t, &w);
    assert_non_null(strstr(line, " list=aper entry=<jane@example.org> action=<>"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_evidence),
        cmocka_unit_test(test_nothing_breaks_out),
        cmocka_unit_test(test_words_leave_room_for_the_rest),
    };
    return cmocka_run_group_tests_name("decision/logline", tests, NULL, NULL);
}
