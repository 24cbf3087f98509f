/*
 * Hashes. Tables that outsiders fill use a hash with a secret of 192 random bytes, so that nobody
 * can prepare keys that collide (XXH3 with secret).
 * Checksums of our files and settings are XXH3-128; digests that identify a copy are SHA-256.
 */
#ifndef RCPTGUARD_BASE_HASH_H
#define RCPTGUARD_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "rcptguard/base/error.h"
#include "rcptguard/base/view.h"

#define HASH_SECRET_BYTES 192
#define SHA256_BYTES      32

struct hash_secret {
    unsigned char bytes[HASH_SECRET_BYTES];
};

/* Fills from the system's random source; ends the process when there is none. */
void hash_secret_random(struct hash_secret *secret);

uint64_t hash_keyed(const struct hash_secret *secret, struct view v);

/* Two words of checksum over memory: for files of ours, not against forgery. */
struct checksum {
    uint64_t low, high;
};
struct checksum checksum_of(const void *bytes, size_t len);

/* SHA-256 in steps; libcrypto behind it. digest_new may return NULL (no memory). */
struct digest;
struct digest *digest_new(void);
void digest_add(struct digest *d, const void *bytes, size_t len);
void digest_add_view(struct digest *d,
                     struct view v); /* with its length: fields cannot run together */
void digest_end(struct digest *d, unsigned char out[SHA256_BYTES]); /* frees D */

/* What lists of hashed addresses and domains are made with. */
enum hash_kind { HASH_MD5, HASH_SHA1, HASH_SHA256, HASH_KINDS };
#define HASH_MAX_BYTES 32

size_t hash_bytes(enum hash_kind kind); /* of a digest: 16, 20, 32 */

/* The digest of V into OUT; returns its length, 0 when this system does not offer KIND (MD5 under
 * FIPS). Any thread. */
size_t hash_plain(enum hash_kind kind, struct view v, unsigned char out[HASH_MAX_BYTES]);

/* Lower-case hex of LEN bytes into 2 * LEN + 1. Returns DST. */
const char *hex_text(const void *bytes, size_t len, char *dst);
bool hex_parse(struct view hex, void *bytes, size_t len);

/* Bytes as base32 in lower case without padding (RFC 4648, 6) into DST, NUL-terminated; the length
 * is BASE32_LEN. */
#define BASE32_LEN(bytes) (((bytes) * 8 + 4) / 5)
size_t base32_text(const void *bytes, size_t len, char *dst);

/* LEN bytes out of the text that stands for exactly so many, in any case. */
bool base32_parse(struct view text, void *bytes, size_t len);

uint64_t random_u64(void);

#endif
