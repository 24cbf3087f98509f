/*
 * Questions on their way, and what an answer does: it is judged, told to the zone's health,
 * remembered, and those who wait look again. A question that takes longer than the zone's timeout
 * is late: nobody waits for it any more, but its answer is still remembered.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "parts.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"

bool ask_send(struct zone_state *z, struct view label, enum dns_type type, resolver_answered *call,
              void *arg)
{
    struct dnsbl *d = z->dnsbl;
    char name[ZONE_NAME_MAX];

    if (d->resolver == NULL || !zone_name(&z->zone, label, name))
        return false;
    if (resolver_ask(d->resolver, name, type, call, arg) == 0)
        return true;
    d->dropped++;
    return false;
}

void ask_wake_all(struct zone_state *z)
{
    for (struct asking *a = z->askings; a != NULL; a = a->next)
        hooks_wake(&a->hooks);
}

/* ---- late ----------------------------------------------------------------------------------- */

static void set_late_timer(struct zone_state *z)
{
    const struct asking *a = z->in_time;

    z->late_is_due = false;
    if (a == NULL) {
        timer_stop(z->late);
        return;
    }
    timer_set(z->late, a->sent_ms + z->zone.config->timeout_ms - clock_mono_ms());
}

/* In two turns of the loop: a process that was stopped, or kept busy, has answers that are there
 * and were not read, and timers that are due before they are. */
static void on_late(evutil_socket_t fd, short what, void *arg)
{
    struct zone_state *z = arg;
    int64_t now = clock_mono_ms();

    (void)fd;
    (void)what;
    z->late_is_due = !z->late_is_due;
    if (z->late_is_due) {
        timer_set(z->late, 0);
        return;
    }
    while (z->in_time != NULL && z->in_time->sent_ms + z->zone.config->timeout_ms <= now) {
        struct asking *a = z->in_time;
        char words[64];
        struct text t = text_on(words, sizeof words);
        text_addf(&t, "no answer within %" PRId64 " ms", z->zone.config->timeout_ms);
        a->late = true;
        z->in_time = a->next;
        z->status.timeouts++;
        hooks_wake(&a->hooks);
        zone_failed(z, false, words);
    }
    set_late_timer(z);
}

/* ---- answers -------------------------------------------------------------------------------- */

static void end_asking(struct asking *a)
{
    struct zone_state *z = a->zone;

    a->entry->asking = NULL;
    hooks_wake(&a->hooks);
    if (z->in_time == a)
        z->in_time = a->next;
    *a->previous = a->next;
    if (a->next != NULL)
        a->next->previous = a->previous;
    else
        z->askings_end = a->previous;
    free(a);
}

static void note_unknown(struct zone_state *z, const unsigned char answer[4])
{
    for (unsigned i = 0; i < z->n_unknown; i++)
        if (memcmp(z->unknown[i], answer, 4) == 0)
            return;
    if (z->n_unknown == ZONE_UNKNOWN_MAX)
        return;
    memcpy(z->unknown[z->n_unknown++], answer, 4);
    log_notice(z->zone.config->name,
               "answered %u.%u.%u.%u, which neither codes nor mask names: it lists nobody",
               answer[0], answer[1], answer[2], answer[3]);
}

static uint32_t ttl_of(const struct dns_answer *answer)
{
    return answer->has_ttl ? answer->ttl_s : 0;
}

static void remember(struct zone_state *z, struct asking *a, const struct dns_answer *answer,
                     const struct zone_judgement *judged)
{
    struct cache_entry *e = a->entry;

    e->known = true;
    e->swallowed = false;
    memcpy(e->answer, judged->answer, sizeof e->answer);
    e->said_at = clock_now();
    e->expires_ms = clock_mono_ms() + cache_ttl_ms(answer->has_ttl, answer->ttl_s);
    if (judged->says != ZONE_LISTS)
        listing_went(z, e);
    else if (!listing_came(z, e, a->order))
        e->unproven_end_ms = clock_mono_ms() + ((int64_t)ttl_of(answer) + 1) * 1000;
}

static struct view below_of(const struct zone_state *z, const struct cache_entry *e)
{
    return listing_below(z, view_make(e->label, e->label_len));
}

/*
 * An error code or a foreign address. One that a resolver may remember of a time when the zone was
 * off would keep it off for as long as its TTL: random names tell what the zone says now.
 *
 * What is left of a TTL is measured from when the question was sent: a loop that stood still reads
 * answers long after the resolver gave them.
 */
static void take_madness(struct zone_state *z, struct asking *a, const struct dns_answer *answer,
                         const struct zone_judgement *judged)
{
    char words[MAD_WORDS];

    if (!z->doubt->open && doubt_covers(z->doubt, ttl_of(answer), a->sent_ms)) {
        listing_in_vain(a->entry, true);
        probe_now(z, below_of(z, a->entry));
        return;
    }
    doubt_ttl(z->doubt, ttl_of(answer), a->sent_ms);
    mad_words(judged, "a name", words, sizeof words);
    zone_is_mad(z, words, false);
}

/* False: it may be what a resolver remembers of a doubtful time, or the very answer for which no
 * names could be sent. */
static bool is_believed(struct zone_state *z, struct asking *a, const struct dns_answer *answer)
{
    z->status.listings++;
    doubt_ttl(z->doubt, ttl_of(answer), a->sent_ms);
    if (!doubt_covers(z->doubt, ttl_of(answer), a->sent_ms) &&
        a->sent_ms + (int64_t)ttl_of(answer) * 1000 > a->entry->unproven_end_ms)
        return true;
    listing_in_vain(a->entry, true);
    /* One good set ends the doubt, for those who ask later. */
    if (z->doubt->open)
        probe_now(z, below_of(z, a->entry));
    return false;
}

static void take_records(struct zone_state *z, struct asking *a, const struct dns_answer *answer)
{
    struct zone_judgement judged;

    zone_judge(&z->zone, answer->addresses, answer->n_addresses, &judged);
    if (judged.says == ZONE_ERROR || judged.says == ZONE_FOREIGN) {
        take_madness(z, a, answer, &judged);
        return;
    }
    if (!a->late)
        health_answered(&z->health);
    /* Nor what it was asked before it went off, when it is on again already. */
    if (z->health.state == DNSBL_IS_OFF || a->order <= z->off_order)
        return;
    if (judged.says == ZONE_UNKNOWN)
        note_unknown(z, judged.answer);
    if (judged.says != ZONE_LISTS || is_believed(z, a, answer))
        remember(z, a, answer, &judged);
}

static void on_answer(const struct dns_answer *answer, void *arg)
{
    struct asking *a = arg;
    struct zone_state *z = a->zone;
    char result[32];

    z->dnsbl->order++;
    if (answer->result == DNS_RECORDS || answer->result == DNS_NODATA ||
        answer->result == DNS_NXDOMAIN) {
        z->status.answers++;
        z->status.answers_ns += clock_mono_ns() - a->sent_ns;
        take_records(z, a, answer);
    } else {
        listing_in_vain(a->entry, false);
        if (!a->late)
            zone_failed(z, false, dns_result_text(answer, result));
    }
    end_asking(a);
    set_late_timer(z);
}

/* ---- questions ------------------------------------------------------------------------------ */

bool ask_entry(struct zone_state *z, struct cache_entry *e)
{
    if (e->asking != NULL)
        return true;
    /* Probes and explanations have room left when recipients take all that they may. */
    if (z->dnsbl->resolver == NULL ||
        resolver_waiting(z->dnsbl->resolver) >= z->dnsbl->max_questions) {
        z->dnsbl->dropped++;
        return false;
    }
    struct asking *a = calloc(1, sizeof *a);
    if (a == NULL)
        return false;
    a->zone = z;
    a->entry = e;
    a->sent_ns = clock_mono_ns();
    a->sent_ms = a->sent_ns / CLOCK_NS_A_MS;
    a->order = ++z->dnsbl->order;
    if (!ask_send(z, view_make(e->label, e->label_len), DNS_A, on_answer, a)) {
        free(a);
        return false;
    }
    z->status.questions++;
    e->asking = a;
    cache_asked(z->dnsbl->cache, e, a->sent_ms);
    a->previous = z->askings_end;
    *z->askings_end = a;
    z->askings_end = &a->next;
    if (z->in_time == NULL) {
        z->in_time = a;
        set_late_timer(z);
    }
    /* Behind the question, so that it says something about its answer. */
    if (!health_is_fresh(&z->health, a->sent_ms) && !round_runs(z))
        probe_now(z, below_of(z, e));
    return true;
}

void ask_forget(struct zone_state *z)
{
    while (z->askings != NULL)
        end_asking(z->askings);
    if (z->late != NULL)
        timer_stop(z->late);
}

int ask_start(struct zone_state *z, struct error *why)
{
    z->askings_end = &z->askings;
    z->late = timer_new(z->dnsbl, on_late, z);
    return z->late == NULL ? error_set(why, ERR_NOMEM, "no memory") : 0;
}

void ask_stop(struct zone_state *z)
{
    timer_free(z->late);
}
