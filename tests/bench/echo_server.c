/*
 * The yardstick: the least a policy server can do. It finds the blank line that ends a query and
 * answers action=DUNNO, one read and one write a query, raw epoll, no look at what is asked.
 *
 *     echo_server unix:PATH | inet:HOST:PORT
 *
 * Says "ready" on standard output when it listens.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "endpoint.h"

#define EVENTS       256
#define QUERIES_MAX  128 /* answered in one write */
#define ANSWER       "action=DUNNO\n\n"
#define ANSWER_BYTES (sizeof ANSWER - 1)

/* Whether the last byte of what was read before ended a line, by descriptor. */
static unsigned char line_ended[65536];

static char answers[QUERIES_MAX * ANSWER_BYTES];

static size_t blank_lines(const char *data, size_t len, unsigned char *ended)
{
    size_t count = 0;
    const char *at = data, *end = data + len;

    if (*ended && len > 0 && *at == '\n') {
        count++;
        at++;
    }
    while ((at = memmem(at, (size_t)(end - at), "\n\n", 2)) != NULL) {
        count++;
        at += 2;
    }
    /* A query's own end is not the beginning of another's. */
    *ended = len > 0 && end[-1] == '\n' && !(len > 1 && end[-2] == '\n');
    return count;
}

/* False: the connection is over. */
static int serve(int fd)
{
    static char data[65536];
    ssize_t n = read(fd, data, sizeof data);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 1;
    if (n <= 0)
        return 0;
    size_t count = blank_lines(data, (size_t)n, &line_ended[fd]);
    if (count > QUERIES_MAX)
        return 0;
    size_t bytes = count * ANSWER_BYTES;
    return bytes == 0 || write(fd, answers, bytes) == (ssize_t)bytes;
}

static void take_connections(int epoll, int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        if ((size_t)fd >= sizeof line_ended || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
            close(fd);
            continue;
        }
        line_ended[fd] = 0;
        endpoint_no_delay(fd);
    }
}

int main(int argc, char **argv)
{
    struct endpoint where;
    struct epoll_event events[EVENTS];

    if (argc != 2 || !endpoint_parse(argv[1], &where)) {
        fprintf(stderr, "usage: echo_server unix:PATH | inet:ADDRESS:PORT\n");
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < QUERIES_MAX; i++)
        memcpy(answers + i * ANSWER_BYTES, ANSWER, ANSWER_BYTES);
    int listener = endpoint_listen(&where), epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    if (listener < 0 || epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0) {
        perror(argv[1]);
        return EXIT_FAILURE;
    }
    puts("ready");
    fflush(stdout);
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener)
                take_connections(epoll, listener);
            else if (!serve(fd))
                close(fd);
        }
    }
}
