/*
 * The short way for entries as nearly all lists have them: plain ASCII, nothing quoted, nothing to
 * fold but case. What is not taken here goes the long way, which gives the same answer for both.
 */
#ifndef RCPTGUARD_ADDRESS_PLAIN_H
#define RCPTGUARD_ADDRESS_PLAIN_H

#include "rcptguard/address.h"

/* user@d as ENTRY_ADDRESS into *OUT; false: not plain. */
bool plain_address(struct view what, const struct address_options *options, struct entry *out);

/* A name of a domain as KIND into *OUT; false: not plain, or it might be an IP address. */
bool plain_domain(struct view name, enum entry_kind kind, struct entry *out);

#endif
