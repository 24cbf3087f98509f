/* access: tables as postmap reads them, and what the actions of Postfix do to a recipient. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feeds/trace.h"

static const struct feed_options options;
static const struct feed_options parents = {.parents_match = true};

static void assert_table(const char *bytes, const char *expected)
{
    assert_trace_of_all_cuts(&feed_format_access, &options, view_of(bytes), expected);
}

struct row {
    const char *row, *expected; /* "bad" for any bad row */
};

static void check_rows(const struct feed_options *with, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct buf got = trace(&feed_format_access, with, view_of(rows[i].row), 0);
        if (strcmp(rows[i].expected, "bad") == 0)
            assert_true(view_starts(buf_view(&got), "1 bad: "));
        else
            assert_string_equal(got.data, rows[i].expected);
        buf_free(&got);
    }
}

#define CHECK_ROWS(with, rows) check_rows(with, rows, sizeof(rows) / sizeof(rows)[0])

static void test_actions(void **state)
{
    static const struct row rows[] = {
        {"d.example REJECT", "1 d.example\n"},
        {"d.example\treject\tgo away", "1 d.example\n"},
        {"d.example DEFER", "1 d.example\n"},
        {"d.example DEFER_IF_PERMIT later", "1 d.example\n"},
        {"d.example 550 5.7.1 no", "1 d.example\n"},
        {"d.example 521 no", "1 d.example\n"},
        {"d.example 450 later", "1 d.example\n"},
        {"d.example 550\tno", "1 d.example\n"},
        {"d.example reject, permit", "1 d.example\n"},
        {"d.example REJECT,x", "1 d.example\n"},
        {"d.example OK", "1 except d.example\n"},
        {"d.example ok these are fine", "1 except d.example\n"},
        {"d.example DUNNO", "1 except d.example\n"},
        {"d.example Permit", "1 except d.example\n"},
        {"d.example RELAY", "1 except d.example\n"}, /* what sendmail's tables say for OK */
        {"d.example 1234567890", "1 except d.example\n"},
        {"d.example 550", "1 except d.example\n"}, /* all numeric: Postfix permits */
        {"d.example 550 \t", "1 except d.example\n"},
        {"d.example 250 fine", "1 ignored\n"},
        {"d.example 5501 no", "1 ignored\n"},
        {"d.example 55 no", "1 ignored\n"},
        {"d.example DEFER_IF_REJECT", "1 ignored\n"}, /* refuses nothing by itself */
        {"d.example HOLD", "1 ignored\n"},
        {"d.example DISCARD", "1 ignored\n"},
        {"d.example FILTER smtp:x", "1 ignored\n"},
        {"d.example REDIRECT a@b.example", "1 ignored\n"},
        {"d.example BCC a@b.example", "1 ignored\n"},
        {"d.example PREPEND X-A: b", "1 ignored\n"},
        {"d.example WARN hm", "1 ignored\n"},
        {"d.example INFO hm", "1 ignored\n"},
        {"d.example permit_mynetworks, reject", "1 ignored\n"},
        {"d.example permit_auth_destination", "1 ignored\n"},
        {"d.example reject_unauth_destination", "1 ignored\n"},
        {"d.example warn_if_reject reject", "1 ignored\n"},
        {"d.example my_class", "1 ignored\n"},
        {"d.example REJECTED", "1 ignored\n"},
        {"d.example <b>no</b>", "bad"},
        {"d.example ,REJECT", "bad"},
        {"d.example", "bad"},
        {"d.example \t", "bad"},
    };

    (void)state;
    CHECK_ROWS(&options, rows);
}

static void test_patterns(void **state)
{
    static const struct row rows[] = {
        {"user@d.example REJECT", "1 user@d.example\n"},
        {"-User@D.example OK", "1 except -user@d.example\n"},
        {".user@d.example REJECT", "1 .user@d.example\n"},
        {"user+tag@d.example REJECT", "1 user+tag@d.example\n"},
        {"\"a b\"@d.example REJECT", "1 \"a b\"@d.example\n"},
        {"D.Example REJECT", "1 d.example\n"},
        {".d.example REJECT", "1 *.d.example\n"},
        {".d.example OK", "1 except *.d.example\n"},
        {"com REJECT", "1 com\n"}, /* the copy builder drops and counts it */
        {". REJECT", "1 root\n"},
        {"* REJECT", "1 root\n"},
        {"* OK", "1 ignored\n"},
        {"user@ REJECT", "1 ignored\n"},
        {"user@ OK", "1 ignored\n"},
        {"<> REJECT", "1 ignored\n"},
        {"192.0.2.1 REJECT", "1 ignored\n"},
        {"192.0.2 REJECT", "1 ignored\n"},
        {"192.0 REJECT", "1 ignored\n"},
        {"10 REJECT", "1 ignored\n"},
        {"192.0.2.0/24 REJECT", "1 ignored\n"},
        {"!192.0.2.0/24 REJECT", "1 ignored\n"},
        {"2001:db8 REJECT", "1 ignored\n"},
        {"2001:db8::1 REJECT", "1 ignored\n"},
        {"[2001:db8::]/32 REJECT", "1 ignored\n"},
        {"[192.0.2.1] REJECT", "1 ignored\n"},
        {"dead.beef REJECT", "1 dead.beef\n"},
        {"user@[192.0.2.1] REJECT", "1 user@[192.0.2.1]\n"},
        {"@d.example REJECT", "bad"}, /* Postfix never looks for it */
        {"*.d.example REJECT", "bad"},
        {"d.example: REJECT", "bad"}, /* an alias file */
        {"d..example REJECT", "bad"},
        {"a@b@d.example REJECT", "bad"},
        {"d.example/x REJECT", "bad"},
        {"d.example/x HOLD", "bad"},
        {"\"d.example REJECT", "bad"},
        {"<p>hello world</p>", "bad"},
    };

    (void)state;
    CHECK_ROWS(&options, rows);
}

static void test_parents(void **state)
{
    static const struct row rows[] = {
        {"d.example REJECT", "1 .d.example\n"},
        {"d.example OK", "1 except .d.example\n"},
        {".d.example REJECT", "1 *.d.example\n"},
        {"user@d.example REJECT", "1 user@d.example\n"},
    };

    (void)state;
    CHECK_ROWS(&parents, rows);
}

/* The same file, given to postmap -s, has these six keys. */
static void test_logical_lines(void **state)
{
    (void)state;
    assert_table("\xef\xbb\xbf  nobody.example REJECT\r\n"
                 "# Entries: 5\r\n"
                 "a.example REJECT\r\n"
                 "b.example\r\n"
                 "\tREJECT\r\n"
                 "c.example 550\r\n"
                 "   # a comment inside\r\n"
                 "# and another\r\n"
                 "\r\n"
                 "   no such\r\n"
                 "   user\r\n"
                 "d.example 550\r\n"
                 "\r\n"
                 "e.example O\r\n"
                 " K\r\n"
                 "f.example\r\n"
                 "# the last\r\n"
                 "   OK",
                 "1 bad: begins with a blank and continues nothing\n"
                 "claim rows 5\n"
                 "3 a.example\n"
                 "4 b.example\n"
                 "6 c.example\n"
                 "12 except d.example\n"
                 "14 ignored\n"
                 "16 except f.example\n");
}

static void assert_bytes(struct buf *bytes, const char *expected)
{
    struct buf got = trace(&feed_format_access, &options, buf_view(bytes), bytes->len / 2);

    assert_string_equal(got.data, expected);
    buf_free(&got);
    buf_free(bytes);
}

static void add_many(struct buf *b, const char *text, int n)
{
    for (int i = 0; i < n; i++)
        buf_add_text(b, text);
}

static void test_too_long(void **state)
{
    struct buf bytes = BUF_INIT(0);

    (void)state;
    /* A logical line; its rest is nobody's. */
    buf_add_text(&bytes, "a.example REJECT\n");
    add_many(&bytes, "   and so on\n", 10000);
    buf_add_text(&bytes, "b.example REJECT\n");
    assert_bytes(&bytes, "1 bad: is longer than 64 KiB\n"
                         "10002 b.example\n");

    /* A line of the file: what follows does not continue the one before it. */
    bytes = BUF_INIT(0);
    buf_add_text(&bytes, "a.example 550\n");
    add_many(&bytes, "x", FEED_LINE_MAX + 1);
    buf_add_text(&bytes, "\n  no\nb.example REJECT\n");
    assert_bytes(&bytes, "2 bad: is longer than 64 KiB\n"
                         "1 except a.example\n"
                         "4 b.example\n");
}

static void test_code(void **state)
{
    static const char why[] = "a pcre or regexp table is code, not a list: it stays in Postfix";
    static const char *const tables[] = {
        "/^user@/ REJECT", "!/^user@/ REJECT", "/^a b/i\n  REJECT",
        "if /example/",    "if !/example/",    "IF /example/",
    };

    (void)state;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        struct buf table = BUF_INIT(0), expected = BUF_INIT(0);
        buf_addf(&table, "a.example REJECT\n%s\nb.example REJECT\n/c/ OK\n", tables[i]);
        buf_addf(&expected, "1 a.example\n2 broken: %s\n", why);
        assert_bytes(&table, expected.data);
        buf_free(&expected);
    }
}

static void test_looks(void **state)
{
    static const struct {
        const char *line;
        bool looks;
    } cases[] = {
        {"d.example REJECT", true},
        {"user@d.example\tok", true},
        {"d.example DUNNO", true},
        {"d.example DISCARD", true},
        {"d.example 550 5.7.1 no", true},
        {"d.example 450", true},
        {"d.example 250", false},
        {"d.example 5500", false},
        {"d.example", false},
        {"d.example CNAME .", false},
        {"d.example :127.0.0.2:x", false},
        {"127.0.0.1 d.example", false},
        {"user@d.example,A,20080101", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(feed_format_access.looks(view_of(cases[i].line)), cases[i].looks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_actions),  cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_parents),  cmocka_unit_test(test_logical_lines),
        cmocka_unit_test(test_too_long), cmocka_unit_test(test_code),
        cmocka_unit_test(test_looks),
    };
    return cmocka_run_group_tests_name("feeds/access", tests, NULL, NULL);
}
