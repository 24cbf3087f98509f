/*
 * Shows bytes from outside safely, in logs, terminals and replies alike: bytes below 0x20, 0x7f,
 * backslash, double quote, invalid UTF-8, C1 and bidi controls become \xHH. One record stays one
 * line, and no terminal obeys an address.
 */
#ifndef RCPTGUARD_BASE_ESCAPE_H
#define RCPTGUARD_BASE_ESCAPE_H

#include "rcptguard/base/buf.h"
#include "rcptguard/base/view.h"

enum escape_where {
    ESCAPE_TERMINAL, /* as above */
    ESCAPE_LOG,      /* '<' and '>' too: log values stand in them */
};

#define ESCAPE_MAX_BYTES 256 /* what is shown of one value, in bytes of output */

/* Appends V, escaped, cut at ESCAPE_MAX_BYTES of output and never inside an escape. */
void escape_to(struct text *t, struct view v, enum escape_where where);

/* The same with another cap, for texts of ours that hold a longer message. */
void escape_to_max(struct text *t, struct view v, enum escape_where where, size_t max_bytes);

#endif
