/*
 * dnset: rbldnsd's set of names, alone or as a part of a combined file. What a line means was
 * compared with rbldnsd 1.0 itself. A row that it leaves out with a warning is bad here, and so is
 * a name that it takes but that no mail domain can have: it squeezes "a..b" and knows escapes.
 *
 * Each row may have a value and a text of its own. They are for whoever asks about one entry
 * (dnset_answer.h), but a row whose value cannot be read is none: rbldnsd does not serve it either.
 */
#include "../parse/format.h"
#include "dnset_answer.h"
#include "rcptguard/base/clock.h"

struct dnset {
    bool
        foreign; /* in a part of a combined file that holds no names, or that nobody is asked for */
    struct dnset_words words;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_comment(struct view v)
{
    return view_starts(v, "#") || view_starts(v, ";");
}

static bool value_is_good(struct view v)
{
    unsigned char value[4];
    struct view behind;

    return dnset_value(v, value, &behind);
}

/* The digits at the beginning, at most WIDTH, and one separator behind them. */
static bool take_number(struct view *v, size_t width, int min, int max, int *number)
{
    uint64_t value;
    size_t len = 0;

    while (len < width && len < v->len && ascii_digit(v->ptr[len]))
        len++;
    if (!view_to_uint(view_first(*v, len), (uint64_t)max, &value) || (int)value < min)
        return false;
    *v = view_from(*v, len);
    if (view_starts(*v, ":") || view_starts(*v, "-"))
        *v = view_from(*v, 1);
    *number = (int)value;
    return true;
}

/* yyyy:mm:dd[:hh[:mi[:ss]]], with dashes, or with nothing in between. */
static bool take_date(struct view v, int64_t *seconds)
{
    int year, month, day, hour = 0, minute = 0, second = 0;

    if (!take_number(&v, 4, 1970, 9999, &year) || !take_number(&v, 2, 1, 12, &month) ||
        !take_number(&v, 2, 1, 31, &day))
        return false;
    if ((v.len > 0 && !take_number(&v, 2, 0, 23, &hour)) ||
        (v.len > 0 && !take_number(&v, 2, 0, 59, &minute)) ||
        (v.len > 0 && !take_number(&v, 2, 0, 59, &second)) || v.len > 0)
        return false;
    *seconds = ((clock_days(year, month, day) * INT64_C(24) + hour) * 60 + minute) * 60 + second;
    return clock_is_day(year, month, day);
}

/* Seconds since 1970; 0: not given. Tools that write seconds outright are understood too. */
static bool take_stamp(struct view v, int64_t *seconds)
{
    uint64_t number;

    *seconds = 0;
    if (view_is(v, "0") || view_is(v, "-") || view_is(v, ":") || take_date(v, seconds))
        return true;
    if (v.len != 10 || !view_to_uint(v, UINT32_MAX, &number))
        return false;
    *seconds = (int64_t)number;
    return true;
}

/* "3600", "2h", "1w" */
static bool take_span(struct view v, int64_t *seconds)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    uint64_t number, factor = 1;

    for (size_t i = 0; v.len > 0 && i < sizeof units / sizeof units[0]; i++)
        if (ascii_lower(v.ptr[v.len - 1]) == units[i].unit) {
            factor = (uint64_t)units[i].seconds;
            v.len--;
            break;
        }
    if (!view_to_uint(v, UINT32_MAX, &number) || number == 0)
        return false;
    *seconds = (int64_t)(number * factor);
    return true;
}

/* $TIMESTAMP created [expires|+span] */
static bool take_timestamp(const struct feed_reader *r, struct view rest)
{
    struct view created_word, expires_word, more;
    int64_t created, expires = 0;

    if (!view_word(&rest, &created_word) || !take_stamp(created_word, &created))
        return false;
    if (view_word(&rest, &expires_word)) {
        bool relative = view_starts(expires_word, "+");
        if (relative ? created == 0 || !take_span(view_from(expires_word, 1), &expires)
                     : !take_stamp(expires_word, &expires))
            return false;
        if (relative)
            expires += created;
    }
    if (view_word(&rest, &more))
        return false;
    if (created > 0)
        r->sink->claim(CLAIM_CREATED, created, r->sink->arg);
    if (expires > 0)
        r->sink->claim(CLAIM_EXPIRES, expires, r->sink->arg);
    return true;
}

/* $DATASET type[:name] zone...: without a zone rbldnsd is never asked for its rows. */
static bool take_dataset(const struct feed_reader *r, struct view rest)
{
    struct dnset *state = r->state;
    struct view type, zone;

    if (!view_word(&rest, &type) || is_comment(type))
        return false;
    ptrdiff_t colon = view_find(type, ':');
    if (colon >= 0)
        type = view_first(type, (size_t)colon);
    bool served = view_word(&rest, &zone) && !is_comment(zone);
    state->foreign = !served || !view_is(type, "dnset");
    memset(&state->words, 0, sizeof state->words);
    return true;
}

/* $SOA ttl origin person serial refresh retry expire minttl */
static bool take_soa(const struct feed_reader *r, struct view rest)
{
    struct view word, serial = VIEW_NONE;
    int n = 0;

    while (view_word(&rest, &word))
        if (++n == 4)
            serial = word;
    if (n != 8)
        return false;
    feed_serial_tell(r, serial);
    return true;
}

/* $1 TEXT, and the template $= TEXT */
static bool is_variable(struct view word)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): empty if NULL */
    return word.len == 1 && (ascii_digit(word.ptr[0]) || word.ptr[0] == '=');
}

/* Settings of rbldnsd that do not change what is listed. */
static bool is_setting(struct view word)
{
    static const char *const names[] = {"ns", "nameserver", "ttl", "maxrange4"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (view_eq_nocase(word, view_of(names[i])))
            return true;
    return false;
}

/* What stands behind the $. False: rbldnsd does not know it. */
static bool take_special(const struct feed_reader *r, struct view text)
{
    struct view rest = text, word;

    if (!view_word(&rest, &word) || word.ptr != text.ptr || view_trim(rest).len == 0)
        return false;
    if (view_eq_nocase(word, view_of("soa")))
        return take_soa(r, rest);
    if (view_eq_nocase(word, view_of("timestamp")))
        return take_timestamp(r, rest);
    if (view_eq_nocase(word, view_of("dataset")))
        return take_dataset(r, rest);
    if (!is_variable(word))
        return is_setting(word);
    dnset_set_variable(&((struct dnset *)r->state)->words, word, view_trim(rest));
    return true;
}

/* 2.0.0.127 and 0.0.127: addresses and networks, written backwards or not. */
static bool is_numeric(struct view name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!ascii_digit(name.ptr[i]) && name.ptr[i] != '.')
            return false;
    return name.len > 0 && name.ptr[0] != '.';
}

/* *OF is the name without a wildcard. */
static enum entry_result parse_name(const struct feed_reader *r, struct view name, struct view *of,
                                    struct entry *entry, struct error *why)
{
    enum entry_kind kind = ENTRY_DOMAIN;
    struct view bare = name;

    if (view_starts(name, ".")) {
        kind = ENTRY_TREE;
        bare = view_from(name, 1);
    } else if (view_starts(name, "*.")) {
        kind = ENTRY_BELOW;
        bare = view_from(name, 2);
    }
    *of = bare;
    if (is_numeric(bare))
        return ENTRY_IGNORED;
    if (view_find(bare, '@') < 0)
        return entry_parse_domain(bare, kind, entry, why);
    if (kind == ENTRY_DOMAIN)
        return entry_parse_address(bare, &r->options->addresses, entry, why);
    error_set(why, ERR_SYNTAX, "an address with a wildcard before it; write the address alone");
    return ENTRY_BAD;
}

static void take_row(const struct feed_reader *r, struct view text, uint64_t number)
{
    const struct dnset *state = r->state;
    struct dnset_row answer = {.words = &state->words};
    struct feed_row row = {.line = number, .dnset = &answer};
    struct view rest = text, name;
    struct entry entry;
    struct error why;

    if (view_starts(rest, "!")) {
        row.effect = LISTING_EXCEPTS;
        rest = view_from(rest, 1);
    }
    if (!view_word(&rest, &name)) {
        r->sink->bad(number, text, "no name behind the !", r->sink->arg);
        return;
    }
    rest = view_trim(rest);
    if (row.effect == LISTING_BLOCKS && view_starts(rest, ":") && !value_is_good(rest)) {
        r->sink->bad(number, text, "what follows the name is not :A or :A:TEXT", r->sink->arg);
        return;
    }
    answer.rest = rest;
    enum entry_result result = parse_name(r, name, &answer.name, &entry, &why);
    feed_row_tell(result, &entry, &why, name, text, row, r->sink);
}

static void dnset_line(const struct feed_reader *r, struct view line, uint64_t number)
{
    struct dnset *state = r->state;
    struct view text = view_trim(line);
    bool comment = is_comment(text), setting = comment || view_starts(text, ":");
    bool special = view_starts(text, "$") || (setting && view_starts(view_from(text, 1), "$"));

    if (text.len == 0)
        return;
    /* Behind a comment's sign it may be anything: CVS writes "#$Id: ...$". */
    if (special && take_special(r, view_from(text, setting ? 2 : 1)))
        return;
    if (comment)
        feed_comment_tell(r, text);
    else if (special)
        r->sink->bad(number, text, "not a $ line as rbldnsd knows them", r->sink->arg);
    else if (state->foreign && !setting)
        r->sink->ignored(number, r->sink->arg);
    else if (!setting)
        take_row(r, text, number);
    else if (!state->foreign && !value_is_good(text))
        r->sink->bad(number, text, "not a default value as :A:TEXT", r->sink->arg);
    else if (!state->foreign)
        dnset_set_default(&state->words, text);
}

static bool dnset_looks(struct view line)
{
    static const char *const specials[] = {"$SOA", "$NS", "$TIMESTAMP", "$DATASET"};
    struct view rest = line, word;

    if (view_starts(line, ":127."))
        return true;
    for (size_t i = 0; i < sizeof specials / sizeof specials[0]; i++) {
        size_t len = strlen(specials[i]);
        if (view_eq_nocase(view_first(line, len), view_of(specials[i])))
            return line.len > len && is_blank(line.ptr[len]);
    }
    return view_word(&rest, &word) && view_starts(view_trim(rest), ":127.");
}

const struct feed_format feed_format_dnset = {
    .info = {"dnset", "d, *.d, .d or !d, a value :A:TXT behind it; $ lines; # and ; comments",
             "as written, !d frees; of a combined file its dnset parts", NULL},
    .state_bytes = sizeof(struct dnset),
    .line = dnset_line,
    .looks = dnset_looks,
    .takes_any = true,
};
