/* entries: what rows mean, and that no way to cut the bytes changes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feeds/trace.h"

static void assert_entries(const struct feed_options *options, const char *bytes,
                           const char *expected)
{
    struct view v = view_of(bytes);

    for (size_t cut = 0; cut <= v.len; cut++) {
        struct buf got = trace(&feed_format_entries, options, v, cut);
        assert_string_equal(got.data, expected);
        buf_free(&got);
    }
}

static void test_every_kind_of_row(void **state)
{
    static const struct feed_options options = {.addresses.provider_aliases = true};

    (void)state;
    assert_entries(&options,
                   "\xef\xbb\xbf# a list\r\n"
                   "\r\n"
                   "Jane.Doe@Example.ORG\r\n"
                   "  example.com.\t# a domain\r\n"
                   "@a.example.com\n"
                   "*@b.example.com\n"
                   ".c.example.com\n"
                   "*.d.example.com\n"
                   "*@*.e.example.com\n"
                   "a#b@example.org\n"
                   "j.a.n.e+x@googlemail.com\n"
                   "localhost\n"
                   ".last.example.com",
                   "3 jane.doe@example.org\n"
                   "4 example.com\n"
                   "5 a.example.com\n"
                   "6 b.example.com\n"
                   "7 .c.example.com\n"
                   "8 *.d.example.com\n"
                   "9 *.e.example.com\n"
                   "10 a#b@example.org\n"
                   "11 jane+x@gmail.com\n"
                   "12 localhost\n"
                   "13 .last.example.com\n");
}

static void test_apex(void **state)
{
    static const struct feed_options apex = {.apex = true};

    (void)state;
    assert_entries(&apex, "*.d.example\n*@*.e.example\n.f.example\ng.example\nh@i.example\n",
                   "1 .d.example\n2 .e.example\n3 .f.example\n4 g.example\n5 h@i.example\n");
}

/* Of each only what it is; the words are the address room's. */
static void test_what_is_no_entry(void **state)
{
    static const struct {
        const char *row, *expected;
    } cases[] = {
        {"*", "1 root"},
        {".", "1 root"},
        {"*@*", "1 root"},
        {"192.0.2.1", "1 ignored"},
        {"a b@example.org", "1 bad: "},
        {"example.org foo", "1 bad: "},
        {"example.*", "1 bad: "},
        {"*word*", "1 bad: "},
        {"example.org/", "1 bad: "},
        {"example\\.org", "1 bad: "},
        {"a@@example.org", "1 bad: "},
        {"example..org", "1 bad: "},
    };
    static const struct feed_options options;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf got = trace(&feed_format_entries, &options, view_of(cases[i].row), 0);
        assert_true(view_starts(buf_view(&got), cases[i].expected));
        assert_int_equal(view_find(buf_view(&got), '\n'), got.len - 1);
        buf_free(&got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_of_row),
        cmocka_unit_test(test_apex),
        cmocka_unit_test(test_what_is_no_entry),
    };
    return cmocka_run_group_tests_name("feeds/entries", tests, NULL, NULL);
}
