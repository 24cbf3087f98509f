/* What systemd is told of the rooms: whether they live, and a line for `systemctl status`. */
#include <inttypes.h>
#include <stdio.h>

#include "house.h"
#include "rcptguard/base/clock.h"

/*
 * The worker looks up twice a minute; a hostile list keeps it for half a minute, and the time-out
 * of a fetch does not bound what follows. After half an hour it will not come back, and a restart
 * costs less than lists that stay old for ever. The disk thread has no say: a disk that hangs would
 * hang the next process too, and this one still answers.
 */
#define WORKER_LOST_MS (30 * 60 * 1000)

static bool alive(void *arg)
{
    const struct daemon *d = arg;

    return d->stopping || feeds_silent_ms(d->feeds) < WORKER_LOST_MS;
}

static void add_lists(const struct daemon *d, struct text *t)
{
    const struct blocklist *bl = verdict_blocklist(d->verdict);
    const struct config *c = d->setup->config;

    text_addf(t, "%s: %zu addresses and domains of %zu lists, %zu DNS zones, %zu exclusions",
              c->mode == MODE_OBSERVE ? "observes" : "refuses mail",
              bl == NULL ? (size_t)0 : blocklist_keys(bl), c->n_feeds, c->n_zones,
              local_table_in_force(verdict_exclusions(d->verdict), clock_now()));
}

static void tell_status(void *arg, char *dst, size_t size)
{
    const struct daemon *d = arg;
    struct text t = text_on(dst, size);
    char first[128];

    if (d->stopping) {
        text_add(&t, "answers what is pending, then stops");
        return;
    }
    if (d->reload.busy)
        text_add(&t, "reads its configuration again; ");
    else if (d->reload.failed.text[0] != '\0')
        text_add(&t, "the last reload changed nothing, see the log; ");
    add_lists(d, &t);
    size_t n = admin_degraded(&d->house, first, sizeof first);
    if (n > 0)
        text_addf(&t, "; degraded (%zu): %s", n, first);
}

int daemon_tell_systemd(struct daemon *d, struct error *why)
{
    const struct systemd_events events = {.alive = alive, .status = tell_status, .arg = d};

    d->systemd = systemd_new(d->base, &events, why);
    return d->systemd == NULL ? why->code : 0;
}
