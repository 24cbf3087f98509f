/* Which Redis is the master, as Sentinels say. Of a thread that may wait. */
#ifndef FLEET_SENTINEL_H
#define FLEET_SENTINEL_H

#include <stddef.h>

#include "rcptguard/base/error.h"
#include "rcptguard/base/view.h"
#include "redis.h"

/*
 * Asks each Sentinel (host, port, TLS, user and password of its url) for the master of the name
 * MASTER, until one names a host that connects as *FOUND says (user, password, TLS) and calls
 * itself a master: a Sentinel may be behind, and its answer is not trusted. 0: host and port of
 * *FOUND are that master's, all else stays; on failure *FOUND is as it was. Nothing is kept: ask
 * again when a connection is lost, or answers READONLY.
 *
 * What a Sentinel names gets the password, unless TLS shows that it is another. A loopback address
 * is believed only of a Sentinel on loopback.
 *
 * DEADLINE_MS is for all, in equal shares of what is left; getaddrinfo takes what it takes. STOP as
 * for redis_new.
 * ERR_ABSENT: no Sentinel knows the name; else as redis_open of the one that was asked last.
 */
int sentinel_find(const struct redis_url *sentinels, size_t n, struct view master, int deadline_ms,
                  struct redis_stop *stop, struct redis_url *found, struct error *why);

#endif
