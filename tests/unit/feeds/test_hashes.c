/* hashes: each digest in each spelling, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feeds/trace.h"

/* Digests of "jane@example.org". */
#define MD5    "18385ac57d9b171dc3fe83a5a92b68d9"
#define SHA1   "77baeb8633437c80bc3f06a7bcfbad66185ca14b"
#define SHA256 "13d855ce931073d4924ac377cda0e9a543908b9d6607727c8033d729c65eced6"
#define BASE32 "CPMFLTUTCBZ5JESKYN343IHJUVBZBC45MYDXE7EAGPLSTRS6Z3LA"

static void assert_said(const struct feed_options *options, const char *bytes, const char *expected)
{
    assert_trace_of_all_cuts(&feed_format_hashes, options, view_of(bytes), expected);
}

static void test_every_digest(void **state)
{
    static const struct feed_options options;

    (void)state;
    assert_said(&options,
                "\xef\xbb\xbf# hashes\r\n"
                "; more of them\r\n"
                "\r\n" MD5 "\r\n" SHA1 "\n  " SHA256 "\t \n" BASE32 "\n" BASE32 "====\n" SHA1
                " # the second time\n"
                "; Entries: 6",
                "4 " MD5 "\n5 " SHA1 "\n6 " SHA256 "\n7 " SHA256 "\n8 " SHA256 "\n9 " SHA1
                "\nclaim rows 6\n");
}

static void test_case_says_nothing(void **state)
{
    static const struct feed_options options;

    (void)state;
    assert_said(&options,
                "77BAEB8633437C80BC3F06A7BCFBAD66185CA14B\n"
                "cpmfltutcbz5jeskyn343ihjuvbzbc45mydxe7eagplstrs6z3la",
                "1 " SHA1 "\n2 " SHA256 "\n");
}

static void count_kind(const struct feed_row *row, void *arg)
{
    ++((unsigned *)arg)[row->kind];
}

/* A digest is printed alike whatever it was made of, so the trace does not show the kind. */
static void test_of(void **state)
{
    unsigned kinds[ENTRY_DOMAIN_HASH + 1] = {0};
    struct feed_sink sink = TRACE_SINK(kinds);
    struct feed_options options = {.of_domain = false};

    (void)state;
    sink.row = count_kind;
    for (unsigned i = 0; i < 2; i++) {
        options.of_domain = i > 0;
        struct feed_parser *p = feed_parser_new(&feed_format_hashes, &options, &sink);
        feed_parser_chunk(p, view_of(SHA1 "\n"));
        feed_parser_end(p);
    }
    assert_int_equal(kinds[ENTRY_ADDRESS_HASH], 1);
    assert_int_equal(kinds[ENTRY_DOMAIN_HASH], 1);
}

static void test_what_is_none(void **state)
{
    static const struct {
        const char *row, *expected;
    } cases[] = {
        {SHA256 SHA256, "1 ignored\n"}, /* as long as a SHA-512 */
        {"deadbeef", "1 ignored\n"},    /* a CRC-32 */
        {"0123456789abcdef", "1 ignored\n"},
        {"18385ac57d9b171dc3fe83a5a92b68d", "1 bad: "},                      /* one short */
        {MD5 "0", "1 bad: "},                                                /* one long */
        {"18385ac57d9b171dc3fe83a5a92b68dg", "1 bad: "},                     /* no digit */
        {"0x18385ac57d9b171dc3fe83a5a92b68d9", "1 bad: "},                   /* */
        {"CPMFLTUTCBZ5JESKYN343IHJUVBZBC45MYDXE7EAGPLSTRS6Z3L1", "1 bad: "}, /* not its alphabet */
        {"CPMFLTUTCBZ5JESKYN343IHJUVBZBC45MYDXE7EAGPLSTRS6Z3LB", "1 bad: "}, /* bits left over */
        {"CPMFLTUTCBZ5JESKYN343IHJUVBZBC45MYDXE7EAGPLSTRS6Z3L", "1 bad: "},  /* */
        {BASE32 "A", "1 bad: "},                                             /* */
        {BASE32 "==", "1 bad: "},                                            /* */
        {BASE32 "===A", "1 bad: "},                                          /* */
        {SHA1 ";419", "1 bad: "},                                            /* two columns */
        {SHA1 " 20120101", "1 bad: "},                                       /* */
        {SHA1 "," SHA1, "1 bad: "},                                          /* */
        {SHA1 "  jane@example.org", "1 bad: "},                              /* of sha1sum */
        {"sha1:" SHA1, "1 bad: "},                                           /* */
        {"jane@example.org", "1 bad: "},                                     /* */
        {"example.org", "1 bad: "},                                          /* */
        {"<html>", "1 bad: "},                                               /* */
    };
    static const struct feed_options options;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf got = trace(&feed_format_hashes, &options, view_of(cases[i].row), 0);
        assert_true(view_starts(buf_view(&got), cases[i].expected));
        assert_int_equal(view_find(buf_view(&got), '\n'), got.len - 1);
        buf_free(&got);
    }
}

static void test_looks(void **state)
{
    (void)state;
    assert_true(feed_format_hashes.looks(view_of(MD5)));
    assert_true(feed_format_hashes.looks(view_of(BASE32)));
    assert_false(feed_format_hashes.looks(view_of("example.org")));
    assert_false(feed_format_hashes.looks(view_of("deadbeef")));
    assert_ptr_equal(feed_format_guess(view_of("# of addresses\n" SHA1 "\n" SHA1 "\n")),
                     &feed_format_hashes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_digest), cmocka_unit_test(test_case_says_nothing),
        cmocka_unit_test(test_of),           cmocka_unit_test(test_what_is_none),
        cmocka_unit_test(test_looks),
    };
    return cmocka_run_group_tests_name("feeds/hashes", tests, NULL, NULL);
}
