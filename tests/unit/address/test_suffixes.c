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

static void check_registrable(struct suffixes *s, struct view name, const char *expected)
{
    struct view found = suffixes_registrable(s, name);

    if (!view_is(found, expected))
        fail_msg("%.*s: %.*s", (int)name.len, name.ptr, (int)found.len, found.ptr);
    /* A part of the name, so that nothing need be kept. */
    if (found.len > 0)
        assert_ptr_equal(found.ptr + found.len, name.ptr + name.len);
}

static void test_registrable(void **state)
{
    static const struct {
        const char *name, *registrable;
    } rows[] = {
        {"example.com", "example.com"},
        {"mail.example.com", "example.com"},
        {"a.b.c.example.co.uk", "example.co.uk"},
        {"example.edu", "example.edu"},
        /* The private section counts: neighbours there are strangers. */
        {"example.github.io", "example.github.io"},
        {"www.example.github.io", "example.github.io"},
        {"x.blogspot.com", "x.blogspot.com"},
        /* Ours, that the list lacks. */
        {"example.gov.cz", "example.gov.cz"},
        {"mail.example.gov.cz", "example.gov.cz"},
        {"printer.home.arpa", "printer.home.arpa"},
        {"a.printer.home.arpa", "printer.home.arpa"},
        /* Wildcards and their exceptions. */
        {"a.any.kawasaki.jp", "a.any.kawasaki.jp"},
        {"b.a.any.kawasaki.jp", "a.any.kawasaki.jp"},
        {"any.kawasaki.jp", ""},
        {"city.kawasaki.jp", "city.kawasaki.jp"},
        {"x.city.kawasaki.jp", "city.kawasaki.jp"},
        {"www.ck", "www.ck"},
        {"a.www.ck", "www.ck"},
        {"foo.ck", ""},
        {"a.foo.ck", "a.foo.ck"},
        /* The one-label rule, and never the implied "*" one label deeper. */
        {"foo.unknowntld", "foo.unknowntld"},
        {"a.b.foo.unknowntld", "foo.unknowntld"},
        {"xn--e1afmkfd.xn--p1ai", "xn--e1afmkfd.xn--p1ai"},
        {"a.example.xn--55qx5d.cn", "example.xn--55qx5d.cn"},
        {"co.uk.example.com", "example.com"},
        /* Who registers nothing. */
        {"com", ""},
        {"co.uk", ""},
        {"github.io", ""},
        {"gov.cz", ""},
        {"home.arpa", ""},
        {"localhost", ""},
        {"unknowntld", ""},
        {"[192.0.2.1]", ""},
        {"[ipv6:2001:db8::1]", ""},
        {"", ""},
        /* Not canonical, but nothing may break. */
        {".", "."},
        {"a..b", ".b"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_registrable(*state, view_of(rows[i].name), rows[i].registrable);
}

static void test_registrable_of_odd_names(void **state)
{
    struct suffixes *s = *state;
    static char many[1000];

    check_registrable(s, view_make("a.example.co.ukx", 15), "example.co.uk");
    check_registrable(s, view_make("co.uk\0.example", 14), "");
    for (size_t i = 0; i < sizeof many; i++)
        many[i] = i % 2 == 0 ? 'a' : '.';
    check_registrable(s, view_make(many, 253), "a.a");
    check_registrable(s, view_make(many, 255), ""); /* no name of the DNS */
    memcpy(many + 253 - 8, ".x.co.uk", 8);
    check_registrable(s, view_make(many, 253), "x.co.uk");
}

/* Where registries give out names, and not those whom they were given to. */
static void test_of_registry(void **state)
{
    static const struct {
        const char *name, *suffix;
    } rows[] = {
        {"mail.example.com", "com"},
        {"example.co.uk", "co.uk"},
        {"co.uk", "co.uk"},
        {"me.github.io", "io"},
        {"github.io", "io"},
        {"x.blogspot.com", "com"},
        {"a.b.unknowntld", "unknowntld"},
        {"single", "single"},
        {"any.kawasaki.jp", "any.kawasaki.jp"},
        {"a.city.kawasaki.jp", "kawasaki.jp"},
        {"", ""},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct view name = view_of(rows[i].name), found = suffixes_of_registry(*state, name);
        if (!view_is(found, rows[i].suffix))
            fail_msg("%s: %.*s", rows[i].name, (int)found.len, found.ptr);
    }
}

/* UBSan looks on: there is no name that could be copied. */
static void test_no_name(void **state)
{
    assert_true(view_is(suffixes_of_registry(*state, VIEW_NONE), ""));
    assert_true(view_is(suffixes_registrable(*state, VIEW_NONE), ""));
    assert_false(suffixes_is_shared(*state, VIEW_NONE));
    assert_true(suffixes_is_public(*state, VIEW_NONE));
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

static void test_covered(void **state)
{
    static const struct {
        enum entry_kind kind;
        const char *name;
        bool covered;
    } table[] = {
        {ENTRY_TREE, "amazonaws.com", true}, /* s3.amazonaws.com */
        {ENTRY_BELOW, "amazonaws.com", true},
        {ENTRY_DOMAIN, "amazonaws.com", false},
        {ENTRY_ADDRESS, "u@amazonaws.com", false},
        {ENTRY_TREE, "x.amazonaws.com", false},
        {ENTRY_TREE, "yamazonaws.com", false},
        {ENTRY_TREE, "kuleuven.be", true},
        {ENTRY_DOMAIN, "kuleuven.be", false},
        {ENTRY_DOMAIN, "co.uk", true},
        {ENTRY_TREE, "co.uk", true},
        {ENTRY_TREE, "com", true},
        {ENTRY_TREE, "example.org", false},
        {ENTRY_BELOW, "kawasaki.jp", true},
        {ENTRY_TREE, "city.kawasaki.jp", false},
        {ENTRY_TREE, "xn--stfold-9xa.no", true},
        {ENTRY_DOMAIN_HASH, "co.uk", false},
        {ENTRY_ADDRESS_HASH, "co.uk", false},
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct view name = view_of(table[i].name);
        if (suffixes_covered(*state, table[i].kind, name) != table[i].covered)
            fail_msg("%s: kind %d", table[i].name, (int)table[i].kind);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),        cmocka_unit_test(test_covered),
        cmocka_unit_test(test_shared_hosts), cmocka_unit_test(test_views_need_no_nul),
        cmocka_unit_test(test_registrable),  cmocka_unit_test(test_registrable_of_odd_names),
        cmocka_unit_test(test_of_registry),  cmocka_unit_test(test_no_name),
        cmocka_unit_test(test_version),
    };
    return cmocka_run_group_tests_name("address/suffixes", tests, start, stop);
}
