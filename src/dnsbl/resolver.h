/*
 * Asks resolvers: UDP, TCP where an answer was cut, several tries, the next server where one fails.
 * Resolves no name of its own: its servers are addresses. Loop thread; opens sockets and no files.
 */
#ifndef DNSBL_RESOLVER_H
#define DNSBL_RESOLVER_H

#include "message.h"
#include "rcptguard/base/error.h"

struct event_base;
struct resolver;

/* SERVERS as dnsbl_servers_check takes them. A question that nobody answered ends after GIVE_UP_MS;
 * tries are sent again long before. NULL with *why. */
struct resolver *resolver_new(struct event_base *base, const char *servers, unsigned max_questions,
                              int64_t give_up_ms, struct error *why);

/* Those on their way are not called back. NULL is fine. */
void resolver_free(struct resolver *r);

/* ANSWER is valid during the call. May ask again, must not free the resolver. */
typedef void resolver_answered(const struct dns_answer *answer, void *arg);

/* NAME is absolute, no dot at its end. 0 and CALL comes once, never before this returns; ERR_LIMIT
 * (max_questions are on their way), ERR_SYNTAX (no name of the DNS) or ERR_NOMEM and it does not.
 */
int resolver_ask(struct resolver *r, const char *name, enum dns_type type, resolver_answered *call,
                 void *arg);

/* Nobody is called back any more for what is on its way; the resolver goes on with new questions.
 * Not from within CALL. */
void resolver_forget(struct resolver *r);

unsigned resolver_waiting(const struct resolver *r); /* questions on their way */

#endif
