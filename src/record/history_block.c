/* Blocks of the history in memory: made, checked, searched. */
#include "history_block.h"

#include <stdlib.h>

#include "rcptguard/base/breath.h"

_Static_assert(HISTORY_HEAD_BYTES % HISTORY_HASH_BYTES == 0, "hashes behind a head are aligned");
_Static_assert(offsetof(struct history_head, time) == sizeof(uint64_t) + sizeof(struct checksum),
               "what the sum covers follows it");

uint64_t history_hash(const struct hash_secret *secret, uint8_t kind, struct view key)
{
    char bytes[1 + BLOCKLIST_KEY_MAX];
    size_t len = key.len < BLOCKLIST_KEY_MAX ? key.len : BLOCKLIST_KEY_MAX;

    bytes[0] = (char)kind;
    if (len > 0)
        memcpy(bytes + 1, key.ptr, len);
    return hash_keyed(secret, view_make(bytes, len + 1));
}

static int compare_hashes(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    breath(sizeof *x);
    return (*x > *y) - (*x < *y);
}

static struct checksum sum_of(const void *block, size_t len)
{
    const size_t from = offsetof(struct history_head, time);
    return checksum_of((const char *)block + from, len - from);
}

static size_t bytes_of(const struct history_head *head)
{
    return HISTORY_HEAD_BYTES + ((size_t)head->added + head->dropped) * HISTORY_HASH_BYTES;
}

size_t history_block_seal(struct history_head *head)
{
    uint64_t *hashes = (uint64_t *)(void *)(head + 1);
    size_t len = bytes_of(head);

    qsort(hashes, head->added, sizeof *hashes, compare_hashes);
    qsort(hashes + head->added, head->dropped, sizeof *hashes, compare_hashes);
    head->magic = HISTORY_MAGIC;
    head->sum = sum_of(head, len);
    return len;
}

size_t history_block_bytes(struct view bytes, const char *list, struct history_head *head)
{
    if (bytes.len < sizeof *head)
        return 0;
    memcpy(head, bytes.ptr, sizeof *head);
    if (head->magic != HISTORY_MAGIC || strncmp(head->list, list, sizeof head->list) != 0)
        return 0;
    return bytes_of(head);
}

size_t history_block_read(struct view bytes, const char *list, struct history_block *block)
{
    size_t len = history_block_bytes(bytes, list, &block->head);

    if (len == 0 || len > bytes.len)
        return 0;
    struct checksum sum = sum_of(bytes.ptr, len);
    if (sum.low != block->head.sum.low || sum.high != block->head.sum.high)
        return 0;
    block->added = bytes.ptr + HISTORY_HEAD_BYTES;
    block->dropped = block->added + block->head.added * HISTORY_HASH_BYTES;
    return len;
}

/* ---- searching ------------------------------------------------------------------------------ */

static int compare_wanted(const void *a, const void *b)
{
    const struct history_wanted *x = a, *y = b;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

void history_wanted_sort(struct history_wanted *wanted, size_t n)
{
    qsort(wanted, n, sizeof *wanted, compare_wanted);
}

static uint64_t hash_at(const char *hashes, size_t i)
{
    uint64_t hash;

    memcpy(&hash, hashes + i * HISTORY_HASH_BYTES, sizeof hash);
    return hash;
}

static bool is_among(const char *hashes, size_t n, uint64_t hash)
{
    size_t from = 0;

    for (size_t to = n; from < to;) {
        size_t middle = from + (to - from) / 2;
        if (hash_at(hashes, middle) < hash)
            from = middle + 1;
        else
            to = middle;
    }
    return from < n && hash_at(hashes, from) == hash;
}

static size_t first_wanted(const struct history_wanted *wanted, size_t n, uint64_t hash)
{
    size_t from = 0;

    for (size_t to = n; from < to;) {
        size_t middle = from + (to - from) / 2;
        if (wanted[middle].hash < hash)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* The fewer are looked up among the more: most blocks of a calm list hold a handful. */
static void search(const char *hashes, size_t count, bool added,
                   const struct history_wanted *wanted, size_t n, history_hit *hit, void *arg)
{
    if (count >= n) {
        for (size_t i = 0; i < n; i++)
            if (is_among(hashes, count, wanted[i].hash))
                hit(wanted[i].key, added, arg);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t hash = hash_at(hashes, i);
        for (size_t k = first_wanted(wanted, n, hash); k < n && wanted[k].hash == hash; k++)
            hit(wanted[k].key, added, arg);
    }
}

void history_block_search(const struct history_block *block, const struct history_wanted *wanted,
                          size_t n, history_hit *hit, void *arg)
{
    search(block->dropped, block->head.dropped, false, wanted, n, hit, arg);
    search(block->added, block->head.added, true, wanted, n, hit, arg);
}
