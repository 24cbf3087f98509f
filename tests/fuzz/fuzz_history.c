/*
 * Any bytes as a segment of the history. The first byte says whether heads and checksums are put
 * right first, so that what lies behind them is reached, too. What is found must be there, and in
 * a block that is sealed all that is there must be found.
 */
#include <stdlib.h>

#include "record/history_block.h"

#define LIST "list"

static bool is_there(const char *hashes, size_t n, uint64_t hash)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(hashes + i * HISTORY_HASH_BYTES, &hash, sizeof hash) == 0)
            return true;
    return false;
}

struct hits {
    const struct history_block *block;
    const struct history_wanted *wanted; /* as they were before they were sorted */
    unsigned hits;
};

static void on_hit(unsigned key, bool added, void *arg)
{
    struct hits *h = arg;
    const struct history_head *head = &h->block->head;

    h->hits++;
    if (!is_there(added ? h->block->added : h->block->dropped, added ? head->added : head->dropped,
                  h->wanted[key].hash))
        abort();
}

/* Asks for the first hashes of the block, for one that is hardly there, and for few or many. */
static void search(const struct history_block *block, bool sealed)
{
    struct history_wanted asked[8], sorted[8];
    size_t all = (size_t)block->head.added + block->head.dropped;

    for (size_t n = 1; n <= 8; n++) {
        unsigned expected = 0;
        for (size_t i = 0; i < n; i++) {
            uint64_t hash = i * 0x9e3779b97f4a7c15u;
            if (i < all)
                memcpy(&hash, block->added + i * HISTORY_HASH_BYTES, sizeof hash);
            asked[i] = sorted[i] = (struct history_wanted){hash, (unsigned)i};
            expected += i < all;
        }
        struct hits hits = {block, asked, 0};
        history_wanted_sort(sorted, n);
        history_block_search(block, sorted, n, on_hit, &hits);
        if (sealed && hits.hits < expected)
            abort();
    }
}

/* As many blocks as there is room for, of the numbers that the heads have. */
static void put_right(char *bytes, size_t len)
{
    struct history_head *head = (struct history_head *)(void *)bytes;

    while (len >= sizeof *head) {
        size_t room = (len - sizeof *head) / HISTORY_HASH_BYTES;
        memset(head->list, 0, sizeof head->list);
        memcpy(head->list, LIST, sizeof LIST);
        head->added %= (uint32_t)room + 1;
        head->dropped %= (uint32_t)(room - head->added) + 1;
        size_t n = history_block_seal(head);
        len -= n;
        head = (struct history_head *)(void *)((char *)head + n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct history_block block;

    if (size == 0)
        return 0;
    /* A copy, for its alignment, of just that size. */
    char *bytes = malloc(size > 1 ? size - 1 : 1);
    if (bytes == NULL)
        return 0;
    memcpy(bytes, data + 1, size - 1);
    bool sealed = (data[0] & 1) != 0;
    if (sealed)
        put_right(bytes, size - 1);
    struct view rest = view_make(bytes, size - 1);
    for (size_t len; (len = history_block_read(rest, LIST, &block)) > 0;) {
        search(&block, sealed);
        rest = view_from(rest, len);
    }
    if (sealed && rest.len >= HISTORY_HEAD_BYTES)
        abort(); /* a sealed block was not read */
    free(bytes);
    return 0;
}
