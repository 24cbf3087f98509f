/*
 * One fetch for several relays, the side of Redis (feeds.h has the side of the feeds). Of each
 * list: a lease, which says who fetches it; a blob, its bytes as delivered, packed, in chunks; a
 * pointer to the blob, sealed, replaced at the end by a script that looks whether the lease is
 * still there and nobody had it since. Nothing is taken or put without `[redis] secret`.
 *
 *   PREFIX list:ID            the pointer; ID stands for URL, headers, password and key
 *   PREFIX list:ID:lease      the token of who fetches
 *   PREFIX list:ID:fence      counts who did
 *   PREFIX list:ID:failed     somebody tried in vain, for half a minute
 *   PREFIX blob:ID:TOKEN:N    chunk N of what was put under that lease
 *   channel PREFIX news       "list ID"
 *
 * All but the lease and the failure go by themselves a bit after two refresh periods. Whatever is
 * wrong with Redis, the answer is that the relay fetches for itself, within two seconds at the most
 * and at once while it is known.
 */
#ifndef FLEET_LISTS_H
#define FLEET_LISTS_H

#include <stdbool.h>
#include <stdint.h>

#include "rcptguard/feeds.h"
#include "seal.h"
#include "url.h"

struct lists;

enum lists_where {
    LISTS_AWAY, /* Redis does not answer: each relay fetches for itself */
    LISTS_SOON, /* nobody knows yet, at the start: a list waits for that, for two seconds at most */
    LISTS_THERE, /* to be asked */
};

struct lists_config {
    const char *prefix, *relay; /* copied */
    struct seal_key key;
    int stop_fd; /* of a redis_stop (redis.h): the daemon stops; -1: none */
    /*
     * Where Redis is, as a path or with a numeric address, so that no name is looked up, and a
     * number that is another one when connections are to be made anew. On the worker's thread; must
     * not wait.
     */
    enum lists_where (*where)(struct redis_url *out, unsigned *generation, void *arg);
    void *arg;
};

struct lists *lists_new(const struct lists_config *config); /* NULL: no memory */
void lists_free(struct lists *l);                           /* the worker has ended; NULL is fine */

/* What the feeds call; for feeds_share. */
void lists_share(struct lists *l, struct feeds_share *out);

/* Since the start; any thread. */
struct lists_counts {
    uint64_t taken;     /* that another relay fetched */
    uint64_t same;      /* of which another relay learned that they did not change */
    uint64_t led;       /* fetched for all */
    uint64_t put;       /* and told to them, also that they did not change */
    uint64_t bad;       /* in Redis, but not what they should be */
    bool away, refused; /* now: Redis does not answer; it takes nothing */
};
void lists_look(const struct lists *l, struct lists_counts *out);

#endif
