/* References under load: the loop decides and asks while the disk thread appends and searches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rcptguard/base/clock.h"
#include "rcptguard/record.h"

static char state_dir[64];
static struct disk *disk;
static struct queue *loop;
static struct record *record;
static unsigned asked, known, unknown;

static int setup(void **state)
{
    (void)state;
    strcpy(state_dir, "/tmp/rcptguard-record-XXXXXX");
    if (mkdtemp(state_dir) == NULL)
        return -1;
    asked = known = unknown = 0;
    disk = disk_start(NULL);
    loop = queue_new(0);
    record = record_new();
    return disk == NULL || loop == NULL || record == NULL ||
           record_start(record, state_dir, disk, loop, NULL) < 0;
}

static int teardown(void **state)
{
    char command[128];
    (void)state;
    record_stop(record);
    disk_stop(disk);
    record_free(record);
    queue_free(loop);
    snprintf(command, sizeof command, "rm -rf %s", state_dir);
    return system(command);
}

static void on_found(const struct record_decision *d, void *arg)
{
    (void)arg;
    if (d == NULL)
        unknown++;
    else
        known++;
}

static void decide(unsigned i, char ref[16])
{
    snprintf(ref, 16, "%07uZ", i);
    record_decide(record, &(struct record_decision){.time = clock_now(),
                                                    .label = "reject",
                                                    .ref = view_of(ref),
                                                    .canonical = view_of("jane@example.org"),
                                                    .list = view_of("x")});
}

static void test_all_are_found(void **state)
{
    (void)state;
    struct pollfd fd = {.fd = queue_fd(loop), .events = POLLIN};
    char ref[16];

    for (unsigned i = 0; i < 3000; i++) {
        decide(i, ref);
        if (record_why(record, view_of(ref), on_found, NULL) == 0)
            asked++;
        queue_run(loop);
    }
    assert_true(asked > 0);
    while (known + unknown < asked) {
        assert_int_equal(poll(&fd, 1, 60000), 1);
        queue_run(loop);
    }
    assert_int_equal(unknown, 0);
}

static void test_stopped_in_the_middle(void **state)
{
    (void)state;
    char ref[16];

    for (unsigned i = 0; i < 500; i++) {
        decide(i, ref);
        record_why(record, view_of(ref), on_found, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_are_found, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stopped_in_the_middle, setup, teardown),
    };
    return cmocka_run_group_tests_name("threads/record", tests, NULL, NULL);
}
