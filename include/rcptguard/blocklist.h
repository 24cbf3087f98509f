/*
 * The blocklist: one immutable hash of addresses and domains, each with the lists that hold it.
 *
 * Order of use: the worker makes a builder, adds entries (and, from the blocklist in force, those
 * of lists that did not change), finishes it into a struct blocklist, saves it, and hands it to
 * the loop, which reads it without any lock and gives it back to be freed. A finished blocklist
 * never changes; any number of threads may read it.
 *
 * Keys are stored whole and compared byte by byte: there are no false hits. The hash is keyed
 * with a random secret of its own, so that nobody can prepare a slow list.
 */
#ifndef RCPTGUARD_BLOCKLIST_H
#define RCPTGUARD_BLOCKLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rcptguard/address.h"
#include "rcptguard/base/error.h"
#include "rcptguard/base/hash.h"
#include "rcptguard/base/view.h"

#define BLOCKLIST_MAX_LISTS 1000
#define BLOCKLIST_NAME_MAX  64                /* bytes of a list's name, with its NUL */
#define BLOCKLIST_KEY_MAX   ADDRESS_MAX_BYTES /* longer ones could never be asked for */

/* What is kept of each list. */
struct blocklist_list {
    char name[BLOCKLIST_NAME_MAX];
    unsigned char shape[SHA256_BYTES]; /* digest of the settings that shaped it (rule 7a) */
    unsigned char
        copy[SHA256_BYTES]; /* what it was made from; the feeds' content, not their bytes */
    int64_t accepted_at;    /* when that copy was accepted, seconds since 1970 */
    uint64_t entries;       /* listings that block of this list in here; filled by the builder */
};

/* What a listing does. An exception frees from the very list that holds it and from no other. */
enum listing_effect {
    LISTING_BLOCKS,
    LISTING_EXCEPTS,     /* frees from what its list has on this name or a less specific one */
    LISTING_EXCEPTS_ALL, /* frees from its list whatever else that has (adblock's @@) */
};

/* One list's word on one key. */
struct listing {
    uint16_t list;  /* index into the lists of this blocklist */
    uint8_t kind;   /* enum entry_kind */
    uint8_t effect; /* enum listing_effect */
    int32_t date;   /* days since 1970, 0: the list gives none; 1970-01-01 to 2149-06-06 */
};

struct blocklist;
struct blocklist_builder;

/* EXPECTED is a guess at the number of keys, for sizing. NULL: no memory. */
struct blocklist_builder *blocklist_builder_new(size_t expected);
void blocklist_builder_free(struct blocklist_builder *b); /* NULL is fine */

/*
 * Returns the list's number, or a negative code (ERR_LIMIT: too many lists; ERR_CONFLICT: a name
 * twice; ERR_NOMEM).
 */
int blocklist_builder_list(struct blocklist_builder *b, const struct blocklist_list *list,
                           struct error *why);

/*
 * Adds a listing. Returns 1 when no list here had this key, kind and effect before, else 0; the
 * same key, kind, effect and list again keeps the newer date. A date that cannot be kept becomes
 * the nearest one that can. ERR_NOMEM, ERR_LIMIT (key empty or too long, no such list, 4 GiB of
 * keys): nothing was added.
 */
int blocklist_builder_put(struct blocklist_builder *b, struct view key,
                          const struct listing *listing, struct error *why);

/* The same for a listing that blocks. */
int blocklist_builder_add(struct blocklist_builder *b, enum entry_kind kind, struct view key,
                          uint16_t list, int32_t date, struct error *why);

/*
 * Copies the listings of OLD's lists: NUMBERS[i] is the number here of OLD's list i, or -1 to
 * leave it out.
 */
int blocklist_builder_add_from(struct blocklist_builder *b, const struct blocklist *old,
                               const int *numbers, struct error *why);

/*
 * The same for a blocklist that nobody needs any more: OLD is freed in every case, and when it is
 * the first that comes into B its memory is used as it is. NUMBERS must not give one number twice.
 */
int blocklist_builder_absorb(struct blocklist_builder *b, struct blocklist *old, const int *numbers,
                             struct error *why);

/* There will be about KEYS keys: makes the room for them in one step. A guess, as at the start. */
void blocklist_builder_expect(struct blocklist_builder *b, size_t keys);

size_t blocklist_builder_keys(const struct blocklist_builder *b);

/* Makes the blocklist and frees B in every case. NULL with *why on failure. */
struct blocklist *blocklist_builder_finish(struct blocklist_builder *b, struct error *why);

/* NULL is fine. Its memory is kept for a while (blocklist_trim). Not on the loop: what finds no
 * place there goes back to the system, which may take long for millions of entries. */
void blocklist_free(struct blocklist *bl);

/*
 * Memory of what was freed is kept for a minute, for the blocklist that comes next; this gives back
 * what is older at MONO_MS (clock_mono_ms). Returns the milliseconds until there is something to
 * give back, or -1. May take long for millions of entries (munmap): not on the loop.
 */
int blocklist_trim(int64_t mono_ms);

size_t blocklist_lists(const struct blocklist *bl);
const struct blocklist_list *blocklist_list(const struct blocklist *bl, size_t i);
size_t blocklist_keys(const struct blocklist *bl);         /* distinct addresses and domains */
size_t blocklist_memory_bytes(const struct blocklist *bl); /* all of it */

/* Which digests are among the keys, as bits of enum hash_kind for addresses (low byte) and domains
 * (the next): what is not there need not be computed for a look-up. */
unsigned blocklist_hashes(const struct blocklist *bl);
#define BLOCKLIST_HASHES_OF_DOMAIN 8 /* the shift of the second byte */

/*
 * The listings of one key, for the kinds asked. Returns how many there are in all (it may be more
 * than MAX; the first MAX are in OUT). An address is looked up with ENTRY_BIT(ENTRY_ADDRESS), a
 * domain with the other kinds. No allocation, no lock; any thread.
 */
size_t blocklist_find(const struct blocklist *bl, struct view key, unsigned kinds,
                      struct listing *out, size_t max);

/*
 * The same in two steps, for several keys: what is expected is on its way from memory while the
 * next one is, so that all of them cost little more than one. Returns the hash of KEY in BL. OUT
 * begins with the listing number FROM (0: the first), for who has not room for all at once.
 */
uint64_t blocklist_expect(const struct blocklist *bl, struct view key);
size_t blocklist_find_expected(const struct blocklist *bl, struct view key, uint64_t hash,
                               unsigned kinds, size_t from, struct listing *out, size_t max);

/* Visits every listing, in no useful order, until VISIT returns non-zero; returns that. */
typedef int blocklist_visit(struct view key, const struct listing *listing, void *arg);
int blocklist_each(const struct blocklist *bl, blocklist_visit *visit, void *arg);

/*
 * Visits what OLD's list OLD_LIST and MADE's list MADE_LIST do not both have, blocking listings
 * only (dates are not compared): ADDED is false for what only OLD has. Either blocklist may be NULL
 * (all of the other is visited). Stops when VISIT returns non-zero; returns that.
 */
typedef int blocklist_change(struct view key, uint8_t kind, bool added, void *arg);
int blocklist_diff(const struct blocklist *old, uint16_t old_list, const struct blocklist *made,
                   uint16_t made_list, blocklist_change *visit, void *arg);

/*
 * Saves to PATH (written beside it, fsynced, renamed) and loads from there. Load reads into
 * anonymous memory, checks magic, version, byte order, sizes, every offset and the checksum, and
 * refuses what does not fit with ERR_DAMAGED; ERR_ABSENT when there is no file.
 */
int blocklist_save(const struct blocklist *bl, const char *path, struct error *why);
struct blocklist *blocklist_load(const char *path, struct error *why);

#endif
