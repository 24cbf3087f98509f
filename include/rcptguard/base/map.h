/*
 * A small hash table from bytes to a number, for tables of up to some hundred thousand keys that
 * outsiders fill (exclusions, cleared addresses, names). Keys are copied in. Not for the big
 * index: that is blocklist's.
 */
#ifndef RCPTGUARD_BASE_MAP_H
#define RCPTGUARD_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rcptguard/base/view.h"

struct map;

struct map *map_new(void);    /* NULL: no memory */
void map_free(struct map *m); /* NULL is fine */

/* Number of keys. */
size_t map_count(const struct map *m);

/*
 * The value of KEY, made 0 when it was not there (*is_new says so; may be NULL). The pointer is
 * valid until the next map_put. NULL: no memory, nothing changed.
 */
uint64_t *map_put(struct map *m, struct view key, bool *is_new);

/* The value, or NULL when the key is not there. Reading from several threads at once is fine. */
const uint64_t *map_get(const struct map *m, struct view key);

/* The I-th key in order of insertion, 0 <= I < map_count; borrowed until the map is freed or put
 * to. */
struct view map_key(const struct map *m, size_t i);

#endif
