/*
 * entries: one entry a line, as people write them by hand and as most mail lists come. With
 * `apex = yes` a row `*.d` includes d, as DNSCrypt's lists mean it; rbldnsd and Postfix do not.
 */
#include "../format.h"

static void entries_line(struct view line, uint64_t number, const struct feed_options *options,
                         const struct feed_sink *sink)
{
    struct view what = feed_line_text(line);
    struct entry entry;
    struct error why;

    if (what.len == 0)
        return;
    enum entry_result result = entry_parse(what, &options->addresses, &entry, &why);
    if (result == ENTRY_GOOD && entry.kind == ENTRY_BELOW && options->apex)
        entry.kind = ENTRY_TREE;
    feed_row_tell(result, &entry, &why, what, what, (struct feed_row){.line = number}, sink);
}

const struct feed_format feed_format_entries = {
    .info = {"entries", "user@d, d, @d, *@d, .d or *.d; # comments",
             "as written; apex = yes makes *.d include d"},
    .line = entries_line,
};
