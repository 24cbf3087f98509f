/*
 * The room as a whole, with a resolver that the test answers for and a clock that it sets: timers
 * are of that clock too, so nothing here waits. Included once by a test; its resolver and timers
 * take the place of the real ones.
 */
#ifndef DNSBL_ROOM_H
#define DNSBL_ROOM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dnsbl/parts.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"

#define NOW       1800000000
#define NOW_MS    5000000
#define HOUR_MS   3600000
#define QUESTIONS 4096

/* Not every test uses all of this. */
#pragma GCC diagnostic ignored "-Wunused-function"

/* ---- the resolver --------------------------------------------------------------------------- */

struct asked {
    char name[256];
    enum dns_type type;
    resolver_answered *call; /* NULL: answered */
    void *arg;
};

static struct {
    struct asked asked[QUESTIONS];
    size_t n;
    unsigned waiting;
    bool full;            /* nothing more is taken */
    const char *not_such; /* names that hold this are not taken */
    unsigned refused;
    int64_t give_up_ms;
} fake;

struct resolver *resolver_new(struct event_base *base, const char *servers, unsigned max_questions,
                              int64_t give_up_ms, struct error *why)
{
    static char any;

    (void)base;
    (void)servers;
    (void)max_questions;
    (void)why;
    fake.give_up_ms = give_up_ms;
    return (struct resolver *)&any;
}

void resolver_free(struct resolver *r)
{
    if (r != NULL)
        resolver_forget(r);
}

void resolver_forget(struct resolver *r)
{
    (void)r;
    for (size_t i = 0; i < fake.n; i++)
        fake.asked[i].call = NULL;
    fake.waiting = 0;
}

int resolver_ask(struct resolver *r, const char *name, enum dns_type type, resolver_answered *call,
                 void *arg)
{
    (void)r;
    if (fake.n == QUESTIONS || fake.full ||
        (fake.not_such != NULL && strstr(name, fake.not_such) != NULL)) {
        fake.refused++;
        return ERR_LIMIT;
    }
    struct asked *a = &fake.asked[fake.n++];
    *a = (struct asked){.type = type, .call = call, .arg = arg};
    snprintf(a->name, sizeof a->name, "%s", name);
    fake.waiting++;
    return 0;
}

unsigned resolver_waiting(const struct resolver *r)
{
    (void)r;
    return fake.waiting;
}

static void give(struct asked *a, const struct dns_answer *answer)
{
    resolver_answered *call = a->call;

    a->call = NULL;
    fake.waiting--;
    call(answer, a->arg);
}

static struct dns_answer nothing(enum dns_result result)
{
    return (struct dns_answer){.result = result, .has_ttl = true, .ttl_s = 300};
}

static struct dns_answer address(unsigned a, unsigned b, unsigned c, unsigned d)
{
    struct dns_answer answer = nothing(DNS_RECORDS);

    answer.n_addresses = 1;
    answer.addresses[0][0] = (unsigned char)a;
    answer.addresses[0][1] = (unsigned char)b;
    answer.addresses[0][2] = (unsigned char)c;
    answer.addresses[0][3] = (unsigned char)d;
    return answer;
}

static const struct dns_answer absent = {.result = DNS_NXDOMAIN, .has_ttl = true, .ttl_s = 300};
static const struct dns_answer lost = {.result = DNS_TIMEOUT};
/* 127.0.1.2, for 300 s. */
static const struct dns_answer listed = {.result = DNS_RECORDS,
                                         .n_addresses = 1,
                                         .addresses = {{127, 0, 1, 2}},
                                         .has_ttl = true,
                                         .ttl_s = 300};
static const struct dns_answer refused = {.result = DNS_RECORDS,
                                          .n_addresses = 1,
                                          .addresses = {{127, 255, 255, 254}},
                                          .has_ttl = true,
                                          .ttl_s = 300};

/* The first question for NAME that waits, or NULL. */
static struct asked *waiting(const char *name, enum dns_type type)
{
    for (size_t i = 0; i < fake.n; i++)
        if (fake.asked[i].call != NULL && fake.asked[i].type == type &&
            strcmp(fake.asked[i].name, name) == 0)
            return &fake.asked[i];
    return NULL;
}

static size_t times_asked(const char *name)
{
    size_t n = 0;

    for (size_t i = 0; i < fake.n; i++)
        n += fake.asked[i].type == DNS_A && strcmp(fake.asked[i].name, name) == 0;
    return n;
}

/* Neither a recipient's domain nor a test point. */
static bool is_random(const char *name)
{
    char first[64];
    size_t len = strcspn(name, ".");

    if (len != 13) /* base32 of 64 bits */
        return false;
    memcpy(first, name, len);
    first[len] = '\0';
    return strspn(first, "abcdefghijklmnopqrstuvwxyz234567") == len;
}

static size_t probes_waiting(void)
{
    size_t n = 0;

    for (size_t i = 0; i < fake.n; i++)
        n += fake.asked[i].call != NULL && is_random(fake.asked[i].name);
    return n;
}

/* The first random name that waits and ends so, or NULL. */
static struct asked *waiting_random(const char *end)
{
    for (size_t i = 0; i < fake.n; i++) {
        const char *name = fake.asked[i].name;
        if (fake.asked[i].call != NULL && is_random(name) && strcmp(name + 13, end) == 0)
            return &fake.asked[i];
    }
    return NULL;
}

/* Answers every probe that waits, not those that an answer brings: random and unlisted ones with
 * RANDOM, test points as listed. */
static void answer_probes(const struct dns_answer *random)
{
    size_t n = fake.n;

    for (size_t i = 0; i < n; i++) {
        struct asked *a = &fake.asked[i];
        if (a->call == NULL || a->type != DNS_A)
            continue;
        if (strncmp(a->name, "test.", 5) == 0)
            give(a, &listed);
        else if (strncmp(a->name, "invalid.", 8) == 0 || is_random(a->name))
            give(a, random);
    }
}

/* ---- timers --------------------------------------------------------------------------------- */

struct timer {
    struct timer *next;
    event_callback_fn call;
    void *arg;
    int64_t due_ms; /* -1: not set */
};

static struct timer *timers;

static struct timer *timer_of(const struct event *e)
{
    return (struct timer *)(void *)(uintptr_t)e;
}

struct event *timer_new(struct dnsbl *d, event_callback_fn call, void *arg)
{
    struct timer *t = calloc(1, sizeof *t);

    (void)d;
    assert_non_null(t);
    *t = (struct timer){timers, call, arg, -1};
    timers = t;
    return (struct event *)(void *)t;
}

void timer_set(struct event *timer, int64_t in_ms)
{
    timer_of(timer)->due_ms = clock_mono_ms() + (in_ms > 0 ? in_ms : 0);
}

bool timer_is_set(const struct event *timer)
{
    return timer_of(timer)->due_ms >= 0;
}

void timer_stop(struct event *timer)
{
    timer_of(timer)->due_ms = -1;
}

void timer_free(struct event *timer)
{
    struct timer **at = &timers;

    if (timer == NULL)
        return;
    while (*at != timer_of(timer))
        at = &(*at)->next;
    *at = timer_of(timer)->next;
    free(timer_of(timer));
}

/* The one that is due first, and no later than UNTIL_MS; NULL: none. */
static struct timer *next_due(int64_t until_ms)
{
    struct timer *first = NULL;

    for (struct timer *t = timers; t != NULL; t = t->next)
        if (t->due_ms >= 0 && t->due_ms <= until_ms && (first == NULL || t->due_ms < first->due_ms))
            first = t;
    return first;
}

/* ---- the room ------------------------------------------------------------------------------- */

#define ZONE(name_text, zone_text)                                                                 \
    {                                                                                              \
        .name = name_text,                                                                         \
        .zone = zone_text,                                                                         \
        .shown = zone_text,                                                                        \
        .query = DNSBL_DOMAIN,                                                                     \
        .codes = "127.0.1.[2..99]",                                                                \
        .mask = "",                                                                                \
        .probe_listed = "test",                                                                    \
        .probe_unlisted = "invalid",                                                               \
        .timeout_ms = 1000,                                                                        \
    }

static struct dnsbl_zone_config zones[2];

static struct house {
    struct event_base *base;
    struct dnsbl *dnsbl;
    struct dnsbl_config config;
    struct address address;
    int64_t now_ms;
    unsigned calls;     /* of waits */
    unsigned n_changes; /* told to the history */
    bool listed;
    char log[8192];
} *h;

static void take_line(enum log_level level, const char *line, void *arg)
{
    size_t len = strlen(h->log);

    (void)level;
    (void)arg;
    snprintf(h->log + len, sizeof h->log - len, "%s\n", line);
}

static void take_change(const char *list, enum entry_kind kind, struct view key, bool is_listed,
                        int64_t now, void *arg)
{
    (void)list;
    (void)kind;
    (void)key;
    (void)now;
    (void)arg;
    h->n_changes++;
    h->listed = is_listed;
}

static bool is_protected(struct view domain, const void *arg)
{
    (void)arg;
    return view_is(domain, "protected.example");
}

static void set_clock(int64_t now_ms)
{
    h->now_ms = now_ms;
    clock_set(NOW + (now_ms - NOW_MS) / 1000, now_ms);
}

/* Whatever is due happens, in its order, and each at its time. A timer that is set again at once
 * would never let this end. */
static void advance(int64_t ms)
{
    int64_t until_ms = h->now_ms + ms;
    struct timer *t;

    for (int i = 0; i < 1000000 && (t = next_due(until_ms)) != NULL; i++) {
        if (t->due_ms > h->now_ms)
            set_clock(t->due_ms);
        t->due_ms = -1;
        t->call(-1, 0, t->arg);
    }
    assert_null(next_due(until_ms));
    set_clock(until_ms);
}

static void pump(void)
{
    advance(0);
}

static void make_room(unsigned n_zones)
{
    const struct dnsbl_events events = {.changed = take_change};

    h->dnsbl = dnsbl_new(h->base, &events, NULL);
    assert_non_null(h->dnsbl);
    h->config = (struct dnsbl_config){.zones = zones,
                                      .n_zones = n_zones,
                                      .servers = "127.0.0.1",
                                      .cache_bytes = 1 << 20,
                                      .max_questions = 1000,
                                      .is_protected = is_protected};
    assert_int_equal(dnsbl_configure(h->dnsbl, &h->config, NULL), 0);
    assert_int_equal(dnsbl_start(h->dnsbl, NULL, NULL, NULL), 0);
}

static enum dnsbl_state state_of(unsigned zone)
{
    return dnsbl_status(h->dnsbl, zone)->state;
}

/* As above, and every zone is on. */
static void make_room_on(unsigned n_zones)
{
    make_room(n_zones);
    pump();
    answer_probes(&absent);
    for (unsigned i = 0; i < n_zones; i++)
        assert_int_equal(state_of(i), DNSBL_IS_ON);
    fake.n = 0;
}

/* Until zone one is on again, by itself. */
static void come_back(void)
{
    for (int i = 0; i < 100 && state_of(0) != DNSBL_IS_ON; i++) {
        advance(1000);
        answer_probes(&absent);
    }
    assert_int_equal(state_of(0), DNSBL_IS_ON);
}

static int set_up(void **state)
{
    static const struct dnsbl_zone_config fresh[2] = {ZONE("one", "one.bl.test"),
                                                      ZONE("two", "two.bl.test")};
    (void)state;
    memset(&fake, 0, sizeof fake);
    memcpy(zones, fresh, sizeof zones);
    h = calloc(1, sizeof *h);
    h->base = event_base_new();
    set_clock(NOW_MS);
    log_set_sink(take_line, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    dnsbl_free(h->dnsbl);
    assert_null(timers);
    event_base_free(h->base);
    log_set_sink(NULL, NULL);
    clock_set(-1, -1);
    free(h);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* ---- recipients ----------------------------------------------------------------------------- */

static void called(void *arg)
{
    (void)arg;
    h->calls++;
}

static struct dnsbl_answer look_since(const char *recipient, int64_t since_ms, struct dnsbl_wait *w)
{
    static const struct address_options options = {.delimiter = "+", .provider_aliases = true};
    struct dnsbl_answer out;

    assert_int_equal(address_parse(view_of(recipient), &options, &h->address), ADDRESS_OK);
    const struct dnsbl_question q = {
        .address = &h->address,
        .seen = view_of(recipient),
        .deciding = ~(uint64_t)0,
        .again = w != NULL,
        .asked_ms = since_ms,
        .deadline_ms = since_ms + 1000,
    };
    dnsbl_look(h->dnsbl, &q, w, &out);
    return out;
}

static struct dnsbl_answer look(const char *recipient)
{
    return look_since(recipient, h->now_ms, NULL);
}

static enum dnsbl_word word(const char *recipient)
{
    return look(recipient).zones[0].word;
}

/* What "someone@DOMAIN" is told of the first zone. */
static enum dnsbl_word of(const char *domain)
{
    char recipient[128];

    snprintf(recipient, sizeof recipient, "someone@%s", domain);
    return word(recipient);
}

/* The zone's answer to the question about DOMAIN, which waits for it. */
static void one_says(const char *domain, const struct dns_answer *answer)
{
    char name[256];

    snprintf(name, sizeof name, "%s.one.bl.test", domain);
    struct asked *a = waiting(name, DNS_A);
    assert_non_null(a);
    give(a, answer);
}

static size_t asked_of(const char *domain)
{
    char name[256];

    snprintf(name, sizeof name, "%s.one.bl.test", domain);
    return times_asked(name);
}

/* DOMAIN is asked about, listed, and proven. */
static void list_it(const char *domain)
{
    assert_int_equal(of(domain), DNSBL_WAITS);
    one_says(domain, &listed);
    assert_int_equal(of(domain), DNSBL_WAITS);
    answer_probes(&absent);
    pump();
    assert_int_equal(of(domain), DNSBL_LISTED);
}

/* It begins to list the world, and is caught with DOMAIN. */
static void go_mad_with(const char *domain)
{
    assert_int_equal(of(domain), DNSBL_WAITS);
    one_says(domain, &listed);
    answer_probes(&listed);
    pump();
    assert_int_equal(state_of(0), DNSBL_IS_OFF);
}

#endif
