/* What a zip says of itself. Numbers of sections are those of PKWARE's APPNOTE. */
#include "unpack_zip.h"

#include <zlib.h>

/* 4.4.4: encrypted, in the strong way, with a hidden directory; or patches instead of bytes. */
#define FLAGS_REFUSED   (1u | 1u << 5 | 1u << 6 | 1u << 13)
#define FLAG_DESCRIPTOR (1u << 3) /* CRC and sizes stand behind the bytes */
#define METHOD_STORED   0
#define METHOD_DEFLATED 8
#define IN_ZIP64        0xffffffff
#define ZIP64_EXTRA     1
#define ENTRY_BYTES     46
#define END_BYTES       22
#define LOCATOR_BYTES   20
#define END64_BYTES     56
#define MADE_BY_UNIX    3
#define UNIX_TYPE(mode) ((mode) >> 12 & 017)
#define UNIX_DIRECTORY  004
#define UNIX_LINK       012
#define DOS_DIRECTORY   0x10

void zip_packed(struct zip_outline *z, struct view packed)
{
    struct view start = view_first(packed, sizeof z->head - z->head_len);

    if (packed.len == 0)
        return;
    memcpy(z->head + z->head_len, start.ptr, start.len);
    z->head_len += start.len;
    z->packed_bytes += packed.len;
    if (packed.len > ZIP_TAIL_BYTES)
        packed = view_make(packed.ptr + (packed.len - ZIP_TAIL_BYTES), ZIP_TAIL_BYTES);
    if (packed.len > sizeof z->tail - z->tail_len) {
        memmove(z->tail, z->tail + z->tail_len - ZIP_TAIL_BYTES, ZIP_TAIL_BYTES);
        z->tail_len = ZIP_TAIL_BYTES;
    }
    memcpy(z->tail + z->tail_len, packed.ptr, packed.len);
    z->tail_len += packed.len;
}

void zip_plain(struct zip_outline *z, struct view plain)
{
    if (plain.len == 0)
        return; /* of no bytes at no address crc32 says that it begins anew */
    z->crc = crc32(z->crc, (const Bytef *)plain.ptr, (uInt)plain.len);
    z->plain_bytes += plain.len;
}

static uint64_t number(const unsigned char *at, unsigned bytes)
{
    uint64_t n = 0;
    while (bytes-- > 0)
        n = n << 8 | at[bytes];
    return n;
}

static unsigned two(const unsigned char *at)
{
    return (unsigned)number(at, 2);
}

static bool is(const unsigned char *at, const char *signature)
{
    return memcmp(at, signature, 4) == 0;
}

static int refuse(struct error *why, const char *words)
{
    return error_set(why, ERR_SYNTAX, "zip: %s", words);
}

int zip_check_head(struct view head, struct error *why)
{
    const unsigned char *h = (const unsigned char *)head.ptr;

    if (head.len < ZIP_HEAD_BYTES)
        return refuse(why, "cut short, or it holds no file");
    if (!is(h, "PK\3\4"))
        return refuse(why, is(h, "PK\5\6") ? "it holds no file" : "it is one part of several");
    if ((two(h + 6) & FLAGS_REFUSED) != 0)
        return refuse(why, "it is encrypted");
    /* The other methods may ask for any amount of memory, and nobody packs lists with them. */
    if (two(h + 8) != METHOD_STORED && two(h + 8) != METHOD_DEFLATED)
        return refuse(why, "its file is neither stored nor deflated");
    return 0;
}

/* The end record, at which everything else is found; its comment reaches to the last byte. */
static const unsigned char *find_end(const struct zip_outline *z)
{
    for (size_t at = z->tail_len; at-- > 0;) {
        const unsigned char *end = z->tail + at;
        size_t rest = z->tail_len - at;
        if (rest >= END_BYTES && is(end, "PK\5\6") && two(end + 20) == rest - END_BYTES)
            return end;
    }
    return NULL;
}

/* The end record of zip64, which some write before the ordinary one of any zip; or NULL. */
static const unsigned char *find_end64(const struct zip_outline *z, const unsigned char *end)
{
    if (end - z->tail < LOCATOR_BYTES + END64_BYTES)
        return NULL;
    const unsigned char *locator = end - LOCATOR_BYTES, *end64 = locator - END64_BYTES;
    return is(locator, "PK\6\7") && is(end64, "PK\6\6") ? end64 : NULL;
}

/* A size of the directory's entry E; when it does not fit there it is the next one in zip64's extra
 * field, at *AT. */
static bool size_of(const unsigned char *size, const unsigned char **at, const unsigned char *until,
                    uint64_t *bytes)
{
    *bytes = number(size, 4);
    if (*bytes != IN_ZIP64)
        return true;
    if (*at == NULL || until - *at < 8)
        return false;
    *bytes = number(*at, 8);
    *at += 8;
    return true;
}

/* The bytes of zip64's extra field of E; *AT stays NULL without one. */
static void find_zip64(const unsigned char *e, const unsigned char **at,
                       const unsigned char **until)
{
    const unsigned char *field = e + ENTRY_BYTES + two(e + 28);
    const unsigned char *stop = field + two(e + 30);

    *at = *until = NULL;
    while (stop - field >= 4 && stop - field - 4 >= two(field + 2)) {
        if (two(field) == ZIP64_EXTRA) {
            *at = field + 4;
            *until = *at + two(field + 2);
            return;
        }
        field += 4 + two(field + 2);
    }
}

/* 4.3.9: CRC and two sizes, of 4 or 8 bytes, with or without a signature. */
static bool is_descriptor(const struct zip_outline *z, uint64_t bytes)
{
    if ((two(z->head + 6) & FLAG_DESCRIPTOR) == 0)
        return bytes == 0;
    return bytes == 12 || bytes == 16 || bytes == 20 || bytes == 24;
}

/* A list that was packed from a pipe has the pipe's type: that is fine. */
static bool is_file(const unsigned char *e)
{
    unsigned type = UNIX_TYPE(two(e + 40));

    if (e[5] == MADE_BY_UNIX && (type == UNIX_LINK || type == UNIX_DIRECTORY))
        return false;
    return (e[38] & DOS_DIRECTORY) == 0;
}

/* E is the directory's one entry; DIRECTORY is where it stands in the zip. */
static int check_entry(const struct zip_outline *z, const unsigned char *e, uint64_t directory,
                       struct error *why)
{
    const unsigned char *extra, *extra_end;
    uint64_t plain, packed;
    uint64_t front = sizeof z->head + two(z->head + 26) + two(z->head + 28);

    if (two(e + 8) != two(z->head + 6) || two(e + 10) != two(z->head + 8))
        return refuse(why, "its directory is of another file");
    if (!is_file(e))
        return refuse(why, "it holds a directory or a link");
    find_zip64(e, &extra, &extra_end);
    if (!size_of(e + 24, &extra, extra_end, &plain) || !size_of(e + 20, &extra, extra_end, &packed))
        return refuse(why, "its directory is damaged");
    if (number(e + 16, 4) != z->crc || plain != z->plain_bytes)
        return refuse(why, "wrong CRC or length");
    if (number(e + 42, 4) != 0 || packed > directory || front + packed > directory ||
        !is_descriptor(z, directory - front - packed))
        return refuse(why, "there is more in it than one file");
    return 0;
}

/* What an end record says of the directory before it: where it is, how long, of how many. */
struct directory {
    const unsigned char *stop;
    uint64_t entries, entries_here, len, offset;
};

static struct directory directory_of(const struct zip_outline *z, const unsigned char *end)
{
    const unsigned char *end64 = find_end64(z, end);

    if (end64 == NULL)
        return (struct directory){end, two(end + 10), two(end + 8), number(end + 12, 4),
                                  number(end + 16, 4)};
    return (struct directory){end64, number(end64 + 32, 8), number(end64 + 24, 8),
                              number(end64 + 40, 8), number(end64 + 48, 8)};
}

int zip_check_whole(const struct zip_outline *z, struct error *why)
{
    const unsigned char *end = find_end(z);
    if (end == NULL)
        return refuse(why, "cut short, or something stands behind its end");
    struct directory d = directory_of(z, end);
    if (d.entries != 1 || d.entries_here != 1)
        return refuse(why, "it must hold exactly one file");
    if (d.len < ENTRY_BYTES || d.len > (uint64_t)(d.stop - z->tail))
        return refuse(why, "its directory is damaged");
    const unsigned char *e = d.stop - d.len;
    uint64_t offset = z->packed_bytes - (uint64_t)(z->tail + z->tail_len - e);
    if (!is(e, "PK\1\2") || d.offset != offset ||
        d.len != (uint64_t)ENTRY_BYTES + two(e + 28) + two(e + 30) + two(e + 32))
        return refuse(why, "its directory is damaged");
    return check_entry(z, e, offset, why);
}
