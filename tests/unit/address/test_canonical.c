/* The shared folding: which fault a domain has, and what a local part is worth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "address/canonical.h"
#include "rcptguard/address.h"

static void test_domain_faults(void **state)
{
    static const struct {
        const char *raw;
        enum domain_fault fault;
    } rows[] = {
        {"", DOMAIN_EMPTY},
        {".", DOMAIN_EMPTY},
        {"\xe3\x80\x82", DOMAIN_EMPTY},
        {"\xc2\xad", DOMAIN_EMPTY},
        {"..", DOMAIN_EMPTY_LABEL},
        {".a", DOMAIN_EMPTY_LABEL},
        {"a..b", DOMAIN_EMPTY_LABEL},
        {"a..", DOMAIN_EMPTY_LABEL},
        {"\xc3\xbc\xe3\x80\x82\xe3\x80\x82", DOMAIN_EMPTY_LABEL},
        {"\xfc.org", DOMAIN_NOT_UTF8},
        {"\xc3\xbc\xef\xbc\x8f.org", DOMAIN_NOT_IDN}, /* full-width slash */
        {"\xe2\x80\x8d.org", DOMAIN_NOT_IDN},         /* a joiner with nothing to join */
        {"[\xc3\xbc]", DOMAIN_NOT_IDN},
        {"[..]", DOMAIN_GOOD},
        {"a b", DOMAIN_GOOD}, /* ASCII is taken as it is; lists look closer */
    };
    char dst[64];
    struct domain d;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(domain_fold(view_of(rows[i].raw), dst, sizeof dst, &d), rows[i].fault);
}

static void test_domain_room(void **state)
{
    char dst[11], source[DOMAIN_IDN_MAX_BYTES + 8];
    struct domain d;
    (void)state;

    assert_int_equal(domain_fold(view_of("Example.Org."), dst, 11, &d), DOMAIN_GOOD);
    assert_true(view_is(d.name, "example.org"));
    assert_int_equal(d.dots, 1);
    assert_int_equal(domain_fold(view_of("example.org"), dst, 10, &d), DOMAIN_NO_ROOM);
    assert_int_equal(domain_fold(view_of("\xc3\xbc.org"), dst, 11, &d), DOMAIN_GOOD);
    assert_true(view_is(d.name, "xn--tda.org"));
    assert_int_equal(domain_fold(view_of("\xc3\xbc.org"), dst, 10, &d), DOMAIN_NO_ROOM);

    /* Soft hyphens are mapped to nothing, but only so many are looked at. */
    for (size_t i = 0; i < sizeof source; i += 2)
        memcpy(source + i, "\xc2\xad", 2);
    source[0] = source[1] = 'a';
    assert_int_equal(domain_fold(view_make(source, DOMAIN_IDN_MAX_BYTES), dst, 11, &d),
                     DOMAIN_GOOD);
    assert_true(view_is(d.name, "aa"));
    assert_int_equal(domain_fold(view_make(source, DOMAIN_IDN_MAX_BYTES + 2), dst, 11, &d),
                     DOMAIN_NOT_IDN);
}

static void test_local_parts(void **state)
{
    static const struct {
        const char *raw, *value, *written, *without_dots;
    } rows[] = {
        {"A.b", "A.b", "a.b", "ab"},
        {"\"A.b\"", "A.b", "a.b", "ab"},
        {"\"A.\\ b\"", "A. b", "\"a. b\"", "\"a b\""},
        {"...", "...", "...", "..."},
        {"\".\"", ".", ".", "."},
        {".\"", ".\"", "\".\\\"\"", "\"\\\"\""},
        {"\"\\\\\"", "\\", "\"\\\\\"", "\"\\\\\""},
        {"\"\\\"", "\"\\\"", "\"\\\"\\\\\\\"\"", "\"\\\"\\\\\\\"\""},
        {"", "", "", ""},
        {"\"\"", "", "", ""},
        {"\"", "\"", "\"\\\"\"", "\"\\\"\""},
    };
    char scratch[32], dst[64];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct view value = local_value(view_of(rows[i].raw), scratch);
        assert_true(view_is(value, rows[i].value));
        assert_true(view_is(view_make(dst, local_write(dst, value, false)), rows[i].written));
        assert_true(view_is(view_make(dst, local_write(dst, value, true)), rows[i].without_dots));
    }
}

static void test_unicode(void **state)
{
    static const struct {
        const char *name, *unicode;
    } rows[] = {
        {"xn--mller-kva.example", "m\xc3\xbcller.example"},
        {"a.xn--mller-kva.xn--p1ai", "a.m\xc3\xbcller.\xd1\x80\xd1\x84"},
        {"example.org", ""},
        {"axn--b.example", ""},
        {"xn--\xff.example", ""},
        {"xn--.example", ""},
        {"xn--99999999.example", ""},
    };
    char dst[DOMAIN_UNICODE_MAX_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_true(view_is(domain_unicode(view_of(rows[i].name), dst), rows[i].unicode));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_domain_faults),
        cmocka_unit_test(test_unicode),
        cmocka_unit_test(test_domain_room),
        cmocka_unit_test(test_local_parts),
    };
    return cmocka_run_group_tests_name("address/canonical", tests, NULL, NULL);
}
