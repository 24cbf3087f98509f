/*
 * The history with a real disk thread and a real directory: what swaps append is found again,
 * whatever a crash, a full disk, a restart or a list that churns does to the files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rcptguard/base/clock.h"
#include "rcptguard/base/file.h"
#include "rcptguard/base/log.h"
#include "rcptguard/record.h"

#define NOW         1000000
#define DEADLINE_MS 20000

struct house {
    char dir[64];
    struct history_config config;
    struct history *history;
    struct disk *disk;
    struct queue *loop;
    struct blocklist *bl;
    unsigned warnings, notices;
    char warned[LOG_LINE_BYTES];

    unsigned answers;
    struct history_change changes[HISTORY_CHANGES];
    size_t n;
    int64_t since;
    char text[4096];
};

static void on_log(enum log_level level, const char *line, void *arg)
{
    struct house *h = arg;

    if (level == LOG_LEVEL_WARNING)
        snprintf(h->warned, sizeof h->warned, "%s", line);
    h->warnings += level == LOG_LEVEL_WARNING;
    h->notices += level == LOG_LEVEL_NOTICE;
}

static void open_history(struct house *h)
{
    struct error why;

    h->history = history_new(&h->config, &why);
    if (h->history == NULL)
        fail_msg("%s", why.text);
}

static void close_history(struct house *h)
{
    history_free(h->history);
    h->history = NULL;
}

static void restart(struct house *h)
{
    close_history(h);
    open_history(h);
}

static int setup(void **state)
{
    struct house *h = calloc(1, sizeof *h);

    assert_non_null(h);
    strcpy(h->dir, "/tmp/rcptguard-history.XXXXXX");
    assert_non_null(mkdtemp(h->dir));
    h->config = (struct history_config){h->dir, 90 * 86400, 256 << 20};
    h->disk = disk_start(NULL);
    h->loop = queue_new(0);
    assert_true(h->disk != NULL && h->loop != NULL);
    log_set_sink(on_log, h);
    clock_set(NOW, -1);
    open_history(h);
    *state = h;
    return 0;
}

static void remove_tree(const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        char inner[1024];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        snprintf(inner, sizeof inner, "%s/%s", path, e->d_name);
        if (unlink(inner) != 0)
            remove_tree(inner);
    }
    if (dir != NULL)
        closedir(dir);
    rmdir(path);
}

static int teardown(void **state)
{
    struct house *h = *state;

    if (h->history != NULL)
        history_stop(h->history);
    disk_stop(h->disk);
    history_free(h->history);
    queue_free(h->loop);
    blocklist_free(h->bl);
    log_set_sink(NULL, NULL);
    clock_set(-1, -1);
    remove_tree(h->dir);
    free(h);
    return 0;
}

/* ---- swapping ------------------------------------------------------------------------------- */

static unsigned copies; /* each list of each blocklist is of another copy */

static int add_list(struct blocklist_builder *b, const char *name)
{
    struct blocklist_list list = {.accepted_at = 1};
    snprintf(list.name, sizeof list.name, "%s", name);
    copies++;
    memcpy(list.copy, &copies, sizeof copies);
    return blocklist_builder_list(b, &list, NULL);
}

/* "list: entry entry; list: entry": with an @ an address, with a dot in front a tree. */
static struct blocklist *parse(const char *text)
{
    struct blocklist_builder *b = blocklist_builder_new(0);
    struct view rest = view_of(text), part, word;

    while (view_split(&rest, ';', &part)) {
        int list = -1;
        while (view_word(&part, &word)) {
            enum entry_kind kind = word.ptr[0] == '.'          ? ENTRY_TREE
                                   : view_find(word, '@') >= 0 ? ENTRY_ADDRESS
                                                               : ENTRY_DOMAIN;
            char name[64];
            snprintf(name, sizeof name, "%.*s", (int)word.len, word.ptr);
            if (list < 0) {
                name[word.len - 1] = '\0';
                list = add_list(b, name);
                continue;
            }
            struct view key = kind == ENTRY_TREE ? view_from(word, 1) : word;
            assert_true(blocklist_builder_add(b, kind, key, (uint16_t)list, 0, NULL) >= 0);
        }
    }
    return blocklist_builder_finish(b, NULL);
}

static void swap_to(struct house *h, struct blocklist *made, int64_t now)
{
    assert_non_null(made);
    history_swap(h->history, h->bl, made, now);
    blocklist_free(h->bl);
    h->bl = made;
}

static void swap(struct house *h, const char *text, int64_t now)
{
    swap_to(h, parse(text), now);
}

/* One list of COUNT domains, numbered from FROM, and another as it is written. */
static struct blocklist *churn(unsigned from, unsigned count, const char *calm)
{
    struct blocklist_builder *b = blocklist_builder_new(count);
    int list = add_list(b, "churn");

    for (unsigned i = from; i < from + count; i++) {
        char name[32];
        snprintf(name, sizeof name, "n%u.example", i);
        blocklist_builder_add(b, ENTRY_DOMAIN, view_of(name), (uint16_t)list, 0, NULL);
    }
    if (calm != NULL) {
        list = add_list(b, "calm");
        blocklist_builder_add(b, ENTRY_DOMAIN, view_of(calm), (uint16_t)list, 0, NULL);
    }
    return blocklist_builder_finish(b, NULL);
}

/* ---- asking --------------------------------------------------------------------------------- */

static void on_found(const struct history_change *changes, size_t n, int64_t since, void *arg)
{
    struct house *h = arg;
    size_t len = 0;

    h->answers++;
    h->n = n;
    h->since = since;
    if (n > 0)
        memcpy(h->changes, changes, n * sizeof *changes);
    h->text[0] = '\0';
    for (size_t i = 0; i < n && len < sizeof h->text; i++)
        len += (size_t)snprintf(h->text + len, sizeof h->text - len, "%s%lld%c%s:%u",
                                i == 0 ? "" : " ", (long long)(changes[i].time - NOW),
                                changes[i].added ? '+' : '-', changes[i].list, changes[i].key);
}

static void wait_for(struct house *h, unsigned answers)
{
    struct pollfd fd = {.fd = queue_fd(h->loop), .events = POLLIN};

    while (h->answers < answers) {
        assert_int_equal(poll(&fd, 1, DEADLINE_MS), 1);
        queue_run(h->loop);
    }
}

/* The history of domains, one each word, as "TIME+list:N TIME-list:N". */
static const char *ask(struct house *h, const char *names)
{
    struct history_key keys[8];
    struct view rest = view_of(names), word;
    size_t n = 0;

    while (n < 8 && view_word(&rest, &word))
        keys[n++] = (struct history_key){word.ptr[0] == '.'          ? ENTRY_TREE
                                         : view_find(word, '@') >= 0 ? ENTRY_ADDRESS
                                                                     : ENTRY_DOMAIN,
                                         word.ptr[0] == '.' ? view_from(word, 1) : word};
    h->answers = 0;
    assert_int_equal(history_find(h->history, h->disk, h->loop, keys, n, on_found, h), 0);
    wait_for(h, 1);
    return h->text;
}

/* ---- files ---------------------------------------------------------------------------------- */

static const char *path_of(const struct house *h, const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/history/%s", h->dir, name);
    return path;
}

static uint64_t bytes_under(const char *path)
{
    uint64_t bytes = 0;
    DIR *dir = opendir(path);

    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        char inner[1024];
        struct stat st;
        if (e->d_name[0] == '.')
            continue;
        snprintf(inner, sizeof inner, "%s/%s", path, e->d_name);
        if (stat(inner, &st) == 0)
            bytes += S_ISDIR(st.st_mode) ? bytes_under(inner) : (uint64_t)st.st_size;
    }
    if (dir != NULL)
        closedir(dir);
    return bytes;
}

static void write_to(const char *path, const void *bytes, size_t len)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    fclose(f);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void test_what_is_told(void **state)
{
    struct house *h = *state;

    assert_string_equal(ask(h, "a"), "");
    assert_int_equal(h->since, 0);
    swap(h, "one: a b jane@example.org", NOW + 1);
    swap(h, "one: b; two: .a a", NOW + 2);
    swap(h, "two: a", NOW + 3); /* list one is gone, with all it had */
    swap(h, "one: b; two: a", NOW + 4);
    assert_string_equal(ask(h, "a"), "1+one:0 2-one:0 2+two:0");
    assert_int_equal(h->since, NOW + 1);
    assert_string_equal(ask(h, ".a"), "2+two:0 3-two:0");
    assert_string_equal(ask(h, "b"), "1+one:0 3-one:0 4+one:0");
    assert_string_equal(ask(h, "jane@example.org"), "1+one:0 2-one:0");
    assert_string_equal(ask(h, "jane@example.com c"), "");
    assert_string_equal(ask(h, "b a b"), "1+one:0 1+one:1 1+one:2 2-one:1 2+two:1 3-one:0 "
                                         "3-one:2 4+one:0 4+one:2");
    assert_int_equal(h->warnings, 0);
}

/* The worker crashed after the hand-over and before the index was saved. */
static void test_the_same_swap_again(void **state)
{
    struct house *h = *state;

    swap(h, "one: a b", NOW + 1);
    struct blocklist *old = h->bl;
    h->bl = NULL;
    struct blocklist *made = parse("one: a c");
    history_swap(h->history, old, made, NOW + 2);
    restart(h);
    history_swap(h->history, old, made, NOW + 3);
    assert_string_equal(ask(h, "b c"), "1+one:0 2-one:0 2+one:1");
    blocklist_free(old);
    blocklist_free(made);
}

static void test_restart(void **state)
{
    struct house *h = *state;
    struct stat st;

    swap(h, "one: a; local: b", NOW + 1);
    restart(h);
    swap(h, "one: c; local: b", NOW + 2);
    restart(h);
    assert_string_equal(ask(h, "a b"), "1+local:1 1+one:0 2-one:0");
    assert_int_equal(stat(path_of(h, ".secret"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(h->warnings, 0);
}

static void test_same_copy_costs_nothing(void **state)
{
    struct house *h = *state;

    swap(h, "one: a", NOW + 1);
    uint64_t before = bytes_under(path_of(h, ""));
    history_swap(h->history, h->bl, h->bl, NOW + 2);
    swap(h, "one: a", NOW + 3); /* another copy with the same entries */
    assert_int_equal(bytes_under(path_of(h, "")), before);
    history_swap(h->history, NULL, NULL, NOW + 3);
}

static void test_names_that_are_no_directories(void **state)
{
    struct house *h = *state;

    swap(h, "..: a; .secret: a; x/y: a; good: a", NOW + 1);
    restart(h);
    assert_string_equal(ask(h, "a"), "1+good:0");
    assert_int_equal(h->warnings, 0);
}

/* Three blocks, cut at every byte: what is whole stays, and what comes next is found. */
#ifdef __SANITIZE_ADDRESS__ /* opens and closes some 400 times; every byte has its turn without it \
                             */
#define TEAR_STEP 3
#else
#define TEAR_STEP 1
#endif

static void test_torn_at_every_byte(void **state)
{
    struct house *h = *state;
    struct buf whole = BUF_INIT(0);
    uint64_t ends[4] = {0};

    for (int i = 1; i <= 3; i++) {
        swap(h, i == 1 ? "one: a x" : i == 2 ? "one: b x" : "one: c x y", NOW + i);
        ends[i] = bytes_under(path_of(h, "one"));
    }
    assert_int_equal(file_read(path_of(h, "one/00000001"), 1 << 20, &whole, NULL), 0);
    assert_int_equal(whole.len, ends[3]);
    close_history(h);
    for (size_t len = 0; len <= whole.len; len += TEAR_STEP) {
        unsigned blocks = len >= ends[3] ? 3 : len >= ends[2] ? 2 : len >= ends[1] ? 1 : 0;
        h->warnings = 0;
        write_to(path_of(h, "one/00000001"), whole.data, len);
        open_history(h);
        assert_int_equal(h->warnings, len == ends[blocks] ? 0 : 1);
        assert_int_equal(bytes_under(path_of(h, "one")), ends[blocks]);
        ask(h, "a b c");
        assert_int_equal(h->n, blocks == 0 ? 0 : 2 * blocks - 1);
        swap(h, "one: c x y z", NOW + 9);
        assert_string_equal(ask(h, "z"), "9+one:0");
        swap(h, "one: c x y", NOW + 9);
        remove_tree(path_of(h, "one"));
        mkdir(path_of(h, "one"), 0750);
        close_history(h);
    }
    open_history(h);
    buf_free(&whole);
}

static void test_every_byte_changed(void **state)
{
    struct house *h = *state;
    struct buf whole = BUF_INIT(0);

    swap(h, "one: a", NOW + 1);
    size_t first = bytes_under(path_of(h, "one"));
    swap(h, "one: b", NOW + 2);
    swap(h, "one: b; two: a", NOW + 3);
    assert_int_equal(file_read(path_of(h, "one/00000001"), 1 << 20, &whole, NULL), 0);
    close_history(h);
    for (size_t i = 0; i < whole.len; i++) {
        h->warnings = 0;
        whole.data[i] ^= 0x10;
        write_to(path_of(h, "one/00000001"), whole.data, whole.len);
        whole.data[i] ^= 0x10;
        open_history(h);
        assert_string_equal(ask(h, "a"), i < first ? "3+two:0" : "1+one:0 3+two:0");
        assert_int_equal(h->warnings, 1);
        close_history(h);
        mkdir(path_of(h, "one"), 0750); /* goes with the last segment */
    }
    /* What a machine's crash leaves: the length is there and the bytes are not. */
    memset(whole.data + first, 0, whole.len - first);
    write_to(path_of(h, "one/00000001"), whole.data, whole.len);
    open_history(h);
    assert_string_equal(ask(h, "a"), "1+one:0 3+two:0");
    assert_int_equal(bytes_under(path_of(h, "one")), first);
    buf_free(&whole);
}

/* A reader sees damage while the writer runs: it stops there, and goes on with other files. */
static void test_damage_while_it_runs(void **state)
{
    struct house *h = *state;

    swap(h, "one: a; two: a", NOW + 1);
    write_to(path_of(h, "one/00000001"), "not a block", 11);
    assert_string_equal(ask(h, "a"), "1+two:0");
    swap(h, "one: b; two: b", NOW + 2);
    assert_int_equal(h->warnings, 1); /* somebody changed the file */
    assert_string_equal(ask(h, "a"), "1+two:0 2-two:0");
    swap(h, "one: c; two: b", NOW + 3);
    assert_int_equal(h->notices, 1);
    assert_string_equal(ask(h, "c"), "3+one:0");
}

static void test_a_list_that_churns(void **state)
{
    struct house *h = *state;
    const uint64_t max_bytes = 1 << 20;

    history_configure(h->history, 90 * 86400, max_bytes);
    for (unsigned i = 0; i < 60; i++) {
        swap_to(h, churn(i * 5000, 5000, i % 2 ? "odd.example" : "even.example"), NOW + i);
        assert_true(bytes_under(path_of(h, "")) <= max_bytes);
    }
    ask(h, "odd.example");
    assert_int_equal(h->n, 59);
    /* The calm list has it all, but of the other one nobody knows any more what was before. */
    assert_true(h->since > NOW && h->since <= NOW + 58);
    assert_string_equal(ask(h, "n0.example"), "");
    assert_string_equal(ask(h, "n299999.example"), "59+churn:0");
    assert_string_equal(ask(h, "n290000.example"), "58+churn:0 59-churn:0");
    /* Less from now on: the largest goes first, and nothing at all is fine, too. */
    history_configure(h->history, 90 * 86400, 1 << 17);
    swap_to(h, churn(0, 1, "even.example"), NOW + 60);
    assert_true(bytes_under(path_of(h, "")) <= 1 << 17);
    ask(h, "odd.example");
    assert_int_equal(h->n, 60);
    history_configure(h->history, 90 * 86400, 0);
    swap_to(h, churn(1, 1, NULL), NOW + 61);
    assert_int_equal(bytes_under(path_of(h, "")), 0);
    assert_int_equal(h->warnings, 0);
}

static void test_bigger_than_a_segment(void **state)
{
    struct house *h = *state;

    history_configure(h->history, 90 * 86400, 4 << 20);
    swap_to(h, churn(0, 100000, NULL), NOW + 1);
    swap_to(h, churn(99999, 100000, NULL), NOW + 2);
    assert_string_equal(ask(h, "n0.example n50000.example n99999.example n199998.example"),
                        "1+churn:0 1+churn:1 1+churn:2 2-churn:0 2-churn:1 2+churn:3");
    /* 8 bytes a change and a head a block. */
    assert_true(bytes_under(path_of(h, "churn")) < 299998 * 8 + 64 * 120);
    restart(h);
    assert_string_equal(ask(h, "n0.example"), "1+churn:0 2-churn:0");
}

static void test_age(void **state)
{
    struct house *h = *state;

    history_configure(h->history, 1000, 1 << 20);
    swap(h, "one: a; two: a", NOW);
    swap(h, "one: a b; two: a", NOW + 900); /* in the same segment: the newest block counts */
    swap(h, "one: a b; two: a", NOW + 1001);
    assert_string_equal(ask(h, "a b"), "0+one:0 900+one:1");
    assert_int_not_equal(access(path_of(h, "two"), F_OK), 0);
    clock_set(NOW + 2000, -1);
    h->config.keep_s = 1000;
    restart(h);
    assert_string_equal(ask(h, "a b"), "");
    assert_int_equal(h->since, 0);
    swap(h, "one: c; two: a", NOW + 2000);
    assert_string_equal(ask(h, "c"), "2000+one:0");
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_full_disk(void **state)
{
    struct house *h = *state;

    signal(SIGXFSZ, SIG_IGN);
    swap(h, "one: a", NOW + 1);
    uint64_t before = bytes_under(path_of(h, ""));
    limit_files(before + 50);
    swap(h, "one: a b; two: x", NOW + 2);
    assert_int_equal(h->warnings, 1);
    swap(h, "one: a b c d e f g h i j k l m n o p q r s t u v w; two: x y", NOW + 3);
    restart(h); /* all there is, is whole */
    swap(h, "one: a b", NOW + 4);
    limit_files(RLIM_INFINITY);
    assert_int_equal(h->warnings, 2); /* one each start */
    assert_string_equal(ask(h, "a c"), "1+one:0");
    swap(h, "one: a z", NOW + 5);
    assert_int_equal(h->notices, 1);
    assert_string_equal(ask(h, "b z"), "5-one:0 5+one:1");
    restart(h);
    assert_string_equal(ask(h, "a b z"), "1+one:0 5-one:1 5+one:2");
    assert_int_equal(h->warnings, 2);
}

static void test_the_last_thousand(void **state)
{
    struct house *h = *state;

    for (int i = 0; i < 1300; i++)
        swap(h, i % 2 ? "one: b; two: a" : "one: a; two: b", NOW + i);
    ask(h, "a");
    assert_int_equal(h->n, HISTORY_CHANGES);
    for (size_t i = 0; i < h->n; i++)
        assert_int_equal(h->changes[i].time, NOW + 800 + (int64_t)(i / 2));
    ask(h, "b a");
    assert_int_equal(h->n, HISTORY_CHANGES);
    assert_int_equal(h->changes[0].time, NOW + 1050);
    assert_int_equal(h->changes[HISTORY_CHANGES - 1].time, NOW + 1299);
}

static void test_many_keys(void **state)
{
    struct house *h = *state;
    static char names[HISTORY_KEYS + 1][16];
    struct history_key keys[HISTORY_KEYS + 1];

    for (unsigned i = 0; i <= HISTORY_KEYS; i++) {
        snprintf(names[i], sizeof names[i], "n%u.example", i);
        keys[i] = (struct history_key){ENTRY_DOMAIN, view_of(names[i])};
    }
    swap_to(h, churn(0, 300, NULL), NOW + 1);
    swap_to(h, churn(1, 2000, NULL), NOW + 2);
    assert_int_equal(history_find(h->history, h->disk, h->loop, keys, HISTORY_KEYS, on_found, h),
                     0);
    wait_for(h, 1);
    assert_int_equal(h->n, HISTORY_KEYS + 1); /* all were added, and one dropped */
    assert_int_equal(
        history_find(h->history, h->disk, h->loop, keys, HISTORY_KEYS + 1, on_found, h), ERR_LIMIT);
    assert_int_equal(history_find(h->history, h->disk, h->loop, keys, 0, on_found, h), 0);
    wait_for(h, 2);
    assert_int_equal(h->n, 0);
}

static void test_searches_have_a_limit(void **state)
{
    struct house *h = *state;
    const struct history_key key = {ENTRY_DOMAIN, view_of("a")};

    swap(h, "one: a", NOW + 1);
    for (int round = 0; round < 2; round++) {
        h->answers = 0;
        for (int i = 0; i < 16; i++)
            assert_int_equal(history_find(h->history, h->disk, h->loop, &key, 1, on_found, h), 0);
        assert_int_equal(history_find(h->history, h->disk, h->loop, &key, 1, on_found, h),
                         ERR_LIMIT);
        wait_for(h, 16);
        assert_string_equal(h->text, "1+one:0");
    }
}

/* Some wait for the disk thread, some for the loop; the end frees them all. */
static void test_the_end_in_between(void **state)
{
    struct house *h = *state;
    const struct history_key key = {ENTRY_DOMAIN, view_of("a")};

    swap_to(h, churn(0, 100000, NULL), NOW + 1);
    for (int i = 0; i < 16; i++)
        assert_int_equal(history_find(h->history, h->disk, h->loop, &key, 1, on_found, h), 0);
    history_stop(h->history);
    assert_int_equal(history_find(h->history, h->disk, h->loop, &key, 1, on_found, h), ERR_LIMIT);
    disk_stop(h->disk);
    h->disk = NULL;
    queue_run(h->loop);
    assert_int_equal(h->answers, 0);
    history_free(h->history); /* who asked has something to free */
    h->history = NULL;
    assert_int_equal(h->answers, 16);
    assert_string_equal(h->text, "");
}

static void test_the_secret_is_lost(void **state)
{
    struct house *h = *state;

    swap(h, "one: a", NOW + 1);
    write_to(path_of(h, ".secret"), "short", 5);
    restart(h);
    assert_int_equal(h->warnings, 1);
    assert_string_equal(ask(h, "a"), "");
    assert_int_equal(h->since, 0); /* it does not say that it knows */
    swap(h, "one: b", NOW + 2);
    restart(h);
    assert_string_equal(ask(h, "b a"), "2+one:0 2-one:1");
    assert_int_equal(h->warnings, 1);
}

/* As who needs the room would, while the daemon runs: nothing of what follows is lost. */
static void test_taken_away(void **state)
{
    struct house *h = *state;
    const char *const taken[] = {"one/00000001", "one", ""};
    char list[16] = "one: a";

    swap(h, list, NOW + 1);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        char path[512], key[2] = {(char)('b' + i), '\0'};
        snprintf(path, sizeof path, "%s", path_of(h, taken[i]));
        if (unlink(path) != 0)
            remove_tree(path);
        snprintf(list, sizeof list, "one: %s", key);
        swap(h, list, NOW + 2);
        assert_string_equal(ask(h, key), "2+one:0");
        restart(h);
        assert_string_equal(ask(h, key), "2+one:0");
        assert_int_equal(h->warnings, 0);
    }
}

static void test_what_is_none_of_ours(void **state)
{
    struct house *h = *state;

    swap(h, "one: a", NOW + 1);
    write_to(path_of(h, "file"), "x", 1);
    write_to(path_of(h, "one/note"), "x", 1);
    mkdir(path_of(h, "one/00000007"), 0750);
    restart(h);
    assert_string_equal(ask(h, "a"), "1+one:0");
    swap(h, "one: b", NOW + 2);
    assert_string_equal(ask(h, "a"), "1+one:0 2-one:0");
    assert_int_equal(access(path_of(h, "one/note"), F_OK), 0);
}

static void test_no_directory(void **state)
{
    struct house *h = *state;
    struct error why;
    char path[128];
    const struct history_config config = {path, 1, 1};

    snprintf(path, sizeof path, "%s/file", h->dir);
    write_to(path, "", 0);
    assert_null(history_new(&config, &why));
    assert_non_null(strstr(why.text, "file/history"));
    history_free(NULL);
}

/* ---- single changes, as DNS zones have them ------------------------------------------------- */

static void note(struct house *h, const char *list, const char *name, bool added, int64_t now)
{
    history_note(h->history, h->disk, list, ENTRY_DOMAIN, view_of(name), added, now);
}

static void test_notes(void **state)
{
    struct house *h = *state;
    static const unsigned char digest[20] = "digest";
    const struct history_key key = {ENTRY_ADDRESS_HASH, view_make((const char *)digest, 20)};

    swap(h, "one: a", NOW + 1);
    note(h, "dbl", "a", true, NOW + 2);
    note(h, "uribl", "b", true, NOW + 2);
    note(h, "dbl", "a", false, NOW + 2); /* in the same second, and in this order */
    note(h, "dbl", "a", true, NOW + 2);
    note(h, "dbl", "b", true, NOW + 2);
    note(h, "dbl", "b", false, NOW + 3);
    note(h, "../dbl", "b", false, NOW + 3);
    history_note(h->history, h->disk, "ebl", key.kind, key.key, true, NOW + 3);
    swap(h, "one: b", NOW + 4);
    for (int round = 0; round < 2; round++) {
        assert_string_equal(ask(h, "a"), "1+one:0 2+dbl:0 2-dbl:0 2+dbl:0 4-one:0");
        assert_string_equal(ask(h, "b"), "2+dbl:0 2+uribl:0 3-dbl:0 4+one:0");
        h->answers = 0;
        assert_int_equal(history_find(h->history, h->disk, h->loop, &key, 1, on_found, h), 0);
        wait_for(h, 1);
        assert_string_equal(h->text, "3+ebl:0");
        restart(h);
    }
    assert_int_equal(h->warnings, 0);
    history_note(NULL, h->disk, "dbl", ENTRY_DOMAIN, view_of("a"), true, NOW);
}

static void test_notes_are_bounded_like_the_rest(void **state)
{
    struct house *h = *state;

    history_configure(h->history, 1000, 1 << 20);
    note(h, "dbl", "a", true, NOW);
    ask(h, "a");
    note(h, "other", "b", true, NOW + 1001);
    assert_string_equal(ask(h, "a b"), "1001+other:1");
    history_configure(h->history, 0, 1 << 20); /* history = 0: nothing is kept */
    note(h, "other", "c", true, NOW + 1002);
    assert_string_equal(ask(h, "c"), "");
}

/* A job that the disk thread hangs in until the test lets it go. */
struct jam {
    struct task task;
    sem_t stuck, go;
};

static void run_jam(struct task *task)
{
    struct jam *jam = (struct jam *)task;

    sem_post(&jam->stuck);
    sem_wait(&jam->go);
}

static void begin_jam(struct house *h, struct jam *jam)
{
    jam->task.run = run_jam;
    sem_init(&jam->stuck, 0, 0);
    sem_init(&jam->go, 0, 0);
    assert_int_equal(disk_post(h->disk, &jam->task), 0);
    sem_wait(&jam->stuck);
}

static void note_many(struct house *h, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        char name[32];
        snprintf(name, sizeof name, "n%u", i);
        note(h, "dbl", name, true, NOW + 1);
    }
}

static void test_too_many_notes(void **state)
{
    struct house *h = *state;
    struct jam jam;

    begin_jam(h, &jam);
    note_many(h, HISTORY_NOTES + 10);
    assert_int_equal(h->warnings, 1); /* once */
    sem_post(&jam.go);
    assert_string_equal(ask(h, "n0 n4095 n4096 n4105"), "1+dbl:0 1+dbl:1");
    note(h, "dbl", "n4096", true, NOW + 2);
    assert_string_equal(ask(h, "n4096"), "2+dbl:0");
    assert_int_equal(h->warnings, 1);
}

static void run_nothing(struct task *task)
{
    (void)task;
}

/* The disk thread takes no more jobs: what waits is written with the next one, or at the end. */
static void test_notes_when_the_disk_is_busy(void **state)
{
    struct house *h = *state;
    static struct task jobs[2000];
    struct jam jam;
    size_t n = 0;

    begin_jam(h, &jam);
    for (; jobs[n].run = run_nothing, disk_post(h->disk, &jobs[n]) == 0; n++)
        assert_true(n + 1 < sizeof jobs / sizeof *jobs);
    note(h, "dbl", "a", true, NOW + 1);
    note(h, "dbl", "b", true, NOW + 2);
    sem_post(&jam.go);
    history_stop(h->history);
    disk_stop(h->disk);
    h->disk = disk_start(NULL);
    restart(h);
    assert_string_equal(ask(h, "a b"), "1+dbl:0 2+dbl:1");
    assert_int_equal(h->warnings, 0);
}

static void test_notes_on_a_full_disk(void **state)
{
    struct house *h = *state;

    signal(SIGXFSZ, SIG_IGN);
    note(h, "dbl", "a", true, NOW + 1);
    ask(h, "a");
    limit_files(50);
    note(h, "dbl", "b", true, NOW + 2);
    ask(h, "b");
    note(h, "dbl", "c", true, NOW + 3);
    ask(h, "c");
    limit_files(RLIM_INFINITY);
    assert_int_equal(h->warnings, 1);
    note(h, "dbl", "d", true, NOW + 4);
    assert_string_equal(ask(h, "a b c d"), "1+dbl:0 4+dbl:3");
    assert_int_equal(h->notices, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_told),
        TEST(test_the_same_swap_again),
        TEST(test_restart),
        TEST(test_same_copy_costs_nothing),
        TEST(test_names_that_are_no_directories),
        TEST(test_torn_at_every_byte),
        TEST(test_every_byte_changed),
        TEST(test_damage_while_it_runs),
        TEST(test_a_list_that_churns),
        TEST(test_bigger_than_a_segment),
        TEST(test_age),
        TEST(test_full_disk),
        TEST(test_the_last_thousand),
        TEST(test_many_keys),
        TEST(test_searches_have_a_limit),
        TEST(test_the_end_in_between),
        TEST(test_the_secret_is_lost),
        TEST(test_what_is_none_of_ours),
        TEST(test_taken_away),
        TEST(test_no_directory),
        TEST(test_notes),
        TEST(test_notes_are_bounded_like_the_rest),
        TEST(test_too_many_notes),
        TEST(test_notes_when_the_disk_is_busy),
        TEST(test_notes_on_a_full_disk),
    };
    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
