/*
 * What Redis may hold of a shared list, from a stranger. The first byte says what the rest is: a
 * pointer; chunks, behind whether they are deflated and how many bytes (in 256s) they claim to
 * come to; a body that is put into chunks and taken out again, behind the length of the pieces it
 * comes in. Nobody gets more bytes than the pointer says, and only those of its digest are a list.
 */
#include <stdlib.h>
#include <string.h>

#include "fleet/list_blob.h"

static void must(bool is_so)
{
    if (!is_so)
        abort();
}

/* ---- pointers ------------------------------------------------------------------------------- */

static void try_pointer(struct view text)
{
    struct list_pointer p, again;
    struct buf out = BUF_INIT(0), twice = BUF_INIT(0);
    struct error why = {0};

    if (list_pointer_parse(text, LIST_MAX_BYTES, &p, &why) < 0) {
        must(why.text[0] != '\0');
        return;
    }
    must(p.bytes <= LIST_MAX_BYTES && list_pointer_chunks(&p) > 0);
    must(strlen(p.blob) == sizeof p.blob - 1 && p.signature_len <= sizeof p.signature);
    must(list_pointer_make(&p, &out) == 0);
    must(list_pointer_parse(buf_view(&out), p.bytes, &again, NULL) == 0);
    must(list_pointer_make(&again, &twice) == 0 && view_eq(buf_view(&out), buf_view(&twice)));
    if (p.bytes > 0)
        must(list_pointer_parse(buf_view(&out), p.bytes - 1, &again, NULL) == ERR_LIMIT);
    buf_free(&out);
    buf_free(&twice);
}

/* ---- chunks --------------------------------------------------------------------------------- */

static int sink(struct view bytes, bool first, void *arg)
{
    if (first)
        buf_clear(arg);
    return bytes.len == 0 ? 0 : buf_add_view(arg, bytes);
}

static int take(const struct list_pointer *p, struct view packed, struct buf *out)
{
    struct blob_taker *t = blob_taker_new(p, sink, out);
    int rc = 0;

    must(t != NULL);
    while (rc == 0 && packed.len > 0) {
        rc = blob_taker_chunk(t, view_first(packed, LIST_CHUNK_BYTES), NULL);
        packed = view_from(packed, LIST_CHUNK_BYTES);
    }
    if (rc == 0)
        rc = blob_taker_end(t, NULL);
    blob_taker_free(t);
    must(out->len <= p->bytes);
    return rc;
}

static void digest_of(struct view bytes, unsigned char sha256[SHA256_BYTES])
{
    struct digest *d = digest_new();

    digest_add(d, bytes.ptr, bytes.len);
    digest_end(d, sha256);
}

static void try_chunks(struct view bytes)
{
    if (bytes.len < 2)
        return;
    struct list_pointer p = {.deflated = (bytes.ptr[0] & 1) != 0,
                             .bytes = (uint64_t)(unsigned char)bytes.ptr[1] << 8,
                             .packed = bytes.len - 2};
    struct buf out = BUF_INIT(0), again = BUF_INIT(0);
    struct view packed = view_from(bytes, 2);

    must(take(&p, packed, &out) == ERR_DAMAGED); /* a digest of zeros */
    /* With the length and the digest of what came it is a list, if it is whole. */
    p.bytes = out.len;
    digest_of(buf_view(&out), p.sha256);
    if (take(&p, packed, &again) == 0) {
        must(view_eq(buf_view(&out), buf_view(&again)));
        p.sha256[0] ^= 1;
        must(take(&p, packed, &again) == ERR_DAMAGED);
    }
    buf_free(&out);
    buf_free(&again);
}

/* ---- there and back ------------------------------------------------------------------------- */

struct source {
    struct view left;
    size_t piece;
};

static int next(void *from, struct view *bytes, struct error *why)
{
    struct source *s = from;

    (void)why;
    *bytes = view_first(s->left, s->piece);
    s->left = view_from(s->left, s->piece);
    return 0;
}

static void there_and_back(struct view body, size_t piece, bool deflate)
{
    struct list_pointer p = {.deflated = deflate, .bytes = body.len};
    struct source source = {body, piece};
    struct blob_maker *m = blob_maker_new(deflate, next, &source);
    struct buf packed = BUF_INIT(0), out = BUF_INIT(0);
    struct view chunk;

    must(m != NULL);
    digest_of(body, p.sha256);
    while (blob_maker_chunk(m, &chunk, NULL) > 0)
        buf_add_view(&packed, chunk);
    blob_maker_free(m);
    p.packed = packed.len;
    must(take(&p, buf_view(&packed), &out) == 0 && view_eq(buf_view(&out), body));
    buf_free(&packed);
    buf_free(&out);
}

/* Once as it is, and once so often that it makes several chunks. */
static void try_body(struct view bytes)
{
    struct buf many = BUF_INIT(0);

    if (bytes.len < 2)
        return;
    size_t piece = (size_t)(unsigned char)bytes.ptr[0] + 1;
    bytes = view_from(bytes, 1);
    there_and_back(bytes, piece, true);
    there_and_back(bytes, piece, false);
    if (piece == 256) {
        while (many.len <= LIST_CHUNK_BYTES)
            buf_add_view(&many, bytes);
        there_and_back(buf_view(&many), 100003, false);
        there_and_back(buf_view(&many), 100003, true);
    }
    buf_free(&many);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(struct view) = {try_pointer, try_chunks, try_body};

    if (size > 0)
        tries[data[0] % 3](view_make(data + 1, size - 1));
    return 0;
}
