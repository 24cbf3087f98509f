/*
 * The door: zones as they are configured, and what is known of each for people.
 */
#include <inttypes.h>
#include <stdio.h>

#include "parts.h"
#include "rcptguard/base/clock.h"

/* Room for probes and explanations beside the questions of recipients. */
#define QUESTIONS_BESIDE (8 * DNSBL_ZONES_MAX)

/* Of memory for each question, more than a name and its text take twice. What is asked cannot make
 * room for others, so it must never be all there is: what was just found would have to go. */
#define BYTES_A_QUESTION 2048

#define LEAST_GIVE_UP_MS 5000

const char *dnsbl_word_text(enum dnsbl_word word)
{
    static const char *const texts[] = {
        "not asked", "waiting", "clear", "listed", "late", "not believed", "off",
    };

    return texts[word];
}

const char *dnsbl_state_text(enum dnsbl_state state)
{
    static const char *const texts[] = {"probing", "on", "off"};

    return texts[state];
}

const char *dnsbl_query_text(enum dnsbl_query query)
{
    static const char *const texts[] = {"domain", "email-sha1", "email-sha256b32", "email-md5"};

    return texts[query];
}

/* ---- life ----------------------------------------------------------------------------------- */

struct dnsbl *dnsbl_new(struct event_base *base, const struct dnsbl_events *events,
                        struct error *why)
{
    struct dnsbl *d = calloc(1, sizeof *d);

    if (d == NULL) {
        error_set(why, ERR_NOMEM, "no memory");
        return NULL;
    }
    d->base = base;
    d->events = *events;
    hash_secret_random(&d->secret);
    d->cache = cache_new(1u << 20);
    d->suffixes = suffixes_new();
    if (d->cache == NULL || d->suffixes == NULL) {
        error_set(why, ERR_NOMEM, "no memory, or no public suffix list");
        dnsbl_free(d);
        return NULL;
    }
    if (wait_start(d, why) < 0) {
        dnsbl_free(d);
        return NULL;
    }
    return d;
}

int dnsbl_start(struct dnsbl *d, struct disk *disk, struct queue *loop, struct error *why)
{
    int rc = watch_start(d, why);

    if (rc < 0 || d->file == NULL || d->doubt_file == NULL)
        return rc;
    rc = save_start(d, disk, loop, why);
    return rc < 0 ? rc : doubt_start(d, disk, loop, why);
}

static void zone_free(struct zone_state *z)
{
    if (z == NULL)
        return;
    ask_forget(z);
    text_forget(z);
    probe_forget(z);
    refresh_stop(z);
    ask_stop(z);
    probe_stop(z);
    round_stop(z);
    free(z);
}

void dnsbl_stop(struct dnsbl *d)
{
    if (d == NULL)
        return;
    save_stop(d);
    doubt_stop(d);
}

void dnsbl_free(struct dnsbl *d)
{
    if (d == NULL)
        return;
    resolver_free(d->resolver);
    while (d->n_zones > 0)
        zone_free(d->zones[--d->n_zones]);
    watch_stop(d);
    save_free(d);
    doubt_free(d);
    wait_stop(d);
    cache_free(d->cache);
    suffixes_free(d->suffixes);
    free(d->file);
    free(d->doubt_file);
    free(d);
}

/* ---- settings ------------------------------------------------------------------------------- */

static struct zone_state *zone_new(struct dnsbl *d, struct error *why)
{
    struct zone_state *z = calloc(1, sizeof *z);

    if (z == NULL) {
        error_set(why, ERR_NOMEM, "no memory");
        return NULL;
    }
    z->dnsbl = d;
    if (ask_start(z, why) < 0 || probe_start(z, why) < 0 || round_start(z, why) < 0) {
        zone_free(z);
        return NULL;
    }
    health_start(&z->health, clock_mono_ms());
    z->state_since = clock_now();
    return z;
}

/* The zone that was asked and believed in the same way before, or NULL. */
static struct zone_state *find_same(const struct dnsbl *d, const struct zone *zone)
{
    for (unsigned i = 0; i < d->n_zones; i++)
        if (memcmp(d->zones[i]->zone.identity, zone->identity, sizeof zone->identity) == 0)
            return d->zones[i];
    return NULL;
}

/* The zones as they will be; those that are new are made, those that stay are found. */
struct plan {
    struct zone zones[DNSBL_ZONES_MAX];
    struct zone_state *states[DNSBL_ZONES_MAX];
    bool is_new[DNSBL_ZONES_MAX];
    struct resolver *resolver; /* a new one, or NULL */
    unsigned n;
};

static void plan_free(struct plan *plan)
{
    for (unsigned i = 0; i < plan->n; i++)
        if (plan->is_new[i])
            zone_free(plan->states[i]);
    resolver_free(plan->resolver);
    free(plan);
}

static unsigned max_questions(const struct dnsbl_config *config)
{
    uint64_t room = config->cache_bytes / BYTES_A_QUESTION;

    return room < config->max_questions ? (unsigned)room : config->max_questions;
}

/* Beyond every zone's timeout, so that late answers are heard; some seconds in any case. */
static int64_t give_up_ms(const struct dnsbl_config *config)
{
    int64_t longest = LEAST_GIVE_UP_MS;

    for (size_t i = 0; i < config->n_zones; i++)
        if (config->zones[i].timeout_ms > longest)
            longest = config->zones[i].timeout_ms;
    return longest;
}

/* The one that is there, when it would be the same. */
static int plan_resolver(const struct dnsbl *d, const struct dnsbl_config *config,
                         struct plan *plan, struct error *why)
{
    if (d->resolver != NULL && strcmp(d->servers, config->servers) == 0 &&
        d->max_questions == max_questions(config) && d->give_up_ms == give_up_ms(config))
        return 0;
    plan->resolver =
        resolver_new(d->base, config->servers, max_questions(config) + QUESTIONS_BESIDE,
                     give_up_ms(config), why);
    return plan->resolver == NULL ? ERR_IO : 0;
}

static int plan_zones(struct dnsbl *d, const struct dnsbl_config *config, struct plan *plan,
                      struct error *why)
{
    const char *key;

    for (size_t i = 0; i < config->n_zones && i < DNSBL_ZONES_MAX; i++) {
        int rc = zone_init(&plan->zones[i], &config->zones[i], &key, why);
        if (rc < 0)
            return rc;
        plan->states[i] = find_same(d, &plan->zones[i]);
        plan->is_new[i] = plan->states[i] == NULL;
        if (plan->is_new[i] && (plan->states[i] = zone_new(d, why)) == NULL)
            return ERR_NOMEM;
        plan->n++;
    }
    return plan->n == 0 ? 0 : plan_resolver(d, config, plan, why);
}

/* What is in the cache follows its zone to its new number. */
static void renumber(struct dnsbl *d, const struct plan *plan)
{
    int numbers[DNSBL_ZONES_MAX];

    for (unsigned old = 0; old < d->n_ids; old++) {
        numbers[old] = -1;
        for (unsigned i = 0; i < plan->n; i++)
            if (memcmp(d->ids[old].identity, plan->zones[i].identity, SHA256_BYTES) == 0)
                numbers[old] = (int)i;
    }
    save_renumbered(d);
    cache_renumber(d->cache, numbers, d->n_ids);
    d->n_ids = plan->n;
    for (unsigned i = 0; i < plan->n; i++)
        memcpy(d->ids[i].identity, plan->zones[i].identity, SHA256_BYTES);
}

/* Nothing is on its way any more. */
static void stop_questions(struct dnsbl *d)
{
    if (d->resolver != NULL)
        resolver_forget(d->resolver);
    for (unsigned i = 0; i < d->n_zones; i++) {
        ask_forget(d->zones[i]);
        text_forget(d->zones[i]);
        probe_forget(d->zones[i]);
        listing_unproven_all(d->zones[i]);
    }
}

static bool stays(const struct plan *plan, const struct zone_state *z)
{
    for (unsigned i = 0; i < plan->n; i++)
        if (plan->states[i] == z)
            return true;
    return false;
}

static bool is_doubted(const struct doubt *doubt, const void *arg)
{
    const struct dnsbl *d = arg;

    for (unsigned i = 0; i < d->n_zones; i++)
        if (d->zones[i]->doubt == doubt)
            return true;
    return false;
}

/* Of all zones first: none may lose its own to another. What a new one lists is from the file,
 * which may be older than the madness that wiped it. */
static void take_doubts(struct dnsbl *d)
{
    for (unsigned i = 0; i < d->n_zones; i++) {
        struct zone_state *z = d->zones[i];
        if (z->doubt != NULL)
            continue;
        z->doubt = doubts_of(&d->doubts, z->zone.name, is_doubted, d);
        if (!doubt_is_over(z->doubt, clock_mono_ms()))
            listing_forget_all(z);
    }
}

static void put_in_force(struct dnsbl *d, const struct dnsbl_config *config, struct plan *plan)
{
    struct zone_state *gone[DNSBL_ZONES_MAX];
    unsigned n_gone = 0;

    stop_questions(d);
    for (unsigned i = 0; i < d->n_zones; i++)
        if (!stays(plan, d->zones[i]))
            gone[n_gone++] = d->zones[i];
    renumber(d, plan);
    d->config = config;
    if (plan->resolver != NULL) {
        resolver_free(d->resolver);
        d->resolver = plan->resolver;
        d->max_questions = max_questions(config);
        d->give_up_ms = give_up_ms(config);
        snprintf(d->servers, sizeof d->servers, "%s", config->servers);
    }
    d->n_zones = plan->n;
    d->asks_domains = false;
    memset(d->known, 0, sizeof d->known); /* others may be protected now */
    clear_forget(d);
    for (unsigned i = 0; i < plan->n; i++) {
        struct zone_state *z = plan->states[i];
        d->zones[i] = z;
        z->zone = plan->zones[i];
        z->number = i;
        d->asks_domains |= z->zone.config->query == DNSBL_DOMAIN;
        round_schedule(z);
    }
    take_doubts(d);
    cache_limit(d->cache, config->cache_bytes);
    /* Last: who waits for their probes is called, and looks at the zones that there are. */
    while (n_gone > 0)
        zone_free(gone[--n_gone]);
}

int dnsbl_configure(struct dnsbl *d, const struct dnsbl_config *config, struct error *why)
{
    struct plan *plan = calloc(1, sizeof *plan);

    if (plan == NULL)
        return error_set(why, ERR_NOMEM, "no memory");
    int rc = plan_zones(d, config, plan, why);
    if (rc < 0) {
        plan_free(plan);
        return rc;
    }
    put_in_force(d, config, plan);
    free(plan);
    return 0;
}

/* ---- for people ----------------------------------------------------------------------------- */

/* The wall clock's time of a moment of the other clock. */
static int64_t wall_time(int64_t mono_ms)
{
    return clock_now() + (mono_ms - clock_mono_ms()) / 1000;
}

static void say_why(const struct zone_state *z, struct dnsbl_status *s)
{
    struct text t = text_on(s->why, sizeof s->why);

    if (s->state != DNSBL_IS_ON)
        text_add(&t, z->health.why);
    else if (s->failed)
        text_add(&t, z->failure);
    else if (z->doubt->open)
        text_add(&t,
                 "random names were lost, or another section of this zone is off: what it lists "
                 "counts after the next good ones");
    else if (z->warning[0] != '\0')
        text_add(&t, z->warning);
    else if (!doubt_is_over(z->doubt, clock_mono_ms()))
        text_addf(&t,
                  "what a resolver may remember of before %" PRId64 " s ago, when it was not to be "
                  "believed, lists nobody; it is forgotten after %" PRIu32 " s",
                  (clock_mono_ms() - z->doubt->end_ms) / 1000, z->doubt->ttl_s);
}

const struct dnsbl_status *dnsbl_status(struct dnsbl *d, size_t i)
{
    if (d == NULL || i >= d->n_zones)
        return NULL;
    struct zone_state *z = d->zones[i];
    struct dnsbl_status *s = &z->status;
    const struct dnsbl_zone_config *c = z->zone.config;

    s->name = c->name;
    s->zone = c->shown;
    s->query = c->query;
    s->state = z->health.state;
    s->state_since = z->state_since;
    s->failed = s->state == DNSBL_IS_OFF || z->failure[0] != '\0';
    say_why(z, s);
    s->last_probe = z->last_probe;
    s->next_probe = wall_time(z->health.next_round_ms);
    s->last_good = z->last_good;
    s->remembered = cache_count_of(d->cache, z->number);
    s->listed = cache_proven_of(d->cache, z->number);
    return s;
}

const struct dnsbl_status *dnsbl_status_of(struct dnsbl *d, struct view name)
{
    for (unsigned i = 0; d != NULL && i < d->n_zones; i++)
        if (view_is(name, d->zones[i]->zone.config->name))
            return dnsbl_status(d, i);
    return NULL;
}

void dnsbl_totals(const struct dnsbl *d, struct dnsbl_totals *out)
{
    *out = (struct dnsbl_totals){
        .names = cache_count(d->cache),
        .bytes = cache_bytes(d->cache),
        .waiting = d->resolver == NULL ? 0 : resolver_waiting(d->resolver),
        .dropped = d->dropped,
    };
    snprintf(out->servers, sizeof out->servers, "%s", d->servers);
}
