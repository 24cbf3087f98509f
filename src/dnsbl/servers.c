/* Whom to ask: addresses of resolvers as text. */
#include "servers.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/base/escape.h"
#include "rcptguard/base/file.h"

#define DNS_PORT 53

#define RESOLV_CONF         "/etc/resolv.conf"
#define RESOLV_CONF_BYTES   65536
#define RESOLV_CONF_SERVERS 3 /* MAXNS of resolv.conf(5): the libc asks no more either */

static int bad(struct view word, const char *what, struct error *why)
{
    char shown[ESCAPE_MAX_BYTES + 1];
    struct text t = text_on(shown, sizeof shown);

    escape_to(&t, word, ESCAPE_TERMINAL);
    return error_set(why, ERR_SYNTAX, "'%s' %s", shown, what);
}

static bool parse_address(struct view host, struct server *out)
{
    char text[INET6_ADDRSTRLEN];

    out->is_v6 = view_find(host, ':') >= 0;
    if (host.len >= sizeof text || view_find(host, '\0') >= 0)
        return false;
    struct text t = text_on(text, sizeof text);
    text_add_view(&t, host);
    return inet_pton(out->is_v6 ? AF_INET6 : AF_INET, text, out->address) == 1;
}

/* Takes the port off the end of *HOST. */
static bool parse_port(struct view *host, unsigned *port)
{
    ptrdiff_t bracket = view_find_last(*host, ']');
    ptrdiff_t colon = view_find_last(*host, ':');
    uint64_t number;

    *port = DNS_PORT;
    if (colon <= bracket)
        return true;
    if (!view_to_uint(view_from(*host, (size_t)colon + 1), 65535, &number) || number == 0)
        return false;
    *port = (unsigned)number;
    *host = view_first(*host, (size_t)colon);
    return true;
}

static int parse_server(struct view word, struct server *out, struct error *why)
{
    struct view host = word;

    if (view_find(word, '%') >= 0)
        return bad(word, "has a zone; a link-local address cannot be asked", why);
    if (view_find(word, ':') != view_find_last(word, ':') && word.ptr[0] != '[')
        return bad(word, "is no server; an IPv6 address stands in brackets: [::1]:53", why);
    if (!parse_port(&host, &out->port))
        return bad(word, "has no port from 1 to 65535, as in 127.0.0.1:53", why);
    bool bracketed = host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';
    if (bracketed)
        host = view_make(host.ptr + 1, host.len - 2);
    if (!parse_address(host, out) || bracketed != out->is_v6)
        return bad(word,
                   "is not the address of a server, as in 127.0.0.1:53 or [::1]:53 (names are not "
                   "looked up)",
                   why);
    return 0;
}

bool dnsbl_servers_next(struct view *rest, struct view *word)
{
    ptrdiff_t end;

    while (rest->len > 0 && view_find_any(view_first(*rest, 1), " \t\r\n,") == 0)
        *rest = view_from(*rest, 1);
    if (rest->len == 0)
        return false;
    end = view_find_any(*rest, " \t\r\n,");
    *word = end < 0 ? *rest : view_first(*rest, (size_t)end);
    *rest = view_from(*rest, word->len);
    return true;
}

int servers_parse(struct view text, struct servers *out, struct error *why)
{
    struct view word;

    memset(out, 0, sizeof *out);
    while (dnsbl_servers_next(&text, &word)) {
        if (out->n == SERVERS_MAX)
            return error_set(why, ERR_SYNTAX, "more than %d servers; remove some", SERVERS_MAX);
        int rc = parse_server(word, &out->list[out->n], why);
        if (rc != 0)
            return rc;
        out->n++;
    }
    if (out->n == 0)
        return error_set(why, ERR_SYNTAX, "no server, as in 127.0.0.1:53");
    return 0;
}

int dnsbl_servers_check(struct view servers, struct error *why)
{
    struct servers list;

    return servers_parse(servers, &list, why);
}

const char *server_text(const struct server *server, char dst[SERVER_TEXT_MAX])
{
    char address[INET6_ADDRSTRLEN];
    struct text t = text_on(dst, SERVER_TEXT_MAX);

    inet_ntop(server->is_v6 ? AF_INET6 : AF_INET, server->address, address, sizeof address);
    text_addf(&t, server->is_v6 ? "[%s]:%u" : "%s:%u", address, server->port);
    return dst;
}

socklen_t server_address(const struct server *server, struct sockaddr_storage *out)
{
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;

    memset(out, 0, sizeof *out);
    if (server->is_v6) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)server->port);
        memcpy(&v6->sin6_addr, server->address, sizeof v6->sin6_addr);
        return sizeof *v6;
    }
    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)server->port);
    memcpy(&v4->sin_addr, server->address, sizeof v4->sin_addr);
    return sizeof *v4;
}

static bool is_usable(struct view address)
{
    struct server s;

    /* fe80::1%eth0: no interface is known to ask through. */
    return view_find(address, '%') < 0 && parse_address(address, &s);
}

void servers_of_resolv_conf(struct view bytes, char dst[DNSBL_SERVERS_MAX])
{
    struct text t = text_on(dst, DNSBL_SERVERS_MAX);
    struct view line, word;
    int n = 0;

    while (n < RESOLV_CONF_SERVERS && view_split(&bytes, '\n', &line)) {
        /* The keyword begins the line, and everything behind the address is left alone. */
        if (!view_starts(line, "nameserver ") && !view_starts(line, "nameserver\t"))
            continue;
        line = view_from(line, sizeof "nameserver" - 1);
        if (!view_word(&line, &word) || !is_usable(word))
            continue;
        bool is_v6 = view_find(word, ':') >= 0;
        text_addf(&t, "%s%s%.*s%s", n++ == 0 ? "" : " ", is_v6 ? "[" : "", (int)word.len, word.ptr,
                  is_v6 ? "]" : "");
    }
    if (n == 0)
        text_add(&t, "127.0.0.1");
}

void dnsbl_system_servers(char dst[DNSBL_SERVERS_MAX])
{
    struct buf b = BUF_INIT(0);

    /* Missing or unreadable is as empty: the local host, as the libc does it. */
    if (file_read(RESOLV_CONF, RESOLV_CONF_BYTES, &b, NULL) != 0)
        buf_clear(&b);
    servers_of_resolv_conf(buf_view(&b), dst);
    buf_free(&b);
}
