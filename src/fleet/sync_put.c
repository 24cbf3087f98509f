/*
 * Telling: what was decided gets versions above all that is known, is sealed, and goes into Redis
 * where that still has what was compared.
 */
#include <poll.h>
#include <stdio.h>

#include "round.h"

/* KEYS: hash. ARGV: channel, message, then WHAT, the object that must be there ("": none), the new
 * one. Answers 1 or 0 for each. What is too long to be an object is compared as it was read
 * (scan.h): RECORD_SEALED_MAX and a byte. */
_Static_assert(RECORD_SEALED_MAX + 1 == 16385, "the script says so");
static struct redis_script put_script = {
    .text = "local r, any = {}, false\n"
            "for i = 3, #ARGV, 3 do\n"
            "  local now = string.sub(redis.call('HGET', KEYS[1], ARGV[i]) or '', 1, 16385)\n"
            "  if now == ARGV[i + 1] then\n"
            "    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2]) r[#r + 1] = 1 any = true\n"
            "  else r[#r + 1] = 0 end\n"
            "end\n"
            "if any then redis.call('PUBLISH', ARGV[1], ARGV[2]) end\n"
            "return r\n",
};

/* KEYS: counter. ARGV: the highest version known, how many are wanted. Answers the last of them; as
 * text, since Lua's numbers are exact to 2^53 only, and what is beyond is none of ours. */
static struct redis_script count_script = {
    .text =
        "local now = tonumber(redis.call('GET', KEYS[1]) or '0') or 0\n"
        "local known = tonumber(ARGV[1])\n"
        "if now < known or now > known + 4294967296 then redis.call('SET', KEYS[1], ARGV[1]) end\n"
        "return redis.call('INCRBY', KEYS[1], ARGV[2])\n",
};

/* Versions for all that is told. */
static int number_puts(struct round *r, struct error *why)
{
    struct redisReply *reply = NULL;
    char known[24], wanted[24];
    int64_t last;
    size_t n = 0;

    for (size_t i = 0; i < r->n_puts; i++)
        n += !r->puts[i].offer;
    if (n == 0)
        return 0;
    if (r->highest + n > RECORD_VERSION_MAX)
        return error_set(why, ERR_REFUSED,
                         "the highest number there is was forged: stop all relays, delete %s and "
                         "%s in Redis and fleet/%s.agreed on each, and start them",
                         r->key, r->counter, local_kind_text(r->k->kind));
    snprintf(known, sizeof known, "%llu", (unsigned long long)r->highest);
    snprintf(wanted, sizeof wanted, "%zu", n);
    const struct view key = view_of(r->counter), args[] = {view_of(known), view_of(wanted)};
    int rc = redis_run(r->f->redis, &count_script, &key, 1, args, 2, FLEET_CALL_MS, &reply, why);
    if (rc == 0 && (!redis_number(reply, &last) || last < (int64_t)n ||
                    (uint64_t)last - n < r->highest || (uint64_t)last > RECORD_VERSION_MAX))
        rc = error_set(why, ERR_REFUSED, "%s is no counter; delete that key", r->counter);
    redis_reply_free(reply);
    uint64_t version = rc == 0 ? (uint64_t)last - n : 0;
    for (size_t i = 0; rc == 0 && i < r->n_puts; i++)
        if (!r->puts[i].offer && object_seal(r, &r->puts[i], ++version) < 0)
            rc = round_no_memory(why);
    return rc;
}

/*
 * Redis may have taken them and not been heard. Then the next round finds the relay's own word
 * there, which must not be taken for another's: a line that is taken out meanwhile would come back.
 * What changes the file as well is left out: the file does not say it yet.
 */
static void note_unheard(struct round *r, struct put **puts, size_t n)
{
    int waits = AGAIN_TIMES; /* of all: the answer may have been lost for want of memory */

    for (size_t i = 0; i < n; i++) {
        const struct record_of record = put_record(r, puts[i]);
        if (puts[i]->offer || puts[i]->also_here)
            continue;
        while (records_put(r->k->unheard, &record) == ERR_NOMEM && waits-- > 0)
            poll(NULL, 0, AGAIN_MS);
    }
}

/* What Redis took is agreed on; the rest was changed there meanwhile. */
static int put_some(struct round *r, struct put **puts, size_t n, struct error *why)
{
    struct view args[2 + 3 * ROUND_A_CALL] = {view_of(r->channel), view_of(r->message)};
    struct redisReply *reply = NULL;
    const struct view key = view_of(r->key);

    for (size_t i = 0; i < n; i++) {
        args[2 + 3 * i] = buf_view(&puts[i]->what);
        args[3 + 3 * i] = puts[i]->expected;
        args[4 + 3 * i] = buf_view(&puts[i]->sealed);
    }
    int rc =
        redis_run(r->f->redis, &put_script, &key, 1, args, 2 + 3 * n, FLEET_BIG_MS, &reply, why);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        int64_t stands = 0;
        redis_number(reply_element(reply, i), &stands);
        puts[i]->stands = stands == 1;
        if (!puts[i]->stands)
            r->k->told = true;
    }
    if (rc < 0 && rc != ERR_REFUSED)
        note_unheard(r, puts, n);
    redis_reply_free(reply);
    return rc;
}

/* All that is sealed; what got no number waits. */
static int put_sealed(struct round *r, struct error *why)
{
    struct put *some[ROUND_A_CALL];
    size_t n = 0;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < r->n_puts; i++) {
        if (r->puts[i].sealed.len > 0)
            some[n++] = &r->puts[i];
        if (n > 0 && (n == ROUND_A_CALL || i + 1 == r->n_puts)) {
            rc = put_some(r, some, n, why);
            n = 0;
        }
    }
    return rc;
}

int round_put(struct round *r, struct error *why)
{
    int numbered = number_puts(r, why);

    if (numbered < 0 && numbered != ERR_REFUSED)
        return numbered;
    /* Offers have their numbers, and are what an emptied Redis is filled with. */
    struct error put_why = {0};
    int rc = put_sealed(r, &put_why);
    if (rc == 0 || (rc == ERR_REFUSED && numbered < 0))
        return numbered;
    *why = put_why;
    return rc;
}
