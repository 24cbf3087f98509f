/* The line grammar of the exclusion file: what is read, what is refused, and with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "local/grammar.h"

static const struct address_options options = {"+", true};

/* One for all: it is large. */
static struct grammar_line line;

static void check_view(const char *text, const char *name, struct view got, const char *expected)
{
    if (!view_is(got, expected == NULL ? "" : expected))
        fail_msg("%s: %s is '%.*s'", text, name, (int)got.len, got.ptr);
}

static void test_good_lines(void **state)
{
    (void)state;
    static const struct {
        const char *text, *what;
        enum local_subject subject;
        enum entry_kind kind;
        const char *key, *lists, *ticket, *by, *note;
    } table[] = {
        {"jane.doe@example.edu", "jane.doe@example.edu", 0, ENTRY_ADDRESS, "jane.doe@example.edu",
         NULL, NULL, NULL, NULL},
        {"  Jane.Doe@EXAMPLE.edu.\t\r", "jane.doe@example.edu", 0, ENTRY_ADDRESS,
         "jane.doe@example.edu", NULL, NULL, NULL, NULL},
        {"example.org      # every address", "example.org", 0, ENTRY_DOMAIN, "example.org", NULL,
         NULL, NULL, "every address"},
        {"@example.org", "example.org", 0, ENTRY_DOMAIN, "example.org", NULL, NULL, NULL, NULL},
        {"*@example.org", "example.org", 0, ENTRY_DOMAIN, "example.org", NULL, NULL, NULL, NULL},
        {".example.ac.uk  until=2026-12-31 ticket=INC#4711 by=ann   # phoned", ".example.ac.uk", 0,
         ENTRY_TREE, "example.ac.uk", NULL, "INC#4711", "ann", "phoned"},
        {"*.example.org", "*.example.org", 0, ENTRY_BELOW, "example.org", NULL, NULL, NULL, NULL},
        {"vendor@example.com list=aper", "vendor@example.com", 0, ENTRY_ADDRESS,
         "vendor@example.com", "aper", NULL, NULL, NULL},
        {"vendor@example.com list=a,b list=c", "vendor@example.com", 0, ENTRY_ADDRESS,
         "vendor@example.com", "a,b,c", NULL, NULL, NULL},
        {"login:Abuse-Desk", "login:Abuse-Desk", LOCAL_LOGIN, 0, "Abuse-Desk", NULL, NULL, NULL,
         NULL},
        {"login:a#b@c #x", "login:a#b@c", LOCAL_LOGIN, 0, "a#b@c", NULL, NULL, NULL, "x"},
        {"sender:abuse@example.edu", "sender:abuse@example.edu", LOCAL_SENDER, ENTRY_ADDRESS,
         "abuse@example.edu", NULL, NULL, NULL, NULL},
        {"Sender:.example.edu list=x", "sender:.example.edu", LOCAL_SENDER, ENTRY_TREE,
         "example.edu", "x", NULL, NULL, NULL},
        {"sender:<>", "sender:<>", LOCAL_SENDER, ENTRY_ADDRESS, "", NULL, NULL, NULL, NULL},
        {"\"a b\"@example.org list=x", "\"a b\"@example.org", 0, ENTRY_ADDRESS,
         "\"a b\"@example.org", "x", NULL, NULL, NULL},
        {"\"a # \\\" b\"@example.org # note", "\"a # \\\" b\"@example.org", 0, ENTRY_ADDRESS,
         "\"a # \\\" b\"@example.org", NULL, NULL, NULL, "note"},
        {"sender:\"a b\"@example.org", "sender:\"a b\"@example.org", LOCAL_SENDER, ENTRY_ADDRESS,
         "\"a b\"@example.org", NULL, NULL, NULL, NULL},
        {"user#1@example.org", "user#1@example.org", 0, ENTRY_ADDRESS, "user#1@example.org", NULL,
         NULL, NULL, NULL},
        {"\"#1\"@example.org", "\"#1\"@example.org", 0, ENTRY_ADDRESS, "#1@example.org", NULL, NULL,
         NULL, NULL},
        {"a=b@example.org", "a=b@example.org", 0, ENTRY_ADDRESS, "a=b@example.org", NULL, NULL,
         NULL, NULL},
        {"x@example.org note=\"two # words\" at=2026-01-01 # behind", "x@example.org", 0,
         ENTRY_ADDRESS, "x@example.org", NULL, NULL, NULL, "two # words"},
        {"x@example.org ticket= by=\"\"", "x@example.org", 0, ENTRY_ADDRESS, "x@example.org", NULL,
         "", "", NULL},
        {"x@[192.0.2.1]", "x@[192.0.2.1]", 0, ENTRY_ADDRESS, "x@[192.0.2.1]", NULL, NULL, NULL,
         NULL},
        {"b\xc3\xbc"
         "cher.example",
         "xn--bcher-kva.example", 0, ENTRY_DOMAIN, "xn--bcher-kva.example", NULL, NULL, NULL, NULL},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const char *text = table[i].text;
        struct error why;
        char what[256];
        if (grammar_parse(LOCAL_EXCLUSIONS, view_of(text), &options, &line, &why) != LINE_GOOD)
            fail_msg("%s: %s", text, why.text);
        assert_int_equal(line.subject, table[i].subject);
        if (line.subject != LOCAL_LOGIN)
            assert_int_equal(line.kind, table[i].kind);
        struct text t = text_on(what, sizeof what);
        grammar_print_what(&t, line.subject, line.kind, line.key);
        assert_string_equal(what, table[i].what);
        check_view(text, "key", line.key, table[i].key);
        check_view(text, "list", line.lists, table[i].lists);
        check_view(text, "ticket", line.ticket, table[i].ticket);
        check_view(text, "by", line.by, table[i].by);
        check_view(text, "note", line.note, table[i].note);
        assert_true((line.until == INT64_MAX) == (strstr(text, "until=") == NULL));
    }
}

static void test_blank_lines(void **state)
{
    (void)state;
    static const char *const blank[] = {"", "  \t\r", "# x", "   # x@example.org", "#"};

    for (size_t i = 0; i < sizeof blank / sizeof blank[0]; i++)
        assert_int_equal(grammar_parse(LOCAL_EXCLUSIONS, view_of(blank[i]), &options, &line, NULL),
                         LINE_BLANK);
}

static void test_bad_lines(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } table[] = {
        {"x@example.org untill=2026-01-01", "did you mean 'until'"},
        {"x@example.org Ticket=1", "did you mean 'ticket'"},
        {"x@example.org expires=2026-01-01", "Known are list, until"},
        {"x@example.org until=2026-02-30", "no such day"},
        {"\xc2\xa0x@example.org list=a", "holds U+00A0"},
        {"x@example.org until=2026-01-01 until=2027-01-01", "twice"},
        {"x@example.org list=", "missing"},
        {"x@example.org list=a,,b", "missing"},
        {"x@example.org list=a,", "missing"},
        {"x@example.org y@example.org", "one exclusion a line"},
        {"x@example.org because they asked", "behind a #"},
        {"x@example.org =x", "unknown key ''"},
        {"x@example.org note=\"open", "closing \""},
        {"x@example.org note=\"a\"b", "space behind"},
        {"\"a b@example.org", "closing \""},
        {"a b@example.org", "one exclusion a line"},
        {"*", "whole world"},
        {"sender:*@*", "whole world"},
        {"192.0.2.1", "IP address"},
        {"login:", "right behind"},
        {"login: x", "right behind"},
        {"sender:", "right behind"},
        {"x@", "domain"},
        {"techliance.*", "pattern"},
        {"recipient:x@example.org", "quoted"},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct error why = {0, ""};
        if (grammar_parse(LOCAL_EXCLUSIONS, view_of(table[i].text), &options, &line, &why) !=
            LINE_BAD)
            fail_msg("%s: taken", table[i].text);
        if (strstr(why.text, table[i].says) == NULL)
            fail_msg("%s: %s", table[i].text, why.text);
    }
}

/* Comments, too: behind the damage may be lines that were others before it. */
static void test_damaged_lines(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        const char *says; /* NULL: it is none */
        unsigned column;
    } table[] = {
        {"a\0b@example.org", 15, "NUL", 2},
        {"# hea\0\0\0\0", 9, "NUL", 6},
        {"\0\0", 2, "NUL", 1},
        {" # ours\rx@example.org\r", 23, "CR within", 8},
        {"x@example.org\r# ours\ry@example.org", 34, "CR within", 14},
        {"x@example.org # ours\0\0", 22, "NUL", 21},
        {"# ours\r\r", 8, NULL, 0},
        {"\r# ours", 7, NULL, 0},
        {"\rx@example.org\r", 15, NULL, 0},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct view text = view_make(table[i].text, table[i].len);
        struct error why = {0, ""};
        bool bad = grammar_parse(LOCAL_EXCLUSIONS, text, &options, &line, &why) == LINE_BAD;
        if (bad != (table[i].says != NULL))
            fail_msg("row %zu: %s", i, bad ? why.text : "taken");
        if (bad && strstr(why.text, table[i].says) == NULL)
            fail_msg("row %zu: %s", i, why.text);
        assert_int_equal(bad ? line.column : 0, table[i].column);
    }
}

static void test_blocks(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } table[] = {
        {"x@example.org until=2027-01-01 ticket=T by=b at=c note=d", NULL},
        {"example.org # n", NULL},
        {".example.org", NULL},
        {"*.example.org", NULL},
        {"x@example.org list=aper", "leave it out"},
        {"x@example.org lst=aper", "Known are until, ticket"},
        {"login:ann", "recipients only"},
        {"Sender:example.org", "recipients only"},
        {"sender:<>", "recipients only"},
        {"*", "block the whole world"},
        {"a@example.org b@example.org", "one block a line"},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct error why = {0, ""};
        enum line_kind got =
            grammar_parse(LOCAL_BLOCKS, view_of(table[i].text), &options, &line, &why);
        assert_int_equal(got, table[i].says == NULL ? LINE_GOOD : LINE_BAD);
        if (table[i].says != NULL && strstr(why.text, table[i].says) == NULL)
            fail_msg("%s: %s", table[i].text, why.text);
    }
}

static void test_columns(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned column;
    } table[] = {
        {"*", 1},
        {"  \t*", 4},
        {"x@example.org untill=2026-01-01 # n", 15},
        {"x@example.org  by=a until=x", 21},
        {" x@example.org by=a junk", 21},
        {" \"open", 2},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        assert_int_equal(
            grammar_parse(LOCAL_EXCLUSIONS, view_of(table[i].text), &options, &line, NULL),
            LINE_BAD);
        assert_int_equal(line.column, table[i].column);
    }
    grammar_parse(LOCAL_EXCLUSIONS, view_make(" a\0b", 4), &options, &line, NULL);
    assert_int_equal(line.column, 3);
    assert_int_equal(grammar_parse(LOCAL_EXCLUSIONS, view_of(" x@example.org by=a list=b list=c"),
                                   &options, &line, NULL),
                     LINE_GOOD);
    assert_int_equal(line.column, 0);
    assert_int_equal(line.list_column, 21);
}

static void test_what(void **state)
{
    (void)state;
    static const struct {
        enum local_kind kind;
        const char *text, *key; /* NULL: refused */
        enum local_subject subject;
        enum entry_kind entry;
    } table[] = {
        {LOCAL_EXCLUSIONS, " X@Example.org ", "x@example.org", LOCAL_RECIPIENT, ENTRY_ADDRESS},
        {LOCAL_EXCLUSIONS, "login:Ann", "Ann", LOCAL_LOGIN, 0},
        /* What came along when it was copied; U+200C is written in Persian. */
        {LOCAL_EXCLUSIONS, "\xc2\xa0x@example.org", NULL, 0, 0},
        {LOCAL_EXCLUSIONS, "x\xe2\x80\x8b@example.org", NULL, 0, 0},
        {LOCAL_EXCLUSIONS, "x\xc2\xady@example.org", NULL, 0, 0},
        {LOCAL_EXCLUSIONS, "sender:x\xe2\x81\xa0y@example.org", NULL, 0, 0},
        {LOCAL_EXCLUSIONS, "login:ann\xef\xbb\xbf", NULL, 0, 0},
        {LOCAL_EXCLUSIONS, "x\xe2\x80\x8cy@example.org", "x\xe2\x80\x8cy@example.org", 0,
         ENTRY_ADDRESS},
        {LOCAL_EXCLUSIONS, "\xc3\xa0x@example.org", "\xc3\xa0x@example.org", 0, ENTRY_ADDRESS},
        /* No UTF-8, but what looks like its beginning: Latin-1. */
        {LOCAL_EXCLUSIONS, "\302mx@example.org", "\302mx@example.org", 0, ENTRY_ADDRESS},
        {LOCAL_EXCLUSIONS, "\xe2\x80zx@example.org", "\xe2\x80zx@example.org", 0, ENTRY_ADDRESS},
        {LOCAL_EXCLUSIONS, "sender:.example.org", "example.org", LOCAL_SENDER, ENTRY_TREE},
        {LOCAL_EXCLUSIONS, "#x@example.org", "#x@example.org", LOCAL_RECIPIENT, ENTRY_ADDRESS},
        {LOCAL_EXCLUSIONS, "sender:<>", "", LOCAL_SENDER, ENTRY_ADDRESS},
        {LOCAL_BLOCKS, "*.example.org", "example.org", LOCAL_RECIPIENT, ENTRY_BELOW},
        {LOCAL_BLOCKS, "login:ann", NULL, 0, 0},
        {LOCAL_EXCLUSIONS, "login:a\tb", NULL, 0, 0},
        {LOCAL_EXCLUSIONS, "\"a\nb\"@example.org", NULL, 0, 0},
        {LOCAL_EXCLUSIONS, "\xef\xbb\xbfx@example.org", NULL, 0, 0},
        {LOCAL_EXCLUSIONS, "", NULL, 0, 0},
    };
    struct local_what what;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct error why = {0, ""};
        int rc = local_what_parse(table[i].kind, view_of(table[i].text), &options, &what, &why);
        if (rc != (table[i].key == NULL ? ERR_SYNTAX : 0))
            fail_msg("%s: %s", table[i].text, why.text);
        if (rc < 0) {
            assert_true(*why.text != '\0');
            continue;
        }
        check_view(table[i].text, "key", what.key, table[i].key);
        assert_int_equal(what.subject, table[i].subject);
        if (what.subject != LOCAL_LOGIN)
            assert_int_equal(what.kind, table[i].entry);
    }
}

static void test_monsters(void **state)
{
    (void)state;
    char *text = malloc(GRAMMAR_MAX_LINE + 100);

    assert_non_null(text);
    memset(text, 'a', GRAMMAR_MAX_LINE + 100);
    assert_int_equal(grammar_parse(LOCAL_EXCLUSIONS, view_make(text, GRAMMAR_MAX_LINE + 1),
                                   &options, &line, NULL),
                     LINE_BAD);
    memcpy(text, "x@example.org list=", 19);
    assert_int_equal(grammar_parse(LOCAL_EXCLUSIONS, view_make(text, 19 + GRAMMAR_MAX_LISTS),
                                   &options, &line, NULL),
                     LINE_GOOD);
    assert_int_equal(grammar_parse(LOCAL_EXCLUSIONS, view_make(text, 20 + GRAMMAR_MAX_LISTS),
                                   &options, &line, NULL),
                     LINE_BAD);
    text[0] = '#';
    assert_int_equal(grammar_parse(LOCAL_EXCLUSIONS, view_make(text, GRAMMAR_MAX_LINE + 100),
                                   &options, &line, NULL),
                     LINE_BLANK);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_lines), cmocka_unit_test(test_blank_lines),
        cmocka_unit_test(test_bad_lines),  cmocka_unit_test(test_damaged_lines),
        cmocka_unit_test(test_blocks),     cmocka_unit_test(test_columns),
        cmocka_unit_test(test_what),       cmocka_unit_test(test_monsters),
    };
    return cmocka_run_group_tests_name("local/grammar", tests, NULL, NULL);
}
