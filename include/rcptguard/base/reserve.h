/*
 * Memory for a library that dies where it is told that there is none: evhttp does, when a
 * connection comes in. Small pieces come from a reserve then, until there is memory again.
 * Thread-safe.
 */
#ifndef RCPTGUARD_BASE_RESERVE_H
#define RCPTGUARD_BASE_RESERVE_H

#include <stddef.h>

#define RESERVE_PIECE_BYTES 1024 /* the largest piece there is */
#define RESERVE_PIECES      512

/* As malloc, realloc and free, which they are while there is memory; each takes what another gave.
 */
void *reserve_malloc(size_t size);
void *reserve_realloc(void *old, size_t size);
void reserve_free(void *piece);

/* A piece of the reserve itself, RESERVE_PIECE_BYTES long; NULL: there is none, or SIZE is more. */
void *reserve_take(size_t size);

/* How many pieces of the reserve are in use. Some may stay so for ever. */
size_t reserve_used(void);

#endif
