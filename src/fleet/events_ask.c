/*
 * Questions about the stream: one reference, looked for backwards, and all of the last day,
 * counted. The loop asks, the thread answers them one after the other.
 */
#include <stdlib.h>

#include "events_read.h"
#include "parts.h"
#include "rcptguard/base/clock.h"

#define MAX_ENTRIES (2 * FLEET_EVENTS_MAX) /* looked at for one question */
#define DAY_S       86400

/* The loop makes and frees it; between, it is the thread's. */
struct events_look {
    struct task task;
    struct events_look *next;
    fleet_found *found; /* NULL: it is to be counted */
    fleet_counted *counted;
    void *arg;
    char ref[REF_MAX];
    int64_t end_ms; /* mono */
    bool begun;
    struct event_id at;     /* where the next page begins */
    struct event_id newest; /* that was counted */
    size_t entries;
    struct event *event;
    struct record *counts;
    struct fleet_top *top;
    char problem[256];
};

static void look_free(struct events_look *l)
{
    free(l->event);
    free(l->top);
    free(l);
}

/* On the loop. */
static void answer(struct task *task)
{
    struct events_look *l = (struct events_look *)task;
    const char *problem = l->problem[0] == '\0' ? NULL : l->problem;

    if (l->found != NULL)
        l->found(l->event == NULL ? NULL : &l->event->shown, problem, l->arg);
    else
        l->counted(l->top, problem, l->arg);
    look_free(l);
}

static struct events_look *make_look(void *arg, int64_t within_ms)
{
    struct events_look *l = calloc(1, sizeof *l);

    if (l == NULL)
        return NULL;
    l->arg = arg;
    l->end_ms = clock_mono_ms() + within_ms;
    return l;
}

static void ask(struct events *e, struct events_look *l)
{
    pthread_mutex_lock(&e->lock);
    l->next = e->asked;
    e->asked = l;
    pthread_mutex_unlock(&e->lock);
    events_wake(e);
}

int fleet_why(struct fleet *f, struct view ref, fleet_found *found, void *arg)
{
    struct events_look *l = make_look(arg, FLEET_WHY_MS);

    if (l == NULL)
        return ERR_NOMEM;
    l->found = found;
    struct text t = text_on(l->ref, sizeof l->ref);
    text_add_view(&t, ref);
    ask(f->events, l);
    return 0;
}

int fleet_count(struct fleet *f, fleet_counted *counted, void *arg)
{
    struct events_look *l = make_look(arg, FLEET_TOP_MS);

    if (l == NULL || (l->top = calloc(1, sizeof *l->top)) == NULL) {
        free(l);
        return ERR_NOMEM;
    }
    l->counted = counted;
    ask(f->events, l);
    return 0;
}

/* The newest first, as they were asked, so they go to the end in reverse. */
static void take_asked(struct events *e)
{
    struct events_look **end = &e->looks, *asked;

    pthread_mutex_lock(&e->lock);
    asked = e->asked;
    e->asked = NULL;
    pthread_mutex_unlock(&e->lock);
    while (*end != NULL)
        end = &(*end)->next;
    while (asked != NULL) {
        struct events_look *before = asked->next;
        asked->next = *end;
        *end = asked;
        asked = before;
    }
}

static void fill_top(struct events_look *l)
{
    int64_t now = clock_now();

    for (int span = 0; span < TOP_SPANS; span++)
        for (int kind = 0; kind < TOP_KINDS; kind++)
            l->top->n[span][kind] =
                record_most(l->counts, (enum record_top)kind, (enum record_span)span, now,
                            l->top->rows[span][kind]);
}

/* The first of those that wait is answered. PROBLEM is NULL when it was looked for to the end. */
static void finish(struct events *e, const char *problem)
{
    struct events_look *l = e->looks;
    struct text t = text_on(l->problem, sizeof l->problem);

    e->looks = l->next;
    if (problem != NULL)
        text_add(&t, problem);
    if (l->counts != NULL)
        fill_top(l);
    record_free(l->counts);
    l->counts = NULL;
    events_have_seen(e, l->newest);
    l->task.run = answer;
    if (!events_post(e, &l->task))
        look_free(l);
}

void events_give_up(struct events *e, const char *why)
{
    take_asked(e);
    while (e->looks != NULL)
        finish(e, why);
}

/* ---- one reference, backwards --------------------------------------------------------------- */

/* True: it is answered. */
static bool seek(const struct events *e, struct events_look *l, struct view text)
{
    struct event *event = NULL;
    struct error why;

    if (!event_may_have(text, view_of(l->ref)) || event_open(e->key, text, &event, &why) < 0)
        return false;
    if (!view_eq_nocase(event->shown.decision.ref, view_of(l->ref))) {
        free(event);
        return false;
    }
    l->event = event;
    return true;
}

static int seek_page(struct events *e, struct redis *redis, struct events_look *l, struct page *p,
                     struct error *why)
{
    char from[EVENT_ID_SIZE];
    struct event_id id;
    struct view text;
    bool is_over = false;
    int rc = page_read(e, redis, "XREVRANGE", l->begun ? event_id_text(l->at, from) : "+", "-",
                       EVENTS_PAGE, p, why);

    if (rc < 0)
        return rc;
    while (!is_over && page_next(p, &id, &text)) {
        is_over = seek(e, l, text);
        l->at = event_id_previous(id);
    }
    if (is_over || p->is_last)
        finish(e, NULL);
    return 0;
}

/* ---- all of a day, counted ------------------------------------------------------------------ */

static int begin_count(struct events_look *l, struct error *why)
{
    l->at = (struct event_id){(uint64_t)(clock_now() - DAY_S) * 1000, 0};
    l->counts = record_new();
    return l->counts == NULL ? error_set(why, ERR_REFUSED, "no memory") : 0;
}

/* By Redis' clock, which is one for all; whoever has a wrong one must not make all others old. */
static void count(struct events_look *l, struct event_id id, struct event *event)
{
    struct record_decision *d = &event->shown.decision;
    int64_t now = clock_now();

    d->time = id.ms / 1000 < (uint64_t)now ? (int64_t)(id.ms / 1000) : now;
    if (l->top->since == 0)
        l->top->since = d->time;
    l->top->events++;
    record_decide(l->counts, d);
}

static int count_page(struct events *e, struct redis *redis, struct events_look *l, struct page *p,
                      struct error *why)
{
    struct event_id id;
    struct view text;
    int rc = l->begun ? 0 : begin_count(l, why);

    if (rc == 0)
        rc = page_read_on(e, redis, l->at, p, why);
    if (rc < 0)
        return rc;
    while (page_next(p, &id, &text)) {
        struct event *event = events_open_entry(e, id, text);
        if (event != NULL)
            count(l, id, event);
        free(event);
        l->newest = id;
        l->at = event_id_next(id);
    }
    if (p->is_last)
        finish(e, NULL);
    return 0;
}

/* ---- turns ---------------------------------------------------------------------------------- */

/* One page for the first who waits. */
static int look_on(struct events *e, struct redis *redis, struct error *why)
{
    struct events_look *l = e->looks;
    struct page p = {.reply = NULL};

    if (clock_mono_ms() >= l->end_ms || l->entries >= MAX_ENTRIES) {
        finish(e, "there are too many events to look at all of them in time");
        return 0;
    }
    int rc = l->found != NULL ? seek_page(e, redis, l, &p, why) : count_page(e, redis, l, &p, why);
    if (rc == 0 && e->looks == l) {
        l->begun = true;
        l->entries += p.n;
    } else if (rc < 0) {
        finish(e, why->text);
    }
    redis_reply_free(p.reply);
    return rc == ERR_REFUSED ? 0 : rc;
}

int ask_turn(struct events *e, struct redis *redis, struct error *why)
{
    take_asked(e);
    return redis != NULL && e->looks != NULL ? look_on(e, redis, why) : 0;
}
