/*
 * The end, with listeners of its own: what was asked by then is answered, and its connection
 * closed, before policy_drain returns. The verdict is the test's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "policy/server.h"
#include "rcptguard/base/log.h"

#define QUERY "request=smtpd_access_policy\nprotocol_state=RCPT\nrecipient=joe@a.example\n\n"
#define PEERS 3

struct verdict_wait *verdict_ask(struct verdict *v, const struct question *q, verdict_done *done,
                                 void *arg)
{
    (void)v;
    (void)q;
    done(&(struct answer){.action = "DUNNO"}, arg);
    return NULL;
}

void verdict_forget(struct verdict_wait *w)
{
    (void)w;
}

static char dir[64], path[80];
static struct event_base *base;
static struct record *record;
static struct policy *policy;
static int peers[PEERS];
static unsigned drained;

static void take_line(enum log_level level, const char *line, void *arg)
{
    (void)level;
    (void)line;
    (void)arg;
}

static void connect_peers(void)
{
    struct sockaddr_un where = {.sun_family = AF_UNIX};

    snprintf(where.sun_path, sizeof where.sun_path, "%s", path);
    for (int i = 0; i < PEERS; i++) {
        peers[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        assert_int_equal(connect(peers[i], (const void *)&where, sizeof where), 0);
    }
    while (policy_clients(policy) < PEERS)
        event_base_loop(base, EVLOOP_ONCE);
}

static int set_up(void **state)
{
    static char listen[100];
    static const char *const all[] = {listen};
    const struct policy_config config = {.listen = all,
                                         .n_listen = 1,
                                         .listen_set = true,
                                         .socket_mode = 0600,
                                         .socket_group = "",
                                         .max_clients = PEERS};
    struct error why = {0, ""};

    (void)state;
    signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    log_set_sink(take_line, NULL);
    strcpy(dir, "/tmp/rcptguard-drain-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/policy", dir);
    snprintf(listen, sizeof listen, "unix:%s", path);
    drained = 0;
    base = event_base_new();
    record = record_new();
    policy = policy_new(base, &config, NULL, NULL, record, &why);
    if (policy == NULL || policy_start(policy, &why) < 0)
        fail_msg("%s", why.text);
    connect_peers();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    policy_free(policy);
    record_free(record);
    event_base_free(base);
    for (int i = 0; i < PEERS; i++)
        close(peers[i]);
    log_set_sink(NULL, NULL);
    return rmdir(dir);
}

static void on_drained(void *arg)
{
    (void)arg;
    drained++;
}

static void ask(int peer)
{
    assert_int_equal(send(peer, QUERY, strlen(QUERY), MSG_NOSIGNAL), strlen(QUERY));
}

static void assert_answered_and_closed(int peer)
{
    static const char expected[] = "action=DUNNO\n\n";
    char text[64];

    assert_int_equal(recv(peer, text, sizeof text, MSG_DONTWAIT), strlen(expected));
    assert_memory_equal(text, expected, strlen(expected));
    assert_int_equal(recv(peer, text, sizeof text, MSG_DONTWAIT), 0);
}

/* No turn of the loop comes between, and no timer. */
static void test_what_was_asked_is_answered_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < PEERS; i++)
        ask(peers[i]);
    policy_drain(policy, 5000, on_drained, NULL);
    for (int i = 0; i < PEERS; i++)
        assert_answered_and_closed(peers[i]);
    assert_int_equal(drained, 1);
    assert_int_equal(policy_clients(policy), 0);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    assert_int_equal(policy->turn.n, PEERS);
    policy_drain(policy, 5000, on_drained, NULL);
}

/* Answers that wait for the end of the turn in which the signal comes. */
static void test_in_the_middle_of_a_turn(void **state)
{
    struct event *signal_event = event_new(base, -1, 0, on_signal, NULL);

    (void)state;
    for (int i = 0; i < PEERS; i++)
        ask(peers[i]);
    for (struct client *c = policy->clients; c != NULL; c = c->next)
        event_active(&c->readable, EV_READ, 0);
    event_active(signal_event, EV_TIMEOUT, 0);
    event_base_loop(base, EVLOOP_NONBLOCK);
    for (int i = 0; i < PEERS; i++)
        assert_answered_and_closed(peers[i]);
    assert_int_equal(drained, 1);
    event_free(signal_event);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_was_asked_is_answered_at_once),
        TEST(test_in_the_middle_of_a_turn),
    };
    return cmocka_run_group_tests_name("policy/drain", tests, NULL, NULL);
}
