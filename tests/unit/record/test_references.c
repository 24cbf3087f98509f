/* References with a real disk thread: what is found again, when, and what a slow disk costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"
#include "rcptguard/record.h"

#define NOW     1700000000
#define WAIT_MS 10000
#define JOBS    1024 /* that the disk thread lets wait */

static char state_dir[64];
static struct disk *disk;
static struct queue *loop;
static struct record *record;
static unsigned warnings;
static char last_warning[512];

static void on_log(enum log_level level, const char *line, void *arg)
{
    (void)arg;
    if (level > LOG_LEVEL_WARNING)
        return;
    warnings++;
    snprintf(last_warning, sizeof last_warning, "%s", line);
}

static void start(void)
{
    struct error why = {0, ""};

    disk = disk_start(&why);
    loop = queue_new(0);
    record = record_new();
    if (disk == NULL || loop == NULL || record == NULL ||
        record_start(record, state_dir, disk, loop, &why) < 0)
        fail_msg("%s", why.text);
}

static void stop(void)
{
    if (record != NULL)
        record_stop(record);
    disk_stop(disk);
    record_free(record);
    queue_free(loop);
    record = NULL;
    disk = NULL;
    loop = NULL;
}

static int setup(void **state)
{
    (void)state;
    strcpy(state_dir, "/tmp/rcptguard-references-XXXXXX");
    if (mkdtemp(state_dir) == NULL)
        return -1;
    warnings = 0;
    log_set_sink(on_log, NULL);
    clock_set(NOW, 1000);
    start();
    return 0;
}

static int teardown(void **state)
{
    char command[128];
    (void)state;
    stop();
    clock_set(-1, -1);
    log_set_sink(NULL, NULL);
    snprintf(command, sizeof command, "rm -rf %s", state_dir);
    return system(command);
}

static struct record_decision decision(const char *ref)
{
    return (struct record_decision){
        .time = NOW,
        .label = "reject",
        .ref = view_of(ref),
        .recipient = view_of("Jane+x@Example.org"),
        .sender = view_of("bob@example.edu"),
        .sasl_username = view_of("bob"),
        .client = view_of("192.0.2.7"),
        .queue_id = view_of("4TqX"),
        .instance = view_of("1a.2b.0"),
        .canonical = view_of("jane@example.org"),
        .domain = view_of("example.org"),
        .list = view_of("aper"),
        .entry = view_of("jane@example.org"),
        .date = 19000,
        .action = view_of("550 5.7.1 no"),
        .evidence = view_of("127.0.1.2 since 2026-11-24T10:02:00Z"),
    };
}

/* What a search said. Texts are copied: they are valid during the call only. */
struct answer {
    unsigned calls;
    bool known;
    struct record_decision d;
    char texts[13][1100];
};

static struct view keep(struct view v, char copy[1100])
{
    assert_true(v.len <= 1100);
    if (v.len > 0)
        memcpy(copy, v.ptr, v.len);
    return view_make(copy, v.len);
}

static void on_found(const struct record_decision *d, void *arg)
{
    struct answer *a = arg;
    unsigned n = 0;

    a->calls++;
    a->known = d != NULL;
    if (d == NULL)
        return;
    a->d = *d;
    a->d.ref = keep(d->ref, a->texts[n++]);
    a->d.recipient = keep(d->recipient, a->texts[n++]);
    a->d.sender = keep(d->sender, a->texts[n++]);
    a->d.sasl_username = keep(d->sasl_username, a->texts[n++]);
    a->d.client = keep(d->client, a->texts[n++]);
    a->d.queue_id = keep(d->queue_id, a->texts[n++]);
    a->d.instance = keep(d->instance, a->texts[n++]);
    a->d.canonical = keep(d->canonical, a->texts[n++]);
    a->d.domain = keep(d->domain, a->texts[n++]);
    a->d.list = keep(d->list, a->texts[n++]);
    a->d.entry = keep(d->entry, a->texts[n++]);
    a->d.action = keep(d->action, a->texts[n++]);
    a->d.evidence = keep(d->evidence, a->texts[n++]);
}

static void wait_for(const struct answer *a)
{
    struct pollfd fd = {.fd = queue_fd(loop), .events = POLLIN};

    while (a->calls == 0) {
        assert_int_equal(poll(&fd, 1, WAIT_MS), 1);
        queue_run(loop);
    }
    assert_int_equal(a->calls, 1);
}

static atomic_bool barrier_reached;

static void run_barrier(struct task *task)
{
    (void)task;
    atomic_store(&barrier_reached, true);
}

/* What was decided is on the disk, what followed meanwhile too, and the loop knows. */
static void wait_until_written(void)
{
    struct pollfd fd = {.fd = queue_fd(loop), .events = POLLIN};

    for (int i = 0; i < 2; i++) {
        static struct task barrier;
        barrier.run = run_barrier;
        atomic_store(&barrier_reached, false);
        assert_int_equal(disk_post_record(disk, &barrier), 0);
        for (int waits = 0; !atomic_load(&barrier_reached); waits++) {
            assert_true(waits < WAIT_MS);
            poll(&fd, 1, 1);
        }
        queue_run(loop);
    }
}

static bool find(const char *ref, struct answer *a)
{
    memset(a, 0, sizeof *a);
    assert_int_equal(record_why(record, view_of(ref), on_found, a), 0);
    assert_int_equal(a->calls, 0); /* never before it returns */
    wait_for(a);
    return a->known;
}

static struct answer answer; /* large */

static void check_same(const struct record_decision *d)
{
    const struct record_decision *got = &answer.d;

    assert_int_equal(got->time, d->time);
    assert_string_equal(got->label, d->label);
    assert_int_equal(got->date, d->date);
    assert_true(view_eq(got->recipient, view_first(d->recipient, 1024)));
    assert_true(view_eq(got->sender, view_first(d->sender, 1024)));
    assert_true(view_eq(got->sasl_username, view_first(d->sasl_username, 1024)));
    assert_true(view_eq(got->client, view_first(d->client, 1024)));
    assert_true(view_eq(got->queue_id, view_first(d->queue_id, 1024)));
    assert_true(view_eq(got->instance, view_first(d->instance, 1024)));
    assert_true(view_eq(got->canonical, view_first(d->canonical, 1024)));
    assert_true(view_eq(got->domain, view_first(d->domain, 1024)));
    assert_true(view_eq(got->list, view_first(d->list, 1024)));
    assert_true(view_eq(got->entry, view_first(d->entry, 1024)));
    assert_true(view_eq(got->action, view_first(d->action, 1024)));
    assert_true(view_eq(got->evidence, view_first(d->evidence, 1024)));
}

static void test_found_with_all_its_fields(void **state)
{
    (void)state;
    struct record_decision d = decision("BCDF2345");

    record_decide(record, &d);
    assert_true(find("BCDF2345", &answer));
    assert_true(view_is(answer.d.ref, "BCDF2345"));
    check_same(&d);
    assert_true(find("bcdf2345", &answer));
    stop();
    start();
    assert_true(find("BcDf2345", &answer));
    check_same(&d);
}

static void test_any_bytes(void **state)
{
    (void)state;
    static char big[2000], all[256];
    struct record_decision d = decision("XXXXXX");

    memset(big, 1, sizeof big); /* what takes most room in the file */
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    d.label = "observe";
    d.date = 0;
    d.recipient = d.sender = d.sasl_username = d.client = d.queue_id = d.instance =
        view_make(big, sizeof big);
    d.canonical = d.domain = d.list = d.entry = d.action = d.evidence = view_make(big, sizeof big);
    record_decide(record, &d);
    assert_true(find("XXXXXX", &answer));
    check_same(&d);

    d.ref = view_of("YYYYYY");
    d.label = "defer";
    d.recipient = view_make(all, sizeof all);
    d.sender = view_of("\\x41\\");
    d.sasl_username = VIEW_NONE;
    d.action = view_of("");
    record_decide(record, &d);
    assert_true(find("YYYYYY", &answer));
    check_same(&d);
}

static void test_unknown_and_malformed(void **state)
{
    (void)state;
    static const char *const refs[] = {
        "BCDF234",       "BCDF23456",  "",          "BCDF2",
        "BCDF23456789B", "BCDF\t000",  "BCDA2345",  "BCDe2345",
        "BCDF 345",      "BCDF2345\n", "../../etc", "\xff\xff\xff\xff\xff\xff",
    };
    struct record_decision d = decision("BCDF2345");

    record_decide(record, &d);
    /* Not even what is there: the disk is not asked for what cannot be a reference. */
    for (size_t i = 0; i < sizeof refs / sizeof refs[0]; i++) {
        d = decision(refs[i]);
        if (d.ref.len != 7 && d.ref.len != 9)
            record_decide(record, &d);
    }
    for (size_t i = 0; i < sizeof refs / sizeof refs[0]; i++)
        if (find(refs[i], &answer))
            fail_msg("'%s' was found", refs[i]);
    /* What stands in another's line is not a reference. */
    d = decision("BCDF3333");
    d.recipient = view_of("\nZZZZZZZZ\t1");
    record_decide(record, &d);
    assert_false(find("ZZZZZZZZ", &answer));
}

static void test_only_refusals_are_kept(void **state)
{
    (void)state;
    struct record_decision d = decision("BCDF2345");

    d.label = "excluded";
    record_decide(record, &d);
    assert_false(find("BCDF2345", &answer));
    d.label = "pass";
    record_decide(record, &d);
    assert_false(find("BCDF2345", &answer));
    d.label = "reject";
    d.ref = VIEW_NONE;
    record_decide(record, &d);
    d.ref = view_of("BCDF2345");
    d.time = NOW - (int64_t)REFERENCES_DAYS * 86400 - 1;
    record_decide(record, &d);
    assert_false(find("BCDF2345", &answer));
    d.time++;
    record_decide(record, &d);
    assert_true(find("BCDF2345", &answer));
}

static const char *ref_of(int i)
{
    static char ref[16];
    snprintf(ref, sizeof ref, "%07dZ", i);
    return ref;
}

/* Several segments, and the answers of batches run now and then as on the loop. */
static void test_many(void **state)
{
    (void)state;
    static char big[1000];
    char path[128];

    memset(big, 'x', sizeof big);
    for (int i = 0; i < 12000; i++) {
        struct record_decision d = decision(ref_of(i));
        d.recipient = view_make(big, sizeof big);
        record_decide(record, &d);
        if (i % 500 == 499)
            assert_true(find(ref_of(i), &answer));
    }
    snprintf(path, sizeof path, "%s/references/00000003", state_dir);
    assert_int_equal(access(path, F_OK), 0);
    assert_true(find(ref_of(0), &answer));
    assert_true(find(ref_of(6000), &answer));
    assert_true(find(ref_of(11999), &answer));
    assert_false(find(ref_of(12000), &answer));
    assert_int_equal(warnings, 0);
}

static void test_bounded_searches(void **state)
{
    (void)state;
    static struct answer answers[17];
    struct record_decision d = decision("BCDF2345");

    memset(answers, 0, sizeof answers);
    record_decide(record, &d);
    for (int i = 0; i < 16; i++)
        assert_int_equal(record_why(record, view_of("BCDF2345"), on_found, &answers[i]), 0);
    assert_int_equal(record_why(record, view_of("BCDF2345"), on_found, &answers[16]), ERR_LIMIT);
    for (int i = 0; i < 16; i++) {
        wait_for(&answers[i]);
        assert_true(answers[i].known);
    }
    assert_true(find("BCDF2345", &answers[16]));
}

static void test_without_files(void **state)
{
    (void)state;
    struct record *r = record_new();
    struct record_decision d = decision("BCDF2345");
    struct error why = {0, ""};

    record_decide(r, &d);
    assert_int_equal(record_why(r, view_of("BCDF2345"), on_found, &answer), ERR_LIMIT);
    assert_int_equal(record_start(r, "/dev/null", disk, loop, &why), ERR_IO);
    assert_non_null(strstr(why.text, "/dev/null/references"));
    record_decide(r, &d);
    assert_int_equal(record_why(r, view_of("BCDF2345"), on_found, &answer), ERR_LIMIT);
    record_stop(r);
    record_free(r);
    record_free(NULL);
}

/* ---- a disk that hangs ---------------------------------------------------------------------- */

static struct {
    struct task task;
    sem_t entered, go;
} hang;

static void run_hang(struct task *task)
{
    (void)task;
    sem_post(&hang.entered);
    sem_wait(&hang.go);
}

static void hang_disk(void)
{
    sem_init(&hang.entered, 0, 0);
    sem_init(&hang.go, 0, 0);
    hang.task.run = run_hang;
    assert_int_equal(disk_post(disk, &hang.task), 0);
    sem_wait(&hang.entered);
}

static void run_nothing(struct task *task)
{
    (void)task;
}

/* No room for another job of either kind. */
static void fill_jobs(void)
{
    static struct task jobs[JOBS], records[JOBS];

    for (int i = 0; i < JOBS; i++)
        jobs[i].run = records[i].run = run_nothing;
    for (int i = 0; i < JOBS && disk_post(disk, &jobs[i]) == 0; i++)
        ;
    for (int i = 0; i < JOBS && disk_post_record(disk, &records[i]) == 0; i++)
        ;
}

static void test_slow_disk_costs_the_newest(void **state)
{
    (void)state;
    static char big[1000];

    memset(big, 'x', sizeof big);
    hang_disk();
    for (int i = 0; i < 3000; i++) {
        struct record_decision d = decision(ref_of(i));
        d.recipient = view_make(big, sizeof big);
        record_decide(record, &d);
    }
    assert_int_equal(warnings, 1);
    clock_set(NOW, 62000);
    struct record_decision d = decision(ref_of(3000));
    d.recipient = view_make(big, sizeof big);
    record_decide(record, &d);
    assert_int_equal(warnings, 2);
    assert_non_null(strstr(last_warning, "references: "));
    sem_post(&hang.go);
    assert_true(find(ref_of(0), &answer));
    assert_true(find(ref_of(500), &answer));
    assert_false(find(ref_of(3000), &answer));
    d = decision("BCDF2345");
    record_decide(record, &d);
    assert_true(find("BCDF2345", &answer));
    assert_int_equal(warnings, 2);
}

/* What the disk thread refuses goes with the next decision, or at the end. */
static void test_no_job_free(void **state)
{
    (void)state;
    struct record_decision d = decision("BCDF2345");
    char path[128];

    hang_disk();
    fill_jobs();
    record_decide(record, &d);
    assert_int_equal(record_why(record, d.ref, on_found, &answer), ERR_LIMIT);
    sem_post(&hang.go);
    memset(&answer, 0, sizeof answer);
    while (record_why(record, d.ref, on_found, &answer) == ERR_LIMIT)
        sched_yield();
    wait_for(&answer);
    assert_true(answer.known);
    wait_until_written();
    assert_true(find("BCDF2345", &answer));
    snprintf(path, sizeof path, "%s/references/00000001", state_dir);
    assert_int_equal(access(path, F_OK), 0); /* not from memory only */
    assert_int_equal(warnings, 0);
}

static void test_stopped_while_no_job_is_free(void **state)
{
    (void)state;
    struct record_decision d = decision("BCDF2345");

    hang_disk();
    fill_jobs();
    record_decide(record, &d);
    record_stop(record);
    record_decide(record, &d);
    sem_post(&hang.go);
    stop();
    start();
    assert_true(find("BCDF2345", &answer));
}

/* The loop may wait for somebody else until the daemon is ended: the disk thread has all of them.
 */
static void test_stopped_with_a_batch_on_its_way(void **state)
{
    (void)state;
    struct record_decision first = decision("BCDF2345"), second = decision("BCDF3333");
    char path[128], text[4096] = "";

    hang_disk();
    record_decide(record, &first);
    record_decide(record, &second);
    record_stop(record);
    sem_post(&hang.go);
    disk_stop(disk);
    disk = NULL;
    snprintf(path, sizeof path, "%s/references/00000001", state_dir);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t len = fread(text, 1, sizeof text, file);
    fclose(file);
    assert_non_null(memmem(text, len, "BCDF2345", 8));
    assert_non_null(memmem(text, len, "BCDF3333", 8));
}

/* A full job queue must not make a search go wrong that is under way, nor wait for ever. */
static void test_batch_on_its_way_and_more(void **state)
{
    (void)state;
    struct record_decision first = decision("BCDF2345"), second = decision("BCDF3333");
    static struct answer other;

    hang_disk();
    record_decide(record, &first);
    record_decide(record, &second);
    memset(&answer, 0, sizeof answer);
    memset(&other, 0, sizeof other);
    assert_int_equal(record_why(record, first.ref, on_found, &answer), 0);
    assert_int_equal(record_why(record, second.ref, on_found, &other), 0);
    fill_jobs();
    sem_post(&hang.go);
    wait_for(&answer);
    wait_for(&other);
    assert_true(answer.known);
    assert_true(other.known);
}

static void test_stop_ends_searches(void **state)
{
    (void)state;
    struct record_decision d = decision("BCDF2345");

    memset(&answer, 0, sizeof answer);
    hang_disk();
    record_decide(record, &d);
    for (int i = 0; i < 5; i++)
        assert_int_equal(record_why(record, d.ref, on_found, &answer), 0);
    record_stop(record);
    assert_int_equal(record_why(record, d.ref, on_found, &answer), ERR_LIMIT);
    sem_post(&hang.go);
    disk_stop(disk);
    disk = NULL;
    queue_run(loop);
    record_free(record); /* who asked has something to free */
    record = NULL;
    assert_int_equal(answer.calls, 5);
    assert_false(answer.known);
    stop();
    start();
    assert_true(find("BCDF2345", &answer));
}

static void test_answers_that_nobody_took(void **state)
{
    (void)state;
    struct record_decision d = decision("BCDF2345");
    struct pollfd fd = {.fd = queue_fd(loop), .events = POLLIN};

    memset(&answer, 0, sizeof answer);
    record_decide(record, &d);
    assert_int_equal(record_why(record, d.ref, on_found, &answer), 0);
    assert_int_equal(record_why(record, view_of("?"), on_found, &answer), 0);
    assert_int_equal(poll(&fd, 1, WAIT_MS), 1);
    stop(); /* the address sanitizer says what is left */
    assert_int_equal(answer.calls, 2);
    start();
}

/* The directory is taken away, and put back. */
static void test_no_place(void **state)
{
    (void)state;
    struct record_decision d = decision("BCDF2345");
    char dir[128];

    snprintf(dir, sizeof dir, "%s/references", state_dir);
    assert_int_equal(rmdir(dir), 0);
    close(open(dir, O_WRONLY | O_CREAT, 0600));
    record_decide(record, &d);
    assert_false(find("BCDF2345", &answer));
    wait_until_written();
    assert_int_equal(warnings, 1);
    assert_non_null(strstr(last_warning, "references: 1 lost"));
    assert_int_equal(unlink(dir), 0);
    record_decide(record, &d);
    assert_true(find("BCDF2345", &answer));
}

int main(void)
{
#define REFERENCES_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        REFERENCES_TEST(test_found_with_all_its_fields),
        REFERENCES_TEST(test_any_bytes),
        REFERENCES_TEST(test_unknown_and_malformed),
        REFERENCES_TEST(test_only_refusals_are_kept),
        REFERENCES_TEST(test_many),
        REFERENCES_TEST(test_bounded_searches),
        REFERENCES_TEST(test_without_files),
        REFERENCES_TEST(test_slow_disk_costs_the_newest),
        REFERENCES_TEST(test_no_job_free),
        REFERENCES_TEST(test_stopped_while_no_job_is_free),
        REFERENCES_TEST(test_stopped_with_a_batch_on_its_way),
        REFERENCES_TEST(test_batch_on_its_way_and_more),
        REFERENCES_TEST(test_stop_ends_searches),
        REFERENCES_TEST(test_answers_that_nobody_took),
        REFERENCES_TEST(test_no_place),
    };
    return cmocka_run_group_tests_name("record/references", tests, NULL, NULL);
}
