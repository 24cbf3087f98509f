/*
 * hosts: the file of that name, as lists misuse it: an address where nobody answers, and the names
 * to send there. A row with any other address is a real host of somebody's network, and blocks
 * nothing; the preamble of a system's own file (localhost, ff02::1 ip6-allnodes) neither.
 */
#include "../parse/format.h"
#include "ip.h"

/* hosts(5): from a '#' to the end of the line, wherever it stands. */
static struct view without_comment(struct view line)
{
    ptrdiff_t sign = view_find(line, '#');

    return view_trim(sign < 0 ? line : view_first(line, (size_t)sign));
}

/* Debian's installer writes the machine's own name there, with its domain: the relay's, or that of
 * whoever publishes his own file. */
static bool is_own(struct view address)
{
    return view_is(address, "127.0.1.1");
}

/* localhost.localdomain and its kin; the other names of a preamble are single labels. */
static bool is_preamble(struct view name)
{
    static const char *const tails[] = {".localdomain", ".localdomain4", ".localdomain6"};

    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        size_t len = strlen(tails[i]);
        if (name.len > len && view_eq_nocase(view_from(name, name.len - len), view_of(tails[i])))
            return true;
    }
    return false;
}

static void tell_names(const struct feed_reader *r, struct view names, struct view text,
                       struct feed_row row)
{
    struct view name;

    while (view_word(&names, &name)) {
        if (is_preamble(name))
            r->sink->ignored(row.line, r->sink->arg);
        else
            feed_domain_tell(r, name, text, row);
    }
}

static void hosts_line(const struct feed_reader *r, struct view line, uint64_t number)
{
    struct view text = without_comment(line), names = text, address;

    if (!view_word(&names, &address)) {
        feed_comment_tell(r, line);
        return;
    }
    names = view_trim(names);
    bool nowhere = ip_is_nowhere(address);
    if (!nowhere && !ip_is_address(address))
        r->sink->bad(number, text, "does not begin with an IP address", r->sink->arg);
    else if (names.len == 0)
        r->sink->bad(number, text, "an address without a name", r->sink->arg);
    else if (nowhere && !is_own(address))
        tell_names(r, names, text, (struct feed_row){.line = number});
    else
        r->sink->ignored(number, r->sink->arg);
}

static bool hosts_looks(struct view line)
{
    struct view address;

    view_word(&line, &address);
    return ip_is_nowhere(address) && view_trim(line).len > 0;
}

const struct feed_format feed_format_hosts = {
    .info = {"hosts", "IP d [d...], IP one of 0.0.0.0, 127.x.x.x, :: and ::1; # comments",
             "the domain and all below it; other addresses and the loopback preamble are ignored",
             NULL},
    .line = hosts_line,
    .looks = hosts_looks,
};
