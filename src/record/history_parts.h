/*
 * The history for its own files: history.c (door, what a swap appends), history_find.c (searches),
 * history_journal (the files as their writer keeps them), history_files (names, secret),
 * history_block (bytes). Writer and readers share nothing but the files: a reader takes a block
 * only whole, and one that is being written is the next reader's.
 */
#ifndef RECORD_HISTORY_PARTS_H
#define RECORD_HISTORY_PARTS_H

#include <stdatomic.h>

#include "history_journal.h"
#include "rcptguard/record.h"

struct history_search;

struct history {
    char *dir;
    struct hash_secret secret; /* never changes */
    _Atomic int64_t keep_s;
    _Atomic uint64_t max_bytes;
    atomic_bool stopped;

    /* The worker's. */
    struct history_journal *journal;
    bool failing; /* something could not be written, and that was said */

    /* The loop's: searches under way. */
    struct history_search *searches;
    unsigned n_searches;

    char *slice; /* the disk thread's: HISTORY_SEGMENT_MAX */
};

void history_search_free(struct history_search *s); /* takes it off the list */
void history_search_end(struct history_search *s);  /* the same, told that nothing was found */

#endif
