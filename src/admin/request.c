/* One request on its way through a handler: see request.h. */
#include "request.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>

#include "json.h"
#include "rcptguard/base/escape.h"
#include "rcptguard/base/json_text.h"
#include "rcptguard/base/log.h"

/* In ASCII: who looks with curl or --json has a terminal, which obeys C1 and bidi controls. */
#define JSON_FLAGS (JSON_COMPACT | JSON_ENSURE_ASCII)

static int add_bytes(const char *bytes, size_t len, void *arg)
{
    return evbuffer_add(arg, bytes, len);
}

static const char *phrase(int status)
{
    static const struct {
        int status;
        const char *words;
    } phrases[] = {
        {200, "OK"},          {201, "Created"},
        {400, "Bad Request"}, {403, "Forbidden"},
        {404, "Not Found"},   {405, "Method Not Allowed"},
        {409, "Conflict"},    {500, "Internal Server Error"},
        {502, "Bad Gateway"}, {503, "Service Unavailable"},
    };

    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (phrases[i].status == status)
            return phrases[i].words;
    return "Status";
}

static void request_free(struct request *r)
{
    json_decref(r->body);
    free(r);
}

static void add_headers(struct request *r, const char *type)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(r->http);

    evhttp_add_header(headers, "Content-Type", type);
    evhttp_add_header(headers, "Cache-Control", "no-store");
    evhttp_add_header(headers, "Connection", "close");
}

/* Frees OUT, which may be NULL, and R. */
static void reply(struct request *r, int status, const char *type, struct evbuffer *out)
{
    bool head = evhttp_request_get_command(r->http) == EVHTTP_REQ_HEAD;

    add_headers(r, type);
    connections_answered(r->at->connections, r->http);
    evhttp_send_reply(r->http, status, phrase(status), head ? NULL : out);
    if (out != NULL)
        evbuffer_free(out);
    request_free(r);
}

void request_reply(struct request *r, int status, json_t *document)
{
    struct evbuffer *out = evbuffer_new();

    if (out != NULL && (document == NULL || !json_write(document, JSON_FLAGS, add_bytes, out))) {
        evbuffer_drain(out, evbuffer_get_length(out));
        evbuffer_add_printf(out, "{\"error\":\"out of memory\"}");
        status = 500;
    }
    if (out != NULL)
        evbuffer_add(out, "\n", 1);
    json_decref(document);
    reply(r, out == NULL ? 500 : status, "application/json", out);
}

static void free_bytes(const void *bytes, size_t len, void *arg)
{
    (void)bytes, (void)len;
    free(arg);
}

void request_reply_bytes(struct request *r, const char *type, char *bytes, size_t len)
{
    struct evbuffer *out = bytes == NULL ? NULL : evbuffer_new();

    if (out != NULL && evbuffer_add_reference(out, bytes, len, free_bytes, bytes) == 0) {
        reply(r, 200, type, out);
        return;
    }
    if (out != NULL)
        evbuffer_free(out);
    free(bytes);
    request_reply(r, 500, NULL);
}

void request_fail(struct request *r, int status, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    request_reply(r, status, json_error(view_of(text)));
}

static void client_gone(void *arg)
{
    struct request *r = arg;

    r->gone(r->work);
    /* After an error on the stream evhttp leaves a request that is being worked on to us. */
    if (evhttp_request_get_connection(r->http) == NULL)
        evhttp_request_free(r->http);
    request_free(r);
}

static void client_waits(void *arg)
{
    struct request *r = arg;

    if (r->tick != NULL)
        r->tick(r->work);
}

void request_wait(struct request *r, void (*gone)(void *work), void (*tick)(void *work), void *work)
{
    r->gone = gone;
    r->tick = tick;
    r->work = work;
    connections_wait(r->at->connections, r->http, client_gone, client_waits, r);
}

void request_stream(struct request *r)
{
    add_headers(r, "application/x-ndjson");
    connections_stream(r->at->connections, r->http);
    evhttp_send_reply_start(r->http, 200, phrase(200));
}

void request_chunk(struct request *r, json_t *document)
{
    struct evbuffer *out = evbuffer_new();

    if (out != NULL && document != NULL && json_write(document, JSON_FLAGS, add_bytes, out) &&
        evbuffer_add(out, "\n", 1) == 0)
        evhttp_send_reply_chunk(r->http, out);
    json_decref(document);
    if (out != NULL)
        evbuffer_free(out);
}

size_t request_unsent(const struct request *r)
{
    return connections_unsent(r->http);
}

bool request_may_admin(struct request *r, const char *what, struct view name)
{
    if (peer_is_admin(&r->peer, connections_fd(r->http), r->admin->admin_group))
        return true;
    request_log(r, what, name, "refused, not in admin_group,");
    request_fail(r, 403, "uid %ld may not do this: be root or a member of [admin] admin_group%s",
                 r->peer.known ? (long)r->peer.uid : -1L,
                 r->admin->admin_group == SOCKET_NO_GROUP ? " (which is not set)" : "");
    return false;
}

bool request_may_search(struct request *r)
{
    if (r->admin->searching < ADMIN_MAX_SEARCHING)
        return true;
    request_fail(r, 503, "%d requests are searched for already; try again later",
                 ADMIN_MAX_SEARCHING);
    return false;
}

bool request_flag(struct request *r, const char *key, bool *value)
{
    struct view text = view_of("no");

    target_get(&r->target, key, &text);
    *value = view_is(text, "yes");
    if (*value || view_is(text, "no"))
        return true;
    request_fail(r, 400, "%s: write yes or no", key);
    return false;
}

bool request_fleet(struct request *r, bool *fleet)
{
    if (!request_flag(r, "fleet", fleet))
        return false;
    if (!*fleet || fleet_shares_events(r->admin->house->fleet))
        return true;
    request_fail(r, 409,
                 "this relay shares no events: write events into [redis] share, and restart");
    return false;
}

void request_change(const struct request *r, struct view name, struct change_words *to)
{
    struct text t = text_on(to->name, sizeof to->name), by = text_on(to->by, sizeof to->by);
    json_t *claimed = json_object_get(r->body, "by");
    struct view claim = VIEW_NONE;

    if (json_is_string(claimed))
        claim = view_make(json_string_value(claimed), json_string_length(claimed));
    else
        target_get(&r->target, "by", &claim);
    escape_to(&t, name, ESCAPE_LOG);
    escape_to_max(&by, claim, ESCAPE_LOG, ADMIN_BY_MAX);
    to->uid = r->peer.known ? (long)r->peer.uid : -1L;
}

void request_log(const struct request *r, const char *what, struct view name, const char *outcome)
{
    struct change_words words;

    request_change(r, name, &words);
    log_notice("admin", "%s: %s: %s uid=%ld by=<%s>", what, words.name, outcome, words.uid,
               words.by);
}
