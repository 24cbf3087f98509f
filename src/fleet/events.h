/*
 * Refusals of all relays: a stream in Redis. events.c has this relay's on their way there,
 * events_read.h what somebody here wants to see of it. The loop leaves lines in a ring and
 * questions in a list; the fleet thread does the rest, a call to Redis a turn, so that edits never
 * wait behind a long search.
 *
 *   PREFIX events    the stream: "line", a sealed event (event.h)
 */
#ifndef FLEET_EVENTS_H
#define FLEET_EVENTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "event.h"
#include "rcptguard/base/line_ring.h"
#include "redis.h"

#define EVENTS_CALL_MS  1000
#define EVENTS_AGAIN_MS 10000 /* Redis did not take it, or may not be read */
#define EVENTS_PAGE     200   /* entries read at once */

struct events_look; /* a question about the stream */

/* What came since the last look, on its way to the loop; it comes back before it is filled anew. */
struct events_batch {
    struct task task;
    struct events *events;
    atomic_bool on_its_way;
    struct event *list[EVENTS_PAGE];
    size_t n;
};

struct events {
    /* Set at the start. */
    const struct seal_key *key;
    const char *relay;
    char stream[128];
    struct record *record;
    struct queue *loop;
    int wake_fd;
    char *bytes; /* of the ring */

    /* The loop's. */
    struct record_watch *watch;
    struct fleet_follower *followers;

    /* Both threads'. */
    struct line_ring ring;
    atomic_bool woken;    /* there are lines since the thread last looked */
    atomic_bool followed; /* there are followers */
    _Atomic uint64_t told, lost, refused;
    pthread_mutex_t lock;      /* of what stands below */
    struct events_look *asked; /* newest first */
    char problem[256];
    bool left; /* the thread is left behind: there is no LOOP any more */

    /* The thread's. */
    uint64_t number;
    int64_t send_ms;           /* when lines are due, mono; 0: there are none */
    int64_t follow_ms;         /* the next look for followers, mono */
    bool has_place, is_placed; /* AT is known; and since this connection was made */
    struct event_id at;        /* the first that followers have not seen */
    struct event_id seen;      /* the last entry that was counted if it could not be believed */
    bool warned;
    struct events_look *looks; /* oldest first */
    struct events_batch batch;
};

/* NULL: no memory. KEY and RELAY are borrowed. */
struct events *events_new(const char *prefix, const struct seal_key *key, const char *relay,
                          int wake_fd);
void events_free(struct events *e); /* the thread has ended; NULL is fine */
void events_look_at(const struct events *e, struct fleet_events_status *out); /* loop */
void events_leave(struct events *e); /* loop: nothing is posted to it from now on */

/* ---- fleet thread; E may be NULL */

/* One turn; REDIS is NULL while it is away. Negative: the connection is broken, or leads to who
 * takes nothing any more. */
int events_turn(struct events *e, struct redis *redis, struct error *why);
int64_t events_due(const struct events *e, bool up);    /* the next one, mono; INT64_MAX: none */
void events_end(struct events *e, struct redis *redis); /* REDIS may be NULL */

/* ---- events.c, for those who read */

void events_wake(struct events *e);                                 /* any thread */
void events_set_problem(struct events *e, const struct error *why); /* NULL: it is over */

/* ---- events_read.c and events_ask.c, for events.c */

int events_read(struct events *e, struct redis *redis, struct error *why);
int64_t events_read_due(const struct events *e, bool up);
void events_give_up(struct events *e, const char *why); /* all questions are answered */

#endif
