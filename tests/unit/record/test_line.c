/* A decision as a line: what older daemons wrote is read, and what newer ones add is passed over.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "record/line.h"

#define OLD                                                                                        \
    "BCDF2345\t1700000000\treject\t19000\tr\ts\tu\tc\tq\ti\tcanonical\tdomain\tlist\tentry\tactio" \
    "n"

static void test_read(void **state)
{
    static const struct {
        const char *line, *action, *evidence; /* ACTION NULL: it is no line */
    } rows[] = {
        {OLD, "action", ""},
        {OLD "\t", "action", ""},
        {OLD "\t127.0.1.2 since 2026-11-24T10:02:00Z", "action",
         "127.0.1.2 since 2026-11-24T10:02:00Z"},
        {OLD "\ta\\x09b", "action", "a\tb"},
        {OLD "\te\tof a later version", "action", "e"},
        {OLD "\t\\x", NULL, NULL},
        {"BCDF2345\t1700000000\treject\t19000\tr\ts\tu\tc\tq\ti\tcanonical\tdomain\tlist\tentry\t",
         "", ""},
        {"BCDF2345\t1700000000\treject\t19000\tr\ts\tu\tc\tq\ti\tcanonical\tdomain\tlist\tentry",
         NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char copy[512];
        struct record_decision d;
        memset(&d, 0xff, sizeof d);
        strcpy(copy, rows[i].line);
        bool is_line = line_read(copy, strlen(copy), &d);
        if (is_line != (rows[i].action != NULL))
            fail_msg("row %zu", i);
        if (!is_line)
            continue;
        assert_true(view_is(d.action, rows[i].action));
        assert_true(view_is(d.evidence, rows[i].evidence));
        assert_true(view_is(d.entry, "entry"));
    }
}

/* The longest there can be still fits, and is read back. */
static void test_longest(void **state)
{
    static char bytes[2 * LINE_FIELD_BYTES], line[LINE_BYTES];
    struct record_decision d = {.time = INT64_MAX, .label = "observe", .date = INT32_MAX}, got;

    (void)state;
    memset(bytes, 1, sizeof bytes);
    const struct view big = view_make(bytes, sizeof bytes);
    d.ref = d.recipient = d.sender = d.sasl_username = d.client = d.queue_id = d.instance = big;
    d.canonical = d.domain = d.list = d.entry = d.action = d.evidence = big;
    struct text t = text_on(line, sizeof line);
    line_write(&t, &d);
    assert_false(t.cut);
    assert_true(line_read(line, t.len, &got));
    assert_true(view_eq(got.evidence, view_first(big, LINE_FIELD_BYTES)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_longest),
    };
    return cmocka_run_group_tests_name("record/line", tests, NULL, NULL);
}
