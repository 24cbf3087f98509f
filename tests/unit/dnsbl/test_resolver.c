/* Resolvers that are away, restarted, slow or silent, on real sockets. The clock is the test's. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "dnsbl/resolver.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"

#define NOW        1800000000
#define NOW_MS     5000000
#define GIVE_UP_MS 5000
#define ASKED_MAX  1000

enum says { CLEAR = 0x8183, CUT = 0x8380, SERVFAIL = 0x8182 };

struct server {
    struct sockaddr_in address;
    int fd; /* -1: its port is closed */
};

static struct server one, two;
static struct event_base *base;
static struct resolver *resolver;
static int64_t now_ms;
static unsigned n_asked, n_answered;
static struct dns_answer last;
static char log_text[4096];

static void take_line(enum log_level level, const char *line, void *arg)
{
    size_t len = strlen(log_text);

    (void)level;
    (void)arg;
    snprintf(log_text + len, sizeof log_text - len, "%s\n", line);
}

static void advance(int64_t ms)
{
    now_ms += ms;
    clock_set(NOW + (now_ms - NOW_MS) / 1000, now_ms);
}

/* ---- servers -------------------------------------------------------------------------------- */

/* At the port that it had, or at a free one. */
static void open_port(struct server *s)
{
    socklen_t len = sizeof s->address;

    s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    s->address.sin_family = AF_INET;
    s->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&s->address, len), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&s->address, &len), 0);
}

static void close_port(struct server *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

struct message {
    unsigned char bytes[512];
    ssize_t len;
    struct sockaddr_in from;
};

/* Takes a question, to be answered later; false: there is none. */
static bool keep(const struct server *s, struct message *m)
{
    socklen_t from_len = sizeof m->from;

    m->len = recvfrom(s->fd, m->bytes, sizeof m->bytes, 0, (struct sockaddr *)&m->from, &from_len);
    return m->len > 0;
}

static void give(const struct server *s, struct message *m, enum says says)
{
    m->bytes[2] = (unsigned char)(says >> 8);
    m->bytes[3] = (unsigned char)says;
    sendto(s->fd, m->bytes, (size_t)m->len, 0, (struct sockaddr *)&m->from, sizeof m->from);
}

/* Answers all that came. */
static void answer(const struct server *s, enum says says)
{
    struct message m;

    while (keep(s, &m))
        give(s, &m, says);
}

/* Takes what came, and says nothing. */
static unsigned ignore(const struct server *s)
{
    char message[512];
    unsigned n = 0;

    while (recv(s->fd, message, sizeof message, 0) > 0)
        n++;
    return n;
}

/* ---- the resolver --------------------------------------------------------------------------- */

static int set_up(void **state)
{
    (void)state;
    memset(&one, 0, sizeof one);
    memset(&two, 0, sizeof two);
    open_port(&one);
    open_port(&two);
    base = event_base_new();
    n_asked = n_answered = 0;
    log_text[0] = '\0';
    log_set_sink(take_line, NULL);
    now_ms = NOW_MS;
    advance(0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    resolver_free(resolver);
    resolver = NULL;
    event_base_free(base);
    close_port(&one);
    close_port(&two);
    log_set_sink(NULL, NULL);
    clock_set(-1, -1);
    return 0;
}

/* Of one server, or of both. */
static void make_resolver(unsigned n_servers)
{
    char servers[64];

    snprintf(servers, sizeof servers, "127.0.0.1:%u 127.0.0.1:%u", ntohs(one.address.sin_port),
             ntohs(two.address.sin_port));
    if (n_servers == 1)
        *strchr(servers, ' ') = '\0';
    resolver = resolver_new(base, servers, ASKED_MAX, GIVE_UP_MS, NULL);
    assert_non_null(resolver);
}

static void on_answer(const struct dns_answer *a, void *arg)
{
    (void)arg;
    n_answered++;
    last = *a;
}

static void ask(void)
{
    char name[32];

    snprintf(name, sizeof name, "n%u.bl.test", n_asked++);
    assert_int_equal(resolver_ask(resolver, name, DNS_A, on_answer, NULL), 0);
}

static void turn(void)
{
    event_base_loop(base, EVLOOP_NONBLOCK);
}

/* Turns the loop until CONDITION, for ten seconds at most. Where a port is closed CONDITION lets
 * time go on: the kernel may send fewer refusals than there are questions (icmp_msgs_burst). */
#define TURN_UNTIL(condition)                                                                      \
    do {                                                                                           \
        int turns_left_ = 10000;                                                                   \
        while (!(condition)) {                                                                     \
            assert_true(turns_left_-- > 0);                                                        \
            turn();                                                                                \
            usleep(1000);                                                                          \
        }                                                                                          \
    } while (0)

static unsigned count_files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned n = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

/* ---- ports that are closed ------------------------------------------------------------------ */

/* It closes its port for a moment: what was asked then is answered when it is back. */
static void test_a_server_that_is_restarted(void **state)
{
    (void)state;
    make_resolver(1);
    for (int i = 0; i < 3; i++)
        ask(); /* on their way when it goes */
    close_port(&one);
    for (int i = 0; i < 30; i++) {
        ask();
        turn();
    }
    assert_int_equal(n_answered, 0);
    open_port(&one);
    TURN_UNTIL((advance(1), answer(&one, CLEAR), n_answered == n_asked));
    assert_int_equal(last.result, DNS_NXDOMAIN);
}

static void test_a_port_that_stays_closed(void **state)
{
    (void)state;
    close_port(&one);
    make_resolver(1);
    ask();
    for (int i = 0; i < 4; i++) {
        advance(GIVE_UP_MS / 4 - 1);
        turn();
        assert_int_equal(n_answered, 0);
    }
    advance(4);
    TURN_UNTIL(n_answered == 1);
    assert_int_equal(last.result, DNS_UNREACHABLE);
}

static void test_the_next_server_is_asked_at_once(void **state)
{
    (void)state;
    close_port(&one);
    make_resolver(2);
    ask();
    TURN_UNTIL((advance(1), answer(&two, CLEAR), n_answered == 1));
    assert_int_equal(last.result, DNS_NXDOMAIN);
    /* Its word is the last. */
    ask();
    TURN_UNTIL((advance(1), answer(&two, SERVFAIL), n_answered == 2));
    assert_int_equal(last.result, DNS_FAILED);
    assert_int_equal(last.rcode, 2);
}

/* Beside one that is silent: its turn comes again with the next try. */
static void test_a_server_that_is_back_before_the_other_answers(void **state)
{
    (void)state;
    close_port(&one);
    make_resolver(2);
    ask();
    TURN_UNTIL((advance(1), ignore(&two)) > 0);
    open_port(&one);
    advance(400);
    TURN_UNTIL((answer(&one, CLEAR), n_answered == 1));
}

/* Each refusal takes a socket; none may be kept until its question ends. */
static void test_sockets_of_a_server_that_refuses(void **state)
{
    (void)state;
    close_port(&one);
    make_resolver(2);
    unsigned heard = 0, before = count_files();
    for (int i = 0; i < 5; i++)
        ask();
    /* Both miss too much, so the first is asked first. */
    TURN_UNTIL((advance(1), heard += ignore(&two)) >= 8);
    for (int i = 0; i < 300; i++) {
        ask();
        turn();
        turn();
        ignore(&two);
    }
    assert_in_range(count_files(), before, before + 6);
    assert_int_equal(n_answered, 0);
}

/* ---- slow ones ------------------------------------------------------------------------------ */

/* A zone that takes longer than a try waits is not the fault of a server that answers others. */
static void test_a_slow_zone_is_no_silent_server(void **state)
{
    struct message slow[4];

    (void)state;
    make_resolver(2);
    for (int i = 0; i < 4; i++) {
        ask();
        TURN_UNTIL(keep(&one, &slow[i]));
    }
    advance(200);
    ask();
    TURN_UNTIL((answer(&one, CLEAR), n_answered == 1));
    advance(200);
    unsigned again = 0;
    TURN_UNTIL((again += ignore(&two)) == 4);
    for (int i = 0; i < 4; i++)
        give(&one, &slow[i], CLEAR);
    TURN_UNTIL(n_answered == n_asked);
    assert_string_equal(log_text, "");
}

static unsigned lines(const char *what)
{
    unsigned n = 0;

    for (const char *at = log_text; (at = strstr(at, what)) != NULL; at++)
        n++;
    return n;
}

static void test_a_silent_server_is_asked_last_and_said_once_a_minute(void **state)
{
    (void)state;
    make_resolver(2);
    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < 3; j++) {
            ask();
            TURN_UNTIL(ignore(&one) > 0);
            advance(400);
            TURN_UNTIL((answer(&two, CLEAR), n_answered == n_asked));
        }
        assert_int_equal(lines("does not answer; others are asked before it"), i == 3 ? 2 : 1);
        ask(); /* not to the first one */
        TURN_UNTIL((answer(&two, CLEAR), n_answered == n_asked));
        assert_int_equal(ignore(&one), 0);
        /* It is back, and goes again. */
        advance(i == 2 ? 60000 : 10000);
        ask();
        TURN_UNTIL((answer(&one, CLEAR), n_answered == n_asked));
        advance(1);
    }
    assert_int_equal(lines("answers again"), 2);
}

static void test_the_only_server(void **state)
{
    (void)state;
    make_resolver(1);
    for (int i = 0; i < 5; i++) {
        ask();
        TURN_UNTIL(ignore(&one) > 0);
        advance(400);
        TURN_UNTIL((answer(&one, CLEAR), n_answered == n_asked));
    }
    assert_string_equal(log_text, "");
    close_port(&one);
    for (int i = 0; i < 5; i++)
        ask();
    TURN_UNTIL((advance(1), log_text[0] != '\0'));
    assert_non_null(strstr(log_text, " cannot be reached\n"));
    open_port(&one);
    TURN_UNTIL((advance(1), answer(&one, CLEAR), n_answered == n_asked));
    assert_int_equal(lines("answers again"), 1);
}

/* ---- by TCP --------------------------------------------------------------------------------- */

/* A listener at the port of S: connections are made, and nothing comes. That of TCP may be somebody
 * else's: S takes another then, so this comes before the resolver is made. */
static int listen_silently(struct server *s)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    while (bind(fd, (const struct sockaddr *)&s->address, sizeof s->address) != 0) {
        assert_int_equal(errno, EADDRINUSE);
        close_port(s);
        s->address.sin_port = 0;
        open_port(s);
    }
    assert_int_equal(listen(fd, 500), 0);
    return fd;
}

/* More of them than may be asked by TCP at once. */
static void test_silence_by_tcp_keeps_nobody_from_the_next_server(void **state)
{
    (void)state;
    int listener = listen_silently(&one), connections[64];
    make_resolver(2);
    for (int i = 0; i < 100; i++)
        ask();
    int n = 0;
    while (n < 64) {
        int fd = -1;
        TURN_UNTIL((answer(&one, CUT), fd = accept(listener, NULL, NULL)) >= 0);
        connections[n++] = fd;
    }
    advance(400);
    TURN_UNTIL((answer(&two, CLEAR), n_answered == n_asked));
    assert_int_equal(last.result, DNS_NXDOMAIN);
    while (n > 0)
        close(connections[--n]);
    close(listener);
}

/* One that is slow by TCP is heard although others were asked meanwhile, and cut their answers. */
static void test_slow_by_tcp_at_both(void **state)
{
    (void)state;
    int first = listen_silently(&one), second = listen_silently(&two);
    make_resolver(2);
    ask();
    int fd = -1;
    TURN_UNTIL((answer(&one, CUT), fd = accept(first, NULL, NULL)) >= 0);
    advance(400);
    int other = -1;
    TURN_UNTIL((answer(&two, CUT), other = accept(second, NULL, NULL)) >= 0);
    advance(400); /* to the first again */
    close(fd);
    TURN_UNTIL((answer(&one, CUT), fd = accept(first, NULL, NULL)) >= 0);
    unsigned char message[2 + 512];
    ssize_t len = 0;
    TURN_UNTIL((len = recv(fd, message, sizeof message, MSG_DONTWAIT)) > 14);
    message[4] = CLEAR >> 8;
    message[5] = CLEAR & 0xff;
    assert_int_equal(send(fd, message, (size_t)len, 0), len);
    TURN_UNTIL(n_answered == 1);
    assert_int_equal(last.result, DNS_NXDOMAIN);
    close(fd);
    close(other);
    close(first);
    close(second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_server_that_is_restarted),
        TEST(test_a_port_that_stays_closed),
        TEST(test_the_next_server_is_asked_at_once),
        TEST(test_a_server_that_is_back_before_the_other_answers),
        TEST(test_sockets_of_a_server_that_refuses),
        TEST(test_a_slow_zone_is_no_silent_server),
        TEST(test_a_silent_server_is_asked_last_and_said_once_a_minute),
        TEST(test_the_only_server),
        TEST(test_silence_by_tcp_keeps_nobody_from_the_next_server),
        TEST(test_slow_by_tcp_at_both),
    };
    return cmocka_run_group_tests_name("resolver", tests, NULL, NULL);
}
