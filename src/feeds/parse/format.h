/*
 * A feed format: a streaming parser and one row that describes it. The rest of the house knows the
 * array only: `lint`, the configuration and the documentation list the formats from it. Parsers are
 * pure: bytes in, rows out, memory independent of the file's size.
 */
#ifndef FEEDS_FORMAT_H
#define FEEDS_FORMAT_H

#include "rcptguard/address.h"
#include "rcptguard/base/error.h"
#include "rcptguard/base/view.h"
#include "rcptguard/feeds.h"

struct feed_row {
    enum entry_kind kind;
    struct view key; /* canonical, of a hash kind the bytes of the digest; valid during the call */
    enum listing_effect effect; /* lists, or frees from this very feed */
    int32_t date;               /* days since 1970, 0: none */
    unsigned types;             /* aper: bit 0 for A ...; 0 elsewhere */
    uint64_t line;              /* from 1 */
    struct view text; /* what the row is made of; comments may be off. Valid during the call */
    const struct dnset_row *dnset; /* dnset: for what it is answered with; NULL elsewhere */
};

/* What a list says of itself, in a comment, a head or a trailer. */
enum feed_claim {
    CLAIM_ROWS,    /* "# Entries: 1,234": how many rows it has */
    CLAIM_CREATED, /* seconds since 1970: $TIMESTAMP, a serial that is a time */
    CLAIM_EXPIRES, /* seconds since 1970: not to be used later */
};

/* Where rows go. Every member is set. */
struct feed_sink {
    void (*row)(const struct feed_row *row, void *arg);
    void (*root)(uint64_t line, void *arg); /* an entry for the whole world */
    void (*bad)(uint64_t line, struct view text, const char *why, void *arg);
    void (*ignored)(uint64_t line, void *arg);
    void (*claim)(enum feed_claim claim, int64_t value, void *arg);
    /* The copy as a whole is none: cut short, or not of this format at all ("the array does not
     * end"). WHY is for a person, without the row. */
    void (*broken)(uint64_t line, const char *why, void *arg);
    void *arg;
};

/* The settings of a feed that its parser reads. All borrowed. */
struct feed_options {
    struct address_options addresses;
    bool apex;                       /* entries: *.d includes d */
    bool as_domains;                 /* csv, json, ndjson: as = domains */
    bool of_domain;                  /* hashes: of = domain */
    bool parents_match;              /* access: parent_domain_matches_subdomains */
    char separator;                  /* csv; 0: a comma */
    const char *column;              /* csv: header or number from 1; NULL: 1 */
    const char *field;               /* json, ndjson: member of each object; NULL: plain strings */
    const struct suffixes *suffixes; /* urls; NULL: no host is known to be shared */
    const struct protect *protect;   /* urls; NULL: none */
};

/* What a parser works with: one copy on its way. */
struct feed_reader {
    const struct feed_options *options;
    const struct feed_sink *sink;
    void *state;     /* state_bytes of the format, zeroed before the first byte */
    uint64_t offset; /* of lines: bytes of the copy before the line under way; a BOM is none */
};

/* A longer line is one bad row, so that a file without line ends cannot fill the memory. Formats
 * that are not made of lines hold no more of one row. */
#define FEED_LINE_MAX 65536

/* Exactly one of LINE and BYTES is set. */
struct feed_format {
    struct feed_format_info info;
    size_t state_bytes;

    /* Handles one line (no line end, BOM or NUL in it; comments and blanks still in). */
    void (*line)(const struct feed_reader *r, struct view line, uint64_t number);

    /* Handles the next bytes, cut anywhere; the BOM is off. */
    void (*bytes)(const struct feed_reader *r, struct view bytes);

    /* The copy has ended (it may be cut short); frees what the state owns. May be NULL. */
    void (*end)(const struct feed_reader *r);

    /*
     * Is this line (trimmed, not empty) plainly a row of this format and hardly of another? For
     * "this looks like hosts: did you mean ...?". A line that could be anything ("example.org") is
     * no. May be NULL.
     */
    bool (*looks)(struct view line);

    /* Nearly any line is a row here, those of other formats too: they would be read wrongly. */
    bool takes_any;

    /* A file is one whole: two of them behind each other are no list. */
    bool one_piece;
};

/* Cleared lists belong to an aper feed: no format that anybody could name. */
extern const struct feed_format feed_format_aper_cleared;

/* One a file in formats/. */
extern const struct feed_format feed_format_entries, feed_format_aper, feed_format_csv,
    feed_format_json, feed_format_ndjson, feed_format_domains, feed_format_hosts,
    feed_format_adblock, feed_format_dnsmasq, feed_format_unbound, feed_format_rpz,
    feed_format_dnset, feed_format_access, feed_format_urls, feed_format_hashes;

const struct feed_format *feed_format_find(const char *name); /* NULL: unknown */

/* The format that most of the lines of HEAD, the beginning of a copy, look like; NULL: no idea. */
const struct feed_format *feed_format_guess(struct view head);

/* Do most of the lines of HEAD look like this one? No, also when nothing ever does. */
bool feed_format_fits(const struct feed_format *format, struct view head);

/* Without the comment ('#' at the start or after white space, rule 11) and blanks at both ends. */
struct view feed_line_text(struct view line);

/* What became of WHAT, a part of the row TEXT, told to SINK; ROW holds all but kind and key. An
 * exception for the whole world frees from nothing in particular: ignored. */
void feed_row_tell(enum entry_result result, const struct entry *entry, const struct error *why,
                   struct view what, struct view text, struct feed_row row,
                   const struct feed_sink *sink);

/*
 * NAME, a part of the row TEXT, as the lists of domains mean it (rule 17): the domain and all below
 * it, a leading "." or "*." says the same; single labels and IP addresses are ignored. ROW holds
 * all but kind and key.
 */
void feed_domain_tell(const struct feed_reader *r, struct view name, struct view text,
                      struct feed_row row);

/* WHAT as csv, json and ndjson mean it: an entry, or with `as = domains` as feed_domain_tell. */
void feed_entry_tell(const struct feed_reader *r, struct view what, struct view text,
                     struct feed_row row);

/* Tells the sink what a COMMENT (without its sign) claims, if anything ("Entries: 1,234"). */
void feed_comment_tell(const struct feed_reader *r, struct view comment);

/* Tells the sink when a zone with this SERIAL was made, if the serial is a time or a day. */
void feed_serial_tell(const struct feed_reader *r, struct view serial);

/* One copy on its way through a format, a chunk at a time. */
struct feed_parser;
struct feed_parser *feed_parser_new(const struct feed_format *format,
                                    const struct feed_options *options,
                                    const struct feed_sink *sink); /* NULL: no memory */
void feed_parser_chunk(struct feed_parser *p, struct view bytes);
/* While a row is told: the line NUMBER as it came, when that is the one under way; else VIEW_NONE.
 */
struct view feed_parser_line(const struct feed_parser *p, uint64_t number);
uint64_t feed_parser_lines(const struct feed_parser *p); /* so far; formats of lines only */
void feed_parser_end(struct feed_parser *p); /* the last line may lack its end; frees P */

#endif
