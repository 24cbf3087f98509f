/* Reading a hash in portions: see scan.h. */
#include "scan.h"

#include <inttypes.h>
#include <stdlib.h>

#include "parts.h"
#include "rcptguard/base/clock.h"

/* KEYS: hash. ARGV: cursor, how many, the most bytes of a name or a value. */
static struct redis_script scan_script = {
    .text = "local r = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])\n"
            "local e, most = r[2], tonumber(ARGV[3])\n"
            "for i = 1, #e do\n"
            "  if #e[i] > most then e[i] = string.sub(e[i], 1, most + 1) end\n"
            "end\n"
            "return {r[1], e}\n",
};

static bool keep(struct scan *s, struct redisReply *portion)
{
    if (s->n == s->room) {
        size_t room = s->room == 0 ? 16 : 2 * s->room;
        struct redisReply **larger = realloc(s->portions, room * sizeof *larger);
        if (larger == NULL)
            return false;
        s->portions = larger;
        s->room = room;
    }
    s->portions[s->n++] = portion;
    return true;
}

static void count(struct scan *s, const struct redisReply *portion)
{
    struct view name, value;

    for (size_t i = 0; i < reply_pairs(reply_element(portion, 1)); i++) {
        s->entries++;
        if (reply_pair(reply_element(portion, 1), i, &name, &value))
            s->bytes += name.len + value.len;
    }
}

/* CURSOR becomes that of the next portion. */
static int read_portion(struct redis *redis, struct view key, const struct scan_limits *limits,
                        struct scan *s, char cursor[24], struct error *why)
{
    char most[24], portion[24];
    struct text m = text_on(most, sizeof most), p = text_on(portion, sizeof portion);
    struct redisReply *reply = NULL;
    struct view next;
    uint64_t number;

    text_addf(&m, "%zu", limits->longest);
    text_addf(&p, "%u", limits->portion);
    const struct view args[] = {view_of(cursor), text_view(&p), text_view(&m)};
    int rc = redis_run(redis, &scan_script, &key, 1, args, 3, FLEET_CALL_MS, &reply, why);
    if (rc < 0)
        return rc;
    if (!redis_text(reply_element(reply, 0), &next) || !view_to_uint(next, UINT64_MAX, &number)) {
        redis_reply_free(reply);
        redis_close(redis);
        return error_set(why, ERR_SYNTAX, "it answers something else than Redis does");
    }
    struct text c = text_on(cursor, 24);
    text_addf(&c, "%" PRIu64, number);
    count(s, reply);
    if (keep(s, reply))
        return 0;
    redis_reply_free(reply);
    return error_set(why, ERR_REFUSED, "no memory");
}

static int check_limits(const struct scan *s, const struct scan_limits *limits, int64_t until,
                        struct error *why)
{
    if (s->entries > limits->entries || s->bytes > limits->bytes)
        return error_set(why, ERR_REFUSED,
                         "more than %zu entries or %zu MiB; delete what no relay put there",
                         limits->entries, limits->bytes >> 20);
    if (clock_mono_ms() > until)
        return error_set(why, ERR_REFUSED, "not read to its end within %d s", SCAN_MS / 1000);
    return 0;
}

int scan_hash(struct redis *redis, struct view key, const struct scan_limits *limits,
              struct scan *out, struct error *why)
{
    const int64_t until = clock_mono_ms() + SCAN_MS;
    char cursor[24] = "0";
    int rc;

    do {
        rc = read_portion(redis, key, limits, out, cursor, why);
        if (rc == 0)
            rc = check_limits(out, limits, until, why);
    } while (rc == 0 && strcmp(cursor, "0") != 0);
    if (rc < 0)
        error_prefix(why, "%.*s", (int)key.len, key.ptr);
    return rc;
}

void scan_free(struct scan *s)
{
    for (size_t i = 0; i < s->n; i++)
        redis_reply_free(s->portions[i]);
    free(s->portions);
    *s = (struct scan){.portions = NULL};
}

bool scan_next(const struct scan *s, struct scan_at *at, struct view *name, struct view *value)
{
    for (; at->portion < s->n; at->portion++, at->i = 0) {
        const struct redisReply *entries = reply_element(s->portions[at->portion], 1);
        while (at->i < reply_pairs(entries))
            if (reply_pair(entries, at->i++, name, value))
                return true;
    }
    return false;
}
