/* Public suffixes: both sections, our own names, and never the list's implied "*". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "rcptguard/address.h"

static const char *const is_public[] = {
    "com",          "edu",         "co.uk",
    "ac.uk",        "co.jp",       "github.io",
    "netlify.app",  "pages.dev",   "my.id",
    "gov.cz",       "home.arpa",   "in-addr.arpa",
    "localhost",    "local",       "test",
    "unknowntld",   "xn--p1ai",    "xn--55qx5d.cn",
    "foo.ck",       "kawasaki.jp", "any.kawasaki.jp",
    "blogspot.com",
};

static const char *const is_not[] = {
    "example.com",       "example.org",       "gmail.com",         "example.co.uk",
    "example.github.io", "foo.unknowntld",    "a.foo.unknowntld",  "www.ck",
    "city.kawasaki.jp",  "example.home.arpa", "a.any.kawasaki.jp", "co.uk.example.com",
};

static void check(struct suffixes *s, struct view name, bool expected)
{
    if (suffixes_is_public(s, name) != expected)
        print_error("%.*s\n", (int)name.len, name.ptr);
    assert_int_equal(suffixes_is_public(s, name), expected);
}

static void test_names(void **state)
{
    for (size_t i = 0; i < sizeof is_public / sizeof *is_public; i++)
        check(*state, view_of(is_public[i]), true);
    for (size_t i = 0; i < sizeof is_not / sizeof *is_not; i++)
        check(*state, view_of(is_not[i]), false);
}

static void check_shared(struct suffixes *s, struct view name, bool expected)
{
    if (suffixes_is_shared(s, name) != expected)
        print_error("%.*s\n", (int)name.len, name.ptr);
    assert_int_equal(suffixes_is_shared(s, name), expected);
}

static void test_shared_hosts(void **state)
{
    static const char *const shared[] = {
        "netlify.app", "x.netlify.app",   "a.b.netlify.app",    "pages.dev",
        "x.pages.dev", "blogspot.com",    "a.blogspot.com",     "www.a.blogspot.com",
        "x.github.io", "x.myshopify.com", "x.s3.amazonaws.com", "x.vercel.app",
    };
    static const char *const own[] = {
        "example.com",
        "x.com",
        "foo.co.uk",
        "a.foo.co.uk",
        "co.uk",
        "com",
        "netlify",
        "app",
        "xnetlify.app",
        "netlify.app.com",
        "netlify.app.example",
        "pages.dev.example.org",
        "city.kawasaki.jp",
        "a.b.kawasaki.jp",
        "foo.unknowntld",
        "example.home.arpa",
        "github.io.example",
        "",
        ".",
        "a..b",
    };

    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
        check_shared(*state, view_of(shared[i]), true);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        check_shared(*state, view_of(own[i]), false);
}

static void test_views_need_no_nul(void **state)
{
    struct suffixes *s = *state;
    static char many[5000];

    assert_true(suffixes_is_public(s, view_make("co.ukx", 5)));
    assert_false(suffixes_is_public(s, view_make("co.uk\0.example", 14)));
    memset(many, 'a', sizeof many);
    assert_true(suffixes_is_public(s, view_make(many, sizeof many)));
    many[sizeof many - 4] = '.';
    assert_false(suffixes_is_public(s, view_make(many, sizeof many)));
    assert_true(suffixes_is_shared(s, view_make("a.pages.devx", 11)));
    assert_false(suffixes_is_shared(s, view_make("a.pages.dev\0.example", 20)));
    memcpy(many + sizeof many - 10, ".pages.dev", 10);
    assert_false(suffixes_is_shared(s, view_make(many, sizeof many))); /* no name of the DNS */
    assert_true(suffixes_is_shared(s, view_make(many + sizeof many - 253, 253)));
    assert_false(suffixes_is_shared(s, view_make(many + sizeof many - 254, 254)));
}

static void test_version(void **state)
{
    assert_true(strlen(suffixes_version(*state)) > 10);
    suffixes_free(NULL);
}

static int start(void **state)
{
    *state = suffixes_new();
    return *state == NULL ? -1 : 0;
}

static int stop(void **state)
{
    suffixes_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_shared_hosts),
        cmocka_unit_test(test_views_need_no_nul),
        cmocka_unit_test(test_version),
    };
    return cmocka_run_group_tests_name("address/suffixes", tests, start, stop);
}
