/* urls: whose host it is, and the hosts that must not become entries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feeds/lines_said.h"

static struct feed_options options;

static void test_hosts(void **state)
{
    static const struct said rows[] = {
        {"https://a.example.org/", "a.example.org"},
        {"http://a.example.org", "a.example.org"},
        {"HTTPS://A.Example.ORG./Path", "a.example.org"},
        {"ftp://a.example.org/x", "a.example.org"},
        {"http://a.example.org:8080/", "a.example.org"},
        {"http://a.example.org:/", "a.example.org"},
        {"http://a.example.org?x", "a.example.org"},
        {"http://a.example.org#x", "a.example.org"},
        {"http://a.example.org/?u=http://b.example.org/", "a.example.org"},
        {"http://jane@a.example.org/", "a.example.org"},
        {"http://jane:secret@a.example.org:80/", "a.example.org"},
        {"http://b.example.org@a.example.org/", "a.example.org"},
        {"http://b.example.org@c.example.org@a.example.org/", "a.example.org"},
        {"http://a.example.org/@b.example.org", "a.example.org"},
        {"http://a.example.org?@b.example.org", "a.example.org"},
        {"http://a.example.org#@b.example.org", "a.example.org"},
        {"http://a.example.org/two words", "a.example.org"},
        {"http://a.example.org/\\x", "a.example.org"},
        {" http://a.example.org/ # seen today", "a.example.org"},
        {"http://a.example.org/#x # seen today", "a.example.org"},
        {"http://www.example.org/", "www.example.org"},
        {"http://_a.b_c.example.org/", "_a.b_c.example.org"},
        {"http://0.0.0.0.example.org/", "0.0.0.0.example.org"},
        {"http://163.example/", "163.example"},
        {"http://m\xc3\xbcller.example/", "xn--mller-kva.example"},
        {"http://a.example.co.uk/", "a.example.co.uk"},
        {"http://docs.gmail.com/", "docs.gmail.com"},
    };

    (void)state;
    CHECK_SAID(&feed_format_urls, &options, rows);
}

static void test_hosts_that_are_no_entries(void **state)
{
    static const struct said rows[] = {
        {"http://192.0.2.1/", "ignored"},
        {"http://192.0.2.1:8080/x", "ignored"},
        {"http://192.0.2.1./", "ignored"},
        {"http://[2001:db8::1]/", "ignored"},
        {"http://[2001:db8::1]:8080/", "ignored"},
        {"http://jane@[2001:db8::1]:8080/", "ignored"},
        {"http://3232235777/", "ignored"},
        {"http://127.1/", "ignored"},
        {"http://0300.0250.1.1/", "ignored"},
        {"http://0300.0250.0001.0001/", "ignored"},
        {"http://0x7f.0.0.0x1/", "ignored"},
        {"http://0X7F000001/", "ignored"},
        {"http://127.0X1/", "ignored"},
        {"http://localhost/", "ignored"},
        {"http://localhost:8080/", "ignored"},
        {"http://com/", "ignored"},
        {"http://co.uk/", "ignored"},
        {"http://gmail.com/", "ignored"},
        {"http://GMail.com./x", "ignored"},
        {"https://a.netlify.app/", "ignored"},
        {"https://a.b.netlify.app/", "ignored"},
        {"https://netlify.app/", "ignored"},
        {"https://a.pages.dev/awards", "ignored"},
        {"https://A.Pages.DEV./awards", "ignored"},
        {"https://a.blogspot.com/", "ignored"},
    };

    (void)state;
    CHECK_SAID(&feed_format_urls, &options, rows);
}

static void test_without_the_lists_of_names(void **state)
{
    static const struct feed_options bare;
    static const struct said rows[] = {
        {"https://a.netlify.app/", "a.netlify.app"},
        {"https://gmail.com/", "gmail.com"},
        {"https://com/", "ignored"},
        {"https://192.0.2.1/", "ignored"},
    };

    (void)state;
    CHECK_SAID(&feed_format_urls, &bare, rows);
}

static void test_comments(void **state)
{
    static const struct said rows[] = {
        {"# https://a.example.org/", ""},
        {"#https://a.example.org/", ""},
        {"", ""},
        {"# Number of entries: 300", "claim rows 300"},
    };

    (void)state;
    CHECK_SAID(&feed_format_urls, &options, rows);
}

static void test_bad_rows(void **state)
{
    static const struct said rows[] = {
        {"a.example.org", "bad"},
        {"a.example.org/path", "bad"},
        {"//a.example.org/", "bad"},
        {"://a.example.org/", "bad"},
        {"http:/a.example.org/", "bad"},
        {"http:a.example.org", "bad"},
        {"http", "bad"},
        {"http:", "bad"},
        {"http://", "bad"},
        {"http:///path", "bad"},
        {"http://:80/", "bad"},
        {"http://jane@/", "bad"},
        {"1http://a.example.org/", "bad"},
        {".http://a.example.org/", "bad"},
        {"-http://a.example.org/", "bad"},
        {"ht tp://a.example.org/", "bad"},
        {"hxxp://a.example.org/", "bad"},
        {"hXXps://a.example.org/", "bad"},
        {"http://a[.]example.org/", "bad"},
        {"http://a.example.org:http/", "bad"},
        {"http://a.example.org:65536/", "bad"},
        {"http://a.example.org:80:90/", "bad"},
        {"http://a.example.org:80:/", "bad"},
        {"http://192.0.2.1:80:/", "bad"},
        {"http://2001:db8::1/", "bad"},
        {"http://[2001:db8::1]x/", "bad"},
        {"http://[2001:db8::1]:x/", "bad"},
        {"http://[2001:db8::1/", "bad"},
        {"http://]:80/", "bad"},
        {"http://a.example.org\\@b.example.org/", "bad"},
        {"http://a.example.org\\", "bad"},
        {"http://a.example.org b.example.org", "bad"},
        {"http://a b.example.org/", "bad"},
        {"http://a..example.org/", "bad"},
        {"http://.example.org/", "bad"},
        {"http://./", "root"},
        {"http://*/", "root"},
        {"http://*.example.org/", "bad"},
        {"http://%61.example.org/", "bad"},
        {"http://a.\xff.example.org/", "bad"},
        {"http://a,b.example.org/", "bad"},
        {"0.0.0.0 a.example.org", "bad"},
        {"<a href=\"http://a.example.org/\">", "bad"},
    };

    (void)state;
    CHECK_SAID(&feed_format_urls, &options, rows);
}

static void test_looks(void **state)
{
    static const struct {
        const char *line;
        bool looks;
    } cases[] = {
        {"https://a.example.org/", true}, {"http://192.0.2.1/x", true},
        {"a.example.org", false},         {"a.example.org/x", false},
        {"hxxp://a.example/", false},     {"mailto:a@b.example", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(feed_format_urls.looks(view_of(cases[i].line)), cases[i].looks);
}

static void test_files(void **state)
{
    (void)state;
    check_cuts(&feed_format_urls, &options,
               "\xef\xbb\xbf# Entries: 2\r\nhttp://a.example/x\r\nhttp://192.0.2.1/\nb.example\n"
               "http://c.example",
               "claim rows 2\n2 a.example\n3 ignored\n"
               "4 bad: not a URL with a host: https://d/...\n5 c.example\n");
    check_longest(&feed_format_urls, &options, "# ", "");
    check_longest(&feed_format_urls, &options, "http://a.example/", "a.example");
    check_longest(&feed_format_urls, &options, "http://a.", "bad");
}

static int start(void **state)
{
    struct error why;

    (void)state;
    options.suffixes = suffixes_new();
    options.protect = protect_load(NULL, &why);
    return options.suffixes == NULL || options.protect == NULL ? -1 : 0;
}

static int stop(void **state)
{
    (void)state;
    suffixes_free((struct suffixes *)options.suffixes);
    protect_release((struct protect *)options.protect);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_hosts_that_are_no_entries),
        cmocka_unit_test(test_without_the_lists_of_names),
        cmocka_unit_test(test_comments),
        cmocka_unit_test(test_bad_rows),
        cmocka_unit_test(test_looks),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests_name("feeds/urls", tests, start, stop);
}
