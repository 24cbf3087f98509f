/*
 * Where an entry comes from, on the worker: the accepted copy, whatever it is packed in, is read
 * through the search of parse/origin.h. It is asked for by a person and seldom, so nothing is kept
 * for it while lists are parsed; the price is a second or two for the largest ones.
 */
#include "origin.h"

#include <stdlib.h>

#include "packing/unpack.h"

/* body_each hands on whatever is not 0. */
#define ENOUGH 1

struct looking {
    const atomic_bool *stop, *forgotten;
    struct origin_search *search;
};

struct origin_request *origin_request_new(enum entry_kind kind, struct view key,
                                          feed_origin_found *found)
{
    struct origin_request *r = calloc(1, sizeof *r + key.len);

    if (r == NULL)
        return NULL;
    r->found = found;
    r->kind = kind;
    r->key_len = key.len;
    if (key.len > 0)
        memcpy(r->key, key.ptr, key.len);
    return r;
}

static int look_in_chunk(struct view bytes, void *arg, struct error *why)
{
    const struct looking *l = arg;

    if (atomic_load_explicit(l->stop, memory_order_relaxed) ||
        atomic_load_explicit(l->forgotten, memory_order_relaxed))
        return error_set(why, ERR_TIMEOUT, "stopped");
    return origin_search_chunk(l->search, bytes) ? ENOUGH : 0;
}

/* A copy that turns out to be damaged is the next build's to deal with; here nothing is known. */
static void look_in(const struct feed_house *house, const struct feed *f, const struct body *body,
                    const atomic_bool *forgotten, struct origin_request *r)
{
    const struct feed_format *format = feed_format_find(f->config->format);
    struct feed_options options = feed_options_of(house->config, f->config, house->suffixes);
    const struct origin_wish wish = {
        .kind = r->kind,
        .key = view_make(r->key, r->key_len),
        .types = feed_shaping_of(house->config, f->config, house->suffixes).types,
    };
    struct looking l = {house->stop, forgotten, NULL};
    struct error why;

    if (format != NULL)
        l.search = origin_search_new(format, &options, &wish, &r->origin);
    if (l.search == NULL)
        return;
    int rc = unpack_each(body, body->max_bytes, look_in_chunk, &l, &why);
    origin_search_end(l.search);
    r->looked = rc >= 0;
}

void feed_find_origin(const struct feed_house *house, const struct feed *f,
                      const atomic_bool *forgotten, struct origin_request *r)
{
    struct error why;
    bool borrowed;

    if (f->adopted || !f->meta.sources[STORE_LIST].accepted.known)
        return;
    struct body *body = feed_open(f, STORE_LIST, COPY_ACCEPTED, &borrowed, &why);
    if (body == NULL)
        return;
    look_in(house, f, body, forgotten, r);
    if (!borrowed)
        body_free(body);
}
