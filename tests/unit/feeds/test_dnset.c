/* dnset: lines as rbldnsd 1.0 was seen to read them, and what it takes but no mail domain can be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feeds/trace.h"

static const struct feed_options options;

static void assert_zone(const char *bytes, const char *expected)
{
    assert_trace_of_all_cuts(&feed_format_dnset, &options, view_of(bytes), expected);
}

struct row {
    const char *row, *expected; /* "bad" for any bad row */
};

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct buf got = trace(&feed_format_dnset, &options, view_of(rows[i].row), 0);
        if (strcmp(rows[i].expected, "bad") == 0)
            assert_true(view_starts(buf_view(&got), "1 bad: "));
        else
            assert_string_equal(got.data, rows[i].expected);
        buf_free(&got);
    }
}

#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof(rows)[0])

static void test_names(void **state)
{
    static const struct row rows[] = {
        {"plain.example", "1 plain.example\n"},
        {"*.star.example", "1 *.star.example\n"},
        {".dot.example", "1 .dot.example\n"},
        {"!good.dot.example", "1 except good.dot.example\n"},
        {"!.good.example", "1 except .good.example\n"},
        {"!*.good.example", "1 except *.good.example\n"},
        {"! good.example", "1 except good.example\n"},
        {"!good.example :bad value", "1 except good.example\n"}, /* what follows says nothing */
        {"UPPER.Example", "1 upper.example\n"},
        {"trail.example.", "1 trail.example\n"},
        {"a_b.example", "1 a_b.example\n"},
        {"  lead.example", "1 lead.example\n"},
        {"crlf.example\r\n", "1 crlf.example\n"},
        {"test", "1 test\n"}, /* RFC 5782; the copy builder drops single labels and counts them */
        {"invalid", "1 invalid\n"},
        {"2.0.0.127", "1 ignored\n"}, /* the test point of zones of addresses */
        {".0.0.127", "1 ignored\n"},
        {"*.0.0.127", "1 ignored\n"},
        {"!2.0.0.127", "1 ignored\n"},
        {".", "1 root\n"},
        {"*.", "1 root\n"},
        {".  ", "1 root\n"},
        {"!.", "1 ignored\n"},
        {"bob@mail.example", "1 bob@mail.example\n"},
        {"Bob.Smith@Mail.example. :2", "1 bob.smith@mail.example\n"},
        {"!bob@mail.example", "1 except bob@mail.example\n"},
        {"!", "bad"},
        {"*.bob@mail.example", "bad"},
        {".bob@mail.example", "bad"},
        {"@mail.example", "bad"},
        {"*@mail.example", "bad"},
        {"a..b.example", "bad"},
        {"foo.*.example", "bad"},
        {"*star.example", "bad"},
        {"esc\\046x.example", "bad"},
        {"esc\\.y.example", "bad"},
        {"c2.example;c", "bad"}, /* no blank before it: a part of the name */
        {"c4.example:5", "bad"},
        {"\"q.example\"", "bad"},
    };

    (void)state;
    CHECK_ROWS(rows);
}

static void test_values_and_comments(void **state)
{
    static const struct row rows[] = {
        {"phish.example :127.0.1.4:phish $", "1 phish.example\n"},
        {"short.example :5", "1 short.example\n"},
        {"tab.example\t:5", "1 tab.example\n"},
        {"notxt.example :6:", "1 notxt.example\n"},
        {"d3.example :5: # a text", "1 d3.example\n"},
        {"d9.example :127.0.0.1:", "1 d9.example\n"}, /* whatever the value, it is listed */
        {"dc.example :127.0.1", "1 dc.example\n"},
        {"di.example :5 :y", "1 di.example\n"},
        {"txtonly.example Reason for $", "1 txtonly.example\n"},
        {"dj.example text: with # and ; in", "1 dj.example\n"},
        {"spaces.example   # comment?", "1 spaces.example\n"},
        {"c1.example #c", "1 c1.example\n"},
        {"semi.example ; comment", "1 semi.example\n"},
        /* rbldnsd says `invalid A RR` or `unrecognized value` and does not list these. */
        {"d1.example :5 # c", "bad"},
        {"d2.example :5;c", "bad"},
        {"d4.example : 5", "bad"},
        {"d5.example :", "bad"},
        {"d6.example ::text", "bad"},
        {"d7.example :0:text", "bad"},
        {"d8.example :0", "bad"},
        {"da.example :127.0.0.256:x", "bad"},
        {"db.example :300:x", "bad"},
        {"de.example :127.0.0.0/8:x", "bad"},
        {"df.example :127.0.0.2.3:x", "bad"},
        {"dg.example :x:y", "bad"},
        {"dh.example :5 x", "bad"},
        /* Defaults. */
        {":127.0.0.2:$ is listed", ""},
        {":7", ""},
        {":8:", ""},
        {":bad", "bad"},
        {":", "bad"},
        {"# comment", ""},
        {"; comment", ""},
        {"# Entries: 1,234", "claim rows 1234\n"},
        {"", ""},
        {" \t", ""},
    };

    (void)state;
    CHECK_ROWS(rows);
}

static void test_specials(void **state)
{
    static const struct row rows[] = {
        {"$SOA 3600 ns.example a.example 0 600 300 86400 150", ""},
        {"$soa 1w ns.example a.example 1787419808 2h 2h 1w 1h", "claim created 1787419808\n"},
        {"$NS 3600 ns.example", ""},
        {"$NAMESERVER 1w ns.example -ns2.example", ""},
        {"$TTL 300", ""},
        {" $ttl 300", ""},
        {"#$TTL 300", ""},
        {";$TTL 300", ""},
        {":$TTL 300", ""},
        {"$MAXRANGE4 /24", ""},
        {"$1 a text", ""},
        {"$= a $1 text", ""},
        {"#$Id: zone 1.1 2020/01/01 $", ""},
        {"#$ 5 a month", ""},
        {";$Entries: 7", ""},
        {"$SOA 3600 ns.example", "bad"},
        {"$SOA 1w ns.example a.example 1787419808 2h 2h 1w", "bad"},
        {"$SOA 1w ns.example a.example 1787419808 2h 2h 1w 1h 9", "bad"},
        {"$TTL", "bad"},
        {"$TTL300", "bad"},
        {"$ TTL 300", "bad"},
        {"$FOO bar", "bad"},
        {":$FOO bar", "bad"},
        {"$DATASET", "bad"},
        {"$DATASET # none", "bad"},
        {"$12 text", "bad"},
        {"$", "bad"},
    };

    (void)state;
    CHECK_ROWS(rows);
}

static void test_timestamps(void **state)
{
    static const struct row rows[] = {
        {"$TIMESTAMP 2020:01:01", "claim created 1577836800\n"},
        {"$timestamp 2020-01-01", "claim created 1577836800\n"},
        {"#$TIMESTAMP 20200101", "claim created 1577836800\n"},
        {"$TIMESTAMP 2020:1:1", "claim created 1577836800\n"},
        {"$TIMESTAMP 2020:01:01:10", "claim created 1577872800\n"},
        {"$TIMESTAMP 2020-01-01:10:20", "claim created 1577874000\n"},
        {"$TIMESTAMP 2020:01:01:10:20:30", "claim created 1577874030\n"},
        {"$TIMESTAMP 20200101102030", "claim created 1577874030\n"},
        {"$TIMESTAMP 2020:01:01:10:", "claim created 1577872800\n"},
        {"$TIMESTAMP 2020:02:29", "claim created 1582934400\n"},
        {"$TIMESTAMP 2099:01:01", "claim created 4070908800\n"}, /* rbldnsd knows 2038 at most */
        {"$TIMESTAMP 1577836800", "claim created 1577836800\n"},
        {"$TIMESTAMP 0", ""},
        {"$TIMESTAMP -", ""},
        {"$TIMESTAMP - -", ""},
        {"$TIMESTAMP 2020:01:01 -", "claim created 1577836800\n"},
        {"$TIMESTAMP 0 2020:01:02", "claim expires 1577923200\n"},
        {"$TIMESTAMP 2020:01:01 2020:01:02",
         "claim created 1577836800\nclaim expires 1577923200\n"},
        {"$TIMESTAMP 2020:01:01 +60", "claim created 1577836800\nclaim expires 1577836860\n"},
        {"$TIMESTAMP 2020:01:01 +60s", "claim created 1577836800\nclaim expires 1577836860\n"},
        {"$TIMESTAMP 2020:01:01 +2m", "claim created 1577836800\nclaim expires 1577836920\n"},
        {"$TIMESTAMP 2020:01:01 +1h", "claim created 1577836800\nclaim expires 1577840400\n"},
        {"$TIMESTAMP 2020:01:01 +1D", "claim created 1577836800\nclaim expires 1577923200\n"},
        {"$TIMESTAMP 2020:01:01 +1w", "claim created 1577836800\nclaim expires 1578441600\n"},
        {"$TIMESTAMP", "bad"},
        {"$TIMESTAMP 2020:01", "bad"},
        {"$TIMESTAMP 2020:02:30", "bad"},
        {"$TIMESTAMP 2019:02:29", "bad"},
        {"$TIMESTAMP 2020:13:01", "bad"},
        {"$TIMESTAMP 2020:01:01:24", "bad"},
        {"$TIMESTAMP 2020:01:01:10:60", "bad"},
        {"$TIMESTAMP 2020:01:01T10", "bad"},
        {"$TIMESTAMP 2020.01.01", "bad"},
        {"$TIMESTAMP 2020:01:01:10:20:30:40", "bad"},
        {"$TIMESTAMP 2020:01:01 +0", "bad"},
        {"$TIMESTAMP 2020:01:01 +5x", "bad"},
        {"$TIMESTAMP 2020:01:01 +1h30m", "bad"},
        {"$TIMESTAMP 2020:01:01 +", "bad"},
        {"$TIMESTAMP 2020:01:01 +1h x", "bad"},
        {"$TIMESTAMP 0 +1w", "bad"},
        {"$TIMESTAMP yesterday", "bad"},
    };

    (void)state;
    CHECK_ROWS(rows);
}

static void test_whole_zone(void **state)
{
    (void)state;
    assert_zone("\xef\xbb\xbf$SOA 3600 ns.bl.example a.bl.example 0 600 300 86400 150\r\n"
                "$TIMESTAMP 2020:01:01 +1w\r\n"
                ":127.0.0.2:default $ is listed\r\n"
                "test\r\n"
                ".dot.example :5\r\n"
                "!good.dot.example\r\n"
                ":bad\r\n"
                ".\r\n"
                "after.example ; all the same",
                "claim created 1577836800\n"
                "claim expires 1578441600\n"
                "4 test\n"
                "5 .dot.example\n"
                "6 except good.dot.example\n"
                "7 bad: not a default value as :A:TEXT\n"
                "8 root\n"
                "9 after.example\n");
}

static void test_combined(void **state)
{
    (void)state;
    assert_zone("$NS 1w ns.bl.example\n"
                "$DATASET dnset:dom dom @ # names\n"
                ":2:dom $\n"
                ".a.example\n"
                "$DATASET ip4set:ip ip @\n"
                ":none of ours\n"
                "192.0.2.0/24\n"
                "!192.0.2.5\n"
                "# a comment\n"
                "$TIMESTAMP 2020:01:01\n"
                "#$dataset dnset _email\n"
                "b.example\n"
                "$DATASET generic:www www\n"
                "about TXT \"a text\"\n"
                "$DATASET dnset # nobody is asked for these\n"
                "c.example\n"
                "$DATASET dnset\n"
                "d.example\n"
                "$DATASET DNSET @\n"
                "e.example\n"
                "$DATASET dnset @\n"
                "f.example\n",
                "4 .a.example\n"
                "7 ignored\n"
                "8 ignored\n"
                "claim created 1577836800\n"
                "12 b.example\n"
                "14 ignored\n"
                "16 ignored\n"
                "18 ignored\n"
                "20 ignored\n"
                "22 f.example\n");
}

static void test_looks(void **state)
{
    static const struct {
        const char *line;
        bool looks;
    } cases[] = {
        {":127.0.0.2:listed", true},
        {"d.example :127.0.1.4:phish $", true},
        {"d.example\t:127.0.1.4", true},
        {"$SOA 3600 ns.example a.example 0 600 300 86400 150", true},
        {"$ns 3600 ns.example", true},
        {"$DATASET ip4set @", true},
        {"$TIMESTAMP 2020:01:01", true},
        {"$TTL 300", false}, /* also of a zone file */
        {"$ORIGIN example.", false},
        {"$SOAP opera", false},
        {".d.example", false},
        {"d.example", false},
        {"127.0.0.1 d.example", false},
        {"d.example REJECT", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(feed_format_dnset.looks(view_of(cases[i].line)), cases[i].looks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),      cmocka_unit_test(test_values_and_comments),
        cmocka_unit_test(test_specials),   cmocka_unit_test(test_timestamps),
        cmocka_unit_test(test_whole_zone), cmocka_unit_test(test_combined),
        cmocka_unit_test(test_looks),
    };
    return cmocka_run_group_tests_name("feeds/dnset", tests, NULL, NULL);
}
