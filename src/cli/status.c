/* rcptguard status: health at a glance. */
#include "cli.h"

static void show_counts(const struct show *s, const json_t *counts)
{
    static const char *const names[] = {"passed",   "excluded", "rejected", "deferred", "observed",
                                        "repeated", "unparsed", "late",     "foreign"};

    show_label(s, "queries");
    fprintf(s->to, "%lld", (long long)show_number(counts, "queries"));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        fprintf(s->to, "%s%s %lld", i == 0 ? ": " : ", ", names[i],
                (long long)show_number(counts, names[i]));
    fputc('\n', s->to);
}

static void show_problem(const struct show *s, const json_t *status, const char *label,
                         const char *member, const char *words)
{
    if (!show_is_set(status, member))
        return;
    show_label(s, label);
    fputs(words, s->to);
    show_view(s, show_field(status, member));
    fputc('\n', s->to);
}

static void show_file(const struct show *s, const char *name, const json_t *file)
{
    const json_t *errors = json_object_get(file, "errors"), *error;
    char age[SHOW_SPAN_MAX];
    size_t i;

    if (!json_is_object(file))
        return;
    show_label(s, name);
    fprintf(s->to, "%lld in ", (long long)show_number(file, "count"));
    show_view(s, show_field(file, "file"));
    if (show_is_set(file, "loaded"))
        fprintf(s->to, ", loaded %s\n", show_field_age(s, file, "loaded", age));
    else
        fputs(", which is not there\n", s->to);
    json_array_foreach(errors, i, error)
    {
        show_label(s, "");
        fprintf(s->to, "line %lld", (long long)show_number(error, "line"));
        if (show_number(error, "column") > 0)
            fprintf(s->to, ":%lld", (long long)show_number(error, "column"));
        fputs(json_is_true(json_object_get(error, "warning")) ? ": warning: " : ": ", s->to);
        show_view(s, show_field(error, "error"));
        fputc('\n', s->to);
    }
}

static void show_dns(const struct show *s, const json_t *dns)
{
    if (!json_is_object(dns))
        return;
    show_label(s, "dns zones");
    fprintf(s->to, "%lld of %lld on, %lld names remembered, %.1f MB, %lld questions on their way\n",
            (long long)show_number(dns, "on"), (long long)show_number(dns, "zones"),
            (long long)show_number(dns, "names"), (double)show_number(dns, "bytes") / 1e6,
            (long long)show_number(dns, "waiting"));
    show_label(s, "");
    fputs("asked through ", s->to);
    show_view(s, show_field(dns, "servers"));
    fputc('\n', s->to);
    if (show_number(dns, "dropped") > 0) {
        show_label(s, "");
        fprintf(s->to, "%lld questions were not asked, for too many were on their way\n",
                (long long)show_number(dns, "dropped"));
    }
}

static void show_decisions(const struct show *s, const json_t *log)
{
    if (!json_is_object(log))
        return;
    show_label(s, "decisions");
    fprintf(s->to, "%lld lines in ", (long long)show_number(log, "lines"));
    show_view(s, show_field(log, "file"));
    if (show_number(log, "lost") > 0)
        fprintf(s->to, ", %lld lost", (long long)show_number(log, "lost"));
    fputc('\n', s->to);
    if (!show_is_set(log, "problem"))
        return;
    show_label(s, "");
    fprintf(s->to, "not written now, %lld KiB wait: ",
            (long long)(show_number(log, "waiting_bytes") + 1023) / 1024);
    show_view(s, show_field(log, "problem"));
    fputc('\n', s->to);
}

static void show_shared(const struct show *s, const char *name, const json_t *kind)
{
    char age[SHOW_SPAN_MAX];

    if (!json_is_object(kind))
        return;
    show_label(s, "");
    fprintf(s->to, "%s: %lld, version %lld", name, (long long)show_number(kind, "count"),
            (long long)show_number(kind, "version"));
    if (show_is_set(kind, "agreed"))
        fprintf(s->to, ", agreed %s", show_field_age(s, kind, "agreed", age));
    if (show_number(kind, "waiting") > 0)
        fprintf(s->to, ", %lld wait to be told", (long long)show_number(kind, "waiting"));
    if (show_number(kind, "refused") > 0)
        fprintf(s->to, ", %lld in Redis not believed", (long long)show_number(kind, "refused"));
    fputc('\n', s->to);
}

static void show_fleet_events(const struct show *s, const json_t *events)
{
    if (!json_is_object(events))
        return;
    show_label(s, "");
    fprintf(s->to, "events: %lld told", (long long)show_number(events, "told"));
    if (show_number(events, "waiting_bytes") > 0)
        fprintf(s->to, ", %lld KiB wait",
                (long long)(show_number(events, "waiting_bytes") + 1023) / 1024);
    if (show_number(events, "lost") > 0)
        fprintf(s->to, ", %lld lost", (long long)show_number(events, "lost"));
    if (show_number(events, "refused") > 0)
        fprintf(s->to, ", %lld in Redis not believed", (long long)show_number(events, "refused"));
    if (show_is_set(events, "problem")) {
        fputs(", not shared now: ", s->to);
        show_view(s, show_field(events, "problem"));
    }
    fputc('\n', s->to);
}

static void show_fleet(const struct show *s, const json_t *fleet)
{
    char age[SHOW_SPAN_MAX];

    if (!json_is_object(fleet))
        return;
    bool up = view_is(show_field(fleet, "state"), "up");
    show_label(s, "fleet");
    show_words(s, up ? SHOW_GREEN : SHOW_YELLOW, up ? "up" : "away");
    fprintf(s->to, " since %s, ", show_field_age(s, fleet, "since", age));
    show_view(s, show_field(fleet, "where"));
    fputs(", here as ", s->to);
    show_view(s, show_field(fleet, "relay"));
    fputc('\n', s->to);
    if (show_is_set(fleet, "problem")) {
        show_label(s, "");
        show_view(s, show_field(fleet, "problem"));
        fputc('\n', s->to);
    }
    show_shared(s, "exclusions", json_object_get(fleet, "exclusions"));
    show_shared(s, "blocks", json_object_get(fleet, "blocks"));
    show_fleet_events(s, json_object_get(fleet, "events"));
}

static bool is_ok(const json_t *status)
{
    return view_is(show_field(status, "status"), "ok");
}

static void show_status(const struct show *s, const json_t *status)
{
    const json_t *reasons = json_object_get(status, "reasons"), *reason;
    const json_t *blocklist = json_object_get(status, "blocklist");
    bool ok = is_ok(status);
    char span[SHOW_SPAN_MAX];
    size_t i;

    show_words(s, ok ? SHOW_GREEN : SHOW_YELLOW, ok ? "ok\n" : "degraded\n");
    json_array_foreach(reasons, i, reason)
    {
        show_label(s, i == 0 ? "because" : "");
        show_view(s, view_make(json_string_value(reason), json_string_length(reason)));
        fputc('\n', s->to);
    }
    show_label(s, "daemon");
    fputs("version ", s->to);
    show_view(s, show_field(status, "version"));
    fprintf(s->to, ", up %s, pid %lld, mode ", show_span(show_number(status, "uptime"), span),
            (long long)show_number(status, "pid"));
    show_view(s, show_field(status, "mode"));
    fputc('\n', s->to);
    show_problem(s, status, "reload", "reload_problem", "the last one changed nothing: ");
    show_problem(s, status, "protected", "protect_problem", "");
    show_label(s, "clients");
    fprintf(s->to, "%lld\n", (long long)show_number(status, "clients"));
    show_counts(s, json_object_get(status, "counts"));
    show_label(s, "blocklist");
    fprintf(s->to, "%lld addresses and domains of %lld lists, %.1f MB\n",
            (long long)show_number(blocklist, "keys"), (long long)show_number(blocklist, "lists"),
            (double)show_number(blocklist, "bytes") / 1e6);
    show_dns(s, json_object_get(status, "dns"));
    show_file(s, "exclusions", json_object_get(status, "exclusions"));
    show_file(s, "blocks", json_object_get(status, "blocks"));
    show_fleet(s, json_object_get(status, "fleet"));
    show_decisions(s, json_object_get(status, "decisions"));
    if (show_number(status, "log_dropped") > 0) {
        show_label(s, "log");
        fprintf(s->to, "%lld lines were dropped\n", (long long)show_number(status, "log_dropped"));
    }
}

/* ---- all relays ----------------------------------------------------------------------------- */

static void add_kind(struct show_table *t, const json_t *relay, const char *kind)
{
    const json_t *k = json_object_get(relay, kind);
    struct view digest = show_field(k, "digest");
    char cell[64];

    snprintf(cell, sizeof cell, "%lld", (long long)show_number(k, "count"));
    if (json_is_object(k) && digest.len > 6)
        snprintf(cell, sizeof cell, "%lld (%.6s)", (long long)show_number(k, "count"), digest.ptr);
    show_table_add(t, view_of(json_is_object(k) ? cell : "-"), SHOW_PLAIN);
}

/* What a relay has in force of one list; the digest's beginning is enough to see who differs. */
static void show_lists_of(const struct show *s, const json_t *relay)
{
    const json_t *list;
    const char *name;
    char age[SHOW_SPAN_MAX];

    json_object_foreach(json_object_get(relay, "lists"), name, list)
    {
        struct view digest = show_field(list, "digest");
        fputs("    ", s->to);
        show_view(s, view_of(name));
        fprintf(s->to, ": %lld entries", (long long)show_number(list, "entries"));
        fputs(", digest ", s->to);
        show_view(s, view_first(digest, digest.len < 6 ? digest.len : 6));
        if (show_number(list, "checked") > 0)
            fprintf(s->to, ", checked %s", show_age(s->now, show_number(list, "checked"), age));
        fputc('\n', s->to);
    }
}

static void add_relay(struct show_table *t, const json_t *relay)
{
    bool away = json_is_true(json_object_get(relay, "away"));
    bool differs = show_is_set(relay, "differs");
    char span[SHOW_SPAN_MAX];

    show_table_add(t, show_field(relay, "relay"), SHOW_BOLD);
    show_table_add(t, view_of(show_span(show_number(relay, "seen_s"), span)),
                   away ? SHOW_YELLOW : SHOW_PLAIN);
    show_table_add(t, show_field(relay, "version"), SHOW_PLAIN);
    add_kind(t, relay, "exclusions");
    add_kind(t, relay, "blocks");
    show_table_add(t, differs ? show_field(relay, "differs") : view_of(away ? "away" : "same"),
                   differs || away ? SHOW_YELLOW : SHOW_GREEN);
}

static void show_relays(const struct show *s, const json_t *status)
{
    static const char *const heads[] = {"relay", "seen", "version", "exclusions", "blocks", "is"};
    const json_t *fleet = json_object_get(status, "fleet");
    const json_t *relays = json_object_get(fleet, "relays"), *relay;
    struct show_table t = {.columns = 6};
    size_t i;

    if (!json_is_object(fleet)) {
        fputs("nothing is shared: [redis] url and share are not set\n", s->to);
        return;
    }
    show_fleet(s, fleet);
    if (json_array_size(relays) == 0)
        return;
    fputc('\n', s->to);
    for (i = 0; i < sizeof heads / sizeof *heads; i++)
        show_table_add(&t, view_of(heads[i]), SHOW_PLAIN);
    json_array_foreach(relays, i, relay) add_relay(&t, relay);
    show_table_print(s, &t);
    json_array_foreach(relays, i, relay)
    {
        if (json_object_size(json_object_get(relay, "lists")) == 0)
            continue;
        fputs("\n", s->to);
        show_view(s, show_field(relay, "relay"));
        fputs(":\n", s->to);
        show_lists_of(s, relay);
    }
}

/* Is all well with what relays share? */
static bool fleet_is_ok(const json_t *status)
{
    const json_t *fleet = json_object_get(status, "fleet");

    return json_is_object(fleet) && view_is(show_field(fleet, "state"), "up") &&
           !json_is_true(json_object_get(fleet, "drift"));
}

int cli_status(struct cli *cli)
{
    bool fleet = (cli->args.given & ARGS_FLEET) != 0;
    struct api_call call;

    api_call_begin(&call, API_GET, fleet ? "/v1/status?fleet=yes" : "/v1/status");
    return cli_ask(cli, &call, fleet ? show_relays : show_status, fleet ? fleet_is_ok : is_ok);
}
