/*
 * hashes: the digests of addresses or of domains (`of =`), for publishers who do not want to print
 * whom they list. The length tells which digest it is; one of another kind says nothing that the
 * index could ask for. A row that merely resembles a digest is bad: half a digest lists nobody, and
 * a copy full of them is no list of hashes.
 */
#include "../parse/format.h"
#include "rcptguard/base/hash.h"

#define BASE32_PADDING "====" /* of a SHA-256; most leave it out */

static bool is_hex(struct view v)
{
    for (size_t i = 0; i < v.len; i++)
        if (!ascii_digit(v.ptr[i]) && (ascii_lower(v.ptr[i]) < 'a' || ascii_lower(v.ptr[i]) > 'f'))
            return false;
    return v.len > 0;
}

/* Every digest there is, from CRC-32 to SHA-512, is made of whole words of 32 bits. */
static bool is_other_digest(struct view v)
{
    return is_hex(v) && v.len % 8 == 0;
}

/* The bytes of the digest that V is; 0: it is none of those that are asked for. */
static size_t digest_parse(struct view v, unsigned char digest[HASH_MAX_BYTES])
{
    for (enum hash_kind kind = 0; kind < HASH_KINDS; kind++)
        if (hex_parse(v, digest, hash_bytes(kind)))
            return hash_bytes(kind);
    if (v.len == BASE32_LEN(SHA256_BYTES) + strlen(BASE32_PADDING) &&
        view_is(view_from(v, BASE32_LEN(SHA256_BYTES)), BASE32_PADDING))
        v = view_first(v, BASE32_LEN(SHA256_BYTES));
    return base32_parse(v, digest, SHA256_BYTES) ? SHA256_BYTES : 0;
}

static void hashes_line(const struct feed_reader *r, struct view line, uint64_t number)
{
    struct view text = feed_line_text(line);
    unsigned char digest[HASH_MAX_BYTES];

    if (text.len == 0 || text.ptr[0] == ';') {
        feed_comment_tell(r, line);
        return;
    }
    size_t len = digest_parse(text, digest);
    if (len > 0) {
        const struct feed_row row = {
            .kind = r->options->of_domain ? ENTRY_DOMAIN_HASH : ENTRY_ADDRESS_HASH,
            .key = view_make(digest, len),
            .line = number,
            .text = text,
        };
        r->sink->row(&row, r->sink->arg);
    } else if (is_other_digest(text)) {
        r->sink->ignored(number, r->sink->arg);
    } else {
        r->sink->bad(number, text, "not an MD5, SHA-1 or SHA-256 alone on its line", r->sink->arg);
    }
}

static bool hashes_looks(struct view line)
{
    unsigned char digest[HASH_MAX_BYTES];

    return digest_parse(line, digest) > 0;
}

static const char *const hashes_keys[] = {"of", NULL};

const struct feed_format feed_format_hashes = {
    .info = {"hashes", "MD5, SHA-1 or SHA-256 in hex, or SHA-256 in base32; # comments",
             "the address, or with of = domain the domain, that has this digest", hashes_keys},
    .line = hashes_line,
    .looks = hashes_looks,
};
