/* `[redis] url`: where Redis is, and as whom. Pure. */
#ifndef FLEET_URL_H
#define FLEET_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/base/error.h"
#include "rcptguard/base/view.h"

#define REDIS_HOST_MAX   256
#define REDIS_SECRET_MAX 512 /* user or password */
#define REDIS_PORT       6379
#define SENTINEL_PORT    26379

struct redis_url {
    char path[108];            /* of a unix socket; "": TCP */
    char host[REDIS_HOST_MAX]; /* a name or an address, without the brackets of an IPv6 one */
    char place[64]; /* its address in numbers, where that is known: HOST is not looked up then */
    uint16_t port;
    bool tls;                                                /* rediss: */
    char user[REDIS_SECRET_MAX], password[REDIS_SECRET_MAX]; /* percent-decoded; "": none */
    unsigned database;
};

/*
 * unix:/path[?db=N], unix://[user:password@]/path[?db=N], redis://[user:password@]host[:port][/db],
 * redis://:password@host, rediss://... (as redis-cli -u and the URI registration read them; what
 * they read differently, `word@host`, is refused). 0, or ERR_SYNTAX with *why, which holds nothing
 * of TEXT, so no password either: what is wrong, and what is expected.
 */
int redis_url_parse(struct view text, struct redis_url *out, struct error *why);

/* HOST or HOST:PORT, [::1]:26379; PORT is the default. All else of *OUT is empty. ERR_SYNTAX. */
int redis_host_parse(struct view text, uint16_t port, struct redis_url *out, struct error *why);

/* For logs, without user and password: "unix:/path", "host:6379", "[::1]:6379". Returns DST. */
#define REDIS_WHERE_MAX 272
const char *redis_url_where(const struct redis_url *url, char dst[REDIS_WHERE_MAX]);

#endif
