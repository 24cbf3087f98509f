/*
 * The cleared list of an aper feed, parsed a chunk at a time: addresses only, and few enough for a
 * map from each to the newest day on which it was cleared (rule 18).
 */
#ifndef FEEDS_CLEARED_H
#define FEEDS_CLEARED_H

#include "copy.h"

struct cleared;
struct cleared *cleared_new(const struct feed_options *options, struct error *why);
int cleared_chunk(struct cleared *c, struct view bytes, struct error *why); /* 0 or ERR_NOMEM */
/* The map (caller frees with map_free), and the counts (every entry is active); frees C. NULL with
 * *why: no memory. */
struct map *cleared_end(struct cleared *c, struct copy_counts *counts, struct error *why);
void cleared_free(struct cleared *c); /* instead of end; NULL is fine */

#endif
