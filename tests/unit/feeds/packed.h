/* Lists packed in every way, for tests; and a body that is unpacked into one buffer. */
#ifndef TEST_FEEDS_PACKED_H
#define TEST_FEEDS_PACKED_H

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <zlib.h>

#include "feeds/packing/unpack.h"

#define MANY UINT64_MAX

enum { GZ, XZ, ZST, BZ2, ZIP, KINDS };

/* How many of the first bytes tell a kind: without them it is a plain list, of a strange look. */
static const size_t magic_len[KINDS] = {2, 6, 4, 10, 4};

static inline struct buf gz_of(struct view plain)
{
    struct buf out = BUF_INIT(0);
    char bytes[4096];
    z_stream z = {.next_in = (Bytef *)(uintptr_t)plain.ptr, .avail_in = (uInt)plain.len};
    int rc = deflateInit2(&z, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);

    assert_int_equal(rc, Z_OK);
    do {
        z.next_out = (Bytef *)bytes;
        z.avail_out = sizeof bytes;
        rc = deflate(&z, Z_FINISH);
        buf_add(&out, bytes, sizeof bytes - z.avail_out);
    } while (rc == Z_OK);
    assert_int_equal(rc, Z_STREAM_END);
    deflateEnd(&z);
    return out;
}

static inline la_ssize_t keep_packed(struct archive *a, void *arg, const void *bytes, size_t len)
{
    (void)a;
    buf_add(arg, bytes, len);
    return (la_ssize_t)len;
}

static inline void write_member(struct archive *a, const char *name, unsigned type,
                                struct view plain)
{
    struct archive_entry *e = archive_entry_new();

    archive_entry_set_pathname(e, name);
    archive_entry_set_filetype(e, type);
    archive_entry_set_perm(e, 0644);
    if (type == AE_IFLNK)
        archive_entry_set_symlink(e, "elsewhere");
    else if (type == AE_IFREG)
        archive_entry_set_size(e, (la_int64_t)plain.len);
    assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
    if (type == AE_IFREG)
        assert_int_equal(archive_write_data(a, plain.ptr, plain.len), plain.len);
    archive_entry_free(e);
}

static inline struct archive *writer(struct buf *out)
{
    struct archive *a = archive_write_new();

    *out = BUF_INIT(0);
    archive_write_set_bytes_per_block(a, 0);
    return a;
}

static inline struct buf stream_of(int (*filter)(struct archive *), struct view plain)
{
    struct buf out;
    struct archive *a = writer(&out);

    assert_int_equal(filter(a), ARCHIVE_OK);
    assert_int_equal(archive_write_set_format_raw(a), ARCHIVE_OK);
    assert_int_equal(archive_write_open(a, &out, NULL, keep_packed, NULL), ARCHIVE_OK);
    write_member(a, "list", AE_IFREG, plain);
    assert_int_equal(archive_write_free(a), ARCHIVE_OK);
    return out;
}

/* A member of a zip; name NULL: none. */
struct member {
    const char *name;
    unsigned type;
};

static inline struct buf zip_of(const char *options, const struct member members[2],
                                struct view plain)
{
    struct buf out;
    struct archive *a = writer(&out);

    assert_int_equal(archive_write_set_format_zip(a), ARCHIVE_OK);
    assert_int_equal(archive_write_set_options(a, options), ARCHIVE_OK);
    archive_write_set_passphrase(a, "open sesame");
    assert_int_equal(archive_write_open(a, &out, NULL, keep_packed, NULL), ARCHIVE_OK);
    for (size_t i = 0; i < 2; i++)
        if (members[i].name != NULL)
            write_member(a, members[i].name, members[i].type, plain);
    assert_int_equal(archive_write_free(a), ARCHIVE_OK);
    return out;
}

static inline struct buf packed_as(unsigned kind, struct view plain)
{
    static const struct member one[2] = {{"list", AE_IFREG}};

    switch (kind) {
    case GZ:
        return gz_of(plain);
    case XZ:
        return stream_of(archive_write_add_filter_xz, plain);
    case ZST:
        return stream_of(archive_write_add_filter_zstd, plain);
    case BZ2:
        return stream_of(archive_write_add_filter_bzip2, plain);
    default:
        return zip_of("", one, plain);
    }
}

static inline int keep_plain(struct view bytes, void *arg, struct error *why)
{
    (void)why;
    return buf_add_view(arg, bytes);
}

/* PACKED, as a fetch that stays in memory leaves it, unpacked into *PLAIN (which is emptied). */
static inline int unpack_bytes(struct view packed, uint64_t max_bytes, struct buf *plain,
                               struct error *why)
{
    struct body *b = body_new("", UINT64_MAX);

    assert_non_null(b);
    assert_int_equal(body_add(b, packed.ptr, packed.len, NULL), 0);
    body_end(b);
    buf_clear(plain);
    int rc = unpack_each(b, max_bytes, keep_plain, plain, why);
    body_free(b);
    return rc;
}

#endif
