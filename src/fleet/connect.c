/* Addresses of Redis, one after the other, and sockets that never block. */
#include "connect.h"

#include <errno.h>
#include <hiredis.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "rcptguard/base/clock.h"
#include "tls.h"

static int look_up(const struct redis_url *url, struct addrinfo **list, struct error *why)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};

    if (getaddrinfo(url->host, NULL, &hints, list) == 0)
        return 0;
    hints.ai_flags = AI_ADDRCONFIG;
    int rc = getaddrinfo(url->host, NULL, &hints, list);
    /* A machine that has but loopback has no address that AI_ADDRCONFIG would count. */
    if (rc != 0 && rc != EAI_AGAIN) {
        hints.ai_flags = 0;
        rc = getaddrinfo(url->host, NULL, &hints, list);
    }
    return rc == 0 ? 0 : error_set(why, ERR_IO, "no address: %s", gai_strerror(rc));
}

int redis_places_of(const struct redis_url *url, struct redis_places *out, struct error *why)
{
    struct addrinfo *list;

    *out = (struct redis_places){.n = 0};
    if (url->path[0] != '\0') {
        out->n = 1;
        return 0;
    }
    if (url->place[0] != '\0') {
        out->n = 1;
        memcpy(out->text[0], url->place, sizeof url->place);
        return 0;
    }
    int rc = look_up(url, &list, why);
    if (rc != 0)
        return rc;
    for (const struct addrinfo *a = list; a != NULL && out->n < REDIS_PLACES_MAX; a = a->ai_next)
        if (getnameinfo(a->ai_addr, a->ai_addrlen, out->text[out->n], REDIS_PLACE_MAX, NULL, 0,
                        NI_NUMERICHOST) == 0)
            out->n++;
    freeaddrinfo(list);
    return out->n > 0 ? 0 : error_set(why, ERR_IO, "no address that can be written");
}

static void begin_to_stop(struct redis_stop *stop)
{
    if (stop->end_ms == 0)
        stop->end_ms = clock_mono_ms() + REDIS_STOP_MS;
}

bool redis_stops(struct redis_stop *stop)
{
    if (stop == NULL)
        return false;
    struct pollfd p = {.fd = stop->fd, .events = POLLIN};
    if (stop->end_ms == 0 && poll(&p, 1, 0) > 0)
        begin_to_stop(stop);
    return stop->end_ms != 0;
}

static int time_left(int64_t until, const struct redis_stop *stop, int64_t *left, struct error *why)
{
    bool cut = stop != NULL && stop->end_ms != 0 && stop->end_ms < until;

    *left = (cut ? stop->end_ms : until) - clock_mono_ms();
    if (*left > 0)
        return 0;
    return cut ? error_set(why, ERR_IO, "stopping")
               : error_set(why, ERR_TIMEOUT, "no answer in time");
}

int redis_in_time(int64_t until, struct redis_stop *stop, struct error *why)
{
    int64_t left;

    redis_stops(stop);
    return time_left(until, stop, &left, why);
}

int redis_wait(int fd, short events, int64_t until, struct redis_stop *stop, struct error *why)
{
    for (;;) {
        bool may_stop = stop != NULL && stop->end_ms == 0;
        struct pollfd p[] = {{.fd = fd, .events = events},
                             {.fd = may_stop ? stop->fd : -1, .events = POLLIN}};
        int64_t left;
        int rc = time_left(until, stop, &left, why);
        if (rc != 0)
            return rc;
        int n = poll(p, 2, left > INT_MAX ? INT_MAX : (int)left);
        if (n > 0 && p[0].revents != 0)
            return 0;
        if (n > 0 && may_stop)
            begin_to_stop(stop);
        if (n < 0 && errno != EINTR)
            return error_errno(why, "poll");
    }
}

static int finish_connecting(const redisContext *c, int64_t until, struct redis_stop *stop,
                             struct error *why)
{
    int failed = 0;
    socklen_t len = sizeof failed;
    int rc = redis_wait((int)c->fd, POLLOUT, until, stop, why);

    if (rc == ERR_TIMEOUT)
        return error_set(why, ERR_TIMEOUT, "cannot connect in time");
    if (rc != 0)
        return rc;
    if (getsockopt((int)c->fd, SOL_SOCKET, SO_ERROR, &failed, &len) != 0)
        return error_errno(why, "cannot connect");
    if (failed == 0)
        return 0;
    errno = failed;
    return error_errno(why, "cannot connect");
}

/* Begins to connect *FD, which the caller closes, -1: there is none. */
static int begin(const struct sockaddr *where, socklen_t len, int *fd, struct error *why)
{
    const int on = 1;

    *fd = socket(where->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (*fd < 0 || (connect(*fd, where, len) != 0 && errno != EINPROGRESS))
        return error_errno(why, "cannot connect");
    if (where->sa_family != AF_UNIX)
        setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return 0;
}

static int begin_unix(const struct redis_url *url, int *fd, struct error *why)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};

    _Static_assert(sizeof url->path <= sizeof sun.sun_path, "any path of a URL has room");
    memcpy(sun.sun_path, url->path, sizeof url->path);
    return begin((const struct sockaddr *)&sun, sizeof sun, fd, why);
}

static int begin_inet(const struct redis_url *url, const char *place, int *fd, struct error *why)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *list;
    char port[sizeof "65535"];

    snprintf(port, sizeof port, "%d", url->port);
    int rc = getaddrinfo(place, port, &hints, &list);
    if (rc != 0)
        return error_set(why, rc == EAI_MEMORY ? ERR_NOMEM : ERR_IO, "%s", gai_strerror(rc));
    rc = begin(list->ai_addr, list->ai_addrlen, fd, why);
    freeaddrinfo(list);
    return rc;
}

/* Takes FD. hiredis would connect by itself, but 0.14, Debian 12's, ends the process when it has no
 * memory to do so (hi_malloc). */
static redisContext *context_on(int fd)
{
    redisContext *c = redisConnectFd(fd);

    if (c == NULL) {
        close(fd);
        return NULL;
    }
    c->flags &= ~REDIS_BLOCK; /* as the socket is */
    return c;
}

static int prepare(const struct redis_url *url, redisContext *c, int64_t until,
                   struct redis_stop *stop, struct error *why)
{
    int rc = finish_connecting(c, until, stop, why);
    if (rc != 0)
        return rc;
    /* Who waits for messages only would not hear that a machine has gone. */
    if (url->path[0] == '\0')
        redisEnableKeepAlive(c);
    return url->tls ? redis_tls_start(c, url->host, until, stop, why) : 0;
}

int redis_connect(const struct redis_url *url, const char *place, int64_t until,
                  struct redis_stop *stop, struct redisContext **out, struct error *why)
{
    int fd = -1,
        rc = url->path[0] != '\0' ? begin_unix(url, &fd, why) : begin_inet(url, place, &fd, why);

    *out = NULL;
    if (rc != 0) {
        if (fd >= 0)
            close(fd);
        return rc;
    }
    redisContext *c = context_on(fd);
    if (c == NULL)
        return error_set(why, ERR_NOMEM, "no memory");
    rc = prepare(url, c, until, stop, why);
    if (rc == 0)
        *out = c;
    else
        redisFree(c);
    return rc;
}
