/* Half a line is no line. */
#include "last_line.h"

#include "../parse/format.h"

static int give(struct last_line *l, struct body *b, struct error *why)
{
    int rc = body_add(b, l->kept.data, l->kept.len, why);

    buf_clear(&l->kept);
    return rc;
}

/* A line that is longer is a bad row anyway. */
static int keep(struct last_line *l, struct view bytes, struct body *b, struct error *why)
{
    if (buf_add(&l->kept, bytes.ptr, bytes.len) < 0)
        return error_set(why, ERR_NOMEM, "no memory for the last line");
    return l->kept.len > FEED_LINE_MAX ? give(l, b, why) : 0;
}

static void note_head(struct last_line *l, struct view bytes)
{
    struct view first = view_first(bytes, sizeof l->head - l->head_len);

    memcpy(l->head + l->head_len, first.ptr, first.len);
    l->head_len += first.len;
}

int last_line_add(struct last_line *l, struct view bytes, struct body *b, struct error *why)
{
    size_t whole = bytes.len;
    int rc = 0;

    note_head(l, bytes);
    while (whole > 0 && bytes.ptr[whole - 1] != '\n')
        whole--;
    if (whole > 0 && (rc = give(l, b, why)) == 0)
        rc = body_add(b, bytes.ptr, whole, why);
    return rc < 0 ? rc : keep(l, view_make(bytes.ptr + whole, bytes.len - whole), b, why);
}

int last_line_end(struct last_line *l, struct body *b, size_t *left_out, struct error *why)
{
    bool packed = unpack_is_packed(view_make(l->head, l->head_len));

    *left_out = packed ? 0 : l->kept.len;
    return packed ? give(l, b, why) : 0;
}

void last_line_free(struct last_line *l)
{
    buf_free(&l->kept);
}
