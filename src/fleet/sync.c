/*
 * Bringing one shared file, what the fleet agreed on, and Redis together. In Redis each kind is one
 * hash: WHAT → a sealed object. Nothing is written there but by a script that compares first, so of
 * two relays that change the same WHAT at the same moment one is told to look again. Versions are a
 * counter of Redis, raised to what this relay knows when it was emptied: no clock of any relay
 * decides. Deletions carry the time of Redis, and are taken out again when they are old (merge.h).
 */
#include <stdio.h>

#include "merge.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"
#include "round.h"

#define CONFLICTS 3 /* in a row: whoever has the file open keeps it, so not at once again */

/* When this relay agreed last is saved that often, though nothing changes; well below a day, by
 * which merge_was_away is early. */
#define SAVED_S (12 * 3600)

/* KEYS: counter. Answers the time, and how far the counter is; what is no counter is at 0. */
static struct redis_script clock_script = {
    .text = "local n = redis.pcall('GET', KEYS[1])\n"
            "if type(n) ~= 'string' then n = '0' end\n"
            "return {redis.call('TIME')[1], n}\n",
};

int round_no_memory(struct error *why)
{
    return error_set(why, ERR_NOMEM, "no memory to compare what relays share");
}

static int ask_time(struct round *r, struct error *why)
{
    const struct view key = view_of(r->counter);
    struct redisReply *reply = NULL;
    int rc = redis_run(r->f->redis, &clock_script, &key, 1, NULL, 0, FLEET_CALL_MS, &reply, why);

    if (rc == 0 && (!redis_number(reply_element(reply, 0), &r->time) || r->time <= 0 ||
                    r->time > ROUND_TIME_MAX))
        rc = error_set(why, ERR_REFUSED, "Redis does not say what time it is");
    int64_t count = 0;
    if (rc == 0 && redis_number(reply_element(reply, 1), &count) && count > 0)
        r->count = (uint64_t)count;
    redis_reply_free(reply);
    r->may_forget = rc == 0 && merge_clocks_agree(r->time, clock_now());
    return rc;
}

/*
 * What others change while it is read does no harm. Each WHAT counts once, as it came first. What
 * is replaced is compared by Redis again, so a WHAT that was missed or is newer by now is left
 * alone, and looked at again at once; who changed it has also published that, after this look
 * began. What was taken from there and is older by now is overtaken by that next look, as its
 * version is higher. Objects go away when Redis is emptied, and are offered again, or when they are
 * old deletions, which nobody offers.
 */
static int ask(struct round *r, struct error *why)
{
    static const struct scan_limits limits = {.entries = 2 * (size_t)RECORDS_MAX,
                                              .bytes = 2 * RECORDS_MAX_BYTES,
                                              .longest = RECORD_SEALED_MAX,
                                              .portion = 500};

    return scan_hash(r->f->redis, view_of(r->key), &limits, &r->hash, why);
}

static size_t still_waiting(const struct round *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n_puts; i++)
        n += !r->puts[i].stands && !r->puts[i].offer;
    return n;
}

/* In the file once a day at least, though nothing else changes (merge_was_away). */
static void note_agreed(struct round *r)
{
    struct kept *k = r->k;

    k->agreed_at = clock_now();
    if (r->may_forget)
        records_set_agreed_at(k->base, r->time);
    if (r->time - k->saved_agreed_at >= SAVED_S || r->time < k->saved_agreed_at)
        k->base_changed = true;
    if (r->vanished > 0)
        log_notice(
            "fleet",
            "%s: this relay was away for more than %d days; %zu lines that the others do not "
            "have any more are taken out",
            local_kind_text(k->kind), (int)(MERGE_KEPT_S / 86400), r->vanished);
}

static void warn_of_loss(const struct round *r)
{
    const struct kept *k = r->k;

    log_warning("fleet",
                "%s lost %zu of %zu lines, and not by rcptguard's edits: they are put back, and no "
                "other relay is told; if it was meant, take them out with `rcptguard %s`",
                k->file, r->gone, r->all, k->kind == LOCAL_BLOCKS ? "unblock" : "unexclude");
}

static int bring_together(struct round *r, struct error *why)
{
    int rc = round_decide(r);

    if (rc < 0)
        return round_no_memory(why);
    int told = round_put(r, why);
    /* What Redis does not take now does not keep us from what others say. */
    struct error later = {0};
    if (told < 0 && told != ERR_REFUSED)
        return told;
    rc = round_agree_on_puts(r, false, &later);
    if (rc == 0)
        rc = round_take(r, &later);
    if (rc == 0)
        rc = round_agree_on_puts(r, true, &later);
    if (rc == ERR_CONFLICT && ++r->k->conflicts < CONFLICTS) {
        r->k->edited = true;
        return told;
    }
    if (rc == 0)
        r->k->conflicts = 0;
    if (rc == 0 && r->puts_back)
        warn_of_loss(r);
    r->k->no_room = r->no_room;
    if (rc == 0 && told == 0 && (told = round_forget(r, why)) == 0)
        note_agreed(r);
    return rc < 0 ? error_set(why, ERR_REFUSED, "%s", later.text) : told;
}

/*
 * Redis has nothing, and neither has this relay: others may, who do not know that it was emptied.
 * They look, and what they put there is news. Asked once; and where somebody else just did, not at
 * all: a fleet that shares no line yet would never come to rest. (Where this relay has something,
 * it has put that there, and all look because of it.)
 */
static int ask_who_knows(struct round *r, struct error *why)
{
    const struct view words[] = {view_of("PUBLISH"), view_of(r->channel), view_of(r->message)};
    struct redisReply *reply = NULL;
    struct kept *k = r->k;
    bool is_new = !k->asked && !k->by_news;

    k->asked = r->hash.entries == 0;
    if (!k->asked || !is_new || r->n_puts > 0)
        return 0;
    int rc = redis_call(r->f->redis, words, 3, FLEET_CALL_MS, &reply, why);
    redis_reply_free(reply);
    return rc == ERR_REFUSED ? 0 : rc; /* then within a minute */
}

static void name_keys(struct round *r)
{
    const char *prefix = r->f->prefix, *kind = local_kind_text(r->k->kind);

    snprintf(r->key, sizeof r->key, "%s%s", prefix, kind);
    snprintf(r->counter, sizeof r->counter, "%s%s:version", prefix, kind);
    snprintf(r->channel, sizeof r->channel, "%snews", prefix);
    snprintf(r->message, sizeof r->message, "%s %s", kind, r->f->self);
}

static void round_free(struct round *r)
{
    round_undecide(r);
    scan_free(&r->hash);
    kept_text_free(&r->now);
}

/* All that Redis has was seen: what it took is agreed on, and the rest it did not take. */
static void forget_unheard(struct kept *k)
{
    struct records *none = records_count(k->unheard) == 0 ? NULL : records_new();

    if (none == NULL)
        return;
    records_free(k->unheard);
    k->unheard = none;
}

int sync_kind(struct fleet *f, struct kept *k, struct error *why)
{
    struct round r = {.f = f, .k = k};

    k->refused = 0;
    if (k->unloaded && kept_load(f, k, why) < 0)
        return ERR_REFUSED;
    name_keys(&r);
    uint64_t removed = local_removed(k->local);
    int rc = kept_read(f, k, &r.now, why);
    if (rc < 0) {
        why->code = ERR_REFUSED; /* Redis is well */
        return ERR_REFUSED;
    }
    r.removed = local_removing(k->local) - k->settled;
    rc = ask_time(&r, why);
    if (rc == 0)
        rc = ask(&r, why);
    if (rc == 0)
        rc = bring_together(&r, why);
    if (rc == 0)
        rc = ask_who_knows(&r, why);
    if (rc == 0)
        forget_unheard(k);
    if (rc == 0 && (k->waiting = still_waiting(&r)) == 0)
        k->settled = removed;
    round_free(&r);
    return rc;
}
