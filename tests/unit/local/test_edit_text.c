/* Edits of text: what is merged, what goes, what is refused, and that all else stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "local/edit_text.h"

#define NOW 1767225600 /* 2026-01-01T00:00:00Z */
#define AT  " at=2026-01-01T00:00:00Z"

static const struct address_options options = {"+", true};

struct row {
    const char *old;
    enum local_action action;
    const char *what, *lists, *until, *ticket, *note, *by;
    enum local_outcome outcome;
    const char *text; /* after; or what the error says */
    unsigned line;
    unsigned lines;
};

static struct local_edit edit_of(const struct row *r)
{
    return (struct local_edit){
        r->action,          view_of(r->what), view_of(r->lists), view_of(r->until),
        view_of(r->ticket), view_of(r->note), view_of(r->by),    NOW};
}

static void check_row(enum local_kind kind, const struct row *r)
{
    struct local_edit edit = edit_of(r);
    struct edited_text out;

    edit_text(kind, view_of(r->old), &edit, &options, &out);
    if (out.outcome != r->outcome)
        fail_msg("%s in '%s': outcome %d: %s", r->what, r->old, out.outcome, out.why.text);
    bool changed = r->outcome == LOCAL_EDIT_ADDED || r->outcome == LOCAL_EDIT_CHANGED;
    if (changed && !view_is(buf_view(&out.text), r->text))
        fail_msg("%s in '%s':\n%s\nexpected:\n%s", r->what, r->old, out.text.data, r->text);
    if (!changed && r->text != NULL && strstr(out.why.text, r->text) == NULL)
        fail_msg("%s: %s", r->what, out.why.text);
    if (!changed)
        assert_int_equal(out.text.len, 0);
    if (r->line != 0)
        assert_int_equal(out.line, r->line);
    if (changed)
        assert_int_equal(out.lines, r->lines);
    edited_text_free(&out);
}

static void test_add(void **state)
{
    (void)state;
    static const struct row table[] = {
        {"", LOCAL_ADD, "Jane@Example.org.", "", "", "", "", "", LOCAL_EDIT_ADDED,
         "jane@example.org" AT "\n", 1, 0},
        {"# head\n\n", LOCAL_ADD, ".example.org", "b,a,b", "2026-12-31", "INC4711", " phoned ",
         "ann", LOCAL_EDIT_ADDED,
         "# head\n\n.example.org list=b,a until=2026-12-31 ticket=INC4711 by=ann" AT "  # phoned\n",
         3, 0},
        {"a@example.org", LOCAL_ADD, "login:Desk", "", "", "two words", "# x", "a b\"\n\xc3\xbc",
         LOCAL_EDIT_ADDED,
         "a@example.org\nlogin:Desk ticket=\"two words\" by=a_b____" AT "  # # x\n", 2, 0},
        {"a@example.org\r\nb@example.org", LOCAL_ADD, "sender:<>", "", "", "", "", "",
         LOCAL_EDIT_ADDED, "a@example.org\r\nb@example.org\r\nsender:<>" AT "\r\n", 3, 0},
        {"# c\r\nb@example.org\r", LOCAL_ADD, "c@example.org", "", "", "", "", "", LOCAL_EDIT_ADDED,
         "# c\r\nb@example.org\r\nc@example.org" AT "\r\n", 3, 0},
        {"\xef\xbb\xbf"
         "a@example.org\r\n",
         LOCAL_ADD, "a@example.org", "", "", "T", "", "", LOCAL_EDIT_CHANGED,
         "\xef\xbb\xbf"
         "a@example.org ticket=T" AT "\r\n",
         1, 1},
        {"\xef\xbb\xbf", LOCAL_ADD, "a@example.org", "", "", "", "", "", LOCAL_EDIT_ADDED,
         "\xef\xbb\xbf"
         "a@example.org" AT "\n",
         1, 0},
        /* Broken lines, comments and order stay. */
        {"x y\n  # c \nA@example.org  \n*\n", LOCAL_ADD, "a@example.org", "", "", "", "n", "bo",
         LOCAL_EDIT_CHANGED, "x y\n  # c \na@example.org by=bo" AT "  # n\n*\n", 3, 1},
        /* Nothing new. */
        {"a@example.org until=2026-12-31 ticket=T by=x # n\n", LOCAL_ADD, "a@example.org", "",
         "2026-06-30", "T", "n", "bo", LOCAL_EDIT_NOTHING, NULL, 1, 0},
        {"\na@example.org list=a,b\n", LOCAL_ADD, "A@EXAMPLE.ORG", "b", "", "", "", "",
         LOCAL_EDIT_NOTHING, NULL, 2, 0},
        {"a@example.org ticket=S,T # m; n; o\n", LOCAL_ADD, "a@example.org", "", "", "T", "n", "",
         LOCAL_EDIT_NOTHING, NULL, 1, 0},
        /* Merged: the later until, the wider list; tickets and notes are joined. */
        {"a@example.org list=a until=2026-02-01 ticket=S by=x at=y # m\n", LOCAL_ADD,
         "a@example.org", "b", "2026-03-01", "T", "n", "bo", LOCAL_EDIT_CHANGED,
         "a@example.org list=a,b until=2026-03-01 ticket=S,T by=bo" AT "  # m; n\n", 1, 1},
        {"a@example.org list=a until=2026-02-01\n", LOCAL_ADD, "a@example.org", "", "", "", "", "",
         LOCAL_EDIT_CHANGED, "a@example.org" AT "\n", 1, 1},
        {"a@example.org until=2026-02-01\n", LOCAL_ADD, "a@example.org", "a", "", "", "", "",
         LOCAL_EDIT_CHANGED, "a@example.org" AT "\n", 1, 1},
        {"a@example.org note=\"say # so\" # behind\n", LOCAL_ADD, "a@example.org", "", "", "T", "",
         "", LOCAL_EDIT_CHANGED, "a@example.org ticket=T" AT "  # say # so; behind\n", 1, 1},
        /* What is over adds its ticket and note, but no scope and no time. */
        {"a@example.org until=2020-01-01 ticket=S # old\n", LOCAL_ADD, "a@example.org", "a",
         "2026-02-01", "", "", "", LOCAL_EDIT_CHANGED,
         "a@example.org list=a until=2026-02-01 ticket=S" AT "  # old\n", 1, 1},
        {"a@example.org list=a until=2020-01-01\n", LOCAL_ADD, "a@example.org", "b", "", "", "", "",
         LOCAL_EDIT_CHANGED, "a@example.org list=b" AT "\n", 1, 1},
        {"a@example.org list=a until=2020-01-01\n", LOCAL_ADD, "a@example.org", "a", "", "", "", "",
         LOCAL_EDIT_CHANGED, "a@example.org list=a" AT "\n", 1, 1},
        {"a@example.org list=a until=2026-03-01\na@example.org until=2020-01-01\n", LOCAL_ADD,
         "a@example.org", "b", "2026-02-01", "", "", "", LOCAL_EDIT_CHANGED,
         "a@example.org list=a,b until=2026-03-01" AT "\n", 1, 2},
        /* Several lines of one name, expired or not, become one in the place of the first. */
        {"a@example.org until=2020-01-01 # old\n# c\na@example.org list=b ticket=S\nz@example.org\n"
         "A@example.org list=c ticket=S",
         LOCAL_ADD, "a@example.org", "d", "2027-01-01", "", "", "", LOCAL_EDIT_CHANGED,
         "a@example.org list=b,c,d ticket=S" AT "  # old\n# c\nz@example.org\n", 1, 3},
        {"a@example.org list=x\na@example.org list=y\n", LOCAL_ADD, "a@example.org", "x", "", "",
         "", "", LOCAL_EDIT_CHANGED, "a@example.org list=x,y" AT "\n", 1, 2},
        /* Another kind, subject or tag is another line. */
        {"example.org\nsender:example.org\nlogin:example.org\n", LOCAL_ADD, "*.example.org", "", "",
         "", "", "", LOCAL_EDIT_ADDED,
         "example.org\nsender:example.org\nlogin:example.org\n*.example.org" AT "\n", 4, 0},
        {"a@example.org\n", LOCAL_ADD, "a+x@example.org", "", "", "", "", "", LOCAL_EDIT_ADDED,
         "a@example.org\na+x@example.org" AT "\n", 2, 0},
        /* What an old line holds is written back. */
        {"a@example.org ticket=a\"b # n\n", LOCAL_ADD, "a@example.org", "", "", "c d", "", "",
         LOCAL_EDIT_CHANGED, "a@example.org ticket=\"c d\"" AT "  # n\n", 1, 1},
        {"a@example.org ticket=\"a \\\" b\"\n", LOCAL_ADD, "a@example.org", "", "", "", "n", "",
         LOCAL_EDIT_CHANGED, "a@example.org ticket=\"a \\\" b\"" AT "  # n\n", 1, 1},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        check_row(LOCAL_EXCLUSIONS, &table[i]);
}

static void test_bad_edits(void **state)
{
    (void)state;
    static const struct row table[] = {
        {"", LOCAL_ADD, "", "", "", "", "", "", LOCAL_EDIT_BAD, "nothing is there", 0, 0},
        {"", LOCAL_ADD, "*", "", "", "", "", "", LOCAL_EDIT_BAD, "whole world", 0, 0},
        {"", LOCAL_ADD, "a@example.org list=x", "", "", "", "", "", LOCAL_EDIT_BAD, "space", 0, 0},
        {"", LOCAL_ADD, "a@example.org\nb@example.org", "", "", "", "", "", LOCAL_EDIT_BAD, "", 0,
         0},
        {"", LOCAL_ADD, "\"a\nb\"@example.org", "", "", "", "", "", LOCAL_EDIT_BAD,
         "control character", 0, 0},
        {"", LOCAL_ADD, "login:a b", "", "", "", "", "", LOCAL_EDIT_BAD, "space or control", 0, 0},
        {"", LOCAL_REMOVE, "login:", "", "", "", "", "", LOCAL_EDIT_BAD, "login", 0, 0},
        {"", LOCAL_ADD, "a@example.org", "a,,b", "", "", "", "", LOCAL_EDIT_BAD, "list: ", 0, 0},
        {"", LOCAL_ADD, "a@example.org", "a b", "", "", "", "", LOCAL_EDIT_BAD, "list: ", 0, 0},
        {"", LOCAL_REMOVE, "a@example.org", "a\"", "", "", "", "", LOCAL_EDIT_BAD, "list: ", 0, 0},
        {"", LOCAL_ADD, "a@example.org", "", "tomorrow", "", "", "", LOCAL_EDIT_BAD, "until=", 0,
         0},
        {"", LOCAL_ADD, "a@example.org", "", "2025-12-30", "", "", "", LOCAL_EDIT_BAD,
         "is over already", 0, 0},
        {"", LOCAL_ADD, "a@example.org", "", "", "a\"b", "", "", LOCAL_EDIT_BAD, "ticket: ", 0, 0},
        {"", LOCAL_ADD, "a@example.org", "", "", "a\tb", "", "", LOCAL_EDIT_BAD, "ticket: ", 0, 0},
        {"", LOCAL_ADD, "a@example.org", "", "", "", "a\nb@example.org", "", LOCAL_EDIT_BAD,
         "note: ", 0, 0},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        check_row(LOCAL_EXCLUSIONS, &table[i]);
}

static void test_remove(void **state)
{
    (void)state;
    static const struct row table[] = {
        {"# c\na@example.org\r\nb@example.org\nA@example.org list=x # n", LOCAL_REMOVE,
         "a@example.org", "", "", "", "", "", LOCAL_EDIT_CHANGED, "# c\nb@example.org\n", 0, 2},
        {"a@example.org\n\xef\xbb\xbf"
         "b@example.org\n",
         LOCAL_REMOVE, "a@example.org", "", "", "", "", "", LOCAL_EDIT_CHANGED,
         "\n\xef\xbb\xbf"
         "b@example.org\n",
         0, 1},
        {"a@example.org", LOCAL_REMOVE, "a@example.org", "", "", "", "", "", LOCAL_EDIT_CHANGED, "",
         0, 1},
        {"example.org\na@example.org bad\n", LOCAL_REMOVE, "a@example.org", "", "", "", "", "",
         LOCAL_EDIT_ABSENT, "a@example.org: no such line", 0, 0},
        /* Only these lists'; lines without list= stay. */
        {"a@example.org\na@example.org list=x,y list=z until=2026-02-01 ticket=\"t t\" by=b at=q "
         "note=n # m\na@example.org list=y\n",
         LOCAL_REMOVE, "a@example.org", "y", "", "", "", "", LOCAL_EDIT_CHANGED,
         "a@example.org\na@example.org list=x,z until=2026-02-01 ticket=\"t t\" by=b at=q  # n; "
         "m\n",
         2, 2},
        {"a@example.org\na@example.org list=x\n", LOCAL_REMOVE, "a@example.org", "y", "", "", "",
         "", LOCAL_EDIT_ABSENT, "names this list", 0, 0},
        {"a@example.org list=x,y\n", LOCAL_REMOVE, "a@example.org", "y,x", "", "", "", "",
         LOCAL_EDIT_CHANGED, "", 0, 1},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        check_row(LOCAL_EXCLUSIONS, &table[i]);
}

static void test_prune(void **state)
{
    (void)state;
    static const struct row table[] = {
        {"a@example.org until=2025-12-31T23:59:59Z\nb@example.org until=2026-01-01T00:00:00Z\n"
         "c@example.org\nd@example.org until=2020-01-01 bad\n",
         LOCAL_PRUNE, "", "", "", "", "", "", LOCAL_EDIT_CHANGED,
         "b@example.org until=2026-01-01T00:00:00Z\nc@example.org\nd@example.org until=2020-01-01 "
         "bad\n",
         0, 1},
        {"c@example.org\n", LOCAL_PRUNE, "junk", "", "", "", "", "", LOCAL_EDIT_NOTHING, NULL, 0,
         0},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        check_row(LOCAL_EXCLUSIONS, &table[i]);
}

static void test_blocks(void **state)
{
    (void)state;
    static const struct row table[] = {
        {"", LOCAL_ADD, ".example.org", "", "2027-01-01", "T", "phish", "ann", LOCAL_EDIT_ADDED,
         ".example.org until=2027-01-01 ticket=T by=ann" AT "  # phish\n", 1, 0},
        {"", LOCAL_ADD, "example.org", "aper", "", "", "", "", LOCAL_EDIT_BAD, "list: ", 0, 0},
        {"", LOCAL_ADD, "login:ann", "", "", "", "", "", LOCAL_EDIT_BAD, "recipients only", 0, 0},
        {"", LOCAL_ADD, "Sender:example.org", "", "", "", "", "", LOCAL_EDIT_BAD, "recipients only",
         0, 0},
        {"", LOCAL_ADD, "*", "", "", "", "", "", LOCAL_EDIT_BAD, "block the whole world", 0, 0},
        {"example.org\nexample.org list=x\n", LOCAL_REMOVE, "example.org", "", "", "", "", "",
         LOCAL_EDIT_CHANGED, "example.org list=x\n", 0, 1},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        check_row(LOCAL_BLOCKS, &table[i]);
}

/* What is written reads as it was meant, however odd; and the same edit again changes nothing. */
static void test_round_trip(void **state)
{
    (void)state;
    static const char *const whats[] = {
        "#1@example.org",
        "\"#1\"@example.org",
        "sender:#1@example.org",
        "a#b@example.org",
        "\"a b\"@example.org",
        "\"a # \\\" b\"@example.org",
        "\"a\\\\\"@example.org",
        "sender:\"a b\"@example.org",
        "\"a*b\"@example.org",
        "\"*\"@example.org",
        ".a..b.@example.org",
        "b\xc3\xbc@b\xc3\xbc"
        "cher.example",
        "\xff\xfe@example.org",
        "\"login:x\"@example.org",
        "a=b@example.org",
        "x@[192.0.2.1]",
        "login:#x",
        "login:\"x",
        "sender:<>",
        "*@*.example.org",
        "'x'@example.org",
        "J.D@googlemail.com",
    };

    for (size_t i = 0; i < sizeof whats / sizeof whats[0]; i++) {
        struct row r = {"# c",
                        LOCAL_ADD,
                        whats[i],
                        "l",
                        "2027-01-01",
                        "#5 \x80",
                        "\"n",
                        "ann",
                        LOCAL_EDIT_ADDED,
                        NULL,
                        2,
                        0};
        struct local_edit edit = edit_of(&r);
        struct edited_text first, again;
        edit_text(LOCAL_EXCLUSIONS, view_of(r.old), &edit, &options, &first);
        if (first.outcome != LOCAL_EDIT_ADDED)
            fail_msg("%s: %s", whats[i], first.why.text);
        struct local_table *table =
            local_table_parse(LOCAL_EXCLUSIONS, buf_view(&first.text), &options, NULL, 0);
        if (local_table_count(table) != 1)
            fail_msg("%s: %s", whats[i], first.text.data);
        const struct local_line *line = local_table_at(table, 0);
        assert_true(view_eq(line->what, buf_view(&first.what)));
        assert_true(view_is(line->ticket, "#5 \x80") && view_is(line->note, "\"n"));
        local_table_free(table);

        edit_text(LOCAL_EXCLUSIONS, buf_view(&first.text), &edit, &options, &again);
        assert_int_equal(again.outcome, LOCAL_EDIT_NOTHING);
        assert_true(view_eq(buf_view(&again.after), buf_view(&first.after)));
        edited_text_free(&again);

        edit.action = LOCAL_REMOVE;
        edit.lists = VIEW_NONE;
        edit_text(LOCAL_EXCLUSIONS, buf_view(&first.text), &edit, &options, &again);
        assert_true(view_is(buf_view(&again.text), "# c\n"));
        edited_text_free(&again);
        edited_text_free(&first);
    }
}

static void test_long_values(void **state)
{
    (void)state;
    char note[2000], line[2000 + 64];
    struct local_edit edit = {.action = LOCAL_ADD, .what = view_of("a@example.org"), .now = NOW};
    struct edited_text out;

    memset(note, 'n', sizeof note);
    edit.note = view_make(note, 501);
    edit_text(LOCAL_EXCLUSIONS, VIEW_NONE, &edit, &options, &out);
    assert_int_equal(out.outcome, LOCAL_EDIT_BAD);
    edited_text_free(&out);

    /* A long note that somebody wrote by hand is kept whole; joined, the newer one stays. */
    int len = snprintf(line, sizeof line, "a@example.org # %.*s", (int)sizeof note, note);
    edit.note = VIEW_NONE;
    edit.ticket = view_of("T");
    edit_text(LOCAL_EXCLUSIONS, view_make(line, (size_t)len), &edit, &options, &out);
    assert_int_equal(out.outcome, LOCAL_EDIT_CHANGED);
    assert_true(out.text.len > sizeof note);
    edited_text_free(&out);
    edit.note = view_of("short");
    edit_text(LOCAL_EXCLUSIONS, view_make(line, (size_t)len), &edit, &options, &out);
    assert_string_equal(out.text.data, "a@example.org ticket=T" AT "  # short");
    edited_text_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add),         cmocka_unit_test(test_bad_edits),
        cmocka_unit_test(test_remove),      cmocka_unit_test(test_prune),
        cmocka_unit_test(test_blocks),      cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_long_values),
    };
    return cmocka_run_group_tests_name("local/edit_text", tests, NULL, NULL);
}
