/*
 * Rows into entries and counts. What a row means for the index is decided here and nowhere else:
 * which rows are active (rule 18), which are left out (rule 16), what the guards count (rule 14).
 */
#include "copy.h"

#include <stdlib.h>

#include "rcptguard/base/escape.h"
#include "tally.h"

#define EXPECTED_ENTRIES   16384
#define EXPECT_AFTER_BYTES (256 * 1024)

struct copy_builder {
    struct tally tally;
    struct copy_shaping shaping;
    struct feed_parser *parser;
    struct blocklist_builder *entries;
    uint64_t seen; /* bytes so far */
    bool expecting;
    struct error why; /* the first failure; nothing is taken after it */
};

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
    if (suffixes_covered(shaping->suffixes, row->kind, row->key))
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

    tally_bad(&b->tally, line, text, why);
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

    tally_claim(&b->tally, claim, value);
}

static void on_broken(uint64_t line, const char *why, void *arg)
{
    struct copy_builder *b = arg;

    tally_broken(&b->tally, line, why);
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
    tally_bytes(&b->tally, bytes);
    feed_parser_chunk(b->parser, bytes);
    b->seen += bytes.len;
    if (!b->expecting && b->seen >= EXPECT_AFTER_BYTES && b->shaping.bytes > 2 * b->seen)
        expect_the_rest(b);
    if (b->why.code != 0 && why != NULL)
        *why = b->why;
    return b->why.code;
}

struct copy_seen copy_builder_seen(const struct copy_builder *b)
{
    const struct copy_counts *c = &b->tally.counts;
    bool are_lines = b->tally.format->line != NULL;

    return (struct copy_seen){
        .rows = are_lines ? feed_parser_lines(b->parser) : c->rows + c->bad_rows + c->ignored_rows,
        .are_lines = are_lines,
        .entries = c->entries,
    };
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
        blocklist_each(entries, tally_listing, &b->tally.counts.sets);
    } else if (why != NULL) {
        *why = b->why;
    }
    tally_end(&b->tally, counts);
    copy_builder_free(b);
    return entries;
}

struct blocklist *copy_nothing(struct error *why)
{
    struct blocklist_builder *b = blocklist_builder_new(1);

    if (b == NULL) {
        error_set(why, ERR_NOMEM, "no memory");
        return NULL;
    }
    if (add_lists(b, why) == 0)
        return blocklist_builder_finish(b, why);
    blocklist_builder_free(b);
    return NULL;
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
