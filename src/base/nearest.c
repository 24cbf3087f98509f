/* Optimal string alignment distance: Levenshtein's with swapped neighbours, the commonest slip. */
#include "rcptguard/base/nearest.h"

#include <stdint.h>

#define MOST_BYTES 63 /* of a word that is compared: names are shorter */

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned distance(struct view a, struct view b)
{
    unsigned rows[3][MOST_BYTES + 1];
    unsigned *older = rows[0], *old = rows[1], *row = rows[2];

    for (size_t j = 0; j <= b.len; j++)
        old[j] = (unsigned)j;
    for (size_t i = 1; i <= a.len; i++) {
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b.len; j++) {
            char x = ascii_lower(a.ptr[i - 1]), y = ascii_lower(b.ptr[j - 1]);
            row[j] = least(least(old[j], row[j - 1]) + 1, old[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == ascii_lower(b.ptr[j - 2]) && y == ascii_lower(a.ptr[i - 2]))
                row[j] = least(row[j], older[j - 2] + 1);
        }
        unsigned *spare = older;
        older = old;
        old = row;
        row = spare;
    }
    return old[b.len];
}

const char *nearest_name(struct view word, const char *const *names, size_t n)
{
    const char *nearest = NULL;
    unsigned best = UINT32_MAX;

    for (size_t i = 0; i < n; i++) {
        unsigned d =
            distance(view_first(word, MOST_BYTES), view_first(view_of(names[i]), MOST_BYTES));
        if (d < best) {
            best = d;
            nearest = names[i];
        }
    }
    return nearest;
}
