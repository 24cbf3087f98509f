/* What the daemon remembers, as people see it: see record_show.h. */
#include "record_show.h"

#define RECIPIENT_WIDTH 36
#define LIST_WIDTH      12

/* ---- history -------------------------------------------------------------------------------- */

static void add_change(const struct show *s, struct show_table *t, const json_t *change)
{
    struct view time = show_field(change, "time"), what = show_field(change, "change");
    char age[SHOW_SPAN_MAX], date[SHOW_SPAN_MAX];

    show_table_add(t, view_of(show_local_date(time, date)), SHOW_PLAIN);
    show_table_add(t, view_of(show_age(s->now, show_time(time), age)), SHOW_PLAIN);
    show_table_add(t, what, view_is(what, "added") ? SHOW_RED : SHOW_GREEN);
    show_table_add(t, show_field(change, "list"), SHOW_BOLD);
    show_table_add(t, show_field(change, "entry"), SHOW_PLAIN);
}

static void show_since(const struct show *s, const json_t *answer)
{
    if (!show_is_set(answer, "since")) {
        fputs("no list has changed since the history began\n", s->to);
        return;
    }
    fputs("the history goes back to ", s->to);
    show_when(s, show_field(answer, "since"));
    fputs("; what was listed before and never changed is not in it\n", s->to);
}

void history_show(const struct show *s, const json_t *answer)
{
    static const char *const heads[] = {"time", "age", "change", "list", "entry"};
    const json_t *changes = json_object_get(answer, "history"), *change;
    struct show_table t = {.columns = 5};
    size_t i;

    show_view(s, show_field(answer, "recipient"));
    if (json_array_size(changes) == 0) {
        fputs(": no list added or dropped it, nor its domain\n", s->to);
        show_since(s, answer);
        return;
    }
    fputs(":\n", s->to);
    for (i = 0; i < sizeof heads / sizeof *heads; i++)
        show_table_add(&t, view_of(heads[i]), SHOW_PLAIN);
    json_array_foreach(changes, i, change) add_change(s, &t, change);
    show_table_print(s, &t);
    if (json_is_true(json_object_get(answer, "cut")))
        fputs("there are more changes than are shown\n", s->to);
    show_since(s, answer);
}

/* ---- top ------------------------------------------------------------------------------------ */

static void show_counted(const struct show *s, const char *what, const json_t *rows)
{
    struct show_table t = {.columns = 3, .right = 1u << 1};
    const json_t *row;
    char count[32];
    size_t i;

    json_array_foreach(rows, i, row)
    {
        snprintf(count, sizeof count, "%lld", (long long)show_number(row, "count"));
        show_table_add(&t, view_of(i == 0 ? what : ""), SHOW_PLAIN);
        show_table_add(&t, view_of(count), SHOW_BOLD);
        show_table_add(&t, show_field(row, "name"), SHOW_PLAIN);
    }
    show_table_print(s, &t);
}

static void show_period(const struct show *s, const char *words, const json_t *period)
{
    /* Of one width, so that the four tables are one. */
    static const char *const kinds[][2] = {{"recipients", "  recipients"},
                                           {"domains", "  domains   "},
                                           {"senders", "  senders   "},
                                           {"lists", "  lists     "}};
    size_t all = 0;

    show_words(s, SHOW_BOLD, words);
    for (size_t i = 0; i < 4; i++)
        all += json_array_size(json_object_get(period, kinds[i][0]));
    fputs(all == 0 ? ": nothing\n" : "\n", s->to);
    for (size_t i = 0; i < 4; i++)
        show_counted(s, kinds[i][1], json_object_get(period, kinds[i][0]));
}

void top_show(const struct show *s, const json_t *answer)
{
    show_period(s, "refused or observed in the last hour", json_object_get(answer, "hour"));
    fputc('\n', s->to);
    show_period(s, "refused or observed in the last day", json_object_get(answer, "day"));
    if (show_is_set(answer, "since")) {
        fputs("\ncounted since ", s->to);
        show_when(s, show_field(answer, "since"));
        fputs(json_is_integer(json_object_get(answer, "events")) ? ", of all relays\n" : "\n",
              s->to);
    }
    if (show_is_set(answer, "problem")) {
        fputs("not all was counted: ", s->to);
        show_view(s, show_field(answer, "problem"));
        fputc('\n', s->to);
    }
}

/* ---- events --------------------------------------------------------------------------------- */

static enum show_colour outcome_colour(struct view outcome)
{
    if (view_is(outcome, "reject") || view_is(outcome, "defer"))
        return SHOW_RED;
    return view_is(outcome, "observe") ? SHOW_YELLOW : SHOW_GREEN;
}

static void show_from(const struct show *s, const json_t *event)
{
    struct view sender = show_field(event, "sender"), login = show_field(event, "sasl_username");
    struct view ref = show_field(event, "ref");

    fputs("  from ", s->to);
    show_view(s, sender.len == 0 ? view_of("<>") : sender);
    if (login.len > 0) {
        fputs(" login ", s->to);
        show_view(s, login);
    }
    if (ref.len > 0) {
        fputs("  ref ", s->to);
        show_view(s, ref);
    }
    if (show_is_set(event, "evidence")) {
        fputs("  said ", s->to);
        show_view(s, show_field(event, "evidence"));
    }
    if (show_is_set(event, "relay")) {
        fputs("  on ", s->to);
        show_view(s, show_field(event, "relay"));
    }
}

void event_show(const struct show *s, const json_t *event)
{
    struct view outcome = show_field(event, "outcome"), list = show_field(event, "list");
    char time[SHOW_SPAN_MAX];

    if (json_is_true(json_object_get(event, "alive")) &&
        (!show_is_set(event, "redis") || view_is(show_field(event, "redis"), "up")))
        return;
    fprintf(s->to, "%s  ", show_local_clock(show_field(event, "time"), time));
    if (json_is_true(json_object_get(event, "alive"))) {
        fputs("Redis is away: nothing of any relay is seen until it is back\n", s->to);
        return;
    }
    if (show_is_set(event, "lost")) {
        fprintf(s->to, "%lld events were lost: this terminal is too slow\n",
                (long long)show_number(event, "lost"));
        return;
    }
    show_padded(s, outcome, 8, outcome_colour(outcome));
    fputs("  ", s->to);
    show_padded(s, show_field(event, "recipient"), RECIPIENT_WIDTH, SHOW_PLAIN);
    fputs("  ", s->to);
    show_padded(s, list.len == 0 ? view_of("-") : list, LIST_WIDTH, SHOW_BOLD);
    show_from(s, event);
    fputc('\n', s->to);
}
