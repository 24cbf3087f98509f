/*
 * What zones have said, on disk: a head, the zones by their identities, entries one behind the
 * other in no order, a checksum over all of it. Times are seconds since 1970, because the monotonic
 * clock begins anew with the machine.
 *
 * A file is read whole or not at all, and walked once before anything is taken from it: half of a
 * memory that nobody can explain is worth less than none. It is of this machine: one with the other
 * byte order is refused.
 */
#include "cache.h"

#include "cache_parts.h"
#include "message.h"
#include "zone.h"

#define MAGIC           "rgdnsbl" /* with its NUL eight bytes */
#define BYTE_ORDER_MARK 0x01020304u
#define VERSION         3
#define KEEP_S          (CACHE_KEEP_MS / 1000)

struct file_head {
    char magic[8];
    uint32_t byte_order, version;
    uint32_t n_zones, unused;
};

enum { LISTED = 1, ALL_FLAGS = 1 };

/* Label and text follow, without a NUL. */
struct file_entry {
    int64_t used_at, asked_at, expires_at;
    int64_t said_at, listed_since;
    uint16_t zone, label_len, text_len;
    uint8_t flags, unused;
    unsigned char answer[4];
    unsigned char unused_too[4];
};

_Static_assert(sizeof(struct file_head) == 24, "no holes: they would be written");
_Static_assert(sizeof(struct file_entry) == 56, "no holes: they would be written");

/* ---- writing -------------------------------------------------------------------------------- */

int cache_file_begin(struct buf *out, const struct cache_zone_id *ids, unsigned n)
{
    struct file_head head = {
        .magic = MAGIC,
        .byte_order = BYTE_ORDER_MARK,
        .version = VERSION,
        .n_zones = n,
    };

    buf_add(out, &head, sizeof head);
    return buf_add(out, ids, n * sizeof *ids);
}

static void write_entry(struct buf *out, const struct cache_entry *e, int64_t now_s, int64_t now_ms)
{
    size_t text_len = e->text == NULL ? 0 : strlen(e->text);
    struct file_entry f = {
        .used_at = now_s - (now_ms - e->used_ms) / 1000,
        .asked_at = now_s - (now_ms - e->asked_ms) / 1000,
        .expires_at = now_s + (e->expires_ms - now_ms) / 1000,
        .said_at = e->said_at,
        .listed_since = e->listed_since,
        .zone = e->zone,
        .label_len = e->label_len,
        .text_len = (uint16_t)text_len,
        .flags = e->listing == CACHE_PROVEN ? LISTED : 0,
    };

    memcpy(f.answer, e->answer, sizeof f.answer);
    buf_add(out, &f, sizeof f);
    buf_add(out, e->label, e->label_len);
    buf_add(out, e->text, text_len);
}

/* Not an unproven listing: it may be what a mad zone said. Nor one that was swallowed, which would
 * come back as clear. */
static bool is_worth_keeping(const struct cache_entry *e)
{
    return e->known && e->listing != CACHE_UNPROVEN && !e->swallowed;
}

bool cache_file_slice(const struct cache *c, size_t *cursor, size_t max, struct buf *out,
                      int64_t now_s, int64_t now_ms)
{
    struct file_head head;
    size_t seen = 0;

    if (out->failed)
        return false;
    memcpy(&head, out->data, sizeof head);
    for (; *cursor < c->n_buckets && seen < max; ++*cursor, seen++)
        for (const struct cache_entry *e = c->buckets[*cursor]; e != NULL; e = e->next) {
            seen++;
            if (is_worth_keeping(e) && e->zone < head.n_zones)
                write_entry(out, e, now_s, now_ms);
        }
    return *cursor < c->n_buckets && !out->failed;
}

int cache_file_end(struct buf *out)
{
    struct checksum sum = checksum_of(out->data, out->len);

    return buf_add(out, &sum, sizeof sum);
}

/* ---- reading -------------------------------------------------------------------------------- */

/* The next LEN bytes of *REST; false: there are fewer. */
static bool take(struct view *rest, size_t len, struct view *part)
{
    if (rest->len < len)
        return false;
    *part = view_first(*rest, len);
    *rest = view_make(rest->ptr + len, rest->len - len);
    return true;
}

static bool take_entry(struct view *rest, struct file_entry *f, struct view *label,
                       struct view *text)
{
    struct view fixed;

    if (!take(rest, sizeof *f, &fixed))
        return false;
    memcpy(f, fixed.ptr, sizeof *f);
    return take(rest, f->label_len, label) && take(rest, f->text_len, text);
}

static bool is_sane(const struct file_entry *f, unsigned n_zones)
{
    return f->zone < n_zones && f->label_len <= ZONE_LABEL_MAX && f->text_len <= DNS_TEXT_MAX &&
           (f->flags & ~ALL_FLAGS) == 0;
}

static const char *check_head(struct view bytes, const struct file_head *head, unsigned max)
{
    if (memcmp(head->magic, MAGIC, sizeof head->magic) != 0)
        return "not a file of answers";
    if (head->byte_order != BYTE_ORDER_MARK)
        return "written on a machine with another byte order";
    if (head->version != VERSION)
        return "written by another version";
    if (head->n_zones > max || head->n_zones > DNSBL_ZONES_MAX)
        return "too many zones";
    if (bytes.len < sizeof *head + head->n_zones * sizeof(struct cache_zone_id))
        return "cut off";
    return NULL;
}

/* What is wrong with BYTES, or NULL; then *ENTRIES are what lies between head and checksum. */
static const char *check(struct view bytes, struct file_head *head, unsigned max,
                         struct view *entries)
{
    struct checksum sum;
    struct file_entry f;
    struct view rest, label, text;

    if (bytes.len < sizeof *head + sizeof sum)
        return "cut off";
    memcpy(head, bytes.ptr, sizeof *head);
    rest = view_first(bytes, bytes.len - sizeof sum);
    const char *wrong = check_head(rest, head, max);
    if (wrong != NULL)
        return wrong;
    memcpy(&sum, rest.ptr + rest.len, sizeof sum);
    struct checksum is = checksum_of(rest.ptr, rest.len);
    if (is.low != sum.low || is.high != sum.high)
        return "wrong checksum";
    *entries = rest = view_from(rest, sizeof *head + head->n_zones * sizeof(struct cache_zone_id));
    while (rest.len > 0)
        if (!take_entry(&rest, &f, &label, &text) || !is_sane(&f, head->n_zones))
            return "an entry that cannot be";
    return NULL;
}

static int64_t between(int64_t least, int64_t n, int64_t most)
{
    return n < least ? least : n > most ? most : n;
}

/* A clock that was set, forward or back, makes nothing younger than now or believed for longer than
 * an answer of now. */
static void fill(struct cache_entry *e, const struct file_entry *f, int64_t now_s, int64_t now_ms)
{
    int64_t oldest = now_s - KEEP_S, latest = now_s + CACHE_TTL_CEILING_S;

    e->known = true;
    e->told = e->listing == CACHE_PROVEN;
    e->text_state = e->text != NULL ? CACHE_TEXT_KNOWN : CACHE_TEXT_UNKNOWN;
    memcpy(e->answer, f->answer, sizeof e->answer);
    e->used_ms = now_ms - (now_s - between(oldest, f->used_at, now_s)) * 1000;
    e->asked_ms = now_ms - (now_s - between(oldest, f->asked_at, now_s)) * 1000;
    e->expires_ms = now_ms + (between(oldest, f->expires_at, latest) - now_s) * 1000;
    e->said_at = between(0, f->said_at, now_s);
    e->listed_since = e->listing == CACHE_PROVEN ? between(1, f->listed_since, now_s) : 0;
}

static int read_entries(struct cache *c, struct view entries, int64_t now_s, int64_t now_ms)
{
    struct file_entry f;
    struct view label, text;

    while (take_entry(&entries, &f, &label, &text)) {
        if (f.used_at < now_s - KEEP_S)
            continue;
        struct cache_entry *e = cache_put_beyond(c, f.zone, label, now_ms);
        if (e == NULL || cache_set_text_beyond(c, e, text) < 0)
            return ERR_NOMEM;
        cache_list_as(c, e, (f.flags & LISTED) != 0 ? CACHE_PROVEN : CACHE_CLEAR);
        fill(e, &f, now_s, now_ms);
    }
    return cache_sort(c);
}

static void drop_all(struct cache *c)
{
    while (cache_first_asked(c) != NULL)
        cache_drop(c, cache_first_asked(c));
}

int cache_file_read(struct cache *c, struct view bytes, struct cache_zone_id *ids, unsigned max,
                    unsigned *n, int64_t now_s, int64_t now_ms, struct error *why)
{
    struct file_head head;
    struct view entries;

    *n = 0;
    const char *wrong = check(bytes, &head, max, &entries);
    if (wrong != NULL)
        return error_set(why, ERR_DAMAGED, "%s", wrong);
    if (read_entries(c, entries, now_s, now_ms) < 0) {
        drop_all(c);
        return error_set(why, ERR_NOMEM, "no memory");
    }
    if (head.n_zones > 0)
        memcpy(ids, bytes.ptr + sizeof head, head.n_zones * sizeof *ids);
    *n = head.n_zones;
    return 0;
}
