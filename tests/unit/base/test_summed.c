/* Files with a sum: what was written comes back, and whatever else is there is said to be damaged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "rcptguard/base/file.h"
#include "rcptguard/base/summed.h"

static char path[] = "/tmp/test_summed.XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void put(struct view bytes)
{
    struct file_part part = {bytes.ptr, bytes.len};

    assert_int_equal(file_replace_lazily(path, 0600, &part, 1, NULL), 0);
}

/* What summed_read says of the file; what it read has to be TEXT. */
static int read_it(struct view text, bool *is_summed)
{
    struct buf b = BUF_INIT(0);
    struct error why = {0};
    int rc = summed_read(path, 100, &b, is_summed, &why);

    assert_int_equal(rc, why.code);
    assert_true(view_eq(buf_view(&b), text));
    assert_true(rc == 0 || strstr(why.text, path) != NULL);
    buf_free(&b);
    return rc;
}

static void test_what_was_written_comes_back(void **state)
{
    char longest[100];
    memset(longest, 'x', sizeof longest);
    const struct view texts[] = {view_of(""),
                                 view_of("a\n"),
                                 view_of("a\nno end"),
                                 view_make("\0\n\r\0", 4),
                                 view_of("# sum of what follows: of nothing\n"),
                                 view_make(longest, sizeof longest)};
    struct buf all = BUF_INIT(0);

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        bool is_summed = false;
        assert_int_equal(summed_replace_lazily(path, 0600, texts[i], NULL), 0);
        assert_int_equal(read_it(texts[i], &is_summed), 0);
        assert_true(is_summed);
    }
    assert_int_equal(file_read(path, 1000, &all, NULL), 0);
    assert_true(view_starts(buf_view(&all), "# sum of what follows: "));
    assert_int_equal(view_find(buf_view(&all), '\n') + 1 + 100, all.len);
    buf_free(&all);
}

/* Cut at every byte, and each byte another one; but for the head, whose change makes it one of an
 * older version when it is still text. */
static void test_every_damage_is_seen(void **state)
{
    struct view text = view_of("# head\na@example.org\nb@example.org\n"), whole;
    struct buf all = BUF_INIT(0), b = BUF_INIT(0);
    struct error why;

    (void)state;
    assert_int_equal(summed_replace_lazily(path, 0600, text, NULL), 0);
    assert_int_equal(file_read(path, 1000, &all, NULL), 0);
    whole = buf_view(&all);
    for (size_t len = 0; len < whole.len; len++) {
        put(view_first(whole, len));
        assert_int_equal(summed_read(path, 100, &b, NULL, &why), ERR_DAMAGED);
        assert_true(b.len == 0 || view_eq(buf_view(&b), view_first(text, b.len)));
        buf_clear(&b);
    }
    for (size_t i = 0; i < whole.len; i++) {
        char was = all.data[i];
        all.data[i] = '\0';
        put(whole);
        assert_int_equal(summed_read(path, 100, &b, NULL, NULL), ERR_DAMAGED);
        all.data[i] = was;
        buf_clear(&b);
    }
    all.data[whole.len - 3] ^= 1;
    put(whole);
    assert_int_equal(summed_read(path, 100, &b, NULL, NULL), ERR_DAMAGED);
    assert_true(view_starts(buf_view(&b), "# head\na@example.org\nb@example."));
    buf_free(&all);
    buf_free(&b);
}

/* As older versions wrote it. */
static void test_without_a_sum(void **state)
{
    struct view torn = view_make("a@example.org\n\0\0", 16);
    bool is_summed = true;

    (void)state;
    put(view_of("# mine\na@example.org\r\n"));
    assert_int_equal(read_it(view_of("# mine\na@example.org\r\n"), &is_summed), 0);
    assert_false(is_summed);
    put(torn);
    assert_int_equal(read_it(torn, NULL), ERR_DAMAGED);
    put(VIEW_NONE);
    assert_int_equal(read_it(VIEW_NONE, NULL), ERR_DAMAGED);
}

static void test_what_cannot_be_read(void **state)
{
    struct buf b = BUF_INIT(0);
    char longest[101];
    memset(longest, 'x', sizeof longest);

    (void)state;
    assert_int_equal(summed_replace_lazily(path, 0600, view_make(longest, 101), NULL), 0);
    assert_int_equal(summed_read(path, 100, &b, NULL, NULL), ERR_LIMIT);
    assert_int_equal(summed_read("/nonexistent/x", 100, &b, NULL, NULL), ERR_ABSENT);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_written_comes_back),
        cmocka_unit_test(test_every_damage_is_seen),
        cmocka_unit_test(test_without_a_sum),
        cmocka_unit_test(test_what_cannot_be_read),
    };
    return cmocka_run_group_tests_name("base/summed", tests, make_file, remove_file);
}
