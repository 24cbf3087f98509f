/*
 * A connection whose question waits for DNS zones: one answer a question and in order, whatever
 * comes meanwhile, and none to who has gone. The verdict is the test's.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "policy/server.h"
#include "rcptguard/base/log.h"

/* ---- the verdict ---------------------------------------------------------------------------- */

#define WAITS_MAX 8

struct verdict_wait {
    verdict_done *done;
    void *arg;
    char recipient[64];
};

static struct {
    struct verdict_wait *waits[WAITS_MAX]; /* in the order in which they came */
    unsigned n, asked, forgotten;
} fake;

static void answer(verdict_done *done, void *arg, const char *action)
{
    const struct answer a = {.action = action};

    done(&a, arg);
}

/* Who is called wait@... waits, everybody else passes at once. */
struct verdict_wait *verdict_ask(struct verdict *v, const struct question *q, verdict_done *done,
                                 void *arg)
{
    (void)v;
    fake.asked++;
    if (q->recipient.len < 4 || memcmp(q->recipient.ptr, "wait", 4) != 0) {
        answer(done, arg, "DUNNO");
        return NULL;
    }
    assert_true(fake.n < WAITS_MAX);
    struct verdict_wait *w = fake.waits[fake.n++] = calloc(1, sizeof *w);
    *w = (struct verdict_wait){.done = done, .arg = arg};
    snprintf(w->recipient, sizeof w->recipient, "%.*s", (int)q->recipient.len, q->recipient.ptr);
    return w;
}

static void drop(struct verdict_wait *w)
{
    unsigned i = 0;

    while (i < fake.n && fake.waits[i] != w)
        i++;
    assert_true(i < fake.n);
    memmove(&fake.waits[i], &fake.waits[i + 1], (--fake.n - i) * sizeof fake.waits[0]);
    free(w);
}

void verdict_forget(struct verdict_wait *w)
{
    fake.forgotten++;
    drop(w);
}

/* As the verdict does it: the wait outlives the call, in which the next may begin. */
static void end_wait(const char *recipient, const char *action)
{
    struct verdict_wait *w = fake.waits[0];

    assert_true(fake.n > 0);
    assert_string_equal(w->recipient, recipient);
    answer(w->done, w->arg, action);
    drop(w);
}

/* ---- what sends many ------------------------------------------------------------------------ */

static enum { SENDS_ALL, SENDS_NONE, SENDS_UNKNOWN } sends_how;
static unsigned sends_calls;

void sends_open(struct sends *s)
{
    (void)s;
}

void sends_close(struct sends *s)
{
    (void)s;
}

int sends_write(struct sends *s, struct send *all, size_t n)
{
    (void)s;
    sends_calls++;
    assert_in_range(n, 2, SENDS_MAX);
    for (size_t i = 0; i < n; i++) {
        ssize_t sent = sends_how != SENDS_ALL
                           ? 0
                           : send(all[i].fd, all[i].bytes, all[i].len, MSG_DONTWAIT | MSG_NOSIGNAL);
        all[i].result = sent > 0 ? sent : 0;
    }
    return sends_how == SENDS_UNKNOWN ? -1 : 0;
}

/* ---- the connection ------------------------------------------------------------------------- */

static struct house {
    struct policy policy;
    struct listener listener;
    int peer;
    unsigned gone, warnings;
} *h;

void policy_client_gone(struct policy *p)
{
    (void)p;
    h->gone++;
}

static void take_line(enum log_level level, const char *line, void *arg)
{
    (void)line;
    (void)arg;
    h->warnings += level <= LOG_LEVEL_WARNING;
}

static void pump(void)
{
    for (int i = 0; i < 4; i++)
        event_base_loop(h->policy.base, EVLOOP_NONBLOCK);
}

static int set_up(void **state)
{
    int fds[2];

    (void)state;
    memset(&fake, 0, sizeof fake);
    h = calloc(1, sizeof *h);
    log_set_sink(take_line, NULL);
    h->policy.base = event_base_new();
    h->policy.record = record_new();
    turn_open(&h->policy);
    sends_how = SENDS_ALL;
    sends_calls = 0;
    h->listener = (struct listener){.policy = &h->policy, .address.is_unix = true, .text = "test"};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    h->peer = fds[1];
    assert_non_null(client_new(&h->policy, &h->listener, fds[0]));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    while (h->policy.clients != NULL)
        client_close(h->policy.clients);
    assert_int_equal(fake.n, 0);
    if (h->peer >= 0)
        close(h->peer);
    record_free(h->policy.record);
    turn_close(&h->policy);
    event_base_free(h->policy.base);
    log_set_sink(NULL, NULL);
    free(h);
    return 0;
}

static void send_text(const char *text)
{
    assert_int_equal(send(h->peer, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void query(const char *recipient)
{
    char text[256];

    snprintf(text, sizeof text,
             "request=smtpd_access_policy\nprotocol_state=RCPT\nrecipient=%s\n\n", recipient);
    send_text(text);
}

/* All that has come by now. */
static const char *heard(void)
{
    static char text[512];
    ssize_t n = recv(h->peer, text, sizeof text - 1, MSG_DONTWAIT);

    text[n < 0 ? 0 : n] = '\0';
    return text;
}

static bool is_closed(void)
{
    char byte;

    return recv(h->peer, &byte, 1, MSG_DONTWAIT) == 0;
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void test_an_answer_comes_when_it_is_there(void **state)
{
    (void)state;
    query("wait@a.example");
    pump();
    assert_string_equal(heard(), "");
    end_wait("wait@a.example", "550 5.7.1 no");
    assert_string_equal(heard(), "action=550 5.7.1 no\n\n");
    query("joe@a.example"); /* and it is read again */
    pump();
    assert_string_equal(heard(), "action=DUNNO\n\n");
}

/* What stands behind a question that waits is answered behind it, and not read before. */
static void test_answers_keep_their_order(void **state)
{
    (void)state;
    query("wait@a.example");
    query("joe@b.example");
    query("wait@c.example");
    pump();
    query("joe@d.example");
    pump();
    assert_int_equal(fake.asked, 1);
    assert_string_equal(heard(), "");
    end_wait("wait@a.example", "550 5.7.1 no");
    assert_string_equal(heard(), "action=550 5.7.1 no\n\naction=DUNNO\n\n");
    assert_int_equal(fake.asked, 3);
    pump();
    assert_int_equal(fake.asked, 3);
    end_wait("wait@c.example", "DUNNO");
    pump();
    assert_string_equal(heard(), "action=DUNNO\n\naction=DUNNO\n\n");
    assert_int_equal(fake.asked, 4);
}

static void test_half_a_query_stands_behind_one_that_waits(void **state)
{
    (void)state;
    send_text("request=smtpd_access_policy\nprotocol_state=RCPT\nrecipient=wait@a.example\n\n"
              "request=smtpd_access_policy\nprotocol_state=RCPT\nreci");
    pump();
    end_wait("wait@a.example", "DUNNO");
    assert_string_equal(heard(), "action=DUNNO\n\n");
    send_text("pient=joe@b.example\n\n");
    pump();
    assert_string_equal(heard(), "action=DUNNO\n\n");
    assert_int_equal(fake.asked, 2);
}

static void test_who_left_is_closed_when_the_answer_is_there(void **state)
{
    (void)state;
    query("wait@a.example");
    pump();
    close(h->peer);
    h->peer = -1;
    pump();
    end_wait("wait@a.example", "DUNNO");
    pump();
    assert_int_equal(h->gone, 1);
    assert_null(h->policy.clients);
    assert_int_equal(fake.forgotten, 0);
}

static void test_closed_while_it_waits(void **state)
{
    (void)state;
    query("wait@a.example");
    pump();
    client_close(h->policy.clients);
    assert_int_equal(fake.forgotten, 1);
    assert_int_equal(fake.n, 0);
    assert_true(is_closed());
}

/* What is broken behind a question that waits ends the connection, and not before its answer. */
static void test_broken_behind_one_that_waits(void **state)
{
    (void)state;
    query("wait@a.example");
    send_text("no attribute\n\n");
    pump();
    end_wait("wait@a.example", "550 5.7.1 no");
    assert_string_equal(heard(), "action=550 5.7.1 no\n\n");
    assert_true(is_closed());
    assert_int_equal(h->gone, 1);
    assert_int_equal(h->warnings, 1);
}

/* SIGTERM: the answer is waited for, and then what was readable is answered too. */
static void test_a_drain_waits(void **state)
{
    (void)state;
    query("wait@a.example");
    pump();
    query("joe@b.example");
    h->policy.draining = true;
    client_drain(h->policy.clients);
    assert_int_equal(h->gone, 0);
    end_wait("wait@a.example", "550 5.7.1 no");
    assert_string_equal(heard(), "action=550 5.7.1 no\n\naction=DUNNO\n\n");
    assert_int_equal(h->gone, 1);
    assert_true(is_closed());
}

/* And when it lasts too long, it passes. */
static void test_a_drain_gives_up(void **state)
{
    (void)state;
    query("wait@a.example");
    pump();
    h->policy.draining = true;
    client_drain(h->policy.clients);
    client_give_up(h->policy.clients);
    assert_string_equal(heard(), "action=DUNNO\n\n");
    assert_int_equal(fake.forgotten, 1);
    client_give_up(h->policy.clients); /* nothing waits: nothing is said */
    assert_string_equal(heard(), "");
}

/* So does what stands behind it, read or not. */
static void test_a_drain_gives_up_all_that_wait(void **state)
{
    (void)state;
    query("wait@a.example");
    query("wait@b.example");
    query("joe@c.example");
    pump();
    query("wait@d.example");
    h->policy.draining = true;
    client_drain(h->policy.clients);
    client_give_up(h->policy.clients);
    assert_string_equal(heard(),
                        "action=DUNNO\n\naction=DUNNO\n\naction=DUNNO\n\naction=DUNNO\n\n");
    assert_int_equal(fake.forgotten, 3);
}

/* ---- many in one turn of the loop ------------------------------------------------------------ */

#define MANY (SENDS_MAX + 3)

static int others[MANY];

static void add_clients(void)
{
    int fds[2];

    for (int i = 0; i < MANY; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
        others[i] = fds[1];
        assert_non_null(client_new(&h->policy, &h->listener, fds[0]));
    }
}

static void ask_all(const char *recipient)
{
    int mine = h->peer;

    for (int i = 0; i < MANY; i++) {
        h->peer = others[i];
        query(recipient);
    }
    h->peer = mine;
}

/* From FIRST up to but not including END, each hears that it passes. */
static void hear(int first, int end)
{
    int mine = h->peer;

    for (int i = first; i < end; i++) {
        h->peer = others[i];
        assert_string_equal(heard(), "action=DUNNO\n\n");
    }
    h->peer = mine;
}

static unsigned policy_left(void)
{
    return (unsigned)h->policy.n_clients;
}

static void close_all(void)
{
    for (int i = 0; i < MANY; i++)
        close(others[i]);
    pump();
}

static void ask_and_hear_all(void)
{
    for (int i = 0; i < 3; i++) {
        ask_all("joe@b.example");
        pump();
        hear(0, MANY);
    }
    assert_int_equal(fake.asked, 3 * MANY);
    assert_int_equal(h->gone, 0);
}

static void test_many_in_one_turn(void **state)
{
    (void)state;
    add_clients();
    ask_and_hear_all();
    assert_in_range(sends_calls, 3, 6);
    close_all();
    assert_int_equal(h->gone, MANY);
}

static void test_many_where_none_goes_with_the_others(void **state)
{
    (void)state;
    sends_how = SENDS_NONE;
    add_clients();
    ask_and_hear_all();
    close_all();
}

/* Nobody hears an answer twice, or half of one: Postfix asks again. */
static void test_many_and_nobody_knows_what_was_sent(void **state)
{
    (void)state;
    sends_how = SENDS_UNKNOWN;
    add_clients();
    ask_all("joe@b.example");
    pump();
    assert_int_equal(h->gone, MANY);
    assert_int_equal(policy_left(), 1);
    query("joe@b.example"); /* who is alone goes on */
    pump();
    assert_string_equal(heard(), "action=DUNNO\n\n");
    close_all();
}

/* The last of a full turn, too. (libevent looks at more sockets at once when there were many.) */
static void test_many_who_left_after_they_asked(void **state)
{
    (void)state;
    add_clients();
    ask_and_hear_all();
    fake.asked = 0;
    ask_all("joe@b.example");
    for (int i = 0; i < MANY; i++)
        close(others[i]);
    pump();
    assert_int_equal(fake.asked, MANY);
    assert_int_equal(h->gone, MANY);
    assert_int_equal(policy_left(), 1);
}

/* Bytes that lie before the answer of the client whose peer is others[i]; nothing more fits. */
static size_t fill(const struct client *c)
{
    static const char junk[4096];
    size_t bytes = 0;

    for (size_t len = sizeof junk; len > 0; len /= 2)
        for (ssize_t n; (n = send(c->fd, junk, len, MSG_DONTWAIT)) > 0;)
            bytes += (size_t)n;
    return bytes;
}

/* One has left, one does not read: the others hear their answer all the same. */
static void test_many_of_which_some_are_away(void **state)
{
    char got[4096];
    size_t expected, bytes = 0;

    (void)state;
    add_clients();
    expected = fill(h->policy.clients) + strlen("action=DUNNO\n\n"); /* of the last */
    ask_all("joe@b.example");
    close(others[0]);
    pump();
    assert_int_equal(h->gone, 1);
    hear(1, MANY - 1);
    /* Who reads again gets all of it, once. */
    for (int i = 0; i < 10000 && bytes < expected; i++) {
        ssize_t n = recv(others[MANY - 1], got, sizeof got, MSG_DONTWAIT);
        bytes += n > 0 ? (size_t)n : 0;
        pump();
    }
    assert_int_equal(bytes, expected);
    assert_true(recv(others[MANY - 1], got, sizeof got, MSG_DONTWAIT) < 0);
    others[0] = -1;
    close_all();
}

/* Closed between its answer and the end of the turn. */
static void test_closed_in_its_turn(void **state)
{
    (void)state;
    add_clients();
    ask_all("joe@b.example");
    strcpy(h->policy.clients->reply, "action=DUNNO\n\n");
    h->policy.clients->reply_len = strlen(h->policy.clients->reply);
    turn_add(h->policy.clients);
    client_close(h->policy.clients);
    pump();
    hear(0, MANY - 1);
    char byte;
    assert_int_equal(recv(others[MANY - 1], &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, ECONNRESET); /* it heard nothing */
    assert_int_equal(h->gone, 1);
    close_all();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_answer_comes_when_it_is_there),
        TEST(test_answers_keep_their_order),
        TEST(test_half_a_query_stands_behind_one_that_waits),
        TEST(test_who_left_is_closed_when_the_answer_is_there),
        TEST(test_closed_while_it_waits),
        TEST(test_broken_behind_one_that_waits),
        TEST(test_a_drain_waits),
        TEST(test_a_drain_gives_up),
        TEST(test_a_drain_gives_up_all_that_wait),
        TEST(test_many_in_one_turn),
        TEST(test_many_where_none_goes_with_the_others),
        TEST(test_many_and_nobody_knows_what_was_sent),
        TEST(test_many_who_left_after_they_asked),
        TEST(test_many_of_which_some_are_away),
        TEST(test_closed_in_its_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
