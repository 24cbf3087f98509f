/* lint: every problem by its line, in the order of the file, and the counts and the verdict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/feeds.h"

static struct protect *protect;

static int set_up(void **state)
{
    (void)state;
    protect = protect_load(NULL, NULL);
    return protect == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    protect_release(protect);
    return 0;
}

static int file_of(struct view bytes)
{
    int fd = memfd_create("list", MFD_CLOEXEC);

    assert_true(fd >= 0);
    for (; bytes.len > 0; bytes = view_from(bytes, 65536)) {
        struct view part = view_first(bytes, 65536);
        assert_int_equal(write(fd, part.ptr, part.len), part.len);
    }
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* "3: a b: why", with "warning: " and without the row where there is none. */
static void on_problem(const struct feed_lint_problem *p, void *arg)
{
    buf_addf(arg, "%" PRIu64 ": %s%.*s%s", p->line, p->warning ? "warning: " : "", (int)p->text.len,
             p->text.len == 0 ? "" : p->text.ptr, p->text.len == 0 ? "" : ": ");
    buf_addf(arg, "%.20s\n", p->why);
}

static struct buf lint(const char *format, struct view bytes, struct feed_lint_report *report)
{
    const struct feeds_config config = {.addresses = {"+", true}, .protect = protect};
    const struct feed_config feed = {.name = "lint",
                                     .format = format,
                                     .types = 0x0f,
                                     .of_domain = true,
                                     .min_entries = 1,
                                     .max_bad = 0.05,
                                     .max_protected = 3,
                                     .max_bytes = 16u << 20};
    struct buf said = BUF_INIT(0);
    struct error why;
    int fd = file_of(bytes);

    buf_add_text(&said, "");
    assert_int_equal(feed_lint(fd, &config, &feed, on_problem, &said, report, &why), 0);
    close(fd);
    return said;
}

static void test_problems(void **state)
{
    static const struct {
        const char *format, *bytes, *said, *guard, *like;
    } rows[] = {
        {"entries", "jane@example.org\n.example.net\n", "", "", NULL},
        {"entries", "", "", "min_entries", NULL},
        {"entries", "a@example.org\na b\n", "2: a b: a space in a domain \n", "bad", NULL},
        {"entries", "a@example.org\ngmail.com\nsomeone@gmail.com\ncom\n*\n*.co.uk\n",
         "2: gmail.com: would block a protec\n"
         "4: warning: com: a public suffix, abo\n"
         "5: warning: would block the whol\n"
         "6: warning: *.co.uk: a public suffix, abo\n",
         "", NULL},
        {"entries", "gmail.com\noutlook.com\nyahoo.com\n.gmx.com\na@example.org\n",
         "1: gmail.com: would block a protec\n2: outlook.com: would block a protec\n"
         "3: yahoo.com: would block a protec\n4: .gmx.com: would block a protec\n",
         "protected", NULL},
        {"entries", "# Entries: 3\na@example.org\nb@example.org\nc@example.org\n", "", "", NULL},
        {"entries", "# Entries: 4\na@example.org\nb@example.org\nc@example.org\n",
         "0: it says that it has \n", "count", NULL},
        {"entries", "a@example.org,A,20200101\nb@example.org,B,20200101\n",
         "1: a@example.org,A,20200101: a domain name is mad\n"
         "2: b@example.org,B,20200101: a domain name is mad\n",
         "format", "aper"},
        {"aper", "a@example.org,A,20200101\nb@example.org,E,20210101", "", "", NULL},
        {"aper", "a@example.org,A,20200101\nb@example.org,F,20210101\n",
         "2: b@example.org,F,20210101: the type is not of t\n", "bad", NULL},
        {"aper", "a@example.org\nb@example.org\n",
         "1: a@example.org: not three fields: AD\n2: b@example.org: not three fields: AD\n",
         "format", "entries"},
        {"entries", "<!DOCTYPE html>\n", "1: <!DOCTYPE html>: a space in a domain \n", "html",
         NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct feed_lint_report report;
        struct buf said = lint(rows[i].format, view_of(rows[i].bytes), &report);
        assert_string_equal(said.data, rows[i].said);
        assert_string_equal(report.guard, rows[i].guard);
        assert_int_equal(report.looks_like == NULL, rows[i].like == NULL);
        if (rows[i].like != NULL)
            assert_string_equal(report.looks_like->name, rows[i].like);
        buf_free(&said);
    }
}

static void test_report(void **state)
{
    struct feed_lint_report r;
    struct buf said = lint("aper",
                           view_of("# Entries: 5\n"
                                   "a@example.org,A,20200101\n"
                                   "a@example.org,B,20210301\n"
                                   "e@example.org,E,20190101\n"
                                   "nonsense\n"),
                           &r);

    (void)state;
    assert_int_equal(r.rows, 3);
    assert_int_equal(r.bad_rows, 1);
    assert_int_equal(r.entries, 2);
    assert_int_equal(r.active, 1);
    assert_int_equal(r.claimed, 5);
    assert_int_equal(r.oldest, 17897); /* 2019-01-01 */
    assert_int_equal(r.newest, 18687); /* 2021-03-01 */
    buf_free(&said);
}

static void test_names(void **state)
{
    struct feed_lint_report r;
    struct buf said = lint("entries",
                           view_of("com\nCOM\norg\nnet\nde\nuk\nfr\n.gmail.com\ngmail.com\n"
                                   "a@example.org\n"),
                           &r);

    (void)state;
    assert_int_equal(r.suffixes.entries, 6);
    assert_int_equal(r.suffixes.n_names, FEED_LINT_NAMES);
    assert_string_equal(r.suffixes.names[1], "org"); /* com once */
    assert_int_equal(r.protected_.entries, 2);
    assert_string_equal(r.protected_.names[0], ".gmail.com");
    assert_string_equal(r.protected_.names[1], "gmail.com");
    buf_free(&said);
}

/* What the counts speak of is named, whatever kind of row it is. */
static void test_digest_of_a_protected_domain(void **state)
{
    static const char gmail[] = "526472e87484a6e5cbddc84f4c4c21c477919045";
    struct feed_lint_report r;
    struct buf said = lint("hashes", view_of(gmail), &r), want = BUF_INIT(0);

    (void)state;
    buf_addf(&want, "1: %s: would block a protec\n", gmail);
    assert_string_equal(said.data, want.data);
    assert_int_equal(r.protected_.entries, 1);
    assert_string_equal(r.protected_.names[0], gmail);
    buf_free(&want);
    buf_free(&said);
}

static void test_nul(void **state)
{
    struct feed_lint_report r;
    struct buf said = lint("entries", view_make("a@example.org\nb@exa\0mple.org\n", 30), &r);

    (void)state;
    assert_true(view_starts(buf_view(&said), "2: b@exa"));
    assert_string_equal(r.guard, "control");
    buf_free(&said);
}

/* More than the body keeps in memory, and more than the head that is guessed by. */
static void test_large(void **state)
{
    struct feed_lint_report r;
    struct buf list = BUF_INIT(0);

    (void)state;
    for (unsigned i = 0; i < 300000; i++)
        buf_addf(&list, "u%u@example.org\n", i);
    buf_add_text(&list, "a b\n");
    assert_true(list.len > 5u << 20);
    struct buf said = lint("entries", buf_view(&list), &r);
    assert_string_equal(said.data, "300001: a b: a space in a domain \n");
    assert_int_equal(r.entries, 300000);
    assert_string_equal(r.guard, "");
    buf_free(&said);
    buf_free(&list);
}

static void test_cannot_read(void **state)
{
    const struct feeds_config config = {.protect = protect};
    struct feed_config feed = {.name = "lint", .format = "entries", .max_bytes = 10};
    struct feed_lint_report r;
    struct buf said = BUF_INIT(0);
    struct error why;
    int fd = file_of(view_of("a@example.org\n"));

    (void)state;
    assert_int_equal(feed_lint(fd, &config, &feed, on_problem, &said, &r, &why), ERR_LIMIT);
    close(fd);
    assert_int_equal(feed_lint(fd, &config, &feed, on_problem, &said, &r, &why), ERR_IO);
    assert_int_equal(said.len, 0);
}

static void test_looks_like(void **state)
{
    (void)state;
    assert_string_equal(feed_looks_like(view_of("# x\na@example.org,A,20200101\n"))->name, "aper");
    assert_null(feed_looks_like(view_of("example.org\nexample.net\n")));
    assert_null(feed_looks_like(view_of("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_problems),   cmocka_unit_test(test_report),
        cmocka_unit_test(test_names),      cmocka_unit_test(test_nul),
        cmocka_unit_test(test_large),      cmocka_unit_test(test_cannot_read),
        cmocka_unit_test(test_looks_like), cmocka_unit_test(test_digest_of_a_protected_domain),
    };
    return cmocka_run_group_tests_name("feeds/lint", tests, set_up, tear_down);
}
