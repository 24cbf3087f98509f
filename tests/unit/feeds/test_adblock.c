/* adblock: the one kind of rule that counts among all that a browser knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feeds/lines_said.h"

static const struct feed_options options;

static void test_rules(void **state)
{
    static const struct said rows[] = {
        {"||a.example.org^", ".a.example.org"},
        {" ||A.Example.ORG^\t", ".a.example.org"},
        {"||.a.example.org^", ".a.example.org"},
        {"||0.0.0.0.example.org^", ".0.0.0.0.example.org"},
        {"||www.example.org^", ".www.example.org"},
        {"||_a.example.org^", "._a.example.org"},
        {"||m\xc3\xbcller.example^", ".xn--mller-kva.example"},
        {"||co.uk^", ".co.uk"},
        {"@@||a.example.org^", "except all .a.example.org"},
        {" @@||A.example.org.^ ", "except all .a.example.org"},
        /* As lists for resolvers write most of theirs: a name's end is the URL's end there. */
        {"@@||a.example.org^|", "except all .a.example.org"},
        {"@@|a.example.org^|", "except all a.example.org"},
        {"@@|a.example.org^", "except all a.example.org"},
        {"@@|A.example.org.^| ", "except all a.example.org"},
    };

    (void)state;
    CHECK_SAID(&feed_format_adblock, &options, rows);
}

static void test_comments(void **state)
{
    static const struct said rows[] = {
        {"! ||a.example.org^", ""},
        {"!||a.example.org^", ""},
        {"!", ""},
        {"!#if env_firefox", ""},
        {"", ""},
        {"# ||a.example.org^", ""},
        {"#", ""},
        {"[Adblock Plus 2.0]", ""},
        {"[AdGuard]", ""},
        {"! Entries: 143,876", "claim rows 143876"},
        {"# Number of entries: 12", "claim rows 12"},
    };

    (void)state;
    CHECK_SAID(&feed_format_adblock, &options, rows);
}

static void test_what_is_ignored(void **state)
{
    static const struct said rows[] = {
        {"||a.example.org^$third-party", "ignored"},
        {"||a.example.org^$third-party,domain=x.example|y.example", "ignored"},
        {"||a.example.org^$csp=script-src 'self'", "ignored"},
        {"||a.example.org^$important", "ignored"},
        {"@@||a.example.org^$document", "ignored"},
        {"||a.example.org", "ignored"},
        {"||a.example.org^|", "ignored"},
        {"||a.example.org/", "ignored"},
        {"||a.example.org/path^", "ignored"},
        {"||a.example.org^path", "ignored"},
        {"||a.example.org^path^", "ignored"},
        {"||a.example.org:8080^", "ignored"},
        {"||a.*.example.org^", "ignored"},
        {"||*.example.org^", "ignored"},
        {"||a.example.*^", "ignored"},
        {"||*^$third-party", "ignored"},
        {"|https://a.example.org/^", "ignored"},
        {"|http://a.example.org^", "ignored"},
        {"/ads/*", "ignored"},
        {"/.*/", "ignored"},
        {"/^ad[0-9]+\\.example\\.org$/", "ignored"},
        {"##.banner", "ignored"},
        {"###banner", "ignored"},
        {"example.org##.ad", "ignored"},
        {"example.org##div > a[href^=\"||b.example^\"]", "ignored"},
        {"example.org#@#.ad", "ignored"},
        {"example.org#?#div:has(> a)", "ignored"},
        {"example.org#@?#div:has(> a)", "ignored"},
        {"example.org#$#body { color: red }", "ignored"},
        {"example.org#%#//scriptlet('a', 'b')", "ignored"},
        {"[$path=/x]example.org##.ad", "ignored"},
        {"a.example.org", "ignored"},
        {"a.example.org^", "ignored"},
        {"banner", "ignored"},
        {"*", "ignored"},
        {"@@", "ignored"},
        {"||", "ignored"},
        {"@@banner", "ignored"},
        {"||com^", "ignored"},
        {"@@||com^", "ignored"},
        {"||192.0.2.1^", "ignored"},
        {"||[2001:db8::1]^", "ignored"},
        /* To free the whole world from a list is not to block it. */
        {"@@||*^", "ignored"},
        {"@@||^", "ignored"},
        {"@@||^|", "ignored"},
        {"@@||*^|", "ignored"},
        {"@@|^|", "ignored"},
        {"@@|*^", "ignored"},
        {"@@|com^|", "ignored"},
        {"@@|", "ignored"},
        {"@@^|", "ignored"},
        {"@@|https://a.example.org^|", "ignored"},
        {"@@||a*.example.org^|", "ignored"},
        {"@@||a.example.org^||", "ignored"},
        {"|a.example.org^", "ignored"},
        {"|a.example.org^|", "ignored"},
    };

    (void)state;
    CHECK_SAID(&feed_format_adblock, &options, rows);
}

static void test_the_world(void **state)
{
    static const struct said rows[] = {
        {"||*^", "root"}, {"||^", "root"}, {"||.^", "root"}, {"||*.^", "root"}, {"||*.*^", "root"},
    };

    (void)state;
    CHECK_SAID(&feed_format_adblock, &options, rows);
}

static void test_bad_rows(void **state)
{
    static const struct said rows[] = {
        {"||bad name^", "bad"},          {"||a.example.org^ # a comment", "bad"},
        {"||a.example.org ^", "bad"},    {"||a.example.org^\t||b.example.org^", "bad"},
        {"||a\x01.example.org^", "bad"}, {"||a\\b.example.org^", "bad"},
        {"||a..example.org^", "bad"},    {"||a.\xff.example.org^", "bad"},
        {"@@||bad name^", "bad"},        {"@@||a..example.org^", "bad"},
        {"@@|a..example.org^|", "bad"},  {"0.0.0.0 a.example.org", "bad"},
        {"404: Not Found", "bad"},
    };

    (void)state;
    CHECK_SAID(&feed_format_adblock, &options, rows);
}

static void test_looks(void **state)
{
    static const struct {
        const char *line;
        bool looks;
    } cases[] = {
        {"||a.example.org^", true},   {"||a.example.org^$third-party", true},
        {"@@||a.example.org^", true}, {"[Adblock Plus 2.0]", true},
        {"example.org##.ad", true},   {"example.org#@#.ad", true},
        {"a.example.org", false},     {"||a.example.org", false},
        {"a#b@example.org", false},   {"0.0.0.0 a.example.org # x", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(feed_format_adblock.looks(view_of(cases[i].line)), cases[i].looks);
}

static void test_files(void **state)
{
    (void)state;
    check_cuts(&feed_format_adblock, &options,
               "\xef\xbb\xbf[Adblock Plus 2.0]\r\n! Entries: 2\r\n||a.example^\r\n##.ad\n"
               "||a b^\n@@||b.a.example^",
               "claim rows 2\n3 .a.example\n4 ignored\n"
               "5 bad: no rule holds a blank or a control character\n6 except all .b.a.example\n");
    check_longest(&feed_format_adblock, &options, "! ", "");
    check_longest(&feed_format_adblock, &options, "||a.example^$", "ignored");
    check_longest(&feed_format_adblock, &options, "||a.example ^", "bad");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),           cmocka_unit_test(test_comments),
        cmocka_unit_test(test_what_is_ignored), cmocka_unit_test(test_the_world),
        cmocka_unit_test(test_bad_rows),        cmocka_unit_test(test_looks),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests_name("feeds/adblock", tests, NULL, NULL);
}
