/* The configuration shown: values, origins, no secrets; and the files that are shipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "feeds/parse/format.h"
#include "parse.h"
#include "rcptguard/base/file.h"

static char *dump(const struct config *c)
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);

    assert_non_null(to);
    if (c != NULL)
        config_dump(c, to);
    else
        config_sample(to);
    assert_int_equal(fclose(to), 0);
    return text;
}

static void test_dump(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "[daemon]\nstate_dir = /var/lib/rcptguard    # default\n",
        "\n[policy]\nlisten = unix:/a    # t.conf:2\nlisten = inet:127.0.0.1:1    # t.conf:4\n",
        "\ncontact = ask \"us\" \\# or C:\\them    # t.conf:3\n",
        "\nadmin_group =    # default\n",
        "\n[feed b]\nurl = https://***@h/b\\#x    # t.conf:6\nformat = aper    # t.conf:7\n",
        "\nurl = https://h/${secret}    # t.conf:19\n",
        "\nsecret = ***    # t.conf:8\n",
        "\nheader = X: ***    # t.conf:9\n",
        "\nheader = Y: ***    # t.conf:10\n",
        "\nproxy = http://***@p:1    # t.conf:11\n",
        "\nuserpwd = ***:***    # t.conf:20\n",
        "\nrefresh = 60m    # t.conf:12\n",
        "\n[feed a]\nurl = file:/a    # t.conf:14\n",
        "\nuserpwd =    # default\n",
        "\nurl = redis://***@127.0.0.1/0    # t.conf:17\n",
        "\n[dnsbl e]\nzone = ${secret}.e.example    # t.conf:24\n"
        "query = email-sha1    # t.conf:25\ncodes = 127.0.0.2    # t.conf:27\n",
        "\nsecret = ***    # t.conf:26\nprobe_listed =    # default\n"
        "probe_unlisted =    # default\n",
        "\n[dnsbl d]\nzone = d.example    # t.conf:29\nquery = domain    # default\n",
        "\nsecret =    # default\nprobe_listed = test    # default\n"
        "probe_unlisted = invalid    # default\n",
    };
    struct parsed p = parse("[policy]\nlisten = unix:/a\ncontact = ask \"us\" \\# or C:\\them\n"
                            "listen = inet:127.0.0.1:1\n"
                            "[feed b]\nurl = https://user:geheim@h/b#x\nformat = aper\n"
                            "secret = geheim\nheader = X: geheim\nheader = Y: geheim\n"
                            "proxy = http://user:geheim@p:1\nrefresh = 60m\n"
                            "[feed a]\nurl = file:/a\nformat = entries\n"
                            "[redis]\nurl = redis://:geheim@127.0.0.1/0\n"
                            "[feed c]\nurl = https://h/${secret}\nuserpwd = user:geheim\n"
                            "secret = geheim\nformat = entries\n"
                            "[dnsbl e]\nzone = ${secret}.e.example\nquery = email-sha1\n"
                            "secret = geheim\ncodes = 127.0.0.2\n"
                            "[dnsbl d]\nzone = d.example\ncodes = 127.0.0.2\n");
    char *text = dump(p.config);

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        if (strstr(text, lines[i]) == NULL)
            fail_msg("no \"%s\" in:\n%s", lines[i], text);
    assert_null(strstr(text, "geheim"));
    assert_true(strstr(text, "[feed b]") < strstr(text, "[feed a]"));
    assert_true(strstr(text, "[dnsbl e]") < strstr(text, "[dnsbl d]"));
    for (size_t i = 0; i < SECTIONS; i++)
        for (size_t k = 0; sections[i].named == NULL && k < sections[i].n_keys; k++)
            assert_non_null(strstr(text, sections[i].keys[k].name));
    free(text);
    parsed_free(&p);
}

/* What is shown can be loaded, and shows the same again. */
static void test_dump_is_a_configuration(void **state)
{
    (void)state;
    struct parsed p = parse("[policy]\ncontact = a \\# \"b\" c\\\\#d\n[addresses]\n"
                            "recipient_delimiter = \\#+\n[protect]\ndomains =\n"
                            "[feed a]\nurl = file:/a b#c\nformat = aper\n"
                            "[feed b]\nurl = https://a:b@h/x\nurl = https://c:d@h/x\n"
                            "format = entries\nheader = X-Key: ${secret}\nheader = X-Key: b\n"
                            "userpwd = a:b\nsecret = geheim\nseparator = \\t\n"
                            "[dnsbl c]\nzone = ${secret}.c.example\nsecret = geheim\n"
                            "codes = 127.0.0.2\n");
    char *first = dump(p.config);
    struct parsed again = parse(first);

    assert_string_equal(p.config->contact, "a # \"b\" c\\#d");
    assert_non_null(again.config);
    assert_string_equal(again.config->contact, p.config->contact);
    assert_string_equal(again.config->addresses.delimiter, "#+");
    assert_string_equal(again.config->feeds[0].feed.url, "file:/a b#c");
    assert_string_equal(again.config->feeds[0].reply, p.config->feeds[0].reply);
    assert_null(again.config->protect_file);
    assert_string_equal(again.config->zones[0].zone.shown, "***.c.example");
    free(first);
    parsed_free(&again);
    parsed_free(&p);
}

/* A long value, and one that would fool a terminal. */
static void test_dump_of_odd_values(void **state)
{
    (void)state;
    struct buf text = BUF_INIT(0), expected = BUF_INIT(0);

    buf_add_text(&text, "[exclusions]\nfile = /");
    buf_add_text(&expected, "\nfile = /");
    for (int i = 0; i < 1000; i++) {
        buf_add_text(&text, "x\xc3\xa4\xe2\x80\xae\xff");
        buf_add_text(&expected, "x\xc3\xa4\\xE2\\x80\\xAE\\xFF");
    }
    buf_add_text(&expected, "    # t.conf:2\n");
    struct parsed p = parse(text.data);
    char *shown = dump(p.config);
    assert_non_null(strstr(shown, expected.data));
    free(shown);
    parsed_free(&p);
    buf_free(&text);
    buf_free(&expected);
}

static struct buf whole_file(const char *path)
{
    struct buf b = BUF_INIT(0);
    struct error why;

    if (file_read(path, CONFIG_MAX_BYTES, &b, &why) < 0)
        fail_msg("%s (tests run at the top of the clone)", why.text);
    return b;
}

static void test_sample_is_the_shipped_file(void **state)
{
    (void)state;
    struct buf shipped = whole_file("conf/rcptguard.conf");
    char *sample = dump(NULL);

    if (strcmp(sample, shipped.data) != 0)
        fail_msg("conf/rcptguard.conf is not what config_sample prints; it should be:\n%s", sample);
    assert_problems(sample, "");
    free(sample);
    buf_free(&shipped);
}

/* With every '#' before a key or section taken away it still loads, and nothing is what it should
 * not be: each key is known, each example good. */
static void make_file(const char *dir, const char *name, const char *words)
{
    char path[128];
    struct file_part part = {words, strlen(words)};

    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(file_replace(path, 0600, &part, 1, NULL), 0);
}

static void remove_file(const char *dir, const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(unlink(path), 0);
}

/* What the sample's files hold. */
static const struct {
    const char *name, *words;
} sample_files[] = {
    {"feed.key", "geheim\n"},
    {"ca.pem", "-----BEGIN CERTIFICATE-----\n"},
    {"client.pem", "-----BEGIN CERTIFICATE-----\n"},
    {"client.key", "-----BEGIN PRIVATE KEY-----\n"},
    {"zone.key", "geheim\n"},
    {"fleet.key", "geheim\n"},
    {"feed.pub", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\n"},
};
#define N_SAMPLE_FILES (sizeof sample_files / sizeof sample_files[0])

static void replace_all(struct buf *to, struct view from, const char *word, const char *with)
{
    while (from.len > 0) {
        const char *at = memmem(from.ptr, from.len, word, strlen(word));
        size_t len = at == NULL ? from.len : (size_t)(at - from.ptr);
        buf_add_view(to, view_first(from, len));
        from = view_from(from, len);
        if (at != NULL) {
            buf_add_text(to, with);
            from = view_from(from, strlen(word));
        }
    }
}

static void test_sample_uncommented(void **state)
{
    (void)state;
    char dir[] = "/tmp/test_dump.XXXXXX";
    struct buf moved = BUF_INIT(0);
    char *sample = dump(NULL);
    struct view rest = view_of(sample), line;
    struct buf text = BUF_INIT(0);
    size_t keys = 0, expected_keys = 0;

    while (view_split(&rest, '\n', &line)) {
        bool hidden = line.len > 1 && line.ptr[0] == '#' && line.ptr[1] != ' ';
        keys += hidden && line.ptr[1] != '[';
        buf_add_view(&text, view_from(line, hidden ? 1 : 0));
        buf_add_text(&text, "\n");
    }
    for (size_t i = 0; i < SECTIONS; i++)
        expected_keys += sections[i].n_keys;
    assert_int_equal(keys, expected_keys);
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < N_SAMPLE_FILES; i++)
        make_file(dir, sample_files[i].name, sample_files[i].words);
    replace_all(&moved, buf_view(&text), "/etc/rcptguard", dir);
    struct parsed p = parse(moved.data);
    if (p.config == NULL)
        fail_msg("%s", p.problems);
    assert_null(strstr(p.problems, "no such"));
    assert_string_equal(p.config->feeds[0].feed.secret, "geheim");
    assert_string_equal(p.config->feeds[0].feed.pubkey,
                        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    for (size_t i = 0; i < N_SAMPLE_FILES; i++)
        remove_file(dir, sample_files[i].name);
    rmdir(dir);
    buf_free(&moved);
    assert_string_equal(p.config->list_names[0], "aper");
    assert_string_equal(p.config->list_names[1], "dbl");
    parsed_free(&p);
    buf_free(&text);
    free(sample);
}

static void test_quickstart(void **state)
{
    (void)state;
    struct buf template = whole_file("conf/quickstart.conf");
    struct buf rooted = BUF_INIT(0), text = BUF_INIT(0);

    replace_all(&rooted, buf_view(&template), "@ROOT@", "/clone");
    replace_all(&text, buf_view(&rooted), "@USER@", "nobody");
    assert_null(strchr(text.data, '@') == NULL ? "" : strstr(text.data, "@ROOT@"));
    struct parsed p = parse(text.data);
    assert_string_equal(p.problems, "");
    assert_string_equal(p.config->policy.listen[0], "inet:127.0.0.1:10040");
    assert_string_equal(p.config->state_dir, "/clone/build/run/state");
    assert_string_equal(p.config->admin.listen, "unix:/clone/build/run/admin.sock");
    assert_string_equal(p.config->feeds[0].feed.url, "file:/clone/conf/example.feed");
    assert_string_equal(p.config->feeds[0].feed.format, "aper");
    parsed_free(&p);
    buf_free(&template);
    buf_free(&rooted);
    buf_free(&text);
}

struct rows {
    unsigned active, others;
};

static void count_row(const struct feed_row *row, void *arg)
{
    struct rows *rows = arg;
    rows->active += (row->types & 0xf) != 0;
    rows->others += (row->types & 0xf) == 0;
}

static void no_root(uint64_t line, void *arg)
{
    (void)arg;
    fail_msg("conf/example.feed:%u lists the whole world", (unsigned)line);
}

static void no_bad(uint64_t line, struct view text, const char *why, void *arg)
{
    (void)text;
    (void)arg;
    fail_msg("conf/example.feed:%u: %s", (unsigned)line, why);
}

static void no_ignored(uint64_t line, void *arg)
{
    (void)arg;
    fail_msg("conf/example.feed:%u is ignored", (unsigned)line);
}

static void no_claim(enum feed_claim claim, int64_t value, void *arg)
{
    (void)claim, (void)value, (void)arg;
}

static void no_broken(uint64_t line, const char *why, void *arg)
{
    (void)arg;
    fail_msg("conf/example.feed:%u is broken: %s", (unsigned)line, why);
}

static void test_example_feed(void **state)
{
    (void)state;
    struct buf text = whole_file("conf/example.feed");
    struct feed_options options = {.addresses = {.delimiter = "+", .provider_aliases = true}};
    struct rows rows = {0};
    struct feed_sink sink = {count_row, no_root, no_bad, no_ignored, no_claim, no_broken, &rows};
    struct feed_parser *parser = feed_parser_new(feed_format_find("aper"), &options, &sink);

    assert_non_null(parser);
    feed_parser_chunk(parser, buf_view(&text));
    feed_parser_end(parser);
    assert_int_equal(rows.active, 7);
    assert_int_equal(rows.others, 1);
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dump),
        cmocka_unit_test(test_dump_is_a_configuration),
        cmocka_unit_test(test_dump_of_odd_values),
        cmocka_unit_test(test_sample_is_the_shipped_file),
        cmocka_unit_test(test_sample_uncommented),
        cmocka_unit_test(test_quickstart),
        cmocka_unit_test(test_example_feed),
    };
    return cmocka_run_group_tests_name("config/dump", tests, NULL, NULL);
}
