/* The worker's beginning and end: its tools, what was stored, its thread. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "build.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/file.h"
#include "rcptguard/base/log.h"
#include "shared_list.h"
#include "worker_parts.h"

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
    w->house.tell = worker_tell_progress;
    w->house.tell_arg = w;
    return 0;
}

static bool is_configured(const char *name, const void *arg)
{
    const struct worker *w = arg;
    return worker_find(w, name) != NULL;
}

/* What the guards compare the next copy with; fewer than were parsed where some do not block. */
static void remember_size(struct store_source *stored, const struct blocklist_list *list)
{
    if (stored->accepted.entries > 0)
        return;
    stored->accepted.entries = list->entries;
    stored->accepted.accepted_at = list->accepted_at;
    feed_remember(stored);
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
        remember_size(&f->meta.sources[STORE_LIST], blocklist_list(w->current, (size_t)list));
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
                          const struct feeds_events *events, struct blocklist **first,
                          struct error *why)
{
    struct worker *w = calloc(1, sizeof *w);

    if (w == NULL) {
        error_set(why, ERR_NOMEM, "no memory");
        return NULL;
    }
    w->post = post;
    w->events = events;
    w->nudge.run = run_nothing;
    atomic_init(&w->stop, false);
    if (make_tools(w, config->state_dir, why) < 0 || worker_apply(w, config, why) < 0) {
        worker_free(w);
        return NULL;
    }
    if (config->owner != NULL)
        shared_hold(config->owner);
    load_index(w);
    adopt(w);
    store_prune(config->state_dir, is_configured, w);
    worker_tell(w, clock_now());
    *first = w->current;
    return w;
}

int worker_share(struct worker *w, const struct feeds_share *share)
{
    w->house.shares = shared_lists_new(share);
    return w->house.shares == NULL ? ERR_NOMEM : 0;
}

int worker_start(struct worker *w, struct error *why)
{
    sigset_t all, old;

    atomic_store(&w->turned_at, clock_mono_ms()); /* until it has a turn */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&w->thread, NULL, worker_run, w);
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
    worker_drop_unapplied(w);
    for (size_t i = 0; i < w->n_feeds; i++)
        feed_free(w->feeds[i]);
    free(w->feeds);
    shared_lists_free(w->house.shares);
    shared_release(w->config.owner);
    fetcher_free(w->house.fetcher);
    watcher_free(w->watcher);
    suffixes_free(w->suffixes);
    queue_free(w->inbox);
    free(w->index_path);
    free(w);
}
