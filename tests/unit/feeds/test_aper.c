/* aper: every accident of the real list's fifteen years, with made-up addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feeds/trace.h"

static const struct feed_options options;

struct row {
    const char *row;
    const char *expected; /* the trace's line without its number; "bad" for any bad row */
};

static void check_rows(const struct feed_format *format, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct buf got = trace(format, &options, view_of(rows[i].row), 0);
        struct view said = view_trim(buf_view(&got));
        if (strcmp(rows[i].expected, "bad") == 0)
            assert_true(view_starts(said, "1 bad: "));
        else if (rows[i].expected[0] == '\0')
            assert_int_equal(said.len, 0);
        else
            assert_true(view_is(view_from(said, 2), rows[i].expected));
        buf_free(&got);
    }
}

#define CHECK_ROWS(format, rows) check_rows(format, rows, sizeof(rows) / sizeof(rows)[0])

static void test_good_rows(void **state)
{
    static const struct row rows[] = {
        {"-desk@example.org,A,20080822", "-desk@example.org A 2008-08-22"},
        {".com@example.org,E,20130129", ".com@example.org E 2013-01-29"},
        {"0000.jane1@example.net,E,20120924", "0000.jane1@example.net E 2012-09-24"},
        {"Jane@EXAMPLE.Org,AE,20110326\r", "jane@example.org AE 2011-03-26"},
        {"jane@example.org,EDCBA,20110326", "jane@example.org ABCDE 2011-03-26"},
        {"jane@example.org,AAA,20110326", "jane@example.org A 2011-03-26"},
        {"  jane@example.org ,\tB , 20110326\t", "jane@example.org B 2011-03-26"},
        {"jane.@example.org,A,20110326", "jane.@example.org A 2011-03-26"},
        {"jane'@example.org,A,20110326", "jane'@example.org A 2011-03-26"},
        {"jane?@example.org,A,20110326", "jane?@example.org A 2011-03-26"},
        {"jane%@example.org,A,20110326", "jane%@example.org A 2011-03-26"},
        {"prvs=1234=jane=@example.org,A,20110326", "prvs=1234=jane=@example.org A 2011-03-26"},
        {"jane^@example.org,A,20110326", "jane^@example.org A 2011-03-26"},
        {"..@example.org,A,20110326", "..@example.org A 2011-03-26"},
        {"+jane@example.org,A,20110326", "+jane@example.org A 2011-03-26"},
        {"jane@my_mail.example.org,A,20110326", "jane@my_mail.example.org A 2011-03-26"},
        {"jane@example.org.,A,20110326", "jane@example.org A 2011-03-26"},
        {"jane#x@example.org,A,20110326", "jane#x@example.org A 2011-03-26"},
        {"jane@example.org,A,20110326 # phoned them", "jane@example.org A 2011-03-26"},
        {"# ADDRESS,TYPE,DATE", ""},
        {"   # jane@example.org,A,20110326", ""},
        {"", ""},
        {" \t\r", ""},
    };

    (void)state;
    CHECK_ROWS(&feed_format_aper, rows);
}

static void test_bad_rows(void **state)
{
    static const struct row rows[] = {
        {"jane@example.org,BE20101118", "bad"},             /* a comma missing */
        {"jane@example.org,E.20110326", "bad"},             /* a dot for it */
        {"jane@example.org,20110326", "bad"},               /* no type */
        {"jane@example.org", "bad"},                        /* an address list */
        {"jane@example.org,A,20080630,A,20080630", "bad"},  /* twice */
        {"jane@example.org,A,20080630,", "bad"},            /* one comma too many */
        {"jane@example.org A 20080630", "bad"},             /* blanks for commas */
        {"jane@example.org,A,2008063", "bad"},              /* seven digits */
        {"jane@example.org,A,200806300", "bad"},            /* nine */
        {"jane@example.org,A,2008-6-3", "bad"},             /* eight bytes */
        {"jane@example.org,A,2008 630", "bad"},             /* */
        {"jane@example.org,A,+2008063", "bad"},             /* */
        {"jane@example.org,A,", "bad"},                     /* */
        {"jane@example.org,,20080630", "bad"},              /* */
        {"jane@example.org,F,20080630", "bad"},             /* no such letter */
        {"jane@example.org,a,20080630", "bad"},             /* */
        {"jane@example.org,A B,20080630", "bad"},           /* */
        {"jane@example.org,A;B,20080630", "bad"},           /* */
        {"jane@@example.org,A,20080630", "bad"},            /* */
        {"info@example.org@example.net,A,20080630", "bad"}, /* */
        {"grep jane@example.org,A,20080630", "bad"},        /* a command pasted */
        {"\"Jane\" <jane@example.org>,A,20080630", "bad"},  /* a display name */
        {"jane doe@example.org,A,20080630", "bad"},         /* */
        {"@example.org,A,20080630", "bad"},                 /* whole domains are none of its rows */
        {"*@example.org,A,20080630", "bad"},                /* */
        {"example.org,A,20080630", "bad"},                  /* */
        {"*,A,20080630", "bad"},                            /* */
        {",A,20080630", "bad"},                             /* */
        {"jane@,A,20080630", "bad"},                        /* */
        {"<<<<<<< .mine", "bad"},                           /* an editing conflict */
        {"=======", "bad"},                                 /* */
        {">>>>>>> .r667", "bad"},                           /* */
    };

    (void)state;
    CHECK_ROWS(&feed_format_aper, rows);
}

static void test_days_of_the_calendar(void **state)
{
    static const struct row rows[] = {
        {"j@example.org,A,20080229", "j@example.org A 2008-02-29"},
        {"j@example.org,A,20070229", "bad"},
        {"j@example.org,A,20000229", "j@example.org A 2000-02-29"},
        {"j@example.org,A,21000229", "bad"},
        {"j@example.org,A,20081231", "j@example.org A 2008-12-31"},
        {"j@example.org,A,20081232", "bad"},
        {"j@example.org,A,20080431", "bad"},
        {"j@example.org,A,20080400", "bad"},
        {"j@example.org,A,20081301", "bad"},
        {"j@example.org,A,20080030", "bad"},
        {"j@example.org,A,00000000", "bad"},
        {"j@example.org,A,99999999", "bad"},
        {"j@example.org,A,19691231", "bad"},
        {"j@example.org,A,19700101", "bad"}, /* day 0 says `no date` everywhere else */
        {"j@example.org,A,19700102", "j@example.org A 1970-01-02"},
        {"j@example.org,A,21490606", "j@example.org A 2149-06-06"},
        {"j@example.org,A,21490607", "bad"}, /* the index keeps days in 16 bits */
    };

    (void)state;
    CHECK_ROWS(&feed_format_aper, rows);
}

static void test_cleared_rows(void **state)
{
    static const struct row rows[] = {
        {"..@example.org,20121105", "..@example.org 2012-11-05"},
        {"08005813@example.org,20110328", "08005813@example.org 2011-03-28"},
        {" Jane@Example.org , 20110328 ", "jane@example.org 2011-03-28"},
        {"jane@example.org,A,20110328", "jane@example.org 2011-03-28"}, /* a stray type */
        {"jane@example.org.20120308", "bad"},
        {"jane@example.org,2012030", "bad"},
        {"jane@example.org,201203081", "bad"},
        {"jane@example.org,20120308,20120308", "bad"},
        {"jane@example.org,20120308,A", "bad"},
        {"jane@example.org,A,20110328,", "bad"},
        {"jane@example.org,20120230", "bad"},
        {"jane@example.org", "bad"},
        {"example.org,20120308", "bad"},
        {"# cleared", ""},
    };

    (void)state;
    CHECK_ROWS(&feed_format_aper_cleared, rows);
}

static void test_cut_anywhere(void **state)
{
    const struct view bytes = view_of("\xef\xbb\xbf# ADDRESS,TYPE,DATE\r\n"
                                      "jane@example.org,AE,20110326\r\n"
                                      "\r\n"
                                      "joe@example.org,BE20101118\n"
                                      "joe@example.org,B,20101118");
    struct buf whole = trace(&feed_format_aper, &options, bytes, 0);

    (void)state;
    assert_true(view_starts(buf_view(&whole), "2 jane@example.org AE 2011-03-26\n4 bad: "));
    for (size_t cut = 1; cut <= bytes.len; cut++) {
        struct buf got = trace(&feed_format_aper, &options, bytes, cut);
        assert_string_equal(got.data, whole.data);
        buf_free(&got);
    }
    buf_free(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_rows),
        cmocka_unit_test(test_bad_rows),
        cmocka_unit_test(test_days_of_the_calendar),
        cmocka_unit_test(test_cleared_rows),
        cmocka_unit_test(test_cut_anywhere),
    };
    return cmocka_run_group_tests_name("feeds/aper", tests, NULL, NULL);
}
