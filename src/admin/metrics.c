/*
 * GET /metrics: everything that is counted, in one page, made on the loop out of memory while
 * queries wait: rcptguard_metrics_page_duration_seconds says for how long.
 */
#include "metrics.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"
#include "status.h"
#include "usage.h"

#define PAGE_BYTES 16384 /* of the first page; later ones know from the one before */

static void put_queries(struct metrics_page *page, const struct admin_house *house)
{
    const struct record_counts *c = record_counts(house->record);

    metrics_open(page, METRIC_QUERIES);
    metrics_put(page, "recipient", NULL, c->queries - c->foreign);
    metrics_put(page, "foreign", NULL, c->foreign);
    metrics_open(page, METRIC_RECIPIENTS);
    metrics_put(page, "pass", NULL, c->passed);
    metrics_put(page, "excluded", NULL, c->excluded);
    metrics_put(page, "reject", NULL, c->rejected);
    metrics_put(page, "defer", NULL, c->deferred);
    metrics_put(page, "observe", NULL, c->observed);
    metrics_put(page, "unparsed", NULL, c->unparsed);
    metrics_put(page, "repeated", NULL, c->repeated);
}

static void put_list_verdicts(struct metrics_page *page, const struct admin_house *house)
{
    const struct verdict_list_counts *list;

    metrics_open(page, METRIC_LIST_VERDICTS);
    for (size_t i = 0; (list = verdict_list_counts(house->verdict, i)) != NULL; i++) {
        metrics_put(page, list->name, "reject", list->rejected);
        metrics_put(page, list->name, "defer", list->deferred);
        metrics_put(page, list->name, "observe", list->observed);
        metrics_put(page, list->name, "excluded", list->excluded);
    }
}

static void put_verdicts(struct metrics_page *page, const struct admin_house *house)
{
    put_queries(page, house);
    put_list_verdicts(page, house);
    metrics_open(page, METRIC_VERDICT_DURATION);
    metrics_put_histogram(page, "memory", verdict_latency(house->verdict, VERDICT_AT_ONCE));
    metrics_put_histogram(page, "dns", verdict_latency(house->verdict, VERDICT_WAITED));
    metrics_one(page, METRIC_DEADLINE_MISSES, record_counts(house->record)->late);
    metrics_one(page, METRIC_RECIPIENTS_WAITING, verdict_waiting(house->verdict));
    metrics_one(page, METRIC_OBSERVE_MODE, house->observe);
}

/* Listeners by number: their paths and addresses are nobody's business. */
static void put_listeners(struct metrics_page *page, const struct policy *policy)
{
    static const struct metrics_member members[] = {
        {METRIC_CONNECTIONS, offsetof(struct policy_listener, open), METRICS_UINT},
        {METRIC_CONNECTIONS_MAX, offsetof(struct policy_listener, max_clients), METRICS_UINT},
        {METRIC_CONNECTIONS_ACCEPTED, offsetof(struct policy_listener, accepted), METRICS_U64},
        {METRIC_CONNECTIONS_REFUSED, offsetof(struct policy_listener, refused), METRICS_U64},
        {METRIC_CONNECTIONS_BROKEN, offsetof(struct policy_listener, broken), METRICS_U64},
    };
    struct policy_listener listener;

    for (size_t m = 0; m < sizeof members / sizeof members[0]; m++) {
        metrics_open(page, members[m].id);
        for (size_t i = 0; policy_listener(policy, i, &listener); i++) {
            char number[24];
            struct text t = text_on(number, sizeof number);
            text_addf(&t, "%zu", i + 1);
            metrics_put_member(page, number, listener.is_unix ? "unix" : "inet", &members[m],
                               &listener);
        }
    }
}

static void put_connections(struct metrics_page *page, const struct admin *a)
{
    put_listeners(page, a->house->policy);
    metrics_open(page, METRIC_ADMIN_CONNECTIONS);
    if (a->socket.connections != NULL)
        metrics_put(page, "socket", NULL, connections_count(a->socket.connections));
    if (a->anybody.connections != NULL)
        metrics_put(page, "http", NULL, connections_count(a->anybody.connections));
    metrics_one(page, METRIC_EVENT_STREAMS, a->streams);
    metrics_one(page, METRIC_EVENTS_LOST, a->events_lost);
}

static uint64_t count_zones_off(struct dnsbl *dnsbl)
{
    const struct dnsbl_status *zone;
    uint64_t off = 0;

    for (size_t i = 0; dnsbl != NULL && (zone = dnsbl_status(dnsbl, i)) != NULL; i++)
        off += zone->state == DNSBL_IS_OFF;
    return off;
}

static void count_reasons(const struct admin_house *house, uint64_t counts[DEGRADED_REASONS])
{
    const struct feed_status *feed;
    int64_t now = clock_now();

    memset(counts, 0, DEGRADED_REASONS * sizeof counts[0]);
    for (size_t i = 0; (feed = feeds_status(house->feeds, i)) != NULL; i++)
        for (enum degraded r = DEGRADED_FEED_HELD; r <= DEGRADED_FEED_FAILING; r++)
            counts[r] += status_feed_is(r, feed, now);
    for (enum degraded r = DEGRADED_FILE_MISSING; r <= DEGRADED_FILE_ERRORS; r++) {
        counts[r] += status_file_is(r, verdict_exclusions(house->verdict), house->exclusions_state);
        if (house->blocks_state != NULL)
            counts[r] += status_file_is(r, verdict_blocks(house->verdict), house->blocks_state);
    }
    counts[DEGRADED_ZONE_OFF] = count_zones_off(house->dnsbl);
    counts[DEGRADED_REDIS_AWAY] = fleet_status_is_away(house->fleet, now);
    counts[DEGRADED_NOT_KEPT] = status_not_kept(house, NULL);
}

static void put_degraded(struct metrics_page *page, const struct admin_house *house)
{
    static const char *const words[DEGRADED_REASONS] = {
        [DEGRADED_FEED_HELD] = "feed_held",       [DEGRADED_FEED_NEVER] = "feed_never_accepted",
        [DEGRADED_FEED_REFUSED] = "feed_refused", [DEGRADED_FEED_FAILING] = "feed_failing",
        [DEGRADED_FILE_MISSING] = "file_missing", [DEGRADED_FILE_ERRORS] = "file_errors",
        [DEGRADED_ZONE_OFF] = "zone_off",         [DEGRADED_REDIS_AWAY] = "redis_away",
        [DEGRADED_NOT_KEPT] = "not_kept",
    };
    uint64_t counts[DEGRADED_REASONS], all = 0;

    count_reasons(house, counts);
    for (enum degraded r = 0; r < DEGRADED_REASONS; r++)
        all += counts[r];
    metrics_one(page, METRIC_DEGRADED, all > 0);
    metrics_open(page, METRIC_DEGRADED_REASONS);
    for (enum degraded r = 0; r < DEGRADED_REASONS; r++)
        metrics_put(page, words[r], NULL, counts[r]);
}

static void put_decisions(struct metrics_page *page, const struct admin_house *house)
{
    struct record_log log;

    record_log_look(house->record, &log);
    metrics_open(page, METRIC_DECISIONS);
    metrics_put(page, "taken", NULL, log.lines);
    metrics_put(page, "lost", NULL, log.lost);
    metrics_one(page, METRIC_DECISIONS_WAITING, log.waiting);
    metrics_one(page, METRIC_DECISIONS_GOOD, log.problem == NULL);
}

static void put_kinds(struct metrics_page *page, const struct admin_house *house,
                      const struct fleet_status *status, enum metric_id id)
{
    metrics_open(page, id);
    for (enum local_kind i = LOCAL_EXCLUSIONS; i <= LOCAL_BLOCKS; i++) {
        const struct fleet_kind_status *k = &status->kinds[i];
        if (house->shared[i].local == NULL)
            continue;
        metrics_put(page, local_kind_text(i), NULL,
                    id == METRIC_FLEET_LINES     ? k->entries
                    : id == METRIC_FLEET_WAITING ? k->waiting
                    : id == METRIC_FLEET_REFUSED ? k->refused
                                                 : (uint64_t)k->agreed_at);
    }
}

static void put_events(struct metrics_page *page, const struct fleet_events_status *e)
{
    metrics_open(page, METRIC_FLEET_EVENTS);
    metrics_put(page, "told", NULL, e->told);
    metrics_put(page, "lost", NULL, e->lost);
    metrics_one(page, METRIC_FLEET_EVENTS_WAITING, e->waiting);
    metrics_one(page, METRIC_FLEET_EVENTS_REFUSED, e->refused);
}

static void put_fleet(struct metrics_page *page, const struct admin_house *house)
{
    struct fleet_status status;

    if (house->fleet == NULL)
        return;
    fleet_look(house->fleet, &status);
    metrics_one(page, METRIC_FLEET_UP, status.state == FLEET_UP);
    for (enum metric_id id = METRIC_FLEET_LINES; id <= METRIC_FLEET_AGREED; id++)
        put_kinds(page, house, &status, id);
    metrics_one(page, METRIC_FLEET_DRIFT, status.drift);
    metrics_open(page, METRIC_FLEET_LISTS);
    metrics_put(page, "taken", NULL, status.lists.taken);
    metrics_put(page, "same", NULL, status.lists.same);
    metrics_put(page, "led", NULL, status.lists.led);
    metrics_put(page, "bad", NULL, status.lists.bad);
    if (fleet_shares_events(house->fleet))
        put_events(page, &status.events);
}

static void put_health(struct metrics_page *page, const struct admin *a)
{
    const struct admin_house *house = a->house;
    int64_t read_at = house->reloaded_at == 0 ? house->started_at : house->reloaded_at;

    put_degraded(page, house);
    metrics_one(page, METRIC_RELOAD_GOOD, house->reload_problem[0] == '\0');
    metrics_one(page, METRIC_RELOAD_TIME, (uint64_t)read_at);
    metrics_one(page, METRIC_LOG_DROPPED, log_dropped());
    put_decisions(page, house);
    metrics_one_ns(page, METRIC_PAGE_DURATION, a->metrics_ns);
    metrics_open(page, METRIC_BUILD_INFO);
    metrics_put(page, RCPTGUARD_VERSION, NULL, 1);
}

static int64_t ns_of(const struct timeval *t)
{
    return ((int64_t)t->tv_sec * 1000000 + t->tv_usec) * 1000;
}

static void put_process(struct metrics_page *page, struct admin *a)
{
    const struct usage_numbers usage = usage_now(a);
    struct rusage spent;
    struct rlimit fds;

    if (getrusage(RUSAGE_SELF, &spent) == 0)
        metrics_one_ns(page, METRIC_PROCESS_CPU, ns_of(&spent.ru_utime) + ns_of(&spent.ru_stime));
    if (usage.known) {
        metrics_one(page, METRIC_PROCESS_RESIDENT, usage.resident_bytes);
        metrics_one(page, METRIC_PROCESS_VIRTUAL, usage.virtual_bytes);
        metrics_one(page, METRIC_PROCESS_OPEN_FDS, usage.open_fds);
    }
    if (getrlimit(RLIMIT_NOFILE, &fds) == 0)
        metrics_one(page, METRIC_PROCESS_MAX_FDS, fds.rlim_cur);
    metrics_one(page, METRIC_PROCESS_START_TIME, (uint64_t)a->house->started_at);
}

void admin_metrics(struct request *r)
{
    struct admin *a = r->admin;
    struct metrics_page page;
    int64_t began_ns = clock_mono_ns();

    metrics_begin(&page, a->metrics_bytes == 0 ? PAGE_BYTES : a->metrics_bytes + 4096);
    put_verdicts(&page, a->house);
    put_connections(&page, a);
    metrics_lists(&page, a->house);
    put_fleet(&page, a->house);
    put_health(&page, a);
    put_process(&page, a);
    a->metrics_ns = clock_mono_ns() - began_ns;
    if (page.failed) {
        free(page.bytes);
        request_reply(r, 500, NULL);
        return;
    }
    a->metrics_bytes = page.len;
    request_reply_bytes(r, METRICS_CONTENT_TYPE, page.bytes, page.len);
}
