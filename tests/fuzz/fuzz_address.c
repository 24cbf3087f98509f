/*
 * Recipients: any bytes are parsed, the canonical form is its own canonical form with the same
 * keys, no key comes twice, and an entry written from it is found by the first key. Of ASCII the
 * model says what canonical form and keys are.
 */
#include <stdint.h>
#include <stdlib.h>

#include "model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct address_options some_options[] = {
    {"+", true}, {"", false}, {"+-", true}, {".x", true}};

static bool is_name(struct view domain)
{
    for (size_t i = 0; i < domain.len; i++)
        if (!ascii_alnum(domain.ptr[i]) && memchr("-_.", domain.ptr[i], 3) == NULL)
            return false;
    return true;
}

static void check_keys(const struct address *a)
{
    unsigned last = 0;

    must(a->n_keys <= ADDRESS_MAX_KEYS);
    for (unsigned i = 0; i < a->n_keys; i++) {
        must(a->keys[i].name.len > 0);
        /* Addresses, then domains, then parents. */
        must(a->keys[i].kinds >= last);
        last = a->keys[i].kinds;
        for (unsigned k = 0; k < i; k++)
            must(!view_eq(a->keys[i].name, a->keys[k].name));
    }
}

static void check_entry(const struct address *a, const struct address_options *options)
{
    static char line[9 * ADDRESS_MAX_BYTES];
    static struct entry e;
    struct text t = text_on(line, sizeof line);

    entry_print(&t, ENTRY_ADDRESS, a->canonical);
    enum entry_result result = entry_parse(text_view(&t), options, &e, NULL);
    if (t.len > ENTRY_MAX_BYTES || a->local.len == 0 || !is_name(a->domain))
        return; /* too long, or a domain that lists must not hold */
    must(result == ENTRY_GOOD && e.kind == ENTRY_ADDRESS);
    must(view_eq(e.key, a->keys[0].name));
}

static struct view take_key(const struct address *a, unsigned *at, unsigned kinds)
{
    must(*at < a->n_keys && a->keys[*at].kinds == kinds);
    return a->keys[(*at)++].name;
}

/* Addresses, then the domain and its alias, then the parents. */
static void check_model_keys(const struct address *a, const struct model_address *m, bool aliases)
{
    const unsigned domains = ENTRY_BIT(ENTRY_DOMAIN) | ENTRY_BIT(ENTRY_TREE);
    const unsigned parents = ENTRY_BIT(ENTRY_TREE) | ENTRY_BIT(ENTRY_BELOW);
    struct view rest = model_view(&m->domain), label;
    unsigned at = 0, dots = 0;

    if (m->has_local)
        must(view_eq(take_key(a, &at, ENTRY_BIT(ENTRY_ADDRESS)), model_view(&m->full)));
    if (m->cut.len > 0)
        must(view_eq(take_key(a, &at, ENTRY_BIT(ENTRY_ADDRESS)), model_view(&m->cut)));
    if (!m->literal)
        must(view_eq(take_key(a, &at, domains), rest));
    if (aliases && view_is(rest, "googlemail.com"))
        must(view_is(take_key(a, &at, domains), "gmail.com"));
    for (size_t i = 0; i < rest.len; i++)
        dots += rest.ptr[i] == '.';
    while (!m->literal && view_split(&rest, '.', &label) && rest.ptr != NULL)
        if (dots-- <= ADDRESS_MAX_LABELS)
            must(view_eq(take_key(a, &at, parents), rest));
    must(at == a->n_keys);
}

static void check_model(struct view raw, const struct address_options *options,
                        const struct address *a)
{
    static struct model_address m;
    ptrdiff_t at = view_find_last(raw, '@');

    if (at >= 0 && !view_is_ascii(view_from(raw, (size_t)at)))
        return;
    model_address(raw, options, &m);
    must(a->state == m.state);
    if (a->state != ADDRESS_OK)
        return;
    must(view_eq(a->canonical, model_view(&m.canonical)));
    must(view_eq(a->domain, model_view(&m.domain)));
    must(a->literal == m.literal && a->has_tag == m.has_tag);
    check_model_keys(a, &m, options->provider_aliases);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct address *first, *again;
    if (size == 0)
        return 0;
    if (first == NULL) {
        first = malloc(sizeof *first);
        again = malloc(sizeof *again);
    }

    const struct address_options *options = &some_options[data[0] % 4];
    enum address_state state = address_parse(view_make(data + 1, size - 1), options, first);
    check_model(view_make(data + 1, size - 1), options, first);
    if (state != ADDRESS_OK) {
        must(first->n_keys == 0 && first->canonical.len == 0 && first->domain.len == 0);
        return 0;
    }
    check_keys(first);
    check_entry(first, options);
    if (first->canonical.len > ADDRESS_MAX_BYTES)
        return 0;
    must(address_parse(first->canonical, options, again) == ADDRESS_OK);
    must(view_eq(first->canonical, again->canonical));
    must(view_eq(first->local, again->local) && view_eq(first->domain, again->domain));
    must(first->literal == again->literal && first->has_tag == again->has_tag);
    must(first->n_keys == again->n_keys);
    for (unsigned i = 0; i < first->n_keys; i++)
        must(view_eq(first->keys[i].name, again->keys[i].name));
    return 0;
}
