/* Chunks: deflate and inflate in bounded memory. */
#include "list_blob.h"

#include <stdlib.h>
#include <zlib.h>

#include "rcptguard/base/breath.h"

/* Lists pack to a third already here; higher levels take ten times as long for a tenth less. */
#define LEVEL       1
#define PIECE_BYTES 65536

/* ---- making --------------------------------------------------------------------------------- */

struct blob_maker {
    blob_next *next;
    void *from;
    bool deflating, last, ended;
    struct view in; /* read, and not in a chunk yet */
    z_stream z;
    size_t fill;
    char chunk[LIST_CHUNK_BYTES];
};

struct blob_maker *blob_maker_new(bool deflate, blob_next *next, void *from)
{
    struct blob_maker *m = malloc(sizeof *m);

    if (m == NULL)
        return NULL;
    memset(m, 0, offsetof(struct blob_maker, chunk));
    m->next = next;
    m->from = from;
    m->deflating = deflate;
    if (!deflate || deflateInit(&m->z, LEVEL) == Z_OK)
        return m;
    free(m);
    return NULL;
}

void blob_maker_free(struct blob_maker *m)
{
    if (m == NULL)
        return;
    if (m->deflating)
        deflateEnd(&m->z);
    free(m);
}

static void copy_piece(struct blob_maker *m)
{
    struct view piece = view_first(m->in, sizeof m->chunk - m->fill);

    if (piece.len > 0)
        memcpy(m->chunk + m->fill, piece.ptr, piece.len);
    m->fill += piece.len;
    m->in = view_from(m->in, piece.len);
    m->ended = m->last && m->in.len == 0;
}

static int deflate_piece(struct blob_maker *m, struct error *why)
{
    m->z.next_in = (Bytef *)(uintptr_t)m->in.ptr;
    m->z.avail_in = (uInt)m->in.len;
    m->z.next_out = (Bytef *)m->chunk + m->fill;
    m->z.avail_out = (uInt)(sizeof m->chunk - m->fill);
    int rc = deflate(&m->z, m->last ? Z_FINISH : Z_NO_FLUSH);
    m->fill = sizeof m->chunk - m->z.avail_out;
    m->in = view_from(m->in, m->in.len - m->z.avail_in);
    m->ended = rc == Z_STREAM_END;
    return rc == Z_STREAM_ERROR ? error_set(why, ERR_NOMEM, "zlib fails") : 0;
}

static int fill_chunk(struct blob_maker *m, struct error *why)
{
    int rc = 0;

    while (rc == 0 && !m->ended && m->fill < sizeof m->chunk) {
        if (m->in.len == 0 && !m->last) {
            rc = m->next(m->from, &m->in, why);
            m->last = m->in.len == 0;
        }
        if (rc == 0 && m->deflating)
            rc = deflate_piece(m, why);
        else if (rc == 0)
            copy_piece(m);
        breath(PIECE_BYTES);
    }
    return rc;
}

int blob_maker_chunk(struct blob_maker *m, struct view *chunk, struct error *why)
{
    m->fill = 0;
    int rc = fill_chunk(m, why);
    *chunk = view_make(m->chunk, m->fill);
    return rc < 0 ? rc : m->fill > 0;
}

/* ---- taking apart --------------------------------------------------------------------------- */

struct blob_taker {
    struct list_pointer pointer;
    blob_sink *sink;
    void *arg;
    struct digest *digest;
    uint64_t in, out;
    bool begun, ended;
    z_stream z;
    char piece[PIECE_BYTES];
};

struct blob_taker *blob_taker_new(const struct list_pointer *p, blob_sink *sink, void *arg)
{
    struct blob_taker *t = calloc(1, sizeof *t);

    if (t == NULL)
        return NULL;
    t->pointer = *p;
    t->sink = sink;
    t->arg = arg;
    t->ended = !p->deflated;
    if (p->deflated && inflateInit(&t->z) != Z_OK) {
        free(t);
        return NULL;
    }
    t->digest = digest_new();
    if (t->digest != NULL)
        return t;
    blob_taker_free(t);
    return NULL;
}

void blob_taker_free(struct blob_taker *t)
{
    unsigned char unused[SHA256_BYTES];

    if (t == NULL)
        return;
    if (t->digest != NULL)
        digest_end(t->digest, unused);
    if (t->pointer.deflated)
        inflateEnd(&t->z);
    free(t);
}

static int is_damaged(struct error *why)
{
    return error_set(why, ERR_DAMAGED, "its bytes in Redis are not those that were put there");
}

static int pour(struct blob_taker *t, struct view bytes, struct error *why)
{
    if (bytes.len > t->pointer.bytes - t->out)
        return is_damaged(why);
    digest_add(t->digest, bytes.ptr, bytes.len);
    t->out += bytes.len;
    bool first = !t->begun;
    t->begun = true;
    return t->sink(bytes, first, t->arg) == 0
               ? 0
               : error_set(why, ERR_IO, "there is no room for its bytes here");
}

static int inflate_chunk(struct blob_taker *t, struct view chunk, struct error *why)
{
    int rc = 0;

    t->z.next_in = (Bytef *)(uintptr_t)chunk.ptr;
    t->z.avail_in = (uInt)chunk.len;
    do {
        t->z.next_out = (Bytef *)t->piece;
        t->z.avail_out = sizeof t->piece;
        int z = t->ended ? Z_DATA_ERROR : inflate(&t->z, Z_NO_FLUSH);
        if (z == Z_MEM_ERROR)
            return error_set(why, ERR_NOMEM, "no memory");
        if (z != Z_OK && z != Z_STREAM_END && z != Z_BUF_ERROR)
            return is_damaged(why);
        t->ended = z == Z_STREAM_END;
        struct view made = view_make(t->piece, sizeof t->piece - t->z.avail_out);
        if (made.len > 0)
            rc = pour(t, made, why);
    } while (rc == 0 && (t->z.avail_in > 0 || (t->z.avail_out == 0 && !t->ended)));
    return rc;
}

int blob_taker_chunk(struct blob_taker *t, struct view chunk, struct error *why)
{
    uint64_t left = t->pointer.packed - t->in;

    if (chunk.len == 0 || chunk.len != (left < LIST_CHUNK_BYTES ? left : LIST_CHUNK_BYTES))
        return is_damaged(why);
    t->in += chunk.len;
    return t->pointer.deflated ? inflate_chunk(t, chunk, why) : pour(t, chunk, why);
}

int blob_taker_end(struct blob_taker *t, struct error *why)
{
    unsigned char sha256[SHA256_BYTES];

    if (t->in != t->pointer.packed || t->out != t->pointer.bytes || !t->ended || t->digest == NULL)
        return is_damaged(why);
    digest_end(t->digest, sha256);
    t->digest = NULL;
    if (memcmp(sha256, t->pointer.sha256, sizeof sha256) != 0)
        return is_damaged(why);
    /* An empty list has a body, too. */
    if (t->begun || t->sink(view_of(""), true, t->arg) == 0)
        return 0;
    return error_set(why, ERR_IO, "there is no room for it here");
}
