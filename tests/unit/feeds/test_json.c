/* json: arrays of every kind, those that are none, and that no way to cut the bytes changes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feeds/trace.h"

static const struct feed_options strings;
static const struct feed_options objects = {.field = "d"};

static void assert_said(const struct feed_options *options, struct view v, const char *expected)
{
    assert_trace_of_all_cuts(&feed_format_json, options, v, expected);
}

struct example {
    const char *bytes, *expected;
};

static void check(const struct feed_options *options, const struct example *examples, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_said(options, view_of(examples[i].bytes), examples[i].expected);
}

#define CHECK(options, examples) check(options, examples, sizeof(examples) / sizeof(examples)[0])

static void test_strings(void **state)
{
    static const struct example examples[] = {
        {"[]", ""},
        {"\xef\xbb\xbf \r\n[\n]\n\n", ""},
        {"[\"example.org\",\"a@example.com\",\".example.net\"]",
         "1 example.org\n1 a@example.com\n1 .example.net\n"},
        {"[\n  \"0-example.org\",\r\n  \"\\u0061.example\"\n,\t\" b.example \"\n]\r\n",
         "2 0-example.org\n3 a.example\n4 b.example\n"},
        {"[\"192.0.2.1\",\"*\"]", "1 ignored\n1 root\n"},
        {"[\"b\xc3\xbc"
         "cher.example\",\"b\\u00fccher.example\"]",
         "1 xn--bcher-kva.example\n1 xn--bcher-kva.example\n"},
        {"[\"\\\"a]b\\\"@example.org\",\"\\\"a,b\\\"@example.org\"]",
         "1 \"a]b\"@example.org\n1 \"a,b\"@example.org\n"},
    };

    (void)state;
    CHECK(&strings, examples);
}

/* Of each only what it is; the words of bad entries are the address room's. The row behind shows
 * that the array went on. */
static void test_bad_elements(void **state)
{
    static const char *const elements[] = {
        "\"synevde.example\\/\"", /* a slash, escaped as some do */
        "\"example.org\\\\\"",    /* ends in a backslash */
        "\"example.org\\\"\"",    /* */
        "\"example.org\\x\"",     /* no such escape */
        "\"exa\\u0000mple.org\"", /* */
        "\"exa\tmple.org\"",      /* a control byte as it is */
        "\"\xff.example.org\"",   /* */
        "\"\\ud800.example\"",    /* half of a pair */
        "\"]\"",
        "\",\"",
        "\"\"",
        "\" \"",
        "1",
        "-1.5e3",
        "true",
        "null",
        "example.org",
        "'example.org'",
        "foo\"bar\"",
        "[\"example.org\"]",
        "[[],{}]",
        "{}",
        "{\"d\":\"example.org\"}",
        "{\"d\":\"]}\\\"\"}",
        "{\"d\":\"example.org\"]",
        "}",
    };
    static const char next[] = "\n1 b.example\n";

    (void)state;
    for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++) {
        struct buf b = BUF_INIT(0);
        buf_addf(&b, "[%s,\"b.example\"]", elements[i]);
        for (size_t cut = 0; cut <= b.len; cut++) {
            struct buf got = trace(&feed_format_json, &strings, buf_view(&b), cut);
            assert_true(view_starts(buf_view(&got), "1 bad: "));
            assert_true(view_is(view_from(buf_view(&got), got.len - strlen(next)), next));
            assert_int_equal(view_find(buf_view(&got), '\n'), got.len - strlen(next));
            buf_free(&got);
        }
        buf_free(&b);
    }
}

static void test_nul(void **state)
{
    static const char inside[] = "[\"a\0b\",\"b.example\"]", between[] = "[\"b.example\"\0]";

    (void)state;
    assert_said(&strings, view_make(inside, sizeof inside - 1),
                "1 bad: not a value of JSON\n1 b.example\n");
    assert_said(&strings, view_make(between, sizeof between - 1),
                "1 b.example\n1 broken: no comma between two elements\n");
}

static void test_objects(void **state)
{
    static const struct example examples[] = {
        {"[{\"d\":\"example.org\"},\n{\"x\":[{\"d\":\"no.example\"}],\"d\":\"a@example.org\"}]",
         "1 example.org\n2 a@example.org\n"},
        {"[{\n\"d\":\n\"a.example\"\n},\n{\"D\":\"b.example\"}]",
         "1 a.example\n5 bad: an object without the member that field = names\n"},
        {"[{\"d\":7},{\"d\":null},{\"d\":[\"a.example\"]}]",
         "1 bad: the member that field = names is not a string\n"
         "1 bad: the member that field = names is not a string\n"
         "1 bad: the member that field = names is not a string\n"},
        {"[\"a.example\",{\"d\":\"\"},{\"d\":\"b.example\",\"d\":\"c.example\"}]",
         "1 bad: not an object\n1 bad: an empty string\n1 bad: an object with a member twice\n"},
        {"[{\"cidr\":\"192.0.2.0/24\"},{\"cidr\":\"192.0.2.0/24\",\"d\":\"a.example\"}]",
         "1 ignored\n1 a.example\n"},
        /* what a string holds is neither an object nor the end of one */
        {"[{\"x\":\"},{\\\"d\\\":\\\"no.example\\\"}\",\"d\":\"a.example\"}]", "1 a.example\n"},
    };

    (void)state;
    CHECK(&objects, examples);
    assert_said(&strings, view_of("[{\"d\":\"a.example\"}]"),
                "1 bad: an object; name the member with the entry in field =\n");
}

static void test_networks(void **state)
{
    static const struct feed_options cidr = {.field = "cidr"};

    (void)state;
    assert_said(&cidr, view_of("[{\"cidr\":\"192.0.2.0/24\"}]"), "1 ignored\n");
    assert_said(&strings, view_of("[{\"cidr\":\"192.0.2.0/24\"}]"), "1 ignored\n");
}

static void test_as_domains(void **state)
{
    static const struct feed_options domains = {.as_domains = true};

    (void)state;
    assert_said(&domains,
                view_of("[\"example.org\",\"*.example.com\",\".example.net\",\"localhost\",\"\"]"),
                "1 .example.org\n1 .example.com\n1 .example.net\n1 ignored\n"
                "1 bad: an empty string\n");
}

static void test_no_array(void **state)
{
    static const struct example examples[] = {
        {"", "1 broken: there is no array\n"},
        {" \n\n", "3 broken: there is no array\n"},
        {"{\"domains\":[\"a.example\"]}",
         "1 broken: an object, and not an array of entries (for an object a line: format = "
         "ndjson)\n"},
        {"\n<html>", "2 broken: not an array, which begins with [\n"},
        {"\"a.example\"", "1 broken: not an array, which begins with [\n"},
        {"# comment\n[]", "1 broken: not an array, which begins with [\n"},
        {"[\"a.example\"", "1 a.example\n1 broken: the array does not end\n"},
        {"[\"a.example\",\n", "1 a.example\n2 broken: the array does not end\n"},
        {"[\"a.example\",\"b.exam", "1 a.example\n1 broken: the array does not end\n"},
        {"[\"a.example\",\"b.example\\\"]", "1 a.example\n1 broken: the array does not end\n"},
        {"[\"a.example\",{\"d\":\"b.example\"", "1 a.example\n1 broken: the array does not end\n"},
        {"[\"a.example\",12", "1 a.example\n1 broken: the array does not end\n"},
        {"[", "1 broken: the array does not end\n"},
        {"[\"a.example\" \"b.example\"]", "1 a.example\n1 broken: no comma between two elements\n"},
        {"[\"a.example\"\n\n{}]", "1 a.example\n3 broken: no comma between two elements\n"},
        {"[\"a.example\",]", "1 a.example\n1 broken: a comma without an element behind it\n"},
        {"[,\"a.example\"]", "1 broken: a comma without an element before it\n"},
        {"[\"a.example\",,]", "1 a.example\n1 broken: a comma without an element before it\n"},
        {"[\"a.example\"]]", "1 a.example\n1 broken: something follows the array\n"},
        {"[\"a.example\"]\n[\"b.example\"]\n",
         "1 a.example\n2 broken: something follows the array\n"},
    };

    (void)state;
    CHECK(&strings, examples);
}

/* However much of a copy came: what came is listed, and that it is not all is told. */
static void test_every_copy_cut_short(void **state)
{
    const struct view whole = view_of("[\"a.example\" ,\n{\"x\":[1,\"]\"]}, \"b\\u002eexample\" ]");

    (void)state;
    for (size_t len = 0; len < whole.len; len++) {
        struct buf got = trace(&feed_format_json, &strings, view_first(whole, len), 0);
        assert_non_null(strstr(got.data, len == 0 ? "1 broken: there is no array\n"
                                                  : " broken: the array does not end\n"));
        buf_free(&got);
    }
    assert_said(&strings, whole,
                "1 a.example\n2 bad: an object; name the member with the entry in field =\n"
                "2 b.example\n");
}

static void test_metadata(void **state)
{
    static const struct example examples[] = {
        {"[{\"d\":\"a.example\"},\n{\"d\":8},\n"
         "{\"type\":\"metadata\",\"timestamp\":1700000000,\"size\":5,\"records\":2}\n]",
         "1 a.example\n2 bad: the member that field = names is not a string\n"
         "claim created 1700000000\n"},
        {"[{\"d\":\"a.example\"},{\"type\":\"metadata\",\"records\":2}]",
         "1 a.example\n1 broken: its metadata tell of 2 records, 1 came\n"},
        {"[{\"d\":\"a.example\"},{\"type\":\"metadata\"},{\"d\":\"b.example\"}]",
         "1 a.example\n1 broken: something follows its metadata\n"},
        {"[{\"d\":\"a.example\",\"type\":\"domain\"}]", "1 a.example\n"},
    };

    (void)state;
    CHECK(&objects, examples);
}

/* In pieces of PIECE bytes. */
static struct buf said_in_pieces(struct view bytes, size_t piece)
{
    struct buf got = BUF_INIT(0);
    struct feed_sink sink = TRACE_SINK(&got);
    struct feed_parser *p = feed_parser_new(&feed_format_json, &strings, &sink);

    for (; bytes.len > 0; bytes = view_from(bytes, piece))
        feed_parser_chunk(p, view_first(bytes, piece));
    feed_parser_end(p);
    buf_add_text(&got, "");
    return got;
}

static void assert_long(struct buf bytes, const char *expected)
{
    static const size_t pieces[] = {1, 1000, FEED_LINE_MAX, 1 << 24};

    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct buf got = said_in_pieces(buf_view(&bytes), pieces[i]);
        assert_string_equal(got.data, expected);
        buf_free(&got);
    }
    buf_free(&bytes);
}

static struct buf repeated(const char *head, const char *what, size_t times, const char *tail)
{
    struct buf b = BUF_INIT(0);

    buf_add_text(&b, head);
    for (size_t i = 0; i < times; i++)
        buf_add_text(&b, what);
    buf_add_text(&b, tail);
    return b;
}

static void test_long_and_deep_elements(void **state)
{
    static const char bad_then_next[] = "1 bad: is longer than 64 KiB\n1 b.example\n";
    const size_t max = FEED_LINE_MAX;

    (void)state;
    assert_long(repeated("[\"", "x", max - 1, "\",\"b.example\"]"), bad_then_next);
    assert_long(repeated("[\"", "\\\"", max, "\",\"b.example\"]"), bad_then_next);
    assert_long(repeated("[{\"a\":[", "0,", max, "0]},\"b.example\"]"), bad_then_next);
    assert_long(repeated("[", "1", max + 1, ",\"b.example\"]"), bad_then_next);
    assert_long(repeated("[\"", "x", 3 * max, "\"]"), "1 bad: is longer than 64 KiB\n");
    assert_long(repeated("[\"", "x", 3 * max, ""),
                "1 bad: is longer than 64 KiB\n1 broken: the array does not end\n");
    assert_long(repeated("", "[", 40 * max, ""),
                "1 bad: is longer than 64 KiB\n1 broken: the array does not end\n");

    struct buf deep = repeated("[", "[", 30000, "");
    for (size_t i = 0; i < 30000; i++)
        buf_add_text(&deep, "]");
    buf_add_text(&deep, ",\"b.example\"]");
    assert_long(deep, "1 bad: nested too deep\n1 b.example\n");
}

/* Real lists come as one line of megabytes. */
static void test_one_long_line(void **state)
{
    enum { TIMES = 200000 };
    struct buf bytes = repeated("[", "\"a.example\",", TIMES, "\"b.example\"]");
    struct buf expected = repeated("", "1 a.example\n", TIMES, "1 b.example\n");

    (void)state;
    struct buf got = said_in_pieces(buf_view(&bytes), 16384);
    assert_true(view_eq(buf_view(&got), buf_view(&expected)));
    buf_free(&got);
    buf_free(&bytes);
    buf_free(&expected);
}

static void test_looks(void **state)
{
    static const struct {
        const char *line;
        bool looks;
    } cases[] = {
        {"[", true},
        {"[\"example.org\",\"example.com\"]", true},
        {"[ \"example.org\"", true},
        {"[{\"d\":\"example.org\"},", true},
        {"\"example.org\",", true},
        {"{\"d\":\"example.org\"},", true},
        {"{\"d\":\"example.org\"}", false}, /* ndjson */
        {"[Adblock Plus 2.0]", false},
        {"[::1]", false},
        {"\"example.org\"", false},
        {"\"example.org\",\"x\",", false}, /* csv */
        {"\",", false},
        {"example.org", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(feed_format_json.looks(view_of(cases[i].line)), cases[i].looks);
    assert_ptr_equal(feed_format_guess(view_of("[\n  \"a.example\",\n  \"b.example\",\n  \"c.ex")),
                     &feed_format_json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),       cmocka_unit_test(test_bad_elements),
        cmocka_unit_test(test_nul),           cmocka_unit_test(test_objects),
        cmocka_unit_test(test_networks),      cmocka_unit_test(test_as_domains),
        cmocka_unit_test(test_no_array),      cmocka_unit_test(test_every_copy_cut_short),
        cmocka_unit_test(test_metadata),      cmocka_unit_test(test_long_and_deep_elements),
        cmocka_unit_test(test_one_long_line), cmocka_unit_test(test_looks),
    };
    return cmocka_run_group_tests_name("feeds/json", tests, NULL, NULL);
}
