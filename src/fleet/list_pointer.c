/* The pointer as JSON. Whoever has the secret made it; what it says is checked all the same. */
#include "list_pointer.h"

#include <inttypes.h>

#include "rcptguard/base/json_text.h"

/* What deflate may add to bytes that it cannot pack, generously. */
#define DEFLATE_MORE(bytes) ((bytes) / 100 + 1024)

size_t list_pointer_chunks(const struct list_pointer *p)
{
    return (size_t)((p->packed + LIST_CHUNK_BYTES - 1) / LIST_CHUNK_BYTES);
}

/* ---- making --------------------------------------------------------------------------------- */

int list_pointer_make(const struct list_pointer *p, struct buf *out)
{
    char sha256[2 * SHA256_BYTES + 1], signature[2 * FEEDS_SHARE_SIGNATURE + 1];

    json_t *json = json_pack(
        "{ss sI sI sb ss ss ss sI sI ss}", "sha256", hex_text(p->sha256, SHA256_BYTES, sha256),
        "bytes", (json_int_t)p->bytes, "packed", (json_int_t)p->packed, "deflated",
        (int)p->deflated, "blob", p->blob, "etag", p->etag, "last_modified", p->last_modified,
        "fetched", (json_int_t)p->fetched_ms, "expires", (json_int_t)p->expires_s, "signature",
        hex_text(p->signature, p->signature_len, signature));
    if (json == NULL)
        return ERR_NOMEM;
    bool is_whole = json_write_buf(json, JSON_COMPACT, out);
    json_decref(json);
    return is_whole ? 0 : ERR_NOMEM;
}

/* ---- reading -------------------------------------------------------------------------------- */

static struct view string_of(const json_t *json, const char *key)
{
    const json_t *value = json_object_get(json, key);

    return json_is_string(value) ? view_make(json_string_value(value), json_string_length(value))
                                 : VIEW_NONE;
}

/* From 0 on; -1: it is none. */
static int64_t number_of(const json_t *json, const char *key)
{
    const json_t *value = json_object_get(json, key);

    return json_is_integer(value) && json_integer_value(value) >= 0 ? json_integer_value(value)
                                                                    : -1;
}

/* As fetched ones are: printable, or none at all. */
static void take_validator(struct view v, char *dst, size_t size)
{
    dst[0] = '\0';
    if (v.len >= size)
        return;
    for (size_t i = 0; i < v.len; i++)
        if (ascii_control(v.ptr[i]) || (unsigned char)v.ptr[i] > 0x7e)
            return;
    if (v.len > 0)
        memcpy(dst, v.ptr, v.len);
    dst[v.len] = '\0';
}

static bool take_name(struct view v, char dst[LIST_BLOB_SIZE])
{
    unsigned char bytes[(LIST_BLOB_SIZE - 1) / 2];

    if (!hex_parse(v, bytes, sizeof bytes))
        return false;
    hex_text(bytes, sizeof bytes, dst);
    return true;
}

static bool take_signature(struct view v, struct list_pointer *out)
{
    out->signature_len = v.len / 2;
    return out->signature_len <= sizeof out->signature &&
           hex_parse(v, out->signature, out->signature_len);
}

static bool read_fields(const json_t *json, struct list_pointer *out)
{
    int64_t bytes = number_of(json, "bytes"), packed = number_of(json, "packed");

    out->bytes = (uint64_t)bytes;
    out->packed = (uint64_t)packed;
    out->fetched_ms = number_of(json, "fetched");
    out->expires_s = number_of(json, "expires");
    out->deflated = json_is_true(json_object_get(json, "deflated"));
    take_validator(string_of(json, "etag"), out->etag, sizeof out->etag);
    take_validator(string_of(json, "last_modified"), out->last_modified, sizeof out->last_modified);
    return bytes >= 0 && packed > 0 && out->fetched_ms > 0 && out->expires_s >= 0 &&
           hex_parse(string_of(json, "sha256"), out->sha256, SHA256_BYTES) &&
           take_name(string_of(json, "blob"), out->blob) &&
           take_signature(string_of(json, "signature"), out);
}

int list_pointer_parse(struct view text, uint64_t max_bytes, struct list_pointer *out,
                       struct error *why)
{
    json_t *json = json_parse(text, JSON_REJECT_DUPLICATES, NULL);

    memset(out, 0, sizeof *out);
    bool good = json_is_object(json) && read_fields(json, out);
    json_decref(json);
    if (!good)
        return error_set(why, ERR_SYNTAX, "what is said of it in Redis cannot be read");
    if (out->bytes > max_bytes || out->bytes > LIST_MAX_BYTES)
        return error_set(why, ERR_LIMIT, "it has more than max_bytes (%" PRIu64 " bytes)",
                         out->bytes);
    bool fits = out->deflated ? out->packed <= out->bytes + DEFLATE_MORE(out->bytes)
                              : out->packed == out->bytes;
    return fits ? 0 : error_set(why, ERR_SYNTAX, "its size and its packed size do not fit");
}
