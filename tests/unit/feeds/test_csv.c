/* csv: quoting by RFC 4180, headers, ragged rows, and that no way to cut the bytes changes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feeds/trace.h"

static const struct feed_options plain;

static void assert_said(const struct feed_options *options, const char *bytes, const char *expected)
{
    assert_trace_of_all_cuts(&feed_format_csv, options, view_of(bytes), expected);
}

struct example {
    const char *bytes, *expected;
};

static void check(const struct feed_options *options, const struct example *examples, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_said(options, examples[i].bytes, examples[i].expected);
}

#define CHECK(options, examples) check(options, examples, sizeof(examples) / sizeof(examples)[0])

static void test_quotes(void **state)
{
    static const struct example examples[] = {
        {"\"email\",\"reason\",\"first seen\"\n"
         "\"bob@example.org\",\"said \"\"hi\"\", left\",2024-01-02\n"
         "\"o'neil@example.org\",\"multi\nline\",2024-01-03\n"
         "ann@example.org,x,y\n",
         "2 bob@example.org\n3 o'neil@example.org\n5 ann@example.org\n"},
        /* a line in quotes is nobody's row */
        {"a@example.org,\"see\r\nb@example.org,x\r\n\"\r\nc@example.org\r\n",
         "1 a@example.org\n4 c@example.org\n"},
        {"a@example.org,\"# no comment\n# \"\nb@example.org", "1 a@example.org\n3 b@example.org\n"},
        {"\"\"\"a b\"\"@example.org\",x", "1 \"a b\"@example.org\n"},
        {"\"a@example.org\"", "1 a@example.org\n"},
        {" \"a@example.org\" ,\t\"x\"\t, \"y,z\"\n", "1 a@example.org\n"},
        {"\" a@example.org \",x\r\n", "1 a@example.org\n"},
        {"a@example.org,\"\"\r\n", "1 a@example.org\n"},
        {"a@example.org,\"\"\"\"\n", "1 a@example.org\n"},
        {"a@example.org,,\n", "1 a@example.org\n"},
    };

    (void)state;
    CHECK(&plain, examples);
}

static void test_bad_rows(void **state)
{
    static const struct example examples[] = {
        {"a@example.org,\"abc\"x\nb@example.org\n",
         "1 bad: text behind the quotes of a cell\n2 b@example.org\n"},
        {"a@example.org,x\"abc\"\nb@example.org\n",
         "1 bad: a quote in a cell without quotes around it\n2 b@example.org\n"},
        /* behind a closed cell a quote opens nothing */
        {"\"a@example.org\"x\",\nb@example.org\n",
         "1 bad: text behind the quotes of a cell\n2 b@example.org\n"},
        {"a@example.org,5\" disk\nb@example.org\n",
         "1 bad: a quote in a cell without quotes around it\n2 b@example.org\n"},
        {"a@example.org\n,x\n\"\",x\n \nb@example.org\n",
         "1 a@example.org\n2 bad: the cell is empty\n3 bad: the cell is empty\n5 b@example.org\n"},
        {"a@example.org\n\"192.0.2.1\",x\n*,x\n", "1 a@example.org\n2 ignored\n3 root\n"},
    };

    (void)state;
    CHECK(&plain, examples);
}

static void test_a_quote_that_does_not_end(void **state)
{
    static const struct example examples[] = {
        {"a@example.org\n\"b@example.org,x\nc@example.org,x\n",
         "1 a@example.org\n2 broken: a quote that begins here does not end\n"},
        {"\"", "1 broken: a quote that begins here does not end\n"},
        {"\"a@example.org\"\"", "1 broken: a quote that begins here does not end\n"},
        {"\"a@example.org\"\n", "1 a@example.org\n"},
    };

    (void)state;
    CHECK(&plain, examples);
}

static void test_nul(void **state)
{
    static const char bytes[] = "a@example.org\nb\0@example.org\n#\0\n\"c@example.org\",\"\0\n\"\n"
                                "d@example.org";
    struct view v = view_make(bytes, sizeof bytes - 1);

    (void)state;
    for (size_t cut = 0; cut <= v.len; cut++) {
        struct buf got = trace(&feed_format_csv, &plain, v, cut);
        assert_string_equal(got.data, "1 a@example.org\n2 bad: holds a NUL byte\n"
                                      "3 bad: holds a NUL byte\n4 bad: holds a NUL byte\n"
                                      "6 d@example.org\n");
        buf_free(&got);
    }
}

static void test_header_where_the_column_has_a_number(void **state)
{
    static const struct example examples[] = {
        {"Domain,Malware,Date added,Source\nexample.org,x,2024-09-01,y\n", "2 example.org\n"},
        {"e-mail address,x\na@example.org,y\n", "2 a@example.org\n"},
        {"\"email\",\"x\"\r\n\"a@example.org\",\"y\"\r\n", "2 a@example.org\n"},
        {"\xef\xbb\xbf"
         "email,x\r\na@example.org,y\r\n",
         "2 a@example.org\n"},
        /* none: the first row is one */
        {"\xef\xbb\xbf"
         "a@example.org,AC,20080327\r\nb@example.org,C,20080216\r\n",
         "1 a@example.org\n2 b@example.org\n"},
        {"192.0.2.1,x\nemail,x\n", "1 ignored\n2 email\n"},
        {"*,x\n", "1 root\n"},
        /* comments before it, and it once more where two files meet */
        {"# a list\n\n #too\nemail,x\na@example.org,y\nemail,x\r\nb@example.org,y\n",
         "5 a@example.org\n7 b@example.org\n"},
        {"email,x\na@example.org,y\nemail,z\n", "2 a@example.org\n3 email\n"},
    };

    (void)state;
    CHECK(&plain, examples);
    /* only the first row can be one */
    struct buf got =
        trace(&feed_format_csv, &plain, view_of("a@example.org\ne-mail address,x\n"), 0);
    assert_true(view_starts(buf_view(&got), "1 a@example.org\n2 bad: "));
    buf_free(&got);
}

static void test_column_by_number(void **state)
{
    static const struct feed_options third = {.column = "3"}, zero = {.column = "0"};
    static const struct example examples[] = {
        {"id,name,mail\n1,Ann,ann@example.org\n2,\"Bob, Jr\",bob@example.org\n",
         "2 ann@example.org\n3 bob@example.org\n"},
        {"1,Ann,ann@example.org\n2,Bob\n\n3\n4,,,\n5,Eve,eve@example.org,more\n",
         "1 ann@example.org\n2 bad: has no such column\n4 bad: has no such column\n"
         "5 bad: the cell is empty\n6 eve@example.org\n"},
        {"a list of mine\nid,name,mail\n", "1 bad: has no such column\n2 mail\n"},
    };

    (void)state;
    CHECK(&third, examples);
    assert_said(&zero, "a@example.org\n", "1 broken: no column named \"0\"\n");
}

static void test_column_by_name(void **state)
{
    static const struct feed_options named = {.column = "e-mail"};
    static const struct example examples[] = {
        {"id,e-mail\n1,a@example.org\n2\n", "2 a@example.org\n3 bad: has no such column\n"},
        {"# made by hand\r\nid, \"E-Mail\" ,x\r\n1,a@example.org,x\r\n", "3 a@example.org\n"},
        {"e-mail\na@example.org\ne-mail\nb@example.org\n", "2 a@example.org\n4 b@example.org\n"},
        {"id,mail\n1,a@example.org\n", "1 broken: no column named \"e-mail\"\n"},
        {"1,a@example.org\n\"2,b@example.org\n", "1 broken: no column named \"e-mail\"\n"},
        {"<html>\n<body>\n", "1 broken: no column named \"e-mail\"\n"},
        {"", ""},
        {"# nothing yet\n", ""},
    };

    (void)state;
    CHECK(&named, examples);
}

static void test_separators(void **state)
{
    static const struct feed_options semicolon = {.separator = ';'};
    static const struct feed_options tab = {.separator = '\t', .column = "2"};
    static const struct feed_options backslash = {.separator = '\\', .column = "2"};
    static const char tabs[] = "1\ta@example.org\tx\n \t b@example.org\n\tc@example.org\n"
                               "\"\t\"\t\"d@example.org\"\n";
    static const char of_tabs[] = "1 a@example.org\n2 b@example.org\n3 c@example.org\n"
                                  "4 d@example.org\n";

    (void)state;
    assert_said(
        &semicolon,
        "a@example.org;419\nb@example.org\n.c.@example.org;419\n\"d@example.org\";\"x;y\"\n",
        "1 a@example.org\n2 b@example.org\n3 .c.@example.org\n4 d@example.org\n");
    assert_said(&tab, tabs, of_tabs);
    assert_said(&backslash, "1\\a@example.org\\x\n\\b@example.org\n",
                "1 a@example.org\n2 b@example.org\n");
}

static void test_as_domains(void **state)
{
    static const struct feed_options domains = {.as_domains = true, .column = "2"};

    (void)state;
    assert_said(&domains,
                "Id,Domain\n1,example.org\n2,*.example.com\n3,.example.net\n4,localhost\n"
                "5,192.0.2.1\n6,\"\"\n",
                "2 .example.org\n3 .example.com\n4 .example.net\n5 ignored\n6 ignored\n"
                "7 bad: the cell is empty\n");
}

static void test_claims(void **state)
{
    (void)state;
    assert_said(&plain, "# Entries: 1,234\r\na@example.org\n# it's a \"list\nb@example.org\n",
                "claim rows 1234\n2 a@example.org\n4 b@example.org\n");
}

/* A text of LEN bytes that begins with HEAD, goes on with 'x' and ends with TAIL. */
static struct buf long_text(const char *head, size_t len, const char *tail)
{
    struct buf b = BUF_INIT(0);

    buf_add_text(&b, head);
    while (b.len + strlen(tail) < len)
        buf_add(&b, "x", 1);
    buf_add_text(&b, tail);
    return b;
}

static void assert_long(struct buf bytes, const char *expected)
{
    static const size_t cuts[] = {0, 1, 100, FEED_LINE_MAX - 1, FEED_LINE_MAX, FEED_LINE_MAX + 1};

    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        struct buf got = trace(&feed_format_csv, &plain, buf_view(&bytes), cuts[i]);
        assert_string_equal(got.data, expected);
        buf_free(&got);
    }
    buf_free(&bytes);
}

static void test_long_records(void **state)
{
    const size_t max = FEED_LINE_MAX;

    (void)state;
    assert_long(long_text("a@example.org,", max + 15, "\nb@example.org\n"),
                "1 a@example.org\n2 b@example.org\n");
    assert_long(long_text("a@example.org,", max + 16, "\nb@example.org\n"),
                "1 bad: is longer than 64 KiB\n2 b@example.org\n");
    assert_long(long_text("a@example.org,", max + 1, ""), "1 bad: is longer than 64 KiB\n");
    /* what stands in quotes is no row, however long it is */
    assert_long(long_text("a@example.org,\"\nx@example.org\n", 3 * max,
                          "\ny@example.org\n\"\nb@example.org\n"),
                "1 bad: is longer than 64 KiB\n6 b@example.org\n");
    assert_long(long_text("\"a@example.org,\n", 2 * max, "\nb@example.org\n"),
                "1 bad: is longer than 64 KiB\n"
                "1 broken: a quote that begins here does not end\n");
    assert_long(long_text("# ", 2 * max, "\nb@example.org\n"),
                "1 bad: is longer than 64 KiB\n2 b@example.org\n");
}

/* Nothing of a cell that is too long is taken for the whole of it. */
static void test_long_cells(void **state)
{
    static const struct feed_options domains = {.as_domains = true};
    struct buf bytes = long_text("a@example.org\n\"\"\"", 2 * ENTRY_MAX_BYTES, "@example.org\"\n");
    struct buf got = trace(&feed_format_csv, &plain, buf_view(&bytes), 0);

    (void)state;
    assert_true(view_starts(buf_view(&got), "1 a@example.org\n2 bad: "));
    buf_free(&got);
    got = trace(&feed_format_csv, &domains, buf_view(&bytes), 0);
    assert_non_null(strstr(got.data, "2 bad: "));
    buf_free(&got);
    buf_free(&bytes);
}

static void test_looks(void **state)
{
    static const struct {
        const char *line;
        bool looks;
    } cases[] = {
        {"\"a@example.org\",\"x\"", true},
        {"\"a@example.org\";\"x\";3", true},
        {"example.org,x,2024-09-01,y", true},
        {"a@example.org,x,y", true},
        {"a@example.org,A,20080327", false}, /* aper */
        {"a@example.org,20080327", false},   /* its cleared list */
        {"a@example.org", false},
        {"a@example.org;419", false},
        {"example.org", false},
        {"\"example.org\",", false}, /* of an array of JSON */
        {"\"example.org\"", false},
        {"[\"example.org\",\"example.com\"]", false},
        {"{\"a\":1,\"b\":2,\"c\":3}", false},
        {"a.example,b.example,c.example##.ad", false}, /* adblock */
        {"||example.org^$third-party,x,y", false},
        {"0.0.0.0 example.org", false},
        {"address=/example.org/,x,y", false},
        {"https://example.org/a,b,c", false},
        {"x,y,z", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(feed_format_csv.looks(view_of(cases[i].line)), cases[i].looks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_bad_rows),
        cmocka_unit_test(test_a_quote_that_does_not_end),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_header_where_the_column_has_a_number),
        cmocka_unit_test(test_column_by_number),
        cmocka_unit_test(test_column_by_name),
        cmocka_unit_test(test_separators),
        cmocka_unit_test(test_as_domains),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_long_records),
        cmocka_unit_test(test_long_cells),
        cmocka_unit_test(test_looks),
    };
    return cmocka_run_group_tests_name("feeds/csv", tests, NULL, NULL);
}
