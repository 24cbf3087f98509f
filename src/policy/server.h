/* What listeners and connections share. Loop thread only. */
#ifndef POLICY_SERVER_H
#define POLICY_SERVER_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "rcptguard/base/seldom.h"
#include "rcptguard/base/socket.h"
#include "rcptguard/policy.h"
#include "turn.h"

struct listener {
    struct policy *policy;
    struct socket_address address;
    struct socket_file file;
    char text[SOCKET_TEXT_MAX]; /* as configured */
    int fd;
    bool passed; /* it outlives us, with who is in its backlog */
    struct event *acceptable;
    unsigned n_clients;
    uint64_t accepted, refused, broken; /* connections since the start */
};

/* The bytes of one query, and how far they were read. */
struct query_space {
    struct policy_scanner scanner;
    char bytes[POLICY_QUERY_MAX];
};

/*
 * What every query touches stands first, since thousands of connections take turns. A query that
 * came whole, as nearly all do, is answered in the space that all of them share.
 */
struct client {
    struct event readable;
    int fd;
    bool asked;   /* a whole query came */
    bool in_turn; /* its answer is sent at the end of this turn */
    struct policy *policy;
    struct query_space *rest;     /* its own, for what could not be answered yet; else untouched */
    size_t len;                   /* bytes not answered yet, in REST between turns */
    struct verdict_wait *waits;   /* a question that waits for DNS zones; nothing is read */
    size_t reply_len, reply_sent; /* one answer on its way; the next waits for it */
    char reply[ACTION_MAX + 16];
    struct event writable;
    struct listener *listener;
    struct client *next, *previous;
};

struct policy {
    struct event_base *base;
    struct verdict *verdict;
    struct record *record;
    struct listener *listeners;
    size_t n_listeners;
    unsigned max_clients;
    int fd_limit; /* a connection that gets this number, or a higher one, is closed at once */
    struct client *clients;
    size_t n_clients;
    bool draining;
    bool impatient;       /* while draining: a question that did not come yet will not */
    bool paused;          /* out of descriptors: nothing is accepted */
    struct event *resume; /* timer */
    struct seldom unaccepted, beyond_fds, beyond_max; /* warnings */
    uint64_t refused;                                 /* since that line */
    struct event *drain_limit;                        /* timer: patience first, then the rest */
    struct timeval drain_rest;
    void (*drained)(void *arg);
    void *drained_arg;
    struct query_space space;
    struct turn turn;
};

/* NULL: no memory; FD is the caller's then, the client's else. */
struct client *client_new(struct policy *p, struct listener *l, int fd);
void client_close(struct client *c);

/* Writes what is left of its answer; without a peer, closes. */
void client_send(struct client *c);

/*
 * Answers what is readable now, then closes, once its answers are taken. Who has not asked yet, or
 * half, is about to (Postfix connects when it has a question) and is waited for until the policy is
 * impatient: a new connection that breaks twice in a row is a warning in Postfix's log.
 */
void client_drain(struct client *c);

/* One that still waits for a DNS zone is told that it passes. */
void client_give_up(struct client *c);

/* Called after each close: accepting may go on, a drain may be complete. */
void policy_client_gone(struct policy *p);

#endif
