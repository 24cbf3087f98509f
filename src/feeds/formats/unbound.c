/*
 * unbound: its configuration, as lists misuse it: zones that are answered with nothing or with the
 * list's own page. What the zones are filled with (local-data) and every other option is ignored.
 */
#include "../parse/format.h"

/* Types whose questions do not reach the real zone (rule 19). */
static const char *const blocking[] = {
    "always_null", "always_nxdomain", "always_nodata", "always_refuse", "always_deny", "static",
    "deny",        "refuse",          "redirect",
};

static bool is_blocking(struct view type)
{
    for (size_t i = 0; i < sizeof blocking / sizeof blocking[0]; i++)
        if (view_is(type, blocking[i]))
            return true;
    return false;
}

/* Types come with new releases of unbound; what is spelled otherwise is none. */
static bool is_type(struct view type)
{
    for (size_t i = 0; i < type.len; i++)
        if (!ascii_alnum(type.ptr[i]) && type.ptr[i] != '_')
            return false;
    return true;
}

/* Takes a word, or what stands in quotes of either kind; false: none is there, or no second quote.
 */
static bool take_value(struct view *rest, struct view *value)
{
    struct view v = view_trim(*rest);

    if (v.len == 0 || (v.ptr[0] != '"' && v.ptr[0] != '\'')) {
        *rest = v;
        return view_word(rest, value);
    }
    char quote = v.ptr[0];
    v = view_from(v, 1);
    ptrdiff_t end = view_find(v, quote);
    if (end < 0)
        return false;
    *value = view_first(v, (size_t)end);
    *rest = view_from(v, (size_t)end + 1);
    return value->len > 0;
}

/* Takes `option:`. */
static bool take_key(struct view *rest, struct view *key)
{
    ptrdiff_t colon = view_find(*rest, ':');

    if (colon <= 0)
        return false;
    *key = view_first(*rest, (size_t)colon);
    *rest = view_from(*rest, (size_t)colon + 1);
    for (size_t i = 0; i < key->len; i++)
        if (!ascii_alnum(key->ptr[i]) && key->ptr[i] != '-')
            return false;
    return true;
}

static void tell_zone(const struct feed_reader *r, struct view rest, struct view text,
                      struct feed_row row)
{
    struct view name, type;
    bool whole = take_value(&rest, &name) && take_value(&rest, &type) && is_type(type);

    if (!whole || view_trim(rest).len > 0)
        r->sink->bad(row.line, text, "not a name and a type behind local-zone:", r->sink->arg);
    else if (!is_blocking(type))
        r->sink->ignored(row.line, r->sink->arg);
    else
        feed_domain_tell(r, name, text, row);
}

static void unbound_line(const struct feed_reader *r, struct view line, uint64_t number)
{
    struct view text = feed_line_text(line), rest = text, key;

    if (text.len == 0)
        feed_comment_tell(r, line);
    else if (!take_key(&rest, &key))
        r->sink->bad(number, text, "not an option of unbound", r->sink->arg);
    else if (view_is(key, "local-zone"))
        tell_zone(r, rest, text, (struct feed_row){.line = number});
    else
        r->sink->ignored(number, r->sink->arg);
}

/* Zones of type redirect come with a local-data line each. */
static bool unbound_looks(struct view line)
{
    return view_starts(line, "local-zone:") || view_starts(line, "local-data:");
}

const struct feed_format feed_format_unbound = {
    .info = {"unbound", "local-zone: \"d.\" TYPE; # comments",
             "the domain and all below it, when the type answers for the zone (always_null, "
             "static, refuse ...); other options are ignored",
             NULL},
    .line = unbound_line,
    .looks = unbound_looks,
};
