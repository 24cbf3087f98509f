/* What the formats ask of an address that stands beside a name or for one. */
#ifndef FEEDS_FORMATS_IP_H
#define FEEDS_FORMATS_IP_H

#include <stdbool.h>

#include "rcptguard/base/view.h"

/* An IPv4 or IPv6 address. */
bool ip_is_address(struct view v);

/*
 * An unspecified or a loopback address: a name that is sent there is blocked. "0" is the short
 * form of 0.0.0.0 that saves the lists' space.
 */
bool ip_is_nowhere(struct view v);

#endif
