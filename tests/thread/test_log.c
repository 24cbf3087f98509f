/* Several threads log while one flushes, the target changes and the log stops under them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log_sink.h"
#include "rcptguard/base/log.h"

enum { LOGGERS = 4, LINES = 2000 };

static atomic_bool done;
static unsigned got;

static void *log_all(void *arg)
{
    for (int i = 0; i < LINES; i++)
        log_info(arg, "line %d", i);
    return NULL;
}

static void *flush_all(void *arg)
{
    (void)arg;
    while (!atomic_load(&done)) {
        struct pollfd fds[2] = {{.fd = log_fd(), .events = POLLIN},
                                {.fd = log_flush(), .events = POLLOUT}};
        poll(fds, 2, 20);
    }
    log_stop(5000);
    return NULL;
}

/* Counts the lines that come out of the pipe until it is closed. */
static void *count_all(void *arg)
{
    int fd = *(const int *)arg;
    char bytes[4096];
    ssize_t n;

    while ((n = read(fd, bytes, sizeof bytes)) > 0)
        for (ssize_t i = 0; i < n; i++)
            got += bytes[i] == '\n';
    return NULL;
}

static void test_many_loggers(void **state)
{
    (void)state;
    char names[LOGGERS][8];
    pthread_t loggers[LOGGERS], flusher, counter;
    int ends[2], saved = dup(2);
    uint64_t notes = 0;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(dup2(ends[1], 2), 2);
    close(ends[1]);
    log_sink_paths("/nonexistent/log", "/nonexistent/journal");
    log_set_target(LOG_TARGET_STDERR);
    assert_int_equal(log_start(NULL), 0);
    pthread_create(&counter, NULL, count_all, &ends[0]);
    pthread_create(&flusher, NULL, flush_all, NULL);
    for (int i = 0; i < LOGGERS; i++) {
        snprintf(names[i], sizeof names[i], "t%d", i);
        pthread_create(&loggers[i], NULL, log_all, names[i]);
    }
    log_set_target(LOG_TARGET_SYSLOG); /* missing: stderr still */
    log_set_level(LOG_LEVEL_DEBUG);
    for (int i = 0; i < LOGGERS; i++)
        pthread_join(loggers[i], NULL);
    atomic_store(&done, true);
    pthread_join(flusher, NULL);
    dup2(saved, 2);
    close(saved);
    pthread_join(counter, NULL);
    close(ends[0]);
    /* Every line came out or was counted, and a note was written for those dropped. */
    notes = got + log_dropped() - LOGGERS * LINES;
    assert_true(log_dropped() == 0 ? notes == 0 : notes >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_many_loggers)};
    return cmocka_run_group_tests_name("threads/log", tests, NULL, NULL);
}
