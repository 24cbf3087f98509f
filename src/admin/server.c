/*
 * The admin server: sockets, groups, and the way from evhttp's callback to a handler. What keeps it
 * from harming the policy path is in connections.c.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "rcptguard/base/log.h"
#include "rcptguard/base/socket.h"
#include "request.h"
#include "usage.h"

static void on_request(struct evhttp_request *http, void *arg)
{
    struct admin_listener *at = arg;
    const char *uri = evhttp_request_get_uri(http);
    size_t len = uri == NULL ? 0 : strlen(uri);
    struct request *r = calloc(1, sizeof *r + len + 1);
    struct error why;

    if (r == NULL) {
        evhttp_send_error(http, 503, NULL);
        return;
    }
    r->admin = at->admin;
    r->at = at;
    r->http = http;
    r->peer = peer_of(connections_fd(http));
    if (target_parse(view_make(uri, len), r->memory, &r->target, &why) != 0)
        request_fail(r, 400, "%s", why.text);
    else if (at->for_anybody)
        routes_serve_anybody(r);
    else
        routes_serve(r);
}

/*
 * The socket of NAME that was passed, or the one at WHERE: -1 when there is none. One that is
 * elsewhere counts, since whoever wrote its unit wants it, and CONFIGURED does not then.
 */
static int take_passed(struct passed *passed, const char *name, const char *configured,
                       const struct socket_address *where)
{
    struct socket_address elsewhere;
    char shown[SOCKET_TEXT_MAX];
    int fd = where == NULL ? -1 : passed_at(passed, where);

    if (fd >= 0 || (fd = passed_named(passed, name, &elsewhere)) < 0)
        return fd;
    if (where != NULL)
        log_warning("admin",
                    "%s was passed to us, and %s is not listened on; write the same in both",
                    socket_text(&elsewhere, shown), configured);
    return fd;
}

static int bind_socket(struct admin *a, const struct admin_config *config,
                       const struct socket_address *where, int *fd, struct error *why)
{
    gid_t group;
    int code = socket_find_group("admin.socket_group", config->socket_group,
                                 config->socket_group_set, &group, why);
    struct error trouble = {0};

    if (code != 0)
        return code;
    *fd = socket_listen_unix(where->path, config->socket_mode, group, &a->file, &trouble);
    if (*fd < 0) {
        if (why != NULL)
            *why = trouble;
        return error_prefix(why, "admin.listen");
    }
    if (trouble.code != ERR_OK)
        log_warning("admin", "%s", trouble.text);
    return 0;
}

static bool is_set(const char *key)
{
    return key != NULL && key[0] != '\0';
}

/* *FD stays -1 when there is none to open. */
static int open_socket(struct admin *a, const struct admin_config *config, struct passed *passed,
                       int *fd, struct error *why)
{
    const bool wanted = is_set(config->listen);
    struct socket_address where = {.is_unix = false};
    int code = 0;

    if (is_set(config->admin_group))
        code =
            socket_find_group("admin.admin_group", config->admin_group, true, &a->admin_group, why);
    if (code == 0 && wanted)
        code = socket_address_parse(view_of(config->listen), &where, why);
    if (code == 0 && wanted && !where.is_unix)
        code = error_set(why, ERR_SYNTAX, "admin.listen: not a unix socket; write unix:/path");
    if (code != 0)
        return code;
    *fd = take_passed(passed, "admin", config->listen, wanted ? &where : NULL);
    if (*fd < 0)
        return wanted ? bind_socket(a, config, &where, fd, why) : 0;
    code = socket_where(*fd, &where, why);
    if (code == 0 && !where.is_unix)
        code = error_set(why, ERR_REFUSED,
                         "the socket that was passed as 'admin' is no unix socket, whose owner and "
                         "mode decide who may connect; write ListenStream=/PATH in its unit");
    if (code != 0)
        close(*fd);
    return code;
}

/* *FD stays -1 when it is not wanted, and for a loopback address that this host lacks (rule 23). */
static int open_tcp(const struct admin_config *config, struct passed *passed, int *fd,
                    struct error *why)
{
    const bool wanted = is_set(config->http);
    struct socket_address where;
    struct error trouble = {0};
    char text[128];

    snprintf(text, sizeof text, "inet:%s", wanted ? config->http : "");
    int code = wanted ? socket_address_parse(view_of(text), &where, why) : 0;
    if (code != 0)
        return error_prefix(why, "admin.http: write 127.0.0.1:9340 or [::1]:9340");
    *fd = take_passed(passed, "http", config->http, wanted ? &where : NULL);
    if (*fd >= 0 || !wanted)
        return 0;
    *fd = socket_listen_inet(&where, &trouble);
    if (*fd >= 0)
        return 0;
    if (trouble.code == ERR_ABSENT && socket_is_loopback(&where)) {
        log_warning("admin", "admin.http: %s; going on without it", trouble.text);
        return 0;
    }
    if (trouble.code == ERR_ABSENT)
        trouble.code = ERR_IO; /* a network that comes up late: no error of the configuration */
    if (why != NULL)
        *why = trouble;
    return error_prefix(why, "admin.http");
}

static int open_http(struct admin *a, struct admin_listener *at, int fd, struct error *why)
{
    at->admin = a;
    at->http = evhttp_new(a->base);
    if (at->http == NULL) {
        close(fd);
        return error_set(why, ERR_NOMEM, "no memory for the admin API");
    }
    at->connections = connections_new(a->base, at->http, fd);
    if (at->connections == NULL)
        return error_set(why, ERR_NOMEM, "no memory for the admin API");
    /* All of them, so that a wrong method is told in JSON what the right one is. */
    evhttp_set_allowed_methods(at->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
                                             EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
                                             EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE |
                                             EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH);
    evhttp_set_gencb(at->http, on_request, at);
    return 0;
}

static int open_all(struct admin *a, const struct admin_config *config, struct passed *passed,
                    struct error *why)
{
    int fd = -1, code = open_socket(a, config, passed, &fd, why);

    if (code == 0 && fd >= 0)
        code = open_http(a, &a->socket, fd, why);
    if (code != 0)
        return code;
    fd = -1;
    a->anybody.for_anybody = true;
    code = open_tcp(config, passed, &fd, why);
    return code != 0 || fd < 0 ? code : open_http(a, &a->anybody, fd, why);
}

struct admin *admin_new(struct event_base *base, const struct admin_config *config,
                        struct passed *passed, struct admin_house *house, struct error *why)
{
    struct admin *a = calloc(1, sizeof *a);

    if (a == NULL || (a->suffixes = suffixes_new()) == NULL) {
        free(a);
        error_set(why, ERR_NOMEM, "no memory for the admin API");
        return NULL;
    }
    a->base = base;
    a->house = house;
    a->admin_group = SOCKET_NO_GROUP;
    signal(SIGPIPE, SIG_IGN); /* a client that left must not end the daemon */
    if (open_all(a, config, passed, why) == 0)
        return a;
    admin_free(a);
    return NULL;
}

int admin_start(struct admin *a, struct error *why)
{
    (void)why;
    if (a->socket.connections != NULL)
        connections_start(a->socket.connections);
    if (a->anybody.connections != NULL)
        connections_start(a->anybody.connections);
    return 0;
}

static void close_listener(struct admin_listener *at)
{
    if (at->http != NULL)
        evhttp_free(at->http);
    connections_free(at->connections);
}

void admin_free(struct admin *a)
{
    if (a == NULL)
        return;
    close_listener(&a->socket);
    close_listener(&a->anybody);
    edits_forget(a);
    usage_forget(a);
    suffixes_free(a->suffixes);
    socket_file_remove(&a->file);
    free(a);
}
