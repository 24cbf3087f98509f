/* Gzip, a piece at a time: zlib checks each member's CRC and length, here is what stands between.
 */
#include "gunzip.h"

#include <stdlib.h>
#include <zlib.h>

#define GZIP_ONLY    16 /* added to the window bits: neither bare deflate nor zlib's own header */
#define GZIP_MAGIC_1 0x1f

struct gunzip {
    z_stream z;
    bool inside; /* of a member */
    bool ended;  /* at least one member was whole */
};

struct gunzip *gunzip_new(void)
{
    struct gunzip *g = calloc(1, sizeof *g);

    if (g != NULL && inflateInit2(&g->z, MAX_WBITS + GZIP_ONLY) != Z_OK) {
        free(g);
        return NULL;
    }
    return g;
}

void gunzip_free(struct gunzip *g)
{
    if (g == NULL)
        return;
    inflateEnd(&g->z);
    free(g);
}

static int begin_member(struct gunzip *g, struct error *why)
{
    if (g->ended && *g->z.next_in != GZIP_MAGIC_1)
        return error_set(why, ERR_SYNTAX, "gz: something else stands behind its end");
    inflateReset(&g->z);
    g->inside = true;
    return 0;
}

static int inflate_some(struct gunzip *g, struct error *why)
{
    int rc = g->inside ? 0 : begin_member(g, why);
    if (rc < 0)
        return rc;
    switch (inflate(&g->z, Z_NO_FLUSH)) {
    case Z_OK:
        return 0;
    case Z_STREAM_END:
        g->inside = false;
        g->ended = true;
        return 0;
    case Z_MEM_ERROR:
        return error_set(why, ERR_NOMEM, "no memory to unpack gz");
    default:
        return error_set(why, ERR_SYNTAX, "gz: %s", g->z.msg == NULL ? "damaged" : g->z.msg);
    }
}

long gunzip_step(struct gunzip *g, struct view *packed, void *out, size_t size, struct error *why)
{
    /* zlib's own type, without const by history; it does not write there. */
    g->z.next_in = (Bytef *)(uintptr_t)packed->ptr;
    g->z.avail_in = (uInt)packed->len;
    g->z.next_out = out;
    g->z.avail_out = (uInt)size;
    int rc = 0;
    while (rc == 0 && g->z.avail_in > 0 && g->z.avail_out > 0)
        rc = inflate_some(g, why);
    *packed = view_from(*packed, packed->len - g->z.avail_in);
    return rc < 0 ? rc : (long)(size - g->z.avail_out);
}

int gunzip_end(const struct gunzip *g, struct error *why)
{
    if (g->inside || !g->ended)
        return error_set(why, ERR_SYNTAX, "gz: cut short");
    return 0;
}
