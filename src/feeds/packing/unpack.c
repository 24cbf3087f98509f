/* What a list is packed with, and the caps that hold for all packings. */
#include "unpack.h"

#include <inttypes.h>
#include <stdlib.h>

#include "gunzip.h"
#include "unpack_parts.h"

/* Of packed bytes that may come to less than half as many plain ones: streams of nothing, which
 * cost time and never end. */
#define EMPTY_FREE_BYTES (1024 * 1024)

static bool starts_with(struct view head, const char *magic, size_t len)
{
    return head.len >= len && memcmp(head.ptr, magic, len) == 0;
}

/* "BZh9" alone may begin a list of words; with the magic of a block, or of the end of a stream
 * without any, it does not. */
static bool is_bz2(struct view head)
{
    return starts_with(head, "BZh", 3) && head.len >= UNPACK_HEAD && head.ptr[3] >= '1' &&
           head.ptr[3] <= '9' &&
           (memcmp(head.ptr + 4, "\x31\x41\x59\x26\x53\x59", 6) == 0 ||
            memcmp(head.ptr + 4, "\x17\x72\x45\x38\x50\x90", 6) == 0);
}

/* A frame of zstd to be skipped: what pzstd begins with. */
static bool is_skipped(struct view head)
{
    return head.len >= 4 && ((unsigned char)head.ptr[0] & 0xf0) == 0x50 &&
           memcmp(head.ptr + 1, "\x2a\x4d\x18", 3) == 0;
}

/* HEAD: the first bytes, UNPACK_HEAD of them when there are so many. */
static enum packing packing_of(struct view head)
{
    static const struct {
        const char *magic;
        size_t len;
        enum packing packing;
    } known[] = {
        {"\x1f\x8b", 2, PACK_GZ}, {"\xfd\x37zXZ\0", 6, PACK_XZ}, {"\x28\xb5\x2f\xfd", 4, PACK_ZST},
        {"PK\3\4", 4, PACK_ZIP},  {"PK\5\6", 4, PACK_ZIP}, /* a zip without members */
        {"PK\7\x8", 4, PACK_ZIP},                          /* one part of a split zip */
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (starts_with(head, known[i].magic, known[i].len))
            return known[i].packing;
    if (is_bz2(head))
        return PACK_BZ2;
    return is_skipped(head) ? PACK_ZST : PACK_NONE;
}

bool unpack_is_packed(struct view head)
{
    return packing_of(view_first(head, UNPACK_HEAD)) != PACK_NONE;
}

int unpacking_next(struct unpacking *u, struct view *packed, struct error *why)
{
    *packed = u->first;
    u->first = VIEW_NONE;
    int rc = packed->len > 0 ? 0 : body_reader_next(u->reader, packed, why);
    u->in_bytes += packed->len;
    if (rc == 0 && u->in_bytes > EMPTY_FREE_BYTES && u->out_bytes < u->in_bytes / 2 &&
        packed->len > 0)
        return error_set(why, ERR_LIMIT, "%" PRIu64 " packed bytes hold only %" PRIu64, u->in_bytes,
                         u->out_bytes);
    return rc;
}

static int check_caps(const struct unpacking *u, struct error *why)
{
    if (u->out_bytes > u->max_bytes)
        return error_set(why, ERR_LIMIT, "more than max_bytes (%" PRIu64 " bytes) when unpacked",
                         u->max_bytes);
    if (u->out_bytes > UNPACK_FREE_BYTES && u->out_bytes / UNPACK_MAX_RATIO >= u->in_bytes)
        return error_set(why, ERR_LIMIT, "unpacks to more than %d times its size",
                         UNPACK_MAX_RATIO);
    return 0;
}

/* The head may come in pieces as small as a byte. */
static int check_head(struct unpacking *u, struct view plain, struct error *why)
{
    if (u->head_len == sizeof u->head)
        return 0;
    struct view part = view_first(plain, sizeof u->head - u->head_len);
    memcpy(u->head + u->head_len, part.ptr, part.len);
    u->head_len += part.len;
    if (packing_of(view_make(u->head, u->head_len)) != PACK_NONE)
        return error_set(why, ERR_SYNTAX, "packed twice");
    return 0;
}

int unpacking_tell(struct unpacking *u, struct view plain, struct error *why)
{
    if (plain.len == 0)
        return 0;
    u->out_bytes += plain.len;
    int rc = check_caps(u, why);
    if (rc == 0)
        rc = check_head(u, plain, why);
    while (rc == 0 && plain.len > 0) {
        struct view piece = view_first(plain, BODY_CHUNK_BYTES);
        rc = u->chunk(piece, u->arg, why);
        plain = view_from(plain, piece.len);
    }
    return rc;
}

static int unpack_plain(struct unpacking *u, struct error *why)
{
    struct view bytes = u->first;
    int rc = 0;

    while (rc == 0 && bytes.len > 0) {
        rc = u->chunk(bytes, u->arg, why);
        if (rc == 0)
            rc = body_reader_next(u->reader, &bytes, why);
    }
    return rc;
}

/* The rest of PACKED into OUT, until it is full or *PACKED is at its end. */
static int fill(struct unpacking *u, struct gunzip *g, struct view *packed, char *out,
                struct error *why, size_t *made)
{
    for (*made = 0; *made < BODY_CHUNK_BYTES;) {
        int rc = packed->len > 0 ? 0 : unpacking_next(u, packed, why);
        if (rc != 0)
            return rc;
        if (packed->len == 0)
            return 0;
        long n = gunzip_step(g, packed, out + *made, BODY_CHUNK_BYTES - *made, why);
        if (n < 0)
            return (int)n;
        *made += (size_t)n;
    }
    return 0;
}

static int unpack_gz(struct unpacking *u, struct error *why)
{
    struct gunzip *g = gunzip_new();
    char *out = malloc(BODY_CHUNK_BYTES);
    struct view packed = VIEW_NONE;
    size_t made = 1;
    int rc = g == NULL || out == NULL ? error_set(why, ERR_NOMEM, "no memory to unpack gz") : 0;

    while (rc == 0 && made > 0) {
        rc = fill(u, g, &packed, out, why, &made);
        if (rc == 0)
            rc = unpacking_tell(u, view_make(out, made), why);
    }
    if (rc == 0)
        rc = gunzip_end(g, why);
    free(out);
    gunzip_free(g);
    return rc;
}

/* What does not unpack may be a disk's fault and not the publisher's: the digest tells, at the
 * end. */
static int look_for_damage(struct unpacking *u, int rc, struct error *why)
{
    struct error damage = {.code = 0};
    struct view rest;
    int read;

    do
        read = body_reader_next(u->reader, &rest, &damage);
    while (read == 0 && rest.len > 0);
    if (read == 0)
        return rc;
    if (why != NULL)
        *why = damage;
    return read;
}

static int unpack(struct unpacking *u, struct error *why)
{
    int rc = body_reader_next(u->reader, &u->first, why);
    if (rc != 0)
        return rc;
    enum packing packing = packing_of(view_first(u->first, UNPACK_HEAD));
    if (packing == PACK_NONE)
        return unpack_plain(u, why);
    rc = packing == PACK_GZ ? unpack_gz(u, why) : unpack_archive(u, packing, why);
    return rc == ERR_SYNTAX || rc == ERR_LIMIT ? look_for_damage(u, rc, why) : rc;
}

int unpack_each(const struct body *b, uint64_t max_bytes, body_chunk *chunk, void *arg,
                struct error *why)
{
    struct unpacking u = {.max_bytes = max_bytes, .chunk = chunk, .arg = arg};

    u.reader = body_reader_new(b, why);
    if (u.reader == NULL)
        return ERR_NOMEM;
    int rc = unpack(&u, why);
    body_reader_free(u.reader);
    return rc;
}
