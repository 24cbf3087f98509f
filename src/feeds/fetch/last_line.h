/*
 * An answer of HTTP/1 without a length and not chunked ends where the connection does, also when
 * that broke (RFC 9112, 8): its last line may be half of one, and half of partner.org.phish.example
 * is partner.org. So of such a list what stands behind its last line end is left out.
 *
 * Pure but for the body. Worker thread.
 */
#ifndef FEEDS_LAST_LINE_H
#define FEEDS_LAST_LINE_H

#include "../packing/unpack.h"

struct last_line {
    struct buf kept;        /* what came behind the last line end */
    char head[UNPACK_HEAD]; /* the first bytes: what is packed knows its own end */
    size_t head_len;
};

/* BYTES go to B, but for what may be half a line. As body_add. */
int last_line_add(struct last_line *l, struct view bytes, struct body *b, struct error *why);

/* The answer is over. *LEFT_OUT: how many bytes of it B does not hold. As body_add. */
int last_line_end(struct last_line *l, struct body *b, size_t *left_out, struct error *why);

void last_line_free(struct last_line *l);

#endif
