/* Which handler answers which method and path. The next issue only adds rows. */
#include "json.h"
#include "request.h"

#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>

static const struct route {
    enum evhttp_cmd_type method;
    const char *method_name;
    const char *path;
    request_handler *handle;
} routes[] = {
    {EVHTTP_REQ_GET, "GET", "/v1/status", admin_status},
    {EVHTTP_REQ_GET, "GET", "/v1/check", admin_check},
    {EVHTTP_REQ_GET, "GET", "/v1/feeds", admin_feeds},
    {EVHTTP_REQ_POST, "POST", "/v1/feeds/*/refresh", admin_refresh},
    {EVHTTP_REQ_POST, "POST", "/v1/feeds/*/accept", admin_accept},
    {EVHTTP_REQ_POST, "POST", "/v1/feeds/*/rollback", admin_rollback},
};

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
        r->body = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &why);
    if (json_is_object(r->body))
        return true;
    request_fail(r, 400, "the body is not a JSON object");
    return false;
}

void routes_serve(struct request *r)
{
    const struct route *other = NULL;

    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (!target_matches(&r->target, routes[i].path, &r->name))
            continue;
        if (routes[i].method == evhttp_request_get_command(r->http)) {
            if (read_body(r))
                routes[i].handle(r);
            return;
        }
        other = &routes[i];
    }
    if (other == NULL) {
        request_fail(r, 404,
                     "there is nothing at this path; try /v1/status, /v1/feeds or /v1/check");
        return;
    }
    evhttp_add_header(evhttp_request_get_output_headers(r->http), "Allow", other->method_name);
    request_fail(r, 405, "this path takes %s only", other->method_name);
}
