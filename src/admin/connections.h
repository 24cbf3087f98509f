/*
 * The connections of an admin listener, kept few and short.
 *
 * evhttp has no cap on connections and no total deadline, it reads on without bound while it
 * writes, and it does not see that a client has gone while a handler holds its request. So this
 * file makes each connection's bufferevent itself, keeps a reference, and looks at all of them
 * every ADMIN_SWEEP_MS: what evhttp has let go is closed, what is over its time is shut down
 * (evhttp then frees it), and who hung up while he was to wait is told to his handler.
 *
 * One request a connection: every answer closes. Each listener has its own places, so that a flood
 * on one does not lock out the other.
 */
#ifndef ADMIN_CONNECTIONS_H
#define ADMIN_CONNECTIONS_H

#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

#include "rcptguard/base/error.h"

#define ADMIN_MAX_CONNECTIONS 64
#define ADMIN_MAX_FETCHING    16 /* of those, waiting for a fetch: the others stay usable */
#define ADMIN_MAX_EDITING     16 /* edits under way: the disk thread has more to do */
#define ADMIN_MAX_SEARCHING   16 /* waiting for what is searched in files */
#define ADMIN_MAX_STREAMS     8
#define ADMIN_REQUEST_MS      10000 /* from accept to the whole request */
#define ADMIN_REPLY_MS        30000 /* from the answer to its last byte */
#define ADMIN_STUCK_MS        60000 /* a stream of whose output nothing is taken */
#define ADMIN_CROWDED_MS      250   /* the first two, while all places are taken */
#define ADMIN_SWEEP_MS        20
#define ADMIN_ACCEPTS         16    /* a sweep: 800 requests a second are a few percent of a CPU */
#define ADMIN_PAUSE_MS        500   /* after accept failed (descriptors) */
#define ADMIN_MAX_HEADERS     65536 /* room for a recipient of 16 KB, percent-encoded */
#define ADMIN_MAX_BODY        65536

struct connections;

typedef void connection_call(void *request);

/* Listens on FD (taken over) with HTTP's callbacks; disabled until connections_start. NULL: no
 * memory. */
struct connections *connections_new(struct event_base *base, struct evhttp *http, int fd);
void connections_start(struct connections *c);

/* After evhttp_free: drops the references that are left. NULL is fine. */
void connections_free(struct connections *c);

unsigned connections_count(const struct connections *c);

/* The descriptor of the connection that HTTP came on. */
int connections_fd(struct evhttp_request *http);

/*
 * The request is whole and REQUEST works on it. GONE(REQUEST) is called if the client goes first:
 * the evhttp_request is about to be freed. TICK(REQUEST), unless NULL, every ADMIN_SWEEP_MS: it may
 * answer.
 */
void connections_wait(struct connections *c, struct evhttp_request *http, connection_call *gone,
                      connection_call *tick, void *request);

/* After connections_wait: an answer without end has begun. GONE and TICK go on being called. */
void connections_stream(struct connections *c, struct evhttp_request *http);

/* Bytes that the client has not taken yet. */
size_t connections_unsent(struct evhttp_request *http);

/* The request is answered: GONE will not be called; the answer has ADMIN_REPLY_MS to leave. */
void connections_answered(struct connections *c, struct evhttp_request *http);

#endif
