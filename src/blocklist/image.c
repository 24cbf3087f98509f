/*
 * Reading and making index files in memory. A file is believed only when its checksums fit; and
 * since a checksum is no signature, every length in it is checked as well before anything is
 * looked up.
 */
#include "image.h"

#include <stdlib.h>

int image_damaged(struct error *why, const char *what)
{
    return error_set(why, ERR_DAMAGED, "%s; it will be rebuilt from the last good lists", what);
}

struct checksum image_head_sum(const struct image_head *head, size_t n_lists)
{
    size_t skip = offsetof(struct image_head, arena_sum);

    return checksum_of((const char *)head + skip,
                       sizeof *head - skip + n_lists * sizeof(struct blocklist_list));
}

static bool same_sum(struct checksum a, struct checksum b)
{
    return a.low == b.low && a.high == b.high;
}

struct image_head *image_head_new(const struct blocklist *bl, size_t *bytes)
{
    size_t lists_bytes = bl->n_lists * sizeof *bl->lists;
    struct image_head *head = malloc(sizeof *head + lists_bytes);

    if (head == NULL)
        return NULL;
    *head = (struct image_head){
        .byte_order = IMAGE_BYTE_ORDER,
        .version = IMAGE_VERSION,
        .arena_sum = checksum_of(bl->arena, bl->arena_len),
        .arena_len = bl->arena_len,
        .keys = bl->keys,
        .n_lists = bl->n_lists,
    };
    memcpy(head->magic, IMAGE_MAGIC, sizeof head->magic);
    if (lists_bytes > 0)
        memcpy(head + 1, bl->lists, lists_bytes);
    head->head_sum = image_head_sum(head, bl->n_lists);
    *bytes = sizeof *head + lists_bytes;
    return head;
}

int image_check_kind(const struct image_head *head, uint64_t bytes, struct error *why)
{
    if (bytes < sizeof *head)
        return image_damaged(why, "shorter than its head");
    if (memcmp(head->magic, IMAGE_MAGIC, sizeof head->magic) != 0)
        return image_damaged(why, "not an index of rcptguard");
    if (head->byte_order != IMAGE_BYTE_ORDER)
        return image_damaged(why, "written by a machine of another byte order");
    if (head->version != IMAGE_VERSION)
        return image_damaged(why, "of another version");
    if (head->n_lists > BLOCKLIST_MAX_LISTS || head->arena_len > ARENA_MAX_BYTES ||
        bytes != sizeof *head + head->n_lists * sizeof(struct blocklist_list) + head->arena_len)
        return image_damaged(why, "not as long as its head says");
    return 0;
}

/* The head of an image: who wrote it, whole or not, the sums. */
static int check_head(const struct region *image, struct error *why)
{
    const struct image_head *head = (const void *)image->base;
    int rc = image_check_kind(head, image->bytes, why);

    if (rc < 0)
        return rc;
    if (!same_sum(head->head_sum, image_head_sum(head, head->n_lists)) ||
        !same_sum(head->arena_sum,
                  checksum_of(image->base + image->bytes - head->arena_len, head->arena_len)))
        return image_damaged(why, "wrong checksum");
    return 0;
}

static int check_lists(const struct blocklist_list *lists, size_t n, struct error *why)
{
    for (size_t i = 0; i < n; i++) {
        size_t len = strnlen(lists[i].name, sizeof lists[i].name);
        if (len == 0 || len == sizeof lists[i].name)
            return image_damaged(why, "a list without a sound name");
        for (size_t j = 0; j < i; j++)
            if (strcmp(lists[i].name, lists[j].name) == 0)
                return image_damaged(why, "two lists of one name");
    }
    return 0;
}

/* Bytes of the varint at AT, which holds at most MAX; 0: not sound within LEFT bytes. */
static size_t sound_varint(const unsigned char *at, size_t left, uint32_t max)
{
    uint32_t n;

    for (size_t i = 0; i < left && i < VARINT_MAX; i++) {
        if ((at[i] & 0x80) != 0)
            continue;
        varint_get(at, &n);
        return n <= max && varint_bytes(n) == i + 1 ? i + 1 : 0;
    }
    return 0;
}

/* The item at AT has all it says within LEFT bytes. */
static bool sound_item(const unsigned char *at, size_t left, size_t n_lists, struct item *item)
{
    size_t first = sound_varint(at, left, BLOCKLIST_KEY_MAX);
    if (first == 0)
        return false;
    uint32_t count_max = (uint32_t)(LISTINGS_A_LIST * n_lists) << 1;
    if (sound_varint(at + first, left - first, count_max) == 0)
        return false;
    *item = item_at(at);
    return item->key.len > 0 && item->count > 0 && !item->moved && item->bytes <= left;
}

/* Walks the arena as look-ups will, and counts. ENTRIES has a number for each list. */
static int check_arena(struct blocklist *bl, uint64_t *entries, struct error *why)
{
    size_t keys = 0;
    struct item item;

    for (size_t at = 0; at < bl->arena_len; at += item.bytes, keys++) {
        if (!sound_item(bl->arena + at, bl->arena_len - at, bl->n_lists, &item))
            return image_damaged(why, "an entry that is none");
        for (uint32_t i = 0; i < item.count; i++) {
            uint32_t packed = item_listing(&item, i);
            struct listing l = listing_unpack(packed);
            if (l.list >= bl->n_lists || l.kind > ENTRY_DOMAIN_HASH ||
                l.effect > LISTING_EXCEPTS_ALL || packed != listing_pack(&l))
                return image_damaged(why, "a listing that is none");
            entries[l.list] += l.effect == LISTING_BLOCKS;
            bl->hashes |= hashes_of(item.key, l.kind);
        }
    }
    if (keys != bl->keys)
        return image_damaged(why, "another number of keys than its head says");
    for (size_t i = 0; i < bl->n_lists; i++)
        if (entries[i] != bl->lists[i].entries)
            return image_damaged(why, "another number of entries than a list says");
    return 0;
}

static int parse_into(struct blocklist *bl, struct error *why)
{
    int rc = check_head(&bl->memory, why);
    if (rc < 0)
        return rc;
    const struct image_head *head = (const void *)bl->memory.base;
    bl->n_lists = head->n_lists;
    bl->keys = head->keys;
    bl->arena_len = head->arena_len;
    bl->arena = bl->memory.base + bl->memory.bytes - bl->arena_len;
    bl->lists = calloc(bl->n_lists + 1, sizeof *bl->lists);
    uint64_t *entries = calloc(bl->n_lists + 1, sizeof *entries);
    if (bl->lists == NULL || entries == NULL) {
        free(entries);
        return error_set(why, ERR_NOMEM, "no memory for its lists");
    }
    memcpy(bl->lists, head + 1, bl->n_lists * sizeof *bl->lists);
    rc = check_lists(bl->lists, bl->n_lists, why);
    if (rc == 0)
        rc = check_arena(bl, entries, why);
    free(entries);
    if (rc < 0)
        return rc;
    rc = probe_fill(&bl->table, probe_groups_for(bl->keys), bl->arena, bl->arena_len, why);
    return rc == ERR_LIMIT ? image_damaged(why, "the same key over and over") : rc;
}

struct blocklist *image_parse(struct region *image, struct error *why)
{
    struct blocklist *bl = calloc(1, sizeof *bl);

    if (bl == NULL) {
        region_close(image);
        error_set(why, ERR_NOMEM, "no memory for a blocklist");
        return NULL;
    }
    bl->memory = *image;
    *image = (struct region){NULL, 0};
    if (parse_into(bl, why) < 0) {
        blocklist_free(bl);
        return NULL;
    }
    return bl;
}
