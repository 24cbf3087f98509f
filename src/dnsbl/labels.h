/*
 * Names as the DNS takes them: letters, digits, '-' and '_' in labels of 1 to 63 bytes. Pure.
 */
#ifndef DNSBL_LABELS_H
#define DNSBL_LABELS_H

#include "rcptguard/base/buf.h"
#include "rcptguard/base/view.h"

#define LABEL_MAX_BYTES 63

/* What keeps NAME (no dot at its end) from being a name, in words for a person; NULL: nothing. */
const char *labels_fault(struct view name);

/* Could NAME be taken for an IPv4 address? No name's last label is a number (RFC 3696, 2). */
bool labels_are_numeric(struct view name);

#endif
