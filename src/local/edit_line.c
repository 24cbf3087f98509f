/*
 * One line of an edit. Values of old lines are written back as they were read; where two cannot be
 * joined within the grammar, the newer one stays: the log has both.
 */
#include "edit_line.h"

#include "rcptguard/base/clock.h"
#include "until.h"

static bool names(struct view list, struct view name, char separator)
{
    struct view part;

    while (view_split(&list, separator, &part))
        if (view_eq(view_trim(part), name))
            return true;
    return false;
}

static void add_lists(struct edit_line *e, struct view lists)
{
    struct view name;

    while (view_split(&lists, ',', &name)) {
        if (name.len == 0 || (e->lists.len > 0 && names(text_view(&e->lists), name, ',')))
            continue;
        text_add(&e->lists, e->lists.len > 0 ? "," : "");
        text_add_view(&e->lists, name);
    }
    /* Cut, it would free from fewer lists than the lines before did. */
    e->overflow |= e->lists.cut;
}

/* Does OLD say NEW already, as a whole or as one of its parts? */
static bool says(struct view old, struct view fresh, const char *between)
{
    size_t gap = strlen(between);

    if (fresh.len == 0)
        return true;
    for (size_t i = 0; i + fresh.len <= old.len; i++) {
        struct view rest = view_from(old, i + fresh.len);
        bool starts = i == 0 || (i >= gap && memcmp(old.ptr + i - gap, between, gap) == 0);
        bool ends = rest.len == 0 || view_starts(rest, between);
        if (starts && ends && view_eq(view_first(view_from(old, i), fresh.len), fresh))
            return true;
    }
    return false;
}

/* Can it be written behind key= so that it is read back? */
static bool is_value(struct view v)
{
    return grammar_holds_value(v, true) ||
           (view_find_any(v, " \t") < 0 && grammar_holds_value(v, false));
}

/* TO becomes "TO<between>MORE", or MORE alone where both are too long or cannot stand together. */
static void join(struct text *to, struct view more, const char *between, bool value)
{
    size_t before = to->len;

    if (says(text_view(to), more, between))
        return;
    if (before > 0) {
        text_add(to, between);
        text_add_view(to, more);
        if (!to->cut && to->len <= EDIT_MAX_JOINED && (!value || is_value(text_view(to))))
            return;
        *to = text_on(to->dst, to->size);
    }
    text_add_view(to, more);
}

static void join_note(struct edit_line *e, const struct grammar_line *l)
{
    join(&e->note, l->note, "; ", false);
    join(&e->note, l->comment, "; ", false);
}

static void clear(struct edit_line *e)
{
    e->whole = true;
    e->overflow = false;
    e->lists = text_on(e->lists_bytes, sizeof e->lists_bytes);
    e->ticket = text_on(e->ticket_bytes, sizeof e->ticket_bytes);
    e->note = text_on(e->note_bytes, sizeof e->note_bytes);
    e->until = INT64_MAX;
    e->until_text = e->by = e->at = VIEW_NONE;
}

void edit_line_from(struct edit_line *e, const struct grammar_line *l)
{
    clear(e);
    e->whole = l->lists.len == 0;
    add_lists(e, l->lists);
    e->until = l->until;
    e->until_text = l->until_text;
    e->by = l->by;
    e->at = l->at;
    join(&e->ticket, l->ticket, ",", true);
    join_note(e, l);
}

void edit_line_begin(struct edit_line *e)
{
    clear(e);
    e->whole = false;
    e->until = INT64_MIN;
}

void edit_line_merge(struct edit_line *e, const struct grammar_line *l, int64_t now)
{
    bool counts = l->until >= now;

    e->whole |= counts && l->lists.len == 0;
    add_lists(e, counts ? l->lists : VIEW_NONE);
    if (counts && l->until > e->until) {
        e->until = l->until;
        e->until_text = l->until_text;
    }
    join(&e->ticket, l->ticket, ",", true);
    join_note(e, l);
}

/* ---- what the edit brings ---- */

static bool has_control(struct view v)
{
    for (size_t i = 0; i < v.len; i++)
        if (ascii_control(v.ptr[i]))
            return true;
    return false;
}

static int check_lists(enum local_kind kind, struct view lists, struct error *why)
{
    if (lists.len == 0)
        return 0;
    if (kind == LOCAL_BLOCKS)
        return error_set(why, ERR_SYNTAX,
                         "list: a local block belongs to no list but its own; leave it out");
    if (lists.len > GRAMMAR_MAX_LISTS)
        return error_set(why, ERR_SYNTAX,
                         "list: more than %d bytes of names; leave it out if all lists are meant",
                         GRAMMAR_MAX_LISTS);
    if (names(lists, VIEW_NONE, ','))
        return error_set(why, ERR_SYNTAX, "list: a name is missing; write aper or a,b");
    if (has_control(lists) || view_find_any(lists, " \"") >= 0)
        return error_set(why, ERR_SYNTAX,
                         "list: names have no spaces, quotes or control characters; write a,b");
    return 0;
}

static int check_until(const struct local_edit *edit, struct error *why)
{
    int64_t until;

    if (edit->until.len == 0)
        return 0;
    if (until_parse(edit->until, &until, why) < 0)
        return ERR_SYNTAX;
    if (until < edit->now)
        return error_set(why, ERR_SYNTAX, "until=%.*s: is over already; give a later time",
                         (int)edit->until.len, edit->until.ptr);
    return 0;
}

int edit_line_check(enum local_kind kind, const struct local_edit *edit, struct error *why)
{
    if (check_lists(kind, edit->lists, why) < 0)
        return ERR_SYNTAX;
    if (edit->action != LOCAL_ADD)
        return 0;
    if (check_until(edit, why) < 0)
        return ERR_SYNTAX;
    struct view ticket = view_trim(edit->ticket);
    if (has_control(ticket) || view_find_any(ticket, "\"\\") >= 0)
        return error_set(why, ERR_SYNTAX,
                         "ticket: no quotes, backslashes or control characters fit into the file; "
                         "leave them out");
    if (ticket.len > EDIT_MAX_TICKET)
        return error_set(why, ERR_SYNTAX, "ticket: longer than %d bytes; shorten it",
                         EDIT_MAX_TICKET);
    if (has_control(edit->note))
        return error_set(why, ERR_SYNTAX,
                         "note: no control characters fit into the file; write it on one line");
    if (edit->note.len > EDIT_MAX_NOTE)
        return error_set(why, ERR_SYNTAX, "note: longer than %d bytes; shorten it", EDIT_MAX_NOTE);
    return 0;
}

static bool fits_name(char c)
{
    return ascii_alnum(c) || view_find(view_of("._-+@=/$"), c) >= 0;
}

static void sign(struct edit_line *e, const struct local_edit *edit)
{
    struct view by = view_first(view_trim(edit->by), EDIT_MAX_BY);

    for (size_t i = 0; i < by.len; i++)
        e->by_bytes[i] = fits_name(by.ptr[i]) ? by.ptr[i] : '_';
    e->by = view_make(e->by_bytes, by.len);
    e->at = view_of(clock_time_text(edit->now, e->at_bytes));
}

static bool add_scope(struct edit_line *e, struct view lists)
{
    bool was_whole = e->whole;
    size_t before = e->lists.len;

    e->whole |= lists.len == 0;
    add_lists(e, lists);
    return e->whole ? !was_whole : e->lists.len != before;
}

static bool add_until(struct edit_line *e, struct view text, int64_t until)
{
    if (until <= e->until)
        return false;
    e->until = until;
    e->until_text = text;
    return true;
}

bool edit_line_add(struct edit_line *e, const struct local_edit *edit, int64_t until)
{
    bool changed = add_scope(e, edit->lists);
    changed |= add_until(e, edit->until, until);
    changed |= !says(text_view(&e->ticket), view_trim(edit->ticket), ",");
    changed |= !says(text_view(&e->note), view_trim(edit->note), "; ");
    join(&e->ticket, view_trim(edit->ticket), ",", true);
    join(&e->note, view_trim(edit->note), "; ", false);
    sign(e, edit);
    return changed;
}

bool edit_line_take_out(struct edit_line *e, struct view out)
{
    char bytes[sizeof e->lists_bytes];
    struct text left = text_on(bytes, sizeof bytes);
    struct view all = text_view(&e->lists), name;
    bool found = false;

    while (!e->whole && view_split(&all, ',', &name)) {
        if (names(out, name, ',')) {
            found = true;
            continue;
        }
        text_add(&left, left.len > 0 ? "," : "");
        text_add_view(&left, name);
    }
    if (found) {
        e->lists = text_on(e->lists_bytes, sizeof e->lists_bytes);
        text_add_view(&e->lists, text_view(&left));
    }
    return found;
}

/* ---- printing ---- */

static void print_value(struct buf *to, const char *key, struct view value)
{
    bool quote = view_find_any(value, " \t") >= 0 || !grammar_holds_value(value, false);

    if (value.len == 0)
        return;
    buf_addf(to, quote ? " %s=\"" : " %s=", key);
    buf_add_view(to, value);
    buf_add_text(to, quote ? "\"" : "");
}

void edit_line_print(const struct edit_line *e, struct buf *to)
{
    char what[GRAMMAR_WHAT_BYTES];
    struct text t = text_on(what, sizeof what);

    grammar_print_what(&t, e->subject, e->kind, e->key);
    buf_add_view(to, text_view(&t));
    if (!e->whole)
        print_value(to, "list", text_view(&e->lists));
    print_value(to, "until", e->until_text);
    print_value(to, "ticket", text_view(&e->ticket));
    print_value(to, "by", e->by);
    print_value(to, "at", e->at);
    if (e->note.len > 0) {
        buf_add_text(to, "  # ");
        buf_add_view(to, text_view(&e->note));
    }
}
