/* Addresses that a server on the Internet has no business to send us to. */
#include "private_net.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct net {
    uint32_t base;
    unsigned bits;
};

/* RFC 6890, without what can be no host of ours. */
static const struct net nets4[] = {
    {0x00000000, 8},  /* this network: Linux takes 0.0.0.0 for loopback */
    {0x0a000000, 8},  /* private */
    {0x64400000, 10}, /* shared, carriers' NAT */
    {0x7f000000, 8},  /* loopback */
    {0xa9fe0000, 16}, /* link-local; clouds serve credentials there */
    {0xac100000, 12}, /* private */
    {0xc0a80000, 16}, /* private */
};

static bool is_private4(uint32_t host)
{
    for (size_t i = 0; i < sizeof nets4 / sizeof nets4[0]; i++)
        if ((host ^ nets4[i].base) >> (32 - nets4[i].bits) == 0)
            return true;
    return false;
}

static uint32_t word(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool is_private6(const uint8_t *a)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    static const uint8_t zero[12];

    if (memcmp(a, zero, 12) == 0 || memcmp(a, mapped, 12) == 0 || memcmp(a, nat64, 12) == 0)
        return is_private4(word(a + 12)); /* ::1 and :: too: they read as 0.0.0.x */
    if (a[0] == 0x20 && a[1] == 0x02)
        return is_private4(word(a + 2));
    return (a[0] & 0xfe) == 0xfc || (a[0] == 0xfe && (a[1] & 0x80) == 0x80);
}

bool private_net_is(const struct sockaddr *address)
{
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;

    if (address->sa_family == AF_INET) {
        memcpy(&in4, address, sizeof in4);
        return is_private4(ntohl(in4.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        memcpy(&in6, address, sizeof in6);
        return is_private6(in6.sin6_addr.s6_addr);
    }
    return true;
}
