/* The table of metrics, and the document that is made of it. */
#include "metrics_table.h"

#include "rcptguard/base/error.h"

#define A_FEED     "`list`: a feed"
#define A_ZONE     "`list`: a DNS zone, by the name of its section"
#define A_LISTENER "`listener`: 1 is the first of `[policy] listen`; `kind`: unix, inet"

const struct metric metrics_table[METRICS] = {
    [METRIC_QUERIES] =
        {
            .section = "Queries and verdicts",
            .name = "rcptguard_queries_total",
            .type = METRIC_COUNTER,
            .labels = {"kind"},
            .values = "`kind`: recipient; foreign: not about a recipient, answered DUNNO",
            .help = "Whole queries of Postfix.",
        },
    [METRIC_RECIPIENTS] =
        {
            .name = "rcptguard_recipients_total",
            .type = METRIC_COUNTER,
            .labels = {"result"},
            .values = "`result`: pass; excluded: listed, and an exclusion frees it; reject; defer; "
                      "observe: would have been refused; unparsed: no address with a domain; "
                      "repeated: a refusal asked for again within the minute",
            .help = "Recipients by what became of them; each is counted once.",
        },
    [METRIC_LIST_VERDICTS] =
        {
            .name = "rcptguard_list_verdicts_total",
            .type = METRIC_COUNTER,
            .labels = {"list", "action"},
            .values = "`list`: local (blocks), feeds and zones; `action`: reject, defer, observe, "
                      "excluded",
            .help = "Recipients that a list decided; a refusal that is asked for again within the "
                    "minute counts once.",
        },
    [METRIC_VERDICT_DURATION] =
        {
            .name = "rcptguard_verdict_duration_seconds",
            .type = METRIC_HISTOGRAM,
            .labels = {"from"},
            .values = "`from`: memory; dns: it waited for a zone",
            .help = "From a recipient's query to its answer, without the sockets.",
        },
    [METRIC_DEADLINE_MISSES] =
        {
            .name = "rcptguard_deadline_misses_total",
            .type = METRIC_COUNTER,
            .help = "Recipients decided without some DNS zone, which had not answered within its "
                    "timeout or [policy] deadline.",
        },
    [METRIC_RECIPIENTS_WAITING] =
        {
            .name = "rcptguard_recipients_waiting",
            .type = METRIC_GAUGE,
            .help = "Recipients that wait for a DNS zone now.",
        },
    [METRIC_OBSERVE_MODE] =
        {
            .name = "rcptguard_observe_mode",
            .type = METRIC_GAUGE,
            .help = "1: mode = observe, nobody is refused.",
        },

    [METRIC_CONNECTIONS] =
        {
            .section = "Connections",
            .name = "rcptguard_policy_connections",
            .type = METRIC_GAUGE,
            .labels = {"listener", "kind"},
            .values = A_LISTENER,
            .help = "Connections of Postfix now.",
        },
    [METRIC_CONNECTIONS_MAX] =
        {
            .name = "rcptguard_policy_connections_max",
            .type = METRIC_GAUGE,
            .labels = {"listener", "kind"},
            .values = A_LISTENER,
            .help = "How many there may be: [policy] max_clients.",
        },
    [METRIC_CONNECTIONS_ACCEPTED] =
        {
            .name = "rcptguard_policy_connections_accepted_total",
            .type = METRIC_COUNTER,
            .labels = {"listener", "kind"},
            .values = A_LISTENER,
            .help = "Connections that were taken.",
        },
    [METRIC_CONNECTIONS_REFUSED] =
        {
            .name = "rcptguard_policy_connections_refused_total",
            .type = METRIC_COUNTER,
            .labels = {"listener", "kind"},
            .values = A_LISTENER,
            .help = "Connections closed at once, beyond max_clients.",
        },
    [METRIC_CONNECTIONS_BROKEN] =
        {
            .name = "rcptguard_policy_connections_broken_total",
            .type = METRIC_COUNTER,
            .labels = {"listener", "kind"},
            .values = A_LISTENER,
            .help = "Connections closed since what they sent was no query.",
        },
    [METRIC_ADMIN_CONNECTIONS] =
        {
            .name = "rcptguard_admin_connections",
            .type = METRIC_GAUGE,
            .labels = {"listener"},
            .values = "`listener`: socket, http",
            .help = "Connections to the admin API now, this one too.",
        },
    [METRIC_EVENT_STREAMS] =
        {
            .name = "rcptguard_event_streams",
            .type = METRIC_GAUGE,
            .help = "Clients that watch decisions (rcptguard events).",
        },
    [METRIC_EVENTS_LOST] =
        {
            .name = "rcptguard_events_lost_total",
            .type = METRIC_COUNTER,
            .help = "Decisions not shown to a client that watched, as it read too slowly.",
        },

    [METRIC_FEED_STATE] =
        {
            .section = "Feeds",
            .name = "rcptguard_feed_state",
            .type = METRIC_GAUGE,
            .labels = {"list", "state"},
            .values = A_FEED "; `state`: never, accepted, unchanged, held, refused, failed",
            .help = "1 for the state that the last look left the feed in, 0 for others.",
        },
    [METRIC_FEED_ENTRIES] =
        {
            .name = "rcptguard_feed_entries",
            .type = METRIC_GAUGE,
            .labels = {"list"},
            .values = A_FEED,
            .help = "Unique entries of the copy in force.",
        },
    [METRIC_FEED_ACTIVE] =
        {
            .name = "rcptguard_feed_active_entries",
            .type = METRIC_GAUGE,
            .labels = {"list"},
            .values = A_FEED,
            .help = "Entries that block now.",
        },
    [METRIC_FEED_ROWS] =
        {
            .name = "rcptguard_feed_rows",
            .type = METRIC_GAUGE,
            .labels = {"list"},
            .values = A_FEED,
            .help = "Good rows of the copy in force.",
        },
    [METRIC_FEED_BAD_ROWS] =
        {
            .name = "rcptguard_feed_bad_rows",
            .type = METRIC_GAUGE,
            .labels = {"list"},
            .values = A_FEED,
            .help = "Rows of the copy in force that do not parse.",
        },
    [METRIC_FEED_IGNORED_ROWS] =
        {
            .name = "rcptguard_feed_ignored_rows",
            .type = METRIC_GAUGE,
            .labels = {"list"},
            .values = A_FEED,
            .help = "Rows of the copy in force that say nothing of mail domains.",
        },
    [METRIC_FEED_DROPPED] =
        {
            .name = "rcptguard_feed_dropped_entries",
            .type = METRIC_GAUGE,
            .labels = {"list"},
            .values = A_FEED,
            .help = "Entries left out: protected domains, public suffixes, the root.",
        },
    [METRIC_FEED_ACCEPTED_TIME] =
        {
            .name = "rcptguard_feed_accepted_timestamp_seconds",
            .type = METRIC_GAUGE,
            .labels = {"list"},
            .values = A_FEED,
            .help = "When the copy in force was taken; 0: never.",
        },
    [METRIC_FEED_SUCCESS_TIME] =
        {
            .name = "rcptguard_feed_last_success_timestamp_seconds",
            .type = METRIC_GAUGE,
            .labels = {"list"},
            .values = A_FEED,
            .help = "When the publisher last confirmed or replaced the copy in force: its age; 0: "
                    "never.",
        },
    [METRIC_FEED_FETCH_TIME] =
        {
            .name = "rcptguard_feed_last_fetch_timestamp_seconds",
            .type = METRIC_GAUGE,
            .labels = {"list"},
            .values = A_FEED,
            .help = "When the feed was last asked for; 0: never.",
        },
    [METRIC_FEED_NEXT_TIME] =
        {
            .name = "rcptguard_feed_next_fetch_timestamp_seconds",
            .type = METRIC_GAUGE,
            .labels = {"list"},
            .values = A_FEED,
            .help = "When the feed will be asked for again.",
        },
    [METRIC_FEED_HELD_SINCE] =
        {
            .name = "rcptguard_feed_held_since_timestamp_seconds",
            .type = METRIC_GAUGE,
            .labels = {"list"},
            .values = A_FEED,
            .help = "Since when a copy is held back by the guards; 0: none is.",
        },
    [METRIC_FEED_STALE] =
        {
            .name = "rcptguard_feed_stale",
            .type = METRIC_GAUGE,
            .labels = {"list"},
            .values = A_FEED,
            .help = "1: the copy is older than max_age, and nothing of it blocks.",
        },
    [METRIC_FEED_UNKEPT] =
        {
            .name = "rcptguard_feed_unkept",
            .type = METRIC_GAUGE,
            .labels = {"list"},
            .values = A_FEED,
            .help = "1: the copy in force could not be stored, the next start would have the one "
                    "of before.",
        },
    [METRIC_FEED_LOOKS] =
        {
            .name = "rcptguard_feed_looks_total",
            .type = METRIC_COUNTER,
            .labels = {"list", "result"},
            .values = A_FEED "; `result`: accepted, unchanged, held, refused, failed",
            .help = "Fetches, and copies that a person or time took or gave back, by what came of "
                    "them.",
        },
    [METRIC_FEED_GUARD_FAILURES] =
        {
            .name = "rcptguard_feed_guard_failures_total",
            .type = METRIC_COUNTER,
            .labels = {"list", "guard"},
            .values = A_FEED "; `guard`: those that objected at least once",
            .help = "Copies that a guard held or refused.",
        },

    [METRIC_INDEX_KEYS] =
        {
            .section = "Index and worker",
            .name = "rcptguard_index_keys",
            .type = METRIC_GAUGE,
            .help = "Addresses and domains in the index of all feeds.",
        },
    [METRIC_INDEX_LISTS] =
        {
            .name = "rcptguard_index_lists",
            .type = METRIC_GAUGE,
            .help = "Feeds that have a copy in the index.",
        },
    [METRIC_INDEX_BYTES] =
        {
            .name = "rcptguard_index_size_bytes",
            .type = METRIC_GAUGE,
            .help = "Memory of the index in force.",
        },
    [METRIC_INDEX_BUILD_DURATION] =
        {
            .name = "rcptguard_index_build_duration_seconds",
            .type = METRIC_GAUGE,
            .help = "What building the last index took; 0: none was built since the start.",
        },
    [METRIC_INDEX_BUILD_ERRORS] =
        {
            .name = "rcptguard_index_build_errors_total",
            .type = METRIC_COUNTER,
            .help = "Indexes that could not be built.",
        },
    [METRIC_INDEX_SWAPS] =
        {
            .name = "rcptguard_index_swaps_total",
            .type = METRIC_COUNTER,
            .help = "New indexes that came into force.",
        },
    [METRIC_INDEX_SWAP_TIME] =
        {
            .name = "rcptguard_index_last_swap_timestamp_seconds",
            .type = METRIC_GAUGE,
            .help = "When the last one did; 0: none since the start.",
        },
    [METRIC_WORKER_BUSY] =
        {
            .name = "rcptguard_worker_busy",
            .type = METRIC_GAUGE,
            .help = "1: the thread of the feeds works, 0: it waits.",
        },
    [METRIC_WORKER_TURN_TIME] =
        {
            .name = "rcptguard_worker_last_turn_timestamp_seconds",
            .type = METRIC_GAUGE,
            .help = "When that thread last looked up, as it does every 30 s, and after each list "
                    "that it parses or builds.",
        },

    [METRIC_LOCAL_LINES] =
        {
            .section = "Exclusions and local blocks",
            .name = "rcptguard_local_lines",
            .type = METRIC_GAUGE,
            .labels = {"file", "state"},
            .values = "`file`: exclusions, blocks; `state`: in_force, expired, broken (left out "
                      "for an error)",
            .help = "Lines of the file that are no comments.",
        },
    [METRIC_LOCAL_MISSING] =
        {
            .name = "rcptguard_local_file_missing",
            .type = METRIC_GAUGE,
            .labels = {"file"},
            .values = "`file`: exclusions, blocks",
            .help = "1: the file is away or cannot be read, what was in force stays.",
        },
    [METRIC_LOCAL_TIME] =
        {
            .name = "rcptguard_local_file_loaded_timestamp_seconds",
            .type = METRIC_GAUGE,
            .labels = {"file"},
            .values = "`file`: exclusions, blocks",
            .help = "When the file was last read; 0: never.",
        },

    [METRIC_DNSBL_STATE] =
        {
            .section = "DNS zones",
            .name = "rcptguard_dnsbl_state",
            .type = METRIC_GAUGE,
            .labels = {"list", "state"},
            .values = A_ZONE "; `state`: probing, on, off",
            .help = "1 for the state of the zone, 0 for others; one that is off blocks nobody.",
        },
    [METRIC_DNSBL_QUESTIONS] =
        {
            .name = "rcptguard_dnsbl_questions_total",
            .type = METRIC_COUNTER,
            .labels = {"list"},
            .values = A_ZONE,
            .help = "Questions sent about recipients, and for what a listing says of itself.",
        },
    [METRIC_DNSBL_ANSWER_DURATION] =
        {
            .name = "rcptguard_dnsbl_answer_duration_seconds",
            .type = METRIC_SUMMARY,
            .labels = {"list"},
            .values = A_ZONE,
            .help = "From a question about a recipient to its answer, late ones too.",
        },
    [METRIC_DNSBL_LISTINGS] =
        {
            .name = "rcptguard_dnsbl_listings_total",
            .type = METRIC_COUNTER,
            .labels = {"list"},
            .values = A_ZONE,
            .help = "Answers that list.",
        },
    [METRIC_DNSBL_ERRORS] =
        {
            .name = "rcptguard_dnsbl_errors_total",
            .type = METRIC_COUNTER,
            .labels = {"list"},
            .values = A_ZONE,
            .help = "Time-outs, server failures, error codes, foreign addresses.",
        },
    [METRIC_DNSBL_TIMEOUTS] =
        {
            .name = "rcptguard_dnsbl_timeouts_total",
            .type = METRIC_COUNTER,
            .labels = {"list"},
            .values = A_ZONE,
            .help = "Of these: no answer within the zone's timeout.",
        },
    [METRIC_DNSBL_LATE] =
        {
            .name = "rcptguard_dnsbl_late_total",
            .type = METRIC_COUNTER,
            .labels = {"list"},
            .values = A_ZONE,
            .help = "Recipients decided without this zone's answer.",
        },
    [METRIC_DNSBL_UNPROVEN] =
        {
            .name = "rcptguard_dnsbl_unproven_total",
            .type = METRIC_COUNTER,
            .labels = {"list"},
            .values = A_ZONE,
            .help = "Recipients that the zone lists, which was not believed.",
        },
    [METRIC_DNSBL_PROBES] =
        {
            .name = "rcptguard_dnsbl_probes_total",
            .type = METRIC_COUNTER,
            .labels = {"list"},
            .values = A_ZONE,
            .help = "Questions sent to see whether the zone is well.",
        },
    [METRIC_DNSBL_PROBE_TIME] =
        {
            .name = "rcptguard_dnsbl_last_probe_timestamp_seconds",
            .type = METRIC_GAUGE,
            .labels = {"list"},
            .values = A_ZONE,
            .help = "When the last round of probes ended; 0: never.",
        },
    [METRIC_DNSBL_GOOD_TIME] =
        {
            .name = "rcptguard_dnsbl_last_good_timestamp_seconds",
            .type = METRIC_GAUGE,
            .labels = {"list"},
            .values = A_ZONE,
            .help = "When a random name was last found not to be listed; 0: never.",
        },
    [METRIC_DNSBL_CACHE_HITS] =
        {
            .name = "rcptguard_dnsbl_cache_hits_total",
            .type = METRIC_COUNTER,
            .labels = {"list"},
            .values = A_ZONE,
            .help = "Recipients answered from memory.",
        },
    [METRIC_DNSBL_CACHE_MISSES] =
        {
            .name = "rcptguard_dnsbl_cache_misses_total",
            .type = METRIC_COUNTER,
            .labels = {"list"},
            .values = A_ZONE,
            .help = "Recipients about whom memory did not say enough.",
        },
    [METRIC_DNSBL_CACHE_ENTRIES] =
        {
            .name = "rcptguard_dnsbl_cache_entries",
            .type = METRIC_GAUGE,
            .labels = {"list"},
            .values = A_ZONE,
            .help = "Names in memory.",
        },
    [METRIC_DNSBL_CACHE_LISTED] =
        {
            .name = "rcptguard_dnsbl_cache_listed_entries",
            .type = METRIC_GAUGE,
            .labels = {"list"},
            .values = A_ZONE,
            .help = "Names in memory that are listed.",
        },
    [METRIC_DNS_CACHE_BYTES] =
        {
            .name = "rcptguard_dns_cache_size_bytes",
            .type = METRIC_GAUGE,
            .help = "Memory of all answers; [dns] cache is the most.",
        },
    [METRIC_DNS_WAITING] =
        {
            .name = "rcptguard_dns_questions_waiting",
            .type = METRIC_GAUGE,
            .help = "Questions on their way now.",
        },
    [METRIC_DNS_DROPPED] =
        {
            .name = "rcptguard_dns_questions_dropped_total",
            .type = METRIC_COUNTER,
            .help = "Questions not asked, since too many were on their way.",
        },

    [METRIC_FLEET_UP] =
        {
            .section = "Sharing through Redis",
            .name = "rcptguard_fleet_up",
            .type = METRIC_GAUGE,
            .help = "0: Redis is away. None of these is there without `[redis] url`.",
        },
    [METRIC_FLEET_LINES] =
        {
            .name = "rcptguard_fleet_lines",
            .type = METRIC_GAUGE,
            .labels = {"kind"},
            .values = "`kind`: exclusions, blocks",
            .help = "What the relays agreed on.",
        },
    [METRIC_FLEET_WAITING] =
        {
            .name = "rcptguard_fleet_lines_waiting",
            .type = METRIC_GAUGE,
            .labels = {"kind"},
            .values = "`kind`: exclusions, blocks",
            .help = "Changed here, in force here, and not told to the others at the last "
                    "comparison.",
        },
    [METRIC_FLEET_REFUSED] =
        {
            .name = "rcptguard_fleet_objects_refused",
            .type = METRIC_GAUGE,
            .labels = {"kind"},
            .values = "`kind`: exclusions, blocks",
            .help = "Objects in Redis that cannot be believed, at the last comparison.",
        },
    [METRIC_FLEET_AGREED] =
        {
            .name = "rcptguard_fleet_last_agreed_timestamp_seconds",
            .type = METRIC_GAUGE,
            .labels = {"kind"},
            .values = "`kind`: exclusions, blocks",
            .help = "When they were last compared with Redis; 0: never since the start.",
        },
    [METRIC_FLEET_DRIFT] =
        {
            .name = "rcptguard_fleet_drift",
            .type = METRIC_GAUGE,
            .help = "1: another relay has said something else for more than a minute.",
        },
    [METRIC_FLEET_LISTS] =
        {
            .name = "rcptguard_fleet_lists_total",
            .type = METRIC_COUNTER,
            .labels = {"result"},
            .values =
                "`result`: taken (another relay had fetched it), same (another one had learned "
                "that it did not change), led (fetched here for all), bad (in Redis, but not "
                "what it should be)",
            .help = "Looks for lists that are shared.",
        },
    [METRIC_FLEET_EVENTS] =
        {
            .name = "rcptguard_fleet_events_total",
            .type = METRIC_COUNTER,
            .labels = {"result"},
            .values = "`result`: told, lost (there was no room to wait while Redis did not take "
                      "them)",
            .help = "Refusals for the other relays. This and what follows is there with `share = "
                    "events` only.",
        },
    [METRIC_FLEET_EVENTS_WAITING] =
        {
            .name = "rcptguard_fleet_events_waiting_bytes",
            .type = METRIC_GAUGE,
            .help = "Refusals that wait to be told, of the 256 KiB that there is room for.",
        },
    [METRIC_FLEET_EVENTS_REFUSED] =
        {
            .name = "rcptguard_fleet_events_refused_total",
            .type = METRIC_COUNTER,
            .help = "Events in Redis that could not be believed, as far as somebody looked at "
                    "them.",
        },

    [METRIC_DEGRADED] =
        {
            .section = "Health",
            .name = "rcptguard_degraded",
            .type = METRIC_GAUGE,
            .help = "1: rcptguard status would exit with 1.",
        },
    [METRIC_DEGRADED_REASONS] =
        {
            .name = "rcptguard_degraded_reasons",
            .type = METRIC_GAUGE,
            .labels = {"reason"},
            .values = "`reason`: feed_held, feed_never_accepted, feed_refused, feed_failing, "
                      "file_missing, file_errors, zone_off, redis_away, not_kept",
            .help = "How many feeds, files and zones are so.",
        },
    [METRIC_RELOAD_GOOD] =
        {
            .name = "rcptguard_config_last_reload_successful",
            .type = METRIC_GAUGE,
            .help = "0: the last reload failed, the configuration of before is in force.",
        },
    [METRIC_RELOAD_TIME] =
        {
            .name = "rcptguard_config_last_reload_success_timestamp_seconds",
            .type = METRIC_GAUGE,
            .help = "When the configuration in force was read.",
        },
    [METRIC_LOG_DROPPED] =
        {
            .name = "rcptguard_log_lines_dropped_total",
            .type = METRIC_COUNTER,
            .help = "Log lines lost, since they came faster than they were written.",
        },
    [METRIC_DECISIONS] =
        {
            .name = "rcptguard_decisions_total",
            .type = METRIC_COUNTER,
            .labels = {"result"},
            .help = "Lines for [decisions] file.",
            .values = "`result`: taken: written, or waiting; lost: there was no room to wait, or "
                      "it was put off meanwhile",
        },
    [METRIC_DECISIONS_WAITING] =
        {
            .name = "rcptguard_decisions_waiting_bytes",
            .type = METRIC_GAUGE,
            .help = "What waits for [decisions] file, of the 1 MiB that there is room for.",
        },
    [METRIC_DECISIONS_GOOD] =
        {
            .name = "rcptguard_decisions_writable",
            .type = METRIC_GAUGE,
            .help = "0: [decisions] file cannot be written now; 1 also where it is off.",
        },
    [METRIC_PAGE_DURATION] =
        {
            .name = "rcptguard_metrics_page_duration_seconds",
            .type = METRIC_GAUGE,
            .help = "What making the metrics took the last time; no query is answered meanwhile.",
        },
    [METRIC_BUILD_INFO] =
        {
            .name = "rcptguard_build_info",
            .type = METRIC_GAUGE,
            .labels = {"version"},
            .help = "1; the version is in the label.",
        },

    [METRIC_PROCESS_CPU] =
        {
            .section = "Process",
            .name = "process_cpu_seconds_total",
            .type = METRIC_COUNTER,
            .help = "CPU time of the process, user and system.",
        },
    [METRIC_PROCESS_RESIDENT] =
        {
            .name = "process_resident_memory_bytes",
            .type = METRIC_GAUGE,
            .help = "Resident memory, as it was at the page before this one.",
        },
    [METRIC_PROCESS_VIRTUAL] =
        {
            .name = "process_virtual_memory_bytes",
            .type = METRIC_GAUGE,
            .help = "Virtual memory, as it was at the page before this one.",
        },
    [METRIC_PROCESS_OPEN_FDS] =
        {
            .name = "process_open_fds",
            .type = METRIC_GAUGE,
            .help = "Open descriptors, as it was at the page before this one.",
        },
    [METRIC_PROCESS_MAX_FDS] =
        {
            .name = "process_max_fds",
            .type = METRIC_GAUGE,
            .help = "How many there may be.",
        },
    [METRIC_PROCESS_START_TIME] =
        {
            .name = "process_start_time_seconds",
            .type = METRIC_GAUGE,
            .help = "When the daemon started.",
        },
};

const char *metric_type_text(enum metric_type type)
{
    static const char *const words[] = {"counter", "gauge", "histogram", "summary"};

    return words[type];
}

static void add_labels(struct buf *out, const struct metric *m)
{
    for (int i = 0; i < METRIC_LABELS && m->labels[i] != NULL; i++)
        buf_addf(out, "%s`%s`", i == 0 ? "" : ", ", m->labels[i]);
}

int metrics_document(struct buf *out)
{
    for (const struct metric *m = metrics_table; m < metrics_table + METRICS; m++) {
        if (m->section != NULL)
            buf_addf(out,
                     "%s### %s\n"
                     "| name | type | labels | what it says |\n"
                     "| --- | --- | --- | --- |\n",
                     m == metrics_table ? "" : "\n", m->section);
        buf_addf(out, "| `%s` | %s | ", m->name, metric_type_text(m->type));
        add_labels(out, m);
        buf_addf(out, "%s| %s%s%s |\n", m->labels[0] == NULL ? "" : " ", m->help,
                 m->values == NULL ? "" : "<br>", m->values == NULL ? "" : m->values);
    }
    return out->failed ? ERR_NOMEM : 0;
}
