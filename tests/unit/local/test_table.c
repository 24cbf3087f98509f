/* The table: what frees whom, when, and from which lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/local.h"

static const struct address_options options = {"+", true};
static const char *const lists[] = {"aper", "local"};
static struct address recipient, sender;

static struct local_table *table_of(const char *text)
{
    struct local_table *ex = local_table_parse(LOCAL_EXCLUSIONS, view_of(text), &options, lists, 2);
    assert_non_null(ex);
    return ex;
}

/* "" as FROM is the null sender, NULL none at all. */
static struct local_match match(const struct local_table *ex, const char *to, const char *from,
                                const char *login, int64_t now)
{
    struct local_match out;

    memset(&out, 0, sizeof out);
    address_parse(view_of(to), &options, &recipient);
    if (from != NULL)
        address_parse(view_of(from), &options, &sender);
    local_table_match(ex, &recipient, from == NULL || *from == '\0' ? NULL : &sender,
                      from != NULL && *from == '\0', view_of(login), now, &out);
    return out;
}

static unsigned line_for(const struct local_table *ex, const char *to, const char *from,
                         const char *login)
{
    struct local_match m = match(ex, to, from, login, 0);
    assert_int_equal(m.n_partial, 0);
    return m.whole == NULL ? 0 : m.whole->line;
}

static void test_who_is_freed(void **state)
{
    (void)state;
    struct local_table *ex = table_of("\xef\xbb\xbf"
                                      "jane@example.edu\n"         /* 1 */
                                      "exact.example\n"            /* 2 */
                                      ".tree.example\r\n"          /* 3 */
                                      "*.below.example\n"          /* 4 */
                                      "tag+x@example.net\n"        /* 5 */
                                      "login:desk\n"               /* 6 */
                                      "sender:abuse@example.edu\n" /* 7 */
                                      "sender:.forged.example\n"   /* 8 */
                                      "sender:<>\n"                /* 9 */
                                      "gmail.com\n"                /* 10 */
                                      "jane@[192.0.2.1]\n"         /* 11 */
                                      "\"a b\"@example.net\n"      /* 12 */
                                      "b\xc3\xbc"
                                      "cher.example"); /* 13, without its end */
    static const struct {
        const char *to, *from, *login;
        unsigned line;
    } table[] = {
        {"jane@example.edu", NULL, NULL, 1},
        {"Jane@EXAMPLE.edu.", NULL, NULL, 1},
        {"jane+news@example.edu", NULL, NULL, 1},
        {"jane2@example.edu", NULL, NULL, 0},
        {"jane@sub.example.edu", NULL, NULL, 0},
        {"x@exact.example", NULL, NULL, 2},
        {"x@sub.exact.example", NULL, NULL, 0},
        {"x@notexact.example", NULL, NULL, 0},
        {"x@tree.example", NULL, NULL, 3},
        {"x@a.b.tree.example", NULL, NULL, 3},
        {"x@mytree.example", NULL, NULL, 0},
        {"x@below.example", NULL, NULL, 0},
        {"x@a.below.example", NULL, NULL, 4},
        {"tag+x@example.net", NULL, NULL, 5},
        {"tag@example.net", NULL, NULL, 0},
        {"tag+y@example.net", NULL, NULL, 0},
        {"x@example.net", NULL, "desk", 6},
        {"x@example.net", NULL, "Desk", 0},
        {"x@example.net", "abuse@example.edu", NULL, 7},
        {"x@example.net", "abuse+1@Example.edu", NULL, 7},
        {"x@example.net", "jane@example.edu", NULL, 0}, /* a recipient's line is no sender's */
        {"abuse@example.edu", NULL, NULL, 0},
        {"x@example.net", "x@a.forged.example", NULL, 8},
        {"x@example.net", "", NULL, 9},
        {"x@example.net", NULL, "", 0},
        {"x@googlemail.com", NULL, NULL, 10},
        {"jane@[192.0.2.1]", NULL, NULL, 11},
        {"a b@example.net", NULL, NULL, 12},
        {"x@xn--bcher-kva.example", NULL, NULL, 13},
        {"no-domain", NULL, NULL, 0},
        {"no-domain", NULL, "desk", 6},
    };

    assert_int_equal(local_table_count(ex), 13);
    assert_int_equal(local_table_errors(ex), 0);
    assert_true(local_table_wants_sender(ex));
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        unsigned got = line_for(ex, table[i].to, table[i].from, table[i].login);
        if (got != table[i].line)
            fail_msg("%s: line %u", table[i].to, got);
    }
    local_table_free(ex);
}

static void test_most_specific_is_named(void **state)
{
    (void)state;
    struct local_table *ex =
        table_of("*.example\n.d.example\nd.example\nx@d.example\nx@d.example\n");

    assert_int_equal(line_for(ex, "x@d.example", NULL, NULL), 4);
    assert_int_equal(line_for(ex, "y@d.example", NULL, NULL), 3);
    assert_int_equal(line_for(ex, "y@s.d.example", NULL, NULL), 2);
    assert_int_equal(line_for(ex, "y@other.example", NULL, NULL), 1);
    local_table_free(ex);
}

static void test_until_the_second(void **state)
{
    (void)state;
    struct local_table *ex = table_of("x@d.example until=2026-12-31T18:00Z\nd.example list=aper "
                                      "until=2026-12-31T18:00:01Z\n");
    struct local_match m = match(ex, "x@d.example", NULL, NULL, 1798740000);

    assert_true(m.whole != NULL && m.n_partial == 1);
    m = match(ex, "x@d.example", NULL, NULL, 1798740001);
    assert_true(m.whole == NULL && m.n_partial == 1);
    m = match(ex, "x@d.example", NULL, NULL, 1798740002);
    assert_true(m.whole == NULL && m.n_partial == 0);
    assert_true(view_is(local_table_at(ex, 0)->until_text, "2026-12-31T18:00Z"));
    local_table_free(ex);
}

static void test_expired_lines_are_counted(void **state)
{
    (void)state;
    struct local_table *ex = table_of("a.example until=1970-01-01T00:00:20Z\n"
                                      "b.example\n"
                                      "c.example until=1970-01-01T00:00:10Z\n"
                                      "d.example until=nonsense\n"
                                      "a.example until=1970-01-01T00:00:20Z\n");

    assert_int_equal(local_table_count(ex), 4);
    assert_int_equal(local_table_expired(ex, 10), 0); /* its last second */
    assert_int_equal(local_table_expired(ex, 11), 1);
    assert_int_equal(local_table_expired(ex, 20), 1);
    assert_int_equal(local_table_expired(ex, 21), 3);
    assert_int_equal(local_table_expired(ex, INT64_MAX), 3);
    assert_int_equal(local_table_in_force(ex, 11), 3);
    local_table_free(ex);
    assert_int_equal(local_table_expired(NULL, 0), 0);
    assert_int_equal(local_table_in_force(NULL, 0), 0);
}

static void test_an_expired_line_hides_no_other(void **state)
{
    (void)state;
    struct local_table *ex = table_of("x@d.example until=2020-01-01\nx@d.example\n");
    struct local_match m = match(ex, "x@d.example", NULL, NULL, 1798740000);

    assert_int_equal(m.whole->line, 2);
    local_table_free(ex);
}

static void test_partial(void **state)
{
    (void)state;
    struct local_table *ex =
        table_of("d.example list=aper\nx@d.example list=local,aper ticket=T by=ann\n"
                 "login:desk list=local\n");
    struct local_match m = match(ex, "x@d.example", NULL, "desk", 0);

    assert_null(m.whole);
    assert_int_equal(m.n_partial, 3);
    assert_int_equal(m.partial[0]->line, 3);
    assert_int_equal(m.partial[1]->line, 2);
    assert_int_equal(m.partial[2]->line, 1);
    assert_true(view_is(m.partial[1]->ticket, "T") && view_is(m.partial[1]->by, "ann"));
    assert_true(local_line_frees(m.partial[1], view_of("aper")));
    assert_true(local_line_frees(m.partial[1], view_of("local")));
    assert_false(local_line_frees(m.partial[2], view_of("local")));
    assert_false(local_line_frees(m.partial[1], view_of("ape")));
    assert_false(local_line_is_whole(m.partial[1]));
    local_table_free(ex);
}

/* A line a list, as `exclude --list` leaves them: the last must free as the first does. */
static void test_a_line_for_each_of_many_lists(void **state)
{
    (void)state;
    struct buf text = BUF_INIT(0);

    for (int i = 0; i < 1000; i++)
        buf_addf(&text, "x@d.example list=l%d\n", i);
    struct local_table *ex =
        local_table_parse(LOCAL_EXCLUSIONS, buf_view(&text), &options, NULL, 0);
    struct local_match m = match(ex, "x@d.example", NULL, NULL, 0);
    assert_int_equal(m.n_partial, 1000);
    assert_true(local_line_frees(m.partial[999], view_of("l999")));
    local_table_free(ex);
    buf_free(&text);
}

static void test_more_partial_than_fit(void **state)
{
    (void)state;
    struct buf text = BUF_INIT(0);

    for (int i = 0; i < LOCAL_MATCHES + 5; i++)
        buf_addf(&text, "x@d.example list=l%d\n", i);
    buf_add_text(&text, "d.example\n");
    struct local_table *ex =
        local_table_parse(LOCAL_EXCLUSIONS, buf_view(&text), &options, NULL, 0);
    struct local_match m = match(ex, "x@d.example", NULL, NULL, 0);
    assert_int_equal(m.n_partial, LOCAL_MATCHES);
    assert_non_null(m.whole);                    /* is not crowded out */
    assert_int_equal(local_table_errors(ex), 0); /* lists not known: none is unknown */
    local_table_free(ex);
    buf_free(&text);
}

static void test_errors_and_warnings(void **state)
{
    (void)state;
    struct local_table *ex = table_of("x@d.example untill=1\n"
                                      "y@d.example list=apper,aper,zzzzzzzz\n"
                                      "nonsense@\n"
                                      "z@d.example\n");

    assert_int_equal(local_table_count(ex), 2);
    assert_int_equal(local_table_left_out(ex), 2);
    assert_int_equal(local_table_errors(ex), 4);
    const struct local_error *e = local_table_error_at(ex, 0);
    assert_true(e->line == 1 && !e->warning && strstr(e->text, "'until'") != NULL);
    e = local_table_error_at(ex, 1);
    assert_true(e->line == 2 && e->warning && strstr(e->text, "did you mean 'aper'") != NULL);
    e = local_table_error_at(ex, 2);
    assert_true(e->line == 2 && e->warning && strstr(e->text, "zzzzzzzz") != NULL);
    e = local_table_error_at(ex, 3);
    assert_true(e->line == 3 && !e->warning);
    assert_null(local_table_error_at(ex, 4));
    assert_null(local_table_at(ex, 2));
    /* The line with the unknown list stays in force against the one that is known. */
    struct local_match m = match(ex, "y@d.example", NULL, NULL, 0);
    assert_true(m.n_partial == 1 && local_line_frees(m.partial[0], view_of("aper")));
    local_table_free(ex);
}

static void test_many_errors_are_counted(void **state)
{
    (void)state;
    struct buf text = BUF_INIT(0);

    for (int i = 0; i < 250; i++)
        buf_add_text(&text, "@\n");
    struct local_table *ex =
        local_table_parse(LOCAL_EXCLUSIONS, buf_view(&text), &options, NULL, 0);
    assert_int_equal(local_table_errors(ex), 250);
    assert_int_equal(local_table_left_out(ex), 250);
    assert_non_null(local_table_error_at(ex, 99));
    assert_null(local_table_error_at(ex, 100));
    local_table_free(ex);
    buf_free(&text);
}

static void test_many_lines(void **state)
{
    (void)state;
    struct buf text = BUF_INIT(0);
    char to[64];

    for (int i = 0; i < 50000; i++)
        buf_addf(&text, "user%d@example.org by=x\n", i);
    struct local_table *ex =
        local_table_parse(LOCAL_EXCLUSIONS, buf_view(&text), &options, NULL, 0);
    buf_free(&text); /* the table has its own copy */
    assert_int_equal(local_table_count(ex), 50000);
    for (unsigned i = 0; i < 50000; i += 99) {
        snprintf(to, sizeof to, "user%u@example.org", i);
        assert_int_equal(line_for(ex, to, NULL, NULL), i + 1);
    }
    assert_true(view_is(local_table_at(ex, 49999)->by, "x"));
    assert_false(local_table_wants_sender(ex));
    local_table_free(ex);
}

static void test_no_table(void **state)
{
    (void)state;
    assert_int_equal(line_for(NULL, "x@d.example", "", "desk"), 0);
    assert_false(local_table_wants_sender(NULL));
    assert_int_equal(local_table_count(NULL), 0);
    assert_int_equal(local_table_left_out(NULL), 0);
    assert_int_equal(local_table_errors(NULL), 0);
    local_table_free(NULL);
    struct local_table *ex = local_table_parse(LOCAL_EXCLUSIONS, VIEW_NONE, &options, NULL, 0);
    assert_int_equal(line_for(ex, "x@d.example", "", "desk"), 0);
    local_table_free(ex);
}

static void test_advice(void **state)
{
    (void)state;
    struct local_table *ex =
        table_of("sender:example.org\nsender:x@example.org\nsender:<>\nexample.org\n");

    assert_non_null(local_line_advice(local_table_at(ex, 0)));
    for (size_t i = 1; i < 4; i++)
        assert_null(local_line_advice(local_table_at(ex, i)));
    local_table_free(ex);
}

static void test_local_block(void **state)
{
    (void)state;
    static const char text[] = "example.org until=1970-01-01T00:01:40Z\n"
                               ".example.org # tree\n"
                               "a@sub.example.org until=1970-01-01T00:01:40Z\n"
                               "a@sub.example.org until=1970-01-01T00:03:20Z\n"
                               "*.example.net\n"
                               "b@example.org list=x\n"
                               ".example.edu\n"
                               "*.example.edu\n";
    static const struct {
        const char *recipient;
        int64_t now;
        unsigned line, key; /* line 0: none */
    } table[] = {
        {"x@example.org", 100, 1, 1},       /* the domain before the tree; the second it ends */
        {"x@example.org", 101, 2, 1},       /* over: the next one */
        {"b@example.org", 0, 1, 1},         /* list= is no line of blocks */
        {"x@sub.example.org", 0, 2, 2},     /* from below */
        {"A+tag@sub.example.org", 0, 4, 1}, /* longest of one name; without its tag */
        {"a@sub.example.org", 201, 2, 2},   {"x@example.net", 0, 0, 0},
        {"x@a.example.net", 0, 5, 2},       {"nobody", 0, 0, 0},
        {"x@a.example.edu", 0, 8, 2}, /* what is below alone is less than the whole tree */
        {"x@example.edu", 0, 7, 1},
    };
    struct local_table *blocks = local_table_parse(LOCAL_BLOCKS, view_of(text), &options, NULL, 0);
    unsigned key;

    assert_int_equal(local_table_left_out(blocks), 1);
    assert_int_equal(local_table_error_at(blocks, 0)->column, 15);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        address_parse(view_of(table[i].recipient), &options, &recipient);
        const struct local_line *e = local_table_block(blocks, &recipient, table[i].now, &key);
        unsigned line = e == NULL ? 0 : e->line;
        if (line != table[i].line || (e != NULL && key != table[i].key))
            fail_msg("%s: line %u, key %u", table[i].recipient, line, key);
    }
    assert_null(local_table_block(NULL, &recipient, 0, &key));
    local_table_free(blocks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_freed),
        cmocka_unit_test(test_most_specific_is_named),
        cmocka_unit_test(test_until_the_second),
        cmocka_unit_test(test_expired_lines_are_counted),
        cmocka_unit_test(test_an_expired_line_hides_no_other),
        cmocka_unit_test(test_partial),
        cmocka_unit_test(test_a_line_for_each_of_many_lists),
        cmocka_unit_test(test_more_partial_than_fit),
        cmocka_unit_test(test_errors_and_warnings),
        cmocka_unit_test(test_many_errors_are_counted),
        cmocka_unit_test(test_many_lines),
        cmocka_unit_test(test_no_table),
        cmocka_unit_test(test_advice),
        cmocka_unit_test(test_local_block),
    };
    return cmocka_run_group_tests_name("local/exclusions", tests, NULL, NULL);
}
