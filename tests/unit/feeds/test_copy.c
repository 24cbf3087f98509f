/* Copies: which rows are active, what is left out, and what is counted of all that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "feeds/parse/cleared.h"
#include "rcptguard/base/clock.h"

#define ABCD 0x0fu

static struct protect *protect;
static struct suffixes *suffixes;
static const struct feed_options options;

static int set_up(void **state)
{
    (void)state;
    protect = protect_load(NULL, NULL);
    suffixes = suffixes_new();
    return protect == NULL || suffixes == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    protect_release(protect);
    suffixes_free(suffixes);
    return 0;
}

static struct blocklist *parse(const struct feed_format *format, unsigned types,
                               const struct map *cleared, struct view bytes,
                               struct copy_counts *counts)
{
    const struct copy_shaping shaping = {types, cleared, protect, suffixes, bytes.len};
    struct error why;
    struct copy_builder *b = copy_builder_new(format, &options, &shaping, &why);

    assert_non_null(b);
    for (; bytes.len > 0; bytes = view_from(bytes, 7))
        assert_int_equal(copy_builder_chunk(b, view_first(bytes, 7), &why), 0);
    struct blocklist *entries = copy_builder_end(b, counts, &why);
    assert_non_null(entries);
    return entries;
}

static struct map *parse_cleared(const char *text, struct copy_counts *counts)
{
    struct cleared *c = cleared_new(&options, NULL);
    struct view bytes = view_of(text);

    assert_non_null(c);
    for (; bytes.len > 0; bytes = view_from(bytes, 5))
        assert_int_equal(cleared_chunk(c, view_first(bytes, 5), NULL), 0);
    struct map *days = cleared_end(c, counts, NULL);
    assert_non_null(days);
    return days;
}

/* The date of an active entry as yyyymmdd; 0: not active; 1: active without a date. */
static unsigned active_date(const struct blocklist *entries, const char *key, unsigned kinds)
{
    struct listing found[8];
    size_t n = blocklist_find(entries, view_of(key), kinds, found, 8);
    int year, month, day;

    for (size_t i = 0; i < n && i < 8; i++) {
        if (found[i].list != COPY_ACTIVE)
            continue;
        if (found[i].date == 0)
            return 1;
        clock_date(found[i].date, &year, &month, &day);
        return (unsigned)(year * 10000 + month * 100 + day);
    }
    return 0;
}

static unsigned address_date(const struct blocklist *entries, const char *address)
{
    return active_date(entries, address, ENTRY_BIT(ENTRY_ADDRESS));
}

static void test_types_and_cleared_rows(void **state)
{
    static const struct {
        const char *address;
        unsigned date;
    } expected[] = {
        {"a@example.org", 20100101},      /* a plain row */
        {"e@example.org", 0},             /* E only: a victim */
        {"ae@example.org", 20100101},     /* AE does with ABCD */
        {"same@example.org", 0},          /* cleared the same day */
        {"before@example.org", 20100102}, /* cleared before it was listed (again) */
        {"after@example.org", 0},
        {"again@example.org", 20100301},  /* of two rows the later one outlives the clearance */
        {"newest@example.org", 20100301}, /* several active rows: the newest date */
        {"mixed@example.org", 20100101},  /* the newer row is of another type */
        {"twice@example.org", 0},         /* cleared twice: the newest counts */
    };
    struct copy_counts counts, cleared_counts;
    struct map *cleared = parse_cleared("same@example.org,20100101\n"
                                        "Before@Example.org,20100101\n"
                                        "after@example.org,20100102\n"
                                        "again@example.org,20100201\n"
                                        "twice@example.org,20100301\n"
                                        "twice@example.org,A,20100101\n"
                                        "stranger@example.org,20100101\n"
                                        "oops@example.org.20100101\n",
                                        &cleared_counts);
    struct blocklist *entries = parse(&feed_format_aper, ABCD, cleared,
                                      view_of("a@example.org,A,20100101\n"
                                              "e@example.org,E,20100101\n"
                                              "ae@example.org,AE,20100101\n"
                                              "same@example.org,A,20100101\n"
                                              "before@example.org,A,20100102\n"
                                              "after@example.org,A,20100101\n"
                                              "again@example.org,B,20100301\n"
                                              "again@example.org,A,20100101\n"
                                              "newest@example.org,A,20100201\n"
                                              "newest@example.org,B,20100301\n"
                                              "newest@example.org,C,20100101\n"
                                              "mixed@example.org,A,20100101\n"
                                              "mixed@example.org,E,20100301\n"
                                              "twice@example.org,A,20100201\n"
                                              "bad@example.org,20100201\n"),
                                      &counts);

    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_int_equal(address_date(entries, expected[i].address), expected[i].date);
    assert_int_equal(counts.rows, 14);
    assert_int_equal(counts.bad_rows, 1);
    assert_int_equal(counts.entries, 10);
    assert_int_equal(counts.active, 6);
    assert_int_equal(cleared_counts.rows, 7);
    assert_int_equal(cleared_counts.entries, 6);
    assert_int_equal(cleared_counts.active, 6);
    assert_int_equal(cleared_counts.bad_rows, 1);
    assert_int_equal(cleared_counts.samples[0].line, 8);
    blocklist_free(entries);
    map_free(cleared);
}

/* Rule 14: what is configured does not change what the guards count. */
static void test_shaping_does_not_change_the_count(void **state)
{
    static const unsigned types[] = {0, 1, ABCD, 0x10, 0x1f};
    static const unsigned active[] = {3, 1, 2, 2, 3};

    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct copy_counts counts;
        blocklist_free(parse(&feed_format_aper, types[i], NULL,
                             view_of("a@example.org,A,20100101\n"
                                     "b@example.org,BE,20100101\n"
                                     "e@example.org,E,20100101\n"
                                     "e@EXAMPLE.org,E,20110101\n"),
                             &counts));
        assert_int_equal(counts.rows, 4);
        assert_int_equal(counts.entries, 3);
        assert_int_equal(counts.active, active[i]);
    }
}

static void test_what_is_left_out(void **state)
{
    struct copy_counts counts;
    struct blocklist *entries = parse(&feed_format_entries, 0, NULL,
                                      view_of("jane@gmail.com\n"
                                              "gmail.com\n"
                                              "@gmail.com\n"
                                              ".hotmail.com\n"
                                              "*.gmail.com\n" /* not gmail.com itself */
                                              "mail.gmail.com\n"
                                              "com\n"
                                              ".com\n" /* a suffix, although gmail.com is below */
                                              "co.uk\n"
                                              "*.co.uk\n"
                                              "localhost\n"
                                              "*\n"
                                              "github.io\n"
                                              "home.arpa\n"
                                              "good.github.io\n"
                                              "example.co.uk\n"
                                              "192.0.2.1\n"
                                              "a b\n"),
                                      &counts);
    const unsigned whole = ENTRY_BIT(ENTRY_DOMAIN) | ENTRY_BIT(ENTRY_TREE) | ENTRY_BIT(ENTRY_BELOW);
    static const struct {
        const char *domain;
        unsigned active;
    } expected[] = {
        {"gmail.com", 1}, /* *.gmail.com */
        {"hotmail.com", 0}, {"mail.gmail.com", 1}, {"com", 0},
        {"co.uk", 0},       {"localhost", 0},      {"github.io", 0},
        {"home.arpa", 0},   {"good.github.io", 1}, {"example.co.uk", 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_int_equal(active_date(entries, expected[i].domain, whole), expected[i].active);
    assert_int_equal(active_date(entries, "gmail.com", ENTRY_BIT(ENTRY_DOMAIN)), 0);
    assert_int_equal(address_date(entries, "jane@gmail.com"), 1);
    assert_int_equal(counts.rows, 16);
    assert_int_equal(counts.ignored_rows, 1);
    assert_int_equal(counts.bad_rows, 1);
    assert_int_equal(counts.protected_, 2);
    assert_string_equal(counts.dropped_sample, "gmail.com, .hotmail.com");
    assert_int_equal(counts.suffixes, 8);
    assert_int_equal(counts.entries, 14); /* without the root, gmail.com once */
    assert_int_equal(counts.active, 5);
    blocklist_free(entries);
}

static void test_samples(void **state)
{
    struct copy_counts counts;
    struct buf bytes = BUF_INIT(0);

    (void)state;
    buf_add_text(&bytes, "a@example.org,A,20100101\n"
                         "\x1b[31m\xff,A,20100101\n"
                         "b@example.org,F,20100101\n"
                         "b b@example.org,A,20100101\n");
    for (int i = 0; i < 1000; i++)
        buf_add_text(&bytes, "xxxxxxxx");
    buf_add_text(&bytes, "\nfour\nfive\nsix\n");
    blocklist_free(parse(&feed_format_aper, ABCD, NULL, buf_view(&bytes), &counts));
    assert_int_equal(counts.bad_rows, 7);
    assert_int_equal(counts.n_samples, COPY_SAMPLES);
    assert_int_equal(counts.samples[0].line, 2);
    assert_true(view_starts(view_of(counts.samples[0].text), "\\x1B[31m\\xFF,A,20100101: "));
    assert_string_equal(counts.samples[1].text,
                        "b@example.org,F,20100101: the type is not of the letters A to E");
    assert_true(
        view_starts(view_of(counts.samples[2].text), "b b@example.org,A,20100101: a space"));
    assert_int_equal(counts.samples[3].line, 5);
    assert_true(strlen(counts.samples[3].text) > 80);
    assert_non_null(strstr(counts.samples[3].text, ": not three fields"));
    assert_int_equal(counts.samples[4].line, 6);
    assert_true(counts.control);
    buf_free(&bytes);
}

static void test_what_is_no_list(void **state)
{
    struct copy_counts counts;

    (void)state;
    blocklist_free(parse(&feed_format_entries, 0, NULL, view_of("  <!DOCTYPE html>\n"), &counts));
    assert_true(counts.html && !counts.control);
    blocklist_free(parse(&feed_format_entries, 0, NULL, view_make("a.example\0\n", 11), &counts));
    assert_true(counts.control && !counts.html);
    assert_int_equal(counts.bad_rows, 1);
    assert_int_equal(counts.entries, 0);
    blocklist_free(parse(&feed_format_entries, 0, NULL, view_of(""), &counts));
    assert_true(counts.entries == 0 && counts.rows == 0 && !counts.html && !counts.control);
    map_free(parse_cleared("<html>\n", &counts));
    assert_true(counts.html);
    assert_int_equal(counts.entries, 0);
}

/* Formats of the test: exceptions and digests come from formats that are tested elsewhere. */
static void effects_line(const struct feed_reader *r, struct view line, uint64_t number)
{
    struct entry entry;
    struct error why;
    struct feed_row row = {.line = number};

    if (view_starts(line, "@@")) {
        row.effect = LISTING_EXCEPTS_ALL;
        line = view_from(line, 2);
    } else if (view_starts(line, "!")) {
        row.effect = LISTING_EXCEPTS;
        line = view_from(line, 1);
    }
    feed_row_tell(entry_parse(line, &r->options->addresses, &entry, &why), &entry, &why, line, line,
                  row, r->sink);
}

static const struct feed_format effects = {.info = {.name = "effects"}, .line = effects_line};

static void test_exceptions_are_kept_and_counted_apart(void **state)
{
    struct copy_counts counts;
    struct listing found[4];
    struct blocklist *entries = parse(&effects, 0, NULL,
                                      view_of(".d.example\n!good.d.example\n@@.gmail.com\n"
                                              "!good.d.example\n!d.example\n"),
                                      &counts);

    (void)state;
    assert_int_equal(counts.rows, 5);
    assert_int_equal(counts.entries, 1);
    assert_int_equal(counts.exceptions, 3);
    assert_int_equal(counts.active, 1);
    assert_int_equal(counts.protected_, 0); /* to free gmail.com is no harm */
    assert_int_equal(blocklist_find(entries, view_of("gmail.com"), ~0u, found, 4), 1);
    assert_int_equal(found[0].effect, LISTING_EXCEPTS_ALL);
    assert_int_equal(found[0].list, COPY_ACTIVE);
    blocklist_free(entries);
}

static void digest_line(const struct feed_reader *r, struct view line, uint64_t number)
{
    unsigned char digest[HASH_MAX_BYTES];
    struct feed_row row = {.kind = ENTRY_DOMAIN_HASH, .line = number};

    row.key = view_make(digest, hash_plain(HASH_SHA1, line, digest));
    r->sink->row(&row, r->sink->arg);
}

static const struct feed_format digests = {.info = {.name = "digests"}, .line = digest_line};

/* Digests have no dots and are no public suffixes; that of gmail.com is as bad as its name. */
static void test_digests(void **state)
{
    struct copy_counts counts;

    (void)state;
    blocklist_free(
        parse(&digests, 0, NULL, view_of("example.org\ngmail.com\nexample.com\n"), &counts));
    assert_int_equal(counts.entries, 3);
    assert_int_equal(counts.active, 2);
    assert_int_equal(counts.suffixes, 0);
    assert_int_equal(counts.protected_, 1);
}

static struct copy_sets sets_of(const struct feed_format *format, unsigned types, const char *bytes)
{
    struct copy_counts counts;

    blocklist_free(parse(format, types, NULL, view_of(bytes), &counts));
    return counts.sets;
}

static struct checksum set_of(const struct feed_format *format, unsigned types, const char *bytes)
{
    return sets_of(format, types, bytes).shaped;
}

static bool same_set(struct checksum a, struct checksum b)
{
    return a.low == b.low && a.high == b.high;
}

static void test_the_same_set_in_other_bytes(void **state)
{
    static const char *const same[] = {
        "a@example.org\nb.example\n",
        "b.example\na@example.org\n",
        "# today\r\n\r\nA@Example.org \r\nB.example.\r\na@example.org",
    };
    static const char *const other[] = {
        "a@example.org\n",
        "a@example.org\nb.example\nc.example\n",
        "a@example.org\n.b.example\n",
        "a@example.org\nc.example\n",
        "",
    };
    struct checksum set = set_of(&feed_format_entries, 0, same[0]);

    (void)state;
    for (size_t i = 0; i < 3; i++)
        assert_true(same_set(set, set_of(&feed_format_entries, 0, same[i])));
    for (size_t i = 0; i < 5; i++)
        assert_false(same_set(set, set_of(&feed_format_entries, 0, other[i])));
    assert_false(same_set(set_of(&effects, 0, "a.example\n"), set_of(&effects, 0, "!a.example\n")));
    assert_false(same_set(set_of(&feed_format_aper, ABCD, "a@example.org,A,20100101\n"),
                          set_of(&feed_format_aper, ABCD, "a@example.org,A,20100102\n")));
    assert_false(same_set(set_of(&feed_format_aper, ABCD, "a@example.org,A,20100101\n"),
                          set_of(&feed_format_aper, ABCD, "a@example.org,E,20100101\n")));
}

/* Which rows are active is not of the list; what is listed since when, and what is excepted, is. */
static void test_the_plain_set(void **state)
{
    const char *bytes = "a@example.org,A,20100101\nb@example.org,E,20100101\n";
    struct copy_sets some = sets_of(&feed_format_aper, ABCD, bytes);
    struct copy_sets all = sets_of(&feed_format_aper, ABCD | 1u << 4, bytes);

    (void)state;
    assert_false(same_set(some.shaped, all.shaped));
    assert_true(same_set(some.plain, all.plain));
    all = sets_of(&feed_format_aper, ABCD, "a@example.org,A,20100101\nb@example.org,E,20100102\n");
    assert_false(same_set(some.plain, all.plain));
    assert_false(same_set(sets_of(&effects, 0, "a.example\n").plain,
                          sets_of(&effects, 0, "!a.example\n").plain));
}

static void test_another_format_is_seen(void **state)
{
    struct copy_counts counts;

    (void)state;
    blocklist_free(parse(&feed_format_entries, 0, NULL,
                         view_of("a@example.org,A,20100101\nb@example.org,A,20100101\n"), &counts));
    assert_string_equal(counts.looks_like, "aper");
    blocklist_free(
        parse(&feed_format_aper, ABCD, NULL, view_of("a@example.org,A,20100101\n"), &counts));
    assert_null(counts.looks_like);
    blocklist_free(parse(&feed_format_entries, 0, NULL, view_of("a.example\n"), &counts));
    assert_null(counts.looks_like);
    assert_false(counts.takes_any);
    blocklist_free(parse(&feed_format_dnset, 0, NULL,
                         view_of("a.example CNAME .\nb.example CNAME rpz-passthru.\n"), &counts));
    assert_string_equal(counts.looks_like, "rpz");
    assert_true(counts.takes_any);
    blocklist_free(
        parse(&feed_format_dnset, 0, NULL, view_of("a@a.example\nb@b.example\n"), &counts));
    assert_false(counts.takes_any);
}

static void test_claims(void **state)
{
    struct copy_counts counts;

    (void)state;
    blocklist_free(parse(&feed_format_entries, 0, NULL,
                         view_of("# Entries: 1,234\n# Total entries: 5\na.example\n"), &counts));
    assert_int_equal(counts.claims[CLAIM_ROWS], 1234);
    assert_int_equal(counts.claims[CLAIM_CREATED], 0);
    blocklist_free(parse(&feed_format_entries, 0, NULL,
                         view_of("# Entries: 2\na.example\n# Entries: 99\nb.example\n"), &counts));
    assert_int_equal(counts.claims[CLAIM_ROWS], 2);
    map_free(parse_cleared("# Entries: 7\n", &counts));
    assert_int_equal(counts.claims[CLAIM_ROWS], 7);
}

static void test_given_up(void **state)
{
    const struct copy_shaping shaping = {0, NULL, protect, suffixes, 0};
    struct copy_builder *b = copy_builder_new(&feed_format_entries, &options, &shaping, NULL);

    (void)state;
    assert_int_equal(copy_builder_chunk(b, view_of("a.example\nb.exam"), NULL), 0);
    copy_builder_free(b);
    copy_builder_free(NULL);
}

/* A long one: room for the rest is made by what was read of it so far, in whatever form that came.
 */
static void test_a_long_one(void **state)
{
    enum { ROWS = 40000, ROW_BYTES = 23 };
    char *text = malloc(ROWS * (ROW_BYTES + 1));
    const struct copy_shaping shaping = {0, NULL, protect, suffixes, (size_t)ROWS * ROW_BYTES};
    struct copy_counts counts;
    struct error why;
    struct copy_builder *b = copy_builder_new(&feed_format_entries, &options, &shaping, &why);

    (void)state;
    assert_non_null(text);
    for (int i = 0; i < ROWS; i++)
        snprintf(text + (size_t)i * ROW_BYTES, ROW_BYTES + 1, "u%09d@example.org\n", i);
    struct view bytes = view_make(text, (size_t)ROWS * ROW_BYTES), half;
    half = view_first(bytes, bytes.len / 2);
    for (; half.len > 0; half = view_from(half, 65536))
        assert_int_equal(copy_builder_chunk(b, view_first(half, 65536), &why), 0);
    struct copy_seen seen = copy_builder_seen(b);
    assert_true(seen.are_lines);
    assert_int_equal(seen.entries, ROWS / 2);
    assert_int_equal(seen.rows, ROWS / 2);
    assert_int_equal(copy_builder_chunk(b, view_from(bytes, bytes.len / 2), &why), 0);
    struct blocklist *entries = copy_builder_end(b, &counts, &why);
    assert_non_null(entries);
    assert_int_equal(counts.entries, ROWS);
    assert_int_equal(blocklist_keys(entries), ROWS);
    blocklist_free(entries);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types_and_cleared_rows),
        cmocka_unit_test(test_shaping_does_not_change_the_count),
        cmocka_unit_test(test_what_is_left_out),
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_what_is_no_list),
        cmocka_unit_test(test_exceptions_are_kept_and_counted_apart),
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_the_same_set_in_other_bytes),
        cmocka_unit_test(test_the_plain_set),
        cmocka_unit_test(test_another_format_is_seen),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_given_up),
        cmocka_unit_test(test_a_long_one),
    };
    return cmocka_run_group_tests_name("feeds/copy", tests, set_up, tear_down);
}
