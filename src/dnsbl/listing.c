/*
 * What becomes of listings. One that came is *unproven*: it waits for random names of its own, sent
 * no earlier than its question, of which nothing was heard before it. When they are clear it is
 * *proven*, and counts as long as the zone is on and was well within a minute. When they are not,
 * get lost or cannot be sent, it is forgotten, since nothing later would say what the zone was like
 * at that moment.
 */
#include "parts.h"
#include "rcptguard/base/clock.h"

struct view listing_below(const struct zone_state *z, struct view label)
{
    if (z->zone.config->query != DNSBL_DOMAIN)
        return VIEW_NONE;
    struct view registrable = suffixes_registrable(z->dnsbl->suffixes, label);
    ptrdiff_t dot = view_find(registrable, '.');
    return dot < 0 ? VIEW_NONE : view_from(registrable, (size_t)dot + 1);
}

static struct view label_of(const struct cache_entry *e)
{
    return view_make(e->label, e->label_len);
}

static void tell_history(struct zone_state *z, struct cache_entry *e, bool listed)
{
    struct dnsbl *d = z->dnsbl;
    unsigned char digest[HASH_MAX_BYTES];
    enum entry_kind kind;
    bool registrable = view_eq(label_of(e), suffixes_registrable(d->suffixes, label_of(e)));
    struct view key = zone_history_key(&z->zone, label_of(e), registrable, digest, &kind);

    if (e->told == listed)
        return;
    e->told = listed;
    if (d->events.changed != NULL)
        d->events.changed(z->zone.config->name, kind, key, listed, clock_now(), d->events.arg);
}

void listing_in_vain(struct cache_entry *e, bool disbelieved)
{
    e->failed_ms = clock_mono_ms();
    e->disbelieved = disbelieved;
}

/* What the history was told stays until the zone says something else. */
static void forget(struct zone_state *z, struct cache_entry *e)
{
    cache_list_as(z->dnsbl->cache, e, CACHE_CLEAR);
    e->known = false;
    if (!e->told)
        e->listed_since = 0;
    listing_in_vain(e, true);
}

bool listing_came(struct zone_state *z, struct cache_entry *e, int64_t sent)
{
    if (e->listed_since == 0)
        e->listed_since = clock_now();
    e->set = 0; /* until there is one: it may end before it is known here */
    cache_list_as(z->dnsbl->cache, e, CACHE_UNPROVEN);
    e->set = probe_for_listing(z, listing_below(z, label_of(e)), sent);
    if (e->set != 0 || e->listing != CACHE_UNPROVEN)
        return true;
    forget(z, e);
    return false;
}

void listing_went(struct zone_state *z, struct cache_entry *e)
{
    struct cache *cache = z->dnsbl->cache;

    tell_history(z, e, false);
    e->listed_since = 0;
    e->text_state = CACHE_TEXT_UNKNOWN;
    cache_set_text(cache, e, VIEW_NONE);
    cache_list_as(cache, e, CACHE_CLEAR);
}

void listing_proven(struct zone_state *z, int64_t set)
{
    struct cache *cache = z->dnsbl->cache;
    struct cache_entry *e, *next;

    for (e = cache_first_listed(cache, z->number, CACHE_UNPROVEN); e != NULL; e = next) {
        next = e->listed_of_zone.behind;
        if (e->set != set)
            continue;
        cache_list_as(cache, e, CACHE_PROVEN);
        tell_history(z, e, true);
        text_ask(z, e);
    }
}

void listing_swallowed(struct zone_state *z, int64_t set)
{
    struct cache_entry *e, *next;

    for (e = cache_first_listed(z->dnsbl->cache, z->number, CACHE_UNPROVEN); e != NULL; e = next) {
        next = e->listed_of_zone.behind;
        if (e->set != set)
            continue;
        listing_went(z, e);
        e->swallowed = true;
    }
}

/* Those of SET, or with 0 all. */
static void forget_unproven(struct zone_state *z, int64_t set)
{
    struct cache_entry *e, *next;
    bool some = false;

    for (e = cache_first_listed(z->dnsbl->cache, z->number, CACHE_UNPROVEN); e != NULL; e = next) {
        next = e->listed_of_zone.behind;
        if (set != 0 && e->set != set)
            continue;
        forget(z, e);
        some = true;
    }
    if (some) {
        doubt_open(z->doubt);
        doubt_changed(z->dnsbl);
    }
}

void listing_unproven(struct zone_state *z, int64_t set)
{
    forget_unproven(z, set);
}

void listing_unproven_all(struct zone_state *z)
{
    forget_unproven(z, 0);
}

void listing_forget_all(struct zone_state *z)
{
    struct cache_entry *e;

    listing_unproven_all(z);
    if (cache_first_listed(z->dnsbl->cache, z->number, CACHE_PROVEN) != NULL)
        save_forgot(z->dnsbl);
    while ((e = cache_first_listed(z->dnsbl->cache, z->number, CACHE_PROVEN)) != NULL)
        forget(z, e);
}
