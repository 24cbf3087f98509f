/* Where an entry comes from: the question on its way to the worker and back. */
#ifndef FEEDS_FEED_ORIGIN_H
#define FEEDS_FEED_ORIGIN_H

#include "feed.h"
#include "parse/origin.h"

struct origin_request {
    feed_origin_found *found; /* the loop's own */
    bool looked;              /* the copy was there, and what ORIGIN says is so */
    enum entry_kind kind;
    struct origin origin;
    size_t key_len;
    char key[];
};

/* NULL: no memory. */
struct origin_request *origin_request_new(enum entry_kind kind, struct view key,
                                          feed_origin_found *found);

/* Looks in the accepted copy of F, unless FORGOTTEN or the house's stop ends it. Worker thread. */
void feed_find_origin(const struct feed_house *house, const struct feed *f,
                      const atomic_bool *forgotten, struct origin_request *r);

#endif
