/* Questions to Redis and their answers, and what is published meanwhile. */
#include <stdlib.h>

#include "rcptguard/base/clock.h"
#include "rcptguard/base/hash.h"
#include "redis_parts.h"

#define ASIDE_BYTES  ((size_t)4 << 20) /* messages that came between question and answer */
#define A_LOOK_BYTES ((size_t)1 << 20) /* read by one redis_message */

/* A message that came while the answer to something else was waited for. */
struct aside {
    struct aside *next;
    redisReply *message;
    size_t bytes;
};

struct redis *redis_new(struct redis_stop *stop)
{
    struct redis *r = calloc(1, sizeof *r);

    if (r == NULL)
        return NULL;
    r->stop = stop;
    r->last = &r->first;
    return r;
}

void redis_free(struct redis *r)
{
    if (r != NULL)
        redis_close(r);
    free(r);
}

static redisReply *take_aside(struct redis *r)
{
    struct aside *a = r->first;

    if (a == NULL)
        return NULL;
    redisReply *message = a->message;
    r->first = a->next;
    if (r->first == NULL)
        r->last = &r->first;
    r->aside_bytes -= a->bytes;
    free(a);
    return message;
}

void redis_close(struct redis *r)
{
    for (redisReply *m = take_aside(r); m != NULL; m = take_aside(r))
        freeReplyObject(m);
    if (r->c != NULL)
        redisFree(r->c);
    r->c = NULL;
    r->taken = r->elements = 0;
    r->refused = 0;
    r->subscribed = false;
}

int redis_is_up(const struct redis *r)
{
    return r->c != NULL;
}

int redis_fd(const struct redis *r)
{
    return r->c == NULL ? -1 : (int)r->c->fd;
}

void redis_reply_free(struct redisReply *reply)
{
    if (reply != NULL)
        freeReplyObject(reply);
}

/* Whatever was said before the question would be taken for its answer. */
static int check_silence(struct redis *r, struct error *why)
{
    bool moved = false;
    int rc = wire_pull(r, &moved, why);

    if (rc == 0 && (moved || r->c->reader->len != r->c->reader->pos))
        rc = error_set(why, ERR_SYNTAX, "that is no Redis: it answers what nobody asked");
    return rc;
}

static int append(struct redis *r, const struct view *words, size_t n, struct error *why)
{
    const char **texts = calloc(n, sizeof *texts);
    size_t *lens = calloc(n, sizeof *lens);
    int rc = ERR_NOMEM;

    if (texts != NULL && lens != NULL) {
        for (size_t i = 0; i < n; i++) {
            texts[i] = words[i].len == 0 ? "" : words[i].ptr;
            lens[i] = words[i].len;
        }
        if (redisAppendCommandArgv(r->c, (int)n, texts, lens) == REDIS_OK)
            rc = 0;
    }
    free(texts);
    free(lens);
    r->unsent = true;
    return rc == 0 ? 0 : error_set(why, rc, "no memory for a question");
}

static bool first_is(const redisReply *reply, const char *word)
{
    struct view text;

    return reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 &&
           redis_text(reply->element[0], &text) && view_is(text, word);
}

static bool is_message(const redisReply *reply)
{
    return (reply->elements == 3 && first_is(reply, "message")) ||
           (reply->elements == 4 && first_is(reply, "pmessage"));
}

static int put_aside(struct redis *r, redisReply **message, size_t bytes, struct error *why)
{
    struct aside *a = malloc(sizeof *a);

    if (a == NULL || bytes > ASIDE_BYTES - r->aside_bytes) {
        free(a);
        return a == NULL ? error_set(why, ERR_NOMEM, "no memory for a message")
                         : error_set(why, ERR_LIMIT, "too many messages at once");
    }
    *a = (struct aside){.message = *message, .bytes = bytes};
    r->aside_bytes += bytes;
    *message = NULL;
    *r->last = a;
    r->last = &a->next;
    return 0;
}

/* The answer to the question that was appended; each of several channels has one of its own. */
static int take_answers(struct redis *r, size_t answers, int64_t until, redisReply **reply,
                        struct error *why)
{
    size_t bytes = 0;
    int rc = 0;

    while (rc == 0 && answers > 0) {
        redis_reply_free(*reply);
        rc = wire_await(r, until, reply, &bytes, why);
        if (rc == 0 && r->subscribed && is_message(*reply))
            rc = put_aside(r, reply, bytes, why);
        else if (rc == 0)
            answers = (*reply)->type == REDIS_REPLY_ERROR ? 0 : answers - 1;
    }
    return rc;
}

/* Nothing more can be asked when a part of the question is still to be sent. */
static int check_sent(const struct redis *r, const redisReply *reply, struct error *why)
{
    char shown[ESCAPE_MAX_BYTES + 1];

    if (!r->unsent)
        return 0;
    if (reply->type != REDIS_REPLY_ERROR)
        return error_set(why, ERR_SYNTAX, "that is no Redis: it answers what nobody asked");
    return error_set(why, ERR_IO, "Redis does not read the question: %s",
                     wire_escaped(reply->str, reply->len, shown));
}

static bool subscribes(struct view word)
{
    return view_eq_nocase(word, view_of("SUBSCRIBE")) ||
           view_eq_nocase(word, view_of("PSUBSCRIBE"));
}

int redis_converse(struct redis *r, const struct view *words, size_t n, int64_t until,
                   redisReply **reply, struct error *why)
{
    const bool was = r->subscribed;
    int rc = 0;

    *reply = NULL;
    if (r->c == NULL)
        return error_set(why, ERR_IO, "not connected");
    if (n == 0 || n > REDIS_MAX_ELEMENTS)
        return error_set(why, ERR_LIMIT, "a question of %zu words", n);
    if (!was && !r->fresh)
        rc = check_silence(r, why);
    r->fresh = false;
    r->subscribed = was || subscribes(words[0]);
    if (rc == 0)
        rc = append(r, words, n, why);
    if (rc == 0)
        rc = take_answers(r, subscribes(words[0]) ? n - 1 : 1, until, reply, why);
    if (rc == 0)
        rc = check_sent(r, *reply, why);
    if (rc == 0 && (*reply)->type == REDIS_REPLY_ERROR)
        r->subscribed = was;
    if (rc == 0)
        return 0;
    redis_reply_free(*reply);
    *reply = NULL;
    redis_close(r);
    return rc;
}

/* What to do about an error of Redis; "" where its words say all there is to say. */
static const char *remedy_of(const redisReply *reply)
{
    static const struct {
        const char *code, *words;
    } known[] = {
        {"NOPERM", "; give its user that right (docs/fleet.md has the ACL)"},
        {"OOM", "; it is full, raise its maxmemory"},
        {"WRONGTYPE", "; something else is at that key, rename or delete it"},
        {"MISCONF", "; it cannot save to its disk, look at its log"},
        {"READONLY", "; it is a replica, url must name the master"},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (redis_says(reply, known[i].code))
            return known[i].words;
    return "";
}

int redis_settle(redisReply **reply, struct error *why)
{
    char shown[ESCAPE_MAX_BYTES + 1];

    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): there was an answer */
    if ((*reply)->type != REDIS_REPLY_ERROR)
        return 0;
    error_set(why, ERR_REFUSED, "Redis says: %s%s",
              wire_escaped((*reply)->str, (*reply)->len, shown), remedy_of(*reply));
    freeReplyObject(*reply);
    *reply = NULL;
    return ERR_REFUSED;
}

int redis_call(struct redis *r, const struct view *words, size_t n, int deadline_ms,
               struct redisReply **reply, struct error *why)
{
    int rc = redis_converse(r, words, n, clock_mono_ms() + deadline_ms, reply, why);

    return rc == 0 ? redis_settle(reply, why) : rc;
}

bool redis_says(const redisReply *reply, const char *code)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): there was an answer */
    return reply->type == REDIS_REPLY_ERROR && view_starts(view_make(reply->str, reply->len), code);
}

/* Redis knows a script by its SHA-1; "": this system has none (FIPS), and the text is sent. */
static void name_script(struct redis_script *script)
{
    unsigned char digest[HASH_MAX_BYTES];
    size_t len = hash_plain(HASH_SHA1, view_of(script->text), digest);

    if (script->sha[0] == '\0' && len == 20)
        hex_text(digest, len, script->sha);
}

static int run(struct redis *r, const struct redis_script *script, struct view *words, size_t n,
               int64_t until, redisReply **reply, struct error *why)
{
    if (script->sha[0] != '\0') {
        words[0] = view_of("EVALSHA");
        words[1] = view_of(script->sha);
        int rc = redis_converse(r, words, n, until, reply, why);
        if (rc != 0 || !redis_says(*reply, "NOSCRIPT"))
            return rc;
        freeReplyObject(*reply);
    }
    words[0] = view_of("EVAL");
    words[1] = view_of(script->text);
    return redis_converse(r, words, n, until, reply, why);
}

int redis_run(struct redis *r, struct redis_script *script, const struct view *keys, size_t n_keys,
              const struct view *args, size_t n_args, int deadline_ms, struct redisReply **reply,
              struct error *why)
{
    const int64_t until = clock_mono_ms() + deadline_ms;
    struct view *words = calloc(3 + n_keys + n_args, sizeof *words);
    char count[24];
    struct text t = text_on(count, sizeof count);

    *reply = NULL;
    if (words == NULL)
        return error_set(why, ERR_NOMEM, "no memory for a question");
    text_addf(&t, "%zu", n_keys);
    words[2] = text_view(&t);
    for (size_t i = 0; i < n_keys; i++)
        words[3 + i] = keys[i];
    for (size_t i = 0; i < n_args; i++)
        words[3 + n_keys + i] = args[i];
    name_script(script);
    int rc = run(r, script, words, 3 + n_keys + n_args, until, reply, why);
    free(words);
    return rc == 0 ? redis_settle(reply, why) : rc;
}

/* A message, or what follows from a subscription; anything else was not asked for. */
static int sort_out(redisReply **reply, struct error *why)
{
    if (is_message(*reply))
        return 1;
    bool expected = first_is(*reply, "subscribe") || first_is(*reply, "psubscribe");
    freeReplyObject(*reply);
    *reply = NULL;
    return expected ? 0
                    : error_set(why, ERR_SYNTAX, "that is no Redis: it answers what nobody asked");
}

static int next_message(struct redis *r, redisReply **reply, struct error *why)
{
    size_t looked = 0, bytes;
    bool moved = true;
    int rc = 0;

    while (rc == 0 && moved && looked < A_LOOK_BYTES) {
        rc = wire_parse(r, reply, &bytes, why);
        if (rc == 0 && *reply != NULL) {
            rc = sort_out(reply, why);
            continue;
        }
        const size_t before = r->c->reader->len;
        if (rc == 0)
            rc = wire_pull(r, &moved, why);
        if (rc == 0)
            looked += r->c->reader->len - before;
    }
    return rc;
}

int redis_message(struct redis *r, struct redisReply **reply, struct error *why)
{
    *reply = NULL;
    if (r->c == NULL)
        return error_set(why, ERR_IO, "not connected");
    *reply = take_aside(r);
    if (*reply != NULL)
        return 1;
    int rc = next_message(r, reply, why);
    if (rc < 0)
        redis_close(r);
    return rc;
}

bool redis_text(const struct redisReply *reply, struct view *out)
{
    *out = VIEW_NONE;
    if (reply == NULL || (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS))
        return false;
    *out = view_make(reply->str, reply->len);
    return true;
}

bool redis_number(const struct redisReply *reply, int64_t *out)
{
    struct view text;
    uint64_t number;

    *out = 0;
    if (reply != NULL && reply->type == REDIS_REPLY_INTEGER) {
        *out = reply->integer;
        return true;
    }
    if (!redis_text(reply, &text))
        return false;
    const bool negative = view_starts(text, "-");
    if (!view_to_uint(view_from(text, negative ? 1 : 0), INT64_MAX, &number))
        return false;
    *out = negative ? -(int64_t)number : (int64_t)number;
    return true;
}

bool redis_is_nil(const struct redisReply *reply)
{
    return reply != NULL && reply->type == REDIS_REPLY_NIL;
}
