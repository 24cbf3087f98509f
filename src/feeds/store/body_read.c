/*
 * The bytes of one copy, read in order. A file's are hashed on the way, whoever reads them and for
 * whatever: a disk that changed them must not put other entries in force.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "../packing/gunzip.h"
#include "body.h"
#include "rcptguard/base/breath.h"

struct body_reader {
    const struct body *b;
    uint64_t at;
    struct digest *digest; /* NULL: of bytes in memory nobody doubts; or its end was told */
    struct gunzip *gunzip; /* NULL: they are read as they are */
    struct view packed;    /* read and not unpacked yet */
    char bytes[BODY_CHUNK_BYTES], unpacked[BODY_CHUNK_BYTES];
};

struct body_reader *body_reader_new(const struct body *b, struct error *why)
{
    struct body_reader *r = malloc(sizeof *r);

    if (r != NULL) {
        r->b = b;
        r->at = 0;
        r->packed = VIEW_NONE;
        r->digest = b->fd < 0 ? NULL : digest_new();
        r->gunzip = b->packed ? gunzip_new() : NULL;
    }
    if (r == NULL || (b->fd >= 0 && r->digest == NULL) || (b->packed && r->gunzip == NULL)) {
        body_reader_free(r);
        error_set(why, ERR_NOMEM, "no memory to read %s", b->path);
        return NULL;
    }
    return r;
}

void body_reader_free(struct body_reader *r)
{
    unsigned char unused[SHA256_BYTES];

    if (r == NULL)
        return;
    if (r->digest != NULL)
        digest_end(r->digest, unused);
    gunzip_free(r->gunzip);
    free(r);
}

static int read_memory(struct body_reader *r, struct view *bytes)
{
    *bytes = view_first(view_from(buf_view(&r->b->memory), r->at), BODY_CHUNK_BYTES);
    r->at += bytes->len;
    breath(bytes->len);
    return 0;
}

static int read_file(struct body_reader *r, struct view *bytes, struct error *why)
{
    ssize_t n;

    do
        n = pread(r->b->fd, r->bytes, sizeof r->bytes, (off_t)r->at);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return error_errno(why, "cannot read %s", r->b->path);
    r->at += (uint64_t)n;
    *bytes = view_make(r->bytes, (size_t)n);
    return 0;
}

static int is_damaged(const struct body_reader *r, struct error *why)
{
    return error_set(why, ERR_DAMAGED, "%s is damaged", r->b->path);
}

/* As many bytes as fit, so that small pieces inside the file do not become small chunks. */
static int read_packed(struct body_reader *r, struct view *bytes, struct error *why)
{
    size_t made = 0;

    while (made < sizeof r->unpacked) {
        int rc = r->packed.len > 0 ? 0 : read_file(r, &r->packed, why);
        if (rc < 0)
            return rc;
        if (r->packed.len == 0)
            break;
        long n =
            gunzip_step(r->gunzip, &r->packed, r->unpacked + made, sizeof r->unpacked - made, why);
        if (n < 0)
            return n == ERR_NOMEM ? ERR_NOMEM : is_damaged(r, why);
        made += (size_t)n;
    }
    *bytes = view_make(r->unpacked, made);
    return made == 0 && gunzip_end(r->gunzip, why) < 0 ? is_damaged(r, why) : 0;
}

static int check_digest(struct body_reader *r, struct error *why)
{
    unsigned char sha256[SHA256_BYTES];

    digest_end(r->digest, sha256);
    r->digest = NULL;
    return memcmp(sha256, r->b->sha256, sizeof sha256) == 0 ? 0 : is_damaged(r, why);
}

int body_reader_next(struct body_reader *r, struct view *bytes, struct error *why)
{
    *bytes = VIEW_NONE;
    if (r->b->fd < 0)
        return read_memory(r, bytes);
    if (r->digest == NULL)
        return 0;
    int rc = r->gunzip != NULL ? read_packed(r, bytes, why) : read_file(r, bytes, why);
    if (rc < 0)
        return rc;
    if (bytes->len == 0)
        return check_digest(r, why);
    digest_add(r->digest, bytes->ptr, bytes->len);
    return 0;
}

int body_each(const struct body *b, body_chunk *chunk, void *arg, struct error *why)
{
    struct body_reader *r = body_reader_new(b, why);
    struct view bytes;
    int rc = r == NULL ? ERR_NOMEM : 0;

    while (rc == 0 && (rc = body_reader_next(r, &bytes, why)) == 0 && bytes.len > 0)
        rc = chunk(bytes, arg, why);
    body_reader_free(r);
    return rc;
}
