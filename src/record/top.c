/*
 * The most refused. When all places are taken, eight are looked at and the one that was refused
 * least within the day gives way: a name that is refused often is never the least of eight while
 * most places hold names of a flood, and no order has to be kept. Names are known by their keyed
 * hash of 64 bits, so that two of them never meet.
 */
#include "top.h"

#include <stdlib.h>

#define NAMES   1024
#define LOOKS   8
#define FREE    0 /* places are numbered from 1 */
#define BUCKETS 24

static const struct span {
    int64_t bucket_s;
    unsigned buckets;
} spans[TOP_SPANS] = {[TOP_HOUR] = {300, 12}, [TOP_DAY] = {3600, BUCKETS}};

struct counter {
    int64_t at;     /* number of the bucket that was counted into last */
    uint64_t total; /* of all buckets, when that was */
    uint32_t counts[BUCKETS];
};

struct name {
    uint64_t hash;
    uint16_t next; /* of the same slot */
    struct counter counters[TOP_SPANS];
    char text[sizeof((struct record_top_row *)0)->name];
};

struct names {
    unsigned used;
    uint16_t slots[NAMES];
    struct name names[NAMES];
};

struct top {
    const struct hash_secret *secret;
    uint64_t random;
    int64_t seen; /* the clock when it was last looked at */
    int64_t time; /* seconds that the clock went forward, all in all */
    struct names kinds[TOP_KINDS];
};

struct top *top_new(const struct hash_secret *secret)
{
    struct top *t = calloc(1, sizeof *t);

    if (t == NULL)
        return NULL;
    t->secret = secret;
    t->random = hash_keyed(secret, view_of("top")) | 1;
    t->time = spans[TOP_DAY].bucket_s * BUCKETS; /* so that no bucket has a number below 0 */
    return t;
}

void top_free(struct top *t)
{
    free(t);
}

/* A clock that is set back stands still for a moment; one that jumps ahead ages everything. */
static int64_t time_at(const struct top *t, int64_t now)
{
    int64_t passed = now > t->seen ? now - t->seen : 0;
    int64_t most = spans[TOP_DAY].bucket_s * (BUCKETS + 1);
    return t->time + (passed < most ? passed : most);
}

/* ---- counters ------------------------------------------------------------------------------- */

static void count(struct counter *c, const struct span *span, int64_t time)
{
    int64_t at = time / span->bucket_s;

    if (at - c->at >= span->buckets)
        memset(c, 0, sizeof *c);
    else
        for (int64_t i = c->at + 1; i <= at; i++) {
            c->total -= c->counts[i % span->buckets];
            c->counts[i % span->buckets] = 0;
        }
    c->at = at;
    c->total++;
    c->counts[at % span->buckets]++;
}

static uint64_t sum(const struct counter *c, const struct span *span, int64_t time)
{
    int64_t now = time / span->bucket_s;
    uint64_t total = c->total;

    if (now - c->at >= span->buckets)
        return 0;
    for (int64_t i = c->at + 1; i <= now; i++)
        total -= c->counts[i % span->buckets];
    return total;
}

/* ---- names ---------------------------------------------------------------------------------- */

static struct name *find(struct names *n, uint64_t hash)
{
    for (unsigned at = n->slots[hash % NAMES]; at != FREE; at = n->names[at - 1].next)
        if (n->names[at - 1].hash == hash)
            return &n->names[at - 1];
    return NULL;
}

static void take_out(struct names *n, const struct name *name)
{
    uint16_t *at = &n->slots[name->hash % NAMES];

    while (&n->names[*at - 1] != name)
        at = &n->names[*at - 1].next;
    *at = name->next;
}

/* xorshift64 (Marsaglia 2003): good enough to look here and there. */
static uint64_t next_random(struct top *t)
{
    t->random ^= t->random << 13;
    t->random ^= t->random >> 7;
    t->random ^= t->random << 17;
    return t->random;
}

static struct name *make_place(struct top *t, struct names *n)
{
    struct name *least = NULL;
    uint64_t least_sum = 0;

    if (n->used < NAMES)
        return &n->names[n->used++];
    for (int i = 0; i < LOOKS; i++) {
        struct name *name = &n->names[next_random(t) % NAMES];
        uint64_t of_day = sum(&name->counters[TOP_DAY], &spans[TOP_DAY], t->time);
        if (least == NULL || of_day < least_sum) {
            least = name;
            least_sum = of_day;
        }
    }
    take_out(n, least);
    return least;
}

static struct name *add(struct top *t, struct names *n, uint64_t hash, struct view text)
{
    struct name *name = make_place(t, n);

    memset(name, 0, sizeof *name);
    name->hash = hash;
    size_t len = text.len < sizeof name->text ? text.len : sizeof name->text - 1;
    while (len < text.len && len > 0 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80)
        len--; /* no half characters */
    struct text kept = text_on(name->text, sizeof name->text);
    text_add_view(&kept, view_first(text, len));
    name->next = n->slots[hash % NAMES];
    n->slots[hash % NAMES] = (uint16_t)(name - n->names + 1);
    return name;
}

void top_count(struct top *t, enum record_top kind, struct view text, int64_t now)
{
    struct names *n = &t->kinds[kind];

    if (text.len == 0)
        return;
    t->time = time_at(t, now);
    t->seen = now;
    uint64_t hash = hash_keyed(t->secret, text);
    struct name *name = find(n, hash);
    if (name == NULL)
        name = add(t, n, hash, text);
    for (int i = 0; i < TOP_SPANS; i++)
        count(&name->counters[i], &spans[i], t->time);
}

/* ---- the most ------------------------------------------------------------------------------- */

static bool is_before(const struct name *a, uint64_t a_count, const struct record_top_row *b)
{
    return a_count != b->count ? a_count > b->count : strcmp(a->text, b->name) < 0;
}

/* ROWS is in order; what does not fit falls off its end. */
static unsigned insert(struct record_top_row rows[TOP_ROWS], unsigned n, const struct name *name,
                       uint64_t of_span)
{
    unsigned at = n;

    while (at > 0 && is_before(name, of_span, &rows[at - 1]))
        at--;
    if (at == TOP_ROWS)
        return n;
    n = n < TOP_ROWS ? n + 1 : n;
    memmove(rows + at + 1, rows + at, (n - 1 - at) * sizeof *rows);
    memcpy(rows[at].name, name->text, sizeof rows[at].name);
    rows[at].count = of_span;
    return n;
}

unsigned top_most(const struct top *t, enum record_top kind, enum record_span span, int64_t now,
                  struct record_top_row rows[TOP_ROWS])
{
    const struct names *n = &t->kinds[kind];
    int64_t time = time_at(t, now);
    unsigned n_rows = 0;

    for (unsigned i = 0; i < n->used; i++) {
        uint64_t of_span = sum(&n->names[i].counters[span], &spans[span], time);
        if (of_span > 0)
            n_rows = insert(rows, n_rows, &n->names[i], of_span);
    }
    return n_rows;
}
