/* When is a feed due: the interval with jitter, back-off, and the repair of stored times. */
#include "schedule.h"

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/*
 * 30 s, 1 min, 2 min ... A server that was away for a moment is asked again soon however long the
 * interval is, and a feed that is fetched every few seconds is never left alone for hours.
 */
static int64_t backoff_s(int64_t refresh_s, unsigned failures)
{
    int64_t most = smaller(SCHEDULE_MAX_BACKOFF_S, 8 * refresh_s);
    int64_t wait = smaller(SCHEDULE_FIRST_RETRY_S, refresh_s);

    for (unsigned i = 1; i < failures && wait < most; i++)
        wait *= 2;
    return smaller(wait, most);
}

static int64_t with_jitter(int64_t wait_s, uint64_t random)
{
    return wait_s + (int64_t)(random % (uint64_t)(wait_s / 10 + 1));
}

int64_t schedule_next(int64_t now, const struct schedule *s, uint64_t random)
{
    int64_t wait = s->failures == 0 ? s->refresh_s : backoff_s(s->refresh_s, s->failures);

    if (s->failures == 0)
        wait = larger(wait, smaller(s->expires_s, SCHEDULE_MAX_EXPIRES_S));
    wait = with_jitter(larger(wait, s->min_refresh_s), random);
    return now + larger(wait, smaller(s->retry_after_s, SCHEDULE_MAX_BACKOFF_S));
}

int64_t schedule_clamp(int64_t next, int64_t now, const struct schedule *s, bool expires)
{
    int64_t longest = larger(s->refresh_s, s->min_refresh_s);

    if (expires)
        longest = larger(longest, SCHEDULE_MAX_EXPIRES_S);
    /* Retry-After is heard after failures only. */
    if (s->failures > 0)
        longest = larger(longest, SCHEDULE_MAX_BACKOFF_S);
    return next > now + longest + longest / 10 ? now + larger(s->refresh_s, s->min_refresh_s)
                                               : next;
}
