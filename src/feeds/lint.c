/*
 * lint: what the worker would make of a file, and every row that is not right by its number.
 *
 * The counts and the verdict are those of the worker's own copy builder and guards, so that lint
 * never says anything else than the daemon. The builder keeps samples of bad rows only; so a
 * second parser goes over the same bytes beside it and tells all of them.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "feed.h"
#include "packing/unpack.h"
#include "parse/guard.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/escape.h"

#define READ_BYTES 65536

struct lint {
    const struct feeds_config *config;
    struct copy_shaping shaping;
    feed_lint_tell *tell;
    void *arg;
    struct feed_lint_report *report;
    struct feed_parser *parser;
    struct copy_builder *builder;
};

static void tell(const struct lint *l, uint64_t line, struct view text, const char *why,
                 bool warning)
{
    const struct feed_lint_problem problem = {line, text, why, warning};

    l->tell(&problem, l->arg);
}

static void keep_name(struct feed_lint_left_out *out, struct view printed)
{
    char name[sizeof out->names[0]];
    struct text t = text_on(name, sizeof name);

    escape_to(&t, printed, ESCAPE_TERMINAL);
    for (unsigned i = 0; i < out->n_names; i++)
        if (strcmp(out->names[i], name) == 0)
            return;
    if (out->n_names < FEED_LINT_NAMES)
        memcpy(out->names[out->n_names++], name, sizeof name);
}

static void tell_left_out(const struct lint *l, const struct feed_row *row,
                          struct feed_lint_left_out *out, const char *why, bool warning)
{
    char printed[512];
    struct text t = text_on(printed, sizeof printed);

    entry_print(&t, row->kind, row->key);
    keep_name(out, text_view(&t));
    tell(l, row->line, text_view(&t), why, warning);
}

static void on_row(const struct feed_row *row, void *arg)
{
    const struct lint *l = arg;
    struct feed_lint_report *r = l->report;

    if (row->date != 0 && (r->oldest == 0 || row->date < r->oldest))
        r->oldest = row->date;
    if (row->date > r->newest)
        r->newest = row->date;
    r->exceptions += row->effect != LISTING_BLOCKS;
    switch (copy_drops(&l->shaping, row)) {
    case COPY_KEEPS:
        break;
    case COPY_DROPS_SUFFIX:
        tell_left_out(l, row, &r->suffixes,
                      "a public suffix, above one, or a single label; it is left out", true);
        break;
    case COPY_DROPS_PROTECTED:
        tell_left_out(l, row, &r->protected_, "would block a protected domain; it is left out",
                      false);
        break;
    }
}

static void on_root(uint64_t line, void *arg)
{
    tell(arg, line, VIEW_NONE, "would block the whole world; it is left out", true);
}

static void on_bad(uint64_t line, struct view text, const char *why, void *arg)
{
    tell(arg, line, text, why, false);
}

static void on_ignored(uint64_t line, void *arg)
{
    (void)line, (void)arg;
}

static void on_claim(enum feed_claim claim, int64_t value, void *arg)
{
    (void)claim, (void)value, (void)arg; /* the builder counts them */
}

static void on_broken(uint64_t line, const char *why, void *arg)
{
    tell(arg, line, VIEW_NONE, why, false);
}

/* ---- the bytes ------------------------------------------------------------------------------ */

static int take_chunk(struct view bytes, void *arg, struct error *why)
{
    struct lint *l = arg;

    feed_parser_chunk(l->parser, bytes);
    return copy_builder_chunk(l->builder, bytes, why);
}

static struct body *read_all(int fd, uint64_t max_bytes, struct error *why)
{
    struct body *b = body_new("/tmp/rcptguard-lint", max_bytes);
    char bytes[READ_BYTES];
    int rc = b == NULL ? error_set(why, ERR_NOMEM, "no memory") : 0;

    while (rc == 0) {
        ssize_t n = read(fd, bytes, sizeof bytes);
        if (n == 0)
            break;
        if (n > 0)
            rc = body_add(b, bytes, (size_t)n, why);
        else if (errno != EINTR)
            rc = error_errno(why, "cannot read it");
    }
    if (rc == 0) {
        body_end(b);
        return b;
    }
    body_free(b);
    return NULL;
}

/* What keeps the bytes from being a whole copy is the copy's problem; all else is ours. */
static int take_all(struct lint *l, int fd, uint64_t max_bytes, struct error *why)
{
    struct body *body = read_all(fd, max_bytes, why);
    int rc = body == NULL ? why->code : unpack_each(body, max_bytes, take_chunk, l, why);

    if (body != NULL && rc < 0 && rc != ERR_NOMEM && rc != ERR_IO && rc != ERR_LIMIT) {
        tell(l, 0, VIEW_NONE, why->text, false);
        feed_text(l->report->why, sizeof l->report->why, why->text);
        rc = 0;
    }
    body_free(body);
    return rc;
}

/* ---- the verdict ---------------------------------------------------------------------------- */

static void tell_claim(const struct lint *l, const struct copy_counts *counts)
{
    uint64_t read = counts->rows + counts->bad_rows + counts->ignored_rows;
    uint64_t claimed = (uint64_t)counts->claims[CLAIM_ROWS];
    char why[160];

    if (claimed <= read)
        return;
    snprintf(why, sizeof why,
             "it says that it has %" PRIu64 " rows, and has %" PRIu64 ": was it cut short?",
             claimed, read);
    tell(l, 0, VIEW_NONE, why, false);
}

static void judge(struct lint *l, const struct feed_config *feed, const struct copy_counts *counts)
{
    struct guard_memory first = {0};
    struct guard_verdict verdict;
    struct feed_lint_report *r = l->report;

    guard_judge(feed, counts, &first, clock_now(), false, &verdict);
    if (verdict.says == GUARD_ACCEPT || r->why[0] != '\0')
        return;
    feed_text(r->guard, sizeof r->guard, verdict.guard);
    feed_text(r->why, sizeof r->why, verdict.why);
}

/* Only of a copy that is not well: many lists can be read as several formats. */
static void guess(struct lint *l, const struct copy_counts *counts)
{
    struct feed_lint_report *r = l->report;

    if (counts->looks_like != NULL && (r->why[0] != '\0' || r->bad_rows > r->rows))
        r->looks_like = feed_format_named(counts->looks_like);
}

static void report(struct lint *l, const struct feed_config *feed, const struct copy_counts *counts)
{
    struct feed_lint_report *r = l->report;

    r->rows = counts->rows;
    r->bad_rows = counts->bad_rows;
    r->ignored_rows = counts->ignored_rows;
    r->entries = counts->entries;
    r->active = counts->active;
    r->protected_.entries = counts->protected_;
    r->suffixes.entries = counts->suffixes;
    r->claimed = counts->claims[CLAIM_ROWS];
    r->created = counts->claims[CLAIM_CREATED];
    r->expires = counts->claims[CLAIM_EXPIRES];
    tell_claim(l, counts);
    judge(l, feed, counts);
    guess(l, counts);
}

static int run(struct lint *l, int fd, const struct feed_config *feed, struct error *why)
{
    const struct feed_format *format = feed_format_find(feed->format);
    struct feed_options options = feed_options_of(l->config, feed, l->shaping.suffixes);
    struct feed_sink sink = {on_row, on_root, on_bad, on_ignored, on_claim, on_broken, l};
    struct copy_counts counts;

    l->builder = copy_builder_new(format, &options, &l->shaping, why);
    if (l->builder == NULL)
        return why->code;
    l->parser = feed_parser_new(format, &options, &sink);
    int rc = l->parser == NULL ? error_set(why, ERR_NOMEM, "no memory")
                               : take_all(l, fd, feed->max_bytes, why);
    if (l->parser != NULL)
        feed_parser_end(l->parser);
    if (rc < 0) {
        copy_builder_free(l->builder);
        return rc;
    }
    struct blocklist *entries = copy_builder_end(l->builder, &counts, why);
    if (entries == NULL)
        return why->code;
    blocklist_free(entries);
    report(l, feed, &counts);
    return 0;
}

int feed_lint(int fd, const struct feeds_config *config, const struct feed_config *feed,
              feed_lint_tell *tell_problem, void *arg, struct feed_lint_report *report_to,
              struct error *why)
{
    struct suffixes *suffixes = suffixes_new();
    struct lint l = {
        .config = config,
        .shaping = feed_shaping_of(config, feed, suffixes),
        .tell = tell_problem,
        .arg = arg,
        .report = report_to,
    };

    memset(report_to, 0, sizeof *report_to);
    int rc = suffixes == NULL ? error_set(why, ERR_NOMEM, "cannot load the public suffix list")
                              : run(&l, fd, feed, why);
    suffixes_free(suffixes);
    return rc;
}

const struct feed_format_info *feed_looks_like(struct view head)
{
    const struct feed_format *format = feed_format_guess(head);

    return format == NULL ? NULL : &format->info;
}
