/*
 * The grammar of exclusions and local blocks. A line that is not understood in full is refused in
 * full: half a line (its list= or until= lost) would free or block more than its writer meant.
 */
#include "grammar.h"

#include "rcptguard/base/nearest.h"
#include "until.h"

/* What one entry of a file is called. */
#define NOUN(kind) ((kind) == LOCAL_BLOCKS ? "block" : "exclusion")

#define SHOWN(v) (int)((v).len < 60 ? (v).len : 60), (v).ptr

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_spaces(struct view *rest)
{
    while (rest->len > 0 && is_space(rest->ptr[0]))
        *rest = view_from(*rest, 1);
}

/*
 * The length of the word at the start of V: to the next space, where spaces between double quotes
 * do not count. Quotes open at byte QUOTE_AT only, so that one inside a word is a byte like others.
 * SIZE_MAX: the quotes are not closed.
 */
static size_t word_len(struct view v, size_t quote_at)
{
    size_t i = 0;

    if (quote_at < v.len && v.ptr[quote_at] == '"') {
        for (i = quote_at + 1; i < v.len && v.ptr[i] != '"'; i++)
            if (v.ptr[i] == '\\')
                i++;
        if (i >= v.len)
            return SIZE_MAX;
    }
    while (i < v.len && !is_space(v.ptr[i]))
        i++;
    return i;
}

/* The bytes of V up to a subject's prefix, whatever its case. */
static size_t prefix_len(struct view v, const char *prefix)
{
    size_t len = strlen(prefix);
    return view_eq_nocase(view_first(v, len), view_of(prefix)) ? len : 0;
}

static int parse_login(struct view name, struct local_what *out, struct error *why)
{
    if (name.len == 0)
        return error_set(why, ERR_SYNTAX, "login: needs the SASL login name right behind it");
    out->subject = LOCAL_LOGIN;
    out->key = name;
    return 0;
}

static int refuse_root(enum local_kind kind, struct view what, struct error *why)
{
    if (kind == LOCAL_BLOCKS)
        return error_set(why, ERR_SYNTAX,
                         "%.*s: would block the whole world; write the domain or the address",
                         SHOWN(what));
    return error_set(why, ERR_SYNTAX,
                     "%.*s: would free the whole world; to let everything pass set 'mode = "
                     "observe' in [policy]",
                     SHOWN(what));
}

static int parse_entry(enum local_kind kind, struct view what,
                       const struct address_options *options, struct local_what *out,
                       struct error *why)
{
    switch (entry_parse(what, options, &out->memory, why)) {
    case ENTRY_GOOD:
        out->kind = out->memory.kind;
        out->key = out->memory.key;
        return 0;
    case ENTRY_ROOT:
        return refuse_root(kind, what, why);
    case ENTRY_IGNORED:
        return error_set(why, ERR_SYNTAX,
                         "%.*s: an IP address is no mail domain; write the domain, or one address "
                         "as user@[192.0.2.1]",
                         SHOWN(what));
    case ENTRY_BAD:
        break;
    }
    return ERR_SYNTAX;
}

/* No-break space, soft hyphen, zero width space and marks, line and paragraph separators, word
 * joiner, byte order mark. Not U+200C and U+200D, which some scripts are written with. */
static bool is_invisible(unsigned point)
{
    return point == 0xa0 || point == 0xad || point == 0x200b || point == 0x200e ||
           point == 0x200f || (point >= 0x2028 && point <= 0x202f) ||
           (point >= 0x2060 && point <= 0x2064) || point == 0xfeff;
}

static bool goes_on(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

/* The code point of two or three bytes of UTF-8 that V begins with; 0: another one, or no UTF-8. */
static unsigned first_point(struct view v)
{
    const unsigned char *p = (const unsigned char *)v.ptr;

    if (v.len >= 2 && (p[0] & 0xe0) == 0xc0 && goes_on(p[1]))
        return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
    if (v.len >= 3 && (p[0] & 0xf0) == 0xe0 && goes_on(p[1]) && goes_on(p[2]))
        return (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
    return 0;
}

/* Mail programs and web pages put them beside what is copied. A local part has every byte that it
 * is written with, so such an exclusion would free nobody; domains are mapped by IDNA. */
static int check_visible(struct view what, const struct local_what *out, struct error *why)
{
    struct view part = what;
    ptrdiff_t at = view_find_last(what, '@');

    if (out->subject != LOCAL_LOGIN)
        part = at < 0 ? VIEW_NONE : view_first(what, (size_t)at);
    for (size_t i = 0; i < part.len; i++) {
        unsigned point = first_point(view_from(part, i));
        if (is_invisible(point))
            return error_set(why, ERR_SYNTAX,
                             "%.*s: holds U+%04X, which cannot be seen and came along when it was "
                             "copied; type it instead",
                             SHOWN(what), point);
    }
    return 0;
}

static int parse_what(enum local_kind kind, struct view what, const struct address_options *options,
                      struct local_what *out, struct error *why)
{
    size_t login = prefix_len(what, "login:"), sender = prefix_len(what, "sender:");

    out->subject = LOCAL_RECIPIENT;
    out->kind = ENTRY_ADDRESS;
    if (kind == LOCAL_BLOCKS && login + sender > 0)
        return error_set(why, ERR_SYNTAX,
                         "%.*s: a block is of recipients only; login: and sender: belong into the "
                         "exclusion file",
                         SHOWN(what));
    if (login > 0) {
        int rc = parse_login(view_from(what, login), out, why);
        return rc < 0 ? rc : check_visible(what, out, why);
    }
    if (sender > 0) {
        what = view_from(what, sender);
        out->subject = LOCAL_SENDER;
        if (what.len == 0)
            return error_set(why, ERR_SYNTAX,
                             "sender: needs an address, a domain or <> right behind it");
        if (view_is(what, "<>")) {
            out->key = view_of("");
            return 0;
        }
    }
    int rc = parse_entry(kind, what, options, out, why);
    return rc < 0 ? rc : check_visible(what, out, why);
}

/* A byte that would end the line, or the word of a login. */
static bool has_control(struct view v, bool or_space)
{
    for (size_t i = 0; i < v.len; i++)
        if (ascii_control(v.ptr[i]) || (or_space && v.ptr[i] == ' '))
            return true;
    return false;
}

int local_what_parse(enum local_kind kind, struct view what, const struct address_options *options,
                     struct local_what *out, struct error *why)
{
    what = view_trim(what);
    /* At the start of a file it would be no part of the name. */
    if (view_starts(what, "\xef\xbb\xbf"))
        return error_set(why, ERR_SYNTAX,
                         "begins with a byte order mark, which came along when it was copied; type "
                         "it instead");
    if (parse_what(kind, what, options, out, why) < 0)
        return ERR_SYNTAX;
    if (has_control(out->key, out->subject == LOCAL_LOGIN))
        return error_set(why, ERR_SYNTAX,
                         "%.*s: holds a %scontrol character, which no line of the file can hold",
                         SHOWN(what), out->subject == LOCAL_LOGIN ? "space or " : "");
    return 0;
}

/* Adds the names of one list= to those of earlier ones. */
static int take_lists(struct view value, struct grammar_line *out, struct error *why)
{
    struct view rest = value, name;

    if (out->file == LOCAL_BLOCKS)
        return error_set(why, ERR_SYNTAX,
                         "list=: a local block belongs to no list but its own; leave it out");
    while (view_split(&rest, ',', &name)) {
        size_t comma = out->lists.len > 0;
        if (name.len == 0)
            return error_set(why, ERR_SYNTAX,
                             "list=%.*s: a list name is missing; write list=aper or list=a,b",
                             SHOWN(value));
        if (out->lists.len + comma + name.len > sizeof out->lists_text)
            return error_set(why, ERR_SYNTAX,
                             "list=: more than %d bytes of names; leave it out if all lists are "
                             "meant",
                             GRAMMAR_MAX_LISTS);
        char *end = out->lists_text + out->lists.len;
        if (comma)
            *end++ = ',';
        memcpy(end, name.ptr, name.len);
        out->lists = view_make(out->lists_text, out->lists.len + comma + name.len);
    }
    return 0;
}

static int take_text(struct view *field, const char *key, struct view value, struct error *why)
{
    if (field->ptr != NULL)
        return error_set(why, ERR_SYNTAX, "%s= stands twice; leave one of them", key);
    *field = value;
    return 0;
}

static int take_pair(struct view key, struct view value, struct grammar_line *out,
                     struct error *why)
{
    static const char *const all_keys[] = {"until", "ticket", "by", "at", "note", "list"};
    bool blocks = out->file == LOCAL_BLOCKS;

    if (view_is(key, "list"))
        return take_lists(value, out, why);
    if (view_is(key, "until")) {
        int rc = take_text(&out->until_text, "until", value, why);
        return rc < 0 ? rc : until_parse(value, &out->until, why);
    }
    if (view_is(key, "ticket"))
        return take_text(&out->ticket, "ticket", value, why);
    if (view_is(key, "by"))
        return take_text(&out->by, "by", value, why);
    if (view_is(key, "at"))
        return take_text(&out->at, "at", value, why);
    if (view_is(key, "note"))
        return take_text(&out->note, "note", value, why);
    return error_set(
        why, ERR_SYNTAX,
        "unknown key '%.*s'; did you mean '%s'? Known are %suntil, ticket, by, at and note",
        SHOWN(key), nearest_name(key, all_keys, blocks ? 5 : 6), blocks ? "" : "list, ");
}

/* One word behind WHAT, taken off *REST. */
static int parse_pair(struct view *rest, struct grammar_line *out, struct error *why)
{
    size_t key_len = 0;

    while (key_len < rest->len && rest->ptr[key_len] != '=' && !is_space(rest->ptr[key_len]))
        key_len++;
    struct view key = view_first(*rest, key_len);
    if (key_len == rest->len || rest->ptr[key_len] != '=')
        return error_set(why, ERR_SYNTAX,
                         "'%.*s' is no key=value; one %s a line, and a note goes behind a #",
                         SHOWN(key), NOUN(out->file));
    size_t len = word_len(*rest, key_len + 1);
    if (len == SIZE_MAX)
        return error_set(why, ERR_SYNTAX, "%.*s=: the closing \" is missing", SHOWN(key));
    struct view value = view_from(view_first(*rest, len), key_len + 1);
    if (value.len >= 2 && value.ptr[0] == '"') {
        if (value.ptr[value.len - 1] != '"')
            return error_set(why, ERR_SYNTAX, "%.*s=: leave a space behind the closing \"",
                             SHOWN(key));
        value = view_make(value.ptr + 1, value.len - 2);
    } else if (value.len == 0) {
        value = view_of("");
    }
    *rest = view_from(*rest, len);
    return take_pair(key, value, out, why);
}

bool grammar_holds_value(struct view v, bool quoted)
{
    char word[GRAMMAR_MAX_LINE];
    struct text t = text_on(word, sizeof word);

    text_add(&t, quoted ? "\"" : "");
    text_add_view(&t, v);
    text_add(&t, quoted ? "\"" : "");
    return !t.cut && !has_control(v, false) && (quoted || (v.len > 0 && v.ptr[0] != '"')) &&
           word_len(text_view(&t), 0) == t.len;
}

/* WHERE is the word that is looked at, in *LINE. */
static enum line_kind parse_words(struct view rest, const char **where,
                                  const struct address_options *options, struct grammar_line *out,
                                  struct error *why)
{
    const char *start = rest.ptr;
    size_t sender = prefix_len(rest, "sender:");
    size_t len = word_len(rest, sender);

    if (len == SIZE_MAX) {
        error_set(why, ERR_SYNTAX, "%.*s: the closing \" is missing", SHOWN(rest));
        return LINE_BAD;
    }
    if (parse_what(out->file, view_first(rest, len), options, &out->whom, why) < 0)
        return LINE_BAD;
    out->subject = out->whom.subject;
    out->kind = out->whom.kind;
    out->key = out->whom.key;
    for (rest = view_from(rest, len), skip_spaces(&rest); rest.len > 0; skip_spaces(&rest)) {
        if (rest.ptr[0] == '#') {
            out->comment = view_trim(view_from(rest, 1));
            if (out->note.ptr == NULL)
                out->note = out->comment;
            break;
        }
        *where = rest.ptr;
        if (out->list_column == 0 && view_starts(rest, "list="))
            out->list_column = (unsigned)(rest.ptr - start) + 1;
        if (parse_pair(&rest, out, why) < 0)
            return LINE_BAD;
    }
    return LINE_GOOD;
}

/* DAMAGE: where in it, -1: nowhere. */
static enum line_kind parse_line(struct view line, ptrdiff_t damage,
                                 const struct address_options *options, struct grammar_line *out,
                                 struct error *why)
{
    if (damage >= 0) {
        out->column = (unsigned)damage + 1;
        error_set(why, ERR_SYNTAX,
                  line.ptr[damage] == '\0'
                      ? "a NUL byte; save the file as plain text in UTF-8"
                      : "a CR within the line; save the file with the line ends of Unix (LF)");
        return LINE_BAD;
    }
    if (line.len > GRAMMAR_MAX_LINE) {
        error_set(why, ERR_LIMIT, "longer than %d bytes; one %s a line", GRAMMAR_MAX_LINE,
                  NOUN(out->file));
        return LINE_BAD;
    }
    const char *where = line.ptr;
    enum line_kind result = parse_words(line, &where, options, out, why);
    if (result == LINE_BAD)
        out->column = (unsigned)(where - line.ptr) + 1;
    return result;
}

enum line_kind grammar_parse(enum local_kind kind, struct view line,
                             const struct address_options *options, struct grammar_line *out,
                             struct error *why)
{
    struct view words = view_trim(line);
    ptrdiff_t damage = view_find_nontext(words);

    /* A comment ends with its line: what is lost behind damage may be lines that count. */
    if (damage < 0 && (words.len == 0 || words.ptr[0] == '#'))
        return LINE_BLANK;
    /* Member by member: the entry's text need not be cleared. */
    out->subject = LOCAL_RECIPIENT;
    out->kind = ENTRY_ADDRESS;
    out->key = out->lists = out->until_text = VIEW_NONE;
    out->ticket = out->by = out->at = out->note = out->comment = VIEW_NONE;
    out->until = INT64_MAX;
    out->file = kind;
    out->column = out->list_column = 0;
    enum line_kind result = parse_line(words, damage, options, out, why);
    unsigned indent = (unsigned)(words.ptr - line.ptr);
    out->column += out->column > 0 ? indent : 0;
    out->list_column += out->list_column > 0 ? indent : 0;
    return result;
}

void grammar_print_what(struct text *t, enum local_subject subject, enum entry_kind kind,
                        struct view key)
{
    if (subject == LOCAL_LOGIN) {
        text_add(t, "login:");
        text_add_view(t, key);
        return;
    }
    if (subject == LOCAL_SENDER)
        text_add(t, "sender:");
    if (key.len == 0) {
        text_add(t, "<>");
    } else if (subject == LOCAL_RECIPIENT && key.ptr[0] == '#') {
        /* Without quotes the line would be a comment. */
        size_t at = (size_t)view_find_last(key, '@');
        text_add(t, "\"");
        text_add_view(t, view_first(key, at));
        text_add(t, "\"");
        text_add_view(t, view_from(key, at));
    } else {
        entry_print(t, kind, key);
    }
}
