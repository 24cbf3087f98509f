/*
 * Two walks over the lines: one gathers what the lines of WHAT say together, the other writes the
 * new text. A third one reads that again before anybody may write it to the disk: a fault in here
 * must cost an edit, not the file.
 */
#include "edit_text.h"

#include <stdlib.h>

#include "edit_line.h"
#include "until.h"

#define BOM "\xef\xbb\xbf"

struct work {
    enum local_kind kind;
    const struct local_edit *edit;
    const struct address_options *options;
    struct edited_text *out;
    struct local_what what;
    struct grammar_line line; /* the one that is looked at */
    struct edit_line merged;  /* ADD: what is to stand there */
    struct edit_line left;    /* REMOVE: what is left of a line */
    uint64_t same;            /* good lines of WHAT */
    bool written;             /* ADD: the merged line stands already */
};

/* One line of a text: its words, and the whole with its end. */
struct raw_line {
    struct view words, whole;
};

static bool next_line(struct view *rest, struct raw_line *line)
{
    if (rest->len == 0)
        return false;
    ptrdiff_t end = view_find(*rest, '\n');
    size_t len = end < 0 ? rest->len : (size_t)end;
    line->words = view_first(*rest, len);
    line->whole = view_first(*rest, end < 0 ? len : len + 1);
    if (end >= 0 && len > 0 && rest->ptr[len - 1] == '\r')
        line->words.len--;
    *rest = view_from(*rest, line->whole.len);
    return true;
}

static struct view without_bom(struct view text)
{
    return view_starts(text, BOM) ? view_make(text.ptr + 3, text.len - 3) : text;
}

/* What new lines end with: as the first one does. */
static const char *line_end(struct view text)
{
    ptrdiff_t end = view_find(text, '\n');

    return end > 0 && text.ptr[end - 1] == '\r' ? "\r\n" : "\n";
}

static bool is_good(struct work *w, struct view words)
{
    struct error ignored;

    return grammar_parse(w->kind, words, w->options, &w->line, &ignored) == LINE_GOOD;
}

static bool is_same(const struct work *w)
{
    return w->line.subject == w->what.subject && view_eq(w->line.key, w->what.key) &&
           (w->line.subject == LOCAL_LOGIN || w->line.kind == w->what.kind);
}

static void add_to(struct buf *lines, struct view line)
{
    buf_add_text(lines, lines->len > 0 ? "\n" : "");
    buf_add_view(lines, line);
}

static int fail(struct edited_text *out, enum local_outcome outcome)
{
    out->outcome = outcome;
    return ERR_REFUSED;
}

/* ---- the new text ---- */

static void write_new(struct work *w, unsigned number)
{
    struct edited_text *out = w->out;
    size_t from = out->text.len;

    edit_line_print(&w->merged, &out->text);
    w->written = true;
    out->line = number;
    if (!out->text.failed)
        add_to(&out->after, view_make(out->text.data + from, out->text.len - from));
}

/* What of a line of WHAT with list= is left; nothing: false. The line is to be looked at. */
static bool write_left(struct work *w, unsigned number)
{
    struct edited_text *out = w->out;
    size_t from = out->text.len;

    if (w->left.lists.len == 0)
        return false;
    edit_line_print(&w->left, &out->text);
    if (out->line == 0)
        out->line = number;
    if (!out->text.failed)
        add_to(&out->after, view_make(out->text.data + from, out->text.len - from));
    return true;
}

/* As it was. Marks inside of a file are part of names; a blank line keeps one from its start. */
static void copy_line(struct work *w, struct view whole, unsigned *number)
{
    struct buf *text = &w->out->text;

    if (text->len == 0 && view_starts(whole, BOM)) {
        buf_add_text(text, "\n");
        ++*number;
    }
    buf_add_view(text, whole);
    ++*number;
}

/* Is the good line that is looked at meant by the edit? */
static bool is_meant(struct work *w)
{
    if (w->edit->action == LOCAL_PRUNE)
        return w->line.until < w->edit->now;
    if (!is_same(w))
        return false;
    if (w->edit->action == LOCAL_ADD || w->edit->lists.len == 0)
        return true;
    edit_line_from(&w->left, &w->line);
    w->left.subject = w->line.subject;
    w->left.kind = w->line.kind;
    w->left.key = w->line.key;
    return edit_line_take_out(&w->left, w->edit->lists);
}

/* Puts something in the place of a line that is meant; false: nothing. */
static bool write_instead(struct work *w, unsigned number)
{
    if (w->edit->action == LOCAL_ADD && !w->written)
        write_new(w, number);
    else if (w->edit->action != LOCAL_REMOVE || w->edit->lists.len == 0 || !write_left(w, number))
        return false;
    return true;
}

static void write_lines(struct work *w, struct view rest)
{
    struct edited_text *out = w->out;
    struct raw_line line;
    unsigned number = 1; /* in the new text */

    while (next_line(&rest, &line)) {
        if (!is_good(w, line.words) || !is_meant(w)) {
            copy_line(w, line.whole, &number);
            continue;
        }
        out->lines++;
        add_to(&out->before, line.words);
        if (!write_instead(w, number))
            continue;
        buf_add_view(&out->text, view_from(line.whole, line.words.len));
        number++;
    }
    if (w->edit->action != LOCAL_ADD || w->written)
        return;
    struct view sofar = without_bom(buf_view(&out->text));
    const char *end = line_end(sofar);
    bool half = sofar.len > 0 && sofar.ptr[sofar.len - 1] == '\r';
    if (sofar.len > 0 && sofar.ptr[sofar.len - 1] != '\n')
        buf_add_text(&out->text, half ? "\n" : end);
    write_new(w, number);
    buf_add_text(&out->text, end);
}

/* ---- reading it again ---- */

struct counts {
    uint64_t good, bad;
};

static struct counts count(struct work *w, struct view text)
{
    struct counts n = {0};
    struct view rest = without_bom(text);
    struct raw_line line;
    struct error ignored;

    while (next_line(&rest, &line)) {
        enum line_kind kind = grammar_parse(w->kind, line.words, w->options, &w->line, &ignored);
        n.good += kind == LINE_GOOD;
        n.bad += kind == LINE_BAD;
    }
    return n;
}

/* Is line NUMBER of TEXT what was to be written there? */
static bool stands_at(struct work *w, struct view text, unsigned number)
{
    struct view rest = without_bom(text);
    struct raw_line line = {VIEW_NONE, VIEW_NONE};

    for (unsigned i = 0; i < number; i++)
        if (!next_line(&rest, &line))
            return false;
    return is_good(w, line.words) && is_same(w) && w->line.until == w->merged.until &&
           (w->line.lists.len == 0) == w->merged.whole;
}

static int check_result(struct work *w, struct view old)
{
    struct edited_text *out = w->out;
    struct view text = buf_view(&out->text);

    if (out->text.failed || out->before.failed || out->after.failed) {
        error_set(&out->why, ERR_NOMEM,
                  "no memory, or the file grew beyond %zu bytes; take lines out that are over",
                  LOCAL_MAX_FILE_BYTES);
        return fail(out, LOCAL_EDIT_FAILED);
    }
    struct counts was = count(w, old), is = count(w, text);
    uint64_t replaced = 0;
    struct view after = buf_view(&out->after), line;
    while (after.len > 0 && view_split(&after, '\n', &line))
        replaced++;
    bool good = was.bad == is.bad && was.good + replaced == is.good + out->lines;
    if (good && w->edit->action == LOCAL_ADD)
        good = stands_at(w, text, out->line);
    if (good)
        return 0;
    error_set(&out->why, ERR_DAMAGED,
              "the line could not be written so that it reads as it was meant; edit the file by "
              "hand, and report this");
    return fail(out, LOCAL_EDIT_FAILED);
}

/* ---- the edits ---- */

static int read_edit(struct work *w)
{
    struct edited_text *out = w->out;
    char what[GRAMMAR_WHAT_BYTES];
    struct text t = text_on(what, sizeof what);

    if (w->edit->action == LOCAL_PRUNE)
        return 0;
    if (local_what_parse(w->kind, w->edit->what, w->options, &w->what, &out->why) < 0 ||
        edit_line_check(w->kind, w->edit, &out->why) < 0)
        return fail(out, LOCAL_EDIT_BAD);
    grammar_print_what(&t, w->what.subject, w->what.kind, w->what.key);
    buf_add_view(&out->what, text_view(&t));
    return 0;
}

/* What the lines of WHAT say, and the edit; fails when nothing would change. */
static int merge(struct work *w, struct view rest)
{
    struct edited_text *out = w->out;
    struct raw_line line;
    int64_t until = INT64_MAX;
    unsigned number = 0;

    edit_line_begin(&w->merged);
    while (next_line(&rest, &line)) {
        number++;
        if (!is_good(w, line.words) || !is_same(w))
            continue;
        edit_line_merge(&w->merged, &w->line, w->edit->now);
        if (w->same++ == 0) {
            out->line = number;
            add_to(&out->after, line.words);
        }
    }
    if (w->edit->until.len > 0)
        until_parse(w->edit->until, &until, NULL);
    bool changed = edit_line_add(&w->merged, w->edit, until);
    w->merged.subject = w->what.subject;
    w->merged.kind = w->what.kind;
    w->merged.key = w->what.key;
    out->until = w->merged.until;
    if (w->merged.overflow && !w->merged.whole) {
        error_set(&out->why, ERR_LIMIT,
                  "list: more than %d bytes of names on one line; leave it out if all lists are "
                  "meant",
                  GRAMMAR_MAX_LISTS);
        return fail(out, LOCAL_EDIT_BAD);
    }
    if (!changed && w->same == 1)
        return fail(out, LOCAL_EDIT_NOTHING);
    buf_clear(&out->after);
    out->line = 0;
    return 0;
}

/* ADD only: the line is what is there before and after. */
static void show_unchanged(struct edited_text *out)
{
    if (out->outcome == LOCAL_EDIT_NOTHING)
        add_to(&out->before, buf_view(&out->after));
}

static void finish(struct work *w, struct view old)
{
    struct edited_text *out = w->out;

    if (out->lines == 0 && w->edit->action == LOCAL_REMOVE) {
        error_set(&out->why, ERR_ABSENT, "%.*s: no such line%s",
                  (int)(out->what.len < 120 ? out->what.len : 120), out->what.data,
                  w->edit->lists.len > 0 ? " that names this list" : "");
        out->outcome = LOCAL_EDIT_ABSENT;
    } else if (out->lines == 0 && w->edit->action == LOCAL_PRUNE) {
        out->outcome = LOCAL_EDIT_NOTHING;
    } else if (check_result(w, old) == 0) {
        out->outcome = out->lines == 0 ? LOCAL_EDIT_ADDED : LOCAL_EDIT_CHANGED;
    }
}

static void apply(struct work *w, struct view old)
{
    struct view lines = without_bom(old);

    if (read_edit(w) < 0)
        return;
    if (w->edit->action == LOCAL_ADD && merge(w, lines) < 0) {
        show_unchanged(w->out);
        return;
    }
    buf_add_view(&w->out->text, view_first(old, old.len - lines.len));
    write_lines(w, lines);
    finish(w, old);
}

void edit_text(enum local_kind kind, struct view old, const struct local_edit *edit,
               const struct address_options *options, struct edited_text *out)
{
    struct work *w = calloc(1, sizeof *w);

    *out = (struct edited_text){.text = BUF_INIT(LOCAL_MAX_FILE_BYTES)};
    if (w == NULL) {
        error_set(&out->why, ERR_NOMEM, "no memory for the edit");
        out->outcome = LOCAL_EDIT_FAILED;
        return;
    }
    w->kind = kind;
    w->edit = edit;
    w->options = options;
    w->out = out;
    apply(w, old);
    free(w);
    if (out->outcome != LOCAL_EDIT_ADDED && out->outcome != LOCAL_EDIT_CHANGED)
        buf_clear(&out->text);
}

void edited_text_free(struct edited_text *t)
{
    buf_free(&t->text);
    buf_free(&t->what);
    buf_free(&t->before);
    buf_free(&t->after);
}
