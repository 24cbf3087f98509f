/*
 * The rooms behind the admin API, made of cardboard: the same doors, answers as a test wants them,
 * and at the moment it wants them. Included once by a test, in place of the real rooms.
 */
#ifndef FAKE_HOUSE_H
#define FAKE_HOUSE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rcptguard/admin.h"

#define FAKE_WAITING 64

struct feeds_request {
    feeds_done *done;
    void *arg;
};

static struct {
    struct feed_status feeds[1000];
    size_t n_feeds;
    struct feeds_request waiting[FAKE_WAITING]; /* done NULL: none */
    size_t n_waiting, forgotten;
    const char *asked; /* what the last request was for */
    const struct local_error *errors;
    size_t n_errors;
    const struct answer *answer;
    bool later; /* verdict_ask waits */
    verdict_done *done;
    void *done_arg;
    char asked_sender[64];
    struct record_counts counts;
    struct record_log log;

    struct {
        size_t waiting; /* edits that local_edit has taken */
        int code;       /* what local_edit returns */
        local_edit_done *done[32];
        void *arg[32];
        enum local_action action;
        const struct local *local; /* of the last one */
        char words[512];           /* of the last one */
    } edit;
    struct fleet_status fleet;
    unsigned fleet_edited; /* how often */
    bool shares_events;
    fleet_happened *happened; /* NULL: nobody follows */
    void *happened_arg;
    fleet_found *fleet_found;
    fleet_counted *fleet_counted;
    void *fleet_arg;
    const struct local_line *lines; /* of both tables */
    size_t n_lines;
    const struct local_line *shared_lines; /* the fleet's */
    size_t n_shared;
    bool unkept;   /* no local file could be stored */
    bool protects; /* protect_covers says yes to big.example */

    record_found *why;
    void *why_arg;
    int why_code;
    struct record_watch *watches[16]; /* NULL: none */
    size_t n_watches;
    history_found *history;
    void *history_arg;
    int history_code;
    char key_text[HISTORY_KEYS][80];
    size_t n_keys;
    struct {
        feed_origin_found *found; /* NULL: forgotten */
        void *arg;
    } origins[16];
    size_t n_origins;

    struct dnsbl_status zones[8];
    size_t n_zones;
    struct dnsbl_totals totals;
    struct {
        dnsbl_done *done; /* NULL: none, or forgotten */
        void *arg;
    } probes[32];
    size_t n_probes, probes_forgotten;
    bool no_probes;
} fake;

struct record_watch {
    bool passes;
    record_watched *call;
    void *arg;
};

const struct feed_status *feeds_status(const struct feeds *f, size_t i)
{
    (void)f;
    return i < fake.n_feeds ? &fake.feeds[i] : NULL;
}

const struct feed_status *feeds_status_of(const struct feeds *f, struct view name)
{
    (void)f;
    for (size_t i = 0; i < fake.n_feeds; i++)
        if (view_is(name, fake.feeds[i].name))
            return &fake.feeds[i];
    return NULL;
}

const char *feed_state_text(enum feed_state state)
{
    static const char *const words[] = {"never", "accepted", "unchanged",
                                        "held",  "refused",  "failed"};
    return words[state];
}

int64_t feeds_silent_ms(const struct feeds *f)
{
    (void)f;
    return 0;
}

void feeds_totals(const struct feeds *f, struct feeds_totals *out)
{
    (void)f;
    *out = (struct feeds_totals){.swaps = 11, .busy = true};
}

struct feeds_request *feeds_refresh(struct feeds *f, struct view name, feeds_done *done, void *arg)
{
    (void)f, (void)name;
    if (fake.n_waiting == FAKE_WAITING)
        return NULL;
    struct feeds_request *r = &fake.waiting[fake.n_waiting++];
    *r = (struct feeds_request){done, arg};
    fake.asked = "refresh";
    return r;
}

struct feeds_request *feeds_accept(struct feeds *f, struct view name, feeds_done *done, void *arg)
{
    struct feeds_request *r = feeds_refresh(f, name, done, arg);
    fake.asked = "accept";
    return r;
}

struct feeds_request *feeds_rollback(struct feeds *f, struct view name, feeds_done *done, void *arg)
{
    struct feeds_request *r = feeds_refresh(f, name, done, arg);
    fake.asked = "rollback";
    return r;
}

void feeds_forget(struct feeds_request *r)
{
    fake.forgotten++;
    for (size_t i = 0; i < fake.n_origins; i++) {
        if ((void *)r == (void *)&fake.origins[i]) {
            fake.origins[i].found = NULL;
            return;
        }
    }
    r->done = NULL;
}

struct feeds_request *feeds_origin(struct feeds *f, struct view name, enum entry_kind kind,
                                   struct view key, feed_origin_found *found, void *arg)
{
    (void)f, (void)name, (void)kind, (void)key;
    if (fake.n_origins == 16)
        return NULL;
    fake.origins[fake.n_origins].found = found;
    fake.origins[fake.n_origins].arg = arg;
    return (struct feeds_request *)(void *)&fake.origins[fake.n_origins++];
}

/* Answers the origin I, unless it was forgotten. */
static inline void fake_origin(size_t i, const struct feed_origin *origin)
{
    feed_origin_found *found = fake.origins[i].found;

    fake.origins[i].found = NULL;
    if (found != NULL)
        found(origin, fake.origins[i].arg);
}

/* Ends every request that waits. */
static inline void fake_finish(enum feeds_result result)
{
    for (size_t i = 0; i < fake.n_waiting; i++)
        if (fake.waiting[i].done != NULL)
            fake.waiting[i].done(result, fake.waiting[i].arg);
    fake.n_waiting = 0;
}

static inline void fake_feed(const char *name, enum feed_state state)
{
    struct feed_status *feed = &fake.feeds[fake.n_feeds++];

    *feed = (struct feed_status){
        .state = state, .accepted_at = 87400, .last_success = 87400, .entries = 7, .active = 5};
    snprintf(feed->name, sizeof feed->name, "%s", name);
}

static const struct local_table *fake_shared(void)
{
    return (const struct local_table *)(const void *)&fake.shared_lines;
}

size_t local_table_count(const struct local_table *ex)
{
    return ex == fake_shared() ? fake.n_shared : fake.n_lines;
}

size_t local_table_in_force(const struct local_table *ex, int64_t now)
{
    return local_table_count(ex) - local_table_expired(ex, now);
}

size_t local_table_expired(const struct local_table *ex, int64_t now)
{
    (void)ex, (void)now;
    return 0;
}

size_t local_table_left_out(const struct local_table *ex)
{
    size_t left_out = 0;

    (void)ex;
    for (size_t i = 0; i < fake.n_errors; i++)
        left_out += !fake.errors[i].warning;
    return left_out;
}

size_t local_table_errors(const struct local_table *ex)
{
    (void)ex;
    return fake.n_errors;
}

const struct local_error *local_table_error_at(const struct local_table *ex, size_t i)
{
    (void)ex;
    return i < fake.n_errors ? &fake.errors[i] : NULL;
}

bool local_is_unkept(const struct local *l)
{
    return l != NULL && fake.unkept;
}

const char *local_kind_text(enum local_kind kind)
{
    return kind == LOCAL_BLOCKS ? "blocks" : "exclusions";
}

const struct local_line *local_table_at(const struct local_table *ex, size_t i)
{
    if (ex == fake_shared())
        return i < fake.n_shared ? &fake.shared_lines[i] : NULL;
    return i < fake.n_lines ? &fake.lines[i] : NULL;
}

int local_what_parse(enum local_kind kind, struct view what, const struct address_options *options,
                     struct local_what *out, struct error *why)
{
    *out = (struct local_what){.subject = LOCAL_RECIPIENT};
    if (kind == LOCAL_EXCLUSIONS && view_starts(what, "login:")) {
        out->subject = LOCAL_LOGIN;
        out->key = view_from(what, 6);
        return 0;
    }
    if (kind == LOCAL_EXCLUSIONS && view_starts(what, "sender:")) {
        out->subject = LOCAL_SENDER;
        what = view_from(what, 7);
        if (view_is(what, "<>"))
            return 0;
    }
    if (entry_parse(what, options, &out->memory, why) != ENTRY_GOOD)
        return ERR_SYNTAX;
    out->kind = out->memory.kind;
    out->key = out->memory.key;
    return 0;
}

int local_edit(struct local *l, const struct local_edit *edit, local_edit_done *done, void *arg)
{
    fake.edit.local = l;
    if (fake.edit.code != 0)
        return fake.edit.code;
    fake.edit.action = edit->action;
    snprintf(fake.edit.words, sizeof fake.edit.words, "%.*s|%.*s|%.*s|%.*s|%.*s|%.*s",
             (int)edit->what.len, edit->what.len == 0 ? "" : edit->what.ptr, (int)edit->lists.len,
             edit->lists.len == 0 ? "" : edit->lists.ptr, (int)edit->until.len,
             edit->until.len == 0 ? "" : edit->until.ptr, (int)edit->ticket.len,
             edit->ticket.len == 0 ? "" : edit->ticket.ptr, (int)edit->note.len,
             edit->note.len == 0 ? "" : edit->note.ptr, (int)edit->by.len,
             edit->by.len == 0 ? "" : edit->by.ptr);
    fake.edit.done[fake.edit.waiting] = done;
    fake.edit.arg[fake.edit.waiting++] = arg;
    return 0;
}

/* Ends every edit that waits. */
static inline void fake_edited(const struct local_edited *result)
{
    for (size_t i = 0; i < fake.edit.waiting; i++)
        fake.edit.done[i](result, fake.edit.arg[i]);
    fake.edit.waiting = 0;
}

void fleet_look(const struct fleet *f, struct fleet_status *out)
{
    (void)f;
    *out = fake.fleet;
}

const char *fleet_state_text(enum fleet_state state)
{
    return state == FLEET_UP ? "up" : "away";
}

bool fleet_status_is_away(const struct fleet *f, int64_t now)
{
    return f != NULL &&
           ((fake.fleet.state == FLEET_AWAY && now - fake.fleet.since > FLEET_AWAY_S) ||
            (fake.fleet.unshared_since != 0 && now - fake.fleet.unshared_since > FLEET_AWAY_S));
}

char *fleet_relays(const struct fleet *f)
{
    (void)f;
    return NULL;
}

void fleet_edited(struct fleet *f, enum local_kind kind)
{
    (void)f, (void)kind;
    fake.fleet_edited++;
}

bool fleet_shares_events(const struct fleet *f)
{
    return f != NULL && fake.shares_events;
}

struct fleet_follower *fleet_follow(struct fleet *f, fleet_happened *call, void *arg)
{
    (void)f;
    fake.happened = call;
    fake.happened_arg = arg;
    return (struct fleet_follower *)&fake.happened;
}

void fleet_unfollow(struct fleet *f, struct fleet_follower *follower)
{
    (void)f;
    if (follower != NULL)
        fake.happened = NULL;
}

int fleet_why(struct fleet *f, struct view ref, fleet_found *found, void *arg)
{
    (void)f, (void)ref;
    fake.fleet_found = found;
    fake.fleet_arg = arg;
    return 0;
}

int fleet_count(struct fleet *f, fleet_counted *counted, void *arg)
{
    (void)f;
    fake.fleet_counted = counted;
    fake.fleet_arg = arg;
    return 0;
}

const struct local_table *verdict_shared(const struct verdict *v, enum local_kind kind)
{
    (void)v, (void)kind;
    return fake_shared();
}

bool protect_covers(const struct protect *p, enum entry_kind kind, struct view domain)
{
    (void)p;
    return fake.protects && kind != ENTRY_BELOW && view_is(domain, "big.example");
}

int record_why(struct record *r, struct view ref, record_found *found, void *arg)
{
    (void)r, (void)ref;
    fake.why = found;
    fake.why_arg = arg;
    return fake.why_code;
}

struct record_watch *record_watch(struct record *r, bool passes, record_watched *call, void *arg)
{
    struct record_watch *w = malloc(sizeof *w);

    (void)r;
    *w = (struct record_watch){passes, call, arg};
    fake.watches[fake.n_watches++] = w;
    return w;
}

void record_unwatch(struct record *r, struct record_watch *w)
{
    (void)r;
    for (size_t i = 0; i < fake.n_watches; i++)
        if (fake.watches[i] == w)
            fake.watches[i] = fake.watches[--fake.n_watches];
    free(w);
}

static inline void fake_decided(const struct record_decision *d)
{
    for (size_t i = 0; i < fake.n_watches; i++)
        fake.watches[i]->call(d, fake.watches[i]->arg);
}

unsigned record_most(const struct record *r, enum record_top kind, enum record_span span,
                     int64_t now, struct record_top_row rows[TOP_ROWS])
{
    (void)r, (void)now;
    snprintf(rows[0].name, sizeof rows[0].name, "top-%d-%d", (int)kind, (int)span);
    rows[0].count = 7;
    return 1;
}

int history_find(struct history *h, struct disk *disk, struct queue *loop,
                 const struct history_key *keys, size_t n, history_found *found, void *arg)
{
    (void)h, (void)disk, (void)loop;
    if (fake.history_code != 0)
        return fake.history_code;
    fake.n_keys = n;
    for (size_t i = 0; i < n; i++) {
        struct text t = text_on(fake.key_text[i], sizeof fake.key_text[i]);
        entry_print(&t, keys[i].kind, keys[i].key);
    }
    fake.history = found;
    fake.history_arg = arg;
    return 0;
}

bool local_line_frees(const struct local_line *e, struct view list)
{
    return view_eq(e->lists, list);
}

struct verdict_wait *verdict_ask(struct verdict *v, const struct question *q, verdict_done *done,
                                 void *arg)
{
    (void)v;
    snprintf(fake.asked_sender, sizeof fake.asked_sender, "%.*s", (int)q->sender.len,
             q->sender.len == 0 ? "" : q->sender.ptr);
    if (!fake.later) {
        done(fake.answer, arg);
        return NULL;
    }
    fake.done = done;
    fake.done_arg = arg;
    return (struct verdict_wait *)(void *)&fake.done;
}

void verdict_forget(struct verdict_wait *w)
{
    (void)w;
    fake.done = NULL;
}

const struct histogram *verdict_latency(const struct verdict *v, enum verdict_way way)
{
    static const struct histogram none;

    (void)v, (void)way;
    return &none;
}

const struct verdict_list_counts *verdict_list_counts(const struct verdict *v, size_t i)
{
    static const struct verdict_list_counts local = {.name = "local", .rejected = 4};

    (void)v;
    return i == 0 ? &local : NULL;
}

size_t verdict_waiting(const struct verdict *v)
{
    (void)v;
    return 11;
}

const struct blocklist *verdict_blocklist(const struct verdict *v)
{
    (void)v;
    return NULL;
}

const struct local_table *verdict_exclusions(const struct verdict *v)
{
    (void)v;
    return (const struct local_table *)&fake;
}

const struct local_table *verdict_blocks(const struct verdict *v)
{
    return verdict_exclusions(v);
}

const struct dnsbl_status *dnsbl_status(struct dnsbl *d, size_t i)
{
    (void)d;
    return i < fake.n_zones ? &fake.zones[i] : NULL;
}

const struct dnsbl_status *dnsbl_status_of(struct dnsbl *d, struct view name)
{
    (void)d;
    for (size_t i = 0; i < fake.n_zones; i++)
        if (view_is(name, fake.zones[i].name))
            return &fake.zones[i];
    return NULL;
}

const char *dnsbl_state_text(enum dnsbl_state state)
{
    static const char *const words[] = {"probing", "on", "off"};
    return words[state];
}

const char *dnsbl_query_text(enum dnsbl_query query)
{
    static const char *const words[] = {"domain", "email-sha1", "email-sha256b32", "email-md5"};
    return words[query];
}

const char *dnsbl_word_text(enum dnsbl_word word)
{
    static const char *const words[] = {
        "not asked", "waiting", "clear", "listed", "late", "not believed", "off",
    };
    return words[word];
}

void dnsbl_totals(const struct dnsbl *d, struct dnsbl_totals *out)
{
    (void)d;
    *out = fake.totals;
}

struct dnsbl_request *dnsbl_refresh(struct dnsbl *d, struct view name, dnsbl_done *done, void *arg)
{
    (void)d, (void)name;
    if (fake.no_probes)
        return NULL;
    fake.probes[fake.n_probes].done = done;
    fake.probes[fake.n_probes].arg = arg;
    return (struct dnsbl_request *)(void *)&fake.probes[fake.n_probes++];
}

void dnsbl_forget(struct dnsbl_request *r)
{
    fake.probes_forgotten++;
    for (size_t i = 0; i < fake.n_probes; i++)
        if ((void *)r == (void *)&fake.probes[i])
            fake.probes[i].done = NULL;
}

/* Ends every probe that waits. */
static inline void fake_probed(void)
{
    for (size_t i = 0; i < fake.n_probes; i++)
        if (fake.probes[i].done != NULL)
            fake.probes[i].done(fake.probes[i].arg);
    fake.n_probes = 0;
}

static inline void fake_zone(const char *name, enum dnsbl_state state, const char *why)
{
    struct dnsbl_status *zone = &fake.zones[fake.n_zones++];

    *zone = (struct dnsbl_status){.name = name,
                                  .zone = "***.dbl.example.net",
                                  .query = DNSBL_EMAIL_SHA1,
                                  .state = state,
                                  .state_since = 86400,
                                  .last_probe = 86401,
                                  .next_probe = 86402,
                                  .last_good = 86403,
                                  .questions = 1,
                                  .probes = 2,
                                  .listings = 3,
                                  .errors = 4,
                                  .timeouts = 5,
                                  .memory = 6,
                                  .late = 7,
                                  .unproven = 10,
                                  .remembered = 8,
                                  .listed = 9};
    snprintf(zone->why, sizeof zone->why, "%s", why);
}

void record_log_look(const struct record *r, struct record_log *look)
{
    (void)r;
    *look = fake.log;
}

struct record_counts *record_counts(struct record *r)
{
    (void)r;
    return &fake.counts;
}

size_t policy_clients(const struct policy *p)
{
    (void)p;
    return 3;
}

bool policy_listener(const struct policy *p, size_t i, struct policy_listener *out)
{
    (void)p;
    *out = (struct policy_listener){.is_unix = i == 0, .open = 3, .refused = 5};
    return i < 2;
}

#endif
