/*
 * What zones have said. Entries stand by themselves and hang in several lists at once, so that each
 * step costs the same however many there are.
 *
 * The table of buckets is as large as the bytes allow entries, from the start: it never grows while
 * mail flows, so no question pays for moving a million others, and what nobody uses of it the
 * system does not have to give. Only another limit, at a reload, makes another table.
 *
 * A bucket follows from the label's hash and the zone's number added to it. So a recipient's label
 * is in another bucket for each zone, and new numbers need no label to be hashed again.
 */
#include "cache.h"

#include <stdlib.h>

#include "cache_parts.h"
#include "message.h"
#include "zone.h"

#define ZONE_STEP   0x9e3779b1u       /* odd: as many buckets as zones, far apart */
#define BUCKETS_MAX ((size_t)1 << 21) /* for millions; beyond them chains only get longer */

/* What malloc takes for N bytes: a word of its own, in steps of two. */
#define CHUNK(n) (((n) + sizeof(size_t) + 15) & ~(size_t)15)

#define LEAST_BYTES CHUNK(sizeof(struct cache_entry) + 1)

/* ---- lists ---------------------------------------------------------------------------------- */

#define USED   offsetof(struct cache_entry, used)
#define ASKED  offsetof(struct cache_entry, asked)
#define LISTED offsetof(struct cache_entry, listed_of_zone)

/* Those of E's links that are AT bytes from its start. */
static struct cache_links *links_of(struct cache_entry *e, size_t at)
{
    return (struct cache_links *)(void *)((char *)e + at);
}

static void list_append(struct cache_list *list, struct cache_entry *e, size_t at)
{
    *links_of(e, at) = (struct cache_links){.before = list->last};
    if (list->last != NULL)
        links_of(list->last, at)->behind = e;
    else
        list->first = e;
    list->last = e;
}

static void list_remove(struct cache_list *list, struct cache_entry *e, size_t at)
{
    struct cache_links *links = links_of(e, at);

    if (links->before != NULL)
        links_of(links->before, at)->behind = links->behind;
    else
        list->first = links->behind;
    if (links->behind != NULL)
        links_of(links->behind, at)->before = links->before;
    else
        list->last = links->before;
}

static void list_to_end(struct cache_list *list, struct cache_entry *e, size_t at)
{
    if (list->last == e)
        return;
    list_remove(list, e, at);
    list_append(list, e, at);
}

/* ---- the table ------------------------------------------------------------------------------ */

static struct cache_entry **bucket_of(const struct cache *c, unsigned zone, uint32_t hash)
{
    return &c->buckets[(hash + zone * ZONE_STEP) & (c->n_buckets - 1)];
}

static uint32_t hash_of(const struct cache *c, struct view label)
{
    return (uint32_t)hash_keyed(&c->secret, label);
}

static struct view label_of(const struct cache_entry *e)
{
    return view_make(e->label, e->label_len);
}

static struct cache_entry *find_hashed(const struct cache *c, unsigned zone, struct view label,
                                       uint32_t hash)
{
    struct cache_entry *e = *bucket_of(c, zone, hash);

    while (e != NULL && (e->hash != hash || e->zone != zone || !view_eq(label_of(e), label)))
        e = e->next;
    return e;
}

static void bucket_add(struct cache *c, struct cache_entry *e)
{
    struct cache_entry **bucket = bucket_of(c, e->zone, e->hash);

    e->next = *bucket;
    *bucket = e;
}

static void bucket_remove(struct cache *c, struct cache_entry *e)
{
    struct cache_entry **at = bucket_of(c, e->zone, e->hash);

    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
}

static size_t buckets_for(size_t max_bytes)
{
    size_t n = 1;

    while (n < max_bytes / LEAST_BYTES && n < BUCKETS_MAX)
        n *= 2;
    return n;
}

/* Without memory for it the table stays as it is: chains get longer, nothing else. */
static void resize(struct cache *c, size_t n)
{
    struct cache_entry **buckets = n == c->n_buckets ? NULL : calloc(n, sizeof(void *));

    if (buckets == NULL)
        return;
    free(c->buckets);
    c->bytes = c->bytes - c->n_buckets * sizeof(void *) + n * sizeof(void *);
    c->buckets = buckets;
    c->n_buckets = n;
    for (struct cache_entry *e = c->used.first; e != NULL; e = e->used.behind)
        bucket_add(c, e);
}

/* ---- entries -------------------------------------------------------------------------------- */

static size_t text_bytes(size_t len)
{
    return len == 0 ? 0 : CHUNK(len + 1);
}

static size_t text_bytes_of(const struct cache_entry *e)
{
    return text_bytes(e->text == NULL ? 0 : strlen(e->text));
}

static size_t entry_bytes(size_t label_len)
{
    return CHUNK(sizeof(struct cache_entry) + label_len + 1);
}

/* Out of everything but its bucket. */
static void forget(struct cache *c, struct cache_entry *e)
{
    cache_list_as(c, e, CACHE_CLEAR);
    list_remove(&c->used, e, USED);
    list_remove(&c->asked, e, ASKED);
    c->zones[e->zone].count--;
    c->count--;
    c->bytes -= entry_bytes(e->label_len) + text_bytes_of(e);
    free(e->text);
    free(e);
}

void cache_drop(struct cache *c, struct cache_entry *e)
{
    bucket_remove(c, e);
    forget(c, e);
}

/* Drops the least recently used until MORE bytes have room; but for KEEP, and what is asking. */
static bool make_room(struct cache *c, size_t more, const struct cache_entry *keep)
{
    struct cache_entry *next;

    for (struct cache_entry *e = c->used.first; e != NULL; e = next) {
        if (c->bytes + more <= c->max_bytes)
            return true;
        next = e->used.behind;
        if (e->asking == NULL && e != keep)
            cache_drop(c, e);
    }
    return c->bytes + more <= c->max_bytes;
}

static struct cache_entry *put_new(struct cache *c, unsigned zone, struct view label, uint32_t hash,
                                   int64_t now_ms)
{
    struct cache_entry *e = calloc(1, sizeof *e + label.len + 1);

    if (e == NULL)
        return NULL;
    e->hash = hash;
    e->zone = (uint16_t)zone;
    e->label_len = (uint16_t)label.len;
    if (label.len > 0)
        memcpy(e->label, label.ptr, label.len);
    e->used_ms = e->asked_ms = now_ms;
    bucket_add(c, e);
    list_append(&c->used, e, USED);
    list_append(&c->asked, e, ASKED);
    c->zones[zone].count++;
    c->count++;
    c->bytes += entry_bytes(label.len);
    return e;
}

static bool may_be(unsigned zone, struct view label)
{
    return zone < DNSBL_ZONES_MAX && label.len <= ZONE_LABEL_MAX;
}

struct cache_entry *cache_put_beyond(struct cache *c, unsigned zone, struct view label,
                                     int64_t now_ms)
{
    if (!may_be(zone, label))
        return NULL;
    uint32_t hash = hash_of(c, label);
    struct cache_entry *e = find_hashed(c, zone, label, hash);
    return e != NULL ? e : put_new(c, zone, label, hash, now_ms);
}

struct cache_entry *cache_put(struct cache *c, unsigned zone, struct view label, int64_t now_ms)
{
    if (!may_be(zone, label))
        return NULL;
    uint32_t hash = hash_of(c, label);
    struct cache_entry *e = find_hashed(c, zone, label, hash);
    if (e != NULL || !make_room(c, entry_bytes(label.len), NULL))
        return e;
    return put_new(c, zone, label, hash, now_ms);
}

void cache_expect(const struct cache *c, unsigned zone, struct view label)
{
    __builtin_prefetch(bucket_of(c, zone, hash_of(c, label)));
}

struct cache_entry *cache_find(const struct cache *c, unsigned zone, struct view label)
{
    return find_hashed(c, zone, label, hash_of(c, label));
}

void cache_used(struct cache *c, struct cache_entry *e, int64_t now_ms)
{
    e->used_ms = now_ms;
    list_to_end(&c->used, e, USED);
}

void cache_asked(struct cache *c, struct cache_entry *e, int64_t now_ms)
{
    e->asked_ms = now_ms;
    list_to_end(&c->asked, e, ASKED);
}

static struct cache_list *list_of(struct cache_of_zone *zone, uint8_t listing)
{
    return &zone->listed[listing - CACHE_UNPROVEN];
}

void cache_list_as(struct cache *c, struct cache_entry *e, enum cache_listing listing)
{
    struct cache_of_zone *zone = &c->zones[e->zone];

    if (e->listing == listing)
        return;
    if (e->listing != CACHE_CLEAR)
        list_remove(list_of(zone, e->listing), e, LISTED);
    zone->n_proven -= e->listing == CACHE_PROVEN;
    e->listing = (uint8_t)listing;
    if (listing != CACHE_CLEAR)
        list_append(list_of(zone, e->listing), e, LISTED);
    zone->n_proven += listing == CACHE_PROVEN;
}

/* As much of TEXT as is kept: a NUL ends it, wherever it stands. */
static size_t kept_of(struct view text)
{
    struct view first = view_first(text, DNS_TEXT_MAX);
    ptrdiff_t nul = view_find(first, '\0');

    return nul < 0 ? first.len : (size_t)nul;
}

int cache_set_text_beyond(struct cache *c, struct cache_entry *e, struct view text)
{
    size_t len = kept_of(text);
    char *copy = len == 0 ? NULL : malloc(len + 1);

    if (len > 0) {
        if (copy == NULL)
            return ERR_NOMEM;
        memcpy(copy, text.ptr, len);
        copy[len] = '\0';
    }
    c->bytes = c->bytes - text_bytes_of(e) + text_bytes(len);
    free(e->text);
    e->text = copy;
    return 0;
}

int cache_set_text(struct cache *c, struct cache_entry *e, struct view text)
{
    size_t had = text_bytes_of(e), wanted = text_bytes(kept_of(text));

    if (wanted > had && !make_room(c, wanted - had, e))
        return ERR_NOMEM;
    return cache_set_text_beyond(c, e, text);
}

/* ---- the whole ------------------------------------------------------------------------------ */

struct cache *cache_new(size_t max_bytes)
{
    struct cache *c = calloc(1, sizeof *c);

    if (c == NULL)
        return NULL;
    c->max_bytes = max_bytes;
    resize(c, buckets_for(max_bytes));
    if (c->buckets == NULL) {
        free(c);
        return NULL;
    }
    hash_secret_random(&c->secret);
    return c;
}

void cache_free(struct cache *c)
{
    if (c == NULL)
        return;
    while (c->used.first != NULL)
        forget(c, c->used.first);
    free(c->buckets);
    free(c);
}

void cache_limit(struct cache *c, size_t max_bytes)
{
    c->max_bytes = max_bytes;
    resize(c, buckets_for(max_bytes));
    make_room(c, 0, NULL);
}

size_t cache_count(const struct cache *c)
{
    return c->count;
}

size_t cache_bytes(const struct cache *c)
{
    return c->bytes;
}

struct cache_entry *cache_first_asked(const struct cache *c)
{
    return c->asked.first;
}

struct cache_entry *cache_first_listed(const struct cache *c, unsigned zone,
                                       enum cache_listing listing)
{
    bool is_one = zone < DNSBL_ZONES_MAX && listing != CACHE_CLEAR;

    return is_one ? c->zones[zone].listed[listing - CACHE_UNPROVEN].first : NULL;
}

size_t cache_count_of(const struct cache *c, unsigned zone)
{
    return zone < DNSBL_ZONES_MAX ? c->zones[zone].count : 0;
}

size_t cache_proven_of(const struct cache *c, unsigned zone)
{
    return zone < DNSBL_ZONES_MAX ? c->zones[zone].n_proven : 0;
}

/* ---- new numbers ---------------------------------------------------------------------------- */

static bool same_numbers(const struct cache *c, const int *numbers, unsigned n)
{
    for (unsigned i = 0; i < DNSBL_ZONES_MAX; i++)
        if (c->zones[i].count > 0 && (i >= n || numbers[i] != (int)i))
            return false;
    return true;
}

static void drop_without_number(struct cache *c, const int *numbers, unsigned n)
{
    struct cache_entry *next;

    for (struct cache_entry *e = c->used.first; e != NULL; e = next) {
        next = e->used.behind;
        if (e->zone >= n || numbers[e->zone] < 0 || numbers[e->zone] >= DNSBL_ZONES_MAX)
            cache_drop(c, e);
    }
}

static void put_under(struct cache *c, struct cache_entry *e, int number)
{
    enum cache_listing listing = e->listing;

    e->zone = (uint16_t)number;
    e->listing = CACHE_CLEAR;
    c->zones[number].count++;
    bucket_add(c, e);
    cache_list_as(c, e, listing);
}

void cache_renumber(struct cache *c, const int *numbers, unsigned n)
{
    struct cache_entry *before;

    /* Most reloads change no zone, and then nothing is walked. */
    if (same_numbers(c, numbers, n))
        return;
    drop_without_number(c, numbers, n);
    memset(c->buckets, 0, c->n_buckets * sizeof(void *));
    memset(c->zones, 0, sizeof c->zones);
    for (struct cache_entry *e = c->used.last; e != NULL; e = before) {
        before = e->used.before;
        int number = numbers[e->zone];
        /* Zones that mean the same may become one: of what both know the one used last is kept. */
        bool twice = find_hashed(c, (unsigned)number, label_of(e), e->hash) != NULL;
        put_under(c, e, number);
        if (twice && e->asking == NULL)
            cache_drop(c, e);
    }
}

/* ---- order ---------------------------------------------------------------------------------- */

struct dated {
    int64_t ms;
    struct cache_entry *e;
};

static int compare_dated(const void *a, const void *b)
{
    const struct dated *x = a, *y = b;

    return (x->ms > y->ms) - (x->ms < y->ms);
}

/* DATED has room for all of LIST; MS says where their time stands. */
static void sort_list(struct cache_list *list, size_t at, size_t ms, struct dated *dated)
{
    size_t n = 0;

    for (struct cache_entry *e = list->first; e != NULL; e = links_of(e, at)->behind) {
        dated[n].e = e;
        memcpy(&dated[n++].ms, (const char *)e + ms, sizeof dated->ms);
    }
    qsort(dated, n, sizeof *dated, compare_dated);
    *list = (struct cache_list){NULL, NULL};
    for (size_t i = 0; i < n; i++)
        list_append(list, dated[i].e, at);
}

int cache_sort(struct cache *c)
{
    struct dated *dated = c->count == 0 ? NULL : malloc(c->count * sizeof *dated);

    if (dated == NULL)
        return c->count == 0 ? 0 : ERR_NOMEM;
    sort_list(&c->used, USED, offsetof(struct cache_entry, used_ms), dated);
    sort_list(&c->asked, ASKED, offsetof(struct cache_entry, asked_ms), dated);
    free(dated);
    make_room(c, 0, NULL);
    return 0;
}

int64_t cache_ttl_ms(bool has_ttl, uint32_t ttl_s)
{
    if (!has_ttl)
        return CACHE_TTL_UNSAID_S * INT64_C(1000);
    if (ttl_s < CACHE_TTL_FLOOR_S)
        return CACHE_TTL_FLOOR_S * INT64_C(1000);
    return (ttl_s > CACHE_TTL_CEILING_S ? CACHE_TTL_CEILING_S : ttl_s) * INT64_C(1000);
}
