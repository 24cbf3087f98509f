/*
 * A DNS server on loopback, UDP and TCP on one port, that answers by the first label of what it is
 * asked, the way real ones do when all is well and when it is not.
 */
#ifndef DNS_STUB_H
#define DNS_STUB_H

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

struct dns_stub {
    int udp, tcp, stop[2];
    int port;
    pthread_t thread;
    char always[16]; /* what it does to all questions, "": what their label says */
    atomic_bool silent;
    atomic_int by_udp, by_tcp;
    atomic_int ports; /* that questions came from */
    atomic_int once;  /* "once" was asked so often */
    bool port_seen[65536];
    /* Of "slow": its first try, which is answered when the second one comes. */
    unsigned char first[512];
    size_t first_len;
    struct sockaddr_in first_from;
};

/* Ends an answer at the question, with these flags and counts. */
static size_t stub_head(unsigned char *m, size_t len, unsigned flags, unsigned answers,
                        unsigned authority)
{
    const unsigned char counts[] = {
        flags >> 8, flags & 0xff, 0, 1, 0, (unsigned char)answers, 0, (unsigned char)authority, 0,
        0};

    memcpy(m + 2, counts, sizeof counts);
    return len;
}

static size_t stub_add(unsigned char *m, size_t len, const void *bytes, size_t n)
{
    memcpy(m + len, bytes, n);
    return len + n;
}

#define STUB_A   "\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4\x7f\0\0\2"
#define STUB_TXT "\xc0\x0c\0\x10\0\1\0\0\1\x2c\0\6\5hello"
#define STUB_SOA "\0\0\6\0\1\0\0\x0e\x10\0\x16\0\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\x3c"

/* The answer in place of the question; 0: none. */
static size_t stub_answer(struct dns_stub *s, unsigned char *m, size_t len, bool tcp)
{
    const char *label = (const char *)m + 13;

    if (len < 18)
        return 0;
    bool txt = m[len - 3] == 16;
    if (s->always[0] != '\0')
        label = s->always;
    if (strncmp(label, "drop", 4) == 0)
        return 0;
    if (strncmp(label, "once", 4) == 0 && atomic_fetch_add(&s->once, 1) == 0)
        return 0;
    if (strncmp(label, "servfail", 8) == 0)
        return stub_head(m, len, 0x8182, 0, 0);
    if (strncmp(label, "refused", 7) == 0)
        return stub_head(m, len, 0x8185, 0, 0);
    if (strncmp(label, "nothing", 7) == 0)
        return stub_add(m, stub_head(m, len, 0x8183, 0, 1), STUB_SOA, sizeof STUB_SOA - 1);
    if (strncmp(label, "cut", 3) == 0 && !tcp)
        return stub_head(m, len, 0x8380, 0, 0);
    if (strncmp(label, "cutagain", 8) == 0)
        return stub_head(m, len, 0x8380, 0, 0);
    len = stub_head(m, len, 0x8180, 1, 0);
    return txt ? stub_add(m, len, STUB_TXT, sizeof STUB_TXT - 1)
               : stub_add(m, len, STUB_A, sizeof STUB_A - 1);
}

static void stub_send(int fd, unsigned char *m, size_t len, const struct sockaddr_in *to)
{
    if (len > 0)
        sendto(fd, m, len, 0, (const struct sockaddr *)to, sizeof *to);
}

/* What is said to LEN bytes of question by somebody who is not to be heard. */
static void stub_lie(struct dns_stub *s, const unsigned char *question, size_t len,
                     const struct sockaddr_in *to)
{
    unsigned char m[1024];

    if (len > sizeof s->first)
        abort();
    for (int lie = 0; lie < 6; lie++) {
        memcpy(m, question, len);
        size_t n = stub_head(m, len, 0x8180, 1, 0);
        n = stub_add(m, n, STUB_A, sizeof STUB_A - 1);
        m[n - 1] = 9;
        int fd = s->udp;
        switch (lie) {
        case 0: /* to another question */
            m[1] ^= 1;
            break;
        case 1: /* about another name */
            m[13] ^= 1;
            break;
        case 2: /* of another type */
            m[len - 3] ^= 1;
            break;
        case 3: /* no answer */
            m[2] = 1;
            break;
        case 4: /* no more than a head */
            n = 11;
            break;
        default: /* from somebody else */
            fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        }
        stub_send(fd, m, n, to);
        if (fd != s->udp)
            close(fd);
    }
}

/* Takes the place of M: the first of two. False: this is the first. */
static bool stub_is_second(struct dns_stub *s, unsigned char *m, size_t *len,
                           struct sockaddr_in *from)
{
    if (s->first_len == 0) {
        memcpy(s->first, m, *len);
        s->first_len = *len;
        s->first_from = *from;
        return false;
    }
    memcpy(m, s->first, s->first_len);
    *len = s->first_len;
    *from = s->first_from;
    s->first_len = 0;
    return true;
}

static void stub_udp(struct dns_stub *s)
{
    unsigned char m[1024];
    struct sockaddr_in from;
    socklen_t from_len = sizeof from;
    ssize_t got = recvfrom(s->udp, m, sizeof s->first, 0, (struct sockaddr *)&from, &from_len);
    const char *label = (const char *)m + 13;

    if (got < 18)
        return;
    size_t len = (size_t)got;
    if (!s->port_seen[ntohs(from.sin_port)]) {
        s->port_seen[ntohs(from.sin_port)] = true;
        atomic_fetch_add(&s->ports, 1);
    }
    atomic_fetch_add(&s->by_udp, 1);
    if (atomic_load(&s->silent))
        return;
    if (strncmp(label, "slow", 4) == 0 && !stub_is_second(s, m, &len, &from))
        return;
    if (strncmp(label, "lies", 4) == 0)
        stub_lie(s, m, len, &from);
    stub_send(s->udp, m, stub_answer(s, m, len, false), &from);
}

static void stub_tcp(struct dns_stub *s)
{
    const struct timeval patience = {5, 0};
    unsigned char m[1026];
    int fd = accept(s->tcp, NULL, NULL);

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (recv(fd, m, 2, MSG_WAITALL) == 2 && m[0] < 2) {
        size_t len = (size_t)m[0] << 8 | m[1];
        if (recv(fd, m + 2, len, MSG_WAITALL) == (ssize_t)len) {
            atomic_fetch_add(&s->by_tcp, 1);
            len = stub_answer(s, m + 2, len, true);
            m[0] = (unsigned char)(len >> 8);
            m[1] = (unsigned char)len;
            if (memcmp(m + 15, "cutshort", 8) == 0)
                len /= 2;
            if (len > 0)
                send(fd, m, len + 2, MSG_NOSIGNAL);
        }
    }
    close(fd);
}

static void *stub_run(void *arg)
{
    struct dns_stub *s = arg;
    struct pollfd fds[] = {{s->udp, POLLIN, 0}, {s->tcp, POLLIN, 0}, {s->stop[0], POLLIN, 0}};

    while (poll(fds, 3, -1) > 0 && fds[2].revents == 0) {
        if (fds[0].revents != 0)
            stub_udp(s);
        if (fds[1].revents != 0)
            stub_tcp(s);
    }
    return NULL;
}

/* One port that is free both ways. */
static bool stub_bind(struct dns_stub *s)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof here;
    int big = 4 << 20;

    s->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    s->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(s->udp, SOL_SOCKET, SO_RCVBUF, &big, sizeof big);
    if (bind(s->udp, (struct sockaddr *)&here, len) == 0 &&
        getsockname(s->udp, (struct sockaddr *)&here, &len) == 0 &&
        bind(s->tcp, (struct sockaddr *)&here, len) == 0 && listen(s->tcp, 16) == 0) {
        s->port = ntohs(here.sin_port);
        return true;
    }
    close(s->udp);
    close(s->tcp);
    return false;
}

static struct dns_stub *stub_start(const char *always)
{
    struct dns_stub *s = calloc(1, sizeof *s);

    if (s == NULL || strlen(always) >= sizeof s->always || pipe(s->stop) != 0)
        abort();
    memcpy(s->always, always, strlen(always) + 1);
    for (int tries = 0; !stub_bind(s); tries++)
        if (tries == 100)
            abort();
    if (pthread_create(&s->thread, NULL, stub_run, s) != 0)
        abort();
    return s;
}

static void stub_stop(struct dns_stub *s)
{
    if (write(s->stop[1], "x", 1) != 1)
        abort();
    pthread_join(s->thread, NULL);
    close(s->udp);
    close(s->tcp);
    close(s->stop[0]);
    close(s->stop[1]);
    free(s);
}

#endif
