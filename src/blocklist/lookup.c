/* Reading a finished blocklist: what the query path does several times a query. */
#include <stdlib.h>

#include "index.h"
#include "rcptguard/base/breath.h"

void blocklist_free(struct blocklist *bl)
{
    if (bl == NULL)
        return;
    probe_close(&bl->table);
    region_close(&bl->memory);
    free(bl->lists);
    free(bl);
}

int blocklist_trim(int64_t mono_ms)
{
    return region_trim(mono_ms);
}

size_t blocklist_lists(const struct blocklist *bl)
{
    return bl->n_lists;
}

const struct blocklist_list *blocklist_list(const struct blocklist *bl, size_t i)
{
    return &bl->lists[i];
}

size_t blocklist_keys(const struct blocklist *bl)
{
    return bl->keys;
}

size_t blocklist_memory_bytes(const struct blocklist *bl)
{
    return sizeof *bl + bl->n_lists * sizeof *bl->lists + bl->table.region.bytes + bl->memory.bytes;
}

unsigned blocklist_hashes(const struct blocklist *bl)
{
    return bl->hashes;
}

unsigned hashes_of(struct view key, unsigned kind)
{
    unsigned shift = kind == ENTRY_DOMAIN_HASH ? BLOCKLIST_HASHES_OF_DOMAIN : 0;

    if (kind != ENTRY_ADDRESS_HASH && kind != ENTRY_DOMAIN_HASH)
        return 0;
    for (unsigned hash = 0; hash < HASH_KINDS; hash++)
        if (hash_bytes((enum hash_kind)hash) == key.len)
            return 1u << hash << shift;
    return 0;
}

uint64_t blocklist_expect(const struct blocklist *bl, struct view key)
{
    uint64_t hash = hash_keyed(&bl->table.secret, key);

    probe_expect(&bl->table, hash);
    return hash;
}

size_t blocklist_find(const struct blocklist *bl, struct view key, unsigned kinds,
                      struct listing *out, size_t max)
{
    return blocklist_find_expected(bl, key, hash_keyed(&bl->table.secret, key), kinds, 0, out, max);
}

size_t blocklist_find_expected(const struct blocklist *bl, struct view key, uint64_t hash,
                               unsigned kinds, size_t from, struct listing *out, size_t max)
{
    size_t place, found = 0;

    if (probe_seek(&bl->table, bl->arena, key, hash, &place) != PROBE_FOUND)
        return 0;
    struct item item = item_at(bl->arena + bl->table.offsets[place]);
    for (uint32_t i = 0; i < item.count; i++) {
        struct listing listing = listing_unpack(item_listing(&item, i));
        if ((kinds & ENTRY_BIT(listing.kind)) == 0)
            continue;
        if (found >= from && found - from < max)
            out[found - from] = listing;
        found++;
    }
    return found;
}

int blocklist_each(const struct blocklist *bl, blocklist_visit *visit, void *arg)
{
    for (size_t at = 0; at < bl->arena_len;) {
        struct item item = item_at(bl->arena + at);
        for (uint32_t i = 0; i < item.count; i++) {
            struct listing listing = listing_unpack(item_listing(&item, i));
            int rc = visit(item.key, &listing, arg);
            if (rc != 0)
                return rc;
        }
        at += item.bytes;
        breath(item.bytes);
    }
    return 0;
}
