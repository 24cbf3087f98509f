/* A small keyed hash table: entries in insertion order, and open addressing over their numbers. */
#include "rcptguard/base/map.h"

#include <stdlib.h>

#include "rcptguard/base/hash.h"

struct entry {
    char *key;
    size_t len;
    uint64_t hash;
    uint64_t value;
};

struct map {
    struct hash_secret secret;
    struct entry *entries;
    size_t count, room;
    uint32_t *slots; /* number of the entry + 1; 0: free */
    size_t mask;     /* slots - 1, a power of two less one */
};

struct map *map_new(void)
{
    struct map *m = calloc(1, sizeof *m);
    if (m == NULL)
        return NULL;
    m->mask = 15;
    m->slots = calloc(m->mask + 1, sizeof *m->slots);
    if (m->slots == NULL) {
        free(m);
        return NULL;
    }
    hash_secret_random(&m->secret);
    return m;
}

void map_free(struct map *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < m->count; i++)
        free(m->entries[i].key);
    free(m->entries);
    free(m->slots);
    free(m);
}

size_t map_count(const struct map *m)
{
    return m->count;
}

struct view map_key(const struct map *m, size_t i)
{
    return view_make(m->entries[i].key, m->entries[i].len);
}

/* The slot that holds KEY, or the free one where it belongs. */
static uint32_t *find_slot(const struct map *m, struct view key, uint64_t hash)
{
    for (size_t at = (size_t)hash & m->mask;; at = (at + 1) & m->mask) {
        uint32_t number = m->slots[at];
        if (number == 0)
            return &m->slots[at];
        const struct entry *e = &m->entries[number - 1];
        if (e->hash == hash && view_eq(view_make(e->key, e->len), key))
            return &m->slots[at];
    }
}

static bool grow_slots(struct map *m)
{
    size_t mask = m->mask * 2 + 1;
    uint32_t *slots = calloc(mask + 1, sizeof *slots);
    if (slots == NULL)
        return false;
    for (size_t i = 0; i < m->count; i++) {
        size_t at = (size_t)m->entries[i].hash & mask;
        while (slots[at] != 0)
            at = (at + 1) & mask;
        slots[at] = (uint32_t)(i + 1);
    }
    free(m->slots);
    m->slots = slots;
    m->mask = mask;
    return true;
}

static bool grow_entries(struct map *m)
{
    size_t room = m->room == 0 ? 16 : m->room * 2;
    struct entry *entries = realloc(m->entries, room * sizeof *entries);
    if (entries == NULL)
        return false;
    m->entries = entries;
    m->room = room;
    return true;
}

uint64_t *map_put(struct map *m, struct view key, bool *is_new)
{
    uint64_t hash = hash_keyed(&m->secret, key);
    uint32_t *slot = find_slot(m, key, hash);

    if (is_new != NULL)
        *is_new = *slot == 0;
    if (*slot != 0)
        return &m->entries[*slot - 1].value;
    if (m->count >= UINT32_MAX - 1 || (m->count == m->room && !grow_entries(m)))
        return NULL;
    /* At most three quarters full. */
    if ((m->count + 1) * 4 > (m->mask + 1) * 3) {
        if (!grow_slots(m))
            return NULL;
        slot = find_slot(m, key, hash);
    }
    char *copy = view_dup(key);
    if (copy == NULL)
        return NULL;
    m->entries[m->count] = (struct entry){copy, key.len, hash, 0};
    *slot = (uint32_t)++m->count;
    return &m->entries[m->count - 1].value;
}

const uint64_t *map_get(const struct map *m, struct view key)
{
    uint32_t number = *find_slot(m, key, hash_keyed(&m->secret, key));
    return number == 0 ? NULL : &m->entries[number - 1].value;
}
