/*
 * Those who wait. When something happens they are not called from there, in the middle of it, but
 * from an event of their own, some at a time: ten thousand who wait for one name must not keep the
 * loop from anybody else.
 */
#include <stdlib.h>

#include "parts.h"
#include "rcptguard/base/clock.h"

#define CALLS_A_TURN 256

struct dnsbl_wait {
    struct dnsbl *dnsbl;
    void (*call)(void *arg);
    void *arg;
    struct event *timer;
    int64_t until_ms; /* of the timer; INT64_MAX: not set */
    bool woken;
    struct dnsbl_wait *next_woken, **previous_woken;
    unsigned n_hooks;
    struct hook hooks[DNSBL_ZONES_MAX * ZONE_QUESTIONS];
};

static void unhook(struct dnsbl_wait *w)
{
    for (unsigned i = 0; i < w->n_hooks; i++) {
        struct hook *h = &w->hooks[i];
        *h->previous = h->next;
        if (h->next != NULL)
            h->next->previous = h->previous;
    }
    w->n_hooks = 0;
    w->until_ms = INT64_MAX;
    timer_stop(w->timer);
}

/* By a timer that is due: an event made active from its own callback runs again before sockets are
 * looked at. */
static void call_soon(struct dnsbl *d)
{
    if (!timer_is_set(d->wake))
        timer_set(d->wake, 0);
}

static void wake(struct dnsbl_wait *w)
{
    struct dnsbl *d = w->dnsbl;

    unhook(w);
    if (w->woken)
        return;
    w->woken = true;
    w->next_woken = NULL;
    w->previous_woken = d->woken_end;
    *d->woken_end = w;
    d->woken_end = &w->next_woken;
    call_soon(d);
}

static void take_off(struct dnsbl_wait *w)
{
    struct dnsbl *d = w->dnsbl;

    *w->previous_woken = w->next_woken;
    if (w->next_woken != NULL)
        w->next_woken->previous_woken = w->previous_woken;
    else
        d->woken_end = w->previous_woken;
    w->woken = false;
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct dnsbl *d = arg;

    (void)fd;
    (void)what;
    for (int i = 0; i < CALLS_A_TURN && d->woken != NULL; i++) {
        struct dnsbl_wait *w = d->woken;
        take_off(w);
        w->call(w->arg);
    }
    if (d->woken != NULL)
        call_soon(d);
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
    struct dnsbl_wait *w = arg;

    (void)fd;
    (void)what;
    wake(w);
}

struct dnsbl_wait *dnsbl_wait_new(struct dnsbl *d, void (*call)(void *arg), void *arg)
{
    struct dnsbl_wait *w = malloc(sizeof *w);

    if (w == NULL)
        return NULL;
    w->dnsbl = d;
    w->call = call;
    w->arg = arg;
    w->until_ms = INT64_MAX;
    w->woken = false;
    w->n_hooks = 0;
    w->timer = timer_new(d, on_time, w);
    if (w->timer == NULL) {
        free(w);
        return NULL;
    }
    return w;
}

void dnsbl_wait_free(struct dnsbl_wait *w)
{
    if (w == NULL)
        return;
    unhook(w);
    if (w->woken)
        take_off(w);
    timer_free(w->timer);
    free(w);
}

void wait_hook(struct dnsbl_wait *w, struct hooks *hooks, int64_t until_ms)
{
    struct hook *h = &w->hooks[w->n_hooks++];

    *h = (struct hook){hooks->first, &hooks->first, w};
    if (h->next != NULL)
        h->next->previous = &h->next;
    hooks->first = h;
    if (until_ms >= w->until_ms)
        return;
    w->until_ms = until_ms;
    timer_set(w->timer, until_ms - clock_mono_ms());
}

void hooks_wake(struct hooks *hooks)
{
    while (hooks->first != NULL)
        wake(hooks->first->wait);
}

int wait_start(struct dnsbl *d, struct error *why)
{
    d->woken_end = &d->woken;
    d->wake = timer_new(d, on_wake, d);
    return d->wake == NULL ? error_set(why, ERR_NOMEM, "no memory") : 0;
}

void wait_stop(struct dnsbl *d)
{
    timer_free(d->wake);
}
