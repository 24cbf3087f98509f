/* Entries: what each form means, what is refused, and with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "rcptguard/address.h"

static const struct address_options usual = {"+", true};

static const char *printed(const struct entry *e)
{
    static char line[3 * ENTRY_MAX_BYTES];
    struct text t = text_on(line, sizeof line);

    entry_print(&t, e->kind, e->key);
    return line;
}

struct good_row {
    const char *what, *printed;
    enum entry_kind kind;
};

static void check_good(const struct good_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct entry e, again;
        struct error why = {0};
        enum entry_result result = entry_parse(view_of(rows[i].what), &usual, &e, &why);
        if (result != ENTRY_GOOD)
            print_error("%s: %d, %s\n", rows[i].what, (int)result, why.text);
        assert_int_equal(result, ENTRY_GOOD);
        assert_int_equal(e.kind, rows[i].kind);
        assert_string_equal(printed(&e), rows[i].printed);
        assert_int_equal(entry_parse(view_of(printed(&e)), &usual, &again, &why), ENTRY_GOOD);
        assert_int_equal(again.kind, e.kind);
        assert_true(view_eq(again.key, e.key));
        assert_int_equal(entry_parse_address(view_of(rows[i].what), &usual, &again, &why),
                         e.kind == ENTRY_ADDRESS ? ENTRY_GOOD : ENTRY_BAD);
    }
}

static void test_four_kinds(void **state)
{
    static const struct good_row rows[] = {
        {"jane@example.org", "jane@example.org", ENTRY_ADDRESS},
        {"example.org", "example.org", ENTRY_DOMAIN},
        {"@example.org", "example.org", ENTRY_DOMAIN},
        {"*@example.org", "example.org", ENTRY_DOMAIN},
        {".example.org", ".example.org", ENTRY_TREE},
        {"*.example.org", "*.example.org", ENTRY_BELOW},
        {"*@*.example.org", "*.example.org", ENTRY_BELOW},
        /* Single labels are for the guards of feeds to drop. */
        {"com", "com", ENTRY_DOMAIN},
        {".com", ".com", ENTRY_TREE},
        {"*.com", "*.com", ENTRY_BELOW},
        {"@localhost", "localhost", ENTRY_DOMAIN},
        {"root@localhost", "root@localhost", ENTRY_ADDRESS},
    };
    (void)state;
    check_good(rows, sizeof rows / sizeof *rows);
}

static void test_folding(void **state)
{
    static const struct good_row rows[] = {
        {" \tJane.Doe@Example.ORG.\r", "jane.doe@example.org", ENTRY_ADDRESS},
        {"Example.ORG.", "example.org", ENTRY_DOMAIN},
        {"*@Example.ORG.", "example.org", ENTRY_DOMAIN},
        {".Example.ORG.", ".example.org", ENTRY_TREE},
        {"*.Example.ORG.", "*.example.org", ENTRY_BELOW},
        {"b\xc3\xbc\x63her.example", "xn--bcher-kva.example", ENTRY_DOMAIN},
        {"*.B\xc3\x9c\x43HER\xe3\x80\x82"
         "example\xe3\x80\x82",
         "*.xn--bcher-kva.example", ENTRY_BELOW},
        {"J\xc3\x96rg@b\xc3\xbc\x63her.example", "j\xc3\x96rg@xn--bcher-kva.example",
         ENTRY_ADDRESS},
        {"j\xf6rg@example.org", "j\xf6rg@example.org", ENTRY_ADDRESS},
        {"_spf.a_b.example", "_spf.a_b.example", ENTRY_DOMAIN},
        {"xn--zzzzzzzz99999.org", "xn--zzzzzzzz99999.org", ENTRY_DOMAIN},
        /* Tags are never cut. */
        {"user+x@example.org", "user+x@example.org", ENTRY_ADDRESS},
        {"a.b+x.y@GoogleMail.com", "ab+xy@gmail.com", ENTRY_ADDRESS},
        {"..@googlemail.com", "..@gmail.com", ENTRY_ADDRESS},
        {"a.b@mail.gmail.com", "a.b@mail.gmail.com", ENTRY_ADDRESS},
        /* As a domain it stays as written. */
        {"googlemail.com", "googlemail.com", ENTRY_DOMAIN},
        {".googlemail.com", ".googlemail.com", ENTRY_TREE},
        {"user@[192.0.2.1]", "user@[192.0.2.1]", ENTRY_ADDRESS},
        {"User@[IPv6:2001:DB8::1]", "user@[ipv6:2001:db8::1]", ENTRY_ADDRESS},
        {"user@192.0.2.1", "user@192.0.2.1", ENTRY_ADDRESS},
    };
    static const struct address_options plain = {"+", false};
    struct entry e;
    (void)state;
    check_good(rows, sizeof rows / sizeof *rows);
    assert_int_equal(entry_parse(view_of("a.b@googlemail.com"), &plain, &e, NULL), ENTRY_GOOD);
    assert_string_equal(printed(&e), "a.b@googlemail.com");
}

/* Local parts as real lists hold them, RFC or not. */
static void test_odd_local_parts(void **state)
{
    static const struct good_row rows[] = {
        {".foo..bar.@example.org", ".foo..bar.@example.org", ENTRY_ADDRESS},
        {"..@example.org", "..@example.org", ENTRY_ADDRESS},
        {".com@example.org", ".com@example.org", ENTRY_ADDRESS},
        {"-help@example.org", "-help@example.org", ENTRY_ADDRESS},
        {"+12025550100@example.org", "+12025550100@example.org", ENTRY_ADDRESS},
        {"prvs=1234abcd=o'neil@example.org", "prvs=1234abcd=o'neil@example.org", ENTRY_ADDRESS},
        {"what?^%/x#y@example.org", "what?^%/x#y@example.org", ENTRY_ADDRESS},
        {"0@0.example.org", "0@0.example.org", ENTRY_ADDRESS},
        {"\"a b\"@example.org", "\"a b\"@example.org", ENTRY_ADDRESS},
        {"\"A@b\"@example.org", "\"a@b\"@example.org", ENTRY_ADDRESS},
        {"\"user\"@example.org", "user@example.org", ENTRY_ADDRESS},
        {"\"a\\\"b\\\\c,;:<>()[]\"@example.org", "\"a\\\"b\\\\c,;:<>()[]\"@example.org",
         ENTRY_ADDRESS},
        {"\"a\tb\"@example.org", "\"a\tb\"@example.org", ENTRY_ADDRESS},
        /* Never the whole domain, and printed so that it cannot be read as that. */
        {"\"*\"@example.org", "\"*\"@example.org", ENTRY_ADDRESS},
        {"\"a*b\"@example.org", "\"a*b\"@example.org", ENTRY_ADDRESS},
        {"\"a *\"@example.org", "\"a *\"@example.org", ENTRY_ADDRESS},
    };
    (void)state;
    check_good(rows, sizeof rows / sizeof *rows);
}

static void test_root_and_ignored(void **state)
{
    static const char *const root[] = {
        "*",  ".",  "@",   "*@*", "*.",    "*@*.",         "*@",
        "@*", "@.", "*.*", "..",  "*@*.*", "\xe3\x80\x82", "@\xe3\x80\x82"};
    static const char *const ignored[] = {"192.0.2.1",
                                          "192.0.2.1.",
                                          "192.0.2.1:25",
                                          "0.0.0.0",
                                          "255.255.255.255",
                                          "::",
                                          "::1",
                                          "1::",
                                          "2001:db8::1",
                                          "2001:DB8:0:0:1:2:3:4",
                                          "::ffff:192.0.2.1",
                                          "fe80::1%lo0",
                                          "[192.0.2.1]",
                                          "[192.0.2.1]:25",
                                          "[::1]",
                                          "[::1]:25",
                                          "[IPv6:2001:db8::1]",
                                          "@[192.0.2.1]",
                                          "*@[IPv6:::1]",
                                          "@192.0.2.1",
                                          "192\xe3\x80\x82"
                                          "0.2.1",
                                          ".192.0.2.1",
                                          "*.192.0.2.1"};
    struct entry e;
    (void)state;
    for (size_t i = 0; i < sizeof root / sizeof *root; i++)
        assert_int_equal(entry_parse(view_of(root[i]), &usual, &e, NULL), ENTRY_ROOT);
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) {
        enum entry_result result = entry_parse(view_of(ignored[i]), &usual, &e, NULL);
        if (result != ENTRY_IGNORED)
            print_error("%s: %d\n", ignored[i], (int)result);
        assert_int_equal(result, ENTRY_IGNORED);
        assert_int_equal(entry_parse_address(view_of(ignored[i]), &usual, &e, NULL), ENTRY_BAD);
    }
    assert_int_equal(entry_parse_address(view_of("*@*"), &usual, &e, NULL), ENTRY_BAD);
}

/* The words name the remedy: SAYS must be in them. */
static void test_bad_rows(void **state)
{
    static const struct {
        const char *what, *says;
    } rows[] = {
        {"", "nothing is there"},
        {" \t", "nothing is there"},
        /* Patterns. */
        {"techliance.*", "*.domain"},
        {"*word*", "*.domain"},
        {"a*.example.org", "*.domain"},
        {"*example.org", "*.domain"},
        {"*.*.example.org", "*.domain"},
        {"spam*@example.org", "\"a*b\"@example.org"},
        {"user@*.example.org", "*.domain"},
        {"user@*", "*.domain"},
        {"*@ex*mple.org", "*.domain"},
        {"*@.example.org", "write .domain"},
        {"@.example.org", "write .domain"},
        {"@*.example.org", "*.domain"},
        /* Names. */
        {"a.b/", "domain name alone"},
        {"example.org/path", "domain name alone"},
        {"https://example.org/", "domain name alone"},
        {"192.0.2.0/24", "domain name alone"},
        {"example.org:25", "domain name alone"},
        {"a\\b", "letters, digits"},
        {"a b", "space"},
        {"example.org REJECT", "space"},
        {"example.org,A", "letters, digits"},
        {"exa\x01mple.org", "letters, digits"},
        {"a..b", "two dots"},
        {"..example.org", "two dots"},
        {"*..example.org", "two dots"},
        {"example.org..", "two dots"},
        {"user@.example.org", "two dots"},
        {"b\xfc"
         "cher.example",
         "not UTF-8"},
        {"b\xc3\xbc-.example", "internationalized"},
        {"[example.org]", "letters, digits"},
        {"192.0.2.1:99999", "domain name alone"},
        {"||example.org^", "letters, digits"},
        {"user@", "no domain"},
        {"user@.", "no domain"},
        {"user@exa mple.org", "space"},
        {"user@[exa mple]", "space"},
        {"user@[]", "letters, digits"},
        {"user@example.org;419", "letters, digits"},
        /* Local parts. */
        {"\"\"@example.org", "empty local part"},
        {"a@@example.org", "two @"},
        {"info@example.com@example.org", "two @"},
        {"a b@example.org", "quote the local part"},
        {"grep jane@example.org", "quote the local part"},
        {"\"Jane Doe\" <jane@example.org>", "display name"},
        {"Jane <jane@example.org>", "display name"},
        {"<jane@example.org>", "display name"},
        {"jane@example.org>", "display name"},
        {"mailto:jane@example.org", "mailto:"},
        {"MAILTO:jane@example.org", "mailto:"},
        {"a\tb@example.org", "control character"},
        {"a\x7f@example.org", "control character"},
        {"a,b@example.org", "one address a row"},
        {"a;b@example.org", "one address a row"},
        {"a:b@example.org", "must be quoted"},
        {"a>b@example.org", "must be quoted"},
        {"a(b)@example.org", "must be quoted"},
        {"a)@example.org", "must be quoted"},
        {"[a@example.org", "must be quoted"},
        {"a]@example.org", "must be quoted"},
        {"a\\b@example.org", "must be quoted"},
        {"\"a b@example.org", "whole local part"},
        {"\"a\"b\"@example.org", "whole local part"},
        {"\"a\\\"@example.org", "whole local part"},
        {"a\"b@example.org", "whole local part"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct entry e;
        struct error why = {0};
        enum entry_result result = entry_parse(view_of(rows[i].what), &usual, &e, &why);
        if (result != ENTRY_BAD || strstr(why.text, rows[i].says) == NULL)
            print_error("%s: %d, %s\n", rows[i].what, (int)result, why.text);
        assert_int_equal(result, ENTRY_BAD);
        assert_int_equal(why.code, ERR_SYNTAX);
        assert_non_null(strstr(why.text, rows[i].says));
    }
}

static void test_lengths(void **state)
{
    static char what[ENTRY_MAX_BYTES + 2];
    struct entry e;
    struct error why;
    (void)state;

    memset(what, 'a', sizeof what);
    memcpy(what + ENTRY_MAX_BYTES - 4, "@d.x", 4);
    assert_int_equal(entry_parse(view_make(what, ENTRY_MAX_BYTES), &usual, &e, &why), ENTRY_GOOD);
    assert_int_equal(e.key.len, ENTRY_MAX_BYTES);
    assert_int_equal(entry_parse(view_make(what, ENTRY_MAX_BYTES + 1), &usual, &e, &why),
                     ENTRY_BAD);

    /* Everything escaped, and all of it must come through. */
    for (size_t i = 1; i < ENTRY_MAX_BYTES - 5; i++)
        what[i] = i % 2 == 1 ? '\\' : '"';
    what[0] = what[ENTRY_MAX_BYTES - 5] = '"';
    what[ENTRY_MAX_BYTES - 6] = 'a';
    what[ENTRY_MAX_BYTES - 7] = 'a';
    assert_int_equal(entry_parse(view_make(what, ENTRY_MAX_BYTES), &usual, &e, &why), ENTRY_GOOD);
    assert_int_equal(e.key.len, ENTRY_MAX_BYTES);

    /* Spaces inside quotes, and an IDN that grows: whatever is said, nothing is overrun. */
    memset(what, '@', sizeof what);
    what[0] = what[ENTRY_MAX_BYTES - 6] = '"';
    memcpy(what + ENTRY_MAX_BYTES - 5, "@\xc3\xbc.x", 5);
    assert_int_equal(entry_parse(view_make(what, ENTRY_MAX_BYTES), &usual, &e, &why), ENTRY_GOOD);
    assert_true(view_eq(view_from(e.key, e.key.len - 10), view_of("@xn--tda.x")));
}

static void test_domain_entries(void **state)
{
    struct entry e;
    struct error why;
    (void)state;

    assert_int_equal(entry_parse_domain(view_of("B\xc3\xbc.Example."), ENTRY_TREE, &e, &why),
                     ENTRY_GOOD);
    assert_string_equal(printed(&e), ".xn--b-eha.example");
    assert_int_equal(entry_parse_domain(view_of("com"), ENTRY_BELOW, &e, &why), ENTRY_GOOD);
    assert_string_equal(printed(&e), "*.com");
    assert_int_equal(entry_parse_domain(view_of("."), ENTRY_TREE, &e, &why), ENTRY_ROOT);
    assert_int_equal(entry_parse_domain(view_of(""), ENTRY_TREE, &e, &why), ENTRY_ROOT);
    assert_int_equal(entry_parse_domain(view_of("*"), ENTRY_TREE, &e, &why), ENTRY_ROOT);
    assert_int_equal(entry_parse_domain(view_of("192.0.2.1"), ENTRY_TREE, &e, &why), ENTRY_IGNORED);
    assert_int_equal(entry_parse_domain(view_of("a@b"), ENTRY_TREE, &e, &why), ENTRY_BAD);
    assert_int_equal(entry_parse_domain(view_of(".example.org"), ENTRY_TREE, &e, &why), ENTRY_BAD);
}

/* `why` may be NULL everywhere. */
static void test_without_why(void **state)
{
    struct entry e;
    (void)state;
    assert_int_equal(entry_parse(view_of("a b@c"), &usual, &e, NULL), ENTRY_BAD);
    assert_int_equal(entry_parse(VIEW_NONE, &usual, &e, NULL), ENTRY_BAD);
}

/* A blank in front goes the long way: both ways are one. */
static void test_the_short_way_is_the_long_way(void **state)
{
    static const char *const parts[] = {
        "a",   "A1",        ".", "..",   "@", "*",        "-", "_", "gmail.com", "GoogleMail.com",
        "x.y", "192.0.2.7", "#", "+",    "'", "\xc3\xbc", "[", " ", "/",         "example.org",
        "\"",  ":",         "%", "xn--", "."};
    const struct address_options some[] = {{"+", true}, {"", false}};
    uint32_t seed = 1;
    (void)state;

    for (int i = 0; i < 200000; i++) {
        char longer[256] = " ";
        struct text t = text_on(longer + 1, sizeof longer - 1);
        struct entry a, b;
        for (int k = 0; k < 5; k++) {
            seed = seed * 1664525u + 1013904223u;
            if ((seed >> 29) != 0)
                text_add(&t, parts[(seed >> 12) % (sizeof parts / sizeof parts[0])]);
        }
        const struct address_options *o = &some[i & 1];
        enum entry_result short_way = entry_parse(view_of(longer + 1), o, &a, NULL);
        enum entry_result long_way = entry_parse(view_of(longer), o, &b, NULL);
        if (short_way != long_way ||
            (short_way == ENTRY_GOOD && (a.kind != b.kind || !view_eq(a.key, b.key))))
            fail_msg("'%s'", longer + 1);
        /* So does a dot at the end of a domain. */
        if (short_way != ENTRY_GOOD || t.len == 0 || !ascii_alnum(longer[t.len]))
            continue;
        text_add(&t, ".");
        if (entry_parse(view_of(longer + 1), o, &b, NULL) != ENTRY_GOOD || a.kind != b.kind ||
            !view_eq(a.key, b.key))
            fail_msg("'%s'", longer + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_four_kinds),
        cmocka_unit_test(test_folding),
        cmocka_unit_test(test_odd_local_parts),
        cmocka_unit_test(test_root_and_ignored),
        cmocka_unit_test(test_bad_rows),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_domain_entries),
        cmocka_unit_test(test_the_short_way_is_the_long_way),
        cmocka_unit_test(test_without_why),
    };
    return cmocka_run_group_tests_name("address/entry", tests, NULL, NULL);
}
