/*
 * Recipients: any bytes are parsed, the canonical form is its own canonical form with the same
 * keys, no key comes twice, and an entry written from it is found by the first key.
 */
#include <stdint.h>
#include <stdlib.h>

#include "rcptguard/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct address_options some_options[] = {
    {"+", true}, {"", false}, {"+-", true}, {".x", true}};

static void must(bool holds)
{
    if (!holds)
        abort();
}

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
    if (address_parse(view_make(data + 1, size - 1), options, first) != ADDRESS_OK) {
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
