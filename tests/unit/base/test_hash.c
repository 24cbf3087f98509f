/* Hashes: secrets matter, fields do not run together, known digests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "rcptguard/base/hash.h"

static void test_keyed(void **state)
{
    (void)state;
    struct hash_secret a, b;
    struct view key = view_of("jane@example.org");

    hash_secret_random(&a);
    hash_secret_random(&b);
    assert_true(hash_keyed(&a, key) == hash_keyed(&a, view_of("jane@example.org")));
    assert_true(hash_keyed(&a, key) != hash_keyed(&b, key));
    assert_true(hash_keyed(&a, key) != hash_keyed(&a, view_of("jane@example.net")));
    assert_true(hash_keyed(&a, VIEW_NONE) == hash_keyed(&a, view_of("")));
    assert_true(random_u64() != random_u64());
}

static void test_checksum(void **state)
{
    (void)state;
    struct checksum a = checksum_of("abc", 3), b = checksum_of("abd", 3);
    assert_true(a.low != b.low && a.high != b.high);
}

static void digest_text(const char *parts[2], bool views, char hex[2 * SHA256_BYTES + 1])
{
    unsigned char bytes[SHA256_BYTES];
    struct digest *d = digest_new();

    assert_non_null(d);
    for (int i = 0; i < 2; i++) {
        if (views)
            digest_add_view(d, view_of(parts[i]));
        else
            digest_add(d, parts[i], strlen(parts[i]));
    }
    digest_end(d, bytes);
    hex_text(bytes, sizeof bytes, hex);
}

static void test_digest(void **state)
{
    (void)state;
    char one[65], two[65];

    digest_text((const char *[]){"a", "bc"}, false, one);
    assert_string_equal(one, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digest_text((const char *[]){"ab", "c"}, false, two);
    assert_string_equal(one, two);
    digest_text((const char *[]){"a", "bc"}, true, one);
    digest_text((const char *[]){"ab", "c"}, true, two);
    assert_string_not_equal(one, two);
}

static void test_hex(void **state)
{
    (void)state;
    unsigned char bytes[3];

    assert_true(hex_parse(view_of("00fFa1"), bytes, 3));
    assert_memory_equal(bytes, "\x00\xff\xa1", 3);
    assert_false(hex_parse(view_of("00ff"), bytes, 3));
    assert_false(hex_parse(view_of("00ffg1"), bytes, 3));
    assert_false(hex_parse(view_of("00ffa1a"), bytes, 3));
}

static void test_plain(void **state)
{
    (void)state;
    /* RFC 1321, A.5; FIPS 180-4's examples. */
    static const struct {
        enum hash_kind kind;
        const char *of, *hex;
    } known[] = {
        {HASH_MD5, "", "d41d8cd98f00b204e9800998ecf8427e"},
        {HASH_MD5, "abc", "900150983cd24fb0d6963f7d28e17f72"},
        {HASH_SHA1, "", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
        {HASH_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {HASH_SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    };
    char hex[2 * HASH_MAX_BYTES + 1];

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        unsigned char digest[HASH_MAX_BYTES];
        size_t len = hash_plain(known[i].kind, view_of(known[i].of), digest);
        assert_int_equal(len, hash_bytes(known[i].kind));
        assert_string_equal(hex_text(digest, len, hex), known[i].hex);
    }
}

/* It is taken in pieces; what was saved before stays what it is. */
static void test_checksum_of_any_length(void **state)
{
    static const size_t lengths[] = {0, 1, 16, 128, 240, 241, 1024, 65535, 65536, 65537, 200000};
    static unsigned char bytes[200000];
    (void)state;

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 31 + (i >> 8));
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        XXH128_hash_t whole = XXH3_128bits(bytes, lengths[i]);
        struct checksum sum = checksum_of(bytes, lengths[i]);
        assert_true(sum.low == whole.low64 && sum.high == whole.high64);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keyed),
        cmocka_unit_test(test_checksum),
        cmocka_unit_test(test_checksum_of_any_length),
        cmocka_unit_test(test_digest),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_plain),
    };
    return cmocka_run_group_tests_name("base/hash", tests, NULL, NULL);
}
