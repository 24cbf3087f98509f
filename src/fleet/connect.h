/* The way to Redis until it can be asked something: addresses, sockets, TLS. Threads that may wait.
 */
#ifndef FLEET_CONNECT_H
#define FLEET_CONNECT_H

#include <stddef.h>
#include <stdint.h>

#include "rcptguard/base/error.h"
#include "redis.h"

struct redisContext; /* hiredis.h */

#define REDIS_PLACES_MAX 8  /* of one name that are tried */
#define REDIS_PLACE_MAX  64 /* a numeric address, with an interface behind '%' */

/* Where to connect to; a unix socket is one place without a text. */
struct redis_places {
    char text[REDIS_PLACES_MAX][REDIS_PLACE_MAX];
    size_t n; /* at least 1 */
};

/* Waits as long as getaddrinfo does, but for numeric hosts and paths. ERR_IO: no such name. */
int redis_places_of(const struct redis_url *url, struct redis_places *out, struct error *why);

/*
 * Connected to PLACE, with TLS where the URL says so. *C is the caller's (redisFree). UNTIL is of
 * clock_mono_ms; STOP as for redis_new. ERR_IO, ERR_TIMEOUT, ERR_NOMEM; ERR_REFUSED: its
 * certificate is not the host's.
 */
int redis_connect(const struct redis_url *url, const char *place, int64_t until,
                  struct redis_stop *stop, struct redisContext **out, struct error *why);

/* 0 when one of EVENTS (poll.h) has come, or the other end has gone; ERR_TIMEOUT, ERR_IO. */
int redis_wait(int fd, short events, int64_t until, struct redis_stop *stop, struct error *why);

/* The same for who need not wait: 0 while there is time. */
int redis_in_time(int64_t until, struct redis_stop *stop, struct error *why);

#endif
