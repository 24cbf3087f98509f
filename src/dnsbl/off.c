/* What switches a zone off, and what follows. */
#include <inttypes.h>

#include "parts.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"

void mad_words(const struct zone_judgement *judged, const char *name, char *dst, size_t size)
{
    const unsigned char *ip = judged->answer;
    struct text t = text_on(dst, size);

    if (judged->says == ZONE_ERROR)
        text_addf(&t, "it answered with the error code %u.%u.%u.%u: %s", ip[0], ip[1], ip[2], ip[3],
                  judged->means == NULL ? "it does not serve us" : judged->means);
    else if (judged->says == ZONE_FOREIGN)
        text_addf(&t,
                  "%s has the address %u.%u.%u.%u, which no list answers: the resolver rewrites "
                  "answers, or the zone is not what it was",
                  name, ip[0], ip[1], ip[2], ip[3]);
    else
        text_addf(&t, "%s is listed (%u.%u.%u.%u): it lists the world", name, ip[0], ip[1], ip[2],
                  ip[3]);
}

void zone_switched_off(struct zone_state *z)
{
    int64_t wait_ms = z->health.next_round_ms - clock_mono_ms();

    z->state_since = clock_now();
    z->off_order = z->dnsbl->order;
    log_warning(z->zone.config->name,
                "switched off: %s; it refuses nobody until %d rounds of probes were good, the next "
                "in %" PRId64 " s (or: rcptguard refresh %s)",
                z->health.why, HEALTH_GOOD_ROUNDS, wait_ms / 1000, z->zone.config->name);
    listing_unproven_all(z);
    doubt_open(z->doubt);
    doubt_changed(z->dnsbl);
    hooks_wake(&z->hooks);
    ask_wake_all(z);
    round_schedule(z);
}

static bool all_sections_are_on(const struct zone_state *z)
{
    const struct dnsbl *d = z->dnsbl;

    for (unsigned i = 0; i < d->n_zones; i++)
        if (d->zones[i]->doubt == z->doubt && d->zones[i]->health.state != DNSBL_IS_ON)
            return false;
    return true;
}

void zone_is_well(struct zone_state *z, int64_t since_ms)
{
    if (!all_sections_are_on(z)) {
        doubt_ends(z->doubt, since_ms);
        return;
    }
    doubt_close(z->doubt, since_ms);
    doubt_changed(z->dnsbl);
}

void zone_is_mad(struct zone_state *z, const char *words, bool lists)
{
    z->status.errors++;
    if (lists)
        listing_forget_all(z);
    if (health_mad(&z->health, words, clock_mono_ms()))
        zone_switched_off(z);
}

void zone_failed(struct zone_state *z, bool of_probe, const char *what)
{
    z->status.errors++;
    if (health_failed(&z->health, of_probe, what, clock_mono_ms()))
        zone_switched_off(z);
}
