/*
 * Bringing one shared file, what the fleet agreed on, and Redis together. In Redis each kind is one
 * hash: WHAT → a sealed object. Nothing is written there but by a script that compares first, so of
 * two relays that change the same WHAT at the same moment one is told to look again. Versions are a
 * counter of Redis, raised to what this relay knows when it was emptied: no clock of any relay
 * decides. Deletions carry the time of Redis, and are taken out again when they are old (merge.h).
 */
#include <stdio.h>
#include <stdlib.h>

#include "merge.h"
#include "parts.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"
#include "scan.h"

#define CONFLICTS 3   /* in a row: whoever has the file open keeps it, so not at once again */
#define A_CALL    100 /* objects put at once, so that Redis is never kept busy for long */

/* The body of an object: a word and a line end, and lines; or a word, the time of Redis in seconds,
 * and a line end. */
#define SET     "set\n"
#define DELETED "deleted "

#define OUTLIVED 1                  /* when a deletion was told that nobody knows any more */
#define TIME_MAX ((int64_t)1 << 40) /* no clock is that late */

/* When this relay agreed last is saved that often, though nothing changes; well below a day, by
 * which merge_was_away is early. */
#define SAVED_S (12 * 3600)

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

/* KEYS: counter. Answers the time, and how far the counter is; what is no counter is at 0. */
static struct redis_script clock_script = {
    .text = "local n = redis.pcall('GET', KEYS[1])\n"
            "if type(n) ~= 'string' then n = '0' end\n"
            "return {redis.call('TIME')[1], n}\n",
};

/* KEYS: hash. ARGV: WHAT, the object that must be there. */
static struct redis_script remove_script = {
    .text = "for i = 1, #ARGV, 2 do\n"
            "  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then\n"
            "    redis.call('HDEL', KEYS[1], ARGV[i])\n"
            "  end\n"
            "end\n"
            "return 1\n",
};

/* What is to be put into Redis. */
struct put {
    struct buf what;      /* copied: what was agreed on moves when it grows */
    struct view expected; /* what is there; borrowed from the answer */
    struct buf text;      /* told: the lines, "" when deleted */
    struct buf sealed;
    uint64_t version;
    bool offer;     /* SEALED is the base's, and stays its */
    bool also_here; /* the file becomes TEXT as well */
    bool stands;
};

/* What is to be taken from it. */
struct take {
    struct record_of record;
    bool in_file; /* says so already */
    bool in_base;
};

/* An old deletion that is to be taken out of Redis; borrowed from the answer. */
struct removal {
    struct view what, object;
};

struct round {
    struct fleet *f;
    struct kept *k;
    struct kept_text now;
    struct scan hash;
    struct map *seen; /* WHATs that Redis has */
    struct put *puts;
    struct take *takes;
    struct removal *removals;
    size_t n_puts, n_takes, n_removals, no_room;
    uint64_t highest; /* version of all that Redis has and this relay knows */
    uint64_t count;   /* how far Redis has counted */
    int64_t time;     /* by the clock of Redis, when the round began */
    bool may_forget;  /* that clock can be believed */
    size_t vanished;  /* lines that nobody knows any more (has_outlived) */
    size_t gone, all; /* from the file, that would be told; of so many that were agreed */
    uint64_t removed; /* so many may be by edits */
    bool puts_back;   /* the others are not */
    char key[128], counter[136], channel[80], message[128];
};

static int no_memory(struct error *why)
{
    return error_set(why, ERR_NOMEM, "no memory to compare what relays share");
}

/* ---- deciding ------------------------------------------------------------------------------- */

static bool make_room(struct round *r, size_t wanted)
{
    r->puts = calloc(wanted + 1, sizeof *r->puts);
    r->takes = calloc(wanted + 1, sizeof *r->takes);
    r->removals = calloc(wanted + 1, sizeof *r->removals);
    return r->puts != NULL && r->takes != NULL && r->removals != NULL;
}

static void undecide(struct round *r)
{
    for (size_t i = 0; i < r->n_puts; i++) {
        buf_free(&r->puts[i].what);
        buf_free(&r->puts[i].text);
        buf_free(&r->puts[i].sealed);
    }
    free(r->puts);
    free(r->takes);
    free(r->removals);
    map_free(r->seen);
    r->puts = NULL;
    r->takes = NULL;
    r->removals = NULL;
    r->seen = NULL;
    r->n_puts = r->n_takes = r->n_removals = r->no_room = r->vanished = 0;
}

static struct put *add_put(struct round *r, struct view what, struct view expected)
{
    struct put *p = &r->puts[r->n_puts++];

    *p = (struct put){.expected = expected};
    buf_add_view(&p->what, what);
    return p;
}

/* RECORD may be NULL. */
static struct merge_side side_of(const struct record_of *record, int64_t now)
{
    if (record == NULL)
        return (struct merge_side){.text = view_of("")};
    return (struct merge_side){.version = record->version,
                               .text = record->text,
                               .is_old = merge_is_old(record->deleted_at, now)};
}

static int decide(struct round *r, struct view what, struct view raw,
                  const struct record_of *remote)
{
    const struct record_of *base = records_find(r->k->base, what);
    const struct merge_side ours = side_of(base, r->time), theirs = side_of(remote, r->time);
    struct view file = kept_lines(&r->now, what);
    bool is_gone = file.len == 0 && ours.text.len > 0, puts_back = is_gone && r->puts_back;
    enum merge answer = merge_decide(&ours, puts_back ? ours.text : file, &theirs);
    struct put *p;

    if (is_gone && (answer == MERGE_TELL || answer == MERGE_BOTH))
        r->gone++;
    if (puts_back && answer != MERGE_TAKE)
        r->takes[r->n_takes++] = (struct take){.record = *base, .in_base = true};
    switch (answer) {
    case MERGE_NOTHING:
        break;
    case MERGE_TAKE:
        r->takes[r->n_takes++] =
            (struct take){.record = *remote, .in_file = view_eq(file, remote->text)};
        break;
    case MERGE_TELL:
        if (file.len > RECORD_TEXT_MAX || what.len > RECORD_WHAT_MAX) {
            r->no_room++;
            break;
        }
        p = add_put(r, what, raw);
        return p->what.failed ? ERR_NOMEM : buf_add_view(&p->text, file);
    case MERGE_BOTH:
        p = add_put(r, what, raw);
        p->also_here = true;
        return p->what.failed || merge_lines(file, theirs.text, &p->text) == ERR_NOMEM ? ERR_NOMEM
                                                                                       : 0;
    case MERGE_OFFER:
        p = add_put(r, what, raw);
        p->offer = true;
        return p->what.failed ? ERR_NOMEM : buf_add_view(&p->sealed, base->sealed);
    }
    return 0;
}

enum belief {
    BELIEVED,
    FOREIGN, /* sealed, but not with our secret; or it cannot be told */
    REFUSED, /* sealed by a relay, and not for here: OUT has its version */
    NONE,    /* nothing of ours at all */
};

/* What a body says; the rest of OUT is left alone. */
static bool parse_body(struct view body, struct record_of *out)
{
    uint64_t time;

    if (view_starts(body, SET)) {
        out->text = view_from(body, strlen(SET));
        out->deleted_at = 0;
        return out->text.len > 0;
    }
    if (!view_starts(body, DELETED) || body.ptr[body.len - 1] != '\n')
        return false;
    struct view word = view_from(view_first(body, body.len - 1), strlen(DELETED));
    if (!view_to_uint(word, (uint64_t)TIME_MAX, &time) || time == 0)
        return false;
    out->text = view_of("");
    out->deleted_at = (int64_t)time;
    return true;
}

/* What an object of Redis says. */
static enum belief open_object(const struct round *r, struct view what, struct view raw,
                               struct record_of *out)
{
    struct error why;
    struct sealed sealed;
    const char *kind = local_kind_text(r->k->kind);

    if (what.len == 0 || what.len > RECORD_WHAT_MAX)
        return FOREIGN;
    int rc = seal_open(&r->f->key, kind, what, raw, &sealed, &why);
    if (rc < 0)
        return rc == ERR_REFUSED ? FOREIGN : NONE;
    struct record_of said = {.what = what, .version = sealed.version, .sealed = raw};
    if (sealed.version == 0 || sealed.version > RECORD_VERSION_MAX ||
        !parse_body(sealed.body, &said))
        return NONE;
    *out = said;
    return kept_allows(r->f, r->k->kind, what, out->text) ? BELIEVED : REFUSED;
}

/* Blocks are only believed with a secret (an exclusion of a forger frees; a block refuses mail). */
static bool may_believe(const struct round *r)
{
    return r->f->key.secret || r->k->kind == LOCAL_EXCLUSIONS;
}

/*
 * What is there is not believed. Something that is no object at all gives way to ours. What another
 * secret sealed does so once a minute only, or two relays that do not know each other's would put
 * theirs in turns without end; and what a relay sealed and this one refuses stays, unless somebody
 * changed that line here since.
 */
static int decide_unbelieved(struct round *r, struct view what, struct view raw, enum belief belief)
{
    const struct record_of *base = records_find(r->k->base, what);
    struct view file = kept_lines(&r->now, what);
    bool edited = !view_eq(file, base == NULL ? view_of("") : base->text);
    bool ours = base != NULL || file.len > 0;

    r->k->refused++;
    if (!ours || (!edited && (belief == REFUSED || (belief == FOREIGN && !r->k->by_time))))
        return 0;
    return decide(r, what, raw, NULL);
}

static int decide_object(struct round *r, struct view what, struct view raw)
{
    const struct record_of *base = records_find(r->k->base, what);
    struct record_of remote = {0};
    enum belief belief = BELIEVED;
    bool is_new;

    if (map_put(r->seen, what, &is_new) == NULL)
        return ERR_NOMEM;
    if (!is_new)
        return 0;
    if (base != NULL && view_eq(base->sealed, raw))
        remote = *base;
    else
        belief = may_believe(r) ? open_object(r, what, raw, &remote) : FOREIGN;
    if (remote.version > r->highest)
        r->highest = remote.version;
    if (belief == BELIEVED && r->may_forget && merge_is_old(remote.deleted_at, r->time))
        r->removals[r->n_removals++] = (struct removal){what, raw};
    return belief == BELIEVED ? decide(r, what, raw, &remote)
                              : decide_unbelieved(r, what, raw, belief);
}

/*
 * Was this relay away for so long that what Redis does not have may have been deleted, and the
 * deletion forgotten? A Redis that was emptied says nothing of that: its counter is behind, or
 * nothing is in it, or hardly anything of what this relay knows (the hash was evicted, and begun
 * anew by others). What was agreed is offered then as ever: a line too many is better than all
 * lines gone.
 */
static bool has_outlived(const struct round *r)
{
    const struct records *base = r->k->base;
    size_t set = records_count_set(base), there = 0;

    if (!r->may_forget || !merge_was_away(records_agreed_at(base), r->time) ||
        r->count < records_version(base) || r->hash.entries == 0)
        return false;
    for (size_t i = 0; i < records_count(base); i++) {
        const struct record_of *of = records_at(base, i);
        there += of->text.len > 0 && map_get(r->seen, of->what) != NULL;
    }
    return !merge_is_most(set - there, set);
}

/* As if Redis had the deletion, which is forgotten at once when it was taken. A line that was
 * changed here since is a person's. */
static int decide_absent(struct round *r, const struct record_of *base, bool outlived)
{
    if (!outlived || base->text.len == 0 || !view_eq(kept_lines(&r->now, base->what), base->text))
        return decide(r, base->what, view_of(""), NULL);
    const struct record_of deleted = {
        .what = base->what,
        .version = base->version,
        .text = view_of(""),
        .deleted_at = OUTLIVED,
    };
    r->takes[r->n_takes++] = (struct take){.record = deleted};
    r->vanished++;
    return 0;
}

static int decide_each(struct round *r)
{
    size_t n = r->hash.entries, n_base = records_count(r->k->base);
    struct scan_at at = {0};
    struct view what, raw;
    int rc = 0;

    r->highest = records_version(r->k->base);
    if (!make_room(r, n + n_base + r->now.n) || (r->seen = map_new()) == NULL)
        return ERR_NOMEM;
    while (rc == 0 && scan_next(&r->hash, &at, &what, &raw))
        rc = decide_object(r, what, raw);
    bool outlived = rc == 0 && has_outlived(r);
    for (size_t i = 0; rc == 0 && i < n_base; i++) {
        const struct record_of *base = records_at(r->k->base, i);
        if (map_get(r->seen, base->what) == NULL)
            rc = decide_absent(r, base, outlived);
    }
    for (size_t i = 0; rc == 0 && i < r->now.n; i++) {
        what = r->now.groups[i].what;
        if (map_get(r->seen, what) == NULL && records_find(r->k->base, what) == NULL)
            rc = decide(r, what, view_of(""), NULL);
    }
    return rc;
}

/*
 * Somebody emptied the file, or an editor on a full disk did: a mistake must not be told to all
 * relays. What edits took out since the last comparison that left nothing was meant. They are known
 * for as long as the daemon runs; where it is started anew before Redis is back they count as a
 * hand's.
 */
static bool is_lost(const struct round *r)
{
    size_t n = r->gone > r->removed ? r->gone - (size_t)r->removed : 0;

    return merge_is_most(n, records_count_set(r->k->base));
}

static int decide_all(struct round *r)
{
    int rc = decide_each(r);

    if (rc < 0 || !is_lost(r))
        return rc;
    undecide(r);
    r->puts_back = true;
    r->all = records_count_set(r->k->base);
    r->k->refused = 0;
    return decide_each(r);
}

/* ---- telling -------------------------------------------------------------------------------- */

static int seal_put(struct round *r, struct put *p, uint64_t version)
{
    struct buf body = BUF_INIT(0);

    if (p->text.len > 0)
        buf_add_text(&body, SET);
    else
        buf_addf(&body, DELETED "%lld\n", (long long)r->time);
    buf_add_view(&body, buf_view(&p->text));
    const struct sealed what = {
        .kind = local_kind_text(r->k->kind),
        .name = buf_view(&p->what),
        .relay = view_of(r->f->relay),
        .version = version,
        .body = buf_view(&body),
    };
    p->version = version;
    int rc = body.failed ? ERR_NOMEM : seal_make(&r->f->key, &what, &p->sealed);
    buf_free(&body);
    return rc;
}

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
        if (!r->puts[i].offer && seal_put(r, &r->puts[i], ++version) < 0)
            rc = no_memory(why);
    return rc;
}

/* What Redis took is agreed on; the rest was changed there meanwhile. */
static int put_some(struct round *r, struct put *puts, size_t n, struct error *why)
{
    struct view args[2 + 3 * A_CALL] = {view_of(r->channel), view_of(r->message)};
    struct redisReply *reply = NULL;
    const struct view key = view_of(r->key);

    for (size_t i = 0; i < n; i++) {
        args[2 + 3 * i] = buf_view(&puts[i].what);
        args[3 + 3 * i] = puts[i].expected;
        args[4 + 3 * i] = buf_view(&puts[i].sealed);
    }
    int rc =
        redis_run(r->f->redis, &put_script, &key, 1, args, 2 + 3 * n, FLEET_BIG_MS, &reply, why);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        int64_t stands = 0;
        redis_number(reply_element(reply, i), &stands);
        puts[i].stands = stands == 1;
        if (!puts[i].stands)
            r->k->told = true;
    }
    redis_reply_free(reply);
    return rc;
}

static int put_all(struct round *r, struct error *why)
{
    int rc = number_puts(r, why);

    for (size_t i = 0; rc == 0 && i < r->n_puts; i += A_CALL)
        rc = put_some(r, &r->puts[i], r->n_puts - i < A_CALL ? r->n_puts - i : A_CALL, why);
    return rc;
}

/* ---- agreeing ------------------------------------------------------------------------------- */

/* What finds no room is left out, and told; all else goes on. */
static int agree(struct round *r, const struct record_of *record)
{
    int rc = records_put(r->k->base, record);

    r->k->base_changed |= rc == 0;
    r->no_room += rc == ERR_LIMIT;
    return rc == ERR_LIMIT ? 0 : rc;
}

/* The file first, then what was agreed (merge.h). */
static int take_all(struct round *r, struct error *why)
{
    struct kept_change *changes = calloc(r->n_takes + r->n_puts + 1, sizeof *changes);
    size_t n = 0;

    if (changes == NULL)
        return no_memory(why);
    for (size_t i = 0; i < r->n_takes; i++)
        if (!r->takes[i].in_file)
            changes[n++] = (struct kept_change){r->takes[i].record.what, r->takes[i].record.text};
    for (size_t i = 0; i < r->n_puts; i++)
        if (r->puts[i].stands && r->puts[i].also_here)
            changes[n++] =
                (struct kept_change){buf_view(&r->puts[i].what), buf_view(&r->puts[i].text)};
    int rc = n == 0 ? 0 : kept_write(r->k, &r->now, changes, n, why);
    free(changes);
    for (size_t i = 0; rc == 0 && i < r->n_takes; i++)
        if (!r->takes[i].in_base && agree(r, &r->takes[i].record) < 0)
            rc = no_memory(why);
    if (rc == 0 && r->vanished > 0)
        records_forget_deleted(r->k->base, OUTLIVED + 1);
    return rc;
}

static int agree_on_puts(struct round *r, bool also_here, struct error *why)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < r->n_puts; i++) {
        const struct put *p = &r->puts[i];
        if (!p->stands || p->offer || p->also_here != also_here)
            continue;
        const struct record_of record = {
            .what = buf_view(&p->what),
            .version = p->version,
            .text = buf_view(&p->text),
            .sealed = buf_view(&p->sealed),
            .deleted_at = p->text.len > 0 ? 0 : r->time,
        };
        rc = agree(r, &record) < 0 ? no_memory(why) : 0;
    }
    return rc;
}

/* ---- forgetting ----------------------------------------------------------------------------- */

static int remove_some(struct round *r, const struct removal *removals, size_t n, struct error *why)
{
    struct view args[2 * A_CALL];
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

/*
 * Old deletions leave Redis, and then the base: the other way round they would be learned again.
 * Only when all of them were taken, since a line that is still in the file would be offered, once
 * nothing in Redis says that it was deleted. What was changed in Redis meanwhile stays there.
 */
static int forget_old(struct round *r, struct error *why)
{
    int rc = 0;

    if (!r->may_forget)
        return 0;
    for (size_t i = 0; rc == 0 && i < r->n_removals; i += A_CALL) {
        size_t left = r->n_removals - i;
        rc = remove_some(r, &r->removals[i], left < A_CALL ? left : A_CALL, why);
    }
    if (rc == 0 && records_forget_deleted(r->k->base, r->time - MERGE_KEPT_S) > 0)
        r->k->base_changed = true;
    return rc;
}

/* ---- one round ------------------------------------------------------------------------------ */

static int ask_time(struct round *r, struct error *why)
{
    const struct view key = view_of(r->counter);
    struct redisReply *reply = NULL;
    int rc = redis_run(r->f->redis, &clock_script, &key, 1, NULL, 0, FLEET_CALL_MS, &reply, why);

    if (rc == 0 &&
        (!redis_number(reply_element(reply, 0), &r->time) || r->time <= 0 || r->time > TIME_MAX))
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
    int rc = decide_all(r);

    if (rc < 0)
        return no_memory(why);
    int told = put_all(r, why);
    /* What Redis does not take now does not keep us from what others say. */
    struct error later = {0};
    if (told < 0 && told != ERR_REFUSED)
        return told;
    rc = agree_on_puts(r, false, &later);
    if (rc == 0)
        rc = take_all(r, &later);
    if (rc == 0)
        rc = agree_on_puts(r, true, &later);
    if (rc == ERR_CONFLICT && ++r->k->conflicts < CONFLICTS) {
        r->k->edited = true;
        return told;
    }
    if (rc == 0)
        r->k->conflicts = 0;
    if (rc == 0 && r->puts_back)
        warn_of_loss(r);
    r->k->no_room = r->no_room;
    if (rc == 0 && told == 0 && (told = forget_old(r, why)) == 0)
        note_agreed(r);
    return rc < 0 ? error_set(why, ERR_REFUSED, "%s", later.text) : told;
}

static void name_keys(struct round *r)
{
    const char *prefix = r->f->prefix, *kind = local_kind_text(r->k->kind);

    snprintf(r->key, sizeof r->key, "%s%s", prefix, kind);
    snprintf(r->counter, sizeof r->counter, "%s%s:version", prefix, kind);
    snprintf(r->channel, sizeof r->channel, "%snews", prefix);
    snprintf(r->message, sizeof r->message, "%s %s", kind, r->f->relay);
}

static void round_free(struct round *r)
{
    undecide(r);
    scan_free(&r->hash);
    kept_text_free(&r->now);
}

int sync_kind(struct fleet *f, struct kept *k, struct error *why)
{
    struct round r = {.f = f, .k = k};

    k->refused = 0;
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
    k->waiting = still_waiting(&r);
    if (rc == 0)
        k->agreed_at = clock_now();
    if (rc == 0 && k->waiting == 0)
        k->settled = removed;
    round_free(&r);
    return rc;
}
