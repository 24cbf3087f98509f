/* Timers of this room, all in one place, so that a test can have timers of its own clock. */
#include "parts.h"

struct event *timer_new(struct dnsbl *d, event_callback_fn call, void *arg)
{
    return evtimer_new(d->base, call, arg);
}

void timer_set(struct event *timer, int64_t in_ms)
{
    if (in_ms < 0)
        in_ms = 0;
    const struct timeval in = {in_ms / 1000, in_ms % 1000 * 1000};
    evtimer_add(timer, &in);
}

bool timer_is_set(const struct event *timer)
{
    return evtimer_pending(timer, NULL) != 0;
}

void timer_stop(struct event *timer)
{
    evtimer_del(timer);
}

void timer_free(struct event *timer)
{
    if (timer != NULL)
        event_free(timer);
}
