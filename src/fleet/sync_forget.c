/* Old deletions, which Redis and relays would else keep for ever (merge.h has the reasoning). */
#include "merge.h"
#include "round.h"

/* KEYS: hash. ARGV: WHAT, the object that must be there. */
static struct redis_script remove_script = {
    .text = "for i = 1, #ARGV, 2 do\n"
            "  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then\n"
            "    redis.call('HDEL', KEYS[1], ARGV[i])\n"
            "  end\n"
            "end\n"
            "return 1\n",
};

static int remove_some(struct round *r, const struct removal *removals, size_t n, struct error *why)
{
    struct view args[2 * ROUND_A_CALL];
    struct redisReply *reply = NULL;
    const struct view key = view_of(r->key);

    for (size_t i = 0; i < n; i++) {
        args[2 * i] = removals[i].what;
        args[2 * i + 1] = removals[i].object;
    }
    int rc =
        redis_run(r->f->redis, &remove_script, &key, 1, args, 2 * n, FLEET_BIG_MS, &reply, why);
    redis_reply_free(reply);
    return rc;
}

int round_forget(struct round *r, struct error *why)
{
    int rc = 0;

    if (!r->may_forget)
        return 0;
    for (size_t i = 0; rc == 0 && i < r->n_removals; i += ROUND_A_CALL) {
        size_t left = r->n_removals - i;
        rc = remove_some(r, &r->removals[i], left < ROUND_A_CALL ? left : ROUND_A_CALL, why);
    }
    if (rc == 0 && records_forget_deleted(r->k->base, r->time - MERGE_KEPT_S) > 0)
        r->k->base_changed = true;
    return rc;
}
