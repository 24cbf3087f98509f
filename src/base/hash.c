/*
 * Hashes. XXH3 with a secret of random bytes is a universal-hash construction: without the secret
 * nobody can choose keys that fall together. It is compiled in (XXH_INLINE_ALL): the index asks it
 * several times a query.
 */
#include "rcptguard/base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "rcptguard/base/breath.h"

#define PIECE_BYTES 65536 /* summed up between two breaths */

_Static_assert(HASH_SECRET_BYTES >= XXH3_SECRET_SIZE_MIN, "XXH3 wants at least 136 bytes");

static void random_bytes(void *dst, size_t len)
{
    ssize_t n;

    /* 256 bytes or fewer are never cut short once the pool is ready: getrandom(2). Until then, when
     * the machine has just begun, a signal may come. */
    do
        n = getrandom(dst, len, 0);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)len) {
        perror("getrandom");
        abort();
    }
}

void hash_secret_random(struct hash_secret *secret)
{
    random_bytes(secret->bytes, sizeof secret->bytes);
}

uint64_t random_u64(void)
{
    uint64_t n;
    random_bytes(&n, sizeof n);
    return n;
}

uint64_t hash_keyed(const struct hash_secret *secret, struct view v)
{
    return XXH3_64bits_withSecret(v.ptr, v.len, secret->bytes, sizeof secret->bytes);
}

struct checksum checksum_of(const void *bytes, size_t len)
{
    const char *ptr = bytes;
    XXH3_state_t state;

    XXH3_128bits_reset(&state);
    for (size_t at = 0, n; at < len; at += n) {
        n = len - at < PIECE_BYTES ? len - at : PIECE_BYTES;
        XXH3_128bits_update(&state, ptr + at, n);
        breath(n);
    }
    XXH128_hash_t h = XXH3_128bits_digest(&state);
    return (struct checksum){h.low64, h.high64};
}

struct digest {
    EVP_MD_CTX *ctx;
};

struct digest *digest_new(void)
{
    struct digest *d = malloc(sizeof *d);
    if (d == NULL)
        return NULL;
    d->ctx = EVP_MD_CTX_new();
    if (d->ctx == NULL || EVP_DigestInit_ex(d->ctx, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(d->ctx);
        free(d);
        return NULL;
    }
    return d;
}

void digest_add(struct digest *d, const void *bytes, size_t len)
{
    const char *ptr = bytes;

    for (size_t at = 0, n; at < len; at += n) {
        n = len - at < PIECE_BYTES ? len - at : PIECE_BYTES;
        EVP_DigestUpdate(d->ctx, ptr + at, n);
        breath(n);
    }
}

void digest_add_view(struct digest *d, struct view v)
{
    uint64_t len = v.len;
    digest_add(d, &len, sizeof len);
    digest_add(d, v.ptr, v.len);
}

void digest_end(struct digest *d, unsigned char out[SHA256_BYTES])
{
    EVP_DigestFinal_ex(d->ctx, out, NULL);
    EVP_MD_CTX_free(d->ctx);
    free(d);
}

size_t hash_bytes(enum hash_kind kind)
{
    static const unsigned char bytes[HASH_KINDS] = {16, 20, 32};

    return bytes[kind];
}

/*
 * Fetched once and kept: EVP_md5() and its like are looked up among the providers at each use,
 * which takes twice as long as the hash of an address. NULL: this system does not offer it.
 */
static const EVP_MD *fetched[HASH_KINDS];

static void fetch_all(void)
{
    static const char *const names[HASH_KINDS] = {"MD5", "SHA1", "SHA256"};

    for (int kind = 0; kind < HASH_KINDS; kind++)
        fetched[kind] = EVP_MD_fetch(NULL, names[kind], NULL);
}

size_t hash_plain(enum hash_kind kind, struct view v, unsigned char out[HASH_MAX_BYTES])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, fetch_all);
    if (fetched[kind] == NULL)
        return 0;
    return EVP_Digest(v.ptr, v.len, out, NULL, fetched[kind], NULL) == 1 ? hash_bytes(kind) : 0;
}

const char *hex_text(const void *bytes, size_t len, char *dst)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *from = bytes;

    for (size_t i = 0; i < len; i++) {
        dst[2 * i] = digits[from[i] >> 4];
        dst[2 * i + 1] = digits[from[i] & 15];
    }
    dst[2 * len] = '\0';
    return dst;
}

static int hex_value(char c)
{
    c = ascii_lower(c);
    return ascii_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_parse(struct view hex, void *bytes, size_t len)
{
    unsigned char *to = bytes;

    if (hex.len != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++) {
        int high = hex_value(hex.ptr[2 * i]), low = hex_value(hex.ptr[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        to[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static const char base32_digits[] = "abcdefghijklmnopqrstuvwxyz234567";

size_t base32_text(const void *bytes, size_t len, char *dst)
{
    const unsigned char *from = bytes;
    unsigned waiting = 0, bits = 0;
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        waiting = waiting << 8 | from[i];
        for (bits += 8; bits >= 5; bits -= 5)
            dst[n++] = base32_digits[waiting >> (bits - 5) & 31];
    }
    if (bits > 0)
        dst[n++] = base32_digits[waiting << (5 - bits) & 31];
    dst[n] = '\0';
    return n;
}

static int base32_value(char c)
{
    c = ascii_lower(c);
    if (c >= 'a' && c <= 'z')
        return c - 'a';
    return c >= '2' && c <= '7' ? c - '2' + 26 : -1;
}

bool base32_parse(struct view text, void *bytes, size_t len)
{
    unsigned char *to = bytes;
    unsigned waiting = 0, bits = 0;

    if (text.len != BASE32_LEN(len))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        int value = base32_value(text.ptr[i]);
        if (value < 0)
            return false;
        waiting = waiting << 5 | (unsigned)value;
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            *to++ = (unsigned char)(waiting >> bits);
        }
    }
    /* What is left over pads the last digit: another than zero would be a second spelling. */
    return (waiting & ((1u << bits) - 1)) == 0;
}
