/* The file of the log of decisions: what may be opened, and that nothing there can hold us up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/decision_file.h"

static char dir[64], path[96], other[96];
static struct decision_file file;

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/rcptguard-decisions-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/decisions", dir);
    snprintf(other, sizeof other, "%s/other", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    decision_file_close(&file);
    unlink(path);
    unlink(other);
    rmdir(path);
    return rmdir(dir);
}

static void put_text(const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static const char *text_in(const char *name)
{
    static char text[256];
    FILE *f = fopen(name, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    return text;
}

static void write_line(const char *line)
{
    assert_int_equal(decision_file_write(&file, line, strlen(line)), strlen(line));
}

static void test_made_and_appended(void **state)
{
    struct stat st;

    (void)state;
    umask(0);
    assert_int_equal(decision_file_open(&file, path), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    write_line("one\n");
    decision_file_close(&file);
    assert_int_equal(decision_file_open(&file, path), 0);
    write_line("two\n");
    assert_string_equal(text_in(path), "one\ntwo\n");
}

static void test_ends_a_line_that_was_cut(void **state)
{
    (void)state;
    put_text("{\"ref\":\"BC");
    assert_int_equal(decision_file_open(&file, path), 0);
    write_line("{}\n");
    assert_string_equal(text_in(path), "{\"ref\":\"BC\n{}\n");
}

static void test_renamed_and_removed(void **state)
{
    (void)state;
    assert_int_equal(decision_file_open(&file, path), 0);
    assert_true(decision_file_is_at(&file, path));
    assert_int_equal(rename(path, other), 0);
    assert_false(decision_file_is_at(&file, path));
    put_text("");
    assert_false(decision_file_is_at(&file, path));
}

static void test_what_is_no_file(void **state)
{
    char missing[128];

    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(decision_file_open(&file, path), DECISION_FILE_ODD);
    assert_int_equal(decision_file_open(&file, "/dev/null"), DECISION_FILE_ODD);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(symlink(other, path), 0);
    assert_int_equal(decision_file_open(&file, path), ELOOP);
    assert_int_not_equal(access(other, F_OK), 0);
    snprintf(missing, sizeof missing, "%s/none/decisions", dir);
    assert_int_equal(decision_file_open(&file, missing), ENOENT);
    assert_int_equal(file.fd, -1);
}

static void test_fifo(void **state)
{
    static char much[PIPE_BUF];
    ssize_t n = 0;

    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(decision_file_open(&file, path), ENXIO);
    int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_int_equal(decision_file_open(&file, path), 0);
    write_line("one\n");
    for (int i = 0; i < 1000 && n >= 0; i++)
        n = decision_file_write(&file, much, sizeof much);
    assert_true(n < 0);
    assert_int_equal(errno, EAGAIN);
    close(reader);
    assert_int_equal(decision_file_write(&file, "x", 1), -1);
    assert_int_equal(errno, EPIPE);
}

/* Whatever it is, people are told something. */
static void test_words(void **state)
{
    (void)state;
    for (int problem = -1; problem < 200; problem++)
        assert_true(decision_file_problem(problem)[0] != '\0');
}

static int ignore_pipes(void **state)
{
    (void)state;
    file.fd = -1;
    return signal(SIGPIPE, SIG_IGN) == SIG_ERR;
}

int main(void)
{
#define FILE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        FILE_TEST(test_made_and_appended),
        FILE_TEST(test_ends_a_line_that_was_cut),
        FILE_TEST(test_renamed_and_removed),
        FILE_TEST(test_what_is_no_file),
        FILE_TEST(test_fifo),
        FILE_TEST(test_words),
    };
    return cmocka_run_group_tests_name("record/decision_file", tests, ignore_pipes, NULL);
}
