/*
 * Real servers: redis-server in a directory of its own, on a unix socket and a port of loopback. It
 * dies with the test.
 */
#ifndef REDIS_SERVER_H
#define REDIS_SERVER_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SERVER_PASSWORD "correct horse"
#define SERVER_WAIT_MS  30000

struct redis_server {
    char dir[64], socket[80], conf[80];
    int port;
    pid_t pid; /* 0: does not run */
    bool sentinel;
};

static void sleep_ms(int ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    while (nanosleep(&t, &t) != 0 && errno == EINTR)
        ;
}

static bool server_is_installed(const char *program)
{
    char path[4096], *at = path, *part;
    const char *env = getenv("PATH");

    snprintf(path, sizeof path, "%s", env == NULL ? "/usr/bin:/bin" : env);
    while ((part = strsep(&at, ":")) != NULL) {
        char file[4200];
        snprintf(file, sizeof file, "%s/%s", part, program);
        if (access(file, X_OK) == 0)
            return true;
    }
    return false;
}

/* Nobody else is likely to get it in between. */
static int free_port(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (bind(fd, (struct sockaddr *)&in, len) != 0 ||
        getsockname(fd, (struct sockaddr *)&in, &len) != 0)
        abort();
    close(fd);
    return ntohs(in.sin_port);
}

static bool port_answers(int port)
{
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool answers = connect(fd, (struct sockaddr *)&in, sizeof in) == 0;

    close(fd);
    return answers;
}

/* Runs until server_stop, or this process ends. False: it did not come up. */
static bool server_run(struct redis_server *s)
{
    pid_t parent = getpid();

    s->pid = fork();
    if (s->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0);
        dup2(null, 1);
        dup2(null, 2);
        if (getppid() == parent)
            execlp("redis-server", "redis-server", s->conf, s->sentinel ? "--sentinel" : NULL,
                   (char *)NULL);
        _exit(127);
    }
    for (int waited = 0; s->pid > 0 && waited < SERVER_WAIT_MS; waited += 20) {
        if (port_answers(s->port))
            return true;
        if (waitpid(s->pid, NULL, WNOHANG) != 0)
            break;
        sleep_ms(20);
    }
    return false;
}

/* A directory with a configuration that ends in MORE, not yet running. */
static void server_make(struct redis_server *s, const char *more)
{
    *s = (struct redis_server){.port = free_port()};
    snprintf(s->dir, sizeof s->dir, "/tmp/rcptguard-redis-XXXXXX");
    if (mkdtemp(s->dir) == NULL)
        abort();
    snprintf(s->socket, sizeof s->socket, "%s/redis.sock", s->dir);
    snprintf(s->conf, sizeof s->conf, "%s/redis.conf", s->dir);
    FILE *conf = fopen(s->conf, "we");
    if (conf == NULL)
        abort();
    fprintf(conf, "bind 127.0.0.1\nport %d\ndir %s\nlogfile %s/log\n%s\n", s->port, s->dir, s->dir,
            more);
    fclose(conf);
}

static bool server_start(struct redis_server *s, const char *more)
{
    char lines[1024];

    server_make(s, "");
    snprintf(lines, sizeof lines,
             "unixsocket %s\nunixsocketperm 700\ndatabases 4\nsave \"\"\nappendonly no\n"
             "requirepass \"" SERVER_PASSWORD "\"\nmasterauth \"" SERVER_PASSWORD "\"\n%s\n",
             s->socket, more);
    FILE *conf = fopen(s->conf, "ae");
    if (conf == NULL)
        abort();
    fputs(lines, conf);
    fclose(conf);
    return server_run(s);
}

static void server_stop(struct redis_server *s)
{
    if (s->pid > 0) {
        kill(s->pid, SIGKILL);
        waitpid(s->pid, NULL, 0);
    }
    s->pid = 0;
}

static int server_remove_file(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static void server_remove(struct redis_server *s)
{
    server_stop(s);
    if (s->dir[0] != '\0')
        nftw(s->dir, server_remove_file, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
