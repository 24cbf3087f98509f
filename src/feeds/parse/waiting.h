/*
 * The row under way. Chunks come as the network cuts them, so a row may lie in any number of them:
 * what is unfinished waits here, in a buffer of fixed size. A row that lies whole in its chunk is
 * handed on from there, without a copy; one that does not fit is one bad row, told once.
 */
#ifndef FEEDS_WAITING_H
#define FEEDS_WAITING_H

#include "format.h"

struct waiting {
    size_t len;
    bool skipping; /* the row is too long: its rest is nobody's */
    char bytes[FEED_LINE_MAX];
};

/* Nothing waits; BYTES may stay as they are. */
void waiting_begin(struct waiting *w);

/* PART is the next of the row that began on LINE. */
void waiting_add(struct waiting *w, const struct feed_sink *sink, uint64_t line, struct view part);

/*
 * The row ends with PART: *ROW is the whole, valid until the next call and as long as PART. False:
 * it was too long, and has been told. Nothing waits afterwards.
 */
bool waiting_end(struct waiting *w, const struct feed_sink *sink, uint64_t line, struct view part,
                 struct view *row);

#endif
