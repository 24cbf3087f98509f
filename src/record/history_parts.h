/*
 * The history for its own files: history.c (door, what a swap appends), history_note.c (single
 * changes of zones), history_find.c (searches), history_journal (the files as their writers keep
 * them), history_files (names, secret), history_block (bytes). Writers and readers share nothing
 * but the files: a reader takes a block only whole, and one that is being written is the next
 * reader's. The two writers, worker and disk thread, take turns block by block.
 */
#ifndef RECORD_HISTORY_PARTS_H
#define RECORD_HISTORY_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "history_journal.h"
#include "rcptguard/record.h"

struct history_search;

/* Changes on their way from the loop to the disk thread. */
struct history_notes {
    pthread_mutex_t lock; /* of all below; never held while anything is written */
    struct history_noted *items;
    size_t n, room;
    bool posted;  /* the disk thread is told */
    bool lost;    /* some did not fit, and that was said */
    bool failing; /* the disk thread's: as below */
    struct task task;
};

struct history {
    char *dir;
    struct hash_secret secret; /* never changes */
    _Atomic int64_t keep_s;
    _Atomic uint64_t max_bytes;
    atomic_bool stopped;

    pthread_mutex_t writing; /* of the journal: held for one block, or while it is bounded */
    struct history_journal *journal;
    bool failing; /* the worker's: something could not be written, and that was said */

    struct history_notes notes;

    /* The loop's: searches under way. */
    struct history_search *searches;
    unsigned n_searches;

    char *slice; /* the disk thread's: HISTORY_SEGMENT_MAX */
};

/* Hashes that a block may hold under the bounds in force; 0: nothing is kept. */
size_t history_room(const struct history *h);

/* Forgets what is too old at NOW, and what is too much. Either writer. */
void history_bound(struct history *h, int64_t now);

/* A block with room for so many hashes behind it; NULL: no memory. */
struct history_head *history_block_new(size_t hashes);

/* Appends BLOCK, behind whose head as many hashes stand as ADDED and DROPPED say. Either writer. */
int history_write(struct history *h, struct history_head *block, const char *list, int64_t now,
                  uint32_t added, uint32_t dropped, struct error *why);

/* A full disk stays full: said once, until all was kept again. */
void history_tell(bool failed, bool *failing, const struct error *why);

void history_notes_flush(struct history *h); /* disk thread, or after it ended */

/* Takes it off the list, told that nothing was found. */
void history_search_end(struct history_search *s);

#endif
