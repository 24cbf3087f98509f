/*
 * Rows into entries and counts. What a row means for the index is decided here and nowhere else:
 * which rows are active (rule 18), which are left out (rule 16), what the guards count (rule 14).
 */
#include "copy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "rcptguard/base/escape.h"
#include "sniff.h"

#define EXPECTED_ENTRIES   16384
#define EXPECT_AFTER_BYTES (256 * 1024)

/* The row in a sample: enough to find it again, and what is wrong with it still fits behind. */
#define SAMPLE_ROW_BYTES 64

/* Counting is the same for every list, the cleared one too. */
struct tally {
    struct copy_counts counts;
    struct sniff sniff;
    const struct feed_format *format;
};

struct copy_builder {
    struct tally tally;
    struct copy_shaping shaping;
    struct feed_parser *parser;
    struct blocklist_builder *entries;
    uint64_t seen; /* bytes so far */
    bool expecting;
    struct error why; /* the first failure; nothing is taken after it */
};

static void count_bad(struct tally *t, uint64_t line, struct view row, const char *why)
{
    t->counts.bad_rows++;
    if (t->counts.n_samples == COPY_SAMPLES)
        return;
    unsigned i = t->counts.n_samples++;
    t->counts.samples[i].line = line;
    struct text text = text_on(t->counts.samples[i].text, sizeof t->counts.samples[i].text);
    escape_to_max(&text, row, ESCAPE_TERMINAL, SAMPLE_ROW_BYTES);
    text_add(&text, ": ");
    /* It may quote the row. */
    escape_to(&text, view_of(why), ESCAPE_TERMINAL);
}

/* Of several the largest number of rows and the latest day count. A number of rows behind the first
 * row is that of a list that was merged into this one, and tells nothing about the whole. */
static void count_claim(struct tally *t, enum feed_claim claim, int64_t value)
{
    int64_t *kept = &t->counts.claims[claim];

    if (value > *kept && !(claim == CLAIM_ROWS && t->counts.rows > 0))
        *kept = value;
}

/* The first says enough. */
static void count_broken(struct tally *t, uint64_t line, const char *why)
{
    struct text text = text_on(t->counts.broken, sizeof t->counts.broken);

    if (t->counts.broken[0] != '\0')
        return;
    text_addf(&text, "line %" PRIu64 ": %s", line, why);
}

static void count_end(struct tally *t, struct copy_counts *counts)
{
    t->counts.html = sniff_is_html(&t->sniff);
    t->counts.control = t->sniff.control;
    const struct feed_format *guess = feed_format_guess(sniff_head(&t->sniff));
    if (guess != NULL && !feed_format_fits(t->format, sniff_head(&t->sniff)))
        t->counts.looks_like = guess->info.name;
    /* An entry alone on its line is the same in both. */
    t->counts.takes_any = t->format->takes_any && guess != &feed_format_entries;
    *counts = t->counts;
}

/* Types and cleared rows: does the row say that mail to this address is to be refused? */
static bool row_is_active(const struct copy_shaping *shaping, const struct feed_row *row)
{
    if (shaping->types != 0 && (shaping->types & row->types) == 0)
        return false;
    const uint64_t *cleared = shaping->cleared == NULL ? NULL : map_get(shaping->cleared, row->key);
    return cleared == NULL || (int64_t)*cleared < row->date;
}

/* Remembered, so that the warning can name some. */
static void keep_dropped(struct copy_counts *counts, const struct feed_row *row)
{
    char printed[512], shown[sizeof counts->dropped_sample];
    struct text plain = text_on(printed, sizeof printed);
    struct text escaped = text_on(shown, sizeof shown);
    size_t len = strlen(counts->dropped_sample), size = sizeof counts->dropped_sample;

    entry_print(&plain, row->kind, row->key);
    escape_to(&escaped, text_view(&plain), ESCAPE_TERMINAL);
    struct text more = text_on(counts->dropped_sample + len, size - len);
    if (len == 0 || len + strlen(shown) + 3 < size) {
        text_add(&more, len == 0 ? "" : ", ");
        text_add(&more, shown);
    }
}

/* Suffixes come first: `.com` also covers protected domains, but a public suffix never refuses a
 * copy. */
enum copy_drop copy_drops(const struct copy_shaping *shaping, const struct feed_row *row)
{
    if (row->effect != LISTING_BLOCKS || row->kind == ENTRY_ADDRESS ||
        row->kind == ENTRY_ADDRESS_HASH)
        return COPY_KEEPS;
    if (row->kind != ENTRY_DOMAIN_HASH && suffixes_is_public(shaping->suffixes, row->key))
        return COPY_DROPS_SUFFIX;
    return protect_covers(shaping->protect, row->kind, row->key) ? COPY_DROPS_PROTECTED
                                                                 : COPY_KEEPS;
}

static void count_entry(struct copy_counts *counts, const struct feed_row *row, enum copy_drop drop)
{
    if (row->effect != LISTING_BLOCKS)
        counts->exceptions++;
    else
        counts->entries++;
    if (drop == COPY_DROPS_SUFFIX)
        counts->suffixes++;
    if (drop == COPY_DROPS_PROTECTED) {
        counts->protected_++;
        keep_dropped(counts, row);
    }
}

static void on_row(const struct feed_row *row, void *arg)
{
    struct copy_builder *b = arg;

    if (b->why.code != 0)
        return;
    b->tally.counts.rows++;
    enum copy_drop drop = copy_drops(&b->shaping, row);
    bool active =
        row->effect != LISTING_BLOCKS || (drop == COPY_KEEPS && row_is_active(&b->shaping, row));
    const struct listing listing = {
        .list = active ? COPY_ACTIVE : COPY_REST,
        .kind = (uint8_t)row->kind,
        .effect = (uint8_t)row->effect,
        .date = row->date,
    };
    int rc = blocklist_builder_put(b->entries, row->key, &listing, &b->why);
    if (rc > 0)
        count_entry(&b->tally.counts, row, drop);
}

static void on_root(uint64_t line, void *arg)
{
    struct copy_builder *b = arg;

    (void)line;
    b->tally.counts.rows++;
    b->tally.counts.suffixes++;
}

static void on_bad(uint64_t line, struct view text, const char *why, void *arg)
{
    struct copy_builder *b = arg;

    count_bad(&b->tally, line, text, why);
}

static void on_ignored(uint64_t line, void *arg)
{
    struct copy_builder *b = arg;

    (void)line;
    b->tally.counts.ignored_rows++;
}

static void on_claim(enum feed_claim claim, int64_t value, void *arg)
{
    struct copy_builder *b = arg;

    count_claim(&b->tally, claim, value);
}

static void on_broken(uint64_t line, const char *why, void *arg)
{
    struct copy_builder *b = arg;

    count_broken(&b->tally, line, why);
}

static int add_lists(struct blocklist_builder *entries, struct error *why)
{
    int active = blocklist_builder_list(entries, &(struct blocklist_list){.name = "active"}, why);
    if (active < 0)
        return active;
    int rest = blocklist_builder_list(entries, &(struct blocklist_list){.name = "rest"}, why);
    return rest < 0 ? rest : 0;
}

struct copy_builder *copy_builder_new(const struct feed_format *format,
                                      const struct feed_options *options,
                                      const struct copy_shaping *shaping, struct error *why)
{
    struct copy_builder *b = calloc(1, sizeof *b);

    if (b == NULL) {
        error_set(why, ERR_NOMEM, "no memory to parse a copy");
        return NULL;
    }
    b->shaping = *shaping;
    b->tally.format = format;
    struct feed_sink sink = {on_row, on_root, on_bad, on_ignored, on_claim, on_broken, b};
    b->parser = feed_parser_new(format, options, &sink);
    b->entries = blocklist_builder_new(EXPECTED_ENTRIES);
    if (b->parser == NULL || b->entries == NULL) {
        error_set(why, ERR_NOMEM, "no memory to parse a copy");
        copy_builder_free(b);
        return NULL;
    }
    if (add_lists(b->entries, why) < 0) {
        copy_builder_free(b);
        return NULL;
    }
    return b;
}

/* What was read so far tells how many entries the whole has: a table that grows in steps is filled
 * anew each time. */
static void expect_the_rest(struct copy_builder *b)
{
    double ratio = (double)b->shaping.bytes / (double)b->seen;
    size_t keys = blocklist_builder_keys(b->entries);

    b->expecting = true;
    blocklist_builder_expect(b->entries, (size_t)(1.02 * ratio * (double)keys));
}

int copy_builder_chunk(struct copy_builder *b, struct view bytes, struct error *why)
{
    sniff_chunk(&b->tally.sniff, bytes);
    feed_parser_chunk(b->parser, bytes);
    b->seen += bytes.len;
    if (!b->expecting && b->seen >= EXPECT_AFTER_BYTES && b->shaping.bytes > 2 * b->seen)
        expect_the_rest(b);
    if (b->why.code != 0 && why != NULL)
        *why = b->why;
    return b->why.code;
}

/* splitmix64's finalizer: every bit of the result depends on every bit of N. */
static uint64_t mix(uint64_t n)
{
    n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
    n = (n ^ n >> 27) * 0x94d049bb133111eb;
    return n ^ n >> 31;
}

/* A sum does not depend on the order in which the entries are met. */
static int add_to_set(struct view key, const struct listing *l, void *arg)
{
    struct checksum *set = arg, sum = checksum_of(key.ptr, key.len);
    uint64_t rest = (uint64_t)(uint32_t)l->date << 32 | (uint64_t)l->list << 16 |
                    (uint64_t)l->kind << 8 | l->effect;

    set->low += mix(sum.low ^ mix(rest + 1));
    set->high += mix(sum.high + mix(rest + 2));
    return 0;
}

struct blocklist *copy_builder_end(struct copy_builder *b, struct copy_counts *counts,
                                   struct error *why)
{
    struct blocklist *entries = NULL;

    feed_parser_end(b->parser);
    b->parser = NULL;
    if (b->why.code == 0) {
        entries = blocklist_builder_finish(b->entries, &b->why);
        b->entries = NULL;
    }
    if (entries != NULL) {
        b->tally.counts.active = blocklist_list(entries, COPY_ACTIVE)->entries;
        blocklist_each(entries, add_to_set, &b->tally.counts.set);
    } else if (why != NULL) {
        *why = b->why;
    }
    count_end(&b->tally, counts);
    copy_builder_free(b);
    return entries;
}

void copy_builder_free(struct copy_builder *b)
{
    if (b == NULL)
        return;
    if (b->parser != NULL)
        feed_parser_end(b->parser);
    blocklist_builder_free(b->entries);
    free(b);
}

/* The cleared list: small enough for a map, and of addresses only. */
struct cleared {
    struct tally tally;
    struct map *days;
    bool failed;
};

static void cleared_row(const struct feed_row *row, void *arg)
{
    struct cleared *c = arg;
    bool new;
    uint64_t *day = c->failed ? NULL : map_put(c->days, row->key, &new);

    if (day == NULL) {
        c->failed = true;
        return;
    }
    c->tally.counts.rows++;
    c->tally.counts.entries += new;
    if ((uint64_t)row->date > *day)
        *day = (uint64_t)row->date;
}

static void cleared_bad(uint64_t line, struct view text, const char *why, void *arg)
{
    struct cleared *c = arg;

    count_bad(&c->tally, line, text, why);
}

static void cleared_root(uint64_t line, void *arg)
{
    cleared_bad(line, VIEW_NONE, "is not an address", arg);
}

static void cleared_ignored(uint64_t line, void *arg)
{
    struct cleared *c = arg;

    (void)line;
    c->tally.counts.ignored_rows++;
}

static void cleared_claim(enum feed_claim claim, int64_t value, void *arg)
{
    struct cleared *c = arg;

    count_claim(&c->tally, claim, value);
}

static void cleared_broken(uint64_t line, const char *why, void *arg)
{
    struct cleared *c = arg;

    count_broken(&c->tally, line, why);
}

struct map *copy_parse_cleared(struct view bytes, const struct feed_options *options,
                               struct copy_counts *counts, struct error *why)
{
    struct cleared c = {.days = map_new(), .tally.format = &feed_format_aper_cleared};
    struct feed_sink sink = {cleared_row,   cleared_root,   cleared_bad, cleared_ignored,
                             cleared_claim, cleared_broken, &c};
    struct feed_parser *parser =
        c.days == NULL ? NULL : feed_parser_new(&feed_format_aper_cleared, options, &sink);

    c.failed = parser == NULL;
    if (parser != NULL) {
        sniff_chunk(&c.tally.sniff, bytes);
        feed_parser_chunk(parser, bytes);
        feed_parser_end(parser);
    }
    if (c.failed) {
        map_free(c.days);
        error_set(why, ERR_NOMEM, "no memory to parse a cleared list");
        return NULL;
    }
    c.tally.counts.active = c.tally.counts.entries;
    for (size_t i = 0; i < map_count(c.days); i++) {
        struct view key = map_key(c.days, i);
        const struct listing day = {.date = (int32_t)*map_get(c.days, key)};
        add_to_set(key, &day, &c.tally.counts.set);
    }
    count_end(&c.tally, counts);
    return c.days;
}
