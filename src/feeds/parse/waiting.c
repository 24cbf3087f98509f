/* The row under way, for formats of lines and for those that cut their rows themselves. */
#include "waiting.h"

void waiting_begin(struct waiting *w)
{
    w->len = 0;
    w->skipping = false;
}

void waiting_add(struct waiting *w, const struct feed_sink *sink, uint64_t line, struct view part)
{
    if (w->skipping || part.len == 0)
        return;
    struct view fits = view_first(part, sizeof w->bytes - w->len);
    memcpy(w->bytes + w->len, fits.ptr, fits.len);
    w->len += fits.len;
    if (fits.len == part.len)
        return;
    w->skipping = true;
    sink->bad(line, view_make(w->bytes, w->len), "is longer than 64 KiB", sink->arg);
}

bool waiting_end(struct waiting *w, const struct feed_sink *sink, uint64_t line, struct view part,
                 struct view *row)
{
    bool whole = w->len == 0 && !w->skipping && part.len <= sizeof w->bytes;

    if (!whole)
        waiting_add(w, sink, line, part);
    *row = whole ? part : view_make(w->bytes, w->len);
    bool fits = !w->skipping;
    waiting_begin(w);
    return fits;
}
