/*
 * entries: one entry a line, as people write them by hand and as most mail lists come. With
 * `apex = yes` a row `*.d` includes d, as DNSCrypt's lists mean it; rbldnsd and Postfix do not.
 */
#include "../parse/format.h"

static void entries_line(const struct feed_reader *r, struct view line, uint64_t number)
{
    struct view what = feed_line_text(line);
    struct entry entry;
    struct error why;

    if (what.len == 0) {
        feed_comment_tell(r, line);
        return;
    }
    enum entry_result result = entry_parse(what, &r->options->addresses, &entry, &why);
    if (result == ENTRY_GOOD && entry.kind == ENTRY_BELOW && r->options->apex)
        entry.kind = ENTRY_TREE;
    feed_row_tell(result, &entry, &why, what, what, (struct feed_row){.line = number}, r->sink);
}

/* An address alone on its line, or a wildcard. */
static bool entries_looks(struct view line)
{
    return view_find(line, '@') >= 0 && view_find_any(line, " \t,;:|/\"") < 0;
}

static const char *const entries_keys[] = {"apex", NULL};

const struct feed_format feed_format_entries = {
    .info = {"entries", "user@d, d, @d, *@d, .d or *.d; # comments",
             "as written; apex = yes makes *.d include d", entries_keys},
    .line = entries_line,
    .looks = entries_looks,
};
