/* Patterns of answers: as Postfix reads them, masks for bit lists, and what cannot be meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "dnsbl/codes.h"

typedef int reader(struct codes *c, struct view text, struct error *why);

static void address_of(const char *text, unsigned char answer[4])
{
    unsigned o[4];

    assert_int_equal(sscanf(text, "%u.%u.%u.%u", &o[0], &o[1], &o[2], &o[3]), 4);
    for (int i = 0; i < 4; i++)
        answer[i] = (unsigned char)o[i];
}

static void check_all(const struct codes *c, const char *text, struct view answers, bool expected)
{
    struct view word;

    while (view_word(&answers, &word)) {
        unsigned char answer[4];
        char one[32];

        snprintf(one, sizeof one, "%.*s", (int)word.len, word.ptr);
        address_of(one, answer);
        if (codes_match(c, answer) != expected)
            fail_msg("%s and %s", text, one);
    }
}

struct good {
    const char *text, *lists, *does_not;
};

static void check_good(reader *add, const struct good *row)
{
    struct codes c = {0};
    struct error why = {0};

    if (add(&c, view_of(row->text), &why) < 0)
        fail_msg("%s: %s", row->text, why.text);
    check_all(&c, row->text, view_of(row->lists), true);
    check_all(&c, row->text, view_of(row->does_not), false);
}

static void test_codes(void **state)
{
    (void)state;
    static const struct good rows[] = {
        {"127.0.0.2", "127.0.0.2", "127.0.0.3 127.0.1.2 127.2.0.2 10.0.0.2 127.0.0.34 127.0.0.0"},
        {"127.0.1.[2;4..6]", "127.0.1.2 127.0.1.4 127.0.1.5 127.0.1.6",
         "127.0.1.0 127.0.1.1 127.0.1.3 127.0.1.7 127.0.1.102 127.0.0.2 127.0.1.255"},
        {"127.0.[0;1].[2..3]", "127.0.0.2 127.0.0.3 127.0.1.2 127.0.1.3", "127.0.2.2 127.0.0.4"},
        {"127.[0..255].[0..255].[0..255]", "127.0.0.0 127.63.64.65 127.127.128.129 127.255.254.255",
         "126.0.0.2 128.0.0.2"},
        {"127.0.0.[4..4]", "127.0.0.4", "127.0.0.3 127.0.0.5"},
        {"[127].0.0.[2]", "127.0.0.2", "127.0.0.3"},
        {"[127.0.0.[2;3]]", "127.0.0.2 127.0.0.3", "127.0.0.4"},
        {"[127.0.0.2]", "127.0.0.2", "127.0.0.3"},
        {"127.00.000.0002", "127.0.0.2", "127.0.0.1"},
        {"127.0.0.2 127.0.0.4", "127.0.0.2 127.0.0.4", "127.0.0.3"},
        {" 127.0.0.2,127.0.1.[2;3],\t127.0.2.2\r\n 127.0.3.2 ,",
         "127.0.0.2 127.0.1.3 127.0.2.2 127.0.3.2", "127.0.0.3 127.0.4.2"},
        /* A range that has an error code in it is no mistake: zone_judge looks at those first. */
        {"127.0.0.[1..255]", "127.0.0.2 127.0.0.254", "127.0.0.0"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_good(codes_add, &rows[i]);
}

static void test_mask(void **state)
{
    (void)state;
    static const struct good rows[] = {
        /* 127.0.0.80 is 64 and 16: tests for equality miss it. */
        {"127.0.0.(8|16|64)", "127.0.0.8 127.0.0.80 127.0.0.255 127.0.0.72",
         "127.0.0.0 127.0.0.1 127.0.0.4 127.0.0.128 127.0.0.167 127.0.1.8"},
        {"127.0.0.(2)", "127.0.0.2 127.0.0.6 127.0.0.14", "127.0.0.4 127.0.0.8 127.0.0.12"},
        {"127.[0..255].0.(4|128)", "127.0.0.4 127.1.0.132 127.255.0.128", "127.0.1.4 127.0.0.3"},
        {"127.0.0.(2), 127.0.1.(4)", "127.0.0.2 127.0.1.4", "127.0.0.4 127.0.1.2"},
        {"[127.0.0.(2|4)]", "127.0.0.2 127.0.0.4", "127.0.0.8"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_good(codes_add_mask, &rows[i]);
}

struct bad {
    const char *text, *why;
};

static void check_bad(reader *add, const struct bad *row, int code)
{
    struct codes c = {0};
    struct error why = {0};

    if (add(&c, view_of(row->text), &why) != code || why.code != code ||
        strstr(why.text, row->why) == NULL)
        fail_msg("%s: %s", row->text, why.text);
}

#define EXAMPLE "; write for example 127.0.1.[2;4..6]"

static void test_bad_codes(void **state)
{
    (void)state;
    static const struct bad rows[] = {
        {"", "names no answer" EXAMPLE},
        {" , ", "names no answer"},
        {"127.0.0", "127.0.0: '.' expected at its end" EXAMPLE},
        {"127.0.0.", "a number from 0 to 255 or '[' expected at its end"},
        {"127.0.0.2.3", "nothing more expected at '.3'"},
        {"127.0.0.256", "a number from 0 to 255 or '[' expected at '256'"},
        {"127.0.0.99999999999999999999", "expected at '99999999999999999999'"},
        {"127.0.0.-2", "expected at '-2'"},
        {"127.0.0.*", "expected at '*'"},
        {"127.0.0.0/8", "nothing more expected at '/8'"},
        {"127.0.0.[2", "';', '..' or ']' expected at its end"},
        {"127.0.0.[]", "a number from 0 to 255 expected at ']'"},
        {"127.0.0.[2;]", "a number from 0 to 255 expected at ']'"},
        {"127.0.0.[2-4]", "';', '..' or ']' expected at '-4]'"},
        {"127.0.0.[2, 4]", "127.0.0.[2, 4]: ';', '..' or ']' expected at ', 4]'"},
        {"127.0.0.[4..2]", "a number from the range's first one to 255 expected at '2]'"},
        {"127.0.0.[2..]", "expected at ']'"},
        {"127.0.0.[2...4]", "expected at '.4]'"},
        {"127.0.[0.2]", "';', '..' or ']' expected at '.2]'"},
        {"127.0.0.3[6..9]", "nothing more expected at '[6..9]'"},
        {"[]", "expected at its end"},
        {"[127.0.0.2", "expected at '.0.0.2'"},
        {"127.0.0.(2|4)", "a number from 0 to 255 or '[' expected at '(2|4)'"},
        {"dbl.example.net=127.0.0.2", "expected at 'dbl.example.net=127."},
        {"127.0.0.2;127.0.0.3", "nothing more expected at ';127.0.0.3'"},
        {"10.0.0.2", "outside 127.0.0.0/8"},
        {"[126;127].0.0.2", "outside 127.0.0.0/8"},
        {"[0..255].0.0.2", "outside 127.0.0.0/8"},
        {"127.0.0.1", "127.0.0.1: is an error code"},
        {"127.0.0.[1;255]", "is an error code"},
        {"127.0.[1;2].255", "is an error code"},
        {"127.255.255.[0..255]", "is an error code"},
        {"127.255.255.254", "is an error code"},
        {"127.0.0.2 127.0.0.255", "127.0.0.255: is an error code"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_bad(codes_add, &rows[i], ERR_SYNTAX);
}

static void test_bad_masks(void **state)
{
    (void)state;
    static const struct bad rows[] = {
        {"", "names no answer; write for example 127.0.0.(2|4|8)"},
        {"127.0.0.2", "127.0.0.2: a mask needs bits in round brackets"},
        {"127.0.0.(2) 127.0.0.4", "127.0.0.4: a mask needs bits"},
        {"127.0.0.()", "one of the bits 1, 2, 4, 8, 16, 32, 64 and 128 expected at ')'"},
        {"127.0.0.(6)", "expected at '6)'"},
        {"127.0.0.(0)", "expected at '0)'"},
        {"127.0.0.(2|256)", "expected at '256)'"},
        {"127.0.0.(2|4", "'|' or ')' expected at its end"},
        {"127.0.0.(2;4)", "'|' or ')' expected at ';4)'"},
        {"127.0.0.(2| 4)", "expected at ' 4)'"},
        {"127.0.0.x", "a number from 0 to 255, '[' or '(' expected at 'x'"},
        {"(1|2).0.0.2", "outside 127.0.0.0/8"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_bad(codes_add_mask, &rows[i], ERR_SYNTAX);
}

static void test_limit(void **state)
{
    (void)state;
    char text[CODES_PATTERNS * 16 + 16] = "";
    struct codes c = {0};
    struct error why = {0};

    for (int i = 0; i < CODES_PATTERNS; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "127.0.0.%d ", i + 2);
    assert_int_equal(codes_add(&c, view_of(text), &why), 0);
    assert_int_equal(c.n, CODES_PATTERNS);
    assert_int_equal(codes_add(&c, view_of("127.0.0.99"), &why), ERR_LIMIT);
    assert_non_null(strstr(why.text, "more than 16 patterns"));
}

/* A view ends where it ends, and may hold a NUL. */
static void test_views(void **state)
{
    (void)state;
    struct codes c = {0};
    struct error why = {0};

    assert_int_equal(codes_add(&c, view_make("127.0.0.23", 9), &why), 0);
    assert_true(codes_match(&c, (const unsigned char[]){127, 0, 0, 2}));
    assert_false(codes_match(&c, (const unsigned char[]){127, 0, 0, 23}));
    assert_int_equal(codes_add(&c, view_make("127.0.0.2\0", 10), &why), ERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes),     cmocka_unit_test(test_mask),
        cmocka_unit_test(test_bad_codes), cmocka_unit_test(test_bad_masks),
        cmocka_unit_test(test_limit),     cmocka_unit_test(test_views),
    };
    return cmocka_run_group_tests_name("dnsbl/codes", tests, NULL, NULL);
}
