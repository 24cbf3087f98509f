/* The line driver: ends of lines, the beginning and the end of a file, and every way to cut it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feeds/trace.h"

/* A format that shows its lines: "[line]". */
static void show_line(const struct feed_reader *r, struct view line, uint64_t number)
{
    struct buf *b = r->sink->arg;
    buf_addf(b, "%" PRIu64 "[", number);
    buf_add_view(b, line);
    buf_add_text(b, "]");
}

static const struct feed_format show = {.info = {.name = "show"}, .line = show_line};
static const struct feed_options options;

static void assert_trace(struct view bytes, size_t cut, const char *expected)
{
    struct buf got = trace(&show, &options, bytes, cut);
    assert_string_equal(got.data, expected);
    buf_free(&got);
}

static void test_lines_cut_anywhere(void **state)
{
    static const struct {
        struct view bytes;
        const char *trace;
    } cases[] = {
#define BYTES(s) {s, sizeof(s) - 1}
        {BYTES(""), ""},
        {BYTES("a"), "1[a]"},
        {BYTES("a\n"), "1[a]"},
        {BYTES("a\nbc"), "1[a]2[bc]"},
        {BYTES("\n\na\n\n"), "1[]2[]3[a]4[]"},
        {BYTES("a\r\nb\r\n"), "1[a]2[b]"},
        {BYTES("a\r\nb\nc\r"), "1[a]2[b]3[c]"},
        {BYTES("a\rb\r\r\n"), "1[a\rb\r]"},
        {BYTES("\xef\xbb\xbf"
               "a\n\xef\xbb\xbf"
               "b\n"),
         "1[a]2[\xef\xbb\xbf"
         "b]"},
        {BYTES("\xef\xbb\xbf"), ""},
        {BYTES("\xef\xbb\xbf\r\na"), "1[]2[a]"},
        {BYTES("\xef\xbb"
               "a"),
         "1[\xef\xbb"
         "a]"},
        {BYTES("a\nb\0c\nd"), "1[a]2 bad: holds a NUL byte\n3[d]"},
        {BYTES("a\n\0"), "1[a]2 bad: holds a NUL byte\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t cut = 0; cut <= cases[i].bytes.len; cut++)
            assert_trace(cases[i].bytes, cut, cases[i].trace);
}

/* LEN bytes 'x' as first line, with END behind; parsed in pieces of PIECE bytes. */
static void assert_long(size_t len, const char *end, size_t piece, bool too_long)
{
    struct buf bytes = BUF_INIT(0), got = BUF_INIT(0), expected = BUF_INIT(0);
    struct feed_sink sink = TRACE_SINK(&got);
    struct feed_parser *p = feed_parser_new(&show, &options, &sink);

    for (size_t i = 0; i < len; i++)
        buf_add(&bytes, "x", 1);
    if (too_long) {
        buf_add_text(&expected, "1 bad: is longer than 64 KiB\n");
    } else {
        buf_add_text(&expected, "1[");
        buf_add_view(&expected, buf_view(&bytes));
        buf_add_text(&expected, "]");
    }
    buf_add_text(&bytes, end);
    if (*end != '\0')
        buf_add_text(&expected, "2[next]");
    for (struct view rest = buf_view(&bytes); rest.len > 0; rest = view_from(rest, piece))
        feed_parser_chunk(p, view_first(rest, piece));
    feed_parser_end(p);
    assert_string_equal(got.data, expected.data);
    buf_free(&bytes);
    buf_free(&got);
    buf_free(&expected);
}

static void test_long_lines_are_one_bad_row(void **state)
{
    static const size_t pieces[] = {1, 1000, FEED_LINE_MAX, 1 << 24};

    (void)state;
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        assert_long(FEED_LINE_MAX, "\nnext\n", pieces[i], false);
        assert_long(FEED_LINE_MAX, "", pieces[i], false);
        assert_long(FEED_LINE_MAX + 1, "\nnext\n", pieces[i], true);
        assert_long(FEED_LINE_MAX + 1, "", pieces[i], true);
        assert_long(3 * FEED_LINE_MAX, "\nnext", pieces[i], true);
    }
}

static void test_text_of_a_line(void **state)
{
    static const struct {
        const char *line, *text;
    } cases[] = {
        {"a@example.org", "a@example.org"},
        {"  a@example.org\t ", "a@example.org"},
        {"# all", ""},
        {"   # all", ""},
        {"a#b@example.org", "a#b@example.org"},
        {"a@example.org #b", "a@example.org"},
        {"a@example.org\t# b # c", "a@example.org"},
        {"a@example.org# b", "a@example.org# b"},
        {"", ""},
        {"\r", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_true(view_is(feed_line_text(view_of(cases[i].line)), cases[i].text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_cut_anywhere),
        cmocka_unit_test(test_long_lines_are_one_bad_row),
        cmocka_unit_test(test_text_of_a_line),
    };
    return cmocka_run_group_tests_name("feeds/lines", tests, NULL, NULL);
}
