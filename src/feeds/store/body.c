/* The bytes of one copy, in memory or in a file: how they get there. body_read.c reads them. */
#include "body.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rcptguard/base/file.h"

struct body *body_new(const char *path, uint64_t max_bytes)
{
    struct body *b = calloc(1, sizeof *b);
    if (b == NULL)
        return NULL;
    b->fd = -1;
    b->max_bytes = max_bytes;
    b->memory = BUF_INIT(0);
    b->ours = true;
    b->path = view_dup(view_of(path));
    b->digest = digest_new();
    if (b->path == NULL || b->digest == NULL) {
        body_free(b);
        return NULL;
    }
    return b;
}

/* A name of its own: a body that could not be kept yet may still stand beside it. */
static int move_to_file(struct body *b, struct error *why)
{
    char *path = NULL;

    if (asprintf(&path, "%s.XXXXXX", b->path) < 0)
        return error_set(why, ERR_NOMEM, "no memory");
    b->fd = mkostemp(path, O_CLOEXEC);
    free(b->path);
    b->path = path;
    if (b->fd < 0)
        return error_errno(why, "cannot create %s", b->path);
    int rc = file_write_all(b->fd, b->path, b->memory.data, b->memory.len, why);
    buf_free(&b->memory);
    return rc;
}

int body_add(struct body *b, const void *bytes, size_t len, struct error *why)
{
    int rc = 0;

    if (len > b->max_bytes - b->size)
        return error_set(why, ERR_LIMIT, "more than max_bytes (%" PRIu64 " bytes)", b->max_bytes);
    if (b->fd < 0 && b->size + len > BODY_MEMORY_BYTES)
        rc = move_to_file(b, why);
    if (rc == 0 && b->fd >= 0)
        rc = file_write_all(b->fd, b->path, bytes, len, why);
    else if (rc == 0 && buf_add(&b->memory, bytes, len) < 0)
        rc = error_set(why, ERR_NOMEM, "no memory for %" PRIu64 " bytes", b->size + len);
    if (rc < 0)
        return rc;
    digest_add(b->digest, bytes, len);
    b->size += len;
    return 0;
}

void body_end(struct body *b)
{
    digest_end(b->digest, b->sha256);
    b->digest = NULL;
}

struct body *body_of_file(const char *path, uint64_t max_bytes, struct error *why)
{
    struct body *b = body_new("", max_bytes);

    if (b == NULL) {
        error_set(why, ERR_NOMEM, "no memory to read %s", path);
        return NULL;
    }
    if (file_read(path, max_bytes, &b->memory, why) < 0) {
        body_free(b);
        return NULL;
    }
    b->size = b->memory.len;
    digest_add(b->digest, b->memory.data, b->memory.len);
    body_end(b);
    return b;
}

struct body *body_of_stored(const char *path, const unsigned char digest[SHA256_BYTES],
                            struct error *why)
{
    struct body *b = body_new(path, UINT64_MAX);
    struct stat st;

    if (b == NULL) {
        error_set(why, ERR_NOMEM, "no memory to read %s", path);
        return NULL;
    }
    b->ours = false;
    body_end(b);
    memcpy(b->sha256, digest, SHA256_BYTES);
    b->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (b->fd < 0 || fstat(b->fd, &st) != 0) {
        bool gone = errno == ENOENT || errno == ELOOP;
        error_errno(why, "cannot open %s", path);
        if (gone && why != NULL)
            why->code = ERR_ABSENT;
        body_free(b);
        return NULL;
    }
    b->size = (uint64_t)st.st_size;
    return b;
}

struct body *body_of_stored_gz(const char *path, const unsigned char digest[SHA256_BYTES],
                               struct error *why)
{
    struct body *b = body_of_stored(path, digest, why);

    if (b != NULL)
        b->packed = true;
    return b;
}

struct body *body_hold(struct body *b)
{
    b->holders++;
    return b;
}

void body_free(struct body *b)
{
    unsigned char unused[SHA256_BYTES];

    if (b == NULL)
        return;
    if (b->holders > 0) {
        b->holders--;
        return;
    }
    if (b->digest != NULL)
        digest_end(b->digest, unused);
    if (b->fd >= 0) {
        close(b->fd);
        if (b->ours)
            unlink(b->path);
    }
    buf_free(&b->memory);
    free(b->path);
    free(b);
}
