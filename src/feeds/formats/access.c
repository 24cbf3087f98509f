/*
 * access: the source of a Postfix access(5) table, as postmap reads it: a pattern, blanks, what to
 * do. A line that begins with a blank goes on with the one before, whatever blank lines and
 * comments stand in between.
 *
 * Only what refuses or permits a recipient outright counts. HOLD, DISCARD, FILTER and the like do
 * something to the whole message, and restrictions depend on more than the recipient. Two traps: a
 * bare number is a permit, even 550 (it needs a text to be a refusal); and DEFER_IF_REJECT refuses
 * nothing that would not be refused anyway.
 */
#include "../parse/format.h"

struct access {
    uint64_t last; /* line that was seen */
    uint64_t line; /* where the logical line under way began */
    bool lost;     /* with LEN 0: what is being continued was no row: too long, or with a NUL */
    bool broken;
    size_t len;
    char text[FEED_LINE_MAX];
};

enum action {
    ACTION_LISTS,
    ACTION_PERMITS,
    ACTION_OTHER,
    ACTION_NONE, /* not a word that could be one */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_digits(struct view v)
{
    for (size_t i = 0; i < v.len; i++)
        if (!ascii_digit(v.ptr[i]))
            return false;
    return v.len > 0;
}

/* VALUE without blanks around it, not empty. */
static enum action action_of(struct view value)
{
    static const struct {
        const char *word;
        enum action action;
    } words[] = {
        {"REJECT", ACTION_LISTS},  {"DEFER", ACTION_LISTS},   {"DEFER_IF_PERMIT", ACTION_LISTS},
        {"OK", ACTION_PERMITS},    {"DUNNO", ACTION_PERMITS}, {"PERMIT", ACTION_PERMITS},
        {"RELAY", ACTION_PERMITS},
    };
    ptrdiff_t end = view_find_any(value, " \t,");
    struct view word = end < 0 ? value : view_first(value, (size_t)end);

    if (is_digits(value))
        return ACTION_PERMITS;
    if (word.len == 3 && is_digits(word))
        return word.ptr[0] == '4' || word.ptr[0] == '5' ? ACTION_LISTS : ACTION_OTHER;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (view_eq_nocase(word, view_of(words[i].word)))
            return words[i].action;
    for (size_t i = 0; i < word.len; i++)
        if (!ascii_alnum(word.ptr[i]) && word.ptr[i] != '_')
            return ACTION_NONE;
    return word.len > 0 ? ACTION_OTHER : ACTION_NONE;
}

/* Patterns of pcre: and regexp: tables, and their `if /.../`. */
static bool is_regexp(struct view key, struct view value)
{
    if (view_eq_nocase(key, view_of("if")))
        key = value;
    return view_starts(key, "/") || view_starts(key, "!/");
}

/* 192.0.2, !192.0.2.0/24, 2001:db8, [2001:db8::]/32: a client, not a recipient. */
static bool is_network(struct view key)
{
    bool colon = false, hex = false;

    if (view_starts(key, "!"))
        key = view_from(key, 1);
    ptrdiff_t slash = view_find(key, '/');
    if (slash > 0 && is_digits(view_from(key, (size_t)slash + 1)))
        key = view_first(key, (size_t)slash);
    if (key.len > 2 && key.ptr[0] == '[' && key.ptr[key.len - 1] == ']')
        key = view_from(view_first(key, key.len - 1), 1);
    for (size_t i = 0; i < key.len; i++) {
        char c = ascii_lower(key.ptr[i]);
        if (!ascii_digit(c) && view_find(view_of("abcdef:."), c) < 0)
            return false;
        colon = colon || c == ':';
        hex = hex || (c >= 'a' && c <= 'f');
    }
    return key.len > 0 && key.ptr[0] != '.' && (colon || !hex);
}

static enum entry_result parse_key(const struct feed_reader *r, struct view key,
                                   struct entry *entry, struct error *why)
{
    if (view_is(key, "<>") || is_network(key))
        return ENTRY_IGNORED;
    ptrdiff_t at = view_find_last(key, '@');
    if (at > 0 && (size_t)at == key.len - 1) /* user@: in every domain */
        return ENTRY_IGNORED;
    if (at >= 0)
        return entry_parse_address(key, &r->options->addresses, entry, why);
    if (view_starts(key, "."))
        return entry_parse_domain(view_from(key, 1), ENTRY_BELOW, entry, why);
    return entry_parse_domain(key, r->options->parents_match ? ENTRY_TREE : ENTRY_DOMAIN, entry,
                              why);
}

static void take_row(const struct feed_reader *r, struct view key, struct view value,
                     struct view text)
{
    struct access *state = r->state;
    struct feed_row row = {.line = state->line};
    struct entry entry;
    struct error why;

    if (is_regexp(key, value)) {
        r->sink->broken(row.line, "a pcre or regexp table is code, not a list: it stays in Postfix",
                        r->sink->arg);
        state->broken = true;
        return;
    }
    enum action action = value.len == 0 ? ACTION_NONE : action_of(value);
    if (action == ACTION_NONE) {
        r->sink->bad(row.line, text, "no action as REJECT, OK or 550 TEXT behind the pattern",
                     r->sink->arg);
        return;
    }
    if (action == ACTION_PERMITS)
        row.effect = LISTING_EXCEPTS;
    enum entry_result result = parse_key(r, key, &entry, &why);
    if (action == ACTION_OTHER && result != ENTRY_BAD)
        result = ENTRY_IGNORED;
    feed_row_tell(result, &entry, &why, key, text, row, r->sink);
}

/* The logical line is complete. Its pattern ends with the first blank outside of quotes. */
static void finish(const struct feed_reader *r)
{
    struct access *state = r->state;
    struct view text = view_trim(view_make(state->text, state->len));
    bool quoted = false;
    size_t end = 0;

    if (state->len == 0 || state->broken)
        return;
    for (; end < text.len && (quoted || !is_blank(text.ptr[end])); end++)
        if (text.ptr[end] == '"')
            quoted = !quoted;
    state->len = 0;
    take_row(r, view_first(text, end), view_trim(view_from(text, end)), text);
}

static void add(const struct feed_reader *r, struct view line)
{
    struct access *state = r->state;

    if (line.len > sizeof state->text - state->len) {
        r->sink->bad(state->line, view_make(state->text, state->len), "is longer than 64 KiB",
                     r->sink->arg);
        state->len = 0;
        state->lost = true;
        return;
    }
    memcpy(state->text + state->len, line.ptr, line.len);
    state->len += line.len;
}

/* A line that never came here (its number is missing) may be what the next ones continue. */
static void note_gap(const struct feed_reader *r, uint64_t number)
{
    struct access *state = r->state;

    if (number != state->last + 1) {
        finish(r);
        state->lost = true;
    }
    state->last = number;
}

static void access_line(const struct feed_reader *r, struct view line, uint64_t number)
{
    struct access *state = r->state;
    struct view text = view_trim(line);

    note_gap(r, number);
    if (text.len == 0 || text.ptr[0] == '#') {
        feed_comment_tell(r, text);
        return;
    }
    if (!is_blank(line.ptr[0])) {
        finish(r);
        state->line = number;
        add(r, line);
    } else if (state->len > 0) {
        add(r, line);
    } else if (!state->lost) {
        r->sink->bad(number, text, "begins with a blank and continues nothing", r->sink->arg);
    }
}

static void access_end(const struct feed_reader *r)
{
    finish(r);
}

/* Not every word that is an action: one of those that lists are made of. */
static bool access_looks(struct view line)
{
    static const char *const words[] = {"REJECT", "OK", "DUNNO", "DISCARD", "DEFER", "PERMIT"};
    struct view rest = line, word;

    view_word(&rest, &word); /* the pattern */
    if (!view_word(&rest, &word))
        return false;
    if (word.len == 3 && is_digits(word))
        return word.ptr[0] == '4' || word.ptr[0] == '5';
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (view_eq_nocase(word, view_of(words[i])))
            return true;
    return false;
}

static const char *const access_keys[] = {"parent_domain_matches_subdomains", NULL};

const struct feed_format feed_format_access = {
    .info = {"access", "PATTERN ACTION, as postmap reads it; # comments",
             "user@d, d or .d (below d only): REJECT, DEFER, 4xx and 5xx TEXT list, OK and DUNNO "
             "free",
             access_keys},
    .state_bytes = sizeof(struct access),
    .line = access_line,
    .end = access_end,
    .looks = access_looks,
};
