/*
 * The admin server over a real socket: what it answers, and what it does to clients that are
 * broken, slow, large, many, or gone. The clock is the test's, so that minutes pass at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_client.h"

static void test_answers(void **state)
{
    static const struct {
        const char *request, *status, *part;
    } rows[] = {
        {"GET /v1/status HTTP/1.0\r\n\r\n", "200", "\"status\":\"ok\",\"reasons\":[],\"version\""},
        {"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n", "200", "\"uptime\":1000"},
        {"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n", "200", "Content-Type: application/json"},
        {"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n", "200", "Connection: close"},
        {"GET /v1/feeds HTTP/1.1\r\nHost: x\r\n\r\n", "200", "{\"feeds\":[{\"name\":\"aper\""},
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "404", "{\"error\":\""},
        {"GET /v2/status HTTP/1.1\r\nHost: x\r\n\r\n", "404", "{\"error\":\""},
        {"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "200", "\nrcptguard_index_swaps_total 11\n"},
        {"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "200",
         "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"},
        {"GET /metrics?list=a HTTP/1.1\r\nHost: x\r\n\r\n", "400", "this path takes none"},
        {"HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "200", "version=0.0.4"},
        {"POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "405", "Allow: GET, HEAD\r\n"},
        {"POST /v1/status HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "405", "{\"error\":\""},
        {"POST /v1/status HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "405", "Allow: GET\r\n"},
        {"PUT /v1/exclusions HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "405",
         "Allow: GET, POST, DELETE\r\n"},
        {"PUT /v1/blocks HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "405",
         "takes GET, POST, DELETE only"},
        {"GET /v1/stauts HTTP/1.1\r\nHost: x\r\n\r\n", "404", "/v1/status, /v1/check"},
        {"GET /v1/check?recipent=a HTTP/1.1\r\n\r\n", "400", "did you mean recipient?"},
        {"GET /v1/check?recipient=a&%0ax=1 HTTP/1.1\r\n\r\n", "400", "takes recipient, sender\""},
        {"GET /v1/feeds?x HTTP/1.1\r\n\r\n", "400", "this path takes none"},
        {"DELETE /v1/exclusions?lists=aper HTTP/1.1\r\n\r\n", "400", "did you mean list?"},
        {"GET /v1/status HTTP/1.1\r\n\r\n", "200", "\"blocks\":{\"file\":\"/x/blocks\""},
        {"GET /v1/top HTTP/1.1\r\n\r\n", "200",
         "{\"since\":\"1970-01-02T03:30:00Z\",\"hour\":{\"recipients\":[{\"name\":\"top-0-0\","
         "\"count\":7}],\"domains\":"},
        {"DELETE /v1/feeds HTTP/1.1\r\nHost: x\r\n\r\n", "405", "{\"error\":\""},
        {"GET /v1/feeds/aper/refresh HTTP/1.1\r\n\r\n", "405", "Allow: POST"},
        {"GET /v1/check HTTP/1.1\r\n\r\n", "400", "recipient"},
        {"GET /v1/check?recipient=%zz HTTP/1.1\r\n\r\n", "400", "two hex digits"},
        {"POST /v1/feeds/none/refresh HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "404", "\"error\""},
        {"POST /v1/feeds/none/rollback HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "404", "\"error\""},
        {"GET /v1/feeds/aper/rollback HTTP/1.1\r\n\r\n", "405", "Allow: POST"},
        {"POST /v1/feeds/none/accept HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "404", "\"error\""},
        {"POST /v1/feeds/aper/refresh HTTP/1.1\r\nContent-Length: 2\r\n\r\n[]", "400", "JSON"},
        {"POST /v1/feeds/aper/refresh HTTP/1.1\r\nContent-Length: 3\r\n\r\n{\"a", "400", "JSON"},
    };

    (void)state;
    fake_feed("aper", FEED_ACCEPTED);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char answer[32768];
        ask(rows[i].request, answer, sizeof answer);
        assert_memory_equal(answer + strlen("HTTP/1.1 "), rows[i].status, 3);
        assert_non_null(strstr(answer, rows[i].part));
    }
}

static void test_broken(void **state)
{
    static char large[200000];
    static const char *const rows[] = {
        "\r\n\r\n",
        "GET\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n",
        "BREW /v1/status HTTP/1.1\r\n\r\n",
        "GET /v1/status HTTP/9.9\r\n\r\n",
        "GET http://[ HTTP/1.1\r\n\r\n",
        "GET /v1/status HTTP/1.1\r\nno colon\r\n\r\n",
        "POST /v1/feeds/aper/refresh HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        "POST /v1/feeds/aper/refresh HTTP/1.1\r\nContent-Length: 104857600\r\n\r\nxx",
        "POST /v1/feeds/aper/refresh HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST /v1/feeds/aper/refresh HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n",
        large,
    };
    char answer[8192];

    (void)state;
    fake_feed("aper", FEED_ACCEPTED);
    memset(large, 'x', 150000);
    memcpy(large, "GET /", 5);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int fd = dial();
        say(fd, rows[i]);
        shutdown(fd, SHUT_WR);
        assert_true(hear(fd, answer, sizeof answer));
        if (answer[0] != '\0')
            assert_memory_equal(answer, "HTTP/1.", 7);
        assert_null(strstr(answer, " 200 "));
        assert_serves();
    }
    ask("POST /v1/feeds/aper/refresh HTTP/1.1\r\nContent-Length: 104857600\r\n\r\nxx", answer,
        sizeof answer);
    assert_memory_equal(answer, "HTTP/1.1 413", 12);
}

/* A byte a second never gets beyond the total deadline. */
static void test_slow(void **state)
{
    char answer[1024];
    int idle = dial(), fd = dial();

    (void)state;
    for (int i = 0; i < 9; i++) {
        say(fd, i == 0 ? "GET /v1/status HTTP/1.1\r\nX: " : "y");
        turn(20);
        pass(1000);
        char byte;
        assert_int_equal(recv(fd, &byte, 1, 0), -1);
        assert_int_equal(errno, EAGAIN);
    }
    pass(ADMIN_REQUEST_MS);
    assert_true(hear(fd, answer, sizeof answer));
    assert_string_equal(answer, "");
    assert_true(hear(idle, answer, sizeof answer));
    assert_non_null(strstr(logged, "did not finish in time"));
    assert_serves();
}

/* A line without end is read up to a bound, and no longer. */
static void test_endless_line(void **state)
{
    static char junk[65536];
    char answer[1024];
    size_t sent = 0;
    int fd = dial();

    (void)state;
    memset(junk, 'x', sizeof junk);
    say(fd, "POST /v1/feeds/aper/refresh HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (ssize_t n = 0; n >= 0 || errno == EAGAIN; turn(1)) {
        n = send(fd, junk, sizeof junk, MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        assert_true(sent < (1u << 20));
    }
    assert_true(hear(fd, answer, sizeof answer));
    assert_alone();
}

/* Whoever holds every place without asking anything loses it to whoever asks. */
static void test_many(void **state)
{
    int idle[3 * ADMIN_MAX_CONNECTIONS];
    char answer[8192];
    const size_t n = sizeof idle / sizeof *idle;

    (void)state;
    for (size_t i = 0; i < n; i++)
        idle[i] = dial();
    int fd = dial();
    say(fd, "GET /v1/status HTTP/1.1\r\n\r\n");
    for (int i = 0; i < 20; i++) {
        turn(30);
        pass(ADMIN_CROWDED_MS);
    }
    assert_true(hear(fd, answer, sizeof answer));
    assert_non_null(strstr(answer, "\"admin_clients\""));
    for (size_t i = 0; i < n; i++)
        close(idle[i]);
    assert_serves();
}

/* The client reads nothing of a large answer and goes on sending: it is cut. */
static void test_deaf(void **state)
{
    static char junk[65536];
    size_t sent = 0;
    int fd = dial();

    (void)state;
    for (size_t i = 0; i < 900; i++)
        fake_feed("feed", FEED_ACCEPTED);
    say(fd, "GET /v1/feeds HTTP/1.1\r\n\r\n");
    for (ssize_t n = 0; n >= 0 || errno == EAGAIN; turn(1)) {
        n = send(fd, junk, sizeof junk, MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        assert_true(sent < (1u << 20));
    }
    assert_serves();
    close(fd);
}

/* The client reads nothing of a large answer and waits: it has ADMIN_REPLY_MS. */
static void test_lazy(void **state)
{
    int fd = dial();

    (void)state;
    for (size_t i = 0; i < 1000; i++)
        fake_feed("feed", FEED_ACCEPTED);
    say(fd, "GET /v1/feeds HTTP/1.1\r\n\r\n");
    turn(30);
    pass(ADMIN_REPLY_MS + 1);
    assert_alone();
    close(fd);
}

static void test_refresh(void **state)
{
    static const struct {
        enum feeds_result result;
        const char *status, *part;
    } rows[] = {
        {FEEDS_DONE, "200", "{\"name\":\"aper\""},
        {FEEDS_FAILED, "502", "\"error\":\"no route\""},
        {FEEDS_UNKNOWN, "404", "\"error\""},
        {FEEDS_NOTHING, "409", "\"error\""},
    };

    (void)state;
    fake_feed("aper", FEED_ACCEPTED);
    strcpy(fake.feeds[0].last_error, "no route");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char answer[8192];
        int fd = dial();
        say(fd, "POST /v1/feeds/aper/refresh HTTP/1.1\r\nContent-Length: 20\r\n\r\n"
                "{\"by\":\"ann <\\n>...\"}");
        turn(30);
        assert_int_equal(fake.n_waiting, 1);
        pass(600000); /* nobody cuts who waits for us */
        turn(30);
        assert_int_equal(fake.forgotten, 0);
        fake_finish(rows[i].result);
        assert_true(hear(fd, answer, sizeof answer));
        assert_memory_equal(answer + strlen("HTTP/1.1 "), rows[i].status, 3);
        assert_non_null(strstr(answer, rows[i].part));
        if (rows[i].result == FEEDS_DONE) {
            assert_non_null(strstr(logged, "refresh: aper: done uid="));
            assert_non_null(strstr(logged, "by=<ann \\x3C\\x0A\\x3E...>"));
        }
    }
}

static void test_orders(void **state)
{
    static const struct {
        const char *order;
        enum feeds_result result;
        const char *status, *part, *logged;
    } rows[] = {
        {"accept", FEEDS_DONE, "200", "\"previous\":true", "accept: aper: done uid="},
        {"accept", FEEDS_NOTHING, "409", "\"error\":\"no copy of this feed is held\"",
         "accept: aper: nothing to do uid="},
        {"rollback", FEEDS_DONE, "200", "\"previous\":true", "rollback: aper: done uid="},
        {"rollback", FEEDS_NOTHING, "409", "\"error\":\"there is no copy before this one\"",
         "rollback: aper: nothing to do uid="},
        {"rollback", FEEDS_FAILED, "502", "\"error\":\"the copy before cannot be read",
         "rollback: aper: failed uid="},
    };

    (void)state;
    fake_feed("aper", FEED_HELD);
    fake.feeds[0].previous = true;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char answer[8192], request[128];
        int fd = dial();
        snprintf(request, sizeof request,
                 "POST /v1/feeds/aper/%s?by=ann HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
                 rows[i].order);
        logged[0] = '\0';
        say(fd, request);
        turn(30);
        assert_int_equal(fake.n_waiting, 1);
        assert_string_equal(fake.asked, rows[i].order);
        fake_finish(rows[i].result);
        assert_true(hear(fd, answer, sizeof answer));
        assert_memory_equal(answer + strlen("HTTP/1.1 "), rows[i].status, 3);
        assert_non_null(strstr(answer, rows[i].part));
        assert_non_null(strstr(logged, rows[i].logged));
        assert_non_null(strstr(logged, "by=<ann>"));
    }
}

/* Who waits and goes is forgotten; who waits and only closed his sending side is not. */
static void test_gone(void **state)
{
    char answer[8192];
    int gone = dial(), half = dial();

    (void)state;
    fake_feed("aper", FEED_ACCEPTED);
    say(gone, "POST /v1/feeds/aper/refresh HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    say(half, "POST /v1/feeds/aper/refresh HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    shutdown(half, SHUT_WR);
    turn(30);
    assert_int_equal(fake.n_waiting, 2);
    close(gone);
    turn(60);
    assert_int_equal(fake.forgotten, 1);
    fake_finish(FEEDS_DONE);
    assert_true(hear(half, answer, sizeof answer));
    assert_memory_equal(answer, "HTTP/1.1 200", 12);
}

static void test_too_many_wait(void **state)
{
    int fds[ADMIN_MAX_FETCHING];
    char answer[8192];

    (void)state;
    fake_feed("aper", FEED_ACCEPTED);
    for (size_t i = 0; i < ADMIN_MAX_FETCHING; i++) {
        fds[i] = dial();
        say(fds[i], "POST /v1/feeds/aper/refresh HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
        turn(30);
    }
    ask("POST /v1/feeds/aper/refresh HTTP/1.1\r\nContent-Length: 0\r\n\r\n", answer, sizeof answer);
    assert_memory_equal(answer, "HTTP/1.1 503", 12);
    assert_serves();
    fake_finish(FEEDS_DONE);
    for (size_t i = 0; i < ADMIN_MAX_FETCHING; i++)
        assert_true(hear(fds[i], answer, sizeof answer));
}

/* The answer may come before verdict_ask returns or later; who left does not wait for it. */
static void test_check(void **state)
{
    static struct address address;
    const struct answer made = {.action = "DUNNO", .address = &address};
    char answer[8192];

    (void)state;
    address.state = ADDRESS_NO_DOMAIN;
    fake.answer = &made;
    ask("GET /v1/check?recipient=a%40b HTTP/1.1\r\n\r\n", answer, sizeof answer);
    assert_non_null(strstr(answer, "\"recipient\":\"a@b\""));
    assert_string_equal(fake.asked_sender, "?");
    ask("GET /v1/check?recipient=a&sender=%3C%3E HTTP/1.1\r\n\r\n", answer, sizeof answer);
    assert_string_equal(fake.asked_sender, "");
    ask("GET /v1/check?recipient=a&sender=s@t HTTP/1.1\r\n\r\n", answer, sizeof answer);
    assert_string_equal(fake.asked_sender, "s@t");

    fake.later = true;
    int fd = dial();
    say(fd, "GET /v1/check?recipient=late%40b HTTP/1.1\r\n\r\n");
    turn(30);
    fake.done(&made, fake.done_arg);
    assert_true(hear(fd, answer, sizeof answer));
    assert_non_null(strstr(answer, "\"recipient\":\"late@b\""));

    fd = dial();
    say(fd, "GET /v1/check?recipient=gone%40b HTTP/1.1\r\n\r\n");
    turn(30);
    close(fd);
    turn(60);
    assert_null(fake.done);
    assert_serves();
}

/* The daemon stops while clients wait: nothing of theirs is touched afterwards but freed. */
static void test_stop(void **state)
{
    int wait = dial(), check = dial(), idle = dial();

    (void)state;
    fake_feed("aper", FEED_ACCEPTED);
    fake.later = true;
    say(wait, "POST /v1/feeds/aper/refresh HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    say(check, "GET /v1/check?recipient=a%40b HTTP/1.1\r\n\r\n");
    turn(30);
    admin_free(admin);
    admin = NULL;
    assert_int_equal(fake.forgotten, 1);
    assert_null(fake.done);
    close(wait);
    close(check);
    close(idle);
}

static void test_socket(void **state)
{
    const struct admin_config off = {.listen = ""};
    struct stat st;
    struct error why;

    (void)state;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_null(make_admin(&why)); /* a live one answers there */
    struct admin *none = admin_new(base, &off, NULL, &house, &why);
    assert_non_null(none);
    assert_int_equal(admin_start(none, &why), 0);
    admin_free(none);
    assert_serves();
    /* Another daemon's socket, in the place of ours, stays. */
    assert_int_equal(unlink(path), 0);
    struct admin *second = make_admin(&why);
    assert_non_null(second);
    admin_free(admin);
    assert_int_equal(access(path, F_OK), 0);
    admin = second;
}

static void test_groups(void **state)
{
    struct admin_config config = {.listen = listen_on, .socket_mode = 0600, .admin_group = ""};
    struct error why = {0};

    (void)state;
    unlink(path);
    config.socket_group = "no-such-group-here";
    struct admin *a = admin_new(base, &config, NULL, &house, &why);
    assert_non_null(a);
    assert_non_null(strstr(logged, "no-such-group-here"));
    admin_free(a);
    if (geteuid() != 0)
        return; /* who cannot give files away is told, and goes on */
    config.socket_group_set = true;
    assert_null(admin_new(base, &config, NULL, &house, &why));
    assert_non_null(strstr(why.text, "admin.socket_group"));
    config.socket_group = "";
    config.admin_group = "no-such-group-here";
    assert_null(admin_new(base, &config, NULL, &house, &why));
    assert_non_null(strstr(why.text, "admin.admin_group"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_answers), TEST(test_broken), TEST(test_slow),          TEST(test_endless_line),
        TEST(test_many),    TEST(test_deaf),   TEST(test_lazy),          TEST(test_refresh),
        TEST(test_orders),  TEST(test_gone),   TEST(test_too_many_wait), TEST(test_check),
        TEST(test_stop),    TEST(test_socket), TEST(test_groups),
    };

    return RUN("admin/server", tests);
}
