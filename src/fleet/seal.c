/*
 * Seals. What goes into the HMAC is every field with its length before it, so that no two objects
 * give the same bytes; the name is among them, though it is not written into the object.
 */
#include "seal.h"

#include <inttypes.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "rcptguard/base/hash.h"

#define MAGIC    "rcptguard1"
#define CONTEXT  "rcptguard fleet 2"
#define NAMING   "rcptguard1 name" /* no object begins so: the length differs */
#define MAC_HEX  ((size_t)2 * SHA256_BYTES)
#define HEAD_MAX 256 /* the first line; far more than any of ours */

/* ---- HMAC-SHA256 ---------------------------------------------------------------------------- */

struct hmac {
    EVP_MAC_CTX *ctx;
    bool ok;
};

static struct hmac hmac_begin(const void *key, size_t len)
{
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    struct hmac h = {mac == NULL ? NULL : EVP_MAC_CTX_new(mac), false};

    EVP_MAC_free(mac);
    h.ok = h.ctx != NULL && EVP_MAC_init(h.ctx, key, len, params) == 1;
    return h;
}

static void hmac_add(struct hmac *h, const void *bytes, size_t len)
{
    if (h->ok && len > 0)
        h->ok = EVP_MAC_update(h->ctx, bytes, len) == 1;
}

/* The same on machines of either byte order. */
static void hmac_add_number(struct hmac *h, uint64_t n)
{
    unsigned char bytes[8];

    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(n >> (56 - 8 * i));
    hmac_add(h, bytes, sizeof bytes);
}

static void hmac_add_view(struct hmac *h, struct view v)
{
    hmac_add_number(h, v.len);
    hmac_add(h, v.ptr, v.len);
}

static int hmac_end(struct hmac *h, unsigned char out[SHA256_BYTES])
{
    size_t len = 0;

    if (h->ok)
        h->ok = EVP_MAC_final(h->ctx, out, &len, SHA256_BYTES) == 1 && len == SHA256_BYTES;
    EVP_MAC_CTX_free(h->ctx);
    return h->ok ? 0 : ERR_NOMEM;
}

/* ---- keys and names ------------------------------------------------------------------------- */

/* The secret is what is hashed and not the key, as in HKDF-Extract (RFC 5869): HMAC fills keys up
 * with zeros and hashes long ones, so that two secrets might be one. */
int seal_key_make(struct view secret, struct view prefix, struct seal_key *key)
{
    memset(key, 0, sizeof *key);
    key->secret = secret.len > 0;
    if (!key->secret)
        return 0;
    struct hmac h = hmac_begin(CONTEXT, strlen(CONTEXT));
    hmac_add_view(&h, prefix);
    hmac_add(&h, secret.ptr, secret.len);
    return hmac_end(&h, key->bytes);
}

int seal_name(const struct seal_key *key, struct view text, char out[SEAL_NAME_SIZE])
{
    unsigned char bytes[SHA256_BYTES] = {0};
    struct hmac h = hmac_begin(key->bytes, sizeof key->bytes);

    hmac_add_view(&h, view_of(NAMING));
    hmac_add_view(&h, text);
    int rc = hmac_end(&h, bytes);
    hex_text(bytes, (SEAL_NAME_SIZE - 1) / 2, out);
    return rc;
}

bool seal_is_relay(struct view name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!ascii_alnum(name.ptr[i]) && name.ptr[i] != '.' && name.ptr[i] != '_' &&
            name.ptr[i] != '-')
            return false;
    return name.len > 0 && name.len < SEAL_RELAY_MAX;
}

static bool is_kind(struct view kind)
{
    for (size_t i = 0; i < kind.len; i++)
        if ((kind.ptr[i] < 'a' || kind.ptr[i] > 'z') && kind.ptr[i] != '-')
            return false;
    return kind.len > 0 && kind.len <= 32;
}

/* ---- objects -------------------------------------------------------------------------------- */

static int mac_of(const struct seal_key *key, const struct sealed *what, char hex[MAC_HEX + 1])
{
    unsigned char bytes[SHA256_BYTES] = {0};
    struct hmac h = hmac_begin(key->bytes, sizeof key->bytes);

    hmac_add_view(&h, view_of(MAGIC));
    hmac_add_view(&h, view_of(what->kind));
    hmac_add_view(&h, what->name);
    hmac_add_view(&h, what->relay);
    hmac_add_number(&h, what->version);
    hmac_add_view(&h, what->body);
    int rc = hmac_end(&h, bytes);
    hex_text(bytes, sizeof bytes, hex);
    return rc;
}

int seal_make(const struct seal_key *key, const struct sealed *what, struct buf *out)
{
    char mac[MAC_HEX + 1], head[HEAD_MAX];
    struct text t = text_on(head, sizeof head);

    if (!seal_is_relay(what->relay) || !is_kind(view_of(what->kind)))
        return ERR_SYNTAX;
    int rc = mac_of(key, what, mac);
    if (rc < 0)
        return rc;
    text_addf(&t, MAGIC " %s ", what->kind);
    text_add_view(&t, what->relay);
    text_addf(&t, " %" PRIu64 " %s\n", what->version, mac);
    size_t before = out->len;
    rc = buf_add_view(out, text_view(&t));
    if (rc == 0)
        rc = buf_add_view(out, what->body);
    if (rc < 0)
        out->len = before;
    return rc;
}

/* Without leading zeros: there is one spelling of each number. */
static bool parse_version(struct view text, uint64_t *version)
{
    return (text.len == 1 || (text.len > 1 && text.ptr[0] != '0')) &&
           view_to_uint(text, UINT64_MAX, version);
}

/* The next word of *REST, which a single blank ends, or the end of the line. */
static struct view next_word(struct view *rest)
{
    struct view word = VIEW_NONE;

    view_split(rest, ' ', &word);
    return word;
}

/* Takes TEXT apart; *KIND and *MAC are what it says of itself. */
static bool parse(struct view text, struct view *kind, struct view *mac, struct sealed *out)
{
    ptrdiff_t end = view_find(view_first(text, HEAD_MAX), '\n');

    if (end < 0)
        return false;
    struct view rest = view_first(text, (size_t)end);
    bool is_ours = view_is(next_word(&rest), MAGIC);
    *kind = next_word(&rest);
    out->relay = next_word(&rest);
    bool has_version = parse_version(next_word(&rest), &out->version);
    *mac = next_word(&rest);
    out->body = view_from(text, (size_t)end + 1);
    return is_ours && is_kind(*kind) && seal_is_relay(out->relay) && has_version &&
           mac->len == MAC_HEX && rest.ptr == NULL;
}

/* 1: MAC is that of WHAT under KEY; 0: it is not; or ERR_NOMEM. */
static int is_sealed_with(const struct seal_key *key, const struct sealed *what, struct view mac)
{
    char hex[MAC_HEX + 1];

    int rc = mac_of(key, what, hex);
    return rc < 0 ? rc : CRYPTO_memcmp(mac.ptr, hex, MAC_HEX) == 0;
}

static int refuse(const struct seal_key *key, const struct sealed *what, struct view mac,
                  struct error *why)
{
    static const struct seal_key none;

    if (!key->secret)
        return error_set(why, ERR_REFUSED,
                         "it was changed, or its relay has a [redis] secret and this one has none: "
                         "give all relays the same");
    if (is_sealed_with(&none, what, mac) == 1)
        return error_set(why, ERR_REFUSED,
                         "who made it has no [redis] secret: give all relays the same");
    return error_set(why, ERR_REFUSED,
                     "it was changed, or made with another [redis] secret or prefix: give all "
                     "relays the same, and only them");
}

int seal_open(const struct seal_key *key, const char *kind, struct view name, struct view text,
              struct sealed *out, struct error *why)
{
    struct sealed what = {.kind = kind, .name = name};
    struct view says, mac;

    if (!parse(text, &says, &mac, &what))
        return error_set(why, ERR_SYNTAX,
                         "no object of rcptguard: does something else write below the same "
                         "[redis] prefix, or another version of rcptguard?");
    if (!view_is(says, kind))
        return error_set(why, ERR_REFUSED,
                         "it is of another kind than its place: somebody copied or renamed it");
    int rc = is_sealed_with(key, &what, mac);
    if (rc < 0)
        return error_set(why, rc, "no memory");
    if (rc == 0)
        return refuse(key, &what, mac, why);
    *out = what;
    return 0;
}
