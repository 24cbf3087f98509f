/*
 * The admin server: socket, groups, and the way from evhttp's callback to a handler. What keeps it
 * from harming the policy path is in connections.c.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "rcptguard/base/log.h"
#include "rcptguard/base/socket.h"
#include "request.h"

static void on_request(struct evhttp_request *http, void *arg)
{
    struct admin *a = arg;
    const char *uri = evhttp_request_get_uri(http);
    size_t len = uri == NULL ? 0 : strlen(uri);
    struct request *r = calloc(1, sizeof *r + len + 1);
    struct error why;

    if (r == NULL) {
        evhttp_send_error(http, 503, NULL);
        return;
    }
    r->admin = a;
    r->http = http;
    r->peer = peer_of(connections_fd(http));
    if (target_parse(view_make(uri, len), r->memory, &r->target, &why) != 0)
        request_fail(r, 400, "%s", why.text);
    else
        routes_serve(r);
}

static int open_socket(struct admin *a, const struct admin_config *config, int *fd,
                       struct error *why)
{
    struct socket_address where;
    gid_t group;
    int code = socket_find_group("admin.socket_group", config->socket_group,
                                 config->socket_group_set, &group, why);

    if (code == 0)
        code =
            socket_find_group("admin.admin_group", config->admin_group, true, &a->admin_group, why);
    if (code == 0)
        code = socket_address_parse(view_of(config->listen), &where, why);
    if (code == 0 && !where.is_unix)
        code = error_set(why, ERR_SYNTAX, "admin.listen: not a unix socket; write unix:/path");
    if (code != 0)
        return code;

    struct error trouble = {0};
    *fd = socket_listen_unix(where.path, config->socket_mode, group, &a->file, &trouble);
    if (*fd < 0) {
        if (why != NULL)
            *why = trouble;
        return error_prefix(why, "admin.listen");
    }
    if (trouble.code != ERR_OK)
        log_warning("admin", "%s", trouble.text);
    return 0;
}

static int open_http(struct admin *a, int fd, struct error *why)
{
    a->http = evhttp_new(a->base);
    if (a->http == NULL) {
        close(fd);
        return error_set(why, ERR_NOMEM, "no memory for the admin socket");
    }
    a->connections = connections_new(a->base, a->http, fd);
    if (a->connections == NULL)
        return error_set(why, ERR_NOMEM, "no memory for the admin socket");
    /* All of them, so that a wrong method is told in JSON what the right one is. */
    evhttp_set_allowed_methods(a->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
                                            EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
                                            EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE |
                                            EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH);
    evhttp_set_gencb(a->http, on_request, a);
    return 0;
}

struct admin *admin_new(struct event_base *base, const struct admin_config *config,
                        struct admin_house *house, struct error *why)
{
    struct admin *a = calloc(1, sizeof *a);
    int fd = -1;

    if (a == NULL) {
        error_set(why, ERR_NOMEM, "no memory for the admin socket");
        return NULL;
    }
    a->base = base;
    a->house = house;
    a->admin_group = SOCKET_NO_GROUP;
    if (config->listen[0] == '\0')
        return a;             /* off */
    signal(SIGPIPE, SIG_IGN); /* a client that left must not end the daemon */
    if (open_socket(a, config, &fd, why) == 0 && open_http(a, fd, why) == 0)
        return a;
    admin_free(a);
    return NULL;
}

int admin_start(struct admin *a, struct error *why)
{
    (void)why;
    if (a->connections != NULL)
        connections_start(a->connections);
    return 0;
}

void admin_free(struct admin *a)
{
    if (a == NULL)
        return;
    if (a->http != NULL)
        evhttp_free(a->http);
    connections_free(a->connections);
    socket_file_remove(&a->file);
    free(a);
}
