/* What each list decided: counters by rank, which a reload moves. Without memory for that they are
 * gone until the next one: those of before would count for other lists. */
#include "lookup.h"

#include <stdio.h>
#include <stdlib.h>

static const char *name_of(const struct verdict_rules *rules, size_t rank)
{
    if (rank == 0)
        return "local";
    return rank <= rules->n_lists ? rules->lists[rank - 1].name
                                  : rules->zones[rank - 1 - rules->n_lists].name;
}

/* The counters of NAME before, or NULL. *FROM is where to look first, and next time: most reloads
 * leave the order as it is. */
static const struct verdict_list_counts *find(const struct verdict *v, const char *name,
                                              size_t *from)
{
    for (size_t i = 0; i < v->n_lists; i++) {
        size_t at = (*from + i) % v->n_lists;
        if (strcmp(v->lists[at].name, name) != 0)
            continue;
        *from = at + 1;
        return &v->lists[at];
    }
    return NULL;
}

void counts_rules(struct verdict *v)
{
    size_t n = 1 + v->rules->n_lists + v->rules->n_zones, from = 0;
    struct verdict_list_counts *lists = calloc(n, sizeof *lists);

    for (size_t i = 0; lists != NULL && i < n; i++) {
        const char *name = name_of(v->rules, i);
        const struct verdict_list_counts *old = find(v, name, &from);
        if (old != NULL)
            lists[i] = *old;
        else
            snprintf(lists[i].name, sizeof lists[i].name, "%s", name);
    }
    free(v->lists);
    v->lists = lists;
    v->n_lists = lists == NULL ? 0 : n;
}

struct verdict_list_counts *counts_of(struct verdict *v, const struct decision_listing *l)
{
    return l->rank < v->n_lists ? &v->lists[l->rank] : &v->uncounted;
}

const struct verdict_list_counts *verdict_list_counts(const struct verdict *v, size_t i)
{
    return i < v->n_lists ? &v->lists[i] : NULL;
}
