/*
 * The hash table over the arena: 32-bit offsets in groups of 16, and beside them one byte of the
 * hash of each, the tag (0: free). A look-up compares 16 tags at once and goes from group to
 * group until one has a free place; most misses end after touching one cache line of tags and
 * nothing else. Nothing is ever taken out of a table, so a free place does end the search.
 *
 * Offsets are not fetched ahead. It would make a hit some 10 ns faster, and nearly all look-ups are
 * misses, which would fetch four times as much memory as they need.
 *
 * At 13 of 16 places taken it costs 5 / (13/16) = 6.2 bytes a key. The number of groups need not
 * be a power of two (the home group is a multiply-high), so a finished table is never half empty.
 *
 * No search is longer than PROBE_MAX_GROUPS. By chance the longest run of full groups is some 20
 * with a million keys and 30 with thirty million (one more is e^-0.32 times as likely); a table
 * that would need more gets a new secret and is filled again.
 */
#ifndef RCPTGUARD_BLOCKLIST_PROBE_H
#define RCPTGUARD_BLOCKLIST_PROBE_H

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "layout.h"
#include "rcptguard/base/hash.h"
#include "region.h"

#define GROUP            16
#define GROUP_LOAD       13 /* keys a group, on average and at most */
#define PROBE_MAX_GROUPS 128
#define PROBE_SECRETS    16 /* tried before a table is given up */

struct probe_table {
    unsigned char *tags; /* GROUP a group; in REGION */
    uint32_t *offsets;   /* the same number; behind the tags */
    size_t groups;       /* 0: not made yet */
    struct hash_secret secret;
    struct region region;
};

/* Bit i: TAGS[i] is TAG. */
static inline unsigned tags_match_portable(const unsigned char *tags, unsigned char tag)
{
    unsigned bits = 0;

    for (unsigned i = 0; i < GROUP; i++)
        bits |= (unsigned)(tags[i] == tag) << i;
    return bits;
}

#ifdef __SSE2__
static inline unsigned tags_match_sse2(const unsigned char *tags, unsigned char tag)
{
    __m128i all = _mm_loadu_si128((const __m128i *)(const void *)tags);
    __m128i equal = _mm_cmpeq_epi8(all, _mm_set1_epi8((char)tag));
    return (unsigned)_mm_movemask_epi8(equal);
}
#define tags_match tags_match_sse2
#else
#define tags_match tags_match_portable
#endif

/* From the low bits; the home group comes from the high ones. */
static inline unsigned char probe_tag(uint64_t hash)
{
    unsigned char tag = (unsigned char)hash;
    return tag == 0 ? 1 : tag;
}

static inline size_t probe_home(const struct probe_table *t, uint64_t hash)
{
    return (size_t)((hash >> 32) * t->groups >> 32);
}

/* Memory begins to fetch the tags of the home group. */
static inline void probe_expect(const struct probe_table *t, uint64_t hash)
{
    __builtin_prefetch(t->tags + probe_home(t, hash) * GROUP);
}

enum probe_end {
    PROBE_FOUND,
    PROBE_FREE, /* not there; *place is where it belongs */
    PROBE_LONG, /* not there, and no free place near enough */
};

static inline enum probe_end probe_seek(const struct probe_table *t, const unsigned char *arena,
                                        struct view key, uint64_t hash, size_t *place)
{
    size_t group = probe_home(t, hash);
    unsigned char tag = probe_tag(hash);

    for (unsigned tried = 0; tried < PROBE_MAX_GROUPS; tried++) {
        const unsigned char *tags = t->tags + group * GROUP;
        for (unsigned hits = tags_match(tags, tag); hits != 0; hits &= hits - 1) {
            *place = group * GROUP + (unsigned)__builtin_ctz(hits);
            if (view_eq(item_at(arena + t->offsets[*place]).key, key))
                return PROBE_FOUND;
        }
        unsigned free_places = tags_match(tags, 0);
        if (free_places != 0) {
            *place = group * GROUP + (unsigned)__builtin_ctz(free_places);
            return PROBE_FREE;
        }
        if (++group == t->groups)
            group = 0;
    }
    return PROBE_LONG;
}

static inline void probe_put(struct probe_table *t, size_t place, uint64_t hash, uint32_t offset)
{
    t->tags[place] = probe_tag(hash);
    t->offsets[place] = offset;
}

/* Groups for so many keys, never 0. */
size_t probe_groups_for(size_t keys);

/*
 * Makes T a table of GROUPS groups over all items of the arena that were not moved. The arena
 * holds the keys, so the old table is let go before the new one is touched. ERR_NOMEM: T is as it
 * was. ERR_LIMIT: the keys do not spread whatever the secret, T must not be used any more.
 */
int probe_fill(struct probe_table *t, size_t groups, const unsigned char *arena, size_t len,
               struct error *why);

/* The same size with another secret, after PROBE_LONG. */
int probe_reseed(struct probe_table *t, const unsigned char *arena, size_t len, struct error *why);

void probe_close(struct probe_table *t);

#endif
