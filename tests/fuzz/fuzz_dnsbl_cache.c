/*
 * Files of remembered answers from a stranger. The first byte says whether the rest is a whole file
 * or what stands between a good head and a good checksum, so that what lies behind them is reached,
 * too. What is read in must be in order and found, not ahead of its time, the same when it is
 * written and read again, and leave nothing behind.
 */
#include <stdlib.h>

#include "dnsbl/cache.h"
#include "rcptguard/dnsbl.h"

#define NOW_S  INT64_C(1800000000)
#define NOW_MS INT64_C(5000)
#define ZONES  3

static void must(bool is_so)
{
    if (!is_so)
        abort();
}

static struct cache *new_cache(void)
{
    struct cache *c = cache_new((size_t)1 << 20);

    must(c != NULL);
    return c;
}

static int read_into(struct cache *c, struct view bytes)
{
    struct cache_zone_id ids[DNSBL_ZONES_MAX];
    unsigned n;
    struct error why;

    int rc = cache_file_read(c, bytes, ids, DNSBL_ZONES_MAX, &n, NOW_S, NOW_MS, &why);
    must(rc == 0 ? n <= DNSBL_ZONES_MAX : n == 0 && cache_count(c) == 0);
    return rc;
}

static void must_be_sound(const struct cache *c)
{
    const struct cache_entry *before = NULL;
    size_t count = 0, listed = 0, walked = 0;

    for (struct cache_entry *e = cache_first_asked(c); e != NULL; e = e->asked.behind) {
        must(before == NULL || before->asked_ms <= e->asked_ms);
        must(cache_find(c, e->zone, view_make(e->label, e->label_len)) == e);
        must(e->known && e->listing != CACHE_UNPROVEN && e->used_ms <= NOW_MS &&
             e->asked_ms <= NOW_MS);
        must(e->used_ms >= NOW_MS - CACHE_KEEP_MS);
        must(e->expires_ms <= NOW_MS + CACHE_TTL_CEILING_S * 1000);
        must(e->said_at <= NOW_S && (e->listing == CACHE_PROVEN) == (e->listed_since > 0));
        before = e;
    }
    for (unsigned zone = 0; zone < DNSBL_ZONES_MAX; zone++) {
        count += cache_count_of(c, zone);
        listed += cache_proven_of(c, zone);
        for (struct cache_entry *e = cache_first_listed(c, zone, CACHE_PROVEN); e != NULL;
             e = e->listed_of_zone.behind)
            walked += e->listing == CACHE_PROVEN;
    }
    must(count == cache_count(c) && listed == walked && cache_bytes(c) <= (size_t)1 << 20);
}

static void write_file(const struct cache *c, struct buf *out, struct view entries)
{
    static const struct cache_zone_id ids[DNSBL_ZONES_MAX];
    size_t cursor = 0;

    cache_file_begin(out, ids, entries.len > 0 ? ZONES : DNSBL_ZONES_MAX);
    buf_add_view(out, entries);
    while (cache_file_slice(c, &cursor, 3, out, NOW_S, NOW_MS))
        continue;
    must(cache_file_end(out) == 0);
}

static void must_be_the_same_again(const struct cache *c)
{
    struct cache *again = new_cache();
    struct buf first = BUF_INIT(0), second = BUF_INIT(0);

    write_file(c, &first, VIEW_NONE);
    must(read_into(again, buf_view(&first)) == 0);
    must_be_sound(again);
    write_file(again, &second, VIEW_NONE);
    must(cache_count(again) == cache_count(c) && second.len == first.len);
    buf_free(&first);
    buf_free(&second);
    cache_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int renumbered[ZONES] = {1, 1, -1};
    struct buf file = BUF_INIT(0);
    struct cache *c = new_cache();
    size_t empty = cache_bytes(c);

    struct view bytes = size == 0 ? VIEW_NONE : view_make(data + 1, size - 1);
    if (size > 1 && (data[0] & 1) != 0) {
        write_file(c, &file, bytes);
        bytes = buf_view(&file);
    }
    if (read_into(c, bytes) == 0) {
        must_be_sound(c);
        must_be_the_same_again(c);
        cache_renumber(c, renumbered, ZONES);
        must_be_sound(c);
        must(cache_count_of(c, 1) == cache_count(c));
    }
    while (cache_first_asked(c) != NULL)
        cache_drop(c, cache_first_asked(c));
    must(cache_bytes(c) == empty);
    cache_free(c);
    buf_free(&file);
    return 0;
}
