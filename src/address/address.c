/*
 * An envelope recipient → its canonical form → the names to look up, most specific first. On the
 * way of every query: a plain ASCII address is copied once and nothing is allocated; libidn2 is
 * asked for non-ASCII domains only.
 */
#include "rcptguard/address.h"

#include "canonical.h"

/*
 * TEXT holds the canonical form, then the variants: together at most three times a quoted local
 * part and a domain, below 8 * ADDRESS_MAX_BYTES. Its last part is for unquoting.
 */
#define SCRATCH_AT (8 * ADDRESS_MAX_BYTES)
_Static_assert(3 * (2 * ADDRESS_MAX_BYTES + 3 + DOMAIN_IDN_MAX_OUT) <= SCRATCH_AT,
               "the canonical form and two variants fit before the scratch part");
_Static_assert(SCRATCH_AT + ADDRESS_MAX_BYTES <= sizeof((struct address *)0)->text,
               "the longest local part can be unquoted");

static void add_key(struct address *a, struct view name, unsigned kinds)
{
    a->keys[a->n_keys++] = (struct address_key){name, kinds};
}

/* Not by memset: the struct is large, and every query comes through here. */
static void reset(struct address *a)
{
    a->state = ADDRESS_OK;
    a->canonical = a->local = a->domain = view_make(a->text, 0);
    a->literal = a->has_tag = false;
    a->n_keys = 0;
}

/* Where the tag begins (rule 3: the leftmost delimiter after one character), or VALUE.len. */
static size_t tag_at(struct view value, const char *delimiter)
{
    size_t end = value.len;

    for (; *delimiter != '\0' && end > 1; delimiter++) {
        const char *at = memchr(value.ptr + 1, *delimiter, end - 1);
        if (at != NULL)
            end = (size_t)(at - value.ptr);
    }
    return end;
}

/* The address keys: with the tag, then without. */
static void add_address_keys(struct address *a, const struct address_options *options)
{
    /* Out of the canonical form, so that it has the same keys as what it was made of. */
    struct view value = local_value(a->local, a->text + SCRATCH_AT);
    bool fold = options->provider_aliases && provider_is_gmail(a->domain);
    char *free_at = a->text + a->canonical.len;
    struct view first = a->canonical;

    if (fold) {
        first = view_make(free_at, address_write(free_at, value, a->domain, true));
        free_at += first.len;
    }
    add_key(a, first, ENTRY_BIT(ENTRY_ADDRESS));
    if (a->literal)
        return;

    size_t tag = tag_at(value, options->delimiter);
    a->has_tag = tag < value.len;
    if (!a->has_tag)
        return;
    value = view_first(value, tag);
    struct view second = view_make(free_at, address_write(free_at, value, a->domain, fold));
    if (!view_eq(first, second))
        add_key(a, second, ENTRY_BIT(ENTRY_ADDRESS));
}

/* The domain, its alias, and its parents, longest first. */
static void add_domain_keys(struct address *a, unsigned dots, const struct address_options *options)
{
    struct view rest = a->domain;

    add_key(a, rest, ENTRY_BIT(ENTRY_DOMAIN) | ENTRY_BIT(ENTRY_TREE));
    if (options->provider_aliases && provider_is_gmail(rest) && !view_is(rest, PROVIDER_GMAIL))
        add_key(a, view_of(PROVIDER_GMAIL), ENTRY_BIT(ENTRY_DOMAIN) | ENTRY_BIT(ENTRY_TREE));
    for (; dots > 0; dots--) {
        const char *dot = memchr(rest.ptr, '.', rest.len);
        rest = view_make(dot + 1, rest.len - (size_t)(dot + 1 - rest.ptr));
        if (dots <= ADDRESS_MAX_LABELS)
            add_key(a, rest, ENTRY_BIT(ENTRY_TREE) | ENTRY_BIT(ENTRY_BELOW));
    }
}

enum address_state address_parse(struct view raw, const struct address_options *options,
                                 struct address *out)
{
    struct domain domain;

    reset(out);
    if (raw.len > ADDRESS_MAX_BYTES)
        return out->state = ADDRESS_TOO_LONG;
    ptrdiff_t at = view_find_last(raw, '@');
    if (at < 0)
        return out->state = ADDRESS_NO_DOMAIN;

    struct view value = local_value(view_first(raw, (size_t)at), out->text + SCRATCH_AT);
    size_t len = local_write(out->text, value, false);
    char *domain_at = out->text + len + 1;
    if (domain_fold(view_from(raw, (size_t)at + 1), domain_at, SCRATCH_AT - len - 1, &domain) !=
        DOMAIN_GOOD)
        return out->state = ADDRESS_BAD_DOMAIN;

    out->text[len] = '@';
    out->local = view_make(out->text, len);
    out->domain = domain.name;
    out->canonical = view_make(out->text, len + 1 + domain.name.len);
    out->literal = domain.literal;
    if (len > 0)
        add_address_keys(out, options);
    if (!domain.literal)
        add_domain_keys(out, domain.dots, options);
    return ADDRESS_OK;
}

const char *address_state_text(enum address_state state)
{
    switch (state) {
    case ADDRESS_OK:
        return "an address";
    case ADDRESS_NO_DOMAIN:
        return "no @ and no domain";
    case ADDRESS_BAD_DOMAIN:
        return "the domain is empty, has an empty label, or is not valid UTF-8 or IDN (UTS 46)";
    case ADDRESS_TOO_LONG:
        return "longer than any address";
    }
    return "not an address";
}
