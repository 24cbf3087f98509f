/* Bytes from outside, made harmless (rule 28). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rcptguard/base/escape.h"

static void test_table(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        const char *terminal, *log; /* log NULL: the same */
    } table[] = {
        {"jane.doe@example.org", "jane.doe@example.org", NULL},
        {"a\r\nb\t\x1b[31m\x7f", "a\\x0D\\x0Ab\\x09\\x1B[31m\\x7F", NULL},
        {"\"a\\b\"", "\\x22a\\x5Cb\\x22", NULL},
        {"<a>", "<a>", "\\x3Ca\\x3E"},
        {"j\xc3\xb6rg \xe4\xbe\x8b \xf0\x9f\x98\x80", "j\xc3\xb6rg \xe4\xbe\x8b \xf0\x9f\x98\x80",
         NULL},
        {"\xc3(", "\\xC3(", NULL},                 /* cut sequence */
        {"\xc0\xaf", "\\xC0\\xAF", NULL},          /* overlong */
        {"\x80\xbf\xff", "\\x80\\xBF\\xFF", NULL}, /* never valid */
        {"\xc2\x9b"
         "1m",
         "\\xC2\\x9B1m", NULL}, /* C1: CSI */
        {"\xe2\x80\xae"
         "a",
         "\\xE2\\x80\\xAEa", NULL},                                  /* right-to-left override */
        {"\xe2\x81\xa6\xd8\x9c", "\\xE2\\x81\\xA6\\xD8\\x9C", NULL}, /* isolate, Arabic mark */
        {"\xe2\x80\xa8", "\\xE2\\x80\\xA8", NULL},                   /* line separator */
        {"\xe2\x80\x93", "\xe2\x80\x93", NULL},                      /* a dash is harmless */
    };
    char out[256];

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct text t = text_on(out, sizeof out);
        escape_to(&t, view_of(table[i].in), ESCAPE_TERMINAL);
        assert_string_equal(out, table[i].terminal);
        t = text_on(out, sizeof out);
        escape_to(&t, view_of(table[i].in), ESCAPE_LOG);
        assert_string_equal(out, table[i].log != NULL ? table[i].log : table[i].terminal);
    }
}

static void test_cut_between_escapes(void **state)
{
    (void)state;
    char in[400], out[1000];
    struct text t = text_on(out, sizeof out);

    memset(in, 'a', sizeof in);
    escape_to(&t, view_make(in, sizeof in), ESCAPE_LOG);
    assert_int_equal(t.len, ESCAPE_MAX_BYTES);
    assert_true(t.cut);

    memset(in, 1, sizeof in);
    in[0] = 'a'; /* 255 is no multiple of four */
    t = text_on(out, sizeof out);
    escape_to(&t, view_make(in, sizeof in), ESCAPE_LOG);
    assert_int_equal(t.len, 253);
    assert_string_equal(out + t.len - 4, "\\x01");

    t = text_on(out, 8);
    escape_to(&t, view_of("aaaa\xc3\xb6\xc3\xb6"), ESCAPE_LOG);
    assert_string_equal(out, "aaaa\xc3\xb6");
    assert_true(t.cut);

    t = text_on(out, sizeof out);
    escape_to_max(&t, view_of("abcdef"), ESCAPE_LOG, 3);
    escape_to_max(&t, view_of(""), ESCAPE_LOG, 3);
    assert_string_equal(out, "abc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_cut_between_escapes),
    };
    return cmocka_run_group_tests_name("base/escape", tests, NULL, NULL);
}
