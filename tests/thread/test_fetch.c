/* Fetching from a server on loopback that does all that servers do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feeds/fetch/fetch.h"
#include "http_stub.h"
#include "rcptguard/base/clock.h"

#define DEADLINE_MS 20000

struct house {
    struct http_stub *stub;
    struct fetcher *fetcher;
    char dir[32], spill[64], url[128];
    struct fetch_result result;
    int done;
};

static int setup(void **state)
{
    struct house *h = calloc(1, sizeof *h);
    struct error why;

    assert_non_null(h);
    strcpy(h->dir, "/tmp/rcptguard-fetch.XXXXXX");
    assert_non_null(mkdtemp(h->dir));
    struct text spill = text_on(h->spill, sizeof h->spill);
    text_addf(&spill, "%s/fetch.tmp", h->dir);
    h->stub = stub_start();
    h->fetcher = fetcher_new(&why);
    assert_non_null(h->fetcher);
    *state = h;
    return 0;
}

static int teardown(void **state)
{
    struct house *h = *state;

    body_free(h->result.body);
    fetcher_free(h->fetcher);
    stub_stop(h->stub);
    assert_int_equal(rmdir(h->dir), 0); /* nothing is left lying about */
    free(h);
    return 0;
}

static void on_done(struct fetch_result *result, void *arg)
{
    struct house *h = arg;
    body_free(h->result.body);
    h->result = *result;
    h->done++;
}

static struct fetch *start_port(struct house *h, int port, const char *path, const char *etag)
{
    struct text url = text_on(h->url, sizeof h->url);
    struct error why;

    text_addf(&url, "http://user:hush@127.0.0.1:%d%s", port, path);
    static const struct feed_config how = {.timeout_s = 60};
    struct fetch_order order = {
        .url = h->url,
        .how = &how,
        .max_bytes = 16 << 20,
        .etag = etag,
        .last_modified = "",
        .spill_path = h->spill,
    };
    struct fetch *f = fetch_start(h->fetcher, &order, on_done, h, &why);
    assert_non_null(f);
    return f;
}

static struct fetch *start(struct house *h, const char *path, const char *etag)
{
    return start_port(h, h->stub->port, path, etag);
}

static void wait_for(struct house *h, int done)
{
    int64_t end = clock_mono_ms() + DEADLINE_MS;

    while (h->done < done) {
        assert_true(clock_mono_ms() < end);
        fetcher_run(h->fetcher);
        if (h->done < done)
            fetcher_wait(h->fetcher, NULL, 0, 1000);
    }
}

static void fetch(struct house *h, const char *path, const char *etag)
{
    int done = h->done;
    start(h, path, etag);
    wait_for(h, done + 1);
}

static void test_copy_and_validators(void **state)
{
    struct house *h = *state;

    stub_set(h->stub, "\"one\"", "jane@example.org\n");
    fetch(h, "/list", "");
    assert_int_equal(h->result.kind, FETCH_BODY);
    assert_string_equal(h->result.etag, "\"one\"");
    assert_string_equal(h->result.last_modified, "Thu, 01 Jan 2026 00:00:00 GMT");
    assert_int_equal(h->result.body->size, 17);
    assert_string_equal(h->stub->last_if_none_match, "");
    assert_non_null(strstr(h->stub->last_agent, "rcptguard/"));

    fetch(h, "/list", "\"one\"");
    assert_int_equal(h->result.kind, FETCH_SAME);
    fetch(h, "/moved", "\"one\"");
    assert_int_equal(h->result.kind, FETCH_SAME);
    fetch(h, "/moved", "");
    assert_int_equal(h->result.kind, FETCH_BODY);
    assert_int_equal(h->result.body->size, 17); /* without the text beside the redirect */
    fetch(h, "/odd-etag", "");
    assert_int_equal(h->result.kind, FETCH_BODY);
    assert_string_equal(h->result.etag, "");
}

static void test_failures_say_why(void **state)
{
    static const struct {
        const char *path, *why;
        int64_t retry_after_s;
    } table[] = {
        {"/absent", "HTTP 404", 0}, {"/broken", "HTTP 503", 120}, {"/same", "HTTP 304", 0},
        {"/short", "", 0},          {"/huge", "max_bytes", 0},    {"/loop", "redirects", 0},
        {"/to-file", "file", 0},    {"/garbage", "", 0},          {"/endless", "max_bytes", 0},
    };
    struct house *h = *state;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        fetch(h, table[i].path, "");
        assert_int_equal(h->result.kind, FETCH_FAILED);
        assert_null(h->result.body);
        if (strstr(h->result.why.text, table[i].why) == NULL || h->result.why.text[0] == '\0')
            fail_msg("%s: %s", table[i].path, h->result.why.text);
        assert_null(strstr(h->result.why.text, "hush"));
        assert_int_equal(h->result.retry_after_s, table[i].retry_after_s);
    }
}

static void test_server_away(void **state)
{
    struct house *h = *state;
    struct http_stub *gone = stub_start();
    int port = gone->port;

    stub_stop(gone);
    start_port(h, port, "/list", "");
    wait_for(h, 1);
    assert_int_equal(h->result.kind, FETCH_FAILED);
    assert_int_not_equal(h->result.why.code, 0);
}

struct taken {
    size_t len;
    struct digest *digest;
};

static int take(struct view bytes, void *arg, struct error *why)
{
    struct taken *t = arg;
    (void)why;
    t->len += bytes.len;
    digest_add(t->digest, bytes.ptr, bytes.len);
    return 0;
}

static void test_big_body_goes_to_a_file(void **state)
{
    struct house *h = *state;
    struct taken t = {0, digest_new()};
    unsigned char sha256[SHA256_BYTES];
    struct error why;
    char file[128];

    fetch(h, "/big", "");
    assert_int_equal(h->result.kind, FETCH_BODY);
    struct text path = text_on(file, sizeof file);
    text_add(&path, h->result.body->path);
    assert_int_equal(access(file, F_OK), 0);
    assert_int_equal(body_each(h->result.body, take, &t, &why), 0);
    digest_end(t.digest, sha256);
    assert_int_equal(t.len, 8 << 20);
    assert_memory_equal(sha256, h->result.body->sha256, sizeof sha256);
    body_free(h->result.body);
    h->result.body = NULL;
    assert_int_equal(access(file, F_OK), -1);
}

static void test_hanging_server_delays_nobody(void **state)
{
    struct house *h = *state;
    struct http_stub *other = stub_start();
    struct fetch *hung = start(h, "/hang", "");

    stub_set(other, "", "a@example.org\n");
    for (int i = 1; i <= 3; i++) {
        start_port(h, other->port, "/list", "");
        wait_for(h, i);
        assert_int_equal(h->result.kind, FETCH_BODY);
    }
    assert_int_equal(fetch_received(hung), 0);
    fetch_cancel(hung);
    stub_stop(other);
}

int main(void)
{
#define ONE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        ONE(test_copy_and_validators),
        ONE(test_failures_say_why),
        ONE(test_server_away),
        ONE(test_big_body_goes_to_a_file),
        ONE(test_hanging_server_delays_nobody),
    };
    return cmocka_run_group_tests_name("fetch", tests, NULL, NULL);
}
