/* ndjson: rows, and the metadata behind them that tell whether a piece is missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feeds/trace.h"

static const struct feed_options strings;
static const struct feed_options objects = {.field = "email"};

static void assert_said(const struct feed_options *options, struct view v, const char *expected)
{
    assert_trace_of_all_cuts(&feed_format_ndjson, options, v, expected);
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

static void test_objects(void **state)
{
    static const struct example examples[] = {
        {"{\"email\":\"a@example.org\",\"ts\":1}\n{\"ts\":2,\"email\":\".example.net\"}",
         "1 a@example.org\n2 .example.net\n"},
        {"\xef\xbb\xbf{\"email\":\"a@example.org\"}\r\n\r\n# more\r\n \t{\"email\":\"*\"} \r\n",
         "1 a@example.org\n4 root\n"},
        {"{\"mail\":\"a@example.org\"}\n\"b@example.org\"\n[\"c@example.org\"]\n{}\n",
         "1 bad: an object without the member that field = names\n2 bad: not an object\n"
         "3 bad: not an object\n4 bad: an object without the member that field = names\n"},
        {"{\"email\":\"a@example.org\"\n{\"email\":\"b@example.org\"},\nc@example.org\n",
         "1 bad: not a value of JSON\n2 bad: not a value of JSON\n3 bad: not a value of JSON\n"},
        {"{\"email\":\"a@example.org\",\"email\":\"b@example.org\"}\n",
         "1 bad: an object with a member twice\n"},
        {"{\"email\":\"a\\u0000@example.org\"}\n{\"email\":\"\xff@example.org\"}\n",
         "1 bad: holds a NUL character\n2 bad: not UTF-8\n"},
        {"{\"cidr\":\"192.0.2.0/24\",\"sblid\":\"SBL1\"}\n", "1 ignored\n"},
        {"", ""},
    };

    (void)state;
    CHECK(&objects, examples);
}

static void test_strings(void **state)
{
    static const struct example examples[] = {
        {"\"a@example.org\"\r\n \"\\u0062.example\"\n", "1 a@example.org\n2 b.example\n"},
        {"\"a@example.org\", \"b\"\n", "1 bad: not a value of JSON\n"},
        {"{\"email\":\"a@example.org\"}\n12\n",
         "1 bad: an object; name the member with the entry in field =\n2 bad: not a string\n"},
        {"{\"cidr\":\"192.0.2.0/24\"}\n", "1 ignored\n"},
    };

    (void)state;
    CHECK(&strings, examples);
    struct buf got =
        trace(&feed_format_ndjson, &strings, view_of("\"a@example.org\"\n\"b.example\\/\"\n"), 0);
    assert_true(view_starts(buf_view(&got), "1 a@example.org\n2 bad: "));
    buf_free(&got);
}

static void test_as_domains(void **state)
{
    static const struct feed_options domains = {.as_domains = true, .field = "d"};

    (void)state;
    assert_said(&domains,
                view_of("{\"d\":\"example.org\"}\n{\"d\":\"*.example.com\"}\n{\"d\":\"\"}"),
                "1 .example.org\n2 .example.com\n3 bad: an empty string\n");
}

#define A      "{\"email\":\"a@example.org\"}" /* 25 bytes */
#define A_SAID "1 a@example.org\n"
#define META   "{\"type\":\"metadata\","

static void test_metadata(void **state)
{
    static const struct example examples[] = {
        {A "\n" A "\n" META "\"timestamp\":1784798042,\"size\":52,\"records\":2}\n",
         A_SAID "2 a@example.org\nclaim created 1784798042\n"},
        /* the last line end is not of the body for everybody */
        {A "\n" A "\n" META "\"size\":51,\"records\":2}", A_SAID "2 a@example.org\n"},
        {A "\r\n" META "\"size\":27,\"records\":1}\r\n", A_SAID},
        {A "\r\n" META "\"size\":25,\"records\":1}\r\n", A_SAID},
        {"\xef\xbb\xbf" A "\n" META "\"size\":26,\"records\":1}\n", A_SAID},
        {META "\"size\":0,\"records\":0}\n", ""},
        {META "\"copyright\":\"(c)\"}\n", ""},
        {A "\n" META "\"copyright\":\"(c)\"}\n", A_SAID},
        /* a row that is bad is a record; blanks and comments are none */
        {A "\n\n# x\n[]\n" META "\"records\":2}\n", A_SAID "4 bad: not an object\n"},
        /* a piece is missing, or too much there */
        {A "\n" META "\"size\":52,\"records\":2}\n",
         A_SAID "2 broken: its metadata tell of 2 records, 1 came\n"},
        {A "\n" META "\"size\":27,\"records\":1}\n",
         A_SAID "2 broken: its metadata tell of 27 bytes, 26 came\n"},
        {A "\n" META "\"size\":23,\"records\":1}\n",
         A_SAID "2 broken: its metadata tell of 23 bytes, 26 came\n"},
        {A "\n" META "\"records\":0}\n",
         A_SAID "2 broken: its metadata tell of 0 records, 1 came\n"},
        {A "\n" META "\"records\":\"1\"}\n",
         A_SAID "2 broken: its metadata tell no number of records\n"},
        {A "\n" META "\"size\":-1,\"records\":1}\n",
         A_SAID "2 broken: its metadata tell no number of bytes\n"},
        /* nothing may follow, and what does is not listed */
        {A "\n" META "\"records\":1}\n\n{\"email\":\"b@example.org\"}\n" A "\n",
         A_SAID "4 broken: something follows its metadata\n"},
        {A "\n" META "\"records\":1}\n" META "\"records\":2}\n",
         A_SAID "3 broken: something follows its metadata\n"},
        {META "\"records\":1}\n" A "\n", "1 broken: its metadata tell of 1 records, 0 came\n"},
        /* metadata by its type only */
        {"{\"email\":\"a@example.org\",\"type\":\"email\",\"records\":7}\n", A_SAID},
    };

    (void)state;
    CHECK(&objects, examples);
}

/* Lines that the parser is not shown are records all the same. */
static void test_metadata_behind_lines_that_are_none(void **state)
{
    static const char nul[] = A "\n{\0}\n" META "\"size\":30,\"records\":2}\n";
    struct buf b = BUF_INIT(0);

    (void)state;
    assert_said(&objects, view_make(nul, sizeof nul - 1), A_SAID "2 bad: holds a NUL byte\n");

    for (size_t i = 0; i < FEED_LINE_MAX + 1; i++)
        buf_add_text(&b, "x");
    buf_addf(&b, "\n" META "\"size\":%d,\"records\":1}\n", FEED_LINE_MAX + 2);
    for (size_t cut = 0; cut < b.len; cut += 1000) {
        struct buf got = trace(&feed_format_ndjson, &objects, buf_view(&b), cut);
        assert_string_equal(got.data, "1 bad: is longer than 64 KiB\n");
        buf_free(&got);
    }
    buf_free(&b);
}

static void test_looks(void **state)
{
    static const struct {
        const char *line;
        bool looks;
    } cases[] = {
        {"{\"email\":\"a@example.org\"}", true},
        {"{}", false},
        {"{\"email\":\"a@example.org\"},", false}, /* json */
        {"{\"email\":", false},
        {"[\"a@example.org\"]", false},
        {"\"a@example.org\"", false},
        {"{", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(feed_format_ndjson.looks(view_of(cases[i].line)), cases[i].looks);
    assert_ptr_equal(feed_format_guess(view_of(A "\n" A "\n{\"ema")), &feed_format_ndjson);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_as_domains),
        cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_metadata_behind_lines_that_are_none),
        cmocka_unit_test(test_looks),
    };
    return cmocka_run_group_tests_name("feeds/ndjson", tests, NULL, NULL);
}
