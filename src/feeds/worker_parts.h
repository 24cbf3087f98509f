/*
 * What the worker is made of, for its own files: worker.c (its turns), worker_feeds.c (the set of
 * feeds and what the loop asks), worker_life.c (beginning and end).
 */
#ifndef FEEDS_WORKER_PARTS_H
#define FEEDS_WORKER_PARTS_H

#include <pthread.h>

#include "feed.h"
#include "rcptguard/base/seldom.h"
#include "worker.h"

/* A new blocklist that was handed to the loop, until the turn has told what it changed. */
struct swap {
    const struct blocklist *old, *made;
    struct blocklist *untaken; /* one before it that the loop never fetched */
};

struct worker {
    struct post *post;
    const struct feeds_events *events;
    struct queue *inbox;
    struct watcher *watcher;
    struct suffixes *suffixes;
    struct feed_house house;
    struct feeds_config config;      /* config.owner is held */
    struct worker_change *unapplied; /* there was no memory for it; NULL: none */
    int64_t apply_again_at;          /* 0: there is none */
    struct seldom unapplied_warning; /* of it */
    struct feed **feeds;
    size_t n_feeds;
    struct feeds_request *ended; /* posted at the end of the turn */

    /* The last blocklist that was handed over. The loop owns it and gives it back to be freed,
     * which only happens on this thread: so it can be read here. */
    struct blocklist *current;
    struct swap swap; /* within a turn only */
    char *index_path;
    bool giving; /* what was fetched for all is not given on yet */
    bool unsaved;
    int64_t build_again_at, save_again_at, counted_day;
    int64_t build_wait_s;  /* how long was waited after the last build that failed; 0: it did not */
    int trim_ms;           /* until memory that was kept goes back; -1: there is none */
    int64_t clock_ahead_s; /* the wall clock, of the one that nobody sets */

    /* For the loop to see. */
    struct {
        _Atomic int64_t build_ns;
        _Atomic uint64_t build_errors;
        atomic_bool busy;
    } pulse;

    pthread_t thread;
    bool started;
    atomic_bool stop;
    _Atomic int64_t turned_at; /* by clock_mono_ms: when the last turn began */
    struct task nudge;
    struct task news;
    atomic_bool news_posted;
};

/* NULL: no such feed. */
struct feed *worker_find(const struct worker *w, const char *name);

/* Other settings, all or nothing. Takes over the caller's hold on the owner when it succeeds. */
int worker_apply(struct worker *w, const struct feeds_config *config, struct error *why);

/* Settings that could not be taken, once more when that is due; and never more. */
void worker_apply_again(struct worker *w, int64_t now);
void worker_drop_unapplied(struct worker *w);

/* These requests end with RESULT, at the end of the turn; *LIST is empty then. */
void worker_end_requests(struct worker *w, struct feeds_request **list, enum feeds_result result);

/* Counts what blocks today, when the index or the day changed; posts what changed of the statuses.
 */
void worker_tell(struct worker *w, int64_t now);

/* The house's tell (feed.h): posts the progress of one feed, at once. ARG is the worker. */
void worker_tell_progress(const struct feed *f, const char *words, void *arg);

/* The thread of the worker ARG: turns until it is stopped. */
void *worker_run(void *arg);

#endif
