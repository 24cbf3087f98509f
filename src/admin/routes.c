/*
 * Which handler answers which method and path, and the parameters that a path takes: one that it
 * does not know is an error, since who mistypes `list` must not exclude from all of them.
 */
#include "json.h"
#include "request.h"

#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>

#include "rcptguard/base/json_text.h"
#include "rcptguard/base/nearest.h"

#define PARAMS_MAX 6

struct route {
    enum evhttp_cmd_type method;
    const char *method_name;
    const char *path;
    request_handler *handle;
    const char *params[PARAMS_MAX]; /* NULL-terminated */
};

static const struct route routes[] = {
    {EVHTTP_REQ_GET, "GET", "/v1/status", admin_status, {"fleet"}},
    {EVHTTP_REQ_GET, "GET", "/v1/check", admin_check, {"recipient", "sender"}},
    {EVHTTP_REQ_GET, "GET", "/v1/why/*", admin_why, {NULL}},
    {EVHTTP_REQ_GET, "GET", "/v1/exclusions", admin_exclusions, {"from"}},
    {EVHTTP_REQ_POST, "POST", "/v1/exclusions", admin_exclude, {NULL}},
    {EVHTTP_REQ_DELETE,
     "DELETE",
     "/v1/exclusions",
     admin_unexclude,
     {"what", "list", "by", "expired"}},
    {EVHTTP_REQ_GET, "GET", "/v1/blocks", admin_blocks, {"from"}},
    {EVHTTP_REQ_POST, "POST", "/v1/blocks", admin_block, {NULL}},
    {EVHTTP_REQ_DELETE, "DELETE", "/v1/blocks", admin_unblock, {"what", "by", "expired"}},
    {EVHTTP_REQ_GET, "GET", "/v1/feeds", admin_feeds, {NULL}},
    {EVHTTP_REQ_POST, "POST", "/v1/feeds/*/refresh", admin_refresh, {"by"}},
    {EVHTTP_REQ_POST, "POST", "/v1/feeds/*/accept", admin_accept, {"by"}},
    {EVHTTP_REQ_POST, "POST", "/v1/feeds/*/rollback", admin_rollback, {"by"}},
    {EVHTTP_REQ_GET, "GET", "/v1/history", admin_history, {"recipient"}},
    {EVHTTP_REQ_GET, "GET", "/v1/top", admin_top, {"fleet"}},
    {EVHTTP_REQ_GET, "GET", "/v1/events", admin_events, {"all", "fleet"}},
    {EVHTTP_REQ_GET, "GET", "/metrics", admin_metrics, {NULL}},
    {EVHTTP_REQ_HEAD, "HEAD", "/metrics", admin_metrics, {NULL}},
};

/* The listener for anybody: no names, no addresses, nothing to change. */
static const struct route routes_for_anybody[] = {
    {EVHTTP_REQ_GET, "GET", "/v1/status", admin_status_anybody, {NULL}},
    {EVHTTP_REQ_HEAD, "HEAD", "/v1/status", admin_status_anybody, {NULL}},
    {EVHTTP_REQ_GET, "GET", "/metrics", admin_metrics, {NULL}},
    {EVHTTP_REQ_HEAD, "HEAD", "/metrics", admin_metrics, {NULL}},
};

#define N_ROUTES(table) (sizeof(table) / sizeof *(table))

/* The body of a POST: nothing, or one JSON object. False: R was answered. */
static bool read_body(struct request *r)
{
    struct evbuffer *in = evhttp_request_get_input_buffer(r->http);
    size_t len = evbuffer_get_length(in);
    json_error_t why;

    if (len == 0 || evhttp_request_get_command(r->http) != EVHTTP_REQ_POST)
        return true;
    const char *bytes = (const char *)evbuffer_pullup(in, -1);
    if (bytes != NULL)
        r->body = json_parse(view_make(bytes, len), JSON_REJECT_DUPLICATES, &why);
    if (json_is_object(r->body))
        return true;
    if (bytes == NULL || (r->body == NULL && json_error_code(&why) == json_error_out_of_memory))
        request_fail(r, 503, "no memory to read the body; nothing was done");
    else
        request_fail(r, 400, "the body is not a JSON object%s%s", r->body == NULL ? ": " : "",
                     r->body == NULL ? why.text : "");
    return false;
}

/* False: R was answered. */
static bool know_params(struct request *r, const struct route *route)
{
    size_t n = 0;
    char shown[64 + 8];

    while (route->params[n] != NULL)
        n++;
    for (unsigned i = 0; i < r->target.n_params; i++) {
        struct view key = r->target.params[i].key;
        const char *nearest = nearest_name(key, route->params, n);
        if (nearest != NULL && view_is(key, nearest))
            continue;
        struct text t = text_on(shown, sizeof shown), known = text_on((char[128]){0}, 128);
        escape_to_max(&t, key, ESCAPE_TERMINAL, 64);
        for (size_t j = 0; j < n; j++)
            text_addf(&known, "%s%s", j == 0 ? "" : ", ", route->params[j]);
        if (nearest == NULL)
            request_fail(r, 400, "unknown parameter \"%s\": this path takes none", shown);
        else
            request_fail(r, 400, "unknown parameter \"%s\": did you mean %s? This path takes %s",
                         shown, nearest, known.dst);
        return false;
    }
    return true;
}

static void fail_method(struct request *r, const struct route *table, size_t n)
{
    char memory[64];
    struct text allow = text_on(memory, sizeof memory);

    for (size_t i = 0; i < n; i++)
        if (target_matches(&r->target, table[i].path, &r->name))
            text_addf(&allow, "%s%s", allow.len == 0 ? "" : ", ", table[i].method_name);
    evhttp_add_header(evhttp_request_get_output_headers(r->http), "Allow", memory);
    request_fail(r, 405, "this path takes %s only", memory);
}

static void serve(struct request *r, const struct route *table, size_t n, const char *hint)
{
    bool is_path = false;

    for (size_t i = 0; i < n; i++) {
        if (!target_matches(&r->target, table[i].path, &r->name))
            continue;
        is_path = true;
        if (table[i].method != evhttp_request_get_command(r->http))
            continue;
        if (know_params(r, &table[i]) && read_body(r))
            table[i].handle(r);
        return;
    }
    if (is_path)
        fail_method(r, table, n);
    else
        request_fail(r, 404, "there is nothing at this path; try %s", hint);
}

void routes_serve(struct request *r)
{
    serve(r, routes, N_ROUTES(routes),
          "/v1/status, /v1/check, /v1/why/REF, /v1/exclusions, /v1/blocks, /v1/feeds, "
          "/v1/history, /v1/top, /v1/events or /metrics");
}

void routes_serve_anybody(struct request *r)
{
    serve(r, routes_for_anybody, N_ROUTES(routes_for_anybody),
          "/v1/status or /metrics; all else is on the admin socket");
}
