/*
 * A feed format: a streaming parser and one row that describes it. The rest of the house knows the
 * array only. Parsers are pure: bytes in, rows out, memory independent of the file's size.
 */
#ifndef FEEDS_FORMAT_H
#define FEEDS_FORMAT_H

#include "rcptguard/address.h"
#include "rcptguard/base/error.h"
#include "rcptguard/base/view.h"
#include "rcptguard/feeds.h"

struct feed_row {
    enum entry_kind kind;
    struct view key; /* canonical; valid during the call */
    int32_t date;    /* days since 1970, 0: none */
    unsigned types;  /* aper: bit 0 for A ...; 0 elsewhere */
    uint64_t line;   /* from 1 */
};

/* Where rows go. */
struct feed_sink {
    void (*row)(const struct feed_row *row, void *arg);
    void (*root)(uint64_t line, void *arg); /* an entry for the whole world */
    void (*bad)(uint64_t line, struct view text, const char *why, void *arg);
    void (*ignored)(uint64_t line, void *arg);
    void *arg;
};

struct feed_options {
    struct address_options addresses;
    bool apex;
};

/* A longer line is one bad row, so that a file without line ends cannot fill the memory. */
#define FEED_LINE_MAX 65536

struct feed_format {
    struct feed_format_info info;
    /* Handles one line (no line end, BOM or NUL in it; comments and blanks still in). */
    void (*line)(struct view line, uint64_t number, const struct feed_options *options,
                 const struct feed_sink *sink);
};

/* Cleared lists belong to an aper feed: no format that anybody could name. */
extern const struct feed_format feed_format_entries, feed_format_aper, feed_format_aper_cleared;

const struct feed_format *feed_format_find(const char *name); /* NULL: unknown */

/* Without the comment ('#' at the start or after white space, rule 11) and blanks at both ends. */
struct view feed_line_text(struct view line);

/* What became of WHAT, a part of the row TEXT, told to SINK; ROW holds all but kind and key. */
void feed_row_tell(enum entry_result result, const struct entry *entry, const struct error *why,
                   struct view what, struct view text, struct feed_row row,
                   const struct feed_sink *sink);

/* One copy on its way through a format, a chunk at a time. */
struct feed_parser;
struct feed_parser *feed_parser_new(const struct feed_format *format,
                                    const struct feed_options *options,
                                    const struct feed_sink *sink); /* NULL: no memory */
void feed_parser_chunk(struct feed_parser *p, struct view bytes);
void feed_parser_end(struct feed_parser *p); /* the last line may lack its end; frees P */

#endif
