/* Numeric host addresses in lists of names: well-formed, but they say nothing about mail. */
#ifndef RCPTGUARD_ADDRESS_NUMERIC_H
#define RCPTGUARD_ADDRESS_NUMERIC_H

#include <stdbool.h>

#include "rcptguard/base/view.h"

/* An IPv4 or IPv6 address, with or without zone, port, brackets or one trailing dot. */
bool numeric_is_address(struct view v);

#endif
