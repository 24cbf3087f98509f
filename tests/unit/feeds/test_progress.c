/* What is said of a copy while it is parsed, and how often. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "feeds/progress.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"

#define ROWS_TOLD 64

struct told {
    const struct feed *feed;
    unsigned times;
    int64_t step_ms; /* the clock goes on by so much each time */
    int64_t now_ms;
    char words[ROWS_TOLD][128];
};

static void on_tell(const struct feed *f, const char *words, void *arg)
{
    struct told *t = arg;

    assert_true(t->times < ROWS_TOLD);
    assert_ptr_equal(f, t->feed);
    feed_text(t->words[t->times++], sizeof t->words[0], words);
    t->now_ms += t->step_ms;
    clock_set(1000, t->now_ms);
}

/* Parses TIMES times ROW as a list of FORMAT; the clock stands unless something is told. */
static void parse(const char *format, const char *head, const char *row, unsigned times,
                  struct told *t)
{
    const struct feed_config config = {.name = "list", .format = format};
    const struct feeds_config all = {.protect = protect_load(NULL, NULL)};
    const atomic_bool stop = false;
    struct suffixes *suffixes = suffixes_new();
    const struct feed_house house = {
        .config = &all, .suffixes = suffixes, .stop = &stop, .tell = on_tell, .tell_arg = t};
    struct feed *f = calloc(1, sizeof *f);
    struct body *body = body_new("", UINT64_MAX);
    struct copy_counts counts = {0};

    assert_true(f != NULL && body != NULL && suffixes != NULL && all.protect != NULL);
    f->config = &config;
    t->feed = f;
    t->now_ms = 5000;
    clock_set(1000, t->now_ms);
    assert_int_equal(body_add(body, head, strlen(head), NULL), 0);
    for (unsigned i = 0; i < times; i++)
        assert_int_equal(body_add(body, row, strlen(row), NULL), 0);
    body_end(body);
    blocklist_free(feed_parse(&house, f, body, &counts, NULL));
    body_free(body);
    free(f);
    suffixes_free(suffixes);
    protect_release(all.protect);
    clock_set(-1, -1);
}

/* 20 bytes a row, 16384 a chunk. */
static void test_lines(void **state)
{
    struct told t = {.step_ms = 250};

    (void)state;
    parse("entries", "", "user12@example.org \n", 10000, &t);
    assert_int_equal(t.times, 13);
    assert_string_equal(t.words[3], "parsing 0.1 MB, 3276 lines, 1 entries");
    assert_string_equal(t.words[7], "parsing 0.1 MB, 6553 lines, 1 entries");
    assert_string_equal(t.words[12], "parsing 0.2 MB, 10000 lines, 1 entries");
}

static void test_not_too_often(void **state)
{
    struct told t = {.step_ms = 0}, half = {.step_ms = 249};

    (void)state;
    parse("entries", "", "user12@example.org \n", 10000, &t);
    assert_int_equal(t.times, 1);
    parse("entries", "", "user12@example.org \n", 10000, &half);
    assert_int_equal(half.times, 1);
}

static void test_formats_without_lines(void **state)
{
    struct told t = {.step_ms = 250};

    (void)state;
    parse("json", "[\"a@example.org\"", ",\"b@example.org\"", 10, &t);
    assert_int_equal(t.times, 1);
    assert_string_equal(t.words[0], "parsing 0.0 MB, 11 rows, 2 entries");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_not_too_often),
        cmocka_unit_test(test_formats_without_lines),
    };
    return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
