/* What is an IP address, and what only looks like one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "address/numeric.h"

static void check(struct view what, bool expected)
{
    if (numeric_is_address(what) != expected)
        print_error("%.*s\n", (int)what.len, what.ptr);
    assert_int_equal(numeric_is_address(what), expected);
}

static void test_addresses(void **state)
{
    static const char *const rows[] = {
        "0.0.0.0",
        "192.0.2.1",
        "192.0.2.1.",
        "192.0.2.1:0",
        "192.0.2.1:65535",
        "[192.0.2.1]",
        "::",
        "::1",
        "1::",
        "1:2:3:4:5:6:7::",
        "::2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7:8",
        "2001:DB8::a:0001",
        "::ffff:192.0.2.1",
        "1:2:3:4:5:6:192.0.2.1",
        "fe80::1%lo0",
        "fe80::1%eth0.10_a-b",
        "[fe80::1%eth0]",
        "[::1]:25",
        "[IPv6:::1]",
        "[ipv6:::1]",
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check(view_of(rows[i]), true);
}

static void test_others(void **state)
{
    static const char *const rows[] = {
        "",
        ".",
        ":",
        "1",
        "1.2.3",
        "1.2.3.4.5",
        "256.0.2.1",
        "0192.0.2.1",
        "1.2..4",
        "1.2.3.x",
        "192.0.2.1..",
        "192.0.2.1:",
        "192.0.2.1:65536",
        "192.0.2.1:25:25",
        "192.0.2.0/24",
        ":::",
        ":1",
        "1:",
        "1::2::3",
        "12345::",
        "g::",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1::2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7:192.0.2.1",
        "192.0.2.1::",
        "::192.0.2.1:1",
        "fe80::1%",
        "fe80::1%lo0 b.example",
        "fe80::1%lo0/64",
        "fe80::1%lo0%lo0",
        "[",
        "[]",
        "[::1",
        "::1]",
        "[::1]x",
        "[::1]:x",
        "[example.org]",
        "[IPv6:]",
        "example.org",
        "a.b.c.d",
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check(view_of(rows[i]), false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_others),
    };
    return cmocka_run_group_tests_name("address/numeric", tests, NULL, NULL);
}
