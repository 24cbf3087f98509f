/*
 * What Redis is asked about a list. Several keys are read or written in one go by scripts, so that
 * nobody comes between. They name no key beyond those that they are given.
 */
#include <hiredis.h>
#include <inttypes.h>
#include <stdlib.h>

#include "lists_parts.h"

#include "rcptguard/base/clock.h"

/* The fence of what is in Redis already, so that a lost counter never goes back behind it. */
#define FENCE_OF_POINTER                                                                           \
    "local p = redis.pcall('GETRANGE', KEYS[1], 0, 199) "                                          \
    "if type(p) ~= 'string' then p = '' end "                                                      \
    "local v = string.match(p, '^rcptguard1 [%l-]+ [%w._-]+ (%d+) ') "                             \
    "if not v or #v > 15 then v = '0' end "

static _Thread_local struct redis_script look_script = {
    "local function get(k) local v = redis.pcall('GETRANGE', k, 0, " /* POINTER_MAX */
    "16384) if type(v) == 'string' then return v end return '' end "
    "local t = redis.call('TIME') "
    "return {t[1], t[2], get(KEYS[1]), get(KEYS[2]), redis.call('PTTL', KEYS[3])}",
    ""};

static _Thread_local struct redis_script take_script = {
    FENCE_OF_POINTER
    "if not redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end "
    "local n = redis.pcall('GET', KEYS[3]) "
    "if type(n) ~= 'string' then n = '0' end "
    "n = tonumber(n) or 0 "
    "if not (n >= 0 and n < 1e15) then n = 0 end "
    "if tonumber(v) > n then n = tonumber(v) end "
    "n = string.format('%.0f', n + 1) "
    "redis.call('SET', KEYS[3], n, 'PX', ARGV[3]) "
    "return n",
    ""};

static _Thread_local struct redis_script renew_script = {
    "if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end "
    "return redis.call('PEXPIRE', KEYS[1], ARGV[2])",
    ""};

static _Thread_local struct redis_script give_back_script = {
    "if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end "
    "return redis.call('DEL', KEYS[1])",
    ""};

static _Thread_local struct redis_script flip_script = {
    FENCE_OF_POINTER "if redis.pcall('GET', KEYS[2]) ~= ARGV[1] then return 0 end "
                     "local n = redis.pcall('GET', KEYS[3]) "
                     "if type(n) == 'string' and n ~= ARGV[2] then return 0 end "
                     "if tonumber(v) >= tonumber(ARGV[2]) then return 0 end "
                     "redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4]) "
                     "redis.call('DEL', KEYS[2]) "
                     "redis.call('PUBLISH', ARGV[5], ARGV[6]) "
                     "return 1",
    ""};

static _Thread_local struct redis_script fail_script = {
    "if redis.pcall('GET', KEYS[2]) ~= ARGV[1] then return 0 end "
    "redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) "
    "return redis.call('DEL', KEYS[2])",
    ""};

static _Thread_local struct redis_script keep_script = {
    "for _, k in ipairs(KEYS) do "
    "if redis.call('PEXPIRE', k, ARGV[1]) == 0 then return 0 end end "
    "return 1",
    ""};

/* ---- keys and numbers ----------------------------------------------------------------------- */

struct key {
    char text[LISTS_KEY_MAX];
};

static struct view list_key(const struct feeds_share_look *look, const char *ending,
                            struct key *key)
{
    struct text t = text_on(key->text, sizeof key->text);

    text_addf(&t, "%slist:%s%s", look->lists->prefix, look->id, ending);
    return text_view(&t);
}

static struct view chunk_key(const struct feeds_share_look *look, const char *blob, size_t n,
                             struct key *key)
{
    struct text t = text_on(key->text, sizeof key->text);

    text_addf(&t, "%sblob:%s:%s:%zu", look->lists->prefix, look->id, blob, n);
    return text_view(&t);
}

static struct view number(int64_t n, char text[24])
{
    struct text t = text_on(text, 24);

    text_addf(&t, "%" PRId64, n);
    return text_view(&t);
}

static int unexpected(struct feeds_share_look *look, struct error *why)
{
    redis_close(look->lists->redis);
    return error_set(why, ERR_SYNTAX, "it answers something else than Redis does");
}

/* A script whose answer is a number that is not negative. */
static int64_t run(struct feeds_share_look *look, struct redis_script *script,
                   const struct view *keys, size_t n_keys, const struct view *args, size_t n_args,
                   int deadline_ms, struct error *why)
{
    struct redisReply *reply = NULL;
    int64_t n = -1;
    int rc =
        redis_run(look->lists->redis, script, keys, n_keys, args, n_args, deadline_ms, &reply, why);

    if (rc < 0)
        return rc;
    bool good = redis_number(reply, &n) && n >= 0;
    redis_reply_free(reply);
    return good ? n : unexpected(look, why);
}

/* ---- the lease ------------------------------------------------------------------------------ */

static bool read_answer(struct feeds_share_look *look, const struct redisReply *reply,
                        struct list_answer *out)
{
    int64_t s, us;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 5 ||
        !redis_number(reply->element[0], &s) || !redis_number(reply->element[1], &us) ||
        !redis_text(reply->element[2], &out->pointer) ||
        !redis_text(reply->element[3], &out->failed) ||
        !redis_number(reply->element[4], &out->lease_ms) || s <= 0 || s > INT64_C(1) << 40 ||
        us < 0 || us > 999999)
        return false;
    look->clock_ms = s * 1000 + us / 1000;
    look->clock_at_ms = clock_mono_ms();
    if (look->began_ms == 0)
        look->began_ms = look->clock_ms;
    /* -2 is Redis's word for "no such key", and -1 for one that never goes. */
    if (out->lease_ms == -2)
        out->lease_ms = 0;
    else if (out->lease_ms < 0 || out->lease_ms > LEASE_MS)
        out->lease_ms = -1;
    return true;
}

int lease_look(struct feeds_share_look *look, struct list_answer *out, struct error *why)
{
    struct key pointer, failed, lease;
    const struct view keys[] = {list_key(look, "", &pointer), list_key(look, ":failed", &failed),
                                list_key(look, ":lease", &lease)};

    *out = (struct list_answer){.reply = NULL};
    int rc = redis_run(look->lists->redis, &look_script, keys, 3, NULL, 0, LISTS_CALL_MS,
                       &out->reply, why);
    if (rc < 0)
        return rc;
    if (read_answer(look, out->reply, out))
        return 0;
    redis_reply_free(out->reply);
    out->reply = NULL;
    return unexpected(look, why);
}

int lease_take(struct feeds_share_look *look, struct error *why)
{
    struct key pointer, lease, fence;
    char ms[24], keep[24];
    const struct view keys[] = {list_key(look, "", &pointer), list_key(look, ":lease", &lease),
                                list_key(look, ":fence", &fence)};
    const struct view args[] = {view_of(look->token), number(LEASE_MS, ms),
                                number(2 * lists_keep_ms(look, 0), keep)};
    int64_t n = run(look, &take_script, keys, 3, args, 3, LISTS_CALL_MS, why);

    if (n <= 0)
        return (int)n;
    look->fence = n;
    return 1;
}

int lease_renew(struct feeds_share_look *look, struct error *why)
{
    struct key lease;
    char ms[24];
    const struct view keys[] = {list_key(look, ":lease", &lease)};
    const struct view args[] = {view_of(look->token), number(LEASE_MS, ms)};

    return (int)run(look, &renew_script, keys, 1, args, 2, LISTS_CALL_MS, why);
}

int lease_give_back(struct feeds_share_look *look, int deadline_ms, struct error *why)
{
    struct key lease;
    const struct view keys[] = {list_key(look, ":lease", &lease)};
    const struct view args[] = {view_of(look->token)};

    return (int)run(look, &give_back_script, keys, 1, args, 1, deadline_ms, why);
}

int lease_flip(struct feeds_share_look *look, struct view sealed, int64_t keep_ms,
               struct error *why)
{
    struct key pointer, lease, fence, channel, message;
    char n[24], keep[24];
    struct text c = text_on(channel.text, sizeof channel.text);
    struct text m = text_on(message.text, sizeof message.text);

    text_addf(&c, "%snews", look->lists->prefix);
    text_addf(&m, "list %s", look->id);
    const struct view keys[] = {list_key(look, "", &pointer), list_key(look, ":lease", &lease),
                                list_key(look, ":fence", &fence)};
    const struct view args[] = {view_of(look->token),  number(look->fence, n), sealed,
                                number(keep_ms, keep), text_view(&c),          text_view(&m)};
    return (int)run(look, &flip_script, keys, 3, args, 6, LISTS_CALL_MS, why);
}

int lease_fail(struct feeds_share_look *look, struct view sealed, struct error *why)
{
    struct key failed, lease;
    char ms[24];
    const struct view keys[] = {list_key(look, ":failed", &failed),
                                list_key(look, ":lease", &lease)};
    const struct view args[] = {view_of(look->token), sealed, number(FAILED_MS, ms)};

    return (int)run(look, &fail_script, keys, 2, args, 3, LISTS_CALL_MS, why);
}

/* ---- chunks --------------------------------------------------------------------------------- */

int chunk_put(struct feeds_share_look *look, size_t n, struct view bytes, int64_t keep_ms,
              struct error *why)
{
    struct redisReply *reply = NULL;
    struct key key;
    char ms[24];
    const struct view words[] = {view_of("SET"), chunk_key(look, look->token, n, &key), bytes,
                                 view_of("PX"), number(keep_ms, ms)};
    int rc = redis_call(look->lists->redis, words, 5, LISTS_CHUNK_MS, &reply, why);

    redis_reply_free(reply);
    return rc;
}

int chunk_get(struct feeds_share_look *look, size_t n, struct redisReply **reply,
              struct view *bytes, struct error *why)
{
    struct key key;
    char last[24];
    /* One more than there should be, so that too much is seen, and no more. */
    const struct view words[] = {view_of("GETRANGE"), chunk_key(look, look->pointer.blob, n, &key),
                                 view_of("0"), number((int64_t)LIST_CHUNK_BYTES, last)};
    int rc = redis_call(look->lists->redis, words, 4, LISTS_CHUNK_MS, reply, why);

    if (rc == 0 && !redis_text(*reply, bytes)) {
        redis_reply_free(*reply);
        *reply = NULL;
        return unexpected(look, why);
    }
    return rc;
}

int chunks_keep(struct feeds_share_look *look, const char *blob, size_t count, int64_t keep_ms,
                struct error *why)
{
    struct key *texts = calloc(count + 1, sizeof *texts);
    struct view *keys = calloc(count + 1, sizeof *keys);
    char ms[24];
    const struct view args[] = {number(keep_ms, ms)};
    int rc = ERR_NOMEM;

    if (texts != NULL && keys != NULL) {
        for (size_t i = 0; i < count; i++)
            keys[i] = chunk_key(look, blob, i, &texts[i]);
        rc = (int)run(look, &keep_script, keys, count, args, 1, LISTS_CALL_MS, why);
    } else {
        error_set(why, ERR_NOMEM, "no memory");
    }
    free(keys);
    free(texts);
    return rc;
}
