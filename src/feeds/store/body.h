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
#define BODY_CHUNK_BYTES  16384

struct body {
    uint64_t size, max_bytes;
    unsigned char sha256[SHA256_BYTES]; /* valid after body_end */
    struct digest *digest;              /* until body_end */
    struct buf memory;                  /* while fd is -1 */
    int fd;
    char *path;       /* where the file is, or would be */
    bool ours;        /* the file goes with the body */
    bool packed;      /* the file is pack_file's: what is read of it is what it holds */
    unsigned holders; /* that have it beside the one who made it */
};

/* An empty one to be added to; PATH (copied) and a unique ending is where it goes when it grows.
 * NULL: no memory. */
struct body *body_new(const char *path, uint64_t max_bytes);
int body_add(struct body *b, const void *bytes, size_t len, struct error *why);
void body_end(struct body *b);

/* A file of max_bytes at most, in memory, ended. */
struct body *body_of_file(const char *path, uint64_t max_bytes, struct error *why);

/* A stored copy, to be read a chunk at a time; its digest is DIGEST by name only: reading it to its
 * end checks it. */
struct body *body_of_stored(const char *path, const unsigned char digest[SHA256_BYTES],
                            struct error *why);

/*
 * The same of a file that pack_file made: DIGEST is that of the bytes before, and these are what is
 * read. (What the publisher packed is unpacked by unpack.h, from these or any other.) size is that
 * of the file.
 */
struct body *body_of_stored_gz(const char *path, const unsigned char digest[SHA256_BYTES],
                               struct error *why);

/*
 * Calls CHUNK with all bytes in order, BODY_CHUNK_BYTES at most at a time, until it returns
 * non-zero, and returns that. ERR_DAMAGED at the end: the bytes are not those that the digest was
 * made of.
 */
typedef int body_chunk(struct view bytes, void *arg, struct error *why);
int body_each(const struct body *b, body_chunk *chunk, void *arg, struct error *why);

/*
 * The same for whoever has to pull. *BYTES is valid until the next call, and empty at the end,
 * which is told only when the digest is right. B is borrowed as long as the reader lives.
 */
struct body_reader;
struct body_reader *body_reader_new(const struct body *b, struct error *why);
int body_reader_next(struct body_reader *r, struct view *bytes, struct error *why);
void body_reader_free(struct body_reader *r); /* NULL is fine */

/* One more who reads it, and has to free it too; nobody adds to it any more. The bytes stay what
 * they are, even when the store takes the file over. Returns B; worker thread. */
struct body *body_hold(struct body *b);

void body_free(struct body *b); /* NULL is fine */

#endif
