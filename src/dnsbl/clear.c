/*
 * Recipients whom all zones called clear a moment ago. Each zone's memory costs a look for each
 * name; who is written to again within a minute costs one look in all. Known by a keyed hash alone:
 * at worst somebody passes for a minute whom a zone lists, once in 2^64 recipients.
 */
#include "parts.h"

static struct clear_recipient *place_of(struct dnsbl *d, struct view seen, uint64_t *key)
{
    *key = hash_keyed(&d->secret, seen);
    return &d->clear[*key % CLEAR_RECIPIENTS];
}

bool clear_find(struct dnsbl *d, struct view seen, int64_t now_ms, uint64_t *asked)
{
    uint64_t key;
    const struct clear_recipient *c = place_of(d, seen, &key);

    if (c->key != key || now_ms >= c->until_ms)
        return false;
    *asked = c->asked;
    return true;
}

void clear_note(struct dnsbl *d, struct view seen, int64_t until_ms, uint64_t asked)
{
    uint64_t key;
    struct clear_recipient *c = place_of(d, seen, &key);

    *c = (struct clear_recipient){.key = key, .asked = asked, .until_ms = until_ms};
}

void clear_forget(struct dnsbl *d)
{
    memset(d->clear, 0, sizeof d->clear);
}
