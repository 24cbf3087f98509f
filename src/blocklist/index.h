/* What blocklists, finished and growing, are made of. */
#ifndef RCPTGUARD_BLOCKLIST_INDEX_H
#define RCPTGUARD_BLOCKLIST_INDEX_H

#include "probe.h"

struct blocklist {
    struct probe_table table;
    const unsigned char *arena; /* items back to back, none moved; in MEMORY */
    size_t arena_len;
    size_t keys;
    struct blocklist_list *lists;
    size_t n_lists;
    unsigned hashes; /* as blocklist_hashes tells */
    struct region memory;
};

struct blocklist_builder {
    struct probe_table table;
    struct region arena;
    size_t arena_len;
    size_t holes; /* bytes of moved items */
    size_t keys;
    struct blocklist_list *lists;
    size_t n_lists;
    unsigned hashes;
    bool broken; /* no secret spreads the keys: nothing more can be added or finished */
};

/* What a listing of KIND on KEY adds to blocklist_hashes. */
unsigned hashes_of(struct view key, unsigned kind);

#endif
