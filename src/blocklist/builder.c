/*
 * Builds a blocklist in the form it will have: items are appended to a growing arena, beside the
 * same hash table that look-ups use, so that finishing copies nothing.
 *
 * A key that gets a further listing grows where it is when it can, else it moves to the end of the
 * arena and leaves a hole. Holes are squeezed out when they exceed half of what lives, and at the
 * end; memory so stays below 1.6 times that of the finished blocklist, whatever order lists come
 * in, or twice where it lies in memory that was kept (region.h). Hashes are not kept: filling a
 * larger table from the arena is as fast as reading them back.
 */
#include <stdlib.h>

#include "index.h"
#include "rcptguard/base/breath.h"

#define ARENA_FIRST_BYTES ((size_t)64 << 10)
#define HOLES_FREE_BYTES  ((size_t)1 << 20)  /* below this, squeezing is not worth its time */
#define EXPECTED_MAX      ((size_t)64 << 20) /* keys; a wild guess must not cost memory */

struct blocklist_builder *blocklist_builder_new(size_t expected)
{
    struct blocklist_builder *b = calloc(1, sizeof *b);

    if (b == NULL)
        return NULL;
    if (expected > EXPECTED_MAX)
        expected = EXPECTED_MAX;
    if (!region_open(&b->arena, ARENA_FIRST_BYTES) ||
        probe_fill(&b->table, probe_groups_for(expected), b->arena.base, 0, NULL) < 0) {
        blocklist_builder_free(b);
        return NULL;
    }
    return b;
}

void blocklist_builder_free(struct blocklist_builder *b)
{
    if (b == NULL)
        return;
    probe_close(&b->table);
    region_close(&b->arena);
    free(b->lists);
    free(b);
}

int blocklist_builder_list(struct blocklist_builder *b, const struct blocklist_list *list,
                           struct error *why)
{
    if (b->n_lists == BLOCKLIST_MAX_LISTS)
        return error_set(why, ERR_LIMIT, "more than %d lists", BLOCKLIST_MAX_LISTS);
    size_t len = strnlen(list->name, sizeof list->name);
    if (len == 0 || len == sizeof list->name)
        return error_set(why, ERR_LIMIT, "a list's name has 1 to %d bytes", BLOCKLIST_NAME_MAX - 1);
    for (size_t i = 0; i < b->n_lists; i++)
        if (strcmp(b->lists[i].name, list->name) == 0)
            return error_set(why, ERR_CONFLICT, "two lists named %s", list->name);
    struct blocklist_list *lists = realloc(b->lists, (b->n_lists + 1) * sizeof *lists);
    if (lists == NULL)
        return error_set(why, ERR_NOMEM, "no memory for a list");
    b->lists = lists;
    lists[b->n_lists] = *list;
    /* What is behind the NUL would be saved with it. */
    memset(lists[b->n_lists].name + len, 0, sizeof list->name - len);
    lists[b->n_lists].entries = 0;
    return (int)b->n_lists++;
}

static int refill(struct blocklist_builder *b, size_t groups, struct error *why)
{
    int rc = probe_fill(&b->table, groups, b->arena.base, b->arena_len, why);
    b->broken = rc == ERR_LIMIT;
    return rc;
}

static void close_holes(struct blocklist_builder *b)
{
    unsigned char *to = b->arena.base;

    for (size_t at = 0; at < b->arena_len;) {
        struct item item = item_at(b->arena.base + at);
        size_t bytes = item.bytes;
        if (!item.moved) {
            memmove(to, b->arena.base + at, bytes);
            to += bytes;
        }
        at += bytes;
        breath(bytes);
    }
    b->arena_len = (size_t)(to - b->arena.base);
    b->holes = 0;
}

/* Before a look-up, since all places and offsets may change. */
static int make_room_in_table(struct blocklist_builder *b, struct error *why)
{
    if (b->broken)
        return error_set(why, ERR_LIMIT, "keys that no hash spreads");
    if (b->keys >= b->table.groups * GROUP_LOAD)
        return refill(b, b->table.groups * 2, why);
    if (b->holes > HOLES_FREE_BYTES && b->holes > b->arena_len / 3) {
        close_holes(b);
        return refill(b, b->table.groups, why);
    }
    return 0;
}

static int make_room_in_arena(struct blocklist_builder *b, size_t bytes, struct error *why)
{
    size_t need = b->arena_len + bytes;

    if (need > ARENA_MAX_BYTES)
        return error_set(why, ERR_LIMIT, "more than 4 GiB of entries");
    if (need <= b->arena.bytes)
        return 0;
    size_t size = b->arena.bytes * 2;
    size = size < need ? need : size > ARENA_MAX_BYTES ? ARENA_MAX_BYTES : size;
    if (!region_resize(&b->arena, size))
        return error_set(why, ERR_NOMEM, "no memory for %zu bytes of entries", size);
    return 0;
}

static void put_listing(unsigned char *listings, uint32_t i, uint32_t packed)
{
    memcpy(listings + (size_t)i * LISTING_BYTES, &packed, sizeof packed);
}

/* Appends an item of OLD's listings (none for a new key) and one more. The room is there. */
static void append(struct blocklist_builder *b, struct view key, const struct item *old,
                   uint32_t packed)
{
    uint32_t count = old->count + 1;
    size_t bytes = item_bytes(key.len, count);
    unsigned char *at = b->arena.base + b->arena_len;
    unsigned char *to = varint_put(varint_put(at, (uint32_t)key.len), count << 1);

    memcpy(to, key.ptr, key.len);
    to += key.len;
    if (old->count > 0)
        memcpy(to, old->listings, (size_t)old->count * LISTING_BYTES);
    put_listing(to, old->count, packed);
    to += (size_t)count * LISTING_BYTES;
    memset(to, 0, (size_t)(at + bytes - to));
    b->arena_len += bytes;
}

/* Rewrites the second number of the item at AT; the new one takes as many bytes. */
static void set_count(unsigned char *at, uint32_t count, bool moved)
{
    uint32_t key_len;
    const unsigned char *second = varint_get(at, &key_len);

    varint_put(at + (second - at), count << 1 | moved);
}

/* One more listing for the item at PLACE of the table. */
static int extend(struct blocklist_builder *b, size_t place, uint32_t packed, struct error *why)
{
    size_t offset = b->table.offsets[place];
    struct item item = item_at(b->arena.base + offset);
    size_t grown = item_bytes(item.key.len, item.count + 1);
    bool is_last = offset + item.bytes == b->arena_len;
    bool same_head = varint_bytes(item.count << 1) == varint_bytes((item.count + 1) << 1);

    int rc = make_room_in_arena(b, grown, why);
    if (rc < 0)
        return rc;
    unsigned char *at = b->arena.base + offset;
    item = item_at(at);
    if (same_head && (is_last || grown == item.bytes)) {
        unsigned char *listings = at + (item.listings - at);
        size_t used = (size_t)(listings - at) + (size_t)item.count * LISTING_BYTES;
        memset(at + used, 0, grown - used);
        put_listing(listings, item.count, packed);
        set_count(at, item.count + 1, false);
        b->arena_len += grown - item.bytes;
        return 0;
    }
    b->table.offsets[place] = (uint32_t)b->arena_len;
    append(b, item.key, &item, packed);
    set_count(at, item.count, true);
    b->holes += item.bytes;
    return 0;
}

static void count_listing(struct blocklist_builder *b, const struct listing *l)
{
    b->lists[l->list].entries += l->effect == LISTING_BLOCKS;
}

/* The key at PLACE is known. Returns 1 when kind and effect are new for it. */
static int add_to_known(struct blocklist_builder *b, size_t place, uint32_t packed,
                        struct error *why)
{
    unsigned char *at = b->arena.base + b->table.offsets[place];
    struct item item = item_at(at);
    struct listing fresh = listing_unpack(packed);
    bool kind_known = false;

    for (uint32_t i = 0; i < item.count; i++) {
        uint32_t known = item_listing(&item, i);
        struct listing old = listing_unpack(known);
        kind_known = kind_known || (old.kind == fresh.kind && old.effect == fresh.effect);
        if (listing_identity(known) != listing_identity(packed))
            continue;
        /* The date stands in the upper bits of equal rests. */
        if (packed > known)
            put_listing(at + (item.listings - at), i, packed);
        return 0;
    }
    int rc = extend(b, place, packed, why);
    if (rc < 0)
        return rc;
    count_listing(b, &fresh);
    return !kind_known;
}

static int add_new(struct blocklist_builder *b, size_t place, uint64_t hash, struct view key,
                   uint32_t packed, struct error *why)
{
    static const struct item none;

    int rc = make_room_in_arena(b, item_bytes(key.len, 1), why);
    if (rc < 0)
        return rc;
    probe_put(&b->table, place, hash, (uint32_t)b->arena_len);
    append(b, key, &none, packed);
    b->keys++;
    struct listing fresh = listing_unpack(packed);
    count_listing(b, &fresh);
    return 1;
}

/* Before 1970 is "old", not "no date": the oldest that can be said. */
static uint16_t date_to_keep(int32_t date)
{
    return (uint16_t)(date < 0 ? 1 : date > DATE_MAX ? DATE_MAX : date);
}

int blocklist_builder_add(struct blocklist_builder *b, enum entry_kind kind, struct view key,
                          uint16_t list, int32_t date, struct error *why)
{
    const struct listing listing = {.list = list, .kind = (uint8_t)kind, .date = date};

    return blocklist_builder_put(b, key, &listing, why);
}

int blocklist_builder_put(struct blocklist_builder *b, struct view key,
                          const struct listing *listing, struct error *why)
{
    struct listing kept = *listing;
    size_t place;

    if (kept.list >= b->n_lists)
        return error_set(why, ERR_LIMIT, "no list of number %u", kept.list);
    kept.date = date_to_keep(kept.date);
    b->hashes |= hashes_of(key, kept.kind);
    uint32_t packed = listing_pack(&kept);
    if (key.len == 0 || key.len > BLOCKLIST_KEY_MAX)
        return error_set(why, ERR_LIMIT, "an entry has 1 to %d bytes", BLOCKLIST_KEY_MAX);
    int rc = make_room_in_table(b, why);
    while (rc == 0) {
        uint64_t hash = hash_keyed(&b->table.secret, key);
        switch (probe_seek(&b->table, b->arena.base, key, hash, &place)) {
        case PROBE_FOUND:
            return add_to_known(b, place, packed, why);
        case PROBE_FREE:
            return add_new(b, place, hash, key, packed, why);
        case PROBE_LONG:
            rc = probe_reseed(&b->table, b->arena.base, b->arena_len, why);
            b->broken = rc < 0;
            break;
        }
    }
    return rc;
}

struct copying {
    struct blocklist_builder *b;
    const int *numbers;
    struct error *why;
};

static int copy_listing(struct view key, const struct listing *listing, void *arg)
{
    const struct copying *c = arg;
    struct listing moved = *listing;
    int number = c->numbers[listing->list];

    if (number < 0)
        return 0;
    moved.list = (uint16_t)number;
    int rc = blocklist_builder_put(c->b, key, &moved, c->why);
    return rc < 0 ? rc : 0;
}

int blocklist_builder_add_from(struct blocklist_builder *b, const struct blocklist *old,
                               const int *numbers, struct error *why)
{
    struct copying c = {b, numbers, why};

    return blocklist_each(old, copy_listing, &c);
}

/* As if the keys to come were as long as those that are there. Fresh memory that is not touched
 * costs nothing, and growing step by step moves it again and again. */
static void expect_bytes(struct blocklist_builder *b, size_t keys)
{
    if (b->keys == 0)
        return;
    double bytes = (double)b->arena_len / (double)b->keys * (double)keys;
    if (bytes > (double)b->arena.bytes && bytes <= (double)ARENA_MAX_BYTES)
        region_expect(&b->arena, (size_t)bytes);
}

void blocklist_builder_expect(struct blocklist_builder *b, size_t keys)
{
    size_t expected = keys > EXPECTED_MAX ? EXPECTED_MAX : keys;
    size_t groups = probe_groups_for(expected);

    if (!b->broken && groups > b->table.groups)
        refill(b, groups, NULL);
    expect_bytes(b, expected);
}

size_t blocklist_builder_keys(const struct blocklist_builder *b)
{
    return b->keys;
}

/* Keeps the listings that NUMBERS names, in place; returns how many. FROM and TO may overlap. */
static uint32_t renumber(struct blocklist_builder *b, const struct item *item, const int *numbers,
                         unsigned char *to)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < item->count; i++) {
        struct listing l = listing_unpack(item_listing(item, i));
        if (numbers[l.list] < 0)
            continue;
        l.list = (uint16_t)numbers[l.list];
        put_listing(to, kept++, listing_pack(&l));
        count_listing(b, &l);
    }
    return kept;
}

/*
 * Moves the item at FROM to TO, which is not behind it, with the listings that NUMBERS keeps; it
 * never grows, so nothing is overwritten before it was read. Returns its bytes, 0: nothing is left.
 */
static size_t move_item(struct blocklist_builder *b, unsigned char *from, unsigned char *to,
                        const int *numbers)
{
    struct item item = item_at(from);
    unsigned char *listings = from + (item.listings - from);
    uint32_t kept = renumber(b, &item, numbers, listings);

    if (kept == 0)
        return 0;
    if (kept == item.count) {
        if (to != from)
            memmove(to, from, item.bytes);
        return item.bytes;
    }
    size_t bytes = item_bytes(item.key.len, kept), key_len = item.key.len;
    unsigned char *at = varint_put(varint_put(to, (uint32_t)key_len), kept << 1);
    memmove(at, item.key.ptr, key_len);
    memmove(at + key_len, listings, (size_t)kept * LISTING_BYTES);
    at += key_len + (size_t)kept * LISTING_BYTES;
    memset(at, 0, (size_t)(to + bytes - at));
    return bytes;
}

/* B is empty: it takes over memory and table of OLD, which is a shell afterwards. */
static int take_over(struct blocklist_builder *b, struct blocklist *old, const int *numbers,
                     struct error *why)
{
    unsigned char *base = old->memory.base + (old->arena - old->memory.base), *to = base;

    for (size_t at = 0; at < old->arena_len;) {
        size_t bytes = item_at(base + at).bytes;
        size_t kept = move_item(b, base + at, to, numbers);
        b->keys += kept > 0;
        to += kept;
        at += bytes;
        breath(bytes);
    }
    size_t len = (size_t)(to - base);
    bool same = len == old->arena_len;
    region_close(&b->arena);
    probe_close(&b->table);
    b->arena = old->memory;
    b->table = old->table;
    b->arena_len = len;
    b->hashes = old->hashes;
    old->memory = (struct region){NULL, 0};
    old->table = (struct probe_table){.groups = 0};
    return same ? 0 : refill(b, b->table.groups, why);
}

int blocklist_builder_absorb(struct blocklist_builder *b, struct blocklist *old, const int *numbers,
                             struct error *why)
{
    /* A loaded one has its head in front of the arena. */
    bool whole = old->arena == old->memory.base && old->keys > 0;
    int rc = b->keys == 0 && b->holes == 0 && !b->broken && whole
                 ? take_over(b, old, numbers, why)
                 : blocklist_builder_add_from(b, old, numbers, why);

    blocklist_free(old);
    return rc;
}

/* No holes, no more memory than is used. */
static int tidy(struct blocklist_builder *b, struct error *why)
{
    size_t groups = probe_groups_for(b->keys);
    bool has_holes = b->holes > 0;

    if (b->broken)
        return error_set(why, ERR_LIMIT, "keys that no hash spreads");
    if (has_holes)
        close_holes(b);
    /* A guess that was at most a thirtieth too high is good enough. */
    bool too_large = b->table.groups > groups + groups / 32;
    if (has_holes || too_large) {
        int rc = refill(b, too_large ? groups : b->table.groups, why);
        if (rc < 0)
            return rc;
    }
    if (!region_resize(&b->arena, b->arena_len))
        return error_set(why, ERR_NOMEM, "no memory for %zu bytes of entries", b->arena_len);
    return 0;
}

struct blocklist *blocklist_builder_finish(struct blocklist_builder *b, struct error *why)
{
    struct blocklist *bl = calloc(1, sizeof *bl);

    if (bl == NULL)
        error_set(why, ERR_NOMEM, "no memory for a blocklist");
    if (bl == NULL || tidy(b, why) < 0) {
        free(bl);
        blocklist_builder_free(b);
        return NULL;
    }
    bl->table = b->table;
    bl->memory = b->arena;
    bl->arena = b->arena.base;
    bl->arena_len = b->arena_len;
    bl->keys = b->keys;
    bl->lists = b->lists;
    bl->n_lists = b->n_lists;
    bl->hashes = b->hashes;
    free(b);
    return bl;
}
