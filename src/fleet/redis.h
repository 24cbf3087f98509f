/*
 * A connection to Redis or Valkey, of one thread that may wait: never the loop. Every call has a
 * deadline of its own and a limit to what it reads, because hiredis has neither, and because what
 * is at the other end may hang, drip or answer garbage. hiredis 0.14 and 1.x.
 *
 * After any failure but one that Redis itself answered the connection is broken: a late answer must
 * never be taken for that of the next question. redis_is_up tells; redis_open begins anew.
 * Something that came before it was asked for breaks it, too.
 *
 * Where SIGPIPE is neither ignored nor blocked, a Redis that goes away ends the process.
 */
#ifndef FLEET_REDIS_H
#define FLEET_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/base/error.h"
#include "rcptguard/base/view.h"
#include "url.h"

struct redisReply; /* hiredis.h */
struct redis;

/*
 * Ends waits before their time, since a daemon that stops must not wait for a Redis that hangs. A
 * call under way, and what is asked after that (a last word), have REDIS_STOP_MS between them all,
 * which a Redis that is well does not need; nothing is connected any more. One for all connections
 * of a thread, and of no other thread.
 */
#define REDIS_STOP_MS 300
struct redis_stop {
    int fd;         /* readable from the stop on (base/wake.h), never read here; -1: none */
    int64_t end_ms; /* mono; 0 at first: nobody has seen the stop yet */
};

bool redis_stops(struct redis_stop *stop); /* has it come? NULL: no */

/* Not connected; NULL: no memory. STOP is borrowed; NULL: calls end at their deadlines only. */
struct redis *redis_new(struct redis_stop *stop);
void redis_free(struct redis *r);

/*
 * Connects, AUTH, SELECT, PING, within DEADLINE_MS in all but for getaddrinfo, which takes what it
 * takes: numeric hosts and paths never wait for it. All addresses of a name are tried, each for its
 * share of the time. ERR_IO, ERR_TIMEOUT, ERR_REFUSED (password, database, certificate, TLS that
 * hiredis was not built with, still loading), with *why in words for a postmaster; never a secret.
 * What was open before is closed. A user who may not PING (NOPERM) is connected all the same.
 */
int redis_open(struct redis *r, const struct redis_url *url, int deadline_ms, struct error *why);
void redis_close(struct redis *r);
int redis_is_up(const struct redis *r);

/* The most that one answer may take: bytes, and elements of arrays, which hiredis allocates as they
 * are announced. Words of a question are limited likewise. */
#define REDIS_MAX_ANSWER   ((size_t)64 << 20)
#define REDIS_MAX_ELEMENTS ((size_t)1 << 20)

/*
 * One command, one answer, which is the caller's (redis_reply_free). 0; ERR_REFUSED: Redis answered
 * with an error (*why has its words, escaped), and the connection is as good as before; ERR_IO,
 * ERR_TIMEOUT, ERR_LIMIT (an answer beyond REDIS_MAX_ANSWER or REDIS_MAX_ELEMENTS), ERR_SYNTAX (no
 * Redis speaks so), ERR_NOMEM: the connection is broken, *why says it and *REPLY is NULL.
 * DEADLINE_MS is for all of it, however slowly it comes; "stopping" (ERR_IO): it was cut short.
 *
 * An answer is RESP2, but only its top is sure: what is inside may be of any type and is to be
 * looked at with redis_text and redis_number.
 */
int redis_call(struct redis *r, const struct view *words, size_t n, int deadline_ms,
               struct redisReply **reply, struct error *why);
void redis_reply_free(struct redisReply *reply); /* NULL is fine */

/*
 * The same of a script (EVALSHA, then EVAL when Redis does not know it): KEYS then ARGS. SHA is
 * room of 41 bytes that belongs to the script, "" at first; it is filled here, so a script is of
 * one thread. DEADLINE_MS is for both.
 */
struct redis_script {
    const char *text;
    char sha[41];
};
int redis_run(struct redis *r, struct redis_script *script, const struct view *keys, size_t n_keys,
              const struct view *args, size_t n_args, int deadline_ms, struct redisReply **reply,
              struct error *why);

/*
 * What was published to the channels that this connection subscribed to (redis_call with SUBSCRIBE
 * or PSUBSCRIBE, any number of channels): reads what has come, without waiting. 1: *REPLY is one
 * message, {"message", channel, bytes} or {"pmessage", pattern, channel, bytes}, and there may be
 * more that poll does not know of: call until 0; 0: none; negative: broken.
 *
 * On such a connection redis_call may still send PING (it answers {"pong", ""}) and SUBSCRIBE;
 * messages that come meanwhile wait for redis_message. Answers there are limited to
 * REDIS_MAX_MESSAGE.
 */
#define REDIS_MAX_MESSAGE ((size_t)1 << 20)
int redis_message(struct redis *r, struct redisReply **reply, struct error *why);
int redis_fd(const struct redis *r); /* to poll for messages; -1: not open */

/* What an answer is, for who must not trust it: the text of a string (or status), VIEW_NONE and
 * false for anything else. Borrowed from REPLY, which may be NULL. */
bool redis_text(const struct redisReply *reply, struct view *out);
bool redis_number(const struct redisReply *reply, int64_t *out); /* an integer, or digits */
bool redis_is_nil(const struct redisReply *reply);

#endif
