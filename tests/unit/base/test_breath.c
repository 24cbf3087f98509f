/* Pauses, counted as the times that the thread gave the CPU away of itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#include "rcptguard/base/breath.h"

static long switches(void)
{
    struct rusage usage;

    assert_int_equal(getrusage(RUSAGE_THREAD, &usage), 0);
    return usage.ru_nvcsw;
}

static int64_t now_us(clockid_t clock)
{
    struct timespec ts;

    assert_int_equal(clock_gettime(clock, &ts), 0);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* How long this thread could have run while others did. */
static long others_us(void)
{
    unsigned long long ran_ns = 0, waited_ns = 0;
    FILE *file = fopen("/proc/thread-self/schedstat", "r");

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%llu %llu", &ran_ns, &waited_ns), 2);
    fclose(file);
    return (long)(waited_ns / 1000);
}

struct pauses {
    long n, needless; /* needless: others had the CPU for so many of 50 us */
    int64_t wall_us;
};

/* While this thread uses 30 ms of a CPU, BYTES a step. */
static struct pauses pauses_of_30_ms(size_t bytes)
{
    int64_t end = now_us(CLOCK_THREAD_CPUTIME_ID) + 30000, begun = now_us(CLOCK_MONOTONIC);
    long before = switches(), others = others_us();

    while (now_us(CLOCK_THREAD_CPUTIME_ID) < end)
        breath(bytes);
    return (struct pauses){switches() - before, (others_us() - others) / 50,
                           now_us(CLOCK_MONOTONIC) - begun};
}

static void *pause_in_a_thread(void *arg)
{
    breath_begin();
    *(struct pauses *)arg = pauses_of_30_ms(4096);
    return NULL;
}

static struct pauses in_a_thread(void *(*run)(void *))
{
    pthread_t thread;
    struct pauses pauses = {0};

    assert_int_equal(pthread_create(&thread, NULL, run, &pauses), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    return pauses;
}

/* The kernel's own, at a page that is not there yet. */
#define FEW 3

static void test_who_has_not_begun_does_not_pause(void **state)
{
    (void)state;
    assert_true(pauses_of_30_ms(1 << 20).n <= FEW);
}

/* The one that begins speaks for itself alone. */
static void test_who_has_begun_pauses(void **state)
{
    (void)state;
    struct pauses pauses = in_a_thread(pause_in_a_thread);

    assert_true(pauses.n + pauses.needless >= 30); /* of a hundred */
    assert_true(pauses.n <= pauses.wall_us / 300 + FEW);
    assert_true(pauses_of_30_ms(1 << 20).n <= FEW);
}

/* Bytes one by one: it takes 4096 of them to look at the clock, and then it does. */
static void *take_8_mib(void *arg)
{
    struct pauses *pauses = arg;
    int64_t begun = now_us(CLOCK_MONOTONIC);
    long before, others;

    breath_begin();
    before = switches();
    others = others_us();
    for (size_t i = 0; i < (8 << 20); i++)
        breath(1);
    *pauses = (struct pauses){switches() - before, (others_us() - others) / 50,
                              now_us(CLOCK_MONOTONIC) - begun};
    return NULL;
}

static void test_bytes_add_up(void **state)
{
    (void)state;
    struct pauses pauses = in_a_thread(take_8_mib);

    assert_true(pauses.n + pauses.needless >= 1);
    assert_true(pauses.n <= pauses.wall_us / 300 + FEW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_has_not_begun_does_not_pause),
        cmocka_unit_test(test_who_has_begun_pauses),
        cmocka_unit_test(test_bytes_add_up),
    };
    return cmocka_run_group_tests_name("base/breath", tests, NULL, NULL);
}
