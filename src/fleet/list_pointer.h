/*
 * What Redis says about a shared list: which bytes it has, in which chunks they lie, when and by
 * whom they were fetched. It is the body of a sealed object (seal.h). Pure.
 */
#ifndef FLEET_LIST_POINTER_H
#define FLEET_LIST_POINTER_H

#include "rcptguard/base/buf.h"
#include "rcptguard/base/hash.h"
#include "rcptguard/feeds.h"

#define LIST_CHUNK_BYTES ((size_t)512 * 1024)
#define LIST_MAX_BYTES   (UINT64_C(256) << 20)
#define LIST_BLOB_SIZE   33 /* the name of a blob: 32 hex digits, and a NUL */

struct list_pointer {
    unsigned char sha256[SHA256_BYTES]; /* of the bytes as they were delivered */
    uint64_t bytes, packed;             /* PACKED: as they are in Redis */
    bool deflated;                      /* zlib's format; else they are as delivered */
    char blob[LIST_BLOB_SIZE];
    char etag[256], last_modified[64];
    int64_t fetched_ms; /* by the clock of Redis */
    int64_t expires_s;  /* what the server said then; 0: nothing */
    char signature[FEEDS_SHARE_SIGNATURE];
    size_t signature_len;
};

size_t list_pointer_chunks(const struct list_pointer *p);

/* 0 or ERR_NOMEM, ERR_LIMIT. */
int list_pointer_make(const struct list_pointer *p, struct buf *out);

/* ERR_SYNTAX, or ERR_LIMIT for more than MAX_BYTES: it is not to be followed. */
int list_pointer_parse(struct view text, uint64_t max_bytes, struct list_pointer *out,
                       struct error *why);

#endif
