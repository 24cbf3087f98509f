/*
 * xz, zst, bz2 and zip, by libarchive. Each is enabled by name, so that its content alone decides
 * what code reads it, and any word that is not "fine" refuses the copy: libarchive warns of a wrong
 * CRC and goes on. What it takes without a word is looked for here: bytes behind the end
 * (docs/architecture.md, Traps).
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <stdlib.h>

#include "unpack_parts.h"

#define XZ_STREAM_HEADER   12
#define XZ_HAS_PACKED_SIZE 0x40
#define XZ_HAS_PLAIN_SIZE  0x80
#define XZ_MAX_FILTERS     4
#define XZ_LZMA2           0x21

struct archive_input {
    struct unpacking *u;
    struct error *why;
    int rc; /* what reading failed with, which libarchive knows nothing of */
};

typedef int support(struct archive *a);

static const struct {
    const char *name;
    support *filter, *format;
    int filters; /* that libarchive counts when nothing is packed twice */
} ways[] = {
    [PACK_XZ] = {"xz", archive_read_support_filter_xz, archive_read_support_format_raw, 2},
    [PACK_ZST] = {"zst", archive_read_support_filter_zstd, archive_read_support_format_raw, 2},
    [PACK_BZ2] = {"bz2", archive_read_support_filter_bzip2, archive_read_support_format_raw, 2},
    [PACK_ZIP] = {"zip", archive_read_support_filter_none,
                  archive_read_support_format_zip_streamable, 1},
};

/* ---- xz ------------------------------------------------------------------------------------- */

/* A number of the xz format: seven bits a byte, the lowest first. */
static bool take_number(struct view *v, uint64_t *n)
{
    *n = 0;
    for (unsigned shift = 0; v->len > 0 && shift < 63; shift += 7) {
        unsigned char c = (unsigned char)v->ptr[0];
        *v = view_from(*v, 1);
        *n |= (uint64_t)(c & 0x7f) << shift;
        if (c < 0x80)
            return true;
    }
    return false;
}

static int refuse_header(struct error *why)
{
    return error_set(why, ERR_SYNTAX, "xz: its header is damaged");
}

/* LZMA2's one byte of properties: 2 or 3 times a power of two, and 40 for all that 32 bits hold. */
static int check_window(struct view properties, struct error *why)
{
    if (properties.len != 1 || (unsigned char)properties.ptr[0] > 40)
        return refuse_header(why);
    unsigned bits = (unsigned char)properties.ptr[0];
    if ((UINT64_C(2) | (bits & 1)) << (bits / 2 + 11) > UNPACK_MAX_WINDOW)
        return error_set(why, ERR_LIMIT, "xz: it asks for more than %d MiB of memory",
                         UNPACK_MAX_WINDOW >> 20);
    return 0;
}

/* FILTERS begins with the first of COUNT. */
static int check_filters(struct view filters, unsigned count, struct error *why)
{
    uint64_t id, len;
    int rc = 0;

    while (rc == 0 && count-- > 0) {
        if (!take_number(&filters, &id) || !take_number(&filters, &len) || len > filters.len)
            return refuse_header(why);
        if (id == XZ_LZMA2)
            rc = check_window(view_first(filters, (size_t)len), why);
        filters = view_from(filters, (size_t)len);
    }
    return rc;
}

/*
 * liblzma allocates what the first block's header claims, 4 GiB if it likes, and libarchive sets it
 * no limit. Later blocks are not found without unpacking: what they claim is address space, of
 * which they get no more pages than bytes come out.
 */
static int check_xz(struct view head, struct error *why)
{
    struct view block = view_from(head, XZ_STREAM_HEADER);
    uint64_t unused;

    if (block.len < 2 || block.ptr[0] == 0) /* 0: no block at all */
        return 0;
    unsigned flags = (unsigned char)block.ptr[1];
    block = view_from(view_first(block, ((unsigned char)block.ptr[0] + 1U) * 4), 2);
    if (((flags & XZ_HAS_PACKED_SIZE) != 0 && !take_number(&block, &unused)) ||
        ((flags & XZ_HAS_PLAIN_SIZE) != 0 && !take_number(&block, &unused)))
        return refuse_header(why);
    return check_filters(block, flags % XZ_MAX_FILTERS + 1, why);
}

/* ---- reading -------------------------------------------------------------------------------- */

static la_ssize_t read_more(struct archive *a, void *arg, const void **bytes)
{
    struct archive_input *in = arg;
    struct view packed;

    in->rc = unpacking_next(in->u, &packed, in->why);
    if (in->rc != 0) {
        archive_set_error(a, EIO, "reading failed");
        return -1;
    }
    if (in->u->zip != NULL)
        zip_packed(in->u->zip, packed);
    *bytes = packed.ptr;
    return (la_ssize_t)packed.len;
}

static int refuse(struct archive *a, const struct archive_input *in, const char *name)
{
    const char *words = archive_error_string(a);

    if (in->rc != 0)
        return in->rc;
    return error_set(in->why, ERR_SYNTAX, "%s: %s", name, words == NULL ? "damaged" : words);
}

static int open_archive(struct archive *a, struct archive_input *in, enum packing packing)
{
    const char *name = ways[packing].name;
    struct archive_entry *entry;

    /* A warning here means that a program would be run for it: never. */
    if (ways[packing].filter(a) != ARCHIVE_OK || ways[packing].format(a) != ARCHIVE_OK)
        return error_set(in->why, ERR_IO, "this libarchive cannot read %s", name);
    if (archive_read_open(a, in, NULL, read_more, NULL) != ARCHIVE_OK ||
        archive_read_next_header(a, &entry) != ARCHIVE_OK)
        return refuse(a, in, name);
    if (archive_filter_count(a) != ways[packing].filters)
        return error_set(in->why, ERR_SYNTAX, "%s: packed twice", name);
    return 0;
}

static int read_member(struct archive *a, struct archive_input *in, enum packing packing)
{
    const void *bytes;
    size_t len;
    la_int64_t offset;

    for (;;) {
        int said = archive_read_data_block(a, &bytes, &len, &offset);
        if (said == ARCHIVE_EOF)
            return 0;
        if (said != ARCHIVE_OK)
            return refuse(a, in, ways[packing].name);
        struct view plain = view_make(bytes, len);
        if (in->u->zip != NULL)
            zip_plain(in->u->zip, plain);
        int rc = unpacking_tell(in->u, plain, in->why);
        if (rc != 0)
            return rc;
    }
}

/* libarchive is content with the end of what it reads; the publisher's bytes must end there too. */
static int check_end(struct archive *a, struct archive_input *in, enum packing packing)
{
    struct view rest;
    uint64_t before = (uint64_t)archive_filter_bytes(a, -1);
    int rc;

    /* Of an error that it meets after the last byte that it needs libarchive says nothing. */
    if (in->rc != 0)
        return in->rc;
    do {
        rc = unpacking_next(in->u, &rest, in->why);
        if (rc == 0 && in->u->zip != NULL)
            zip_packed(in->u->zip, rest);
    } while (rc == 0 && rest.len > 0);
    if (rc != 0)
        return rc;
    if (in->u->zip != NULL)
        return zip_check_whole(in->u->zip, in->why);
    if (before != in->u->in_bytes)
        return error_set(in->why, ERR_SYNTAX, "%s: something else stands behind its end",
                         ways[packing].name);
    return 0;
}

static int read_archive(struct unpacking *u, enum packing packing, struct error *why)
{
    struct archive_input in = {u, why, 0};
    struct archive *a = archive_read_new();

    if (a == NULL)
        return error_set(why, ERR_NOMEM, "no memory to unpack %s", ways[packing].name);
    int rc = open_archive(a, &in, packing);
    if (rc == 0)
        rc = read_member(a, &in, packing);
    if (rc == 0)
        rc = check_end(a, &in, packing);
    archive_read_free(a);
    return rc;
}

/* libarchive warns of names that the thread's locale has no letters for, and a warning refuses. No
 * list is worse for its name. */
static int read_any_name(struct unpacking *u, struct error *why)
{
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = utf8 == (locale_t)0 ? utf8 : uselocale(utf8);
    int rc = read_archive(u, PACK_ZIP, why);

    if (utf8 != (locale_t)0) {
        uselocale(before);
        freelocale(utf8);
    }
    return rc;
}

static int unpack_zip(struct unpacking *u, struct error *why)
{
    int rc = zip_check_head(u->first, why);
    if (rc < 0)
        return rc;
    u->zip = calloc(1, sizeof *u->zip);
    if (u->zip == NULL)
        return error_set(why, ERR_NOMEM, "no memory to unpack zip");
    rc = read_any_name(u, why);
    free(u->zip);
    return rc;
}

int unpack_archive(struct unpacking *u, enum packing packing, struct error *why)
{
    if (packing == PACK_ZIP)
        return unpack_zip(u, why);
    int rc = packing == PACK_XZ ? check_xz(u->first, why) : 0;
    return rc == 0 ? read_archive(u, packing, why) : rc;
}
