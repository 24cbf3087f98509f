/* DNS zones: every value in its place, secrets in names and never in words, resolvers. */
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

#define HEAD   "[dnsbl z]\ncodes = 127.0.0.2\n" /* lines 1 and 2 */
#define ZONE   HEAD "zone = z.example\n"        /* lines 1 to 3 */
#define KEYED  HEAD "zone = ${secret}.z.example\n"
#define SHA1   ZONE "query = email-sha1\n"
#define DNS(s) "[dns]\nservers = " s "\n"

struct row {
    const char *text, *problems;
};

static void assert_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_problems(rows[i].text, rows[i].problems);
}
#define ASSERT_ROWS(rows) assert_rows(rows, sizeof rows / sizeof rows[0])

static void test_defaults(void **state)
{
    (void)state;
    struct parsed p = parse(ZONE "[policy]\ncontact = us\n");

    assert_string_equal(p.problems, "");
    assert_int_equal(p.config->n_zones, 1);
    const struct config_zone *z = &p.config->zones[0];
    assert_string_equal(z->zone.name, "z");
    assert_string_equal(z->zone.zone, "z.example");
    assert_string_equal(z->zone.shown, "z.example");
    assert_int_equal(z->zone.query, DNSBL_DOMAIN);
    assert_string_equal(z->zone.codes, "127.0.0.2");
    assert_string_equal(z->zone.mask, "");
    assert_false(z->zone.parents || z->zone.as_seen);
    assert_string_equal(z->zone.probe_listed, "test");
    assert_string_equal(z->zone.probe_unlisted, "invalid");
    assert_int_equal(z->zone.timeout_ms, 1000);
    assert_int_equal(z->action, ACTION_REJECT);
    assert_string_equal(
        z->reply,
        "5.7.1 on blocklist ${list}; if this is a mistake ask ${contact} and quote ${ref}");
    assert_string_equal(p.config->dns_servers, "");
    assert_int_equal(p.config->dns_cache_bytes, 64 << 20);
    assert_int_equal(p.config->dns_max_questions, 2000);
    parsed_free(&p);
}

static void test_every_value(void **state)
{
    (void)state;
    struct parsed p = parse("[dns]\nservers = 127.0.0.1:5353 [::1]:53\ncache = 1M\n"
                            "max_questions = 10\n"
                            "[dnsbl b]\nzone = a.${secret}.b.${secret}\nquery = email-sha256b32\n"
                            "codes = 127.0.3.2\nmask = 127.0.0.(2|4)\naction = observe\n"
                            "reply = no ${ref}\ntimeout = 500ms\nas_seen = yes\n"
                            "secret = k-1\nprobe_listed = x\nprobe_unlisted = y\n"
                            "[feed f]\nurl = file:/f\nformat = entries\n"
                            "[dnsbl a]\nzone = a.example\nmask = 127.0.0.(2)\nparents = yes\n"
                            "probe_listed =\nprobe_unlisted =\naction = defer\n"
                            "[dnsbl c]\nzone = c.example\nquery = email-md5\ncodes = 127.0.0.2\n");
    const struct config *c = p.config;

    assert_string_equal(p.problems, "");
    assert_string_equal(c->dns_servers, "127.0.0.1:5353 [::1]:53");
    assert_int_equal(c->dns_cache_bytes, 1 << 20);
    assert_int_equal(c->dns_max_questions, 10);
    assert_int_equal(c->n_zones, 3); /* in the order of the file */
    const struct config_zone *z = &c->zones[0];
    assert_string_equal(z->zone.name, "b");
    assert_string_equal(z->zone.zone, "a.k-1.b.k-1");
    assert_string_equal(z->zone.shown, "a.***.b.***");
    assert_int_equal(z->zone.query, DNSBL_EMAIL_SHA256B32);
    assert_string_equal(z->zone.codes, "127.0.3.2");
    assert_string_equal(z->zone.mask, "127.0.0.(2|4)");
    assert_int_equal(z->action, ACTION_OBSERVE);
    assert_string_equal(z->reply, "no ${ref}");
    assert_int_equal(z->zone.timeout_ms, 500);
    assert_true(z->zone.as_seen);
    assert_string_equal(z->zone.probe_listed, "x");
    assert_string_equal(z->zone.probe_unlisted, "y");
    z = &c->zones[1];
    assert_string_equal(z->zone.name, "a");
    assert_true(z->zone.parents);
    assert_string_equal(z->zone.codes, "");
    assert_string_equal(z->zone.probe_listed, "");
    assert_string_equal(z->zone.probe_unlisted, "");
    assert_int_equal(z->action, ACTION_DEFER);
    z = &c->zones[2];
    assert_int_equal(z->zone.query, DNSBL_EMAIL_MD5);
    assert_string_equal(z->zone.probe_listed, ""); /* a hash of "test" is nobody's */
    assert_string_equal(z->zone.probe_unlisted, "");
    assert_int_equal(c->n_list_names, 5);
    const char *const names[] = {"f", "b", "a", "c", "local"};
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(c->list_names[i], names[i]);
    parsed_free(&p);
}

static void test_values(void **state)
{
    static const struct row rows[] = {
        {"[dnsbl z]\ncodes = 127.0.0.2\n",
         "t.conf:1: dnsbl z.zone: is missing; write for example zone = dbl.example.net\n"},
        {HEAD "zone =\n", "t.conf:3: dnsbl z.zone: is empty; write a value, for example "
                          "dbl.example.net, or leave the key out\n"},
        {HEAD "zone = a.example b.example\n",
         "t.conf:3: dnsbl z.zone: 'a.example b.example' is not one word; write a single name, for "
         "example dbl.example.net\n"},
        {ZONE "query = ip\n", "t.conf:4: dnsbl z.query: 'ip' is not known here; write domain, "
                              "email-sha1, email-sha256b32 or email-md5\n"},
        {ZONE "action = hold\n",
         "t.conf:4: dnsbl z.action: 'hold' acts on the whole message, not on this recipient alone; "
         "write reject, defer or observe\n"},
        {ZONE "timeout = 0\n", "t.conf:4: dnsbl z.timeout: 0 is out of range; from 1ms to 1m is "
                               "allowed, for example 1s\n"},
        {ZONE "parents = on\n",
         "t.conf:4: dnsbl z.parents: 'on' is not yes or no; write one of the two, for example "
         "no\n"},
        {ZONE "probe_list = x\n",
         "t.conf:4: dnsbl z.probe_list: no such key; the nearest one is probe_listed\n"},
        {ZONE "reply = ask ${contact}\n",
         "t.conf:4: dnsbl z.reply: uses ${contact}, which is empty; set contact in [policy]\n"},
        {"[dns]\ncache = 1K\n", "t.conf:2: dns.cache: 1K is out of range; from 1M to 1G is "
                                "allowed, for example 64M\n"},
        {"[dns]\ncache = 5G\n", "t.conf:2: dns.cache: 5G is out of range; from 1M to 1G is "
                                "allowed, for example 64M\n"},
        {"[dns]\nmax_questions = 9\n", "t.conf:2: dns.max_questions: 9 is out of range; from 10 to "
                                       "30000 is allowed, for example 2000\n"},
        {"[dns]\nmax_questions = 30001\n",
         "t.conf:2: dns.max_questions: 30001 is out of range; from 10 to 30000 is allowed, for "
         "example 2000\n"},
    };
    (void)state;
    ASSERT_ROWS(rows);
}

/* Without contact the default reply has none, as of feeds. */
static void test_reply_without_contact(void **state)
{
    (void)state;
    struct parsed p = parse(ZONE);

    assert_string_equal(
        p.config->zones[0].reply,
        "5.7.1 on blocklist ${list}; if this is a mistake ask your postmaster and quote ${ref}");
    parsed_free(&p);
}

static void test_names(void **state)
{
    static const struct row rows[] = {
        {"[dnsbl]\nzone = a\ncodes = 127.0.0.2\n",
         "t.conf:1: dnsbl: needs a name; write it behind the word, as in [feed aper]\n"},
        {"[dnsbl local]\nzone = a\ncodes = 127.0.0.2\n",
         "t.conf:1: dnsbl local: cannot be called local, which means the blocks of this site; "
         "choose another name\n"},
        {"[dnsbl a/b]\nzone = a\ncodes = 127.0.0.2\n",
         "t.conf:1: dnsbl a/b: has a name of other signs than A-Z a-z 0-9 _ . -, or not beginning "
         "with a letter or digit; change it\n"},
        {ZONE "[dnsbl z]\nzone = a\ncodes = 127.0.0.2\n",
         "t.conf:4: dnsbl z: the name is taken by [dnsbl z] in line 1; rename one, or make them "
         "one section\n"},
        {"[feed z]\nurl = file:/f\nformat = entries\n" ZONE,
         "t.conf:4: dnsbl z: the name is taken by [feed z] in line 1; rename one, or make them one "
         "section\n"},
    };
    (void)state;
    ASSERT_ROWS(rows);
}

static void test_too_many(void **state)
{
    (void)state;
    struct buf text = BUF_INIT(0);

    for (int i = 0; i < DNSBL_ZONES_MAX; i++)
        buf_addf(&text, "[dnsbl z%d]\nzone = z%d.example\ncodes = 127.0.0.2\n", i, i);
    assert_problems(text.data, "");
    buf_add_text(&text, "[dnsbl more]\nzone = m.example\ncodes = 127.0.0.2\n"
                        "[dnsbl again]\nzone = a.example\ncodes = 127.0.0.2\n");
    assert_problems(text.data, "t.conf:193: dnsbl more: more than 64 zones; remove some\n");
    buf_free(&text);
}

static void test_timeout(void **state)
{
    static const char rules[] = "t.conf:4: dnsbl z.timeout: warning: is longer than [policy] "
                                "deadline, which rules; shorten it, or lengthen the deadline\n";
    static const struct row rows[] = {
        {ZONE "timeout = 1s\n", ""},
        {ZONE "timeout = 1001ms\n", rules},
        {ZONE "timeout = 2s\n[policy]\ndeadline = 2s\n", ""},
        {ZONE "timeout = 600ms\n[policy]\ndeadline = 500ms\n", rules},
        {ZONE "[policy]\ndeadline = 500ms\n", ""}, /* a default accuses nobody */
    };
    (void)state;
    ASSERT_ROWS(rows);
}

/* What the room of the zones says of one stands at the line of the key that it means. */
static void test_words_of_the_zones(void **state)
{
    static const struct {
        const char *codes, *zone;
        unsigned line;
    } rows[] = {{"nonsense", "z.example", 2}, {"127.0.0.2", "z..example", 3}};
    char text[128], expected[640];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct dnsbl_zone_config zone = {.name = "z",
                                         .zone = rows[i].zone,
                                         .shown = rows[i].zone,
                                         .codes = rows[i].codes,
                                         .mask = "",
                                         .probe_listed = "test",
                                         .probe_unlisted = "invalid",
                                         .timeout_ms = 1000};
        const char *key = "zone";
        struct error why;
        if (dnsbl_zone_check(&zone, &key, &why) == 0)
            skip();
        snprintf(text, sizeof text, "[dnsbl z]\ncodes = %s\nzone = %s\n", rows[i].codes,
                 rows[i].zone);
        snprintf(expected, sizeof expected, "t.conf:%u: dnsbl z.%s: %s\n", rows[i].line, key,
                 why.text);
        assert_problems(text, expected);
    }
}

/* ---- secrets -------------------------------------------------------------------------------- */

#define NO_LABEL                                                                                   \
    "t.conf:4: dnsbl z.secret: holds what cannot be a part of a zone's name; write the key "       \
    "alone: at most 63 letters, digits and '-', no dots\n"
#define OPEN_KEY                                                                                   \
    "t.conf:3: dnsbl z.zone: warning: seems to hold a key, which everybody sees who sees the "     \
    "zone; write ${secret} in its place, and secret = @FILE\n"

static void test_secrets(void **state)
{
    static const struct row rows[] = {
        {KEYED "secret = Abc-123\n", ""},
        {KEYED, "t.conf:3: dnsbl z.zone: uses ${secret}, which is not set; write secret = @FILE in "
                "[dnsbl z]\n"},
        {KEYED "secret =\n", "t.conf:3: dnsbl z.zone: uses ${secret}, which is not set; write "
                             "secret = @FILE in [dnsbl z]\n"},
        {ZONE "secret = geheim\n",
         "t.conf:4: dnsbl z.secret: warning: nothing uses it; write ${secret} in zone\n"},
        {HEAD "zone = ${key}.z.example\n",
         "t.conf:3: dnsbl z.zone: ${key} is not known here; the only variable is ${secret}\n"},
        {HEAD "zone = ${secret.z.example\nsecret = geheim\n",
         "t.conf:3: dnsbl z.zone: ${ is not known here; the only variable is ${secret}\n"},
        {KEYED "secret = @key\n", "t.conf:4: dnsbl z.secret: a file with a secret needs an "
                                  "absolute path; write @/etc/rcptguard/NAME.key\n"},
        {KEYED "secret = geheim.evil\n", NO_LABEL},
        {KEYED "secret = geheim_1\n", NO_LABEL},
        {KEYED "secret = ge heim\n", NO_LABEL},
        {KEYED "secret = geh\xc3\xa4im\n", NO_LABEL},
        {KEYED "secret = ${secret}\n", NO_LABEL},
        {KEYED "secret = a23456789b123456789c123456789d123456789e123456789f123456789g123\n", ""},
        {KEYED "secret = a23456789b123456789c123456789d123456789e123456789f123456789g1234\n",
         NO_LABEL},
        {KEYED "secret = ***\n", "t.conf:4: dnsbl z.secret: warning: is what --dump-config shows "
                                 "in place of a secret; write the secret or @FILE\n"},
        {HEAD "zone = abcdefghij0123456789.z.example\n", OPEN_KEY},
        {HEAD "zone = abcdefghijklmnopqrst.z.example\n", ""},
        {HEAD "zone = abcdefghi0123456789.z.example\n", ""},
    };
    (void)state;
    ASSERT_ROWS(rows);
}

static void test_secret_in_an_open_file(void **state)
{
    (void)state;
    struct parsed wide = parse_mode(KEYED "secret = geheim\n", 0100644);

    assert_string_equal(wide.problems,
                        "t.conf:4: dnsbl z.secret: warning: holds a secret, and everybody can read "
                        "this file; run chmod o-rwx t.conf\n");
    parsed_free(&wide);
}

static char dir[32];

static int set_up(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/test_zones.XXXXXX");
    return mkdtemp(dir) == NULL;
}

static int tear_down(void **state)
{
    char command[64];

    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

/* ZONE NULL: an error is expected, which says WORDS. */
static void assert_secret_file(const char *bytes, mode_t mode, const char *zone, const char *words)
{
    char text[256], path[64];
    struct file_part part = {bytes, strlen(bytes)};

    snprintf(path, sizeof path, "%s/key", dir);
    assert_int_equal(file_replace_lazily(path, 0600, &part, 1, NULL), 0);
    assert_int_equal(chmod(path, mode), 0);
    snprintf(text, sizeof text, KEYED "secret = @%s\n", path);
    struct parsed p = parse(text);
    assert_int_equal(p.config != NULL, zone != NULL);
    if (zone != NULL) {
        assert_string_equal(p.config->zones[0].zone.zone, zone);
        assert_string_equal(p.config->zones[0].zone.shown, "***.z.example");
        assert_string_equal(p.problems, "");
    } else if (strstr(p.problems, words) == NULL ||
               strchr(p.problems, '\n')[1] != '\0') { /* once */
        fail_msg("%s", p.problems);
    }
    assert_null(strstr(p.problems, "geheim"));
    parsed_free(&p);
}

static void test_secret_file(void **state)
{
    (void)state;
    assert_secret_file("geheim\n", 0600, "geheim.z.example", NULL);
    assert_secret_file("geheim", 0640, "geheim.z.example", NULL);
    assert_secret_file("geheim\n", 0604, NULL, "others can read the secret; run chmod o-rwx");
    assert_secret_file("", 0600, NULL, "is empty");
    assert_secret_file("geheim\ngeheim\n", 0600, NULL, "more than one line");
    assert_secret_file("geheim.z\n", 0600, NULL, NO_LABEL);
    assert_secret_file(" geheim\n", 0600, NULL, NO_LABEL);
}

static void test_secret_file_is_missing(void **state)
{
    (void)state;
    struct parsed p = parse(KEYED "secret = @/nonexistent/key\n");

    assert_null(p.config);
    assert_non_null(strstr(p.problems, "t.conf:4: dnsbl z.secret: cannot open /nonexistent/key"));
    parsed_free(&p);
}

/* ---- [dns] ---------------------------------------------------------------------------------- */

#define IS_PUBLIC(server)                                                                          \
    "t.conf:2: dns.servers: warning: " server " is a public resolver, which lists answer with "    \
    "error codes; write one of your own, for example 127.0.0.1\n"

static void test_public_resolvers(void **state)
{
    static const struct row rows[] = {
        {DNS(""), ""},
        {DNS("127.0.0.1:5353 [::1]:53 192.0.2.1 10.8.8.8 8.8.8.80 18.8.8.8"), ""},
        {DNS("8.8.8.8"), IS_PUBLIC("8.8.8.8")},
        {DNS("127.0.0.1 8.8.4.4:53"), IS_PUBLIC("8.8.4.4:53")},
        {DNS("8.8.8.8, 127.0.0.1,8.8.4.4"), IS_PUBLIC("8.8.8.8") IS_PUBLIC("8.8.4.4")},
        {DNS("1.1.1.1 1.0.0.1"), IS_PUBLIC("1.1.1.1") IS_PUBLIC("1.0.0.1")},
        {DNS("9.9.9.9 149.112.112.112"), IS_PUBLIC("9.9.9.9") IS_PUBLIC("149.112.112.112")},
        {DNS("208.67.222.222 208.67.220.220"),
         IS_PUBLIC("208.67.222.222") IS_PUBLIC("208.67.220.220")},
        {DNS("[2001:4860:4860::8888]:53"), IS_PUBLIC("[2001:4860:4860::8888]:53")},
        {DNS("[2620:FE:0::fe]"), IS_PUBLIC("[2620:FE:0::fe]")},
        {DNS("[2606:4700:4700::1111]:53 [2606:4700:4700::1112]:53"),
         IS_PUBLIC("[2606:4700:4700::1111]:53")},
    };
    (void)state;
    ASSERT_ROWS(rows);
}

static void test_bad_servers(void **state)
{
    char expected[640];
    struct error why;

    (void)state;
    if (dnsbl_servers_check(view_of("8.8.8.8 nonsense"), &why) == 0)
        skip();
    snprintf(expected, sizeof expected, "t.conf:2: dns.servers: %s\n", why.text);
    assert_problems(DNS("8.8.8.8 nonsense"), expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_every_value),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_reply_without_contact),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_words_of_the_zones),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_secret_in_an_open_file),
        cmocka_unit_test(test_secret_file),
        cmocka_unit_test(test_secret_file_is_missing),
        cmocka_unit_test(test_public_resolvers),
        cmocka_unit_test(test_bad_servers),
    };
    return cmocka_run_group_tests_name("config/zones", tests, set_up, tear_down);
}
