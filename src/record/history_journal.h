/*
 * The history's files as their writers keep them: segments of each list, bounded in time and bytes.
 * When all of them take too much, the list that takes the most loses its oldest segment: a list
 * that churns forgets its own past, never another's. One writer at a time.
 *
 * Nothing is fsynced: what a crash of the machine takes is the history of half a minute, and the
 * worker has better things to wait for.
 */
#ifndef RECORD_HISTORY_JOURNAL_H
#define RECORD_HISTORY_JOURNAL_H

#include "history_block.h"
#include "history_files.h"

struct history_journal;

/* Opens what is under DIR. What is damaged is cut off at the first bad block, with one warning. */
struct history_journal *history_journal_open(const char *dir, struct error *why);
void history_journal_close(struct history_journal *j); /* NULL is fine */

/* Bytes of the longest block when at most MAX_BYTES are to be kept; 0: none at all. */
size_t history_journal_longest(uint64_t max_bytes);

/* Appends a sealed block of LEN bytes, after making room for it. On failure all is as before. */
int history_journal_append(struct history_journal *j, const struct history_head *block, size_t len,
                           uint64_t max_bytes, struct error *why);

/* Removes what is older than OLDEST, and what is more than MAX_BYTES. */
void history_journal_bound(struct history_journal *j, int64_t oldest, uint64_t max_bytes);

#endif
