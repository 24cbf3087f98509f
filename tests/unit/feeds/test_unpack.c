/* Packed lists: whole ones of every kind are read, hurt ones of every kind are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include "feeds/packed.h"
#include "rcptguard/base/file.h"

static const char list_text[] = "# a list\n"
                                "jane.doe@example.org\n"
                                "john.doe@example.org\n"
                                ".example.com\n"
                                "*.lists.example.net\n"
                                "support@mail.example.org\n"
                                "helpdesk@mail.example.org\n";
#define LIST view_of(list_text)

/* libarchive writes zst without a checksum, which is legal: this is the list by zstd itself, which
 * writes one. */
static const char list_zst[] = "\x28\xb5\x2f\xfd\x04\x68\x6d\x02\x00\x72\xc4\x0e\x11\xa0\x3d\xb0"
                               "\x63\x68\x88\x1c\xef\x93\xa8\xca\x35\xb9\x40\x2f\xee\x21\xea\xb9"
                               "\xb4\xe6\xa3\x8d\x76\x8d\xe7\xbc\x35\xf8\xf9\x98\xfd\x7b\xd4\x2a"
                               "\x72\x39\x51\x76\x3c\xa5\x71\xae\xdc\x6d\x6d\xe4\xc1\x5e\x94\xd9"
                               "\xa6\x7c\x8f\x1a\x2c\x08\x01\x05\x00\x3d\x3d\xbe\x2b\xbe\x6e\x16"
                               "\x87\x49\x30\xe1\x3c\xc9\x21\xa0\x8a\x4b";

static struct buf checked_as(unsigned kind)
{
    struct buf b = BUF_INIT(0);

    if (kind != ZST)
        return packed_as(kind, LIST);
    buf_add(&b, list_zst, sizeof list_zst - 1);
    return b;
}

static bool is_fault(int rc)
{
    return rc == ERR_SYNTAX || rc == ERR_LIMIT;
}

/* A list that is longer than all buffers on the way, and packs neither well nor badly. */
static struct buf long_list(size_t rows)
{
    struct buf b = BUF_INIT(0);
    uint64_t n = 1;

    for (size_t i = 0; i < rows; i++) {
        n = n * UINT64_C(6364136223846793005) + 1442695040888963407U;
        buf_addf(&b, "user%016llx@example.org\n", (unsigned long long)n);
    }
    return b;
}

static void assert_unpacks(struct view packed, struct view plain)
{
    struct buf got = BUF_INIT(0);
    struct error why = {.code = 0};

    assert_int_equal(unpack_bytes(packed, MANY, &got, &why), 0);
    assert_string_equal(why.text, "");
    assert_true(view_eq(buf_view(&got), plain));
    buf_free(&got);
}

static void assert_refused(struct view packed, int code, const char *words)
{
    struct buf got = BUF_INIT(0);
    struct error why = {.code = 0};

    assert_int_equal(unpack_bytes(packed, MANY, &got, &why), code);
    assert_int_equal(why.code, code);
    if (strstr(why.text, words) == NULL)
        fail_msg("'%s' is not in '%s'", words, why.text);
    buf_free(&got);
}

static void test_plain(void **state)
{
    static const struct view lists[] = {
        {"", 0},
        {"a", 1},
        {"BZh9.example.org\n", 17},
        {"BZh91AY&S", 9}, /* the magic of bz2 has ten bytes */
        {"PK\n", 3},
        {"\xef\xbb\xbf(b\n", 6},
        {"\xfd\x37zXZ", 5},
    };
    struct buf big = long_list(10000);

    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        assert_unpacks(lists[i], lists[i]);
    assert_unpacks(LIST, LIST);
    assert_unpacks(buf_view(&big), buf_view(&big));
    buf_free(&big);
}

static void test_every_kind(void **state)
{
    struct buf big = long_list(15000);

    (void)state;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        struct buf small = packed_as(kind, LIST), large = packed_as(kind, buf_view(&big));
        assert_unpacks(buf_view(&small), LIST);
        assert_unpacks(buf_view(&large), buf_view(&big));
        buf_free(&small);
        buf_free(&large);
    }
    buf_free(&big);
}

static void test_cut_at_every_byte(void **state)
{
    struct buf got = BUF_INIT(0);

    (void)state;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        struct buf packed = checked_as(kind);
        for (size_t len = magic_len[kind]; len < packed.len; len++)
            if (unpack_bytes(view_first(buf_view(&packed), len), MANY, &got, NULL) != ERR_SYNTAX)
                fail_msg("kind %u is taken when cut at %zu of %zu", kind, len, packed.len);
        buf_free(&packed);
    }
    buf_free(&got);
}

/* What is not content (names, times, the operating system) may be anything. */
static void test_every_byte_wrong(void **state)
{
#ifdef __SANITIZE_ADDRESS__ /* six times as slow: fewer ways to be wrong */
    static const char flips[] = {1, (char)0xff};
#else
    static const char flips[] = {1, 2, 0x10, 0x40, (char)0x80, (char)0xff};
#endif
    struct buf got = BUF_INIT(0);

    (void)state;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        struct buf packed = checked_as(kind);
        for (size_t i = 0; i < (packed.len - magic_len[kind]) * sizeof flips; i++) {
            size_t at = magic_len[kind] + i / sizeof flips;
            packed.data[at] ^= flips[i % sizeof flips];
            int rc = unpack_bytes(buf_view(&packed), MANY, &got, NULL);
            packed.data[at] ^= flips[i % sizeof flips];
            if (!is_fault(rc) && (rc != 0 || !view_eq(buf_view(&got), LIST)))
                fail_msg("kind %u, byte %zu: %d, %zu bytes", kind, at, rc, got.len);
        }
        buf_free(&packed);
    }
    buf_free(&got);
}

static void test_every_byte_missing(void **state)
{
    struct buf got = BUF_INIT(0);

    (void)state;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        struct buf packed = checked_as(kind), less = BUF_INIT(0);
        for (size_t at = magic_len[kind]; at < packed.len; at++) {
            buf_clear(&less);
            buf_add(&less, packed.data, at);
            buf_add_view(&less, view_from(buf_view(&packed), at + 1));
            int rc = unpack_bytes(buf_view(&less), MANY, &got, NULL);
            if (!is_fault(rc) && (rc != 0 || !view_eq(buf_view(&got), LIST)))
                fail_msg("kind %u, without byte %zu: %d", kind, at, rc);
        }
        buf_free(&less);
        buf_free(&packed);
    }
    buf_free(&got);
}

static void test_something_behind_the_end(void **state)
{
    static const struct view behind[] = {
        {"\n", 1},
        {"x", 1},
        {"\0", 1},
        {"\0\0\0", 3},
        {"\x1f", 1},
        {"\x1f\x8b", 2},
        {"\xfd\x37zXZ", 5},
        {"\x28\xb5\x2f\xfd", 4},
        {"BZ", 2},
        {"BZh9", 4},
        {"BZh91AY&SY", 10},
        {"PK\3\4", 4},
        {"PK\5\6", 4},
        {"\n<html>\n", 8},
        {"a@example.org\n", 14},
    };

    (void)state;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        for (size_t i = 0; i < sizeof behind / sizeof behind[0]; i++) {
            struct buf packed = checked_as(kind);
            buf_add_view(&packed, behind[i]);
            assert_refused(buf_view(&packed), ERR_SYNTAX,
                           kind == GZ && behind[i].ptr[0] != 0x1f ? "behind its end" : "");
            buf_free(&packed);
        }
    }
}

/* `cat a.gz b.gz`, pbzip2, pzstd and xz's appended streams: legal, and one list. */
static void test_streams_behind_each_other(void **state)
{
    struct buf twice = BUF_INIT(0);

    (void)state;
    buf_add_view(&twice, LIST);
    buf_add_view(&twice, LIST);
    for (unsigned kind = 0; kind < KINDS; kind++) {
        struct buf packed = packed_as(kind, LIST), again = packed_as(kind, LIST);
        buf_add_view(&packed, buf_view(&again));
        if (kind == ZIP)
            assert_refused(buf_view(&packed), ERR_SYNTAX, "zip: ");
        else
            assert_unpacks(buf_view(&packed), buf_view(&twice));
        packed.len--;
        assert_refused(buf_view(&packed), ERR_SYNTAX, "");
        buf_free(&packed);
        buf_free(&again);
    }
    buf_free(&twice);
}

static void test_packed_twice(void **state)
{
    (void)state;
    for (unsigned outer = 0; outer < KINDS; outer++) {
        for (unsigned inner = 0; inner < KINDS; inner++) {
            struct buf in = packed_as(inner, LIST), out = packed_as(outer, buf_view(&in));
            assert_refused(buf_view(&out), ERR_SYNTAX, "packed twice");
            buf_free(&in);
            buf_free(&out);
        }
    }
}

static void test_zips(void **state)
{
    static const struct {
        const char *options;
        struct member members[2];
        const char *refused; /* NULL: taken */
    } zips[] = {
        {"zip:compression=store", {{"list", AE_IFREG}}, NULL},
        {"zip:compression=deflate", {{"list", AE_IFREG}}, NULL},
        {"zip:zip64", {{"list", AE_IFREG}}, NULL},
        {"", {{"../../etc/passwd", AE_IFREG}}, NULL},
        {"", {{"/etc/passwd", AE_IFREG}}, NULL},
        {"", {{"list", AE_IFREG}, {"list2", AE_IFREG}}, "exactly one file"},
        {"", {{"dir/", AE_IFDIR}, {"dir/list", AE_IFREG}}, "zip: "},
        {"", {{"dir/", AE_IFDIR}}, "a directory or a link"},
        {"", {{"link", AE_IFLNK}}, "a directory or a link"},
        {"", {{NULL, 0}}, "it holds no file"},
        {"zip:encryption=traditional", {{"list", AE_IFREG}}, "encrypted"},
        {"zip:encryption=aes256", {{"list", AE_IFREG}}, "encrypted"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof zips / sizeof zips[0]; i++) {
        struct buf packed = zip_of(zips[i].options, zips[i].members, LIST);
        if (zips[i].refused == NULL)
            assert_unpacks(buf_view(&packed), LIST);
        else
            assert_refused(buf_view(&packed), ERR_SYNTAX, zips[i].refused);
        buf_free(&packed);
    }
}

/* Where the parts of a zip without extra fields and comments are. */
static char *zip_end(const struct buf *zip)
{
    return zip->data + zip->len - 22;
}

static void test_zip_directory(void **state)
{
    static const struct {
        const char *what;
        size_t at; /* behind the beginning of the directory's entry */
        char byte;
        const char *words;
    } lies[] = {
        {"method", 10, 12, "of another file"},
        {"flags", 8, 1, "of another file"},
        {"crc", 16, 'x', "wrong CRC or length"},
        {"length", 24, 'x', "wrong CRC or length"},
        {"packed length", 20, 'x', "more in it than one file"},
        {"offset", 42, 'x', "more in it than one file"},
        {"name length", 28, 'x', "directory is damaged"},
        {"link", 41, (char)0xa1, "a directory or a link"},
    };
    static const struct member one[2] = {{"list", AE_IFREG}};

    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct buf packed = zip_of("", one, LIST);
        const unsigned char *end = (unsigned char *)zip_end(&packed);
        char *entry = packed.data + (end[16] | end[17] << 8);
        assert_memory_equal(entry, "PK\1\2", 4);
        assert_int_not_equal(entry[lies[i].at], lies[i].byte);
        entry[lies[i].at] = lies[i].byte;
        assert_refused(buf_view(&packed), ERR_SYNTAX, lies[i].words);
        buf_free(&packed);
    }
}

static void test_zip_comment(void **state)
{
    static const struct member one[2] = {{"list", AE_IFREG}};
    struct buf packed = zip_of("", one, LIST);

    (void)state;
    zip_end(&packed)[20] = 4;
    assert_refused(buf_view(&packed), ERR_SYNTAX, "cut short, or something");
    buf_add_text(&packed, "note");
    assert_unpacks(buf_view(&packed), LIST);
    buf_free(&packed);
}

/* A name in letters that the daemon's locale does not have: libarchive's warning is none. */
static void test_zip_name(void **state)
{
    static const struct member one[2] = {{"l\xc3\xbcste", AE_IFREG}};
    struct buf packed = zip_of("", one, LIST);
    const unsigned char *end = (unsigned char *)zip_end(&packed);

    (void)state;
    packed.data[7] |= 8; /* the names are UTF-8 */
    packed.data[(end[16] | end[17] << 8) + 9] |= 8;
    assert_unpacks(buf_view(&packed), LIST);
    buf_free(&packed);
}

/* Methods of a zip that may ask for any memory are refused before they are tried. */
static void test_zip_method(void **state)
{
    static const struct member one[2] = {{"list", AE_IFREG}};
    struct buf packed = zip_of("", one, LIST);

    (void)state;
    packed.data[8] = 14; /* LZMA */
    assert_refused(buf_view(&packed), ERR_SYNTAX, "neither stored nor deflated");
    buf_free(&packed);
}

static void test_max_bytes(void **state)
{
    struct buf got = BUF_INIT(0);

    (void)state;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        struct buf packed = packed_as(kind, LIST);
        assert_int_equal(unpack_bytes(buf_view(&packed), LIST.len, &got, NULL), 0);
        assert_int_equal(unpack_bytes(buf_view(&packed), LIST.len - 1, &got, NULL), ERR_LIMIT);
        assert_int_equal(got.len, 0);
        buf_free(&packed);
    }
    buf_free(&got);
}

static int count_plain(struct view bytes, void *arg, struct error *why)
{
    (void)why;
    *(uint64_t *)arg += bytes.len;
    return 0;
}

/* 24 MiB of one letter. gz and zip reach 1030:1 at the very most: their last bytes are counted when
 * they are read. */
static void test_bombs(void **state)
{
    size_t len = 24 << 20;
    char *rows = malloc(len);
    struct error why;

    (void)state;
    assert_non_null(rows);
    memset(rows, 'a', len);
    for (unsigned kind = 0; kind < KINDS; kind++) {
        struct buf packed = packed_as(kind, view_make(rows, len));
        struct body *b = body_new("", UINT64_MAX);
        uint64_t got = 0;

        assert_int_equal(body_add(b, packed.data, packed.len, NULL), 0);
        body_end(b);
        assert_int_equal(unpack_each(b, MANY, count_plain, &got, &why), ERR_LIMIT);
        assert_non_null(strstr(why.text, "1000 times"));
        assert_true(got >= UNPACK_FREE_BYTES - BODY_CHUNK_BYTES * 2 && got <= len);
        body_free(b);
        buf_free(&packed);
    }
    free(rows);
}

static void test_streams_of_nothing(void **state)
{
    struct buf one = gz_of(VIEW_NONE), many = BUF_INIT(0);

    (void)state;
    while (many.len < 2 << 20)
        buf_add_view(&many, buf_view(&one));
    assert_refused(buf_view(&many), ERR_LIMIT, "packed bytes hold only 0");
    buf_free(&one);
    buf_free(&many);
}

/* The header of an xz file's first block with another size of dictionary. */
static void set_dictionary(struct buf *xz, char bits)
{
    unsigned char *block = (unsigned char *)xz->data + 12;
    size_t len = (block[0] + 1U) * 4 - 4;
    uLong crc;

    for (size_t i = 2; i < len - 2; i++) {
        if (block[i] == 0x21 && block[i + 1] == 1) {
            block[i + 2] = (unsigned char)bits;
            crc = crc32(0, block, (uInt)len);
            for (unsigned k = 0; k < 4; k++)
                block[len + k] = (unsigned char)(crc >> 8 * k);
            return;
        }
    }
    fail_msg("no LZMA2 in the header");
}

static void test_xz_dictionary(void **state)
{
    static const struct {
        char bits;
        int code;
        const char *words;
    } sizes[] = {
        {0, 0, ""},                 /* 4 KiB */
        {28, 0, ""},                /* 64 MiB: xz -9 */
        {30, 0, ""},                /* 128 MiB */
        {31, ERR_LIMIT, "128 MiB"}, /* 192 MiB */
        {37, ERR_LIMIT, "128 MiB"}, /* 1.5 GiB */
        {40, ERR_LIMIT, "128 MiB"}, /* 4 GiB */
        {41, ERR_SYNTAX, "header"}, /* no size */
    };

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct buf packed = packed_as(XZ, LIST);
        set_dictionary(&packed, sizes[i].bits);
        if (sizes[i].code == 0)
            assert_unpacks(buf_view(&packed), LIST);
        else
            assert_refused(buf_view(&packed), sizes[i].code, sizes[i].words);
        buf_free(&packed);
    }
}

/* One frame with one block of "a\n" as it is, under a window of 2^bits. */
static void test_zstd_window(void **state)
{
    char frame[] = "\x28\xb5\x2f\xfd\x00\x00\x11\x00\x00"
                   "a\n";
    struct view packed = view_make(frame, sizeof frame - 1);

    (void)state;
    frame[5] = (27 - 10) << 3;
    assert_unpacks(packed, view_of("a\n"));
    frame[5] = (char)((28 - 10) << 3);
    assert_refused(packed, ERR_SYNTAX, "zst: ");
    frame[5] = (char)((31 - 10) << 3);
    assert_refused(packed, ERR_SYNTAX, "zst: ");
}

/* Frames to be skipped are not content, in front (pzstd) and behind. */
static void test_zstd_skipped_frame(void **state)
{
    static const struct view skipped = {"\x50\x2a\x4d\x18\x02\0\0\0hi", 10};
    struct buf packed = packed_as(ZST, LIST), all = BUF_INIT(0);

    (void)state;
    buf_add_view(&all, skipped);
    buf_add_view(&all, buf_view(&packed));
    assert_unpacks(buf_view(&all), LIST);
    buf_add_view(&all, skipped);
    assert_unpacks(buf_view(&all), LIST);
    buf_free(&packed);
    buf_free(&all);
}

static int stop_at_once(struct view bytes, void *arg, struct error *why)
{
    (void)bytes;
    ++*(int *)arg;
    return error_set(why, ERR_TIMEOUT, "stopped");
}

static void test_stop(void **state)
{
    struct buf big = long_list(8000);

    (void)state;
    for (unsigned kind = 0; kind <= KINDS; kind++) {
        struct buf packed = kind == KINDS ? long_list(8000) : packed_as(kind, buf_view(&big));
        struct body *b = body_new("", UINT64_MAX);
        struct error why;
        int calls = 0;

        assert_int_equal(body_add(b, packed.data, packed.len, NULL), 0);
        body_end(b);
        assert_int_equal(unpack_each(b, MANY, stop_at_once, &calls, &why), ERR_TIMEOUT);
        assert_string_equal(why.text, "stopped");
        assert_int_equal(calls, 1);
        body_free(b);
        buf_free(&packed);
    }
    buf_free(&big);
}

static struct body *stored(const char *path, const struct buf *bytes, bool other_digest)
{
    unsigned char sha256[SHA256_BYTES];
    struct file_part part = {bytes->data, bytes->len};
    struct digest *d = digest_new();

    digest_add(d, part.ptr, part.len);
    digest_end(d, sha256);
    sha256[0] ^= other_digest ? 1 : 0;
    assert_int_equal(file_replace(path, 0600, &part, 1, NULL), 0);
    struct body *b = body_of_stored(path, sha256, NULL);
    assert_non_null(b);
    return b;
}

/* A stored copy is read under its digest: what the disk did to it is no fault of the publisher,
 * even where unpacking fails long before the end. */
static void test_stored(void **state)
{
    static const struct {
        size_t at;
        char bit;
    } hurts[KINDS] = {
        [GZ] = {2, 8},   /* the method */
        [XZ] = {6, 8},   /* a reserved flag */
        [ZST] = {4, 8},  /* a reserved flag */
        [BZ2] = {10, 8}, /* the first block's CRC */
        [ZIP] = {6, 1},  /* encrypted */
    };
    char path[] = "/tmp/rcptguard-unpack.XXXXXX";
    int fd = mkstemp(path);
    struct buf big = long_list(40000), got = BUF_INIT(0);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    for (unsigned i = 0; i < KINDS * 4; i++) {
        bool hurt = (i & 1) != 0, other_digest = (i & 2) != 0;
        struct buf packed = packed_as(i / 4, buf_view(&big));
        packed.data[hurts[i / 4].at] ^= hurt ? hurts[i / 4].bit : 0;
        struct body *b = stored(path, &packed, other_digest);
        buf_clear(&got);
        assert_int_equal(unpack_each(b, MANY, keep_plain, &got, NULL), other_digest ? ERR_DAMAGED
                                                                       : hurt       ? ERR_SYNTAX
                                                                                    : 0);
        assert_true(hurt || other_digest || view_eq(buf_view(&got), buf_view(&big)));
        body_free(b);
        buf_free(&packed);
    }
    buf_free(&big);
    buf_free(&got);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_every_kind),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_every_byte_wrong),
        cmocka_unit_test(test_every_byte_missing),
        cmocka_unit_test(test_something_behind_the_end),
        cmocka_unit_test(test_streams_behind_each_other),
        cmocka_unit_test(test_packed_twice),
        cmocka_unit_test(test_zips),
        cmocka_unit_test(test_zip_directory),
        cmocka_unit_test(test_zip_comment),
        cmocka_unit_test(test_zip_name),
        cmocka_unit_test(test_zip_method),
        cmocka_unit_test(test_max_bytes),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_streams_of_nothing),
        cmocka_unit_test(test_xz_dictionary),
        cmocka_unit_test(test_zstd_window),
        cmocka_unit_test(test_zstd_skipped_frame),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
