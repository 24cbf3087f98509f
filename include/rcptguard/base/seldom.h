/*
 * Trouble that comes again and again must not fill the log: it is said at most once in a while.
 * One struct for each trouble, zeroed at first, or one hides the other. Pure; no locks.
 */
#ifndef RCPTGUARD_BASE_SELDOM_H
#define RCPTGUARD_BASE_SELDOM_H

#include <stdbool.h>
#include <stdint.h>

struct seldom {
    int64_t quiet_until_ms; /* by the clock that nobody sets */
};

/* Was it said a moment ago? */
static inline bool seldom_is_quiet(const struct seldom *s, int64_t now_ms)
{
    return now_ms < s->quiet_until_ms;
}

/* True: say it now, and then not for EVERY_MS. */
static inline bool seldom_say(struct seldom *s, int64_t now_ms, int64_t every_ms)
{
    if (seldom_is_quiet(s, now_ms))
        return false;
    s->quiet_until_ms = now_ms + every_ms;
    return true;
}

#endif
