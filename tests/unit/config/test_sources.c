/* How feeds are fetched: secrets, headers, keys, certificates, patterns; errors by their words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "parse.h"
#include "rcptguard/base/file.h"

#define HEAD   "[feed a]\nformat = entries\n"             /* lines 1 and 2 */
#define FEED   HEAD "url = https://lists.example.org/l\n" /* lines 1 to 3 */
#define CSV    "[feed a]\nformat = csv\nurl = https://lists.example.org/l\n"
#define HASHES "[feed a]\nformat = hashes\nurl = https://lists.example.org/l\n"
#define HTTP   HEAD "url = http://lists.example.org/l\nurl = http://127.0.0.1/l\n" /* to 4 */

struct row {
    const char *text, *problems;
};

static void assert_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_problems(rows[i].text, rows[i].problems);
}
#define ASSERT_ROWS(rows) assert_rows(rows, sizeof rows / sizeof rows[0])

static void test_variables(void **state)
{
    static const struct row rows[] = {
        {HEAD "url = https://h/${secret}/l\nsecret = s\n", ""},
        {HEAD "url = https://h/l\nurl = https://m/${secret}\nsecret = s\n", ""},
        {"[feed a]\nformat = aper\nurl = https://h/l\ncleared = https://h/${secret}\nsecret = s\n",
         ""},
        {FEED "header = X-Key: ${secret}\nsecret = s\n", ""},
        {FEED "userpwd = relay:${secret}\nsecret = s\n", ""},
        {HEAD "url = https://h/${secret}/l\n",
         "t.conf:3: feed a.url: uses ${secret}, which is not set; write secret = @FILE in [feed "
         "a]\n"},
        {HEAD "url = https://h/l\nurl = https://m/${secret}\n",
         "t.conf:4: feed a.url: uses ${secret}, which is not set; write secret = @FILE in [feed "
         "a]\n"},
        {FEED "header = X-Key: ${secret}\nsecret =\n",
         "t.conf:4: feed a.header: uses ${secret}, which is not set; write secret = @FILE in [feed "
         "a]\n"},
        {FEED "userpwd = relay:${password}\n",
         "t.conf:4: feed a.userpwd: ${password} is not known here; the only variable is "
         "${secret}\n"},
        {FEED "header = X-Key: ${secret\nsecret = s\n",
         "t.conf:4: feed a.header: ${ is not known here; the only variable is ${secret}\n"
         "t.conf:5: feed a.secret: warning: nothing uses it; write ${secret} in url, header or "
         "userpwd\n"},
        {FEED "secret = s\n", "t.conf:4: feed a.secret: warning: nothing uses it; write ${secret} "
                              "in url, header or userpwd\n"},
        {FEED "proxy = http://${secret}@p:3128\n",
         "t.conf:4: feed a.proxy: takes no variables; write it out\n"},
        {HEAD "url = file:/${secret}\n",
         "t.conf:3: feed a.url: takes no variables; write it out\n"},
    };
    (void)state;
    ASSERT_ROWS(rows);
}

#define NO_HEADER                                                                                  \
    "t.conf:4: feed a.header: is not a header; write Name: value, for example X-Key: ${secret}\n"

static void test_headers(void **state)
{
    static const struct row rows[] = {
        {FEED "header = X-Key: a: b\nheader = Accept: text/plain\n", ""},
        {FEED "header = X-Key:a\n", ""},
        {FEED "header = X-Key\n", NO_HEADER},
        {FEED "header = X-Key:\n", NO_HEADER},
        {FEED "header = : a\n", NO_HEADER},
        {FEED "header = X Key: a\n", NO_HEADER},
        {FEED "header = X-Key: a\rb\n",
         "t.conf:4: holds a control byte; save the file as plain text in UTF-8 with the line ends "
         "of Unix\n"},
        {FEED "header = host: a\n",
         "t.conf:4: feed a.header: Host is set by the fetch itself; leave it out\n"},
        {FEED "header = Content-Length: 1\n",
         "t.conf:4: feed a.header: Content-Length is set by the fetch itself; leave it out\n"},
        {FEED "header = If-None-Match: x\n",
         "t.conf:4: feed a.header: If-None-Match is set by the fetch itself; leave it out\n"},
    };
    (void)state;
    ASSERT_ROWS(rows);
}

static void test_userpwd(void **state)
{
    static const char bad[] = "t.conf:4: feed a.userpwd: is not a user and a password; write "
                              "user:password\n";
    static const struct row rows[] = {
        {FEED "userpwd = ann:p:w\n", ""},
        {FEED "userpwd = ann:\n", ""},
        {FEED "userpwd = ann\n", bad},
        {FEED "userpwd = :pw\n", bad},
    };
    (void)state;
    ASSERT_ROWS(rows);
}

/* Of two URLs the one that is not this host's own. */
static void test_clear_text(void **state)
{
    static const char clear[] = "t.conf:3: feed a.url: warning: sends a secret that everybody on "
                                "the way can read; write https:\n";
    static const struct row rows[] = {
        {HTTP, ""},
        {HTTP "header = X-Key: a\n", clear},
        {HTTP "userpwd = a:b\n", clear},
        {HEAD "url = http://lists.example.org/${secret}\nsecret = s\n", clear},
        {HEAD "url = http://a:b@lists.example.org/\n", clear},
        {FEED "userpwd = a:b\nheader = X-Key: a\n", ""},
    };
    (void)state;
    ASSERT_ROWS(rows);
}

static void test_patterns(void **state)
{
    static const struct row rows[] = {
        {HEAD "url = file:/l/*.txt\n", ""},
        {"[feed a]\nformat = aper\nurl = file:/l/?\ncleared = file:/c/[ab]\n", ""},
        {HEAD "url = file:/l/*.txt\npubkey = " /* RFC 8032 */
              "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\n",
         "t.conf:3: feed a.url: several files cannot be signed as one list; name the file, or "
         "leave pubkey out\n"},
        {HEAD "url = https://h/*?[\n", ""},
    };
    struct parsed p = parse("[feed a]\nformat = rpz\nurl = file:/l/*.zone\n");

    (void)state;
    ASSERT_ROWS(rows);
    assert_non_null(strstr(p.problems, "t.conf:3: feed a.url: several files of format rpz are not "
                                       "one list; write a section for each\n"));
    parsed_free(&p);
}

static void test_values(void **state)
{
    static const struct row rows[] = {
        {FEED "proxy = ftp://p:1\n",
         "t.conf:4: feed a.proxy: not a URL that can be used here (schemes: http https socks4 "
         "socks4a socks5 socks5h); write for example http://proxy.example.org:3128\n"},
        {CSV "separator = ab\n",
         "t.conf:4: feed a.separator: 'ab' is not what can separate columns; write one sign, or "
         "tab, for example ,\n"},
        {CSV "column = 0\n", "t.conf:4: feed a.column: '0' is not a column; write its header, or "
                             "its number from 1 to 1000, for example 1\n"},
        {CSV "as = rows\n", "t.conf:4: feed a.as: 'rows' is not known here; write entries or "
                            "domains\n"},
        {HASHES "of = name\n",
         "t.conf:4: feed a.of: 'name' is not known here; write address or domain\n"},
        {FEED "tls_ca = ca.pem\n", "t.conf:4: feed a.tls_ca: 'ca.pem' is not an absolute path; "
                                   "begin it with '/', for example /etc/rcptguard/ca.pem\n"},
    };
    static const char *const separators[] = {"a", "0", "\"", "@", ".", "-"};
    char text[128];

    (void)state;
    ASSERT_ROWS(rows);
    for (size_t i = 0; i < sizeof separators / sizeof separators[0]; i++) {
        snprintf(text, sizeof text, FEED "separator = %s\n", separators[i]);
        struct parsed p = parse(text);
        assert_null(p.config);
        parsed_free(&p);
    }
}

/* Where everything goes. (Formats that read some of these keys may not be built: warnings.) */
static void test_places(void **state)
{
    struct parsed p = parse(
        "[feed a]\nformat = entries\nurl = https://h/1\nurl = https://h/2\nurl = https://h/3\n"
        "proxy = socks5h://p:1\nheader = A: ${secret}\nheader = B: c\nuserpwd = u:p\nsecret = s\n"
        "column = name\nseparator = \\t\nfield = domain\nas = domains\nof = domain\n"
        "parent_domain_matches_subdomains = yes\nmin_refresh = 30m\nhonour_expires = yes\n"
        "pubkey = 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
        "[feed b]\nformat = entries\nurl = file:/b\nseparator = tab\n");
    const struct feed_config *f = &p.config->feeds[0].feed;

    (void)state;
    assert_non_null(p.config);
    assert_string_equal(f->url, "https://h/1");
    assert_int_equal(f->n_mirrors, 2);
    assert_string_equal(f->mirrors[0], "https://h/2");
    assert_string_equal(f->mirrors[1], "https://h/3");
    assert_string_equal(f->proxy, "socks5h://p:1");
    assert_int_equal(f->n_headers, 2);
    assert_string_equal(f->headers[0], "A: ${secret}");
    assert_string_equal(f->headers[1], "B: c");
    assert_string_equal(f->userpwd, "u:p");
    assert_string_equal(f->secret, "s");
    assert_string_equal(f->column, "name");
    assert_string_equal(f->separator, "\t");
    assert_string_equal(f->field, "domain");
    assert_true(f->as_domains && f->of_domain && f->parents_match && f->honour_expires);
    assert_int_equal(f->min_refresh_s, 1800);
    assert_string_equal(f->pubkey,
                        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    f = &p.config->feeds[1].feed;
    assert_int_equal(f->n_mirrors, 0);
    assert_int_equal(f->n_headers, 0);
    assert_string_equal(f->column, "1");
    assert_string_equal(f->separator, "\t");
    assert_false(f->as_domains || f->of_domain || f->parents_match || f->honour_expires);
    assert_null(f->proxy);
    assert_null(f->tls_ca);
    parsed_free(&p);
}

static void test_too_many_urls(void **state)
{
    struct buf text = BUF_INIT(0);
    (void)state;

    buf_add_text(&text, HEAD);
    for (int i = 0; i < FEED_MAX_URLS; i++)
        buf_addf(&text, "url = file:/%d\n", i);
    assert_problems(text.data, "");
    buf_add_text(&text, "url = file:/more\n");
    assert_problems(text.data, "t.conf:19: feed a.url: more than 16 of them; write fewer\n");
    buf_free(&text);
}

/* ---- files ---------------------------------------------------------------------------------- */

static char dir[32];

static const char *put(const char *name, const char *words, mode_t mode)
{
    static char path[64];
    struct file_part part = {words, strlen(words)};

    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(file_replace_lazily(path, 0600, &part, 1, NULL), 0);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static int set_up(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/test_sources.XXXXXX");
    return mkdtemp(dir) == NULL;
}

static int tear_down(void **state)
{
    char command[64];

    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

/* NULL: an error is expected, which says WORDS. */
static void assert_secret(const char *bytes, mode_t mode, const char *secret, const char *words)
{
    char text[256];

    snprintf(text, sizeof text, FEED "header = X-Key: ${secret}\nsecret = @%s\n",
             put("key", bytes, mode));
    struct parsed p = parse(text);
    assert_int_equal(p.config != NULL, secret != NULL);
    if (secret != NULL)
        assert_string_equal(p.config->feeds[0].feed.secret, secret);
    else if (strstr(p.problems, words) == NULL)
        fail_msg("%s", p.problems);
    assert_null(strstr(p.problems, "geheim"));
    parsed_free(&p);
}

static void test_secret_file(void **state)
{
    (void)state;
    assert_secret("geheim\n", 0600, "geheim", NULL);
    assert_secret("geheim", 0640, "geheim", NULL);
    assert_secret("geheim\r\n", 0600, "geheim", NULL);
    assert_secret(" geheim 1 \n", 0600, " geheim 1 ", NULL);
    assert_secret("geheim\n\n", 0600, NULL, "more than one line");
    assert_secret("geheim\nX-Evil: yes\n", 0600, NULL, "more than one line");
    assert_secret("geheim\n", 0604, NULL, "others can read the secret; run chmod o-rwx");
    assert_secret("\n", 0600, NULL, "is empty");
    assert_secret("", 0600, NULL, "is empty");
}

static void test_secret_file_is_missing(void **state)
{
    (void)state;
    struct parsed p = parse(FEED "header = X-Key: ${secret}\nsecret = @/nonexistent/key\n");

    assert_null(p.config);
    assert_non_null(strstr(p.problems, "t.conf:5: feed a.secret: cannot open /nonexistent/key"));
    parsed_free(&p);
}

static void test_pubkey(void **state)
{
    static const char pem[] = "-----BEGIN PUBLIC KEY-----\n"
                              "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
                              "-----END PUBLIC KEY-----\n";
    char text[256];
    (void)state;

    snprintf(text, sizeof text, FEED "pubkey = %s\n", put("pub", pem, 0644));
    struct parsed p = parse(text);
    assert_string_equal(p.problems, "");
    assert_string_equal(p.config->feeds[0].feed.pubkey,
                        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    parsed_free(&p);

    put("pub", "-----BEGIN RSA PUBLIC KEY-----\n", 0644);
    p = parse(text);
    assert_non_null(strstr(p.problems, "t.conf:4: feed a.pubkey: is no ed25519 key"));
    parsed_free(&p);
    p = parse(FEED "pubkey = d75a98\n");
    assert_non_null(strstr(p.problems, "t.conf:4: feed a.pubkey: is no ed25519 key"));
    parsed_free(&p);
    p = parse(FEED "pubkey = /nonexistent/pub\n");
    assert_non_null(strstr(p.problems, "t.conf:4: feed a.pubkey: cannot open /nonexistent/pub"));
    parsed_free(&p);
}

static void assert_tls(const char *keys, const char *words)
{
    struct buf text = BUF_INIT(0);

    buf_add_text(&text, FEED);
    while (*keys != '\0') { /* "DIR" in it is the test's own */
        bool is_dir = view_starts(view_of(keys), "DIR");
        buf_add(&text, is_dir ? dir : keys, is_dir ? strlen(dir) : 1);
        keys += is_dir ? 3 : 1;
    }
    struct parsed p = parse(text.data);
    if (words == NULL ? p.problems[0] != '\0' : strstr(p.problems, words) == NULL)
        fail_msg("%s", p.problems);
    assert_int_equal(p.config != NULL, words == NULL);
    parsed_free(&p);
    buf_free(&text);
}

static void test_tls(void **state)
{
    (void)state;
    put("cert", "-----BEGIN CERTIFICATE-----\n", 0644);
    put("key", "-----BEGIN PRIVATE KEY-----\n", 0600);
    put("both", "-----BEGIN PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\n", 0600);
    put("open", "-----BEGIN PRIVATE KEY-----\n", 0644);
    put("der", "0\x82", 0600);
    assert_tls("tls_ca = DIR/cert\n", NULL);
    assert_tls("tls_cert = DIR/cert\ntls_key = DIR/key\n", NULL);
    assert_tls("tls_cert = DIR/both\n", NULL);
    assert_tls("tls_cert =\ntls_key =\ntls_ca =\n", NULL);
    assert_tls("tls_key = DIR/key\n", "t.conf:4: feed a.tls_key: is of no use without its "
                                      "certificate; write tls_cert too");
    assert_tls("tls_cert = DIR/cert\ntls_key = DIR/open\n",
               "t.conf:5: feed a.tls_key: others can read the secret");
    assert_tls("tls_cert = DIR/open\n", "t.conf:4: feed a.tls_cert: others can read the secret");
    assert_tls("tls_ca = DIR/der\n", "t.conf:4: feed a.tls_ca: ");
    assert_tls("tls_ca = DIR/none\n", "t.conf:4: feed a.tls_ca: cannot open ");
}

#define WITH_FILES(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_variables), cmocka_unit_test(test_headers),
        cmocka_unit_test(test_userpwd),   cmocka_unit_test(test_clear_text),
        cmocka_unit_test(test_patterns),  cmocka_unit_test(test_values),
        cmocka_unit_test(test_places),    cmocka_unit_test(test_too_many_urls),
        WITH_FILES(test_secret_file),     cmocka_unit_test(test_secret_file_is_missing),
        WITH_FILES(test_pubkey),          WITH_FILES(test_tls),
    };
    return cmocka_run_group_tests_name("config/sources", tests, NULL, NULL);
}
