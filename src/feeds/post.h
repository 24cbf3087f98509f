/*
 * What the worker tells the loop: a new blocklist (one slot: a newer one takes the place of one
 * that was not fetched yet), the feeds' statuses (the last of each), and requests that ended. One
 * task on the loop's queue says that something is there; when the queue is full it is tried again,
 * so that nothing is ever lost and the order stays: blocklist, statuses, ended requests.
 */
#ifndef FEEDS_POST_H
#define FEEDS_POST_H

#include <stdatomic.h>

#include "rcptguard/base/queue.h"
#include "rcptguard/feeds.h"

struct origin_request;

struct feeds_request {
    struct task task; /* on its way to the worker */
    struct worker *worker;
    enum feeds_wish { FEEDS_REFRESH, FEEDS_ACCEPT, FEEDS_ROLLBACK, FEEDS_ORIGIN } wish;
    char name[BLOCKLIST_NAME_MAX];
    enum feeds_result result;
    struct origin_request *origin; /* what is looked for, and what was found */
    atomic_bool forgotten;         /* by the loop; the worker may leave it undone */
    struct feeds_request *next;    /* where it waits now */

    /* The loop's own. */
    feeds_done *done;
    void *arg;
    struct feeds_request *all_next, **all_prev;
};

struct post;

/* DELIVER(ARG) is called on the loop's thread when there is something to take. */
struct post *post_new(struct queue *loop, void (*deliver)(void *arg), void *arg);

/* On the loop, after the worker ended. A task that is still on the queue does nothing then. */
void post_free(struct post *p); /* NULL is fine */

/* The worker's side. */
int post_shape(struct post *p, size_t n_feeds); /* how many statuses there are from now on */
/* Takes BL over. Returns the one before when the loop has not fetched it and never will, to be
 * freed; else NULL. */
struct blocklist *post_blocklist(struct post *p, struct blocklist *bl);
void post_status(struct post *p, size_t i, const struct feed_status *status);
void post_done(struct post *p, struct feeds_request *r, enum feeds_result result);
bool post_send(struct post *p); /* false: the loop's queue is full, try again soon */

/* The loop's side. */
struct blocklist *post_take_blocklist(struct post *p);
struct feeds_request *post_take_done(struct post *p); /* a list, oldest first */

/* Calls EACH for every status that changed; under a lock, so it only copies. */
void post_take_statuses(struct post *p, void (*each)(const struct feed_status *status, void *arg),
                        void *arg);

#endif
