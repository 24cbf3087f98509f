/*
 * One question by TCP, to a resolver whose answer by UDP was cut (RFC 7766). A connection each:
 * they are rare. Loop thread.
 */
#ifndef DNSBL_TCP_H
#define DNSBL_TCP_H

#include "servers.h"

struct event_base;
struct tcp_question;

/* MESSAGE is what came, VIEW_NONE: nothing whole did. Valid during the call, which may free the
 * question. */
typedef void tcp_answered(struct view message, void *arg);

/* CALL comes once, never before this returns; there is no time-out. NULL: it cannot be asked. */
struct tcp_question *tcp_ask(struct event_base *base, const struct server *server,
                             struct view question, tcp_answered *call, void *arg);
void tcp_free(struct tcp_question *t); /* CALL does not come any more; NULL is fine */

#endif
