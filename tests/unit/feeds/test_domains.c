/* domains: what stands in real lists of names, with made-up names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feeds/lines_said.h"

static const struct feed_options options;

static void test_names(void **state)
{
    static const struct said rows[] = {
        {"a.example.org", ".a.example.org"},
        {"A.Example.ORG.", ".a.example.org"},
        {".a.example.org", ".a.example.org"},
        {"*.a.example.org", ".a.example.org"},
        {"\t a.example.org \t", ".a.example.org"},
        {"www.example.org", ".www.example.org"}, /* the name as it stands */
        {"_dmarc.example.org", "._dmarc.example.org"},
        {"my_mail.example.org", ".my_mail.example.org"},
        {"-a-.example.org", ".-a-.example.org"},
        {"0.0.0.0.example.org", ".0.0.0.0.example.org"},
        {"192.0.2.1.example.org", ".192.0.2.1.example.org"},
        {"163.example", ".163.example"},
        {"1-2.example", ".1-2.example"},
        {"m\xc3\xbcller.example", ".xn--mller-kva.example"},
        {"M\xc3\x9cLLER.example", ".xn--mller-kva.example"},
        {"xn--mller-kva.example", ".xn--mller-kva.example"},
        {"XN--MLLER-KVA.example", ".xn--mller-kva.example"},
        {"co.uk", ".co.uk"}, /* who builds the list drops public suffixes, and shows them */
    };

    (void)state;
    CHECK_SAID(&feed_format_domains, &options, rows);
}

static void test_comments(void **state)
{
    static const struct said rows[] = {
        {"# a.example.org", ""},
        {"#a.example.org", ""},
        {"; a.example.org", ""},
        {"! a.example.org", ""},
        {"  # a.example.org", ""},
        {"  ! a.example.org", ""},
        {"", ""},
        {" \t", ""},
        {"a.example.org #Some Firm - Tracker", ".a.example.org"},
        {"a.example.org # b.example.org", ".a.example.org"},
        {"a.example.org\t#x", ".a.example.org"},
        {"a.example.org ;x", ".a.example.org"},
        {"a.example.org#x", "bad"},
        {"a.example.org;x", "bad"},
        {"a.example.org !x", "bad"},
        {"// a.example.org", "bad"},
        {"# Domains: 1,234", "claim rows 1234"},
        {"! Entries: 7", "claim rows 7"},
        {"; 5 | entries 7", "claim rows 7"},
        {"a.example.org # Entries: 7", ".a.example.org"},
    };

    (void)state;
    CHECK_SAID(&feed_format_domains, &options, rows);
}

static void test_what_is_ignored(void **state)
{
    static const struct said rows[] = {
        {"instances", "ignored"},
        {"com", "ignored"},
        {".com", "ignored"},
        {"*.com", "ignored"},
        {"com.", "ignored"},
        {"localhost", "ignored"},
        {"192.0.2.1", "ignored"},
        {"192.0.2.1:8080", "ignored"},
        {"2001:db8::1", "ignored"},
        {"[2001:db8::1]", "ignored"},
        {"[2001:db8::1]:25", "ignored"},
        {"m\xc3\xbcller", "ignored"},
    };

    (void)state;
    CHECK_SAID(&feed_format_domains, &options, rows);
}

static void test_the_world(void **state)
{
    static const struct said rows[] = {
        {"*", "root"},   {".", "root"}, {"*.", "root"},
        {"*.*", "root"}, {"@", "root"}, {"*@*", "root"},
    };

    (void)state;
    CHECK_SAID(&feed_format_domains, &options, rows);
}

static void test_bad_rows(void **state)
{
    static const struct said rows[] = {
        {"a.example.org/", "bad"},
        {"a.example.org/path", "bad"},
        {"a.example.org\\", "bad"},
        {"a\\b.example.org", "bad"},
        {"a.example.org:80", "bad"},
        {"https://a.example.org/", "bad"},
        {"a.example.org b.example.org", "bad"},
        {"a.example.org,b.example.org", "bad"},
        {"0.0.0.0 a.example.org", "bad"},
        {"||a.example.org^", "bad"},
        {"jane@example.org", "bad"},
        {"@example.org", "bad"},
        {"a..example.org", "bad"},
        {"..example.org", "bad"},
        {"example.*", "bad"},
        {"*example.org", "bad"},
        {"*.*.example.org", "bad"},
        {"a.\xff.example.org", "bad"},
        {"a.\x01.example.org", "bad"},
        {"192.0.2.0/24", "bad"},
        {"<html>", "bad"},
    };

    (void)state;
    CHECK_SAID(&feed_format_domains, &options, rows);
}

static void test_files(void **state)
{
    (void)state;
    check_cuts(&feed_format_domains, &options,
               "\xef\xbb\xbf# Domains: 2\r\na.example\r\n\r\n*.b.example # "
               "x\r\n1.2.3.4\nc.example/\n.d.example",
               "claim rows 2\n2 .a.example\n4 .b.example\n5 ignored\n"
               "6 bad: looks like a URL or a port; write the domain name alone\n7 .d.example\n");
    check_longest(&feed_format_domains, &options, "# ", "");
    check_longest(&feed_format_domains, &options, "a.example ;", ".a.example");
    check_longest(&feed_format_domains, &options, "a.", "bad");
    assert_null(feed_format_domains.looks); /* a name alone is a row of other formats too */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),           cmocka_unit_test(test_comments),
        cmocka_unit_test(test_what_is_ignored), cmocka_unit_test(test_the_world),
        cmocka_unit_test(test_bad_rows),        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests_name("feeds/domains", tests, NULL, NULL);
}
