/* hosts: sinks, preambles, real hosts, and rows of several names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feeds/lines_said.h"

static const struct feed_options options;

static void test_rows(void **state)
{
    static const struct said rows[] = {
        {"0.0.0.0 a.example.org", ".a.example.org"},
        {"127.0.0.1 a.example.org", ".a.example.org"},
        {"127.0.0.2 a.example.org", ".a.example.org"},
        {"127.255.255.254 a.example.org", ".a.example.org"},
        {":: a.example.org", ".a.example.org"},
        {"::1 a.example.org", ".a.example.org"},
        {"::0 a.example.org", ".a.example.org"},
        {"0:0:0:0:0:0:0:0 a.example.org", ".a.example.org"},
        {"0:0:0:0:0:0:0:1 a.example.org", ".a.example.org"},
        {"0 a.example.org", ".a.example.org"},
        {" 0.0.0.0\t\t A.Example.ORG. \t", ".a.example.org"},
        {"0.0.0.0 a.example b.example\tc.example", ".a.example; .b.example; .c.example"},
        {"0.0.0.0 a.example # b.example", ".a.example"},
        {"0.0.0.0 a.example #b.example", ".a.example"},
        {"0.0.0.0 a.example#b.example", ".a.example"},
        {"0.0.0.0 www.a.example", ".www.a.example"},
        {"0.0.0.0 _a.b_c.example", "._a.b_c.example"},
        {"0.0.0.0 0.0.0.0.example", ".0.0.0.0.example"},
        {"0.0.0.0 m\xc3\xbcller.example", ".xn--mller-kva.example"},
    };

    (void)state;
    CHECK_SAID(&feed_format_hosts, &options, rows);
}

static void test_preamble_and_real_hosts(void **state)
{
    static const struct said rows[] = {
        {"127.0.0.1 localhost", "ignored"},
        {"127.0.0.1 localhost localhost.localdomain", "ignored; ignored"},
        {"127.0.0.1 localhost4.LOCALDOMAIN4", "ignored"},
        {"::1 localhost6.localdomain6", "ignored"},
        {"127.0.0.1 local", "ignored"},
        /* Debian's line for the machine's own name. */
        {"127.0.1.1 relay.example.org relay", "ignored"},
        {"255.255.255.255 broadcasthost", "ignored"},
        {"::1 ip6-localhost ip6-loopback", "ignored; ignored"},
        {"fe80::1%lo0 localhost", "ignored"},
        {"ff00::0 ip6-localnet", "ignored"},
        {"ff02::1 ip6-allnodes", "ignored"},
        {"0.0.0.0 0.0.0.0", "ignored"},
        {"0.0.0.0 192.0.2.1:80", "ignored"},
        {"0.0.0.0 a.example 192.0.2.1 com b.example", ".a.example; ignored; ignored; .b.example"},
        {"192.0.2.1 intranet.example.org", "ignored"},
        {"192.0.2.1 intranet.example.org other.example.org", "ignored"},
        {"0.0.0.1 a.example.org", "ignored"},
        {"127.0.0.1:53 a.example.org", "ignored"},
        {"[::1] a.example.org", "ignored"},
        {"2001:db8::1 a.example.org", "ignored"},
        {"::2 a.example.org", "ignored"},
        {"::11 a.example.org", "ignored"},
        {"::1:0 a.example.org", "ignored"},
        {"1:: a.example.org", "ignored"},
        {"0.0.0.0 mylocaldomain.example", ".mylocaldomain.example"},
    };

    (void)state;
    CHECK_SAID(&feed_format_hosts, &options, rows);
}

static void test_comments(void **state)
{
    static const struct said rows[] = {
        {"# 0.0.0.0 a.example.org", ""},
        {"#0.0.0.0 a.example.org", ""},
        {"", ""},
        {"# Number of unique domains: 102,618", "claim rows 102618"},
        {"#=====================================", ""},
    };

    (void)state;
    CHECK_SAID(&feed_format_hosts, &options, rows);
}

static void test_bad_rows(void **state)
{
    static const struct said rows[] = {
        {"a.example.org", "bad"},
        {"a.example.org 0.0.0.0", "bad"},
        {"0.0.0.0", "bad"},
        {"0.0.0.0 # a.example.org", "bad"},
        {"192.0.2.1", "bad"},
        {"0.0.0.0a.example.org", "bad"},
        {"00 a.example.org", "bad"},
        {"127.1 a.example.org", "bad"},
        {"127.0.0.256 a.example.org", "bad"},
        {":: a.example.org/", "bad"},
        {"::1::1 a.example.org", "bad"},
        {": a.example.org", "bad"},
        {"1 a.example.org", "bad"},
        {"0.0.0.0 a.example.org/x b.example.org", "bad; .b.example.org"},
        {"0.0.0.0 a..example.org", "bad"},
        {"0.0.0.0 a\\b.example.org", "bad"},
        {"0.0.0.0 https://a.example.org/", "bad"},
        {"0.0.0.0 a.example.org; b.example.org", "bad; .b.example.org"},
        {"||a.example.org^", "bad"},
        {"<html>", "bad"},
        {"0.0.0.0 .", "root"},
        {"0.0.0.0 *", "root"},
    };

    (void)state;
    CHECK_SAID(&feed_format_hosts, &options, rows);
}

static void test_looks(void **state)
{
    static const struct {
        const char *line;
        bool looks;
    } cases[] = {
        {"0.0.0.0 a.example.org", true},
        {"127.0.0.1\ta.example.org", true},
        {":: a.example.org", true},
        {"::1 localhost", true},
        {"0.0.0.0", false},
        {"192.0.2.1 a.example.org", false},
        {"a.example.org", false},
        {"0.0.0.0a.example.org x", false},
        {"jane@example.org 0.0.0.0", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(feed_format_hosts.looks(view_of(cases[i].line)), cases[i].looks);
}

static void test_files(void **state)
{
    (void)state;
    check_cuts(&feed_format_hosts, &options,
               "\xef\xbb\xbf# Entries: 2\r\n127.0.0.1 localhost\r\n0.0.0.0 a.example b.example\r\n"
               "c.example\n:: d.example",
               "claim rows 2\n2 ignored\n3 .a.example\n3 .b.example\n"
               "4 bad: does not begin with an IP address\n5 .d.example\n");
    check_longest(&feed_format_hosts, &options, "# ", "");
    check_longest(&feed_format_hosts, &options, "0.0.0.0 a.example #", ".a.example");
    check_longest(&feed_format_hosts, &options, "0.0.0.0 a.example b.", ".a.example; bad");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),     cmocka_unit_test(test_preamble_and_real_hosts),
        cmocka_unit_test(test_comments), cmocka_unit_test(test_bad_rows),
        cmocka_unit_test(test_looks),    cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests_name("feeds/hosts", tests, NULL, NULL);
}
