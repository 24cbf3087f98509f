/*
 * How lists are shown. Who looks here was woken by something, so the table says which list it is,
 * and the lines below it what happened, what is in force meanwhile, when it ends by itself, and
 * what to type, ready to be pasted.
 */
#include "feeds_show.h"

#include <string.h>

#include "paste.h"
#include "rcptguard/config.h"
#include "zones_show.h"

static enum show_colour state_colour(struct view state)
{
    if (view_is(state, "accepted") || view_is(state, "unchanged"))
        return SHOW_GREEN;
    return view_is(state, "held") || view_is(state, "never") ? SHOW_YELLOW : SHOW_RED;
}

/* ---- the table ------------------------------------------------------------------------------ */

static void add_number(struct show_table *t, const json_t *object, const char *key)
{
    char number[32];

    snprintf(number, sizeof number, "%lld", (long long)show_number(object, key));
    show_table_add(t, view_of(number), SHOW_PLAIN);
}

static void add_age(const struct show *s, struct show_table *t, const json_t *feed, const char *key)
{
    char age[SHOW_SPAN_MAX];

    show_table_add(t, view_of(show_field_age(s, feed, key, age)), SHOW_PLAIN);
}

static void add_row(const struct show *s, struct show_table *t, const json_t *feed, bool dropped)
{
    struct view state = show_field(feed, "state");

    show_table_add(t, show_field(feed, "name"), SHOW_BOLD);
    show_table_add(t, state, state_colour(state));
    add_number(t, feed, "entries");
    add_number(t, feed, "active");
    if (dropped)
        add_number(t, feed, "dropped");
    add_age(s, t, feed, "accepted");
    add_age(s, t, feed, "last_fetch");
    if (show_is_set(feed, "progress"))
        show_table_add(t, show_field(feed, "progress"), SHOW_PLAIN);
    else
        add_age(s, t, feed, "next_fetch");
}

static bool some_dropped(const json_t *feeds)
{
    const json_t *feed;
    size_t i;

    json_array_foreach(feeds, i, feed) if (show_number(feed, "dropped") > 0) return true;
    return false;
}

static void show_rows(const struct show *s, const json_t *feeds)
{
    static const char *const heads[] = {"feed",     "state",      "entries",   "active",
                                        "left out", "copy taken", "last look", "next look"};
    bool dropped = some_dropped(feeds);
    struct show_table t = {.columns = dropped ? 8 : 7, .right = dropped ? 7u << 2 : 3u << 2};
    const json_t *feed;
    size_t i;

    for (i = 0; i < sizeof heads / sizeof *heads; i++)
        if (dropped || i != 4)
            show_table_add(&t, view_of(heads[i]), SHOW_PLAIN);
    json_array_foreach(feeds, i, feed)
    {
        if (!zone_is(feed))
            add_row(s, &t, feed, dropped);
    }
    show_table_print(s, &t);
}

/* ---- what needs somebody -------------------------------------------------------------------- */

void feeds_show_size(const struct show *s, const json_t *feed)
{
    fprintf(s->to, "%lld entries, %lld active", (long long)show_number(feed, "entries"),
            (long long)show_number(feed, "active"));
}

void feeds_show_order(const struct show *s, const json_t *feed, const char *order, const char *does)
{
    show_label(s, "type");
    fprintf(s->to, "rcptguard %s ", order);
    show_view(s, show_field(feed, "name"));
    paste_socket(s);
    fprintf(s->to, "   # %s\n", does);
}

static void show_text(const struct show *s, const char *label, struct view text)
{
    show_label(s, label);
    show_view(s, text);
    fputc('\n', s->to);
}

/* "aper: held since 2026-11-23 19:10 (3 h ago)" */
static void show_head(const struct show *s, const json_t *feed, enum show_colour colour,
                      const char *state, const char *words, struct view when)
{
    fputc('\n', s->to);
    show_view(s, show_field(feed, "name"));
    fputs(": ", s->to);
    show_words(s, colour, state);
    fputs(words, s->to);
    show_when(s, when);
    fputc('\n', s->to);
}

static void show_in_force(const struct show *s, const json_t *feed)
{
    char age[SHOW_SPAN_MAX];

    show_label(s, "in force");
    if (!show_is_set(feed, "accepted")) {
        fputs("nothing: no copy was ever taken, so it blocks nobody\n", s->to);
        return;
    }
    if (show_is_set(feed, "problem")) {
        show_view(s, show_field(feed, "problem"));
        fputc('\n', s->to);
        return;
    }
    fprintf(s->to, "the copy taken %s stays: ", show_field_age(s, feed, "accepted", age));
    feeds_show_size(s, feed);
    fputc('\n', s->to);
}

static void show_held(const struct show *s, const json_t *feed, const json_t *held)
{
    bool newer_trouble = !view_is(show_field(feed, "state"), "held");
    char does[80];

    show_head(s, feed, SHOW_YELLOW, "held", " since ", show_field(held, "since"));
    show_label(s, "why");
    if (show_is_set(held, "guard")) {
        show_view(s, show_field(held, "guard"));
        fputs(": ", s->to);
    }
    show_view(s, show_field(held, "why"));
    fputc('\n', s->to);
    if (newer_trouble && show_is_set(feed, "last_error"))
        show_text(s, "last look", show_field(feed, "last_error"));
    show_in_force(s, feed);
    show_label(s, "ends");
    if (show_is_set(held, "until")) {
        fputs("taken by itself on ", s->to);
        show_when(s, show_field(held, "until"));
        fputs(" if the list still looks so then\n", s->to);
    } else {
        fputs("not by itself, unless the list changes to one that fits\n", s->to);
    }
    snprintf(does, sizeof does, "if it is right: takes its %lld entries",
             (long long)show_number(held, "entries"));
    feeds_show_order(s, feed, "accept", does);
}

static bool all_of(struct view v, const char *more)
{
    for (size_t i = 0; i < v.len; i++)
        if (!ascii_alnum(v.ptr[i]) && view_find(view_of(more), v.ptr[i]) < 0)
            return false;
    return v.len > 0;
}

/* Can it be pasted between quotes, and is nothing of it hidden? */
static bool is_fetchable(struct view url)
{
    return all_of(url, "-._~:/?#[]@!$&()*+,;=%") && memmem(url.ptr, url.len, "***", 3) == NULL;
}

/* What says how its rows are read, but for what no shell would give on. */
static void show_settings(const struct show *s, const json_t *feed)
{
    const json_t *setting;
    size_t i;

    json_array_foreach(json_object_get(feed, "settings"), i, setting)
    {
        struct view text = view_make(json_string_value(setting), json_string_length(setting));
        bool is_plain = all_of(text, "=-._,:%");
        if (view_find(text, '\'') >= 0)
            continue;
        fprintf(s->to, "--set %s", is_plain ? "" : "'");
        show_view(s, text);
        fputs(is_plain ? " " : "' ", s->to);
    }
}

/* What the site protects stands in the daemon's configuration. */
static void show_config(const struct show *s)
{
    fputs("-c ", s->to);
    if (s->config != NULL && paste_can(view_of(s->config)))
        paste_word(s->to, view_of(s->config));
    else
        fputs(s->config == NULL && s->socket == NULL ? CONFIG_DEFAULT_FILE : "FILE", s->to);
    fputc(' ', s->to);
}

/* The command that shows the rows, as far as the source can be named as it is shown. */
static void show_lint(const struct show *s, const json_t *feed)
{
    struct view url = show_field(feed, "url");
    bool file = view_starts(url, "file:/"), fetch = !file && is_fetchable(url);
    struct view path = view_from(url, view_starts(url, "file:///") ? 7 : 5);

    show_label(s, "type");
    if (fetch) {
        fputs("curl -fsSL '", s->to);
        show_view(s, url);
        fputs("' | ", s->to);
    }
    fputs("rcptguard lint --format ", s->to);
    show_view(s, show_field(feed, "format"));
    fputc(' ', s->to);
    show_settings(s, feed);
    if (view_is(show_field(feed, "guard"), "protected"))
        show_config(s);
    if (fetch)
        fputc('-', s->to);
    else
        show_view(s, file && all_of(path, "-._/+,:=@*") ? path : view_of("FILE"));
    fputs("   # shows what is wrong with it\n", s->to);
}

static void show_bad(const struct show *s, const json_t *feed, bool refused)
{
    char age[SHOW_SPAN_MAX];

    show_head(s, feed, SHOW_RED, refused ? "refused" : "failing", ", last good look ",
              show_field(feed, "last_success"));
    show_text(s, "why", show_field(feed, "last_error"));
    show_in_force(s, feed);
    show_label(s, "ends");
    fprintf(s->to, "with the first good copy; next look %s\n",
            show_field_age(s, feed, "next_fetch", age));
    if (refused)
        show_lint(s, feed);
    feeds_show_order(s, feed, "refresh", "looks now");
}

void feeds_show_unkept(const struct show *s, const json_t *feed)
{
    if (!json_is_true(json_object_get(feed, "unkept")))
        return;
    fputc('\n', s->to);
    show_view(s, show_field(feed, "name"));
    fputs(": ", s->to);
    show_words(s, SHOW_RED, "not stored");
    fputs(", so a restart goes back to the copy of before: look at the disk and the rights of "
          "state_dir; the log says what is wrong\n",
          s->to);
}

/* All is well with the feed, but not all that it lists blocks. */
static void show_notes(const struct show *s, const json_t *feed)
{
    feeds_show_unkept(s, feed);
    if (!show_is_set(feed, "left_out"))
        return;
    fputc('\n', s->to);
    show_view(s, show_field(feed, "name"));
    fputs(": ", s->to);
    show_words(s, SHOW_YELLOW, "left out");
    fputs(" because they would block protected domains: ", s->to);
    show_view(s, show_field(feed, "left_out"));
    fputs("\n", s->to);
}

/* The next look is on its way, and may find the list good. */
static void show_problem(const struct show *s, const json_t *feed)
{
    show_head(s, feed, SHOW_RED, "read otherwise", ", last good look ",
              show_field(feed, "last_success"));
    show_in_force(s, feed);
    feeds_show_order(s, feed, "refresh", "looks now");
}

static void show_stale(const struct show *s, const json_t *feed)
{
    show_head(s, feed, SHOW_RED, "too old", ", last confirmed ", show_field(feed, "last_success"));
    show_text(s, "in force", view_of("nothing: max_age is over, so it blocks nobody"));
    show_text(s, "ends", view_of("when its publisher is reached"));
    feeds_show_order(s, feed, "refresh", "looks now");
}

void feeds_show_attention(const struct show *s, const json_t *feed)
{
    const json_t *held = json_object_get(feed, "held");
    struct view state = show_field(feed, "state");

    if (json_is_object(held))
        show_held(s, feed, held);
    else if (view_is(state, "refused") || view_is(state, "failed"))
        show_bad(s, feed, view_is(state, "refused"));
    else if (show_is_set(feed, "problem"))
        show_problem(s, feed);
    if (json_is_true(json_object_get(feed, "stale")))
        show_stale(s, feed);
    show_notes(s, feed);
}

void feeds_show(const struct show *s, const json_t *feeds)
{
    const json_t *feed;
    size_t i, n = 0;

    if (json_array_size(feeds) == 0) {
        fputs("no feed is configured: add a section [feed NAME] to the configuration\n", s->to);
        return;
    }
    json_array_foreach(feeds, i, feed) n += !zone_is(feed);
    if (n > 0)
        show_rows(s, feeds);
    json_array_foreach(feeds, i, feed)
    {
        if (!zone_is(feed))
            feeds_show_attention(s, feed);
    }
    zones_show(s, feeds);
}
