/* Times in which a zone was not to be believed. */
#include "doubt.h"

#include <inttypes.h>

#define HEAD                                                                                       \
    "# zones that were not to be believed: digest of the name, when that was over, longest TTL"

static uint64_t elapsed(int64_t since_ms, int64_t now_ms)
{
    return now_ms > since_ms ? (uint64_t)now_ms - (uint64_t)since_ms : 0;
}

bool doubt_is_over(const struct doubt *d, int64_t now_ms)
{
    return !d->open &&
           (d->end_ms == INT64_MIN || elapsed(d->end_ms, now_ms) > ((uint64_t)d->ttl_s + 1) * 1000);
}

void doubt_open(struct doubt *d)
{
    d->open = true;
}

void doubt_ends(struct doubt *d, int64_t at_ms)
{
    if (at_ms > d->end_ms)
        d->end_ms = at_ms;
}

void doubt_close(struct doubt *d, int64_t at_ms)
{
    d->open = false;
    doubt_ends(d, at_ms);
}

/* What a time long past needed is no measure for the next one: one answer that held for a week
 * would make each lost probe a week's doubt. */
void doubt_ttl(struct doubt *d, uint32_t ttl_s, int64_t now_ms)
{
    if (d->end_ms != INT64_MIN && doubt_is_over(d, now_ms)) {
        d->end_ms = INT64_MIN;
        d->ttl_s = 0;
    }
    if (ttl_s > DOUBT_TTL_MAX_S)
        ttl_s = DOUBT_TTL_MAX_S;
    if (ttl_s > d->ttl_s)
        d->ttl_s = ttl_s;
}

bool doubt_covers(const struct doubt *d, uint32_t ttl_s, int64_t now_ms)
{
    /* Resolvers count whole seconds. */
    uint64_t age_s = ttl_s < d->ttl_s ? (uint64_t)d->ttl_s - ttl_s + 1 : 1;

    return d->open || (d->end_ms != INT64_MIN && elapsed(d->end_ms, now_ms) <= age_s * 1000);
}

/* ---- of all zones --------------------------------------------------------------------------- */

static bool is_free(const struct doubt *d)
{
    static const unsigned char none[SHA256_BYTES];

    return memcmp(d->name, none, sizeof none) == 0;
}

/* Of two that are not used, is A the better one to let go? */
static bool goes_first(const struct doubt *a, const struct doubt *b)
{
    return b == NULL || (a->open == b->open ? a->end_ms < b->end_ms : b->open);
}

struct doubt *doubts_of(struct doubts *all, const unsigned char name[SHA256_BYTES],
                        bool (*is_used)(const struct doubt *d, const void *arg), const void *arg)
{
    struct doubt *goes = NULL, *d;

    for (d = all->list; d < all->list + DOUBTS_MAX; d++) {
        if (memcmp(d->name, name, SHA256_BYTES) == 0)
            return d;
        if ((goes == NULL || !is_free(goes)) && (is_free(d) || !is_used(d, arg)) &&
            (is_free(d) || goes_first(d, goes)))
            goes = d;
    }
    *goes = (struct doubt){.end_ms = INT64_MIN};
    if (all->lost) {
        goes->end_ms = all->lost_ms;
        goes->ttl_s = DOUBT_LOST_S;
    }
    memcpy(goes->name, name, SHA256_BYTES);
    return goes;
}

void doubts_lose(struct doubts *all, int64_t now_ms)
{
    all->lost = true;
    all->lost_ms = now_ms;
}

void doubts_write(const struct doubts *all, struct buf *out, int64_t now_s, int64_t now_ms)
{
    char hex[2 * SHA256_BYTES + 1];

    buf_addf(out, "%s\n", HEAD);
    for (const struct doubt *d = all->list; d < all->list + DOUBTS_MAX; d++) {
        if (is_free(d) || doubt_is_over(d, now_ms))
            continue;
        int64_t end_s = now_s - (int64_t)(elapsed(d->end_ms, now_ms) / 1000);
        if (d->open)
            end_s = 0;
        else if (end_s < 1) /* by a clock near 1970 */
            end_s = 1;
        buf_addf(out, "%s %" PRId64 " %" PRIu32 "\n", hex_text(d->name, SHA256_BYTES, hex), end_s,
                 d->ttl_s);
    }
}

/* "DIGEST END TTL"; END 0: not over. A clock that was set makes nothing end later than now. */
static bool read_line(struct view line, struct doubt *out, int64_t now_s, int64_t now_ms)
{
    struct view name, end, ttl;
    uint64_t end_s, ttl_s;

    if (!view_word(&line, &name) || !view_word(&line, &end) || !view_word(&line, &ttl) ||
        line.len > 0 || name.len != (size_t)2 * SHA256_BYTES ||
        !hex_parse(name, out->name, SHA256_BYTES) || !view_to_uint(end, INT64_MAX, &end_s) ||
        !view_to_uint(ttl, DOUBT_TTL_MAX_S, &ttl_s))
        return false;
    out->open = end_s == 0;
    out->ttl_s = (uint32_t)ttl_s;
    uint64_t ago_s = now_s > (int64_t)end_s ? (uint64_t)now_s - end_s : 0;
    /* Longer ago than any TTL is as good as never. */
    out->end_ms = out->open || ago_s > 2 * (uint64_t)DOUBT_TTL_MAX_S
                      ? INT64_MIN
                      : now_ms - (int64_t)ago_s * 1000;
    return !is_free(out);
}

int doubts_read(struct doubts *all, struct view text, int64_t now_s, int64_t now_ms,
                struct error *why)
{
    struct view line;
    size_t n = 0, number = 0;

    while (view_split(&text, '\n', &line)) {
        number++;
        if (view_trim(line).len == 0 || line.ptr[0] == '#')
            continue;
        if (n == DOUBTS_MAX || !read_line(line, &all->list[n++], now_s, now_ms)) {
            memset(all, 0, sizeof *all);
            return error_set(why, ERR_DAMAGED, "line %zu is none of this file", number);
        }
    }
    return 0;
}
