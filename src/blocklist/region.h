/*
 * Memory for the big arrays. Large ones are mapped, so that they grow without being copied and
 * go back to the system at once when an index is replaced, every hour for years; small ones come
 * from the heap, where sanitizers watch their borders.
 */
#ifndef RCPTGUARD_BLOCKLIST_REGION_H
#define RCPTGUARD_BLOCKLIST_REGION_H

#include <stdbool.h>
#include <stddef.h>

struct region {
    unsigned char *base; /* NULL: nothing held */
    size_t bytes;
};

#define REGION_MAP_BYTES ((size_t)1 << 20) /* from here on mapped */

/* Contents undefined. False: no memory, *R is empty. */
bool region_open(struct region *r, size_t bytes);

/* Keeps what is below both sizes; may move. False: no memory, *R is as it was. */
bool region_resize(struct region *r, size_t bytes);

void region_close(struct region *r);

#endif
