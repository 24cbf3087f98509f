/*
 * When is a feed due? Pure. Times are wall-clock seconds since 1970, because they are kept over
 * restarts; schedule_clamp undoes what a jump of that clock would do to them.
 */
#ifndef FEEDS_SCHEDULE_H
#define FEEDS_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#define SCHEDULE_FIRST_RETRY_S 30
#define SCHEDULE_MAX_BACKOFF_S (6 * 3600)

/* Publishers that say "for a week" are asked again after this all the same. */
#define SCHEDULE_MAX_EXPIRES_S (8 * 3600)

/* What decides; 0 is "nothing was said". */
struct schedule {
    int64_t refresh_s, min_refresh_s; /* of the configuration */
    unsigned failures;                /* in a row */
    int64_t retry_after_s;            /* what the server asked for */
    int64_t expires_s; /* how long it says that the copy is good, where that counts */
};

/*
 * The next look after one that ended at NOW. After a success: one refresh interval and up to a
 * tenth more, so that a fleet of relays does not knock at the same second; later when the copy is
 * good for longer, by 8 h at most. After failures: soon, then ever later, up to 6 h. Never before
 * min_refresh.
 */
int64_t schedule_next(int64_t now, const struct schedule *s, uint64_t random);

/*
 * NEXT, unless it is further away than schedule_next could have put it (with the longest
 * retry_after after failures, and EXPIRES when it counts): the clock was set back, or `refresh` was
 * made shorter. Then one refresh interval from NOW.
 */
int64_t schedule_clamp(int64_t next, int64_t now, const struct schedule *s, bool expires);

#endif
