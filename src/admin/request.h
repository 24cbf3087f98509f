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
#include "rcptguard/base/escape.h"
#include "rcptguard/base/socket.h"
#include "target.h"

#define ADMIN_BY_MAX 64 /* bytes shown of who somebody claims to be */

struct edit;

/* The admin socket, or the listener that shows the little that anybody may know. */
struct admin_listener {
    struct admin *admin;
    struct evhttp *http; /* NULL: off */
    struct connections *connections;
    bool for_anybody;
};

struct admin {
    struct event_base *base;
    const struct admin_house *house;
    struct suffixes *suffixes;
    gid_t admin_group; /* SOCKET_NO_GROUP: root and ourselves only */
    struct socket_file file;
    struct admin_listener socket, anybody;
    unsigned fetching;  /* requests that wait for a fetch */
    unsigned searching; /* requests that wait for what is searched in files */
    unsigned streams;
    uint64_t events_lost; /* by all streams since the start */
    struct usage *usage;  /* what the disk thread found out of the process; NULL: nothing yet */
    int64_t metrics_ns;   /* what making the last page of metrics took */
    size_t metrics_bytes; /* its length */
    struct edit *edits;   /* those under way */
};

struct request {
    struct admin *admin;
    struct admin_listener *at;
    struct evhttp_request *http;
    struct target target;
    struct view name; /* what took the place of '*' in the route */
    struct peer peer;
    json_t *body; /* a POST's object, or NULL */
    void (*gone)(void *work);
    void (*tick)(void *work);
    void *work;
    char memory[]; /* what the target's views point to */
};

/* Answers with DOCUMENT (taken over; NULL is answered with 500) and frees R. */
void request_reply(struct request *r, int status, json_t *document);

/* Answers with LEN BYTES from malloc (taken over; NULL is answered with 500) and frees R. */
void request_reply_bytes(struct request *r, const char *type, char *bytes, size_t len);

/* Answers with {"error": "..."} and frees R. */
void request_fail(struct request *r, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* WORK goes on until the answer; GONE(WORK) ends it when the client has gone first. TICK(WORK),
 * unless NULL, is called every ADMIN_SWEEP_MS until then, and may answer. */
void request_wait(struct request *r, void (*gone)(void *work), void (*tick)(void *work),
                  void *work);

/* After request_wait: an answer without end begins, a document a line. GONE ends it. */
void request_stream(struct request *r);
void request_chunk(struct request *r, json_t *document); /* taken over; NULL: nothing is sent */
size_t request_unsent(const struct request *r);

/* May this peer do WHAT, which changes verdicts for everybody, to NAME? If not, that is logged and
 * R was answered with 403. */
bool request_may_admin(struct request *r, const char *what, struct view name);

/* May another request search in files? If not, R was answered with 503. */
bool request_may_search(struct request *r);

/* A parameter that is yes or no (the default). False: R was answered. */
bool request_flag(struct request *r, const char *key, bool *value);

/* The same of `fleet`, of what only relays that share events can answer. */
bool request_fleet(struct request *r, bool *fleet);

/* Whose change it is, kept for when the client may have gone. */
struct change_words {
    long uid;                                              /* -1: not known */
    char by[ADMIN_BY_MAX + 8], name[ESCAPE_MAX_BYTES + 8]; /* escaped */
};
void request_change(const struct request *r, struct view name, struct change_words *to);

/* One line a change: who did WHAT (the kernel's uid, and the name that the client claims). */
void request_log(const struct request *r, const char *what, struct view name, const char *outcome);

/* The routes. */
typedef void request_handler(struct request *r);
void routes_serve(struct request *r);
void routes_serve_anybody(struct request *r);

void edits_forget(struct admin *a); /* those under way find no admin when they end */

void admin_check(struct request *r);    /* GET /v1/check */
void admin_feeds(struct request *r);    /* GET /v1/feeds */
void admin_refresh(struct request *r);  /* POST /v1/feeds/NAME/refresh */
void admin_accept(struct request *r);   /* POST /v1/feeds/NAME/accept */
void admin_rollback(struct request *r); /* POST /v1/feeds/NAME/rollback */
void admin_status(struct request *r);   /* GET /v1/status */
void admin_status_anybody(struct request *r);
void admin_exclusions(struct request *r); /* GET /v1/exclusions */
void admin_blocks(struct request *r);     /* GET /v1/blocks */
void admin_exclude(struct request *r);    /* POST /v1/exclusions */
void admin_block(struct request *r);      /* POST /v1/blocks */
void admin_unexclude(struct request *r);  /* DELETE /v1/exclusions */
void admin_unblock(struct request *r);    /* DELETE /v1/blocks */
void admin_why(struct request *r);        /* GET /v1/why/REF */
void admin_history(struct request *r);    /* GET /v1/history */
void admin_top(struct request *r);        /* GET /v1/top */
void admin_events(struct request *r);     /* GET /v1/events */
void admin_metrics(struct request *r);    /* GET /metrics */

#endif
