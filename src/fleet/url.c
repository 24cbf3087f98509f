/*
 * Where Redis is. No error repeats a byte of the URL: a password with a '/' in it looks like a port
 * or a path.
 */
#include "url.h"

#include <arpa/inet.h>

#include "rcptguard/base/hash.h"

#define EXPECTED                                                                                   \
    "as in unix:/run/redis/redis.sock?db=1, redis://USER:PASSWORD@HOST:6379/0 or "                 \
    "redis://:PASSWORD@HOST"

#define DATABASE_MAX INT32_MAX

static int bad(struct error *why, const char *what)
{
    return error_set(why, ERR_SYNTAX, "%s; expected is a URL %s", what, EXPECTED);
}

/* Into DST, which ends in NUL. False: too long, '%' without two hex digits, a control byte. */
static bool decode(struct view text, char *dst, size_t size)
{
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%') {
            if (i + 2 >= text.len || !hex_parse(view_make(text.ptr + i + 1, 2), &c, 1))
                return false;
            i += 2;
        }
        if (len + 1 >= size || ascii_control(c))
            return false;
        dst[len++] = c;
    }
    dst[len] = '\0';
    return true;
}

static bool takes_scheme(struct view *rest, const char *scheme)
{
    size_t len = strlen(scheme);

    if (!view_eq_nocase(view_first(*rest, len), view_of(scheme)))
        return false;
    /* Not view_from: at the end of the text it makes VIEW_NONE. */
    *rest = view_make(rest->ptr + len, rest->len - len);
    return true;
}

/* Takes what is before the first of CHARS off *REST; all of it when there is none. */
static struct view take_until(struct view *rest, const char *chars)
{
    ptrdiff_t end = view_find_any(*rest, chars);
    struct view part = end < 0 ? *rest : view_first(*rest, (size_t)end);

    *rest = view_from(*rest, part.len);
    return part;
}

static int parse_database(struct view text, struct redis_url *out, struct error *why)
{
    uint64_t number;

    if (!view_to_uint(text, DATABASE_MAX, &number))
        return bad(why, "the database is a number from 0");
    out->database = (unsigned)number;
    return 0;
}

static int parse_user(struct view text, struct redis_url *out, struct error *why)
{
    ptrdiff_t colon = view_find(text, ':');

    /* redis-cli takes a single word for the password, others take it for the user. */
    if (colon < 0)
        return bad(why, "before the '@' stands no ':'; write :PASSWORD@ or USER:PASSWORD@");
    if (!decode(view_first(text, (size_t)colon), out->user, sizeof out->user))
        return bad(why, "the user has a control byte, a '%' that is not written %25, or more than "
                        "511 bytes");
    if (!decode(view_from(text, (size_t)colon + 1), out->password, sizeof out->password))
        return bad(why, "the password has a control byte, a '%' that is not written %25, or more "
                        "than 511 bytes");
    if (out->password[0] == '\0')
        return bad(why, "there is no password between ':' and '@'");
    return 0;
}

/* Takes user and password off the front of *AUTHORITY. BEHIND is what follows it. */
static int take_user(struct view *authority, struct view behind, struct redis_url *out,
                     struct error *why)
{
    ptrdiff_t at = view_find_last(*authority, '@');

    if (at < 0 && view_find(behind, '@') >= 0)
        return bad(why, "there is a '@' behind the host; in user and password '/' is written %2F, "
                        "'?' %3F, '#' %23 and '@' %40");
    if (at < 0)
        return 0;
    if (view_find(*authority, '@') != at)
        return bad(why, "there are two '@'; in user and password it is written %40");
    int rc = parse_user(view_first(*authority, (size_t)at), out, why);
    *authority = view_from(*authority, (size_t)at + 1);
    return rc;
}

static bool is_name(struct view host)
{
    for (size_t i = 0; i < host.len; i++)
        if (!ascii_alnum(host.ptr[i]) && view_find(view_of(".-_"), host.ptr[i]) < 0)
            return false;
    return host.len > 0 && host.ptr[0] != '-';
}

/* NUL is in no address: strlen sees less than there is. */
static bool is_v6(const char *host, size_t len)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    return strlen(host) == len && inet_pton(AF_INET6, host, bytes) == 1;
}

/* "[ADDRESS]" or a name off the front of *TEXT. */
static int take_host(struct view *text, struct redis_url *out, struct error *why)
{
    bool bracketed = view_starts(*text, "[");
    struct view host;

    if (bracketed) {
        *text = view_from(*text, 1);
        host = take_until(text, "]");
        if (text->len == 0)
            return bad(why, "a '[' without ']'");
        *text = view_from(*text, 1);
    } else {
        host = take_until(text, ":");
    }
    if (host.len >= sizeof out->host)
        return bad(why, "the host has more than 255 bytes");
    if (host.len > 0)
        memcpy(out->host, host.ptr, host.len);
    out->host[host.len] = '\0';
    if (bracketed && !is_v6(out->host, host.len))
        return bad(why, "in brackets stands no IPv6 address");
    if (!bracketed && !is_name(host))
        return bad(why, "the host is neither a name nor an address");
    return 0;
}

static int parse_host(struct view text, uint16_t port, struct redis_url *out, struct error *why)
{
    uint64_t number = port;

    if (text.len == 0)
        return bad(why, "there is no host");
    if (text.ptr[0] != '[' && view_find(text, ':') != view_find_last(text, ':'))
        return bad(why, "an IPv6 address stands in brackets: [::1]:6379");
    int rc = take_host(&text, out, why);
    if (rc != 0)
        return rc;
    if (text.len > 0 &&
        (text.ptr[0] != ':' || !view_to_uint(view_from(text, 1), 65535, &number) || number == 0))
        return bad(why, "behind the host stands no port from 1 to 65535");
    out->port = (uint16_t)number;
    return 0;
}

static int parse_tcp(struct view rest, struct redis_url *out, struct error *why)
{
    struct view authority = take_until(&rest, "/?#");
    int rc = take_user(&authority, rest, out, why);

    if (rc == 0)
        rc = parse_host(authority, REDIS_PORT, out, why);
    if (rc != 0)
        return rc;
    if (view_find_any(rest, "?#") >= 0)
        return bad(why, "nothing is known of a '?' or '#' here; the database stands behind a '/'");
    return rest.len <= 1 ? 0 : parse_database(view_from(rest, 1), out, why);
}

/* "/path[?db=N]" */
static int parse_path(struct view rest, struct redis_url *out, struct error *why)
{
    struct view path = take_until(&rest, "?#");

    if (path.len < 2 || path.ptr[0] != '/')
        return bad(why, "a unix socket needs an absolute path");
    if (!decode(path, out->path, sizeof out->path))
        return bad(why, "the path of a unix socket has at most 107 bytes, no control bytes, and a "
                        "'%' in it is written %25");
    if (rest.len == 0)
        return 0;
    if (!view_starts(rest, "?db="))
        return bad(why, "behind the path may stand ?db=N and nothing else");
    return parse_database(view_from(rest, strlen("?db=")), out, why);
}

static int parse_unix(struct view rest, struct redis_url *out, struct error *why)
{
    if (!view_starts(rest, "//"))
        return parse_path(rest, out, why);
    rest = view_from(rest, 2);
    struct view authority = take_until(&rest, "/?#");
    /* Without one a '@' is of the path. */
    int rc = authority.len == 0 ? 0 : take_user(&authority, rest, out, why);
    if (rc == 0 && authority.len > 0)
        return bad(why, "a unix socket has no host; three slashes: unix:///run/redis/redis.sock");
    return rc == 0 ? parse_path(rest, out, why) : rc;
}

static int parse(struct view text, struct redis_url *out, struct error *why)
{
    if (takes_scheme(&text, "unix:"))
        return parse_unix(text, out, why);
    out->tls = takes_scheme(&text, "rediss://");
    if (out->tls || takes_scheme(&text, "redis://"))
        return parse_tcp(text, out, why);
    return bad(why, "it begins with neither unix: nor redis:// nor rediss://");
}

int redis_url_parse(struct view text, struct redis_url *out, struct error *why)
{
    memset(out, 0, sizeof *out);
    return parse(text, out, why);
}

int redis_host_parse(struct view text, uint16_t port, struct redis_url *out, struct error *why)
{
    struct error inner;

    memset(out, 0, sizeof *out);
    if (parse_host(text, port, out, &inner) == 0)
        return 0;
    return error_set(why, ERR_SYNTAX, "no host and port, as in redis1.example.org:%u or [::1]:%u",
                     port, port);
}

const char *redis_url_where(const struct redis_url *url, char dst[REDIS_WHERE_MAX])
{
    const bool v6 = strchr(url->host, ':') != NULL;
    struct text t = text_on(dst, REDIS_WHERE_MAX);

    if (url->path[0] != '\0')
        text_addf(&t, "unix:%s", url->path);
    else
        text_addf(&t, "%s%s%s:%u", v6 ? "[" : "", url->host, v6 ? "]" : "", url->port);
    return dst;
}
