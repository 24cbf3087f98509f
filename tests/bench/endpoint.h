/* unix:PATH and inet:ADDRESS:PORT for the programs of the bench; numbers only, no names. */
#ifndef RCPTGUARD_BENCH_ENDPOINT_H
#define RCPTGUARD_BENCH_ENDPOINT_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct endpoint {
    union {
        struct sockaddr any;
        struct sockaddr_un path;
        struct sockaddr_in v4;
    } address;
    socklen_t len;
};

static inline bool endpoint_parse(const char *text, struct endpoint *e)
{
    memset(e, 0, sizeof *e);
    if (strncmp(text, "unix:", 5) == 0 && strlen(text + 5) < sizeof e->address.path.sun_path) {
        e->address.path.sun_family = AF_UNIX;
        strcpy(e->address.path.sun_path, text + 5);
        e->len = sizeof e->address.path;
        return true;
    }
    const char *port = strrchr(text, ':');
    char host[INET_ADDRSTRLEN] = "";
    if (strncmp(text, "inet:", 5) != 0 || port < text + 5 ||
        (size_t)(port - text - 5) >= sizeof host)
        return false;
    memcpy(host, text + 5, (size_t)(port - text - 5));
    e->address.v4.sin_family = AF_INET;
    e->address.v4.sin_port = htons((uint16_t)atoi(port + 1));
    e->len = sizeof e->address.v4;
    return inet_pton(AF_INET, host, &e->address.v4.sin_addr) == 1;
}

/* Fails harmlessly on a unix socket. */
static inline void endpoint_no_delay(int fd)
{
    int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static inline int endpoint_listen(const struct endpoint *e)
{
    int on = 1, family = e->address.any.sa_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (family == AF_UNIX)
        unlink(e->address.path.sun_path);
    if (bind(fd, &e->address.any, e->len) == 0 && listen(fd, 1024) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Connected, then non-blocking. */
static inline int endpoint_connect(const struct endpoint *e)
{
    int fd = socket(e->address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, &e->address.any, e->len) != 0) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    endpoint_no_delay(fd);
    return fd;
}

#endif
