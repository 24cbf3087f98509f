/* The entries that could list a recipient, to be looked for in the history. Pure. */
#ifndef ADMIN_HISTORY_KEYS_H
#define ADMIN_HISTORY_KEYS_H

#include "rcptguard/base/hash.h"
#include "rcptguard/record.h"

#define HISTORY_DIGESTS 32 /* 4 addresses and 3 domains at most, by each kind of hash */

/* Large (the address is): on the heap. */
struct history_keys {
    struct history_key keys[HISTORY_KEYS];
    struct view names[HISTORY_KEYS]; /* of a digest what it is of; else the key itself */
    size_t n;
    struct view canonical;            /* the recipient's; of a domain its entry */
    struct address address, as_zones; /* by [addresses], and as hashed zones fold it */
    struct entry entry;
    unsigned char digests[HISTORY_DIGESTS][HASH_MAX_BYTES];
    unsigned n_digests;
    char seen[ADDRESS_MAX_BYTES];
    char shown[ENTRY_MAX_BYTES + 8];
};

/* RECIPIENT is an address, or a domain in any form of an entry. ERR_SYNTAX: neither. */
int history_keys_of(struct view recipient, const struct address_options *options,
                    struct history_keys *out, struct error *why);

#endif
