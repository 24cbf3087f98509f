/*
 * Connections. Postfix keeps one a smtpd process, with at most one query outstanding, and waits:
 * so the way of a query is one read, one write, and the wait in between. A healthy connection is
 * never closed by us and has no idle time-out: Postfix would sleep a second before it asks again.
 */
#include "server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rcptguard/base/escape.h"
#include "rcptguard/base/log.h"

#define DRAIN_READS 64 /* at SIGTERM: reads of one connection before it is cut */

static void go_on(struct client *c);
static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);

/* Not the descriptor: it is the caller's until the client is whole. */
static void free_parts(struct client *c)
{
    event_del(&c->readable);
    event_del(&c->writable);
    free(c->rest);
    free(c);
}

struct client *client_new(struct policy *p, struct listener *l, int fd)
{
    struct client *c = calloc(1, sizeof *c);
    const int on = 1;

    if (c == NULL)
        return NULL;
    c->rest = malloc(sizeof *c->rest);
    event_assign(&c->readable, p->base, fd, EV_READ | EV_PERSIST, on_readable, c);
    event_assign(&c->writable, p->base, fd, EV_WRITE | EV_PERSIST, on_writable, c);
    c->fd = fd;
    c->policy = p;
    c->listener = l;
    if (c->rest == NULL || event_add(&c->readable, NULL) != 0) {
        free_parts(c);
        return NULL;
    }
    if (!l->address.is_unix) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    }
    c->next = p->clients;
    if (c->next != NULL)
        c->next->previous = c;
    p->clients = c;
    p->n_clients++;
    l->n_clients++;
    return c;
}

void client_close(struct client *c)
{
    struct policy *p = c->policy;

    if (c->waits != NULL)
        verdict_forget(c->waits);
    turn_remove(c);
    if (c->previous != NULL)
        c->previous->next = c->next;
    else
        p->clients = c->next;
    if (c->next != NULL)
        c->next->previous = c->previous;
    p->n_clients--;
    c->listener->n_clients--;
    close(c->fd);
    free_parts(c);
    policy_client_gone(p);
}

/* Writes what waits. False: the connection is gone. */
static bool flush(struct client *c)
{
    while (c->reply_sent < c->reply_len) {
        ssize_t n =
            send(c->fd, c->reply + c->reply_sent, c->reply_len - c->reply_sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            /* Nothing more is read until the peer takes this answer: memory stays bounded. */
            event_del(&c->readable);
            return event_add(&c->writable, NULL) == 0;
        }
        if (n < 0)
            return false;
        c->reply_sent += (size_t)n;
    }
    c->reply_len = c->reply_sent = 0;
    return true;
}

void client_send(struct client *c)
{
    if (!flush(c))
        client_close(c);
}

static void put_answer(struct client *c, const char *action)
{
    struct text t = text_on(c->reply, sizeof c->reply);

    text_add(&t, "action=");
    text_add(&t, action);
    text_add(&t, "\n\n");
    c->reply_len = t.len;
}

/* At once, from within verdict_ask, or after a wait. */
static void take_answer(const struct answer *answer, void *arg)
{
    struct client *c = arg;
    bool waited = c->waits != NULL;

    put_answer(c, answer->action);
    c->waits = NULL;
    if (waited)
        go_on(c);
}

static void answer_query(struct client *c, const struct policy_query *query)
{
    struct policy *p = c->policy;
    struct record_counts *counts = record_counts(p->record);

    counts->queries++;
    if (!policy_query_is_recipient(query)) {
        counts->foreign++;
        put_answer(c, "DUNNO");
        return;
    }
    const struct question question = {
        .recipient = query->recipient,
        .sender = query->sender,
        .sasl_username = query->sasl_username,
        .client_address = query->client_address,
        .queue_id = query->queue_id,
        .instance = query->instance,
    };
    c->waits = verdict_ask(p->verdict, &question, take_answer, c);
}

/* LINE and what follows it. */
static void log_broken(const struct client *c, const char *what, struct view line)
{
    char shown[ESCAPE_MAX_BYTES + 1];
    struct text t = text_on(shown, sizeof shown);
    ptrdiff_t end = view_find(line, '\n');

    escape_to_max(&t, end < 0 ? line : view_first(line, (size_t)end), ESCAPE_LOG, 80);
    log_warning("policy", "%s: closed a connection that sent %s: \"%s\"; is the client Postfix?",
                c->listener->text, what, shown);
}

/* What is left after DONE bytes of SPACE waits for its rest in the client's own. */
static void keep_rest(struct client *c, struct query_space *space, size_t done)
{
    c->len -= done;
    if (c->len == 0 || (done == 0 && space == c->rest))
        return;
    memmove(c->rest->bytes, space->bytes + done, c->len);
    if (space != c->rest) {
        c->rest->scanner = space->scanner;
        memset(&space->scanner, 0, sizeof space->scanner);
    }
}

/* The only one, as Postfix waits for its answer before it asks again. */
static bool is_only_query(const struct client *c, const struct query_space *space, size_t done)
{
    return space == &c->policy->space && done == c->len;
}

/* Answers every whole query in SPACE, in order. False: the connection is to be closed. */
static bool answer_all(struct client *c, struct query_space *space)
{
    size_t done = 0;
    bool alive = true;

    while (alive && done < c->len && c->reply_len == 0 && c->waits == NULL) {
        struct view bytes = view_make(space->bytes + done, c->len - done);
        struct policy_query query;
        size_t used;
        const char *what;
        enum policy_scan scan = policy_scan(&space->scanner, bytes, &used, &query, &what);
        if (scan == POLICY_MORE)
            break;
        if (scan == POLICY_BROKEN) {
            c->listener->broken++;
            log_broken(c, what, view_from(bytes, space->scanner.line));
            memset(&space->scanner, 0, sizeof space->scanner);
            return false;
        }
        c->asked = true;
        answer_query(c, &query);
        done += used;
        if (c->waits != NULL)
            event_del(&c->readable);
        else if (is_only_query(c, space, done) && !c->policy->draining)
            turn_add(c);
        else
            alive = flush(c);
    }
    keep_rest(c, space, done);
    return alive;
}

enum client_read { CLIENT_NOTHING, CLIENT_SOME, CLIENT_GONE };

static enum client_read read_some(struct client *c)
{
    struct query_space *space = c->len > 0 ? c->rest : &c->policy->space;
    ssize_t n = recv(c->fd, space->bytes + c->len, POLICY_QUERY_MAX - c->len, 0);

    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return CLIENT_NOTHING;
    if (n <= 0)
        return CLIENT_GONE;
    c->len += (size_t)n;
    return answer_all(c, space) ? CLIENT_SOME : CLIENT_GONE;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct client *c = arg;

    (void)fd;
    (void)what;
    if (c->policy->draining)
        client_drain(c);
    else if (read_some(c) == CLIENT_GONE)
        client_close(c);
}

/* Writes what waits, answers what was read meanwhile, and reads again. */
static void go_on(struct client *c)
{
    if (!flush(c) || (c->reply_len == 0 && !answer_all(c, c->rest))) {
        client_close(c);
        return;
    }
    if (c->reply_len > 0 || c->waits != NULL)
        return;
    if (c->policy->draining)
        client_drain(c);
    else if (event_add(&c->readable, NULL) != 0)
        client_close(c);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct client *c = arg;

    (void)fd;
    (void)what;
    event_del(&c->writable);
    go_on(c);
}

/* Passes what waits, and what stands behind it in the buffer as well. False: no more can be said.
 */
static bool pass_waiting(struct client *c)
{
    while (c->waits != NULL) {
        verdict_forget(c->waits);
        c->waits = NULL;
        put_answer(c, "DUNNO");
        if (!flush(c) || c->reply_len > 0 || !answer_all(c, c->rest))
            return false;
    }
    return c->reply_len == 0;
}

void client_give_up(struct client *c)
{
    if (c->waits == NULL)
        return;
    for (int i = 0; i < DRAIN_READS && pass_waiting(c); i++)
        if (read_some(c) != CLIENT_SOME)
            return;
}

void client_drain(struct client *c)
{
    enum client_read got = CLIENT_SOME;

    if (c->waits != NULL)
        return;
    for (int i = 0; i < DRAIN_READS && got == CLIENT_SOME && c->reply_len == 0 && c->waits == NULL;
         i++)
        got = read_some(c);
    if (got != CLIENT_GONE && (c->reply_len > 0 || c->waits != NULL))
        return;
    if (got == CLIENT_GONE || c->policy->impatient || (c->asked && c->len == 0) ||
        event_add(&c->readable, NULL) != 0)
        client_close(c);
}
