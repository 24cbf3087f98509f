/*
 * The file of doubtful times from a stranger, at any time of day. The first byte says what the
 * clocks show. What was read in is bounded and ends no later than now; written and read again it is
 * the same; of a file that is refused nothing stays.
 */
#include <stdlib.h>
#include <string.h>

#include "dnsbl/doubt.h"

static void must(bool is_so)
{
    if (!is_so)
        abort();
}

static bool is_used(const struct doubt *d, const void *arg)
{
    (void)d;
    (void)arg;
    return false;
}

static void must_be_empty(const struct doubts *all)
{
    static const struct doubts none;

    must(memcmp(all, &none, sizeof none) == 0);
}

static void must_be_sound(const struct doubts *all, int64_t now_ms)
{
    for (const struct doubt *d = all->list; d < all->list + DOUBTS_MAX; d++) {
        must(d->ttl_s <= DOUBT_TTL_MAX_S && d->end_ms <= now_ms);
        must(!d->open || (!doubt_is_over(d, now_ms) && doubt_covers(d, UINT32_MAX, now_ms)));
        must(!doubt_is_over(d, now_ms) || !doubt_covers(d, d->ttl_s, now_ms));
    }
}

/* What is over by then is not written, so there may be fewer. */
static void must_be_the_same_again(const struct doubts *all, int64_t now_s, int64_t now_ms)
{
    static struct doubts again;
    struct buf text = BUF_INIT(65536), twice = BUF_INIT(65536);
    const struct doubt *d = all->list;
    struct error why;

    memset(&again, 0, sizeof again);
    doubts_write(all, &text, now_s, now_ms);
    must(!text.failed && doubts_read(&again, buf_view(&text), now_s, now_ms, &why) == 0);
    for (const struct doubt *r = again.list; r < again.list + DOUBTS_MAX && r->name[0] != 0; r++) {
        while (memcmp(d->name, r->name, sizeof r->name) != 0 || doubt_is_over(d, now_ms))
            must(++d < all->list + DOUBTS_MAX);
        must(d->open == r->open && d->ttl_s == r->ttl_s);
        d++;
    }
    doubts_write(&again, &twice, now_s, now_ms);
    must(view_eq(buf_view(&text), buf_view(&twice)));
    buf_free(&text);
    buf_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t walls[] = {1800000000, 0, 1, 5, 253402300799};
    static const int64_t monos[] = {5000000, 0, 1, 4000000000000};
    static struct doubts all;
    unsigned char name[SHA256_BYTES] = {1};
    struct error why;

    if (size == 0)
        return 0;
    int64_t now_s = walls[data[0] % 5], now_ms = monos[data[0] / 5 % 4];
    memset(&all, 0, sizeof all);
    if (doubts_read(&all, view_make(data + 1, size - 1), now_s, now_ms, &why) < 0) {
        must_be_empty(&all);
        return 0;
    }
    must_be_sound(&all, now_ms);
    must_be_the_same_again(&all, now_s, now_ms);
    struct doubt *d = doubts_of(&all, name, is_used, NULL);
    doubt_ttl(d, UINT32_MAX, now_ms);
    doubt_open(d);
    doubt_close(d, now_ms);
    must(doubt_covers(d, 1, now_ms) && !doubt_is_over(d, now_ms));
    return 0;
}
