/*
 * What zones have said, by zone and label: bounded in bytes, the least recently used goes first.
 * Also the order in which names were asked last, for the hourly watch, and the listed ones of each
 * zone. Pure: time is an argument (monotonic ms); it never logs. One owner, the loop.
 */
#ifndef DNSBL_CACHE_H
#define DNSBL_CACHE_H

#include "rcptguard/base/buf.h"
#include "rcptguard/base/error.h"
#include "rcptguard/base/hash.h"
#include "rcptguard/base/view.h"

#define CACHE_TTL_FLOOR_S   60       /* zones with a TTL of 0 would be asked for every recipient */
#define CACHE_TTL_CEILING_S 3600     /* nothing is believed for longer without asking again */
#define CACHE_TTL_UNSAID_S  60       /* a negative answer without SOA */
#define CACHE_KEEP_MS       86400000 /* names that nobody asked for so long are forgotten */

enum cache_text { CACHE_TEXT_UNKNOWN, CACHE_TEXT_ASKED, CACHE_TEXT_KNOWN };

/* What the last answer is worth. A listing counts once it is proven; the owner says what that is.
 */
enum cache_listing { CACHE_CLEAR, CACHE_UNPROVEN, CACHE_PROVEN };

struct cache_links {
    struct cache_entry *before, *behind;
};

struct cache_entry {
    struct cache_links asked, listed_of_zone; /* the cache's own */

    bool told;        /* the history was told that it is listed */
    bool disbelieved; /* when it was asked in vain: there was an answer, which nothing proved */
    int64_t set;      /* of an unproven one: by what it is to be proven, the owner's number */
    /* When an answer that nobody could set about proving leaves the resolvers; 0: there was none.
     */
    int64_t unproven_end_ms;
    int64_t asked_ms;     /* when it was last asked of the zone; by cache_asked */
    int64_t failed_ms;    /* when it was last asked in vain; 0: never */
    int64_t listed_since; /* seconds since 1970; 0: not listed */

    void *asking; /* the owner's: its question on its way. While not NULL the entry stays */
    char *text;   /* TXT, NUL-terminated, or NULL; by cache_set_text */

    /*
     * From here on: all that a clear answer needs, together, since memory is slower than the rest
     * of a look. First the cache's own, then what is known by the last answer; the owner writes
     * that, but for LISTING (cache_list_as).
     */
    struct cache_links used;
    struct cache_entry *next; /* in its bucket */
    int64_t used_ms;          /* when a recipient last asked; by cache_used */
    int64_t expires_ms;
    int64_t said_at;    /* when it was said, seconds since 1970, for people */
    bool known;         /* there was an answer */
    uint8_t listing;    /* enum cache_listing */
    uint8_t text_state; /* enum cache_text, the owner's */
    unsigned char answer[4];
    bool swallowed; /* of a clear one: it said listed, with all below a shared suffix */
    uint32_t hash;  /* of the label */
    uint16_t zone;
    uint16_t label_len;
    char label[]; /* NUL-terminated */
};

struct cache;

struct cache *cache_new(size_t max_bytes); /* NULL: no memory */
void cache_free(struct cache *c);          /* NULL is fine; what ASKING points to is the owner's */

/* Drops what is too much. Walks all of it: for a reload, not for the query path. SIZE_MAX is fine,
 * for as long as a limit is not known. */
void cache_limit(struct cache *c, size_t max_bytes);

size_t cache_count(const struct cache *c);
/* With the table, which the limit sizes; never more than the limit, unless all of it is asking. */
size_t cache_bytes(const struct cache *c);

/* That name is looked for soon: memory may begin to fetch where it stands. */
void cache_expect(const struct cache *c, unsigned zone, struct view label);

/* NULL: not there. */
struct cache_entry *cache_find(const struct cache *c, unsigned zone, struct view label);

/* The entry, made when it was not there (unknown, used and asked now; what is there stays as it
 * is). NULL: no memory, full of entries that are asking, or no label of a name (ZONE_LABEL_MAX). */
struct cache_entry *cache_put(struct cache *c, unsigned zone, struct view label, int64_t now_ms);

void cache_drop(struct cache *c, struct cache_entry *e); /* must not be asking */
void cache_used(struct cache *c, struct cache_entry *e, int64_t now_ms);
void cache_asked(struct cache *c, struct cache_entry *e, int64_t now_ms);
void cache_list_as(struct cache *c, struct cache_entry *e, enum cache_listing listing);
/* Cut at DNS_TEXT_MAX and at a NUL; an empty one is NULL. ERR_NOMEM: no memory, or no room for it
 * beside what is asking; the text stays as it was. */
int cache_set_text(struct cache *c, struct cache_entry *e, struct view text);

/* The one whose asked_ms is the longest ago; NULL: empty. The one behind it: asked.behind. */
struct cache_entry *cache_first_asked(const struct cache *c);

/* Those of a zone that are LISTING, unproven or proven; then listed_of_zone.behind. */
struct cache_entry *cache_first_listed(const struct cache *c, unsigned zone,
                                       enum cache_listing listing);
size_t cache_count_of(const struct cache *c, unsigned zone);
size_t cache_proven_of(const struct cache *c, unsigned zone);

/* Zones have new numbers: NUMBERS[old], -1: its entries go (they must not be asking). Two old ones
 * may get one new: of a label that both know the entry used last stays, and what is asking. A file
 * that is half saved has the old numbers: it must be begun anew. */
void cache_renumber(struct cache *c, const int *numbers, unsigned n);

/* TTL of an answer between floor and ceiling, in ms. */
int64_t cache_ttl_ms(bool has_ttl, uint32_t ttl_s);

/* ---- the file: saved in slices, so that the loop is not held up ---- */

struct cache_zone_id {
    unsigned char identity[SHA256_BYTES];
};

/*
 * cache_file_begin puts the head into OUT, which must be empty; cache_file_end the checksum over
 * all of it. Between them cache_file_slice appends the known ones (of listings the proven ones, and
 * none that was swallowed) among the next MAX entries, or a few more or less, going on from *CURSOR
 * (0 at first); false: that was the last of them, or OUT failed. What changes meanwhile may be
 * there twice or not at all. Zones are written by IDS[zone], those of other numbers not at all;
 * NOW_S is the wall clock at NOW_MS.
 */
int cache_file_begin(struct buf *out, const struct cache_zone_id *ids, unsigned n);
bool cache_file_slice(const struct cache *c, size_t *cursor, size_t max, struct buf *out,
                      int64_t now_s, int64_t now_ms);
int cache_file_end(struct buf *out);

/*
 * Reads a whole file into an empty cache. Its zones become IDS (at most MAX of them, *N in all) and
 * its entries have numbers of those, to be renumbered. What is over (CACHE_KEEP_MS, by the wall
 * clock) is left out; what is listed there was proven, and whether it counts is the owner's to say.
 * Times that lie ahead, because the clock was set, are now.
 * ERR_DAMAGED, ERR_NOMEM: nothing was read in, *N is 0.
 */
int cache_file_read(struct cache *c, struct view bytes, struct cache_zone_id *ids, unsigned max,
                    unsigned *n, int64_t now_s, int64_t now_ms, struct error *why);

#endif
