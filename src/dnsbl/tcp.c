/* One question by TCP: two bytes of length before each message (RFC 1035, 4.2.2). */
#include "tcp.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>

struct tcp_question {
    struct bufferevent *stream;
    tcp_answered *call;
    void *arg;
};

static size_t length_of(struct evbuffer *from)
{
    unsigned char length[2];

    if (evbuffer_copyout(from, length, sizeof length) < (ssize_t)sizeof length)
        return SIZE_MAX;
    return (size_t)length[0] << 8 | length[1];
}

static void on_read(struct bufferevent *stream, void *arg)
{
    struct tcp_question *t = arg;
    struct evbuffer *from = bufferevent_get_input(stream);
    size_t len = length_of(from);

    if (len == SIZE_MAX || evbuffer_get_length(from) - 2 < len)
        return;
    const unsigned char *bytes = evbuffer_pullup(from, (ssize_t)len + 2);
    bufferevent_disable(stream, EV_READ | EV_WRITE); /* whatever else it says */
    t->call(bytes == NULL ? VIEW_NONE : view_make(bytes + 2, len), t->arg);
}

static void on_event(struct bufferevent *stream, short what, void *arg)
{
    struct tcp_question *t = arg;

    (void)stream;
    if (what != BEV_EVENT_CONNECTED)
        t->call(VIEW_NONE, t->arg);
}

static int begin(struct tcp_question *t, const struct server *server, struct view question)
{
    struct sockaddr_storage address;
    socklen_t address_len = server_address(server, &address);
    const unsigned char length[2] = {(unsigned char)(question.len >> 8),
                                     (unsigned char)question.len};

    bufferevent_setcb(t->stream, on_read, NULL, on_event, t);
    /* In one segment: some servers read no further than the first. */
    struct evbuffer *to = bufferevent_get_output(t->stream);
    if (evbuffer_add(to, length, sizeof length) < 0 ||
        evbuffer_add(to, question.ptr, question.len) < 0 ||
        bufferevent_enable(t->stream, EV_READ | EV_WRITE) < 0)
        return -1;
    return bufferevent_socket_connect(t->stream, (struct sockaddr *)&address, (int)address_len);
}

struct tcp_question *tcp_ask(struct event_base *base, const struct server *server,
                             struct view question, tcp_answered *call, void *arg)
{
    struct tcp_question *t = calloc(1, sizeof *t);

    if (t == NULL)
        return NULL;
    t->call = call;
    t->arg = arg;
    /* Deferred: nobody is called from within these calls, and freeing it from its own is fine. */
    t->stream = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    if (t->stream == NULL || begin(t, server, question) < 0) {
        tcp_free(t);
        return NULL;
    }
    return t;
}

void tcp_free(struct tcp_question *t)
{
    if (t == NULL)
        return;
    if (t->stream != NULL)
        bufferevent_free(t->stream);
    free(t);
}
