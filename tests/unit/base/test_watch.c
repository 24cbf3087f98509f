/*
 * Saving as editors save, on a real file system. inotify queues its events before the system call
 * returns, so nothing waits here: the test calls watcher_run at the times it likes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rcptguard/base/clock.h"
#include "rcptguard/base/watch.h"

static char dir[PATH_MAX];
static struct watcher *w;
static struct watch *watch;
static unsigned told;
static int64_t now;

/* What happens behind each stat of the watcher, before it hears of it. */
static void (*behind_stat)(void);

/* In the place of libc's. */
int stat(const char *path, struct stat *st)
{
    int rc = fstatat(AT_FDCWD, path, st, 0);

    if (behind_stat != NULL)
        behind_stat();
    return rc;
}

static const char *in_dir(const char *name)
{
    static char paths[4][PATH_MAX];
    static unsigned at;
    char *path = paths[at++ % 4];

    if (snprintf(path, PATH_MAX, "%.3000s/%.500s", dir, name) < 0)
        abort();
    return path;
}

static int open_for(const char *name, int flags)
{
    int fd = open(in_dir(name), O_WRONLY | O_CLOEXEC | flags, 0644);
    assert_true(fd >= 0);
    return fd;
}

static void add(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void put(const char *name, const char *text)
{
    int fd = open_for(name, O_CREAT | O_TRUNC);
    add(fd, text);
    close(fd);
}

static void on_change(void *arg)
{
    ++*(unsigned *)arg;
}

/* Runs the watcher LATER ms after the last time; how often it told. */
static unsigned told_after(int later)
{
    now += later;
    told = 0;
    watcher_run(w, now);
    return told;
}

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/rcptguard-watch-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    put("f", "one\ntwo\nthree\n");
    w = watcher_new(NULL);
    now = 1000;
    watch = watch_add(w, in_dir("f"), on_change, &told);
    watcher_run(w, now);
    return watch == NULL;
}

static int teardown(void **state)
{
    (void)state;
    char command[PATH_MAX + 16];

    watcher_free(w);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static void test_quiet(void **state)
{
    (void)state;
    assert_int_equal(watcher_timeout_ms(w, now), 2000);
    assert_int_equal(watcher_timeout_ms(w, now + 5000), 0);
    put("other", "x");
    assert_int_equal(told_after(10), 0);
    assert_int_equal(told_after(2000), 0);
}

static void test_in_place(void **state)
{
    (void)state;
    int fd = open_for("f", 0);
    add(fd, "ONE");
    assert_int_equal(told_after(10), 0);
    close(fd);
    assert_int_equal(told_after(10), 1);
    assert_int_equal(told_after(2000), 0);
}

static void test_appended_and_kept_open(void **state)
{
    (void)state;
    int fd = open_for("f", O_APPEND);
    add(fd, "four\n");
    assert_int_equal(told_after(10), 0);
    assert_int_equal(watcher_timeout_ms(w, now), 500);
    assert_int_equal(told_after(500), 1);
    close(fd);
    assert_int_equal(told_after(10), 0);
}

static void test_truncate_then_write(void **state)
{
    (void)state;
    int fd = open_for("f", O_TRUNC);
    assert_int_equal(told_after(10), 0);
    add(fd, "one\n");
    assert_int_equal(told_after(10), 0);
    assert_int_equal(told_after(10000), 0);
    close(fd);
    assert_int_equal(told_after(10), 1);
}

static void test_rename_over(void **state)
{
    (void)state;
    put("f.tmp", "x\n");
    assert_int_equal(told_after(10), 0);
    assert_int_equal(rename(in_dir("f.tmp"), in_dir("f")), 0);
    assert_int_equal(told_after(10), 1);
    put("f", "y\n"); /* the new file is followed */
    assert_int_equal(told_after(10), 1);
}

static void test_vim_way(void **state)
{
    (void)state;
    assert_int_equal(rename(in_dir("f"), in_dir("f~")), 0);
    assert_int_equal(told_after(10), 0);
    int fd = open_for("f", O_CREAT | O_EXCL);
    assert_int_equal(told_after(10), 0);
    add(fd, "one\n");
    close(fd);
    assert_int_equal(told_after(10), 1);
    unlink(in_dir("f~"));
    assert_int_equal(told_after(10), 0);
}

static void test_closed_then_truncated_again(void **state)
{
    (void)state;
    put("f", "first save\n");
    int fd = open_for("f", O_TRUNC);
    assert_int_equal(told_after(10), 0);
    add(fd, "second\n");
    close(fd);
    assert_int_equal(told_after(10), 1);
}

static void test_deleted_and_made_again(void **state)
{
    (void)state;
    unlink(in_dir("f"));
    assert_int_equal(told_after(10), 0);
    assert_int_equal(told_after(500), 1);
    assert_int_equal(told_after(2000), 0);
    int fd = open_for("f", O_CREAT);
    add(fd, "on");
    assert_int_equal(told_after(600), 0);
    assert_int_equal(told_after(600), 0);
    add(fd, "e\n");
    close(fd);
    assert_int_equal(told_after(10), 1);
}

static void test_permission(void **state)
{
    (void)state;
    assert_int_equal(chmod(in_dir("f"), 0), 0);
    assert_int_equal(told_after(10), 1);
    assert_int_equal(chmod(in_dir("f"), 0644), 0);
    assert_int_equal(told_after(10), 1);
}

static void test_directory_missing_then_made(void **state)
{
    (void)state;
    unsigned count = 0;
    struct watch *deep = watch_add(w, in_dir("a/b/f"), on_change, &count);

    watcher_run(w, now);
    mkdir(in_dir("a"), 0755);
    watcher_run(w, now += 10);
    mkdir(in_dir("a/b"), 0755);
    watcher_run(w, now += 10);
    put("a/b/f", "x");
    watcher_run(w, now += 10);
    assert_int_equal(count, 1);

    /* The directory is taken away and another put in its place. */
    mkdir(in_dir("a/c"), 0755);
    put("a/c/f", "yy");
    assert_int_equal(rename(in_dir("a/b"), in_dir("a/old")), 0);
    assert_int_equal(rename(in_dir("a/c"), in_dir("a/b")), 0);
    watcher_run(w, now += 2000);
    watcher_run(w, now += 500);
    assert_int_equal(count, 2);
    put("a/old/f", "zz");
    watcher_run(w, now += 10);
    assert_int_equal(count, 2);
    put("a/b/f", "zz");
    watcher_run(w, now += 10);
    assert_int_equal(count, 3);
    watch_remove(deep);
}

static void link_to(const char *target, const char *name)
{
    unlink(in_dir(name));
    assert_int_equal(symlink(in_dir(target), in_dir(name)), 0);
}

static void test_symlink(void **state)
{
    (void)state;
    unsigned count = 0;

    mkdir(in_dir("real"), 0755);
    put("real/g", "one two three");
    link_to("real/g", "link");
    struct watch *x = watch_add(w, in_dir("link"), on_change, &count);
    watcher_run(w, now);

    put("real/g", "in place, longer");
    watcher_run(w, now += 10);
    assert_int_equal(count, 1);
    put("real/tmp", "x");
    assert_int_equal(rename(in_dir("real/tmp"), in_dir("real/g")), 0);
    watcher_run(w, now += 10);
    assert_int_equal(count, 2);
    put("h", "x");
    link_to("h", "link"); /* ln -sf: the target is smaller, and whole */
    watcher_run(w, now += 10);
    assert_int_equal(count, 3);
    put("h", "the new target is followed");
    watcher_run(w, now += 10);
    assert_int_equal(count, 4);
    put("real/g", "the old one is not");
    watcher_run(w, now += 10);
    assert_int_equal(count, 4);
    watch_remove(x);
}

/* As git checkout does it: the target goes, and a smaller one is written in its place. */
static void test_target_deleted_and_made_again(void **state)
{
    (void)state;
    unsigned count = 0;

    mkdir(in_dir("real"), 0755);
    put("real/g", "one\ntwo\n");
    link_to("real/g", "link");
    struct watch *x = watch_add(w, in_dir("link"), on_change, &count);
    unlink(in_dir("real/g"));
    told_after(10);
    put("real/g", "one\ntwo\nthree\n");
    told_after(10);
    assert_int_equal(count, 1);

    /* A link whose target is not there yet. */
    unlink(in_dir("real/g"));
    unlink(in_dir("link"));
    assert_int_equal(symlink("real/g", in_dir("link")), 0);
    told_after(10);
    put("real/g", "one\ntwo\nthree\n");
    told_after(10);
    assert_int_equal(count, 2);
    watch_remove(x);
}

static void test_link_gives_way_to_a_file(void **state)
{
    (void)state;
    unsigned count = 0;

    put("g", "one two three");
    link_to("g", "link");
    struct watch *x = watch_add(w, in_dir("link"), on_change, &count);
    watcher_run(w, now);
    unlink(in_dir("link"));
    int fd = open_for("link", O_CREAT);
    watcher_run(w, now += 10);
    watcher_run(w, now += 600);
    assert_int_equal(count, 0); /* empty and being written */
    add(fd, "longer than what the link led to");
    close(fd);
    watcher_run(w, now += 10);
    assert_int_equal(count, 1);
    watch_remove(x);
}

/* As Kubernetes does it: link → data/f, data → dated directory, and data is switched by rename. */
static void test_switched_directory(void **state)
{
    (void)state;
    unsigned count = 0;

    mkdir(in_dir("1"), 0755);
    put("1/f", "long content");
    mkdir(in_dir("2"), 0755);
    put("2/f", "short");
    link_to("1", "data");
    link_to("data/f", "link");
    struct watch *x = watch_add(w, in_dir("link"), on_change, &count);
    watcher_run(w, now);
    link_to("2", "tmp");
    assert_int_equal(rename(in_dir("tmp"), in_dir("data")), 0);
    watcher_run(w, now += 10);
    assert_int_equal(count, 1);
    watch_remove(x);
}

static void test_overflow(void **state)
{
    (void)state;
    long limit = 0;
    FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "re");

    if (f == NULL || fscanf(f, "%ld", &limit) != 1 || limit > 100000) {
        if (f != NULL)
            fclose(f);
        skip();
    }
    fclose(f);
    put("a", "");
    put("b", "");
    for (long i = 0; i < limit / 2 + 2; i++) {
        chmod(in_dir("a"), 0600);
        chmod(in_dir("b"), 0600);
    }
    put("f", "longer than it was, and nobody told");
    assert_int_equal(told_after(10), 0);
    assert_int_equal(told_after(500), 1);
    put("f", "heard again");
    assert_int_equal(told_after(10), 1);
}

static void test_without_inotify(void **state)
{
    (void)state;
    struct rlimit before, none;
    unsigned count = 0;

    getrlimit(RLIMIT_NOFILE, &before);
    none = before;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &none);
    struct watcher *blind = watcher_new(NULL);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_non_null(blind);
    assert_int_equal(watcher_fd(blind), -1);
    assert_int_equal(watcher_timeout_ms(blind, now), -1);
    assert_non_null(watch_add(blind, in_dir("f"), on_change, &count));
    watcher_run(blind, now);
    put("f", "longer than it was before");
    watcher_run(blind, now += 10);
    assert_int_equal(count, 0);
    watcher_run(blind, now += 1990);
    watcher_run(blind, now += 500);
    assert_int_equal(count, 1);
    watcher_free(blind);
}

static struct watch *own;
static unsigned own_count;

#define TURNS 16

static _Atomic unsigned changes;
static _Atomic bool is_over;

static void count_change(void *arg)
{
    (void)arg;
    atomic_fetch_add(&changes, 1);
}

/* Until it was told once more than BEFORE times. */
static bool is_told(unsigned before)
{
    int64_t until = clock_mono_ms() + 10000;

    while (atomic_load(&changes) == before)
        if (clock_mono_ms() > until)
            return false;
    return true;
}

/* NULL: all of it was told in time. */
static const char *switch_directories(void)
{
    char fresh[32], gone[32];

    for (unsigned i = 0; i < TURNS; i++) {
        snprintf(fresh, sizeof fresh, "fresh%u", i);
        snprintf(gone, sizeof gone, "gone%u", i);
        mkdir(in_dir(fresh), 0755);
        snprintf(fresh, sizeof fresh, "fresh%u/f", i);
        put(fresh, "one\ntwo\nthree\n");
        snprintf(fresh, sizeof fresh, "fresh%u/g", i);
        put(fresh, "one\n");
        snprintf(fresh, sizeof fresh, "fresh%u", i);
        unsigned before = atomic_load(&changes);
        rename(in_dir("d"), in_dir(gone));
        rename(in_dir(fresh), in_dir("d"));
        if (!is_told(before))
            return "the other directory";
        before = atomic_load(&changes);
        rename(in_dir("d/g"),
               in_dir("d/f")); /* smaller: without its event it would be waited for */
        if (!is_told(before))
            return "the smaller file in it";
    }
    return NULL;
}

static void *switch_them(void *arg)
{
    *(const char **)arg = switch_directories();
    atomic_store(&is_over, true);
    return NULL;
}

/* The path leads nowhere for a moment: what comes in the middle of a look is watched all the same.
 */
static void test_directory_switched_during_a_look(void **state)
{
    (void)state;
    pthread_t other;
    const char *untold = NULL;

    mkdir(in_dir("d"), 0755);
    put("d/f", "one\ntwo\nthree\n");
    struct watch *x = watch_add(w, in_dir("d/f"), count_change, NULL);
    atomic_store(&is_over, false);
    assert_int_equal(pthread_create(&other, NULL, switch_them, &untold), 0);
    while (!atomic_load(&is_over))
        watcher_run(w, clock_mono_ms());
    pthread_join(other, NULL);
    watch_remove(x);
    if (untold != NULL)
        fail_msg("not told: %s", untold);
}

static int slow_fd;
static unsigned stats;

static void write_by_and_by(void)
{
    if (stats++ >= 3)
        return;
    add(slow_fd, "x");
    if (stats == 3)
        close(slow_fd);
}

static void write_at_last(void)
{
    if (stats++ >= 3)
        return;
    fchmod(slow_fd, 0600 + stats);
    if (stats < 3)
        return;
    add(slow_fd, "one\n");
    close(slow_fd);
}

/* Not of half of it: then the owner would have to be told once more. */
static void count_whole(void *arg)
{
    (void)arg;
    told += !watch_is_touched(own);
}

/* As often as the watcher looks, something has happened behind it; and then it is whole. */
static void test_written_during_all_looks(void **state)
{
    void (*const ways[])(void) = {write_by_and_by, write_at_last};

    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        put("g", "one\ntwo\nthree\n");
        own = watch_add(w, in_dir("g"), count_whole, NULL);
        assert_int_equal(told_after(10), 0);
        slow_fd = open_for("g", O_TRUNC);
        stats = 0;
        behind_stat = ways[i];
        assert_int_equal(told_after(10), 0);
        behind_stat = NULL;
        assert_int_equal(watcher_timeout_ms(w, now), 0);
        assert_int_equal(told_after(0), 1);
        assert_int_equal(told_after(2000), 0);
        watch_remove(own);
    }
}

static void remove_own(void *arg)
{
    (void)arg;
    own_count++;
    watch_remove(own);
}

static void test_removed_from_inside(void **state)
{
    (void)state;
    own_count = 0;
    own = watch_add(w, in_dir("f"), remove_own, NULL);
    put("f", "x");
    assert_int_equal(told_after(10), 1); /* the other watch of the same directory lives on */
    assert_int_equal(own_count, 1);
    put("f", "y");
    assert_int_equal(told_after(10), 1);
    assert_int_equal(own_count, 1);
    watch_remove(NULL);
}

int main(void)
{
#define WATCH_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        WATCH_TEST(test_quiet),
        WATCH_TEST(test_in_place),
        WATCH_TEST(test_appended_and_kept_open),
        WATCH_TEST(test_truncate_then_write),
        WATCH_TEST(test_rename_over),
        WATCH_TEST(test_vim_way),
        WATCH_TEST(test_closed_then_truncated_again),
        WATCH_TEST(test_deleted_and_made_again),
        WATCH_TEST(test_permission),
        WATCH_TEST(test_directory_missing_then_made),
        WATCH_TEST(test_symlink),
        WATCH_TEST(test_target_deleted_and_made_again),
        WATCH_TEST(test_link_gives_way_to_a_file),
        WATCH_TEST(test_switched_directory),
        WATCH_TEST(test_directory_switched_during_a_look),
        WATCH_TEST(test_written_during_all_looks),
        WATCH_TEST(test_overflow),
        WATCH_TEST(test_without_inotify),
        WATCH_TEST(test_removed_from_inside),
    };
    return cmocka_run_group_tests_name("base/watch", tests, NULL, NULL);
}
