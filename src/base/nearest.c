/*
 * Edit distance for typing errors: a letter too many, missing, wrong, or two swapped (Damerau's
 * four, which cover most of what people mistype).
 */
#include "rcptguard/base/nearest.h"

#define NEAREST_MAX 63 /* longer words are no typing errors of ours */

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Three rows are enough: a swap looks back two letters. */
static size_t distance(struct view a, struct view b)
{
    size_t rows[3][NEAREST_MAX + 1];

    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            char x = ascii_lower(a.ptr[i - 1]), y = ascii_lower(b.ptr[j - 1]);
            row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == ascii_lower(b.ptr[j - 2]) &&
                y == ascii_lower(a.ptr[i - 2]) && above2[j - 2] + 1 < row[j])
                row[j] = above2[j - 2] + 1;
        }
    }
    return rows[a.len % 3][b.len];
}

const char *nearest_name(struct view word, const char *const *names, size_t n)
{
    const char *nearest = NULL;
    size_t best = SIZE_MAX;

    if (word.len == 0 || word.len > NEAREST_MAX)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        struct view name = view_of(names[i]);
        if (name.len > NEAREST_MAX)
            continue;
        size_t longer = name.len > word.len ? name.len : word.len;
        size_t d = distance(word, name);
        if (d < best && d <= (longer < 6 ? 1 : longer / 3)) {
            best = d;
            nearest = names[i];
        }
    }
    return nearest;
}
