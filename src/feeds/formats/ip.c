/*
 * Addresses in lists. Whether something is one, the address room decides when it takes a name; this
 * asks it, so that there is one opinion.
 */
#include "ip.h"

#include "rcptguard/address.h"

bool ip_is_address(struct view v)
{
    struct entry entry;
    struct error why;

    return entry_parse_domain(v, ENTRY_DOMAIN, &entry, &why) == ENTRY_IGNORED;
}

/* Of all addresses :: and ::1, however many of their zeros are written. */
static bool is_ipv6_nowhere(struct view v)
{
    if (v.len > 0 && v.ptr[v.len - 1] == '1')
        v.len--;
    for (size_t i = 0; i < v.len; i++)
        if (v.ptr[i] != '0' && v.ptr[i] != ':')
            return false;
    return true;
}

bool ip_is_nowhere(struct view v)
{
    /* Nearly every row of a real list has one of these. */
    if (view_is(v, "0.0.0.0") || view_is(v, "127.0.0.1") || view_is(v, "0"))
        return true;
    bool ipv4_loopback = view_starts(v, "127.") && view_find(v, ':') < 0;
    return (ipv4_loopback || is_ipv6_nowhere(v)) && ip_is_address(v);
}
