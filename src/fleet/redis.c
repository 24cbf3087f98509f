/*
 * Questions to Redis and their answers. hiredis writes the protocol and reads it; when it reads and
 * writes, how long and how much is decided here.
 *
 * What hiredis allocates before it has the bytes are the arrays that an answer announces, so those
 * are counted before it does, and how deep they are (make_array). A line without end it would
 * search again with every piece that comes, so that is looked for, too.
 */
#include "redis.h"

#include <hiredis.h>
#include <poll.h>
#include <stdlib.h>

#include "connect.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/escape.h"
#include "rcptguard/base/hash.h"
#include "tls.h"

#define LINE_MAX_BYTES 65536             /* of a status, an error, a number */
#define DEPTH_MAX      7                 /* of arrays in arrays, as in hiredis 0.14 */
#define IDLE_BYTES     ((size_t)1 << 20) /* a larger buffer is given back after the answer */
#define ASIDE_BYTES    ((size_t)4 << 20) /* messages that came between question and answer */
#define A_LOOK_BYTES   ((size_t)1 << 20) /* read by one redis_message */

/* A message that came while the answer to something else was waited for. */
struct aside {
    struct aside *next;
    redisReply *message;
};

struct redis {
    redisContext *c;
    struct redis_stop *stop;
    redisReplyObjectFunctions functions; /* hiredis' own, but make_array */
    redisReplyObjectFunctions *original;
    size_t taken;    /* bytes read since the last whole answer, and what is left of that read */
    size_t elements; /* announced since then */
    int refused;     /* ERR_LIMIT: too many of them; ERR_SYNTAX: too deep; 0: none */
    bool fresh;      /* nothing was answered yet */
    bool unsent;     /* a part of the question is still here */
    bool subscribed;
    struct aside *first, **last;
    size_t aside_bytes;
};

#if HIREDIS_MAJOR == 0
typedef int array_count;
#else
typedef size_t array_count;
#endif

/* hiredis 1.x nests without end, and frees by recursion. */
static bool is_deep(const redisReadTask *task)
{
    int depth = 0;

    for (; task != NULL && depth <= DEPTH_MAX; task = task->parent)
        depth++;
    return depth > DEPTH_MAX;
}

static void *make_array(const redisReadTask *task, array_count n)
{
    struct redis *r = task->privdata;

    if (is_deep(task))
        r->refused = ERR_SYNTAX;
    else if ((size_t)n > REDIS_MAX_ELEMENTS - r->elements)
        r->refused = ERR_LIMIT;
    if (r->refused != 0)
        return NULL;
    r->elements += (size_t)n;
    return r->original->createArray(task, n);
}

static void guard_reader(struct redis *r, redisReader *reader)
{
    r->original = reader->fn;
    r->functions = *reader->fn;
    r->functions.createArray = make_array;
    reader->fn = &r->functions;
    reader->privdata = r;
}

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
    if (r->first == NULL) {
        r->last = &r->first;
        r->aside_bytes = 0;
    }
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

static const char *escaped(const char *bytes, size_t len, char dst[ESCAPE_MAX_BYTES + 1])
{
    struct text t = text_on(dst, ESCAPE_MAX_BYTES + 1);

    escape_to(&t, view_make(bytes, len), ESCAPE_TERMINAL);
    return dst;
}

/* What hiredis met. */
static int fault(const struct redis *r, struct error *why)
{
    char shown[ESCAPE_MAX_BYTES + 1];

    if (r->refused == ERR_SYNTAX)
        return error_set(why, ERR_SYNTAX, "that is no Redis: arrays in arrays, more than %d deep",
                         DEPTH_MAX);
    if (r->refused != 0)
        return error_set(why, ERR_LIMIT, "an answer of more than %zu elements", REDIS_MAX_ELEMENTS);
    if (r->c->err == REDIS_ERR_EOF)
        return error_set(why, ERR_IO, "Redis closed the connection");
    escaped(r->c->errstr, strlen(r->c->errstr), shown);
    switch (r->c->err) {
    case REDIS_ERR_OOM:
        return error_set(why, ERR_NOMEM, "no memory for an answer");
    case REDIS_ERR_PROTOCOL:
        return error_set(why, ERR_SYNTAX, "that is no Redis: %s", shown);
    default:
        return error_set(why, ERR_IO, "connection lost: %s", shown);
    }
}

/* Reads what has come, at most one piece. *MOVED: there was some. */
static int pull(struct redis *r, bool *moved, struct error *why)
{
    const size_t most = r->subscribed ? REDIS_MAX_MESSAGE : REDIS_MAX_ANSWER;
    const size_t before = r->c->reader->len;

    redis_tls_forget_errors();
    if (redisBufferRead(r->c) != REDIS_OK)
        return fault(r, why);
    *moved = r->c->reader->len != before;
    r->taken += r->c->reader->len - before;
    if (r->taken > most)
        return error_set(why, ERR_LIMIT, "an answer of more than %zu MiB", most >> 20);
    return 0;
}

/* Behind the byte that says what it is, whatever comes begins with a line. */
static bool line_has_no_end(const redisReader *reader)
{
    const size_t len = reader->len - reader->pos;

    return len > LINE_MAX_BYTES &&
           memmem(reader->buf + reader->pos, LINE_MAX_BYTES, "\r\n", 2) == NULL;
}

/* The buffer of a large answer is not kept for the small ones after it. */
static void give_back_buffer(struct redis *r)
{
    redisReader *fresh = redisReaderCreate();

    if (fresh == NULL)
        return;
    redisReaderFree(r->c->reader);
    r->c->reader = fresh;
    guard_reader(r, fresh);
}

static void begin_next_answer(struct redis *r)
{
    const size_t rest = r->c->reader->len - r->c->reader->pos;

    if (rest == 0 && r->taken > IDLE_BYTES)
        give_back_buffer(r);
    r->taken = rest;
    r->elements = 0;
}

/* RESP2, since nobody said HELLO 3: no maps, no pushes. */
static bool is_of_resp2(const redisReply *reply)
{
    return reply->type >= REDIS_REPLY_STRING && reply->type <= REDIS_REPLY_ERROR;
}

/* *REPLY: the next whole answer of what was read, or NULL. */
static int parse(struct redis *r, redisReply **reply, size_t *bytes, struct error *why)
{
    void *got = NULL;

    *reply = NULL;
    if (redisGetReplyFromReader(r->c, &got) != REDIS_OK)
        return fault(r, why);
    if (got == NULL)
        return line_has_no_end(r->c->reader)
                   ? error_set(why, ERR_SYNTAX, "that is no Redis: a line of more than %d bytes",
                               LINE_MAX_BYTES)
                   : 0;
    *bytes = r->taken - (r->c->reader->len - r->c->reader->pos);
    begin_next_answer(r);
    *reply = got;
    if (is_of_resp2(*reply))
        return 0;
    freeReplyObject(got);
    *reply = NULL;
    return error_set(why, ERR_SYNTAX, "that is no Redis: it speaks RESP3 unasked");
}

/* Who is turned away (maxclients, protected mode) is told so, then hung up on. */
static int parting_words(struct redis *r, struct error *why)
{
    char shown[ESCAPE_MAX_BYTES + 1];
    redisReply *said = NULL;
    size_t bytes;
    bool moved;
    int rc = fault(r, why);

    r->c->err = 0;
    if (pull(r, &moved, NULL) != 0)
        return rc;
    int parsed = parse(r, &said, &bytes, NULL);
    if (parsed != 0)
        return error_set(why, parsed, "what closed the connection is no Redis");
    if (said != NULL && said->type == REDIS_REPLY_ERROR)
        rc = error_set(why, ERR_IO, "Redis closed the connection: %s",
                       escaped(said->str, said->len, shown));
    redis_reply_free(said);
    return rc;
}

static int push(struct redis *r, struct error *why)
{
    int all = 0;

    redis_tls_forget_errors();
    if (redisBufferWrite(r->c, &all) != REDIS_OK)
        return parting_words(r, why);
    r->unsent = all == 0;
    return 0;
}

/* Until there is a whole answer. */
static int await(struct redis *r, int64_t until, redisReply **reply, size_t *bytes,
                 struct error *why)
{
    bool moved = false;
    int rc = parse(r, reply, bytes, why);

    while (rc == 0 && *reply == NULL) {
        if (r->unsent)
            rc = push(r, why);
        if (rc == 0)
            rc = pull(r, &moved, why);
        if (rc == 0 && !moved)
            rc = redis_wait((int)r->c->fd, r->unsent ? POLLIN | POLLOUT : POLLIN, until, r->stop,
                            why);
        else if (rc == 0)
            rc = redis_in_time(until, r->stop, why);
        if (rc == 0)
            rc = parse(r, reply, bytes, why);
    }
    return rc;
}

/* Whatever was said before the question would be taken for its answer. */
static int check_silence(struct redis *r, struct error *why)
{
    bool moved = false;
    int rc = pull(r, &moved, why);

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

    r->aside_bytes += bytes;
    if (a == NULL || r->aside_bytes > ASIDE_BYTES) {
        free(a);
        return a == NULL ? error_set(why, ERR_NOMEM, "no memory for a message")
                         : error_set(why, ERR_LIMIT, "too many messages at once");
    }
    *a = (struct aside){.message = *message};
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
        rc = await(r, until, reply, &bytes, why);
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
                     escaped(reply->str, reply->len, shown));
}

static bool subscribes(struct view word)
{
    return view_eq_nocase(word, view_of("SUBSCRIBE")) ||
           view_eq_nocase(word, view_of("PSUBSCRIBE"));
}

/* Question and answer, which may be an error of Redis'. On failure the connection is closed. */
static int converse(struct redis *r, const struct view *words, size_t n, int64_t until,
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

/* An error of Redis' becomes words. */
static int settle(redisReply **reply, struct error *why)
{
    char shown[ESCAPE_MAX_BYTES + 1];

    if ((*reply)->type != REDIS_REPLY_ERROR)
        return 0;
    error_set(why, ERR_REFUSED, "Redis says: %s", escaped((*reply)->str, (*reply)->len, shown));
    freeReplyObject(*reply);
    *reply = NULL;
    return ERR_REFUSED;
}

int redis_call(struct redis *r, const struct view *words, size_t n, int deadline_ms,
               struct redisReply **reply, struct error *why)
{
    int rc = converse(r, words, n, clock_mono_ms() + deadline_ms, reply, why);

    return rc == 0 ? settle(reply, why) : rc;
}

static bool says(const redisReply *reply, const char *code)
{
    return reply->type == REDIS_REPLY_ERROR && view_starts(view_make(reply->str, reply->len), code);
}

/* In words of ours: some servers repeat in theirs what they were sent, the password too. */
static int explain_auth(const redisReply *reply, struct error *why)
{
    static const struct {
        const char *code, *words;
    } known[] = {
        {"WRONGPASS", "Redis does not take the user and password of the url"},
        {"ERR invalid password", "Redis does not take the password of the url"},
        {"ERR AUTH <password> called without", "the url has a password, but Redis has none set"},
        {"ERR Client sent AUTH, but no password", "the url has a password, but Redis has none set"},
        {"ERR wrong number of arguments",
         "this Redis knows no users; leave the user out of the url"},
        {"ERR max number of clients", "Redis has as many clients as it may have (maxclients)"},
        {"DENIED", "Redis is in protected mode and takes connections from its own host only"},
        {"LOADING", "Redis is still loading its data"},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (says(reply, known[i].code))
            return error_set(why, ERR_REFUSED, "%s", known[i].words);
    return error_set(why, ERR_REFUSED, "Redis refuses AUTH (its words may hold the password)");
}

static int authenticate(struct redis *r, const struct redis_url *url, int64_t until,
                        struct error *why)
{
    struct view words[3] = {view_of("AUTH")};
    size_t n = 1;
    redisReply *reply;

    if (url->password[0] == '\0')
        return 0;
    if (url->user[0] != '\0')
        words[n++] = view_of(url->user);
    words[n++] = view_of(url->password);
    int rc = converse(r, words, n, until, &reply, why);
    if (rc == 0 && reply->type == REDIS_REPLY_ERROR)
        rc = explain_auth(reply, why);
    redis_reply_free(reply);
    return rc;
}

static int select_database(struct redis *r, const struct redis_url *url, int64_t until,
                           struct error *why)
{
    char number[16];
    struct text t = text_on(number, sizeof number);
    redisReply *reply;

    if (url->database == 0)
        return 0;
    text_addf(&t, "%u", url->database);
    const struct view words[] = {view_of("SELECT"), text_view(&t)};
    int rc = converse(r, words, 2, until, &reply, why);
    if (rc == 0)
        rc = settle(&reply, why);
    redis_reply_free(reply);
    if (rc != 0)
        error_prefix(why, "database %u", url->database);
    return rc;
}

/* Whether it can be asked anything: no password, protected mode, still loading. */
static int greet(struct redis *r, int64_t until, struct error *why)
{
    const struct view ping = view_of("PING");
    redisReply *reply;
    int rc = converse(r, &ping, 1, until, &reply, why);

    if (rc == 0 && says(reply, "NOAUTH"))
        rc = error_set(why, ERR_REFUSED,
                       "Redis wants a password; put it into the url: redis://:PASSWORD@HOST");
    else if (rc == 0 && !says(reply, "NOPERM"))
        rc = settle(&reply, why);
    redis_reply_free(reply);
    return rc;
}

static int open_place(struct redis *r, const struct redis_url *url, const char *place,
                      int64_t until, struct error *why)
{
    int rc = redis_connect(url, place, until, r->stop, &r->c, why);

    if (rc != 0)
        return rc;
    guard_reader(r, r->c->reader);
    r->fresh = true;
    rc = authenticate(r, url, until, why);
    if (rc == 0)
        rc = select_database(r, url, until, why);
    if (rc == 0)
        rc = greet(r, until, why);
    if (rc != 0)
        redis_close(r);
    return rc;
}

/* One address that swallows all must not take the time of the others. */
static int open_any(struct redis *r, const struct redis_url *url, const struct redis_places *places,
                    int64_t until, struct error *why)
{
    int rc = ERR_IO;

    for (size_t i = 0; i < places->n; i++) {
        const int64_t now = clock_mono_ms();
        rc = open_place(r, url, places->text[i], now + (until - now) / (int64_t)(places->n - i),
                        why);
        if (rc == 0 || rc == ERR_REFUSED || rc == ERR_NOMEM || redis_stops(r->stop))
            break;
    }
    return rc;
}

int redis_open(struct redis *r, const struct redis_url *url, int deadline_ms, struct error *why)
{
    char where[REDIS_WHERE_MAX];
    struct redis_places places;
    int rc;

    redis_close(r);
    if (redis_stops(r->stop))
        return error_set(why, ERR_IO, "stopping");
    if (url->tls && !redis_tls_is_built())
        rc = redis_tls_start(NULL, NULL, 0, NULL, why);
    else
        rc = redis_places_of(url, &places, why);
    if (rc == 0 && redis_stops(r->stop)) /* looking up a name may have taken minutes */
        rc = error_set(why, ERR_IO, "stopping");
    if (rc == 0)
        rc = open_any(r, url, &places, clock_mono_ms() + deadline_ms, why);
    if (rc != 0)
        error_prefix(why, "%s", redis_url_where(url, where));
    return rc;
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
    int rc = 0;

    if (script->sha[0] != '\0') {
        words[0] = view_of("EVALSHA");
        words[1] = view_of(script->sha);
        rc = converse(r, words, n, until, reply, why);
        if (rc != 0 || !says(*reply, "NOSCRIPT"))
            return rc;
        freeReplyObject(*reply);
    }
    words[0] = view_of("EVAL");
    words[1] = view_of(script->text);
    return converse(r, words, n, until, reply, why);
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
    return rc == 0 ? settle(reply, why) : rc;
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
        rc = parse(r, reply, &bytes, why);
        if (rc == 0 && *reply != NULL) {
            rc = sort_out(reply, why);
            continue;
        }
        const size_t before = r->c->reader->len;
        if (rc == 0)
            rc = pull(r, &moved, why);
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
