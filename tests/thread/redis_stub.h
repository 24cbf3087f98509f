/*
 * What says it is Redis, on loopback: it answers the first question as Redis does, and the second
 * one as it likes.
 */
#ifndef REDIS_STUB_H
#define REDIS_STUB_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum stub_manner {
    STUB_SAYS,    /* TEXT to the second question, then waits */
    STUB_REPEATS, /* TEXT, then MORE without end */
    STUB_DRIPS,   /* TEXT, a byte every 30 ms */
    STUB_LEAVES,  /* TEXT, then it hangs up */
    STUB_DEAF,    /* reads nothing after the first question */
    STUB_MUTE,    /* does not answer even the first question */
    STUB_FIRST,   /* TEXT before anything is asked, then it hangs up */
    STUB_ALWAYS,  /* TEXT to every question, the first one too */
};

struct redis_stub {
    int fd, port;
    enum stub_manner manner;
    const char *text, *more;
    pthread_t thread;
    atomic_bool stop;
    atomic_int connections;
};

static bool stub_waits(struct redis_stub *s, int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};

    while (!atomic_load(&s->stop))
        if (poll(&p, 1, 20) > 0)
            return true;
    return false;
}

static bool stub_hears(struct redis_stub *s, int fd)
{
    char bytes[65536];

    return stub_waits(s, fd, POLLIN) && recv(fd, bytes, sizeof bytes, 0) > 0;
}

static bool stub_sends(struct redis_stub *s, int fd, const char *bytes, size_t len)
{
    while (len > 0 && stub_waits(s, fd, POLLOUT)) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return len == 0;
}

static void stub_repeats(struct redis_stub *s, int fd)
{
    static const size_t size = 1 << 16;
    const size_t len = strlen(s->more);
    char *bytes = malloc(size);
    size_t n = 0;

    if (bytes == NULL)
        abort();
    for (; n + len <= size; n += len)
        memcpy(bytes + n, s->more, len);
    while (stub_sends(s, fd, bytes, n))
        ;
    free(bytes);
}

static void stub_drips(struct redis_stub *s, int fd)
{
    for (const char *at = s->text; *at != '\0' && stub_sends(s, fd, at, 1); at++)
        poll(NULL, 0, 30);
}

static void stub_misbehaves(struct redis_stub *s, int fd)
{
    if (s->manner == STUB_DRIPS)
        stub_drips(s, fd);
    else if (s->text != NULL)
        stub_sends(s, fd, s->text, strlen(s->text));
    if (s->manner == STUB_REPEATS)
        stub_repeats(s, fd);
    if (s->manner != STUB_LEAVES && s->manner != STUB_FIRST)
        while (stub_hears(s, fd))
            ;
}

static void stub_waits_for_the_end(struct redis_stub *s)
{
    while (!atomic_load(&s->stop))
        poll(NULL, 0, 20);
}

static void stub_serves(struct redis_stub *s, int fd)
{
    if (s->manner == STUB_FIRST) {
        stub_misbehaves(s, fd);
        return;
    }
    if (s->manner == STUB_ALWAYS) {
        while (stub_hears(s, fd) && stub_sends(s, fd, s->text, strlen(s->text)))
            ;
        return;
    }
    if (!stub_hears(s, fd))
        return;
    if (s->manner != STUB_MUTE)
        stub_sends(s, fd, "+PONG\r\n", 7);
    if (s->manner == STUB_DEAF || s->manner == STUB_MUTE)
        stub_waits_for_the_end(s);
    else if (stub_hears(s, fd))
        stub_misbehaves(s, fd);
}

static void *stub_main(void *arg)
{
    struct redis_stub *s = arg;

    while (stub_waits(s, s->fd, POLLIN)) {
        int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        atomic_fetch_add(&s->connections, 1);
        stub_serves(s, fd);
        close(fd);
    }
    return NULL;
}

static struct redis_stub *stub_start(enum stub_manner manner, const char *text, const char *more)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
    socklen_t len = sizeof in;
    struct redis_stub *s = calloc(1, sizeof *s);

    if (s == NULL)
        abort();
    s->manner = manner;
    s->text = text;
    s->more = more;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(s->fd, (struct sockaddr *)&in, len) != 0 || listen(s->fd, 16) != 0 ||
        getsockname(s->fd, (struct sockaddr *)&in, &len) != 0)
        abort();
    s->port = ntohs(in.sin_port);
    if (pthread_create(&s->thread, NULL, stub_main, s) != 0)
        abort();
    return s;
}

static void stub_stop(struct redis_stub *s)
{
    atomic_store(&s->stop, true);
    pthread_join(s->thread, NULL);
    close(s->fd);
    free(s);
}

#endif
