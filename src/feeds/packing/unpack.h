/*
 * A list as its publisher packed it: plain, gz, xz, zst, bz2 or a zip of one member, told by its
 * first bytes and not by its name. Blocks; worker thread only.
 */
#ifndef FEEDS_UNPACK_H
#define FEEDS_UNPACK_H

#include "../store/body.h"

/* More than this many bytes out of one is a bomb, once more than UNPACK_FREE_BYTES came out. */
#define UNPACK_MAX_RATIO  1000
#define UNPACK_FREE_BYTES (UINT64_C(16) * 1024 * 1024)

/* What a decompressor may need for the bytes that it looks back at: xz -9 and zstd --ultra -22 are
 * below, `zstd --long=31` and a header that claims 1.5 GiB are not. */
#define UNPACK_MAX_WINDOW (128 * 1024 * 1024)

#define UNPACK_HEAD 10 /* the longest magic: bz2's, with that of its first block */

/* Is what begins with HEAD packed in one of these ways? HEAD: the first bytes, UNPACK_HEAD of them
 * when there are so many. */
bool unpack_is_packed(struct view head);

/*
 * Calls CHUNK with the plain bytes of B in order, until it returns non-zero, and returns that.
 * What was handed over before an error must be thrown away: whether a stream was whole is known at
 * its end only.
 *
 * ERR_SYNTAX: the packing is not whole or not one that is taken here: cut short, a wrong CRC or
 * length, something behind the end, packed twice, a zip of none or several members, encrypted.
 * ERR_LIMIT: more than MAX_BYTES came out (a plain body is not counted: it was when it was
 * fetched), or a bomb. These two are the copy's fault: fetching it again would bring the same.
 * ERR_DAMAGED: the file is not what was stored; ERR_IO, ERR_NOMEM: as they say.
 */
int unpack_each(const struct body *b, uint64_t max_bytes, body_chunk *chunk, void *arg,
                struct error *why);

#endif
