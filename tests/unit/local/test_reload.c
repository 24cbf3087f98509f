/*
 * The exclusion file on its way into force: saved in every manner, vanished, damaged, moved; with
 * the real disk thread, and the test as the loop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/file.h"
#include "rcptguard/base/log.h"
#include "rcptguard/base/summed.h"
#include "rcptguard/local.h"
#include "warnings.h"

static const struct address_options options = {"+", true};

static char dir[64], file[80], good_file[96];
static struct local_config config = {LOCAL_EXCLUSIONS, file, dir, false};
static struct disk *disk;
static struct queue *loop;
static struct local *local;
static struct local_table *in_force;
static struct local_state state_now;
static unsigned n_changes;

/* Exactly one warning came, or none (NULL), and it says so. */
static void assert_warned(const char *words)
{
    const char *got = take_warnings();

    if (words == NULL ? *got != '\0'
                      : strstr(got, words) == NULL || strchr(got, '\n') != strrchr(got, '\n'))
        fail_msg("expected %s, the log has: %s", words == NULL ? "nothing" : words, got);
}

static void put(const char *text)
{
    FILE *f = fopen(file, "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void on_change(struct local_table *ex, const struct local_state *state, void *arg)
{
    assert_ptr_equal(arg, &n_changes);
    assert_non_null(ex);
    local_retire(local, in_force);
    in_force = ex;
    state_now = *state;
    n_changes++;
}

/* Runs the loop until one more table came; fails after ten seconds. */
static void wait_for_change(void)
{
    struct pollfd fd = {.fd = queue_fd(loop), .events = POLLIN};
    unsigned before = n_changes;

    while (n_changes == before) {
        assert_int_equal(poll(&fd, 1, 10000), 1);
        queue_run(loop);
    }
}

struct barrier {
    struct task task, answer;
    bool passed;
};

static void answer(struct task *task)
{
    struct barrier *b = (struct barrier *)((char *)task - offsetof(struct barrier, answer));
    b->passed = true;
}

static void pass_on(struct task *task)
{
    queue_post(loop, &((struct barrier *)task)->answer);
}

/* Everything that the disk thread had to do is done, and was handed to the loop. */
static void settle(void)
{
    struct pollfd fd = {.fd = queue_fd(loop), .events = POLLIN};
    struct barrier b = {.task.run = pass_on, .answer.run = answer};

    assert_int_equal(disk_post(disk, &b.task), 0);
    while (!b.passed) {
        assert_int_equal(poll(&fd, 1, 10000), 1);
        queue_run(loop);
    }
}

static void start(void)
{
    struct error why;

    local = local_new(&config, &options, NULL, 0, &in_force, &state_now, &why);
    assert_non_null(local);
    assert_non_null(in_force);
}

static void watch(void)
{
    disk = disk_start(NULL);
    loop = queue_new(0);
    assert_true(disk != NULL && loop != NULL);
    assert_int_equal(local_watch(local, disk, loop, on_change, &n_changes, NULL), 0);
    settle();
}

static void stop(void)
{
    disk_stop(disk);
    local_table_free(in_force);
    local_free(local);
    queue_free(loop);
    disk = NULL;
    loop = NULL;
    local = NULL;
    in_force = NULL;
}

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/rcptguard-local-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(file, sizeof file, "%s/exclusions", dir);
    snprintf(good_file, sizeof good_file, "%s/exclusions.good", dir);
    config.file = file;
    config.kind = LOCAL_EXCLUSIONS;
    take_warnings();
    n_changes = 0;
    log_set_sink(keep_warnings, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];

    stop();
    log_set_sink(NULL, NULL);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command) != 0 || *take_warnings() != '\0';
}

static void test_start(void **state)
{
    (void)state;
    struct buf good = BUF_INIT(0);

    put("a@example.org\nb@example.org\n");
    start();
    assert_int_equal(local_table_count(in_force), 2);
    assert_false(state_now.missing);
    assert_in_range(state_now.loaded_at, clock_now() - 10, clock_now());
    bool is_summed = false;
    assert_int_equal(summed_read(good_file, 1000, &good, &is_summed, NULL), 0);
    assert_string_equal(good.data, "a@example.org\nb@example.org\n");
    assert_true(is_summed);
    buf_free(&good);
}

/* The copy, from byte FROM of its end on, becomes NUL bytes. */
static void tear_copy(long from)
{
    static const char zeros[4096];
    FILE *f = fopen(good_file, "r+e");

    assert_non_null(f);
    assert_int_equal(fseek(f, -from, SEEK_END), 0);
    assert_int_equal(fwrite(zeros, 1, (size_t)from, f), from);
    assert_int_equal(fclose(f), 0);
}

/* What is left of it lets mail pass, and that it is not all is said. */
static void test_damaged_copy(void **state)
{
    (void)state;
    put("a@example.org\nb@example.org\n");
    start();
    stop();
    tear_copy(10);
    unlink(file);
    start();
    assert_int_equal(local_table_count(in_force), 1);
    assert_non_null(strstr(state_now.problem, "exclusions.good is damaged and counts as far"));
    assert_warned("exclusions.good is damaged and counts as far as it can be read; the");
    stop();
    put("a@example.org\nb@example.org\n"); /* it is written anew, where it is not needed */
    start();
    stop();
    unlink(file);
    start();
    assert_int_equal(local_table_count(in_force), 2);
    assert_null(strstr(state_now.problem, "damaged"));
    assert_warned("stay in force (2)");
}

/* There were exclusions, and nobody knows which. */
static void test_nothing_is_left_of_the_copy(void **state)
{
    (void)state;
    struct error why;

    for (int hollow = 0; hollow < 2; hollow++) {
        put("a@example.org\nb@example.org\n");
        start();
        stop();
        if (hollow)
            assert_int_equal(truncate(good_file, 0), 0);
        else
            tear_copy(28);
        unlink(file);
        assert_null(local_new(&config, &options, NULL, 0, &in_force, &state_now, &why));
        assert_int_equal(why.code, ERR_IO);
        assert_warned("exclusions.good is damaged");
    }
}

/* It blocks nobody: what is left may be another line than it was. */
static void test_damaged_copy_of_blocks(void **state)
{
    (void)state;
    config.kind = LOCAL_BLOCKS;
    put("a@example.org\nb@example.org\n");
    start();
    stop();
    snprintf(good_file, sizeof good_file, "%s/blocks.good", dir);
    tear_copy(10);
    unlink(file);
    start();
    assert_int_equal(local_table_count(in_force), 0);
    assert_true(state_now.missing);
    assert_warned("blocks.good is damaged and counts for nothing; the blocks read before stay");
}

static void test_copy_of_an_older_version(void **state)
{
    (void)state;
    struct buf good = BUF_INIT(0);
    bool is_summed = false;
    FILE *f = fopen(good_file, "we");

    assert_non_null(f);
    fputs("a@example.org\n", f);
    fclose(f);
    start();
    assert_int_equal(local_table_count(in_force), 1);
    assert_warned("No such file or directory; the exclusions read before stay in force (1)");
    stop();
    put("a@example.org\n");
    start();
    assert_int_equal(summed_read(good_file, 1000, &good, &is_summed, NULL), 0);
    assert_true(is_summed);
    buf_free(&good);
}

/* There were exclusions, and nobody knows which. */
static void test_file_and_copy_cannot_be_read(void **state)
{
    (void)state;
    struct error why;

    assert_int_equal(mkdir(good_file, 0700), 0);
    put("a@example.org\n");
    start(); /* the copy is not needed */
    stop();
    take_warnings();
    unlink(file);
    assert_null(local_new(&config, &options, NULL, 0, &in_force, &state_now, &why));
    assert_null(in_force);
    assert_int_equal(why.code, ERR_IO);
    assert_non_null(strstr(why.text, "neither "));
    take_warnings();
}

static void test_missing_at_start(void **state)
{
    (void)state;
    put("a@example.org\nb@example.org\n");
    start();
    stop();
    unlink(file);
    start();
    assert_int_equal(local_table_count(in_force), 2);
    assert_true(state_now.missing);
    assert_non_null(strstr(state_now.problem, "No such file"));
    assert_warned("stay in force (2)");
    watch();
    assert_warned(NULL); /* once */
    put("a@example.org\n");
    wait_for_change();
    assert_int_equal(local_table_count(in_force), 1);
    assert_false(state_now.missing);
    assert_string_equal(state_now.problem, "");
}

static void test_missing_at_the_first_start(void **state)
{
    (void)state;
    start();
    assert_int_equal(local_table_count(in_force), 0);
    assert_true(state_now.missing);
    assert_warned("stay in force (0)");
}

static void test_saved_in_every_manner(void **state)
{
    (void)state;
    char other[96];

    put("a@example.org\n");
    start();
    watch();
    put("a@example.org\nb@example.org\n"); /* truncated, written, closed */
    wait_for_change();
    assert_int_equal(local_table_count(in_force), 2);

    snprintf(other, sizeof other, "%s.tmp", file);
    assert_int_equal(rename(file, other), 0); /* as vim: away, and a new one in its place */
    put("a@example.org\n");
    wait_for_change();
    assert_int_equal(local_table_count(in_force), 1);

    assert_int_equal(rename(other, file), 0); /* renamed over */
    wait_for_change();
    assert_int_equal(local_table_count(in_force), 2);

    int fd = open(file, O_WRONLY | O_APPEND); /* in place, and kept open */
    assert_int_equal(write(fd, "c@example.org\n", 14), 14);
    wait_for_change();
    assert_int_equal(local_table_count(in_force), 3);
    close(fd);
}

static void test_half_written_file_is_not_read(void **state)
{
    (void)state;
    put("a@example.org\nb@example.org\n");
    start();
    watch();
    int fd = open(file, O_WRONLY | O_TRUNC);
    settle();
    assert_int_equal(write(fd, "c@example.org\n", 14), 14);
    settle();
    settle();
    assert_int_equal(n_changes, 0);
    close(fd);
    wait_for_change();
    assert_int_equal(local_table_count(in_force), 1);
}

static void test_vanished_file_changes_nothing(void **state)
{
    (void)state;
    put("a@example.org\nb@example.org\n");
    start();
    watch();
    unlink(file);
    wait_for_change();
    assert_int_equal(local_table_count(in_force), 2);
    assert_true(state_now.missing);
    assert_warned("stay in force (2)");

    mkdir(file, 0755); /* unreadable in another way: said once more, with the reason */
    wait_for_change();
    assert_int_equal(local_table_count(in_force), 2);
    assert_non_null(strstr(state_now.problem, "not a regular file"));
    assert_warned("not a regular file");

    rmdir(file);
    put("a@example.org\nb@example.org\n"); /* the same as before */
    while (state_now.missing)
        wait_for_change();
    take_warnings(); /* whether the moment without anything was seen is up to the scheduler */
}

static void test_lines_with_errors(void **state)
{
    (void)state;
    char expected[128];

    put("a@example.org\nb@example.org untill=2026-01-01\n");
    start();
    snprintf(expected, sizeof expected, "%s:2: unknown key 'untill'; did you mean 'until'?", file);
    assert_warned(expected);
    assert_int_equal(local_table_count(in_force), 1);
}

static void test_losses(void **state)
{
    (void)state;
    struct buf text = BUF_INIT(0);

    for (int i = 0; i < 10; i++)
        buf_addf(&text, "u%d@example.org\n", i);
    put(text.data);
    start();
    watch();
    text.data[5 * 15] = '\0';
    put(text.data);
    wait_for_change();
    assert_warned(NULL); /* half is not more than half */

    text.data[5 * 15] = 'u';
    put(text.data);
    wait_for_change();
    text.data[4 * 15] = '\0';
    put(text.data);
    wait_for_change();
    assert_int_equal(local_table_count(in_force), 4);
    assert_warned("4 of 10");
    text.data[1 * 15] = '\0';
    put(text.data);
    wait_for_change();
    assert_warned(NULL); /* of fewer than ten */
    put("");
    wait_for_change();
    assert_int_equal(local_table_count(in_force), 0);
    assert_warned("empty now");
    buf_free(&text);
}

struct configuring {
    struct task task;
    const struct address_options *options;
    const char *const *lists;
    int rc;
};

static void configure_there(struct task *task)
{
    struct configuring *c = (struct configuring *)task;
    c->rc = local_configure(local, &config, c->options, c->lists, c->lists == NULL ? 0 : 1);
}

/* As a reload does it: nothing comes into force before it is taken with the rest. */
static void configure(const struct address_options *with, const char *const *lists)
{
    struct configuring c = {{configure_there, NULL}, with, lists, -1};
    unsigned before = n_changes;

    assert_int_equal(disk_post(disk, &c.task), 0);
    settle();
    assert_int_equal(c.rc, 0);
    assert_int_equal(n_changes, before);
    local_take(local);
    assert_int_equal(n_changes, before + 1);
    local_take(local);
    assert_int_equal(n_changes, before + 1);
}

static void test_other_settings(void **state)
{
    (void)state;
    static const char *const lists[] = {"aper"};
    char other[96];
    struct address_options no_tags = {"", true};
    struct address *a = malloc(sizeof *a);
    struct local_match m = {0};

    put("a@example.org list=apper\n");
    start();
    watch();
    configure(&no_tags, lists);
    assert_warned("did you mean 'aper'?");

    /* Another file, missing as yet: what is in force stays. */
    snprintf(other, sizeof other, "%s/other", dir);
    config.file = other;
    configure(&options, NULL);
    assert_true(state_now.missing);
    assert_int_equal(local_table_count(in_force), 1);
    assert_warned("stay in force (1)");
    assert_int_equal(rename(file, other), 0);
    wait_for_change();
    assert_false(state_now.missing);

    address_parse(view_of("a@example.org"), &options, a);
    local_table_match(in_force, a, NULL, false, VIEW_NONE, 0, &m);
    assert_int_equal(m.n_partial, 1);
    free(a);
}

static void revert_there(struct task *task)
{
    (void)task;
    local_revert(local);
}

static void do_there(void (*run)(struct task *))
{
    struct configuring c = {{run, NULL}, &options, NULL, 0};

    assert_int_equal(disk_post(disk, &c.task), 0);
    settle();
    assert_int_equal(c.rc, 0);
}

/* A reload that is not taken after all leaves no trace, and one that was is not gone back from. */
static void test_gone_back_from(void **state)
{
    (void)state;
    char other[96];

    put("a@example.org\nb@example.org\nc@example.org\n");
    snprintf(other, sizeof other, "%s/other", dir);
    assert_int_equal(rename(file, other), 0);
    put("a@example.org\n");
    start();
    watch();
    config.file = other;
    do_there(configure_there);
    do_there(revert_there);
    local_take(local);
    assert_int_equal(local_table_count(in_force), 1);
    put("a@example.org\nb@example.org\n"); /* this one is watched */
    wait_for_change();
    assert_int_equal(local_table_count(in_force), 2);

    configure(&options, NULL);
    assert_int_equal(local_table_count(in_force), 3);
    do_there(revert_there);
    local_take(local);
    assert_int_equal(local_table_count(in_force), 3);
}

/* Whoever takes what was configured takes what was saved since, too. */
static void test_saved_before_it_is_taken(void **state)
{
    (void)state;
    struct configuring c = {{configure_there, NULL}, &options, NULL, -1};
    int64_t until = clock_mono_ms() + 10000;

    put("a@example.org\n");
    start();
    watch();
    assert_int_equal(disk_post(disk, &c.task), 0);
    settle();
    put("a@example.org\nb@example.org\n");
    while (local_table_count(in_force) < 2 && clock_mono_ms() < until) {
        settle();
        local_take(local);
    }
    assert_int_equal(local_table_count(in_force), 2);
    settle();
    assert_int_equal(local_table_count(in_force), 2);
}

static void test_unwritable_state_dir(void **state)
{
    (void)state;
    put("a@example.org\n");
    mkdir(good_file, 0755);
    start();
    assert_int_equal(local_table_count(in_force), 1);
    assert_non_null(strstr(take_warnings(), "cannot rename"));
}

static bool handed_over;
static sem_t saving;

/* Called in the middle of saving, on the disk thread; nobody runs the loop meanwhile. */
static void note_order(enum log_level level, const char *line, void *arg)
{
    struct pollfd fd = {.fd = queue_fd(loop), .events = POLLIN};

    keep_warnings(level, line, arg);
    if (strstr(line, "cannot rename") == NULL)
        return;
    handed_over = poll(&fd, 1, 0) == 1;
    sem_post(&saving);
}

/* A disk that takes seconds must not keep an exclusion from coming into force. */
static void test_handed_over_before_it_is_saved(void **state)
{
    (void)state;
    put("a@example.org\n");
    start();
    watch();
    unlink(good_file);
    mkdir(good_file, 0755);
    sem_init(&saving, 0, 0);
    log_set_sink(note_order, NULL);
    put("a@example.org\nb@example.org\n");
    struct timespec until = {.tv_sec = time(NULL) + 10};
    assert_int_equal(sem_timedwait(&saving, &until), 0);
    assert_true(handed_over);
    wait_for_change();
    assert_int_equal(local_table_count(in_force), 2);
    assert_warned("cannot rename");
}

static void test_before_watch(void **state)
{
    (void)state;
    put("");
    start();
    assert_int_equal(local_configure(local, &config, &options, NULL, 0), ERR_REFUSED);
    local_retire(local, local_table_parse(LOCAL_EXCLUSIONS, VIEW_NONE, &options, NULL, 0));
    local_retire(local, NULL);
    local_free(NULL);
}

int main(void)
{
#define LOCAL_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        LOCAL_TEST(test_start),
        LOCAL_TEST(test_damaged_copy),
        LOCAL_TEST(test_nothing_is_left_of_the_copy),
        LOCAL_TEST(test_damaged_copy_of_blocks),
        LOCAL_TEST(test_copy_of_an_older_version),
        LOCAL_TEST(test_missing_at_start),
        LOCAL_TEST(test_file_and_copy_cannot_be_read),
        LOCAL_TEST(test_missing_at_the_first_start),
        LOCAL_TEST(test_saved_in_every_manner),
        LOCAL_TEST(test_half_written_file_is_not_read),
        LOCAL_TEST(test_vanished_file_changes_nothing),
        LOCAL_TEST(test_lines_with_errors),
        LOCAL_TEST(test_losses),
        LOCAL_TEST(test_other_settings),
        LOCAL_TEST(test_gone_back_from),
        LOCAL_TEST(test_saved_before_it_is_taken),
        LOCAL_TEST(test_unwritable_state_dir),
        LOCAL_TEST(test_handed_over_before_it_is_saved),
        LOCAL_TEST(test_before_watch),
    };
    return cmocka_run_group_tests_name("local/reload", tests, NULL, NULL);
}
