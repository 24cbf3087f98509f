/*
 * Listening sockets that a service manager made and keeps for us (sd_listen_fds(3)): they stay open
 * while we are away, so that who connects then waits in the backlog and is answered afterwards.
 * Spoken here and not by libsystemd: three variables of the environment. At start only.
 */
#ifndef RCPTGUARD_BASE_PASSED_H
#define RCPTGUARD_BASE_PASSED_H

#include "rcptguard/base/socket.h"

#define PASSED_MAX 64 /* sockets; nobody listens at so many places */

struct passed;

/*
 * Takes the sockets that LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES tell of, and removes the three
 * from the environment. *OUT is NULL when there are none, or they are for another process. What is
 * no listening stream socket is ERR_REFUSED.
 */
int passed_take_all(struct passed **out, struct error *why);

/* Closes what nobody took. NULL is fine. */
void passed_free(struct passed *p);

/*
 * Hands out one that is non-blocking and listening, the caller's to close, or -1: by its address as
 * configured, or the next one of a NAME (FileDescriptorName= of its unit), which fills *WHERE. P
 * may be NULL.
 */
int passed_at(struct passed *p, const struct socket_address *where);
int passed_named(struct passed *p, const char *name, struct socket_address *where);

/* ERR_REFUSED, naming it, when one is left that nobody took: who connects there would wait for
 * ever. P may be NULL. */
int passed_check_taken(const struct passed *p, struct error *why);

#endif
