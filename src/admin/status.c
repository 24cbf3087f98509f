/* GET /v1/status: is all well, and if not, what to look at. */
#include "status.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "json.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/hash.h"
#include "rcptguard/base/json_text.h"
#include "rcptguard/base/log.h"
#include "request.h"
#include "zones.h"

#define DAY_S 86400

static void add_reason(json_t *reasons, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add_reason(json_t *reasons, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_array_append_new(reasons, json_text(view_of(text)));
}

/* Where the last success is not known any more (what is stored of it was lost), since it was seen
 * to fail. */
static bool is_failing(const struct feed_status *feed, int64_t now)
{
    int64_t since = feed->last_success != 0 ? feed->last_success : feed->state_since;

    return feed->state == FEED_FAILED && now - since > DAY_S;
}

bool status_feed_is(enum degraded reason, const struct feed_status *feed, int64_t now)
{
    bool held = feed->held.since != 0, never = feed->accepted_at == 0;

    switch (reason) {
    case DEGRADED_FEED_HELD:
        return held;
    case DEGRADED_FEED_NEVER:
        return never;
    case DEGRADED_FEED_REFUSED:
        return !never && !held && (feed->state == FEED_REFUSED || feed->problem[0] != '\0');
    case DEGRADED_FEED_FAILING:
        return !never && (feed->stale || is_failing(feed, now));
    default:
        return false;
    }
}

bool status_file_is(enum degraded reason, const struct local_table *table,
                    const struct local_state *state)
{
    if (reason == DEGRADED_FILE_MISSING)
        return state->missing;
    /* Of warnings the lines stay: they degrade nothing. */
    return reason == DEGRADED_FILE_ERRORS && local_table_left_out(table) > 0;
}

static const char *why_feed_is(enum degraded reason, const struct feed_status *feed)
{
    if (reason == DEGRADED_FEED_HELD)
        return feed->held.why;
    return reason == DEGRADED_FEED_REFUSED && feed->problem[0] != '\0' ? feed->problem
                                                                       : feed->last_error;
}

/* Refused is the last copy, or what is stored, as it is read now. */
static const char *refused_text(const struct feed_status *feed)
{
    return feed->state == FEED_REFUSED ? "the last copy was refused"
                                       : "the stored copy is not well";
}

void status_feed_reasons(json_t *reasons, const struct feed_status *feed, int64_t now, bool brief)
{
    const char *const words[] = {
        [DEGRADED_FEED_HELD] = "a copy is held",
        [DEGRADED_FEED_NEVER] = "no copy was ever accepted",
        [DEGRADED_FEED_REFUSED] = refused_text(feed),
        [DEGRADED_FEED_FAILING] =
            feed->stale ? "max_age is over, nothing of it blocks" : "failing for more than a day",
    };

    for (enum degraded i = DEGRADED_FEED_HELD; i <= DEGRADED_FEED_FAILING; i++) {
        const char *why = why_feed_is(i, feed);
        bool tell = !brief && why[0] != '\0';
        if (status_feed_is(i, feed, now))
            add_reason(reasons, "feed %s: %s%s%s", feed->name, words[i], tell ? ": " : "",
                       tell ? why : "");
    }
}

void status_local_reasons(json_t *reasons, enum local_kind kind, const struct local_table *table,
                          const struct local_state *state, const char *file, bool brief)
{
    const char *what = local_kind_text(kind), *problem = state->problem;

    if (problem[0] == '\0')
        problem = file;
    if (status_file_is(DEGRADED_FILE_MISSING, table, state))
        add_reason(reasons, "%s: %s", what, brief ? "the file is missing" : problem);
    if (status_file_is(DEGRADED_FILE_ERRORS, table, state))
        add_reason(reasons, "%s: %s%slines left out for errors: %zu", what, brief ? "" : file,
                   brief ? "" : ": ", local_table_left_out(table));
}

static json_t *counts_json(const struct record_counts *c)
{
    json_t *counts = json_object();

    json_put(counts, "queries", json_count(c->queries));
    json_put(counts, "foreign", json_count(c->foreign));
    json_put(counts, "passed", json_count(c->passed));
    json_put(counts, "excluded", json_count(c->excluded));
    json_put(counts, "rejected", json_count(c->rejected));
    json_put(counts, "deferred", json_count(c->deferred));
    json_put(counts, "observed", json_count(c->observed));
    json_put(counts, "unparsed", json_count(c->unparsed));
    json_put(counts, "repeated", json_count(c->repeated));
    json_put(counts, "late", json_count(c->late));
    return counts;
}

json_t *status_errors_json(const struct local_table *table)
{
    json_t *errors = json_array();
    const struct local_error *e;

    for (size_t i = 0; table != NULL && (e = local_table_error_at(table, i)) != NULL; i++) {
        json_t *error = json_object();
        json_put(error, "line", json_count(e->line));
        if (e->column > 0)
            json_put(error, "column", json_count(e->column));
        json_put(error, "error", json_text(view_of(e->text)));
        json_put(error, "warning", json_boolean(e->warning));
        json_array_append_new(errors, error);
    }
    return errors;
}

static json_t *local_json(const struct local_table *table, const struct local_state *state,
                          const char *file)
{
    json_t *object = json_object();

    json_put(object, "file", json_text(view_of(file)));
    json_put(object, "count", json_count(local_table_count(table)));
    json_put(object, "missing", json_boolean(state->missing));
    json_put(object, "problem", json_text_or_null(view_of(state->problem)));
    json_put(object, "loaded", json_time(state->loaded_at));
    json_put(object, "errors", status_errors_json(table));
    return object;
}

static json_t *blocklist_json(const struct blocklist *bl)
{
    json_t *object = json_object();

    json_put(object, "keys", json_count(bl == NULL ? 0 : blocklist_keys(bl)));
    json_put(object, "lists", json_count(bl == NULL ? 0 : blocklist_lists(bl)));
    json_put(object, "bytes", json_count(bl == NULL ? 0 : blocklist_memory_bytes(bl)));
    return object;
}

/* BRIEF: without the name of the file. */
static json_t *decisions_json(const struct record *record, bool brief)
{
    struct record_log log;
    json_t *object;

    record_log_look(record, &log);
    if (log.file == NULL)
        return json_null();
    object = json_object();
    if (!brief)
        json_put(object, "file", json_text(view_of(log.file)));
    json_put(object, "log_passes", json_boolean(log.passes));
    json_put(object, "lines", json_count(log.lines));
    json_put(object, "lost", json_count(log.lost));
    json_put(object, "waiting_bytes", json_count(log.waiting));
    json_put(object, "problem", log.problem == NULL ? json_null() : json_string(log.problem));
    return object;
}

/* What anybody may know of it has no path, host or words of Redis. */
static void fleet_reasons(json_t *reasons, const struct fleet *fleet, int64_t now, bool brief)
{
    struct fleet_status status;
    char since[21];

    if (!fleet_status_is_away(fleet, now))
        return;
    fleet_look(fleet, &status);
    int64_t at = status.unshared_since != 0 ? status.unshared_since : status.since;
    add_reason(reasons, "redis: %s since %s%s%s%s%s",
               status.state == FLEET_UP ? "takes nothing" : "away", clock_time_text(at, since),
               brief ? "" : ": ", brief ? "" : status.where, brief ? "" : ": ",
               brief ? "" : status.why);
}

static void add_not_kept(struct text *what, size_t *n, const char *kind, const char *name)
{
    if (what != NULL)
        text_addf(what, "%s%s%s", *n == 0 ? "" : ", ", kind, name);
    (*n)++;
}

size_t status_not_kept(const struct admin_house *house, struct text *what)
{
    const struct feed_status *feed;
    size_t n = 0;

    if (local_is_unkept(house->exclusions))
        add_not_kept(what, &n, "", local_kind_text(LOCAL_EXCLUSIONS));
    if (local_is_unkept(house->blocks))
        add_not_kept(what, &n, "", local_kind_text(LOCAL_BLOCKS));
    for (enum local_kind i = LOCAL_EXCLUSIONS; i <= LOCAL_BLOCKS; i++)
        if (local_is_unkept(house->shared[i].local))
            add_not_kept(what, &n, "shared ", local_kind_text(i));
    for (size_t i = 0; (feed = feeds_status(house->feeds, i)) != NULL; i++)
        if (feed->unkept)
            add_not_kept(what, &n, "feed ", feed->name);
    return n;
}

/* The log has the error itself; mostly it is a directory that root wrote into, or a full disk. */
static void not_kept_reasons(json_t *reasons, const struct admin_house *house, bool brief)
{
    char what[300];
    struct text names = text_on(what, sizeof what);

    if (status_not_kept(house, &names) == 0)
        return;
    if (brief)
        add_reason(reasons, "state_dir: not kept for the next start: %s", what);
    else
        add_reason(reasons,
                   "state_dir %s: not kept for the next start: %s; look at the disk's room, and "
                   "who owns it: chown -R %u %s",
                   house->state_dir, what, geteuid(), house->state_dir);
}

static json_t *reasons_json(const struct admin_house *house, int64_t now, bool brief)
{
    json_t *reasons = json_array();
    const struct feed_status *feed;

    for (size_t i = 0; (feed = feeds_status(house->feeds, i)) != NULL; i++)
        status_feed_reasons(reasons, feed, now, brief);
    zones_reasons(reasons, house->dnsbl, brief);
    status_local_reasons(reasons, LOCAL_EXCLUSIONS, verdict_exclusions(house->verdict),
                         house->exclusions_state, house->exclusions_file, brief);
    if (house->blocks_state != NULL)
        status_local_reasons(reasons, LOCAL_BLOCKS, verdict_blocks(house->verdict),
                             house->blocks_state, house->blocks_file, brief);
    for (enum local_kind i = LOCAL_EXCLUSIONS; i <= LOCAL_BLOCKS; i++)
        if (house->shared[i].local != NULL)
            status_local_reasons(reasons, i, verdict_shared(house->verdict, i),
                                 house->shared[i].state, house->shared[i].file, brief);
    fleet_reasons(reasons, house->fleet, now, brief);
    not_kept_reasons(reasons, house, brief);
    return reasons;
}

size_t admin_degraded(const struct admin_house *house, char *first, size_t size)
{
    json_t *reasons = reasons_json(house, clock_now(), true);
    size_t n = json_array_size(reasons);
    const char *text = json_string_value(json_array_get(reasons, 0));

    snprintf(first, size, "%s", text == NULL ? "" : text);
    json_decref(reasons);
    return n;
}

static json_t *kind_json(const struct admin_house *house, const struct fleet_status *status,
                         enum local_kind kind)
{
    const struct fleet_kind_status *k = &status->kinds[kind];
    const struct admin_shared *shared = &house->shared[kind];
    char digest[2 * sizeof k->digest + 1];

    if (shared->local == NULL)
        return json_null();
    json_t *object = local_json(verdict_shared(house->verdict, kind), shared->state, shared->file);
    json_put(object, "version", json_count(k->version));
    json_put(object, "digest", json_string(hex_text(k->digest, sizeof k->digest, digest)));
    json_put(object, "waiting", json_count(k->waiting));
    json_put(object, "agreed", json_time(k->agreed_at));
    json_put(object, "refused", json_count(k->refused));
    return object;
}

/* Made by this daemon, of what others said. */
static json_t *relays_json(const struct fleet *fleet)
{
    char *text = fleet_relays(fleet);
    json_t *relays = text == NULL ? json_array() : json_parse(view_of(text), 0, NULL);

    free(text);
    return relays;
}

static json_t *events_json(const struct fleet *fleet, const struct fleet_events_status *e)
{
    if (!fleet_shares_events(fleet))
        return json_null();
    json_t *object = json_object();
    json_put(object, "told", json_count(e->told));
    json_put(object, "lost", json_count(e->lost));
    json_put(object, "waiting_bytes", json_count(e->waiting));
    json_put(object, "refused", json_count(e->refused));
    json_put(object, "problem", json_text_or_null(view_of(e->problem)));
    return object;
}

static json_t *fleet_json(const struct admin_house *house, bool all)
{
    struct fleet_status status;
    json_t *object;

    if (house->fleet == NULL)
        return json_null();
    fleet_look(house->fleet, &status);
    object = json_object();
    json_put(object, "state", json_string(fleet_state_text(status.state)));
    json_put(object, "since", json_time(status.since));
    json_put(object, "where", json_text(view_of(status.where)));
    json_put(object, "relay", json_text(view_of(status.relay)));
    json_put(object, "problem", json_text_or_null(view_of(status.why)));
    json_put(object, "drift", json_boolean(status.drift));
    if (all)
        json_put(object, "relays", relays_json(house->fleet));
    json_put(object, "exclusions", kind_json(house, &status, LOCAL_EXCLUSIONS));
    json_put(object, "blocks", kind_json(house, &status, LOCAL_BLOCKS));
    json_put(object, "events", events_json(house->fleet, &status.events));
    return object;
}

/* What anybody may know. */
static json_t *brief_json(const struct admin_house *house, bool brief)
{
    int64_t now = clock_now();
    json_t *object = json_object(), *reasons = reasons_json(house, now, brief);

    json_put(object, "status", json_string(json_array_size(reasons) == 0 ? "ok" : "degraded"));
    json_put(object, "reasons", reasons);
    json_put(object, "version", json_string(RCPTGUARD_VERSION));
    json_put(object, "uptime", json_integer((clock_mono_ms() - house->started_ms) / 1000));
    json_put(object, "started", json_time(house->started_at));
    json_put(object, "reloaded", json_time(house->reloaded_at));
    json_put(object, "mode", json_string(house->observe ? "observe" : "enforce"));
    json_put(object, "counts", counts_json(record_counts(house->record)));
    json_put(object, "blocklist", blocklist_json(verdict_blocklist(house->verdict)));
    json_put(object, "clients", json_count(policy_clients(house->policy)));
    json_put(object, "log_dropped", json_count(log_dropped()));
    json_put(object, "decisions", decisions_json(house->record, brief));
    return object;
}

void admin_status_anybody(struct request *r)
{
    request_reply(r, 200, brief_json(r->admin->house, true));
}

void admin_status(struct request *r)
{
    const struct admin_house *house = r->admin->house;
    json_t *object = brief_json(house, false);
    struct view all;

    json_put(object, "pid", json_integer(getpid()));
    json_put(object, "reload_problem", json_text_or_null(view_of(house->reload_problem)));
    json_put(object, "protect_problem", json_text_or_null(view_of(house->protect_problem)));
    json_put(object, "admin_clients", json_count(connections_count(r->at->connections)));
    json_put(object, "fleet", fleet_json(house, target_get(&r->target, "fleet", &all)));
    json_put(object, "dns", zones_totals_json(house->dnsbl, verdict_waiting(house->verdict)));
    json_put(object, "exclusions",
             local_json(verdict_exclusions(house->verdict), house->exclusions_state,
                        house->exclusions_file));
    if (house->blocks_state != NULL)
        json_put(
            object, "blocks",
            local_json(verdict_blocks(house->verdict), house->blocks_state, house->blocks_file));
    request_reply(r, 200, object);
}
