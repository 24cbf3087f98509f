/*
 * Shared lists against a real Redis: several relays, each with a connection of its own, taking
 * turns in one thread, so that a test says who comes when.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <hiredis.h>

#include "fleet/lists.h"
#include "fleet/redis.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"
#include "redis_server.h"

#define RELAYS      3
#define DEADLINE_MS 20000

struct relay {
    struct lists *lists;
    struct feeds_share share;
    struct buf body;
    struct feeds_share_look *look;
    struct feeds_share_found found;
    struct view left; /* of what is given */
};

struct house {
    struct redis_server server;
    struct redis_url url;
    struct redis *redis; /* the test's own */
    struct relay relays[RELAYS];
    struct buf list;
    unsigned char sha256[SHA256_BYTES];
    atomic_bool stop;
    enum lists_where where;
    unsigned warnings;
    char last_warning[512];
};

static void on_log(enum log_level level, const char *line, void *arg)
{
    struct house *h = arg;
    struct text t = text_on(h->last_warning, sizeof h->last_warning);

    if (getenv("RCPTGUARD_TEST_LOG") != NULL)
        fprintf(stderr, "[%d] %s\n", (int)level, line);
    if (level != LOG_LEVEL_WARNING)
        return;
    h->warnings++;
    text_add(&t, line);
}

static enum lists_where where(struct redis_url *out, unsigned *generation, void *arg)
{
    struct house *h = arg;

    *out = h->url;
    *generation = 1;
    return h->where;
}

/* ---- Redis by hand -------------------------------------------------------------------------- */

static struct redisReply *redis(const struct house *h, const char *words)
{
    struct view parts[8], rest = view_of(words);
    struct redisReply *reply = NULL;
    struct error why;
    size_t n = 0;

    while (n < 8 && view_word(&rest, &parts[n]))
        n++;
    if (redis_call(h->redis, parts, n, 5000, &reply, &why) < 0)
        fail_msg("%s: %s", words, why.text);
    return reply;
}

static int64_t redis_int(const struct house *h, const char *words)
{
    struct redisReply *reply = redis(h, words);
    int64_t n = -1;

    redis_number(reply, &n);
    redis_reply_free(reply);
    return n;
}

static void redis_do(const struct house *h, const char *words)
{
    redis_reply_free(redis(h, words));
}

/* The first key that matches, into KEY; how many there are. */
static size_t keys_like(const struct house *h, const char *pattern, char key[256])
{
    char words[300];
    struct text t = text_on(words, sizeof words), k = text_on(key, 256);
    struct view first;

    text_addf(&t, "KEYS %s", pattern);
    struct redisReply *reply = redis(h, words);
    size_t n = reply->elements;
    if (n > 0 && redis_text(reply->element[0], &first))
        text_add_view(&k, first);
    redis_reply_free(reply);
    return n;
}

static void on_key(const struct house *h, const char *command, const char *pattern,
                   const char *more)
{
    char key[256], words[400];
    struct text t = text_on(words, sizeof words);

    assert_true(keys_like(h, pattern, key) > 0);
    text_addf(&t, "%s %s %s", command, key, more);
    redis_do(h, words);
}

#define POINTER "t:list:????????????????????????????????"
#define LEASE   "t:list:*:lease"
#define CHUNKS  "t:blob:*"
#define FAILED  "t:list:*:failed"

/* ---- relays --------------------------------------------------------------------------------- */

static void add_relay(struct house *h, struct relay *r, const char *name, const char *secret)
{
    struct lists_config config = {
        .prefix = "t:", .relay = name, .stop_fd = -1, .where = where, .arg = h};

    assert_int_equal(seal_key_make(view_of(secret), view_of("t:"), &config.key), 0);
    r->lists = lists_new(&config);
    assert_non_null(r->lists);
    lists_share(r->lists, &r->share);
    r->body = BUF_INIT(0);
}

static void end_look(struct relay *r)
{
    if (r->look != NULL)
        r->share.end(r->look);
    r->look = NULL;
}

static void remove_relay(struct relay *r)
{
    end_look(r);
    lists_free(r->lists);
    buf_free(&r->body);
    *r = (struct relay){.lists = NULL};
}

static int take(struct view bytes, bool first, void *arg)
{
    struct relay *r = arg;

    if (first)
        buf_clear(&r->body);
    return bytes.len == 0 ? 0 : buf_add_view(&r->body, bytes);
}

/* A relay that has nothing, and would fetch once an hour. */
static struct feeds_share_order order_of(struct house *h, struct relay *r)
{
    return (struct feeds_share_order){
        .wish = FEEDS_SHARE_FETCH,
        .feed = "main",
        .identity = view_of("https://lists.example/main?key=secret"),
        .refresh_s = 3600,
        .max_bytes = 64 << 20,
        .have_age_ms = INT64_C(1) << 40,
        .heed_failures = true,
        .stop = &h->stop,
        .take = take,
        .arg = r,
    };
}

static enum feeds_share_answer go_on(struct relay *r)
{
    enum feeds_share_answer answer;

    do
        answer = r->share.step(r->look, &r->found);
    while (answer == FEEDS_SHARE_MORE);
    return answer;
}

static enum feeds_share_answer ask_as(struct relay *r, const struct feeds_share_order *order)
{
    end_look(r);
    r->look = r->share.begin(order, r->share.arg);
    return r->look == NULL ? FEEDS_SHARE_NOTHING : go_on(r);
}

static enum feeds_share_answer ask(struct house *h, struct relay *r)
{
    const struct feeds_share_order order = order_of(h, r);

    return ask_as(r, &order);
}

static enum feeds_share_answer ask_having(struct house *h, struct relay *r, int64_t age_ms)
{
    struct feeds_share_order order = order_of(h, r);

    order.have[1] = h->sha256;
    order.have_age_ms = age_ms;
    return ask_as(r, &order);
}

static int next(void *from, struct view *bytes, struct error *why)
{
    struct relay *r = from;

    (void)why;
    *bytes = view_first(r->left, 65536);
    r->left = view_from(r->left, 65536);
    return 0;
}

static struct feeds_share_came came_of(const struct house *h, struct relay *r)
{
    r->left = buf_view(&h->list);
    return (struct feeds_share_came){
        .ok = true,
        .sha256 = h->sha256,
        .bytes = h->list.len,
        .etag = "\"e1\"",
        .last_modified = "Thu, 01 Jan 2026 00:00:00 GMT",
        .next = next,
        .from = r,
    };
}

static void give(struct house *h, struct relay *r)
{
    const struct feeds_share_came came = came_of(h, r);

    r->share.came(r->look, &came);
    assert_int_equal(go_on(r), FEEDS_SHARE_NOTHING);
    end_look(r);
}

static void put_once(struct house *h, struct relay *r)
{
    assert_int_equal(ask(h, r), FEEDS_SHARE_LEAD);
    give(h, r);
    assert_int_equal(keys_like(h, POINTER, (char[256]){0}), 1);
}

static struct lists_counts counts_of(const struct relay *r)
{
    struct lists_counts counts;

    lists_look(r->lists, &counts);
    return counts;
}

static void set_list(struct house *h, size_t len)
{
    uint32_t x = (uint32_t)len;
    struct digest *d = digest_new();

    buf_clear(&h->list);
    while (h->list.len < len) {
        x = x * 1664525 + 1013904223;
        buf_addf(&h->list, "user%u@example.org\n", x);
    }
    digest_add(d, h->list.data, h->list.len);
    digest_end(d, h->sha256);
}

static int setup(void **state)
{
    struct house *h = calloc(1, sizeof *h);
    char url[128];
    struct text t = text_on(url, sizeof url);
    struct error why;

    assert_non_null(h);
    if (!server_is_installed("redis-server") || !server_start(&h->server, ""))
        fail_msg("redis-server does not start");
    text_addf(&t, "redis://:correct%%20horse@127.0.0.1:%d/1", h->server.port);
    if (redis_url_parse(view_of(url), &h->url, &why) < 0)
        fail_msg("%s", why.text);
    h->redis = redis_new(NULL);
    if (redis_open(h->redis, &h->url, 5000, &why) < 0)
        fail_msg("%s", why.text);
    log_set_sink(on_log, h);
    h->where = LISTS_THERE;
    h->list = BUF_INIT(0);
    set_list(h, 3 << 20);
    for (unsigned i = 0; i < RELAYS; i++) {
        const char *names[] = {"mx1", "mx2", "mx3"};
        add_relay(h, &h->relays[i], names[i], "s3cret");
    }
    *state = h;
    return 0;
}

static int teardown(void **state)
{
    struct house *h = *state;

    for (unsigned i = 0; i < RELAYS; i++)
        remove_relay(&h->relays[i]);
    redis_free(h->redis);
    server_remove(&h->server);
    log_set_sink(NULL, NULL);
    buf_free(&h->list);
    free(h);
    return 0;
}

/* ---- all is well ---------------------------------------------------------------------------- */

static void test_one_fetches_and_the_others_take(void **state)
{
    struct house *h = *state;
    struct relay *a = &h->relays[0], *b = &h->relays[1], *c = &h->relays[2];
    char key[256];

    assert_int_equal(ask(h, a), FEEDS_SHARE_LEAD);
    assert_int_equal(a->found.mark, 0); /* nothing is there yet */
    assert_int_equal(ask(h, b), FEEDS_SHARE_WAIT);
    assert_int_equal(ask(h, c), FEEDS_SHARE_WAIT);
    assert_int_equal(a->share.step(a->look, &a->found), FEEDS_SHARE_LEAD);
    give(h, a);
    assert_true(keys_like(h, CHUNKS, key) > 1);

    assert_int_equal(go_on(b), FEEDS_SHARE_BODY);
    assert_true(view_eq(buf_view(&b->body), buf_view(&h->list)));
    assert_string_equal(b->found.etag, "\"e1\"");
    assert_string_equal(b->found.last_modified, "Thu, 01 Jan 2026 00:00:00 GMT");
    assert_true(b->found.age_ms < DEADLINE_MS);
    assert_true(b->found.mark != 0);
    assert_int_equal(ask_having(h, c, INT64_C(1) << 40), FEEDS_SHARE_SAME);
    assert_int_equal(c->found.same, 1);
    assert_int_equal(counts_of(a).led, 1);
    assert_int_equal(counts_of(a).put, 1);
    assert_int_equal(counts_of(b).taken, 1);
    assert_int_equal(counts_of(c).same, 1);
    assert_int_equal(keys_like(h, LEASE, key), 0);
    assert_int_equal(h->warnings, 0);
}

static void test_all_keys_go_by_themselves(void **state)
{
    struct house *h = *state;

    put_once(h, &h->relays[0]);
    struct redisReply *reply = redis(h, "KEYS *");
    assert_true(reply->elements > 3);
    for (size_t i = 0; i < reply->elements; i++) {
        char words[300];
        struct text t = text_on(words, sizeof words);
        text_addf(&t, "PTTL %s", reply->element[i]->str);
        int64_t ms = redis_int(h, words);
        assert_true(strncmp(reply->element[i]->str, "t:", 2) == 0);
        assert_true(ms > INT64_C(7200000) && ms < INT64_C(20000000));
        assert_null(strstr(reply->element[i]->str, "secret"));
    }
    redis_reply_free(reply);
}

/* 304: the bytes stay, the time is another one, and who has them knows that they are confirmed. */
static void test_not_modified(void **state)
{
    struct house *h = *state;
    struct relay *a = &h->relays[0], *b = &h->relays[1];
    struct feeds_share_order now = order_of(h, a);
    char before[256], after[256];
    int64_t n;

    put_once(h, a);
    assert_int_equal(ask(h, b), FEEDS_SHARE_BODY);
    uint64_t seen = b->found.mark;
    n = (int64_t)keys_like(h, CHUNKS, before);
    on_key(h, "PEXPIRE", before, "5000");
    sleep_ms(1100);
    now.refresh_s = 1;
    assert_int_equal(ask_as(a, &now), FEEDS_SHARE_LEAD);
    assert_int_equal(a->found.mark, seen);
    give(h, a);
    assert_int_equal(keys_like(h, CHUNKS, after), n);

    struct feeds_share_order news = order_of(h, b);
    news.wish = FEEDS_SHARE_NEWS;
    news.have[0] = h->sha256;
    news.seen = seen;
    news.have_age_ms = 1100;
    assert_int_equal(ask_as(b, &news), FEEDS_SHARE_SAME);
    assert_int_equal(b->found.same, 0);
    news.seen = b->found.mark;
    assert_int_equal(ask_as(b, &news), FEEDS_SHARE_NOTHING);
}

static void test_a_new_copy_takes_the_place(void **state)
{
    struct house *h = *state;
    struct relay *a = &h->relays[0], *b = &h->relays[1];
    struct feeds_share_order order = order_of(h, b);
    char key[256];

    put_once(h, a);
    size_t old = keys_like(h, CHUNKS, key);
    set_list(h, 1 << 20);
    order.wish = FEEDS_SHARE_NOW;
    sleep_ms(2100); /* what was fetched just now would do for a person */
    assert_int_equal(ask_as(b, &order), FEEDS_SHARE_LEAD);
    give(h, b);
    assert_true(keys_like(h, CHUNKS, key) > old); /* somebody may be reading */
    char words[300];
    struct text t = text_on(words, sizeof words);
    unsigned leaving = 0;
    struct redisReply *reply = redis(h, "KEYS " CHUNKS);
    for (size_t i = 0; i < reply->elements; i++) {
        t = text_on(words, sizeof words);
        text_addf(&t, "PTTL %s", reply->element[i]->str);
        leaving += redis_int(h, words) <= 60000;
    }
    redis_reply_free(reply);
    assert_int_equal(leaving, old);
    assert_int_equal(ask(h, a), FEEDS_SHARE_BODY);
    assert_true(view_eq(buf_view(&a->body), buf_view(&h->list)));
}

static void test_news_are_published(void **state)
{
    struct house *h = *state;
    struct redis *ear = redis_new(NULL);
    const struct view words[] = {view_of("SUBSCRIBE"), view_of("t:news")};
    struct redisReply *reply = NULL;
    struct error why;

    assert_int_equal(redis_open(ear, &h->url, 5000, &why), 0);
    assert_int_equal(redis_call(ear, words, 2, 5000, &reply, &why), 0);
    redis_reply_free(reply);
    put_once(h, &h->relays[0]);
    int rc = 0;
    for (int i = 0; rc == 0 && i < 500; i++) {
        rc = redis_message(ear, &reply, &why);
        if (rc == 0)
            sleep_ms(10);
    }
    assert_int_equal(rc, 1);
    assert_int_equal(reply->elements, 3);
    assert_true(strncmp(reply->element[2]->str, "list ", 5) == 0);
    assert_int_equal(strlen(reply->element[2]->str), 5 + 32);
    redis_reply_free(reply);
    redis_free(ear);
}

static void test_what_the_publisher_packed_is_left_so(void **state)
{
    struct house *h = *state;
    struct relay *a = &h->relays[0], *b = &h->relays[1];
    char key[256];

    set_list(h, 100000);
    assert_int_equal(ask(h, a), FEEDS_SHARE_LEAD);
    struct feeds_share_came came = came_of(h, a);
    came.packed = true;
    came.signature = view_of("sixty-four bytes");
    a->share.came(a->look, &came);
    assert_int_equal(go_on(a), FEEDS_SHARE_NOTHING);
    assert_int_equal(keys_like(h, CHUNKS, key), 1);
    char words[300];
    struct text t = text_on(words, sizeof words);
    text_addf(&t, "STRLEN %s", key);
    assert_int_equal(redis_int(h, words), h->list.len);
    assert_int_equal(ask(h, b), FEEDS_SHARE_BODY);
    assert_true(view_eq(buf_view(&b->body), buf_view(&h->list)));
    assert_int_equal(b->found.signature_len, 16);
    assert_memory_equal(b->found.signature, "sixty-four bytes", 16);

    /* Without a signature at hand it is confirmed, and nothing else is put in its place. */
    struct feeds_share_order order = order_of(h, a);
    order.refresh_s = 0;
    for (unsigned same = 0; same < 2; same++) {
        if (!same)
            set_list(h, 50000);
        else
            set_list(h, 100000);
        assert_int_equal(ask_as(a, &order), FEEDS_SHARE_LEAD);
        came = came_of(h, a);
        came.renew_only = true;
        a->share.came(a->look, &came);
        assert_int_equal(go_on(a), FEEDS_SHARE_NOTHING);
        assert_int_equal(counts_of(a).put, 1 + same);
        end_look(a);
    }
    assert_int_equal(ask(h, b), FEEDS_SHARE_BODY);
    assert_int_equal(b->found.signature_len, 16);
}

static void test_an_empty_list(void **state)
{
    struct house *h = *state;

    set_list(h, 0);
    put_once(h, &h->relays[0]);
    assert_int_equal(ask(h, &h->relays[1]), FEEDS_SHARE_BODY);
    assert_int_equal(h->relays[1].body.len, 0);
}

/* ---- which copy counts ---------------------------------------------------------------------- */

/* B, who leads, puts the list. */
static void put_as_leader(struct house *h, struct relay *b)
{
    struct feeds_share_came came = came_of(h, b);

    b->share.came(b->look, &came);
    assert_int_equal(go_on(b), FEEDS_SHARE_NOTHING);
}

/* A moment is two seconds, which a slow machine may need to ask: then it is put once more. */
static void take_what_was_put_a_moment_ago(struct house *h, struct relay *b,
                                           const struct feeds_share_order *order)
{
    enum feeds_share_answer answer = ask_as(b, order);

    for (int i = 0; i < 5 && answer == FEEDS_SHARE_LEAD; i++) {
        put_as_leader(h, b);
        answer = ask_as(b, order);
    }
    assert_int_equal(answer, FEEDS_SHARE_BODY);
}

static void test_ages(void **state)
{
    struct house *h = *state;
    struct relay *a = &h->relays[0], *b = &h->relays[1];
    struct feeds_share_order order = order_of(h, b);

    put_once(h, a);
    sleep_ms(300);
    /* What this relay fetched itself since is not undone. */
    order.wish = FEEDS_SHARE_NEWS;
    order.have_age_ms = 100;
    assert_int_equal(ask_as(b, &order), FEEDS_SHARE_NOTHING);
    order.have_age_ms = 60000;
    assert_int_equal(ask_as(b, &order), FEEDS_SHARE_BODY);
    /* A person wants what is there now, or was a moment ago. */
    order.wish = FEEDS_SHARE_NOW;
    take_what_was_put_a_moment_ago(h, b, &order);
    sleep_ms(2100);
    assert_int_equal(ask_as(b, &order), FEEDS_SHARE_LEAD);
    end_look(b);
    /* The period, and what the server said. */
    order.wish = FEEDS_SHARE_FETCH;
    order.refresh_s = 2;
    assert_int_equal(ask_as(b, &order), FEEDS_SHARE_LEAD);
    struct feeds_share_came came = came_of(h, b);
    came.expires_s = 600;
    b->share.came(b->look, &came);
    assert_int_equal(go_on(b), FEEDS_SHARE_NOTHING);
    sleep_ms(2100);
    order.expires_max_s = 300;
    assert_int_equal(ask_as(a, &order), FEEDS_SHARE_BODY);
    assert_int_equal(a->found.expires_s, 600);
    order.expires_max_s = 0;
    assert_int_equal(ask_as(a, &order), FEEDS_SHARE_LEAD);
}

/* ---- holders that fail ---------------------------------------------------------------------- */

static void test_a_failure_is_told(void **state)
{
    struct house *h = *state;
    struct relay *a = &h->relays[0], *b = &h->relays[1];
    struct feeds_share_order order = order_of(h, b);
    const struct feeds_share_came failed = {.why = "HTTP \x1b[31m503"};
    char key[256];

    assert_int_equal(ask(h, a), FEEDS_SHARE_LEAD);
    assert_int_equal(ask(h, b), FEEDS_SHARE_WAIT);
    a->share.came(a->look, &failed);
    assert_int_equal(go_on(a), FEEDS_SHARE_NOTHING);
    assert_int_equal(keys_like(h, LEASE, key), 0);
    assert_int_equal(go_on(b), FEEDS_SHARE_FAILED);
    assert_non_null(strstr(b->found.why.text, "relay mx1"));
    assert_non_null(strstr(b->found.why.text, "503"));
    assert_null(strchr(b->found.why.text, '\x1b'));
    assert_true(b->found.retry_s > 0 && b->found.retry_s <= 31);
    order.wish = FEEDS_SHARE_NEWS;
    assert_int_equal(ask_as(b, &order), FEEDS_SHARE_NOTHING);
    order.wish = FEEDS_SHARE_NOW;
    assert_int_equal(ask_as(b, &order), FEEDS_SHARE_LEAD);
    end_look(b);
    order.wish = FEEDS_SHARE_FETCH;
    order.heed_failures = false;
    assert_int_equal(ask_as(b, &order), FEEDS_SHARE_LEAD);
    end_look(b);
    on_key(h, "SET", FAILED, "forged");
    assert_int_equal(ask(h, b), FEEDS_SHARE_LEAD);
}

/* Its fence and lease are worth nothing once somebody else had them. */
static void test_a_holder_that_slept(void **state)
{
    struct house *h = *state;
    struct relay *a = &h->relays[0], *b = &h->relays[1], *c = &h->relays[2];
    struct buf newer = BUF_INIT(0);
    char key[256];

    put_once(h, c);
    struct feeds_share_order order = order_of(h, a);
    order.refresh_s = 0;
    set_list(h, 2 << 20);
    assert_int_equal(ask_as(a, &order), FEEDS_SHARE_LEAD);
    const struct feeds_share_came came = came_of(h, a);
    a->share.came(a->look, &came);
    assert_int_equal(a->share.step(a->look, &a->found), FEEDS_SHARE_MORE);
    on_key(h, "DEL", LEASE, "");
    struct buf old = h->list;
    h->list = BUF_INIT(0);
    set_list(h, 1 << 20);
    assert_int_equal(ask_as(b, &order), FEEDS_SHARE_LEAD);
    give(h, b);
    buf_add_view(&newer, buf_view(&h->list));
    assert_int_equal(go_on(a), FEEDS_SHARE_NOTHING);
    end_look(a);
    assert_int_equal(counts_of(a).put, 0);
    assert_int_equal(keys_like(h, LEASE, key), 0);
    assert_int_equal(ask(h, c), FEEDS_SHARE_BODY);
    assert_true(view_eq(buf_view(&c->body), buf_view(&newer)));
    buf_free(&old);
    buf_free(&newer);
}

static void test_a_holder_that_dies_while_it_puts(void **state)
{
    struct house *h = *state;
    struct relay *a = &h->relays[0], *b = &h->relays[1], *c = &h->relays[2];
    struct feeds_share_order order = order_of(h, a);

    put_once(h, c);
    order.refresh_s = 0;
    struct buf first = h->list;
    h->list = BUF_INIT(0);
    set_list(h, 2 << 20);
    assert_int_equal(ask_as(a, &order), FEEDS_SHARE_LEAD);
    const struct feeds_share_came came = came_of(h, a);
    a->share.came(a->look, &came);
    assert_int_equal(a->share.step(a->look, &a->found), FEEDS_SHARE_MORE);
    redis_do(h, "CLIENT PAUSE 300 WRITE"); /* longer than a step may take, so one chunk is put */
    assert_int_equal(a->share.step(a->look, &a->found), FEEDS_SHARE_MORE);
    atomic_store(&h->stop, true); /* it does nothing more, and takes nothing back */
    redis_do(h, "CLIENT KILL TYPE normal SKIPME yes");
    end_look(a);
    atomic_store(&h->stop, false);

    assert_int_equal(ask(h, b), FEEDS_SHARE_BODY); /* the pointer is the one before, and whole */
    assert_true(view_eq(buf_view(&b->body), buf_view(&first)));
    order.arg = b;
    assert_int_equal(ask_as(b, &order), FEEDS_SHARE_WAIT);
    on_key(h, "PEXPIRE", LEASE, "1");
    sleep_ms(10);
    assert_int_equal(go_on(b), FEEDS_SHARE_LEAD);
    give(h, b);
    buf_free(&first);
}

/* Redis was emptied: who fetches goes on, as nobody else does. */
static void test_a_forgotten_lease(void **state)
{
    struct house *h = *state;
    struct relay *a = &h->relays[0], *b = &h->relays[1];

    assert_int_equal(ask(h, a), FEEDS_SHARE_LEAD);
    redis_do(h, "FLUSHALL");
    sleep_ms(4100);
    assert_int_equal(a->share.step(a->look, &a->found), FEEDS_SHARE_LEAD);
    assert_int_equal(ask(h, b), FEEDS_SHARE_WAIT);
    give(h, a);
    assert_int_equal(go_on(b), FEEDS_SHARE_BODY);
}

/* ---- what else may stand in Redis ----------------------------------------------------------- */

static void test_a_corrupted_blob_is_put_anew(void **state)
{
    struct house *h = *state;
    struct relay *a = &h->relays[0], *b = &h->relays[1], *c = &h->relays[2];
    static const char *const harm[][2] = {
        {"SETRANGE", "100 junkjunk"}, {"SET", "junk"}, {"DEL", ""}, {"APPEND", "x"}, {"LIST", ""}};

    put_once(h, a);
    for (size_t i = 0; i < sizeof harm / sizeof *harm; i++) {
        struct feeds_share_order news = order_of(h, b);
        unsigned before = h->warnings;
        if (strcmp(harm[i][0], "LIST") == 0) {
            char key[256];
            keys_like(h, CHUNKS ":1", key);
            on_key(h, "DEL", key, "");
            char words[400];
            struct text t = text_on(words, sizeof words);
            text_addf(&t, "LPUSH %s x", key);
            redis_do(h, words);
        } else {
            on_key(h, harm[i][0], CHUNKS ":1", harm[i][1]);
        }
        news.wish = FEEDS_SHARE_NEWS;
        assert_int_equal(ask_as(b, &news), FEEDS_SHARE_NOTHING);
        assert_true(b->found.mark != 0); /* so that it is not looked at each minute */
        assert_int_equal(ask(h, b), FEEDS_SHARE_LEAD);
        assert_int_equal(h->warnings, before + 2);
        assert_int_equal(ask(h, c), FEEDS_SHARE_WAIT);
        give(h, b);
        assert_int_equal(go_on(c), FEEDS_SHARE_BODY);
        assert_true(view_eq(buf_view(&c->body), buf_view(&h->list)));
        /* Only the new one is to be left for the next turn. */
        struct redisReply *reply = redis(h, "KEYS " CHUNKS);
        for (size_t k = 0; k < reply->elements; k++) {
            char words[300];
            struct text t = text_on(words, sizeof words);
            text_addf(&t, "PTTL %s", reply->element[k]->str);
            if (redis_int(h, words) <= 60000)
                on_key(h, "DEL", reply->element[k]->str, "");
        }
        redis_reply_free(reply);
    }
}

static void test_garbage_for_a_pointer(void **state)
{
    struct house *h = *state;
    struct relay *a = &h->relays[0], *b = &h->relays[1];
    char key[256], words[400];

    put_once(h, a);
    on_key(h, "SET", POINTER, "garbage");
    assert_int_equal(ask(h, b), FEEDS_SHARE_LEAD);
    assert_int_equal(h->warnings, 1);
    give(h, b);
    assert_int_equal(ask(h, a), FEEDS_SHARE_BODY);
    /* Of another type; and with a fence that none can be above. */
    keys_like(h, POINTER, key);
    for (int i = 0; i < 2; i++) {
        struct text t = text_on(words, sizeof words);
        on_key(h, "DEL", key, "");
        if (i == 0)
            text_addf(&t, "LPUSH %s x", key);
        else
            text_addf(&t, "SET %s rcptguard1 list mx9 99999999999999999999 MAC", key);
        if (i == 0)
            redis_do(h, words);
        else {
            const struct view parts[] = {
                view_of("SET"), view_of(key),
                view_of("rcptguard1 list mx9 99999999999999999999 MAC\n{}")};
            struct redisReply *reply;
            assert_int_equal(redis_call(h->redis, parts, 3, 5000, &reply, NULL), 0);
            redis_reply_free(reply);
        }
        assert_int_equal(ask(h, b), FEEDS_SHARE_LEAD);
        give(h, b);
        assert_int_equal(ask(h, a), FEEDS_SHARE_BODY);
    }
    assert_int_equal(h->warnings, 1); /* said, and not each time */
}

static void test_a_lease_that_is_none(void **state)
{
    struct house *h = *state;
    struct relay *a = &h->relays[0];

    assert_int_equal(ask(h, a), FEEDS_SHARE_LEAD);
    on_key(h, "SET", LEASE, "mine");
    assert_int_equal(ask(h, &h->relays[1]), FEEDS_SHARE_NOTHING);
}

static void test_secrets(void **state)
{
    struct house *h = *state;
    struct relay other = {.lists = NULL}, none = {.lists = NULL};

    put_once(h, &h->relays[0]);
    add_relay(h, &other, "mx9", "another");
    assert_int_equal(ask(h, &other), FEEDS_SHARE_LEAD); /* another name for the same list */
    add_relay(h, &none, "mx8", "");
    assert_int_equal(h->warnings, 1);
    assert_int_equal(ask(h, &none), FEEDS_SHARE_NOTHING);
    assert_null(none.look);
    remove_relay(&other);
    remove_relay(&none);
}

static void test_too_big_for_this_relay(void **state)
{
    struct house *h = *state;
    struct feeds_share_order order = order_of(h, &h->relays[1]);

    put_once(h, &h->relays[0]);
    order.max_bytes = 1000;
    assert_int_equal(ask_as(&h->relays[1], &order), FEEDS_SHARE_LEAD);
}

static void test_nobody_knows_where_redis_is(void **state)
{
    struct house *h = *state;
    struct relay *a = &h->relays[0];

    h->where = LISTS_SOON;
    assert_int_equal(ask(h, a), FEEDS_SHARE_WAIT);
    sleep_ms(1000);
    assert_int_equal(go_on(a), FEEDS_SHARE_WAIT);
    sleep_ms(1100);
    assert_int_equal(go_on(a), FEEDS_SHARE_NOTHING);
    assert_int_equal(ask(h, a), FEEDS_SHARE_WAIT);
    h->where = LISTS_THERE;
    assert_int_equal(go_on(a), FEEDS_SHARE_LEAD);
    h->where = LISTS_AWAY;
    assert_int_equal(ask(h, a), FEEDS_SHARE_NOTHING);
    assert_int_equal(h->warnings, 0); /* who knows that it is away said it */
}

/* ---- Redis that is not well ----------------------------------------------------------------- */

static void test_full(void **state)
{
    struct house *h = *state;
    struct relay *a = &h->relays[0], *b = &h->relays[1];
    struct feeds_share_order order = order_of(h, a);
    char key[256], limit[100];

    put_once(h, b);
    size_t chunks = keys_like(h, CHUNKS, key);
    struct buf first = h->list;
    h->list = BUF_INIT(0);
    set_list(h, 8 << 20);
    order.refresh_s = 0;
    assert_int_equal(ask_as(a, &order), FEEDS_SHARE_LEAD);
    struct redisReply *reply = redis(h, "INFO memory");
    long long used = atoll(strstr(reply->str, "used_memory:") + 12);
    redis_reply_free(reply);
    snprintf(limit, sizeof limit, "CONFIG SET maxmemory %lld", used + (2 << 20));
    redis_do(h, limit);
    give(h, a);
    assert_int_equal(counts_of(a).put, 0);
    assert_true(counts_of(a).refused);
    assert_int_equal(h->warnings, 1);
    assert_non_null(strstr(h->last_warning, "OOM"));
    assert_int_equal(keys_like(h, CHUNKS, key), chunks);
    assert_int_equal(keys_like(h, LEASE, key), 0);
    assert_int_equal(ask(h, b), FEEDS_SHARE_BODY);
    assert_true(view_eq(buf_view(&b->body), buf_view(&first)));

    /* So full that not even a lease can be had. */
    redis_do(h, "CONFIG SET maxmemory 1");
    assert_int_equal(ask_as(a, &order), FEEDS_SHARE_NOTHING);
    assert_int_equal(ask(h, b), FEEDS_SHARE_BODY);
    assert_int_equal(h->warnings, 1); /* it goes on */
    redis_do(h, "CONFIG SET maxmemory 0");
    assert_int_equal(ask_as(a, &order), FEEDS_SHARE_LEAD);
    give(h, a);
    assert_false(counts_of(a).refused);
    buf_free(&first);
}

static void test_a_redis_that_hangs(void **state)
{
    struct house *h = *state;
    struct relay *a = &h->relays[0], *b = &h->relays[1];

    put_once(h, a);
    assert_int_equal(ask(h, b), FEEDS_SHARE_BODY);
    redis_do(h, "CLIENT PAUSE 3000");
    int64_t began = clock_mono_ms();
    assert_int_equal(ask(h, b), FEEDS_SHARE_NOTHING);
    int64_t took = clock_mono_ms() - began;
    assert_true(took >= 900 && took < 2000);
    began = clock_mono_ms();
    for (int i = 0; i < 100; i++)
        assert_int_equal(ask(h, b), FEEDS_SHARE_NOTHING);
    assert_true(clock_mono_ms() - began < 1500);
    assert_true(counts_of(b).away);
    assert_int_equal(h->warnings, 1);
    int64_t end = clock_mono_ms() + DEADLINE_MS;
    while (ask(h, b) != FEEDS_SHARE_BODY && clock_mono_ms() < end)
        sleep_ms(50);
    assert_true(view_eq(buf_view(&b->body), buf_view(&h->list)));
    assert_false(counts_of(b).away);
    assert_int_equal(h->warnings, 1);
}

static void test_a_redis_that_goes(void **state)
{
    struct house *h = *state;
    struct relay *a = &h->relays[0], *b = &h->relays[1];

    put_once(h, a);
    assert_int_equal(ask(h, b), FEEDS_SHARE_BODY);
    assert_int_equal(ask(h, a), FEEDS_SHARE_BODY);
    struct feeds_share_order order = order_of(h, a);
    order.refresh_s = 0;
    set_list(h, 9 << 20);
    assert_int_equal(ask_as(a, &order), FEEDS_SHARE_LEAD);
    const struct feeds_share_came came = came_of(h, a);
    a->share.came(a->look, &came);
    assert_int_equal(a->share.step(a->look, &a->found), FEEDS_SHARE_MORE);
    server_stop(&h->server);
    int64_t began = clock_mono_ms();
    assert_int_equal(go_on(a), FEEDS_SHARE_NOTHING);
    end_look(a);
    assert_int_equal(ask(h, b), FEEDS_SHARE_NOTHING);
    assert_true(clock_mono_ms() - began < 2000);
    assert_int_equal(h->warnings, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(test_one_fetches_and_the_others_take),
        T(test_all_keys_go_by_themselves),
        T(test_not_modified),
        T(test_a_new_copy_takes_the_place),
        T(test_news_are_published),
        T(test_what_the_publisher_packed_is_left_so),
        T(test_an_empty_list),
        T(test_ages),
        T(test_a_failure_is_told),
        T(test_a_holder_that_slept),
        T(test_a_holder_that_dies_while_it_puts),
        T(test_a_forgotten_lease),
        T(test_a_corrupted_blob_is_put_anew),
        T(test_garbage_for_a_pointer),
        T(test_a_lease_that_is_none),
        T(test_secrets),
        T(test_too_big_for_this_relay),
        T(test_nobody_knows_where_redis_is),
        T(test_full),
        T(test_a_redis_that_hangs),
        T(test_a_redis_that_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
