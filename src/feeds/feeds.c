/*
 * The door of the feeds: the loop's side. It owns what the loop knows of each feed and the
 * requests under way; everything else is the worker's.
 */
#include "rcptguard/feeds.h"

#include <stdlib.h>

#include "feed.h"
#include "fetch/url.h"
#include "origin.h"
#include "rcptguard/base/clock.h"
#include "worker.h"

struct shown {
    struct feed_status status;
    bool changed;
};

struct feeds {
    struct feeds_events events;
    struct post *post;
    struct worker *worker;
    struct shown *shown; /* in the order of the configuration */
    size_t n_shown;
    struct feeds_request *requests;
    unsigned n_requests;
    uint64_t swaps;
    int64_t swapped_at;
};

/* ---- what the worker told ------------------------------------------------------------------- */

static struct shown *find_shown(const struct feeds *f, struct view name)
{
    for (size_t i = 0; i < f->n_shown; i++)
        if (view_is(name, f->shown[i].status.name))
            return &f->shown[i];
    return NULL;
}

static void take_status(const struct feed_status *status, void *arg)
{
    struct shown *shown = find_shown(arg, view_of(status->name));

    if (shown == NULL)
        return; /* removed by a reload that the worker has not seen yet */
    shown->status = *status;
    shown->changed = true;
}

static void unlink_request(struct feeds *f, struct feeds_request *r)
{
    *r->all_prev = r->all_next;
    if (r->all_next != NULL)
        r->all_next->all_prev = r->all_prev;
    f->n_requests--;
}

static void free_request(struct feeds *f, struct feeds_request *r)
{
    unlink_request(f, r);
    free(r->origin);
    free(r);
}

static void tell_origin(const struct origin_request *o, void *arg)
{
    o->found(o->looked ? &o->origin.shown : NULL, arg);
}

static void end_request(struct feeds *f, struct feeds_request *r)
{
    if (!r->forgotten && r->wish == FEEDS_ORIGIN)
        tell_origin(r->origin, r->arg);
    else if (!r->forgotten)
        r->done(r->result, r->arg);
    free_request(f, r);
}

/*
 * The worker posts a blocklist, then statuses, then what ended. Taking them the other way round
 * makes sure that what is told below never is about a blocklist that is still to come.
 */
static void deliver(void *arg)
{
    struct feeds *f = arg;
    struct feeds_request *done = post_take_done(f->post);

    post_take_statuses(f->post, take_status, f);
    struct blocklist *bl = post_take_blocklist(f->post);
    if (bl != NULL) {
        f->swaps++;
        f->swapped_at = clock_now();
        f->events.blocklist(bl, f->events.arg);
    }
    for (size_t i = 0; i < f->n_shown; i++) {
        if (f->shown[i].changed && f->events.status != NULL)
            f->events.status(&f->shown[i].status, f->events.arg);
        f->shown[i].changed = false;
    }
    for (struct feeds_request *r = done, *next; r != NULL; r = next) {
        next = r->next;
        end_request(f, r);
    }
}

/* ---- the door ------------------------------------------------------------------------------- */

static int check_names(const struct feeds_config *config, struct error *why)
{
    for (size_t i = 0; i < config->n_feeds; i++)
        if (!store_name_is_good(config->feeds[i].name))
            return error_set(why, ERR_REFUSED, "feed '%s': the name cannot be a directory's",
                             config->feeds[i].name);
    return 0;
}

static void show_new(struct shown *shown, const struct feed_config *fc)
{
    feed_text(shown->status.name, sizeof shown->status.name, fc->name);
    url_shown(fc->url, shown->status.url, sizeof shown->status.url);
    feed_text(shown->status.format, sizeof shown->status.format, fc->format);
}

/* What will be shown of the feeds of CONFIG; NULL: no memory. */
static struct shown *make_shown(const struct feeds *f, const struct feeds_config *config)
{
    struct shown *shown = calloc(config->n_feeds + 1, sizeof *shown);

    for (size_t i = 0; shown != NULL && i < config->n_feeds; i++) {
        const struct shown *old = find_shown(f, view_of(config->feeds[i].name));
        if (old != NULL)
            shown[i] = *old;
        show_new(&shown[i], &config->feeds[i]);
    }
    return shown;
}

struct feeds *feeds_new(const struct feeds_config *config, struct queue *loop,
                        const struct feeds_events *events, struct blocklist **first,
                        struct error *why)
{
    struct feeds *f = calloc(1, sizeof *f);

    *first = NULL;
    if (f != NULL) {
        f->events = *events;
        f->shown = make_shown(f, config);
        f->n_shown = config->n_feeds;
        f->post = post_new(loop, deliver, f);
    }
    if (f == NULL || f->shown == NULL || f->post == NULL) {
        error_set(why, ERR_NOMEM, "no memory");
        feeds_free(f);
        return NULL;
    }
    if (check_names(config, why) < 0 ||
        (f->worker = worker_new(config, f->post, &f->events, first, why)) == NULL) {
        feeds_free(f);
        return NULL;
    }
    post_take_statuses(f->post, take_status, f);
    for (size_t i = 0; i < f->n_shown; i++)
        f->shown[i].changed = false;
    return f;
}

int feeds_start(struct feeds *f, struct error *why)
{
    return worker_start(f->worker, why);
}

int feeds_share(struct feeds *f, const struct feeds_share *share)
{
    return worker_share(f->worker, share);
}

void feeds_share_news(struct feeds *f)
{
    worker_news(f->worker);
}

int64_t feeds_silent_ms(const struct feeds *f)
{
    return worker_silent_ms(f->worker);
}

struct feeds_change {
    struct shown *shown;
    size_t n_shown;
    struct worker_change *worker;
};

void feeds_change_free(struct feeds_change *c)
{
    if (c == NULL)
        return;
    worker_change_free(c->worker);
    free(c->shown);
    free(c);
}

int feeds_prepare(struct feeds *f, const struct feeds_config *config, struct feeds_change **change)
{
    int rc = check_names(config, NULL);

    *change = NULL;
    if (rc < 0)
        return rc;
    struct feeds_change *c = calloc(1, sizeof *c);
    if (c == NULL)
        return ERR_NOMEM;
    c->shown = make_shown(f, config);
    c->n_shown = config->n_feeds;
    c->worker = worker_prepare(f->worker, config);
    if (c->shown == NULL || c->worker == NULL) {
        feeds_change_free(c);
        return ERR_NOMEM;
    }
    *change = c;
    return 0;
}

void feeds_configure(struct feeds *f, struct feeds_change *c)
{
    struct shown *old = f->shown;

    f->shown = c->shown;
    f->n_shown = c->n_shown;
    worker_configure(c->worker);
    c->shown = old;
    c->worker = NULL;
    feeds_change_free(c);
}

const struct feed_status *feeds_status(const struct feeds *f, size_t i)
{
    return i < f->n_shown ? &f->shown[i].status : NULL;
}

const struct feed_status *feeds_status_of(const struct feeds *f, struct view name)
{
    const struct shown *shown = find_shown(f, name);
    return shown == NULL ? NULL : &shown->status;
}

void feeds_totals(const struct feeds *f, struct feeds_totals *out)
{
    *out = (struct feeds_totals){.swaps = f->swaps, .swapped_at = f->swapped_at};
    worker_pulse(f->worker, out);
}

/* A request that is in the list of all, and asked of nobody yet. */
static struct feeds_request *make_request(struct feeds *f, struct view name, enum feeds_wish wish,
                                          void *arg)
{
    struct feeds_request *r = f->n_requests == FEEDS_MAX_REQUESTS ? NULL : calloc(1, sizeof *r);

    if (r == NULL)
        return NULL;
    r->wish = wish;
    r->arg = arg;
    atomic_init(&r->forgotten, false);
    /* Too long for a name is too long for a feed: it stays "" and is unknown. */
    if (name.len < sizeof r->name && name.len > 0)
        memcpy(r->name, name.ptr, name.len);
    r->all_prev = &f->requests;
    r->all_next = f->requests;
    if (r->all_next != NULL)
        r->all_next->all_prev = &r->all_next;
    f->requests = r;
    f->n_requests++;
    return r;
}

static struct feeds_request *ask(struct feeds *f, struct view name, enum feeds_wish wish,
                                 feeds_done *done, void *arg)
{
    struct feeds_request *r = make_request(f, name, wish, arg);

    if (r == NULL)
        return NULL;
    r->done = done;
    worker_ask(f->worker, r);
    return r;
}

struct feeds_request *feeds_refresh(struct feeds *f, struct view name, feeds_done *done, void *arg)
{
    return ask(f, name, FEEDS_REFRESH, done, arg);
}

struct feeds_request *feeds_accept(struct feeds *f, struct view name, feeds_done *done, void *arg)
{
    return ask(f, name, FEEDS_ACCEPT, done, arg);
}

struct feeds_request *feeds_rollback(struct feeds *f, struct view name, feeds_done *done, void *arg)
{
    return ask(f, name, FEEDS_ROLLBACK, done, arg);
}

struct feeds_request *feeds_origin(struct feeds *f, struct view name, enum entry_kind kind,
                                   struct view key, feed_origin_found *found, void *arg)
{
    struct feeds_request *r = make_request(f, name, FEEDS_ORIGIN, arg);

    if (r == NULL)
        return NULL;
    r->origin = origin_request_new(kind, key, found);
    if (r->origin == NULL) {
        free_request(f, r);
        return NULL;
    }
    worker_ask(f->worker, r);
    return r;
}

void feeds_forget(struct feeds_request *r)
{
    r->forgotten = true;
}

void feeds_retire(struct feeds *f, struct blocklist *bl)
{
    if (bl != NULL)
        worker_retire(f->worker, bl);
}

void feeds_stop(struct feeds *f)
{
    worker_stop(f->worker);
}

void feeds_free(struct feeds *f)
{
    if (f == NULL)
        return;
    worker_free(f->worker);
    while (f->requests != NULL)
        free_request(f, f->requests);
    post_free(f->post);
    free(f->shown);
    free(f);
}
