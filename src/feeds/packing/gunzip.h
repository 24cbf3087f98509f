/*
 * Gzip, a piece at a time. All members that stand one behind the other are one stream (RFC 1952);
 * CRC and length of each are checked. Pure.
 */
#ifndef FEEDS_GUNZIP_H
#define FEEDS_GUNZIP_H

#include "rcptguard/base/error.h"
#include "rcptguard/base/view.h"

struct gunzip;
struct gunzip *gunzip_new(void); /* NULL: no memory */
void gunzip_free(struct gunzip *g);

/*
 * Unpacks from the front of *PACKED into OUT and moves *PACKED behind what was read. Returns the
 * number of bytes made; less than SIZE (> 0) only when more input is needed, which *PACKED then
 * shows by being empty. ERR_SYNTAX: this is not gzip, or something else stands behind its end.
 */
long gunzip_step(struct gunzip *g, struct view *packed, void *out, size_t size, struct error *why);

/* Asked where the input ends: ERR_SYNTAX when that is not the end of a member. */
int gunzip_end(const struct gunzip *g, struct error *why);

#endif
