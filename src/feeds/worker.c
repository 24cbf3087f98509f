/* The worker's thread. Its turn, in order, is the life of a list. */
#include "worker.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "build.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/escape.h"
#include "rcptguard/base/file.h"
#include "rcptguard/base/log.h"
#include "refresh.h"
#include "schedule.h"

#define AGAIN_S     30    /* after a build or a save that failed */
#define LONGEST_MS  30000 /* so that a clock that was set is noticed */
#define PROGRESS_MS 500
#define RESEND_MS   50

struct worker {
    struct post *post;
    struct queue *inbox;
    struct watcher *watcher;
    struct suffixes *suffixes;
    struct feed_house house;
    struct feeds_config config; /* config.owner is held */
    struct feed **feeds;
    size_t n_feeds;
    struct feeds_request *ended; /* posted at the end of the turn */

    /* The last blocklist that was handed over. The loop owns it and gives it back to be freed,
     * which only happens on this thread: so it can be read here. */
    struct blocklist *current;
    char *index_path;
    bool unsaved;
    int64_t build_again_at, save_again_at, counted_day;

    pthread_t thread;
    bool started;
    atomic_bool stop;
    struct task nudge;
};

/* ---- the set of feeds ----------------------------------------------------------------------- */

static struct feed *find_feed(const struct worker *w, const char *name)
{
    for (size_t i = 0; i < w->n_feeds; i++)
        if (w->feeds[i] != NULL && strcmp(w->feeds[i]->config->name, name) == 0)
            return w->feeds[i];
    return NULL;
}

static void end_requests(struct worker *w, struct feeds_request **list, enum feeds_result result)
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
    end_requests(w, &f->waiting, FEEDS_UNKNOWN);
    end_requests(w, &f->again, FEEDS_UNKNOWN);
    store_tidy(f->store, NULL);
    feed_free(f);
}

/* New records for new names; those that are there already are found in w->feeds. */
static int make_feeds(struct worker *w, const struct feeds_config *config, struct feed **fresh,
                      struct error *why)
{
    for (size_t i = 0; i < config->n_feeds; i++) {
        if (find_feed(w, config->feeds[i].name) != NULL)
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
            feed_configure(fresh[i], config, fc, w->watcher);
        }
    }
    for (size_t k = 0; k < w->n_feeds; k++)
        if (w->feeds[k] != NULL)
            remove_feed(w, w->feeds[k]);
}

/* All or nothing. Takes over the caller's hold on the owner when it succeeds. */
static int apply(struct worker *w, const struct feeds_config *config, struct error *why)
{
    struct feed **fresh = calloc(config->n_feeds + 1, sizeof *fresh);
    int rc =
        fresh == NULL ? error_set(why, ERR_NOMEM, "no memory") : make_feeds(w, config, fresh, why);

    if (rc == 0 && post_shape(w->post, config->n_feeds) < 0)
        rc = error_set(why, ERR_NOMEM, "no memory");
    if (rc < 0) {
        for (size_t i = 0; fresh != NULL && i < config->n_feeds; i++)
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

struct configure_message {
    struct task task;
    struct worker *worker;
    struct feeds_config config;
};

static void run_configure(struct task *self)
{
    struct configure_message *m = (struct configure_message *)self;
    struct error why = {.code = ERR_REFUSED};

    if (atomic_load(&m->worker->stop) || apply(m->worker, &m->config, &why) < 0) {
        if (!atomic_load(&m->worker->stop))
            log_error("feeds", "the new settings are not taken: %s", why.text);
        shared_release(m->config.owner);
    }
    free(m);
}

int worker_configure(struct worker *w, const struct feeds_config *config)
{
    struct configure_message *m = calloc(1, sizeof *m);

    if (m == NULL)
        return ERR_NOMEM;
    *m = (struct configure_message){{run_configure, NULL}, w, *config};
    if (config->owner != NULL)
        shared_hold(config->owner);
    return queue_post(w->inbox, &m->task);
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

static void run_request(struct task *self)
{
    struct feeds_request *r = (struct feeds_request *)self;
    struct worker *w = r->worker;
    struct feed *f = find_feed(w, r->name);
    struct feeds_request *alone = r;

    if (atomic_load(&w->stop))
        return; /* the loop frees it */
    r->next = NULL;
    if (f == NULL) {
        end_requests(w, &alone, FEEDS_UNKNOWN);
    } else if (!r->accept) {
        refresh_now(f, r);
    } else if (!refresh_judge_held(&w->house, f, clock_now(), true)) {
        end_requests(w, &alone, FEEDS_NOTHING);
    } else {
        end_requests(w, &alone, f->meta.state == FEED_FAILED ? FEEDS_FAILED : FEEDS_DONE);
    }
}

void worker_ask(struct worker *w, struct feeds_request *r)
{
    r->task.run = run_request;
    r->worker = w;
    queue_post(w->inbox, &r->task); /* without a cap it cannot be refused */
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

/* ---- a turn --------------------------------------------------------------------------------- */

static void begin_what_is_due(struct worker *w, int64_t now)
{
    for (size_t i = 0; i < w->n_feeds; i++) {
        struct feed *f = w->feeds[i];
        f->meta.next_fetch = schedule_clamp(f->meta.next_fetch, now, f->config->refresh_s,
                                            (unsigned)f->meta.failures);
        if (!f->running && (f->due || f->meta.next_fetch <= now))
            refresh_start(&w->house, f);
    }
}

static void judge_what_arrived(struct worker *w, int64_t now)
{
    for (size_t i = 0; i < w->n_feeds && !atomic_load(&w->stop); i++) {
        struct feed *f = w->feeds[i];
        int64_t until = refresh_held_until(f);
        if (refresh_arrived(f)) {
            refresh_judge(&w->house, f, now);
            end_requests(w, &f->waiting, f->meta.state == FEED_FAILED ? FEEDS_FAILED : FEEDS_DONE);
            f->waiting = f->again;
            f->again = NULL;
            f->due |= f->waiting != NULL;
        } else if (until != 0 && until <= now) {
            refresh_judge_held(&w->house, f, now, false);
        }
    }
}

static void build(struct worker *w, int64_t now)
{
    struct blocklist *made;
    struct error why;

    if (now < w->build_again_at || !build_needed(w->feeds, w->n_feeds, w->current))
        return;
    w->build_again_at = 0;
    /* What is kept of lost copies may make it needless after all. */
    if (build_blocklist(&w->house, w->feeds, w->n_feeds, w->current, &made, &why) < 0) {
        w->build_again_at = now + AGAIN_S;
        if (!atomic_load(&w->stop))
            log_error("feeds", "the new blocklist cannot be built, the old one stays: %s",
                      why.text);
        return;
    }
    w->current = made;
    w->unsaved = true;
    w->save_again_at = 0;
    w->counted_day = 0;
    post_blocklist(w->post, made);
    post_send(w->post);
}

static void count(struct worker *w, int64_t now)
{
    uint64_t *active;

    if (w->counted_day == now / 86400 + 1)
        return;
    active = calloc(w->n_feeds + 1, sizeof *active);
    if (active == NULL)
        return;
    build_count_active(w->feeds, w->n_feeds, w->current, now, active);
    for (size_t i = 0; i < w->n_feeds; i++)
        w->feeds[i]->active = active[i];
    free(active);
    w->counted_day = now / 86400 + 1;
}

static void tell(struct worker *w)
{
    struct feed_status status;

    for (size_t i = 0; i < w->n_feeds; i++) {
        feed_tell(w->feeds[i], &status);
        if (memcmp(&status, &w->feeds[i]->told, sizeof status) == 0)
            continue;
        w->feeds[i]->told = status;
        post_status(w->post, i, &status);
    }
}

static void post_ended(struct worker *w)
{
    while (w->ended != NULL) {
        struct feeds_request *r = w->ended;
        w->ended = r->next;
        /* What was accepted is not in force yet, and the caller should know. */
        bool waits = w->build_again_at != 0 && r->result == FEEDS_DONE;
        post_done(w->post, r, waits ? FEEDS_FAILED : r->result);
    }
}

static void save_index(struct worker *w, int64_t now)
{
    struct error why;

    if (!w->unsaved || now < w->save_again_at || w->current == NULL)
        return;
    if (blocklist_save(w->current, w->index_path, &why) == 0) {
        w->unsaved = false;
        return;
    }
    if (w->save_again_at == 0)
        log_warning("feeds", "the index in force cannot be kept for the next start: %s", why.text);
    w->save_again_at = now + AGAIN_S;
}

static void turn(struct worker *w)
{
    int64_t now = clock_now();

    queue_run(w->inbox);
    watcher_run(w->watcher, clock_mono_ms());
    fetcher_run(w->house.fetcher);
    if (atomic_load(&w->stop))
        return;
    begin_what_is_due(w, now);
    judge_what_arrived(w, now);
    build(w, now);
    if (atomic_load(&w->stop))
        return;
    count(w, now);
    tell(w);
    post_send(w->post);
    for (size_t i = 0; i < w->n_feeds; i++)
        refresh_keep(w->feeds[i], now);
    post_ended(w);
    post_send(w->post);
    save_index(w, now);
}

/* ---- waiting -------------------------------------------------------------------------------- */

static void sooner(int64_t *first, int64_t at)
{
    if (at != 0 && at < *first)
        *first = at;
}

static int64_t next_time(const struct worker *w, int64_t now)
{
    int64_t first = now + LONGEST_MS / 1000;

    sooner(&first, w->build_again_at);
    if (w->unsaved)
        sooner(&first, w->save_again_at);
    for (size_t i = 0; i < w->n_feeds; i++) {
        const struct feed *f = w->feeds[i];
        sooner(&first, refresh_held_until(f));
        sooner(&first, f->changed ? f->save_again_at : 0);
        if (!f->running)
            sooner(&first, f->due ? now : f->meta.next_fetch);
        else if (refresh_arrived(f))
            sooner(&first, now);
    }
    return first;
}

static int wait_ms(const struct worker *w)
{
    int64_t now = clock_now();
    int64_t ms = (next_time(w, now) - now) * 1000;
    int watch_ms = watcher_timeout_ms(w->watcher, clock_mono_ms());

    if (ms > 0 && ms <= 1000)
        ms = 100; /* the clock is in seconds: find its next one */
    for (size_t i = 0; i < w->n_feeds; i++)
        if (w->feeds[i]->running && ms > PROGRESS_MS)
            ms = PROGRESS_MS;
    if (watch_ms >= 0 && watch_ms < ms)
        ms = watch_ms;
    if (!post_send(w->post) && ms > RESEND_MS)
        ms = RESEND_MS;
    return ms < 0 ? 0 : (int)ms;
}

static void *run(void *arg)
{
    struct worker *w = arg;

    while (!atomic_load(&w->stop)) {
        turn(w);
        if (atomic_load(&w->stop))
            break;
        int fds[] = {queue_fd(w->inbox), watcher_fd(w->watcher)};
        fetcher_wait(w->house.fetcher, fds, 2, wait_ms(w));
    }
    return NULL;
}

/* ---- beginning and end ---------------------------------------------------------------------- */

static void run_nothing(struct task *self)
{
    (void)self;
}

static int make_dirs(const char *state_dir, struct error *why)
{
    char *feeds = NULL;
    int rc;

    if (asprintf(&feeds, "%s/feeds", state_dir) < 0)
        return error_set(why, ERR_NOMEM, "no memory");
    rc = file_make_dir(state_dir, 0750, why);
    if (rc == 0)
        rc = file_make_dir(feeds, 0750, why);
    free(feeds);
    return rc;
}

static int make_tools(struct worker *w, const char *state_dir, struct error *why)
{
    int rc = make_dirs(state_dir, why);

    if (rc < 0)
        return rc;
    if ((w->watcher = watcher_new(why)) == NULL || (w->house.fetcher = fetcher_new(why)) == NULL)
        return why->code;
    w->inbox = queue_new(0);
    w->suffixes = suffixes_new();
    if (w->suffixes == NULL)
        return error_set(why, ERR_ABSENT, "there is no public suffix list; install publicsuffix");
    if (w->inbox == NULL || asprintf(&w->index_path, "%s/index", state_dir) < 0) {
        w->index_path = NULL;
        return error_set(why, ERR_NOMEM, "no memory or descriptor for the worker");
    }
    w->house.config = &w->config;
    w->house.suffixes = w->suffixes;
    w->house.stop = &w->stop;
    return 0;
}

static bool is_configured(const char *name, const void *arg)
{
    const struct worker *w = arg;
    return find_feed(w, name) != NULL;
}

/* A list of the index whose record was lost is good all the same: the index has its own checksum.
 */
static void adopt(struct worker *w)
{
    for (size_t i = 0; i < w->n_feeds; i++) {
        struct feed *f = w->feeds[i];
        int list = build_find(w->current, f->config->name, f->shape);
        if (list < 0 || f->meta.sources[STORE_LIST].accepted.known)
            continue;
        f->adopted = true;
        memcpy(f->adopted_copy, blocklist_list(w->current, (size_t)list)->copy, SHA256_BYTES);
    }
}

static void load_index(struct worker *w)
{
    struct error why;

    w->current = blocklist_load(w->index_path, &why);
    if (w->current == NULL && why.code != ERR_ABSENT)
        log_warning("feeds", "the saved index is left out and will be built again: %s", why.text);
}

struct worker *worker_new(const struct feeds_config *config, struct post *post,
                          struct blocklist **first, struct error *why)
{
    struct worker *w = calloc(1, sizeof *w);

    if (w == NULL) {
        error_set(why, ERR_NOMEM, "no memory");
        return NULL;
    }
    w->post = post;
    w->nudge.run = run_nothing;
    atomic_init(&w->stop, false);
    if (make_tools(w, config->state_dir, why) < 0 || apply(w, config, why) < 0) {
        worker_free(w);
        return NULL;
    }
    if (config->owner != NULL)
        shared_hold(config->owner);
    load_index(w);
    adopt(w);
    store_prune(config->state_dir, is_configured, w);
    for (size_t i = 0; i < w->n_feeds; i++)
        store_tidy(w->feeds[i]->store, &w->feeds[i]->meta);
    count(w, clock_now());
    tell(w);
    *first = w->current;
    return w;
}

int worker_start(struct worker *w, struct error *why)
{
    sigset_t all, old;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&w->thread, NULL, run, w);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc != 0)
        return error_set(why, ERR_IO, "cannot start the worker: %s", strerrordesc_np(rc));
    pthread_setname_np(w->thread, "feeds");
    w->started = true;
    return 0;
}

void worker_stop(struct worker *w)
{
    if (!w->started)
        return;
    atomic_store(&w->stop, true);
    queue_post(w->inbox, &w->nudge);
    pthread_join(w->thread, NULL);
    w->started = false;
}

void worker_free(struct worker *w)
{
    if (w == NULL)
        return;
    worker_stop(w);
    atomic_store(&w->stop, true);
    if (w->inbox != NULL)
        queue_run(w->inbox); /* frees messages that nobody will read */
    for (size_t i = 0; i < w->n_feeds; i++)
        feed_free(w->feeds[i]);
    free(w->feeds);
    shared_release(w->config.owner);
    fetcher_free(w->house.fetcher);
    watcher_free(w->watcher);
    suffixes_free(w->suffixes);
    queue_free(w->inbox);
    free(w->index_path);
    free(w);
}
