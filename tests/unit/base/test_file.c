/* Files: read with a cap, replaced whole or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rcptguard/base/file.h"

static char dir[] = "/tmp/rcptguard-file-XXXXXX";
static char path[64], fresh[80];

static int setup(void **state)
{
    (void)state;
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/f", dir);
    snprintf(fresh, sizeof fresh, "%s.new", path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    unlink(fresh);
    return rmdir(dir);
}

static int replace(const char *text, struct error *why)
{
    struct file_part parts[2] = {{text, strlen(text)}, {"!", 1}};
    return file_replace(path, 0640, parts, 2, why);
}

static void test_replace_and_read(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(0);
    struct error why;
    struct stat st;

    assert_int_equal(file_read(path, 100, &b, &why), ERR_ABSENT);
    assert_int_equal(why.code, ERR_ABSENT);
    assert_int_equal(replace("one", &why), 0);
    assert_int_equal(replace("two", &why), 0);
    assert_int_equal(file_read(path, 4, &b, &why), 0);
    assert_int_equal(file_read(path, 4, &b, &why), 0);
    assert_string_equal(b.data, "two!two!"); /* it appends */
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(access(fresh, F_OK), -1);
    assert_int_equal(file_read(path, 3, &b, &why), ERR_LIMIT);
    buf_free(&b);
}

static void test_left_over_link_is_not_followed(void **state)
{
    (void)state;
    char victim[80];
    struct stat st;

    snprintf(victim, sizeof victim, "%s/victim", dir);
    assert_int_equal(symlink(victim, fresh), 0);
    assert_int_equal(replace("x", NULL), 0);
    assert_int_equal(stat(victim, &st), -1);
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISREG(st.st_mode));
}

static void test_failure_leaves_the_old_one(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(0);
    struct error why;

    assert_int_equal(replace("old", NULL), 0);
    assert_int_equal(mkdir(fresh, 0755), 0);
    assert_int_equal(replace("new", &why), ERR_IO);
    assert_int_equal(rmdir(fresh), 0);
    assert_int_equal(file_read(path, 100, &b, NULL), 0);
    assert_string_equal(b.data, "old!");
    buf_free(&b);
}

static void test_what_is_no_file_is_refused(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(0);
    struct error why;

    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(file_read(path, 100, &b, &why), ERR_REFUSED); /* and does not hang */
    assert_int_equal(file_read(dir, 100, &b, &why), ERR_REFUSED);
    unlink(path);
    buf_free(&b);
}

static void test_what_is_being_written_is_no_save(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(0);
    struct error why;

    unlink(path);
    assert_int_equal(replace("old", NULL), 0);
    FILE *writer = fopen(path, "r+");
    assert_int_equal(file_read_saved(path, 100, &b, &why), ERR_CONFLICT);
    assert_non_null(strstr(why.text, path));
    assert_int_equal(b.len, 0);
    fclose(writer);
    assert_int_equal(file_read_saved(path, 100, &b, &why), 0);
    assert_string_equal(b.data, "old!");
    buf_free(&b);
}

/* What cannot be named again, such as a pipe: to its end, with a cap, and it stays open. */
static void test_read_what_is_open(void **state)
{
    struct buf b = BUF_INIT(0);
    struct error why;
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "a\0bc", 4), 4);
    close(ends[1]);
    assert_int_equal(file_read_fd(ends[0], "it", 4, &b, &why), 0);
    assert_int_equal(b.len, 4);
    assert_int_equal(file_read_fd(ends[0], "it", 4, &b, &why), 0); /* nothing is left */
    close(ends[0]);
    assert_int_equal(file_read_fd(ends[0], "it", 4, &b, &why), ERR_IO);
    assert_non_null(strstr(why.text, "it"));
    buf_free(&b);
}

static void test_directories(void **state)
{
    (void)state;
    char sub[80];

    snprintf(sub, sizeof sub, "%s/sub", dir);
    assert_int_equal(file_make_dir(sub, 0750, NULL), 0);
    assert_int_equal(file_make_dir(sub, 0750, NULL), 0);
    assert_int_equal(file_sync_dir_of(sub, NULL), 0);
    rmdir(sub);
    snprintf(sub, sizeof sub, "%s/no/sub", dir);
    assert_int_equal(file_make_dir(sub, 0750, NULL), ERR_IO);
    assert_int_equal(file_sync_dir_of(sub, NULL), ERR_IO);
    assert_int_equal(file_sync_dir_of("relative", NULL), 0);
    assert_int_equal(file_sync_dir_of("/root-level", NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replace_and_read),
        cmocka_unit_test(test_left_over_link_is_not_followed),
        cmocka_unit_test(test_failure_leaves_the_old_one),
        cmocka_unit_test(test_what_is_no_file_is_refused),
        cmocka_unit_test(test_what_is_being_written_is_no_save),
        cmocka_unit_test(test_read_what_is_open),
        cmocka_unit_test(test_directories),
    };
    return cmocka_run_group_tests_name("base/file", tests, setup, teardown);
}
