/*
 * Where in a copy an entry comes from (rule 32). The feed's own parser goes over the copy again, so
 * that a row is found by what it means and not by how it is written: "J.Doe@googlemail.com" is
 * what lists jdoe@gmail.com. Of several rows the newest counts; where rows have no dates, the
 * first, and the rest of the copy need not be read.
 */
#ifndef FEEDS_ORIGIN_H
#define FEEDS_ORIGIN_H

#include "format.h"

struct origin_wish {
    enum entry_kind kind;
    struct view key; /* as feed_row has it; borrowed */
    unsigned types;  /* aper: rows of these types go before others; 0: the format has none */
};

struct origin {
    struct feed_origin shown; /* into this struct: it is not to be copied */
    bool fits;                /* it is of a wished type */
    int32_t date;
    char row[FEED_ORIGIN_ROW];
    char text[255], value[16]; /* 254 bytes are what rbldnsd serves */
};

/* O is filled while the copy is read; it says "not found" until then. NULL: no memory. */
struct origin_search;
struct origin_search *origin_search_new(const struct feed_format *format,
                                        const struct feed_options *options,
                                        const struct origin_wish *wish, struct origin *o);

/* True: nothing that follows can be better. */
bool origin_search_chunk(struct origin_search *s, struct view bytes);
void origin_search_end(struct origin_search *s); /* the last line may lack its end; frees S */

#endif
