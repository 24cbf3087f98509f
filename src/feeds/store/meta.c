/* What is known of a feed, as text: a person can read it when something went wrong. */
#include "meta.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#define FIRST_LINE "rcptguard feed 2\n"

enum kind { NUMBER, SIGNED, SIDE, STATE, FLAG, DIGEST, TEXT };

struct field {
    const char *key;
    enum kind kind;
    size_t offset, size;
};

#define FIELD(type, key, kind, member)                                                             \
    {key, kind, offsetof(struct type, member), sizeof(((struct type *)0)->member)}

static const struct field meta_fields[] = {
    FIELD(store_meta, "state", STATE, state),
    FIELD(store_meta, "state_since", SIGNED, state_since),
    FIELD(store_meta, "last_fetch", SIGNED, last_fetch),
    FIELD(store_meta, "last_success", SIGNED, last_success),
    FIELD(store_meta, "next_fetch", SIGNED, next_fetch),
    FIELD(store_meta, "failures", NUMBER, failures),
    FIELD(store_meta, "last_error", TEXT, last_error),
    FIELD(store_meta, "guard", TEXT, guard),
};

static const struct field source_fields[] = {
    FIELD(store_source, "url", DIGEST, url),
    FIELD(store_source, "full_fetch", SIGNED, full_fetch),
    FIELD(store_source, "held.side", SIDE, guard.held_side),
    FIELD(store_source, "held.since", SIGNED, guard.held_since),
    FIELD(store_source, "held.until", SIGNED, held_until),
    FIELD(store_source, "held.guard", TEXT, held_guard),
    FIELD(store_source, "held.why", TEXT, held_why),
    FIELD(store_source, "rolled_back", FLAG, rolled_back.known),
    FIELD(store_source, "rolled_back.digest", DIGEST, rolled_back.digest),
    FIELD(store_source, "rolled_back.set.low", NUMBER, rolled_back.sets.shaped.low),
    FIELD(store_source, "rolled_back.set.high", NUMBER, rolled_back.sets.shaped.high),
    FIELD(store_source, "rolled_back.plain.low", NUMBER, rolled_back.sets.plain.low),
    FIELD(store_source, "rolled_back.plain.high", NUMBER, rolled_back.sets.plain.high),
};

static const struct field copy_fields[] = {
    FIELD(store_copy, "known", FLAG, known),
    FIELD(store_copy, "digest", DIGEST, digest),
    FIELD(store_copy, "size", NUMBER, size),
    FIELD(store_copy, "etag", TEXT, etag),
    FIELD(store_copy, "last_modified", TEXT, last_modified),
    FIELD(store_copy, "content", DIGEST, content),
    FIELD(store_copy, "set.low", NUMBER, sets.shaped.low),
    FIELD(store_copy, "set.high", NUMBER, sets.shaped.high),
    FIELD(store_copy, "plain.low", NUMBER, sets.plain.low),
    FIELD(store_copy, "plain.high", NUMBER, sets.plain.high),
    FIELD(store_copy, "rows", NUMBER, rows),
    FIELD(store_copy, "bad_rows", NUMBER, bad_rows),
    FIELD(store_copy, "ignored_rows", NUMBER, ignored_rows),
    FIELD(store_copy, "entries", NUMBER, entries),
    FIELD(store_copy, "exceptions", NUMBER, exceptions),
    FIELD(store_copy, "dropped", NUMBER, dropped),
    FIELD(store_copy, "created", SIGNED, created),
    FIELD(store_copy, "is_short", FLAG, is_short),
    FIELD(store_copy, "unfit", FLAG, unfit),
    FIELD(store_copy, "at", SIGNED, accepted_at),
    FIELD(store_copy, "left_out", TEXT, left_out),
};

/* The copies of a source, by the word before their keys: "list.accepted.digest". */
static const struct {
    const char *prefix;
    size_t offset;
} copies[] = {
    {"accepted.", offsetof(struct store_source, accepted)},
    {"held.copy.", offsetof(struct store_source, held)},
    {"previous.", offsetof(struct store_source, previous)},
};

static const char *const prefixes[STORE_SOURCES] = {"list.", "cleared."};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void write_value(const struct field *field, const void *at, struct buf *out)
{
    char hex[2 * SHA256_BYTES + 1];

    switch (field->kind) {
    case NUMBER:
        buf_addf(out, "%" PRIu64, *(const uint64_t *)at);
        break;
    case SIGNED:
        buf_addf(out, "%" PRId64, *(const int64_t *)at);
        break;
    case SIDE:
        buf_addf(out, "%d", (int)*(const enum guard_side *)at);
        break;
    case STATE:
        buf_add_text(out, feed_state_text(*(const enum feed_state *)at));
        break;
    case FLAG:
        buf_add_text(out, *(const bool *)at ? "yes" : "no");
        break;
    case DIGEST:
        buf_add_text(out, hex_text(at, SHA256_BYTES, hex));
        break;
    case TEXT:
        buf_add_text(out, at);
        break;
    }
}

static void write_fields(const struct field *fields, size_t count, const char *prefix,
                         const void *base, struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        buf_addf(out, "%s%s=", prefix, fields[i].key);
        write_value(&fields[i], (const char *)base + fields[i].offset, out);
        buf_add_text(out, "\n");
    }
}

static void write_source(const struct store_source *source, const char *prefix, struct buf *out)
{
    char longer[64];

    write_fields(source_fields, COUNT(source_fields), prefix, source, out);
    for (size_t i = 0; i < COUNT(copies); i++) {
        const struct store_copy *copy = (const void *)((const char *)source + copies[i].offset);
        /* The size of a copy that was lost is what the guards go by all the same. */
        if (!copy->known && copy->entries == 0)
            continue;
        snprintf(longer, sizeof longer, "%s%s", prefix, copies[i].prefix);
        write_fields(copy_fields, COUNT(copy_fields), longer, copy, out);
    }
}

int meta_write(const struct store_meta *meta, const char *name, struct buf *out)
{
    buf_addf(out, FIRST_LINE "name=%s\n", name);
    write_fields(meta_fields, COUNT(meta_fields), "", meta, out);
    for (unsigned i = 0; i < STORE_SOURCES; i++)
        write_source(&meta->sources[i], prefixes[i], out);
    struct checksum sum = checksum_of(out->data, out->failed ? 0 : out->len);
    buf_addf(out, "checksum=%016" PRIx64 "%016" PRIx64 "\n", sum.high, sum.low);
    return out->failed ? ERR_NOMEM : 0;
}

static bool read_signed(struct view v, int64_t *number)
{
    uint64_t n;
    bool minus = view_starts(v, "-");

    if (!view_to_uint(view_from(v, minus ? 1 : 0), INT64_MAX, &n))
        return false;
    *number = minus ? -(int64_t)n : (int64_t)n;
    return true;
}

static bool read_state(struct view v, enum feed_state *state)
{
    for (int i = FEED_NEVER; i <= FEED_FAILED; i++)
        if (view_is(v, feed_state_text((enum feed_state)i))) {
            *state = (enum feed_state)i;
            return true;
        }
    return false;
}

static bool read_text(struct view v, char *dst, size_t size)
{
    if (v.len >= size || memchr(v.ptr, '\0', v.len) != NULL)
        return false;
    memcpy(dst, v.ptr, v.len);
    dst[v.len] = '\0';
    return true;
}

static bool read_value(const struct field *field, struct view v, void *at)
{
    int64_t n = 0;

    switch (field->kind) {
    case NUMBER:
        return view_to_uint(v, UINT64_MAX, at);
    case SIGNED:
        return read_signed(v, at);
    case SIDE:
        if (!read_signed(v, &n) || n < SIDE_SMALL || n > SIDE_ROLLED_BACK)
            return false;
        *(enum guard_side *)at = (enum guard_side)n;
        return true;
    case STATE:
        return read_state(v, at);
    case FLAG:
        *(bool *)at = view_is(v, "yes");
        return *(bool *)at || view_is(v, "no");
    case DIGEST:
        return hex_parse(v, at, SHA256_BYTES);
    case TEXT:
        return read_text(v, at, field->size);
    }
    return false;
}

static bool read_field(const struct field *fields, size_t count, struct view key, struct view value,
                       void *base)
{
    for (size_t i = 0; i < count; i++)
        if (view_is(key, fields[i].key))
            return read_value(&fields[i], value, (char *)base + fields[i].offset);
    return true;
}

static bool read_source(struct view key, struct view value, struct store_source *source)
{
    for (size_t i = 0; i < COUNT(copies); i++)
        if (view_starts(key, copies[i].prefix))
            return read_field(copy_fields, COUNT(copy_fields),
                              view_from(key, strlen(copies[i].prefix)), value,
                              (char *)source + copies[i].offset);
    return read_field(source_fields, COUNT(source_fields), key, value, source);
}

static bool read_line(struct view line, const char *name, struct store_meta *meta)
{
    ptrdiff_t equals = view_find(line, '=');

    if (equals < 0)
        return false;
    struct view key = view_first(line, (size_t)equals);
    struct view value = view_from(line, (size_t)equals + 1);
    if (value.ptr == NULL)
        value = view_of("");
    if (view_is(key, "name"))
        return view_is(value, name);
    for (unsigned i = 0; i < STORE_SOURCES; i++)
        if (view_starts(key, prefixes[i]))
            return read_source(view_from(key, strlen(prefixes[i])), value, &meta->sources[i]);
    return read_field(meta_fields, COUNT(meta_fields), key, value, meta);
}

/* Takes the checksum line off the end of *TEXT. */
static bool is_whole(struct view *text)
{
    static const char key[] = "checksum=";
    char want[sizeof key + 40];
    size_t len = sizeof key - 1 + 32 + 1;

    if (!view_starts(*text, FIRST_LINE) || text->len < len)
        return false;
    struct view line = view_from(*text, text->len - len);
    text->len -= len;
    struct checksum sum = checksum_of(text->ptr, text->len);
    snprintf(want, sizeof want, "%s%016" PRIx64 "%016" PRIx64 "\n", key, sum.high, sum.low);
    return view_is(line, want);
}

int meta_read(struct view text, const char *name, struct store_meta *meta, struct error *why)
{
    struct view line;

    if (!is_whole(&text))
        return error_set(why, ERR_DAMAGED, "what is stored of the feed is damaged");
    text = view_from(text, strlen(FIRST_LINE));
    while (view_split(&text, '\n', &line))
        if (line.len > 0 && !read_line(line, name, meta))
            return error_set(why, ERR_DAMAGED, "what is stored of the feed is damaged at '%.*s'",
                             (int)(line.len < 40 ? line.len : 40), line.ptr);
    return 0;
}
