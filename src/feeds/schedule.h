/*
 * When is a feed due? Pure. Times are wall-clock seconds since 1970, because they are kept over
 * restarts; schedule_clamp undoes what a jump of that clock would do to them.
 */
#ifndef FEEDS_SCHEDULE_H
#define FEEDS_SCHEDULE_H

#include <stdint.h>

#define SCHEDULE_FIRST_RETRY_S 30
#define SCHEDULE_MAX_BACKOFF_S (6 * 3600)

/*
 * The next look after one that ended at NOW. After a success (FAILURES 0): one refresh interval
 * and up to a tenth more, so that a fleet of relays does not knock at the same second. After
 * failures: soon, then ever later. RETRY_AFTER_S is what the server asked for, 0: nothing.
 */
int64_t schedule_next(int64_t now, int64_t refresh_s, unsigned failures, int64_t retry_after_s,
                      uint64_t random);

/*
 * NEXT, unless it is further away than schedule_next could have put it: the clock was set back, or
 * `refresh` was made shorter. Then one refresh interval from NOW.
 */
int64_t schedule_clamp(int64_t next, int64_t now, int64_t refresh_s, unsigned failures);

#endif
