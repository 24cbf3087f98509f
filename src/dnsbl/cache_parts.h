/* What cache.c and cache_file.c share: how answers are kept, which nobody else needs to know. */
#ifndef DNSBL_CACHE_PARTS_H
#define DNSBL_CACHE_PARTS_H

#include "cache.h"
#include "rcptguard/dnsbl.h"

struct cache_list {
    struct cache_entry *first, *last; /* the oldest, the newest */
};

struct cache {
    struct hash_secret secret; /* outsiders choose names: they must not choose their buckets */
    struct cache_entry **buckets;
    size_t n_buckets; /* a power of two */
    size_t max_bytes;
    size_t bytes; /* with the buckets */
    size_t count;
    struct cache_list used, asked;
    struct cache_of_zone {
        struct cache_list listed[CACHE_PROVEN]; /* the unproven, the proven */
        size_t count, n_proven;
    } zones[DNSBL_ZONES_MAX];
};

/* As cache_put, but nothing goes for it: what a file holds comes in no order, so who has to go is
 * known only when all of it is there, and cache_sort has put it in order. */
struct cache_entry *cache_put_beyond(struct cache *c, unsigned zone, struct view label,
                                     int64_t now_ms);
int cache_set_text_beyond(struct cache *c, struct cache_entry *e, struct view text);

/* Orders by used_ms and asked_ms again, and drops what is too much. ERR_NOMEM: as it was. */
int cache_sort(struct cache *c);

#endif
