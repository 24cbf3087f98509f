/* What people see: ages, times, tables, and that no terminal obeys an address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/show.h"

#define NOW 1764000000

static void test_ages(void **state)
{
    static const struct {
        int64_t then;
        const char *age;
    } rows[] = {
        {0, "never"},
        {NOW, "now"},
        {NOW - 1, "1 s ago"},
        {NOW - 119, "119 s ago"},
        {NOW - 120, "2 min ago"},
        {NOW - 7199, "119 min ago"},
        {NOW - 7200, "2 h ago"},
        {NOW - 3 * 3600 - 5, "3 h ago"},
        {NOW - 48 * 3600, "2 d ago"},
        {1, "20416 d ago"},
        {NOW + 3600, "in 60 min"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char age[SHOW_SPAN_MAX];
        assert_string_equal(show_age(NOW, rows[i].then, age), rows[i].age);
    }
}

static void test_times(void **state)
{
    static const struct {
        const char *text;
        int64_t time;
    } rows[] = {
        {"2025-11-24T16:00:00Z", NOW},   {"1970-01-01T00:00:01Z", 1},
        {"2025-11-24T16:00:00", 0},      {"2025-11-24 16:00:00Z", 0},
        {"2025-13-24T16:00:00Z", 0},     {"2025-00-24T16:00:00Z", 0},
        {"2025-11-24T16:00:0xZ", 0},     {"", 0},
        {"2025-11-24T16:00:00Z and", 0}, {"\xff\xff\xff\xff-11-24T16:00:00Z", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_true(show_time(view_of(rows[i].text)) == rows[i].time);
}

static void test_until(void **state)
{
    static const struct {
        const char *text, *shown;
    } rows[] = {
        {"", "for ever"},
        {"2025-12-31", "2025-12-31 (in 37 d)"},
        {"2025-11-24", "2025-11-24 (in 7 h)"},
        {"2025-11-20", "2025-11-20 (3 d ago)"},
        {"2025-11-24T18:00:00Z", "2025-11-24 18:00 (in 2 h)"},
        {"2025-11-24T18:00Z", "2025-11-24 18:00 (in 2 h)"},
        {"2025-11-24T18:00:00+02:00", "2025-11-24T18:00:00+02:00"},
        {"2025-13-01", "2025-13-01"},
        {"soon\x1b", "soon\\x1B"},
    };

    (void)state;
    setenv("TZ", "UTC", 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *out = NULL;
        size_t len = 0;
        struct show s = {.to = open_memstream(&out, &len), .now = NOW};
        show_until(&s, view_of(rows[i].text));
        fclose(s.to);
        assert_string_equal(out, rows[i].shown);
        free(out);
    }
}

static void test_table(void **state)
{
    char *out = NULL;
    size_t len = 0;
    struct show s = {.to = open_memstream(&out, &len), .now = NOW};
    struct show_table t = {.columns = 3, .right = 1u << 1};
    static const char *const cells[] = {"feed", "n", "", "aper", "1234", "x\x1b[2Jy"};

    (void)state;
    for (size_t i = 0; i < 6; i++)
        show_table_add(&t, view_of(cells[i]), SHOW_RED);
    show_table_print(&s, &t);
    fclose(s.to);
    assert_string_equal(out, "feed     n  \n"
                             "aper  1234  x\\x1B[2Jy\n");
    free(out);
}

/* A list may hold an entry of any length: the other rows stay readable. */
static void test_table_of_long_cells(void **state)
{
    char *out = NULL, cell[3000], wanted[600];
    size_t len = 0;
    struct show s = {.to = open_memstream(&out, &len), .now = NOW};
    struct show_table t = {.columns = 2};

    (void)state;
    memset(cell, 'a', sizeof cell);
    show_table_add(&t, view_of("short"), SHOW_PLAIN);
    show_table_add(&t, view_of("x"), SHOW_PLAIN);
    show_table_add(&t, view_make(cell, sizeof cell), SHOW_PLAIN);
    show_table_add(&t, view_of("y"), SHOW_PLAIN);
    show_table_print(&s, &t);
    fclose(s.to);
    snprintf(wanted, sizeof wanted, "short  x\n%.256s...  y\n", cell);
    assert_string_equal(out, wanted);
    free(out);
}

static void test_escapes(void **state)
{
    char *out = NULL;
    size_t len = 0;
    struct show s = {.to = open_memstream(&out, &len), .colour = true, .now = NOW};

    (void)state;
    show_view(&s, view_make("a\x1b]0;x\x07\n\xe2\x80\xae", 11));
    show_view(&s, view_of(" \\xF6\\x1B\\xf6\\"));
    show_words(&s, SHOW_RED, "no");
    fclose(s.to);
    assert_string_equal(
        out, "a\\x1B]0;x\\x07\\x0A\\xE2\\x80\\xAE \\xF6\\x1B\\x5Cxf6\\x5C\033[31mno\033[0m");
    free(out);
}

static void test_colour(void **state)
{
    (void)state;
    setenv("TERM", "xterm", 1);
    FILE *file = tmpfile();
    assert_false(show_on(file, NOW).colour); /* no terminal */
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ages),    cmocka_unit_test(test_times),
        cmocka_unit_test(test_table),   cmocka_unit_test(test_table_of_long_cells),
        cmocka_unit_test(test_escapes), cmocka_unit_test(test_until),
        cmocka_unit_test(test_colour),
    };
    return cmocka_run_group_tests_name("cli/show", tests, NULL, NULL);
}
