/*
 * Edits of any text: the new one parses as before but for the lines that were meant, every other
 * line keeps its bytes and its place, and the same edit again changes nothing.
 *
 * Input: five lines (action and kind, WHAT, lists, until, ticket), a line of note and by, then the
 * text.
 */
#include <stdlib.h>

#include "local/edit_text.h"

#define NOW 1767225600

static const struct address_options options = {"+", true};

static void check(bool holds)
{
    if (!holds)
        abort();
}

static struct view field(struct view *rest)
{
    struct view v = VIEW_NONE;
    view_split(rest, '\n', &v);
    return v;
}

struct read_edit {
    enum local_kind kind;
    struct local_edit edit;
    struct view text;
};

static struct read_edit read_edit(struct view input)
{
    struct read_edit r = {.edit.now = NOW};
    struct view first = field(&input);

    r.edit.action = first.len > 0 && first.ptr[0] == 'r'   ? LOCAL_REMOVE
                    : first.len > 0 && first.ptr[0] == 'p' ? LOCAL_PRUNE
                                                           : LOCAL_ADD;
    r.kind = first.len > 1 && first.ptr[1] == 'b' ? LOCAL_BLOCKS : LOCAL_EXCLUSIONS;
    r.edit.what = field(&input);
    r.edit.lists = field(&input);
    r.edit.until = field(&input);
    r.edit.ticket = field(&input);
    r.edit.note = r.edit.by = field(&input);
    r.text = input;
    return r;
}

static struct view without_end(struct view line)
{
    while (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    return line;
}

static bool is_one_of(struct view line, struct view lines)
{
    struct view one;

    while (view_split(&lines, '\n', &one))
        if (view_eq(line, without_end(one)))
            return true;
    return false;
}

/* The next line of *REST that is neither blank nor one of LINES; its end is not looked at. */
static bool next_other(struct view *rest, struct view lines, struct view *line)
{
    while (view_split(rest, '\n', line)) {
        *line = without_end(*line);
        if (line->len > 0 && !is_one_of(*line, lines))
            return true;
    }
    return false;
}

static struct view without_bom(struct view v)
{
    return view_starts(v, "\xef\xbb\xbf") ? view_make(v.ptr + 3, v.len - 3) : v;
}

/* All but the lines before are there after, in order, and nothing but the lines after is new. */
static void check_others(struct view old, const struct edited_text *out)
{
    struct view fresh = without_bom(buf_view(&out->text)), a, b;
    struct buf meant = BUF_INIT(0);

    buf_add_view(&meant, buf_view(&out->before));
    buf_add_text(&meant, "\n");
    buf_add_view(&meant, buf_view(&out->after));
    old = without_bom(old);
    for (bool more = true; more;) {
        more = next_other(&old, buf_view(&meant), &a);
        check(next_other(&fresh, buf_view(&meant), &b) == more);
        check(!more || view_eq(a, b));
    }
    buf_free(&meant);
}

static void check_tables(enum local_kind kind, struct view old, const struct edited_text *out)
{
    struct local_table *was = local_table_parse(kind, old, &options, NULL, 0);
    struct local_table *is = local_table_parse(kind, buf_view(&out->text), &options, NULL, 0);
    size_t after = out->after.len > 0;

    check(was != NULL && is != NULL);
    for (size_t i = 0; i < out->after.len; i++)
        after += out->after.data[i] == '\n';
    check(local_table_left_out(was) == local_table_left_out(is));
    check(local_table_count(was) - out->lines + after == local_table_count(is));
    local_table_free(was);
    local_table_free(is);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct read_edit r = read_edit(view_make(data, size));
    struct edited_text out, again;

    edit_text(r.kind, r.text, &r.edit, &options, &out);
    if (out.outcome == LOCAL_EDIT_BAD || out.outcome == LOCAL_EDIT_ABSENT)
        check(out.why.text[0] != '\0');
    /* A text this small always has room: a failure is a fault that the last check caught. */
    check(out.outcome != LOCAL_EDIT_FAILED);
    if (out.outcome == LOCAL_EDIT_ADDED || out.outcome == LOCAL_EDIT_CHANGED) {
        check_others(r.text, &out);
        check_tables(r.kind, r.text, &out);
        edit_text(r.kind, buf_view(&out.text), &r.edit, &options, &again);
        check(again.outcome ==
              (r.edit.action == LOCAL_REMOVE ? LOCAL_EDIT_ABSENT : LOCAL_EDIT_NOTHING));
        edited_text_free(&again);
    }
    edited_text_free(&out);
    return 0;
}
