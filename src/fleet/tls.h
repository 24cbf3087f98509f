/*
 * TLS to Redis, by the library hiredis_ssl that is there from hiredis 1.0 on; built with it when
 * RCPTGUARD_REDIS_TLS is defined.
 */
#ifndef FLEET_TLS_H
#define FLEET_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "rcptguard/base/error.h"

struct redisContext; /* hiredis.h */
struct redis_stop;   /* redis.h */

bool redis_tls_is_built(void);

/*
 * Shakes hands on C, which is connected, until UNTIL (clock_mono_ms), or STOP. The certificate must
 * be of HOST and go back to a CA of this system. ERR_REFUSED: it does not; ERR_IO, ERR_TIMEOUT,
 * ERR_NOMEM. C is to be freed then.
 */
int redis_tls_start(struct redisContext *c, const char *host, int64_t until,
                    struct redis_stop *stop, struct error *why);

/* Before hiredis reads or writes: what another library left in OpenSSL's queue of errors of this
 * thread would be taken for the connection's. */
void redis_tls_forget_errors(void);

#endif
