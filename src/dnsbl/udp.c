/* UDP sockets to one resolver. */
#include "udp.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUESTIONS_A_PORT 500
#define MESSAGES_A_TURN  64   /* then others have theirs */
#define MESSAGE_MAX      4096 /* no EDNS is asked for: 512 bytes (RFC 1035, 4.2.1), and some over */

struct udp_socket {
    struct udp_peer *peer;
    struct event *event;
    int fd;
    unsigned asked;
    struct udp_holder *holders;
    bool in_use; /* here: whoever lets it go last does not close it */
};

struct udp_peer {
    struct event_base *base;
    struct sockaddr_storage address;
    socklen_t address_len;
    struct udp_events events;
    struct udp_socket *current; /* NULL: none is in use */
};

static void close_socket(struct udp_socket *s)
{
    if (s->peer->current == s)
        s->peer->current = NULL;
    if (s->event != NULL)
        event_free(s->event);
    if (s->fd >= 0)
        close(s->fd);
    free(s);
}

static void close_unless_needed(struct udp_socket *s)
{
    if (s->holders == NULL && !s->in_use)
        close_socket(s);
}

void udp_let_go(struct udp_holder *h)
{
    struct udp_socket *s = h->socket;

    if (s == NULL)
        return;
    *h->previous = h->next;
    if (h->next != NULL)
        h->next->previous = h->previous;
    h->socket = NULL;
    close_unless_needed(s);
}

/* No new question goes through it. */
static void retire(struct udp_socket *s)
{
    if (s->peer->current == s)
        s->peer->current = NULL;
}

/* What is on its way through it gets no answer any more, or one that nobody needs: the server's
 * socket of then is gone. To keep it would take a descriptor a question. */
static void refuse(struct udp_socket *s)
{
    const struct udp_events *events = &s->peer->events;
    bool was_in_use = s->in_use;

    retire(s);
    s->in_use = true;
    while (s->holders != NULL) {
        void *question = s->holders->question;
        udp_let_go(s->holders);
        events->refused(question, events->arg);
    }
    s->in_use = was_in_use;
    close_unless_needed(s);
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct udp_socket *s = arg;
    const struct udp_events *events = &s->peer->events;
    char message[MESSAGE_MAX];

    (void)what;
    s->in_use = true;
    for (int i = 0; i < MESSAGES_A_TURN; i++) {
        ssize_t n = recv(fd, message, sizeof message, MSG_DONTWAIT);
        if (n >= 0) {
            events->heard(s, view_make(message, (size_t)n), events->arg);
            continue;
        }
        if (errno != EAGAIN && errno != EINTR)
            refuse(s);
        break;
    }
    s->in_use = false;
    close_unless_needed(s);
}

static struct udp_socket *open_socket(struct udp_peer *p)
{
    struct udp_socket *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->peer = p;
    s->fd = socket(p->address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->fd >= 0 && connect(s->fd, (struct sockaddr *)&p->address, p->address_len) == 0)
        s->event = event_new(p->base, s->fd, EV_READ | EV_PERSIST, on_ready, s);
    if (s->event == NULL || event_add(s->event, NULL) < 0) {
        close_socket(s);
        return NULL;
    }
    return s;
}

bool udp_hold(struct udp_peer *p, struct udp_holder *h, void *question)
{
    if (p->current == NULL || p->current->asked >= QUESTIONS_A_PORT) {
        struct udp_socket *fresh = open_socket(p);
        /* Without a descriptor for another port, the one that is there must do. */
        if (fresh != NULL)
            p->current = fresh;
    }
    struct udp_socket *s = p->current;
    if (s == NULL)
        return false;
    s->asked++;
    *h = (struct udp_holder){s, s->holders, &s->holders, question};
    if (h->next != NULL)
        h->next->previous = &h->next;
    s->holders = h;
    return true;
}

void udp_send(struct udp_holder *h, struct view message)
{
    if (send(h->socket->fd, message.ptr, message.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
        errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
        refuse(h->socket);
}

struct udp_peer *udp_peer_new(struct event_base *base, const struct server *server,
                              const struct udp_events *events)
{
    struct udp_peer *p = calloc(1, sizeof *p);

    if (p == NULL)
        return NULL;
    p->base = base;
    p->events = *events;
    p->address_len = server_address(server, &p->address);
    return p;
}

void udp_peer_free(struct udp_peer *p)
{
    free(p);
}
