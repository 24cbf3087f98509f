/* Several posters, one owner: nothing lost, each poster's order kept, no wake-up missed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "rcptguard/base/queue.h"

enum { POSTERS = 4, POSTS = 5000, CAP = 64 };

struct job {
    struct task task;
    unsigned poster, number;
};

static unsigned next_of[POSTERS], disorder;

static void run_job(struct task *task)
{
    struct job *job = (struct job *)task;

    if (job->number != next_of[job->poster]++)
        disorder++;
    free(job);
}

struct poster {
    struct queue *q;
    unsigned number;
};

static void *post_all(void *arg)
{
    const struct poster *p = arg;

    for (unsigned i = 0; i < POSTS; i++) {
        struct job *job = malloc(sizeof *job);
        if (job == NULL)
            abort();
        *job = (struct job){{run_job, NULL}, p->number, i};
        while (queue_post(p->q, &job->task) == ERR_LIMIT)
            sched_yield();
    }
    return NULL;
}

static void test_many_posters(void **state)
{
    (void)state;
    struct queue *q = queue_new(CAP);
    struct poster posters[POSTERS];
    pthread_t threads[POSTERS];
    size_t got = 0;

    for (unsigned i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){q, i};
        assert_int_equal(pthread_create(&threads[i], NULL, post_all, &posters[i]), 0);
    }
    while (got < POSTERS * POSTS) {
        struct pollfd fd = {.fd = queue_fd(q), .events = POLLIN};
        /* A lost wake-up shows here: nobody would ever write again. */
        assert_int_equal(poll(&fd, 1, 20000), 1);
        size_t n = queue_run(q);
        assert_true(n <= CAP);
        got += n;
    }
    for (unsigned i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(queue_run(q), 0);
    assert_int_equal(disorder, 0);
    for (unsigned i = 0; i < POSTERS; i++)
        assert_int_equal(next_of[i], POSTS);
    queue_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_many_posters)};
    return cmocka_run_group_tests_name("threads/queue", tests, NULL, NULL);
}
