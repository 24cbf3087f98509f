/*
 * The property of every feed format: it does not matter how the network cuts a file. The trace of
 * what the parser said of the whole is compared with that of two pieces.
 */
#ifndef FUZZ_FEED_CUTS_H
#define FUZZ_FEED_CUTS_H

#include <stdlib.h>

#include "feeds/formats/dnset_answer.h"
#include "feeds/parse/format.h"
#include "rcptguard/base/buf.h"

static void cuts_row(const struct feed_row *row, void *arg)
{
    buf_addf(arg, "%llu row %d %d %d %u ", (unsigned long long)row->line, (int)row->kind,
             (int)row->effect, row->date, row->types);
    buf_add_view(arg, row->key);
    buf_add_view(arg, row->text);
    if (row->dnset == NULL)
        return;
    char bytes[DNSET_TEXT_BYTES + 1], a[16];
    struct text text = text_on(bytes, sizeof bytes), value = text_on(a, sizeof a);
    dnset_answer(row->dnset, &value, &text);
    buf_add_view(arg, text_view(&value));
    buf_add_view(arg, text_view(&text));
}

static void cuts_root(uint64_t line, void *arg)
{
    buf_addf(arg, "%llu root ", (unsigned long long)line);
}

static void cuts_bad(uint64_t line, struct view text, const char *why, void *arg)
{
    buf_addf(arg, "%llu bad %s ", (unsigned long long)line, why);
    buf_add_view(arg, text);
}

static void cuts_ignored(uint64_t line, void *arg)
{
    buf_addf(arg, "%llu ignored ", (unsigned long long)line);
}

static void cuts_claim(enum feed_claim claim, int64_t value, void *arg)
{
    buf_addf(arg, "claim %d %lld ", (int)claim, (long long)value);
}

static void cuts_broken(uint64_t line, const char *why, void *arg)
{
    buf_addf(arg, "%llu broken %s ", (unsigned long long)line, why);
}

static inline struct buf cuts_trace(const struct feed_format *format,
                                    const struct feed_options *options, struct view bytes,
                                    size_t cut)
{
    struct buf b = BUF_INIT(0);
    struct feed_sink sink = {cuts_row,   cuts_root,   cuts_bad, cuts_ignored,
                             cuts_claim, cuts_broken, &b};
    struct feed_parser *p = feed_parser_new(format, options, &sink);

    if (p == NULL)
        abort();
    feed_parser_chunk(p, view_first(bytes, cut));
    feed_parser_chunk(p, view_from(bytes, cut));
    feed_parser_end(p);
    return b;
}

/* The first byte chooses the options, the second and third where to cut. */
static inline void cuts_check(const struct feed_format *format, const uint8_t *data, size_t size)
{
    if (size < 3)
        return;
    const struct feed_options options = {
        .addresses = {.provider_aliases = data[0] & 1},
        .apex = data[0] & 2,
        .as_domains = data[0] & 4,
        .of_domain = data[0] & 8,
        .parents_match = data[0] & 16,
        .separator = data[0] & 32 ? ';' : 0,
        .column = data[0] & 64 ? "domain" : NULL,
        .field = data[0] & 128 ? "domain" : NULL,
    };
    struct view bytes = view_make(data + 3, size - 3);
    size_t cut = ((size_t)data[1] << 8 | data[2]) % (bytes.len + 1);
    struct buf whole = cuts_trace(format, &options, bytes, bytes.len);
    struct buf pieces = cuts_trace(format, &options, bytes, cut);

    if (!view_eq(buf_view(&whole), buf_view(&pieces)))
        abort();
    buf_free(&whole);
    buf_free(&pieces);
}

#endif
