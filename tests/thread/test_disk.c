/* The disk thread as the loop sees it: jobs, a saved file, the log, and the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log_sink.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/disk.h"
#include "rcptguard/base/log.h"

static struct disk *disk;
static struct queue *loop; /* the test's own mailbox */
static int ends[2], saved_stderr;

static int setup(void **state)
{
    (void)state;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    saved_stderr = dup(2);
    dup2(ends[1], 2);
    log_set_target(LOG_TARGET_STDERR);
    loop = queue_new(0);
    disk = disk_start(NULL);
    return loop == NULL || disk == NULL;
}

static int teardown(void **state)
{
    (void)state;
    disk_stop(disk);
    queue_free(loop);
    dup2(saved_stderr, 2);
    close(saved_stderr);
    close(ends[0]);
    close(ends[1]);
    return 0;
}

/* Runs the test's mailbox until so many tasks came; fails after ten seconds. */
static void wait_for_tasks(size_t n)
{
    struct pollfd fd = {.fd = queue_fd(loop), .events = POLLIN};

    for (size_t came = 0; came < n; came += queue_run(loop))
        assert_int_equal(poll(&fd, 1, 10000), 1);
}

static void wait_for_task(void)
{
    wait_for_tasks(1);
}

struct job {
    struct task task, answer, told; /* each is posted once */
    pthread_t ran_on;
    char name[16];
    bool signals_blocked;
    const char *path;
    struct watch *watch;
    int64_t told_at;
};

static void answered(struct task *self)
{
    (void)self;
}

static void look_around(struct task *task)
{
    struct job *job = (struct job *)task;
    sigset_t blocked;

    job->ran_on = pthread_self();
    pthread_getname_np(pthread_self(), job->name, sizeof job->name);
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    job->signals_blocked = sigismember(&blocked, SIGTERM) == 1 &&
                           sigismember(&blocked, SIGHUP) == 1 &&
                           sigismember(&blocked, SIGUSR1) == 1;
    job->answer.run = answered;
    queue_post(loop, &job->answer);
}

static void test_jobs_run_there(void **state)
{
    (void)state;
    struct job job = {.task.run = look_around};
    sigset_t blocked;

    assert_int_equal(disk_post(disk, &job.task), 0);
    wait_for_task();
    assert_false(pthread_equal(job.ran_on, pthread_self()));
    assert_string_equal(job.name, "disk");
    assert_true(job.signals_blocked);
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    assert_int_equal(sigismember(&blocked, SIGTERM), 0);
}

static void saved(void *arg)
{
    struct job *job = arg;

    job->told_at = clock_mono_ms();
    watch_remove(job->watch);
    job->told.run = answered;
    queue_post(loop, &job->told);
}

static void start_watch(struct task *task)
{
    struct job *job = (struct job *)task;

    job->watch = watch_add(disk_watcher(disk), job->path, saved, job);
    job->answer.run = answered;
    queue_post(loop, &job->answer);
}

static void test_records_run_there_beside_the_log(void **state)
{
    (void)state;
    struct job first = {.task.run = look_around}, second = {.task.run = look_around};

    assert_int_equal(disk_post_record(disk, &first.task), 0);
    wait_for_task();
    assert_string_equal(first.name, "disk");
    assert_int_equal(disk_post_record(disk, &second.task), 0);
    struct job job = {.task.run = look_around};
    assert_int_equal(disk_post(disk, &job.task), 0);
    wait_for_tasks(2);
    assert_string_equal(job.name, "disk");
    assert_string_equal(second.name, "disk");
}

static atomic_uint order;

struct numbered {
    struct task task, told;
    unsigned number;
};

static void take_number(struct task *task)
{
    struct numbered *n = (struct numbered *)task;

    n->number = atomic_fetch_add(&order, 1);
    n->told.run = answered;
    queue_post(loop, &n->told);
}

/* An exclusion does not wait for what gathers. Tried until the moment was not over by then. */
static void test_a_job_overtakes_records(void **state)
{
    bool overtook = false;

    (void)state;
    for (int i = 0; i < 100 && !overtook; i++) {
        struct numbered first = {.task.run = take_number}, record = first, job = first;
        assert_int_equal(disk_post_record(disk, &first.task), 0);
        wait_for_task();
        assert_int_equal(disk_post_record(disk, &record.task), 0);
        assert_int_equal(disk_post(disk, &job.task), 0);
        wait_for_tasks(2);
        overtook = job.number < record.number;
    }
    assert_true(overtook);
}

static void test_saved_file_is_told_soon(void **state)
{
    (void)state;
    char path[] = "/tmp/rcptguard-disk-XXXXXX";
    int fd = mkstemp(path);
    struct job job = {.task.run = start_watch, .path = path};

    assert_int_equal(disk_post(disk, &job.task), 0);
    wait_for_task();
    assert_non_null(job.watch);
    int64_t saved_at = clock_mono_ms();
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
    wait_for_task();
    assert_in_range(job.told_at - saved_at, 0, 1000);
    unlink(path);
}

static void test_log_is_written(void **state)
{
    (void)state;
    char line[256] = "";
    struct pollfd fd = {.fd = ends[0], .events = POLLIN};

    log_warning("disk", "hello");
    assert_int_equal(poll(&fd, 1, 10000), 1);
    assert_true(read(ends[0], line, sizeof line - 1) > 0);
    assert_non_null(strstr(line, "warning: disk: hello\n"));
}

static atomic_uint ran;

static void count(struct task *task)
{
    atomic_fetch_add(&ran, 1);
    free(task);
}

static void test_stop_runs_what_waits(void **state)
{
    (void)state;
    unsigned posted = 0;

    for (unsigned i = 0; i < 500; i++) {
        struct task *task = malloc(sizeof *task);
        assert_non_null(task);
        task->run = count;
        assert_int_equal((i % 2 == 0 ? disk_post : disk_post_record)(disk, task), 0);
        posted++;
    }
    log_info(NULL, "last words");
    disk_stop(disk);
    disk = NULL;
    assert_int_equal(atomic_load(&ran), posted);
    char line[256] = "";
    assert_true(read(ends[0], line, sizeof line - 1) > 0);
    assert_non_null(strstr(line, "last words\n"));
    disk_stop(NULL);
}

int main(void)
{
#define DISK_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        DISK_TEST(test_jobs_run_there),          DISK_TEST(test_records_run_there_beside_the_log),
        DISK_TEST(test_a_job_overtakes_records), DISK_TEST(test_saved_file_is_told_soon),
        DISK_TEST(test_log_is_written),          DISK_TEST(test_stop_runs_what_waits),
    };
    return cmocka_run_group_tests_name("threads/disk", tests, NULL, NULL);
}
