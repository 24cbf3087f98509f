/*
 * References and counters. A reference is random, so that it tells nothing and cannot be guessed;
 * that it stays the same for a minute is remembered in a small table of fixed size: what falls out
 * of it costs a second log line, nothing else.
 */
#include "rcptguard/record.h"

#include <stdlib.h>
#include <string.h>

#include "rcptguard/base/hash.h"

#define RECENT_SETS 8192 /* with the ways: 500 new refusals a second, 1.3 MB */
#define RECENT_WAYS 4
#define REPEAT_MS   60000 /* rule 25: the same question within a minute is the same refusal */
#define REF_LETTERS 8     /* 30^8 = 6.6e11 references */

struct recent {
    uint64_t question; /* keyed hash; 0: free */
    int64_t asked_ms;
    char ref[REF_MAX];
};

struct record {
    struct hash_secret secret;
    uint64_t random; /* state of the generator of references */
    struct record_counts counts;
    struct recent recent[RECENT_SETS][RECENT_WAYS];
};

struct record *record_new(void)
{
    struct record *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    hash_secret_random(&r->secret);
    r->random = random_u64();
    return r;
}

void record_free(struct record *r)
{
    free(r);
}

struct record_counts *record_counts(struct record *r)
{
    return &r->counts;
}

/* SplitMix64 (Steele, Lea, Flood 2014): one step, well mixed. */
static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* No vowels, so that no reference is a word. */
static void make_ref(struct record *r, char ref[REF_MAX])
{
    static const char letters[] = "0123456789BCDFGHJKLMNPQRSTVWXZ";

    r->random += 0x9e3779b97f4a7c15u;
    uint64_t z = mix(r->random);
    for (int i = 0; i < REF_LETTERS; i++) {
        ref[i] = letters[z % (sizeof letters - 1)];
        z /= sizeof letters - 1;
    }
    ref[REF_LETTERS] = '\0';
}

static uint64_t question_of(const struct record *r, struct view instance, struct view recipient,
                            struct view list)
{
    uint64_t h = mix(hash_keyed(&r->secret, instance));
    h = mix(h ^ hash_keyed(&r->secret, recipient));
    h = mix(h ^ hash_keyed(&r->secret, list));
    return h == 0 ? 1 : h;
}

void record_reference(struct record *r, struct view instance, struct view recipient,
                      struct view list, int64_t mono_ms, char ref[REF_MAX], bool *is_new)
{
    uint64_t question = question_of(r, instance, recipient, list);
    struct recent *set = r->recent[question % RECENT_SETS];
    struct recent *oldest = &set[0];

    for (int i = 0; i < RECENT_WAYS; i++) {
        if (set[i].question == question && mono_ms - set[i].asked_ms < REPEAT_MS) {
            memcpy(ref, set[i].ref, REF_MAX);
            *is_new = false;
            return;
        }
        if (set[i].question == 0 || set[i].asked_ms < oldest->asked_ms)
            oldest = &set[i];
    }
    *is_new = true;
    make_ref(r, ref);
    oldest->question = question;
    oldest->asked_ms = mono_ms;
    memcpy(oldest->ref, ref, REF_MAX);
}

int record_start(struct record *r, const char *state_dir, struct disk *disk, struct queue *loop,
                 struct error *why)
{
    (void)r, (void)state_dir, (void)disk, (void)loop, (void)why;
    return 0;
}

void record_stop(struct record *r)
{
    (void)r;
}

void record_decide(struct record *r, const struct record_decision *d)
{
    (void)r, (void)d;
}

bool record_wants_passes(const struct record *r)
{
    (void)r;
    return false;
}

int record_why(struct record *r, struct view ref, record_found *found, void *arg)
{
    (void)r, (void)ref, (void)found, (void)arg;
    return ERR_LIMIT;
}

struct record_watch *record_watch(struct record *r, bool passes, record_watched *call, void *arg)
{
    (void)r, (void)passes, (void)call, (void)arg;
    return NULL;
}

void record_unwatch(struct record *r, struct record_watch *w)
{
    (void)r, (void)w;
}

unsigned record_most(const struct record *r, enum record_top kind, enum record_span span,
                     int64_t now, struct record_top_row rows[TOP_ROWS])
{
    (void)r, (void)kind, (void)span, (void)now, (void)rows;
    return 0;
}
