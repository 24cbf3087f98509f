/* The journal: what a crash, a full disk or a person's hand in the directory costs, byte by byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rcptguard/base/file.h"
#include "rcptguard/base/log.h"
#include "record/journal.h"

#define NOW     1700000000
#define KEEP    1600
#define SPAN    (KEEP / 16)
#define SEGMENT 200
#define MOST    1000

static char top[64], dir[80];
static unsigned warnings;

static void on_log(enum log_level level, const char *line, void *arg)
{
    (void)line;
    (void)arg;
    warnings += level <= LOG_LEVEL_WARNING;
}

static int setup(void **state)
{
    (void)state;
    strcpy(top, "/tmp/rcptguard-journal-XXXXXX");
    if (mkdtemp(top) == NULL)
        return -1;
    snprintf(dir, sizeof dir, "%s/lines", top);
    warnings = 0;
    log_set_sink(on_log, NULL);
    return 0;
}

static int teardown(void **state)
{
    char command[128];
    (void)state;
    log_set_sink(NULL, NULL);
    snprintf(command, sizeof command, "rm -rf %s", top);
    return system(command);
}

static struct journal *open_with(struct error *why)
{
    const struct journal_config config = {dir, "lines", SEGMENT, MOST, KEEP};
    return journal_open(&config, why);
}

static struct journal *open_it(void)
{
    struct error why = {0, ""};
    struct journal *j = open_with(&why);
    if (j == NULL)
        fail_msg("%s", why.text);
    return j;
}

static const char *path_of(unsigned number)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%08u", dir, number);
    return path;
}

static void put_file(unsigned number, const void *bytes, size_t len)
{
    FILE *f = fopen(path_of(number), "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static void set_written(unsigned number, int64_t when)
{
    struct timespec times[2] = {{when, 0}, {when, 0}};
    assert_int_equal(utimensat(AT_FDCWD, path_of(number), times, 0), 0);
}

static int append(struct journal *j, const char *line, int64_t now)
{
    struct buf batch = BUF_INIT(0);
    assert_int_equal(journal_frame(&batch, view_of(line)), 0);
    int rc = journal_append(j, buf_view(&batch), now, NULL);
    buf_free(&batch);
    return rc;
}

static void note(struct view line, void *arg)
{
    buf_add_view(arg, line);
    buf_add(arg, ",", 1);
}

/* All records, the newest segment first, each with a comma behind. */
static const char *all_of(const struct journal *j)
{
    static char all[8192];
    struct buf found = BUF_INIT(0);

    for (uint64_t n = UINT64_MAX; (n = journal_segment_before(j, n)) != 0;)
        journal_read(j, n, note, &found, NULL);
    snprintf(all, sizeof all, "%s", found.len == 0 ? "" : found.data);
    buf_free(&found);
    return all;
}

static void test_frames(void **state)
{
    (void)state;
    struct buf batch = BUF_INIT(60), found = BUF_INIT(0);

    assert_int_equal(journal_frame(&batch, view_of("one")), 0);
    assert_int_equal(batch.len, 3 + JOURNAL_FRAME_BYTES);
    assert_int_equal(journal_frame(&batch, view_of("two\nthree")), ERR_REFUSED);
    assert_int_equal(journal_frame(&batch, view_of("this does not fit into sixty bytes")),
                     ERR_LIMIT);
    assert_int_equal(batch.len, 3 + JOURNAL_FRAME_BYTES);
    assert_int_equal(journal_frame(&batch, view_make("\0\r\xff", 3)), 0);
    assert_int_equal(journal_records(buf_view(&batch), note, &found), batch.len);
    assert_true(view_eq(buf_view(&found), view_make("one,\0\r\xff,", 8)));
    buf_free(&batch);
    buf_free(&found);
}

static void test_kept_and_private(void **state)
{
    (void)state;
    struct stat st;
    struct journal *j = open_it();

    umask(0);
    assert_string_equal(all_of(j), "");
    assert_int_equal(append(j, "one", NOW), 0);
    assert_int_equal(append(j, "", NOW), 0);
    assert_int_equal(journal_append(j, VIEW_NONE, NOW, NULL), 0);
    assert_int_equal(append(j, "two", NOW), 0);
    assert_string_equal(all_of(j), "one,,two,");
    assert_int_equal(stat(path_of(1), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 0027, 0);
    journal_close(j);
    j = open_it();
    assert_string_equal(all_of(j), "one,,two,");
    assert_int_equal(append(j, "three", NOW), 0);
    assert_string_equal(all_of(j), "three,one,,two,");
    journal_close(j);
    assert_int_equal(warnings, 0);
}

/* Three records, and the same cut at each byte. */
static void test_torn_at_every_byte(void **state)
{
    (void)state;
    struct buf batch = BUF_INIT(0);
    char expected[64];
    size_t ends[4] = {0};

    for (unsigned i = 0; i < 3; i++) {
        char line[] = {(char)('a' + i), (char)('a' + i), 0};
        journal_frame(&batch, view_of(line));
        ends[i + 1] = batch.len;
    }
    assert_int_equal(mkdir(dir, 0700), 0);
    put_file(1, "", 0);
    set_written(1, NOW);
    for (size_t len = 0; len <= batch.len; len++) {
        put_file(2, batch.data, len);
        unsigned whole = 0;
        while (whole < 3 && ends[whole + 1] <= len)
            whole++;
        warnings = 0;
        struct journal *j = open_it();
        assert_int_equal(warnings, len == ends[whole] ? 0 : 1);
        assert_int_equal(append(j, "new", NOW), 0);
        journal_close(j);
        j = open_it();
        snprintf(expected, sizeof expected, "%.*snew,", (int)whole * 3, "aa,bb,cc,");
        assert_string_equal(all_of(j), expected);
        assert_int_equal(journal_segment_before(j, UINT64_MAX), 2);
        journal_close(j);
    }
    buf_free(&batch);
}

/* One byte changed costs its record, and a lost line end the next one too; no other. */
static void test_damage_at_every_byte(void **state)
{
    (void)state;
    static const char damage[] = {0, '\n', ' ', 'x'};
    struct buf batch = BUF_INIT(0);

    for (const char *line = "abcdefgh"; *line != 0; line++)
        journal_frame(&batch, view_make(line, 1));
    size_t frame = 1 + JOURNAL_FRAME_BYTES;
    for (size_t at = 0; at < batch.len; at++) {
        for (size_t i = 0; i < sizeof damage; i++) {
            struct buf found = BUF_INIT(0);
            char was = batch.data[at], expected[32] = "";
            if (was == damage[i])
                continue;
            for (size_t r = 0; r < 8; r++)
                if (r != at / frame && !(was == '\n' && r == at / frame + 1))
                    snprintf(expected + strlen(expected), 3, "%c,", "abcdefgh"[r]);
            batch.data[at] = damage[i];
            journal_records(buf_view(&batch), note, &found);
            batch.data[at] = was;
            if (!view_is(buf_view(&found), expected))
                fail_msg("byte %zu: %s, not %s", at, found.data, expected);
            buf_free(&found);
        }
    }
    buf_free(&batch);
}

static void test_garbage(void **state)
{
    (void)state;
    static const char zeros[MOST];

    assert_int_equal(mkdir(dir, 0700), 0);
    put_file(1, "\n\n\nno record\n0123456789abcdef \n", 31);
    put_file(3, zeros, 150);
    put_file(12345678, zeros, 100);
    assert_int_equal(mkdir(path_of(5), 0700), 0);
    assert_int_equal(symlink("/etc/passwd", path_of(6)), 0);
    struct journal *j = open_it();
    assert_int_equal(warnings, 1);
    assert_string_equal(all_of(j), "");
    assert_int_equal(append(j, "one", NOW), 0);
    assert_string_equal(all_of(j), "one,");
    journal_close(j);
    /* Too large to be ours: left as it is, and passed over. */
    put_file(12345680, zeros, 2 * SEGMENT + 1);
    warnings = 0;
    j = open_it();
    assert_int_equal(warnings, 1);
    assert_int_equal(append(j, "two", NOW), 0);
    assert_string_equal(all_of(j), "two,one,");
    journal_close(j);
}

static void test_no_number_left(void **state)
{
    (void)state;
    struct error why = {0, ""};
    struct buf batch = BUF_INIT(0);

    assert_int_equal(mkdir(dir, 0700), 0);
    put_file(99999999, "", 0);
    struct journal *j = open_it();
    journal_frame(&batch, view_of("one"));
    assert_int_equal(journal_append(j, buf_view(&batch), NOW, &why), ERR_LIMIT);
    assert_non_null(strstr(why.text, "no number left"));
    journal_close(j);
    buf_free(&batch);
}

static uint64_t bytes_on_disk(void)
{
    struct stat st;
    uint64_t total = 0;

    for (unsigned i = 1; i < 200; i++)
        if (stat(path_of(i), &st) == 0)
            total += (uint64_t)st.st_size;
    return total;
}

static void test_bounded_bytes(void **state)
{
    (void)state;
    struct journal *j = open_it();
    char line[64], big[MOST + 1];

    for (int i = 0; i < 300; i++) {
        snprintf(line, sizeof line, "record %d", i);
        assert_int_equal(append(j, line, NOW), 0);
        assert_in_range(bytes_on_disk(), 1, MOST);
        if (i % 70 == 69) {
            journal_close(j);
            j = open_it();
        }
    }
    assert_in_range(bytes_on_disk(), MOST - 2 * SEGMENT, MOST);
    assert_null(strstr(all_of(j), "record 100,"));
    assert_non_null(strstr(all_of(j), "record 299,"));
    assert_non_null(strstr(all_of(j), "record 280,"));
    memset(big, 'x', MOST);
    big[MOST] = 0;
    assert_int_equal(append(j, big, NOW), ERR_LIMIT);
    assert_non_null(strstr(all_of(j), "record 280,"));
    journal_close(j);
    assert_int_equal(warnings, 0);
}

static void test_nothing_older(void **state)
{
    (void)state;
    struct journal *j = open_it();

    assert_int_equal(append(j, "first", NOW), 0);
    assert_int_equal(append(j, "same", NOW + SPAN), 0);
    assert_int_equal(journal_segment_before(j, UINT64_MAX), 1);
    assert_int_equal(append(j, "next", NOW + SPAN + 1), 0);
    assert_int_equal(journal_segment_before(j, UINT64_MAX), 2);
    assert_int_equal(append(j, "then", NOW + KEEP), 0);
    assert_string_equal(all_of(j), "then,next,first,same,");
    assert_int_equal(append(j, "late", NOW + KEEP + 1), 0);
    assert_string_equal(all_of(j), "then,late,next,");
    /* Far back is another segment, once; far ahead everything is old. */
    assert_int_equal(append(j, "back", NOW - 90000), 0);
    assert_int_equal(append(j, "back2", NOW - 90000), 0);
    assert_string_equal(all_of(j), "back,back2,then,late,next,");
    assert_int_equal(append(j, "ahead", NOW + 100 * KEEP), 0);
    assert_string_equal(all_of(j), "ahead,");
    journal_close(j);
}

/* After a start the files say how old they are. */
static void test_nothing_older_after_start(void **state)
{
    (void)state;
    struct journal *j = open_it();

    assert_int_equal(append(j, "a", NOW), 0);
    assert_int_equal(append(j, "b", NOW + SPAN + 1), 0);
    journal_close(j);
    set_written(1, NOW + 10);
    set_written(2, NOW + 20);
    j = open_it();
    assert_int_equal(append(j, "c", NOW + SPAN + 10), 0);
    assert_int_equal(journal_segment_before(j, UINT64_MAX), 2);
    assert_int_equal(append(j, "d", NOW + SPAN + 11), 0);
    assert_int_equal(journal_segment_before(j, UINT64_MAX), 3);
    journal_close(j);
    set_written(1, NOW + 10);
    set_written(2, NOW + SPAN + 10);
    set_written(3, NOW + KEEP);
    j = open_it();
    assert_int_equal(append(j, "e", NOW + KEEP + 11), 0);
    assert_string_equal(all_of(j), "e,d,");
    journal_close(j);
}

static void test_missing_segments(void **state)
{
    (void)state;
    struct journal *j = open_it();
    static char long_line[150];

    memset(long_line, 'x', sizeof long_line - 1);
    assert_int_equal(append(j, long_line, NOW), 0);
    assert_int_equal(append(j, long_line, NOW), 0);
    assert_int_equal(append(j, "three", NOW), 0);
    assert_int_equal(journal_segment_before(j, UINT64_MAX), 2);
    unlink(path_of(1));
    unlink(path_of(2));
    assert_string_equal(all_of(j), "");
    assert_int_equal(append(j, "four", NOW), 0);
    assert_string_equal(all_of(j), "four,");
    unlink(path_of(3));
    assert_int_equal(rmdir(dir), 0);
    assert_int_equal(append(j, "five", NOW), 0);
    assert_string_equal(all_of(j), "five,");
    /* Somebody else's file where the next one would be. */
    put_file(5, "mine\n", 5);
    unlink(path_of(4));
    assert_int_equal(append(j, "six", NOW), ERR_IO);
    assert_int_equal(append(j, "seven", NOW), 0);
    assert_string_equal(all_of(j), "seven,");
    journal_close(j);
}

static void test_no_directory(void **state)
{
    (void)state;
    struct error why = {0, ""};
    FILE *f = fopen(dir, "w");

    fclose(f);
    assert_null(open_with(&why));
    assert_int_equal(why.code, ERR_IO);
    assert_non_null(strstr(why.text, dir));
    unlink(dir);
    struct journal *j = open_it();
    assert_int_equal(rmdir(dir), 0);
    fclose(fopen(dir, "w"));
    assert_int_equal(append(j, "one", NOW), ERR_IO);
    unlink(dir);
    assert_int_equal(append(j, "two", NOW), 0);
    assert_string_equal(all_of(j), "two,");
    journal_close(j);
}

static void test_unwritable(void **state)
{
    (void)state;
    if (geteuid() == 0 && (setegid(65534) != 0 || seteuid(65534) != 0))
        skip();
    /* Of another owner when the tests run as root, else without a right. */
    chmod(top, 0555);
    struct error why = {0, ""};
    assert_null(open_with(&why));
    assert_int_equal(why.code, ERR_IO);
    chmod(top, 0755);
    if (getuid() == 0 && (seteuid(0) != 0 || setegid(0) != 0))
        fail();
    chmod(top, 0755);
}

/* A full disk, at every byte of a batch: nothing of it stays, all before does. */
static void test_full_disk(void **state)
{
    (void)state;
    struct rlimit was, limit;
    struct stat st;
    struct journal *j = open_it();
    struct buf batch = BUF_INIT(0);
    struct error why = {0, ""};

    assert_int_equal(append(j, "before", NOW), 0);
    journal_frame(&batch, view_of("one"));
    journal_frame(&batch, view_of("two"));
    size_t full = 6 + JOURNAL_FRAME_BYTES;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    for (size_t room = 0; room < batch.len; room++) {
        limit = (struct rlimit){full + room, was.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        int rc = journal_append(j, buf_view(&batch), NOW, &why);
        setrlimit(RLIMIT_FSIZE, &was);
        assert_int_equal(rc, ERR_IO);
        assert_int_equal(stat(path_of(1), &st), 0);
        assert_int_equal(st.st_size, full);
    }
    assert_non_null(strstr(why.text, "cannot write"));
    assert_int_equal(journal_append(j, buf_view(&batch), NOW, NULL), 0);
    assert_string_equal(all_of(j), "before,one,two,");
    journal_close(j);
    buf_free(&batch);
}

/* Whoever goes down the segments may be overtaken by one that drops and appends. */
static void test_walk_meanwhile(void **state)
{
    (void)state;
    struct journal *j = open_it();
    char line[128];

    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = 0;
    for (int i = 0; i < 6; i++)
        assert_int_equal(append(j, line, NOW), 0);
    uint64_t at = journal_segment_before(j, UINT64_MAX);
    assert_int_equal(at, 6);
    for (int i = 0; i < 4; i++)
        assert_int_equal(append(j, line, NOW), 0);
    at = journal_segment_before(j, at);
    assert_int_equal(at, 5);
    assert_int_equal(append(j, line, NOW), 0);
    assert_int_equal(journal_read(j, 4, note, NULL, NULL), ERR_ABSENT);
    assert_int_equal(journal_segment_before(j, at), 0);
    journal_close(j);
}

int main(void)
{
#define JOURNAL_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames),
        JOURNAL_TEST(test_kept_and_private),
        JOURNAL_TEST(test_torn_at_every_byte),
        cmocka_unit_test(test_damage_at_every_byte),
        JOURNAL_TEST(test_garbage),
        JOURNAL_TEST(test_no_number_left),
        JOURNAL_TEST(test_bounded_bytes),
        JOURNAL_TEST(test_nothing_older),
        JOURNAL_TEST(test_nothing_older_after_start),
        JOURNAL_TEST(test_missing_segments),
        JOURNAL_TEST(test_no_directory),
        JOURNAL_TEST(test_unwritable),
        JOURNAL_TEST(test_full_disk),
        JOURNAL_TEST(test_walk_meanwhile),
    };
    return cmocka_run_group_tests_name("record/journal", tests, NULL, NULL);
}
