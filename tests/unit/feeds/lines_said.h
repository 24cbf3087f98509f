/*
 * Tables of single lines for the formats that are made of lines: what the parser says of each, in
 * one line too: "a.example; bad; ignored". The words behind "bad" are compared where they matter.
 */
#ifndef TEST_FEEDS_LINES_SAID_H
#define TEST_FEEDS_LINES_SAID_H

#include "feeds/trace.h"

struct said {
    const char *line;
    const char *expected; /* the trace's lines without their numbers, "; " between */
};

static inline struct buf lines_said(const struct feed_format *format,
                                    const struct feed_options *options, struct view line)
{
    struct buf got = trace(format, options, line, line.len / 2), said = BUF_INIT(0);
    struct view rest = view_trim(buf_view(&got)), event;

    buf_add_text(&said, "");
    while (rest.len > 0 && view_split(&rest, '\n', &event)) {
        if (view_starts(event, "1 "))
            event = view_from(event, 2);
        if (view_starts(event, "bad: "))
            event = view_first(event, 3);
        buf_add_text(&said, said.len > 0 ? "; " : "");
        buf_add_view(&said, event);
    }
    buf_free(&got);
    return said;
}

static inline void check_said(const struct feed_format *format, const struct feed_options *options,
                              const struct said *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct buf said = lines_said(format, options, view_of(rows[i].line));
        if (!view_is(buf_view(&said), rows[i].expected))
            print_error("%s\n", rows[i].line);
        assert_true(view_is(buf_view(&said), rows[i].expected));
        buf_free(&said);
    }
}

#define CHECK_SAID(format, options, rows)                                                          \
    check_said(format, options, rows, sizeof(rows) / sizeof(rows)[0])

/* A file with BOM and CRLF, without an end to its last line, means the same however it is cut. */
static inline void check_cuts(const struct feed_format *format, const struct feed_options *options,
                              const char *bytes, const char *expected)
{
    struct view v = view_of(bytes);

    for (size_t cut = 0; cut <= v.len; cut++) {
        struct buf got = trace(format, options, v, cut);
        assert_string_equal(got.data, expected);
        buf_free(&got);
    }
}

/* The longest line that is read, and one byte more. */
static inline void check_longest(const struct feed_format *format,
                                 const struct feed_options *options, const char *head,
                                 const char *expected)
{
    static char line[FEED_LINE_MAX + 2];
    size_t len = strlen(head);

    memset(line, 'a', sizeof line);
    memcpy(line, head, len);
    struct buf said = lines_said(format, options, view_make(line, FEED_LINE_MAX));
    assert_string_equal(said.data, expected);
    buf_free(&said);
    said = lines_said(format, options, view_make(line, FEED_LINE_MAX + 1));
    assert_string_equal(said.data, "bad");
    buf_free(&said);
}

#endif
