/*
 * How DNS zones are shown. A zone that is off blocks nobody, so the lines below the table say why
 * it is, since when, when it is looked at again, and what to type.
 */
#include "zones_show.h"

#include "feeds_show.h"

bool zone_is(const json_t *list)
{
    return view_is(show_field(list, "kind"), "dnsbl");
}

static bool is_off(const json_t *zone)
{
    return view_is(show_field(zone, "state"), "off");
}

static enum show_colour state_colour(const json_t *zone)
{
    if (is_off(zone))
        return SHOW_RED;
    return view_is(show_field(zone, "state"), "on") ? SHOW_GREEN : SHOW_YELLOW;
}

/* ---- the table ------------------------------------------------------------------------------ */

static void add_ages(const struct show *s, struct show_table *t, const json_t *zone)
{
    static const char *const keys[] = {"state_since", "last_probe"};
    char age[SHOW_SPAN_MAX];

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        show_table_add(t, view_of(show_field_age(s, zone, keys[i], age)), SHOW_PLAIN);
}

static void add_counts(struct show_table *t, const json_t *zone)
{
    static const char *const keys[] = {"questions", "listings", "errors"};
    char number[32];

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        snprintf(number, sizeof number, "%lld", (long long)show_number(zone, keys[i]));
        show_table_add(t, view_of(number), SHOW_PLAIN);
    }
}

static void show_rows(const struct show *s, const json_t *feeds)
{
    static const char *const heads[] = {"dnsbl",      "zone",      "query",    "state", "since",
                                        "last probe", "questions", "listings", "errors"};
    struct show_table t = {.columns = 9, .right = 7u << 6};
    const json_t *zone;
    size_t i;

    for (i = 0; i < sizeof heads / sizeof *heads; i++)
        show_table_add(&t, view_of(heads[i]), SHOW_PLAIN);
    json_array_foreach(feeds, i, zone)
    {
        if (!zone_is(zone))
            continue;
        show_table_add(&t, show_field(zone, "name"), SHOW_BOLD);
        show_table_add(&t, show_field(zone, "zone"), SHOW_PLAIN);
        show_table_add(&t, show_field(zone, "query"), SHOW_PLAIN);
        show_table_add(&t, show_field(zone, "state"), state_colour(zone));
        add_ages(s, &t, zone);
        add_counts(&t, zone);
    }
    show_table_print(s, &t);
}

/* ---- what needs somebody -------------------------------------------------------------------- */

static void show_why(const struct show *s, const json_t *zone)
{
    show_label(s, "why");
    show_view(s, show_field(zone, "why"));
    fputc('\n', s->to);
}

static void show_off(const struct show *s, const json_t *zone)
{
    char age[SHOW_SPAN_MAX];

    fputs(" since ", s->to);
    show_when(s, show_field(zone, "state_since"));
    fputc('\n', s->to);
    show_why(s, zone);
    show_label(s, "in force");
    fputs("nothing: while it is off it blocks nobody\n", s->to);
    show_label(s, "ends");
    fprintf(s->to, "with two good probes; next probe %s\n",
            show_field_age(s, zone, "next_probe", age));
    feeds_show_order(s, zone, "refresh", "probes now");
}

static void show_attention(const struct show *s, const json_t *zone)
{
    bool off = is_off(zone);

    if (!off && !show_is_set(zone, "why"))
        return;
    fputc('\n', s->to);
    show_view(s, show_field(zone, "name"));
    fputs(": ", s->to);
    show_words(s, off ? SHOW_RED : SHOW_YELLOW, off ? "off" : "");
    if (off) {
        show_off(s, zone);
        return;
    }
    show_view(s, show_field(zone, "state"));
    fputs(", but look at it\n", s->to);
    show_why(s, zone);
}

void zones_show(const struct show *s, const json_t *feeds)
{
    const json_t *zone;
    size_t i, zones = 0;

    json_array_foreach(feeds, i, zone) zones += zone_is(zone);
    if (zones == 0)
        return;
    if (zones < json_array_size(feeds))
        fputc('\n', s->to);
    show_rows(s, feeds);
    json_array_foreach(feeds, i, zone)
    {
        if (zone_is(zone))
            show_attention(s, zone);
    }
}

void zone_show_probed(const struct show *s, const json_t *zone)
{
    bool on = view_is(show_field(zone, "state"), "on");

    if (on)
        show_words(s, SHOW_GREEN, "on");
    else
        show_words(s, SHOW_YELLOW, "probing, and blocks nobody until it was found good");
    fprintf(s->to, ": %lld names remembered, %lld of them listed\n",
            (long long)show_number(zone, "remembered"), (long long)show_number(zone, "listed"));
    if (show_is_set(zone, "why"))
        show_why(s, zone);
}

void zones_show_said(const struct show *s, const json_t *said)
{
    const json_t *zone;
    char age[SHOW_SPAN_MAX];
    size_t i;

    if (json_array_size(said) == 0)
        return;
    show_label(s, "dns zones");
    json_array_foreach(said, i, zone)
    {
        fputs(i == 0 ? "" : ", ", s->to);
        show_view(s, show_field(zone, "list"));
        fputc(' ', s->to);
        show_view(s, show_field(zone, "result"));
        if (show_is_set(zone, "answered"))
            fprintf(s->to, " (%s)", show_field_age(s, zone, "answered", age));
    }
    fputc('\n', s->to);
}
