/*
 * Listeners: binding, accepting, refusing politely, and the orderly end. accept() running out of
 * descriptors is a pause, not an end: Postfix's connections wait in the backlog meanwhile.
 */
#include "server.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"

#define ACCEPTS_A_TURN 64    /* then the connections that are there have their turn */
#define RESUME_MS      200   /* how long accepting pauses when nobody leaves */
#define LOG_EVERY_MS   60000 /* the same trouble is said once a minute */
#define FDS_KEPT       64    /* for lists, edits and the API, when clients take all others */
#define PATIENCE_MS    500   /* at the end, with who connected and has not asked yet */

static bool may_log(struct seldom *s)
{
    return seldom_say(s, clock_mono_ms(), LOG_EVERY_MS);
}

/* Adding one that is there already does nothing. False: there was no memory for one of them. */
static bool accept_again(struct policy *p)
{
    bool all = true;

    for (size_t i = 0; i < p->n_listeners; i++)
        if (p->listeners[i].acceptable != NULL && event_add(p->listeners[i].acceptable, NULL) != 0)
            all = false;
    return all;
}

static void accept_later(struct policy *p)
{
    const struct timeval later = {.tv_usec = RESUME_MS * 1000};

    event_add(p->resume, &later);
}

static void resume_accepting(struct policy *p)
{
    if (!p->paused || p->draining)
        return;
    if (!accept_again(p)) {
        accept_later(p);
        return;
    }
    p->paused = false;
    event_del(p->resume);
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    resume_accepting(arg);
}

static void pause_accepting(struct policy *p)
{
    const char *text = strerrordesc_np(errno);

    if (may_log(&p->unaccepted))
        log_warning("policy",
                    "cannot accept a connection: %s; waiting until one is free (%zu are open; "
                    "raise LimitNOFILE= or ulimit -n)",
                    text, p->n_clients);
    p->paused = true;
    for (size_t i = 0; i < p->n_listeners; i++)
        if (p->listeners[i].acceptable != NULL)
            event_del(p->listeners[i].acceptable);
    accept_later(p);
}

static void refuse(struct policy *p, struct listener *l, int fd)
{
    bool beyond_fds = fd >= p->fd_limit;

    close(fd);
    l->refused++;
    p->refused++;
    if (!may_log(beyond_fds ? &p->beyond_fds : &p->beyond_max))
        return;
    if (beyond_fds)
        log_warning("policy",
                    "%s: refused %llu connections: all but %d of the %d descriptors are taken; "
                    "raise LimitNOFILE= or ulimit -n, or lower max_clients",
                    l->text, (unsigned long long)p->refused, FDS_KEPT, p->fd_limit + FDS_KEPT);
    else
        log_warning(
            "policy",
            "%s: refused %llu connections beyond max_clients = %u; raise it in [policy], or "
            "lower maxproc of smtpd in master.cf",
            l->text, (unsigned long long)p->refused, p->max_clients);
    p->refused = 0;
}

static bool is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* False: nothing is left to accept, or nothing can be. */
static bool accept_one(struct listener *l)
{
    struct policy *p = l->policy;
    int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        if (is_shortage(errno))
            pause_accepting(p);
        /* Whatever else it is concerns that one connection: the next accept tells. */
        return errno == EINTR || errno == ECONNABORTED;
    }
    if (l->n_clients >= p->max_clients || fd >= p->fd_limit)
        refuse(p, l, fd);
    else if (client_new(p, l, fd) == NULL)
        close(fd);
    else
        l->accepted++;
    return true;
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    for (int i = 0; i < ACCEPTS_A_TURN; i++)
        if (!accept_one(arg))
            return;
}

static int open_unix(struct listener *l, const struct policy_config *config, struct error *why)
{
    gid_t group;
    int rc = socket_find_group("policy.socket_group", config->socket_group,
                               config->socket_group_set, &group, why);
    if (rc < 0)
        return rc;
    l->fd = socket_listen_unix(l->address.path, config->socket_mode, group, &l->file, why);
    if (l->fd < 0)
        return l->fd;
    if (why->code != ERR_OK)
        log_warning("policy", "%s; Postfix may not be able to connect", why->text);
    return 0;
}

static int bind_listener(struct listener *l, const struct policy_config *config, struct error *why)
{
    if (l->address.is_unix)
        return open_unix(l, config, why);
    l->fd = socket_listen_inet(&l->address, why);
    if (l->fd == ERR_ABSENT && socket_is_loopback(&l->address)) {
        log_warning("policy", "listen = %s: %s; going on without it", l->text, why->text);
        return 0;
    }
    if (l->fd == ERR_ABSENT)
        why->code = ERR_IO; /* a network that comes up late: no error of the configuration */
    return l->fd < 0 ? error_prefix(why, "policy.listen = %s", l->text) : 0;
}

static struct listener *next_listener(struct policy *p)
{
    struct listener *l = &p->listeners[p->n_listeners++];

    l->policy = p;
    l->fd = -1;
    return l;
}

/* One of the configuration. Where nobody wrote it, and sockets were passed, those are meant. */
static int open_listener(struct policy *p, const char *text, const struct policy_config *config,
                         struct passed *passed, struct error *why)
{
    struct listener *l = next_listener(p);

    snprintf(l->text, sizeof l->text, "%s", text);
    int rc = socket_address_parse(view_of(text), &l->address, why);
    if (rc < 0)
        return error_prefix(why, "policy.listen = %s", text);
    l->fd = passed_at(passed, &l->address);
    l->passed = l->fd >= 0;
    if (l->passed)
        return 0;
    if (passed == NULL || config->listen_set)
        rc = bind_listener(l, config, why);
    if (rc == 0 && l->fd < 0)
        p->n_listeners--; /* it is none */
    return rc;
}

static void take_named(struct policy *p, struct passed *passed)
{
    struct socket_address where;
    int fd;

    while ((fd = passed_named(passed, "policy", &where)) >= 0) {
        struct listener *l = next_listener(p);
        l->address = where;
        l->fd = fd;
        l->passed = true;
        socket_text(&where, l->text);
    }
}

static int open_all(struct policy *p, const struct policy_config *config, struct passed *passed,
                    struct error *why)
{
    for (size_t i = 0; i < config->n_listen; i++) {
        int rc = open_listener(p, config->listen[i], config, passed, why);
        if (rc < 0)
            return rc;
    }
    take_named(p, passed);
    if (p->n_listeners > 0)
        return 0;
    if (passed != NULL && !config->listen_set)
        return error_set(why, ERR_ABSENT,
                         "none of the sockets that were passed is for Postfix; write "
                         "FileDescriptorName=policy in its socket unit, or set policy.listen");
    return error_set(why, ERR_ABSENT, "policy.listen: nothing to listen on");
}

struct policy *policy_new(struct event_base *base, const struct policy_config *config,
                          struct passed *passed, struct verdict *verdict, struct record *record,
                          struct error *why)
{
    struct policy *p = calloc(1, sizeof *p);
    if (p == NULL) {
        error_set(why, ERR_NOMEM, "no memory");
        return NULL;
    }
    p->base = base;
    p->verdict = verdict;
    p->record = record;
    p->max_clients = config->max_clients;
    turn_open(p);
    p->listeners = calloc(config->n_listen + PASSED_MAX, sizeof *p->listeners);
    p->resume = evtimer_new(base, on_resume, p);
    if (p->listeners == NULL || p->resume == NULL) {
        error_set(why, ERR_NOMEM, "no memory");
        policy_free(p);
        return NULL;
    }
    if (open_all(p, config, passed, why) < 0) {
        policy_free(p);
        return NULL;
    }
    return p;
}

/* Of fewer than 256 nothing is kept: mail would miss them more than `status` does. */
static int fd_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > INT_MAX)
        return INT_MAX;
    return (int)limit.rlim_cur - (limit.rlim_cur >= FDS_KEPT * 4 ? FDS_KEPT : 0);
}

/* Each listener has max_clients of its own. */
static void warn_of_few_descriptors(const struct policy *p)
{
    uint64_t wanted = (uint64_t)p->max_clients * p->n_listeners;

    if (wanted > (uint64_t)p->fd_limit)
        log_warning("policy",
                    "max_clients = %u for each of %zu sockets is more than the %d descriptors that "
                    "there are for them; raise LimitNOFILE= or ulimit -n, or lower it",
                    p->max_clients, p->n_listeners, p->fd_limit);
}

int policy_start(struct policy *p, struct error *why)
{
    p->fd_limit = fd_limit();
    warn_of_few_descriptors(p);
    for (size_t i = 0; i < p->n_listeners; i++) {
        struct listener *l = &p->listeners[i];
        l->acceptable = event_new(p->base, l->fd, EV_READ | EV_PERSIST, on_acceptable, l);
        if (l->acceptable == NULL || event_add(l->acceptable, NULL) != 0)
            return error_set(why, ERR_NOMEM, "no memory");
        log_notice("policy", "listening on %s%s", l->text,
                   l->passed ? ", which was passed to us" : "");
    }
    return 0;
}

void policy_configure(struct policy *p, const struct policy_config *config)
{
    p->max_clients = config->max_clients;
}

size_t policy_clients(const struct policy *p)
{
    return p->n_clients;
}

bool policy_listener(const struct policy *p, size_t i, struct policy_listener *out)
{
    if (i >= p->n_listeners)
        return false;
    const struct listener *l = &p->listeners[i];
    *out = (struct policy_listener){
        .is_unix = l->address.is_unix,
        .open = l->n_clients,
        .max_clients = p->max_clients,
        .accepted = l->accepted,
        .refused = l->refused,
        .broken = l->broken,
    };
    return true;
}

static void close_listener(struct listener *l)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): of those that there are */
    if (l->acceptable != NULL)
        event_free(l->acceptable);
    l->acceptable = NULL;
    if (l->fd < 0)
        return;
    socket_file_remove(&l->file);
    close(l->fd);
    l->fd = -1;
}

static void end_drain(struct policy *p)
{
    void (*drained)(void *arg) = p->drained;

    if (drained == NULL)
        return;
    p->drained = NULL;
    drained(p->drained_arg);
}

void policy_client_gone(struct policy *p)
{
    resume_accepting(p);
    if (p->draining && p->clients == NULL)
        end_drain(p);
}

static void drain_clients(struct policy *p)
{
    for (struct client *c = p->clients, *next; c != NULL; c = next) {
        next = c->next;
        if (c->reply_len == 0)
            client_drain(c);
    }
}

static void on_drain_limit(evutil_socket_t fd, short what, void *arg)
{
    struct policy *p = arg;

    (void)fd;
    (void)what;
    if (!p->impatient) {
        p->impatient = true;
        drain_clients(p);
        if (p->drained != NULL && event_add(p->drain_limit, &p->drain_rest) == 0)
            return;
    }
    for (struct client *c = p->clients; c != NULL; c = c->next)
        client_give_up(c);
    end_drain(p);
}

/* Who is in the backlog asked before we said no: they are taken in and answered too. */
static void empty_backlog(struct listener *l)
{
    for (int n = 0; n < SOCKET_BACKLOG && l->fd >= 0; n++)
        if (l->policy->paused || !accept_one(l))
            return;
}

void policy_drain(struct policy *p, int wait_ms, void (*drained)(void *arg), void *arg)
{
    const struct timeval patience = {.tv_usec = PATIENCE_MS * 1000};

    p->drain_rest.tv_sec = (wait_ms - PATIENCE_MS) / 1000;
    p->drain_rest.tv_usec = (wait_ms - PATIENCE_MS) % 1000 * 1000;
    for (size_t i = 0; i < p->n_listeners; i++) {
        if (!p->listeners[i].passed)
            empty_backlog(&p->listeners[i]);
        close_listener(&p->listeners[i]);
    }
    turn_end(p);
    p->draining = true; /* from here on each answer is sent at once */
    drain_clients(p);
    p->drained = drained;
    p->drained_arg = arg;
    p->drain_limit = evtimer_new(p->base, on_drain_limit, p);
    if (p->clients == NULL || p->drain_limit == NULL || event_add(p->drain_limit, &patience) != 0)
        end_drain(p);
}

void policy_free(struct policy *p)
{
    if (p == NULL)
        return;
    p->draining = true;
    p->drained = NULL;
    while (p->clients != NULL)
        client_close(p->clients);
    for (size_t i = 0; i < p->n_listeners; i++)
        close_listener(&p->listeners[i]);
    free(p->listeners);
    if (p->resume != NULL)
        event_free(p->resume);
    if (p->drain_limit != NULL)
        event_free(p->drain_limit);
    turn_close(p);
    free(p);
}
