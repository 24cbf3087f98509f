/*
 * Rounds: random names and the test points of RFC 5782 (5) together, hourly, before first use, when
 * a person asks, and while the zone is off.
 */
#include "parts.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"

/* Somebody waits for a zone to come back: not at once, since TTLs are of whole seconds, and what it
 * lists in the second after its first good round is not believed (doubt.h). */
#define SECOND_ROUND_MS 1100

#define UNSENT_AGAIN_MS 1000 /* a round that could not be sent: too many questions, no memory */

bool round_runs(const struct zone_state *z)
{
    for (const struct probe *p = z->probes; p != NULL; p = p->next)
        if (p->is_round)
            return true;
    return false;
}

static void note_listed_probe(struct zone_state *z, bool missing)
{
    const struct dnsbl_zone_config *c = z->zone.config;
    bool was = z->warning[0] != '\0';

    z->warning[0] = '\0';
    if (!missing)
        return;
    struct text t = text_on(z->warning, sizeof z->warning);
    text_addf(&t, "its test point '%s' is not listed: the list may be empty or dead",
              c->probe_listed);
    if (!was)
        log_warning(c->name,
                    "%s; look whether the zone still exists, and whether its name and key "
                    "are right",
                    z->warning);
}

static void say_on(const struct zone_state *z, enum dnsbl_state before, int64_t off_since)
{
    if (before == DNSBL_IS_OFF)
        log_notice(z->zone.config->name, "on again after %lld s: %d rounds of probes were good",
                   (long long)(clock_now() - off_since), HEALTH_GOOD_ROUNDS);
    else
        log_info(z->zone.config->name, "probed: on");
}

/* What was said before its first good round is not to be believed. */
static void switched_on(struct zone_state *z, enum dnsbl_state before, int64_t since)
{
    say_on(z, before, since);
    if (z->doubt->open || before == DNSBL_IS_OFF)
        zone_is_well(z, z->health.well_ms);
}

static void note_failure(struct zone_state *z, const char *what)
{
    struct text failure = text_on(z->failure, sizeof z->failure);

    text_add(&failure, what);
}

/* Not of one that was not sent, or that switched the zone off itself. */
static void judge_round(struct zone_state *z, const struct probe *p)
{
    enum dnsbl_state before = z->health.state;
    int64_t since = z->state_since;
    bool good = !p->failed && !p->mad;

    z->last_probe = clock_now();
    if (good)
        note_listed_probe(z, p->missing);
    if (before == DNSBL_IS_OFF && p->state != DNSBL_IS_OFF)
        return;
    note_failure(z, good ? "" : p->what);
    if (!health_round(&z->health, good, p->what, clock_mono_ms()))
        return;
    z->state_since = clock_now();
    if (z->health.state == DNSBL_IS_ON)
        switched_on(z, before, since);
    else
        zone_switched_off(z);
}

void round_end(struct zone_state *z, const struct probe *p)
{
    if (p->unsent)
        note_failure(z, "probes could not be sent: too many questions are on their way");
    else
        judge_round(z, p);
    if (!p->unsent && z->requests != NULL && z->health.state == DNSBL_IS_OFF &&
        z->health.good_rounds > 0) {
        timer_set(z->round_due, SECOND_ROUND_MS);
        return;
    }
    refresh_answer(z);
    if (z->requests != NULL)
        round_begin(z);
    else if (p->unsent)
        timer_set(z->round_due, UNSENT_AGAIN_MS);
    else
        round_schedule(z);
}

void round_begin(struct zone_state *z)
{
    refresh_begun(z);
    /* Below com: most of what is asked is. */
    if (!probe_send(z, view_of(z->zone.config->query == DNSBL_DOMAIN ? "com" : ""), true))
        timer_set(z->round_due, UNSENT_AGAIN_MS);
}

static void on_round_due(evutil_socket_t fd, short what, void *arg)
{
    struct zone_state *z = arg;

    (void)fd;
    (void)what;
    if (!round_runs(z))
        round_begin(z);
}

void round_schedule(struct zone_state *z)
{
    int64_t left = z->health.next_round_ms - clock_mono_ms();

    if (left < 0 || z->requests != NULL)
        left = 0;
    /* Up to a tenth later, so that relays that started together do not ask together. */
    left += (int64_t)(random_u64() % (uint64_t)(left / 10 + 1));
    timer_set(z->round_due, left);
}

int round_start(struct zone_state *z, struct error *why)
{
    z->round_due = timer_new(z->dnsbl, on_round_due, z);
    return z->round_due == NULL ? error_set(why, ERR_NOMEM, "no memory") : 0;
}

void round_stop(struct zone_state *z)
{
    timer_free(z->round_due);
}
