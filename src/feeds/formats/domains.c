/*
 * domains: one name a line. The comment signs of three worlds occur in such lists; a '!' behind a
 * name has not been seen, and may be part of something else.
 */
#include "../parse/format.h"

/* Where the comment begins: at the start of the line or behind a blank. */
static size_t comment_at(struct view line)
{
    if (line.len > 0 && line.ptr[0] == '!')
        return 0;
    for (size_t i = 0; i < line.len; i++) {
        bool free_standing = i == 0 || line.ptr[i - 1] == ' ' || line.ptr[i - 1] == '\t';
        if (free_standing && (line.ptr[i] == '#' || line.ptr[i] == ';'))
            return i;
    }
    return line.len;
}

static void domains_line(const struct feed_reader *r, struct view line, uint64_t number)
{
    struct view text = view_trim(line), name = view_trim(view_first(text, comment_at(text)));

    if (name.len == 0)
        feed_comment_tell(r, text);
    else
        feed_domain_tell(r, name, name, (struct feed_row){.line = number});
}

const struct feed_format feed_format_domains = {
    .info = {"domains", "d, .d or *.d; # ; ! comments", "the domain and all below it", NULL},
    .line = domains_line,
};
