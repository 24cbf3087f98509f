/*
 * References, counters, and who is told of decisions, the log among them. A reference is random, so
 * that it tells nothing and cannot be guessed; that it stays the same for a minute is remembered in
 * a small table of fixed size: what falls out of it costs a second log line, nothing else.
 */
#include "rcptguard/record.h"

#include <stdlib.h>
#include <string.h>

#include "decision_log.h"
#include "line.h"
#include "rcptguard/base/hash.h"
#include "references.h"
#include "top.h"

#define RECENT_SETS 8192 /* with the ways: 500 new refusals a second, 1.3 MB */
#define RECENT_WAYS 4
#define REPEAT_MS   60000 /* rule 25: the same question within a minute is the same refusal */
#define REF_LETTERS 8     /* 30^8 = 6.6e11 references */

struct recent {
    uint64_t question; /* keyed hash; 0: free */
    int64_t asked_ms;
    char ref[REF_MAX];
};

struct record_watch {
    record_watched *call;
    void *arg;
    bool passes;
    struct record_watch *next;
};

struct record {
    struct hash_secret secret;
    uint64_t random; /* state of the generator of references */
    struct record_counts counts;
    struct top *top;
    struct references *references; /* NULL: none are kept */
    struct record_watch *watches;
    struct decision_log *log;       /* NULL: it was never on */
    struct record_watch *log_watch; /* NULL: it is off */
    struct recent recent[RECENT_SETS][RECENT_WAYS];
};

struct record *record_new(void)
{
    struct record *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    hash_secret_random(&r->secret);
    r->random = random_u64();
    r->top = top_new(&r->secret);
    if (r->top == NULL) {
        free(r);
        return NULL;
    }
    return r;
}

void record_free(struct record *r)
{
    if (r == NULL)
        return;
    references_free(r->references);
    decision_log_free(r->log);
    while (r->watches != NULL)
        record_unwatch(r, r->watches);
    top_free(r->top);
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

/* ---- decisions ------------------------------------------------------------------------------ */

int record_start(struct record *r, const char *state_dir, struct disk *disk, struct queue *loop,
                 struct error *why)
{
    r->references = references_new(state_dir, disk, loop, why);
    return r->references == NULL ? error_prefix(why, "references") : 0;
}

void record_stop(struct record *r)
{
    if (r->references != NULL)
        references_stop(r->references);
    record_unwatch(r, r->log_watch);
    r->log_watch = NULL;
    if (r->log != NULL)
        decision_log_stop(r->log);
}

static void note_refusal(struct record *r, const struct record_decision *d)
{
    struct view sender = d->sender.len == 0 ? view_of("<>") : d->sender;

    if (r->references != NULL && d->ref.len > 0)
        references_add(r->references, d);
    top_count(r->top, TOP_RECIPIENTS, d->canonical, d->time);
    top_count(r->top, TOP_DOMAINS, d->domain, d->time);
    top_count(r->top, TOP_SENDERS, sender, d->time);
    top_count(r->top, TOP_LISTS, d->list, d->time);
}

void record_decide(struct record *r, const struct record_decision *d)
{
    bool refused = line_refusal(view_of(d->label)) != NULL;

    if (refused)
        note_refusal(r, d);
    for (struct record_watch *w = r->watches; w != NULL; w = w->next)
        if (refused || w->passes)
            w->call(d, w->arg);
}

int record_why(struct record *r, struct view ref, record_found *found, void *arg)
{
    return r->references == NULL ? ERR_LIMIT : references_find(r->references, ref, found, arg);
}

unsigned record_most(const struct record *r, enum record_top kind, enum record_span span,
                     int64_t now, struct record_top_row rows[TOP_ROWS])
{
    return top_most(r->top, kind, span, now, rows);
}

/* ---- who watches ---------------------------------------------------------------------------- */

bool record_wants_passes(const struct record *r)
{
    for (const struct record_watch *w = r->watches; w != NULL; w = w->next)
        if (w->passes)
            return true;
    return false;
}

struct record_watch *record_watch(struct record *r, bool passes, record_watched *call, void *arg)
{
    struct record_watch *w = malloc(sizeof *w);

    if (w == NULL)
        return NULL;
    *w = (struct record_watch){call, arg, passes, r->watches};
    r->watches = w;
    return w;
}

void record_unwatch(struct record *r, struct record_watch *w)
{
    struct record_watch **at = &r->watches;

    if (w == NULL)
        return;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    free(w);
}

/* ---- the log of decisions ------------------------------------------------------------------- */

static void log_decision(const struct record_decision *d, void *arg)
{
    decision_log_add(arg, d);
}

int record_log_to(struct record *r, const char *file, bool passes, struct error *why)
{
    struct record_watch *watch = NULL;

    if (r->log == NULL && file == NULL)
        return 0;
    if (r->log == NULL && (r->log = decision_log_new(why)) == NULL)
        return why->code;
    if (file != NULL)
        watch = record_watch(r, passes, log_decision, r->log);
    if ((file != NULL && watch == NULL) || decision_log_to(r->log, file) < 0) {
        record_unwatch(r, watch);
        return error_set(why, ERR_NOMEM, "no memory; what is logged stays as it was");
    }
    record_unwatch(r, r->log_watch);
    r->log_watch = watch;
    return 0;
}

void record_log_reopen(struct record *r)
{
    if (r->log != NULL)
        decision_log_reopen(r->log);
}

void record_log_look(const struct record *r, struct record_log *look)
{
    *look = (struct record_log){.file = NULL};
    if (r->log == NULL)
        return;
    decision_log_look(r->log, look);
    look->passes = r->log_watch != NULL && r->log_watch->passes;
}
