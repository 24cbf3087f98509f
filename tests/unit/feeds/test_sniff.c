/* Pages that come instead of a list, and bytes that no list holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feeds/parse/sniff.h"

static struct sniff sniff_cut(struct view bytes, size_t cut)
{
    struct sniff s = {0};

    sniff_chunk(&s, view_first(bytes, cut));
    sniff_chunk(&s, view_from(bytes, cut));
    return s;
}

static void test_pages(void **state)
{
    static const struct {
        const char *bytes;
        bool html;
    } cases[] = {
        {"", false},
        {"<!DOCTYPE html>\n<title>x</title>", true},
        {"\xef\xbb\xbf\r\n\t <HTML>", true},
        {"<?php echo 1;", true},
        {"<?xml version='1.0'?>", true},
        {"<head><meta>", true},
        {"<script>location='/login'</script>", true},
        {"<!-- moved -->\n\n<html>", true},
        {"moved to https://lists.example.org/\n", false},
        {"<jane@example.org>\n", false},
        {"# html\nexample.org\n", false},
        {"# kept by <headmaster@example.org>\n#<script>\nexample.org\n", false},
        {"\xef\xbb\xbf\n  # <html>\njane#<@example.org\n", false},
        {"#!/usr/bin/php\n<?php echo 1;", true},
        {"moved\n# a\n# b\n<html>", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct view bytes = view_of(cases[i].bytes);
        for (size_t cut = 0; cut <= bytes.len; cut++) {
            struct sniff s = sniff_cut(bytes, cut);
            assert_int_equal(sniff_is_html(&s), cases[i].html);
            assert_false(s.control);
        }
    }
}

/* Blanks in front do not push the tag out of the part that is looked at; rows do. */
static void test_only_the_beginning(void **state)
{
    char bytes[5000];
    struct sniff s = {0};

    (void)state;
    memset(bytes, '\n', sizeof bytes);
    sniff_chunk(&s, view_make(bytes, sizeof bytes));
    sniff_chunk(&s, view_of("<html>"));
    assert_true(sniff_is_html(&s));

    s = (struct sniff){0};
    memset(bytes, 'x', sizeof bytes);
    sniff_chunk(&s, view_make(bytes, SNIFF_BYTES - 6));
    sniff_chunk(&s, view_of("<html>"));
    assert_true(sniff_is_html(&s)); /* ends exactly at the edge */

    s = (struct sniff){0};
    sniff_chunk(&s, view_make(bytes, SNIFF_BYTES - 4));
    sniff_chunk(&s, view_of("<html>"));
    assert_false(sniff_is_html(&s));
}

static void test_every_control_byte(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char bytes[23];
        bool allowed = c == '\t' || c == '\n' || c == '\r' || c == '\f' || (c >= 0x20 && c != 0x7f);
        for (size_t at = 0; at < sizeof bytes; at++) {
            memset(bytes, 0xa0 + (int)at, sizeof bytes); /* bytes beyond ASCII beside it */
            memset(bytes, 'a', at / 2);
            bytes[at] = (char)c;
            for (size_t cut = 0; cut <= sizeof bytes; cut += 5) {
                struct sniff s = sniff_cut(view_make(bytes, sizeof bytes), cut);
                assert_int_equal(s.control, !allowed);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_only_the_beginning),
        cmocka_unit_test(test_every_control_byte),
    };
    return cmocka_run_group_tests_name("feeds/sniff", tests, NULL, NULL);
}
