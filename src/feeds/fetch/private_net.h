/* Addresses that a server on the Internet has no business to send us to. Pure. */
#ifndef FEEDS_PRIVATE_NET_H
#define FEEDS_PRIVATE_NET_H

#include <stdbool.h>
#include <sys/socket.h>

/* Loopback, private, link-local, unspecified, shared (RFC 6598) or no IP at all; IPv4 inside IPv6
 * (mapped, compatible, NAT64, 6to4) is looked at as IPv4. */
bool private_net_is(const struct sockaddr *address);

#endif
