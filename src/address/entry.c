/*
 * One row of a list → an entry. What does not say plainly whom it means is refused with words that
 * say how to mend it: an entry that was read otherwise than it was meant is a wrong block.
 */
#include "canonical.h"
#include "numeric.h"
#include "plain.h"
#include "rcptguard/address.h"
#include "rcptguard/base/hash.h"

/* What is shown of a row in a message; the reader has the line number too. */
#define SHOWN(v) (int)((v).len < 120 ? (v).len : 120), (v).ptr

_Static_assert(sizeof((struct entry *)0)->text >= 2 * ENTRY_MAX_BYTES + 3,
               "every row of ASCII fits, quoted");

const enum entry_kind entry_by_specificity[ENTRY_NAME_KINDS] = {ENTRY_ADDRESS, ENTRY_DOMAIN,
                                                                ENTRY_BELOW, ENTRY_TREE};

static enum entry_result bad(struct error *why, const char *what, struct view row)
{
    error_set(why, ERR_SYNTAX, "%.*s: %s", SHOWN(row), what);
    return ENTRY_BAD;
}

/* Nothing but the signs that stand for everything: *, ., @, *@*, *., *@*. and the like. */
static bool is_root(struct view what)
{
    for (size_t i = 0; i < what.len; i++)
        if (what.ptr[i] != '*' && what.ptr[i] != '.' && what.ptr[i] != '@')
            return false;
    return true;
}

static bool has(struct view v, char c)
{
    return view_find(v, c) >= 0;
}

static const char *remedy_for_domain(struct view name, enum domain_fault fault)
{
    if (has(name, '*'))
        return "no pattern is known but *.domain; write .domain, *.domain or whole names";
    if (has(name, '/') || has(name, ':'))
        return "looks like a URL or a port; write the domain name alone";
    if (has(name, ' ') || has(name, '\t'))
        return "a space in a domain name; write one entry, and what follows as the list's format "
               "asks";
    if (has(name, '>'))
        return "looks like a display name; write only the address between < and >";
    switch (fault) {
    case DOMAIN_EMPTY:
        return "no domain behind the @; add it";
    case DOMAIN_EMPTY_LABEL:
        return "a domain name with two dots side by side, or one too many at an end; take it out";
    case DOMAIN_NOT_UTF8:
        return "a domain name that is not UTF-8; write it in UTF-8 or as A-labels (xn--...)";
    case DOMAIN_NOT_IDN:
        return "not a valid internationalized domain name; write its A-labels (xn--...) if it is";
    case DOMAIN_NO_ROOM:
        return "too long";
    default:
        return "a domain name is made of letters, digits, '-', '_' and dots; take the rest out";
    }
}

static bool is_name(struct view domain)
{
    for (size_t i = 0; i < domain.len; i++)
        if (!domain_char(domain.ptr[i]))
            return false;
    return true;
}

/* RFC 5321, 4.1.3: what may stand between the brackets of any kind of literal. */
static bool is_literal(struct view domain)
{
    for (size_t i = 1; i + 1 < domain.len; i++)
        if (!ascii_alnum(domain.ptr[i]) && !has(view_of(":.-"), domain.ptr[i]))
            return false;
    return domain.len > 2;
}

enum entry_result entry_parse_domain(struct view name, enum entry_kind kind, struct entry *out,
                                     struct error *why)
{
    struct domain domain;

    if (plain_domain(name, kind, out))
        return ENTRY_GOOD;
    if (is_root(name))
        return ENTRY_ROOT;
    if (name.len > ENTRY_MAX_BYTES)
        return bad(why, "too long for a domain name", name);
    if (numeric_is_address(name))
        return ENTRY_IGNORED;
    enum domain_fault fault = domain_fold(name, out->text, sizeof out->text, &domain);
    if (fault == DOMAIN_EMPTY)
        return ENTRY_ROOT;
    if (fault != DOMAIN_GOOD || !is_name(domain.name))
        return bad(why, remedy_for_domain(name, fault), name);
    if (numeric_is_address(domain.name)) /* written with full-width dots or digits */
        return ENTRY_IGNORED;
    out->kind = kind;
    out->key = domain.name;
    return ENTRY_GOOD;
}

/* Why an unquoted local part is refused; NULL when it is not. */
static const char *fault_of_local(struct view local)
{
    if (has(local, '<'))
        return "looks like a display name; write only the address between < and >";
    if (has(local, '@'))
        return "two @; write one address, or quote the local part as in \"a@b\"@example.org";
    if (has(local, '"'))
        return "quotes must hold the whole local part, as in \"a b\"@example.org";
    if (local.len >= 7 && view_eq_nocase(view_first(local, 7), view_of("mailto:")))
        return "leave out mailto:";
    if (has(local, '*'))
        return "no pattern is known but *@domain; for a real * quote it, as in \"a*b\"@example.org";
    if (has(local, ' '))
        return "a space; write the address alone, or quote the local part as in \"a "
               "b\"@example.org";
    for (size_t i = 0; i < local.len; i++) {
        if (ascii_control(local.ptr[i]))
            return "a control character; take it out";
        if (has(view_of(",;"), local.ptr[i]))
            return "write one address a row, or quote the local part as in \"a,b\"@example.org";
        if (has(view_of(":>()[]\\"), local.ptr[i]))
            return "one of : > ( ) [ ] \\ must be quoted, as in \"a:b\"@example.org";
    }
    return NULL;
}

static enum entry_result parse_address(struct view what, size_t at,
                                       const struct address_options *options, struct entry *out,
                                       struct error *why)
{
    struct view local = view_first(what, at), name = view_from(what, at + 1);
    char unquoted[ENTRY_MAX_BYTES], folded[ENTRY_MAX_BYTES];
    struct domain domain;

    const char *fault_text = local_is_quoted(local) ? NULL : fault_of_local(local);
    if (fault_text != NULL)
        return bad(why, fault_text, what);
    struct view value = local_value(local, unquoted);
    if (value.len == 0)
        return bad(why, "an empty local part; for the whole domain write it without", what);

    enum domain_fault fault = domain_fold(name, folded, sizeof folded, &domain);
    if (fault != DOMAIN_GOOD || (domain.literal ? !is_literal(domain.name) : !is_name(domain.name)))
        return bad(why, remedy_for_domain(name, fault), what);
    if (2 * value.len + 3 + domain.name.len > sizeof out->text)
        return bad(why, "too long for an address", what);
    out->kind = ENTRY_ADDRESS;
    out->key = view_make(out->text,
                         address_write(out->text, value, domain.name, options->provider_aliases));
    return ENTRY_GOOD;
}

/* d, .d and *.d */
static enum entry_result parse_name(struct view what, struct entry *out, struct error *why)
{
    enum entry_kind kind = ENTRY_DOMAIN;
    struct view name = what;

    if (view_starts(what, "*.")) {
        kind = ENTRY_BELOW;
        name = view_from(what, 2);
    } else if (what.ptr[0] == '.') {
        kind = ENTRY_TREE;
        name = view_from(what, 1);
    }
    return entry_parse_domain(name, kind, out, why);
}

enum entry_result entry_parse(struct view what, const struct address_options *options,
                              struct entry *out, struct error *why)
{
    if (plain_address(what, options, out))
        return ENTRY_GOOD;
    what = view_trim(what);
    if (what.len == 0)
        return bad(why, "nothing is there; write an address or a domain", what);
    if (what.len > ENTRY_MAX_BYTES)
        return bad(why, "too long for an address or a domain", what);
    if (is_root(what))
        return ENTRY_ROOT;
    ptrdiff_t at = view_find_last(what, '@');
    if (at < 0)
        return parse_name(what, out, why);

    struct view name = view_from(what, (size_t)at + 1);
    bool star = at == 1 && what.ptr[0] == '*';
    if (at > 0 && !star)
        return parse_address(what, (size_t)at, options, out, why);
    if (star && view_starts(name, "*."))
        return entry_parse_domain(view_from(name, 2), ENTRY_BELOW, out, why);
    if (name.len > 0 && name.ptr[0] == '.')
        return bad(why, "write .domain for a domain and everything below it", what);
    return entry_parse_domain(name, ENTRY_DOMAIN, out, why);
}

enum entry_result entry_parse_address(struct view what, const struct address_options *options,
                                      struct entry *out, struct error *why)
{
    enum entry_result result = entry_parse(what, options, out, why);

    if (result == ENTRY_BAD || (result == ENTRY_GOOD && out->kind == ENTRY_ADDRESS))
        return result;
    return bad(why, "not an address; write user@domain", view_trim(what));
}

/* Unquoted, a * in a local part reads as a pattern: it is printed so that it reads as it is. */
static void print_address(struct text *t, struct view key)
{
    size_t at = (size_t)view_find_last(key, '@');
    struct view local = view_first(key, at);
    bool quote = local.ptr[0] != '"' && has(local, '*');

    text_add(t, quote ? "\"" : "");
    text_add_view(t, local);
    text_add(t, quote ? "\"" : "");
    text_add_view(t, view_from(key, at));
}

static void print_digest(struct text *t, struct view key)
{
    char hex[2 * HASH_MAX_BYTES + 1];

    if (key.len <= HASH_MAX_BYTES)
        text_add(t, hex_text(key.ptr, key.len, hex));
}

void entry_print(struct text *t, enum entry_kind kind, struct view key)
{
    switch (kind) {
    case ENTRY_ADDRESS:
        print_address(t, key);
        return;
    case ENTRY_ADDRESS_HASH:
    case ENTRY_DOMAIN_HASH:
        print_digest(t, key);
        return;
    case ENTRY_DOMAIN:
        break;
    case ENTRY_TREE:
        text_add(t, ".");
        break;
    case ENTRY_BELOW:
        text_add(t, "*.");
        break;
    }
    text_add_view(t, key);
}
