/*
 * adblock: of the filter language for browsers only what speaks of whole domains, ||d^ and its
 * exceptions @@||d^ and @@||d^|. Everything else is about parts of pages: a rule with options, a
 * path or a pattern says nothing of mail, and a domain that it names may be as good as any.
 */
#include "../parse/format.h"

/* What makes the text between || and ^ a pattern or the beginning of a URL. */
#define PATTERN_CHARS "*/:?=&|~,%"

/* Cosmetic rules: ## #@# #?# #$# #@?# #%# ... between what they are for and what they hide. */
static bool is_cosmetic(struct view text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '#')
            continue;
        size_t next = i + 1;
        while (next < text.len && view_find(view_of("@?$%"), text.ptr[next]) >= 0)
            next++;
        if (next < text.len && text.ptr[next] == '#')
            return true;
    }
    return false;
}

/* A rule that no filter can have: what came is no list, or a list of another format. */
static bool is_broken(struct view text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == ' ' || ascii_control(text.ptr[i]))
            return true;
    return false;
}

static bool is_heading(struct view text)
{
    return text.ptr[0] == '[' && text.ptr[text.len - 1] == ']';
}

static bool is_comment(struct view text)
{
    return text.len == 0 || text.ptr[0] == '!' || is_heading(text) ||
           (text.ptr[0] == '#' && !is_cosmetic(text));
}

/* ||* and the like: every domain there is. */
static bool is_world(struct view name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] != '*' && name.ptr[i] != '.')
            return false;
    return true;
}

/* Takes the d that stands between LEAD and a ^ at the end. */
static bool take_domain(struct view rule, const char *lead, struct view *name)
{
    size_t len = strlen(lead);

    if (!view_starts(rule, lead) || rule.len <= len || rule.ptr[rule.len - 1] != '^')
        return false;
    *name = view_make(rule.ptr + len, rule.len - len - 1);
    return is_world(*name) || view_find_any(*name, PATTERN_CHARS "^$#") < 0;
}

/* An exception for the whole world blocks nothing. */
static void tell_domain(const struct feed_reader *r, struct view name, struct view text,
                        struct feed_row row)
{
    if (!is_world(name))
        feed_domain_tell(r, name, text, row);
    else if (row.effect == LISTING_BLOCKS)
        r->sink->root(row.line, r->sink->arg);
    else
        r->sink->ignored(row.line, r->sink->arg);
}

/*
 * Lists for resolvers write @@||d^| and, for d alone, @@|d^|: of a name's question nothing follows
 * the name. An exception that is passed over is a wrong block, so both are understood; of the
 * rules that block ||d^ alone counts.
 */
static bool take_exception(const struct feed_reader *r, struct view rule, struct view text,
                           struct feed_row row)
{
    struct entry entry;
    struct error why;
    struct view name;

    if (rule.len > 1 && rule.ptr[rule.len - 1] == '|')
        rule.len--;
    if (take_domain(rule, "||", &name)) {
        tell_domain(r, name, text, row);
        return true;
    }
    if (!take_domain(rule, "|", &name))
        return false;
    enum entry_result result = entry_parse_domain(name, ENTRY_DOMAIN, &entry, &why);
    if (result == ENTRY_GOOD && view_find(entry.key, '.') < 0)
        result = ENTRY_IGNORED;
    feed_row_tell(result, &entry, &why, name, text, row, r->sink);
    return true;
}

static void adblock_line(const struct feed_reader *r, struct view line, uint64_t number)
{
    struct view text = view_trim(line), rule = text, name;
    struct feed_row row = {.line = number};

    if (is_comment(text)) {
        feed_comment_tell(r, text);
        return;
    }
    bool excepts = view_starts(rule, "@@");
    if (excepts) {
        row.effect = LISTING_EXCEPTS_ALL;
        rule = view_from(rule, 2);
    }
    bool has_options = view_find(rule, '$') >= 0;
    if (!has_options && !is_cosmetic(rule) && is_broken(rule))
        r->sink->bad(number, text, "no rule holds a blank or a control character", r->sink->arg);
    else if (!excepts && take_domain(rule, "||", &name))
        tell_domain(r, name, text, row);
    else if (!excepts || !take_exception(r, rule, text, row))
        r->sink->ignored(number, r->sink->arg);
}

static bool adblock_looks(struct view line)
{
    bool rule = view_starts(line, "||") && view_find(line, '^') >= 0;

    return rule || view_starts(line, "@@|") || view_starts(line, "[Adblock") || is_cosmetic(line);
}

const struct feed_format feed_format_adblock = {
    .info = {"adblock", "||d^; exceptions @@||d^ and @@|d^ for d alone; ! comments",
             "the domain and all below it, an exception always wins; rules with $options, paths "
             "or patterns are ignored",
             NULL},
    .line = adblock_line,
    .looks = adblock_looks,
};
