/*
 * Sockets and URLs. Strict where a slip would cost a list (a missing host, a relative path), lax
 * where libcurl will say it better.
 */
#include "places.h"

#include "rcptguard/base/socket.h"

int place_check_listen(struct view text, struct error *why)
{
    struct socket_address address;
    int rc = socket_address_parse(text, &address, why);

    if (rc == 0 && !address.is_unix && address.port == 0)
        return error_set(why, ERR_SYNTAX, "port 0 cannot be asked; write one from 1 to 65535");
    return rc;
}

static bool is_path(struct view url)
{
    return view_starts(url, "file:") || view_starts(url, "unix:");
}

/* The part between "//" and the path; the whole text when there is no "//". */
static struct view authority(struct view url)
{
    if (is_path(url))
        return view_first(url, 0);
    ptrdiff_t colon = view_find(url, ':');
    struct view behind = colon < 0 ? url : view_from(url, (size_t)colon + 1);
    size_t len = 0;

    if (!view_starts(behind, "//"))
        return url;
    behind = view_from(behind, 2);
    while (len < behind.len && strchr("/?#", behind.ptr[len]) == NULL)
        len++;
    return view_first(behind, len);
}

bool place_has_userinfo(struct view url)
{
    return view_find(authority(url), '@') >= 0;
}

int place_mask_url(struct buf *to, struct view url)
{
    struct view place = authority(url);
    ptrdiff_t at = view_find_last(place, '@');

    if (at < 0)
        return buf_add_view(to, url);
    buf_add_view(to, view_first(url, (size_t)(place.ptr - url.ptr)));
    buf_add_text(to, "***");
    return buf_add_view(to, view_from(url, (size_t)(place.ptr + at - url.ptr)));
}

/* The host without userinfo and brackets; *PORT is what stands behind it, with its colon. */
static struct view host_of(struct view url, struct view *port)
{
    struct view place = authority(url);
    struct view host = view_from(place, (size_t)(view_find_last(place, '@') + 1));

    *port = VIEW_NONE;
    if (host.len > 0 && host.ptr[0] == '[') {
        ptrdiff_t end = view_find(host, ']');
        if (end < 0)
            return VIEW_NONE;
        *port = view_from(host, (size_t)end + 1);
        return view_make(host.ptr + 1, (size_t)end - 1);
    }
    ptrdiff_t colon = view_find(host, ':');
    if (colon >= 0) {
        *port = view_from(host, (size_t)colon);
        host = view_first(host, (size_t)colon);
    }
    return host;
}

bool place_url_is_local(struct view url)
{
    struct view port;

    if (is_path(url))
        return true;
    struct view host = host_of(url, &port);
    return view_eq_nocase(host, view_of("localhost")) || view_starts(host, "127.") ||
           view_is(host, "::1");
}

/* file:/path, file:///path and file://localhost/path are the same. */
static int check_path(struct view path, struct view scheme, struct error *why)
{
    if (view_starts(path, "//localhost/"))
        path = view_from(path, strlen("//localhost"));
    else if (view_starts(path, "///"))
        path = view_from(path, 2);
    if (path.len < 2 || path.ptr[0] != '/' || path.ptr[1] == '/')
        return error_set(why, ERR_SYNTAX, "no absolute path; write %.*s:/PATH", (int)scheme.len,
                         scheme.ptr);
    return 0;
}

static int check_host(struct view url, const char *example, struct error *why)
{
    struct view port;
    struct view host = host_of(url, &port);
    uint64_t number;

    if (authority(url).ptr == url.ptr || host.len == 0)
        return error_set(why, ERR_SYNTAX, "a URL without a host; write for example %s", example);
    if (port.len > 0 &&
        (port.ptr[0] != ':' || !view_to_uint(view_from(port, 1), 65535, &number) || number == 0))
        return error_set(why, ERR_SYNTAX,
                         "a URL with a bad port; write :NUMBER behind the host, "
                         "from 1 to 65535");
    for (size_t i = 0; i < url.len; i++)
        if (url.ptr[i] <= ' ' || (unsigned char)url.ptr[i] >= 0x7f)
            return error_set(why, ERR_SYNTAX,
                             "a URL with a space or a sign beyond ASCII; write "
                             "the byte as %%XX, the host as xn--");
    return 0;
}

int place_check_url(struct view url, const char *schemes, const char *example, struct error *why)
{
    struct view rest = view_of(schemes), word;
    ptrdiff_t colon = view_find(url, ':');
    struct view scheme = view_first(url, colon < 0 ? 0 : (size_t)colon);

    while (view_word(&rest, &word)) {
        if (!view_eq(scheme, word))
            continue;
        if (is_path(url))
            return check_path(view_from(url, (size_t)colon + 1), scheme, why);
        return check_host(url, example, why);
    }
    return error_set(why, ERR_SYNTAX,
                     "not a URL that can be used here (schemes: %s); write for "
                     "example %s",
                     schemes, example);
}
