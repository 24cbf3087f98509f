/* The shared lists: their connection, and the looks that go on. */
#include "lists.h"

#include <stdio.h>
#include <stdlib.h>

#include "lists_parts.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/escape.h"
#include "rcptguard/base/log.h"

#define FIRST_AGAIN_MS 5000 /* doubled, to at most LAST_AGAIN_MS, with a quarter of jitter */
#define LAST_AGAIN_MS  60000
#define STOP_MS        300 /* for giving leases back when the daemon ends */
#define LONGEST_KEEP_S (60 * 86400)

/* ---- troubles ------------------------------------------------------------------------------- */

/* True: it has just begun. */
static bool trouble_goes_on(struct trouble *t)
{
    int64_t wait = FIRST_AGAIN_MS << (t->times < 4 ? t->times : 4);
    bool fresh = !t->on;

    if (wait > LAST_AGAIN_MS)
        wait = LAST_AGAIN_MS;
    t->times++;
    t->on = true;
    t->again_ms = clock_mono_ms() + wait + (int64_t)(random_u64() % (uint64_t)(wait / 4));
    return fresh;
}

/* True: it was one until now. */
static bool trouble_ends(struct trouble *t)
{
    bool was = t->on;

    *t = (struct trouble){.on = false};
    return was;
}

static bool trouble_waits(const struct trouble *t)
{
    return t->on && clock_mono_ms() < t->again_ms;
}

bool lists_went_well(struct lists *l, int rc, const struct error *why)
{
    if (rc >= 0) {
        if (trouble_ends(&l->away))
            log_notice("fleet", "lists are shared again");
        atomic_store(&l->counts.away, false);
        return true;
    }
    if (rc != ERR_REFUSED)
        redis_close(l->redis);
    if (redis_stops(&l->stop))
        return false;
    atomic_store(&l->counts.away, true);
    if (trouble_goes_on(&l->away))
        log_warning("fleet", "lists: %s; each relay fetches for itself", why->text);
    return false;
}

void lists_taken(struct lists *l)
{
    if (trouble_ends(&l->refused))
        log_notice("fleet", "lists are put into Redis again");
    atomic_store(&l->counts.refused, false);
}

void lists_not_taken(struct lists *l, const struct error *why)
{
    atomic_store(&l->counts.refused, true);
    if (trouble_goes_on(&l->refused))
        log_warning(
            "fleet",
            "lists: Redis does not take them: %s; each relay fetches what the others do not "
            "find there",
            why->text);
}

/* ---- the connection ------------------------------------------------------------------------- */

enum lists_where lists_reach(struct feeds_share_look *look)
{
    struct lists *l = look->lists;
    struct redis_url url;
    struct error why;
    unsigned generation;

    if (trouble_waits(&l->away))
        return LISTS_AWAY;
    enum lists_where where = l->where(&url, &generation, l->arg);
    if (where != LISTS_THERE) {
        redis_close(l->redis);
        return where;
    }
    if (redis_is_up(l->redis) && l->generation == generation)
        return LISTS_THERE;
    l->generation = generation;
    int rc = redis_open(l->redis, &url, LISTS_CALL_MS, &why);
    /* It may be open and hang: that it is well is said after the first answer. */
    if (rc < 0)
        lists_went_well(l, rc == ERR_REFUSED ? ERR_IO : rc, &why);
    return rc < 0 ? LISTS_AWAY : LISTS_THERE;
}

bool lists_ready(struct feeds_share_look *look)
{
    return lists_reach(look) == LISTS_THERE;
}

int64_t lists_now_ms(const struct feeds_share_look *look)
{
    return look->clock_ms + clock_mono_ms() - look->clock_at_ms;
}

int64_t lists_keep_ms(const struct feeds_share_look *look, int64_t expires_s)
{
    int64_t period = look->order.refresh_s;

    if (expires_s > look->order.expires_max_s)
        expires_s = look->order.expires_max_s;
    if (expires_s > period)
        period = expires_s;
    int64_t keep = 2 * period + period / 5 + 120;
    return (keep < LONGEST_KEEP_S ? keep : LONGEST_KEEP_S) * 1000;
}

/* ---- leases --------------------------------------------------------------------------------- */

static bool is_stopped(const struct feeds_share_look *look)
{
    return atomic_load_explicit(look->order.stop, memory_order_relaxed);
}

static bool renew(struct feeds_share_look *look)
{
    struct error why;

    if (!lists_ready(look))
        return false;
    int rc = lease_renew(look, &why);
    if (rc > 0)
        look->renew_ms = clock_mono_ms() + LEASE_RENEW_MS;
    return lists_went_well(look->lists, rc, &why) && rc > 0;
}

bool lists_hold_lease(struct feeds_share_look *look)
{
    struct error why;

    if (look->leads && clock_mono_ms() < look->renew_ms)
        return true;
    look->leads = renew(look);
    if (look->leads || !lists_ready(look))
        return look->leads;
    int rc = lease_take(look, &why); /* Redis forgot it, or was emptied: nobody else has it yet */
    if (rc == ERR_REFUSED)
        lists_not_taken(look->lists, &why);
    else
        lists_went_well(look->lists, rc, &why);
    look->leads = rc > 0;
    look->renew_ms = clock_mono_ms() + LEASE_RENEW_MS;
    return look->leads;
}

/* Of all looks: while one takes its time, the leases of the others must not end. */
static void renew_leases(struct lists *l)
{
    int64_t now = clock_mono_ms();

    for (struct feeds_share_look *look = l->looks; look != NULL; look = look->next)
        if (look->leads && now >= look->renew_ms)
            lists_hold_lease(look);
}

/* ---- looks ---------------------------------------------------------------------------------- */

static bool set_order(struct feeds_share_look *look, const struct feeds_share_order *order)
{
    struct text feed = text_on(look->feed, sizeof look->feed);
    unsigned char token[(LIST_BLOB_SIZE - 1) / 2];
    const uint64_t random[2] = {random_u64(), random_u64()};

    look->order = *order;
    look->asked_ms = clock_mono_ms();
    look->order.identity = VIEW_NONE;
    text_add(&feed, order->feed);
    for (unsigned i = 0; i < FEEDS_SHARE_HAVE; i++) {
        look->has[i] = order->have[i] != NULL;
        if (look->has[i])
            memcpy(look->have[i], order->have[i], SHA256_BYTES);
    }
    memcpy(token, random, sizeof token);
    hex_text(token, sizeof token, look->token);
    return seal_name(&look->lists->key, order->identity, look->id) == 0;
}

static struct feeds_share_look *begin(const struct feeds_share_order *order, void *arg)
{
    struct lists *l = arg;

    if (trouble_waits(&l->away))
        return NULL;
    struct feeds_share_look *look = calloc(1, sizeof *look);
    if (look == NULL)
        return NULL;
    look->lists = l;
    if (!set_order(look, order)) {
        free(look);
        return NULL;
    }
    look->next = l->looks;
    l->looks = look;
    return look;
}

static enum feeds_share_answer step(struct feeds_share_look *look, struct feeds_share_found *found)
{
    memset(found, 0, sizeof *found);
    if (is_stopped(look))
        return FEEDS_SHARE_NOTHING;
    renew_leases(look->lists);
    switch (look->phase) {
    case LOOK_ASKS:
        return lists_ask(look, found);
    case LOOK_TAKES:
        return lists_take(look, found);
    case LOOK_LEADS:
        return look->leads ? FEEDS_SHARE_LEAD : FEEDS_SHARE_NOTHING;
    case LOOK_GIVES:
        return lists_give(look);
    case LOOK_ENDED:
        break;
    }
    return FEEDS_SHARE_NOTHING;
}

static void set_text(char *dst, size_t size, const char *src)
{
    struct text t = text_on(dst, size);

    text_add(&t, src == NULL ? "" : src);
}

static void came(struct feeds_share_look *look, const struct feeds_share_came *came)
{
    struct gift *g = &look->gift;
    struct list_pointer *p = &g->pointer;

    look->phase = LOOK_GIVES;
    g->ok = came->ok;
    if (!came->ok) {
        set_text(g->why, sizeof g->why, came->why);
        return;
    }
    g->packed = came->packed;
    g->renew_only = came->renew_only;
    g->next = came->next;
    g->from = came->from;
    memcpy(p->sha256, came->sha256, SHA256_BYTES);
    p->bytes = came->bytes;
    p->deflated = !came->packed;
    p->expires_s = came->expires_s > 0 ? came->expires_s : 0;
    p->fetched_ms = lists_now_ms(look);
    set_text(p->blob, sizeof p->blob, look->token);
    set_text(p->etag, sizeof p->etag, came->etag);
    set_text(p->last_modified, sizeof p->last_modified, came->last_modified);
    if (came->signature.len <= sizeof p->signature && came->signature.len > 0) {
        memcpy(p->signature, came->signature.ptr, came->signature.len);
        p->signature_len = came->signature.len;
    }
}

static void unlink_look(struct feeds_share_look *look)
{
    struct feeds_share_look **at = &look->lists->looks;

    while (*at != look)
        at = &(*at)->next;
    *at = look->next;
}

/* Half a blob goes by itself too; a lease that nobody gives back makes others wait for its end. */
static void take_back(struct feeds_share_look *look)
{
    struct lists *l = look->lists;
    struct error why;
    int rc = 0;

    if (!redis_is_up(l->redis))
        return;
    if (look->gift.chunks > 0 && !is_stopped(look))
        rc = chunks_keep(look, look->token, look->gift.chunks, 0, &why);
    if (look->leads && (rc >= 0 || rc == ERR_REFUSED))
        rc = lease_give_back(look, is_stopped(look) ? STOP_MS : LISTS_CALL_MS, &why);
    if (rc < 0)
        lists_went_well(l, rc, &why);
}

static void end(struct feeds_share_look *look)
{
    unlink_look(look);
    take_back(look);
    blob_taker_free(look->taker);
    blob_maker_free(look->gift.maker);
    free(look);
}

/* ---- the door ------------------------------------------------------------------------------- */

struct lists *lists_new(const struct lists_config *config)
{
    struct lists *l = calloc(1, sizeof *l);

    if (l == NULL)
        return NULL;
    l->key = config->key;
    l->where = config->where;
    l->arg = config->arg;
    l->prefix = view_dup(view_of(config->prefix));
    l->relay = view_dup(view_of(config->relay));
    l->stop.fd = config->stop_fd;
    l->redis = redis_new(&l->stop);
    if (l->prefix != NULL && l->relay != NULL && l->redis != NULL)
        return l;
    lists_free(l);
    return NULL;
}

void lists_free(struct lists *l)
{
    if (l == NULL)
        return;
    redis_free(l->redis);
    free(l->prefix);
    free(l->relay);
    free(l);
}

static struct feeds_share_look *begin_nothing(const struct feeds_share_order *order, void *arg)
{
    (void)order;
    (void)arg;
    return NULL;
}

void lists_share(struct lists *l, struct feeds_share *out)
{
    *out = (struct feeds_share){.arg = l, .begin = begin, .step = step, .came = came, .end = end};
    if (l->key.secret)
        return;
    log_warning("fleet", "lists are neither taken from Redis nor put there: that needs [redis] "
                         "secret, the same on all relays");
    out->begin = begin_nothing;
}

void lists_look(const struct lists *l, struct lists_counts *out)
{
    *out = (struct lists_counts){
        .taken = atomic_load(&l->counts.taken),
        .same = atomic_load(&l->counts.same),
        .led = atomic_load(&l->counts.led),
        .put = atomic_load(&l->counts.put),
        .bad = atomic_load(&l->counts.bad),
        .away = atomic_load(&l->counts.away),
        .refused = atomic_load(&l->counts.refused),
    };
}
