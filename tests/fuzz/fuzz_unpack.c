/*
 * Any bytes as a packed list: it ends, stays within its cap, and unpacks the same every time. Of
 * gzip zlib's own reading of files says what must come out.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#include "feeds/packing/unpack.h"

#define MAX_BYTES (1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int keep(struct view bytes, void *arg, struct error *why)
{
    (void)why;
    if (bytes.len == 0)
        abort();
    return buf_add_view(arg, bytes);
}

static int unpack(const uint8_t *data, size_t size, struct buf *out)
{
    struct error why = {.code = 0};
    struct body *b = body_new("", UINT64_MAX);

    if (b == NULL || body_add(b, data, size, NULL) < 0)
        abort();
    body_end(b);
    int rc = unpack_each(b, MAX_BYTES, keep, out, &why);
    body_free(b);
    if (rc > 0 || rc != why.code || (rc < 0 && why.text[0] == '\0'))
        abort();
    return rc;
}

/* One member a call; false: not gzip, or not whole. */
static bool inflate_member(z_stream *z, struct buf *out)
{
    Bytef bytes[4096];
    int rc;

    do {
        z->next_out = bytes;
        z->avail_out = sizeof bytes;
        rc = inflate(z, Z_FINISH);
        buf_add(out, bytes, sizeof bytes - z->avail_out);
    } while ((rc == Z_OK || (rc == Z_BUF_ERROR && z->avail_out == 0)) && out->len <= MAX_BYTES);
    return rc == Z_STREAM_END;
}

static bool gunzip_whole(const uint8_t *data, size_t size, struct buf *out)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)size};
    bool good = true;

    if (inflateInit2(&z, MAX_WBITS + 16) != Z_OK)
        abort();
    while (good && z.avail_in > 0) {
        good = inflate_member(&z, out);
        inflateReset(&z);
    }
    inflateEnd(&z);
    return good && out->len <= MAX_BYTES;
}

static void check_gz(const uint8_t *data, size_t size, int rc, const struct buf *got)
{
    struct buf expected = BUF_INIT(0);
    bool good = gunzip_whole(data, size, &expected);

    if (good && rc == 0 && !view_eq(buf_view(got), buf_view(&expected)))
        abort();
    if (!good && rc == 0)
        abort();
    /* What else it may be refused for: a list that is packed again. */
    if (good && rc != 0 && rc != ERR_SYNTAX)
        abort();
    buf_free(&expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf once = BUF_INIT(MAX_BYTES + size), again = BUF_INIT(MAX_BYTES + size);
    int rc = unpack(data, size, &once);

    if (rc == ERR_NOMEM) /* that is the buffer: more than its cap came out */
        abort();
    if (rc != unpack(data, size, &again) || !view_eq(buf_view(&once), buf_view(&again)))
        abort();
    if (size >= 2 && data[0] == 0x1f && data[1] == 0x8b)
        check_gz(data, size, rc, &once);
    buf_free(&once);
    buf_free(&again);
    return 0;
}
