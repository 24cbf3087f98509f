/*
 * What goes to Redis and what comes from it. hiredis writes the protocol and reads it; when it
 * reads and writes, how long and how much is decided here.
 *
 * What hiredis allocates before it has the bytes are the arrays that an answer announces, so those
 * are counted before it does, and how deep they are (make_array). A line without end it would
 * search again with every piece that comes, so that is looked for, too.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "connect.h"
#include "rcptguard/base/escape.h"
#include "redis_parts.h"
#include "tls.h"

#define LINE_MAX_BYTES 65536             /* of a status, an error, a number */
#define DEPTH_MAX      7                 /* of arrays in arrays, as in hiredis 0.14 */
#define IDLE_BYTES     ((size_t)1 << 20) /* a larger buffer is given back after the answer */

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

void wire_guard(struct redis *r, redisReader *reader)
{
    r->original = reader->fn;
    r->functions = *reader->fn;
    r->functions.createArray = make_array;
    reader->fn = &r->functions;
    reader->privdata = r;
    /* Large buffers are given back here; hiredis asserts that there is memory for a small one. */
    reader->maxbuf = 0;
}

const char *wire_escaped(const char *bytes, size_t len, char dst[ESCAPE_MAX_BYTES + 1])
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
    wire_escaped(r->c->errstr, strlen(r->c->errstr), shown);
    switch (r->c->err) {
    case REDIS_ERR_OOM:
        return error_set(why, ERR_NOMEM, "no memory for an answer");
    case REDIS_ERR_PROTOCOL:
        return error_set(why, ERR_SYNTAX, "that is no Redis: %s", shown);
    default:
        return error_set(why, ERR_IO, "connection lost: %s", shown);
    }
}

int wire_pull(struct redis *r, bool *moved, struct error *why)
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
    wire_guard(r, fresh);
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

int wire_parse(struct redis *r, redisReply **reply, size_t *bytes, struct error *why)
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
    if (wire_pull(r, &moved, NULL) != 0)
        return rc;
    int parsed = wire_parse(r, &said, &bytes, NULL);
    if (parsed != 0)
        return error_set(why, parsed, "what closed the connection is no Redis");
    if (said != NULL && said->type == REDIS_REPLY_ERROR)
        rc = error_set(why, ERR_IO, "Redis closed the connection: %s",
                       wire_escaped(said->str, said->len, shown));
    redis_reply_free(said);
    return rc;
}

#if HIREDIS_MAJOR == 0
static void give_back_sent(redisContext *c)
{
    sds fresh = sdslen(c->obuf) > 0 || sdsavail(c->obuf) <= IDLE_BYTES ? NULL : sdsempty();

    if (fresh == NULL)
        return;
    sdsfree(c->obuf);
    c->obuf = fresh;
}

/*
 * redisBufferWrite of 0.14 takes a new buffer whenever all is sent, and follows a null pointer
 * where there is no memory for one. It knows no TLS.
 */
static int write_some(redisContext *c, int *all)
{
    ssize_t n = write(c->fd, c->obuf, sdslen(c->obuf));

    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        c->err = REDIS_ERR_IO;
        snprintf(c->errstr, sizeof c->errstr, "%s", strerrordesc_np(errno));
        return REDIS_ERR;
    }
    if (n > 0)
        sdsrange(c->obuf, (int)n, -1);
    *all = sdslen(c->obuf) == 0;
    give_back_sent(c);
    return REDIS_OK;
}
#else
#define write_some redisBufferWrite
#endif

static int push(struct redis *r, struct error *why)
{
    int all = 0;

    redis_tls_forget_errors();
    if (write_some(r->c, &all) != REDIS_OK)
        return parting_words(r, why);
    r->unsent = all == 0;
    return 0;
}

int wire_await(struct redis *r, int64_t until, redisReply **reply, size_t *bytes, struct error *why)
{
    bool moved = false;
    int rc = wire_parse(r, reply, bytes, why);

    while (rc == 0 && *reply == NULL) {
        if (r->unsent)
            rc = push(r, why);
        if (rc == 0)
            rc = wire_pull(r, &moved, why);
        if (rc == 0 && !moved)
            rc = redis_wait((int)r->c->fd, r->unsent ? POLLIN | POLLOUT : POLLIN, until, r->stop,
                            why);
        else if (rc == 0)
            rc = redis_in_time(until, r->stop, why);
        if (rc == 0)
            rc = wire_parse(r, reply, bytes, why);
    }
    return rc;
}
