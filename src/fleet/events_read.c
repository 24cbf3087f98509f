/*
 * What others refused, read from the stream: as it comes for followers, backwards for one
 * reference, and all of the last day to be counted. Everything there is a stranger's: what is too
 * long does not leave Redis, what is no event under our secret is passed over and counted.
 */
#include <stdlib.h>

#include "events.h"
#include "parts.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"

#define FOLLOW_MS   200
#define MORE_MS     20                     /* there is more already */
#define MAX_ENTRIES (2 * FLEET_EVENTS_MAX) /* looked at for one question */
#define DAY_S       86400

struct fleet_follower {
    fleet_happened *call;
    void *arg;
    struct fleet_follower *next;
};

/* ---- one page of the stream ----------------------------------------------------------------- */

/* KEYS: stream. ARGV: command, from, to, how many, most bytes of an event. Answers id, event
 * ("": something else), id, event ... and "end", "" where the stream ends. One entry at a time, and
 * not beyond 2 MiB: one of megabytes takes Redis some time to show to a script. */
static struct redis_script page_script = {
    .text = "local out, most, from, bytes = {}, tonumber(ARGV[5]), ARGV[2], 0\n"
            "for i = 1, tonumber(ARGV[4]) do\n"
            "  local e = redis.call(ARGV[1], KEYS[1], from, ARGV[3], 'COUNT', 1)[1]\n"
            "  if not e then out[#out + 1] = 'end' out[#out + 1] = '' break end\n"
            "  local f = e[2]\n"
            "  local good = #f == 2 and f[1] == 'line' and #f[2] <= most\n"
            "  out[#out + 1] = e[1]\n"
            "  out[#out + 1] = good and f[2] or ''\n"
            "  for j = 1, #f do bytes = bytes + #f[j] end\n"
            "  if bytes > 2097152 then break end\n"
            "  from = '(' .. e[1]\n"
            "end\n"
            "return out\n",
};

struct page {
    struct redisReply *reply;
    size_t n, at;
    bool is_last;
};

static int read_page(struct events *e, struct redis *redis, const char *command, const char *from,
                     const char *to, unsigned most, struct page *p, struct error *why)
{
    char count[16], bytes[16];
    struct text c = text_on(count, sizeof count), b = text_on(bytes, sizeof bytes);
    const struct view key = view_of(e->stream);
    struct view name, text;

    *p = (struct page){.reply = NULL};
    text_addf(&c, "%u", most);
    text_addf(&b, "%d", EVENT_SEALED_MAX);
    const struct view args[] = {view_of(command), view_of(from), view_of(to), text_view(&c),
                                text_view(&b)};
    int rc = redis_run(redis, &page_script, &key, 1, args, 5, EVENTS_CALL_MS, &p->reply, why);
    if (rc < 0)
        return rc;
    p->n = reply_pairs(p->reply);
    /* An answer without a single entry is not what was asked for: no use in asking on. */
    p->is_last =
        p->n == 0 || (reply_pair(p->reply, p->n - 1, &name, &text) && view_is(name, "end"));
    if (p->is_last && p->n > 0)
        p->n--;
    return 0;
}

/* From ID on. */
static int read_on(struct events *e, struct redis *redis, struct event_id id, struct page *p,
                   struct error *why)
{
    char from[EVENT_ID_SIZE];

    return read_page(e, redis, "XRANGE", event_id_text(id, from), "+", EVENTS_PAGE, p, why);
}

/* The next entry; false: it was the last, or Redis answers garbage. */
static bool next_entry(struct page *p, struct event_id *id, struct view *text)
{
    struct view name;

    return p->at < p->n && reply_pair(p->reply, p->at++, &name, text) && event_id_parse(name, id);
}

static void not_believed(struct events *e, struct event_id id, const struct error *why)
{
    if (!event_id_is_before(e->seen, id))
        return;
    atomic_fetch_add(&e->refused, 1);
    if (!e->warned)
        log_warning("fleet", "the stream of events holds what is not believed: %s", why->text);
    e->warned = true;
}

/* NULL: it is not believed, or there is no memory. */
static struct event *open_entry(struct events *e, struct event_id id, struct view text)
{
    struct event *event = NULL;
    struct error why;

    if (event_open(e->key, text, &event, &why) < 0)
        not_believed(e, id, &why);
    return event;
}

static void have_seen(struct events *e, struct event_id id)
{
    if (event_id_is_before(e->seen, id))
        e->seen = id;
}

/* False: nobody is there any more. */
static bool post(struct events *e, struct task *task)
{
    pthread_mutex_lock(&e->lock);
    bool posted = !e->left && queue_post(e->loop, task) == 0;
    pthread_mutex_unlock(&e->lock);
    return posted;
}

/* ---- followers ------------------------------------------------------------------------------ */

struct fleet_follower *fleet_follow(struct fleet *f, fleet_happened *call, void *arg)
{
    struct fleet_follower *follower = malloc(sizeof *follower);

    if (follower == NULL)
        return NULL;
    *follower = (struct fleet_follower){call, arg, f->events->followers};
    f->events->followers = follower;
    atomic_store(&f->events->followed, true);
    events_wake(f->events);
    return follower;
}

void fleet_unfollow(struct fleet *f, struct fleet_follower *follower)
{
    if (follower == NULL)
        return;
    struct fleet_follower **at = &f->events->followers;
    while (*at != follower)
        at = &(*at)->next;
    *at = follower->next;
    free(follower);
    atomic_store(&f->events->followed, f->events->followers != NULL);
}

/* On the loop. */
static void show_batch(struct task *task)
{
    struct events_batch *batch = (struct events_batch *)task;

    for (size_t i = 0; i < batch->n; i++)
        for (struct fleet_follower *f = batch->events->followers; f != NULL; f = f->next)
            f->call(&batch->list[i]->shown, f->arg);
    atomic_store(&batch->on_its_way, false);
}

/* Behind the newest; what came while nobody followed is not shown. After a break it goes on where
 * it was, unless the stream began anew. */
static int find_place(struct events *e, struct redis *redis, struct error *why)
{
    struct event_id end = {0, 0}, id;
    struct page p;
    struct view text;
    int rc = read_page(e, redis, "XREVRANGE", "+", "-", 1, &p, why);

    if (rc == 0) {
        if (next_entry(&p, &id, &text))
            end = event_id_next(id);
        if (!e->has_place || event_id_is_before(end, e->at))
            e->at = end;
        e->has_place = e->is_placed = true;
    }
    redis_reply_free(p.reply);
    return rc;
}

static void fill_batch(struct events *e, struct page *p)
{
    struct events_batch *batch = &e->batch;
    struct event_id id;
    struct view text;

    for (size_t i = 0; i < batch->n; i++)
        free(batch->list[i]);
    batch->n = 0;
    while (batch->n < EVENTS_PAGE && next_entry(p, &id, &text)) {
        struct event *event = open_entry(e, id, text);
        if (event != NULL)
            batch->list[batch->n++] = event;
        have_seen(e, id);
        e->at = event_id_next(id);
    }
    if (batch->n == 0)
        return;
    batch->task.run = show_batch;
    atomic_store(&batch->on_its_way, true);
    post(e, &batch->task);
}

static int follow(struct events *e, struct redis *redis, struct error *why)
{
    struct page p = {.reply = NULL};
    int rc = e->is_placed ? 0 : find_place(e, redis, why);

    if (rc == 0)
        rc = read_on(e, redis, e->at, &p, why);
    if (rc == 0)
        fill_batch(e, &p);
    e->follow_ms = clock_mono_ms() + (p.is_last || rc < 0 ? FOLLOW_MS : MORE_MS);
    redis_reply_free(p.reply);
    return rc;
}

static int follow_due(struct events *e, struct redis *redis, struct error *why)
{
    if (!atomic_load(&e->followed)) {
        e->has_place = e->is_placed = false;
        return 0;
    }
    if (redis == NULL) {
        e->is_placed = false;
        return 0;
    }
    if (clock_mono_ms() < e->follow_ms || atomic_load(&e->batch.on_its_way))
        return 0;
    int rc = follow(e, redis, why);
    if (rc == ERR_REFUSED) {
        events_set_problem(e, why);
        e->follow_ms = clock_mono_ms() + EVENTS_AGAIN_MS;
    }
    return rc == ERR_REFUSED ? 0 : rc;
}

/* ---- questions ------------------------------------------------------------------------------ */

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
    have_seen(e, l->newest);
    l->task.run = answer;
    if (!post(e, &l->task))
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
    int rc = read_page(e, redis, "XREVRANGE", l->begun ? event_id_text(l->at, from) : "+", "-",
                       EVENTS_PAGE, p, why);

    if (rc < 0)
        return rc;
    while (!is_over && next_entry(p, &id, &text)) {
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
        rc = read_on(e, redis, l->at, p, why);
    if (rc < 0)
        return rc;
    while (next_entry(p, &id, &text)) {
        struct event *event = open_entry(e, id, text);
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

int events_read(struct events *e, struct redis *redis, struct error *why)
{
    int rc = follow_due(e, redis, why);

    if (redis == NULL || rc < 0)
        events_give_up(e, "Redis is away");
    take_asked(e);
    return rc == 0 && redis != NULL && e->looks != NULL ? look_on(e, redis, why) : rc;
}

int64_t events_read_due(const struct events *e, bool up)
{
    int64_t due = INT64_MAX;

    if (e->looks != NULL)
        return 0;
    if (up && atomic_load(&e->followed)) {
        due = e->follow_ms;
        /* It comes back within a turn of the loop. */
        if (atomic_load(&e->batch.on_its_way) && due < clock_mono_ms() + 10)
            due = clock_mono_ms() + 10;
    }
    return due;
}
