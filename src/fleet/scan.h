/*
 * A whole hash of Redis, read in portions (HSCAN), so that Redis is never kept busy for long and
 * that somebody who fills it does not take this relay's memory.
 *
 * What HSCAN promises: what is there from the beginning to the end comes at least once; it may come
 * twice; what is put, changed or deleted meanwhile comes as it was, as it is, or not at all. So a
 * name may come twice, with two values, and the whole was perhaps never there at one moment. Who
 * writes on the ground of it must let Redis compare what it replaces.
 */
#ifndef FLEET_SCAN_H
#define FLEET_SCAN_H

#include "redis.h"

#define SCAN_MS 10000 /* for all of it; FLEET_CALL_MS for a portion */

struct scan_limits {
    size_t entries, bytes; /* of all of it */
    size_t longest;        /* of names and values: longer ones are cut behind one byte more */
    unsigned portion; /* entries; that many of the longest must be less than REDIS_MAX_ANSWER */
};

struct scan {
    struct redisReply **portions;
    size_t n, room;
    size_t entries, bytes;
};

/*
 * Fills *OUT, which is {0} at first and the caller's to free, whatever is answered. 0; ERR_REFUSED:
 * Redis does not give it, or it is beyond LIMITS, or takes longer than SCAN_MS, and the connection
 * is good; else as redis_call. *WHY names KEY.
 */
int scan_hash(struct redis *redis, struct view key, const struct scan_limits *limits,
              struct scan *out, struct error *why);
void scan_free(struct scan *s);

/* The next entry behind *AT, which is {0} at first; borrowed from S. False: there is none. */
struct scan_at {
    size_t portion, i;
};
bool scan_next(const struct scan *s, struct scan_at *at, struct view *name, struct view *value);

#endif
