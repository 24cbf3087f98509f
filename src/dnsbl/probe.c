/*
 * Names that tell whether a zone is to be believed. *Random names*, which nobody can have listed,
 * prove listings and show that the zone is well: a bare one, which a wildcard at the zone's apex
 * lists, and others below the registry's suffix of the listing at hand, since a list that goes mad
 * may do so below .org alone. With the test points of RFC 5782 (5) they are a round (round.c).
 *
 * Where strangers share a suffix of the private section (github.io), one more is below that.
 * Lists do name such hosts with all below them, and are not mad for it; but then they say nothing
 * of this one, as a row of a feed would not (rule 16).
 *
 * A set of such names is sent at once and judged when the last answer is there. The first bad one
 * switches the zone off without waiting for the others.
 */
#include "parts.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"

/* A zone that lists the world may bring listings below many suffixes before the first of its random
 * names comes back. */
#define SETS_MAX 64

static uint64_t hash_below(const struct zone_state *z, struct view below)
{
    return below.len == 0 ? 0 : hash_keyed(&z->dnsbl->secret, below);
}

/* ---- the end of a set ----------------------------------------------------------------------- */

static void end_set(struct probe *p)
{
    struct zone_state *z = p->zone;

    *p->previous = p->next;
    if (p->next != NULL)
        p->next->previous = p->previous;
    if (p->failed && !p->mad && !p->late && !p->unsent)
        zone_failed(z, true, p->what);
    if (p->is_round)
        round_end(z, p);
    hooks_wake(&z->hooks);
    free(p);
}

/* Are some of its random names on their way? */
static bool random_waits(const struct probe *p)
{
    for (unsigned i = 0; i < PROBE_RANDOM_MAX; i++)
        if (p->names[i].set != NULL)
            return true;
    return false;
}

static void settle_random(struct probe *p)
{
    struct zone_state *z = p->zone;

    if (random_waits(p) || p->mad)
        return;
    if (p->failed || p->unsent) {
        listing_unproven(z, p->number);
        return;
    }
    z->last_good = clock_now();
    health_good(&z->health, p->late, clock_mono_ms());
    /* While it is off, one good moment says nothing of the next. */
    if (z->health.state == DNSBL_IS_ON && z->doubt->open)
        zone_is_well(z, clock_mono_ms());
    if (p->swallowed)
        listing_swallowed(z, p->number);
    else
        listing_proven(z, p->number);
    hooks_wake(&z->hooks);
}

/* ---- answers -------------------------------------------------------------------------------- */

/* Values that do not list may stand there, such as those of abused hosts. */
static void judge_shared(struct probe *p, const struct zone_judgement *judged)
{
    struct zone_state *z = p->zone;

    if (judged->says != ZONE_LISTS)
        return;
    p->swallowed = true;
    if (!z->swallows)
        log_notice(
            z->zone.config->name,
            "lists all names below a suffix that strangers share (as github.io is): there it "
            "is not believed");
    z->swallows = true;
}

static void judge_negative(struct probe *p, const struct probe_name *n,
                           const struct dns_answer *answer)
{
    struct zone_state *z = p->zone;
    struct zone_judgement judged;
    const char *name =
        n->kind == PROBE_UNLISTED ? "the test point that never is" : "a name made at random";

    zone_judge(&z->zone, answer->addresses, answer->n_addresses, &judged);
    if (n->kind == PROBE_SHARED && (judged.says == ZONE_LISTS || judged.says == ZONE_UNKNOWN)) {
        judge_shared(p, &judged);
        return;
    }
    /* Whatever it says, a name that is not there has no address. */
    if (judged.says == ZONE_CLEAR)
        return;
    if (judged.says == ZONE_UNKNOWN)
        judged.says = ZONE_LISTS;
    p->mad = true;
    doubt_ttl(z->doubt, answer->has_ttl ? answer->ttl_s : 0, p->sent_ms);
    mad_words(&judged, name, p->what, sizeof p->what);
    zone_is_mad(z, p->what, judged.says == ZONE_LISTS);
}

static void judge_positive(struct probe *p, const struct dns_answer *answer)
{
    struct zone_judgement judged;

    zone_judge(&p->zone->zone, answer->addresses, answer->n_addresses, &judged);
    if (judged.says == ZONE_ERROR || judged.says == ZONE_FOREIGN) {
        p->mad = true;
        mad_words(&judged, "the test point", p->what, sizeof p->what);
        zone_is_mad(p->zone, p->what, false);
    }
    /* A test point may have a value of its own. */
    p->missing = judged.says == ZONE_CLEAR;
}

static bool is_failure(const struct dns_answer *answer)
{
    return answer->result == DNS_FAILED || answer->result == DNS_TIMEOUT ||
           answer->result == DNS_UNREACHABLE;
}

static void on_probe(const struct dns_answer *answer, void *arg)
{
    struct probe_name *n = arg;
    struct probe *p = n->set;
    char result[32];

    p->zone->dnsbl->order++;
    n->set = NULL;
    bool random = n->kind == PROBE_RANDOM || n->kind == PROBE_SHARED;
    p->heard |= random;
    if (!is_failure(answer) && n->kind == PROBE_LISTED) {
        judge_positive(p, answer);
    } else if (!is_failure(answer)) {
        judge_negative(p, n, answer);
    } else if (n->kind != PROBE_LISTED && !p->mad) {
        struct text t = text_on(p->what, sizeof p->what);
        text_addf(&t, "probes are not answered: %s", dns_result_text(answer, result));
        p->failed = true;
    }
    if (random)
        settle_random(p);
    if (--p->waiting == 0)
        end_set(p);
}

/* ---- late ----------------------------------------------------------------------------------- */

static bool is_late(const struct probe *p)
{
    return p->sent_ms <= clock_mono_ms() - p->zone->zone.config->timeout_ms;
}

/* For a round nobody waits: it fails when it gets lost. */
static bool may_become_late(const struct probe *p)
{
    return !p->is_round && !p->late && random_waits(p);
}

static void set_late_timer(struct zone_state *z)
{
    const struct probe *oldest = NULL;

    for (const struct probe *p = z->probes; p != NULL; p = p->next)
        if (may_become_late(p))
            oldest = p;
    if (oldest != NULL)
        timer_set(z->late_probes, oldest->sent_ms + z->zone.config->timeout_ms - clock_mono_ms());
}

/* What became late is a failure, though it may still be answered; all at once are one. In two turns
 * of the loop, as questions (ask.c). */
static void on_late(evutil_socket_t fd, short what, void *arg)
{
    struct zone_state *z = arg;
    bool late = false;

    (void)fd;
    (void)what;
    z->late_probes_are_due = !z->late_probes_are_due;
    if (z->late_probes_are_due) {
        timer_set(z->late_probes, 0);
        return;
    }
    for (struct probe *p = z->probes; p != NULL; p = p->next)
        if (may_become_late(p) && is_late(p))
            p->late = late = true;
    if (late) {
        z->status.timeouts++;
        zone_failed(z, true, "probes are not answered in time");
    }
    set_late_timer(z);
}

/* ---- sending -------------------------------------------------------------------------------- */

static void add_name(struct probe *p, unsigned at, enum probe_kind kind, struct view label)
{
    struct zone_state *z = p->zone;

    p->names[at] = (struct probe_name){p, kind};
    if (label.len > 0 && ask_send(z, label, DNS_A, on_probe, &p->names[at])) {
        z->status.probes++;
        p->waiting++;
        return;
    }
    p->names[at].set = NULL;
    p->unsent = true;
}

/* For BELOW, "" in zones that have no suffixes. */
static void add_random(struct probe *p, struct view below)
{
    struct view registry = suffixes_of_registry(p->zone->dnsbl->suffixes, below);
    char label[ZONE_LABEL_MAX + 1];

    for (unsigned i = 0; i < PROBE_RANDOM_N; i++) {
        struct view under = i == 0 ? VIEW_NONE : registry;
        size_t len = zone_random_label(&p->zone->zone, under, random_u64(), label);
        add_name(p, i, PROBE_RANDOM, view_make(label, len));
    }
    if (registry.len < below.len) {
        size_t len = zone_random_label(&p->zone->zone, below, random_u64(), label);
        add_name(p, PROBE_SHARED_AT, PROBE_SHARED, view_make(label, len));
    }
}

bool probe_send(struct zone_state *z, struct view below, bool is_round)
{
    const struct dnsbl_zone_config *c = z->zone.config;
    struct probe *p = calloc(1, sizeof *p);

    if (p == NULL)
        return false;
    *p = (struct probe){.zone = z,
                        .next = z->probes,
                        .previous = &z->probes,
                        .number = ++z->dnsbl->order,
                        .below = hash_below(z, below),
                        .sent_ms = clock_mono_ms(),
                        .is_round = is_round,
                        .state = z->health.state,
                        .waiting = 1}; /* ours, until all are sent */
    add_random(p, below);
    if (is_round && c->probe_unlisted[0] != '\0')
        add_name(p, PROBE_RANDOM_MAX, PROBE_UNLISTED, view_of(c->probe_unlisted));
    if (is_round && c->probe_listed[0] != '\0')
        add_name(p, PROBE_RANDOM_MAX + 1, PROBE_LISTED, view_of(c->probe_listed));
    if (p->next != NULL)
        p->next->previous = &p->next;
    z->probes = p;
    if (--p->waiting == 0)
        end_set(p);
    else if (!timer_is_set(z->late_probes))
        set_late_timer(z);
    return true;
}

/* ---- those on their way --------------------------------------------------------------------- */

bool probe_is_awaited(const struct zone_state *z, int64_t number)
{
    for (const struct probe *p = z->probes; p != NULL; p = p->next)
        if ((number == 0 || p->number == number) && random_waits(p) && !is_late(p))
            return true;
    return false;
}

static unsigned count_sets(const struct zone_state *z)
{
    unsigned n = 0;

    for (const struct probe *p = z->probes; p != NULL; p = p->next)
        n++;
    return n;
}

/* One of its names was not sent, or it was judged already: then it is not there, or proves nothing.
 */
static int64_t usable(const struct zone_state *z, int64_t sent, uint64_t below)
{
    for (const struct probe *p = z->probes; p != NULL; p = p->next)
        if (p->number >= sent && !p->heard && !p->unsent && p->below == below && random_waits(p))
            return p->number;
    return 0;
}

int64_t probe_for_listing(struct zone_state *z, struct view below, int64_t sent)
{
    uint64_t hashed = hash_below(z, below);
    int64_t number = usable(z, sent, hashed);

    if (number != 0 || count_sets(z) >= SETS_MAX || !probe_send(z, below, false))
        return number;
    return usable(z, sent, hashed);
}

void probe_now(struct zone_state *z, struct view below)
{
    if (z->health.state == DNSBL_IS_OFF)
        return;
    for (const struct probe *p = z->probes; p != NULL; p = p->next)
        if (random_waits(p) && !p->unsent)
            return;
    probe_send(z, below, false);
}

void probe_forget(struct zone_state *z)
{
    while (z->probes != NULL) {
        struct probe *p = z->probes;
        z->probes = p->next;
        free(p);
    }
    hooks_wake(&z->hooks);
}

int probe_start(struct zone_state *z, struct error *why)
{
    z->late_probes = timer_new(z->dnsbl, on_late, z);
    return z->late_probes == NULL ? error_set(why, ERR_NOMEM, "no memory") : 0;
}

void probe_stop(struct zone_state *z)
{
    timer_free(z->late_probes);
}
