/* What the feeds room alone asks of the protected domains. */
#ifndef FEEDS_PROTECT_H
#define FEEDS_PROTECT_H

#include "rcptguard/feeds.h"

/* Digest of the domains, the same in whatever order and however often they are written. */
const unsigned char *protect_digest(const struct protect *p); /* SHA256_BYTES of it */

#endif
