/*
 * The entries that could list a recipient: its keys by every kind, and their digests by every kind
 * of hash, whether a list has them today or not: what a list dropped last week is history, too.
 * What DNS zones note is among them: the domain and its parents, and digests of the address.
 */
#include "history_keys.h"

/* False: it is there already. */
static bool add_named(struct history_keys *k, enum entry_kind kind, struct view key,
                      struct view name)
{
    for (size_t i = 0; i < k->n; i++)
        if (k->keys[i].kind == kind && view_eq(k->keys[i].key, key))
            return false;
    if (k->n == HISTORY_KEYS)
        return false;
    k->names[k->n] = name;
    k->keys[k->n++] = (struct history_key){kind, key};
    return true;
}

static void add_key(struct history_keys *k, enum entry_kind kind, struct view key)
{
    add_named(k, kind, key, key);
}

static void add_digests(struct history_keys *k, enum entry_kind kind, struct view name)
{
    for (int hash = 0; hash < HASH_KINDS && k->n_digests < HISTORY_DIGESTS; hash++) {
        unsigned char *digest = k->digests[k->n_digests];
        size_t len = hash_plain((enum hash_kind)hash, name, digest);
        if (len > 0 && add_named(k, kind, view_make(digest, len), name))
            k->n_digests++;
    }
}

static void add_kinds(struct history_keys *k, const struct address_key *key, unsigned kinds)
{
    for (int kind = ENTRY_ADDRESS; kind <= ENTRY_BELOW; kind++)
        if ((key->kinds & kinds & ENTRY_BIT(kind)) != 0)
            add_key(k, (enum entry_kind)kind, key->name);
    if ((key->kinds & kinds & ENTRY_BIT(ENTRY_ADDRESS)) != 0)
        add_digests(k, ENTRY_ADDRESS_HASH, key->name);
    if ((key->kinds & kinds & ENTRY_BIT(ENTRY_DOMAIN)) != 0)
        add_digests(k, ENTRY_DOMAIN_HASH, key->name);
}

/* Some lists hash an address as it was seen, in lower case, and not its canonical form alone. */
static void add_seen(struct history_keys *k, struct view recipient)
{
    struct view seen = view_first(recipient, sizeof k->seen);
    ptrdiff_t at = view_find_last(seen, '@');

    for (size_t i = 0; i < seen.len; i++)
        k->seen[i] = ascii_lower(seen.ptr[i]);
    seen = view_make(k->seen, seen.len);
    if (at < 0)
        return;
    add_digests(k, ENTRY_ADDRESS_HASH, seen);
    add_digests(k, ENTRY_DOMAIN_HASH, view_from(seen, (size_t)at + 1));
}

/* Hashed zones are asked for the address as their lists define it, whatever [addresses] says. */
static void add_as_zones(struct history_keys *k, struct view recipient)
{
    static const struct address_options options = {.delimiter = "+", .provider_aliases = true};
    const struct address *a = &k->as_zones;
    struct view name = VIEW_NONE;

    if (address_parse(recipient, &options, &k->as_zones) != ADDRESS_OK)
        return;
    for (unsigned i = 0; i < a->n_keys; i++) /* the last one is without its tag */
        if ((a->keys[i].kinds & ENTRY_BIT(ENTRY_ADDRESS)) != 0)
            name = a->keys[i].name;
    if (name.len > 0)
        add_digests(k, ENTRY_ADDRESS_HASH, name);
}

static int keys_of_address(struct view recipient, const struct address_options *options,
                           struct history_keys *k, struct error *why)
{
    enum address_state state = address_parse(recipient, options, &k->address);

    if (state != ADDRESS_OK)
        return error_set(why, ERR_SYNTAX, "recipient: %s", address_state_text(state));
    k->canonical = k->address.canonical;
    for (unsigned i = 0; i < k->address.n_keys; i++)
        add_kinds(k, &k->address.keys[i], ~0u);
    add_as_zones(k, recipient);
    add_seen(k, recipient);
    return 0;
}

/* Its parents are those of any address in it. */
static int keys_of_domain(const struct address_options *options, struct history_keys *k,
                          struct error *why)
{
    struct text any = text_on(k->seen, sizeof k->seen), shown = text_on(k->shown, sizeof k->shown);

    text_add(&any, "x@");
    text_add_view(&any, k->entry.key);
    enum address_state state = address_parse(text_view(&any), options, &k->address);
    if (state != ADDRESS_OK)
        return error_set(why, ERR_SYNTAX, "recipient: %s", address_state_text(state));
    entry_print(&shown, k->entry.kind, k->entry.key);
    k->canonical = text_view(&shown);
    add_key(k, ENTRY_DOMAIN, k->entry.key);
    add_key(k, ENTRY_TREE, k->entry.key);
    add_key(k, ENTRY_BELOW, k->entry.key);
    for (unsigned i = 0; i < k->address.n_keys; i++)
        add_kinds(k, &k->address.keys[i], ~ENTRY_BIT(ENTRY_ADDRESS));
    return 0;
}

int history_keys_of(struct view recipient, const struct address_options *options,
                    struct history_keys *out, struct error *why)
{
    out->n = 0;
    out->n_digests = 0;
    if (entry_parse(recipient, options, &out->entry, NULL) == ENTRY_GOOD &&
        out->entry.kind != ENTRY_ADDRESS)
        return keys_of_domain(options, out, why);
    return keys_of_address(recipient, options, out, why);
}
