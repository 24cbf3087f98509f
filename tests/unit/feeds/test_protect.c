/* Protected domains: which entries would block one as a whole, and the file's lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "feeds/parse/protect.h"
#include "rcptguard/base/hash.h"

static char path[] = "/tmp/test_protect.XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static struct protect *load_bytes(struct view text, struct error *why)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(text.ptr, 1, text.len, f), text.len);
    fclose(f);
    struct protect *p = protect_load(path, why);
    assert_non_null(p);
    return p;
}

static struct protect *load(const char *text, struct error *why)
{
    return load_bytes(view_of(text), why);
}

static void test_kinds(void **state)
{
    static const struct {
        enum entry_kind kind;
        const char *domain;
        bool covered;
    } cases[] = {
        /* a line `mail.example` */
        {ENTRY_DOMAIN, "mail.example", true},
        {ENTRY_TREE, "mail.example", true},
        {ENTRY_BELOW, "mail.example", false},
        {ENTRY_DOMAIN, "example", false},
        {ENTRY_TREE, "example", true},
        {ENTRY_BELOW, "example", true},
        {ENTRY_DOMAIN, "x.mail.example", false},
        {ENTRY_TREE, "x.mail.example", false},
        {ENTRY_BELOW, "x.mail.example", false},
        {ENTRY_TREE, "email.example", false},
        {ENTRY_TREE, "ail.example", false},
        {ENTRY_ADDRESS, "mail.example", false},
        /* a line `.edu.test` */
        {ENTRY_DOMAIN, "edu.test", true},
        {ENTRY_TREE, "edu.test", true},
        {ENTRY_BELOW, "edu.test", true},
        {ENTRY_DOMAIN, "a.b.edu.test", true},
        {ENTRY_TREE, "b.edu.test", true},
        {ENTRY_BELOW, "b.edu.test", true},
        {ENTRY_DOMAIN, "test", false},
        {ENTRY_TREE, "test", true},
        {ENTRY_BELOW, "test", true},
        {ENTRY_DOMAIN, "xedu.test", false},
        {ENTRY_DOMAIN, "edu.test.org", false},
        /* built in */
        {ENTRY_DOMAIN, "gmail.com", true},
        {ENTRY_TREE, "googlemail.com", true},
        {ENTRY_BELOW, "gmail.com", false},
        {ENTRY_DOMAIN, "t-online.de", true},
        {ENTRY_TREE, "com", true},
        {ENTRY_DOMAIN, "126.com", true},
        {ENTRY_DOMAIN, "125.com", false},
    };
    struct error why;
    struct protect *p = load("Mail.Example\n.edu.test\n", &why);

    (void)state;
    assert_int_equal(why.code, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(protect_covers(p, cases[i].kind, view_of(cases[i].domain)),
                         cases[i].covered);
    protect_release(p);
}

/* Lists of hashed domains hold the name as it is sent, too. */
static void test_digests(void **state)
{
    static const struct {
        const char *name;
        bool covered;
    } cases[] = {
        {"gmail.com", true},
        {"mail.example", true},
        {"xn--mller-kva.example", true},
        {"m\xc3\xbcller.example", true},
        {"a.example", false},
        {"muller.example", false},
    };
    unsigned char digest[HASH_MAX_BYTES];
    struct error why;

    (void)state;
    for (int in_unicode = 0; in_unicode < 2; in_unicode++) {
        struct protect *p = load(in_unicode ? "mail.example\nM\xc3\x9cller.example\n"
                                            : "mail.example\n.xn--mller-kva.example\n",
                                 &why);
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
            for (unsigned hash = 0; hash < HASH_KINDS; hash++) {
                size_t len = hash_plain((enum hash_kind)hash, view_of(cases[i].name), digest);
                assert_int_equal(protect_covers(p, ENTRY_DOMAIN_HASH, view_make(digest, len)),
                                 cases[i].covered);
            }
        protect_release(p);
    }
}

/* As the contract lists them, word for word. */
static void test_built_in(void **state)
{
    struct view names = view_of(
        "gmail.com googlemail.com outlook.com hotmail.com live.com msn.com yahoo.com icloud.com "
        "me.com mac.com aol.com gmx.com gmx.de gmx.net web.de t-online.de proton.me "
        "protonmail.com zoho.com yandex.com yandex.ru mail.ru qq.com 163.com 126.com");
    struct view name;
    struct error why;
    struct protect *p = protect_load(NULL, &why);

    (void)state;
    assert_int_equal(why.code, 0);
    while (view_word(&names, &name))
        assert_true(protect_covers(p, ENTRY_DOMAIN, name));
    protect_release(p);
}

static void test_lines_of_the_file(void **state)
{
    static const struct {
        const char *text;
        const char *domain; /* covered as a whole */
        const char *said;   /* in *why; NULL: nothing */
    } cases[] = {
        {"", "gmail.com", NULL},
        {"\xef\xbb\xbfours.example # us\r\n\n# theirs.example\n  @at.example  \n", "ours.example",
         NULL},
        {"@at.example", "at.example", NULL},
        {"a@b.example\nours.example\n", "ours.example", ":1: a@b.example: an address; write"},
        {"ours.example\n\n*\n", "ours.example", ":3: *: the whole world; write"},
        {"*.b.example\n", "gmail.com", ":1: *.b.example: write .domain"},
        {"192.0.2.1\nours.example", "ours.example", ":1: 192.0.2.1: an IP address"},
        {"one two\nours.example\nb..example\n", "ours.example", "2 bad lines, the first at: /tmp"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error why;
        struct protect *p = load(cases[i].text, &why);
        assert_true(protect_covers(p, ENTRY_DOMAIN, view_of(cases[i].domain)));
        assert_true(protect_covers(p, ENTRY_DOMAIN, view_of("gmail.com")));
        assert_false(protect_covers(p, ENTRY_DOMAIN, view_of("theirs.example")));
        assert_false(protect_covers(p, ENTRY_DOMAIN, view_of("b.example")));
        if (cases[i].said == NULL) {
            assert_int_equal(why.code, 0);
        } else {
            assert_int_equal(why.code, ERR_SYNTAX);
            assert_non_null(strstr(why.text, cases[i].said));
            assert_non_null(strstr(why.text, path));
        }
        protect_release(p);
    }
}

/* What a power cut or an old Mac left of it: a comment, it seems. */
static void test_damaged_comments(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        unsigned line;
    } cases[] = {
        {"# hea\0\0\0", 8, 1},
        {"ours.example # us\n# hea\0", 24, 2},
        {"# ours\rours.example\r", 20, 1},
        {"# ours\r\nours.example # us\r\n", 27, 0},
    };
    char said[64];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error why;
        protect_release(load_bytes(view_make(cases[i].text, cases[i].len), &why));
        snprintf(said, sizeof said, "%s:%u: holds a NUL byte, or a CR", path, cases[i].line);
        assert_int_equal(why.code, cases[i].line == 0 ? ERR_OK : ERR_SYNTAX);
        assert_true(cases[i].line == 0 || strstr(why.text, said) != NULL);
    }
}

static void test_missing_file(void **state)
{
    struct error why;
    struct protect *p = protect_load("/nonexistent/protected", &why);

    (void)state;
    assert_non_null(p);
    assert_int_equal(why.code, ERR_ABSENT);
    assert_non_null(strstr(why.text, "/nonexistent/protected"));
    assert_true(protect_covers(p, ENTRY_DOMAIN, view_of("gmail.com")));
    protect_release(protect_hold(p));
    assert_true(protect_covers(p, ENTRY_DOMAIN, view_of("gmail.com")));
    protect_release(p);
    protect_release(NULL);
}

/* The file that is installed has no line that is left out. */
static void test_shipped_file(void **state)
{
    struct error why;
    struct protect *p = protect_load("conf/protected", &why);

    (void)state;
    assert_non_null(p);
    if (why.code != 0)
        fail_msg("%s", why.text);
    assert_true(protect_covers(p, ENTRY_DOMAIN, view_of("comcast.net")));
    assert_true(protect_covers(p, ENTRY_TREE, view_of("uol.com.br")));
    assert_false(protect_covers(p, ENTRY_DOMAIN, view_of("example.org")));
    protect_release(p);
}

static void test_digest(void **state)
{
    static const struct {
        const char *text;
        bool same;
    } cases[] = {
        {"# other order\nb.example\nA.example.\nb.example\n", true},
        {"a.example\n", false},
        {"a.example\n.b.example\n", false},
        {"a.example\nb.example\nc.example\n", false},
        {"a.example\nb.example\nb.b.example\n", false},
    };
    struct protect *p = load("a.example\nb.example\n", NULL);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct protect *other = load(cases[i].text, NULL);
        assert_int_equal(memcmp(protect_digest(p), protect_digest(other), SHA256_BYTES) == 0,
                         cases[i].same);
        protect_release(other);
    }
    protect_release(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_built_in),
        cmocka_unit_test(test_lines_of_the_file),
        cmocka_unit_test(test_damaged_comments),
        cmocka_unit_test(test_missing_file),
        cmocka_unit_test(test_shipped_file),
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_digest),
    };
    return cmocka_run_group_tests_name("feeds/protect", tests, make_file, remove_file);
}
