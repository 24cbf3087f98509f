/* Metrics of what is looked into: feeds and their index, exclusions and blocks, DNS zones. */
#include "metrics.h"

#include "rcptguard/base/clock.h"

#define N(array) (sizeof(array) / sizeof(array)[0])

/* ---- feeds ---------------------------------------------------------------------------------- */

#define FEED(id, member, type)                                                                     \
    {METRIC_FEED_##id, offsetof(struct feed_status, member), METRICS_##type}

static void put_feed_members(struct metrics_page *page, const struct feeds *feeds)
{
    static const struct metrics_member members[] = {
        FEED(ENTRIES, entries, U64),
        FEED(ACTIVE, active, U64),
        FEED(ROWS, rows, U64),
        FEED(BAD_ROWS, bad_rows, U64),
        FEED(IGNORED_ROWS, ignored_rows, U64),
        FEED(DROPPED, dropped, U64),
        FEED(ACCEPTED_TIME, accepted_at, I64),
        FEED(SUCCESS_TIME, last_success, I64),
        FEED(FETCH_TIME, last_fetch, I64),
        FEED(NEXT_TIME, next_fetch, I64),
        FEED(HELD_SINCE, held.since, I64),
        FEED(STALE, stale, BOOL),
        FEED(UNKEPT, unkept, BOOL),
    };
    const struct feed_status *feed;

    for (size_t m = 0; m < N(members); m++) {
        metrics_open(page, members[m].id);
        for (size_t i = 0; (feed = feeds_status(feeds, i)) != NULL; i++)
            metrics_put_member(page, feed->name, NULL, &members[m], feed);
    }
}

static void put_feed_states(struct metrics_page *page, const struct feeds *feeds)
{
    const struct feed_status *feed;

    metrics_open(page, METRIC_FEED_STATE);
    for (size_t i = 0; (feed = feeds_status(feeds, i)) != NULL; i++)
        for (enum feed_state s = FEED_NEVER; s <= FEED_FAILED; s++)
            metrics_put(page, feed->name, feed_state_text(s), s == feed->state);
}

/* Of guards only those that ever objected: eighteen for each of many feeds would be most of the
 * page. */
static void put_feed_looks(struct metrics_page *page, const struct feeds *feeds)
{
    const struct feed_status *feed;

    metrics_open(page, METRIC_FEED_LOOKS);
    for (size_t i = 0; (feed = feeds_status(feeds, i)) != NULL; i++)
        for (enum feed_state s = FEED_ACCEPTED; s <= FEED_FAILED; s++)
            metrics_put(page, feed->name, feed_state_text(s), feed->looks[s]);
    metrics_open(page, METRIC_FEED_GUARD_FAILURES);
    for (size_t i = 0; (feed = feeds_status(feeds, i)) != NULL; i++)
        for (unsigned g = 0; g < FEED_GUARDS; g++)
            if (feed->guards[g] > 0)
                metrics_put(page, feed->name, feed_guard_name(g), feed->guards[g]);
}

static void put_index(struct metrics_page *page, const struct admin_house *house)
{
    const struct blocklist *bl = verdict_blocklist(house->verdict);
    struct feeds_totals totals;

    feeds_totals(house->feeds, &totals);
    metrics_one(page, METRIC_INDEX_KEYS, bl == NULL ? 0 : blocklist_keys(bl));
    metrics_one(page, METRIC_INDEX_LISTS, bl == NULL ? 0 : blocklist_lists(bl));
    metrics_one(page, METRIC_INDEX_BYTES, bl == NULL ? 0 : blocklist_memory_bytes(bl));
    metrics_one_ns(page, METRIC_INDEX_BUILD_DURATION, totals.build_ns);
    metrics_one(page, METRIC_INDEX_BUILD_ERRORS, totals.build_errors);
    metrics_one(page, METRIC_INDEX_SWAPS, totals.swaps);
    metrics_one(page, METRIC_INDEX_SWAP_TIME, (uint64_t)totals.swapped_at);
    metrics_one(page, METRIC_WORKER_BUSY, totals.busy);
    metrics_one(page, METRIC_WORKER_TURN_TIME,
                (uint64_t)(clock_now() - feeds_silent_ms(house->feeds) / 1000));
}

/* ---- exclusions and local blocks ------------------------------------------------------------ */

struct local_file {
    const char *name;
    const struct local_table *table;
    const struct local_state *state;
};

static void put_local_files(struct metrics_page *page, const struct local_file *files, size_t n)
{
    int64_t now = clock_now();

    metrics_open(page, METRIC_LOCAL_LINES);
    for (size_t i = 0; i < n; i++) {
        metrics_put(page, files[i].name, "in_force", local_table_in_force(files[i].table, now));
        metrics_put(page, files[i].name, "expired", local_table_expired(files[i].table, now));
        metrics_put(page, files[i].name, "broken", local_table_left_out(files[i].table));
    }
    metrics_open(page, METRIC_LOCAL_MISSING);
    for (size_t i = 0; i < n; i++)
        metrics_put(page, files[i].name, NULL, files[i].state->missing);
    metrics_open(page, METRIC_LOCAL_TIME);
    for (size_t i = 0; i < n; i++)
        metrics_put(page, files[i].name, NULL, (uint64_t)files[i].state->loaded_at);
}

static void put_local(struct metrics_page *page, const struct admin_house *house)
{
    const struct local_file files[] = {
        {local_kind_text(LOCAL_EXCLUSIONS), verdict_exclusions(house->verdict),
         house->exclusions_state},
        {local_kind_text(LOCAL_BLOCKS), verdict_blocks(house->verdict), house->blocks_state},
    };

    put_local_files(page, files, house->blocks_state == NULL ? 1 : 2);
}

/* ---- DNS zones ------------------------------------------------------------------------------ */

#define ZONE(id, member, type)                                                                     \
    {METRIC_DNSBL_##id, offsetof(struct dnsbl_status, member), METRICS_##type}

static void put_members(struct metrics_page *page, const struct metrics_member *members, size_t m,
                        const struct dnsbl_status *zones, size_t n)
{
    for (; m > 0; m--, members++) {
        metrics_open(page, members->id);
        for (size_t i = 0; i < n; i++)
            metrics_put_member(page, zones[i].name, NULL, members, &zones[i]);
    }
}

static void put_zones(struct metrics_page *page, const struct dnsbl_status *zones, size_t n)
{
    static const struct metrics_member asked[] = {ZONE(QUESTIONS, questions, U64)};
    static const struct metrics_member others[] = {
        ZONE(LISTINGS, listings, U64),        ZONE(ERRORS, errors, U64),
        ZONE(TIMEOUTS, timeouts, U64),        ZONE(LATE, late, U64),
        ZONE(UNPROVEN, unproven, U64),        ZONE(PROBES, probes, U64),
        ZONE(PROBE_TIME, last_probe, I64),    ZONE(GOOD_TIME, last_good, I64),
        ZONE(CACHE_HITS, memory, U64),        ZONE(CACHE_MISSES, misses, U64),
        ZONE(CACHE_ENTRIES, remembered, U64), ZONE(CACHE_LISTED, listed, U64),
    };

    metrics_open(page, METRIC_DNSBL_STATE);
    for (size_t i = 0; i < n; i++)
        for (enum dnsbl_state s = DNSBL_PROBING; s <= DNSBL_IS_OFF; s++)
            metrics_put(page, zones[i].name, dnsbl_state_text(s), s == zones[i].state);
    put_members(page, asked, N(asked), zones, n);
    metrics_open(page, METRIC_DNSBL_ANSWER_DURATION);
    for (size_t i = 0; i < n; i++)
        metrics_put_summary(page, zones[i].name, zones[i].answers, zones[i].answers_ns);
    put_members(page, others, N(others), zones, n);
}

/* A zone's status is made when it is asked for: once, and not for every line. */
static void put_dnsbl(struct metrics_page *page, struct dnsbl *dnsbl)
{
    struct dnsbl_status zones[DNSBL_ZONES_MAX];
    const struct dnsbl_status *zone;
    struct dnsbl_totals totals = {.names = 0};
    size_t n = 0;

    while (dnsbl != NULL && n < DNSBL_ZONES_MAX && (zone = dnsbl_status(dnsbl, n)) != NULL)
        zones[n++] = *zone;
    if (dnsbl != NULL)
        dnsbl_totals(dnsbl, &totals);
    put_zones(page, zones, n);
    metrics_one(page, METRIC_DNS_CACHE_BYTES, totals.bytes);
    metrics_one(page, METRIC_DNS_WAITING, totals.waiting);
    metrics_one(page, METRIC_DNS_DROPPED, totals.dropped);
}

void metrics_lists(struct metrics_page *page, const struct admin_house *house)
{
    put_feed_states(page, house->feeds);
    put_feed_members(page, house->feeds);
    put_feed_looks(page, house->feeds);
    put_index(page, house);
    put_local(page, house);
    put_dnsbl(page, house->dnsbl);
}
