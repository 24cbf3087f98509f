/* Spelling of sockets and URLs, and that no password is shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/places.h"

static void test_listen(void **state)
{
    (void)state;
    static const char path107[] =
        "unix:/23456789012345678901234567890123456789012345678901234567890"
        "12345678901234567890123456789012345678901234567";
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {"unix:/run/rcptguard/policy", true},
        {path107, true},
        {"inet:127.0.0.1:10040", true},
        {"inet:0.0.0.0:65535", true},
        {"inet:[::1]:1", true},
        {"inet:[2001:db8::1]:10040", true},
        {"", false},
        {"/run/rcptguard/policy", false},
        {"unix:relative", false},
        {"unix:", false},
        {"127.0.0.1:10040", false},
        {"inet:10040", false},
        {"inet::10040", false},
        {"inet:localhost:10040", false},
        {"inet:127.1:10040", false},
        {"inet:127.0.0.1", false},
        {"inet:127.0.0.1:", false},
        {"inet:127.0.0.1:0", false},
        {"inet:127.0.0.1:65536", false},
        {"inet:::1:10040", false},
        {"inet:[::1]", false},
        {"inet:[127.0.0.1:1", false},
        {"inet:[]:1", false},
    };
    struct error why;

    assert_int_equal(strlen(path107), strlen("unix:") + 107);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(place_check_listen(view_of(rows[i].text), &why) == 0, rows[i].good);

    char path108[128];
    struct text t = text_on(path108, sizeof path108);
    text_addf(&t, "%sx", path107);
    assert_int_equal(place_check_listen(text_view(&t), &why), ERR_SYNTAX);
    assert_string_equal(why.text, "the path of a unix socket has at most 107 bytes");
}

static void test_urls(void **state)
{
    (void)state;
    static const char not_a_url[] = "not a URL that can be used here (schemes: https http file); "
                                    "write for example https://x/y";
    static const struct {
        const char *url, *why; /* NULL: good */
    } rows[] = {
        {"https://lists.example.org/a", NULL},
        {"http://127.0.0.1:8080/a?b=c#d", NULL},
        {"http://[::1]:8080/a", NULL},
        {"http://[::1]", NULL},
        {"https://user:p%40ss@lists.example.org:443/a", NULL},
        {"https://lists.example.org", NULL},
        {"file:/etc/list", NULL},
        {"file:///etc/list", NULL},
        {"file://localhost/etc/list", NULL},
        {"file:/with space/and@sign", NULL},
        {"", not_a_url},
        {"lists.example.org/a", not_a_url},
        {"ftp://lists.example.org/a", not_a_url},
        {"HTTPS://lists.example.org/a", not_a_url},
        {"https:", "a URL without a host; write for example https://x/y"},
        {"https:lists.example.org", "a URL without a host; write for example https://x/y"},
        {"https:///a", "a URL without a host; write for example https://x/y"},
        {"https://user@/a", "a URL without a host; write for example https://x/y"},
        {"https://:80/a", "a URL without a host; write for example https://x/y"},
        {"https://[::1/a", "a URL without a host; write for example https://x/y"},
        {"https://h:/a", "a URL with a bad port; write :NUMBER behind the host, from 1 to 65535"},
        {"https://h:0/a", "a URL with a bad port; write :NUMBER behind the host, from 1 to 65535"},
        {"https://h:70000/", "a URL with a bad port; write :NUMBER behind the host, from 1 to "
                             "65535"},
        {"https://[::1]x/a", "a URL with a bad port; write :NUMBER behind the host, from 1 to "
                             "65535"},
        {"https://h/a b", "a URL with a space or a sign beyond ASCII; write the byte as %XX, the "
                          "host as xn--"},
        {"https://m\xc3\xbcller.example/", "a URL with a space or a sign beyond ASCII; write the "
                                           "byte as %XX, the host as xn--"},
        {"file:relative", "no absolute path; write file:/PATH"},
        {"file:", "no absolute path; write file:/PATH"},
        {"file:////etc/list", "no absolute path; write file:/PATH"},
        {"file:/", "no absolute path; write file:/PATH"},
        {"file://host/path", "no absolute path; write file:/PATH"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error why = {0};
        int rc = place_check_url(view_of(rows[i].url), "https http file", "https://x/y", &why);
        assert_int_equal(rc == 0, rows[i].why == NULL);
        assert_string_equal(why.text, rows[i].why == NULL ? "" : rows[i].why);
    }
}

static void test_local(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool local;
    } rows[] = {
        {"file:/etc/list", true},
        {"http://127.0.0.1:8080/a", true},
        {"http://127.8.9.10/a", true},
        {"http://u:p@127.0.0.1/a", true},
        {"http://[::1]:8080/a", true},
        {"http://LocalHost/a", true},
        {"http://localhost.example.org/a", false},
        {"http://lists.example.org/127.0.0.1", false},
        {"http://127.0.0.1@lists.example.org/", false},
        {"http://10.0.0.1/", false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(place_url_is_local(view_of(rows[i].url)), rows[i].local);
}

static void test_masks(void **state)
{
    (void)state;
    static const struct {
        const char *url, *shown;
    } rows[] = {
        {"https://lists.example.org/a", "https://lists.example.org/a"},
        {"https://lists.example.org/a@b", "https://lists.example.org/a@b"},
        {"https://user:geheim@lists.example.org/a@b", "https://***@lists.example.org/a@b"},
        {"https://user:ge@heim@lists.example.org", "https://***@lists.example.org"},
        {"https://@lists.example.org?x=@", "https://***@lists.example.org?x=@"},
        {"redis://:geheim@127.0.0.1:6379/0", "redis://***@127.0.0.1:6379/0"},
        {"user:geheim@proxy:3128", "***@proxy:3128"},
        {"file:/a@b", "file:/a@b"},
        {"unix:/a@b", "unix:/a@b"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf shown = BUF_INIT(0);
        assert_int_equal(place_mask_url(&shown, view_of(rows[i].url)), 0);
        assert_string_equal(shown.data, rows[i].shown);
        assert_int_equal(place_has_userinfo(view_of(rows[i].url)),
                         strcmp(rows[i].url, rows[i].shown) != 0);
        buf_free(&shown);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listen),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_local),
        cmocka_unit_test(test_masks),
    };
    return cmocka_run_group_tests_name("config/places", tests, NULL, NULL);
}
