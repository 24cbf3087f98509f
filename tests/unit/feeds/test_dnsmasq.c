/* dnsmasq: which answers mean that a domain is listed, and every other option. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feeds/lines_said.h"

static const struct feed_options options;

static void test_domains(void **state)
{
    static const struct said rows[] = {
        {"address=/a.example.org/", ".a.example.org"},
        {"address=/a.example.org/#", ".a.example.org"},
        {"address=/a.example.org/0.0.0.0", ".a.example.org"},
        {"address=/a.example.org/::", ".a.example.org"},
        {"address=/a.example.org/127.0.0.1", ".a.example.org"},
        {"address=/a.example.org/127.0.0.53", ".a.example.org"},
        {"address=/a.example.org/::1", ".a.example.org"},
        {"server=/a.example.org/", ".a.example.org"},
        {"server=/a.example.org/#", ".a.example.org"},
        {"local=/a.example.org/", ".a.example.org"},
        {"local=/a.example.org/#", ".a.example.org"},
        {"address=/a.example/b.example/c.example/#", ".a.example; .b.example; .c.example"},
        {"server=/a.example/b.example/", ".a.example; .b.example"},
        {" address = /A.Example.ORG./ # ", ".a.example.org"},
        {"address=/a.example.org/ # b", ".a.example.org"},
        {"address=/*.a.example.org/#", ".a.example.org"},
        {"address=/.a.example.org/#", ".a.example.org"},
        {"address=/www.example.org/#", ".www.example.org"},
        {"address=/0.0.0.0.example.org/#", ".0.0.0.0.example.org"},
        {"address=/_a.b_c.example/#", "._a.b_c.example"},
        {"address=/m\xc3\xbcller.example/#", ".xn--mller-kva.example"},
    };

    (void)state;
    CHECK_SAID(&feed_format_dnsmasq, &options, rows);
}

static void test_comments(void **state)
{
    static const struct said rows[] = {
        {"# address=/a.example.org/#", ""},
        {"#address=/a.example.org/#", ""},
        {"", ""},
        {"# Entries: 108,685", "claim rows 108685"},
    };

    (void)state;
    CHECK_SAID(&feed_format_dnsmasq, &options, rows);
}

static void test_what_is_ignored(void **state)
{
    static const struct said rows[] = {
        {"address=/intranet.example.org/192.0.2.7", "ignored"},
        {"address=/a.example/b.example/192.0.2.7", "ignored"},
        {"address=/#/192.0.2.7", "ignored"},
        {"address=/intranet.example.org/2001:db8::7", "ignored"},
        {"server=/example.org/192.0.2.53", "ignored"},
        {"server=/example.org/0.0.0.0", "ignored"},
        {"server=/example.org/127.0.0.1", "ignored"},
        {"server=/example.org/127.0.0.1#5353", "ignored"},
        {"local=/example.org/192.0.2.53@eth0", "ignored"},
        {"server=192.0.2.53", "ignored"},
        {"server=192.0.2.53#5353", "ignored"},
        {"server=", "ignored"},
        {"no-resolv", "ignored"},
        {"conf-file=/etc/dnsmasq.d/a.example.org", "ignored"},
        {"bogus-nxdomain=192.0.2.1", "ignored"},
        {"cname=a.example.org,b.example.org", "ignored"},
        {"ipset=/a.example.org/set", "ignored"},
        {"addn-hosts=/etc/hosts", "ignored"},
        {"address=/com/#", "ignored"},
        {"address=/localhost/127.0.0.1", "ignored"},
        {"address=/192.0.2.1/#", "ignored"},
        {"address=//#", "ignored"}, /* every name without a dot */
        {"address=//", "ignored"},
        {"address=/a.example//b.example/#", ".a.example; ignored; .b.example"},
    };

    (void)state;
    CHECK_SAID(&feed_format_dnsmasq, &options, rows);
}

static void test_the_world(void **state)
{
    static const struct said rows[] = {
        {"address=/#/", "root"},
        {"address=/#/#", "root"},
        {"address=/#/0.0.0.0", "root"},
        {"server=/#/", "root"},
        {"address=/./#", "root"},
        {"address=/*/#", "root"},
        {"address=/a.example/#/", ".a.example; root"},
    };

    (void)state;
    CHECK_SAID(&feed_format_dnsmasq, &options, rows);
}

static void test_bad_rows(void **state)
{
    static const struct said rows[] = {
        {"address=a.example.org", "bad"},
        {"address=/a.example.org", "bad"},
        {"address=/", "bad"},
        {"address=", "bad"},
        {"address", "bad"},
        {"server=/a.example.org", "bad"},
        {"local=/a.example.org", "bad"},
        {"address=/a.example/b.example", "bad"},
        {"address=/a.example/300.1.1.1", "bad"},
        {"address=/a b.example/#", "bad"},
        {"address=/a\\b.example/#", "bad"},
        {"address=/a..example/#", "bad"},
        {"address=/*google.example/#", "bad"},
        {"address=/a.\xff.example/#", "bad"},
        {"ADDRESS=/a.example/#", "bad"},
        {"a.example.org", "bad"},
        {"0.0.0.0 a.example.org", "bad"},
        {"Not Found", "bad"},
        {"=/a.example/#", "bad"},
        {"<html lang=en>", "bad"},
    };

    (void)state;
    CHECK_SAID(&feed_format_dnsmasq, &options, rows);
}

static void test_looks(void **state)
{
    static const struct {
        const char *line;
        bool looks;
    } cases[] = {
        {"address=/a.example.org/#", true}, {"server=/a.example.org/", true},
        {"local=/a.example.org/", true},    {"no-resolv", false},
        {"server=192.0.2.1", false},        {"a.example.org", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(feed_format_dnsmasq.looks(view_of(cases[i].line)), cases[i].looks);
}

static void test_files(void **state)
{
    (void)state;
    check_cuts(&feed_format_dnsmasq, &options,
               "\xef\xbb\xbf# Entries: 2\r\nserver=/a.example/\r\nno-resolv\naddress=x\n"
               "address=/b.example/c.example/#",
               "claim rows 2\n2 .a.example\n3 ignored\n"
               "4 bad: the domain must stand between slashes\n5 .b.example\n5 .c.example\n");
    check_longest(&feed_format_dnsmasq, &options, "# ", "");
    check_longest(&feed_format_dnsmasq, &options, "server=/a.example/ #", ".a.example");
    check_longest(&feed_format_dnsmasq, &options, "server=/a.example/", "ignored");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_domains),         cmocka_unit_test(test_comments),
        cmocka_unit_test(test_what_is_ignored), cmocka_unit_test(test_the_world),
        cmocka_unit_test(test_bad_rows),        cmocka_unit_test(test_looks),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests_name("feeds/dnsmasq", tests, NULL, NULL);
}
