/*
 * What a parser said, as text: one line an event, so that a table test reads like the file it
 * parses. "3 jane@example.org AE 2008-08-22", "3 except .d", "3 bad: why", "3 root", "3 ignored",
 * "claim rows 12", "3 broken: why".
 */
#ifndef TEST_FEEDS_TRACE_H
#define TEST_FEEDS_TRACE_H

#include <inttypes.h>
#include <stdlib.h>

#include "feeds/parse/format.h"
#include "rcptguard/base/buf.h"
#include "rcptguard/base/clock.h"

static void trace_row(const struct feed_row *row, void *arg)
{
    struct buf *b = arg;
    char printed[8300], date[11];
    struct text what = text_on(printed, sizeof printed);

    entry_print(&what, row->kind, row->key);
    buf_addf(b, "%" PRIu64 " %s%s", row->line,
             row->effect == LISTING_EXCEPTS       ? "except "
             : row->effect == LISTING_EXCEPTS_ALL ? "except all "
                                                  : "",
             printed);
    for (unsigned i = 0; i < 5; i++)
        if (row->types & 1u << i)
            buf_addf(b, "%s%c", (row->types & ((1u << i) - 1)) == 0 ? " " : "", 'A' + (int)i);
    if (row->date != 0)
        buf_addf(b, " %s", clock_date_text(row->date, date));
    buf_add_text(b, "\n");
}

static void trace_root(uint64_t line, void *arg)
{
    buf_addf(arg, "%" PRIu64 " root\n", line);
}

static void trace_bad(uint64_t line, struct view text, const char *why, void *arg)
{
    (void)text;
    buf_addf(arg, "%" PRIu64 " bad: %s\n", line, why);
}

static void trace_ignored(uint64_t line, void *arg)
{
    buf_addf(arg, "%" PRIu64 " ignored\n", line);
}

static void trace_claim(enum feed_claim claim, int64_t value, void *arg)
{
    static const char *const names[] = {"rows", "created", "expires"};

    buf_addf(arg, "claim %s %" PRId64 "\n", names[claim], value);
}

static void trace_broken(uint64_t line, const char *why, void *arg)
{
    buf_addf(arg, "%" PRIu64 " broken: %s\n", line, why);
}

#define TRACE_SINK(b)                                                                              \
    {trace_row, trace_root, trace_bad, trace_ignored, trace_claim, trace_broken, b}

/* The trace of BYTES, cut after the first CUT bytes; free data with buf_free. */
static inline struct buf trace(const struct feed_format *format, const struct feed_options *options,
                               struct view bytes, size_t cut)
{
    struct buf b = BUF_INIT(0);
    struct feed_sink sink = TRACE_SINK(&b);
    struct feed_parser *p = feed_parser_new(format, options, &sink);

    buf_add_text(&b, "");
    feed_parser_chunk(p, view_first(bytes, cut));
    feed_parser_chunk(p, view_from(bytes, cut));
    feed_parser_end(p);
    return b;
}

/* The trace of BYTES is EXPECTED, however the network cuts them in two. */
static inline void assert_trace_of_all_cuts(const struct feed_format *format,
                                            const struct feed_options *options, struct view bytes,
                                            const char *expected)
{
    for (size_t cut = 0; cut <= bytes.len; cut++) {
        struct buf got = trace(format, options, bytes, cut);
        assert_string_equal(got.data, expected);
        buf_free(&got);
    }
}

#endif
