/* What Redis says of a list: is it taken from there, fetched by this relay, or by another one? */
#include <inttypes.h>

#include "lists_parts.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/escape.h"
#include "rcptguard/base/log.h"

/* Clocks in whole seconds, and what passes between question and answer. */
#define SLACK_MS   2000
#define NEWER_MS   100
#define JUST_NOW_S 2
#define SOON_MS    2000
#define GARBAGE_MS (10 * 60 * 1000)

/* ---- the pointer ---------------------------------------------------------------------------- */

static void tell_garbage(struct feeds_share_look *look, const struct error *why)
{
    struct lists *l = look->lists;
    int64_t now = clock_mono_ms();

    atomic_fetch_add(&l->counts.bad, 1);
    if (l->garbage_ms != 0 && now - l->garbage_ms < GARBAGE_MS)
        return;
    l->garbage_ms = now;
    log_warning("fleet", "list %s in Redis is left alone: %s", look->feed, why->text);
}

static void read_pointer(struct feeds_share_look *look, struct view text)
{
    struct lists *l = look->lists;
    struct sealed sealed;
    struct error why;

    look->known = false;
    look->mark = 0;
    if (text.len == 0)
        return;
    int rc = seal_open(&l->key, KIND_LIST, view_of(look->id), text, &sealed, &why);
    if (rc == 0)
        rc = list_pointer_parse(sealed.body, look->order.max_bytes, &look->pointer, &why);
    if (rc == 0 && look->pointer.fetched_ms > look->clock_ms + SLACK_MS)
        rc = error_set(&why, ERR_SYNTAX, "it was fetched in the future, says relay %.*s",
                       (int)sealed.relay.len, sealed.relay.ptr);
    if (rc < 0) {
        tell_garbage(look, &why);
        return;
    }
    struct text relay = text_on(look->relay, sizeof look->relay);
    text_add_view(&relay, sealed.relay);
    uint64_t mark = checksum_of(text.ptr, text.len).low | 1;
    look->mark = mark;
    look->bad = mark == look->bad_mark;
    look->known = true;
}

static int64_t age_ms(const struct feeds_share_look *look)
{
    int64_t age = look->clock_ms - look->pointer.fetched_ms;

    return age < 0 ? 0 : age;
}

static int has_it(const struct feeds_share_look *look)
{
    for (int i = 0; i < FEEDS_SHARE_HAVE; i++)
        if (look->has[i] && memcmp(look->have[i], look->pointer.sha256, SHA256_BYTES) == 0)
            return i;
    return -1;
}

/* Relays whose times differ by their jitter are all within one period of the first one's fetch, so
 * only whoever is first in the next one finds it over. */
static bool is_fresh(const struct feeds_share_look *look)
{
    const struct feeds_share_order *o = &look->order;
    int64_t period = look->pointer.expires_s, slack;

    if (o->wish == FEEDS_SHARE_NOW)
        return look->pointer.fetched_ms >= look->began_ms - JUST_NOW_S * 1000;
    if (period > o->expires_max_s)
        period = o->expires_max_s;
    if (period < o->refresh_s)
        period = o->refresh_s;
    slack = period * 100;
    return age_ms(look) < period * 1000 - (slack < SLACK_MS ? slack : SLACK_MS);
}

void lists_tell_found(const struct feeds_share_look *look, struct feeds_share_found *found)
{
    const struct list_pointer *p = &look->pointer;
    struct text etag = text_on(found->etag, sizeof found->etag);
    struct text modified = text_on(found->last_modified, sizeof found->last_modified);

    found->mark = look->mark;
    found->age_ms = age_ms(look);
    found->expires_s = p->expires_s;
    text_add(&etag, p->etag);
    text_add(&modified, p->last_modified);
    memcpy(found->signature, p->signature, p->signature_len);
    found->signature_len = p->signature_len;
}

static enum feeds_share_answer follow(struct feeds_share_look *look,
                                      struct feeds_share_found *found)
{
    int same = has_it(look);

    if (same < 0) {
        lists_take_begin(look);
        return look->phase == LOOK_TAKES ? FEEDS_SHARE_MORE : FEEDS_SHARE_NOTHING;
    }
    lists_tell_found(look, found);
    found->same = (unsigned)same;
    look->phase = LOOK_ENDED;
    atomic_fetch_add(&look->lists->counts.same, 1);
    return FEEDS_SHARE_SAME;
}

/* Is what Redis has to be followed? An older copy than ours is not, and for news not the one that
 * was looked at already. */
static bool is_wanted(const struct feeds_share_look *look)
{
    const struct feeds_share_order *o = &look->order;
    int64_t have_ms = o->have_age_ms + clock_mono_ms() - look->asked_ms;
    bool newer = age_ms(look) + NEWER_MS < have_ms, seen = look->mark == o->seen;

    if (!look->known || look->bad)
        return false;
    if (o->wish == FEEDS_SHARE_NEWS)
        return newer && !seen;
    return is_fresh(look) && (newer || seen || has_it(look) >= 0);
}

/* ---- a failure ------------------------------------------------------------------------------ */

/* The body: milliseconds by Redis's clock, a blank, words. */
static bool read_failure(const struct feeds_share_look *look, struct view text,
                         struct feeds_share_found *found)
{
    struct sealed sealed;
    struct view rest, at;
    int64_t when = 0;

    if (text.len == 0 ||
        seal_open(&look->lists->key, KIND_FAILED, view_of(look->id), text, &sealed, NULL) < 0)
        return false;
    rest = sealed.body;
    if (!view_word(&rest, &at) || at.len > 15)
        return false;
    for (size_t i = 0; i < at.len; i++)
        when = when * 10 + (ascii_digit(at.ptr[i]) ? at.ptr[i] - '0' : 0);
    int64_t ago = look->clock_ms - when;
    if (ago < -SLACK_MS || ago >= FAILED_MS)
        return false;
    found->retry_s = (FAILED_MS - ago) / 1000 + 1;
    error_set(&found->why, ERR_IO, "relay %.*s could not fetch it %" PRId64 " s ago: %.*s",
              (int)sealed.relay.len, sealed.relay.ptr, ago / 1000 < 0 ? 0 : ago / 1000,
              (int)(rest.len > 200 ? 200 : rest.len), rest.ptr == NULL ? "" : rest.ptr);
    return true;
}

static bool heeds_failures(const struct feeds_share_look *look)
{
    return look->order.heed_failures && look->order.wish != FEEDS_SHARE_NOW;
}

/* ---- the lease ------------------------------------------------------------------------------ */

static enum feeds_share_answer lead(struct feeds_share_look *look, struct feeds_share_found *found)
{
    struct lists *l = look->lists;
    struct error why;

    int rc = lease_take(look, &why);
    if (rc == ERR_REFUSED) {
        lists_not_taken(l, &why);
        return FEEDS_SHARE_NOTHING;
    }
    if (!lists_went_well(l, rc, &why))
        return FEEDS_SHARE_NOTHING;
    if (rc == 0)
        return FEEDS_SHARE_WAIT;
    look->leads = true;
    look->renew_ms = clock_mono_ms() + LEASE_RENEW_MS;
    look->phase = LOOK_LEADS;
    found->mark = look->mark;
    atomic_fetch_add(&l->counts.led, 1);
    return FEEDS_SHARE_LEAD;
}

static enum feeds_share_answer judge(struct feeds_share_look *look,
                                     const struct list_answer *answer,
                                     struct feeds_share_found *found)
{
    read_pointer(look, answer->pointer);
    if (is_wanted(look))
        return follow(look, found);
    if (look->order.wish == FEEDS_SHARE_NEWS || answer->lease_ms < 0)
        return FEEDS_SHARE_NOTHING;
    if (answer->lease_ms > 0)
        return FEEDS_SHARE_WAIT;
    if (heeds_failures(look) && read_failure(look, answer->failed, found))
        return FEEDS_SHARE_FAILED;
    return lead(look, found);
}

enum feeds_share_answer lists_ask(struct feeds_share_look *look, struct feeds_share_found *found)
{
    struct list_answer answer;
    struct error why;

    enum lists_where where = lists_reach(look);
    if (where == LISTS_SOON && look->order.wish != FEEDS_SHARE_NEWS &&
        clock_mono_ms() - look->asked_ms < SOON_MS)
        return FEEDS_SHARE_WAIT;
    if (where != LISTS_THERE)
        return FEEDS_SHARE_NOTHING;
    int rc = lease_look(look, &answer, &why);
    if (!lists_went_well(look->lists, rc, &why))
        return FEEDS_SHARE_NOTHING;
    enum feeds_share_answer says = judge(look, &answer, found);
    redis_reply_free(answer.reply);
    return says;
}
