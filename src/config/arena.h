/* The strings and tables of one configuration: allocated one by one, freed all at once. */
#ifndef CONFIG_ARENA_H
#define CONFIG_ARENA_H

#include <stddef.h>

#include "rcptguard/base/view.h"

struct arena;
struct arena *arena_new(void);    /* NULL: no memory */
void arena_free(struct arena *a); /* with all that came from it; NULL is fine */

void *arena_zero(struct arena *a, size_t bytes);        /* zeroed; NULL: no memory */
const char *arena_copy(struct arena *a, struct view v); /* NUL-terminated; NULL: no memory */

#endif
