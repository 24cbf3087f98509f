/* Signed lists: keys and signatures as people keep them, and the check itself. */
#include "signature.h"

#include <openssl/evp.h>

#include "rcptguard/base/hash.h"

#define PEM_BEGIN "-----BEGIN PUBLIC KEY-----"
#define PEM_END   "-----END PUBLIC KEY-----"

/* RFC 8410: what stands before the 32 bytes in a SubjectPublicKeyInfo. */
static const unsigned char spki_head[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                          0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
#define SPKI_BYTES (sizeof spki_head + FEED_PUBKEY_BYTES)

static int base64_value(char c)
{
    static const char signs[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    ptrdiff_t at = view_find(view_of(signs), c);

    return (int)at;
}

/* Exactly LEN bytes. Line ends in it are skipped, padding may be left out, nothing else. */
static bool base64_parse(struct view text, unsigned char *bytes, size_t len)
{
    size_t signs = 0, n = 0, padding = 0;
    unsigned word = 0;

    for (size_t i = 0; i < text.len; i++) {
        int value = base64_value(text.ptr[i]);
        if (text.ptr[i] == '\r' || text.ptr[i] == '\n')
            continue;
        padding += text.ptr[i] == '=';
        if (text.ptr[i] == '=' && padding <= 2)
            continue;
        if (value < 0 || padding > 0 || n >= len)
            return false;
        word = (word << 6 | (unsigned)value) & 0xffffff;
        if (signs++ % 4 != 0)
            bytes[n++] = (unsigned char)(word >> (6 - 2 * ((signs - 1) % 4)));
    }
    return n == len && (padding == 0 || (signs + padding) % 4 == 0);
}

static bool parse_spki(struct view base64, unsigned char key[FEED_PUBKEY_BYTES])
{
    unsigned char der[SPKI_BYTES];

    if (!base64_parse(base64, der, sizeof der) || memcmp(der, spki_head, sizeof spki_head) != 0)
        return false;
    memcpy(key, der + sizeof spki_head, FEED_PUBKEY_BYTES);
    return true;
}

static bool parse_pem(struct view text, unsigned char key[FEED_PUBKEY_BYTES])
{
    struct view inside = view_from(text, strlen(PEM_BEGIN));
    size_t end = strlen(PEM_END);

    if (!view_starts(text, PEM_BEGIN) || inside.len < end ||
        !view_is(view_from(inside, inside.len - end), PEM_END))
        return false;
    return parse_spki(view_first(inside, inside.len - end), key);
}

bool feed_pubkey_parse(struct view text, unsigned char key[FEED_PUBKEY_BYTES])
{
    text = view_trim(text);
    return hex_parse(text, key, FEED_PUBKEY_BYTES) || base64_parse(text, key, FEED_PUBKEY_BYTES) ||
           parse_spki(text, key) || parse_pem(text, key);
}

static struct view without_line_end(struct view v)
{
    if (v.len > 0 && v.ptr[v.len - 1] == '\n')
        v.len--;
    if (v.len > 0 && v.ptr[v.len - 1] == '\r')
        v.len--;
    return v;
}

/* The 64 bytes themselves, or base64 or hex of them and one line end. */
static bool signature_parse(struct view text, unsigned char signature[SIGNATURE_BYTES])
{
    if (text.len == SIGNATURE_BYTES) {
        memcpy(signature, text.ptr, SIGNATURE_BYTES);
        return true;
    }
    text = without_line_end(text);
    return hex_parse(text, signature, SIGNATURE_BYTES) ||
           base64_parse(text, signature, SIGNATURE_BYTES);
}

/* 1: good, 0: not, negative: libcrypto could not say. */
static int verify(const unsigned char *key, const unsigned char *signature, struct view message)
{
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, FEED_PUBKEY_BYTES);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const void *bytes = message.len == 0 ? "" : message.ptr;
    int rc = -1;

    if (pkey != NULL && ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1)
        rc = EVP_DigestVerify(ctx, signature, SIGNATURE_BYTES, bytes, message.len) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return rc;
}

int signature_check(const unsigned char key[FEED_PUBKEY_BYTES], struct view signature,
                    struct view message, struct error *why)
{
    unsigned char bytes[SIGNATURE_BYTES];

    if (!signature_parse(signature, bytes))
        return error_set(why, ERR_SYNTAX,
                         "what lies beside the list as its signature is none (64 bytes, or base64 "
                         "or hex of them)");
    int rc = verify(key, bytes, message);
    if (rc < 0)
        return error_set(why, ERR_NOMEM, "libcrypto cannot check ed25519 signatures now");
    return rc == 1 ? 0
                   : error_set(why, ERR_REFUSED,
                               "the list is not what was signed with the key in pubkey");
}
