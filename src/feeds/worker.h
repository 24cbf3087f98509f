/*
 * The worker: one thread, one wait for everything (transfers, its queue, watched files), and after
 * each wake-up one turn: what is due is asked for, what arrived is judged, one blocklist is built
 * for all that changed, handed over, and then kept on disk.
 */
#ifndef FEEDS_WORKER_H
#define FEEDS_WORKER_H

#include "post.h"

struct worker;

/* Reads what is stored; *FIRST as feeds_new says. The thread does not run yet. Of EVENTS, which are
 * borrowed, it calls `swapped`. */
struct worker *worker_new(const struct feeds_config *config, struct post *post,
                          const struct feeds_events *events, struct blocklist **first,
                          struct error *why);
int worker_share(struct worker *w, const struct feeds_share *share); /* before it; ERR_NOMEM */
int worker_start(struct worker *w, struct error *why);
int64_t worker_silent_ms(const struct worker *w); /* since its last turn began; any thread */
void worker_stop(struct worker *w);
void worker_free(struct worker *w); /* stops it; NULL is fine */

/* From the loop's thread. */
struct worker_change; /* other settings, on their way; holds the owner of CONFIG */
struct worker_change *worker_prepare(struct worker *w,
                                     const struct feeds_config *config); /* NULL: no memory */
void worker_configure(struct worker_change *change);                     /* takes it */
void worker_change_free(struct worker_change *change);                   /* instead; NULL is fine */
void worker_ask(struct worker *w, struct feeds_request *r);              /* ends in post_done */
void worker_news(struct worker *w); /* others fetched something; any thread */
void worker_retire(struct worker *w, struct blocklist *bl);
/* Fills in what the worker says of itself: builds, busy. */
void worker_pulse(const struct worker *w, struct feeds_totals *out);

#endif
