/* URLs: paths of files, and what is shown of the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "feeds/url.h"

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

static void test_shown_without_userinfo(void **state)
{
    static const struct {
        const char *url, *shown;
    } table[] = {
        {"https://lists.example.org/l?x=1", "https://lists.example.org/l?x=1"},
        {"https://ann:pass@lists.example.org/l", "https://lists.example.org/l"},
        {"https://ann:p@ss@lists.example.org/a@b", "https://lists.example.org/a@b"},
        {"https://lists.example.org?a@b", "https://lists.example.org?a@b"},
        {"https://ann:pass@", "https://"},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_paths),
        cmocka_unit_test(test_shown_without_userinfo),
    };
    return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
