/*
 * The bytes of one copy: in memory while they are few, in a file beyond, so that several big
 * fetches at once do not cost their size in memory and an ordinary list is taken even when the
 * disk is full. The digest grows with it.
 */
#ifndef FEEDS_BODY_H
#define FEEDS_BODY_H

#include <stdint.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/base/error.h"
#include "rcptguard/base/hash.h"

#define BODY_MEMORY_BYTES (4 * 1024 * 1024)

struct body {
    uint64_t size, max_bytes;
    unsigned char sha256[SHA256_BYTES]; /* valid after body_end */
    struct digest *digest;              /* until body_end */
    struct buf memory;                  /* while fd is -1 */
    int fd;
    char *path; /* where the file is, or would be */
    bool ours;  /* the file goes with the body */
};

/* An empty one to be added to; PATH (copied) and a unique ending is where it goes when it grows.
 * NULL: no memory. */
struct body *body_new(const char *path, uint64_t max_bytes);
int body_add(struct body *b, const void *bytes, size_t len, struct error *why);
void body_end(struct body *b);

/* A file of max_bytes at most, in memory, ended. */
struct body *body_of_file(const char *path, uint64_t max_bytes, struct error *why);

/* A stored copy, to be read a chunk at a time; its digest is DIGEST by name only: body_each
 * checks it. */
struct body *body_of_stored(const char *path, const unsigned char digest[SHA256_BYTES],
                            struct error *why);

/*
 * Calls CHUNK with all bytes in order until it returns non-zero, and returns that. ERR_DAMAGED at
 * the end: the bytes are not those that the digest was made of.
 */
typedef int body_chunk(struct view bytes, void *arg, struct error *why);
int body_each(const struct body *b, body_chunk *chunk, void *arg, struct error *why);

void body_free(struct body *b); /* NULL is fine */

#endif
