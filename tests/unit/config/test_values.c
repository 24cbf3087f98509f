/* Every type at its borders, and what a person is told beyond them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/values.h"

static const struct choice fruits[] = {{"apple", 0, NULL},
                                       {"pear", 7, NULL},
                                       {"plum", 3, NULL},
                                       {"stone", 0, "is no fruit"},
                                       {NULL, 0, NULL}};

static const struct value_rule seconds = {VALUE_DURATION_S, false, 1, 31536000, NULL, NULL, "1h"};
static const struct value_rule zero_seconds = {VALUE_DURATION_S, false, 0, 86400, NULL, NULL, "1h"};
static const struct value_rule milliseconds = {
    VALUE_DURATION_MS, false, 1, 60000, NULL, NULL, "1s"};
static const struct value_rule bytes = {VALUE_SIZE, false, 1,     UINT64_C(1) << 34,
                                        NULL,       NULL,  "256M"};
static const struct value_rule any_bytes = {VALUE_SIZE, false, 0, 0, NULL, NULL, "256M"};
static const struct value_rule count = {VALUE_COUNT, false, 0, 100, NULL, NULL, "3"};
static const struct value_rule ratio = {VALUE_RATIO, false, 0, 100, NULL, NULL, "20%"};
static const struct value_rule yes_no = {VALUE_BOOL, false, 0, 0, NULL, NULL, "yes"};
static const struct value_rule mode = {VALUE_MODE, false, 0, 0, NULL, NULL, "0660"};
static const struct value_rule choice = {VALUE_CHOICE, false, 0, 0, fruits, NULL, "apple"};
static const struct value_rule delimiter = {VALUE_DELIMITER, true, 0, 0, NULL, NULL, "+"};
static const struct value_rule letters = {VALUE_APER_TYPES, false, 0, 0, NULL, NULL, "ABCD"};
static const struct value_rule path = {VALUE_PATH, false, 0, 0, NULL, NULL, "/var/lib/x"};
static const struct value_rule name = {VALUE_NAME, false, 0, 0, NULL, NULL, "postfix"};
static const struct value_rule words = {VALUE_TEXT, false, 0, 0, NULL, NULL, "some words"};
static const struct value_rule maybe = {VALUE_TEXT, true, 0, 0, NULL, NULL, "some words"};
static const struct value_rule secret = {VALUE_SECRET, true, 0, 0, NULL, NULL, "@/x"};

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const struct value_rule *rule;
        const char *text;
        uint64_t number;
    } rows[] = {
        {&seconds, "1s", 1},
        {&seconds, "30s", 30},
        {&seconds, "10m", 600},
        {&seconds, "1h", 3600},
        {&seconds, "7d", 604800},
        {&seconds, "365d", 31536000},
        {&seconds, "31536000s", 31536000},
        {&seconds, "0001h", 3600},
        {&zero_seconds, "0", 0},
        {&zero_seconds, "0s", 0},
        {&zero_seconds, "0d", 0},
        {&milliseconds, "1ms", 1},
        {&milliseconds, "500ms", 500},
        {&milliseconds, "1s", 1000},
        {&milliseconds, "1m", 60000},
        {&bytes, "1", 1},
        {&bytes, "64K", 65536},
        {&bytes, "16M", 16777216},
        {&bytes, "16G", UINT64_C(17179869184)},
        {&any_bytes, "18446744073709551615", UINT64_MAX},
        {&any_bytes, "0", 0},
        {&count, "0", 0},
        {&count, "100", 100},
        {&yes_no, "yes", 1},
        {&yes_no, "no", 0},
        {&mode, "0660", 0660},
        {&mode, "600", 0600},
        {&mode, "0777", 0777},
        {&mode, "000", 0},
        {&choice, "apple", 0},
        {&choice, "pear", 7},
        {&letters, "A", 1},
        {&letters, "ABCD", 15},
        {&letters, "E", 16},
        {&letters, "DAAD", 9},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *arena = arena_new();
        struct value value = {0};
        struct error why;
        assert_int_equal(value_parse(rows[i].rule, view_of(rows[i].text), arena, &value, &why), 0);
        assert_true(value.number == rows[i].number);
        arena_free(arena);
    }
}

static void test_ratios(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double ratio;
    } rows[] = {
        {"20%", 0.2},     {"0%", 0.0},           {"0", 0.0},      {"100%", 1.0}, {"5%", 0.05},
        {"12.5%", 0.125}, {"0.0001%", 0.000001}, {"100.0%", 1.0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *arena = arena_new();
        struct value value = {0};
        struct error why;
        assert_int_equal(value_parse(&ratio, view_of(rows[i].text), arena, &value, &why), 0);
        assert_true(value.ratio == rows[i].ratio);
        arena_free(arena);
    }
}

static void test_texts(void **state)
{
    (void)state;
    static const struct {
        const struct value_rule *rule;
        const char *text, *kept;
    } rows[] = {
        {&path, "/var/lib/rcptguard", "/var/lib/rcptguard"},
        {&path, "/var/lib/rcptguard///", "/var/lib/rcptguard"},
        {&path, "/", "/"},
        {&path, "/with space", "/with space"},
        {&name, "postfix", "postfix"},
        {&words, "ask 7 # us, \"please\"", "ask 7 # us, \"please\""},
        {&maybe, "", ""},
        {&delimiter, "", ""},
        {&delimiter, "+", "+"},
        {&delimiter, "+-_=#", "+-_=#"},
        {&secret, "", ""},
        {&secret, "itself", "itself"},
        {&secret, "@/etc/x.key", "@/etc/x.key"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *arena = arena_new();
        struct value value = {0};
        struct error why;
        assert_int_equal(value_parse(rows[i].rule, view_of(rows[i].text), arena, &value, &why), 0);
        assert_string_equal(value.text, rows[i].kept);
        arena_free(arena);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char not_a_duration[] =
        "'%s' is not a duration; write a number with s, m, h or d, for example 1h";
    static const struct {
        const struct value_rule *rule;
        const char *text, *why;
    } rows[] = {
        {&seconds, "", "is empty; write a value, for example 1h, or leave the key out"},
        {&seconds, "30", not_a_duration},
        {&seconds, "1w", not_a_duration},
        {&seconds, "1H", not_a_duration},
        {&seconds, "1 h", not_a_duration},
        {&seconds, "1h30m", not_a_duration},
        {&seconds, "1.5h", not_a_duration},
        {&seconds, "-1h", not_a_duration},
        {&seconds, "+1h", not_a_duration},
        {&seconds, "h", not_a_duration},
        {&seconds, "500ms", not_a_duration},
        {&seconds, "0", "0 is out of range; from 1s to 365d is allowed, for example 1h"},
        {&seconds, "0s", "0s is out of range; from 1s to 365d is allowed, for example 1h"},
        {&seconds, "366d", "366d is out of range; from 1s to 365d is allowed, for example 1h"},
        {&seconds, "18446744073709551615d",
         "18446744073709551615d is out of range; from 1s to 365d is allowed, for example 1h"},
        {&seconds, "99999999999999999999s",
         "99999999999999999999s is out of range; from 1s to 365d is allowed, for example 1h"},
        {&milliseconds, "61s", "61s is out of range; from 1ms to 1m is allowed, for example 1s"},
        {&milliseconds, "1",
         "'1' is not a duration; write a number with ms, s, m, h or d, for example 1s"},
        {&bytes, "1k", "'1k' is not a size; write a number with K, M or G, for example 256M"},
        {&bytes, "1T", "'1T' is not a size; write a number with K, M or G, for example 256M"},
        {&bytes, "1KB", "'1KB' is not a size; write a number with K, M or G, for example 256M"},
        {&bytes, "0", "0 is out of range; from 1 to 16G is allowed, for example 256M"},
        {&bytes, "17G", "17G is out of range; from 1 to 16G is allowed, for example 256M"},
        {&count, "101", "101 is out of range; from 0 to 100 is allowed, for example 3"},
        {&count, "many", "'many' is not a number; write digits only, for example 3"},
        {&count, "1K", "'1K' is not a number; write digits only, for example 3"},
        {&ratio, "0.2", "'0.2' is not a ratio; write a number and %, for example 20%"},
        {&ratio, "20", "'20' is not a ratio; write a number and %, for example 20%"},
        {&ratio, "%", "'%' is not a ratio; write a number and %, for example 20%"},
        {&ratio, "1.%", "'1.%' is not a ratio; write a number and %, for example 20%"},
        {&ratio, ".5%", "'.5%' is not a ratio; write a number and %, for example 20%"},
        {&ratio, "1.23456%", "'1.23456%' is not a ratio; write a number and %, for example 20%"},
        {&ratio, "-5%", "'-5%' is not a ratio; write a number and %, for example 20%"},
        {&ratio, "101%", "101% is out of range; from 0 to 100% is allowed, for example 20%"},
        {&ratio, "100.1%", "100.1% is out of range; from 0 to 100% is allowed, for example 20%"},
        {&ratio, "99999999999%",
         "99999999999% is out of range; from 0 to 100% is allowed, for example 20%"},
        {&yes_no, "true", "'true' is not yes or no; write one of the two, for example yes"},
        {&yes_no, "Yes", "'Yes' is not yes or no; write one of the two, for example yes"},
        {&mode, "66", "'66' is not a mode of a socket; write three octal digits, for example 0660"},
        {&mode, "0680",
         "'0680' is not a mode of a socket; write three octal digits, for example 0660"},
        {&mode, "1777",
         "'1777' is not a mode of a socket; write three octal digits, for example 0660"},
        {&mode, "00660",
         "'00660' is not a mode of a socket; write three octal digits, for example 0660"},
        {&choice, "cherry", "'cherry' is not known here; write apple, pear or plum"},
        {&choice, "Apple", "'Apple' is not known here; write apple, pear or plum"},
        {&choice, "STONE", "'STONE' is no fruit; write apple, pear or plum"},
        {&letters, "ABF",
         "'ABF' is not a set of TYPE letters; write some of A B C D E together, for example ABCD"},
        {&letters, "abcd",
         "'abcd' is not a set of TYPE letters; write some of A B C D E together, for example ABCD"},
        {&path, "var/lib",
         "'var/lib' is not an absolute path; begin it with '/', for example "
         "/var/lib/x"},
        {&name, "two words",
         "'two words' is not one word; write a single name, for example "
         "postfix"},
        {&words, "", "is empty; write a value, for example some words, or leave the key out"},
        {&delimiter, "+-+-+-+-+-+-+-+-", "more than 15 characters; write for example +"},
        {&secret, "@relative",
         "a file with a secret needs an absolute path; write @/etc/rcptguard/NAME.key"},
        {&secret, "@",
         "a file with a secret needs an absolute path; write "
         "@/etc/rcptguard/NAME.key"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *arena = arena_new();
        struct value value = {0};
        struct error why;
        char expected[256];
        struct text t = text_on(expected, sizeof expected);

        if (rows[i].why == not_a_duration)
            text_addf(&t, not_a_duration, rows[i].text);
        else
            text_add(&t, rows[i].why);
        assert_true(value_parse(rows[i].rule, view_of(rows[i].text), arena, &value, &why) < 0);
        assert_string_equal(why.text, expected);
        arena_free(arena);
    }
}

static void test_delimiters_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {"a", "1", "+a", "@", ".", "\"", "+ -", "\xc3\xa9"};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *arena = arena_new();
        struct value value = {0};
        struct error why;
        assert_int_equal(value_parse(&delimiter, view_of(rows[i]), arena, &value, &why),
                         ERR_SYNTAX);
        assert_non_null(strstr(why.text, "is not a set of delimiters"));
        arena_free(arena);
    }
}

static void test_listens(void **state)
{
    (void)state;
    static const struct value_rule listens = {VALUE_LISTENS, false, 0, 0, NULL, NULL, "unix:/x"};
    struct arena *arena = arena_new();
    struct value value = {0};
    struct error why;

    assert_int_equal(value_parse(&listens, view_of("unix:/a, inet:127.0.0.1:1  inet:[::1]:1,"),
                                 arena, &value, &why),
                     0);
    assert_int_equal(value.n_list, 3);
    assert_string_equal(value.list[0], "unix:/a");
    assert_string_equal(value.list[1], "inet:127.0.0.1:1");
    assert_string_equal(value.list[2], "inet:[::1]:1");
    /* A second line adds to the first, and knows what it said. */
    assert_int_equal(value_parse(&listens, view_of("unix:/b"), arena, &value, &why), 0);
    assert_int_equal(value.n_list, 4);
    assert_int_equal(value_parse(&listens, view_of("unix:/a"), arena, &value, &why), ERR_CONFLICT);
    assert_string_equal(why.text, "unix:/a is there twice; write it once");
    assert_int_equal(value_parse(&listens, view_of(" , "), arena, &value, &why), ERR_SYNTAX);
    assert_string_equal(why.text, "names no socket; write for example unix:/PATH");
    arena_free(arena);
}

static void test_many_listens(void **state)
{
    (void)state;
    static const struct value_rule listens = {VALUE_LISTENS, false, 0, 0, NULL, NULL, "unix:/x"};
    struct arena *arena = arena_new();
    struct buf text = BUF_INIT(0);
    struct value value = {0};
    struct error why;

    for (int i = 1; i <= VALUE_MAX_LISTENS; i++)
        buf_addf(&text, "inet:127.0.0.1:%d ", i);
    assert_int_equal(value_parse(&listens, buf_view(&text), arena, &value, &why), 0);
    assert_int_equal(value.n_list, VALUE_MAX_LISTENS);
    assert_int_equal(value_parse(&listens, view_of("unix:/one/more"), arena, &value, &why),
                     ERR_LIMIT);
    assert_string_equal(why.text, "more than 64 sockets; write fewer");
    buf_free(&text);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_ratios),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_delimiters_refused),
        cmocka_unit_test(test_listens),
        cmocka_unit_test(test_many_listens),
    };
    return cmocka_run_group_tests_name("config/values", tests, NULL, NULL);
}
