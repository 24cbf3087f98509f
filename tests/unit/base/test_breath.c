/* Pauses, counted as the times that the thread gave the CPU away of itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <time.h>

#include "rcptguard/base/breath.h"

static long switches(void)
{
    struct rusage usage;

    assert_int_equal(getrusage(RUSAGE_THREAD, &usage), 0);
    return usage.ru_nvcsw;
}

static int64_t cpu_ms(void)
{
    struct timespec ts;

    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts), 0);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static long pauses_of_30_ms(size_t bytes)
{
    int64_t end = cpu_ms() + 30;
    long before = switches();

    while (cpu_ms() < end)
        breath(bytes);
    return switches() - before;
}

static void *pause_in_a_thread(void *arg)
{
    breath_begin();
    *(long *)arg = pauses_of_30_ms(4096);
    return NULL;
}

static void test_who_has_not_begun_does_not_pause(void **state)
{
    (void)state;
    assert_int_equal(pauses_of_30_ms(1 << 20), 0);
}

/* The one that begins speaks for itself alone. */
static void test_who_has_begun_pauses(void **state)
{
    pthread_t thread;
    long pauses = 0;
    (void)state;

    assert_int_equal(pthread_create(&thread, NULL, pause_in_a_thread, &pauses), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(pauses >= 10); /* of a hundred */
    assert_int_equal(pauses_of_30_ms(1 << 20), 0);
}

static void *do_little(void *arg)
{
    breath_begin();
    *(long *)arg = pauses_of_30_ms(0);
    return NULL;
}

static void test_no_look_at_the_clock_for_few_bytes(void **state)
{
    pthread_t thread;
    long pauses = 1;
    (void)state;

    assert_int_equal(pthread_create(&thread, NULL, do_little, &pauses), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(pauses, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_has_not_begun_does_not_pause),
        cmocka_unit_test(test_who_has_begun_pauses),
        cmocka_unit_test(test_no_look_at_the_clock_for_few_bytes),
    };
    return cmocka_run_group_tests_name("base/breath", tests, NULL, NULL);
}
