/* What lists added and dropped. */
#include <stdlib.h>

#include "rcptguard/record.h"

struct history {
    int64_t keep_s;
    uint64_t max_bytes;
};

struct history *history_new(const struct history_config *config, struct error *why)
{
    struct history *h = calloc(1, sizeof *h);

    if (h == NULL)
        error_set(why, ERR_NOMEM, "no memory for the history");
    else
        history_configure(h, config->keep_s, config->max_bytes);
    return h;
}

void history_free(struct history *h)
{
    free(h);
}

void history_configure(struct history *h, int64_t keep_s, uint64_t max_bytes)
{
    h->keep_s = keep_s;
    h->max_bytes = max_bytes;
}

void history_swap(struct history *h, const struct blocklist *old, const struct blocklist *made,
                  int64_t now)
{
    (void)h, (void)old, (void)made, (void)now;
}

int history_find(struct history *h, struct disk *disk, struct queue *loop,
                 const struct history_key *keys, size_t n, history_found *found, void *arg)
{
    (void)h, (void)disk, (void)loop, (void)keys, (void)n, (void)found, (void)arg;
    return ERR_LIMIT;
}
