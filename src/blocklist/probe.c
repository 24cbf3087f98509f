/*
 * Filling the hash table from the arena: at growth, after a squeeze, at the end of a build and
 * after a load alike. Walking the arena reads memory in order; only the places in the table are
 * scattered, and those are fetched ahead a batch at a time.
 */
#include "probe.h"

#include "rcptguard/base/breath.h"

#define BATCH 32 /* keys fetched ahead; enough to cover the latency of memory */

struct pending {
    uint64_t hash;
    uint32_t offset;
};

size_t probe_groups_for(size_t keys)
{
    return keys <= GROUP_LOAD ? 1 : (keys + GROUP_LOAD - 1) / GROUP_LOAD;
}

/* The keys are known to differ, so only a free place is looked for. */
static bool put_new(struct probe_table *t, struct pending p)
{
    size_t group = probe_home(t, p.hash);

    for (unsigned tried = 0; tried < PROBE_MAX_GROUPS; tried++) {
        unsigned free_places = tags_match(t->tags + group * GROUP, 0);
        if (free_places != 0) {
            probe_put(t, group * GROUP + (unsigned)__builtin_ctz(free_places), p.hash, p.offset);
            return true;
        }
        if (++group == t->groups)
            group = 0;
    }
    return false;
}

static bool put_batch(struct probe_table *t, const struct pending *batch, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (!put_new(t, batch[i]))
            return false;
    return true;
}

/* False: some search would be too long with this secret. */
static bool put_all(struct probe_table *t, const unsigned char *arena, size_t len)
{
    struct pending batch[BATCH];
    unsigned count = 0;

    memset(t->tags, 0, t->groups * GROUP);
    for (size_t at = 0; at < len;) {
        struct item item = item_at(arena + at);
        if (!item.moved) {
            uint64_t hash = hash_keyed(&t->secret, item.key);
            size_t place = probe_home(t, hash) * GROUP;
            __builtin_prefetch(t->tags + place, 1);
            __builtin_prefetch(t->offsets + place, 1);
            batch[count++] = (struct pending){hash, (uint32_t)at};
        }
        at += item.bytes;
        breath(item.bytes);
        if (count == BATCH) {
            if (!put_batch(t, batch, count))
                return false;
            count = 0;
        }
    }
    return put_batch(t, batch, count);
}

static bool set_size(struct probe_table *t, size_t groups)
{
    struct region region;

    if (!region_open(&region, groups * GROUP * (1 + sizeof *t->offsets)))
        return false;
    region_close(&t->region);
    t->region = region;
    t->groups = groups;
    t->tags = region.base;
    t->offsets = (uint32_t *)(void *)(region.base + groups * GROUP);
    return true;
}

int probe_fill(struct probe_table *t, size_t groups, const unsigned char *arena, size_t len,
               struct error *why)
{
    bool first = t->groups == 0;

    if (groups != t->groups && !set_size(t, groups))
        return error_set(why, ERR_NOMEM, "no memory for a table of %zu groups", groups);
    for (int tries = 0; tries < PROBE_SECRETS; tries++) {
        if (first || tries > 0)
            hash_secret_random(&t->secret);
        if (put_all(t, arena, len))
            return 0;
    }
    return error_set(why, ERR_LIMIT, "keys that no hash spreads");
}

int probe_reseed(struct probe_table *t, const unsigned char *arena, size_t len, struct error *why)
{
    hash_secret_random(&t->secret);
    return probe_fill(t, t->groups, arena, len, why);
}

void probe_close(struct probe_table *t)
{
    region_close(&t->region);
    t->groups = 0;
}
