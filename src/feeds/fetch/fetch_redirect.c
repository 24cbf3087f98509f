/*
 * Redirects. libcurl follows them itself; two callbacks keep them decent: opensocket refuses
 * private addresses, prereq the way back from https to http, and both another origin where a secret
 * goes with the request. (Both: a client certificate is shown before there is a request, and a
 * connection that is open already opens no socket.)
 */
#include <arpa/inet.h>
#include <sys/socket.h>

#include "fetch_parts.h"
#include "private_net.h"

/* One part of a URL as libcurl reads it; NULL: it has none. Freed with curl_free. */
static char *part_of(const char *url, CURLUPart part)
{
    CURLU *u = curl_url();
    char *text = NULL;

    if (u != NULL && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK)
        curl_url_get(u, part, &text, CURLU_DEFAULT_PORT);
    curl_url_cleanup(u);
    return text;
}

static bool same_part(const char *a, const char *b, CURLUPart part)
{
    char *one = part_of(a, part), *other = part_of(b, part);
    bool same = one != NULL && other != NULL && view_eq_nocase(view_of(one), view_of(other));

    curl_free(one);
    curl_free(other);
    return same;
}

static bool same_origin(const char *a, const char *b)
{
    return same_part(a, b, CURLUPART_SCHEME) && same_part(a, b, CURLUPART_HOST) &&
           same_part(a, b, CURLUPART_PORT);
}

/* By its name: what a proxy resolves is not seen here. */
static bool names_private_host(const char *url)
{
    struct sockaddr_in in4 = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    char *host = part_of(url, CURLUPART_HOST), bare[64];
    struct text t = text_on(bare, sizeof bare);
    struct view v = view_of(host);
    bool is_private = view_eq_nocase(v, view_of("localhost"));

    if (v.len > 2 && v.ptr[0] == '[')
        v = view_make(v.ptr + 1, v.len - 2);
    text_add_view(&t, v);
    if (inet_pton(AF_INET, bare, &in4.sin_addr) == 1)
        is_private = private_net_is((const struct sockaddr *)&in4);
    else if (inet_pton(AF_INET6, bare, &in6.sin6_addr) == 1)
        is_private = private_net_is((const struct sockaddr *)&in6);
    curl_free(host);
    return is_private;
}

static int refuse(struct fetch *f, const char *what)
{
    return error_set(&f->refused, ERR_REFUSED, "a redirect to %s is not followed", what);
}

/* Where the request goes that is about to be sent. */
static int check_redirect(struct fetch *f)
{
    long redirects = 0;
    char *url = NULL;

    curl_easy_getinfo(f->easy, CURLINFO_REDIRECT_COUNT, &redirects);
    curl_easy_getinfo(f->easy, CURLINFO_EFFECTIVE_URL, &url);
    if (redirects == 0)
        return 0;
    if (f->bound && (url == NULL || !same_origin(f->url.data, url)))
        return refuse(f, "another origin (scheme, host or port), with a secret that is meant for "
                         "this one,");
    if (f->proxied && url != NULL && names_private_host(url) && !names_private_host(f->url.data))
        return refuse(f, "a loopback, private or link-local address");
    return 0;
}

/* Called for every connection, those of redirects too; the name is resolved here, so a name that
 * leads to 127.0.0.1 is no way round. */
static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct fetch *f = arg;
    bool is_private = private_net_is(&address->addr);
    long redirects = 0;

    (void)purpose;
    curl_easy_getinfo(f->easy, CURLINFO_REDIRECT_COUNT, &redirects);
    if (redirects == 0)
        *(is_private ? &f->private_origin : &f->public_origin) = true;
    else if (is_private && (f->public_origin || !f->private_origin))
        refuse(f, "a loopback, private or link-local address");
    if (f->refused.code != 0 || check_redirect(f) < 0)
        return CURL_SOCKET_BAD;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static int on_request(void *arg, char *ip, char *local_ip, int port, int local_port)
{
    struct fetch *f = arg;
    char *scheme = NULL;

    (void)ip, (void)local_ip, (void)port, (void)local_port;
    curl_easy_getinfo(f->easy, CURLINFO_SCHEME, &scheme);
    bool https = scheme != NULL && view_eq_nocase(view_of(scheme), view_of("https"));
    if (f->was_https && !https)
        error_set(&f->refused, ERR_REFUSED, "a redirect from https to http is not followed");
    if (f->refused.code != 0 || check_redirect(f) < 0)
        return CURL_PREREQFUNC_ABORT;
    f->was_https = https;
    return CURL_PREREQFUNC_OK;
}

void fetch_watch_redirects(struct fetch *f)
{
    curl_easy_setopt(f->easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(f->easy, CURLOPT_OPENSOCKETDATA, f);
    curl_easy_setopt(f->easy, CURLOPT_PREREQFUNCTION, on_request);
    curl_easy_setopt(f->easy, CURLOPT_PREREQDATA, f);
}
