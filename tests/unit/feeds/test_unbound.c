/* unbound: every type of zone, and what else stands in its configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "feeds/lines_said.h"

static const struct feed_options options;

static void test_types_that_list(void **state)
{
    static const char *const types[] = {
        "always_null", "always_nxdomain", "always_nodata", "always_refuse", "always_deny", "static",
        "deny",        "refuse",          "redirect",
    };

    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char line[100];
        snprintf(line, sizeof line, "local-zone: \"a.example.org.\" %s", types[i]);
        const struct said row = {line, ".a.example.org"};
        check_said(&feed_format_unbound, &options, &row, 1);
    }
}

static void test_types_that_do_not(void **state)
{
    static const char *const types[] = {
        "transparent", "typetransparent", "inform",   "inform_deny", "inform_redirect",
        "block_a",     "nodefault",       "truncate", "noview",      "always_transparent",
        "ipset",       "Always_Null",     "always_",  "statics",
    };

    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char line[100];
        snprintf(line, sizeof line, "local-zone: \"a.example.org.\" %s", types[i]);
        const struct said row = {line, "ignored"};
        check_said(&feed_format_unbound, &options, &row, 1);
    }
}

static void test_spellings(void **state)
{
    static const struct said rows[] = {
        {"local-zone: a.example.org static", ".a.example.org"},
        {"local-zone: a.example.org. static", ".a.example.org"},
        {"local-zone: 'a.example.org.' static", ".a.example.org"},
        {"local-zone:\"A.Example.ORG.\"static", ".a.example.org"},
        {"local-zone:a.example.org\tstatic", ".a.example.org"},
        {"local-zone: \"a.example.org\" \"static\"", ".a.example.org"},
        {"\t local-zone:  \"a.example.org.\"\t\tstatic  # x", ".a.example.org"},
        {"local-zone: \"*.a.example.org.\" static", ".a.example.org"},
        {"local-zone: \"0.0.0.0.example.org.\" static", ".0.0.0.0.example.org"},
        {"local-zone: \"_a.b_c.example.\" static", "._a.b_c.example"},
        {"local-zone: \"www.example.org.\" static", ".www.example.org"},
        {"local-zone: \"xn--mller-kva.example.\" static", ".xn--mller-kva.example"},
    };

    (void)state;
    CHECK_SAID(&feed_format_unbound, &options, rows);
}

static void test_the_rest_of_the_file(void **state)
{
    static const struct said rows[] = {
        {"server:", "ignored"},
        {"local-data: \"a.example.org. A 0.0.0.0\"", "ignored"},
        {"local-data-ptr: \"192.0.2.1 a.example.org\"", "ignored"},
        {"local-zone-override: \"a.example.org\" 192.0.2.0/24 static", "ignored"},
        {"include: \"/etc/unbound/a.conf\"", "ignored"},
        {"local-zone: \"com.\" static", "ignored"},
        {"local-zone: \"localhost.\" static", "ignored"},
        {"local-zone: \"192.0.2.1.\" always_null", "ignored"},
        {"# local-zone: \"a.example.org.\" static", ""},
        {"", ""},
        {"# Domains: 7355", "claim rows 7355"},
        {"local-zone: \".\" static", "root"},
        {"local-zone: . redirect", "root"},
        {"local-zone: \"*.\" static", "root"},
        {"local-zone: \".\" transparent", "ignored"},
    };

    (void)state;
    CHECK_SAID(&feed_format_unbound, &options, rows);
}

static void test_bad_rows(void **state)
{
    static const struct said rows[] = {
        {"local-zone: \"a.example.org.\"", "bad"},
        {"local-zone:", "bad"},
        {"local-zone: static", "bad"},
        {"local-zone: \"a.example.org. static", "bad"},
        {"local-zone: \"a.example.org.\" \"static", "bad"},
        {"local-zone: \"\" static", "bad"},
        {"local-zone: \"a.example.org.\" \"\"", "bad"},
        {"local-zone: \"a.example.org.\" static b.example.org.", "bad"},
        {"local-zone: a.example.org. b.example.org. static", "bad"},
        {"local-zone: \"a.example.org.\" static\"", "bad"},
        {"local-zone: \"a.example.org.\" 192.0.2.1", "bad"},
        {"local-zone: \"a b.example.org.\" static", "bad"},
        {"local-zone: \"a..example.org.\" static", "bad"},
        {"local-zone: \"a.example.org/\" static", "bad"},
        {"local-zone: \"a.\xff.example.\" static", "bad"},
        {"local-zone \"a.example.org.\" static", "bad"},
        {"a.example.org", "bad"},
        {"0.0.0.0 a.example.org", "bad"},
        {"::1 a.example.org", "bad"},
        {"a.example.org: static", "bad"},
        {"<html>", "bad"},
    };

    (void)state;
    CHECK_SAID(&feed_format_unbound, &options, rows);
}

static void test_looks(void **state)
{
    static const struct {
        const char *line;
        bool looks;
    } cases[] = {
        {"local-zone: \"a.example.org.\" static", true},
        {"local-data: \"a.example.org. A 0.0.0.0\"", true},
        {"server:", false},
        {"local=/a.example.org/", false},
        {"a.example.org", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(feed_format_unbound.looks(view_of(cases[i].line)), cases[i].looks);
}

static void test_files(void **state)
{
    (void)state;
    check_cuts(&feed_format_unbound, &options,
               "\xef\xbb\xbf# Domains: 2\r\nserver:\r\nlocal-zone: \"a.example.\" always_null\r\n"
               "x\n  local-zone: b.example static",
               "claim rows 2\n2 ignored\n3 .a.example\n4 bad: not an option of unbound\n"
               "5 .b.example\n");
    check_longest(&feed_format_unbound, &options, "# ", "");
    check_longest(&feed_format_unbound, &options, "local-zone: a.example static #", ".a.example");
    check_longest(&feed_format_unbound, &options, "local-zone: a.example ", "ignored");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types_that_list), cmocka_unit_test(test_types_that_do_not),
        cmocka_unit_test(test_spellings),       cmocka_unit_test(test_the_rest_of_the_file),
        cmocka_unit_test(test_bad_rows),        cmocka_unit_test(test_looks),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests_name("feeds/unbound", tests, NULL, NULL);
}
