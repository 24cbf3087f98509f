/*
 * An admin server in a house of cardboard, and clients that talk to it over a real socket. The
 * clock is the test's, so that minutes pass at once. Included once by a test.
 */
#ifndef FAKE_CLIENT_H
#define FAKE_CLIENT_H

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "admin/connections.h"
#include "fake_house.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"

static struct event_base *base;
static struct event *tick;
static struct admin *admin;
static struct admin_house house;
static struct local_state exclusions_state, blocks_state;
static const struct address_options addresses = {.delimiter = "+", .provider_aliases = true};
static const char *http_on = "";
static char dir[] = "/tmp/rcptguard-admin-XXXXXX", path[64], listen_on[80], logged[2048];
static int64_t now_ms = 1000000;

static inline void on_log(enum log_level level, const char *line, void *arg)
{
    (void)level, (void)arg;
    snprintf(logged, sizeof logged, "%s", line);
}

static inline void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
}

static inline struct admin *make_admin(struct error *why)
{
    const struct admin_config config = {.listen = listen_on,
                                        .socket_mode = 0600,
                                        .socket_group = "",
                                        .admin_group = "",
                                        .http = http_on};
    return admin_new(base, &config, NULL, &house, why);
}

static inline int set_up(void **state)
{
    const struct timeval often = {0, 2000};
    struct error why;

    (void)state;
    memset(&fake, 0, sizeof fake);
    now_ms = 1000000;
    clock_set(100000, now_ms);
    log_set_sink(on_log, NULL);
    logged[0] = '\0';
    house = (struct admin_house){.feeds = (struct feeds *)&fake,
                                 .dnsbl = (struct dnsbl *)&fake,
                                 .exclusions_state = &exclusions_state,
                                 .exclusions_file = "/x/exclusions",
                                 .blocks_state = &blocks_state,
                                 .blocks_file = "/x/blocks",
                                 .addresses = &addresses,
                                 .history = (struct history *)&fake,
                                 .reload_problem = "",
                                 .protect_problem = "",
                                 .started_at = 99000};
    base = event_base_new();
    tick = event_new(base, -1, EV_PERSIST, on_tick, NULL);
    event_add(tick, &often);
    admin = make_admin(&why);
    return admin == NULL || admin_start(admin, &why) != 0 ? -1 : 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    admin_free(admin);
    event_free(tick);
    event_base_free(base); /* runs what bufferevents left to be freed */
    return access(path, F_OK) == 0 ? -1 : 0;
}

static inline void pass(int64_t ms)
{
    now_ms += ms;
    clock_set(100000 + now_ms / 1000 - 1000, now_ms);
}

static inline int dial(void)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    strcpy(sun.sun_path, path);
    assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof sun), 0);
    return fd;
}

static inline void say(int fd, const char *words)
{
    assert_int_equal(send(fd, words, strlen(words), MSG_NOSIGNAL), strlen(words));
}

/* Runs the loop for some turns. */
static inline void turn(int times)
{
    while (times-- > 0)
        event_base_loop(base, EVLOOP_ONCE);
}

/* Reads until the server closes; false when it did not within five real seconds. */
static inline bool hear(int fd, char *answer, size_t size)
{
    time_t end = time(NULL) + 5;
    size_t len = 0;

    for (;;) {
        char bytes[4096];
        ssize_t n = recv(fd, bytes, sizeof bytes, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN)) {
            answer[len] = '\0';
            close(fd);
            return true;
        }
        for (ssize_t i = 0; i < n; i++)
            if (len + 1 < size)
                answer[len++] = bytes[i];
        if (n > 0)
            continue;
        if (time(NULL) > end)
            return false;
        event_base_loop(base, EVLOOP_ONCE);
    }
}

static inline void ask(const char *request, char *answer, size_t size)
{
    int fd = dial();

    say(fd, request);
    assert_true(hear(fd, answer, size));
}

static inline void assert_serves(void)
{
    char answer[8192];

    ask("GET /v1/feeds HTTP/1.1\r\nHost: x\r\n\r\n", answer, sizeof answer);
    assert_non_null(strstr(answer, "HTTP/1.1 200 OK\r\n"));
}

/* N others and who asks are connected, at the latest after five seconds. */
static inline void assert_alone_but(unsigned n)
{
    time_t end = time(NULL) + 5;
    char answer[8192], words[40];

    snprintf(words, sizeof words, "\"admin_clients\":%u,", n + 1);
    do {
        turn(30);
        ask("GET /v1/status HTTP/1.1\r\n\r\n", answer, sizeof answer);
    } while (strstr(answer, words) == NULL && time(NULL) <= end);
    assert_non_null(strstr(answer, words));
}

static inline void assert_alone(void)
{
    assert_alone_but(0);
}

/* cmocka's runner over a socket in a directory of its own. */
#define RUN(name, tests)                                                                           \
    (mkdtemp(dir) == NULL ? 1                                                                      \
                          : (snprintf(path, sizeof path, "%s/s", dir),                             \
                             snprintf(listen_on, sizeof listen_on, "unix:%s", path),               \
                             end_with(cmocka_run_group_tests_name(name, tests, NULL, NULL))))

static inline int end_with(int failed)
{
    rmdir(dir);
    return failed;
}

#endif
