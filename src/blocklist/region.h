/*
 * Memory for the big arrays. Large ones are mapped, so that they grow without being copied and
 * go back to the system when an index is replaced, every hour for years; small ones come from the
 * heap, where sanitizers watch their borders.
 *
 * What was mapped is kept for a minute after it was closed, and taken again: the index that comes
 * next is about as large. Beside the time that fresh pages take they disturb the other threads, on
 * virtual machines by milliseconds, as all share one table of pages. That helps lists that change
 * within the minute; one that changes every hour gets fresh pages, and those of the one before go
 * back a minute later. One that shrinks by a third or more within the minute has the memory of its
 * old size beside the new one until then. Any thread.
 */
#ifndef RCPTGUARD_BLOCKLIST_REGION_H
#define RCPTGUARD_BLOCKLIST_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct region {
    unsigned char *base; /* NULL: nothing held */
    size_t bytes;
};

#define REGION_MAP_BYTES ((size_t)1 << 20) /* from here on mapped */
#define REGION_KEEP_MS   60000

/* Contents undefined. False: no memory, *R is empty. */
bool region_open(struct region *r, size_t bytes);

/* Keeps what is below both sizes; may move. False: no memory, *R is as it was. */
bool region_resize(struct region *r, size_t bytes);

/* Makes *R larger, to about BYTES: one that was closed may have some more or less. False: as it
 * was. */
bool region_expect(struct region *r, size_t bytes);

void region_close(struct region *r);

/*
 * Gives back what was closed REGION_KEEP_MS before MONO_MS (clock_mono_ms). Returns the
 * milliseconds until there is something to give back, or -1: nothing is kept.
 */
int region_trim(int64_t mono_ms);

#endif
