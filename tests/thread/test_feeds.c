/*
 * The worker from outside, as the daemon sees it: a small loop that waits on its queue, feeds in a
 * directory of its own. Nothing sleeps; every wait ends with its condition or fails at a deadline.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http_stub.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/file.h"
#include "rcptguard/base/log.h"
#include "rcptguard/feeds.h"

#define DEADLINE_MS 20000
#define MAX_FEEDS   3

/* The worker's, until it said that a request ended or COUNT went up. */
struct told {
    const struct blocklist *last_made;
    char changes[1024]; /* "+key-key|", a swap */
    bool wrong_old;
    atomic_uint count;
};

struct house {
    char dir[64], state[96];
    struct queue *loop;
    struct feeds *feeds;
    struct blocklist *bl;
    unsigned swaps;
    struct feed_config configs[MAX_FEEDS];
    char urls[MAX_FEEDS][160], cleared[MAX_FEEDS][160];
    struct feeds_config config;
    struct protect *protect;
    struct http_stub *stub;
    int result; /* of the last request, -1: none yet */
    struct told *worker;
};

/* The worker stands still in the first log line with these words, until it is let go. */
struct halt {
    const char *words; /* NULL: nowhere */
    atomic_bool reached, go_on;
};

static void stand_still(struct halt *halt)
{
    int64_t end = clock_mono_ms() + DEADLINE_MS;

    if (atomic_exchange(&halt->reached, true))
        return;
    while (!atomic_load(&halt->go_on) && clock_mono_ms() < end)
        sched_yield();
}

static void on_log(enum log_level level, const char *line, void *arg)
{
    struct halt *halt = arg;

    if (halt != NULL && strstr(line, halt->words) != NULL)
        stand_still(halt);
    if (getenv("RCPTGUARD_TEST_LOG") != NULL)
        fprintf(stderr, "[%d] %s\n", (int)level, line);
}

static void on_blocklist(struct blocklist *bl, void *arg)
{
    struct house *h = arg;
    if (h->bl != NULL)
        feeds_retire(h->feeds, h->bl);
    h->bl = bl;
    h->swaps++;
}

static void on_status(const struct feed_status *status, void *arg)
{
    (void)status;
    (void)arg;
}

static void add_change(struct told *told, char sign, struct view key)
{
    size_t len = strlen(told->changes);
    snprintf(told->changes + len, sizeof told->changes - len, "%c%.*s", sign, (int)key.len,
             key.ptr);
}

static int on_change(struct view key, uint8_t kind, bool added, void *arg)
{
    (void)kind;
    add_change(arg, added ? '+' : '-', key);
    return 0;
}

static uint16_t list_called(const struct blocklist *bl, const char *name)
{
    for (size_t i = 0; bl != NULL && i < blocklist_lists(bl); i++)
        if (strcmp(blocklist_list(bl, i)->name, name) == 0)
            return (uint16_t)i;
    return BLOCKLIST_MAX_LISTS; /* no listing is of it */
}

/* Reads both as a history does: one that was freed too early is seen by the sanitizers. */
static void on_swapped(const struct blocklist *old, const struct blocklist *made, void *arg)
{
    struct told *told = ((struct house *)arg)->worker;

    told->wrong_old |= old != told->last_made || made == NULL;
    told->last_made = made;
    blocklist_diff(old, list_called(old, "list"), made, list_called(made, "list"), on_change, told);
    add_change(told, '|', view_of(""));
    atomic_fetch_add(&told->count, 1);
}

static void on_done(enum feeds_result result, void *arg)
{
    struct house *h = arg;
    h->result = (int)result;
}

/* "FRONT/BACK"; valid until the next call but three. */
static const char *join(const char *front, const char *back)
{
    static char paths[4][PATH_MAX];
    static unsigned turn;
    struct text t = text_on(paths[turn % 4], PATH_MAX);

    text_add(&t, front);
    text_add(&t, "/");
    text_add(&t, back);
    return paths[turn++ % 4];
}

static void write_file(const struct house *h, const char *name, const char *text)
{
    struct error why;

    if (file_replace(join(h->dir, name), 0644, &(struct file_part){text, strlen(text)}, 1, &why) <
        0)
        fail_msg("%s", why.text);
}

static void write_addresses(const struct house *h, const char *name, unsigned from, unsigned count)
{
    struct buf b = BUF_INIT(0);
    for (unsigned i = from; i < from + count; i++)
        buf_addf(&b, "user%u@example.org\n", i);
    write_file(h, name, b.data);
    buf_free(&b);
}

static void remove_tree(const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        char *inner = NULL;
        assert_true(asprintf(&inner, "%s/%s", path, e->d_name) > 0);
        if (unlink(inner) != 0)
            remove_tree(inner);
        free(inner);
    }
    if (dir != NULL)
        closedir(dir);
    rmdir(path);
}

static struct feed_config *set_feed(struct house *h, size_t i, const char *name, const char *format)
{
    struct text url = text_on(h->urls[i], sizeof h->urls[i]);
    text_addf(&url, "file:%s", join(h->dir, name));
    h->configs[i] = (struct feed_config){
        .name = name,
        .url = h->urls[i],
        .format = format,
        .types = 15,
        .refresh_s = 3600,
        .hold_s = 3600,
        .timeout_s = 60,
        .min_entries = 1,
        .max_protected = 3,
        .max_bytes = 1 << 26,
        .max_shrink = 0.2,
        .max_grow = 1.0,
        .max_bad = 0.05,
    };
    if (h->config.n_feeds <= i)
        h->config.n_feeds = i + 1;
    return &h->configs[i];
}

static int setup(void **state)
{
    struct house *h = calloc(1, sizeof *h);
    struct error why;

    assert_non_null(h);
    h->worker = calloc(1, sizeof *h->worker);
    assert_non_null(h->worker);
    strcpy(h->dir, "/tmp/rcptguard-feeds.XXXXXX");
    assert_non_null(mkdtemp(h->dir));
    struct text path = text_on(h->state, sizeof h->state);
    text_addf(&path, "%s/state", h->dir);
    h->loop = queue_new(16);
    h->protect = protect_load(NULL, &why);
    h->config = (struct feeds_config){.state_dir = h->state,
                                      .addresses = {.delimiter = "+", .provider_aliases = true},
                                      .protect = h->protect,
                                      .feeds = h->configs};
    log_set_sink(on_log, NULL);
    *state = h;
    return 0;
}

static void start(struct house *h)
{
    const struct feeds_events events = {
        .blocklist = on_blocklist, .status = on_status, .swapped = on_swapped, .arg = h};
    struct error why;

    h->feeds = feeds_new(&h->config, h->loop, &events, &h->bl, &why);
    if (h->feeds == NULL)
        fail_msg("%s", why.text);
    h->worker->last_made = h->bl; /* nothing was swapped yet */
    if (feeds_start(h->feeds, &why) < 0)
        fail_msg("%s", why.text);
    assert_true(feeds_silent_ms(h->feeds) < 60000); /* also before its first turn */
}

static void stop(struct house *h)
{
    if (h->feeds == NULL)
        return;
    feeds_stop(h->feeds);
    queue_run(h->loop);
    if (h->bl != NULL)
        feeds_retire(h->feeds, h->bl);
    feeds_free(h->feeds);
    h->feeds = NULL;
    h->bl = NULL;
}

static int teardown(void **state)
{
    struct house *h = *state;

    stop(h);
    assert_false(h->worker->wrong_old);
    clock_set(-1, -1);
    if (h->stub != NULL)
        stub_stop(h->stub);
    queue_free(h->loop);
    protect_release(h->protect);
    remove_tree(h->dir);
    log_set_sink(NULL, NULL);
    free(h->worker);
    free(h);
    return 0;
}

typedef bool condition(const struct house *h, const void *arg);

static bool wait_for(struct house *h, condition *is_so, const void *arg)
{
    int64_t end = clock_mono_ms() + DEADLINE_MS;

    while (!is_so(h, arg)) {
        int64_t left = end - clock_mono_ms();
        struct pollfd p = {.fd = queue_fd(h->loop), .events = POLLIN};
        if (left <= 0)
            return false;
        poll(&p, 1, (int)left);
        queue_run(h->loop);
    }
    return true;
}

static bool is_listed(const struct house *h, const void *key)
{
    struct listing found[4];
    return h->bl != NULL && blocklist_find(h->bl, view_of(key),
                                           ENTRY_BIT(ENTRY_ADDRESS) | ENTRY_BIT(ENTRY_DOMAIN) |
                                               ENTRY_BIT(ENTRY_TREE) | ENTRY_BIT(ENTRY_BELOW),
                                           found, 4) > 0;
}

static bool is_not_listed(const struct house *h, const void *key)
{
    return !is_listed(h, key);
}

struct feed_is {
    const char *name;
    enum feed_state state;
};

static bool feed_is(const struct house *h, const void *arg)
{
    const struct feed_is *want = arg;
    const struct feed_status *s = feeds_status_of(h->feeds, view_of(want->name));
    return s != NULL && s->state == want->state && s->last_fetch != 0;
}

static bool has_result(const struct house *h, const void *arg)
{
    (void)arg;
    return h->result >= 0;
}

#define assert_soon(h, is_so, arg) assert_true(wait_for(h, is_so, arg))

static enum feeds_result accept_now(struct house *h, const char *name)
{
    h->result = -1;
    assert_non_null(feeds_accept(h->feeds, view_of(name), on_done, h));
    assert_int_equal(h->result, -1); /* never before it returns */
    assert_soon(h, has_result, NULL);
    return (enum feeds_result)h->result;
}

static enum feeds_result refresh_now(struct house *h, const char *name)
{
    h->result = -1;
    assert_non_null(feeds_refresh(h->feeds, view_of(name), on_done, h));
    assert_int_equal(h->result, -1);
    assert_soon(h, has_result, NULL);
    return (enum feeds_result)h->result;
}

static const struct feed_status *status_of(const struct house *h, const char *name)
{
    const struct feed_status *s = feeds_status_of(h->feeds, view_of(name));
    assert_non_null(s);
    return s;
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void test_file_feed_lives(void **state)
{
    struct house *h = *state;

    set_feed(h, 0, "list", "entries");
    write_file(h, "list", "jane@example.org\n.evil.example\nbad row here\n");
    h->configs[0].max_bad = 0.5;
    start(h);
    assert_null(h->bl);
    assert_soon(h, is_listed, "jane@example.org");
    assert_soon(h, feed_is, (&(struct feed_is){"list", FEED_ACCEPTED}));
    assert_int_equal(status_of(h, "list")->entries, 2);
    assert_int_equal(status_of(h, "list")->active, 2);
    assert_int_equal(status_of(h, "list")->bad_rows, 1);
    assert_string_equal(status_of(h, "list")->last_error, "");
    assert_true(status_of(h, "list")->next_fetch > status_of(h, "list")->last_fetch);

    write_file(h, "list", "john@example.org\n");
    assert_soon(h, is_listed, "john@example.org");
    assert_false(is_listed(h, "jane@example.org"));

    unlink(join(h->dir, "list"));
    assert_soon(h, feed_is, (&(struct feed_is){"list", FEED_FAILED}));
    assert_true(is_listed(h, "john@example.org"));
    assert_non_null(strstr(status_of(h, "list")->last_error, "list"));
    assert_int_equal(refresh_now(h, "list"), FEEDS_FAILED);

    write_file(h, "list", "john@example.org\n");
    assert_soon(h, feed_is, (&(struct feed_is){"list", FEED_UNCHANGED}));
    assert_int_equal(refresh_now(h, "nosuch"), FEEDS_UNKNOWN);
}

static void test_refresh_ends_with_the_list_in_force(void **state)
{
    struct house *h = *state;

    set_feed(h, 0, "list", "entries");
    write_file(h, "list", "a0@example.org\n");
    start(h);
    assert_soon(h, is_listed, "a0@example.org");
    for (int i = 1; i < 30; i++) {
        char row[64];
        snprintf(row, sizeof row, "a%d@example.org\n", i);
        write_file(h, "list", row);
        assert_int_equal(refresh_now(h, "list"), FEEDS_DONE);
        row[strlen(row) - 1] = '\0';
        assert_true(is_listed(h, row));
    }
}

static void test_forgotten_request_is_silent(void **state)
{
    struct house *h = *state;

    set_feed(h, 0, "list", "entries");
    write_file(h, "list", "a@example.org\n");
    start(h);
    h->result = -1;
    struct feeds_request *r = feeds_refresh(h->feeds, view_of("nosuch"), on_done, h);
    assert_non_null(r);
    feeds_forget(r);
    assert_int_equal(refresh_now(h, "list"), FEEDS_DONE);
}

static bool may_ask(const struct house *h, const void *name)
{
    struct feeds_request *r = feeds_refresh(h->feeds, view_of(name), on_done, (void *)h);
    if (r != NULL)
        feeds_forget(r);
    return r != NULL;
}

/* Who asks and leaves at once does not fill the memory. */
static void test_requests_have_a_limit(void **state)
{
    struct house *h = *state;

    set_feed(h, 0, "list", "entries");
    write_file(h, "list", "a@example.org\n");
    start(h);
    /* None ends before the loop's queue is run. */
    for (unsigned i = 0; i < FEEDS_MAX_REQUESTS; i++)
        assert_true(may_ask(h, "list"));
    assert_false(may_ask(h, "list"));
    assert_true(wait_for(h, may_ask, "list"));
}

static enum feeds_result roll_back(struct house *h, const char *name)
{
    h->result = -1;
    assert_non_null(feeds_rollback(h->feeds, view_of(name), on_done, h));
    assert_int_equal(h->result, -1);
    assert_soon(h, has_result, NULL);
    return (enum feeds_result)h->result;
}

static void take(struct house *h, const char *text, enum feed_state state)
{
    write_file(h, "list", text);
    assert_int_equal(refresh_now(h, "list"), FEEDS_DONE);
    enum feed_state is = status_of(h, "list")->state;
    /* The watch may have been faster. */
    assert_true(is == state || (state == FEED_ACCEPTED && is == FEED_UNCHANGED));
}

static void test_rollback(void **state)
{
    struct house *h = *state;

    set_feed(h, 0, "list", "entries");
    write_file(h, "list", "old@example.org\n");
    start(h);
    assert_soon(h, is_listed, "old@example.org");
    assert_false(status_of(h, "list")->previous);
    assert_int_equal(roll_back(h, "list"), FEEDS_NOTHING);
    assert_int_equal(roll_back(h, "nosuch"), FEEDS_UNKNOWN);

    take(h, "new@example.org\n", FEED_ACCEPTED);
    assert_true(status_of(h, "list")->previous);
    assert_int_equal(roll_back(h, "list"), FEEDS_DONE);
    assert_true(is_listed(h, "old@example.org"));
    assert_false(is_listed(h, "new@example.org"));
    assert_false(status_of(h, "list")->previous);
    assert_int_equal(status_of(h, "list")->state, FEED_HELD);
    assert_string_equal(status_of(h, "list")->guard, "rollback");
    assert_int_equal(status_of(h, "list")->held.until, 0);

    /* The same content is refused, in other bytes too, and after a restart; all the time it is held
     * since the rollback. */
    int64_t since = status_of(h, "list")->held.since;
    while (clock_now() == since)
        sched_yield();
    take(h, "new@example.org\n", FEED_HELD);
    assert_int_equal(status_of(h, "list")->held.since, since);
    take(h, "# today\nNEW@example.org\n", FEED_HELD);
    assert_false(is_listed(h, "new@example.org"));
    stop(h);
    start(h);
    assert_int_equal(refresh_now(h, "list"), FEEDS_DONE);
    assert_int_equal(status_of(h, "list")->state, FEED_HELD);
    assert_true(is_listed(h, "old@example.org"));

    /* Another content is taken, and then there is a copy before again. */
    take(h, "new@example.org\nmore@example.org\n", FEED_ACCEPTED);
    assert_true(is_listed(h, "new@example.org"));
    assert_int_equal(roll_back(h, "list"), FEEDS_DONE);
    assert_true(is_listed(h, "old@example.org"));

    /* Or a person takes it back. */
    assert_int_equal(accept_now(h, "list"), FEEDS_DONE);
    assert_true(is_listed(h, "more@example.org"));
    assert_int_equal(status_of(h, "list")->state, FEED_ACCEPTED);
    assert_true(status_of(h, "list")->previous);
}

/* The copy before is kept compressed; it is all there after a restart. */
static void test_rollback_after_a_restart(void **state)
{
    struct house *h = *state;

    set_feed(h, 0, "list", "entries");
    write_addresses(h, "list", 0, 20000);
    start(h);
    assert_soon(h, is_listed, "user19999@example.org");
    write_addresses(h, "list", 1, 20000);
    assert_int_equal(refresh_now(h, "list"), FEEDS_DONE);
    assert_true(is_listed(h, "user20000@example.org"));
    stop(h);
    start(h);
    assert_int_equal(roll_back(h, "list"), FEEDS_DONE);
    assert_true(is_listed(h, "user0@example.org"));
    assert_false(is_listed(h, "user20000@example.org"));
    assert_int_equal(status_of(h, "list")->entries, 20000);
    stop(h);
    start(h);
    assert_true(is_listed(h, "user0@example.org"));
    assert_int_equal(status_of(h, "list")->state, FEED_HELD);
}

/* Puts a directory in the place of the compressed copy (AWAY), or the copy back. */
static void swap_packed(const struct house *h, bool away)
{
    const char *store = join(h->state, "feeds/list"), *aside = join(h->dir, "aside.gz");
    DIR *dir = opendir(store);

    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (strstr(e->d_name, ".gz") == NULL)
            continue;
        const char *path = join(store, e->d_name);
        assert_int_equal(away ? rename(path, aside) : rmdir(path), 0);
        assert_int_equal(away ? mkdir(path, 0700) : rename(aside, path), 0);
        break;
    }
    closedir(dir);
}

static bool is_packed(const struct house *h, const void *arg)
{
    const char *store = join(h->state, "feeds/list");
    DIR *dir = opendir(store);
    bool found = false;

    (void)arg;
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;)
        found |= strlen(e->d_name) == 64 + 3 && strcmp(e->d_name + 64, ".gz") == 0;
    if (dir != NULL)
        closedir(dir);
    return found;
}

/* A disk that fails for a moment costs neither the list in force nor the one before. */
static void test_rollback_while_the_disk_fails(void **state)
{
    struct house *h = *state;

    set_feed(h, 0, "list", "entries");
    write_file(h, "list", "old@example.org\n");
    start(h);
    assert_soon(h, is_listed, "old@example.org");
    take(h, "new@example.org\n", FEED_ACCEPTED);
    assert_true(is_packed(h, NULL)); /* what was answered is kept */
    swap_packed(h, true);
    assert_int_equal(roll_back(h, "list"), FEEDS_FAILED);
    assert_true(is_listed(h, "new@example.org"));
    assert_true(status_of(h, "list")->previous);
    swap_packed(h, false);
    assert_int_equal(roll_back(h, "list"), FEEDS_DONE);
    assert_true(is_listed(h, "old@example.org"));
}

/* The same set in other bytes is no news: nothing is built, and what is stored is the newer one. */
static void test_the_same_set_is_not_built_again(void **state)
{
    struct house *h = *state;

    set_feed(h, 0, "list", "entries");
    write_file(h, "list", "a@example.org\nb@example.org\n");
    start(h);
    assert_soon(h, is_listed, "a@example.org");
    unsigned swaps = h->swaps;
    take(h, "# of today\r\nb@example.org\r\nA@EXAMPLE.org\r\n", FEED_UNCHANGED);
    take(h, "b@example.org\na@example.org\na@example.org\n", FEED_UNCHANGED);
    assert_int_equal(h->swaps, swaps);
    assert_false(status_of(h, "list")->previous);
    stop(h);
    unlink(join(h->dir, "list"));
    start(h);
    assert_true(is_listed(h, "a@example.org"));
    assert_soon(h, feed_is, (&(struct feed_is){"list", FEED_FAILED}));
    assert_int_equal(h->swaps, swaps);
}

static void test_restart_keeps_everything(void **state)
{
    struct house *h = *state;

    set_feed(h, 0, "list", "entries");
    write_addresses(h, "list", 0, 150);
    start(h);
    assert_soon(h, is_listed, "user7@example.org");
    assert_int_equal(refresh_now(h, "list"), FEEDS_DONE);
    int64_t accepted_at = status_of(h, "list")->accepted_at;
    stop(h);

    unlink(join(h->dir, "list"));
    start(h);
    assert_true(is_listed(h, "user7@example.org"));
    assert_int_equal(status_of(h, "list")->entries, 150);
    assert_int_equal(status_of(h, "list")->active, 150);
    assert_int_equal(status_of(h, "list")->accepted_at, accepted_at);
    assert_soon(h, feed_is, (&(struct feed_is){"list", FEED_FAILED}));
    assert_true(is_listed(h, "user7@example.org"));
}

static void test_held_copy_waits_for_accept(void **state)
{
    struct house *h = *state;

    set_feed(h, 0, "list", "entries");
    write_addresses(h, "list", 0, 200);
    start(h);
    assert_soon(h, is_listed, "user199@example.org");
    assert_int_equal(accept_now(h, "list"), FEEDS_NOTHING);

    write_addresses(h, "list", 0, 100);
    assert_soon(h, feed_is, (&(struct feed_is){"list", FEED_HELD}));
    const struct feed_status *s = status_of(h, "list");
    assert_int_equal(s->held.entries, 100);
    assert_int_equal(s->held.until, s->held.since + 3600);
    assert_string_not_equal(s->held.why, "");
    assert_string_equal(s->guard, "shrink");
    assert_int_equal(s->entries, 200);
    assert_true(is_listed(h, "user199@example.org"));

    /* It outlives a restart, and accept takes exactly it although the file is gone. */
    stop(h);
    unlink(join(h->dir, "list"));
    start(h);
    assert_soon(h, feed_is, (&(struct feed_is){"list", FEED_FAILED}));
    assert_int_equal(status_of(h, "list")->held.entries, 100);
    assert_int_equal(accept_now(h, "list"), FEEDS_DONE);
    assert_true(is_listed(h, "user99@example.org"));
    assert_false(is_listed(h, "user199@example.org"));
    assert_int_equal(status_of(h, "list")->entries, 100);
    assert_int_equal(status_of(h, "list")->held.since, 0);
    assert_int_equal(accept_now(h, "list"), FEEDS_NOTHING);
    assert_int_equal(accept_now(h, "nosuch"), FEEDS_UNKNOWN);
}

static void test_hold_ends_by_itself(void **state)
{
    struct house *h = *state;

    set_feed(h, 0, "list", "entries")->hold_s = 1;
    write_addresses(h, "list", 0, 200);
    start(h);
    assert_soon(h, is_listed, "user199@example.org");
    write_addresses(h, "list", 0, 100);
    assert_soon(h, feed_is, (&(struct feed_is){"list", FEED_HELD}));
    assert_soon(h, is_not_listed, "user199@example.org");
    assert_soon(h, feed_is, (&(struct feed_is){"list", FEED_ACCEPTED}));
}

/* Of two days of hold two days must pass, whatever the clock says meanwhile; and a feed that fails
 * is not left alone until the clock is where it was. */
static void test_clock_that_is_set(void **state)
{
    static const int64_t jumps[] = {10 * 86400, -10 * 86400, 0};
    struct house *h = *state;
    const int64_t begin = clock_now();

    set_feed(h, 0, "list", "entries")->refresh_s = 60;
    write_addresses(h, "list", 0, 200);
    start(h);
    assert_soon(h, is_listed, "user199@example.org");
    write_addresses(h, "list", 0, 100);
    assert_soon(h, feed_is, (&(struct feed_is){"list", FEED_HELD}));
    for (size_t i = 0; i < sizeof jumps / sizeof jumps[0]; i++) {
        int64_t now = begin + jumps[i];
        clock_set(now, -1);
        assert_int_equal(refresh_now(h, "list"), FEEDS_DONE);
        const struct feed_status *s = status_of(h, "list");
        assert_int_equal(s->state, FEED_HELD);
        assert_in_range(s->held.since, now - 60, now + 60);
        assert_int_equal(s->held.until, s->held.since + 3600);
    }
    assert_true(is_listed(h, "user199@example.org"));

    unlink(join(h->dir, "list"));
    assert_int_equal(refresh_now(h, "list"), FEEDS_FAILED);
    clock_set(begin - 5 * 3600, -1);
    assert_int_equal(accept_now(h, "nosuch"), FEEDS_UNKNOWN); /* any turn */
    assert_in_range(status_of(h, "list")->next_fetch, begin - 5 * 3600 - 60,
                    begin - 5 * 3600 + 120);
}

static void test_size_that_heals_is_unchanged(void **state)
{
    struct house *h = *state;

    set_feed(h, 0, "list", "entries");
    write_addresses(h, "list", 0, 200);
    start(h);
    assert_soon(h, is_listed, "user199@example.org");
    write_addresses(h, "list", 0, 100);
    assert_soon(h, feed_is, (&(struct feed_is){"list", FEED_HELD}));
    write_addresses(h, "list", 0, 200);
    assert_soon(h, feed_is, (&(struct feed_is){"list", FEED_UNCHANGED}));
    assert_int_equal(status_of(h, "list")->held.since, 0);
    assert_int_equal(accept_now(h, "list"), FEEDS_NOTHING);
    write_file(h, "list", "<!DOCTYPE html>\n<html><body>login</body></html>\n");
    assert_soon(h, feed_is, (&(struct feed_is){"list", FEED_REFUSED}));
    assert_true(is_listed(h, "user199@example.org"));
}

static bool has_swapped(const struct house *h, const void *arg)
{
    return h->swaps > *(const unsigned *)arg;
}

static int configure(struct feeds *feeds, const struct feeds_config *config)
{
    struct feeds_change *change;
    int rc = feeds_prepare(feeds, config, &change);

    if (rc < 0)
        return rc;
    feeds_change_free(change); /* given up: nothing comes of it */
    rc = feeds_prepare(feeds, config, &change);
    if (rc == 0)
        feeds_configure(feeds, change);
    return rc;
}

static void test_reload(void **state)
{
    struct house *h = *state;

    set_feed(h, 0, "one", "entries");
    set_feed(h, 1, "two", "entries");
    write_file(h, "one", "*.one.example\n");
    write_file(h, "two", "x@two.example\n");
    write_file(h, "three", "x@three.example\n");
    start(h);
    assert_soon(h, is_listed, "one.example");
    assert_soon(h, is_listed, "x@two.example");
    assert_soon(h, feed_is, (&(struct feed_is){"two", FEED_ACCEPTED}));
    assert_int_equal(refresh_now(h, "one"), FEEDS_DONE);

    /* "two" leaves, "three" comes, "one" is shaped otherwise while its file is away. */
    unlink(join(h->dir, "one"));
    struct house next = *h; /* a configuration in use never changes */
    set_feed(&next, 0, "three", "entries");
    set_feed(&next, 1, "one", "entries")->apex = true;
    next.config.feeds = next.configs;
    assert_int_equal(configure(h->feeds, &next.config), 0);
    assert_soon(h, is_listed, "x@three.example");
    assert_soon(h, is_not_listed, "x@two.example");
    assert_string_equal(feeds_status(h->feeds, 0)->name, "three");
    assert_string_equal(feeds_status(h->feeds, 1)->name, "one");
    assert_null(feeds_status(h->feeds, 2));
    struct listing found[2];
    assert_int_equal(blocklist_find(h->bl, view_of("one.example"), ENTRY_BIT(ENTRY_TREE), found, 2),
                     1);
    assert_int_equal(refresh_now(h, "two"), FEEDS_UNKNOWN);
    assert_int_equal(access(join(h->state, "feeds/two"), F_OK), -1);

    unsigned swaps = h->swaps;
    struct feeds_config none = h->config;
    none.n_feeds = 0;
    assert_int_equal(configure(h->feeds, &none), 0);
    assert_soon(h, has_swapped, &swaps);
    assert_int_equal(blocklist_keys(h->bl), 0);
    stop(h);
}

static void write_pairs(const struct house *h, unsigned count)
{
    struct buf b = BUF_INIT(0);
    for (unsigned i = 0; i < count; i++)
        buf_addf(&b, "user%u@example.org,all@example.org\n", i);
    write_file(h, "list", b.data);
    buf_free(&b);
}

static bool has_entries(const struct house *h, const void *count)
{
    return status_of(h, "list")->entries == *(const uint64_t *)count;
}

/* Other settings make other entries of the same copy: that is what is shown, and what the next copy
 * is measured by, for configuration trips no guard. */
static void test_reload_counts_anew(void **state)
{
    struct house *h = *state;

    set_feed(h, 0, "list", "csv")->column = "1";
    write_pairs(h, 200);
    start(h);
    assert_soon(h, is_listed, "user199@example.org");

    struct house next = *h;
    next.config.feeds = next.configs;
    next.configs[0].column = "2";
    assert_int_equal(configure(h->feeds, &next.config), 0);
    assert_soon(h, is_listed, "all@example.org");
    assert_soon(h, has_entries, &(uint64_t){1});
    write_pairs(h, 201);
    assert_int_equal(refresh_now(h, "list"), FEEDS_DONE);
    assert_int_equal(status_of(h, "list")->state, FEED_UNCHANGED);

    assert_int_equal(configure(h->feeds, &h->config), 0);
    assert_soon(h, is_listed, "user200@example.org");
    assert_soon(h, has_entries, &(uint64_t){201});
    stop(h);
}

static void test_another_url_keeps_the_copy(void **state)
{
    struct house *h = *state;

    set_feed(h, 0, "list", "entries");
    write_file(h, "list", "x@example.org\n");
    start(h);
    assert_soon(h, is_listed, "x@example.org");
    struct text url = text_on(h->urls[1], sizeof h->urls[1]);
    text_addf(&url, "file:%s/typo", h->dir);
    struct feed_config changed = h->configs[0];
    changed.url = h->urls[1];
    struct feeds_config config = h->config;
    config.feeds = &changed;
    assert_int_equal(configure(h->feeds, &config), 0);
    assert_soon(h, feed_is, (&(struct feed_is){"list", FEED_FAILED}));
    assert_true(is_listed(h, "x@example.org"));
    write_file(h, "typo", "y@example.org\n");
    assert_soon(h, is_listed, "y@example.org");
    assert_false(is_listed(h, "x@example.org"));
    stop(h);
}

static void test_aper_waits_for_its_cleared_list(void **state)
{
    struct house *h = *state;
    struct feed_config *c = set_feed(h, 0, "aper", "aper");

    struct text url = text_on(h->cleared[0], sizeof h->cleared[0]);
    text_addf(&url, "file://%s/cleared", h->dir);
    c->cleared = h->cleared[0];
    write_file(h, "aper",
               "a@example.org,A,20200101\nb@example.org,B,20200101\ne@example.org,E,20200101\n");
    start(h);
    assert_soon(h, feed_is, (&(struct feed_is){"aper", FEED_FAILED}));
    assert_non_null(strstr(status_of(h, "aper")->last_error, "cleared"));
    assert_false(is_listed(h, "a@example.org"));

    write_file(h, "cleared", "b@example.org,20200101\n");
    assert_soon(h, is_listed, "a@example.org");
    assert_soon(h, feed_is, (&(struct feed_is){"aper", FEED_ACCEPTED}));
    assert_false(is_listed(h, "b@example.org"));
    assert_false(is_listed(h, "e@example.org"));
    assert_int_equal(status_of(h, "aper")->entries, 3);
    assert_int_equal(status_of(h, "aper")->active, 1);

    /* Only the cleared list changes. */
    write_file(h, "cleared", "a@example.org,20200102\n");
    assert_soon(h, is_listed, "b@example.org");
    assert_false(is_listed(h, "a@example.org"));
    /* And goes away: the last good one goes on. */
    unlink(join(h->dir, "cleared"));
    assert_soon(h, feed_is, (&(struct feed_is){"aper", FEED_FAILED}));
    write_file(h, "aper", "a@example.org,A,20200101\nc@example.org,B,20200101\n");
    assert_soon(h, is_listed, "c@example.org");
    assert_false(is_listed(h, "a@example.org"));
}

static void test_entry_max_age_counts(void **state)
{
    struct house *h = *state;

    set_feed(h, 0, "aper", "aper")->entry_max_age_s = 30 * 86400;
    int year, month, day;
    char text[256];
    clock_date((int32_t)(clock_now() / 86400), &year, &month, &day);
    snprintf(text, sizeof text, "old@example.org,A,20100101\nnew@example.org,A,%04d%02d%02d\n",
             year, month, day);
    write_file(h, "aper", text);
    start(h);
    assert_soon(h, is_listed, "old@example.org"); /* judged at look-up */
    assert_soon(h, feed_is, (&(struct feed_is){"aper", FEED_ACCEPTED}));
    assert_int_equal(status_of(h, "aper")->entries, 2);
    assert_int_equal(status_of(h, "aper")->active, 1);
}

static void damage(const char *path)
{
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "\377\377\377\377", 4, 40), 4);
    close(fd);
}

static void start_without_file(struct house *h, const char *damaged)
{
    set_feed(h, 0, "list", "entries");
    write_file(h, "list", "x@example.org\ny@example.org\nz@example.org\n");
    start(h);
    assert_soon(h, is_listed, "x@example.org");
    assert_int_equal(refresh_now(h, "list"), FEEDS_DONE);
    stop(h);
    unlink(join(h->dir, "list"));
    damage(join(h->state, damaged));
    start(h);
}

static void test_damaged_meta_keeps_the_index(void **state)
{
    struct house *h = *state;

    start_without_file(h, "feeds/list/meta");
    assert_true(is_listed(h, "x@example.org"));
    assert_soon(h, feed_is, (&(struct feed_is){"list", FEED_FAILED}));
    assert_int_equal(refresh_now(h, "list"), FEEDS_FAILED);
    assert_true(is_listed(h, "x@example.org"));
    write_file(h, "list", "n@example.org\n");
    assert_soon(h, is_listed, "n@example.org");
}

static void test_damaged_index_is_built_again(void **state)
{
    struct house *h = *state;

    start_without_file(h, "index");
    assert_null(h->bl);
    assert_soon(h, is_listed, "x@example.org");
    assert_soon(h, feed_is, (&(struct feed_is){"list", FEED_FAILED}));
}

static void test_damaged_body_is_not_believed(void **state)
{
    struct house *h = *state;
    const char *body = NULL;

    start_without_file(h, "index");
    assert_soon(h, is_listed, "x@example.org");
    stop(h);
    const char *store = join(h->state, "feeds/list");
    DIR *dir = opendir(store);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir)) != NULL;)
        if (strlen(e->d_name) == 64)
            body = join(store, e->d_name);
    closedir(dir);
    assert_non_null(body);
    FILE *f = fopen(body, "r+");
    assert_non_null(f);
    fputs("q", f); /* a good list, but not the one that was judged */
    fclose(f);
    unlink(join(h->state, "index"));
    start(h);
    assert_soon(h, feed_is, (&(struct feed_is){"list", FEED_FAILED}));
    assert_int_equal(refresh_now(h, "list"), FEEDS_FAILED);
    assert_false(is_listed(h, "x@example.org"));
    assert_false(is_listed(h, "q@example.org"));
    write_file(h, "list", "n@example.org\n");
    assert_soon(h, is_listed, "n@example.org");
}

static void test_list_above_max_bytes_is_not_taken(void **state)
{
    struct house *h = *state;

    set_feed(h, 0, "list", "entries")->max_bytes = 1 << 20;
    write_addresses(h, "list", 0, 100000);
    start(h);
    assert_soon(h, feed_is, (&(struct feed_is){"list", FEED_FAILED}));
    assert_non_null(strstr(status_of(h, "list")->last_error, "1048576"));
    stop(h);
    h->configs[0].max_bytes = 1 << 26;
    start(h);
    assert_soon(h, is_listed, "user99999@example.org");
}

static struct feed_config *set_http_feed(struct house *h, const char *path)
{
    struct feed_config *c = set_feed(h, 0, "list", "entries");
    struct text url = text_on(h->urls[0], sizeof h->urls[0]);

    h->stub = stub_start();
    text_addf(&url, "http://user:hush@127.0.0.1:%d%s", h->stub->port, path);
    return c;
}

static void set_stub(struct house *h, const char *etag, unsigned count)
{
    struct buf b = BUF_INIT(0);
    for (unsigned i = 0; i < count; i++)
        buf_addf(&b, "user%u@example.org\n", i);
    stub_set(h->stub, etag, b.data);
    buf_free(&b);
}

static void refresh_as(struct house *h, const char *asked_etag, enum feed_state state)
{
    assert_int_equal(refresh_now(h, "list"), FEEDS_DONE);
    assert_string_equal(h->stub->last_if_none_match, asked_etag);
    assert_int_equal(status_of(h, "list")->state, state);
}

static void test_http_validators_are_of_what_is_there(void **state)
{
    struct house *h = *state;

    set_http_feed(h, "/list");
    set_stub(h, "\"big\"", 200);
    start(h);
    assert_soon(h, is_listed, "user199@example.org");
    assert_null(strstr(status_of(h, "list")->url, "hush"));
    refresh_as(h, "\"big\"", FEED_UNCHANGED);
    stop(h);
    start(h);
    refresh_as(h, "\"big\"", FEED_UNCHANGED);

    /* Held: its own validators, 304 is the same copy seen again; a restart changes nothing. */
    set_stub(h, "\"small\"", 100);
    refresh_as(h, "\"big\"", FEED_HELD);
    int64_t since = status_of(h, "list")->held.since;
    refresh_as(h, "\"small\"", FEED_HELD);
    stop(h);
    start(h);
    refresh_as(h, "\"small\"", FEED_HELD);
    assert_int_equal(status_of(h, "list")->held.since, since);
    assert_true(is_listed(h, "user199@example.org"));
    set_stub(h, "\"big\"", 200);
    refresh_as(h, "\"small\"", FEED_UNCHANGED);
    set_stub(h, "\"small\"", 100);
    refresh_as(h, "\"big\"", FEED_HELD);
    assert_int_equal(accept_now(h, "list"), FEEDS_DONE);
    assert_false(is_listed(h, "user199@example.org"));
    refresh_as(h, "\"small\"", FEED_UNCHANGED);

    /* Without its body, a copy must not be answered by 304. */
    stop(h);
    const char *store = join(h->state, "feeds/list");
    DIR *dir = opendir(store);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir)) != NULL;)
        if (strlen(e->d_name) == 64)
            unlink(join(store, e->d_name));
    closedir(dir);
    start(h);
    assert_true(is_listed(h, "user99@example.org"));
    assert_soon(h, feed_is, (&(struct feed_is){"list", FEED_UNCHANGED}));
    assert_int_equal(refresh_now(h, "list"), FEEDS_DONE);
    stop(h);
    unlink(join(h->state, "index"));
    stub_set(h->stub, "\"none\"", "");
    start(h);
    assert_soon(h, is_listed, "user99@example.org");
}

/* Once a day the copy is asked for whole: a server that says "not modified" for ever is no reason
 * to keep deleted entries. What it sends is the same then, and nothing is built. */
static void test_a_full_fetch_once_a_day(void **state)
{
    struct house *h = *state;
    int64_t now = 1900000000;

    clock_set(now, -1);
    set_http_feed(h, "/list");
    set_stub(h, "\"big\"", 200);
    start(h);
    assert_soon(h, is_listed, "user199@example.org");
    unsigned swaps = h->swaps;
    refresh_as(h, "\"big\"", FEED_UNCHANGED);
    clock_set(now + 86399, -1);
    refresh_as(h, "\"big\"", FEED_UNCHANGED);
    clock_set(now + 86400, -1);
    refresh_as(h, "", FEED_UNCHANGED);
    refresh_as(h, "\"big\"", FEED_UNCHANGED);
    /* A clock that was set back says nothing about when that was. */
    clock_set(now, -1);
    refresh_as(h, "", FEED_UNCHANGED);
    refresh_as(h, "\"big\"", FEED_UNCHANGED);
    assert_int_equal(h->swaps, swaps);
    stop(h);
    clock_set(-1, -1);
}

/* An answer to what was asked before the rollback speaks of the copy that was rolled back from:
 * "not modified" must not be taken for a word about the one in force now. */
static void test_rollback_during_a_fetch(void **state)
{
    struct house *h = *state;

    set_http_feed(h, "/list");
    set_stub(h, "\"old\"", 200);
    start(h);
    assert_soon(h, is_listed, "user199@example.org");
    set_stub(h, "\"new\"", 201);
    refresh_as(h, "\"old\"", FEED_ACCEPTED);

    pthread_mutex_lock(&h->stub->lock); /* no answer meanwhile */
    int hits = atomic_load(&h->stub->hits);
    struct feeds_request *asked = feeds_refresh(h->feeds, view_of("list"), on_done, h);
    assert_non_null(asked);
    feeds_forget(asked);
    int64_t end = clock_mono_ms() + DEADLINE_MS;
    while (atomic_load(&h->stub->hits) == hits && clock_mono_ms() < end)
        sched_yield();
    assert_int_equal(roll_back(h, "list"), FEEDS_DONE);
    pthread_mutex_unlock(&h->stub->lock);

    for (int i = 0; i < 2; i++) {
        assert_int_equal(refresh_now(h, "list"), FEEDS_DONE);
        assert_int_equal(status_of(h, "list")->state, FEED_HELD);
        assert_string_equal(status_of(h, "list")->guard, "rollback");
        assert_false(is_listed(h, "user200@example.org"));
    }
}

static bool stub_was_hit(const struct house *h, const void *arg)
{
    (void)arg;
    return atomic_load(&h->stub->hits) > 0;
}

static bool shows_progress(const struct house *h, const void *arg)
{
    (void)arg;
    return status_of(h, "list")->progress[0] != '\0';
}

static void test_stops_in_the_middle_of_a_hung_fetch(void **state)
{
    struct house *h = *state;

    set_http_feed(h, "/hang");
    start(h);
    assert_soon(h, shows_progress, NULL);
    int64_t end = clock_mono_ms() + DEADLINE_MS;
    while (!stub_was_hit(h, NULL) && clock_mono_ms() < end)
        sched_yield();
    h->result = -1;
    assert_non_null(feeds_refresh(h->feeds, view_of("list"), on_done, h));
    int64_t began = clock_mono_ms();
    stop(h);
    assert_true(clock_mono_ms() - began < 5000); /* and not when the server is found silent */
    assert_int_equal(h->result, -1);
}

/* ---- where an entry comes from -------------------------------------------------------------- */

struct answer {
    int times;
    bool looked, found;
    uint64_t line;
    char row[128], text[128], value[16];
};

static void keep_view(char *dst, size_t size, struct view v)
{
    struct text t = text_on(dst, size);
    text_add_view(&t, v);
}

static void on_origin(const struct feed_origin *origin, void *arg)
{
    struct answer *a = arg;

    a->times++;
    a->looked = origin != NULL;
    if (origin == NULL)
        return;
    a->found = origin->found;
    a->line = origin->line;
    keep_view(a->row, sizeof a->row, origin->row);
    keep_view(a->text, sizeof a->text, origin->text);
    keep_view(a->value, sizeof a->value, origin->value);
}

static bool has_answer(const struct house *h, const void *arg)
{
    const struct answer *a = arg;
    (void)h;
    return a->times > 0;
}

static struct feeds_request *ask_origin(struct house *h, const char *list, const char *key,
                                        struct answer *a)
{
    struct feeds_request *r =
        feeds_origin(h->feeds, view_of(list), ENTRY_DOMAIN, view_of(key), on_origin, a);

    assert_non_null(r);
    assert_int_equal(a->times, 0); /* never before it returns */
    return r;
}

static struct answer origin_of(struct house *h, const char *list, const char *key)
{
    struct answer a = {0};

    ask_origin(h, list, key, &a);
    assert_soon(h, has_answer, &a);
    assert_int_equal(a.times, 1);
    return a;
}

static void start_with_zone(struct house *h)
{
    set_feed(h, 0, "zone", "dnset");
    write_file(h, "zone", "; a zone\n:127.0.0.3:$ is bad\nBad.example\nworse.example :5:worse\n");
    start(h);
    assert_soon(h, is_listed, "bad.example");
}

static void assert_bad_example(const struct answer *a)
{
    assert_true(a->looked && a->found);
    assert_int_equal(a->line, 3);
    assert_string_equal(a->row, "Bad.example");
    assert_string_equal(a->text, "bad.example is bad");
    assert_string_equal(a->value, "127.0.0.3");
}

static void test_origin(void **state)
{
    struct house *h = *state;

    start_with_zone(h);
    struct answer a = origin_of(h, "zone", "bad.example");
    assert_bad_example(&a);
    a = origin_of(h, "zone", "none.example");
    assert_true(a.looked);
    assert_false(a.found);
    a = origin_of(h, "nosuch", "bad.example");
    assert_false(a.looked);

    /* Of the copy on disk, too; and none that is gone. */
    stop(h);
    start(h);
    a = origin_of(h, "zone", "bad.example");
    assert_bad_example(&a);
    remove_tree(join(h->state, "feeds/zone"));
    a = origin_of(h, "zone", "bad.example");
    assert_false(a.looked);
}

/* It is the copy in force that is asked about, not the one that waits. */
static void test_origin_of_a_held_copy(void **state)
{
    struct house *h = *state;

    set_feed(h, 0, "list", "entries");
    write_addresses(h, "list", 0, 200);
    start(h);
    assert_soon(h, is_listed, "user150@example.org");
    write_addresses(h, "list", 150, 1);
    assert_soon(h, feed_is, (&(struct feed_is){"list", FEED_HELD}));
    struct answer a = {0};
    feeds_origin(h->feeds, view_of("list"), ENTRY_ADDRESS, view_of("user150@example.org"),
                 on_origin, &a);
    assert_soon(h, has_answer, &a);
    assert_true(a.found);
    assert_int_equal(a.line, 151);
}

static void test_origin_that_is_forgotten(void **state)
{
    struct house *h = *state;
    struct answer gone = {0};

    start_with_zone(h);
    feeds_forget(ask_origin(h, "zone", "bad.example", &gone));
    struct answer a = origin_of(h, "zone", "bad.example"); /* answered behind the first */
    assert_bad_example(&a);
    assert_int_equal(gone.times, 0);

    /* They count like all others. */
    for (unsigned i = 0; i < FEEDS_MAX_REQUESTS; i++)
        feeds_forget(ask_origin(h, "zone", "bad.example", &gone));
    assert_null(feeds_origin(h->feeds, view_of("zone"), ENTRY_DOMAIN, view_of("bad.example"),
                             on_origin, &gone));
    assert_true(wait_for(h, may_ask, "zone"));
    assert_int_equal(gone.times, 0);
}

static void test_stops_while_origins_are_looked_for(void **state)
{
    struct house *h = *state;
    struct answer a[8] = {{0}};

    start_with_zone(h);
    for (unsigned i = 0; i < 8; i++)
        ask_origin(h, "zone", "bad.example", &a[i]);
    feeds_stop(h->feeds);
    feeds_free(h->feeds); /* what was found and not delivered goes with it */
    h->feeds = NULL;
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(a[i].times, 0);
    blocklist_free(h->bl);
    h->bl = NULL;
    queue_run(h->loop);
}

/* ---- progress ------------------------------------------------------------------------------- */

static bool progress_is(const struct house *h, const void *words)
{
    return strcmp(status_of(h, "list")->progress, words) == 0;
}

static void check_progress(struct house *h, const char *list, const char *log, const char *progress)
{
    struct halt halt = {.words = log};

    log_set_sink(on_log, &halt);
    write_file(h, "list", list);
    h->result = -1;
    assert_non_null(feeds_refresh(h->feeds, view_of("list"), on_done, h));
    assert_soon(h, progress_is, progress);
    assert_int_equal(h->result, -1);
    atomic_store(&halt.go_on, true);
    assert_soon(h, has_result, NULL);
    assert_true(atomic_load(&halt.reached));
    log_set_sink(on_log, NULL);
    assert_string_equal(status_of(h, "list")->progress, "");
}

static void test_progress_of_parsing_and_building(void **state)
{
    struct house *h = *state;

    set_feed(h, 0, "list", "entries");
    h->configs[0].max_bad = 0.9;
    write_file(h, "list", "a@example.org\n");
    start(h);
    assert_soon(h, is_listed, "a@example.org");
    check_progress(h, "# two\nb@example.org\nbad row\n", "rows do not parse",
                   "parsing 0.0 MB, 3 lines, 1 entries");
    log_set_level(LOG_LEVEL_DEBUG);
    check_progress(h, "c@example.org\n", "building an index", "building");
    log_set_level(LOG_LEVEL_INFO);
}

static void make_directory_unusable(const struct house *h)
{
    /* A file where the directory should be keeps root out as well. */
    write_file(h, "state/feeds/list", "");
}

static void test_full_disk_keeps_the_list_in_force(void **state)
{
    struct house *h = *state;

    set_feed(h, 0, "list", "entries");
    write_file(h, "list", "x@example.org\n");
    assert_int_equal(mkdir(h->state, 0755), 0);
    assert_int_equal(mkdir(join(h->state, "feeds"), 0755), 0);
    make_directory_unusable(h);
    start(h);
    assert_soon(h, is_listed, "x@example.org");
    assert_int_equal(refresh_now(h, "list"), FEEDS_DONE);
    write_file(h, "list", "y@example.org\n");
    assert_int_equal(refresh_now(h, "list"), FEEDS_DONE);
    assert_true(is_listed(h, "y@example.org"));
    unlink(join(h->state, "feeds/list"));
}

static void test_swaps_are_told(void **state)
{
    struct house *h = *state;

    set_feed(h, 0, "list", "entries");
    write_file(h, "list", "a@example.org\n");
    start(h);
    assert_int_equal(refresh_now(h, "list"), FEEDS_DONE);
    assert_string_equal(h->worker->changes, "+a@example.org|");
    take(h, "b@example.org\n", FEED_ACCEPTED);
    assert_string_equal(h->worker->changes, "+a@example.org|+b@example.org-a@example.org|");

    h->worker->changes[0] = '\0';
    assert_int_equal(roll_back(h, "list"), FEEDS_DONE);
    assert_string_equal(h->worker->changes, "+a@example.org-b@example.org|");

    /* A saved index is no swap; a list that a reload removes is one. */
    stop(h);
    h->worker->changes[0] = '\0';
    set_feed(h, 1, "other", "entries");
    write_file(h, "other", "c@example.org\n");
    start(h);
    assert_true(is_listed(h, "a@example.org"));
    assert_soon(h, is_listed, "c@example.org");
    assert_int_equal(refresh_now(h, "list"), FEEDS_DONE);
    assert_string_equal(h->worker->changes, "|");
    h->configs[0] = h->configs[1];
    h->config.n_feeds = 1;
    assert_int_equal(configure(h->feeds, &h->config), 0);
    assert_soon(h, is_not_listed, "a@example.org");
    assert_int_equal(refresh_now(h, "other"), FEEDS_DONE);
    assert_string_equal(h->worker->changes, "|-a@example.org|");
}

/* The loop is busy: the blocklist that it never fetched is there until the swap was told. */
static void test_swaps_that_the_loop_never_saw(void **state)
{
    struct house *h = *state;
    int64_t end = clock_mono_ms() + DEADLINE_MS;

    set_feed(h, 0, "list", "entries");
    start(h);
    for (unsigned i = 1; i <= 5; i++) {
        write_addresses(h, "list", i, 1);
        while (atomic_load(&h->worker->count) < i && clock_mono_ms() < end)
            sched_yield();
        assert_int_equal(atomic_load(&h->worker->count), i);
    }
    assert_null(h->bl);
    assert_soon(h, is_listed, "user5@example.org");
    assert_int_equal(h->swaps, 1);
    stop(h);
    assert_string_equal(h->worker->changes, "+user1@example.org|"
                                            "+user2@example.org-user1@example.org|"
                                            "+user3@example.org-user2@example.org|"
                                            "+user4@example.org-user3@example.org|"
                                            "+user5@example.org-user4@example.org|");
}

int main(void)
{
#define ONE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        ONE(test_file_feed_lives),
        ONE(test_refresh_ends_with_the_list_in_force),
        ONE(test_forgotten_request_is_silent),
        ONE(test_requests_have_a_limit),
        ONE(test_rollback),
        ONE(test_rollback_after_a_restart),
        ONE(test_rollback_during_a_fetch),
        ONE(test_rollback_while_the_disk_fails),
        ONE(test_the_same_set_is_not_built_again),
        ONE(test_restart_keeps_everything),
        ONE(test_held_copy_waits_for_accept),
        ONE(test_hold_ends_by_itself),
        ONE(test_clock_that_is_set),
        ONE(test_size_that_heals_is_unchanged),
        ONE(test_reload),
        ONE(test_reload_counts_anew),
        ONE(test_another_url_keeps_the_copy),
        ONE(test_aper_waits_for_its_cleared_list),
        ONE(test_entry_max_age_counts),
        ONE(test_damaged_meta_keeps_the_index),
        ONE(test_damaged_index_is_built_again),
        ONE(test_damaged_body_is_not_believed),
        ONE(test_list_above_max_bytes_is_not_taken),
        ONE(test_http_validators_are_of_what_is_there),
        ONE(test_a_full_fetch_once_a_day),
        ONE(test_stops_in_the_middle_of_a_hung_fetch),
        ONE(test_full_disk_keeps_the_list_in_force),
        ONE(test_origin),
        ONE(test_origin_of_a_held_copy),
        ONE(test_origin_that_is_forgotten),
        ONE(test_stops_while_origins_are_looked_for),
        ONE(test_progress_of_parsing_and_building),
        ONE(test_swaps_are_told),
        ONE(test_swaps_that_the_loop_never_saw),
    };
    return cmocka_run_group_tests_name("feeds", tests, NULL, NULL);
}
