/*
 * What a list has in one blocklist and not in another. Each entry of the one is looked up in the
 * other, first what was added, then what was dropped: two walks and a probe an entry, no memory.
 */
#include "index.h"

struct walk {
    const struct blocklist *other; /* NULL: it has nothing */
    uint16_t list, other_list;
    bool added;
    blocklist_change *visit;
    void *arg;
};

/* Not by blocklist_find: a key may be on more lists than a caller has room for. */
static bool holds(const struct blocklist *bl, uint16_t list, struct view key, uint8_t kind)
{
    const struct listing wanted = {.list = list, .kind = kind, .effect = LISTING_BLOCKS};
    uint64_t hash = hash_keyed(&bl->table.secret, key);
    size_t place;

    if (probe_seek(&bl->table, bl->arena, key, hash, &place) != PROBE_FOUND)
        return false;
    struct item item = item_at(bl->arena + bl->table.offsets[place]);
    for (uint32_t i = 0; i < item.count; i++)
        if (listing_identity(item_listing(&item, i)) == listing_identity(listing_pack(&wanted)))
            return true;
    return false;
}

static int tell_missing(struct view key, const struct listing *listing, void *arg)
{
    const struct walk *w = arg;

    if (listing->list != w->list || listing->effect != LISTING_BLOCKS)
        return 0;
    if (w->other != NULL && holds(w->other, w->other_list, key, listing->kind))
        return 0;
    return w->visit(key, listing->kind, w->added, w->arg);
}

int blocklist_diff(const struct blocklist *old, uint16_t old_list, const struct blocklist *made,
                   uint16_t made_list, blocklist_change *visit, void *arg)
{
    struct walk added = {old, made_list, old_list, true, visit, arg};
    struct walk dropped = {made, old_list, made_list, false, visit, arg};
    int rc = made == NULL ? 0 : blocklist_each(made, tell_missing, &added);

    if (rc != 0 || old == NULL)
        return rc;
    return blocklist_each(old, tell_missing, &dropped);
}
