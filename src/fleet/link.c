/*
 * The way to Redis: two connections, one for questions and one for news, which come and go
 * together. When one breaks both are made anew, later and later while that fails.
 */
#include <stdio.h>

#include "parts.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"
#include "sentinel.h"

#define RETRY_MS     500 /* doubled, to at most RETRY_MAX_MS, with a quarter of jitter */
#define RETRY_MAX_MS 8000

/* As whom and what for says the URL; where, one of the Sentinels. */
static int find_redis(struct fleet *f, struct redis_url *where, struct error *why)
{
    *where = f->url;
    if (f->n_sentinels == 0)
        return 0;
    return sentinel_find(f->sentinels, f->n_sentinels, view_of(f->master), FLEET_CONNECT_MS,
                         &f->stopping, where, why);
}

static int subscribe(struct fleet *f, struct error *why)
{
    struct redisReply *reply = NULL;
    char channel[128];
    struct text t = text_on(channel, sizeof channel);

    text_addf(&t, "%snews", f->prefix);
    const struct view words[] = {view_of("SUBSCRIBE"), text_view(&t)};
    int rc = redis_call(f->news, words, 2, FLEET_CALL_MS, &reply, why);
    redis_reply_free(reply);
    return rc;
}

static int connect_both(struct fleet *f, struct error *why)
{
    struct redis_url where;
    int rc = find_redis(f, &where, why);

    if (rc == 0)
        rc = redis_open(f->redis, &where, FLEET_CONNECT_MS, why);
    if (rc == 0)
        rc = redis_open(f->news, &where, FLEET_CONNECT_MS, why);
    if (rc == 0)
        rc = subscribe(f, why);
    if (rc == 0)
        share_lists_are_at(f, &where);
    return rc;
}

void link_close(struct fleet *f)
{
    redis_close(f->redis);
    redis_close(f->news);
}

/* Those of a connection that was never made do. */
static bool names_where(const struct fleet *f, const struct error *why)
{
    return view_starts(view_of(why->text), f->status.where);
}

void link_lost(struct fleet *f, const struct error *why)
{
    int64_t wait = RETRY_MS << (f->failures < 5 ? f->failures : 5);

    link_close(f);
    if (atomic_load(&f->stop))
        return;
    share_lists_are_away(f);
    f->failures++;
    if (wait > RETRY_MAX_MS)
        wait = RETRY_MAX_MS;
    f->retry_ms = clock_mono_ms() + wait + (int64_t)(random_u64() % (uint64_t)(wait / 4));
    status_set_shared(f, false);
    if (status_set_state(f, FLEET_AWAY, why))
        log_warning("fleet", "%s%s%s; each relay goes on with what it has",
                    names_where(f, why) ? "" : f->status.where, names_where(f, why) ? "" : ": ",
                    why->text);
}

void link_open(struct fleet *f)
{
    struct error why = {0};

    snprintf(f->self, sizeof f->self, "%016llx", (unsigned long long)random_u64());
    f->reported_at = 0;
    if (connect_both(f, &why) < 0) {
        link_lost(f, &why);
        return;
    }
    if (status_set_state(f, FLEET_UP, NULL))
        log_notice("fleet", "%s: connected as %s", f->status.where, f->relay);
    for (unsigned i = 0; i < FLEET_KINDS; i++)
        f->kept[i].due_ms = 0;
}

void link_is_good(struct fleet *f)
{
    f->failures = 0;
}

bool link_is_replica(const struct error *why)
{
    return strstr(why->text, "READONLY") != NULL;
}
