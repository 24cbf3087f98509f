/* A decision as one line, and back. */
#include "line.h"

#include <inttypes.h>
#include <stddef.h>

#include "rcptguard/base/hash.h"

/* Behind ref, time, label and date, in this order. */
static const size_t texts[] = {
    offsetof(struct record_decision, recipient),     offsetof(struct record_decision, sender),
    offsetof(struct record_decision, sasl_username), offsetof(struct record_decision, client),
    offsetof(struct record_decision, queue_id),      offsetof(struct record_decision, instance),
    offsetof(struct record_decision, canonical),     offsetof(struct record_decision, domain),
    offsetof(struct record_decision, list),          offsetof(struct record_decision, entry),
    offsetof(struct record_decision, action),        offsetof(struct record_decision, evidence),
};
#define TEXTS        (sizeof texts / sizeof texts[0])
#define TEXTS_OF_OLD 11 /* lines that were written before there were DNSBLs end here */

const char *line_refusal(struct view label)
{
    static const char *const labels[] = {"reject", "defer", "observe"};

    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++)
        if (view_is(label, labels[i]))
            return labels[i];
    return NULL;
}

/* ---- writing -------------------------------------------------------------------------------- */

/* How many bytes in front are written as they are; mostly all. */
static size_t plain_run(struct view v)
{
    size_t n = 0;

    while (n < v.len && !ascii_control(v.ptr[n]) && v.ptr[n] != '\\')
        n++;
    return n;
}

static void write_text(struct text *t, struct view v)
{
    v = view_first(v, LINE_FIELD_BYTES);
    for (;;) {
        size_t run = plain_run(v);
        text_add_view(t, view_first(v, run));
        v = view_from(v, run);
        if (v.len == 0)
            return;
        text_addf(t, "\\x%02x", (unsigned char)v.ptr[0]);
        v = view_from(v, 1);
    }
}

void line_write(struct text *t, const struct record_decision *d)
{
    write_text(t, d->ref);
    text_addf(t, "\t%" PRId64 "\t%s\t%" PRId32, d->time < 0 ? 0 : d->time, d->label,
              d->date < 0 ? 0 : d->date);
    for (size_t i = 0; i < TEXTS; i++) {
        text_add(t, "\t");
        write_text(t, *(const struct view *)((const char *)d + texts[i]));
    }
}

/* ---- reading -------------------------------------------------------------------------------- */

bool line_has_ref(struct view line, struct view ref)
{
    return line.len > ref.len && line.ptr[ref.len] == '\t' &&
           view_eq_nocase(view_first(line, ref.len), ref);
}

/* In place: what is read is never longer than what is written. */
static bool read_text(struct view field, struct view *out)
{
    char *to = (char *)(uintptr_t)field.ptr;
    size_t len = 0;

    for (size_t i = 0; i < field.len; i++) {
        if (field.ptr[i] != '\\') {
            to[len++] = field.ptr[i];
            continue;
        }
        char byte;
        if (field.len - i < 4 || field.ptr[i + 1] != 'x' ||
            !hex_parse(view_make(field.ptr + i + 2, 2), &byte, 1))
            return false;
        to[len++] = byte;
        i += 3;
    }
    *out = view_make(field.ptr, len);
    return true;
}

static bool read_number(struct view *rest, uint64_t max, uint64_t *number)
{
    struct view field;
    return view_split(rest, '\t', &field) && view_to_uint(field, max, number);
}

bool line_read(char *line, size_t len, struct record_decision *d)
{
    struct view rest = view_make(line, len), field;
    uint64_t time, date;

    if (!view_split(&rest, '\t', &field) || !read_text(field, &d->ref) ||
        !read_number(&rest, INT64_MAX, &time) || !view_split(&rest, '\t', &field) ||
        (d->label = line_refusal(field)) == NULL || !read_number(&rest, INT32_MAX, &date))
        return false;
    d->time = (int64_t)time;
    d->date = (int32_t)date;
    for (size_t i = 0; i < TEXTS; i++) {
        struct view *text = (struct view *)((char *)d + texts[i]);
        if (rest.ptr == NULL && i >= TEXTS_OF_OLD)
            *text = VIEW_NONE;
        else if (!view_split(&rest, '\t', &field) || !read_text(field, text))
            return false;
    }
    return true;
}
