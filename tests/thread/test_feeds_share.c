/*
 * The worker beside a share that says what the test wants: what it asks, what it does with the
 * answers, and what it tells. test_fleet_lists.c has the share of Redis.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <poll.h>

#include "http_stub.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"
#include "rcptguard/feeds.h"

#define DEADLINE_MS 20000

/* What the share answers, and heard; the worker's and the test's, under the lock. */
struct script {
    pthread_mutex_t lock;
    enum feeds_share_answer answers[3]; /* by wish; to every look */
    struct feeds_share_found found;
    char body[4096]; /* BODY */
    unsigned begun[3], ended, came, steps_after_lead;
    bool came_ok, came_packed, heeds;
    char came_body[1 << 17], came_etag[64], came_why[256], identity[256];
    unsigned char came_sha256[SHA256_BYTES], have[SHA256_BYTES];
    bool has;
    uint64_t seen;
};

struct feeds_share_look {
    struct script *script;
    struct feeds_share_order order;
    bool led, given;
    struct feeds_share_came came;
};

struct house {
    char dir[64], url[160];
    struct queue *loop;
    struct feeds *feeds;
    struct blocklist *bl;
    struct feed_config feed;
    struct feeds_config config;
    struct protect *protect;
    struct http_stub *stub;
    struct script script;
    int result;
};

/* ---- the share ------------------------------------------------------------------------------ */

static void note_order(struct script *s, const struct feeds_share_order *order)
{
    struct text identity = text_on(s->identity, sizeof s->identity);

    for (size_t i = 0; i < order->identity.len; i++)
        text_addf(&identity, "%c", order->identity.ptr[i] == '\0' ? '|' : order->identity.ptr[i]);
    s->has = order->have[0] != NULL;
    if (s->has)
        memcpy(s->have, order->have[0], SHA256_BYTES);
    s->heeds = order->heed_failures;
}

static struct feeds_share_look *begin(const struct feeds_share_order *order, void *arg)
{
    struct script *s = arg;
    struct feeds_share_look *look = calloc(1, sizeof *look);

    assert_non_null(look);
    look->script = s;
    look->order = *order;
    pthread_mutex_lock(&s->lock);
    s->begun[order->wish]++;
    s->seen = order->seen;
    if (order->wish != FEEDS_SHARE_NEWS)
        note_order(s, order);
    pthread_mutex_unlock(&s->lock);
    return look;
}

static void take_what_came(struct feeds_share_look *look)
{
    struct script *s = look->script;
    struct text body = text_on(s->came_body, sizeof s->came_body);
    struct view bytes = VIEW_NONE;

    s->came++;
    look->given = true;
    if (!s->came_ok)
        return;
    do {
        assert_int_equal(look->came.next(look->came.from, &bytes, NULL), 0);
        text_add_view(&body, bytes);
    } while (bytes.len > 0);
}

static enum feeds_share_answer step_locked(struct feeds_share_look *look,
                                           struct feeds_share_found *found)
{
    struct script *s = look->script;
    enum feeds_share_answer answer = s->answers[look->order.wish];

    if (look->came.next != NULL || look->came.why != NULL) {
        if (!look->given)
            take_what_came(look);
        return FEEDS_SHARE_NOTHING;
    }
    if (look->led) {
        s->steps_after_lead++;
        return FEEDS_SHARE_LEAD;
    }
    *found = s->found;
    look->led = answer == FEEDS_SHARE_LEAD;
    if (answer == FEEDS_SHARE_BODY) {
        assert_int_equal(look->order.take(view_of("junk"), true, look->order.arg), 0);
        assert_int_equal(look->order.take(view_of(s->body), true, look->order.arg), 0);
    }
    return answer;
}

static enum feeds_share_answer step(struct feeds_share_look *look, struct feeds_share_found *found)
{
    memset(found, 0, sizeof *found);
    pthread_mutex_lock(&look->script->lock);
    enum feeds_share_answer answer = step_locked(look, found);
    pthread_mutex_unlock(&look->script->lock);
    return answer;
}

static void came(struct feeds_share_look *look, const struct feeds_share_came *c)
{
    struct script *s = look->script;
    struct text etag = text_on(s->came_etag, sizeof s->came_etag);
    struct text why = text_on(s->came_why, sizeof s->came_why);

    pthread_mutex_lock(&s->lock);
    look->came = *c;
    s->came_ok = c->ok;
    s->came_packed = c->packed;
    if (c->ok) {
        text_add(&etag, c->etag);
        memcpy(s->came_sha256, c->sha256, SHA256_BYTES);
    } else {
        text_add(&why, c->why);
        look->came.why = "";
    }
    pthread_mutex_unlock(&s->lock);
}

static void end(struct feeds_share_look *look)
{
    pthread_mutex_lock(&look->script->lock);
    look->script->ended++;
    pthread_mutex_unlock(&look->script->lock);
    free(look);
}

static void answers(struct house *h, enum feeds_share_wish wish, enum feeds_share_answer answer)
{
    pthread_mutex_lock(&h->script.lock);
    h->script.answers[wish] = answer;
    pthread_mutex_unlock(&h->script.lock);
}

static void shares(struct house *h, const char *body, const char *etag, int64_t age_ms)
{
    struct script *s = &h->script;
    struct text b = text_on(s->body, sizeof s->body);
    struct text e = text_on(s->found.etag, sizeof s->found.etag);

    pthread_mutex_lock(&s->lock);
    text_add(&b, body);
    text_add(&e, etag);
    s->found.age_ms = age_ms;
    s->found.mark++;
    pthread_mutex_unlock(&s->lock);
}

/* ---- the house ------------------------------------------------------------------------------ */

static void on_log(enum log_level level, const char *line, void *arg)
{
    (void)arg;
    if (getenv("RCPTGUARD_TEST_LOG") != NULL)
        fprintf(stderr, "[%d] %s\n", (int)level, line);
}

static void on_blocklist(struct blocklist *bl, void *arg)
{
    struct house *h = arg;

    feeds_retire(h->feeds, h->bl);
    h->bl = bl;
}

static void on_done(enum feeds_result result, void *arg)
{
    ((struct house *)arg)->result = (int)result;
}

static int setup(void **state)
{
    struct house *h = calloc(1, sizeof *h);
    struct text url;
    struct error why;

    assert_non_null(h);
    strcpy(h->dir, "/tmp/rcptguard-share.XXXXXX");
    assert_non_null(mkdtemp(h->dir));
    h->stub = stub_start();
    stub_set(h->stub, "\"server\"", "server@example.org\n");
    url = text_on(h->url, sizeof h->url);
    text_addf(&url, "http://127.0.0.1:%d/list", h->stub->port);
    h->feed = (struct feed_config){
        .name = "list",
        .url = h->url,
        .format = "entries",
        .secret = "hush",
        .userpwd = "relay:${secret}",
        .refresh_s = 3600,
        .hold_s = 3600,
        .timeout_s = 60,
        .min_entries = 1,
        .max_protected = 3,
        .max_bytes = 1 << 20,
        .max_shrink = 0.2,
        .max_grow = 100,
        .max_bad = 0.05,
    };
    h->protect = protect_load(NULL, &why);
    h->config = (struct feeds_config){.state_dir = h->dir,
                                      .addresses = {.delimiter = "+", .provider_aliases = true},
                                      .protect = h->protect,
                                      .feeds = &h->feed,
                                      .n_feeds = 1};
    h->loop = queue_new(16);
    pthread_mutex_init(&h->script.lock, NULL);
    log_set_sink(on_log, NULL);
    *state = h;
    return 0;
}

static void start(struct house *h)
{
    const struct feeds_events events = {.blocklist = on_blocklist, .arg = h};
    const struct feeds_share share = {
        .arg = &h->script, .begin = begin, .step = step, .came = came, .end = end};
    struct error why;

    h->feeds = feeds_new(&h->config, h->loop, &events, &h->bl, &why);
    if (h->feeds == NULL)
        fail_msg("%s", why.text);
    assert_int_equal(feeds_share(h->feeds, &share), 0);
    assert_int_equal(feeds_start(h->feeds, &why), 0);
}

static void stop(struct house *h)
{
    if (h->feeds == NULL)
        return;
    feeds_stop(h->feeds);
    queue_run(h->loop);
    feeds_retire(h->feeds, h->bl);
    feeds_free(h->feeds);
    h->feeds = NULL;
    h->bl = NULL;
    /* Every look that was begun was ended, by the worker. */
    unsigned begun = h->script.begun[0] + h->script.begun[1] + h->script.begun[2];
    assert_int_equal(begun, h->script.ended);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static int teardown(void **state)
{
    struct house *h = *state;

    stop(h);
    stub_stop(h->stub);
    queue_free(h->loop);
    protect_release(h->protect);
    pthread_mutex_destroy(&h->script.lock);
    nftw(h->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    log_set_sink(NULL, NULL);
    free(h);
    return 0;
}

typedef bool condition(struct house *h, const void *arg);

static bool wait_for(struct house *h, condition *is_so, const void *arg)
{
    int64_t until = clock_mono_ms() + DEADLINE_MS;

    while (!is_so(h, arg)) {
        struct pollfd p = {.fd = queue_fd(h->loop), .events = POLLIN};
        if (clock_mono_ms() >= until)
            return false;
        poll(&p, 1, 10);
        queue_run(h->loop);
    }
    return true;
}

#define assert_soon(h, is_so, arg) assert_true(wait_for(h, is_so, arg))

static bool lists(struct house *h, const void *key)
{
    struct listing found[2];

    return h->bl != NULL &&
           blocklist_find(h->bl, view_of(key), ENTRY_BIT(ENTRY_ADDRESS), found, 2) > 0;
}

static const struct feed_status *status(const struct house *h)
{
    return feeds_status_of(h->feeds, view_of("list"));
}

static bool has_state(struct house *h, const void *state)
{
    return status(h)->state == *(const enum feed_state *)state && status(h)->progress[0] == '\0';
}

#define STATE(state) (&(enum feed_state){state})

static unsigned number(struct house *h, const unsigned *of)
{
    pthread_mutex_lock(&h->script.lock);
    unsigned n = *of;
    pthread_mutex_unlock(&h->script.lock);
    return n;
}

static bool has_come(struct house *h, const void *n)
{
    return number(h, &h->script.came) == *(const unsigned *)n;
}

#define COUNT(n) (&(unsigned){n})

static bool has_news_looks(struct house *h, const void *n)
{
    return number(h, &h->script.begun[FEEDS_SHARE_NEWS]) >= *(const unsigned *)n &&
           number(h, &h->script.ended) ==
               h->script.begun[0] + h->script.begun[1] + h->script.begun[2];
}

static bool has_result(struct house *h, const void *arg)
{
    (void)arg;
    return h->result >= 0;
}

static enum feeds_result refresh(struct house *h)
{
    h->result = -1;
    assert_non_null(feeds_refresh(h->feeds, view_of("list"), on_done, h));
    assert_soon(h, has_result, NULL);
    return (enum feeds_result)h->result;
}

static int hits(const struct house *h)
{
    return atomic_load(&h->stub->hits);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void test_nobody_to_ask(void **state)
{
    struct house *h = *state;

    start(h);
    assert_soon(h, lists, "server@example.org");
    assert_int_equal(hits(h), 1);
    assert_int_equal(number(h, &h->script.begun[FEEDS_SHARE_FETCH]), 1);
    assert_string_equal(h->script.identity + strlen(h->url), "|relay:hush||");
    assert_false(h->script.has);
    assert_int_equal(refresh(h), FEEDS_DONE);
    assert_int_equal(number(h, &h->script.begun[FEEDS_SHARE_NOW]), 1);
    assert_true(h->script.has);
    assert_int_equal(hits(h), 2);
}

static void test_a_body_is_as_good_as_fetched(void **state)
{
    struct house *h = *state;
    int64_t before = clock_now();

    answers(h, FEEDS_SHARE_FETCH, FEEDS_SHARE_BODY);
    shares(h, "shared@example.org\n", "\"server\"", 600000);
    start(h);
    assert_soon(h, lists, "shared@example.org");
    assert_soon(h, has_state, STATE(FEED_ACCEPTED));
    assert_int_equal(hits(h), 0);
    assert_false(lists(h, "junk"));
    /* It is due when it would be for who fetched it, ten minutes ago. */
    assert_true(status(h)->next_fetch <= before + 3600 + 360 - 600 + DEADLINE_MS / 1000);
    assert_true(status(h)->next_fetch >= before + 3600 - 600);
    assert_true(status(h)->last_success <= clock_now() - 599);

    /* Its ETag is sent when it is this relay's turn, and what came is told. */
    answers(h, FEEDS_SHARE_NOW, FEEDS_SHARE_LEAD);
    assert_int_equal(refresh(h), FEEDS_DONE);
    assert_string_equal(h->stub->last_if_none_match, "\"server\"");
    assert_soon(h, has_come, COUNT(1));
    assert_true(h->script.came_ok);
    assert_string_equal(h->script.came_body, "shared@example.org\n");
    assert_string_equal(h->script.came_etag, "\"server\"");
    assert_memory_equal(h->script.came_sha256, h->script.have, SHA256_BYTES);
}

static void test_guards_judge_it(void **state)
{
    struct house *h = *state;

    answers(h, FEEDS_SHARE_FETCH, FEEDS_SHARE_BODY);
    shares(h, "shared@example.org\n", "", 0);
    start(h);
    assert_soon(h, lists, "shared@example.org");
    shares(h, "<html><body>Sign in</body></html>\n", "", 0);
    answers(h, FEEDS_SHARE_NEWS, FEEDS_SHARE_BODY);
    feeds_share_news(h->feeds);
    assert_soon(h, has_state, STATE(FEED_REFUSED));
    assert_true(lists(h, "shared@example.org"));
    assert_string_equal(status(h)->guard, "html");
    assert_int_equal(hits(h), 0);
}

static void test_who_leads_tells_what_came(void **state)
{
    struct house *h = *state;

    answers(h, FEEDS_SHARE_FETCH, FEEDS_SHARE_LEAD);
    answers(h, FEEDS_SHARE_NOW, FEEDS_SHARE_LEAD);
    start(h);
    assert_soon(h, lists, "server@example.org");
    assert_soon(h, has_come, COUNT(1));
    assert_true(h->script.came_ok);
    assert_false(h->script.came_packed);
    assert_string_equal(h->script.came_body, "server@example.org\n");
    assert_string_equal(h->script.came_etag, "\"server\"");

    assert_int_equal(refresh(h), FEEDS_DONE); /* 304 */
    assert_soon(h, has_come, COUNT(2));
    assert_string_equal(h->script.came_body, "server@example.org\n");
}

static void test_who_leads_in_vain(void **state)
{
    struct house *h = *state;
    struct text url = text_on(strrchr(h->url, '/'), 8);

    text_add(&url, "/broken");
    answers(h, FEEDS_SHARE_FETCH, FEEDS_SHARE_LEAD);
    start(h);
    assert_soon(h, has_state, STATE(FEED_FAILED));
    assert_soon(h, has_come, COUNT(1));
    assert_false(h->script.came_ok);
    assert_non_null(strstr(h->script.came_why, "503"));
}

/* Others see a copy that the guards here refuse: theirs may take it. */
static void test_what_is_refused_here_is_told(void **state)
{
    struct house *h = *state;

    stub_set(h->stub, "\"page\"", "<html><body>Sign in</body></html>\n");
    answers(h, FEEDS_SHARE_FETCH, FEEDS_SHARE_LEAD);
    start(h);
    assert_soon(h, has_state, STATE(FEED_REFUSED));
    assert_soon(h, has_come, COUNT(1));
    assert_string_equal(h->script.came_body, "<html><body>Sign in</body></html>\n");
}

static void test_a_lease_is_looked_after_and_given_back(void **state)
{
    struct house *h = *state;
    struct text url = text_on(strrchr(h->url, '/'), 8);

    text_add(&url, "/hang");
    answers(h, FEEDS_SHARE_FETCH, FEEDS_SHARE_LEAD);
    start(h);
    int64_t until = clock_mono_ms() + DEADLINE_MS;
    while (number(h, &h->script.steps_after_lead) < 3 && clock_mono_ms() < until)
        poll(NULL, 0, 10);
    assert_true(number(h, &h->script.steps_after_lead) >= 3);
    assert_int_equal(number(h, &h->script.ended), 0);
    stop(h); /* sees to it that it was ended */
    assert_int_equal(h->script.came, 0);
}

static void test_waiting_ends(void **state)
{
    struct house *h = *state;

    h->feed.timeout_s = 1;
    answers(h, FEEDS_SHARE_FETCH, FEEDS_SHARE_WAIT);
    int64_t began = clock_mono_ms();
    start(h);
    assert_soon(h, lists, "server@example.org");
    assert_true(clock_mono_ms() - began >= 1000);
    assert_int_equal(hits(h), 1);
    /* The other relay is quicker. */
    answers(h, FEEDS_SHARE_NOW, FEEDS_SHARE_WAIT);
    h->result = -1;
    assert_non_null(feeds_refresh(h->feeds, view_of("list"), on_done, h));
    shares(h, "shared@example.org\n", "", 0);
    answers(h, FEEDS_SHARE_NOW, FEEDS_SHARE_BODY);
    assert_soon(h, has_result, NULL);
    assert_true(lists(h, "shared@example.org"));
    assert_int_equal(hits(h), 1);
}

static void test_failures_of_others(void **state)
{
    struct house *h = *state;

    answers(h, FEEDS_SHARE_FETCH, FEEDS_SHARE_FAILED);
    error_set(&h->script.found.why, ERR_IO, "relay mx2 could not fetch it");
    h->script.found.retry_s = 1;
    h->feed.refresh_s = 1; /* so that it is not left alone for 30 s */
    start(h);
    assert_soon(h, has_state, STATE(FEED_FAILED));
    assert_string_equal(status(h)->last_error, "relay mx2 could not fetch it");
    assert_int_equal(hits(h), 0);
    int64_t until = clock_mono_ms() + DEADLINE_MS;
    bool heeds = true;
    while (heeds && clock_mono_ms() < until) {
        pthread_mutex_lock(&h->script.lock);
        heeds = h->script.heeds;
        pthread_mutex_unlock(&h->script.lock);
        poll(NULL, 0, 10);
    }
    assert_false(heeds); /* after two of them it wants to see for itself */
    assert_int_equal(number(h, &h->script.begun[FEEDS_SHARE_FETCH]), 3);
}

static void test_news(void **state)
{
    struct house *h = *state;

    answers(h, FEEDS_SHARE_FETCH, FEEDS_SHARE_LEAD);
    start(h);
    assert_soon(h, lists, "server@example.org");
    assert_soon(h, has_news_looks, COUNT(0));
    unsigned n = number(h, &h->script.begun[FEEDS_SHARE_NEWS]);
    int64_t success = status(h)->last_success;
    feeds_share_news(h->feeds); /* there are none */
    assert_soon(h, has_news_looks, COUNT(n + 1));
    assert_int_equal(status(h)->state, FEED_ACCEPTED);

    shares(h, "shared@example.org\nserver@example.org\n", "", 0);
    answers(h, FEEDS_SHARE_NEWS, FEEDS_SHARE_BODY);
    feeds_share_news(h->feeds);
    assert_soon(h, lists, "shared@example.org");
    assert_soon(h, has_state, STATE(FEED_ACCEPTED));
    answers(h, FEEDS_SHARE_NEWS, FEEDS_SHARE_SAME);
    feeds_share_news(h->feeds);
    assert_soon(h, has_state, STATE(FEED_UNCHANGED));
    assert_true(h->script.seen == h->script.found.mark);
    assert_true(status(h)->last_success >= success);
    assert_int_equal(hits(h), 1);
}

/* What goes with one list is not thrown away by a look that saw the other only. */
static void test_news_before_anything_is_here(void **state)
{
    struct house *h = *state;
    struct text url = text_on(strrchr(h->url, '/'), 8);

    text_add(&url, "/broken");
    start(h);
    assert_soon(h, has_state, STATE(FEED_FAILED));
    feeds_share_news(h->feeds);
    assert_soon(h, has_news_looks, COUNT(1));
    assert_int_equal(status(h)->state, FEED_FAILED);
    shares(h, "shared@example.org\n", "", 0);
    answers(h, FEEDS_SHARE_NEWS, FEEDS_SHARE_BODY);
    feeds_share_news(h->feeds);
    assert_soon(h, lists, "shared@example.org");
    assert_soon(h, has_state, STATE(FEED_ACCEPTED));
}

static void test_the_same(void **state)
{
    struct house *h = *state;

    answers(h, FEEDS_SHARE_FETCH, FEEDS_SHARE_BODY);
    shares(h, "shared@example.org\n", "\"a\"", 0);
    start(h);
    assert_soon(h, lists, "shared@example.org");
    shares(h, "", "\"server\"", 0);
    answers(h, FEEDS_SHARE_NOW, FEEDS_SHARE_SAME);
    assert_int_equal(refresh(h), FEEDS_DONE);
    assert_int_equal(status(h)->state, FEED_UNCHANGED);
    assert_int_equal(hits(h), 0);
    answers(h, FEEDS_SHARE_NOW, FEEDS_SHARE_NOTHING);
    assert_int_equal(refresh(h), FEEDS_DONE);
    assert_string_equal(h->stub->last_if_none_match, "\"server\"");
}

/* A person does not wait for what the schedule began. */
static void test_a_person_comes_between(void **state)
{
    struct house *h = *state;

    answers(h, FEEDS_SHARE_FETCH, FEEDS_SHARE_WAIT);
    start(h);
    int64_t until = clock_mono_ms() + DEADLINE_MS;
    while (number(h, &h->script.begun[FEEDS_SHARE_FETCH]) == 0 && clock_mono_ms() < until)
        poll(NULL, 0, 10);
    answers(h, FEEDS_SHARE_NOW, FEEDS_SHARE_LEAD);
    assert_int_equal(refresh(h), FEEDS_DONE);
    assert_true(lists(h, "server@example.org"));
    assert_soon(h, has_come, COUNT(1));
}

static void test_files_are_nobody_elses(void **state)
{
    struct house *h = *state;
    char path[128];
    struct text t = text_on(path, sizeof path), url = text_on(h->url, sizeof h->url);

    text_addf(&t, "%s/list", h->dir);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs("file@example.org\n", f);
    fclose(f);
    text_addf(&url, "file:%s", path);
    start(h);
    assert_soon(h, lists, "file@example.org");
    feeds_share_news(h->feeds);
    assert_int_equal(refresh(h), FEEDS_DONE);
    assert_int_equal(h->script.begun[0] + h->script.begun[1] + h->script.begun[2], 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_nobody_to_ask),
        T(test_a_body_is_as_good_as_fetched),
        T(test_guards_judge_it),
        T(test_who_leads_tells_what_came),
        T(test_who_leads_in_vain),
        T(test_what_is_refused_here_is_told),
        T(test_a_lease_is_looked_after_and_given_back),
        T(test_waiting_ends),
        T(test_failures_of_others),
        T(test_news),
        T(test_news_before_anything_is_here),
        T(test_the_same),
        T(test_a_person_comes_between),
        T(test_files_are_nobody_elses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
