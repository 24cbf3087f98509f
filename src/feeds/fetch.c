/*
 * Fetching by libcurl. Redirects are followed by curl itself; two callbacks keep them decent:
 * opensocket refuses private addresses, prereq refuses the way back from https to http.
 */
#include "fetch.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "private_net.h"

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
    fetch_done *done;
    void *arg;
    struct body *body;
    uint64_t max_bytes;
    bool conditional;    /* validators were sent */
    bool private_origin; /* the configured URL itself leads to private addresses only */
    bool public_origin;  /* it leads to a public one, too */
    bool was_https;
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
    else if (is_private && (f->public_origin || !f->private_origin)) {
        error_set(&f->refused, ERR_REFUSED,
                  "a redirect to a loopback, private or link-local address is not followed");
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static int on_request(void *arg, char *ip, char *local_ip, int port, int local_port)
{
    struct fetch *f = arg;
    char *scheme = NULL;

    (void)ip, (void)local_ip, (void)port, (void)local_port;
    curl_easy_getinfo(f->easy, CURLINFO_SCHEME, &scheme);
    bool https = scheme != NULL && view_eq_nocase(view_of(scheme), view_of("https"));
    if (f->was_https && !https) {
        error_set(&f->refused, ERR_REFUSED, "a redirect from https to http is not followed");
        return CURL_PREREQFUNC_ABORT;
    }
    f->was_https = https;
    return CURL_PREREQFUNC_OK;
}

static int add_header(struct fetch *f, const char *name, const char *value)
{
    char line[FETCH_ETAG_MAX + 64];
    struct text t = text_on(line, sizeof line);

    if (value == NULL || value[0] == '\0')
        return 0;
    text_addf(&t, "%s: %s", name, value);
    struct curl_slist *list = curl_slist_append(f->headers, line);
    if (t.cut || list == NULL)
        return ERR_NOMEM;
    f->headers = list;
    f->conditional = true;
    return 0;
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
    bool https = view_eq_nocase(view_first(view_of(order->url), 6), view_of("https:"));
    CURL *e = f->easy;

    set_callbacks(f);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L); /* never wait for a resolver that hangs */
    curl_easy_setopt(e, CURLOPT_USERAGENT, "rcptguard/" RCPTGUARD_VERSION);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)(order->timeout_s * 1000));
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
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, f->headers);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, https ? "https" : "http,https");
    /* The only ones that need memory for what we give them, and say no. */
    return curl_easy_setopt(e, CURLOPT_URL, order->url) == CURLE_OK ? 0 : ERR_NOMEM;
}

static void fetch_free(struct fetch *f)
{
    if (f->easy != NULL) {
        curl_multi_remove_handle(f->fetcher->multi, f->easy);
        curl_easy_cleanup(f->easy);
    }
    curl_slist_free_all(f->headers);
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
            add_header(f, "If-None-Match", order->etag) == 0 &&
            add_header(f, "If-Modified-Since", order->last_modified) == 0 &&
            set_options(f, order) == 0 &&
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

/* Validators are kept as text and sent back: what is not plain ASCII is not worth it. */
static void take_header(struct fetch *f, const char *name, char *dst, size_t size)
{
    struct curl_header *header;

    dst[0] = '\0';
    if (curl_easy_header(f->easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return;
    struct view v = view_trim(view_of(header->value));
    for (size_t i = 0; i < v.len; i++)
        if (ascii_control(v.ptr[i]) || (unsigned char)v.ptr[i] > 0x7e)
            return;
    if (v.len < size) {
        memcpy(dst, v.ptr, v.len);
        dst[v.len] = '\0';
    }
}

static void tell_failure(const struct fetch *f, CURLcode rc, struct error *why)
{
    if (f->refused.code != 0)
        *why = f->refused;
    else if (rc == CURLE_FILESIZE_EXCEEDED)
        error_set(why, ERR_LIMIT, "more than max_bytes (%" PRIu64 " bytes)", f->max_bytes);
    else
        error_set(why, ERR_IO, "%s", f->words[0] != '\0' ? f->words : curl_easy_strerror(rc));
}

static void judge_response(struct fetch *f, struct fetch_result *result)
{
    curl_off_t retry_after = 0;
    long code = 0;

    curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &code);
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
