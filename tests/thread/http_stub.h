/*
 * A server on loopback that answers by the path, one connection after the other, the way real
 * ones do when all is well and when it is not.
 */
#ifndef HTTP_STUB_H
#define HTTP_STUB_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rcptguard/base/buf.h"

struct http_stub {
    int fd;
    int port;
    pthread_t thread;
    atomic_int hits;
    pthread_mutex_t lock;
    char etag[32];      /* of /list */
    char body[1 << 16]; /* of /list */
    char last_if_none_match[64], last_agent[64];
};

static void stub_send(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        bytes += n;
        len -= (size_t)n;
    }
}

static void stub_header(const char *request, const char *name, char *dst, size_t size)
{
    const char *at = strcasestr(request, name);
    struct text t = text_on(dst, size);
    if (at != NULL)
        text_add_view(&t, view_make(at + strlen(name), strcspn(at + strlen(name), "\r\n")));
}

static void stub_list(struct http_stub *s, int fd, const char *request)
{
    struct buf b = BUF_INIT(0);

    stub_header(request, "\r\nIf-None-Match: ", s->last_if_none_match,
                sizeof s->last_if_none_match);
    stub_header(request, "\r\nUser-Agent: ", s->last_agent, sizeof s->last_agent);
    pthread_mutex_lock(&s->lock);
    if (s->etag[0] != '\0' && strcmp(s->last_if_none_match, s->etag) == 0)
        buf_addf(&b, "HTTP/1.1 304 Not Modified\r\nETag: %s\r\n\r\n", s->etag);
    else
        buf_addf(&b,
                 "HTTP/1.1 200 OK\r\nETag: %s\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT"
                 "\r\nContent-Length: %zu\r\n\r\n%s",
                 s->etag, strlen(s->body), s->body);
    pthread_mutex_unlock(&s->lock);
    stub_send(fd, b.data, b.len);
    buf_free(&b);
}

static void stub_wait_for_close(int fd)
{
    char bytes[512];
    while (recv(fd, bytes, sizeof bytes, 0) > 0)
        ;
}

static void stub_big(int fd, size_t len, const char *header)
{
    char row[] = "0123456789abcdef@example.org....";
    stub_send(fd, header, strlen(header));
    for (size_t i = 0; i < len; i += 32)
        stub_send(fd, row, 32);
}

static void stub_answer(struct http_stub *s, int fd, const char *request)
{
    static const struct {
        const char *path, *answer;
    } plain[] = {
        {"/absent", "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nnope\n"},
        {"/broken", "HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n"},
        {"/same", "HTTP/1.1 304 Not Modified\r\n\r\n"},
        {"/short", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this"},
        {"/huge", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"},
        {"/loop", "HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n"},
        {"/moved", "HTTP/1.1 301 Moved\r\nLocation: /list\r\nContent-Length: 4\r\n\r\nmove"},
        {"/to-file", "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n"},
        {"/garbage", "220 mail.example.org ESMTP\r\n"},
        {"/odd-etag", "HTTP/1.1 200 OK\r\nETag: \"\351\"\r\nContent-Length: 2\r\n\r\nok"},
    };

    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        char start[64];
        snprintf(start, sizeof start, "GET %s ", plain[i].path);
        if (strncmp(request, start, strlen(start)) == 0)
            stub_send(fd, plain[i].answer, strlen(plain[i].answer));
    }
    if (strncmp(request, "GET /list ", 10) == 0)
        stub_list(s, fd, request);
    if (strncmp(request, "GET /hang ", 10) == 0)
        stub_wait_for_close(fd);
    if (strncmp(request, "GET /big ", 9) == 0)
        stub_big(fd, 8 << 20, "HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n");
    if (strncmp(request, "GET /endless ", 13) == 0)
        stub_big(fd, 64 << 20, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
}

static void *stub_run(void *arg)
{
    struct http_stub *s = arg;

    for (;;) {
        char request[4096];
        size_t len = 0;
        int fd = accept(s->fd, NULL, NULL);
        if (fd < 0)
            return NULL;
        request[0] = '\0';
        while (len < sizeof request - 1 && strstr(request, "\r\n\r\n") == NULL) {
            ssize_t n = recv(fd, request + len, sizeof request - 1 - len, 0);
            if (n <= 0)
                break;
            len += (size_t)n;
            request[len] = '\0';
        }
        atomic_fetch_add(&s->hits, 1);
        stub_answer(s, fd, request);
        close(fd);
    }
}

static void stub_set(struct http_stub *s, const char *etag, const char *body)
{
    struct text e = text_on(s->etag, sizeof s->etag), b = text_on(s->body, sizeof s->body);
    pthread_mutex_lock(&s->lock);
    text_add(&e, etag);
    text_add(&b, body);
    pthread_mutex_unlock(&s->lock);
}

static struct http_stub *stub_start(void)
{
    struct http_stub *s = calloc(1, sizeof *s);
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof in;

    if (s == NULL || (s->fd = socket(AF_INET, SOCK_STREAM, 0)) < 0 ||
        bind(s->fd, (struct sockaddr *)&in, len) != 0 || listen(s->fd, 16) != 0 ||
        getsockname(s->fd, (struct sockaddr *)&in, &len) != 0)
        abort();
    s->port = ntohs(in.sin_port);
    pthread_mutex_init(&s->lock, NULL);
    if (pthread_create(&s->thread, NULL, stub_run, s) != 0)
        abort();
    return s;
}

static void stub_stop(struct http_stub *s)
{
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

#endif
