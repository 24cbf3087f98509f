/* The queue seen by one thread: order, the cap, the wake-ups, and posting from inside a task. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <stdbool.h>

#include "rcptguard/base/queue.h"

struct job {
    struct task task;
    struct queue *again; /* posts itself there once */
    int number;
};

static int ran[16];
static size_t n_ran;

static void run_job(struct task *task)
{
    struct job *job = (struct job *)task;
    struct queue *again = job->again;

    ran[n_ran++] = job->number;
    job->again = NULL;
    if (again != NULL)
        assert_int_equal(queue_post(again, &job->task), 0);
}

static bool readable(const struct queue *q)
{
    struct pollfd fd = {.fd = queue_fd(q), .events = POLLIN};
    return poll(&fd, 1, 0) == 1;
}

static void test_runs_in_order(void **state)
{
    (void)state;
    struct queue *q = queue_new(0);
    struct job jobs[3] = {
        {{run_job, NULL}, NULL, 0}, {{run_job, NULL}, NULL, 1}, {{run_job, NULL}, NULL, 2}};

    n_ran = 0;
    assert_false(readable(q));
    for (int i = 0; i < 3; i++)
        assert_int_equal(queue_post(q, &jobs[i].task), 0);
    assert_true(readable(q));
    assert_int_equal(queue_run(q), 3);
    assert_false(readable(q));
    for (int i = 0; i < 3; i++)
        assert_int_equal(ran[i], i);
    assert_int_equal(queue_run(q), 0);
    queue_free(q);
}

static void test_cap_counts_what_waits(void **state)
{
    (void)state;
    struct queue *q = queue_new(2);
    struct job jobs[3] = {
        {{run_job, NULL}, NULL, 0}, {{run_job, NULL}, NULL, 1}, {{run_job, NULL}, NULL, 2}};

    n_ran = 0;
    assert_int_equal(queue_post(q, &jobs[0].task), 0);
    assert_int_equal(queue_post(q, &jobs[1].task), 0);
    assert_int_equal(queue_post(q, &jobs[2].task), ERR_LIMIT);
    assert_int_equal(queue_run(q), 2);
    assert_int_equal(queue_post(q, &jobs[2].task), 0);
    assert_int_equal(queue_run(q), 1);
    assert_int_equal(ran[2], 2);
    queue_free(q);
}

static void test_what_is_posted_meanwhile_waits_for_the_next_run(void **state)
{
    (void)state;
    struct queue *q = queue_new(1);
    struct job job = {{run_job, NULL}, q, 7};

    n_ran = 0;
    assert_int_equal(queue_post(q, &job.task), 0);
    assert_int_equal(queue_run(q), 1);
    assert_true(readable(q));
    assert_int_equal(queue_run(q), 1);
    assert_int_equal(n_ran, 2);
    assert_false(readable(q));
    queue_free(q);
}

static void test_free_of_nothing(void **state)
{
    (void)state;
    queue_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs_in_order),
        cmocka_unit_test(test_cap_counts_what_waits),
        cmocka_unit_test(test_what_is_posted_meanwhile_waits_for_the_next_run),
        cmocka_unit_test(test_free_of_nothing),
    };
    return cmocka_run_group_tests_name("base/queue", tests, NULL, NULL);
}
