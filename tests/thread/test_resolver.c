/* Questions to servers on loopback that do all that servers do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <event2/event.h>
#include <sys/resource.h>

#include "dns_stub.h"
#include "dnsbl/resolver.h"
#include "rcptguard/base/clock.h"

#define DEADLINE_S 60 /* of the whole test; a hanging one must end */
#define CAP        20000
#define GIVE_UP_MS 5000

struct house {
    struct event_base *base;
    struct dns_stub *stub;
    struct resolver *resolver;
    struct dns_answer last;
    int done;
    int listed, late;
    int to_ask; /* asked from inside answers */
};

static struct resolver *open_resolver(struct house *h, const char *servers, unsigned max)
{
    struct error why;
    struct resolver *r = resolver_new(h->base, servers, max, GIVE_UP_MS, &why);

    if (r == NULL)
        fail_msg("%s: %s", servers, why.text);
    return r;
}

static void use(struct house *h, int port, int second_port)
{
    char servers[64];

    if (second_port == 0)
        snprintf(servers, sizeof servers, "127.0.0.1:%d", port);
    else
        snprintf(servers, sizeof servers, "127.0.0.1:%d 127.0.0.1:%d", port, second_port);
    resolver_free(h->resolver);
    h->resolver = open_resolver(h, servers, CAP);
}

static int setup(void **state)
{
    struct house *h = calloc(1, sizeof *h);

    assert_non_null(h);
    h->base = event_base_new();
    assert_non_null(h->base);
    h->stub = stub_start("");
    use(h, h->stub->port, 0);
    *state = h;
    return 0;
}

static int teardown(void **state)
{
    struct house *h = *state;

    clock_set(-1, -1);
    resolver_free(h->resolver);
    stub_stop(h->stub);
    event_base_free(h->base);
    free(h);
    return 0;
}

static void on_answer(const struct dns_answer *answer, void *arg)
{
    struct house *h = arg;

    h->last = *answer;
    h->done++;
    h->listed += answer->result == DNS_RECORDS;
    h->late += answer->result == DNS_TIMEOUT;
    event_base_loopbreak(h->base);
}

static void ask(struct house *h, const char *name, enum dns_type type)
{
    assert_int_equal(resolver_ask(h->resolver, name, type, on_answer, h), 0);
}

static void wait_for(struct house *h, int done)
{
    while (h->done < done)
        assert_int_equal(event_base_loop(h->base, EVLOOP_ONCE), 0);
    assert_int_equal(h->done, done);
}

static void ask_and_wait(struct house *h, const char *name, enum dns_type type)
{
    int done = h->done;

    ask(h, name, type);
    assert_int_equal(h->done, done); /* never before it returns */
    wait_for(h, done + 1);
}

static int closed_port(void)
{
    struct dns_stub *gone = stub_start("");
    int port = gone->port;

    stub_stop(gone);
    return port;
}

static void test_answers(void **state)
{
    static const struct {
        const char *name;
        enum dns_type type;
        enum dns_result result;
        unsigned rcode;
        uint32_t ttl_s;
    } table[] = {
        {"listed.zone.example", DNS_A, DNS_RECORDS, 0, 300},
        {"_under.x_y.zone.example", DNS_A, DNS_RECORDS, 0, 300},
        {"text.zone.example", DNS_TXT, DNS_RECORDS, 0, 300},
        {"nothing.zone.example", DNS_A, DNS_NXDOMAIN, 3, 60},
        {"servfail.zone.example", DNS_A, DNS_FAILED, 2, 0},
        {"refused.zone.example", DNS_A, DNS_FAILED, 5, 0},
    };
    struct house *h = *state;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        ask_and_wait(h, table[i].name, table[i].type);
        if (h->last.result != table[i].result || h->last.rcode != table[i].rcode ||
            (table[i].ttl_s != 0 && h->last.ttl_s != table[i].ttl_s))
            fail_msg("%s: %d %u %u", table[i].name, (int)h->last.result, h->last.rcode,
                     h->last.ttl_s);
    }
    ask_and_wait(h, "listed.zone.example", DNS_A);
    assert_memory_equal(h->last.addresses[0], "\x7f\0\0\2", 4);
    ask_and_wait(h, "text.zone.example", DNS_TXT);
    assert_string_equal(h->last.text, "hello");
    assert_true(atomic_load(&h->stub->by_udp) >= 8); /* none came from a memory */
    assert_int_equal(resolver_waiting(h->resolver), 0);
}

static void test_cut_answer_comes_by_tcp(void **state)
{
    struct house *h = *state;

    ask_and_wait(h, "cut.zone.example", DNS_A);
    assert_int_equal(h->last.result, DNS_RECORDS);
    assert_true(atomic_load(&h->stub->by_tcp) > 0);
}

static void test_lost_question_is_sent_again(void **state)
{
    struct house *h = *state;

    ask_and_wait(h, "once.zone.example", DNS_A);
    assert_int_equal(h->last.result, DNS_RECORDS);
    assert_true(atomic_load(&h->stub->by_udp) >= 2);
}

/* What is cut by TCP too, or ends in the middle, is no answer; the other server is asked. */
static void test_tcp_that_fails(void **state)
{
    static const char *const names[] = {"cutagain.zone.example", "cutshort.zone.example"};
    struct house *h = *state;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ask_and_wait(h, names[i], DNS_A);
        assert_true(h->last.result == DNS_FAILED || h->last.result == DNS_UNREACHABLE);
    }
    struct dns_stub *second = stub_start("listed");
    use(h, h->stub->port, second->port);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ask_and_wait(h, names[i], DNS_A);
        assert_int_equal(h->last.result, DNS_RECORDS);
    }
    stub_stop(second);
}

/* A slow server is heard although it was asked again meanwhile. */
static void test_answer_to_the_first_try(void **state)
{
    struct house *h = *state;

    ask_and_wait(h, "slow.zone.example", DNS_A);
    assert_int_equal(h->last.result, DNS_RECORDS);
    assert_int_equal(atomic_load(&h->stub->by_udp), 2);
}

static void test_who_is_not_heard(void **state)
{
    struct house *h = *state;

    for (int i = 0; i < 50; i++) {
        ask_and_wait(h, "lies.zone.example", DNS_A);
        assert_int_equal(h->last.result, DNS_RECORDS);
        assert_memory_equal(h->last.addresses[0], "\x7f\0\0\2", 4);
    }
}

static void test_no_descriptor_left(void **state)
{
    struct house *h = *state;
    struct rlimit limit, none;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    ask(h, "listed.zone.example", DNS_A);
    assert_int_equal(h->done, 0);
    wait_for(h, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(h->last.result, DNS_UNREACHABLE);
    ask_and_wait(h, "listed.zone.example", DNS_A);
    assert_int_equal(h->last.result, DNS_RECORDS);
}

static void test_silence_ends_at_the_deadline(void **state)
{
    struct house *h = *state;

    clock_set(0, 1000);
    ask(h, "drop.zone.example", DNS_A);
    clock_set(0, 1000 + GIVE_UP_MS - 1);
    ask(h, "listed.zone.example", DNS_A);
    wait_for(h, 1); /* the second one */
    assert_int_equal(h->last.result, DNS_RECORDS);
    assert_int_equal(resolver_waiting(h->resolver), 1);
    clock_set(0, 1000 + GIVE_UP_MS);
    wait_for(h, 2);
    assert_int_equal(h->last.result, DNS_TIMEOUT);
    assert_int_equal(resolver_waiting(h->resolver), 0);
}

static void turn_for_ms(struct house *h, int ms)
{
    const struct timeval in = {ms / 1000, ms % 1000 * 1000};

    event_base_loopexit(h->base, &in);
    event_base_dispatch(h->base);
}

/* Each of many is sent again when its time has come, once, and not before. */
static void test_many_that_are_lost(void **state)
{
    static const int64_t due_ms[] = {0, 400, 1200, 2800, 5000};
    enum { MANY = 100 };
    struct house *h = *state;
    char name[64];

    clock_set(0, 1000);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "drop%d.zone.example", i);
        ask(h, name, DNS_A);
    }
    for (int tries = 1; tries <= 4; tries++) {
        clock_set(0, 1000 + due_ms[tries] - 1);
        turn_for_ms(h, 150); /* some ticks */
        while (atomic_load(&h->stub->by_udp) < tries * MANY)
            turn_for_ms(h, 10);
        assert_int_equal(atomic_load(&h->stub->by_udp), tries * MANY);
        assert_int_equal(resolver_waiting(h->resolver), MANY);
        clock_set(0, 1000 + due_ms[tries]);
        if (tries < 4)
            turn_for_ms(h, 150);
    }
    wait_for(h, MANY);
    assert_int_equal(h->late, MANY);
    assert_int_equal(atomic_load(&h->stub->by_udp), 4 * MANY);
}

/* A server that is started again is back within the time that a question has. */
static void ask_until_given_up(struct house *h)
{
    int done = h->done;

    clock_set(0, 1000);
    ask(h, "listed.zone.example", DNS_A);
    clock_set(0, 1000 + GIVE_UP_MS - 1);
    turn_for_ms(h, 150); /* some ticks */
    assert_int_equal(h->done, done);
    clock_set(0, 1000 + GIVE_UP_MS);
    wait_for(h, done + 1);
    assert_int_equal(h->last.result, DNS_UNREACHABLE);
}

static void test_closed_port(void **state)
{
    struct house *h = *state;

    use(h, closed_port(), 0);
    ask_until_given_up(h);
    /* No route: fails while it is sent. */
    resolver_free(h->resolver);
    h->resolver = open_resolver(h, "255.255.255.255", CAP);
    ask_until_given_up(h);
    ask(h, "listed.zone.example", DNS_A); /* freed before it is told */
    assert_int_equal(resolver_waiting(h->resolver), 1);
}

static void test_second_server(void **state)
{
    static const char *const firsts[] = {"drop", "servfail", "refused"};
    struct house *h = *state;

    use(h, closed_port(), h->stub->port);
    ask_and_wait(h, "listed.zone.example", DNS_A);
    assert_int_equal(h->last.result, DNS_RECORDS);
    for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
        struct dns_stub *first = stub_start(firsts[i]);

        use(h, first->port, h->stub->port);
        ask_and_wait(h, "listed.zone.example", DNS_A);
        if (h->last.result != DNS_RECORDS)
            fail_msg("first %s: %d", firsts[i], (int)h->last.result);
        stub_stop(first);
    }
}

/* Not every recipient waits for it. */
static void test_a_server_that_is_away_is_asked_last(void **state)
{
    struct house *h = *state;
    struct dns_stub *first = stub_start("");
    char name[64];

    atomic_store(&first->silent, true);
    use(h, first->port, h->stub->port);
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "n%d.zone.example", i);
        ask_and_wait(h, name, DNS_A);
        assert_int_equal(h->last.result, DNS_RECORDS);
    }
    assert_int_equal(atomic_load(&first->by_udp), 3);
    /* Later it has another chance, and takes it. */
    clock_set(0, clock_mono_ms() + 20000);
    atomic_store(&first->silent, false);
    ask_and_wait(h, "listed.zone.example", DNS_A);
    ask_and_wait(h, "listed.zone.example", DNS_A);
    assert_int_equal(atomic_load(&first->by_udp), 5);
    stub_stop(first);
}

static void test_all_servers_fail(void **state)
{
    struct house *h = *state;
    struct dns_stub *second = stub_start("refused");

    use(h, h->stub->port, second->port);
    ask_and_wait(h, "servfail.zone.example", DNS_A);
    assert_int_equal(h->last.result, DNS_FAILED);
    assert_int_equal(h->last.rcode, 2); /* the first one's word */
    assert_true(atomic_load(&second->by_udp) > 0);
    use(h, closed_port(), closed_port());
    ask_until_given_up(h);
    stub_stop(second);
}

static void ask_more(const struct dns_answer *answer, void *arg)
{
    struct house *h = arg;
    char name[64];

    on_answer(answer, h);
    if (h->to_ask == 0)
        return;
    snprintf(name, sizeof name, "n%d.zone.example", h->to_ask--);
    assert_int_equal(resolver_ask(h->resolver, name, DNS_A, ask_more, h), 0);
}

/* There is no moment without a question, so that the port would stay if it was not left. */
static void test_ports_change(void **state)
{
    struct house *h = *state;

    h->to_ask = 10000 - 50;
    for (int i = 0; i < 50; i++)
        assert_int_equal(resolver_ask(h->resolver, "first.zone.example", DNS_A, ask_more, h), 0);
    wait_for(h, 10000);
    assert_int_equal(h->listed, 10000);
    assert_true(atomic_load(&h->stub->ports) >= 15);
}

static void test_ten_thousand_at_once(void **state)
{
    struct house *h = *state;
    char name[64];

    for (int i = 0; i < 10000; i++) {
        snprintf(name, sizeof name, "n%d.zone.example", i);
        ask(h, name, DNS_A);
    }
    assert_int_equal(resolver_waiting(h->resolver), 10000);
    /* Each is told once. So many overflow the server's buffer: a slow one loses some each time. */
    wait_for(h, 10000);
    assert_int_equal(h->listed + h->late, 10000);
    assert_true(h->listed > 1000);
    assert_int_equal(resolver_waiting(h->resolver), 0);
}

static void test_cap(void **state)
{
    struct house *h = *state;
    char servers[64];

    snprintf(servers, sizeof servers, "127.0.0.1:%d", h->stub->port);
    resolver_free(h->resolver);
    h->resolver = open_resolver(h, servers, 2);
    ask(h, "drop.zone.example", DNS_A);
    ask(h, "listed.zone.example", DNS_A);
    assert_int_equal(resolver_ask(h->resolver, "late.zone.example", DNS_A, on_answer, h),
                     ERR_LIMIT);
    wait_for(h, 1);
    ask_and_wait(h, "again.zone.example", DNS_A);
    assert_int_equal(h->done, 2);
}

static void test_free_while_on_their_way(void **state)
{
    struct house *h = *state;

    for (int i = 0; i < 100; i++)
        ask(h, i % 2 == 0 ? "drop.zone.example" : "listed.zone.example", DNS_A);
    ask(h, "cut.zone.example", DNS_A);
    while (h->done == 0)
        assert_int_equal(event_base_loop(h->base, EVLOOP_ONCE), 0);
    int done = h->done;
    assert_true(resolver_waiting(h->resolver) >= 50);
    resolver_free(h->resolver);
    h->resolver = NULL;
    event_base_loop(h->base, EVLOOP_NONBLOCK);
    assert_int_equal(h->done, done);
}

static void test_wrong_names(void **state)
{
    struct house *h = *state;
    char name[400];

    memset(name, 'x', sizeof name);
    name[64] = '\0'; /* a label has 63 bytes at most */
    assert_int_equal(resolver_ask(h->resolver, name, DNS_A, on_answer, h), ERR_SYNTAX);
    name[64] = 'x';
    for (size_t i = 50; i < sizeof name; i += 50)
        name[i] = '.';
    name[sizeof name - 1] = '\0'; /* a name 255 */
    assert_int_equal(resolver_ask(h->resolver, name, DNS_A, on_answer, h), ERR_SYNTAX);
    assert_int_equal(resolver_ask(h->resolver, "a..example", DNS_A, on_answer, h), ERR_SYNTAX);
    assert_int_equal(resolver_waiting(h->resolver), 0);
}

static void test_wrong_servers(void **state)
{
    struct house *h = *state;
    struct error why;

    assert_null(resolver_new(h->base, "ns.example.org", 1, GIVE_UP_MS, &why));
    assert_int_equal(why.code, ERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cut_answer_comes_by_tcp, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lost_question_is_sent_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tcp_that_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(test_answer_to_the_first_try, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_is_not_heard, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_descriptor_left, setup, teardown),
        cmocka_unit_test_setup_teardown(test_silence_ends_at_the_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_that_are_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(test_closed_port, setup, teardown),
        cmocka_unit_test_setup_teardown(test_second_server, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_server_that_is_away_is_asked_last, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_servers_fail, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ports_change, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ten_thousand_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_free_while_on_their_way, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_servers, setup, teardown),
    };
    alarm(DEADLINE_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
