/*
 * How a blocklist lies in memory and in its file: an arena of items, each one key with its
 * listings, back to back without padding:
 *
 *     key length (varint) | number of listings << 1 | moved (varint) | key | listings, 4 bytes each
 *
 * The listings stand last so that the item at the end of the arena grows where it is (feeds name
 * `d` and `*.d` in adjacent rows). Kinds need no separate keys: every listing
 * carries its kind, and only listings of the kinds that were asked for are seen. "moved" marks a
 * hole while a blocklist is built: the item went to the end because it had to grow.
 *
 * A listing: bits 0 to 9 the list, 10 to 12 the kind, 13 and 14 the effect, 16 to 31 the date in
 * days since 1970.
 */
#ifndef RCPTGUARD_BLOCKLIST_LAYOUT_H
#define RCPTGUARD_BLOCKLIST_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "rcptguard/blocklist.h"

#define ARENA_MAX_BYTES ((size_t)UINT32_MAX + 1) /* offsets have 32 bits */
#define VARINT_MAX      3                        /* bytes: 21 bits, enough for both */
#define LISTING_BYTES   4
#define DATE_MAX        UINT16_MAX

_Static_assert(BLOCKLIST_KEY_MAX < 1 << 21, "key length fits a varint");
_Static_assert(BLOCKLIST_MAX_LISTS <= 1 << 10, "list numbers have 10 bits");
_Static_assert(ENTRY_DOMAIN_HASH < 8, "kinds have 3 bits");
_Static_assert(LISTING_EXCEPTS_ALL < 4, "effects have 2 bits");

/* Most listings of one list on one key: kinds times effects. */
#define LISTINGS_A_LIST ((ENTRY_DOMAIN_HASH + 1) * (LISTING_EXCEPTS_ALL + 1))

/* The date must fit 16 bits. */
static inline uint32_t listing_pack(const struct listing *l)
{
    return (uint32_t)l->date << 16 | (uint32_t)l->effect << 13 | (uint32_t)l->kind << 10 | l->list;
}

static inline struct listing listing_unpack(uint32_t packed)
{
    return (struct listing){
        .list = (uint16_t)(packed & 0x3ff),
        .kind = (uint8_t)(packed >> 10 & 7),
        .effect = (uint8_t)(packed >> 13 & 3),
        .date = (int32_t)(packed >> 16),
    };
}

/* List, kind and effect, without the date: what makes two listings the same. */
static inline uint32_t listing_identity(uint32_t packed)
{
    return packed & 0xffff;
}

/*
 * Listings an item of N has room for: exactly N up to 8 (nearly all items), then rounded up to a
 * quarter of a power of two, so that a key on a thousand lists is not moved a thousand times.
 */
static inline uint32_t listing_room(uint32_t n)
{
    if (n <= 8)
        return n;
    uint32_t step = (1u << (31 - __builtin_clz(n - 1))) / 4;
    return (n + step - 1) / step * step;
}

static inline size_t varint_bytes(uint32_t n)
{
    return n < 0x80 ? 1 : n < 0x4000 ? 2 : 3;
}

static inline unsigned char *varint_put(unsigned char *dst, uint32_t n)
{
    while (n >= 0x80) {
        *dst++ = (unsigned char)(n | 0x80);
        n >>= 7;
    }
    *dst++ = (unsigned char)n;
    return dst;
}

static inline const unsigned char *varint_get(const unsigned char *src, uint32_t *n)
{
    uint32_t value = *src & 0x7f;

    for (unsigned shift = 7; *src++ & 0x80; shift += 7)
        value |= (uint32_t)(*src & 0x7f) << shift;
    *n = value;
    return src;
}

struct item {
    struct view key;
    const unsigned char *listings;
    uint32_t count;
    bool moved;
    size_t bytes; /* of the whole item, room for listings included */
};

static inline size_t item_bytes(size_t key_len, uint32_t count)
{
    return varint_bytes((uint32_t)key_len) + varint_bytes(count << 1) + key_len +
           (size_t)listing_room(count) * LISTING_BYTES;
}

/* AT must be the beginning of a sound item. */
static inline struct item item_at(const unsigned char *at)
{
    uint32_t key_len, count;
    const unsigned char *key = varint_get(varint_get(at, &key_len), &count);
    struct item item = {
        .key = view_make(key, key_len),
        .listings = key + key_len,
        .count = count >> 1,
        .moved = (count & 1) != 0,
    };

    item.bytes = (size_t)(item.listings - at) + (size_t)listing_room(item.count) * LISTING_BYTES;
    return item;
}

static inline uint32_t item_listing(const struct item *item, uint32_t i)
{
    uint32_t packed;

    memcpy(&packed, item->listings + (size_t)i * LISTING_BYTES, sizeof packed);
    return packed;
}

#endif
