/*
 * UDP sockets to one resolver. Each is connected, so that nobody but the resolver is heard, and has
 * a port of its own; a new one is made when none is in use, and after so many questions: a port
 * that stays makes answers easier to forge (RFC 5452, 9.2). Loop thread. Opens sockets and no
 * files.
 */
#ifndef DNSBL_UDP_H
#define DNSBL_UDP_H

#include "servers.h"

struct event_base;
struct udp_socket;
struct udp_peer;

/* Who asks through a socket; a part of a question, all 0 at first. */
struct udp_holder {
    struct udp_socket *socket; /* NULL: holds none */
    struct udp_holder *next, **previous;
    void *question; /* whose part it is */
};

struct udp_events {
    void (*heard)(const struct udp_socket *s, struct view message, void *arg);
    /* Its port is closed, or there is no way to it: for each question that held a socket which was
     * refused, and holds it no more. Must not ask anything from within. */
    void (*refused)(void *question, void *arg);
    void *arg;
};

/* EVENTS is copied. NULL: no memory. */
struct udp_peer *udp_peer_new(struct event_base *base, const struct server *server,
                              const struct udp_events *events);
void udp_peer_free(struct udp_peer *p); /* no socket of it is held; NULL is fine */

/* A socket to ask one question through; it stays until nobody holds it. False: none can be made. */
bool udp_hold(struct udp_peer *p, struct udp_holder *h, void *question);
void udp_let_go(struct udp_holder *h); /* fine when it holds none */

/* Through what H holds. The server may refuse it, or something that was sent before, and then H
 * holds nothing. What the kernel has no room for is lost, as on any network. */
void udp_send(struct udp_holder *h, struct view message);

#endif
