/*
 * The bytes of a shared list as chunks: made of what the feeds give, and taken apart again by who
 * does not believe them. Pure; zlib and libcrypto do the work.
 */
#ifndef FLEET_LIST_BLOB_H
#define FLEET_LIST_BLOB_H

#include "list_pointer.h"

/* ---- making chunks ---- */

struct blob_maker;

/* The next bytes of the body, none at the end (feeds_share_came). */
typedef int blob_next(void *from, struct view *bytes, struct error *why);

/* DEFLATE false: the bytes are packed already. NULL: no memory. */
struct blob_maker *blob_maker_new(bool deflate, blob_next *next, void *from);
void blob_maker_free(struct blob_maker *m); /* NULL is fine */

/* 1: *CHUNK is the next one, of LIST_CHUNK_BYTES but for the last, valid until the next call; 0:
 * there is no more. Negative with *why. */
int blob_maker_chunk(struct blob_maker *m, struct view *chunk, struct error *why);

/* ---- taking them apart ---- */

struct blob_taker;

/* Not 0: cannot take it. */
typedef int blob_sink(struct view bytes, bool first, void *arg);

/* P is copied. NULL: no memory. */
struct blob_taker *blob_taker_new(const struct list_pointer *p, blob_sink *sink, void *arg);
void blob_taker_free(struct blob_taker *t); /* NULL is fine */

/* The next chunk, in order; all of them are list_pointer_chunks. ERR_DAMAGED: it is not what the
 * pointer says; ERR_IO: the sink could not take it; ERR_NOMEM. */
int blob_taker_chunk(struct blob_taker *t, struct view chunk, struct error *why);

/* After the last one: was it the whole, and are these the bytes of the digest? */
int blob_taker_end(struct blob_taker *t, struct error *why);

#endif
