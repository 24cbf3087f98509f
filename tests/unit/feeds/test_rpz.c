/* rpz: whose name an owner is, what a target says, and records over several lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feeds/trace.h"

static const struct feed_options options;

static void assert_zone(const char *bytes, const char *expected)
{
    assert_trace_of_all_cuts(&feed_format_rpz, &options, view_of(bytes), expected);
}

/* Rows that stand alone; "bad" for any bad row. */
struct row {
    const char *row, *expected;
};

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct buf got = trace(&feed_format_rpz, &options, view_of(rows[i].row), 0);
        struct view said = view_trim(buf_view(&got));
        if (strcmp(rows[i].expected, "bad") == 0)
            assert_true(view_starts(said, "1 bad: "));
        else
            assert_string_equal(got.data, rows[i].expected);
        assert_true(view_find(said, '\n') < 0);
        buf_free(&got);
    }
}

#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof(rows)[0])

static void test_targets(void **state)
{
    static const struct row rows[] = {
        {"d.example CNAME .", "1 d.example\n"},
        {"*.d.example CNAME .", "1 *.d.example\n"},
        {"d.example CNAME *.", "1 d.example\n"},
        {"d.example CNAME rpz-drop.", "1 d.example\n"},
        {"d.example CNAME RPZ-Drop.", "1 d.example\n"},
        {"d.example CNAME rpz-passthru.", "1 except d.example\n"},
        {"*.d.example CNAME rpz-passthru.", "1 except *.d.example\n"},
        {"d.example CNAME d.example.", "1 except d.example\n"}, /* the first drafts */
        {"d.example. CNAME d.example.", "1 except d.example\n"},
        {"D.example CNAME d.EXAMPLE.", "1 except d.example\n"},
        {"d.example CNAME d.example", "1 ignored\n"}, /* d.example of the zone: a walled garden */
        {"d.example CNAME rpz-tcp-only.", "1 ignored\n"},
        {"d.example CNAME rpz-drop", "1 ignored\n"}, /* a host of the zone */
        {"d.example CNAME rpz-passthru", "1 ignored\n"},
        {"d.example CNAME garden.example.net.", "1 ignored\n"},
        {"d.example CNAME *.example.net.", "1 ignored\n"},
        {"d.example CNAME @", "1 ignored\n"},
        {"d.example CNAME a\\.b.", "1 ignored\n"},
        {"d.example A 192.0.2.1", "1 ignored\n"},
        {"d.example AAAA 2001:db8::1", "1 ignored\n"},
        {"d.example TXT \"CNAME .\"", "1 ignored\n"},
        {"d.example TXT \"a ; ( \\\" b\" c", "1 ignored\n"},
        {"d.example MX 10 mail.example.", "1 ignored\n"},
        {"d.example DNAME .", "1 ignored\n"},
        {"d.example TYPE65 \\# 0", "1 ignored\n"},
        {"@ NS localhost.", "1 ignored\n"},
    };

    (void)state;
    CHECK_ROWS(rows);
}

static void test_owners(void **state)
{
    static const struct row rows[] = {
        {"Upper.EXAMPLE.org. CNAME .", "1 upper.example.org\n"},
        {"a_b.example.org CNAME .", "1 a_b.example.org\n"},
        {"com CNAME .", "1 com\n"}, /* the copy builder drops and counts it */
        {"*.com CNAME .", "1 *.com\n"},
        {"* CNAME .", "1 root\n"},
        {"*. CNAME .", "1 root\n"},
        {"@ CNAME .", "1 root\n"},
        {". CNAME .", "1 root\n"},
        {"* CNAME rpz-passthru.", "1 ignored\n"}, /* frees nothing in particular */
        {"@ CNAME rpz-passthru.", "1 ignored\n"},
        {"32.1.2.0.192.rpz-ip CNAME .", "1 ignored\n"},
        {"24.0.2.0.192.rpz-client-ip CNAME .", "1 ignored\n"},
        {"ns.example.org.RPZ-NSDNAME CNAME .", "1 ignored\n"},
        {"*.example.org.rpz-nsdname. CNAME .", "1 ignored\n"},
        {"48.zz.101.db8.2001.rpz-nsip.rpz.example. CNAME rpz-passthru.", "1 ignored\n"},
        {"xrpz-ip.example CNAME .", "1 xrpz-ip.example\n"},
        {"192.0.2.1 CNAME .", "1 ignored\n"},
        {"a\\.b.example CNAME .", "bad"},
        {"a\\032b.example CNAME .", "bad"},
        {"a.b\\. CNAME .", "bad"},
        {"\\*.example CNAME .", "bad"},
        {"\"d.example\" CNAME .", "bad"},
        {"a..b.example CNAME .", "bad"},
        {".d.example CNAME .", "bad"},
        {"a.*.example CNAME .", "bad"},
        {"*a.example CNAME .", "bad"},
        {"user@d.example CNAME .", "bad"},
        {"d.example/x CNAME .", "bad"},
    };

    (void)state;
    CHECK_ROWS(rows);
}

static void test_ttl_class_and_blanks(void **state)
{
    static const struct row rows[] = {
        {"d.example 300 IN CNAME .", "1 d.example\n"},
        {"d.example IN 300 CNAME .", "1 d.example\n"},
        {"d.example 1h30M cname .", "1 d.example\n"},
        {"d.example in CNAME .", "1 d.example\n"},
        {"d.example\t \tCNAME\t.\t; why", "1 d.example\n"},
        {"d.example CNAME .;why", "1 d.example\n"},
        {"d.example CNAME .\r\n", "1 d.example\n"},
        {"300 CNAME .", "1 300\n"}, /* an owner */
        {"in CNAME .", "1 in\n"},
        {"1h 1h CNAME .", "1 1h\n"},
        {"d.example (CNAME .)", "1 d.example\n"},
        {"d.example(CNAME)(.)", "1 d.example\n"},
        {"( d.example CNAME . )", "1 d.example\n"},
        {"d.example 300 300 CNAME .", "bad"},
        {"d.example IN IN CNAME .", "bad"},
        {"d.example h CNAME .", "bad"},
        {"d.example 1hh CNAME .", "bad"},
    };

    (void)state;
    CHECK_ROWS(rows);
}

static void test_bad_records(void **state)
{
    static const struct row rows[] = {
        {"d.example", "bad"},
        {"d.example CNAME", "bad"},
        {"d.example CNAME . .", "bad"},
        {"d.example CNAME . # why", "bad"}, /* a # begins no comment here */
        {"d.example A", "bad"},
        {"d.example IN", "bad"},
        {"d.example 300", "bad"},
        {"d.example REJECT", "bad"},
        {"<p>Not found</p>", "bad"},
        {"d.example TYPEx 1", "bad"},
        {"d.example TYPE65536 1", "bad"},
        {"d.example TXT \"no end", "bad"},
        {"d.example CNAME . )", "bad"},
        {"  CNAME .", "bad"}, /* of whom? */
        {"@ SOA a. b. 1 2 3 4", "bad"},
        {"@ SOA a. b. 1 2 3 4 5 6", "bad"},
        {"$TTL", "bad"},
        {"$TTL x", "bad"},
        {"$INCLUDE other.zone", "bad"},
        {"$GENERATE 1-9 d$.example CNAME .", "bad"},
        {"$FOO bar", "bad"},
        {"$TTL 1h", ""},
        {"$ttl 300 ; five minutes", ""},
        {"; d.example CNAME .", ""},
        {"   ; d.example CNAME .", ""},
        {"", ""},
        {" \t ", ""},
    };

    (void)state;
    CHECK_ROWS(rows);
}

static void test_zone_of_bind(void **state)
{
    (void)state;
    assert_zone("$TTL 1h\n"
                "$ORIGIN rpz.example.\n"
                "@\tIN SOA ns.example. admin.example. (\n"
                "\t2026082217 ; serial\n"
                "\t1h\n"
                "\t600 ; retry (10 minutes)\n"
                "\n"
                "\t1w 5m )\n"
                "\tIN NS localhost.\n"
                "bad.example.org CNAME .\n"
                "*.bad.example.org CNAME .\n"
                "worse.example.org.rpz.example. CNAME .\n"
                "*.rpz.example. CNAME .\n"
                "rpz.example. CNAME .\n"
                "xrpz.example. CNAME .\n"
                "outside.example.net. CNAME .\n"
                "good.bad.example.org CNAME good.bad.example.org.\n"
                "fine.bad.example.org CNAME fine.bad.example.org.rpz.example.\n"
                "$ORIGIN com.rpz.example.\n"
                "a CNAME .\n"
                "$ORIGIN net\n"
                "b CNAME .\n"
                "@ CNAME .\n"
                "$ORIGIN .\n"
                "c.example.rpz.example CNAME rpz-drop\n",
                "claim created 1787356800\n"
                "3 ignored\n"
                "9 ignored\n"
                "10 bad.example.org\n"
                "11 *.bad.example.org\n"
                "12 worse.example.org\n"
                "13 root\n"
                "14 root\n"
                "15 xrpz.example\n"
                "16 outside.example.net\n"
                "17 except good.bad.example.org\n"
                "18 except fine.bad.example.org\n"
                "20 a.com\n"
                "22 b.net.com\n"
                "23 net.com\n"
                "25 c.example\n");
}

/* As dig and named-compilezone print a zone: its name is the owner of the SOA. */
static void test_zone_named_by_its_soa(void **state)
{
    (void)state;
    assert_zone("rpz.example. 300 IN SOA a. b. 1 2 3 4 5\n"
                "bad.example.org.rpz.example. 300 IN CNAME .\n"
                "relative.example.org CNAME .\n"
                "self.example.org CNAME self.example.org.rpz.example.\n"
                "rpz.example. 300 IN SOA a. b. 1 2 3 4 5\n",
                "1 ignored\n"
                "2 bad.example.org\n"
                "3 relative.example.org\n"
                "4 except self.example.org\n"
                "5 ignored\n");
    assert_zone("$ORIGIN .\n"
                "rpz.example IN SOA a b ( 1 2 3 4 5 )\n"
                "$ORIGIN org.rpz.example.\n"
                "bad CNAME .\n",
                "2 ignored\n"
                "4 bad.org\n");
    /* Its records alone. */
    assert_zone("$ORIGIN rpz.example.\n"
                "bad.example.org CNAME .\n"
                "$ORIGIN org.rpz.example.\n"
                "bad CNAME .\n",
                "2 bad.example.org\n"
                "4 bad.org\n");
}

/* Where only the name server's configuration tells the zone's name. */
static void test_zone_without_a_name(void **state)
{
    (void)state;
    assert_zone("\xef\xbb\xbf; A list | entries 2\r\n"
                "; Number of entries: 2\r\n"
                "$TTL 300\r\n"
                "@ IN SOA localhost. admin.localhost. (\r\n"
                "    1787419808 ; serial (uint32)\r\n"
                "    3600       ; refresh  (1 hour)\r\n"
                "    600 86400 300\r\n"
                ")\r\n"
                "    IN NS  localhost.\r\n"
                "\r\n"
                "absolute.example.org.    CNAME  .\r\n"
                "*.absolute.example.org.  CNAME  .\r\n"
                "relative.example.org     CNAME  .\r\n"
                "$ORIGIN example.net\r\n"
                "sub CNAME .",
                "claim rows 2\n"
                "claim rows 2\n"
                "claim created 1787419808\n"
                "4 ignored\n"
                "9 ignored\n"
                "11 absolute.example.org\n"
                "12 *.absolute.example.org\n"
                "13 relative.example.org\n"
                "15 sub.example.net\n");
}

static void test_owner_above(void **state)
{
    (void)state;
    assert_zone("d.example TXT \"why\"\n"
                "  CNAME .\n"
                "; between\n"
                "\t300 IN CNAME rpz-passthru.\n"
                "a\\.b TXT why\n"
                "  CNAME .\n"
                "e.example CNAME .\n"
                "good.example TXT \"no end\n"
                "  CNAME .\n"
                "f.example CNAME .\n"
                "  TXT why\n",
                "1 ignored\n"
                "2 d.example\n"
                "4 except d.example\n"
                "5 bad: the owner has an escape or is too long: no mail domain has\n"
                "6 bad: begins with a blank, but no owner is known\n"
                "7 e.example\n"
                "8 bad: a quoted string that does not end\n"
                "9 bad: begins with a blank, but no owner is known\n"
                "10 f.example\n"
                "11 ignored\n");
}

static void assert_bytes(struct buf *bytes, const char *expected)
{
    struct buf got = trace(&feed_format_rpz, &options, buf_view(bytes), bytes->len / 2);

    assert_string_equal(got.data, expected);
    buf_free(&got);
    buf_free(bytes);
}

/* An owner that was never seen must not be taken for the one before it. */
static void test_lines_that_are_left_out(void **state)
{
    struct buf bytes = BUF_INIT(0);

    (void)state;
    buf_add_text(&bytes, "d.example CNAME .\ngood.example TXT ");
    for (int i = 0; i < FEED_LINE_MAX; i++)
        buf_add_text(&bytes, "x");
    buf_add_text(&bytes, "\n  CNAME .\n");
    assert_bytes(&bytes, "1 d.example\n"
                         "2 bad: is longer than 64 KiB\n"
                         "3 bad: begins with a blank, but no owner is known\n");

    bytes = BUF_INIT(0);
    buf_add_text(&bytes, "d.example TXT (\n");
    buf_add(&bytes, "\0)\n", 3);
    buf_add_text(&bytes, "e.example CNAME .\n");
    assert_bytes(&bytes, "2 bad: holds a NUL byte\n"
                         "3 e.example\n");
}

/* Long data is nobody's, a long owner is bad, and neither fills the memory. */
static void test_long_records(void **state)
{
    struct buf bytes = BUF_INIT(0);

    (void)state;
    buf_add_text(&bytes, "d.example TXT (\n");
    for (int i = 0; i < 5000; i++)
        buf_add_text(&bytes, "word \"another (word\" ; and more\n");
    buf_add_text(&bytes, ")\n  CNAME (\n");
    for (int i = 0; i < 5000; i++)
        buf_add_text(&bytes, ".\n");
    buf_add_text(&bytes, ")\n");
    for (int i = 0; i < 5000; i++)
        buf_add_text(&bytes, "x");
    buf_add_text(&bytes, " CNAME .\n");
    for (int i = 0; i < 100; i++)
        buf_add_text(&bytes, "abc.");
    buf_add_text(&bytes, " CNAME .\ne.example CNAME . ");
    for (int i = 0; i < 5000; i++)
        buf_add_text(&bytes, "x");
    assert_bytes(&bytes, "1 ignored\n"
                         "5003 bad: not one target behind CNAME\n"
                         "10005 bad: the owner has an escape or is too long: no mail domain has\n"
                         "10006 bad: the owner has an escape or is too long: no mail domain has\n"
                         "10007 bad: not one target behind CNAME\n");
}

static void test_broken_zones(void **state)
{
    (void)state;
    assert_zone("@ SOA a. b. ( 1\n2 3 4 5\nd.example CNAME .\n",
                "1 broken: a parenthesis is never closed: the zone is cut short\n");
    assert_zone("d.example CNAME .\n$ORIGIN a\\.b.\ne.example CNAME .\n",
                "1 d.example\n"
                "2 broken: an $ORIGIN that cannot be read\n"
                "3 e.example\n");
    assert_zone("$ORIGIN\n", "1 broken: an $ORIGIN that cannot be read\n");
    assert_zone("$ORIGIN a. b.\n", "1 broken: an $ORIGIN that cannot be read\n");
}

static void test_serials(void **state)
{
    static const struct {
        const char *serial, *expected;
    } cases[] = {
        {"1000000000", "claim created 1000000000\n"},
        {"1787419808", "claim created 1787419808\n"},
        {"2026112301", "claim created 1795392000\n"}, /* 2026-11-23 00:00 UTC */
        {"2000022900", "claim created 951782400\n"},
        {"1970010200", "claim created 86400\n"},
        {"2099123199", "claim created 4102358400\n"},
        {"2026113100", ""}, /* the 31st of November: a number that was counted on */
        {"2026130100", ""}, /* */
        {"2026002300", ""}, /* */
        {"1970010100", ""}, /* 0 says `not told` */
        {"2611231200", ""}, /* the year in two digits, month, day, hour, minute */
        {"2000000000", "claim created 2000000000\n"}, /* no day at all: the year 2033 */
        {"2000123456", "claim created 2000123456\n"},
        {"2099993200", "claim created 2099993200\n"},
        {"4000000000", "claim created 4000000000\n"},
        {"4294967295", "claim created 4294967295\n"},
        {"4212312359", ""}, /* */
        {"999999999", ""},  /* */
        {"20261123", ""},   /* */
        {"42", ""},         /* */
        {"0", ""},          /* */
        {"4294967296", ""}, /* */
        {"x", ""},          /* */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf zone = BUF_INIT(0), expected = BUF_INIT(0);
        buf_addf(&zone, "@ SOA a. b. %s 2 3 4 5\n", cases[i].serial);
        buf_addf(&expected, "%s1 ignored\n", cases[i].expected);
        assert_bytes(&zone, expected.data);
        buf_free(&expected);
    }
}

static void test_looks(void **state)
{
    static const struct {
        const char *line;
        bool looks;
    } cases[] = {
        {"d.example CNAME .", true},
        {"*.d.example. 300 IN CNAME *.", true},
        {"d.example CNAME rpz-passthru.", true},
        {"@ IN SOA localhost. admin.localhost. (", true},
        {"$ORIGIN rpz.example.", true},
        {"d.example CNAME www.example.", false},
        {"$SOA 3600 ns.example a.example 0 600 300 86400 150", false},
        {"$TTL 300", false},
        {"example.org", false},
        {"example.org REJECT", false},
        {"||example.org^", false},
        {"CNAME", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(feed_format_rpz.looks(view_of(cases[i].line)), cases[i].looks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_owners),
        cmocka_unit_test(test_ttl_class_and_blanks),
        cmocka_unit_test(test_bad_records),
        cmocka_unit_test(test_zone_of_bind),
        cmocka_unit_test(test_zone_named_by_its_soa),
        cmocka_unit_test(test_zone_without_a_name),
        cmocka_unit_test(test_owner_above),
        cmocka_unit_test(test_lines_that_are_left_out),
        cmocka_unit_test(test_long_records),
        cmocka_unit_test(test_broken_zones),
        cmocka_unit_test(test_serials),
        cmocka_unit_test(test_looks),
    };
    return cmocka_run_group_tests_name("feeds/rpz", tests, NULL, NULL);
}
