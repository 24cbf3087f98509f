/*
 * What a zip says of itself, checked against what was read. A zip is read from the front, member
 * by member, and its directory stands at the end: readers from the front do not look at it, and
 * take what is cut short there, or has something behind it, for whole. So the bytes pass through
 * here, and at the end every one of them must be accounted for: one header, one member, one
 * directory of one entry, its end, nothing else. Pure.
 */
#ifndef FEEDS_UNPACK_ZIP_H
#define FEEDS_UNPACK_ZIP_H

#include <stdint.h>

#include "rcptguard/base/error.h"
#include "rcptguard/base/view.h"

/* Room for the directory of one member and its end, with long names and a comment. */
#define ZIP_TAIL_BYTES 16384
#define ZIP_HEAD_BYTES 30 /* the member's own header, without the name */

struct zip_outline {
    unsigned char head[ZIP_HEAD_BYTES];
    unsigned char tail[2 * ZIP_TAIL_BYTES];
    size_t head_len, tail_len;
    uint64_t packed_bytes, plain_bytes;
    unsigned long crc;
};

void zip_packed(struct zip_outline *z, struct view packed); /* all bytes of the zip, in order */
void zip_plain(struct zip_outline *z, struct view plain);   /* all bytes of the member */

/* Of the first bytes, before anything is read: ERR_SYNTAX for what is not taken at all. */
int zip_check_head(struct view head, struct error *why);
/* When all were given: ERR_SYNTAX when it is not one whole member and nothing else. */
int zip_check_whole(const struct zip_outline *z, struct error *why);

#endif
