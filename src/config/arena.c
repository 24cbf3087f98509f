/* Every piece is its own allocation in a chain, so that a sanitizer still sees its borders. */
#include "arena.h"

#include <stdlib.h>
#include <string.h>

struct piece {
    struct piece *next;
    max_align_t bytes[];
};

struct arena {
    struct piece *first;
};

struct arena *arena_new(void)
{
    return calloc(1, sizeof(struct arena));
}

void arena_free(struct arena *a)
{
    if (a == NULL)
        return;
    while (a->first != NULL) {
        struct piece *next = a->first->next;
        free(a->first);
        a->first = next;
    }
    free(a);
}

void *arena_zero(struct arena *a, size_t bytes)
{
    struct piece *piece = calloc(1, sizeof *piece + bytes);
    if (piece == NULL)
        return NULL;
    piece->next = a->first;
    a->first = piece;
    return piece->bytes;
}

const char *arena_copy(struct arena *a, struct view v)
{
    char *copy = arena_zero(a, v.len + 1);
    if (copy != NULL && v.len > 0)
        memcpy(copy, v.ptr, v.len);
    return copy;
}
