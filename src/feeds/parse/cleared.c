/* Addresses that are cleared, and since when. */
#include "cleared.h"

#include <stdlib.h>

#include "tally.h"

struct cleared {
    struct tally tally;
    struct feed_parser *parser;
    struct map *days;
    bool failed; /* no memory; nothing is taken after it */
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

    tally_bad(&c->tally, line, text, why);
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

    tally_claim(&c->tally, claim, value);
}

static void cleared_broken(uint64_t line, const char *why, void *arg)
{
    struct cleared *c = arg;

    tally_broken(&c->tally, line, why);
}

struct cleared *cleared_new(const struct feed_options *options, struct error *why)
{
    struct cleared *c = calloc(1, sizeof *c);
    const struct feed_sink sink = {
        cleared_row, cleared_root, cleared_bad, cleared_ignored, cleared_claim, cleared_broken, c};

    if (c != NULL) {
        c->tally.format = &feed_format_aper_cleared;
        c->days = map_new();
        c->parser = feed_parser_new(&feed_format_aper_cleared, options, &sink);
        if (c->days != NULL && c->parser != NULL)
            return c;
        cleared_free(c);
    }
    error_set(why, ERR_NOMEM, "no memory to parse a cleared list");
    return NULL;
}

int cleared_chunk(struct cleared *c, struct view bytes, struct error *why)
{
    tally_bytes(&c->tally, bytes);
    feed_parser_chunk(c->parser, bytes);
    return c->failed ? error_set(why, ERR_NOMEM, "no memory for a cleared list") : 0;
}

static void add_days(struct cleared *c)
{
    for (size_t i = 0; i < map_count(c->days); i++) {
        struct view key = map_key(c->days, i);
        const struct listing day = {.date = (int32_t)*map_get(c->days, key)};
        tally_listing(key, &day, &c->tally.counts.sets);
    }
}

struct map *cleared_end(struct cleared *c, struct copy_counts *counts, struct error *why)
{
    struct map *days = NULL;

    feed_parser_end(c->parser);
    c->parser = NULL;
    if (c->failed) {
        error_set(why, ERR_NOMEM, "no memory for a cleared list");
    } else {
        c->tally.counts.active = c->tally.counts.entries;
        add_days(c);
        tally_end(&c->tally, counts);
        days = c->days;
        c->days = NULL;
    }
    cleared_free(c);
    return days;
}

void cleared_free(struct cleared *c)
{
    if (c == NULL)
        return;
    if (c->parser != NULL)
        feed_parser_end(c->parser);
    map_free(c->days);
    free(c);
}
