/*
 * urls: a URL a line; only its host counts, and only for mail to exactly that host. A page of one
 * customer says nothing of the others, so a host that strangers share (github.io, pages.dev) is
 * left out, and so are the domains that no list may block.
 */
#include "../parse/format.h"

static bool is_scheme_char(char c)
{
    return ascii_alnum(c) || c == '+' || c == '-' || c == '.';
}

/* Takes `scheme://` (RFC 3986, 3.1). hxxp:// was made not to be a URL. */
static bool take_scheme(struct view *rest)
{
    ptrdiff_t colon = view_find(*rest, ':');

    if (colon <= 0 || !ascii_alnum(rest->ptr[0]) || ascii_digit(rest->ptr[0]))
        return false;
    for (ptrdiff_t i = 0; i < colon; i++)
        if (!is_scheme_char(rest->ptr[i]))
            return false;
    if (view_eq_nocase(view_first(*rest, 3), view_of("hxx")))
        return false;
    *rest = view_from(*rest, (size_t)colon + 1);
    if (!view_starts(*rest, "//"))
        return false;
    *rest = view_from(*rest, 2);
    return true;
}

/* Takes a port off its end; false: what stands behind a colon is none. */
static bool take_port(struct view *host)
{
    ptrdiff_t bracket = view_find_last(*host, ']'); /* the colons of IPv6 stand before it */
    size_t from = (size_t)(bracket + 1);
    ptrdiff_t colon = view_find(view_from(*host, from), ':');
    uint64_t port;

    if (colon < 0)
        return true;
    struct view digits = view_from(*host, from + (size_t)colon + 1);
    *host = view_first(*host, from + (size_t)colon);
    return digits.len == 0 || view_to_uint(digits, 65535, &port);
}

/*
 * The host of a URL; false: there is none. A backslash is a slash to browsers and part of the name
 * to others, so whose host it is nobody can say.
 */
static bool take_host(struct view url, struct view *host)
{
    if (!take_scheme(&url))
        return false;
    ptrdiff_t end = view_find_any(url, "/?#");
    *host = end < 0 ? url : view_first(url, (size_t)end);
    if (view_find_any(*host, "\\ \t") >= 0)
        return false;
    *host = view_from(*host, (size_t)(view_find_last(*host, '@') + 1));
    return take_port(host) && host->len > 0;
}

/* 127.1, 0x7f.1 and 3232235777 are addresses to a browser: no top-level domain is a number. */
static bool is_number(struct view host)
{
    struct view last = view_from(host, (size_t)(view_find_last(host, '.') + 1));
    bool hex = view_starts(last, "0x");

    for (size_t i = hex ? 2 : 0; i < last.len; i++)
        if (!ascii_digit(last.ptr[i]) && !(hex && last.ptr[i] >= 'a' && last.ptr[i] <= 'f'))
            return false;
    return true;
}

/* Would an entry for this host say more than its URL does? */
static bool says_nothing(const struct feed_options *options, struct view host)
{
    const struct suffixes *suffixes = options->suffixes;

    if (view_find(host, '.') < 0 || is_number(host))
        return true;
    if (suffixes != NULL &&
        (suffixes_is_public(suffixes, host) || suffixes_is_shared(suffixes, host)))
        return true;
    return options->protect != NULL && protect_covers(options->protect, ENTRY_DOMAIN, host);
}

static void urls_line(const struct feed_reader *r, struct view line, uint64_t number)
{
    struct view text = feed_line_text(line), host;
    struct entry entry;
    struct error why;

    if (text.len == 0) {
        feed_comment_tell(r, line);
        return;
    }
    if (!take_host(text, &host)) {
        r->sink->bad(number, text, "not a URL with a host: https://d/...", r->sink->arg);
        return;
    }
    enum entry_result result = entry_parse_domain(host, ENTRY_DOMAIN, &entry, &why);
    if (result == ENTRY_GOOD && says_nothing(r->options, entry.key))
        result = ENTRY_IGNORED;
    feed_row_tell(result, &entry, &why, host, text, (struct feed_row){.line = number}, r->sink);
}

static bool urls_looks(struct view line)
{
    struct view host;

    return take_host(line, &host);
}

const struct feed_format feed_format_urls = {
    .info = {"urls", "https://d/...; # comments",
             "the host as exact domain; hosts that are IP addresses, shared by strangers "
             "(github.io) or protected are ignored",
             NULL},
    .line = urls_line,
    .looks = urls_looks,
};
