/* The log's ring and its sinks: forms, fallbacks, full sinks, drops. One thread plays both sides.
 */
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
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/log_sink.h"
#include "rcptguard/base/buf.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"

#define NOON 1767268800 /* 2026-01-01T12:00:00Z */

static char dir[] = "/tmp/rcptguard-log-XXXXXX";
static char syslog_path[64], journal_path[64];
static int saved_stderr = -1, stderr_pipe[2] = {-1, -1};

static int setup_group(void **state)
{
    (void)state;
    setenv("TZ", "CET-1", 1);
    tzset();
    unsetenv("JOURNAL_STREAM");
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(syslog_path, sizeof syslog_path, "%s/log", dir);
    snprintf(journal_path, sizeof journal_path, "%s/journal", dir);
    return 0;
}

static int teardown_group(void **state)
{
    (void)state;
    return rmdir(dir);
}

static int setup(void **state)
{
    (void)state;
    clock_set(NOON, 1000000);
    log_set_level(LOG_LEVEL_INFO);
    log_sink_paths(syslog_path, journal_path);
    saved_stderr = dup(2);
    return pipe2(stderr_pipe, O_CLOEXEC) != 0 || dup2(stderr_pipe[1], 2) != 2 ||
           log_start(NULL) != 0;
}

static int teardown(void **state)
{
    (void)state;
    log_set_target(LOG_TARGET_STDERR);
    log_stop(0);
    dup2(saved_stderr, 2);
    close(saved_stderr);
    close(stderr_pipe[0]);
    close(stderr_pipe[1]);
    clock_set(-1, -1);
    return 0;
}

/* What is in FD now, as text. */
static const char *take(int fd)
{
    static char bytes[70000];
    struct pollfd some = {.fd = fd, .events = POLLIN};
    size_t len = 0;

    while (len < sizeof bytes - 1 && poll(&some, 1, 0) == 1) {
        ssize_t n = read(fd, bytes + len, sizeof bytes - 1 - len);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    bytes[len] = '\0';
    return bytes;
}

static int listen_at(const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
    unlink(path);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    return fd;
}

static bool readable(int fd)
{
    struct pollfd some = {.fd = fd, .events = POLLIN};
    return poll(&some, 1, 0) == 1;
}

static char heard[8][LOG_LINE_BYTES];
static enum log_level heard_level[8];
static unsigned n_heard;

static void hear(enum log_level level, const char *line, void *arg)
{
    (void)arg;
    assert_true(n_heard < 8);
    heard_level[n_heard] = level;
    snprintf(heard[n_heard++], LOG_LINE_BYTES, "%s", line);
}

static void test_lines(void **state)
{
    (void)state;
    char longer[3 * LOG_LINE_BYTES];

    n_heard = 0;
    log_set_sink(hear, NULL);
    log_error(NULL, "no %s", "disk");
    log_warning("aper", "held: %d of %d", 1, 2);
    log_notice("aper", "a\nb\x1b[0m\x7f");
    log_line(view_of("reject: ref=X"), view_of("A=b\n"));
    log_debug("x", "not shown at info");
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    log_info("s", "%s", longer);
    log_set_level(LOG_LEVEL_ERROR);
    log_warning(NULL, "too low");
    log_line(view_of("too low"), VIEW_NONE);
    log_set_level(LOG_LEVEL_DEBUG);
    log_debug("x", "shown");
    log_set_sink(NULL, NULL);

    assert_int_equal(n_heard, 6);
    assert_string_equal(heard[0], "error: no disk");
    assert_int_equal(heard_level[0], LOG_LEVEL_ERROR);
    assert_string_equal(heard[1], "warning: aper: held: 1 of 2");
    assert_string_equal(heard[2], "aper: a?b?[0m?");
    assert_string_equal(heard[3], "reject: ref=X");
    assert_int_equal(heard_level[3], LOG_LEVEL_INFO);
    assert_int_equal(strlen(heard[4]), LOG_LINE_BYTES - 1);
    assert_string_equal(heard[5], "debug: x: shown");
}

static void test_stderr(void **state)
{
    (void)state;
    log_set_target(LOG_TARGET_STDERR);
    assert_false(readable(log_fd()));
    log_warning("aper", "held");
    assert_true(readable(log_fd()));
    assert_string_equal(take(stderr_pipe[0]), "");
    clock_set(NOON + 60, 1000000); /* the line has the time when it was logged */
    assert_int_equal(log_flush(), -1);
    assert_false(readable(log_fd()));
    assert_string_equal(take(stderr_pipe[0]),
                        "2026-01-01T13:00:00+01:00 test_log: warning: aper: held\n");
    /* The shared description is as it was. */
    assert_false(fcntl(2, F_GETFL) & O_NONBLOCK);
}

static void test_stderr_of_systemd_has_no_time(void **state)
{
    (void)state;
    struct stat st;
    char stream[64];
    int journal = listen_at(journal_path);

    assert_int_equal(fstat(2, &st), 0);
    snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_set_target(LOG_TARGET_STDERR);
    log_info(NULL, "one");
    assert_int_equal(log_flush(), -1);
    assert_string_equal(take(stderr_pipe[0]), "test_log: one\n");
    log_set_target(LOG_TARGET_AUTO);
    log_info(NULL, "two");
    assert_int_equal(log_flush(), -1);
    assert_non_null(strstr(take(journal), "MESSAGE=two\n"));

    setenv("JOURNAL_STREAM", "1:1", 1); /* inherited, but stderr is another */
    log_set_target(LOG_TARGET_STDERR);  /* of the same one nothing is looked at anew */
    log_set_target(LOG_TARGET_AUTO);
    log_info(NULL, "three");
    assert_int_equal(log_flush(), -1);
    assert_string_equal(take(stderr_pipe[0]), "2026-01-01T13:00:00+01:00 test_log: three\n");
    unsetenv("JOURNAL_STREAM");
    close(journal);
    unlink(journal_path);
}

static void test_syslog(void **state)
{
    (void)state;
    char expected[128];
    int fd = listen_at(syslog_path);

    log_set_target(LOG_TARGET_SYSLOG);
    log_warning("aper", "held");
    assert_int_equal(log_flush(), -1);
    /* mail is 2, warning 4: 2 * 8 + 4 */
    snprintf(expected, sizeof expected, "<20>Jan  1 13:00:00 test_log[%d]: warning: aper: held",
             (int)getpid());
    assert_string_equal(take(fd), expected);

    /* Restarted: another socket at the same place. */
    close(fd);
    fd = listen_at(syslog_path);
    log_info(NULL, "again");
    assert_int_equal(log_flush(), -1);
    assert_non_null(strstr(take(fd), "]: again"));
    assert_string_equal(take(stderr_pipe[0]), "");
    close(fd);
    unlink(syslog_path);
}

static void test_journal(void **state)
{
    (void)state;
    int fd = listen_at(journal_path);

    log_set_target(LOG_TARGET_JOURNAL);
    log_error("x", "a=b\nPRIORITY=0");
    assert_int_equal(log_flush(), -1);
    assert_string_equal(take(fd), "PRIORITY=3\nSYSLOG_FACILITY=2\nSYSLOG_IDENTIFIER=test_log\n"
                                  "MESSAGE=error: x: a=b?PRIORITY=0\n");
    close(fd);
    unlink(journal_path);
}

/* Beside the message in the journal, nowhere else; those too long are left out. */
static void test_fields(void **state)
{
    (void)state;
    static const char head[] = "PRIORITY=6\nSYSLOG_FACILITY=2\nSYSLOG_IDENTIFIER=test_log\n"
                               "MESSAGE=reject: ref=X\n";
    static char many[LOG_FIELDS_BYTES + 1];
    int journal = listen_at(journal_path), syslog = listen_at(syslog_path);
    struct view line = view_of("reject: ref=X"), fields = view_of("A_B=c d\nE=\n");
    struct buf expected = BUF_INIT(0);

    log_set_target(LOG_TARGET_JOURNAL);
    assert_true(log_takes_fields());
    memset(many, 'X', sizeof many);
    log_line(line, fields);
    log_line(line, view_make(many, sizeof many));
    log_line(line, view_make(many, sizeof many - 1));
    assert_int_equal(log_flush(), -1);
    buf_addf(&expected, "%sA_B=c d\nE=\n%s%s%.*s", head, head, head, LOG_FIELDS_BYTES, many);
    assert_string_equal(take(journal), expected.data);
    buf_free(&expected);

    log_set_target(LOG_TARGET_SYSLOG);
    assert_false(log_takes_fields());
    log_line(line, fields);
    assert_int_equal(log_flush(), -1);
    assert_non_null(strstr(take(syslog), "]: reject: ref=X"));
    close(journal);
    close(syslog);
    unlink(journal_path);
    unlink(syslog_path);

    log_set_target(LOG_TARGET_JOURNAL); /* away: as on stderr */
    log_line(line, fields);
    assert_int_equal(log_flush(), -1);
    assert_string_equal(take(stderr_pipe[0]),
                        "2026-01-01T13:00:00+01:00 test_log: reject: ref=X\n");
}

static void test_missing_sink_is_stderr_until_it_is_there(void **state)
{
    (void)state;
    log_set_target(LOG_TARGET_SYSLOG);
    log_info(NULL, "one");
    assert_int_equal(log_flush(), -1);
    assert_string_equal(take(stderr_pipe[0]), "2026-01-01T13:00:00+01:00 test_log: one\n");

    int fd = listen_at(syslog_path);
    log_info(NULL, "two");
    assert_int_equal(log_flush(), -1);
    assert_non_null(strstr(take(stderr_pipe[0]), "two"));
    clock_set(NOON, 1000000 + 5000);
    log_info(NULL, "three");
    assert_int_equal(log_flush(), -1);
    assert_string_equal(take(stderr_pipe[0]), "");
    assert_non_null(strstr(take(fd), "]: three"));
    close(fd);
    unlink(syslog_path);
}

static void test_full_pipe_blocks_nobody(void **state)
{
    (void)state;
    int logged = 0, fd = -1;
    struct pollfd room = {.events = POLLOUT};

    log_set_target(LOG_TARGET_STDERR);
    while (fd < 0 && logged < 100000) {
        log_info(NULL, "line %06d", logged++);
        fd = log_flush();
    }
    assert_true(fd >= 0);
    room.fd = fd;
    assert_int_equal(poll(&room, 1, 0), 0);
    log_info(NULL, "line %06d", logged++);

    const char *seen = take(stderr_pipe[0]);
    assert_int_equal(poll(&room, 1, 0), 1);
    int lines = 0;
    for (int round = 0; round < 2; round++) {
        for (const char *at = seen; (at = strstr(at, ": line ")) != NULL; at++)
            assert_int_equal(atoi(at + 7), lines++);
        assert_int_equal(log_flush(), -1);
        seen = take(stderr_pipe[0]);
    }
    assert_int_equal(lines, logged);
    assert_int_equal(log_dropped(), 0);
}

/* Messages keep their bounds, so that writes can be told apart. */
static void test_lines_go_together(void **state)
{
    (void)state;
    int ends[2], lines = 0, writes = 0;
    char message[LOG_SINK_BYTES + 1];
    ssize_t n;

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(dup2(ends[1], 2), 2);
    log_set_target(LOG_TARGET_STDERR);
    for (int i = 0; i < 200; i++)
        log_info(NULL, "line %06d %0*d", i, i % 50 == 49 ? LOG_LINE_BYTES : i, 0);
    assert_int_equal(log_flush(), -1);
    for (; (n = recv(ends[0], message, sizeof message - 1, MSG_DONTWAIT)) > 0; writes++) {
        assert_true(n <= LOG_SINK_BYTES);
        message[n] = '\0';
        assert_int_equal(message[n - 1], '\n');
        for (const char *at = message; (at = strstr(at, ": line ")) != NULL; at++)
            assert_int_equal(atoi(at + 7), lines++);
    }
    assert_int_equal(lines, 200);
    assert_true(writes <= 20);
    close(ends[0]);
    close(ends[1]);
}

/* The smallest buffer there is, with some line ends in it: of what is written next the kernel takes
 * one piece, some 2 KB, and not a second one. */
static void stderr_to_stream(int ends[2])
{
    char filler[2000];
    const int small = 1;

    memset(filler, '\n', sizeof filler);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    assert_int_equal(send(ends[1], filler, sizeof filler, 0), sizeof filler);
    assert_int_equal(dup2(ends[1], 2), 2);
}

/* A stream may take a part of what is written, and of a line; other lines come meanwhile. */
static void test_the_rest_of_a_line_follows(void **state)
{
    (void)state;
    int ends[2], lines = 0, logged = 0, busy = 0;
    char all[70000];
    struct text t = text_on(all, sizeof all);

    stderr_to_stream(ends);
    log_set_target(LOG_TARGET_STDERR);
    while (logged < 200) {
        log_info(NULL, "line %06d %0*d.", logged, 100 + logged, 0);
        if (++logged % 20 == 0 && log_flush() >= 0)
            busy++;
        if (logged % 40 == 0)
            text_add(&t, take(ends[0]));
    }
    while (log_flush() >= 0)
        text_add(&t, take(ends[0]));
    text_add(&t, take(ends[0]));
    assert_true(busy > 0);
    assert_false(t.cut);
    for (const char *at = all + strspn(all, "\n"); *at != '\0'; lines++) {
        char expected[512];
        snprintf(expected, sizeof expected, "2026-01-01T13:00:00+01:00 test_log: line %06d %0*d.\n",
                 lines, 100 + lines, 0);
        assert_memory_equal(at, expected, strlen(expected));
        at += strlen(expected);
    }
    assert_int_equal(lines, logged);
    close(ends[0]);
    close(ends[1]);
}

/* The one that went to stderr in part goes to the new one as a whole. */
static void test_a_new_target_gets_what_was_not_written(void **state)
{
    (void)state;
    int ends[2], logger = listen_at(syslog_path), lines = 0;
    char message[256];

    stderr_to_stream(ends);
    log_set_target(LOG_TARGET_STDERR);
    for (int i = 0; i < 100; i++)
        log_info(NULL, "line %06d %0100d", i, 0);
    assert_true(log_flush() >= 0);
    log_set_target(LOG_TARGET_SYSLOG);
    const char *seen = take(ends[0]), *end = strrchr(seen, '\n');
    assert_non_null(end);
    assert_true(end[1] != '\0'); /* the beginning of one */
    for (const char *at = seen; (at = strstr(at, ": line ")) != NULL && at < end; at++)
        assert_int_equal(atoi(at + 7), lines++);
    assert_in_range(lines, 5, 90);
    do {
        log_flush();
        ssize_t n = recv(logger, message, sizeof message - 1, 0);
        assert_true(n > 0);
        message[n] = '\0';
        const char *at = strstr(message, ": line ");
        assert_non_null(at);
        assert_int_equal(atoi(at + 7), lines++);
    } while (lines < 100);
    assert_false(readable(logger));
    close(logger);
    unlink(syslog_path);
    close(ends[0]);
    close(ends[1]);
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* What is lost is told in its place, and a line that was cut ends. */
static void test_a_full_disk(void **state)
{
    (void)state;
    const uint64_t before = log_dropped();
    char path[128], all[4096], expected[128];
    size_t whole = 0;

    log_set_target(LOG_TARGET_STDERR);
    log_info(NULL, "ends what other tests have torn");
    assert_int_equal(log_flush(), -1);
    snprintf(path, sizeof path, "%s/stderr", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_int_equal(dup2(fd, 2), 2);
    log_set_target(LOG_TARGET_SYSLOG);
    log_set_target(LOG_TARGET_STDERR); /* another one by now */
    signal(SIGXFSZ, SIG_IGN);
    limit_files(1000);
    for (int i = 0; i < 20; i++)
        log_info(NULL, "line %06d %040d", i, 0);
    assert_int_equal(log_flush(), -1);
    limit_files(RLIM_INFINITY);
    log_info(NULL, "room again");
    assert_int_equal(log_flush(), -1);

    ssize_t n = pread(fd, all, sizeof all - 1, 0);
    assert_true(n > 1000);
    all[n] = '\0';
    for (const char *at = all; at < all + 1000; whole++)
        at = strchr(at, '\n') + 1;
    whole--; /* the one that was cut */
    assert_int_equal(log_dropped() - before, 20 - whole);
    assert_int_equal(all[1000], '\n');
    snprintf(expected, sizeof expected, "warning: log: %zu lines dropped here", 20 - whole);
    assert_non_null(strstr(all + 1001, expected));
    assert_non_null(strstr(all + 1001, "\n2026-01-01T13:00:00+01:00 test_log: room again\n"));
    close(fd);
    unlink(path);
}

/* A reload that changes nothing of it tears no line. */
static void test_the_same_target_again(void **state)
{
    (void)state;
    int ends[2], lines = 0;
    char all[70000];
    struct text t = text_on(all, sizeof all);

    stderr_to_stream(ends);
    log_set_target(LOG_TARGET_STDERR);
    for (int i = 0; i < 30; i++)
        log_info(NULL, "line %06d %0100d", i, 0);
    while (log_flush() >= 0) {
        text_add(&t, take(ends[0]));
        log_set_target(LOG_TARGET_STDERR);
    }
    text_add(&t, take(ends[0]));
    for (const char *at = all + strspn(all, "\n"); *at != '\0'; lines++) {
        assert_memory_equal(at, "2026-01-01T13:00:00+01:00 test_log: line ", 40);
        at = strchr(at, '\n') + 1;
    }
    assert_int_equal(lines, 30);
    close(ends[0]);
    close(ends[1]);
}

static void test_full_socket_blocks_nobody(void **state)
{
    (void)state;
    int logger = listen_at(syslog_path), fd = -1, logged = 0, got = 0;

    log_set_target(LOG_TARGET_SYSLOG);
    while (fd < 0 && logged < 100000) {
        log_info(NULL, "line %06d", logged++);
        fd = log_flush();
    }
    assert_true(fd >= 0);
    while (readable(logger)) {
        char line[256];
        assert_true(recv(logger, line, sizeof line, 0) > 0);
        got++;
        log_flush();
    }
    assert_int_equal(got, logged);
    assert_string_equal(take(stderr_pipe[0]), "");
    close(logger);
    unlink(syslog_path);
}

static void test_lines_that_do_not_fit_are_counted_and_told(void **state)
{
    (void)state;
    uint64_t before = log_dropped();
    char filler[1001], expected[64];
    int logged = 0, lines = 0;

    memset(filler, 'x', sizeof filler - 1);
    filler[sizeof filler - 1] = '\0';
    log_set_target(LOG_TARGET_STDERR);
    while (log_dropped() < before + 3 && logged < 100000) {
        log_info(NULL, "%s", filler);
        logged++;
    }
    assert_int_equal(log_dropped(), before + 3);
    log_info(NULL, "too much, too");
    snprintf(expected, sizeof expected, "warning: log: %d lines dropped here", 4);

    bool told = false;
    for (int fd = 0; fd >= 0;) {
        fd = log_flush();
        for (const char *at = take(stderr_pipe[0]); (at = strstr(at, "test_log: ")) != NULL; at++) {
            told = told || strstr(at, expected) != NULL;
            lines++;
        }
    }
    assert_true(told);
    assert_int_equal(lines, logged - 3 + 1);

    log_info(NULL, "room again");
    assert_int_equal(log_flush(), -1);
    assert_string_equal(take(stderr_pipe[0]), "2026-01-01T13:00:00+01:00 test_log: room again\n");
}

static void test_stop_does_not_wait_for_a_full_pipe(void **state)
{
    (void)state;
    clock_set(-1, -1);
    log_set_target(LOG_TARGET_STDERR);
    for (int fd = -1, logged = 0; fd < 0 && logged < 100000; logged++) {
        log_info(NULL, "%01000d", 0);
        fd = log_flush();
    }
    int64_t start = clock_mono_ms();
    log_stop(20);
    log_info(NULL, "after the stop");
    assert_in_range(clock_mono_ms() - start, 10, 2000);
    take(stderr_pipe[0]);
    log_info(NULL, "there is room");
    assert_string_equal(take(stderr_pipe[0]), "test_log: there is room\n");
}

int main(void)
{
#define LOG_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        LOG_TEST(test_lines),
        LOG_TEST(test_stderr),
        LOG_TEST(test_stderr_of_systemd_has_no_time),
        LOG_TEST(test_syslog),
        LOG_TEST(test_journal),
        LOG_TEST(test_fields),
        LOG_TEST(test_missing_sink_is_stderr_until_it_is_there),
        LOG_TEST(test_full_pipe_blocks_nobody),
        LOG_TEST(test_lines_go_together),
        LOG_TEST(test_the_rest_of_a_line_follows),
        LOG_TEST(test_a_new_target_gets_what_was_not_written),
        LOG_TEST(test_a_full_disk),
        LOG_TEST(test_the_same_target_again),
        LOG_TEST(test_full_socket_blocks_nobody),
        LOG_TEST(test_lines_that_do_not_fit_are_counted_and_told),
        LOG_TEST(test_stop_does_not_wait_for_a_full_pipe),
    };
    return cmocka_run_group_tests_name("base/log", tests, setup_group, teardown_group);
}
