/* URLs: paths of files, and what is shown of the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "feeds/fetch/url.h"
#include "rcptguard/feeds.h"

static void test_file_paths(void **state)
{
    static const struct {
        const char *url, *path; /* NULL: none */
    } table[] = {
        {"file:/etc/list", "/etc/list"},
        {"file:///etc/list", "/etc/list"},
        {"FILE:///etc/list", "/etc/list"},
        {"file://localhost/etc/list", "/etc/list"},
        {"file:/a%20b%2Fc", "/a b/c"},
        {"file:/100%", "/100%"},
        {"file:/%zz", "/%zz"},
        {"file:/a%00b", NULL},
        {"file://server/etc/list", NULL},
        {"file:etc/list", NULL},
        {"file:", NULL},
        {"file:////etc", NULL},
        {"http://example.org/etc/list", NULL},
    };
    char path[32];
    (void)state;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        bool good = url_file_path(table[i].url, path, sizeof path);
        if (good != (table[i].path != NULL))
            fail_msg("%s", table[i].url);
        if (good)
            assert_string_equal(path, table[i].path);
    }
    assert_false(url_file_path("file:/0123456789", path, 11));
    assert_true(url_file_path("file:/012345678", path, 11));
}

static void test_patterns(void **state)
{
    static const struct {
        const char *url, *pattern; /* NULL: no pattern */
    } table[] = {
        {"file:/l/*.txt", "/l/*.txt"},
        {"FILE:///l/a?", "/l/a?"},
        {"file://localhost/l/[ab]", "/l/[ab]"},
        {"file:/l/%2A.*", "/l/\\*.*"},
        {"file:/l\\x/*", "/l\\\\x/*"},
        {"file:/l/a%20b*", "/l/a b*"},
        {"file:/l/a.txt", NULL},
        {"file:/l/%2A", NULL},
        {"https://example.org/l?a=*", NULL},
    };
    char pattern[32];
    (void)state;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        assert_int_equal(feed_url_is_glob(table[i].url), table[i].pattern != NULL);
        if (table[i].pattern == NULL)
            continue;
        assert_true(url_file_pattern(table[i].url, pattern, sizeof pattern));
        assert_string_equal(pattern, table[i].pattern);
    }
    assert_false(url_file_pattern("file:/%2A2345678*", pattern, 11));
    assert_true(url_file_pattern("file:/%2A2345678*", pattern, 12));
}

static void test_shown_without_secrets(void **state)
{
    static const struct {
        const char *url, *shown;
    } table[] = {
        {"https://lists.example.org/l?x=1", "https://lists.example.org/l?x=1"},
        {"https://ann:pass@lists.example.org/l", "https://***@lists.example.org/l"},
        {"https://ann:p@ss@lists.example.org/a@b", "https://***@lists.example.org/a@b"},
        {"https://lists.example.org?a@b", "https://lists.example.org?a@b"},
        {"https://ann:pass@", "https://***@"},
        {"https://lists.example.org/${secret}/l?k=${secret}",
         "https://lists.example.org/***/l?k=***"},
        {"https://a:${secret}@h/${secret}", "https://***@h/***"},
        {"https://lists.example.org/l?x=$y", "https://lists.example.org/l?x=$y"},
        {"file:///etc/a@b", "file:///etc/a@b"},
        {"file:/etc/\033[m", "file:/etc/\\x1B[m"},
    };
    char shown[64];
    (void)state;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        url_shown(table[i].url, shown, sizeof shown);
        assert_string_equal(shown, table[i].shown);
    }
}

static void test_expansion(void **state)
{
    static const struct {
        const char *text, *secret, *url, *plain;
    } table[] = {
        {"https://h/l", "s", "https://h/l", "https://h/l"},
        {"https://h/${secret}/x", "Ab9-._~", "https://h/Ab9-._~/x", "https://h/Ab9-._~/x"},
        {"a${secret}${secret}", "s", "ass", "ass"},
        {"${secret}", "a/b?c#d@e:f g%", "a%2Fb%3Fc%23d%40e%3Af%20g%25", "a/b?c#d@e:f g%"},
        {"${secret}", "\xc3\xa4", "%C3%A4", "\xc3\xa4"},
        {"X-Key: ${secret}", "${secret}", "X-Key: %24%7Bsecret%7D", "X-Key: ${secret}"},
        {"${secret", "s", "${secret", "${secret"},
        {"", "s", "", ""},
        {"a${secret}b", NULL, "ab", "ab"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct buf url = BUF_INIT(0), plain = BUF_INIT(0);
        assert_int_equal(url_expand(&url, table[i].text, table[i].secret), 0);
        assert_int_equal(url_expand_text(&plain, table[i].text, table[i].secret), 0);
        assert_string_equal(url.data, table[i].url);
        assert_string_equal(plain.data, table[i].plain);
        buf_free(&url);
        buf_free(&plain);
    }
}

static void test_signature_beside(void **state)
{
    static const struct {
        const char *url, *signature;
    } table[] = {
        {"https://h/l", "https://h/l.sig"},
        {"https://h/l.gz?k=1#x", "https://h/l.gz.sig?k=1#x"},
        {"https://h/l#x?y", "https://h/l.sig#x?y"},
        {"https://h", "https://h/.sig"}, /* never another host */
        {"https://h?k=1", "https://h/.sig?k=1"},
        {"https://h/", "https://h/.sig"},
        {"file:/l?x", "file:/l?x.sig"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct buf url = BUF_INIT(0);
        assert_int_equal(url_of_signature(&url, table[i].url), 0);
        assert_string_equal(url.data, table[i].signature);
        buf_free(&url);
    }
}

static void test_hiding(void **state)
{
    static const char secrets[] = "geheim\0\0geheim%2F\0ann:p";
    static const struct {
        const char *words, *shown;
    } table[] = {
        {"Could not resolve host: geheim.example.org", "Could not resolve host: ***.example.org"},
        {"geheimgeheim%2F!", "******!"},
        {"ann:p@h", "***@h"},
        {"geheiM", "geheiM"},
        {"", ""},
    };
    char shown[64];
    (void)state;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct text t = text_on(shown, sizeof shown);
        url_hide(&t, view_of(table[i].words), view_make(secrets, sizeof secrets - 1));
        assert_string_equal(shown, table[i].shown);
    }
    struct text t = text_on(shown, sizeof shown);
    url_hide(&t, view_of("words"), VIEW_NONE);
    assert_string_equal(shown, "words");
}

static void test_userinfo(void **state)
{
    static const struct {
        const char *url, *userinfo;
    } table[] = {
        {"https://ann:p@ss@h/l", "ann:p@ss"},
        {"https://h/l@x", ""},
        {"http://p@proxy:3128", "p"},
        {"file:/a@b", ""},
    };
    (void)state;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct buf userinfo = BUF_INIT(0);
        assert_int_equal(url_userinfo(&userinfo, table[i].url), 0);
        assert_true(view_is(buf_view(&userinfo), table[i].userinfo));
        buf_free(&userinfo);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_paths),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_shown_without_secrets),
        cmocka_unit_test(test_expansion),
        cmocka_unit_test(test_signature_beside),
        cmocka_unit_test(test_hiding),
        cmocka_unit_test(test_userinfo),
    };
    return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
