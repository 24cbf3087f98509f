/* Redis as it is, and as it is not: real servers, and small ones that do all that a peer can do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <hiredis.h>
#include <ifaddrs.h>

#include "fleet/redis.h"
#include "fleet/sentinel.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/wake.h"
#include "redis_server.h"
#include "redis_stub.h"

#define DEADLINE_S 600 /* of the whole test; a hanging one must end */
#define LONG_MS    30000
#define SHORT_MS   300

/* Sanitizers copy the buffer of 64 MiB whenever it grows. */
#define VERY_LONG_MS 120000

static struct redis_server server;
static bool installed;

/* ---- asking ---- */

static struct redis_url url_of(const char *text)
{
    struct redis_url url;
    struct error why;

    if (redis_url_parse(view_of(text), &url, &why) != 0)
        fail_msg("%s: %s", text, why.text);
    return url;
}

static struct redis_url url_of_port(int port, const char *user)
{
    char text[256];

    snprintf(text, sizeof text, "redis://%s127.0.0.1:%d", user, port);
    return url_of(text);
}

#define PASSWORD_IN_URL ":correct%20horse@"

static struct redis_url url_of_server(void)
{
    return url_of_port(server.port, PASSWORD_IN_URL);
}

static struct redis *open_url(const struct redis_url *url)
{
    struct redis *r = redis_new(NULL);
    struct error why;

    assert_non_null(r);
    if (redis_open(r, url, LONG_MS, &why) != 0)
        fail_msg("%s", why.text);
    assert_true(redis_is_up(r));
    return r;
}

static struct redis *open_server(void)
{
    struct redis_url url = url_of_server();

    return open_url(&url);
}

/* "SET k v": words with blanks between. */
static int call(struct redis *r, const char *line, int deadline_ms, redisReply **reply,
                struct error *why)
{
    struct view words[32], rest = view_of(line);
    size_t n = 0;

    while (n < 32 && view_word(&rest, &words[n]))
        n++;
    *why = (struct error){0};
    return redis_call(r, words, n, deadline_ms, reply, why);
}

static redisReply *ask(struct redis *r, const char *line)
{
    redisReply *reply;
    struct error why;

    if (call(r, line, LONG_MS, &reply, &why) != 0)
        fail_msg("%s: %s", line, why.text);
    assert_non_null(reply);
    return reply;
}

static void tell(struct redis *r, const char *line)
{
    redis_reply_free(ask(r, line));
}

static void expect_text(redisReply *reply, const char *text)
{
    struct view got;

    assert_true(redis_text(reply, &got));
    if (!view_is(got, text))
        fail_msg("%.*s, not %s", (int)got.len, got.ptr, text);
    redis_reply_free(reply);
}

static void expect_refused(struct redis *r, const char *line, const char *words)
{
    redisReply *reply;
    struct error why;
    int rc = call(r, line, LONG_MS, &reply, &why);

    if (rc != ERR_REFUSED || strstr(why.text, words) == NULL)
        fail_msg("%s: %d %s", line, rc, why.text);
    assert_null(reply);
    assert_true(redis_is_up(r));
}

static void expect_broken(struct redis *r, const char *line, int deadline_ms, int code)
{
    redisReply *reply;
    struct error why;
    int rc = call(r, line, deadline_ms, &reply, &why);

    if (rc != code)
        fail_msg("%s: %d %s", line, rc, why.text);
    assert_null(reply);
    assert_false(redis_is_up(r));
    assert_int_equal(redis_fd(r), -1);
    assert_int_equal(call(r, "PING", LONG_MS, &reply, &why), ERR_IO);
}

static void expect_closed(const struct redis_url *url, int deadline_ms, int code, const char *words)
{
    struct redis *r = redis_new(NULL);
    struct error why = {0};
    int rc = redis_open(r, url, deadline_ms, &why);

    if (rc != code || strstr(why.text, words) == NULL)
        fail_msg("%d %s", rc, why.text);
    assert_false(redis_is_up(r));
    if (strstr(why.text, "hush") != NULL || strstr(why.text, "horse") != NULL)
        fail_msg("told: %s", why.text);
    redis_free(r);
}

static void need_server(void)
{
    if (!installed)
        skip();
}

/* ---- a real server ---- */

static void test_answers(void **state)
{
    (void)state;
    need_server();
    struct redis *r = open_server();
    const struct view put[] = {view_of("SET"), view_make("k\0\r\n", 4), view_make("\0\r\n*3", 5)};
    const struct view get[] = {view_of("GET"), view_make("k\0\r\n", 4)};
    const struct view empty[] = {view_of("SET"), view_of("e"), VIEW_NONE};
    redisReply *reply;
    struct error why;
    struct view text;
    int64_t number;

    assert_int_equal(redis_call(r, put, 3, LONG_MS, &reply, &why), 0);
    expect_text(reply, "OK");
    assert_int_equal(redis_call(r, get, 2, LONG_MS, &reply, &why), 0);
    assert_true(redis_text(reply, &text));
    assert_int_equal(text.len, 5);
    assert_memory_equal(text.ptr, "\0\r\n*3", 5);
    assert_false(redis_number(reply, &number));
    redis_reply_free(reply);
    assert_int_equal(redis_call(r, empty, 3, LONG_MS, &reply, &why), 0);
    redis_reply_free(reply);
    expect_text(ask(r, "GET e"), "");
    reply = ask(r, "GET none");
    assert_true(redis_is_nil(reply));
    assert_false(redis_text(reply, &text));
    redis_reply_free(reply);
    tell(r, "SET n -12");
    reply = ask(r, "GET n");
    assert_true(redis_number(reply, &number));
    assert_int_equal(number, -12);
    redis_reply_free(reply);
    reply = ask(r, "DECR n");
    assert_true(redis_number(reply, &number));
    assert_int_equal(number, -13);
    redis_reply_free(reply);
    tell(r, "RPUSH l a b c");
    reply = ask(r, "LRANGE l 0 -1");
    assert_int_equal(reply->type, REDIS_REPLY_ARRAY);
    assert_int_equal(reply->elements, 3);
    redis_reply_free(reply);
    expect_refused(r, "INCR l", "WRONGTYPE");
    expect_refused(r, "NONSENSE \x1b[2J", "\\x1B");
    expect_text(ask(r, "PING"), "PONG");
    assert_int_equal(redis_call(r, NULL, 0, LONG_MS, &reply, &why), ERR_LIMIT);
    redis_free(r);
}

static void test_ways(void **state)
{
    (void)state;
    need_server();
    char text[256];
    struct redis_url url;
    struct redis *r;

    snprintf(text, sizeof text, "unix://%s%s?db=3", PASSWORD_IN_URL, server.socket);
    url = url_of(text);
    r = open_url(&url);
    tell(r, "SET only-here 1");
    struct error why;
    assert_int_equal(redis_open(r, &url, LONG_MS, &why), 0); /* closes what was open */
    expect_text(ask(r, "GET only-here"), "1");
    redis_free(r);
    snprintf(text, sizeof text, "redis://default:correct%%20horse@127.0.0.1:%d/2", server.port);
    url = url_of(text);
    r = open_url(&url);
    redisReply *reply = ask(r, "GET only-here");
    assert_true(redis_is_nil(reply));
    redis_reply_free(reply);
    redis_free(r);
    /* ::1 comes first, and refuses. */
    snprintf(text, sizeof text, "redis://%slocalhost:%d", PASSWORD_IN_URL, server.port);
    url = url_of(text);
    r = open_url(&url);
    redis_free(r);
}

static void test_refused(void **state)
{
    (void)state;
    need_server();
    struct redis *r = open_server();
    struct redis_url url = url_of_port(server.port, ":hush@");

    expect_closed(&url, LONG_MS, ERR_REFUSED, "does not take");
    url = url_of_port(server.port, "nobody:hush@");
    expect_closed(&url, LONG_MS, ERR_REFUSED, "does not take");
    url = url_of_port(server.port, "");
    expect_closed(&url, LONG_MS, ERR_REFUSED, "wants a password");
    url = url_of_server();
    url.database = 4;
    expect_closed(&url, LONG_MS, ERR_REFUSED, "database 4: Redis says: ERR DB index");
    tell(r, "ACL SETUSER small on >hush ~rcptguard:* +get");
    url = url_of_port(server.port, "small:hush@");
    struct redis *small = open_url(&url);
    expect_refused(small, "PING", "NOPERM");
    expect_refused(small, "GET other", "NOPERM");
    tell(small, "GET rcptguard:x");
    redis_free(small);
    tell(r, "ACL DELUSER small");
    redis_free(r);
}

static void test_nowhere(void **state)
{
    (void)state;
    struct redis_url url = url_of_port(free_port(), "");

    expect_closed(&url, LONG_MS, ERR_IO, "refused");
    url = url_of("unix:/nonexistent/redis.sock");
    expect_closed(&url, LONG_MS, ERR_IO, "unix:/nonexistent/redis.sock: cannot connect");
    url = url_of("redis://redis.invalid");
    expect_closed(&url, LONG_MS, ERR_IO, "redis.invalid:6379: no address");
}

/* One that listens and does not accept: what is in its backlog is connected, the rest is not. */
static void test_backlog(void **state)
{
    (void)state;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), waiting[4];

    assert_int_equal(bind(fd, (struct sockaddr *)&in, len), 0);
    assert_int_equal(listen(fd, 0), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    struct redis_url url = url_of_port(ntohs(in.sin_port), "");
    expect_closed(&url, SHORT_MS, ERR_TIMEOUT, "in time");
    for (int i = 0; i < 4; i++) {
        waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)!connect(waiting[i], (struct sockaddr *)&in, len);
    }
    expect_closed(&url, SHORT_MS, ERR_TIMEOUT, "cannot connect in time");
    for (int i = 0; i < 4; i++)
        close(waiting[i]);
    close(fd);
}

static void test_full(void **state)
{
    (void)state;
    need_server();
    struct redis *r = open_server();

    tell(r, "CONFIG SET maxmemory-policy noeviction");
    tell(r, "CONFIG SET maxmemory 1");
    expect_refused(r, "SET k v", "OOM");
    expect_text(ask(r, "PING"), "PONG");
    tell(r, "CONFIG SET maxmemory 0");
    tell(r, "SET k v");
    redis_free(r);
}

static void test_too_many_clients(void **state)
{
    (void)state;
    need_server();
    struct redis *r = open_server();
    struct redis_url url = url_of_server(), local = url_of("unix:/x");

    tell(r, "CONFIG SET maxclients 1");
    expect_closed(&url, LONG_MS, ERR_REFUSED, "maxclients");
    /* Hung up on before the question is written, or after. */
    snprintf(local.path, sizeof local.path, "%s", server.socket);
    struct redis *other = redis_new(NULL);
    struct error why = {0};
    assert_true(redis_open(other, &local, LONG_MS, &why) < 0);
    assert_non_null(strstr(why.text, "max number of clients"));
    redis_free(other);
    tell(r, "CONFIG SET maxclients 100");
    redis_free(r);
}

static void test_paused(void **state)
{
    (void)state;
    need_server();
    struct redis *r = open_server(), *late = open_server();
    struct redis_url url = url_of_server();
    int64_t begun = clock_mono_ms();

    tell(r, "CLIENT PAUSE 1500 ALL");
    expect_broken(late, "GET k", SHORT_MS, ERR_TIMEOUT);
    assert_true(clock_mono_ms() - begun < 1400);
    redis_free(late);
    late = open_url(&url); /* waits for it */
    expect_text(ask(late, "PING"), "PONG");
    redis_free(late);
    redis_free(r);
}

static void *stop_soon(void *arg)
{
    sleep_ms(50);
    wake_signal(*(int *)arg);
    return NULL;
}

/* The deadline is far away: only the stop ends these calls. */
static void expect_stopped(struct redis *r, const char *line)
{
    redisReply *reply;
    struct error why;

    assert_int_equal(call(r, line, LONG_MS, &reply, &why), ERR_IO);
    assert_string_equal(why.text, "stopping");
    assert_false(redis_is_up(r));
}

/* A call under way ends, to who is silent and to who talks too slowly; one whose answer comes does
 * not; and nothing is connected any more. */
static void test_stopped(void **state)
{
    static const struct {
        enum stub_manner manner;
        const char *text, *more;
    } peers[] = {{STUB_SAYS, NULL, NULL},
                 {STUB_DEAF, NULL, NULL},
                 {STUB_DRIPS,
                  "$1000\r\n0123456789012345678901234567890123456789012345678901234567890123456789",
                  NULL}};
    (void)state;

    for (size_t i = 0; i < sizeof peers / sizeof peers[0]; i++) {
        struct redis_stub *stub = stub_start(peers[i].manner, peers[i].text, peers[i].more);
        struct redis_url url = url_of_port(stub->port, "");
        struct redis_stop stop = {.fd = wake_open()};
        struct redis *r = redis_new(&stop);
        struct error why;
        pthread_t stopper;
        assert_int_equal(redis_open(r, &url, LONG_MS, &why), 0);
        assert_int_equal(pthread_create(&stopper, NULL, stop_soon, &stop.fd), 0);
        expect_stopped(r, "GET k");
        pthread_join(stopper, NULL);
        assert_int_equal(redis_open(r, &url, LONG_MS, &why), ERR_IO);
        assert_string_equal(why.text, "stopping");
        redis_free(r);
        close(stop.fd);
        stub_stop(stub);
    }
}

static void test_last_word(void **state)
{
    (void)state;
    need_server();
    struct redis_url url = url_of_server();
    struct redis_stop stop = {.fd = wake_open()};
    struct redis *r = redis_new(&stop);
    struct error why;

    assert_int_equal(redis_open(r, &url, LONG_MS, &why), 0);
    wake_signal(stop.fd);
    expect_text(ask(r, "PING"), "PONG");
    assert_true(redis_stops(&stop));
    redis_free(r);
    close(stop.fd);
}

static int kill_by_port(struct redis *killer, struct redis *victim)
{
    char line[64];
    redisReply *reply = ask(victim, "CLIENT ID");
    int64_t id;

    assert_true(redis_number(reply, &id));
    redis_reply_free(reply);
    snprintf(line, sizeof line, "CLIENT KILL ID %d", (int)id);
    tell(killer, line);
    return (int)id;
}

static void test_killed(void **state)
{
    (void)state;
    need_server();
    struct redis *r = open_server(), *other = open_server();
    struct redis_url url = url_of_server();
    struct error why;

    kill_by_port(other, r);
    expect_broken(r, "PING", LONG_MS, ERR_IO);
    assert_int_equal(redis_open(r, &url, LONG_MS, &why), 0);
    expect_text(ask(r, "PING"), "PONG");
    redis_free(r);
    redis_free(other);
}

static void test_restarted(void **state)
{
    (void)state;
    need_server();
    struct redis *r = open_server();
    struct redis_url url = url_of_server();
    struct error why;

    tell(r, "SET k v");
    server_stop(&server);
    expect_broken(r, "GET k", LONG_MS, ERR_IO);
    assert_int_equal(redis_open(r, &url, LONG_MS, &why), ERR_IO);
    assert_true(server_run(&server));
    assert_int_equal(redis_open(r, &url, LONG_MS, &why), 0);
    redisReply *reply = ask(r, "GET k");
    assert_true(redis_is_nil(reply));
    redis_reply_free(reply);
    redis_free(r);
}

static void test_script(void **state)
{
    (void)state;
    need_server();
    struct redis_script script = {.text = "return {KEYS[1], ARGV[1], #KEYS, #ARGV}"},
                        wrong = {.text = "return redis.error_reply('SOME words')"};
    const struct view key = view_of("k"), args[] = {view_make("a\0b", 3), view_of("c")};
    struct redis *r = open_server();
    redisReply *reply;
    struct error why;
    struct view text;

    for (int i = 0; i < 3; i++) {
        if (i == 2)
            tell(r, "SCRIPT FLUSH");
        if (redis_run(r, &script, &key, 1, args, 2, LONG_MS, &reply, &why) != 0)
            fail_msg("%s", why.text);
        assert_int_equal(reply->elements, 4);
        assert_true(redis_text(reply->element[1], &text));
        assert_true(view_eq(text, args[0]));
        redis_reply_free(reply);
    }
    assert_int_equal(redis_run(r, &wrong, NULL, 0, NULL, 0, LONG_MS, &reply, &why), ERR_REFUSED);
    assert_non_null(strstr(why.text, "SOME words"));
    assert_null(reply);
    expect_text(ask(r, "PING"), "PONG");
    redis_free(r);
}

static redisReply *wait_for_message(struct redis *r)
{
    redisReply *reply;
    struct error why;
    int rc;

    while ((rc = redis_message(r, &reply, &why)) == 0) {
        struct pollfd p = {.fd = redis_fd(r), .events = POLLIN};
        assert_int_equal(poll(&p, 1, LONG_MS), 1);
    }
    if (rc < 0)
        fail_msg("%s", why.text);
    return reply;
}

static void expect_message(struct redis *r, const char *channel, const char *words)
{
    redisReply *reply = wait_for_message(r);
    struct view text;

    assert_int_equal(reply->elements, 3);
    assert_true(redis_text(reply->element[1], &text));
    assert_true(view_is(text, channel));
    assert_true(redis_text(reply->element[2], &text));
    assert_true(view_is(text, words));
    redis_reply_free(reply);
}

static void test_messages(void **state)
{
    (void)state;
    need_server();
    struct redis *r = open_server(), *hears = open_server();
    redisReply *reply;
    struct error why;
    struct view text;

    tell(hears, "SUBSCRIBE one two three");
    assert_int_equal(redis_message(hears, &reply, &why), 0);
    assert_null(reply);
    tell(r, "PUBLISH one a");
    expect_message(hears, "one", "a");
    tell(r, "PUBLISH two b");
    tell(r, "PUBLISH three c");
    sleep_ms(50); /* so that both are there before the answer */
    reply = ask(hears, "PING");
    assert_int_equal(reply->type, REDIS_REPLY_ARRAY);
    assert_true(redis_text(reply->element[0], &text));
    assert_true(view_is(text, "pong"));
    redis_reply_free(reply);
    tell(r, "PUBLISH one d");
    expect_message(hears, "two", "b");
    expect_message(hears, "three", "c");
    expect_message(hears, "one", "d");
    expect_refused(hears, "GET k", "SUBSCRIBE");
    tell(hears, "PSUBSCRIBE p*");
    tell(r, "PUBLISH pat e");
    reply = wait_for_message(hears);
    assert_int_equal(reply->elements, 4);
    redis_reply_free(reply);
    tell(r, "CLIENT KILL TYPE pubsub");
    int rc;
    for (int waited = 0; (rc = redis_message(hears, &reply, &why)) == 0 && waited < LONG_MS;
         waited += 10)
        sleep_ms(10);
    assert_int_equal(rc, ERR_IO);
    assert_false(redis_is_up(hears));
    redis_free(hears);
    redis_free(r);
}

static void test_large(void **state)
{
    (void)state;
    need_server();
    const size_t len = (size_t)33 << 20;
    char *bytes = malloc(len);
    const struct view put[] = {view_of("SET"), view_of("large"), view_make(bytes, len)};
    struct redis *r = open_server();
    redisReply *reply;
    struct error why;
    struct view text;

    assert_non_null(bytes);
    memset(bytes, 'x', len);
    if (redis_call(r, put, 3, LONG_MS, &reply, &why) != 0)
        fail_msg("%s", why.text);
    redis_reply_free(reply);
    for (int i = 0; i < 2; i++) {
        reply = ask(r, "GET large");
        assert_true(redis_text(reply, &text));
        assert_true(view_eq(text, put[2]));
        redis_reply_free(reply);
    }
    expect_text(ask(r, "PING"), "PONG");
    expect_broken(r, "MGET large large", LONG_MS, ERR_LIMIT);
    redis_free(r);
    r = open_server();
    tell(r, "DEL large");
    redis_free(r);
    free(bytes);
}

/* ---- servers that are none ---- */

static void test_hostile(void **state)
{
    (void)state;
    static const struct {
        enum stub_manner manner;
        const char *text, *more;
        int code;
    } table[] = {
        {STUB_SAYS, "HTTP/1.1 400 Bad Request\r\n\r\n", NULL, ERR_SYNTAX},
        {STUB_SAYS, "\x1b[2J\r\n", NULL, ERR_SYNTAX},
        {STUB_SAYS, "$abc\r\n", NULL, ERR_SYNTAX},
        {STUB_SAYS, "$-2\r\n", NULL, ERR_SYNTAX},
        {STUB_SAYS, ":12a\r\n", NULL, ERR_SYNTAX},
        {STUB_SAYS, "*-2\r\n", NULL, ERR_SYNTAX},
        {STUB_SAYS, "*99999999999999999999\r\n", NULL, ERR_SYNTAX},
        {STUB_SAYS, "*2147483647\r\n", NULL, ERR_LIMIT},
        {STUB_SAYS, "*1048577\r\n", NULL, ERR_LIMIT},
        {STUB_SAYS, "*1000000\r\n*1000000\r\n", NULL, ERR_LIMIT},
        {STUB_SAYS, "*2\r\n*1000000\r\n:1\r\n", NULL, ERR_TIMEOUT},
        {STUB_REPEATS, "", "*1\r\n", ERR_SYNTAX},
        {STUB_REPEATS, "", "*2\r\n:1\r\n", ERR_SYNTAX},
        {STUB_REPEATS, "*1000000\r\n", "*3\r\n:1\r\n:1\r\n:1\r\n", ERR_LIMIT},
        {STUB_REPEATS, "*3\r\n$9999999999\r\n", "x", ERR_LIMIT},
        {STUB_REPEATS, "$9223372036854775807\r\n", "x", ERR_LIMIT},
        {STUB_REPEATS, "*1048576\r\n",
         "$100\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n",
         ERR_LIMIT},
        {STUB_REPEATS, "+", "x", ERR_SYNTAX},
        {STUB_REPEATS, "-", "\r", ERR_SYNTAX},
        {STUB_REPEATS, "$", "1", ERR_SYNTAX},
        {STUB_REPEATS, "*2\r\n:", "1", ERR_SYNTAX},
        {STUB_DRIPS, "$20\r\n01234567890123456789\r\n", NULL, ERR_TIMEOUT},
        {STUB_DRIPS, "*20\r\n:1\r\n:2\r\n:3\r\n:4\r\n", NULL, ERR_TIMEOUT},
        {STUB_SAYS, "", NULL, ERR_TIMEOUT},
        {STUB_SAYS, "+OK\r", NULL, ERR_TIMEOUT},
        {STUB_LEAVES, "", NULL, ERR_IO},
        {STUB_LEAVES, "$20\r\n0123", NULL, ERR_IO},
        {STUB_LEAVES, "*2\r\n:1\r\n", NULL, ERR_IO},
        /* RESP3 */
        {STUB_SAYS, ">3\r\n+message\r\n+a\r\n+b\r\n", NULL, ERR_SYNTAX},
        {STUB_SAYS, "%1\r\n+a\r\n+b\r\n", NULL, ERR_SYNTAX},
        {STUB_SAYS, "~1\r\n+a\r\n", NULL, ERR_SYNTAX},
        {STUB_SAYS, "#t\r\n", NULL, ERR_SYNTAX},
        {STUB_SAYS, ",1.5\r\n", NULL, ERR_SYNTAX},
        {STUB_SAYS, "=5\r\ntxt:a\r\n", NULL, ERR_SYNTAX},
        {STUB_SAYS, "%2147483647\r\n", NULL,
         ERR_OK}, /* by hiredis 0.14 and 1.x refused as they like */
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct redis_stub *s = stub_start(table[i].manner, table[i].text, table[i].more);
        struct redis_url url = url_of_port(s->port, "");
        struct redis *r = open_url(&url);
        const bool slow = table[i].code == ERR_LIMIT || table[i].code == ERR_SYNTAX;
        int64_t begun = clock_mono_ms();
        redisReply *reply;
        struct error why;
        int rc = call(r, "GET k", slow ? VERY_LONG_MS : SHORT_MS, &reply, &why);
        if (rc >= 0 || (table[i].code != 0 && rc != table[i].code) || redis_is_up(r))
            fail_msg("%zu %s: %d %s", i, table[i].text, rc, why.text);
        if (!slow && clock_mono_ms() - begun > LONG_MS / 2)
            fail_msg("%zu %s: %d ms", i, table[i].text, (int)(clock_mono_ms() - begun));
        if (strchr(why.text, '\x1b') != NULL)
            fail_msg("%zu: not escaped", i);
        assert_null(reply);
        redis_free(r);
        stub_stop(s);
    }
}

/* The second answer must not be that of the next question. */
static void test_out_of_step(void **state)
{
    (void)state;
    struct redis_stub *s = stub_start(STUB_SAYS, "+one\r\n+two\r\n", NULL);
    struct redis_url url = url_of_port(s->port, "");
    struct redis *r = open_url(&url);

    expect_text(ask(r, "GET k"), "one");
    expect_broken(r, "GET other", LONG_MS, ERR_SYNTAX);
    redis_free(r);
    stub_stop(s);
}

static void test_deaf(void **state)
{
    (void)state;
    const size_t len = (size_t)32 << 20;
    struct redis_stub *s = stub_start(STUB_DEAF, NULL, NULL);
    struct redis_url url = url_of_port(s->port, "");
    struct redis *r = open_url(&url);
    char *bytes = calloc(1, len);
    const struct view put[] = {view_of("SET"), view_of("k"), view_make(bytes, len)};
    redisReply *reply;
    struct error why;
    int64_t begun = clock_mono_ms();

    assert_int_equal(redis_call(r, put, 3, SHORT_MS, &reply, &why), ERR_TIMEOUT);
    assert_true(clock_mono_ms() - begun < LONG_MS / 2);
    assert_false(redis_is_up(r));
    redis_free(r);
    stub_stop(s);
    free(bytes);
}

/* It answers when it has but a piece of the question. */
static void test_hasty(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
    } table[] = {{"+OK\r\n", ERR_SYNTAX}, {"-ERR Protocol error: too long\r\n", ERR_IO}};
    const size_t len = (size_t)32 << 20;
    char *bytes = calloc(1, len);
    const struct view put[] = {view_of("SET"), view_of("k"), view_make(bytes, len)};

    for (size_t i = 0; i < 2; i++) {
        struct redis_stub *s = stub_start(STUB_DRIPS, table[i].text, NULL);
        struct redis_url url = url_of_port(s->port, "");
        struct redis *r = open_url(&url);
        redisReply *reply;
        struct error why;
        int rc = redis_call(r, put, 3, LONG_MS, &reply, &why);
        if (rc != table[i].code)
            fail_msg("%s: %d %s", table[i].text, rc, why.text);
        assert_false(redis_is_up(r));
        redis_free(r);
        stub_stop(s);
    }
    free(bytes);
}

static void test_hostile_open(void **state)
{
    (void)state;
    static const struct {
        enum stub_manner manner;
        const char *text, *user;
        int code;
        const char *words;
    } table[] = {
        {STUB_MUTE, NULL, "", ERR_TIMEOUT, "in time"},
        {STUB_FIRST, "-DENIED Redis is running in protected mode\r\n", "", ERR_REFUSED,
         "protected mode"},
        {STUB_FIRST, "-DENIED Redis is running in protected mode\r\n", ":hush@", ERR_REFUSED,
         "protected mode"},
        {STUB_FIRST, "-LOADING Redis is loading the dataset in memory\r\n", "", ERR_REFUSED,
         "loading"},
        {STUB_FIRST, "220 mail.example.org ESMTP\r\n", "", ERR_SYNTAX, "no Redis"},
        {STUB_FIRST, "", "", ERR_IO, "connection"},
        {STUB_ALWAYS, "-ERR unknown command `AUTH`, with args beginning with: `hush`\r\n", ":hush@",
         ERR_REFUSED, "refuses AUTH"},
        {STUB_ALWAYS, "-ERR AUTH <password> called without any password configured\r\n", ":hush@",
         ERR_REFUSED, "none set"},
        {STUB_ALWAYS, "-ERR wrong number of arguments for 'auth' command\r\n", "u:hush@",
         ERR_REFUSED, "no users"},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct redis_stub *s = stub_start(table[i].manner, table[i].text, NULL);
        struct redis_url url = url_of_port(s->port, table[i].user);
        expect_closed(&url, table[i].code == ERR_TIMEOUT ? SHORT_MS : LONG_MS, table[i].code,
                      table[i].words);
        stub_stop(s);
    }
}

/* What a subscriber is told. */
static void test_hostile_messages(void **state)
{
    (void)state;
    static const struct {
        enum stub_manner manner;
        const char *text, *more;
        int messages, code; /* so many, then that */
    } table[] = {
        {STUB_SAYS, "*3\r\n+subscribe\r\n+c\r\n:1\r\n", NULL, 0, 0},
        {STUB_SAYS, "*3\r\n+subscribe\r\n+c\r\n:1\r\n*3\r\n+message\r\n+c\r\n$1\r\na\r\n*3\r\n+me",
         NULL, 1, 0},
        {STUB_SAYS, "*3\r\n+subscribe\r\n+c\r\n:1\r\n+OK\r\n", NULL, 0, ERR_SYNTAX},
        {STUB_SAYS, "*3\r\n+subscribe\r\n+c\r\n:1\r\n*3\r\n*1\r\n:1\r\n:1\r\n:1\r\n", NULL, 0,
         ERR_SYNTAX},
        {STUB_SAYS, "*3\r\n+subscribe\r\n+c\r\n:1\r\n*0\r\n", NULL, 0, ERR_SYNTAX},
        {STUB_LEAVES, "*3\r\n+subscribe\r\n+c\r\n:1\r\n", NULL, 0, ERR_IO},
        {STUB_REPEATS, "*3\r\n+subscribe\r\n+c\r\n:1\r\n*3\r\n+message\r\n+c\r\n$2000000\r\n", "x",
         0, ERR_LIMIT},
        {STUB_REPEATS, "*3\r\n+subscribe\r\n+c\r\n:1\r\n", "*0\r\n", 0, ERR_SYNTAX},
        {STUB_REPEATS, "", "*3\r\n+message\r\n+c\r\n+d\r\n", -1, ERR_LIMIT},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct redis_stub *s = stub_start(table[i].manner, table[i].text, table[i].more);
        struct redis_url url = url_of_port(s->port, "");
        struct redis *r = open_url(&url);
        redisReply *reply;
        struct error why;
        if (table[i].messages < 0) {
            expect_broken(r, "SUBSCRIBE c", LONG_MS, table[i].code);
        } else {
            int messages = 0, rc = 0;
            tell(r, "SUBSCRIBE c");
            for (int waited = 0; rc >= 0 && waited < (table[i].code == 0 ? 200 : LONG_MS);) {
                rc = redis_message(r, &reply, &why);
                messages += rc > 0;
                redis_reply_free(reply);
                if (rc == 0) {
                    waited += 5;
                    sleep_ms(5);
                }
            }
            if (messages != table[i].messages || (rc < 0 ? rc : 0) != table[i].code)
                fail_msg("%zu: %d, %d %s", i, messages, rc, why.text);
        }
        redis_free(r);
        stub_stop(s);
    }
}

/* A redis_message never keeps its caller, however much comes. */
static void test_flood(void **state)
{
    (void)state;
    struct redis_stub *s = stub_start(STUB_REPEATS, "*3\r\n+subscribe\r\n+c\r\n:1\r\n",
                                      "*3\r\n+subscribe\r\n+c\r\n:1\r\n");
    struct redis_url url = url_of_port(s->port, "");
    struct redis *r = open_url(&url);
    redisReply *reply;
    struct error why;

    tell(r, "SUBSCRIBE c");
    for (int i = 0; i < 5; i++)
        assert_int_equal(redis_message(r, &reply, &why), 0);
    assert_true(redis_is_up(r));
    redis_free(r);
    stub_stop(s);
}

/* ---- sentinels ---- */

static int find(const struct redis_url *sentinels, size_t n, const char *name,
                struct redis_url *found, struct error *why)
{
    *why = (struct error){0};
    return sentinel_find(sentinels, n, view_of(name), LONG_MS, NULL, found, why);
}

/* REPLICA follows SERVER. */
static bool start_replica(struct redis_server *replica)
{
    char more[128];

    snprintf(more, sizeof more, "replicaof 127.0.0.1 %d", server.port);
    return server_start(replica, more);
}

static void wait_for_link(const struct redis_server *replica)
{
    struct redis_url url = url_of_port(replica->port, PASSWORD_IN_URL);
    struct redis *r = open_url(&url);
    bool linked = false;

    for (int waited = 0; !linked && waited < LONG_MS; waited += 50) {
        redisReply *reply = ask(r, "INFO replication");
        linked = strstr(reply->str, "master_link_status:up") != NULL;
        redis_reply_free(reply);
        sleep_ms(50);
    }
    assert_true(linked);
    redis_free(r);
}

#define SENTINEL_PASSWORD "sentinel words"

static bool start_sentinel(struct redis_server *sentinel)
{
    char more[512];

    snprintf(more, sizeof more,
             "requirepass \"" SENTINEL_PASSWORD "\"\nsentinel monitor ours 127.0.0.1 %d 1\n"
             "sentinel auth-pass ours \"" SERVER_PASSWORD "\"\n"
             "sentinel down-after-milliseconds ours 500\nsentinel failover-timeout ours 5000\n",
             server.port);
    server_make(sentinel, more);
    sentinel->sentinel = true;
    return server_run(sentinel);
}

static void wait_for_replica(const struct redis_url *sentinel)
{
    struct redis *r = open_url(sentinel);
    size_t known = 0;

    for (int waited = 0; known == 0 && waited < LONG_MS; waited += 100) {
        redisReply *reply = ask(r, "SENTINEL replicas ours");
        known = reply->elements;
        redis_reply_free(reply);
        sleep_ms(100);
    }
    assert_int_equal(known, 1);
    redis_free(r);
}

static void fail_over(const struct redis_url *sentinel, const struct redis_server *replica)
{
    struct redis_url found = url_of_server();
    struct error why;

    server_stop(&server);
    for (int waited = 0; waited < 60000; waited += 200) {
        if (find(sentinel, 1, "ours", &found, &why) == 0)
            break;
        sleep_ms(200);
    }
    if (found.port != replica->port)
        fail_msg("no other master: %s", why.text);
}

static void test_sentinel(void **state)
{
    (void)state;
    need_server();
    struct redis_server replica, sentinel;
    struct redis_url found = url_of_server(), sentinels[2], before;
    struct error why;

    assert_true(start_replica(&replica));
    wait_for_link(&replica);
    assert_true(start_sentinel(&sentinel));
    sentinels[0] = url_of_port(free_port(), ""); /* away */
    sentinels[1] = url_of_port(sentinel.port, ":sentinel%20words@");
    found.port = 1;
    snprintf(found.host, sizeof found.host, "old.example.org");
    before = found;
    assert_int_equal(find(sentinels, 2, "theirs", &found, &why), ERR_ABSENT);
    assert_int_equal(find(sentinels, 1, "ours", &found, &why), ERR_IO);
    assert_int_equal(find(sentinels, 0, "ours", &found, &why), ERR_ABSENT);
    struct redis_url unknown = url_of_port(sentinel.port, "");
    assert_int_equal(find(&unknown, 1, "ours", &found, &why), ERR_REFUSED);
    assert_memory_equal(&found, &before, sizeof found);
    if (find(sentinels, 2, "ours", &found, &why) != 0)
        fail_msg("%s", why.text);
    assert_string_equal(found.host, "127.0.0.1");
    assert_int_equal(found.port, server.port);
    assert_string_equal(found.password, SERVER_PASSWORD);
    wait_for_replica(&sentinels[1]);
    fail_over(&sentinels[1], &replica);
    server_remove(&sentinel);
    server_remove(&replica);
    assert_true(server_run(&server));
}

static void test_sentinel_lies(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
    } table[] = {
        {"+OK\r\n", ERR_SYNTAX},
        {"*-1\r\n", ERR_ABSENT},
        {"*0\r\n", ERR_SYNTAX},
        {"*2\r\n$1\r\nh\r\n$1\r\n0\r\n", ERR_SYNTAX},
        {"*2\r\n$1\r\nh\r\n$2\r\n-1\r\n", ERR_SYNTAX},
        {"*2\r\n$0\r\n\r\n$1\r\n1\r\n", ERR_SYNTAX},
        {"*2\r\n$4\r\na@bc\r\n$1\r\n1\r\n", ERR_SYNTAX},
        {"*2\r\n$4\r\n]:1 \r\n$1\r\n1\r\n", ERR_SYNTAX},
        {"*2\r\n*0\r\n$1\r\n1\r\n", ERR_SYNTAX},
        {"*2\r\n$9\r\n127.0.0.1\r\n$1\r\n1\r\n", ERR_IO},
        {"-ERR not a sentinel\r\n", ERR_REFUSED},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct redis_stub *s = stub_start(STUB_SAYS, table[i].text, NULL);
        struct redis_url sentinel = url_of_port(s->port, ""), found = url_of_port(1, ":hush@");
        struct error why;
        int rc = find(&sentinel, 1, "ours", &found, &why);
        if (rc != table[i].code || strstr(why.text, "hush") != NULL)
            fail_msg("%s: %d %s", table[i].text, rc, why.text);
        stub_stop(s);
    }
}

/* It names a replica. */
static void test_sentinel_behind(void **state)
{
    (void)state;
    need_server();
    struct redis_server replica;
    char text[128], port[16];

    assert_true(start_replica(&replica));
    snprintf(port, sizeof port, "%d", replica.port);
    snprintf(text, sizeof text, "*2\r\n$9\r\n127.0.0.1\r\n$%zu\r\n%s\r\n", strlen(port), port);
    struct redis_stub *s = stub_start(STUB_SAYS, text, NULL);
    struct redis_url sentinel = url_of_port(s->port, ""), found = url_of_server();
    struct error why;
    assert_int_equal(find(&sentinel, 1, "ours", &found, &why), ERR_REFUSED);
    assert_non_null(strstr(why.text, "no master"));
    assert_int_equal(found.port, server.port);
    stub_stop(s);
    server_remove(&replica);
}

/* An IPv4 address of this host that others reach; false: it has none. */
static bool outer_address(char dst[INET_ADDRSTRLEN])
{
    struct ifaddrs *list;
    bool found = false;

    if (getifaddrs(&list) != 0)
        return false;
    for (const struct ifaddrs *i = list; i != NULL && !found; i = i->ifa_next) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)i->ifa_addr;
        if (in == NULL || in->sin_family != AF_INET || ntohl(in->sin_addr.s_addr) >> 24 == 127)
            continue;
        found = inet_ntop(AF_INET, &in->sin_addr, dst, INET_ADDRSTRLEN) != NULL;
    }
    freeifaddrs(list);
    return found;
}

static void test_sentinel_loopback(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "*2\r\n$9\r\n127.0.0.1\r\n$1\r\n1\r\n",
        "*2\r\n$3\r\n::1\r\n$1\r\n1\r\n",
        "*2\r\n$7\r\n0.0.0.0\r\n$1\r\n1\r\n",
        "*2\r\n$16\r\n::ffff:127.0.0.1\r\n$1\r\n1\r\n",
    };
    char host[INET_ADDRSTRLEN];

    if (!outer_address(host))
        skip();
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct redis_stub *s = stub_start(STUB_SAYS, texts[i], NULL);
        struct redis_url sentinel = url_of_port(s->port, ""), found = url_of_port(1, "");
        struct error why;
        snprintf(sentinel.host, sizeof sentinel.host, "%s", host);
        assert_int_equal(find(&sentinel, 1, "ours", &found, &why), ERR_REFUSED);
        assert_non_null(strstr(why.text, "loopback"));
        stub_stop(s);
    }
}

/* ---- TLS ---- */

#ifdef RCPTGUARD_REDIS_TLS
static bool start_tls(struct redis_server *s, int *tls_port)
{
    char line[1024];

    *tls_port = free_port();
    server_make(s, "");
    snprintf(line, sizeof line,
             "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=redis -addext "
             "subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout %s/key -out %s/cert 2>/dev/null",
             s->dir, s->dir);
    if (system(line) != 0)
        return false;
    FILE *conf = fopen(s->conf, "ae");
    fprintf(conf,
            "bind 127.0.0.1 127.0.0.2\ntls-port %d\ntls-cert-file %s/cert\ntls-key-file "
            "%s/key\ntls-ca-cert-file %s/cert\n"
            "tls-auth-clients no\nrequirepass \"" SERVER_PASSWORD "\"\n",
            *tls_port, s->dir, s->dir, s->dir);
    fclose(conf);
    return server_run(s);
}

static void use_tls(const struct redis_url *url)
{
    const size_t len = (size_t)8 << 20;
    char *bytes = calloc(1, len);
    const struct view put[] = {view_of("SET"), view_of("k"), view_make(bytes, len)};
    struct redis *r = open_url(url);
    redisReply *reply;
    struct error why;
    struct view text;

    if (redis_call(r, put, 3, LONG_MS, &reply, &why) != 0)
        fail_msg("%s", why.text);
    redis_reply_free(reply);
    reply = ask(r, "GET k");
    assert_true(redis_text(reply, &text));
    assert_true(view_eq(text, put[2]));
    redis_reply_free(reply);
    redis_free(r);
    free(bytes);
}

static void test_tls(void **state)
{
    (void)state;
    struct redis_server s;
    struct redis_url url;
    char ca[128];
    int port;

    if (!installed || !server_is_installed("openssl"))
        skip();
    if (!start_tls(&s, &port)) {
        server_remove(&s);
        skip(); /* a Redis without TLS */
    }
    url = url_of_port(port, PASSWORD_IN_URL);
    url.tls = true;
    expect_closed(&url, LONG_MS, ERR_REFUSED, "certificate");
    snprintf(ca, sizeof ca, "%s/cert", s.dir);
    setenv("SSL_CERT_FILE", ca, 1);
    use_tls(&url);
    snprintf(url.host, sizeof url.host, "localhost");
    use_tls(&url);
    snprintf(url.host, sizeof url.host, "127.0.0.2"); /* the same server, another name */
    expect_closed(&url, LONG_MS, ERR_REFUSED, "certificate is not good: IP address mismatch");
    struct redis_stub *mute = stub_start(STUB_MUTE, NULL, NULL);
    struct redis_url silent = url_of_port(mute->port, "");
    silent.tls = true;
    expect_closed(&silent, SHORT_MS, ERR_TIMEOUT, "TLS");
    stub_stop(mute);
    struct redis_stub *plain = stub_start(STUB_ALWAYS, "-ERR Protocol error\r\n", NULL);
    silent.port = (uint16_t)plain->port;
    expect_closed(&silent, LONG_MS, ERR_IO, "TLS");
    stub_stop(plain);
    unsetenv("SSL_CERT_FILE");
    server_remove(&s);
}
#else
static void test_tls(void **state)
{
    (void)state;
    struct redis_url url = url_of("rediss://:hush@127.0.0.1");

    expect_closed(&url, LONG_MS, ERR_REFUSED, "built without TLS");
}
#endif

static int setup(void **state)
{
    (void)state;
    installed = server_is_installed("redis-server");
    if (installed && !server_start(&server, "")) {
        print_error("redis-server does not start\n");
        return -1;
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    server_remove(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_ways),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_nowhere),
        cmocka_unit_test(test_backlog),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_too_many_clients),
        cmocka_unit_test(test_paused),
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_last_word),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_restarted),
        cmocka_unit_test(test_script),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_out_of_step),
        cmocka_unit_test(test_deaf),
        cmocka_unit_test(test_hasty),
        cmocka_unit_test(test_hostile_open),
        cmocka_unit_test(test_hostile_messages),
        cmocka_unit_test(test_flood),
        cmocka_unit_test(test_sentinel),
        cmocka_unit_test(test_sentinel_lies),
        cmocka_unit_test(test_sentinel_behind),
        cmocka_unit_test(test_sentinel_loopback),
        cmocka_unit_test(test_tls),
    };

    signal(SIGPIPE, SIG_IGN);
    alarm(DEADLINE_S);
    return cmocka_run_group_tests(tests, setup, teardown);
}
