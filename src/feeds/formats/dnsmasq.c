/*
 * dnsmasq: its configuration, as lists misuse it. A domain is listed when its questions are
 * answered with nothing or with an address where nobody is; a domain with a real address or a
 * name server of its own is somebody's, and any other option says nothing of domains.
 */
#include "../parse/format.h"
#include "ip.h"

static bool is_option_char(char c)
{
    return (c >= 'a' && c <= 'z') || ascii_digit(c) || c == '-';
}

/* KEY or KEY=VALUE as dnsmasq takes it; VALUE has ptr NULL without the sign. */
static bool take_option(struct view text, struct view *key, struct view *value)
{
    *value = text;
    view_split(value, '=', key);
    *key = view_trim(*key);
    *value = view_trim(*value);
    for (size_t i = 0; i < key->len; i++)
        if (!is_option_char(key->ptr[i]))
            return false;
    return key->len > 0;
}

/* Does an answer from TARGET mean that there is no such domain? */
static bool blocks(bool is_address, struct view target)
{
    return target.len == 0 || view_is(target, "#") || (is_address && ip_is_nowhere(target));
}

/* `#` is every domain. An empty name is every name without a dot: none that mail goes to. */
static void tell_domain(const struct feed_reader *r, struct view name, struct view text,
                        struct feed_row row)
{
    if (view_is(name, "#"))
        r->sink->root(row.line, r->sink->arg);
    else if (name.len == 0)
        r->sink->ignored(row.line, r->sink->arg);
    else
        feed_domain_tell(r, name, text, row);
}

/* /d/[d/...]TARGET */
static void tell_option(const struct feed_reader *r, bool is_address, struct view value,
                        struct view text, struct feed_row row)
{
    size_t last = (size_t)view_find_last(value, '/');
    struct view target = view_trim(view_from(value, last + 1)), name;
    struct view names = view_make(value.ptr + 1, last - 1);

    if (!blocks(is_address, target)) {
        if (is_address && !ip_is_address(target))
            r->sink->bad(row.line, text, "no address behind the last /", r->sink->arg);
        else
            r->sink->ignored(row.line, r->sink->arg);
        return;
    }
    while (view_split(&names, '/', &name))
        tell_domain(r, view_trim(name), text, row);
}

static void dnsmasq_line(const struct feed_reader *r, struct view line, uint64_t number)
{
    struct view text = feed_line_text(line), key, value;

    if (text.len == 0) {
        feed_comment_tell(r, line);
        return;
    }
    if (!take_option(text, &key, &value)) {
        r->sink->bad(number, text, "not an option of dnsmasq", r->sink->arg);
        return;
    }
    bool is_address = view_is(key, "address");
    bool is_server = view_is(key, "server") || view_is(key, "local");
    bool of_domains = value.len > 0 && value.ptr[0] == '/';
    if ((is_address || is_server) && of_domains && view_find_last(value, '/') > 0)
        tell_option(r, is_address, value, text, (struct feed_row){.line = number});
    else if (is_address || (is_server && of_domains))
        r->sink->bad(number, text, "the domain must stand between slashes", r->sink->arg);
    else
        r->sink->ignored(number, r->sink->arg);
}

static bool dnsmasq_looks(struct view line)
{
    return view_starts(line, "address=/") || view_starts(line, "server=/") ||
           view_starts(line, "local=/");
}

const struct feed_format feed_format_dnsmasq = {
    .info = {"dnsmasq", "address=/d/, server=/d/ or local=/d/, without a real address; # comments",
             "the domain and all below it; other options are ignored", NULL},
    .line = dnsmasq_line,
    .looks = dnsmasq_looks,
};
