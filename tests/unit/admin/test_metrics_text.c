/*
 * The text of a page, the table behind it, and the document that is made of the table.
 *
 *   test_metrics_text --document    prints the generated part of docs/metrics.md
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/metrics_text.h"
#include "rcptguard/base/file.h"

#define DOCUMENT "docs/metrics.md"
#define BEGINS   "<!-- generated -->\n"

static struct metrics_page page;

static int begin(void **state)
{
    (void)state;
    metrics_begin(&page, 0); /* it has to grow */
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(page.bytes);
    return 0;
}

/* What was written since the last `# TYPE` line is WANTED. */
static void assert_values(const char *wanted)
{
    char *text = calloc(1, page.len + 1);

    assert_false(page.failed);
    memcpy(text, page.bytes, page.len);
    char *at = text;
    for (char *next; (next = strstr(at, "# TYPE ")) != NULL;)
        at = next + 1;
    assert_string_equal(strchr(at, '\n') + 1, wanted);
    free(text);
}

static void test_one(void **state)
{
    (void)state;
    metrics_one(&page, METRIC_LOG_DROPPED, UINT64_MAX);
    assert_int_equal(page.bytes[page.len - 1], '\n');
    const char *wanted = "# HELP rcptguard_log_lines_dropped_total Log lines lost, since they came "
                         "faster than they were written.\n"
                         "# TYPE rcptguard_log_lines_dropped_total counter\n"
                         "rcptguard_log_lines_dropped_total 18446744073709551615\n";
    assert_int_equal(page.len, strlen(wanted));
    assert_memory_equal(page.bytes, wanted, page.len);
}

static void test_labels(void **state)
{
    (void)state;
    metrics_open(&page, METRIC_LIST_VERDICTS);
    metrics_put(&page, "aper", "reject", 0);
    metrics_put(&page, "", "x", 10);
    assert_values("rcptguard_list_verdicts_total{list=\"aper\",action=\"reject\"} 0\n"
                  "rcptguard_list_verdicts_total{list=\"\",action=\"x\"} 10\n");
    metrics_open(&page, METRIC_FEED_ENTRIES);
    metrics_put(&page, "one", NULL, 7);
    assert_values("rcptguard_feed_entries{list=\"one\"} 7\n");
}

static void test_escapes(void **state)
{
    static const struct {
        const char *label, *shown;
    } rows[] = {
        {"a\\b", "a\\\\b"},
        {"say \"x\"", "say \\\"x\\\""},
        {"two\nlines", "two\\nlines"},
        {"\n", "\\n"},
        {"\\", "\\\\"},
        {"\"\n\\\"\n\\", "\\\"\\n\\\\\\\"\\n\\\\"},
        {"a{b}=c,d", "a{b}=c,d"},
        {"\xc3\xa4", "\xc3\xa4"},
    };
    char wanted[128];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        metrics_open(&page, METRIC_FEED_LOOKS);
        metrics_put(&page, rows[i].label, rows[i].label, 1);
        snprintf(wanted, sizeof wanted, "rcptguard_feed_looks_total{list=\"%s\",result=\"%s\"} 1\n",
                 rows[i].shown, rows[i].shown);
        assert_values(wanted);
    }
}

static void test_seconds(void **state)
{
    static const struct {
        int64_t ns;
        const char *shown;
    } rows[] = {
        {0, "0"},
        {-1, "0"},
        {1, "0.000000001"},
        {10, "0.00000001"},
        {1500000000, "1.5"},
        {1000000000, "1"},
        {100000000, "0.1"},
        {1020304050, "1.02030405"},
        {INT64_MAX, "9223372036.854775807"},
    };
    char wanted[128];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        metrics_one_ns(&page, METRIC_PROCESS_CPU, rows[i].ns);
        snprintf(wanted, sizeof wanted, "process_cpu_seconds_total %s\n", rows[i].shown);
        assert_values(wanted);
    }
}

#define NAME             "rcptguard_verdict_duration_seconds"
#define LE(bound, count) NAME "_bucket{from=\"dns\",le=\"" bound "\"} " count "\n"
#define SUM_AND_COUNT    NAME "_sum{from=\"dns\"} 5.000040001\n" NAME "_count{from=\"dns\"} 4\n"

/* Cumulative, and the last range is that of all. */
static void test_histogram(void **state)
{
    struct histogram h = {.sum_ns = 0};

    (void)state;
    histogram_add(&h, 1);
    histogram_add(&h, 10000);
    histogram_add(&h, 30000);
    histogram_add(&h, 5000000000);
    metrics_open(&page, METRIC_VERDICT_DURATION);
    metrics_put_histogram(&page, "dns", &h);
    assert_values(LE("0.00001", "2") LE("0.000025", "2") LE("0.00005", "3") LE("0.0001", "3")
                      LE("0.00025", "3") LE("0.0005", "3") LE("0.001", "3") LE("0.0025", "3")
                          LE("0.005", "3") LE("0.01", "3") LE("0.025", "3") LE("0.05", "3")
                              LE("0.1", "3") LE("0.25", "3") LE("0.5", "3") LE("1", "3")
                                  LE("2", "3") LE("+Inf", "4") SUM_AND_COUNT);
}

static void test_histogram_without_labels(void **state)
{
    const struct histogram h = {.sum_ns = 0};

    (void)state;
    metrics_open(&page, METRIC_PROCESS_CPU);
    metrics_put_histogram(&page, NULL, &h);
    assert_non_null(strstr(page.bytes, "process_cpu_seconds_total_bucket{le=\"0.00001\"} 0\n"));
    assert_non_null(strstr(page.bytes, "process_cpu_seconds_total_bucket{le=\"+Inf\"} 0\n"));
    assert_non_null(strstr(page.bytes, "process_cpu_seconds_total_sum 0\n"));
}

struct object {
    uint64_t u64;
    int64_t past, at;
    unsigned n;
    bool yes;
};

static void test_members(void **state)
{
    const struct object object = {.u64 = 1, .past = -1, .at = 2, .n = 3, .yes = true};
    const struct metrics_member members[] = {
        {METRIC_FEED_ROWS, offsetof(struct object, u64), METRICS_U64},
        {METRIC_FEED_ROWS, offsetof(struct object, past), METRICS_I64},
        {METRIC_FEED_ROWS, offsetof(struct object, at), METRICS_I64},
        {METRIC_FEED_ROWS, offsetof(struct object, n), METRICS_UINT},
        {METRIC_FEED_ROWS, offsetof(struct object, yes), METRICS_BOOL},
    };

    (void)state;
    metrics_open(&page, METRIC_FEED_ROWS);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        metrics_put_member(&page, "a", NULL, &members[i], &object);
    assert_values("rcptguard_feed_rows{list=\"a\"} 1\nrcptguard_feed_rows{list=\"a\"} 0\n"
                  "rcptguard_feed_rows{list=\"a\"} 2\nrcptguard_feed_rows{list=\"a\"} 3\n"
                  "rcptguard_feed_rows{list=\"a\"} 1\n");
}

static bool ends(const char *name, const char *with)
{
    size_t len = strlen(name), of = strlen(with);
    return len >= of && strcmp(name + len - of, with) == 0;
}

static void test_names_follow_the_conventions(void **state)
{
    (void)state;
    for (size_t i = 0; i < METRICS; i++) {
        const struct metric *m = &metrics_table[i];
        assert_non_null(m->name);
        assert_non_null(m->help);
        assert_true(strncmp(m->name, "rcptguard_", 10) == 0 ||
                    strncmp(m->name, "process_", 8) == 0);
        assert_int_equal(strspn(m->name, "abcdefghijklmnopqrstuvwxyz_"), strlen(m->name));
        assert_int_equal(ends(m->name, "_total"), m->type == METRIC_COUNTER);
        assert_false(ends(m->name, "_count") || ends(m->name, "_sum") || ends(m->name, "_bucket"));
        assert_null(strpbrk(m->help, "\n|"));
        assert_int_equal(m->values != NULL,
                         m->labels[0] != NULL && strcmp(m->labels[0], "version") != 0);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(m->name, metrics_table[k].name);
    }
}

static void test_document_is_the_shipped_one(void **state)
{
    struct buf shipped = BUF_INIT(0), made = BUF_INIT(0);
    struct error why;

    (void)state;
    if (file_read(DOCUMENT, 1 << 20, &shipped, &why) < 0)
        fail_msg("%s (tests run at the top of the clone)", why.text);
    assert_int_equal(metrics_document(&made), 0);
    const char *generated = strstr(shipped.data, BEGINS);
    assert_non_null(generated);
    if (strcmp(generated + strlen(BEGINS), made.data) != 0)
        fail_msg(DOCUMENT " is not what the table says; behind its line %s it should be:\n%s",
                 BEGINS, made.data);
    buf_free(&shipped);
    buf_free(&made);
}

static int print_document(void)
{
    struct buf made = BUF_INIT(0);
    int rc = metrics_document(&made);

    if (rc == 0)
        fputs(made.data, stdout);
    buf_free(&made);
    return rc != 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one, begin, end),
        cmocka_unit_test_setup_teardown(test_labels, begin, end),
        cmocka_unit_test_setup_teardown(test_escapes, begin, end),
        cmocka_unit_test_setup_teardown(test_seconds, begin, end),
        cmocka_unit_test_setup_teardown(test_histogram, begin, end),
        cmocka_unit_test_setup_teardown(test_histogram_without_labels, begin, end),
        cmocka_unit_test_setup_teardown(test_members, begin, end),
        cmocka_unit_test(test_names_follow_the_conventions),
        cmocka_unit_test(test_document_is_the_shipped_one),
    };

    if (argc == 2 && strcmp(argv[1], "--document") == 0)
        return print_document();
    return cmocka_run_group_tests_name("admin/metrics_text", tests, NULL, NULL);
}
