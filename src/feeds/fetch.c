/*
 * Fetching by libcurl. Redirects are followed by curl itself; two callbacks keep them decent:
 * opensocket refuses private addresses, prereq the way back from https to http, and both another
 * origin where a secret goes with the request. (Both: a client certificate is shown before there is
 * a request, and a connection that is open already opens no socket.)
 *
 * A secret is in the URL or beside it, and libcurl's error texts quote hosts and more: whatever it
 * says goes through url_hide.
 */
#include "fetch.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cache_control.h"
#include "private_net.h"
#include "rcptguard/base/clock.h"
#include "url.h"

#define CONNECT_S     10L
#define QUIET_S       15L
#define MAX_REDIRECTS 5L

struct fetcher {
    CURLM *multi;
};

struct fetch {
    struct fetcher *fetcher;
    CURL *easy;
    struct curl_slist *headers;
    struct buf url;     /* as it is asked */
    struct buf secrets; /* never to be shown; each ends in a NUL */
    fetch_done *done;
    void *arg;
    struct body *body;
    uint64_t max_bytes;
    bool conditional;    /* validators were sent */
    bool private_origin; /* the configured URL itself leads to private addresses only */
    bool public_origin;  /* it leads to a public one, too */
    bool was_https;
    bool bound;           /* a secret goes with the request, to its own origin only */
    bool proxied;         /* sockets lead to the proxy, whatever is asked */
    struct error refused; /* by a callback of ours, when code is not 0 */
    char words[CURL_ERROR_SIZE];
};

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct fetch *f = arg;
    long code = 0;

    curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &code);
    if (code != 200)
        return 0; /* an error page is no list, and may have no end; the code tells */
    return body_add(f->body, bytes, size * count, &f->refused) < 0 ? 0 : size * count;
}

/* ---- redirects ------------------------------------------------------------------------------ */

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

/* ---- what is sent --------------------------------------------------------------------------- */

static int add_line(struct fetch *f, const char *line)
{
    struct curl_slist *list = curl_slist_append(f->headers, line);

    if (list == NULL)
        return ERR_NOMEM;
    f->headers = list;
    return 0;
}

static int add_validator(struct fetch *f, const char *name, const char *value)
{
    char line[FETCH_ETAG_MAX + 64];
    struct text t = text_on(line, sizeof line);

    if (value == NULL || value[0] == '\0')
        return 0;
    text_addf(&t, "%s: %s", name, value);
    f->conditional = true;
    return t.cut ? ERR_NOMEM : add_line(f, line);
}

static void hide(struct fetch *f, struct view secret)
{
    secret = view_trim(secret);
    if (secret.len > 0)
        buf_add_view(&f->secrets, secret);
    buf_add(&f->secrets, "", 1);
}

/* The whole of NAME:REST and what stands behind the colon. */
static void hide_pair(struct fetch *f, struct view pair)
{
    ptrdiff_t colon = view_find(pair, ':');

    hide(f, pair);
    if (colon >= 0)
        hide(f, view_from(pair, (size_t)colon + 1));
}

static void hide_userinfo(struct fetch *f, const char *url)
{
    struct buf userinfo = BUF_INIT(0);

    if (url != NULL)
        url_userinfo(&userinfo, url);
    hide_pair(f, buf_view(&userinfo));
    buf_free(&userinfo);
}

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static int add_header(struct fetch *f, const char *header, const char *secret)
{
    struct buf line = BUF_INIT(0);
    int rc = url_expand_text(&line, header, secret);

    /* Configuration lets none through; a second line here would be a header of somebody else's. */
    for (size_t i = 0; rc == 0 && i < line.len; i++)
        if (ascii_control(line.data[i]))
            rc = ERR_SYNTAX;
    if (rc == 0)
        rc = add_line(f, line.data);
    hide_pair(f, buf_view(&line));
    buf_free(&line);
    return rc;
}

static int set_userpwd(struct fetch *f, const char *userpwd, const char *secret)
{
    struct buf both = BUF_INIT(0);
    int rc = url_expand_text(&both, userpwd, secret);

    hide_pair(f, buf_view(&both));
    if (rc == 0 && curl_easy_setopt(f->easy, CURLOPT_USERPWD, both.data) != CURLE_OK)
        rc = ERR_NOMEM;
    buf_free(&both);
    return rc;
}

/* curl_easy_setopt for a text that it copies. */
static int set_text(struct fetch *f, CURLoption option, const char *text)
{
    return !is_set(text) || curl_easy_setopt(f->easy, option, text) == CURLE_OK ? 0 : ERR_NOMEM;
}

/* A CA of the site's own stands in the place of the system's: it is told from whom to come. */
static int set_tls(struct fetch *f, const struct feed_config *how)
{
    const char *key = is_set(how->tls_key) ? how->tls_key : how->tls_cert;

    if (is_set(how->tls_ca))
        curl_easy_setopt(f->easy, CURLOPT_CAPATH, NULL);
    return set_text(f, CURLOPT_CAINFO, how->tls_ca) < 0 ||
                   set_text(f, CURLOPT_SSLCERT, how->tls_cert) < 0 ||
                   set_text(f, CURLOPT_SSLKEY, is_set(how->tls_cert) ? key : NULL) < 0
               ? ERR_NOMEM
               : 0;
}

static int set_access(struct fetch *f, const struct feed_config *how)
{
    struct buf encoded = BUF_INIT(0);
    int rc = 0;

    if (is_set(how->secret)) {
        hide(f, view_of(how->secret));
        url_encode(&encoded, how->secret);
        hide(f, buf_view(&encoded));
        buf_free(&encoded);
    }
    for (size_t i = 0; rc == 0 && i < how->n_headers; i++)
        rc = add_header(f, how->headers[i], how->secret);
    if (rc == 0 && is_set(how->userpwd))
        rc = set_userpwd(f, how->userpwd, how->secret);
    if (rc == 0)
        rc = set_tls(f, how);
    hide_userinfo(f, f->url.data);
    hide_userinfo(f, how->proxy);
    f->bound = how->n_headers > 0 || is_set(how->userpwd) || is_set(how->tls_cert);
    f->proxied = is_set(how->proxy);
    return rc;
}

static void set_callbacks(struct fetch *f)
{
    curl_easy_setopt(f->easy, CURLOPT_PRIVATE, f);
    curl_easy_setopt(f->easy, CURLOPT_ERRORBUFFER, f->words);
    curl_easy_setopt(f->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(f->easy, CURLOPT_WRITEDATA, f);
    curl_easy_setopt(f->easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(f->easy, CURLOPT_OPENSOCKETDATA, f);
    curl_easy_setopt(f->easy, CURLOPT_PREREQFUNCTION, on_request);
    curl_easy_setopt(f->easy, CURLOPT_PREREQDATA, f);
}

static int set_options(struct fetch *f, const struct fetch_order *order)
{
    bool https = view_eq_nocase(view_first(buf_view(&f->url), 6), view_of("https:"));
    const char *proxy = order->how->proxy;
    CURL *e = f->easy;

    set_callbacks(f);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L); /* never wait for a resolver that hangs */
    curl_easy_setopt(e, CURLOPT_USERAGENT, "rcptguard/" RCPTGUARD_VERSION);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)(order->how->timeout_s * 1000));
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, QUIET_S);
    curl_easy_setopt(e, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)order->max_bytes);
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(e, CURLOPT_MAXREDIRS, MAX_REDIRECTS);
    curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    /* A connection that is open already would pass by the check when a socket is opened. */
    curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L);
    /* What fetches does not depend on whose environment the daemon was started in. */
    curl_easy_setopt(e, CURLOPT_NOPROXY, "");
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, f->headers);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, https ? "https" : "http,https");
    /* The only ones that need memory for what we give them, and say no. */
    return curl_easy_setopt(e, CURLOPT_PROXY, proxy == NULL ? "" : proxy) == CURLE_OK &&
                   curl_easy_setopt(e, CURLOPT_URL, f->url.data) == CURLE_OK
               ? 0
               : ERR_NOMEM;
}

static void fetch_free(struct fetch *f)
{
    if (f->easy != NULL) {
        curl_multi_remove_handle(f->fetcher->multi, f->easy);
        curl_easy_cleanup(f->easy);
    }
    curl_slist_free_all(f->headers);
    buf_free(&f->url);
    buf_free(&f->secrets);
    body_free(f->body);
    free(f);
}

struct fetch *fetch_start(struct fetcher *fetcher, const struct fetch_order *order,
                          fetch_done *done, void *arg, struct error *why)
{
    struct fetch *f = calloc(1, sizeof *f);

    if (f != NULL) {
        *f = (struct fetch){.fetcher = fetcher, .done = done, .arg = arg};
        f->max_bytes = order->max_bytes;
        f->easy = curl_easy_init();
        f->body = body_new(order->spill_path, order->max_bytes);
        if (f->easy != NULL && f->body != NULL &&
            url_expand(&f->url, order->url, order->how->secret) == 0 &&
            set_access(f, order->how) == 0 && add_validator(f, "If-None-Match", order->etag) == 0 &&
            add_validator(f, "If-Modified-Since", order->last_modified) == 0 &&
            set_options(f, order) == 0 && !f->secrets.failed &&
            curl_multi_add_handle(fetcher->multi, f->easy) == CURLM_OK)
            return f;
        fetch_free(f);
    }
    error_set(why, ERR_NOMEM, "no memory for a fetch");
    return NULL;
}

void fetch_cancel(struct fetch *f)
{
    if (f != NULL)
        fetch_free(f);
}

uint64_t fetch_received(const struct fetch *f)
{
    return f->body->size;
}

static void tell_words(const struct fetch *f, const char *what, CURLcode rc, struct error *why)
{
    const char *words = f->words[0] != '\0' ? f->words : curl_easy_strerror(rc);
    char shown[sizeof why->text];
    struct text t = text_on(shown, sizeof shown);

    url_hide(&t, view_of(words), buf_view(&f->secrets));
    error_set(why, ERR_IO, "%s%s%s", what == NULL ? "" : what, what == NULL ? "" : ": ", shown);
}

static void tell_failure(const struct fetch *f, CURLcode rc, struct error *why)
{
    if (f->refused.code != 0)
        *why = f->refused;
    else if (rc == CURLE_FILESIZE_EXCEEDED)
        error_set(why, ERR_LIMIT, "more than max_bytes (%" PRIu64 " bytes)", f->max_bytes);
    else if (rc == CURLE_SSL_CERTPROBLEM)
        tell_words(f, "the client certificate of tls_cert and tls_key cannot be used", rc, why);
    else if (rc == CURLE_SSL_CACERT_BADFILE)
        tell_words(f, "the CA of tls_ca cannot be used", rc, why);
    else
        tell_words(f, NULL, rc, why);
}

/* ---- the answer ----------------------------------------------------------------------------- */

/* The value of the first such header of the last answer, or NULL. */
static const char *header_of(struct fetch *f, const char *name)
{
    struct curl_header *header;

    return curl_easy_header(f->easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK
               ? header->value
               : NULL;
}

/* Validators are kept as text and sent back: what is not plain ASCII is not worth it. */
static void take_header(struct fetch *f, const char *name, char *dst, size_t size)
{
    struct view v = view_trim(view_of(header_of(f, name)));

    dst[0] = '\0';
    for (size_t i = 0; i < v.len; i++)
        if (ascii_control(v.ptr[i]) || (unsigned char)v.ptr[i] > 0x7e)
            return;
    if (v.len < size) {
        memcpy(dst, v.ptr, v.len);
        dst[v.len] = '\0';
    }
}

/* Expires against the server's own clock, where it tells it; a date that is none is past. */
static int64_t until_expires(struct fetch *f)
{
    const char *expires = header_of(f, "Expires"), *date = header_of(f, "Date");
    time_t then = expires == NULL ? -1 : curl_getdate(expires, NULL);
    time_t now = date == NULL ? -1 : curl_getdate(date, NULL);

    return then == -1 ? 0 : (int64_t)then - (now == -1 ? clock_now() : (int64_t)now);
}

static int64_t expires_of(struct fetch *f)
{
    struct cache_control c = {.max_age_s = -1};
    struct curl_header *header;
    uint64_t age = 0;

    for (size_t i = 0;
         curl_easy_header(f->easy, "Cache-Control", i, CURLH_HEADER, -1, &header) == CURLHE_OK; i++)
        cache_control_read(view_of(header->value), &c);
    if (header_of(f, "Age") != NULL)
        view_to_uint(view_trim(view_of(header_of(f, "Age"))), UINT32_MAX, &age);
    int64_t seconds = (c.max_age_s >= 0 ? c.max_age_s : until_expires(f)) - (int64_t)age;
    return c.never || seconds < 0 ? 0 : seconds;
}

static void judge_response(struct fetch *f, struct fetch_result *result)
{
    curl_off_t retry_after = 0;
    long code = 0;

    curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &code);
    result->http_status = code;
    if (code == 200 || code == 304)
        result->expires_s = expires_of(f);
    if (code == 304 && f->conditional) {
        result->kind = FETCH_SAME;
    } else if (code == 200) {
        result->kind = FETCH_BODY;
        result->body = f->body;
        f->body = NULL;
        body_end(result->body);
        take_header(f, "ETag", result->etag, sizeof result->etag);
        take_header(f, "Last-Modified", result->last_modified, sizeof result->last_modified);
    } else {
        error_set(&result->why, ERR_IO, "the server answered HTTP %ld", code);
        if (curl_easy_getinfo(f->easy, CURLINFO_RETRY_AFTER, &retry_after) == CURLE_OK)
            result->retry_after_s = (int64_t)retry_after;
    }
}

static void finish(struct fetch *f, CURLcode rc)
{
    struct fetch_result result = {.kind = FETCH_FAILED};
    fetch_done *done = f->done;
    void *arg = f->arg;

    if (rc == CURLE_OK || (rc == CURLE_WRITE_ERROR && f->refused.code == 0))
        judge_response(f, &result);
    else
        tell_failure(f, rc, &result.why);
    fetch_free(f);
    done(&result, arg);
}

void fetcher_run(struct fetcher *f)
{
    struct fetch *fetch;
    CURLMsg *message;
    int left;

    curl_multi_perform(f->multi, &left);
    while ((message = curl_multi_info_read(f->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode rc = message->data.result; /* the message is gone with its handle */
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &fetch);
        finish(fetch, rc);
    }
}

void fetcher_wait(struct fetcher *f, const int *fds, unsigned count, int timeout_ms)
{
    struct curl_waitfd extra[FETCHER_MAX_FDS];
    unsigned n = 0;

    for (unsigned i = 0; i < count && n < FETCHER_MAX_FDS; i++)
        if (fds[i] >= 0)
            extra[n++] = (struct curl_waitfd){.fd = fds[i], .events = CURL_WAIT_POLLIN};
    curl_multi_poll(f->multi, extra, n, timeout_ms, NULL);
}

struct fetcher *fetcher_new(struct error *why)
{
    struct fetcher *f = calloc(1, sizeof *f);

    if (f != NULL && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK &&
        (f->multi = curl_multi_init()) != NULL) {
        curl_multi_setopt(f->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
        return f;
    }
    free(f);
    error_set(why, ERR_NOMEM, "libcurl cannot be started");
    return NULL;
}

void fetcher_free(struct fetcher *f)
{
    if (f == NULL)
        return;
    curl_multi_cleanup(f->multi);
    curl_global_cleanup();
    free(f);
}

void fetch_file(const char *path, uint64_t max_bytes, struct fetch_result *result)
{
    memset(result, 0, sizeof *result);
    result->body = body_of_file(path, max_bytes, &result->why);
    result->kind = result->body == NULL ? FETCH_FAILED : FETCH_BODY;
}
