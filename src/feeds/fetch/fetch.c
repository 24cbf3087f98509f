/* Fetching by libcurl: the life of a fetch, and what all have in common. */
#include "fetch.h"

#include <inttypes.h>
#include <stdlib.h>

#include "fetch_parts.h"
#include "schedule.h"
#include "url.h"

#define CONNECT_S     10L
#define QUIET_S       15L
#define MAX_REDIRECTS 5L

struct fetcher {
    CURLM *multi;
};

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct fetch *f = arg;
    long code = 0;

    curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &code);
    if (code != 200)
        return 0; /* an error page is no list, and may have no end; the code tells */
    int rc =
        f->of_lines && !fetch_is_measured(f)
            ? last_line_add(&f->last_line, view_make(bytes, size * count), f->body, &f->refused)
            : body_add(f->body, bytes, size * count, &f->refused);
    return rc < 0 ? 0 : size * count;
}

static void set_callbacks(struct fetch *f)
{
    curl_easy_setopt(f->easy, CURLOPT_PRIVATE, f);
    curl_easy_setopt(f->easy, CURLOPT_ERRORBUFFER, f->words);
    curl_easy_setopt(f->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(f->easy, CURLOPT_WRITEDATA, f);
    fetch_watch_redirects(f);
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
    last_line_free(&f->last_line);
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
        f->of_lines = order->of_lines;
        f->easy = curl_easy_init();
        f->body = body_new(order->spill_path, order->max_bytes);
        if (f->easy != NULL && f->body != NULL &&
            url_expand(&f->url, order->url, order->how->secret) == 0 &&
            fetch_send_access(f, order->how) == 0 &&
            fetch_send_validator(f, "If-None-Match", order->etag) == 0 &&
            fetch_send_validator(f, "If-Modified-Since", order->last_modified) == 0 &&
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

static void tell_failure(const struct fetch *f, CURLcode rc, struct error *why)
{
    if (f->refused.code != 0)
        *why = f->refused;
    else if (rc == CURLE_FILESIZE_EXCEEDED)
        error_set(why, ERR_LIMIT, "more than max_bytes (%" PRIu64 " bytes)", f->max_bytes);
    else if (rc == CURLE_SSL_CERTPROBLEM)
        fetch_tell(f, "the client certificate of tls_cert and tls_key cannot be used", rc, why);
    else if (rc == CURLE_SSL_CACERT_BADFILE)
        fetch_tell(f, "the CA of tls_ca cannot be used", rc, why);
    else
        fetch_tell(f, NULL, rc, why);
}

/* ---- the answer ----------------------------------------------------------------------------- */

static void take_body(struct fetch *f, struct fetch_result *result)
{
    result->kind = FETCH_BODY;
    result->body = f->body;
    f->body = NULL;
    body_end(result->body);
    fetch_take_header(f, "ETag", result->etag, sizeof result->etag);
    fetch_take_header(f, "Last-Modified", result->last_modified, sizeof result->last_modified);
}

static void judge_response(struct fetch *f, struct fetch_result *result)
{
    curl_off_t retry_after = 0;
    long code = 0;

    curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &code);
    result->http_status = code;
    if (code == 200 || code == 304)
        result->expires_s = fetch_expires_s(f);
    if (code == 304 && f->conditional) {
        result->kind = FETCH_SAME;
    } else if (code == 200) {
        if (last_line_end(&f->last_line, f->body, &result->left_out, &result->why) == 0)
            take_body(f, result);
    } else {
        error_set(&result->why, ERR_IO, "the server answered HTTP %ld", code);
        if (curl_easy_getinfo(f->easy, CURLINFO_RETRY_AFTER, &retry_after) == CURLE_OK)
            result->retry_after_s = retry_after < SCHEDULE_MAX_BACKOFF_S ? (int64_t)retry_after
                                                                         : SCHEDULE_MAX_BACKOFF_S;
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
