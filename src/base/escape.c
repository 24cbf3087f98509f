/*
 * Escaping for people's eyes. Bidi controls are escaped because they let an address read as another
 * one; C1 controls because some terminals obey them.
 */
#include "rcptguard/base/escape.h"

struct glyph {
    size_t len; /* bytes of input */
    bool plain; /* may be shown as it is */
};

static uint32_t code_point(const unsigned char *p, size_t len)
{
    if (len == 2)
        return (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3fu);
    if (len == 3)
        return (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3fu);
    return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3f) << 12 |
           (uint32_t)(p[2] & 0x3f) << 6 | (p[3] & 0x3fu);
}

/* C1, line and paragraph separators, and the controls of Unicode's bidirectional algorithm (UAX 9).
 */
static bool is_sly(uint32_t c)
{
    return (c >= 0x80 && c <= 0x9f) || c == 0x61c || (c >= 0x200e && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static inline bool is_plain_ascii(char c, enum escape_where where)
{
    return c >= ' ' && c < 0x7f && c != '\\' && c != '"' &&
           !(where == ESCAPE_LOG && (c == '<' || c == '>'));
}

static struct glyph glyph_at(struct view v, enum escape_where where)
{
    unsigned char c = (unsigned char)v.ptr[0];

    if (c < 0x80)
        return (struct glyph){1, is_plain_ascii(v.ptr[0], where)};
    size_t len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (v.len < len || !view_is_utf8(view_first(v, len)))
        return (struct glyph){1, false};
    return (struct glyph){len, !is_sly(code_point((const unsigned char *)v.ptr, len))};
}

/* How many bytes in front are ASCII that is shown as it is; mostly all. */
static size_t plain_run(struct view v, enum escape_where where, size_t max)
{
    size_t n = 0;

    v = view_first(v, max);
    while (n < v.len && is_plain_ascii(v.ptr[n], where))
        n++;
    return n;
}

void escape_to_max(struct text *t, struct view v, enum escape_where where, size_t max_bytes)
{
    size_t out = 0;

    while (v.len > 0) {
        size_t room = t->size - 1 - t->len;
        size_t run = plain_run(v, where, max_bytes - out < room ? max_bytes - out : room);
        text_add_view(t, view_first(v, run));
        out += run;
        v = view_from(v, run);
        if (v.len == 0)
            return;
        struct glyph g = glyph_at(v, where);
        size_t need = g.plain ? g.len : 4 * g.len;
        if (out + need > max_bytes || t->len + need >= t->size) {
            t->cut = true;
            return;
        }
        if (g.plain) {
            text_add_view(t, view_first(v, g.len));
        } else {
            for (size_t i = 0; i < g.len; i++)
                text_addf(t, "\\x%02X", (unsigned char)v.ptr[i]);
        }
        out += need;
        v = view_from(v, g.len);
    }
}

void escape_to(struct text *t, struct view v, enum escape_where where)
{
    escape_to_max(t, v, where, ESCAPE_MAX_BYTES);
}
