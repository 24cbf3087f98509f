/* A parser whose sink looks for one entry. */
#include "origin.h"

#include <stdlib.h>

#include "../formats/dnset_answer.h"

struct origin_search {
    struct origin_wish wish;
    struct feed_parser *parser;
    struct origin *found;
    bool over;
};

static bool is_wished(const struct origin_wish *wish, const struct feed_row *row)
{
    return row->kind == wish->kind && row->effect == LISTING_BLOCKS && view_eq(row->key, wish->key);
}

static bool is_better(const struct origin *o, bool fits, int32_t date)
{
    if (!o->shown.found || fits != o->fits)
        return !o->shown.found || fits;
    return date > o->date;
}

static void take_row(const struct origin_search *s, const struct feed_row *row)
{
    struct origin *o = s->found;
    struct view line = feed_parser_line(s->parser, row->line);
    struct view shown = view_first(line.len > 0 ? line : row->text, sizeof o->row);

    memcpy(o->row, shown.ptr, shown.len);
    o->shown.row = view_make(o->row, shown.len);
    o->shown.line = row->line;
    o->shown.found = true;
}

static void take_answer(struct origin *o, const struct dnset_row *dnset)
{
    struct text value = text_on(o->value, sizeof o->value);
    struct text text = text_on(o->text, sizeof o->text);

    if (dnset == NULL)
        return;
    dnset_answer(dnset, &value, &text);
    o->shown.value = text_view(&value);
    o->shown.text = text_view(&text);
}

static void on_row(const struct feed_row *row, void *arg)
{
    struct origin_search *s = arg;
    struct origin *o = s->found;

    if (s->over || !is_wished(&s->wish, row))
        return;
    bool fits = s->wish.types == 0 || (s->wish.types & row->types) != 0;
    if (!is_better(o, fits, row->date))
        return;
    o->fits = fits;
    o->date = row->date;
    take_row(s, row);
    take_answer(o, row->dnset);
    s->over = row->date == 0;
}

static void on_root(uint64_t line, void *arg)
{
    (void)line, (void)arg;
}

static void on_bad(uint64_t line, struct view text, const char *why, void *arg)
{
    (void)line, (void)text, (void)why, (void)arg;
}

static void on_claim(enum feed_claim claim, int64_t value, void *arg)
{
    (void)claim, (void)value, (void)arg;
}

static void on_broken(uint64_t line, const char *why, void *arg)
{
    (void)line, (void)why, (void)arg;
}

struct origin_search *origin_search_new(const struct feed_format *format,
                                        const struct feed_options *options,
                                        const struct origin_wish *wish, struct origin *o)
{
    struct origin_search *s = malloc(sizeof *s);

    memset(o, 0, sizeof *o);
    if (s == NULL)
        return NULL;
    const struct feed_sink sink = {on_row, on_root, on_bad, on_root, on_claim, on_broken, s};
    *s = (struct origin_search){*wish, feed_parser_new(format, options, &sink), o, false};
    if (s->parser != NULL)
        return s;
    free(s);
    return NULL;
}

bool origin_search_chunk(struct origin_search *s, struct view bytes)
{
    feed_parser_chunk(s->parser, bytes);
    return s->over;
}

void origin_search_end(struct origin_search *s)
{
    feed_parser_end(s->parser);
    free(s);
}
