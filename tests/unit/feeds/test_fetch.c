/* A fetch against a server of one answer: what is sent, and what the answer's headers come to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "feeds/fetch/fetch.h"
#include "feeds/fetch/schedule.h"
#include "rcptguard/base/clock.h"

#define TIMEOUT_S 10

struct server {
    int fd, port;
    const char *answer;
    char request[4096];
    pthread_t thread;
};

static void *serve(void *arg)
{
    struct server *s = arg;
    size_t len = 0;
    int fd = accept(s->fd, NULL, NULL);

    while (fd >= 0 && strstr(s->request, "\r\n\r\n") == NULL && len + 1 < sizeof s->request) {
        ssize_t n = read(fd, s->request + len, sizeof s->request - 1 - len);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    if (fd >= 0 && write(fd, s->answer, strlen(s->answer)) < 0)
        perror("write");
    if (fd >= 0)
        close(fd);
    return NULL;
}

static void server_start(struct server *s, const char *answer)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;

    *s = (struct server){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .answer = answer};
    assert_int_equal(bind(s->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(s->fd, 1), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&address, &len), 0);
    s->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_end(struct server *s)
{
    shutdown(s->fd, SHUT_RDWR); /* where nobody came */
    pthread_join(s->thread, NULL);
    close(s->fd);
}

struct waiting {
    bool done;
    struct fetch_result result;
};

static void on_done(struct fetch_result *result, void *arg)
{
    struct waiting *w = arg;
    w->result = *result;
    w->done = true;
}

/* libcurl's own time-out is the deadline: the clock may be made to stand. */
static void wait_for(struct fetcher *fetcher, struct waiting *w)
{
    while (!w->done) {
        fetcher_wait(fetcher, NULL, 0, 1000);
        fetcher_run(fetcher);
    }
}

/* The result of fetching PATH of S; the body is the caller's. */
static struct fetch_result fetch(const struct server *s, const char *path, struct feed_config how,
                                 const char *etag)
{
    struct fetcher *fetcher = fetcher_new(NULL);
    struct waiting w = {.done = false};
    char url[256];
    struct fetch_order order = {
        .url = url, .how = &how, .max_bytes = 1000, .etag = etag, .spill_path = "/nonexistent"};

    how.timeout_s = TIMEOUT_S;
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", s->port, path);
    assert_non_null(fetch_start(fetcher, &order, on_done, &w, NULL));
    wait_for(fetcher, &w);
    fetcher_free(fetcher);
    return w.result;
}

#define OK(headers)   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" headers "\r\nx\n"
#define SAME(headers) "HTTP/1.1 304 Not Modified\r\n" headers "\r\n"
#define DATE          "Date: Mon, 05 Jan 2026 10:00:00 GMT\r\n"

static void test_expires(void **state)
{
    static const struct {
        const char *answer;
        int64_t seconds;
    } table[] = {
        {OK(""), 0},
        {OK("Cache-Control: max-age=7200\r\n"), 7200},
        {OK("Cache-Control: public\r\nCache-Control: max-age=7200\r\n"), 7200},
        {OK("Cache-Control: max-age=7200\r\nAge: 200\r\n"), 7000},
        {OK("Cache-Control: max-age=60\r\nAge: 200\r\n"), 0},
        {OK("Cache-Control: max-age=7200, no-cache\r\n"), 0},
        {OK("Cache-Control: no-store\r\n" DATE "Expires: Mon, 05 Jan 2026 11:00:00 GMT\r\n"), 0},
        {OK(DATE "Expires: Mon, 05 Jan 2026 11:00:00 GMT\r\n"), 3600},
        {OK(DATE "Cache-Control: max-age=60\r\nExpires: Mon, 05 Jan 2026 11:00:00 GMT\r\n"), 60},
        {OK(DATE "Expires: Mon, 05 Jan 2026 09:00:00 GMT\r\n"), 0},
        {OK(DATE "Expires: 0\r\n"), 0},
        {OK("Expires: Thu, 01 Jan 1970 02:00:00 GMT\r\n"), 3600}, /* by our own clock */
        {SAME("Cache-Control: max-age=7200\r\n"), 7200},
        {"HTTP/1.1 500 X\r\nContent-Length: 0\r\nCache-Control: max-age=7200\r\n\r\n", 0},
    };
    (void)state;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct server server;
        server_start(&server, table[i].answer);
        clock_set(3600, 0);
        struct fetch_result r = fetch(&server, "/", (struct feed_config){0}, "\"e\"");
        clock_set(-1, -1);
        server_end(&server);
        body_free(r.body);
        if (r.expires_s != table[i].seconds)
            fail_msg("row %zu: %lld", i, (long long)r.expires_s);
    }
}

static void test_kinds(void **state)
{
    static const struct {
        const char *answer;
        enum fetch_kind kind;
        long status;
    } table[] = {
        {OK("ETag: \"a\"\r\n"), FETCH_BODY, 200},
        {SAME(""), FETCH_SAME, 304},
        {"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n", FETCH_FAILED, 404},
        {"HTTP/1.1 206 X\r\nContent-Length: 2\r\n\r\nx\n", FETCH_FAILED, 206},
        {"", FETCH_FAILED, 0},
    };
    (void)state;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct server server;
        server_start(&server, table[i].answer);
        struct fetch_result r = fetch(&server, "/", (struct feed_config){0}, "\"e\"");
        server_end(&server);
        assert_int_equal(r.kind, table[i].kind);
        assert_int_equal(r.http_status, table[i].status);
        assert_int_equal(r.body != NULL, r.kind == FETCH_BODY);
        assert_true((r.why.text[0] != '\0') == (r.kind == FETCH_FAILED));
        body_free(r.body);
    }
}

/* A server says nothing about years to come. */
static void test_retry_after(void **state)
{
    static const struct {
        const char *header;
        int64_t seconds;
    } table[] = {{"", 0},
                 {"Retry-After: 600\r\n", 600},
                 {"Retry-After: 999999999\r\n", SCHEDULE_MAX_BACKOFF_S},
                 {"Retry-After: 9223372036854775807\r\n", SCHEDULE_MAX_BACKOFF_S}};
    (void)state;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char answer[200];
        struct server server;
        snprintf(answer, sizeof answer, "HTTP/1.1 503 X\r\n%sContent-Length: 0\r\n\r\n",
                 table[i].header);
        server_start(&server, answer);
        struct fetch_result r = fetch(&server, "/", (struct feed_config){0}, "");
        server_end(&server);
        assert_int_equal(r.retry_after_s, table[i].seconds);
    }
}

static void test_what_is_sent(void **state)
{
    static const char *const headers[] = {"X-Key: k-${secret}", "Accept: text/plain"};
    const struct feed_config how = {
        .secret = "a/b", .userpwd = "ann:${secret}", .headers = headers, .n_headers = 2};
    struct server server;
    (void)state;

    server_start(&server, OK(""));
    struct fetch_result r = fetch(&server, "/${secret}?k=${secret}", how, "\"e\"");
    server_end(&server);
    assert_int_equal(r.kind, FETCH_BODY);
    body_free(r.body);
    assert_true(view_starts(view_of(server.request), "GET /a%2Fb?k=a%2Fb HTTP/1.1\r\n"));
    assert_non_null(strstr(server.request, "\r\nX-Key: k-a/b\r\n"));
    assert_non_null(strstr(server.request, "\r\nAccept: text/plain\r\n"));
    assert_non_null(strstr(server.request, "\r\nAuthorization: Basic YW5uOmEvYg==\r\n"));
    assert_non_null(strstr(server.request, "\r\nIf-None-Match: \"e\"\r\n"));
}

/* Configuration lets no such secret through; here it is stopped once more. */
static void test_no_header_can_be_smuggled_in(void **state)
{
    static const char *const headers[] = {"X-Key: ${secret}"};
    const struct feed_config how = {.secret = "a\r\nX-Evil: 1", .headers = headers, .n_headers = 1};
    struct fetcher *fetcher = fetcher_new(NULL);
    struct fetch_order order = {
        .url = "http://127.0.0.1:9/", .how = &how, .max_bytes = 10, .spill_path = ""};
    struct error why;
    (void)state;

    assert_null(fetch_start(fetcher, &order, on_done, NULL, &why));
    fetcher_free(fetcher);
}

/* libcurl says which port or host it could not reach, but never a secret. */
static void test_errors_without_secrets(void **state)
{
    const struct feed_config how = {.secret = "geheim", .timeout_s = TIMEOUT_S};
    struct fetcher *fetcher = fetcher_new(NULL);
    struct waiting w = {.done = false};
    struct fetch_order order = {
        .url = "http://${secret}.invalid/", .how = &how, .max_bytes = 10, .spill_path = ""};
    (void)state;

    assert_non_null(fetch_start(fetcher, &order, on_done, &w, NULL));
    wait_for(fetcher, &w);
    assert_int_equal(w.result.kind, FETCH_FAILED);
    assert_true(w.result.why.text[0] != '\0');
    assert_null(strstr(w.result.why.text, "geheim"));
    fetcher_free(fetcher);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expires),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_what_is_sent),
        cmocka_unit_test(test_no_header_can_be_smuggled_in),
        cmocka_unit_test(test_errors_without_secrets),
    };
    return cmocka_run_group_tests_name("fetch", tests, NULL, NULL);
}
