/*
 * A whole index file in memory: a head, its lists, and the arena as look-ups use it. Pure, so that
 * the fuzzer and tests can hand in damaged ones.
 *
 * The hash table is not saved: filling it anew from the arena costs as much as checking a saved
 * one would, gives every process a secret of its own, and leaves nothing in the file that could
 * lead a look-up astray.
 */
#ifndef RCPTGUARD_BLOCKLIST_IMAGE_H
#define RCPTGUARD_BLOCKLIST_IMAGE_H

#include "index.h"

#define IMAGE_MAGIC      "rcptgIX\n"
#define IMAGE_BYTE_ORDER 0x01020304u
#define IMAGE_VERSION    2u

/* In the byte order of the machine that wrote it: the file never leaves it. */
struct image_head {
    char magic[8];
    uint32_t byte_order;
    uint32_t version;
    struct checksum head_sum; /* of all that follows in the head, and the lists */
    struct checksum arena_sum;
    uint64_t arena_len;
    uint64_t keys;
    uint64_t n_lists;
    /* struct blocklist_list [n_lists], then the arena */
};

_Static_assert(sizeof(struct image_head) == 72, "no padding");
_Static_assert(sizeof(struct blocklist_list) == BLOCKLIST_NAME_MAX + 2 * SHA256_BYTES + 16,
               "no padding");

/* The checksum of a head with its lists behind it. */
struct checksum image_head_sum(const struct image_head *head, size_t n_lists);

/* Takes IMAGE, a whole file in memory, in every case. NULL with ERR_DAMAGED, ERR_NOMEM. */
struct blocklist *image_parse(struct region *image, struct error *why);

/* Is HEAD that of an index of this version, in a file of so many BYTES? ERR_DAMAGED. */
int image_check_kind(const struct image_head *head, uint64_t bytes, struct error *why);

/* The head of BL with its lists behind it; the caller frees it. NULL: no memory. */
struct image_head *image_head_new(const struct blocklist *bl, size_t *bytes);

/* ERR_DAMAGED: WHAT is wrong, and what comes of it. */
int image_damaged(struct error *why, const char *what);

#endif
