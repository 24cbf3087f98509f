/*
 * Records: an array in no order, and a map from WHAT to the place in it. Each record's bytes are
 * one block: the length of WHAT, WHAT, text, sealed object; the first three are what its digest is
 * over.
 */
#include "records.h"

#include <inttypes.h>
#include <stdlib.h>

#include "rcptguard/base/hash.h"
#include "rcptguard/base/map.h"

#define MAGIC      "rcptguard fleet records 1\n"
#define CHECKSUM   "checksum="
#define HEX        32 /* of the checksum */
#define LINE_BYTES 128

struct record {
    struct record_of of; /* views into bytes */
    unsigned char *bytes;
};

struct records {
    struct record *list;
    size_t count, room;
    size_t bytes; /* of all, against RECORDS_MAX_BYTES */
    uint64_t highest;
    uint64_t forgotten; /* the highest version of all that was */
    int64_t agreed_at;
    struct map *places; /* WHAT → place in list */
};

struct records *records_new(void)
{
    struct records *r = calloc(1, sizeof *r);

    if (r == NULL)
        return NULL;
    r->places = map_new();
    if (r->places == NULL) {
        free(r);
        return NULL;
    }
    return r;
}

void records_free(struct records *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->count; i++)
        free(r->list[i].bytes);
    free(r->list);
    map_free(r->places);
    free(r);
}

size_t records_count(const struct records *r)
{
    return r->count;
}

size_t records_count_set(const struct records *r)
{
    size_t set = 0;

    for (size_t i = 0; i < r->count; i++)
        set += r->list[i].of.text.len > 0;
    return set;
}

uint64_t records_version(const struct records *r)
{
    return r->highest;
}

uint64_t records_forgotten(const struct records *r)
{
    return r->forgotten;
}

int64_t records_agreed_at(const struct records *r)
{
    return r->agreed_at;
}

void records_set_agreed_at(struct records *r, int64_t t)
{
    r->agreed_at = t;
}

const struct record_of *records_at(const struct records *r, size_t i)
{
    return &r->list[i].of;
}

const struct record_of *records_find(const struct records *r, struct view what)
{
    const uint64_t *place = map_get(r->places, what);

    return place == NULL ? NULL : &r->list[*place].of;
}

/* ---- putting and forgetting ----------------------------------------------------------------- */

static size_t size_of(const struct record_of *of)
{
    return of->what.len + of->text.len + of->sealed.len;
}

static bool is_sane(const struct record_of *of)
{
    return of->what.len > 0 && of->what.len <= RECORD_WHAT_MAX && of->text.len <= RECORD_TEXT_MAX &&
           of->sealed.len <= RECORD_SEALED_MAX && of->version > 0 &&
           of->version <= RECORD_VERSION_MAX && of->deleted_at >= 0 &&
           (of->deleted_at > 0) == (of->text.len == 0);
}

static struct view copy_view(unsigned char **to, struct view v)
{
    struct view copied = view_make(*to, v.len);

    if (v.len > 0)
        memcpy(*to, v.ptr, v.len);
    *to += v.len;
    return copied;
}

static bool copy(const struct record_of *of, struct record *record)
{
    unsigned char *to = malloc(8 + size_of(of));

    if (to == NULL)
        return false;
    record->bytes = to;
    for (unsigned i = 0; i < 8; i++)
        *to++ = (unsigned char)((uint64_t)of->what.len >> (8 * i));
    record->of = *of;
    record->of.what = copy_view(&to, of->what);
    record->of.text = copy_view(&to, of->text);
    record->of.sealed = copy_view(&to, of->sealed);
    return true;
}

static bool has_room(struct records *r)
{
    if (r->count < r->room)
        return true;
    size_t room = r->room == 0 ? 64 : r->room * 2;
    struct record *list = realloc(r->list, room * sizeof *list);
    if (list == NULL)
        return false;
    r->list = list;
    r->room = room;
    return true;
}

static int add(struct records *r, const struct record *record)
{
    if (r->count >= RECORDS_MAX)
        return ERR_LIMIT;
    uint64_t *place = has_room(r) ? map_put(r->places, record->of.what, NULL) : NULL;
    if (place == NULL)
        return ERR_NOMEM;
    *place = r->count;
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): has_room made it */
    r->list[r->count++] = *record;
    return 0;
}

int records_put(struct records *r, const struct record_of *of)
{
    const uint64_t *place = map_get(r->places, of->what);
    struct record *old = place == NULL ? NULL : &r->list[*place];
    size_t bytes = r->bytes + size_of(of) - (old == NULL ? 0 : size_of(&old->of));
    struct record record;

    if (!is_sane(of) || bytes > RECORDS_MAX_BYTES)
        return ERR_LIMIT;
    if (!copy(of, &record))
        return ERR_NOMEM;
    if (old != NULL) {
        free(old->bytes);
        *old = record;
    } else {
        int rc = add(r, &record);
        if (rc < 0) {
            free(record.bytes);
            return rc;
        }
    }
    r->bytes = bytes;
    if (record.of.version > r->highest)
        r->highest = record.of.version;
    return 0;
}

static bool is_forgotten(const struct record_of *of, int64_t t)
{
    return of->text.len == 0 && of->deleted_at < t;
}

/* Where those that stay will be; NULL: no memory. */
static struct map *places_without(const struct records *r, int64_t t)
{
    struct map *places = map_new();
    uint64_t *place, n = 0;

    for (size_t i = 0; places != NULL && i < r->count; i++) {
        if (is_forgotten(&r->list[i].of, t))
            continue;
        place = map_put(places, r->list[i].of.what, NULL);
        if (place == NULL) {
            map_free(places);
            return NULL;
        }
        *place = n++;
    }
    return places;
}

static bool has_forgotten(const struct records *r, int64_t t)
{
    for (size_t i = 0; i < r->count; i++)
        if (is_forgotten(&r->list[i].of, t))
            return true;
    return false;
}

size_t records_forget_deleted(struct records *r, int64_t t)
{
    struct map *places = has_forgotten(r, t) ? places_without(r, t) : NULL;
    size_t n = 0, before = r->count;

    if (places == NULL)
        return 0;
    for (size_t i = 0; i < r->count; i++) {
        if (is_forgotten(&r->list[i].of, t)) {
            if (r->list[i].of.version > r->forgotten)
                r->forgotten = r->list[i].of.version;
            r->bytes -= size_of(&r->list[i].of);
            free(r->list[i].bytes);
        } else {
            r->list[n++] = r->list[i];
        }
    }
    r->count = n;
    map_free(r->places);
    r->places = places;
    return before - n;
}

void records_digest(const struct records *r, unsigned char digest[16])
{
    uint64_t low = 0, high = 0;

    for (size_t i = 0; i < r->count; i++) {
        const struct record *record = &r->list[i];
        if (record->of.text.len == 0)
            continue;
        struct checksum sum =
            checksum_of(record->bytes, 8 + record->of.what.len + record->of.text.len);
        low += sum.low;
        high += sum.high + (low < sum.low);
    }
    for (unsigned i = 0; i < 8; i++) {
        digest[i] = (unsigned char)(high >> (56 - 8 * i));
        digest[8 + i] = (unsigned char)(low >> (56 - 8 * i));
    }
}

/* ---- writing -------------------------------------------------------------------------------- */

static void print_checksum(struct view of, char hex[HEX + 1])
{
    struct checksum sum = checksum_of(of.ptr, of.len);
    struct text t = text_on(hex, HEX + 1);

    text_addf(&t, "%016" PRIx64 "%016" PRIx64, sum.high, sum.low);
}

static void write_one(const struct record_of *of, struct buf *out)
{
    buf_addf(out, "%" PRIu64 " %" PRId64 " %zu %zu %zu\n", of->version, of->deleted_at,
             of->what.len, of->text.len, of->sealed.len);
    buf_add_view(out, of->what);
    buf_add_view(out, of->text);
    buf_add_view(out, of->sealed);
}

int records_write(const struct records *r, struct buf *out)
{
    size_t before = out->len, head = strlen(MAGIC CHECKSUM);
    char sum[HEX + 1];

    buf_addf(out, MAGIC CHECKSUM "%*s\n%" PRIu64 " %" PRIu64 " %" PRId64 "\n", HEX, "", r->highest,
             r->forgotten, r->agreed_at);
    for (size_t i = 0; i < r->count && !out->failed; i++)
        write_one(&r->list[i].of, out);
    if (out->failed) {
        out->len = before;
        return out->cap != 0 ? ERR_LIMIT : ERR_NOMEM;
    }
    print_checksum(view_from(buf_view(out), before + head + HEX + 1), sum);
    memcpy(out->data + before + head, sum, HEX);
    return 0;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* The next line of *REST, without its end. */
static bool take_line(struct view *rest, struct view *line)
{
    ptrdiff_t end = view_find(view_first(*rest, LINE_BYTES), '\n');

    if (end < 0)
        return false;
    *line = view_first(*rest, (size_t)end);
    *rest = view_from(*rest, (size_t)end + 1);
    return true;
}

/* The next number of *LINE, which a single blank ends, or the end of the line. */
static bool take_number(struct view *line, uint64_t max, uint64_t *n)
{
    struct view word;

    return view_split(line, ' ', &word) && view_to_uint(word, max, n);
}

/* The next LEN bytes of *REST. */
static bool take(struct view *rest, uint64_t len, struct view *part)
{
    if (rest->len < len)
        return false;
    *part = view_first(*rest, (size_t)len);
    *rest = view_from(*rest, (size_t)len);
    return true;
}

static bool take_one(struct view *rest, struct record_of *of)
{
    uint64_t deleted_at, what, text, sealed;
    struct view line;

    if (!take_line(rest, &line) || !take_number(&line, RECORD_VERSION_MAX, &of->version) ||
        !take_number(&line, INT64_MAX, &deleted_at) ||
        !take_number(&line, RECORD_WHAT_MAX, &what) ||
        !take_number(&line, RECORD_TEXT_MAX, &text) ||
        !take_number(&line, RECORD_SEALED_MAX, &sealed) || line.ptr != NULL)
        return false;
    of->deleted_at = (int64_t)deleted_at;
    return take(rest, what, &of->what) && take(rest, text, &of->text) &&
           take(rest, sealed, &of->sealed) && is_sane(of);
}

struct head {
    uint64_t highest, forgotten, agreed_at;
};

/* What is wrong with the head of *REST, or NULL; then *REST is what comes after it. */
static const char *take_head(struct view *rest, struct head *head)
{
    struct view line, sum;
    char is[HEX + 1];

    if (!view_starts(*rest, MAGIC))
        return "not a file of what the fleet agreed on, or of another version";
    *rest = view_from(*rest, strlen(MAGIC));
    if (!take_line(rest, &line) || !view_starts(line, CHECKSUM))
        return "cut off";
    sum = view_from(line, strlen(CHECKSUM));
    print_checksum(*rest, is);
    if (!view_is(sum, is))
        return "wrong checksum";
    if (!take_line(rest, &line) || !take_number(&line, RECORD_VERSION_MAX, &head->highest) ||
        !take_number(&line, RECORD_VERSION_MAX, &head->forgotten) ||
        !take_number(&line, INT64_MAX, &head->agreed_at) || line.ptr != NULL)
        return "no versions or time in it";
    return NULL;
}

/* Puts those of REST, of which none may be there twice. */
static int read_all(struct records *r, struct view rest, struct error *why)
{
    struct map *seen = map_new();
    struct record_of of;
    bool is_new = true;
    int rc = seen == NULL ? ERR_NOMEM : 0;

    while (rc == 0 && rest.len > 0) {
        if (!take_one(&rest, &of))
            rc = error_set(why, ERR_DAMAGED, "a record that cannot be");
        else if (map_put(seen, of.what, &is_new) == NULL)
            rc = ERR_NOMEM;
        else if (!is_new)
            rc = error_set(why, ERR_DAMAGED, "a record that is there twice");
        else
            rc = records_put(r, &of);
    }
    map_free(seen);
    if (rc == ERR_NOMEM)
        error_set(why, rc, "no memory");
    else if (rc == ERR_LIMIT)
        error_set(why, rc, "too many records, or too big");
    return rc;
}

/* A copy of R to try on; NULL: no memory. */
static struct records *copy_all(const struct records *r)
{
    struct records *all = records_new();

    for (size_t i = 0; all != NULL && i < r->count; i++)
        if (records_put(all, &r->list[i].of) < 0) {
            records_free(all);
            return NULL;
        }
    if (all != NULL) {
        all->highest = r->highest;
        all->forgotten = r->forgotten;
    }
    return all;
}

int records_read(struct records *r, struct view text, struct error *why)
{
    struct head head;
    const char *wrong = take_head(&text, &head);

    if (wrong != NULL)
        return error_set(why, ERR_DAMAGED, "%s", wrong);
    struct records *all = copy_all(r);
    if (all == NULL)
        return error_set(why, ERR_NOMEM, "no memory");
    int rc = read_all(all, text, why);
    if (rc == 0) {
        struct records old = *r;
        *r = *all;
        *all = old;
        if (head.highest > r->highest)
            r->highest = head.highest;
        if (head.forgotten > r->forgotten)
            r->forgotten = head.forgotten;
        r->agreed_at = (int64_t)head.agreed_at;
    }
    records_free(all);
    return rc;
}
