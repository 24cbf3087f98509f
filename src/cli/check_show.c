/* The whole story of a recipient: see check_show.h. */
#include "check_show.h"

#include <string.h>

#include "paste.h"
#include "rcptguard/local.h"
#include "zones_show.h"

static void line_of_field(const struct show *s, const char *label, const json_t *object,
                          const char *key)
{
    if (!show_is_set(object, key))
        return;
    show_label(s, label);
    show_view(s, show_field(object, key));
    fputc('\n', s->to);
}

/* Lists may be called anything but this. */
static bool is_local(const json_t *listing)
{
    return view_is(show_field(listing, "list"), LOCAL_LIST) && show_is_set(listing, "file");
}

static void show_outcome(const struct show *s, struct view outcome)
{
    if (view_is(outcome, "reject"))
        show_words(s, SHOW_RED, "rejected");
    else if (view_is(outcome, "defer"))
        show_words(s, SHOW_RED, "deferred");
    else if (view_is(outcome, "observe"))
        show_words(s, SHOW_YELLOW, "observed (let through all the same)");
    else
        show_words(s, SHOW_GREEN, "passes");
}

static void show_verdict(const struct show *s, const json_t *answer)
{
    show_outcome(s, show_field(answer, "verdict"));
    if (!show_is_set(answer, "would"))
        return;
    fputs(", ", s->to);
    show_words(s, SHOW_YELLOW, "because mode is observe; enforced it would ");
    show_view(s, show_field(answer, "would"));
}

static void show_keys(const struct show *s, const json_t *answer)
{
    const json_t *keys = json_object_get(answer, "keys"), *key;
    size_t i;

    if (json_array_size(keys) == 0)
        return;
    show_label(s, "looked up");
    json_array_foreach(keys, i, key)
    {
        fputs(i == 0 ? "" : "  ", s->to);
        show_view(s, view_make(json_string_value(key), json_string_length(key)));
    }
    fputs(show_is_set(answer, "keys_cut") ? "  ...\n" : "\n", s->to);
}

/* When we first had it; the list's own date is what its author says. */
static void show_first_seen(const struct show *s, const json_t *listing)
{
    if (show_is_set(listing, "since")) {
        show_label(s, "");
        fputs("the zone lists it since ", s->to);
        show_when(s, show_field(listing, "since"));
        fputc('\n', s->to);
        return;
    }
    bool known = show_is_set(listing, "first_seen");
    const char *key = known ? "first_seen" : "first_seen_before";

    if (!show_is_set(listing, key))
        return;
    show_label(s, "");
    fprintf(s->to, "first seen here %s", known ? "" : "before ");
    show_when(s, show_field(listing, key));
    fputc('\n', s->to);
}

/* As the list has it, so that its author can be shown. */
static void show_row(const struct show *s, const json_t *listing)
{
    if (show_is_set(listing, "row")) {
        show_label(s, "");
        if (show_is_set(listing, "line"))
            fprintf(s->to, "its line %lld: ", (long long)show_number(listing, "line"));
        else
            fputs("its row: ", s->to);
        show_view(s, show_field(listing, "row"));
        fputc('\n', s->to);
    }
    if (show_is_set(listing, "text") || show_is_set(listing, "value")) {
        show_label(s, "");
        fputs("it says: ", s->to);
        show_view(s, show_field(listing, "value"));
        fputs(show_is_set(listing, "value") && show_is_set(listing, "text") ? " " : "", s->to);
        show_view(s, show_field(listing, "text"));
        fputc('\n', s->to);
    }
}

static void show_details(const struct show *s, const json_t *line)
{
    static const char *const details[] = {"list", "ticket", "by", "note"};

    for (size_t i = 0; i < sizeof details / sizeof *details; i++) {
        bool is_name = i == 0 && is_local(line);
        if (is_name || !show_is_set(line, details[i]))
            continue;
        fprintf(s->to, ", %s ", details[i]);
        show_view(s, show_field(line, details[i]));
    }
    if (show_is_set(line, "until")) {
        fputs(", until ", s->to);
        show_until(s, show_field(line, "until"));
    }
    fputc('\n', s->to);
}

static void show_place(const struct show *s, const json_t *line)
{
    show_view(s, show_field(line, "file"));
    fprintf(s->to, " line %lld", (long long)show_number(line, "line"));
    show_details(s, line);
}

static void show_exclusion(const struct show *s, const json_t *exclusion)
{
    show_view(s, show_field(exclusion, "what"));
    fputs(" in ", s->to);
    show_place(s, exclusion);
}

static void show_source(const struct show *s, const json_t *listing)
{
    char age[SHOW_SPAN_MAX];

    if (is_local(listing)) {
        show_label(s, "");
        show_place(s, listing);
        return;
    }
    show_first_seen(s, listing);
    if (show_is_set(listing, "list_checked")) {
        show_label(s, "");
        fprintf(s->to, "list fetched %s, ", show_field_age(s, listing, "list_checked", age));
        fprintf(s->to, "this copy taken %s\n", show_field_age(s, listing, "list_accepted", age));
    }
    show_row(s, listing);
}

static void show_listing(const struct show *s, const json_t *listing)
{
    struct view action = show_field(listing, "action");

    if (is_local(listing)) {
        show_label(s, "local block");
    } else {
        show_label(s, "list");
        show_view(s, show_field(listing, "list"));
        fputs(": ", s->to);
    }
    show_view(s, show_field(listing, "entry"));
    if (show_is_set(listing, "date")) {
        fputs(" of ", s->to);
        show_view(s, show_field(listing, "date"));
    }
    fputs(", action ", s->to);
    show_view(s, action);
    if (view_is(action, "observe"))
        fputs(" (only shown)", s->to);
    if (json_is_true(json_object_get(listing, "excluded")))
        fputs(" (excluded)", s->to);
    if (json_is_true(json_object_get(listing, "decides")))
        fputs(" (decides)", s->to);
    fputc('\n', s->to);
    show_source(s, listing);
    if (show_is_set(listing, "excluded_by")) {
        show_label(s, "");
        fputs("excluded by ", s->to);
        show_exclusion(s, json_object_get(listing, "excluded_by"));
    }
}

/* A list says itself that it does not mean this one. */
static void show_exception(const struct show *s, const json_t *exception)
{
    show_label(s, "");
    fputs("list ", s->to);
    show_view(s, show_field(exception, "list"));
    fputs(" itself excepts ", s->to);
    show_view(s, show_field(exception, "entry"));
    fputc('\n', s->to);
}

/* What to exclude: the address without its tag, which frees it with any. */
static struct view plain_address(const json_t *answer)
{
    struct view plain = show_field(answer, "canonical");
    const json_t *key;
    size_t i;

    json_array_foreach(json_object_get(answer, "keys"), i, key)
    {
        struct view name = view_make(json_string_value(key), json_string_length(key));
        if (view_find(name, '@') > 0)
            plain = name;
    }
    return plain;
}

static const json_t *decisive(const json_t *answer)
{
    const json_t *listing;
    size_t i;

    json_array_foreach(json_object_get(answer, "listings"), i, listing)
    {
        if (json_is_true(json_object_get(listing, "decides")))
            return listing;
    }
    return NULL;
}

static void show_step(const struct show *s, const char *so_that)
{
    show_label(s, "next");
    fprintf(s->to, "%s, type:\n", so_that);
    show_label(s, "");
}

static void next_exclude(const struct show *s, const json_t *answer)
{
    show_step(s, "to let mail through, with the number of your ticket");
    paste_command(s, "exclude", plain_address(answer), "--for 30d --ticket TICKET");
    fputc('\n', s->to);
}

static void next_unblock(const struct show *s, const json_t *listing)
{
    show_step(s, "to take the local block out");
    paste_command(s, "unblock", show_field(listing, "entry"), "");
    fputc('\n', s->to);
}

static void next_unexclude(const struct show *s, const json_t *exclusion)
{
    struct view list = show_field(exclusion, "list");
    char options[256] = "";

    show_step(s, "to let the lists decide again");
    if (list.len > 0 && list.len < 200 && paste_can(list))
        snprintf(options, sizeof options, "--list %.*s", (int)list.len, list.ptr);
    paste_command(s, "unexclude", show_field(exclusion, "what"), options);
    fputc('\n', s->to);
}

static const json_t *first_excluded_by(const json_t *lists)
{
    const json_t *list;
    size_t i;

    json_array_foreach(lists, i, list)
    {
        if (json_is_object(json_object_get(list, "excluded_by")))
            return json_object_get(list, "excluded_by");
    }
    return NULL;
}

/* What frees it: of the whole exclusion and those with list= the first. */
static const json_t *freed_by(const json_t *answer)
{
    const json_t *exclusion = json_object_get(answer, "exclusion");

    if (json_is_object(exclusion))
        return exclusion;
    exclusion = first_excluded_by(json_object_get(answer, "listings"));
    return exclusion != NULL ? exclusion : first_excluded_by(json_object_get(answer, "zones"));
}

/* What zones said, and why some were not asked. */
static void show_zones(const struct show *s, const json_t *zones)
{
    const json_t *zone;
    size_t i;

    zones_show_said(s, zones);
    json_array_foreach(zones, i, zone)
    {
        if (!show_is_set(zone, "excluded_by"))
            continue;
        show_label(s, "");
        show_view(s, show_field(zone, "list"));
        fputs(" excluded by ", s->to);
        show_exclusion(s, json_object_get(zone, "excluded_by"));
    }
}

/* Or would be, were lists enforced. */
static bool is_held_back(const json_t *answer)
{
    return !view_is(show_field(answer, "verdict"), "pass") || show_is_set(answer, "would");
}

/* The next step, ready to paste. */
static void show_next(const struct show *s, const json_t *answer)
{
    const json_t *listing = decisive(answer), *exclusion = freed_by(answer);

    if (is_held_back(answer)) {
        if (listing != NULL && is_local(listing))
            next_unblock(s, listing);
        next_exclude(s, answer);
    } else if (exclusion != NULL) {
        next_unexclude(s, exclusion);
    }
}

void check_show(const struct show *s, const json_t *answer)
{
    const json_t *listings = json_object_get(answer, "listings"), *listing;
    const json_t *exclusion = json_object_get(answer, "exclusion");
    size_t i;

    show_view(s, show_field(answer, "recipient"));
    fputs(": ", s->to);
    show_verdict(s, answer);
    fputc('\n', s->to);
    line_of_field(s, "note", answer, "note");
    line_of_field(s, "note", answer, "note_rows");
    line_of_field(s, "canonical", answer, "canonical");
    show_keys(s, answer);
    if (json_is_object(exclusion)) {
        show_label(s, "exclusion");
        show_exclusion(s, exclusion);
    }
    json_array_foreach(listings, i, listing) show_listing(s, listing);
    if (i == 0) {
        show_label(s, "list");
        fputs("none holds it in force\n", s->to);
    }
    json_array_foreach(json_object_get(answer, "exceptions"), i, listing)
        show_exception(s, listing);
    show_zones(s, json_object_get(answer, "zones"));
    if (!view_is(show_field(answer, "action"), "DUNNO"))
        line_of_field(s, "reply", answer, "action");
    show_next(s, answer);
}

void check_show_now(const struct show *s, const json_t *answer)
{
    const json_t *listing = decisive(answer), *exclusion = freed_by(answer);
    bool held_back = is_held_back(answer);

    show_label(s, "now");
    show_verdict(s, answer);
    if (held_back && listing != NULL) {
        fputs(is_local(listing) ? ": local block " : ": list ", s->to);
        if (!is_local(listing)) {
            show_view(s, show_field(listing, "list"));
            fputs(" has ", s->to);
        }
        show_view(s, show_field(listing, "entry"));
        fputc('\n', s->to);
        show_label(s, "more");
        paste_command(s, "check", show_field(answer, "recipient"), "");
    } else if (!held_back && exclusion != NULL) {
        /* With its file and end: it need not be the line that was typed. */
        fputs(": excluded by ", s->to);
        show_exclusion(s, exclusion);
        return;
    }
    fputc('\n', s->to);
}

static void show_sender(const struct show *s, const json_t *answer)
{
    static const struct {
        const char *key, *words;
    } rows[] = {
        {"sasl_username", ", login "}, {"client", ", client "}, {"queue_id", ", queue id "}};
    struct view sender = show_field(answer, "sender");

    show_label(s, "from");
    show_view(s, sender.len == 0 ? view_of("<>") : sender);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (show_field(answer, rows[i].key).len == 0)
            continue;
        fputs(rows[i].words, s->to);
        show_view(s, show_field(answer, rows[i].key));
    }
    fputc('\n', s->to);
}

static void show_decision(const struct show *s, const json_t *answer)
{
    line_of_field(s, "to", answer, "recipient");
    show_sender(s, answer);
    show_label(s, "list");
    show_view(s, show_field(answer, "list"));
    fputs(": ", s->to);
    show_view(s, show_field(answer, "entry"));
    if (show_is_set(answer, "date")) {
        fputs(" of ", s->to);
        show_view(s, show_field(answer, "date"));
    }
    fputc('\n', s->to);
    line_of_field(s, "it said", answer, "evidence");
    line_of_field(s, "reply", answer, "action");
}

void why_show(const struct show *s, const json_t *answer)
{
    const json_t *now = json_object_get(answer, "now");

    fputs("then: ", s->to);
    show_view(s, show_field(answer, "ref"));
    fputs(", ", s->to);
    show_outcome(s, show_field(answer, "outcome"));
    fputc(' ', s->to);
    show_when(s, show_field(answer, "time"));
    fputc('\n', s->to);
    line_of_field(s, "relay", answer, "relay");
    show_decision(s, answer);
    if (!json_is_object(now))
        return;
    fputs("\nnow: ", s->to);
    check_show(s, now);
}
