/* The log of decisions under load: files that are renamed and changed under it, readers that come
 * and go, and one that reads nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"
#include "rcptguard/record.h"

#define DEADLINE_MS 30000

static char dir[64], path[96], second[96];
static struct record *record;

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/rcptguard-decisions-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/decisions", dir);
    snprintf(second, sizeof second, "%s/second", dir);
    record = record_new();
    return record == NULL;
}

static int teardown(void **state)
{
    char command[128];

    (void)state;
    record_stop(record);
    record_free(record);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static void log_to(const char *file, bool passes)
{
    struct error why = {0};

    if (record_log_to(record, file, passes, &why) != 0)
        fail_msg("%s", why.text);
}

static void decide(const char *label, unsigned number)
{
    char name[16];

    snprintf(name, sizeof name, "n%u", number);
    record_decide(record, &(struct record_decision){.time = clock_now(),
                                                    .label = label,
                                                    .recipient = view_of(name),
                                                    .action = view_of("550 5.7.1 no")});
}

static struct record_log look(void)
{
    struct record_log log;

    record_log_look(record, &log);
    return log;
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void wait_written(void)
{
    int64_t until = clock_mono_ms() + DEADLINE_MS;

    while (look().waiting > 0) {
        assert_true(clock_mono_ms() < until);
        nap();
    }
}

static void wait_problem(const char *part)
{
    int64_t until = clock_mono_ms() + DEADLINE_MS;

    while (part == NULL ? look().problem != NULL
                        : look().problem == NULL || strstr(look().problem, part) == NULL) {
        assert_true(clock_mono_ms() < until);
        nap();
    }
}

/* Adds up the lines of decisions, in order from *NEXT on, and those said to be lost. */
static void count_lines(FILE *f, unsigned *next, uint64_t *lost)
{
    char line[4096];

    while (fgets(line, sizeof line, f) != NULL) {
        const char *name = strstr(line, "\"recipient\":\"n");
        assert_int_equal(line[0], '{');
        assert_string_equal(strrchr(line, '}'), "}\n");
        if (name == NULL) {
            unsigned long long n;
            assert_int_equal(sscanf(line, "{\"lost\":%llu,\"time\":\"", &n), 1);
            *lost += n;
            *next += (unsigned)n;
            continue;
        }
        assert_int_equal(strtoul(name + strlen("\"recipient\":\"n"), NULL, 10), *next);
        ++*next;
    }
}

static void count_file(const char *name, unsigned *next, uint64_t *lost)
{
    FILE *f = fopen(name, "r");

    assert_non_null(f);
    count_lines(f, next, lost);
    fclose(f);
}

enum { ROUNDS = 10, LINES = 2000 };

/* No line is lost or torn by a rotation; those that found no room are told in their place. */
static void test_rotation(void **state)
{
    char old[ROUNDS][128];
    unsigned next = 0;
    uint64_t lost = 0;

    (void)state;
    log_to(path, false);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < LINES; i++)
            decide("reject", round * LINES + i);
        wait_written();
        snprintf(old[round], sizeof old[round], "%s.%u", path, round);
        assert_int_equal(rename(path, old[round]), 0);
        if (round % 2 == 0)
            record_log_reopen(record);
    }
    decide("reject", ROUNDS * LINES);
    record_stop(record);
    for (unsigned round = 0; round < ROUNDS; round++)
        count_file(old[round], &next, &lost);
    count_file(path, &next, &lost);
    assert_int_equal(next, ROUNDS * LINES + 1);
    assert_int_equal(lost, look().lost);
    assert_int_equal(look().lines + look().lost, ROUNDS * LINES + 1);
}

/* A line goes to the file that was configured when it was decided. */
static void test_other_file(void **state)
{
    unsigned next = 0;
    uint64_t lost = 0;

    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        log_to(i % 2 == 0 ? path : second, false);
        decide("reject", i / 2);
        wait_written();
    }
    record_stop(record);
    count_file(path, &next, &lost);
    assert_int_equal(next, 100);
    next = 0;
    count_file(second, &next, &lost);
    assert_int_equal(next, 100);
}

/* Faster than the thread looks: off and on again, and another file. */
static void test_many_changes(void **state)
{
    static const char *const files[] = {path, NULL, second, path, second, NULL};
    unsigned in_path = 0, in_second = 0, next = 0;
    uint64_t lost = 0;

    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        const char *file = files[i % 6];
        log_to(file, false);
        decide("reject", file == path ? in_path++ : in_second);
        in_second += file == second;
        if (i % 50 == 0)
            wait_written();
    }
    record_stop(record);
    count_file(path, &next, &lost);
    assert_int_equal(next, in_path);
    next = 0;
    count_file(second, &next, &lost);
    assert_int_equal(next, in_second);
    assert_int_equal(lost + look().lost, 0);
}

static void test_passes(void **state)
{
    unsigned next = 0;
    uint64_t lost = 0;

    (void)state;
    assert_null(look().file);
    assert_false(record_wants_passes(record));
    log_to(path, true);
    assert_true(record_wants_passes(record) && look().passes);
    decide("pass", 0);
    decide("excluded", 1);
    decide("observe", 2);
    log_to(path, false);
    assert_false(record_wants_passes(record));
    decide("pass", 99);
    decide("defer", 3);
    log_to(NULL, true);
    assert_false(record_wants_passes(record));
    decide("reject", 99);
    record_stop(record);
    count_file(path, &next, &lost);
    assert_int_equal(next, 4);
}

/* Nobody reads: the ring fills up, the rest is counted. Somebody comes, and is told. */
static void test_fifo(void **state)
{
    unsigned next = 0, asked = 0;
    uint64_t lost = 0;

    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    log_to(path, false);
    wait_problem("nobody reads");
    while (look().lost < 500)
        decide("reject", asked++);
    assert_int_equal(look().lines + look().lost, asked);

    FILE *reader = fopen(path, "r");
    assert_non_null(reader);
    int64_t until = clock_mono_ms() + DEADLINE_MS;
    assert_int_equal(fcntl(fileno(reader), F_SETFL, O_NONBLOCK), 0);
    char bytes[65536];
    FILE *copy = fopen(second, "w+");
    while (look().waiting > 0 || lost == 0) {
        ssize_t n = read(fileno(reader), bytes, sizeof bytes);
        if (n > 0)
            fwrite(bytes, 1, (size_t)n, copy);
        else
            nap();
        if (look().waiting == 0 && lost++ == 0) /* room again: with the next one it is told */
            decide("reject", asked++);
        assert_true(clock_mono_ms() < until);
    }
    for (ssize_t n; (n = read(fileno(reader), bytes, sizeof bytes)) > 0;)
        fwrite(bytes, 1, (size_t)n, copy);
    rewind(copy);
    lost = 0;
    count_lines(copy, &next, &lost);
    assert_int_equal(next, asked);
    assert_int_equal(lost, look().lost);
    wait_problem(NULL);
    fclose(copy);
    fclose(reader);
    decide("reject", asked); /* the reader has gone */
    wait_problem("nobody reads");
}

/* A reader that reads nothing holds up neither the loop nor the end. */
static void test_full_fifo_at_the_end(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    log_to(path, false);
    for (unsigned i = 0; i < 5000; i++)
        decide("reject", i);
    wait_problem("does not keep up");
    record_stop(record);
    assert_true(look().waiting > 0);
    close(reader);
}

/* What could not be written anywhere does not turn up in another file later. */
static void test_off_with_lines_that_wait(void **state)
{
    unsigned next = 7;
    uint64_t lost = 0;

    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    log_to(path, false);
    wait_problem("nobody reads");
    decide("reject", 1);
    log_to(NULL, false);
    wait_written();
    assert_int_equal(look().lost, 1);
    log_to(second, false);
    decide("reject", 7);
    record_stop(record);
    count_file(second, &next, &lost);
    assert_int_equal(next, 8);
}

static void be_quiet(enum log_level level, const char *line, void *arg)
{
    (void)level;
    (void)line;
    (void)arg;
}

static int prepare(void **state)
{
    (void)state;
    log_set_sink(be_quiet, NULL);
    return signal(SIGPIPE, SIG_IGN) == SIG_ERR;
}

int main(void)
{
#define LOG_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        LOG_TEST(test_rotation),
        LOG_TEST(test_other_file),
        LOG_TEST(test_many_changes),
        LOG_TEST(test_passes),
        LOG_TEST(test_fifo),
        LOG_TEST(test_full_fifo_at_the_end),
        LOG_TEST(test_off_with_lines_that_wait),
    };
    return cmocka_run_group_tests_name("threads/decision_log", tests, prepare, NULL);
}
