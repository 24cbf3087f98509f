/*
 * A copy of a feed, parsed: what the guards count and what the index takes. Built row by row; the
 * entries themselves are a small blocklist of two lists, COPY_ACTIVE (those that block) and
 * COPY_REST (parsed, but of another type, cleared or dropped), so that one structure serves both
 * and the merge into the index is a walk over it. An address with several rows may be in both;
 * COPY_ACTIVE decides. What a list excepts from itself is in COPY_ACTIVE, with its effect.
 */
#ifndef FEEDS_COPY_H
#define FEEDS_COPY_H

#include "format.h"
#include "rcptguard/base/map.h"
#include "rcptguard/blocklist.h"

enum { COPY_ACTIVE = 0, COPY_REST = 1 };

#define COPY_SAMPLES 5

/* Checksums of what is listed, in whatever order and spelling it came. */
struct copy_sets {
    struct checksum shaped; /* as the settings of the feed, and its cleared list, make it */
    struct checksum plain;  /* whatever is made of it: keys, dates, and what is excepted */
};

struct copy_counts {
    uint64_t rows, bad_rows, ignored_rows; /* rows: those that parsed */
    uint64_t entries;                      /* unique canonical entries as parsed (rule 14) */
    uint64_t active;                       /* of those, in COPY_ACTIVE */
    uint64_t exceptions; /* unique entries by which the list frees from itself; not in ENTRIES */
    uint64_t protected_; /* entries left out because they cover a protected domain */
    uint64_t suffixes;   /* left out: public suffixes, single labels, rows for the whole world */
    struct copy_sets sets;
    struct {
        uint64_t line;
        char text[160];      /* escaped: the row and what is wrong with it */
    } samples[COPY_SAMPLES]; /* of bad rows */
    unsigned n_samples;
    char dropped_sample[160]; /* the first protected entries, as printed */
    int64_t
        claims[CLAIM_EXPIRES + 1]; /* what the list says of itself, by enum feed_claim; 0: not */
    char broken[160];              /* why it is not whole; "": it is. Not escaped */
    bool html, control;            /* looks like HTML or PHP; holds NUL or other control bytes */
    const char *looks_like;        /* another format that most of its rows look like, or NULL */
    bool takes_any;                /* its own format takes such rows, and means something else */
    bool rolled_back;              /* a person rolled back from it; set by who judges */
};

/* What turns rows into active entries. All borrowed. */
struct copy_shaping {
    unsigned types;            /* 0: the format has none */
    const struct map *cleared; /* address → newest cleared day; or NULL */
    const struct protect *protect;
    const struct suffixes *suffixes;
    uint64_t bytes; /* of the whole copy, when that is known: room is made in one step; 0: not */
};

/* Rule 16: is the row left out, because it would block whole what nobody may? */
enum copy_drop {
    COPY_KEEPS,
    COPY_DROPS_SUFFIX, /* public, or a single label */
    COPY_DROPS_PROTECTED,
};
enum copy_drop copy_drops(const struct copy_shaping *shaping, const struct feed_row *row);

struct copy_builder;
struct copy_builder *copy_builder_new(const struct feed_format *format,
                                      const struct feed_options *options,
                                      const struct copy_shaping *shaping, struct error *why);
/* 0, or ERR_NOMEM / ERR_LIMIT. */
int copy_builder_chunk(struct copy_builder *b, struct view bytes, struct error *why);
/* The entries (caller frees with blocklist_free) and the counts; frees B. */
struct blocklist *copy_builder_end(struct copy_builder *b, struct copy_counts *counts,
                                   struct error *why);

/* A copy without entries; NULL: no memory. */
struct blocklist *copy_nothing(struct error *why);

/* What was seen so far. */
struct copy_seen {
    uint64_t rows; /* all lines of a format of lines; else rows of any kind */
    bool are_lines;
    uint64_t entries;
};
struct copy_seen copy_builder_seen(const struct copy_builder *b);
void copy_builder_free(struct copy_builder *b); /* instead of end; NULL is fine */

#endif
