/*
 * The inside of a connection to Redis. redis.c has questions and answers, redis_open.c the way to
 * the first of them, redis_wire.c the bytes, with hiredis, and their limits. Of one thread, as all
 * of redis.h. UNTIL is of clock_mono_ms; codes as of redis_call.
 */
#ifndef FLEET_REDIS_PARTS_H
#define FLEET_REDIS_PARTS_H

#include <hiredis.h>

#include "rcptguard/base/escape.h"
#include "redis.h"

struct aside;

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

/* ---- redis_wire.c: the caller closes the connection when one of these fails */

/* Puts the limits into READER, which is new. */
void wire_guard(struct redis *r, redisReader *reader);

/* Reads what has come, at most one piece. *MOVED: there was some. */
int wire_pull(struct redis *r, bool *moved, struct error *why);

/* *REPLY: the next whole answer of what was read, of *BYTES, or NULL. The caller's. */
int wire_parse(struct redis *r, redisReply **reply, size_t *bytes, struct error *why);

/* Sends what was appended, and waits for a whole answer. */
int wire_await(struct redis *r, int64_t until, redisReply **reply, size_t *bytes,
               struct error *why);

/* Bytes from outside for a person, as many as DST takes. DST. */
const char *wire_escaped(const char *bytes, size_t len, char dst[ESCAPE_MAX_BYTES + 1]);

/* ---- redis.c */

/* Question and answer, which may be an error of Redis'. On failure the connection is closed. */
int redis_converse(struct redis *r, const struct view *words, size_t n, int64_t until,
                   redisReply **reply, struct error *why);

/* An error of Redis' becomes words: ERR_REFUSED, and *REPLY is NULL. */
int redis_settle(redisReply **reply, struct error *why);

/* Is it an error of Redis' that begins with CODE? */
bool redis_says(const redisReply *reply, const char *code);

#endif
