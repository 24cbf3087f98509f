/*
 * What the worker tells the loop, on one thread: the queue is our own, whose owner runs a task
 * within queue_post, as a loop does that wakes and takes the worker's CPU.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "feeds/post.h"

static enum { RUNS_AT_ONCE, RUNS_LATER, IS_FULL } queue_how;
static struct task *queue_waiting;
static unsigned delivered;

int queue_post(struct queue *q, struct task *task)
{
    (void)q;
    if (queue_how == IS_FULL)
        return ERR_LIMIT;
    assert_null(queue_waiting);
    if (queue_how == RUNS_AT_ONCE)
        task->run(task);
    else
        queue_waiting = task;
    return 0;
}

static void run_waiting(void)
{
    struct task *task = queue_waiting;

    assert_non_null(task);
    queue_waiting = NULL;
    task->run(task);
}

static void take_one(const struct feed_status *status, void *arg)
{
    memcpy(arg, status->name, sizeof status->name);
}

static void deliver(void *arg)
{
    struct post **post = arg;
    char name[sizeof((struct feed_status *)0)->name] = "";

    post_take_statuses(*post, take_one, name);
    assert_string_equal(name, "main");
    delivered++;
}

static void tell(struct post *p)
{
    const struct feed_status status = {.name = "main"};

    post_status(p, 0, &status);
}

static int setup(void **state)
{
    static struct post *post;

    queue_how = RUNS_AT_ONCE;
    queue_waiting = NULL;
    delivered = 0;
    post = post_new(NULL, deliver, &post);
    assert_non_null(post);
    assert_int_equal(post_shape(post, 1), 0);
    tell(post);
    *state = post;
    alarm(10); /* a lock that is held while the loop is woken */
    return 0;
}

static int teardown(void **state)
{
    alarm(0);
    post_free(*state);
    return 0;
}

static void test_a_loop_that_wakes_at_once_finds_no_lock(void **state)
{
    assert_true(post_send(*state));
    assert_int_equal(delivered, 1);
    assert_true(post_send(*state)); /* nothing is waiting */
    assert_int_equal(delivered, 1);
    tell(*state);
    assert_true(post_send(*state));
    assert_int_equal(delivered, 2);
}

static void test_one_wake_for_all_that_waits(void **state)
{
    queue_how = RUNS_LATER;
    assert_true(post_send(*state));
    tell(*state);
    assert_true(post_send(*state));
    run_waiting();
    assert_int_equal(delivered, 1);
    tell(*state);
    assert_true(post_send(*state));
    run_waiting();
    assert_int_equal(delivered, 2);
}

static void test_a_full_queue_is_tried_again(void **state)
{
    queue_how = IS_FULL;
    assert_false(post_send(*state));
    assert_false(post_send(*state));
    queue_how = RUNS_AT_ONCE;
    assert_true(post_send(*state));
    assert_int_equal(delivered, 1);
}

static void test_a_wake_that_comes_after_the_end(void **state)
{
    queue_how = RUNS_LATER;
    assert_true(post_send(*state));
    post_free(*state);
    *state = NULL;
    run_waiting();
    assert_int_equal(delivered, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_loop_that_wakes_at_once_finds_no_lock, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_one_wake_for_all_that_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_full_queue_is_tried_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_wake_that_comes_after_the_end, setup, teardown),
    };
    return cmocka_run_group_tests_name("feeds/post", tests, NULL, NULL);
}
