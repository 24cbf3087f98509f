/*
 * A block of the history: what one swap added to one list and dropped from it. Not the entries but
 * keyed hashes of them, 8 bytes each, since nobody ever asks for anything but given names. So a
 * hash that is found is another name's with a chance of 2^-64 for each one it is compared with:
 * for a recipient of 20 keys and a full journal of 256 MiB 4e-11, and all it could do is to show a
 * line too many.
 *
 *     head | hashes of what was added, sorted | hashes of what was dropped, sorted
 *
 * Numbers are the machine's own: a journal from another kind of machine fails at the magic. What
 * a crash or a full disk leaves half written fails at the checksum, over all behind it.
 */
#ifndef RECORD_HISTORY_BLOCK_H
#define RECORD_HISTORY_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rcptguard/base/view.h"
#include "rcptguard/blocklist.h"

#define HISTORY_MAGIC 0x0a31736968706372u /* "rcphis1\n" */

struct history_head {
    uint64_t magic;
    struct checksum sum;
    int64_t time; /* from here on the sum counts */
    char list[BLOCKLIST_NAME_MAX];
    uint32_t added, dropped;
};

#define HISTORY_HASH_BYTES sizeof(uint64_t)
#define HISTORY_HEAD_BYTES sizeof(struct history_head)

/* What stands for an entry, of any kind. */
uint64_t history_hash(const struct hash_secret *secret, uint8_t kind, struct view key);

/* HEAD has everything but magic and sum, HASHES follow it in memory: sorts and seals them. Returns
 * the bytes of the block. */
size_t history_block_seal(struct history_head *head);

/* The bytes of the block whose head BYTES begin with; 0: it is none of LIST. Its hashes may not be
 * there, and nothing was checked but magic and name. */
size_t history_block_bytes(struct view bytes, const char *list, struct history_head *head);

struct history_block {
    struct history_head head;
    const char *added, *dropped;
};

/* The sound block of LIST that BYTES begin with; returns its bytes, or 0. It borrows BYTES. */
size_t history_block_read(struct view bytes, const char *list, struct history_block *block);

/* A key that is looked for. */
struct history_wanted {
    uint64_t hash;
    unsigned key; /* the caller's number of it */
};

/* In the order that history_block_search needs. */
void history_wanted_sort(struct history_wanted *wanted, size_t n);

typedef void history_hit(unsigned key, bool added, void *arg);
void history_block_search(const struct history_block *block, const struct history_wanted *wanted,
                          size_t n, history_hit *hit, void *arg);

#endif
