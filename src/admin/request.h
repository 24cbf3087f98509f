/*
 * One request on its way through a handler. A handler answers exactly once, with request_reply or
 * request_fail, now or later; if it waits, it says so first (request_wait), and after its gone()
 * was called it must not touch the request any more.
 */
#ifndef ADMIN_REQUEST_H
#define ADMIN_REQUEST_H

#include <jansson.h>

#include <event2/http.h>

#include "connections.h"
#include "peer.h"
#include "rcptguard/admin.h"
#include "rcptguard/base/socket.h"
#include "target.h"

#define ADMIN_BY_MAX 64 /* bytes shown of who somebody claims to be */

struct admin {
    struct event_base *base;
    struct evhttp *http;
    struct connections *connections;
    const struct admin_house *house;
    gid_t admin_group; /* SOCKET_NO_GROUP: root and ourselves only */
    struct socket_file file;
    unsigned fetching; /* requests that wait for a fetch */
};

struct request {
    struct admin *admin;
    struct evhttp_request *http;
    struct target target;
    struct view name; /* what took the place of '*' in the route */
    struct peer peer;
    json_t *body; /* a POST's object, or NULL */
    void (*gone)(void *work);
    void *work;
    char memory[]; /* what the target's views point to */
};

/* Answers with DOCUMENT (taken over; NULL is answered with 500) and frees R. */
void request_reply(struct request *r, int status, json_t *document);

/* Answers with {"error": "..."} and frees R. */
void request_fail(struct request *r, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* WORK goes on until the answer; GONE(WORK) ends it when the client has gone first. */
void request_wait(struct request *r, void (*gone)(void *work), void *work);

/* May this peer do what changes verdicts? If not, R was answered with 403. */
bool request_may_admin(struct request *r);

/* One line a change: who did WHAT (the kernel's uid, and the name that the client claims). */
void request_log(const struct request *r, const char *what, struct view name, const char *outcome);

/* The routes. */
typedef void request_handler(struct request *r);
void routes_serve(struct request *r);

void admin_check(struct request *r);    /* GET /v1/check */
void admin_feeds(struct request *r);    /* GET /v1/feeds */
void admin_refresh(struct request *r);  /* POST /v1/feeds/NAME/refresh */
void admin_accept(struct request *r);   /* POST /v1/feeds/NAME/accept */
void admin_rollback(struct request *r); /* POST /v1/feeds/NAME/rollback */
void admin_status(struct request *r);   /* GET /v1/status */

#endif
