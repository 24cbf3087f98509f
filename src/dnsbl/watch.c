/*
 * The watch: names that somebody wrote to within a day are asked again every hour, so that their
 * next recipient is answered from memory. Each has an hour of its own, which begins when it was
 * asked last, so they stay spread as they came; a rate cap keeps a restart from asking for all of
 * them at once.
 */
#include "parts.h"
#include "rcptguard/base/clock.h"

#define WATCH_AGAIN_MS 3600000
#define WATCH_TURN_MS  100
#define WATCH_A_TURN   10   /* so 100 a second at most */
#define WATCH_IDLE_MS  1000 /* nothing is due: a look all the same, for a machine that slept */

/* What is over is forgotten here, and nowhere else: the one that was asked the longest ago is the
 * only one that can be. True: E was due. */
static bool look_after(struct dnsbl *d, struct cache_entry *e, int64_t now)
{
    struct zone_state *z = d->zones[e->zone];

    if (now - e->asked_ms < WATCH_AGAIN_MS)
        return false;
    if (e->asking == NULL && now - e->used_ms > CACHE_KEEP_MS)
        cache_drop(d->cache, e);
    else if (e->asking != NULL || z->health.state != DNSBL_IS_ON || !ask_entry(z, e))
        cache_asked(d->cache, e, now);
    return true;
}

static void on_watch(evutil_socket_t fd, short what, void *arg)
{
    struct dnsbl *d = arg;
    int64_t now = clock_mono_ms();
    struct cache_entry *e;

    (void)fd;
    (void)what;
    for (int i = 0; i < WATCH_A_TURN; i++) {
        e = cache_first_asked(d->cache);
        if (e == NULL || !look_after(d, e, now)) {
            int64_t left = e == NULL ? WATCH_IDLE_MS : e->asked_ms + WATCH_AGAIN_MS - now;
            timer_set(d->watch_due, left < WATCH_TURN_MS   ? WATCH_TURN_MS
                                    : left > WATCH_IDLE_MS ? WATCH_IDLE_MS
                                                           : left);
            return;
        }
    }
    timer_set(d->watch_due, WATCH_TURN_MS);
}

int watch_start(struct dnsbl *d, struct error *why)
{
    d->watch_due = timer_new(d, on_watch, d);
    if (d->watch_due == NULL)
        return error_set(why, ERR_NOMEM, "no memory");
    timer_set(d->watch_due, WATCH_TURN_MS);
    return 0;
}

void watch_stop(struct dnsbl *d)
{
    timer_free(d->watch_due);
}
