/*
 * The stream of events, with readers that read, do not read, or leave; and the listener for
 * anybody, which shows little and changes nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "fake_client.h"

#define V(text) ((struct view){text, sizeof text - 1})

static const struct record_decision decision = {.time = 86400,
                                                .label = "reject",
                                                .ref = V("B4CD"),
                                                .recipient = V("jane@example.org"),
                                                .list = V("aper")};
static char heard[1 << 20];

/* Reads what there is, until WORDS came or five real seconds are over. */
static bool until_heard(int fd, const char *words)
{
    time_t end = time(NULL) + 5;
    size_t len = 0;

    while (time(NULL) <= end) {
        ssize_t n = recv(fd, heard + len, sizeof heard - len - 1, 0);
        len += n > 0 ? (size_t)n : 0;
        heard[len] = '\0';
        if (strstr(heard, words) != NULL)
            return true;
        if (len > sizeof heard / 2)
            len = 0;
        turn(1);
    }
    return false;
}

static int watch(const char *target)
{
    char request[128];
    int fd = dial();

    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n\r\n", target);
    say(fd, request);
    assert_true(until_heard(fd, "x-ndjson"));
    return fd;
}

static void test_stream(void **state)
{
    (void)state;
    int fd = watch("/v1/events"), all = watch("/v1/events?all=yes");
    assert_int_equal(fake.n_watches, 2);
    assert_false(fake.watches[0]->passes);
    assert_true(fake.watches[1]->passes);
    fake_decided(&decision);
    assert_true(until_heard(fd, "\"action\":null,\"evidence\":null}\n"));
    assert_non_null(strstr(heard, "{\"ref\":\"B4CD\",\"time\":\"1970-01-02T00:00:00Z\",\"outcome\":"
                                  "\"reject\",\"recipient\":\"jane@example.org\""));
    assert_true(until_heard(all, "\"ref\":\"B4CD\""));
    pass(14999);
    turn(60);
    assert_int_equal(recv(fd, heard, sizeof heard, 0), -1);
    pass(1);
    assert_true(until_heard(fd, "{\"alive\":true,\"time\":\""));
    pass(15 * 60000); /* a quiet stream has no deadline */
    assert_true(until_heard(fd, "\"alive\""));
    pass(15 * 60000);
    assert_true(until_heard(fd, "\"alive\""));
    close(fd);
    close(all);
    assert_alone();
    assert_int_equal(fake.n_watches, 0);
}

/* ---- of all relays -------------------------------------------------------------------------- */

static const struct fleet_event elsewhere = {V("mx2.c0ffee"),
                                             {.time = 86400,
                                              .label = "defer",
                                              .ref = V("XYZ0"),
                                              .recipient = V("joe@example.org"),
                                              .list = V("aper")}};

static void share_events(void)
{
    house.fleet = (struct fleet *)&fake.fleet; /* only looked at */
    fake.fleet.state = FLEET_UP;
    fake.shares_events = true;
}

static void test_fleet_stream(void **state)
{
    char answer[8192];

    (void)state;
    ask("GET /v1/events?fleet=yes HTTP/1.1\r\n\r\n", answer, sizeof answer);
    assert_memory_equal(answer, "HTTP/1.1 409", 12);
    share_events();
    ask("GET /v1/events?fleet=yes&all=yes HTTP/1.1\r\n\r\n", answer, sizeof answer);
    assert_memory_equal(answer, "HTTP/1.1 400", 12);
    int fd = watch("/v1/events?fleet=yes");
    assert_int_equal(fake.n_watches, 0);
    fake.happened(&elsewhere, fake.happened_arg);
    assert_true(until_heard(fd, "\"relay\":\"mx2.c0ffee\"}\n"));
    assert_non_null(strstr(heard, "{\"ref\":\"XYZ0\""));
    fake.fleet.state = FLEET_AWAY;
    pass(15000);
    assert_true(until_heard(fd, "\"redis\":\"away\""));
    close(fd);
    assert_alone();
    assert_null(fake.happened);
}

static int ask_later(const char *request)
{
    int fd = dial();

    say(fd, request);
    turn(30);
    return fd;
}

/* This relay's own references first, then the fleet's. */
static void test_fleet_why(void **state)
{
    char answer[8192];

    (void)state;
    share_events();
    int fd = ask_later("GET /v1/why/xyz0 HTTP/1.1\r\n\r\n");
    fake.why(NULL, fake.why_arg);
    fake.fleet_found(NULL, NULL, fake.fleet_arg);
    assert_true(hear(fd, answer, sizeof answer));
    assert_memory_equal(answer, "HTTP/1.1 404", 12);
    assert_non_null(strstr(answer, "of this relay or another"));

    fd = ask_later("GET /v1/why/xyz0 HTTP/1.1\r\n\r\n");
    fake.why(NULL, fake.why_arg);
    fake.fleet_found(NULL, "Redis is away", fake.fleet_arg);
    assert_true(hear(fd, answer, sizeof answer));
    assert_memory_equal(answer, "HTTP/1.1 404", 12);
    assert_non_null(strstr(answer, "Redis is away"));

    fd = ask_later("GET /v1/why/xyz0 HTTP/1.1\r\n\r\n");
    fake.why(NULL, fake.why_arg);
    close(fd);
    assert_alone();
    fake.fleet_found(&elsewhere, NULL, fake.fleet_arg);
    assert_serves();
}

static void test_fleet_top(void **state)
{
    static struct fleet_top top = {.since = 86400, .events = 9};
    char answer[8192];

    (void)state;
    share_events();
    strcpy(top.rows[TOP_DAY][TOP_SENDERS][0].name, "ann@example.edu");
    top.rows[TOP_DAY][TOP_SENDERS][0].count = 9;
    top.n[TOP_DAY][TOP_SENDERS] = 1;
    int fd = ask_later("GET /v1/top?fleet=yes HTTP/1.1\r\n\r\n");
    fake.fleet_counted(&top, "too many", fake.fleet_arg);
    assert_true(hear(fd, answer, sizeof answer));
    assert_memory_equal(answer, "HTTP/1.1 200", 12);
    assert_non_null(strstr(answer, "\"since\":\"1970-01-02T00:00:00Z\",\"events\":9,"
                                   "\"problem\":\"too many\",\"hour\":{\"recipients\":[]"));
    assert_non_null(strstr(answer, "\"senders\":[{\"name\":\"ann@example.edu\",\"count\":9}]"));

    top.events = 0;
    fd = ask_later("GET /v1/top?fleet=yes HTTP/1.1\r\n\r\n");
    fake.fleet_counted(&top, "Redis is away", fake.fleet_arg);
    assert_true(hear(fd, answer, sizeof answer));
    assert_memory_equal(answer, "HTTP/1.1 503", 12);

    fd = ask_later("GET /v1/top?fleet=yes HTTP/1.1\r\n\r\n");
    close(fd);
    assert_alone();
    fake.fleet_counted(&top, NULL, fake.fleet_arg);
    assert_serves();
}

/* ---- readers -------------------------------------------------------------------------------- */

/* evhttp takes a closed sending side for the end: nothing of the stream is left. */
static void test_half(void **state)
{
    (void)state;
    int fd = watch("/v1/events");
    shutdown(fd, SHUT_WR);
    assert_alone();
    assert_int_equal(fake.n_watches, 0);
    fake_decided(&decision);
    close(fd);
}

/* Who sends on and on into his stream is cut. */
static void test_talker(void **state)
{
    static char junk[65536];
    size_t sent = 0;

    (void)state;
    int fd = watch("/v1/events");
    memset(junk, 'x', sizeof junk);
    for (ssize_t n = 0; n >= 0 || errno == EAGAIN; turn(1)) {
        n = send(fd, junk, sizeof junk, MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        assert_true(sent < (1u << 20));
    }
    assert_alone();
    assert_int_equal(fake.n_watches, 0);
    close(fd);
}

/* The daemon keeps no more than so much for who does not read, and tells how many he lost. */
static void test_deaf(void **state)
{
    const unsigned n = 20000;

    (void)state;
    int fd = watch("/v1/events");
    for (unsigned i = 0; i < n; i++)
        fake_decided(&decision);
    turn(60);
    assert_true(until_heard(fd, "{\"lost\":"));
    unsigned long lost = strtoul(strstr(heard, "{\"lost\":") + 8, NULL, 10);
    assert_true(lost > n / 2 && lost < n);
    fake_decided(&decision);
    assert_true(until_heard(fd, "B4CD"));
    close(fd);
    assert_alone();
}

/* Who takes nothing for a minute is let go, and nobody else is. */
static void test_stuck(void **state)
{
    (void)state;
    int stuck = watch("/v1/events"), quiet = watch("/v1/events");
    for (int i = 0; i < 5000; i++)
        fake.watches[0]->call(&decision, fake.watches[0]->arg);
    turn(60);
    pass(ADMIN_STUCK_MS);
    turn(60);
    assert_int_equal(fake.n_watches, 2);
    pass(1);
    turn(60);
    assert_int_equal(fake.n_watches, 1);
    assert_true(until_heard(quiet, "\"alive\""));
    close(stuck);
    close(quiet);
    assert_alone();
}

static void test_too_many(void **state)
{
    int fds[ADMIN_MAX_STREAMS];
    char answer[8192];

    (void)state;
    for (size_t i = 0; i < ADMIN_MAX_STREAMS; i++)
        fds[i] = watch("/v1/events");
    ask("GET /v1/events HTTP/1.1\r\n\r\n", answer, sizeof answer);
    assert_memory_equal(answer, "HTTP/1.1 503", 12);
    ask("GET /v1/events?all=1 HTTP/1.1\r\n\r\n", answer, sizeof answer);
    assert_memory_equal(answer, "HTTP/1.1 400", 12);
    assert_serves();
    close(fds[0]);
    turn(60);
    fds[0] = watch("/v1/events");
    fake_decided(&decision);
    admin_free(admin); /* in the middle of them all */
    admin = NULL;
    assert_int_equal(fake.n_watches, 0);
    for (size_t i = 0; i < ADMIN_MAX_STREAMS; i++)
        close(fds[i]);
}

/* ---- the listener for anybody --------------------------------------------------------------- */

static unsigned short port;

static int dial_tcp(void)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&sin, sizeof sin), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* A port that nobody has at this moment. */
static int set_up_http(void **state)
{
    static char text[32];
    struct sockaddr_in sin = {.sin_family = AF_INET};
    socklen_t len = sizeof sin;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&sin, sizeof sin) != 0 ||
        getsockname(fd, (struct sockaddr *)&sin, &len) != 0)
        return -1;
    close(fd);
    port = ntohs(sin.sin_port);
    snprintf(text, sizeof text, "127.0.0.1:%u", port);
    http_on = text;
    return set_up(state);
}

static int tear_down_http(void **state)
{
    http_on = "";
    return tear_down(state);
}

static void test_anybody(void **state)
{
    static const struct {
        const char *request, *status, *part;
    } rows[] = {
        {"GET /v1/status HTTP/1.1\r\n\r\n", "200",
         "\"reasons\":[\"feed aper: a copy is held\",\"zone dbl is off\"]"},
        {"HEAD /v1/status HTTP/1.1\r\n\r\n", "200", "application/json"},
        {"GET /metrics HTTP/1.1\r\n\r\n", "200", "{listener=\"2\",kind=\"inet\"} 5\n"},
        {"HEAD /metrics HTTP/1.1\r\n\r\n", "200", "version=0.0.4"},
        {"POST /v1/status HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "405", "Allow: GET, HEAD\r\n"},
        {"GET /v1/feeds HTTP/1.1\r\n\r\n", "404", "{\"error\":"},
        {"GET /v1/check?recipient=a%40b HTTP/1.1\r\n\r\n", "404", "{\"error\":"},
        {"GET /v1/exclusions HTTP/1.1\r\n\r\n", "404", "{\"error\":"},
        {"POST /v1/exclusions HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", "404", "{\"error\":"},
        {"DELETE /v1/blocks?expired=yes HTTP/1.1\r\n\r\n", "404", "{\"error\":"},
        {"GET /v1/events HTTP/1.1\r\n\r\n", "404", "{\"error\":"},
        {"POST /v1/feeds/aper/refresh HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "404", "{\"error\""},
    };

    (void)state;
    fake_feed("aper", FEED_HELD);
    fake.feeds[0].held.since = 5;
    strcpy(fake.feeds[0].held.why, "see /var/x of https://a.example/");
    fake_zone("dbl", DNSBL_IS_OFF, "answered 192.0.2.9 for x.a.example");
    strcpy(fake.totals.servers, "10.0.0.1:53");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char answer[32768];
        int fd = dial_tcp();
        say(fd, rows[i].request);
        assert_true(hear(fd, answer, sizeof answer));
        assert_memory_equal(answer + strlen("HTTP/1.1 "), rows[i].status, 3);
        assert_non_null(strstr(answer, rows[i].part));
        assert_null(strstr(answer, "a.example"));
        assert_null(strstr(answer, "/x/"));
        assert_null(strstr(answer, "10.0.0.1"));
        assert_null(strstr(answer, "\"dns\":"));
        assert_null(strstr(answer, "192.0.2.9"));
        if (strncmp(rows[i].request, "HEAD", 4) == 0)
            assert_null(strchr(answer, '{'));
    }
}

/* Who fills the places of the one does not lock out who uses the other. */
static void test_apart(void **state)
{
    int idle[ADMIN_MAX_CONNECTIONS + 8];
    const size_t n = sizeof idle / sizeof *idle;

    (void)state;
    for (size_t i = 0; i < n; i++)
        idle[i] = dial_tcp();
    for (size_t i = 0; i < 20; i++)
        turn(30);
    assert_serves();
    for (size_t i = 0; i < n; i++)
        close(idle[i]);
}

static void test_http_config(void **state)
{
    static const struct {
        const char *http;
        bool good;
    } rows[] = {
        {"", true},      {"localhost:9340", false},  {"127.0.0.1", false}, {":9340", false},
        {"9340", false}, {"127.0.0.1:99999", false}, {"unix:/x", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct admin_config config = {.listen = "", .http = rows[i].http};
        struct error why = {0};
        struct admin *a = admin_new(base, &config, NULL, &house, &why);
        assert_int_equal(a != NULL, rows[i].good);
        if (a == NULL)
            assert_non_null(strstr(why.text, "admin.http"));
        admin_free(a);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define HTTP(f) cmocka_unit_test_setup_teardown(f, set_up_http, tear_down_http)
    const struct CMUnitTest tests[] = {
        TEST(test_stream),      TEST(test_half),         TEST(test_talker),    TEST(test_deaf),
        TEST(test_stuck),       TEST(test_too_many),     HTTP(test_anybody),   HTTP(test_apart),
        TEST(test_http_config), TEST(test_fleet_stream), TEST(test_fleet_why), TEST(test_fleet_top),
    };

    return RUN("admin/events", tests);
}
