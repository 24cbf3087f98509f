/* From text to configuration: every default of the contract, every value in its place, problems in
 * the order of the file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "parse.h"
#include "rcptguard/base/file.h"

static void test_defaults(void **state)
{
    (void)state;
    struct parsed p = parse("");
    const struct config *c = p.config;

    assert_string_equal(p.problems, "");
    assert_non_null(c);
    assert_string_equal(c->path, "t.conf");
    assert_string_equal(c->state_dir, "/var/lib/rcptguard");
    assert_int_equal(c->log_target, LOG_TARGET_AUTO);
    assert_int_equal(c->log_level, LOG_LEVEL_INFO);
    assert_string_equal(c->user, "rcptguard");
    assert_false(c->user_set);
    assert_int_equal(c->policy.n_listen, 1);
    assert_string_equal(c->policy.listen[0], "unix:/var/spool/postfix/rcptguard/policy");
    assert_int_equal(c->policy.socket_mode, 0660);
    assert_string_equal(c->policy.socket_group, "postfix");
    assert_false(c->policy.socket_group_set);
    assert_int_equal(c->mode, MODE_ENFORCE);
    assert_int_equal(c->deadline_ms, 1000);
    assert_int_equal(c->policy.max_clients, 4000);
    assert_string_equal(c->contact, "");
    assert_string_equal(c->addresses.delimiter, "+");
    assert_true(c->addresses.provider_aliases);
    assert_string_equal(c->exclusions.file, "/etc/rcptguard/local/exclusions");
    assert_string_equal(c->exclusions.state_dir, "/var/lib/rcptguard");
    assert_string_equal(c->protect_file, "/etc/rcptguard/protected");
    assert_false(c->protect_file_set);
    assert_string_equal(c->admin.listen, "unix:/run/rcptguard/admin.sock");
    assert_int_equal(c->admin.socket_mode, 0660);
    assert_string_equal(c->admin.socket_group, "rcptguard");
    assert_false(c->admin.socket_group_set);
    assert_string_equal(c->admin.admin_group, "");
    assert_int_equal(c->n_feeds, 0);
    assert_int_equal(c->n_list_names, 1);
    assert_string_equal(c->list_names[0], "local");
    parsed_free(&p);
}

static void test_feed_defaults(void **state)
{
    (void)state;
    struct parsed p = parse("[policy]\ncontact = helpdesk@example.org\n"
                            "[feed aper]\nurl = https://lists.example.org/a\nformat = aper\n");

    assert_string_equal(p.problems, "");
    assert_int_equal(p.config->n_feeds, 1);
    const struct config_feed *f = &p.config->feeds[0];
    assert_string_equal(f->feed.name, "aper");
    assert_string_equal(f->feed.url, "https://lists.example.org/a");
    assert_string_equal(f->feed.format, "aper");
    assert_int_equal(f->feed.types, 0xf);
    assert_null(f->feed.cleared);
    assert_false(f->feed.apex);
    assert_int_equal(f->feed.entry_max_age_s, 0);
    assert_int_equal(f->feed.refresh_s, 3600);
    assert_int_equal(f->feed.hold_s, 48 * 3600);
    assert_int_equal(f->feed.max_age_s, 0);
    assert_int_equal(f->feed.timeout_s, 600);
    assert_int_equal(f->feed.min_entries, 1);
    assert_int_equal(f->feed.max_protected, 3);
    assert_int_equal(f->feed.max_bytes, 256 << 20);
    assert_true(f->feed.max_shrink == 0.2);
    assert_true(f->feed.max_grow == 1.0);
    assert_true(f->feed.max_bad == 0.05);
    assert_int_equal(f->action, ACTION_REJECT);
    assert_string_equal(
        f->reply,
        "5.7.1 on blocklist ${list}; if this is a mistake ask ${contact} and quote ${ref}");
    parsed_free(&p);
}

/* Without contact the default reply has none, so that the shortest configuration works. */
static void test_reply_without_contact(void **state)
{
    (void)state;
    struct parsed p = parse("[feed a]\nurl = file:/a\nformat = entries\n");
    struct error why;

    assert_string_equal(p.problems, "");
    assert_string_equal(
        p.config->feeds[0].reply,
        "5.7.1 on blocklist ${list}; if this is a mistake ask your postmaster and quote ${ref}");
    assert_int_equal(reply_check(view_of(p.config->feeds[0].reply), VIEW_NONE, &why), 0);
    parsed_free(&p);
}

static void test_every_value(void **state)
{
    (void)state;
    struct parsed p = parse("[daemon]\n"
                            "state_dir = /s/\nlog_target = journal\nlog_level = debug\nuser = me\n"
                            "[policy]\n"
                            "listen = unix:/p inet:127.0.0.1:10040\nlisten = inet:[::1]:10040\n"
                            "socket_mode = 666\nsocket_group = mail\nmode = observe\n"
                            "deadline = 250ms\nmax_clients = 7\ncontact = tel. 4711\n"
                            "[addresses]\nrecipient_delimiter = +-\nprovider_aliases = no\n"
                            "[exclusions]\nfile = /x\n"
                            "[protect]\ndomains = /d\n"
                            "[admin]\n"
                            "listen = unix:/a\nsocket_mode = 0600\nsocket_group = adm\n"
                            "admin_group = wheel\n"
                            "[feed two]\n"
                            "url = file:/two\nformat = aper\ntypes = AE\ncleared = file:/cleared\n"
                            "entry_max_age = 30d\nrefresh = 2h\naction = defer\nreply = no ${ref}\n"
                            "min_entries = 10\nmax_shrink = 50%\nmax_grow = 300%\nmax_bad = 0%\n"
                            "hold = 0\nmax_protected = 0\nmax_bytes = 1M\nmax_age = 30d\n"
                            "timeout = 5m\n"
                            "[feed one]\nurl = file:/one\nformat = entries\napex = yes\n"
                            "action = observe\n");
    const struct config *c = p.config;

    assert_string_equal(p.problems, "");
    assert_string_equal(c->state_dir, "/s");
    assert_string_equal(c->exclusions.state_dir, "/s");
    assert_int_equal(c->log_target, LOG_TARGET_JOURNAL);
    assert_int_equal(c->log_level, LOG_LEVEL_DEBUG);
    assert_string_equal(c->user, "me");
    assert_true(c->user_set);
    assert_int_equal(c->policy.n_listen, 3);
    assert_string_equal(c->policy.listen[1], "inet:127.0.0.1:10040");
    assert_string_equal(c->policy.listen[2], "inet:[::1]:10040");
    assert_int_equal(c->policy.socket_mode, 0666);
    assert_string_equal(c->policy.socket_group, "mail");
    assert_true(c->policy.socket_group_set);
    assert_int_equal(c->mode, MODE_OBSERVE);
    assert_int_equal(c->deadline_ms, 250);
    assert_int_equal(c->policy.max_clients, 7);
    assert_string_equal(c->contact, "tel. 4711");
    assert_string_equal(c->addresses.delimiter, "+-");
    assert_false(c->addresses.provider_aliases);
    assert_string_equal(c->exclusions.file, "/x");
    assert_string_equal(c->protect_file, "/d");
    assert_true(c->protect_file_set);
    assert_string_equal(c->admin.listen, "unix:/a");
    assert_int_equal(c->admin.socket_mode, 0600);
    assert_string_equal(c->admin.socket_group, "adm");
    assert_true(c->admin.socket_group_set);
    assert_string_equal(c->admin.admin_group, "wheel");
    assert_int_equal(c->n_feeds, 2);
    assert_int_equal(c->n_list_names, 3);
    assert_string_equal(c->list_names[0], "two");
    assert_string_equal(c->list_names[1], "one");
    assert_string_equal(c->list_names[2], "local");
    const struct config_feed *f = &c->feeds[0];
    assert_int_equal(f->feed.types, 0x11);
    assert_string_equal(f->feed.cleared, "file:/cleared");
    assert_int_equal(f->feed.entry_max_age_s, 30 * 86400);
    assert_int_equal(f->feed.refresh_s, 7200);
    assert_int_equal(f->action, ACTION_DEFER);
    assert_string_equal(f->reply, "no ${ref}");
    assert_int_equal(f->feed.min_entries, 10);
    assert_true(f->feed.max_shrink == 0.5);
    assert_true(f->feed.max_grow == 3.0);
    assert_true(f->feed.max_bad == 0.0);
    assert_int_equal(f->feed.hold_s, 0);
    assert_int_equal(f->feed.max_protected, 0);
    assert_int_equal(f->feed.max_bytes, 1 << 20);
    assert_int_equal(f->feed.max_age_s, 30 * 86400);
    assert_int_equal(f->feed.timeout_s, 300);
    assert_true(c->feeds[1].feed.apex);
    assert_int_equal(c->feeds[1].action, ACTION_OBSERVE);
    parsed_free(&p);
}

static void test_empty_values(void **state)
{
    (void)state;
    struct parsed p = parse("[policy]\ncontact =\n[addresses]\nrecipient_delimiter =   # off\n"
                            "[protect]\ndomains =\n[admin]\nlisten =\nadmin_group =\nhttp =\n"
                            "[feed a]\nurl = file:/a\nformat = aper\ncleared =\n");

    assert_string_equal(p.problems, "");
    assert_string_equal(p.config->contact, "");
    assert_string_equal(p.config->addresses.delimiter, "");
    assert_null(p.config->protect_file);
    assert_true(p.config->protect_file_set);
    assert_string_equal(p.config->admin.listen, "");
    assert_string_equal(p.config->admin.admin_group, "");
    assert_null(p.config->feeds[0].feed.cleared);
    parsed_free(&p);
}

static void test_reading(void **state)
{
    (void)state;
    assert_problems("mode = observe\n",
                    "t.conf:1: mode: stands before the first section; put [section] above it\n");
    assert_problems("[policy]\nmod = observe\n",
                    "t.conf:2: policy.mod: no such key; the nearest one is mode\n");
    assert_problems("[Policy]\nmode = observe\nx = y\n",
                    "t.conf:1: Policy: no such section; the nearest one is [policy]\n");
    assert_problems("[feeds aper]\n",
                    "t.conf:1: feeds aper: no such section; the nearest one is [feed]\n");
    assert_problems("[policy main]\n", "t.conf:1: policy main: takes no name; write [policy]\n");
    assert_problems("[policy]\nmode = observe\n[daemon]\n[policy]\nmode = enforce\ndeadline = 2s\n",
                    "t.conf:4: policy: the section is already in line 1; make them one\n"
                    "t.conf:5: policy.mode: is already in line 2; keep one of the two\n");
    assert_problems("[policy]\njunk\nmode = observe\n",
                    "t.conf:2: neither 'key = value' nor '[section]'; comments begin with '#'\n");
    assert_problems("[policy]\nmode = observe\n  deadline = 2s\n",
                    "t.conf:2: policy.mode: warning: goes on in line 3, which looks like the key "
                    "'deadline' but begins with white space; begin it in the first column if it is "
                    "one\n"
                    "t.conf:2: policy.mode: 'observe deadline = 2s' is not known here; write "
                    "enforce or observe\n");
    assert_problems("[policy]\ncontact = \"helpdesk\"\n",
                    "t.conf:2: policy.contact: warning: stands in quotes, which become a part of "
                    "it; leave them out\n");
    assert_problems("[policy]\nlisten = unix:/a\nlisten = unix:b\nlisten = unix:/a\n",
                    "t.conf:3: policy.listen: a unix socket needs an absolute path, as in "
                    "unix:/run/rcptguard/policy\n"
                    "t.conf:4: policy.listen: unix:/a is there twice; write it once\n");
}

/* What passes find is told in the order of the file, and shown so that no terminal obeys it. */
static void test_order_and_escape(void **state)
{
    (void)state;
    assert_problems("[feed a]\nurl = file:/a\nformat = entires\nrefresh = 0\nx\xc2\x9b = 1\n"
                    "[policy]\nmode = \xe2\x80\xaex\nmax_clients = -1\n",
                    "t.conf:3: feed a.format: no such format, the nearest one is entries; write "
                    "one of: entries, aper, csv, json, ndjson, domains, hosts, adblock, dnsmasq, "
                    "unbound, rpz, dnset, access, urls, hashes\n"
                    "t.conf:4: feed a.refresh: 0 is out of range; from 1s to 365d is allowed, for "
                    "example 1h\n"
                    "t.conf:5: feed a.x\\xC2\\x9B: no such key; the nearest one is url\n"
                    "t.conf:7: policy.mode: '\\xE2\\x80\\xAEx' is not known here; write enforce or "
                    "observe\n"
                    "t.conf:8: policy.max_clients: '-1' is not a number; write digits only, for "
                    "example 4000\n");
}

static void test_names(void **state)
{
    (void)state;
    static const char rest[] = "url = file:/a\nformat = entries\n";
    static const char name63[] = "abcdefghijklmnopqrstuvwxyz0123456789_-abcdefghijklmnopqrstuvwxyz";
    static const struct {
        const char *name, *problem;
    } rows[] = {
        {" a", ""},
        {" 0", ""},
        {" a_b-c", ""},
        {"", "t.conf:1: feed: needs a name; write it behind the word, as in [feed aper]\n"},
        {" local", "t.conf:1: feed local: cannot be called local, which means the blocks of this "
                   "site; choose another name\n"},
        {" -a", "t.conf:1: feed -a: has a name of other signs than A-Z a-z 0-9 _ . -, or not "
                "beginning with a letter or digit; change it\n"},
        {" a b", "t.conf:1: feed a b: has a name of other signs than A-Z a-z 0-9 _ . -, or not "
                 "beginning with a letter or digit; change it\n"},
        {" .a", "t.conf:1: feed .a: has a name of other signs than A-Z a-z 0-9 _ . -, or not "
                "beginning with a letter or digit; change it\n"},
        {" ..", "t.conf:1: feed ..: has a name of other signs than A-Z a-z 0-9 _ . -, or not "
                "beginning with a letter or digit; change it\n"},
        {" a/b", "t.conf:1: feed a/b: has a name of other signs than A-Z a-z 0-9 _ . -, or not "
                 "beginning with a letter or digit; change it\n"},
    };
    char text[256];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(text, sizeof text, "[feed%s]\n%s", rows[i].name, rest);
        assert_problems(text, rows[i].problem);
    }
    snprintf(text, sizeof text, "[feed %.63s]\n%s", name63, rest);
    assert_problems(text, "");
    snprintf(text, sizeof text, "[feed %s]\n%s", name63, rest);
    struct parsed p = parse(text);
    assert_non_null(strstr(p.problems, "has a name of more than 63 bytes; shorten it\n"));
    parsed_free(&p);
    assert_problems("[feed a]\nurl = file:/a\nformat = entries\n\n"
                    "[feed a]\nurl = file:/b\nformat = entries\n",
                    "t.conf:5: feed a: the name is taken by [feed a] in line 1; rename one, or "
                    "make them one section\n");
    assert_problems("[dnsbl a]\nzone = z.example\ncodes = 127.0.0.2\n[feed a]\nurl = "
                    "file:/b\nformat = entries\n",
                    "t.conf:4: feed a: the name is taken by [dnsbl a] in line 1; rename one, or "
                    "make them one section\n");
}

static void test_too_many_feeds(void **state)
{
    (void)state;
    struct buf text = BUF_INIT(0);

    for (int i = 0; i < BLOCKLIST_MAX_LISTS; i++)
        buf_addf(&text, "[feed f%d]\nurl = file:/f%d\nformat = entries\n", i, i);
    struct parsed p = parse(text.data);
    assert_string_equal(p.problems, "");
    assert_int_equal(p.config->n_feeds, BLOCKLIST_MAX_LISTS);
    parsed_free(&p);
    buf_addf(&text, "[feed more]\nurl = file:/f\nformat = entries\n");
    p = parse(text.data);
    assert_string_equal(p.problems, "t.conf:3001: feed more: more than 1000 lists; remove some\n");
    parsed_free(&p);
    buf_free(&text);
}

static void test_too_many_problems(void **state)
{
    (void)state;
    struct buf text = BUF_INIT(0);
    struct config_problems problems = {0};
    struct config *config;

    for (int i = 0; i < 700; i++)
        buf_add_text(&text, "junk\n");
    struct config_source source = {.path = "t.conf", .text = buf_view(&text), .mode = 0600};
    assert_int_equal(config_parse(&source, &config, &problems), ERR_SYNTAX);
    assert_null(config);
    assert_int_equal(problems.count, PROBLEMS_MAX);
    assert_string_equal(problems.items[PROBLEMS_MAX - 1].text,
                        "t.conf:500: 201 more problems from here on; mend the others first");
    assert_false(problems.items[PROBLEMS_MAX - 1].warning);
    config_problems_free(&problems);
    buf_free(&text);
}

static void write_file(const char *path, const void *bytes, size_t len)
{
    struct file_part part = {bytes, len};
    assert_int_equal(file_replace(path, 0600, &part, 1, NULL), 0);
}

static void test_load(void **state)
{
    (void)state;
    char dir[] = "/tmp/test_config.XXXXXX", path[64], expected[192];
    struct config_problems problems = {0};
    struct config *config;
    char *large = calloc(1, CONFIG_MAX_BYTES + 1);

    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/c.conf", dir);
    assert_int_equal(config_load(path, &config, &problems), ERR_ABSENT);
    assert_null(config);
    snprintf(expected, sizeof expected,
             "cannot open %s: No such file or directory; name the file with -c FILE", path);
    assert_int_equal(problems.count, 1);
    assert_string_equal(problems.items[0].text, expected);
    config_problems_free(&problems);

    write_file(path, "[policy]\nmode = observe\n", 24);
    assert_int_equal(config_load(path, &config, &problems), 0);
    assert_int_equal(config->mode, MODE_OBSERVE);
    assert_int_equal(problems.count, 0);
    shared_hold(&config->shared); /* the worker has it too */
    config_release(config);
    assert_string_equal(config->path, path);
    config_release(config);

    write_file(path, "[policy]\nmode = x\n", 18);
    assert_int_equal(config_load(path, &config, &problems), ERR_SYNTAX);
    assert_null(config);
    config_problems_free(&problems);

    memset(large, '#', CONFIG_MAX_BYTES + 1);
    write_file(path, large, CONFIG_MAX_BYTES);
    assert_int_equal(config_load(path, &config, &problems), 0);
    config_release(config);
    write_file(path, large, CONFIG_MAX_BYTES + 1);
    assert_int_equal(config_load(path, &config, &problems), ERR_REFUSED);
    assert_non_null(strstr(problems.items[0].text, "more than 1048576 bytes"));
    config_problems_free(&problems);
    assert_int_equal(config_load(dir, &config, &problems), ERR_REFUSED);
    config_problems_free(&problems);
    /* No descriptor is left: that is nobody's to mend. */
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    int rc = config_load(path, &config, &problems);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(rc, ERR_IO);
    assert_non_null(strstr(problems.items[0].text, "that is no fault of the file"));
    config_problems_free(&problems);
    unlink(path);
    rmdir(dir);
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_feed_defaults),
        cmocka_unit_test(test_reply_without_contact),
        cmocka_unit_test(test_every_value),
        cmocka_unit_test(test_empty_values),
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_order_and_escape),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_too_many_feeds),
        cmocka_unit_test(test_too_many_problems),
        cmocka_unit_test(test_load),
    };
    return cmocka_run_group_tests_name("config/config", tests, NULL, NULL);
}
