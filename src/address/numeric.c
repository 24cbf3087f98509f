/*
 * Tells IP addresses from names. By hand and not by inet_pton, since it must also know the zones
 * and ports that lists carry, and this room knows no network.
 */
#include "numeric.h"

#include <stddef.h>

static bool is_ipv4(struct view v)
{
    struct view rest = v, part;
    uint64_t octet;
    int parts = 0;

    while (view_split(&rest, '.', &part)) {
        if (part.len > 3 || !view_to_uint(part, 255, &octet))
            return false;
        parts++;
    }
    return parts == 4;
}

static bool is_group(struct view v)
{
    for (size_t i = 0; i < v.len; i++)
        if (!ascii_digit(v.ptr[i]) &&
            !(ascii_lower(v.ptr[i]) >= 'a' && ascii_lower(v.ptr[i]) <= 'f'))
            return false;
    return v.len >= 1 && v.len <= 4;
}

/*
 * How many 16-bit groups "a:b:c" has; an IPv4 address counts as two, at the end of the whole only.
 * -1: something else is in it.
 */
static int count_groups(struct view v, bool at_end)
{
    struct view part;
    int groups = 0;

    if (v.len == 0)
        return 0;
    while (view_split(&v, ':', &part)) {
        bool last = at_end && v.ptr == NULL;
        if (is_group(part))
            groups++;
        else if (last && is_ipv4(part))
            groups += 2;
        else
            return -1;
    }
    return groups;
}

/* The name of an interface; anything else behind the % is a row of several things. */
static bool is_zone(struct view v)
{
    for (size_t i = 0; i < v.len; i++)
        if (!ascii_alnum(v.ptr[i]) && view_find(view_of("._:-"), v.ptr[i]) < 0)
            return false;
    return v.len > 0;
}

static bool is_ipv6(struct view v)
{
    ptrdiff_t zone = view_find(v, '%');
    if (zone >= 0) {
        if (!is_zone(view_from(v, (size_t)zone + 1)))
            return false;
        v = view_first(v, (size_t)zone);
    }
    if (v.len < 2 || v.len > 45)
        return false;
    for (size_t i = 0; i + 1 < v.len; i++) {
        if (v.ptr[i] != ':' || v.ptr[i + 1] != ':')
            continue;
        int before = count_groups(view_first(v, i), false);
        int behind = count_groups(view_from(v, i + 2), true);
        return before >= 0 && behind >= 0 && before + behind <= 7;
    }
    return count_groups(v, true) == 8;
}

static bool is_port(struct view v)
{
    uint64_t port;
    return view_to_uint(v, 65535, &port);
}

/* [192.0.2.1], [IPv6:2001:db8::1], [2001:db8::1]:25 */
static bool is_bracketed(struct view v)
{
    ptrdiff_t close = view_find(v, ']');
    if (v.len == 0 || v.ptr[0] != '[' || close < 0)
        return false;

    struct view inner = view_make(v.ptr + 1, (size_t)close - 1);
    struct view behind = view_from(v, (size_t)close + 1);
    if (view_eq_nocase(view_first(inner, 5), view_of("IPv6:")))
        inner = view_from(inner, 5);
    if (behind.len > 0 && (behind.ptr[0] != ':' || !is_port(view_from(behind, 1))))
        return false;
    return is_ipv4(inner) || is_ipv6(inner);
}

bool numeric_is_address(struct view v)
{
    if (v.len > 1 && v.ptr[v.len - 1] == '.')
        v.len--;
    if (is_ipv4(v) || is_ipv6(v) || is_bracketed(v))
        return true;
    ptrdiff_t colon = view_find(v, ':');
    return colon > 0 && is_ipv4(view_first(v, (size_t)colon)) &&
           is_port(view_from(v, (size_t)colon + 1));
}
