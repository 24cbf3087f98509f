/* The admin API's client: see api.h. */
#include "api.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX  (64u << 20)
#define MAX_AT_ONCE 8L /* the daemon lets sixteen wait for a fetch */
#define CONNECT_MS  10000L
#define GET_MS      30000L
#define POST_MS     1800000L /* a fetch may take ten minutes, several may queue */
#define TICK_MS     500
#define SILENT_S    60L        /* a stream says every fifteen seconds that it is alive */
#define LINE_MAX_B  (1u << 20) /* of a stream */

struct api {
    const char *socket;
};

struct api *api_new(const char *socket)
{
    struct api *c = calloc(1, sizeof *c);

    if (c == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(c);
        return NULL;
    }
    c->socket = socket;
    return c;
}

void api_free(struct api *c)
{
    if (c == NULL)
        return;
    curl_global_cleanup();
    free(c);
}

void api_call_begin(struct api_call *c, enum api_method method, const char *path)
{
    *c = (struct api_call){.method = method,
                           .path = BUF_INIT(1u << 20),
                           .request = BUF_INIT(1u << 16),
                           .raw = BUF_INIT(ANSWER_MAX)};
    buf_addf(&c->path, "http://localhost%s", path);
}

void api_call_end(struct api_call *c)
{
    buf_free(&c->path);
    buf_free(&c->request);
    buf_free(&c->raw);
    json_decref(c->answer);
    *c = (struct api_call){.method = API_GET};
}

void api_call_add_encoded(struct api_call *c, struct view v)
{
    for (size_t i = 0; i < v.len; i++) {
        char b = v.ptr[i];
        if (ascii_alnum(b) || (b != '\0' && strchr("-._~", b) != NULL))
            buf_add(&c->path, &b, 1);
        else
            buf_addf(&c->path, "%%%02X", (unsigned char)b);
    }
}

/* Hands over the whole lines of what came and keeps the rest. */
static bool take_lines(struct api_call *c)
{
    struct view rest = buf_view(&c->raw);
    ptrdiff_t end;

    while ((end = view_find(rest, '\n')) >= 0) {
        if (!c->on_line(view_first(rest, (size_t)end), c->line_arg))
            return false;
        rest = view_from(rest, (size_t)end + 1);
    }
    if (rest.len > LINE_MAX_B)
        return false;
    if (rest.len > 0)
        memmove(c->raw.data, rest.ptr, rest.len);
    c->raw.len = rest.len;
    return true;
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *arg)
{
    struct api_call *c = arg;

    if (buf_add(&c->raw, bytes, size * count) != 0)
        return 0;
    if (c->on_line != NULL && c->status == 0)
        curl_easy_getinfo(c->handle, CURLINFO_RESPONSE_CODE, &c->status);
    if (c->on_line != NULL && c->status == 200 && !take_lines(c))
        return 0;
    return size * count;
}

static void set_limits(CURL *h, const struct api_call *c)
{
    if (c->on_line == NULL) {
        curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, c->method == API_POST ? POST_MS : GET_MS);
        return;
    }
    curl_easy_setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(h, CURLOPT_LOW_SPEED_TIME, SILENT_S);
}

static CURL *make_handle(const struct api *api, struct api_call *c)
{
    CURL *h = curl_easy_init();

    if (h == NULL || c->path.failed || c->request.failed) {
        curl_easy_cleanup(h);
        return NULL;
    }
    curl_easy_setopt(h, CURLOPT_UNIX_SOCKET_PATH, api->socket);
    curl_easy_setopt(h, CURLOPT_URL, c->path.data);
    curl_easy_setopt(h, CURLOPT_PROXY, ""); /* whatever the environment says */
    curl_easy_setopt(h, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    set_limits(h, c);
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, c);
    curl_easy_setopt(h, CURLOPT_PRIVATE, c);
    if (c->method == API_DELETE)
        curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, "DELETE");
    if (c->method == API_POST) {
        curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE, (long)c->request.len);
        curl_easy_setopt(h, CURLOPT_POSTFIELDS, c->request.len == 0 ? "" : c->request.data);
    }
    return h;
}

/* The sentence that the people who read it need: what to look at, not only what failed. */
static void explain(const struct api *api, CURL *h, CURLcode code, struct error *why)
{
    long os_error = 0;

    curl_easy_getinfo(h, CURLINFO_OS_ERRNO, &os_error);
    if (code == CURLE_COULDNT_CONNECT)
        error_set(why, ERR_IO,
                  "cannot connect to %s%s%s%s: is rcptguardd running? are you in group rcptguard?",
                  api->socket, os_error == 0 ? "" : " (",
                  os_error == 0 ? "" : strerror((int)os_error), os_error == 0 ? "" : ")");
    else if (code == CURLE_OPERATION_TIMEDOUT)
        error_set(why, ERR_TIMEOUT, "no answer from %s in time: look at the daemon's log",
                  api->socket);
    else
        error_set(why, ERR_IO, "no answer from %s: %s", api->socket, curl_easy_strerror(code));
}

static void finish(const struct api *api, CURL *h, CURLcode code)
{
    struct api_call *c = NULL;

    curl_easy_getinfo(h, CURLINFO_PRIVATE, &c);
    if (c->on_line != NULL && c->status == 200) {
        error_set(&c->why, ERR_IO, "rcptguardd at %s %s", api->socket,
                  code == CURLE_OPERATION_TIMEDOUT
                      ? "is silent: look at its log"
                      : "has gone away: rcptguard status says when it is back");
        return;
    }
    if (code != CURLE_OK) {
        explain(api, h, code, &c->why);
        return;
    }
    curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &c->status);
    c->answer = json_loadb(c->raw.len == 0 ? "" : c->raw.data, c->raw.len, JSON_ALLOW_NUL, NULL);
    if (json_is_object(c->answer))
        return;
    error_set(&c->why, ERR_SYNTAX, "%s answers %ld without JSON: is it rcptguardd's admin socket?",
              api->socket, c->status);
}

static void drive(const struct api *api, CURLM *multi, void (*tick)(void *arg), void *arg)
{
    int running = 1, left;

    while (running > 0) {
        if (curl_multi_perform(multi, &running) != CURLM_OK)
            return;
        for (CURLMsg *m; (m = curl_multi_info_read(multi, &left)) != NULL;)
            if (m->msg == CURLMSG_DONE)
                finish(api, m->easy_handle, m->data.result);
        if (running == 0)
            return;
        int events = 0;
        curl_multi_poll(multi, NULL, 0, TICK_MS, &events);
        if (events == 0 && tick != NULL)
            tick(arg);
    }
}

int api_run(struct api *api, struct api_call *calls, size_t n, void (*tick)(void *arg), void *arg,
            struct error *why)
{
    CURLM *multi = curl_multi_init();
    int code = 0;

    if (multi == NULL)
        return error_set(why, ERR_NOMEM, "no memory");
    curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, MAX_AT_ONCE);
    for (size_t i = 0; i < n; i++) {
        error_set(&calls[i].why, ERR_NOMEM, "no memory, or too long a request");
        calls[i].handle = make_handle(api, &calls[i]);
        if (calls[i].handle == NULL)
            continue;
        if (curl_multi_add_handle(multi, calls[i].handle) == CURLM_OK)
            calls[i].why = (struct error){0};
    }
    drive(api, multi, tick, arg);
    for (size_t i = 0; i < n; i++) {
        if (calls[i].handle != NULL) {
            curl_multi_remove_handle(multi, calls[i].handle);
            curl_easy_cleanup(calls[i].handle);
            calls[i].handle = NULL;
        }
        if (calls[i].why.code != 0 && code == 0) {
            code = calls[i].why.code;
            if (why != NULL)
                *why = calls[i].why;
        }
    }
    curl_multi_cleanup(multi);
    return code;
}
