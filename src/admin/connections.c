/* The connections of the admin socket, kept few and short: see connections.h. */
#include "connections.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"
#include "rcptguard/base/reserve.h"
#include "rcptguard/base/seldom.h"

#define SAY_AGAIN_MS 60000
#define INPUT_MAX    (ADMIN_MAX_HEADERS + ADMIN_MAX_BODY + 4096)

enum phase {
    PHASE_READING,   /* the request is not whole yet */
    PHASE_WAITING,   /* the client waits for us: no deadline but the work's own */
    PHASE_WRITING,   /* we wait for the client to take the answer */
    PHASE_STREAMING, /* the answer has no end: as long as the client takes what there is */
};

struct connection {
    struct bufferevent *bev; /* a reference of our own: keeps the descriptor's number ours */
    enum phase phase;
    int64_t since_ms;                /* when the phase began; streaming: when output last moved */
    bool shut;                       /* told to end */
    struct evhttp_connection *evcon; /* while waiting and streaming */
    connection_call *gone, *tick;
    void *request;
};

struct connections {
    struct connections *next; /* of all that there are */
    struct event_base *base;
    struct evhttp *http;
    struct evconnlistener *listener; /* owned by evhttp once bound */
    struct event *sweep;
    struct connection all[ADMIN_MAX_CONNECTIONS]; /* the first COUNT are in use */
    unsigned count;
    unsigned accepts;  /* since the last sweep */
    int64_t resume_ms; /* not before: accept failed */
    bool started;
    struct seldom unaccepted, unfinished; /* warnings */
    unsigned dropped;                     /* shut down for being late, since then */
};

/* The error callback gets what evhttp gave the listener, the evhttp: ours are found by it. */
static struct connections *all_connections;

static struct connections *connections_of(const struct evhttp *http)
{
    struct connections *c = all_connections;

    while (c != NULL && c->http != http)
        c = c->next;
    return c;
}

static void sweep_later(struct connections *c)
{
    const struct timeval in = {0, ADMIN_SWEEP_MS * 1000};

    if (!event_pending(c->sweep, EV_TIMEOUT, NULL))
        event_add(c->sweep, &in);
}

/*
 * Headers and body fit into INPUT_MAX; what is beyond is a line that never ends, or was sent after
 * the request. (A read watermark would do, but libevent calls the reader again and again while
 * the buffer is at its mark.)
 */
static void end_if_flooded(struct evbuffer *input, const struct evbuffer_cb_info *info, void *bev)
{
    if (info->n_added > 0 && evbuffer_get_length(input) > INPUT_MAX)
        shutdown(bufferevent_getfd(bev), SHUT_RDWR);
}

/* Then one at a time is let in: evhttp takes some ten pieces to begin with each. */
static bool is_memory_short(void)
{
    return reserve_used() > RESERVE_PIECES / 2;
}

/* evhttp asks for the bufferevent of a connection that it has just accepted. */
static struct bufferevent *make_bufferevent(struct event_base *base, void *arg)
{
    struct connections *c = arg;
    struct bufferevent *bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);

    if (bev == NULL || c->count == ADMIN_MAX_CONNECTIONS)
        return bev;
    evbuffer_add_cb(bufferevent_get_input(bev), end_if_flooded, bev);
    bufferevent_incref(bev);
    c->all[c->count++] = (struct connection){.bev = bev, .since_ms = clock_mono_ms()};
    c->accepts++;
    if (is_memory_short())
        c->resume_ms = clock_mono_ms() + ADMIN_PAUSE_MS;
    if (c->count == ADMIN_MAX_CONNECTIONS || c->accepts >= ADMIN_ACCEPTS || is_memory_short())
        evconnlistener_disable(c->listener);
    sweep_later(c);
    return bev;
}

static void accept_failed(struct evconnlistener *listener, void *arg)
{
    struct connections *c = connections_of(arg);
    int64_t now = clock_mono_ms();

    if (c == NULL)
        return;
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
        evconnlistener_disable(listener);
        c->resume_ms = now + ADMIN_PAUSE_MS;
        sweep_later(c);
    }
    if (seldom_say(&c->unaccepted, now, SAY_AGAIN_MS))
        log_warning("admin", "cannot accept: %s", strerror(errno));
}

/* evhttp frees a bufferevent by taking its callbacks away and dropping its own reference. */
static bool is_over(const struct connection *x)
{
    bufferevent_data_cb read, write;
    bufferevent_event_cb event;
    void *arg;

    bufferevent_getcb(x->bev, &read, &write, &event, &arg);
    return read == NULL && write == NULL && event == NULL;
}

static void end_late(struct connections *c, struct connection *x, int64_t now)
{
    bool crowded = c->count == ADMIN_MAX_CONNECTIONS;
    int64_t limit = crowded                     ? ADMIN_CROWDED_MS
                    : x->phase == PHASE_READING ? ADMIN_REQUEST_MS
                                                : ADMIN_REPLY_MS;

    if (x->shut || now - x->since_ms < limit)
        return;
    /* evhttp sees the end of the stream in its next turn and frees the connection. */
    shutdown(bufferevent_getfd(x->bev), SHUT_RDWR);
    x->shut = true;
    c->dropped++;
}

static bool has_handler(const struct connection *x)
{
    return x->phase == PHASE_WAITING || x->phase == PHASE_STREAMING;
}

/* A client that only closed its sending side may still want the answer: that is no POLLHUP. */
static bool is_gone(const struct connection *x)
{
    struct pollfd p = {.fd = bufferevent_getfd(x->bev)};

    return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

static bool is_stuck(const struct connection *x, int64_t now)
{
    return x->phase == PHASE_STREAMING && now - x->since_ms > ADMIN_STUCK_MS &&
           evbuffer_get_length(bufferevent_get_output(x->bev)) > 0;
}

static void look_at_handled(struct connections *c, struct connection *x, int64_t now)
{
    bool stuck = is_stuck(x, now);

    c->dropped += stuck;
    if (stuck || is_gone(x))
        evhttp_connection_free(x->evcon); /* calls evcon_closed */
    else if (x->tick != NULL)
        x->tick(x->request);
}

static void complain(struct connections *c, int64_t now)
{
    if (c->dropped == 0 || !seldom_say(&c->unfinished, now, SAY_AGAIN_MS))
        return;
    log_warning("admin", "closed %u connections that did not finish in time", c->dropped);
    c->dropped = 0;
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    struct connections *c = arg;
    int64_t now = clock_mono_ms();

    (void)fd, (void)what;
    for (unsigned i = 0; i < c->count; i++)
        if (has_handler(&c->all[i]))
            look_at_handled(c, &c->all[i], now);
    for (unsigned i = 0; i < c->count;) {
        struct connection *x = &c->all[i];
        if (is_over(x)) {
            bufferevent_decref(x->bev);
            *x = c->all[--c->count];
            continue;
        }
        if (!has_handler(x))
            end_late(c, x, now);
        i++;
    }
    complain(c, now);
    c->accepts = 0;
    bool paused = now < c->resume_ms;
    if (c->started && !paused && c->count < ADMIN_MAX_CONNECTIONS)
        paused = evconnlistener_enable(c->listener) != 0; /* no memory: tried again */
    if (c->count > 0 || paused)
        sweep_later(c);
}

struct connections *connections_new(struct event_base *base, struct evhttp *http, int fd)
{
    struct connections *c = calloc(1, sizeof *c);

    if (c == NULL) {
        close(fd);
        return NULL;
    }
    c->base = base;
    c->http = http;
    c->next = all_connections;
    all_connections = c;
    c->listener = evconnlistener_new(
        base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_DISABLED, 0, fd);
    if (c->listener == NULL) {
        close(fd);
        connections_free(c);
        return NULL;
    }
    c->sweep = evtimer_new(base, on_sweep, c);
    if (c->sweep == NULL || evhttp_bind_listener(http, c->listener) == NULL) {
        evconnlistener_free(c->listener);
        connections_free(c);
        return NULL;
    }
    evconnlistener_disable(c->listener); /* binding gives it a callback, and that enables it */
    evconnlistener_set_error_cb(c->listener, accept_failed);
    evhttp_set_bevcb(http, make_bufferevent, c);
    evhttp_set_max_headers_size(http, ADMIN_MAX_HEADERS);
    evhttp_set_max_body_size(http, ADMIN_MAX_BODY);
    return c;
}

void connections_start(struct connections *c)
{
    c->started = true;
    if (evconnlistener_enable(c->listener) != 0)
        sweep_later(c);
}

static struct connection *connection_with(struct connections *c, const struct evbuffer *output)
{
    for (unsigned i = 0; i < c->count; i++)
        if (bufferevent_get_output(c->all[i].bev) == output)
            return &c->all[i];
    return NULL;
}

/* The client of a stream has taken something. */
static void on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
    struct connection *x;

    if ((info->n_deleted > 0 || info->orig_size == 0) && (x = connection_with(arg, output)) != NULL)
        x->since_ms = clock_mono_ms();
}

void connections_free(struct connections *c)
{
    struct connections **link = &all_connections;

    if (c == NULL)
        return;
    for (unsigned i = 0; i < c->count; i++) {
        evbuffer_remove_cb(bufferevent_get_output(c->all[i].bev), on_output, c);
        bufferevent_decref(c->all[i].bev);
    }
    if (c->sweep != NULL)
        event_free(c->sweep);
    while (*link != c)
        link = &(*link)->next;
    *link = c->next;
    free(c);
}

unsigned connections_count(const struct connections *c)
{
    return c->count;
}

static struct bufferevent *bufferevent_of(struct evhttp_request *http)
{
    return evhttp_connection_get_bufferevent(evhttp_request_get_connection(http));
}

int connections_fd(struct evhttp_request *http)
{
    return bufferevent_getfd(bufferevent_of(http));
}

static struct connection *connection_of(struct connections *c, struct evhttp_request *http)
{
    struct bufferevent *bev = bufferevent_of(http);

    for (unsigned i = 0; i < c->count; i++)
        if (c->all[i].bev == bev)
            return &c->all[i];
    return NULL;
}

/* The connection is being freed: by the sweep, by evhttp after an error, or by evhttp_free. */
static void evcon_closed(struct evhttp_connection *evcon, void *arg)
{
    struct connections *c = arg;

    for (unsigned i = 0; i < c->count; i++) {
        struct connection *x = &c->all[i];
        if (x->evcon != evcon || !has_handler(x))
            continue;
        x->phase = PHASE_WRITING;
        x->gone(x->request);
        return;
    }
}

void connections_wait(struct connections *c, struct evhttp_request *http, connection_call *gone,
                      connection_call *tick, void *request)
{
    struct connection *x = connection_of(c, http);

    if (x == NULL)
        return;
    x->phase = PHASE_WAITING;
    x->since_ms = clock_mono_ms();
    x->evcon = evhttp_request_get_connection(http);
    x->gone = gone;
    x->tick = tick;
    x->request = request;
    evhttp_connection_set_closecb(x->evcon, evcon_closed, c);
}

void connections_stream(struct connections *c, struct evhttp_request *http)
{
    struct connection *x = connection_of(c, http);

    if (x == NULL)
        return;
    x->phase = PHASE_STREAMING;
    x->since_ms = clock_mono_ms();
    evbuffer_add_cb(bufferevent_get_output(x->bev), on_output, c);
}

size_t connections_unsent(struct evhttp_request *http)
{
    return evbuffer_get_length(bufferevent_get_output(bufferevent_of(http)));
}

void connections_answered(struct connections *c, struct evhttp_request *http)
{
    struct connection *x = connection_of(c, http);

    if (x == NULL)
        return;
    x->phase = PHASE_WRITING;
    x->since_ms = clock_mono_ms();
}
