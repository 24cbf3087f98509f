/* The formats that users may name, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feeds/lines_said.h"

static void test_every_listed_format_is_found(void **state)
{
    (void)state;
    assert_true(feed_formats() >= 8);
    for (size_t i = 0; i < feed_formats(); i++) {
        const struct feed_format_info *info = feed_format_info(i);
        const struct feed_format *format = feed_format_find(info->name);
        assert_ptr_equal(&format->info, info);
        bool one_piece = strcmp(info->name, "json") == 0 || strcmp(info->name, "rpz") == 0;
        assert_int_equal(feed_format_joins(info->name), !one_piece);
        assert_true((format->line == NULL) != (format->bytes == NULL));
        assert_ptr_equal(feed_format_named(info->name), info);
        assert_true(strlen(info->name) < 16 && *info->row != '\0' && *info->means != '\0');
    }
    assert_null(feed_format_info(feed_formats()));
}

static void test_names(void **state)
{
    (void)state;
    assert_ptr_equal(feed_format_find("aper"), &feed_format_aper);
    assert_ptr_equal(feed_format_find("entries"), &feed_format_entries);
    assert_null(feed_format_named("aper_cleared")); /* only ever beside an aper feed */
    assert_null(feed_format_named("Aper"));
    assert_null(feed_format_named(""));
    assert_null(feed_format_find("aperx"));
    assert_string_equal(feed_format_nearest("aperx"), "aper");
    assert_string_equal(feed_format_nearest("DNSMASK"), "dnsmasq");
}

/* A format for a person who declared another one; NULL where nobody could tell. */
static void test_guess(void **state)
{
    static const struct {
        const char *head, *name;
    } cases[] = {
        {"0.0.0.0 a.example\n0.0.0.0 b.example\n", "hosts"},
        {"\xef\xbb\xbf# x\r\n127.0.0.1 localhost\r\n\r\n0.0.0.0 b.example\r\n", "hosts"},
        {"[Adblock Plus 2.0]\n! x\n||a.example^\n@@||b.example^\nexample.org##.ad\n", "adblock"},
        {"server=/a.example/\naddress=/b.example/#\nno-resolv\n", "dnsmasq"},
        {"server:\nlocal-zone: \"a.example.\" redirect\n"
         "local-data: \"a.example. A 192.0.2.1\"\n",
         "unbound"},
        {"https://a.example/\nhttp://b.example/x,y\n", "urls"},
        {"jane@example.org,A,20080822\njoe@example.org,B,20080822\n", "aper"},
        {"jane@example.org\n*@example.net\n", "entries"},
        {"jane@example.org", "entries"}, /* the last line may be cut */
        {"\xef\xbb\xbf"
         "0.0.0.0 a.example\n",
         "hosts"},
        {"a.example\nb.example\n", NULL},
        {"# 0.0.0.0 a.example\n; b.example\n! c.example\n", NULL},
        {"", NULL},
        {"\n\n", NULL},
        {"\xef\xbb\xbf", NULL},
        {"0.0.0.0 a.example\na.example\n", NULL}, /* half of the rows is not most of them */
        {"0.0.0.0 a.example\n0.0.0.0 b.example\na.example\n", "hosts"},
        {"0.0.0.0 a.example\nhttps://a.example/\njane@example.org\n", NULL},
        {"<!doctype html>\n<p>Not here</p>\n", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct feed_format *format = feed_format_guess(view_of(cases[i].head));
        if (format != (cases[i].name == NULL ? NULL : feed_format_find(cases[i].name)))
            print_error("%s\n%s\n", cases[i].head, format == NULL ? "-" : format->info.name);
        assert_ptr_equal(format, cases[i].name == NULL ? NULL : feed_format_find(cases[i].name));
    }
}

/* The head need not end with a NUL. */
static void test_guess_of_a_view(void **state)
{
    (void)state;
    assert_null(feed_format_guess(VIEW_NONE));
    assert_null(feed_format_guess(view_make("a.example\n0.0.0.0 a\n0.0.0.0 b\n", 11)));
}

/* What all lists of domains share, through a format of its own. */
static void domain_line(const struct feed_reader *r, struct view line, uint64_t number)
{
    feed_domain_tell(r, line, line,
                     (struct feed_row){.line = number, .effect = LISTING_EXCEPTS, .date = 1});
}

static void entry_line(const struct feed_reader *r, struct view line, uint64_t number)
{
    feed_entry_tell(r, line, line, (struct feed_row){.line = number});
}

static void test_domain_tell(void **state)
{
    static const struct feed_format format = {.line = domain_line};
    static const struct feed_options options;
    static const struct said rows[] = {
        {"a.Example.org.", "except .a.example.org 1970-01-02"},
        {" .a.example.org\t", "except .a.example.org 1970-01-02"},
        {"*.a.example.org", "except .a.example.org 1970-01-02"},
        {"com", "ignored"},
        {"*.com", "ignored"},
        {"com.", "ignored"},
        {"192.0.2.1", "ignored"},
        {"192.0.2.1:25", "ignored"},
        {" \t", "bad"},
        {".", "ignored"}, /* to free the whole world says nothing */
        {"*", "ignored"},
        {"*.", "ignored"},
        {"*.*.a.example.org", "bad"},
        {"..a.example.org", "bad"},
        {"a.example.org/", "bad"},
        {"a\\b.example.org", "bad"},
        {"a b.example.org", "bad"},
        {"jane@example.org", "bad"},
    };

    (void)state;
    CHECK_SAID(&format, &options, rows);
}

static void test_entry_tell(void **state)
{
    static const struct feed_format format = {.line = entry_line};
    static const struct feed_options as_entries, as_domains = {.as_domains = true};
    static const struct said entries[] = {
        {"a.example.org", "a.example.org"},
        {"*.a.example.org", "*.a.example.org"},
        {"jane@example.org", "jane@example.org"},
        {"com", "com"},
    };
    static const struct said domains[] = {
        {"a.example.org", ".a.example.org"},
        {"*.a.example.org", ".a.example.org"},
        {"jane@example.org", "bad"},
        {"com", "ignored"},
    };

    (void)state;
    CHECK_SAID(&format, &as_entries, entries);
    CHECK_SAID(&format, &as_domains, domains);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_listed_format_is_found),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_guess),
        cmocka_unit_test(test_guess_of_a_view),
        cmocka_unit_test(test_domain_tell),
        cmocka_unit_test(test_entry_tell),
    };
    return cmocka_run_group_tests_name("feeds/format", tests, NULL, NULL);
}
