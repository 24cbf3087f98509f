/* What a finished blocklist is made of; shared by builder, look-up and file. */
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
    struct region memory;
};

#endif
