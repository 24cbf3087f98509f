/* What must fit together: each error and warning by its words. */
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

#define FEED "[feed a]\nurl = file:/a\nformat = aper\n" /* lines 1 to 3 */

/* With all formats there are, nearest the one that is APER in capitals. */
static void expect_no_format(const char *format)
{
    char text[128];
    struct buf expected = BUF_INIT(0);

    snprintf(text, sizeof text, "[feed a]\nurl = file:/a\nformat = %s\n", format);
    buf_add_text(&expected, "t.conf:3: feed a.format: no such format, the nearest one is aper; "
                            "write one of: ");
    for (size_t i = 0; i < feed_formats(); i++)
        buf_addf(&expected, "%s%s", i == 0 ? "" : ", ", feed_format_info(i)->name);
    buf_add_text(&expected, "\n");
    assert_problems(text, expected.data);
    buf_free(&expected);
}

static void test_feed(void **state)
{
    (void)state;
    assert_problems("\n[feed a]\n",
                    "t.conf:2: feed a.url: is missing; write for example url = "
                    "https://lists.example.org/phishing_reply_addresses\n"
                    "t.conf:2: feed a.format: is missing; write for example format = aper\n");
    assert_problems("[feed a]\nurl =\nformat =\n",
                    "t.conf:2: feed a.url: is empty; write a value, for example "
                    "https://lists.example.org/phishing_reply_addresses, or leave the key out\n"
                    "t.conf:3: feed a.format: is empty; write a value, for example aper, or leave "
                    "the key out\n");
    expect_no_format("APER");
    assert_problems("[feed a]\nurl = file:/a\nformat = entries\ntypes = AB\ncleared = file:/c\n"
                    "entry_max_age = 30d\n",
                    "t.conf:4: feed a.types: warning: has no effect with format entries; it is for "
                    "aper\n"
                    "t.conf:5: feed a.cleared: warning: has no effect with format entries; it is "
                    "for aper\n"
                    "t.conf:6: feed a.entry_max_age: warning: has no effect with format entries; "
                    "it is for aper\n");
    assert_problems(FEED "apex = yes\n",
                    "t.conf:4: feed a.apex: warning: has no effect with format aper; it is for "
                    "entries\n");
    assert_problems(FEED "max_age = 1h\n",
                    "t.conf:4: feed a.max_age: warning: is not longer than refresh: the list would "
                    "stop counting between two fetches; write some days, or 0 for never\n");
    assert_problems(FEED "max_age = 7d\n", "");
    assert_problems(FEED "min_refresh = 1h\n", "");
    assert_problems(FEED "min_refresh = 2h\n",
                    "t.conf:4: feed a.min_refresh: warning: is longer than refresh, and rules; "
                    "write a refresh that is as long\n");
}

static void test_refresh(void **state)
{
    (void)state;
    static const char hard[] = "t.conf:4: feed a.refresh: warning: shorter than 10m is hard on the "
                               "list's server; ask its owner, or write 10m or more\n";
    static const struct {
        const char *url, *refresh, *problem;
    } rows[] = {
        {"https://lists.example.org/a", "599s", hard},
        {"https://lists.example.org/a", "1s", hard},
        {"https://lists.example.org/a", "10m", ""},
        {"http://127.0.0.1:8080/a", "1s", ""},
        {"http://[::1]/a", "1s", ""},
        {"file:/a", "1s", ""},
    };
    char text[256];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(text, sizeof text, "[feed a]\nurl = %s\nformat = aper\nrefresh = %s\n",
                 rows[i].url, rows[i].refresh);
        assert_problems(text, rows[i].problem);
    }
}

static void test_action(void **state)
{
    (void)state;
    static const char *const whole[] = {"HOLD", "hold", "DISCARD", "REDIRECT", "FILTER"};
    char text[128], expected[256];

    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        snprintf(text, sizeof text, FEED "action = %s\n", whole[i]);
        snprintf(expected, sizeof expected,
                 "t.conf:4: feed a.action: '%s' acts on the whole message, not on this recipient "
                 "alone; write reject, defer or observe\n",
                 whole[i]);
        assert_problems(text, expected);
    }
    assert_problems(FEED "action = REJECT\n", "t.conf:4: feed a.action: 'REJECT' is not known "
                                              "here; write reject, defer or observe\n");
}

static void test_reply(void **state)
{
    (void)state;
    assert_problems(FEED "reply = 5.7.1 blocked, ask ${contact}\n",
                    "t.conf:4: feed a.reply: uses ${contact}, which is empty; set contact in "
                    "[policy]\n");
    assert_problems(FEED "reply = 5.7.1 blocked, ask ${contact}\n[policy]\ncontact = us\n", "");
    assert_problems(FEED "reply = blocked\n", "");
    struct parsed p = parse(FEED "reply = 5.7.1 ${recipent}\n");
    assert_non_null(strstr(p.problems, "t.conf:4: feed a.reply: unknown variable ${recipent}"));
    assert_null(p.config);
    parsed_free(&p);
    assert_problems(FEED "reply =\n",
                    "t.conf:4: feed a.reply: is empty; write a value, for example 5.7.1 on "
                    "blocklist ${list}; if this is a mistake ask ${contact} and quote ${ref}, or "
                    "leave the key out\n");
}

static void test_contact(void **state)
{
    (void)state;
    char text[256];

    assert_problems("[policy]\ncontact = M\xc3\xbcller\n",
                    "t.conf:2: policy.contact: only printable ASCII can be sent in a reply; write "
                    "it so\n");
    snprintf(text, sizeof text,
             "[policy]\ncontact = %0100d\n"
             "[feed a]\nurl = file:/a\n"
             "format = aper\n",
             1);
    assert_problems(text, "");
    snprintf(text, sizeof text, "[policy]\ncontact = %0101d\n", 1);
    assert_problems(text, "t.conf:2: policy.contact: more than 100 bytes; shorten it, a reply has "
                          "200 in all\n");
}

/* The longest contact still leaves the default reply within its 200 bytes. */
static void test_contact_fits(void **state)
{
    (void)state;
    struct parsed p = parse(FEED "[policy]\ncontact = x\n");
    char contact[101];
    struct error why;

    memset(contact, 'x', 100);
    assert_int_equal(reply_check(view_of(p.config->feeds[0].reply), view_make(contact, 100), &why),
                     0);
    parsed_free(&p);
}

static void test_sockets(void **state)
{
    (void)state;
    assert_problems(
        "[admin]\nlisten = inet:127.0.0.1:1\n",
        "t.conf:2: admin.listen: must be a unix socket, whose owner and mode decide who "
        "may connect; write unix:/PATH\n");
    assert_problems("[policy]\nlisten = inet:127.0.0.1:1, unix:/a\n[admin]\nlisten = unix:/a\n",
                    "t.conf:4: admin.listen: is the socket of [policy] too; write another path\n");
    assert_problems("[policy]\nlisten = unix:/run/rcptguard/admin.sock\n",
                    "t.conf:2: policy.listen: is the socket of [admin] too; write another path\n");
    assert_problems("[admin]\nsocket_mode = 0666\n",
                    "t.conf:2: admin.socket_mode: warning: lets every local user change "
                    "exclusions; write 0660 and use socket_group\n");
    assert_problems("[policy]\nsocket_mode = 0666\n", "");
}

static void test_root(void **state)
{
    (void)state;
    assert_problems("[daemon]\nuser = root\n", "t.conf:2: daemon.user: warning: the daemon keeps "
                                               "all rights of root; write another user\n");
}

static void test_files_of_this_site(void **state)
{
    (void)state;
    struct parsed p = parse("");
    assert_string_equal(p.config->blocks.file, "/etc/rcptguard/local/blocks");
    assert_int_equal(p.config->history_s, 90 * 86400);
    assert_int_equal(p.config->history_max_bytes, 256 << 20);
    assert_string_equal(p.config->admin.http, "");
    assert_string_equal(p.config->list_names[p.config->n_list_names - 1], "local");
    parsed_free(&p);
    p = parse("[exclusions]\nfile = /srv/local/exclusions\n[policy]\ncontact = help@example.org\n");
    assert_string_equal(p.config->blocks.file, "/srv/local/blocks");
    assert_non_null(strstr(p.config->local_reply, "${contact}"));
    parsed_free(&p);
    p = parse("[blocks]\nfile = /srv/b\n[admin]\nhttp = [::1]:9340\n");
    assert_string_equal(p.config->blocks.file, "/srv/b");
    assert_string_equal(p.config->admin.http, "[::1]:9340");
    assert_null(strstr(p.config->local_reply, "${contact}"));
    parsed_free(&p);
    assert_problems("[exclusions]\nfile = /srv/x\n[blocks]\nfile = /srv/x\n",
                    "t.conf:4: blocks.file: is the file of exclusions; what is blocked and what is "
                    "let through cannot stand in one file, write another\n");
    assert_problems("[exclusions]\nfile = /srv/x\n[decisions]\nfile = /srv/x\n",
                    "t.conf:4: decisions.file: is the file of exclusions or blocks; write "
                    "another\n");
    assert_problems("[exclusions]\nfile = /srv/x\n[decisions]\nfile = /srv/blocks\n",
                    "t.conf:4: decisions.file: is the file of exclusions or blocks; write "
                    "another\n");
    p = parse("[admin]\nhttp = localhost:9340\n");
    assert_null(p.config);
    assert_non_null(strstr(p.problems, "t.conf:2: admin.http: "));
    parsed_free(&p);
}

/* What -t passed and could not start. */
static void test_http_on_the_port_of_policy(void **state)
{
    (void)state;
    static const char clash[] =
        "t.conf:4: admin.http: is the port of policy.listen too; write another\n";
    static const struct {
        const char *policy, *http, *problem;
    } rows[] = {
        {"inet:127.0.0.1:10040", "127.0.0.1:10040", clash},
        {"unix:/a, inet:[::1]:10040", "[::1]:10040", clash},
        {"inet:0.0.0.0:10040", "127.0.0.1:10040", clash},
        {"inet:127.0.0.1:10040", "127.0.0.1:10041", ""},
        {"inet:127.0.0.1:10040", "127.0.0.2:10040", ""},
        {"inet:127.0.0.1:10040", "[::1]:10040", ""},
        {"unix:/a", "127.0.0.1:10040", ""},
    };
    char text[256];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(text, sizeof text, "[policy]\nlisten = %s\n[admin]\nhttp = %s\n", rows[i].policy,
                 rows[i].http);
        assert_problems(text, rows[i].problem);
    }
}

static void test_files_of_two_masters(void **state)
{
    (void)state;
    assert_problems(
        FEED "[exclusions]\nfile = /a\n",
        "t.conf:5: exclusions.file: warning: is the list of [feed a] too, and what is let "
        "through should not stand there; write another\n");
    assert_problems("[feed a]\nurl = file:///x/%61\nformat = aper\n[decisions]\nfile = /x/a\n",
                    "t.conf:5: decisions.file: is the list of [feed a] too, and decisions would be "
                    "appended to it; write another\n");
    assert_problems(
        "[feed a]\nurl = file:/x/*.txt\nformat = aper\n[blocks]\nfile = /x/a.txt\n",
        "t.conf:5: blocks.file: warning: is the list of [feed a] too, and `rcptguard block` "
        "would write into it; write another\n");
    assert_problems(
        FEED "url = https://h/a\nurl = file:/b\ncleared = file:/c\n[decisions]\nfile = "
             "/b\n[exclusions]\nfile = /c\n",
        "t.conf:8: decisions.file: is the list of [feed a] too, and decisions would be "
        "appended to it; write another\n"
        "t.conf:10: exclusions.file: warning: is the list of [feed a] too, and what is let "
        "through should not stand there; write another\n");
    assert_problems(
        "[feed a]\nurl = https://h/a\nurl = file:/etc/rcptguard/local/exclusions\nformat = aper\n",
        "t.conf:3: feed a.url: warning: is the file of [exclusions] too, and what is let through "
        "should not "
        "stand there; write another\n");
    assert_problems(
        "[protect]\ndomains = /p\n[exclusions]\nfile = /p\n",
        "t.conf:4: exclusions.file: warning: is the file of protect.domains too, and what is "
        "let through should not stand there; write another\n");
    assert_problems("[decisions]\nfile = /etc/rcptguard/protected\n",
                    "t.conf:2: decisions.file: is the file of protect.domains too, and decisions "
                    "would be appended to it; write another\n");
    assert_problems("[feed a]\nurl = file:/x/*.txt\nformat = aper\n[decisions]\nfile = /x/log\n",
                    "");
}

static void test_fleet(void **state)
{
    (void)state;
    static const struct {
        const char *lines, *problems;
    } rows[] = {
        {"url = redis://127.0.0.1/0\nsecret = x\nshare = lists, exclusions blocks", ""},
        {"url = unix:/run/redis/redis.sock\nshare = exclusions", ""},
        {"url = redis://127.0.0.1\nshare = lists",
         "t.conf:3: redis.share: warning: lists and blocks are only taken from Redis when they are "
         "signed; write secret = @FILE, the same on all relays\n"},
        {"url = redis://127.0.0.1", "t.conf:2: redis.url: warning: nothing is shared; write share "
                                    "= lists exclusions blocks\n"},
        {"share = exclusions", "t.conf:2: redis.share: warning: nothing is shared without url\n"},
        {"share = exclusion",
         "t.conf:2: redis.share: 'exclusion' cannot be shared; write any of lists, exclusions, "
         "blocks, events\n"},
        {"prefix = a*",
         "t.conf:2: redis.prefix: must be 1 to 64 printable characters, none of them a "
         "blank or one of * ? [ ] or a backslash\n"},
        {"master = m", "t.conf:2: redis.master: sentinel and master need each other; write both\n"},
    };
    char text[256];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(text, sizeof text, "[redis]\n%s\n", rows[i].lines);
        struct parsed p = parse_mode(text, 0100640);
        if (strcmp(p.problems, rows[i].problems) != 0)
            fail_msg("%s: %s", rows[i].lines, p.problems);
        parsed_free(&p);
    }
}

static void test_secrets_in_an_open_file(void **state)
{
    (void)state;
    static const char open_file[] =
        "warning: holds a secret, and everybody can read this file; run chmod o-rwx t.conf\n";
    static const struct {
        const char *line;
        bool secret;
    } rows[] = {
        {"url = https://user:geheim@h/a", true},
        {"url = https://h/a", false},
        {"userpwd = user:geheim", true},
        {"userpwd = user:${secret}", false},
        {"header = X-Key: geheim", true},
        {"header = X-Key: ${secret}", false},
        {"secret = geheim", true},
        {"secret = @/nonexistent/geheim", false},
        {"proxy = http://user:geheim@h:3128", true},
        {"proxy = http://h:3128", false},
    };
    char text[128];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(text, sizeof text, "[feed a]\nformat = aper\n%s\n", rows[i].line);
        struct parsed wide = parse_mode(text, 0100644), narrow = parse_mode(text, 0100640);
        assert_int_equal(strstr(wide.problems, open_file) != NULL, rows[i].secret);
        assert_null(strstr(narrow.problems, open_file));
        assert_null(strstr(wide.problems, ":geheim")); /* told of, never told */
        parsed_free(&wide);
        parsed_free(&narrow);
    }
}

static void test_secret_files(void **state)
{
    (void)state;
    char dir[] = "/tmp/test_config.XXXXXX", path[64], text[160], expected[512];
    struct file_part part = {"geheim\n", 7}, blank = {"\n", 1};
    struct error why;

    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/key", dir);
    assert_int_equal(secret_file_check(path, &why), ERR_ABSENT);
    assert_int_equal(file_replace(path, 0640, &part, 1, NULL), 0);
    assert_int_equal(secret_file_check(path, &why), 0);
    snprintf(text, sizeof text, "[redis]\nsecret = @%s\n", path);
    assert_problems(text, "");

    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(secret_file_check(path, &why), ERR_REFUSED);
    snprintf(expected, sizeof expected,
             "t.conf:2: redis.secret: others can read the secret; run chmod o-rwx %s\n", path);
    assert_problems(text, expected);

    assert_int_equal(file_replace(path, 0600, &blank, 1, NULL), 0);
    assert_int_equal(secret_file_check(path, &why), ERR_REFUSED);
    snprintf(expected, sizeof expected, "%s is empty; write the secret into it", path);
    assert_string_equal(why.text, expected);
    assert_int_equal(secret_file_check(dir, &why), ERR_REFUSED);
    unlink(path);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_feed),
        cmocka_unit_test(test_refresh),
        cmocka_unit_test(test_action),
        cmocka_unit_test(test_reply),
        cmocka_unit_test(test_contact),
        cmocka_unit_test(test_contact_fits),
        cmocka_unit_test(test_sockets),
        cmocka_unit_test(test_root),
        cmocka_unit_test(test_files_of_this_site),
        cmocka_unit_test(test_http_on_the_port_of_policy),
        cmocka_unit_test(test_files_of_two_masters),
        cmocka_unit_test(test_fleet),
        cmocka_unit_test(test_secrets_in_an_open_file),
        cmocka_unit_test(test_secret_files),
    };
    return cmocka_run_group_tests_name("config/check", tests, NULL, NULL);
}
