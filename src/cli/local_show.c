/* Exclusions and local blocks as people see them: see local_show.h. */
#include "local_show.h"

#include <string.h>

#include "paste.h"
#include "rcptguard/base/buf.h"

const struct local_words local_exclusions = {
    .path = "/v1/exclusions",
    .key = "exclusions",
    .add = "exclude",
    .remove = "unexclude",
    .done = "excluded",
    .undone = "the lists decide again",
    .lists = true,
};

const struct local_words local_blocks = {
    .path = "/v1/blocks",
    .key = "blocks",
    .add = "block",
    .remove = "unblock",
    .done = "blocked",
    .undone = "only the other lists decide now",
};

/* ---- tables --------------------------------------------------------------------------------- */

/* "a,b" of an array or of a text. */
static struct view join_lists(const json_t *list, struct text *t)
{
    const json_t *name;
    size_t i;

    if (json_is_string(list))
        text_add_view(t, show_item(list));
    json_array_foreach(list, i, name)
    {
        text_add(t, i == 0 ? "" : ",");
        text_add_view(t, show_item(name));
    }
    return t->len == 0 ? view_of("all") : text_view(t);
}

static void add_until(const struct show *s, struct show_table *t, const json_t *line, bool expired)
{
    struct view until = show_field(line, "until");
    int64_t then = show_until_time(until);
    char age[SHOW_SPAN_MAX], cell[96], date[SHOW_SPAN_MAX];
    struct text text = text_on(cell, sizeof cell);

    if (json_is_true(json_object_get(line, "protected"))) {
        text_add(&text, "not in force: protected here");
    } else if (expired && then != 0) {
        text_addf(&text, "expired %s", show_age(s->now, then, age));
    } else if (expired) {
        text_add(&text, "expired");
    } else if (until.len == 0) {
        text_add(&text, "for ever");
    } else if (then == 0 || until.len != 20) {
        text_add_view(&text, until);
        if (then != 0)
            text_addf(&text, " (%s)", show_age(s->now, then, age));
    } else {
        text_addf(&text, "%s (%s)", show_local_date(until, date), show_age(s->now, then, age));
    }
    bool odd = expired || json_is_true(json_object_get(line, "protected"));
    show_table_add(t, text_view(&text), odd ? SHOW_YELLOW : SHOW_PLAIN);
}

static void add_line(const struct show *s, struct show_table *t, const struct local_words *w,
                     const json_t *line)
{
    bool expired = json_is_true(json_object_get(line, "expired"));
    char number[32], lists[1100];
    struct text joined = text_on(lists, sizeof lists);

    bool shared = json_is_true(json_object_get(line, "shared"));
    snprintf(number, sizeof number, "%s%lld", shared ? "fleet " : "",
             (long long)show_number(line, "line"));
    show_table_add(t, view_of(number), SHOW_PLAIN);
    show_table_add(t, show_field(line, "what"), expired ? SHOW_YELLOW : SHOW_BOLD);
    if (w->lists)
        show_table_add(t, join_lists(json_object_get(line, "list"), &joined), SHOW_PLAIN);
    add_until(s, t, line, expired);
    show_table_add(t, show_field(line, "ticket"), SHOW_PLAIN);
    show_table_add(t, show_field(line, "by"), SHOW_PLAIN);
    show_table_add(t, show_field(line, "note"), SHOW_PLAIN);
}

static void show_lines(const struct show *s, const struct local_words *w, const json_t *lines)
{
    static const char *const heads[] = {"line", "what", "lists", "until", "ticket", "by", "note"};
    struct show_table t = {.columns = w->lists ? 7 : 6, .right = 1};
    const json_t *line;
    size_t i;

    for (i = 0; i < sizeof heads / sizeof *heads; i++)
        if (w->lists || i != 2)
            show_table_add(&t, view_of(heads[i]), SHOW_PLAIN);
    json_array_foreach(lines, i, line) add_line(s, &t, w, line);
    show_table_print(s, &t);
}

static void show_errors(const struct show *s, const json_t *answer)
{
    const json_t *error;
    size_t i;

    json_array_foreach(json_object_get(answer, "errors"), i, error)
    {
        show_view(s, show_field(answer, "file"));
        fprintf(s->to, ":%lld", (long long)show_number(error, "line"));
        if (show_number(error, "column") > 0)
            fprintf(s->to, ":%lld", (long long)show_number(error, "column"));
        fputs(": ", s->to);
        bool warning = json_is_true(json_object_get(error, "warning"));
        show_words(s, warning ? SHOW_YELLOW : SHOW_RED, warning ? "warning: " : "error: ");
        show_view(s, show_field(error, "error"));
        fputc('\n', s->to);
    }
}

static size_t count_expired(const json_t *lines)
{
    const json_t *line;
    size_t i, expired = 0;

    json_array_foreach(lines, i, line) expired += json_is_true(json_object_get(line, "expired"));
    return expired;
}

void local_show_table(const struct show *s, const struct local_words *w, const json_t *answer)
{
    const json_t *lines = json_object_get(answer, w->key);
    size_t expired = count_expired(lines);

    if (json_array_size(lines) == 0) {
        fprintf(s->to, "nothing is %s in ", w->done);
        show_view(s, show_field(answer, "file"));
        fputc('\n', s->to);
    } else {
        show_lines(s, w, lines);
    }
    if (expired > 0)
        fprintf(s->to, "\nexpired: %zu; rcptguard %s --prune takes them out\n", expired, w->key);
    if (json_array_size(json_object_get(answer, "errors")) > 0)
        fputc('\n', s->to);
    show_errors(s, answer);
}

/* ---- edits ---------------------------------------------------------------------------------- */

/* The next word of *REST, where blanks between double quotes do not count. */
static bool next_word(struct view *rest, struct view *word)
{
    bool quoted = false;
    size_t len = 0;

    *rest = view_trim(*rest);
    for (; len < rest->len && (quoted || !strchr(" \t", rest->ptr[len])); len++) {
        if (rest->ptr[len] == '"')
            quoted = !quoted;
        else if (quoted && rest->ptr[len] == '\\' && len + 1 < rest->len)
            len++;
    }
    *word = view_first(*rest, len);
    *rest = view_from(*rest, len);
    return word->len > 0;
}

struct view local_line_value(struct view line, const char *key)
{
    struct view word;

    if (!next_word(&line, &word)) /* WHAT */
        return VIEW_NONE;
    while (next_word(&line, &word) && word.ptr[0] != '#')
        if (view_starts(word, key))
            return view_from(word, strlen(key));
    return VIEW_NONE;
}

static void show_texts(const struct show *s, const char *label, const json_t *texts)
{
    const json_t *text;
    size_t i;

    json_array_foreach(texts, i, text)
    {
        show_label(s, i == 0 ? label : "");
        show_view(s, show_item(text));
        fputc('\n', s->to);
    }
}

/* The line as it stands in the file, and what it comes to. */
static void show_after(const struct show *s, const json_t *answer)
{
    struct view after = show_field(answer, "after");
    struct view until = local_line_value(after, "until="), lists = local_line_value(after, "list=");

    if (until.len > 0) {
        show_label(s, "until");
        show_until(s, until);
        fputc('\n', s->to);
    }
    if (lists.len > 0) {
        show_label(s, "against");
        show_view(s, lists);
        fputs(" only\n", s->to);
    }
    if (after.len > 0) {
        show_label(s, "line");
        show_view(s, after);
        fputc('\n', s->to);
    }
    show_label(s, "file");
    show_view(s, show_field(answer, "file"));
    if (show_number(answer, "line") > 0)
        fprintf(s->to, " line %lld", (long long)show_number(answer, "line"));
    fputc('\n', s->to);
}

/* Of two lines the later end counts, and that may be none: who typed --for 30d is told. */
static void show_for_ever(const struct show *s, const json_t *answer)
{
    struct view after = show_field(answer, "after");

    if (after.len == 0 || local_line_value(after, "until=").len > 0)
        return;
    show_label(s, "until");
    fputs("for ever: of what was merged, the later end counts\n", s->to);
}

bool local_show_added(const struct show *s, const struct local_words *w, const json_t *answer,
                      bool ends)
{
    const json_t *before = json_object_get(answer, "before");
    bool merged = json_array_size(before) > 0;
    struct view what = show_field(answer, "what");

    show_view(s, what);
    fputs(": ", s->to);
    if (!json_is_true(json_object_get(answer, "changed"))) {
        show_words(s, SHOW_YELLOW, "nothing changed");
        fprintf(s->to, ": it is %s already, at least so long and so far\n", w->done);
        show_after(s, answer);
        if (show_field(answer, "after").len == 0)
            show_texts(s, "line", before);
        return false;
    }
    show_words(s, SHOW_GREEN, w->done);
    fputs(merged ? ", merged with what was there; in force now\n" : ", in force now\n", s->to);
    if (merged && ends)
        show_for_ever(s, answer);
    show_after(s, answer);
    show_texts(s, "before", before);
    show_label(s, "undo");
    paste_command(s, w->remove, what, "");
    fputs(merged ? "   # takes all of it out\n" : "\n", s->to);
    return true;
}

bool local_show_removed(const struct show *s, const struct local_words *w, struct view what,
                        const json_t *answer)
{
    long long removed = show_number(answer, "removed");

    if (what.len > 0) {
        show_view(s, show_field(answer, "what").len > 0 ? show_field(answer, "what") : what);
        fputs(": ", s->to);
    }
    if (removed == 0) {
        show_words(s, SHOW_YELLOW, "nothing changed");
        fputs(what.len > 0 ? ": there is no such line\n" : ": nothing has expired\n", s->to);
        return false;
    }
    bool in_part = json_object_get(answer, "error") != NULL;
    if (in_part)
        show_words(s, SHOW_YELLOW, "taken out of one file only");
    else
        show_words(s, SHOW_GREEN, "taken out");
    if (what.len > 0 && in_part)
        fputs("; the other is as it was\n", s->to);
    else if (what.len > 0)
        fprintf(s->to, ", %s\n", w->undone);
    else
        fprintf(s->to, ": %lld expired\n", removed);
    show_texts(s, "before", json_object_get(answer, "before"));
    show_label(s, "file");
    show_view(s, show_field(answer, "file"));
    fputc('\n', s->to);
    return true;
}
