/* The worker's set of feeds, by the configuration, and what the loop asks of it. */
#include <stddef.h>
#include <stdlib.h>

#include "origin.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"
#include "refresh.h"
#include "worker_parts.h"

#define APPLY_AGAIN_S 2
#define SAY_AGAIN_MS  60000

/* ---- the set of feeds ----------------------------------------------------------------------- */

struct feed *worker_find(const struct worker *w, const char *name)
{
    for (size_t i = 0; i < w->n_feeds; i++)
        if (w->feeds[i] != NULL && strcmp(w->feeds[i]->config->name, name) == 0)
            return w->feeds[i];
    return NULL;
}

void worker_end_requests(struct worker *w, struct feeds_request **list, enum feeds_result result)
{
    while (*list != NULL) {
        struct feeds_request *r = *list;
        *list = r->next;
        r->result = result;
        r->next = w->ended;
        w->ended = r;
    }
}

static void remove_feed(struct worker *w, struct feed *f)
{
    worker_end_requests(w, &f->waiting, FEEDS_UNKNOWN);
    worker_end_requests(w, &f->again, FEEDS_UNKNOWN);
    store_tidy(f->store, NULL);
    feed_free(f);
}

/* New records for new names; those that are there already are found in w->feeds. */
static int make_feeds(struct worker *w, const struct feeds_config *config, struct feed **fresh,
                      struct error *why)
{
    for (size_t i = 0; i < config->n_feeds; i++) {
        if (worker_find(w, config->feeds[i].name) != NULL)
            continue;
        fresh[i] = feed_new(config, &config->feeds[i], w->watcher, why);
        if (fresh[i] == NULL)
            return error_prefix(why, "feed %s", config->feeds[i].name);
    }
    return 0;
}

static void take_old_feeds(struct worker *w, const struct feeds_config *config, struct feed **fresh)
{
    for (size_t i = 0; i < config->n_feeds; i++) {
        const struct feed_config *fc = &config->feeds[i];
        for (size_t k = 0; fresh[i] == NULL && k < w->n_feeds; k++) {
            if (w->feeds[k] == NULL || strcmp(w->feeds[k]->config->name, fc->name) != 0)
                continue;
            fresh[i] = w->feeds[k];
            w->feeds[k] = NULL;
            /* What was posted and not taken yet went with the old slots. */
            memset(&fresh[i]->told, 0, sizeof fresh[i]->told);
            feed_configure(fresh[i], config, fc, w->watcher);
        }
    }
    for (size_t k = 0; k < w->n_feeds; k++)
        if (w->feeds[k] != NULL)
            remove_feed(w, w->feeds[k]);
}

int worker_apply(struct worker *w, const struct feeds_config *config, struct error *why)
{
    struct feed **fresh = calloc(config->n_feeds + 1, sizeof *fresh);
    if (fresh == NULL)
        return error_set(why, ERR_NOMEM, "no memory");
    int rc = make_feeds(w, config, fresh, why);

    if (rc == 0 && post_shape(w->post, config->n_feeds) < 0)
        rc = error_set(why, ERR_NOMEM, "no memory");
    if (rc < 0) {
        for (size_t i = 0; i < config->n_feeds; i++)
            feed_free(fresh[i]);
        free(fresh);
        return rc;
    }
    take_old_feeds(w, config, fresh);
    free(w->feeds);
    w->feeds = fresh;
    w->n_feeds = config->n_feeds;
    struct shared *old = w->config.owner;
    w->config = *config;
    w->counted_day = 0;
    shared_release(old);
    return 0;
}

/* ---- messages from the loop ----------------------------------------------------------------- */

struct worker_change {
    struct task task;
    struct worker *worker;
    struct feeds_config config;
};

void worker_change_free(struct worker_change *m)
{
    if (m == NULL)
        return;
    shared_release(m->config.owner);
    free(m);
}

void worker_drop_unapplied(struct worker *w)
{
    worker_change_free(w->unapplied);
    w->unapplied = NULL;
    w->apply_again_at = 0;
}

/* The rules in force are those of M: until it is applied, the lists that it reads otherwise count
 * for nothing. */
static void take_configuration(struct worker *w, struct worker_change *m, int64_t now)
{
    struct error why = {.code = ERR_REFUSED};

    if (worker_apply(w, &m->config, &why) == 0) {
        free(m);
        return;
    }
    if (seldom_say(&w->unapplied_warning, clock_mono_ms(), SAY_AGAIN_MS))
        log_error("feeds", "the new settings cannot be taken, tried again every %d s: %s",
                  APPLY_AGAIN_S, why.text);
    w->unapplied = m;
    w->apply_again_at = now + APPLY_AGAIN_S;
}

void worker_apply_again(struct worker *w, int64_t now)
{
    struct worker_change *m = w->unapplied;

    if (m == NULL || now < w->apply_again_at)
        return;
    w->unapplied = NULL;
    w->apply_again_at = 0;
    take_configuration(w, m, now);
}

static void run_configure(struct task *self)
{
    struct worker_change *m = (struct worker_change *)self;

    worker_drop_unapplied(m->worker);
    if (atomic_load(&m->worker->stop))
        worker_change_free(m);
    else
        take_configuration(m->worker, m, clock_now());
}

struct worker_change *worker_prepare(struct worker *w, const struct feeds_config *config)
{
    struct worker_change *m = calloc(1, sizeof *m);

    if (m == NULL)
        return NULL;
    *m = (struct worker_change){{run_configure, NULL}, w, *config};
    if (config->owner != NULL)
        shared_hold(config->owner);
    return m;
}

void worker_configure(struct worker_change *m)
{
    queue_post(m->worker->inbox, &m->task); /* which has no cap */
}

/* Nobody who asks waits for the pause behind something that failed. It did fail: what is not 0
 * stays so. */
static void hurry(struct worker *w, struct feed *f)
{
    w->build_again_at = 0;
    if (w->apply_again_at != 0)
        w->apply_again_at = 1;
    if (f->save_again_at != 0)
        f->save_again_at = 1;
    if (f->unread_until != 0)
        f->unread_until = 1;
    if (f->unloaded_until != 0)
        f->unloaded_until = 1;
}

/* A fetch that the schedule began is older than the wish: it is begun again. One that others
 * wait for is not, or two impatient people could keep a big list from ever arriving. */
static void refresh_now(struct feed *f, struct feeds_request *r)
{
    bool queue_up = f->running && f->waiting != NULL;
    struct feeds_request **list = queue_up ? &f->again : &f->waiting;

    r->next = *list;
    *list = r;
    if (queue_up)
        return;
    if (f->running)
        refresh_cancel(f);
    f->meta.failures = 0;
    f->due = true;
}

/* What the guards refuse nobody can take: whoever asked for it must not believe that it was. */
static enum feeds_result take_held(struct worker *w, struct feed *f)
{
    if (!refresh_judge_held(&w->house, f, clock_now(), true))
        return FEEDS_NOTHING;
    return f->meta.state < FEED_HELD ? FEEDS_DONE : FEEDS_FAILED;
}

/* It waits for nothing that this turn has still to do: a person is in front of the answer. */
static void find_origin(struct worker *w, const struct feed *f, struct feeds_request *r)
{
    if (f != NULL && !r->forgotten)
        feed_find_origin(&w->house, f, &r->forgotten, r->origin);
    post_done(w->post, r, f == NULL ? FEEDS_UNKNOWN : FEEDS_DONE);
    post_send(w->post);
}

static void grant(struct worker *w, struct feed *f, struct feeds_request *r)
{
    if (!feed_load(f, &w->config, w->watcher, clock_now()))
        worker_end_requests(w, &r, FEEDS_FAILED);
    else if (r->wish == FEEDS_REFRESH)
        refresh_now(f, r);
    else if (r->wish == FEEDS_ACCEPT)
        worker_end_requests(w, &r, take_held(w, f));
    else
        worker_end_requests(w, &r, refresh_roll_back(&w->house, f, clock_now()));
}

static void run_request(struct task *self)
{
    struct feeds_request *r = (struct feeds_request *)self;
    struct worker *w = r->worker;
    struct feed *f = worker_find(w, r->name);

    if (atomic_load(&w->stop))
        return; /* the loop frees it */
    r->next = NULL;
    if (r->wish == FEEDS_ORIGIN) {
        find_origin(w, f, r);
    } else if (f == NULL) {
        worker_end_requests(w, &r, FEEDS_UNKNOWN);
    } else {
        hurry(w, f);
        grant(w, f, r);
    }
}

void worker_ask(struct worker *w, struct feeds_request *r)
{
    r->task.run = run_request;
    r->worker = w;
    queue_post(w->inbox, &r->task); /* without a cap it cannot be refused */
}

static void run_news(struct task *self)
{
    struct worker *w = (struct worker *)((char *)self - offsetof(struct worker, news));

    atomic_store(&w->news_posted, false);
    for (size_t i = 0; i < w->n_feeds; i++)
        w->feeds[i]->news_ms = 0;
}

void worker_news(struct worker *w)
{
    if (w->house.shares == NULL || atomic_exchange(&w->news_posted, true))
        return;
    w->news.run = run_news;
    queue_post(w->inbox, &w->news);
}

struct retire_message {
    struct task task;
    struct worker *worker;
    struct blocklist *bl;
};

static void retire(struct worker *w, struct blocklist *bl)
{
    if (w->current == bl)
        w->current = NULL;
    blocklist_free(bl);
}

static void run_retire(struct task *self)
{
    struct retire_message *m = (struct retire_message *)self;

    retire(m->worker, m->bl);
    free(m);
}

void worker_retire(struct worker *w, struct blocklist *bl)
{
    struct retire_message *m = w->started ? malloc(sizeof *m) : NULL;

    if (m != NULL) {
        *m = (struct retire_message){{run_retire, NULL}, w, bl};
        queue_post(w->inbox, &m->task);
    } else if (!w->started) {
        retire(w, bl);
    } else {
        /* No memory for the message: the worker may be reading it, so it is left where it is. */
        log_error("feeds", "no memory: an old blocklist is not freed");
    }
}
