/*
 * The public suffix list asked about any name that a recipient may have: what comes back is a part
 * of the name, at a dot, and the answers fit each other.
 */
#include <stdint.h>

#include "must.h"
#include "rcptguard/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DNS_BYTES 253

static bool is_tail(struct view part, struct view name)
{
    return part.len <= name.len && part.ptr == name.ptr + name.len - part.len &&
           (part.len == name.len || part.ptr[-1] == '.');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct address_options options = {"+", true};
    static struct suffixes *suffixes;
    static struct address *a;

    if (suffixes == NULL) {
        suffixes = suffixes_new();
        a = malloc(sizeof *a);
    }
    must(suffixes != NULL && a != NULL);
    if (address_parse(view_make(data, size), &options, a) != ADDRESS_OK || a->literal)
        return 0;
    if (a->domain.len > DNS_BYTES || view_find(a->domain, '[') >= 0 ||
        view_find(a->domain, '\0') >= 0)
        return 0; /* no such name is in the DNS, nor in the list */
    struct view name = a->domain, registrable = suffixes_registrable(suffixes, name);
    struct view registry = suffixes_of_registry(suffixes, name);
    must(registry.len > 0 && is_tail(registry, name));
    must((registrable.len == 0) == suffixes_is_public(suffixes, name));
    if (registrable.len > 0) {
        must(is_tail(registrable, name) && !suffixes_is_public(suffixes, registrable));
        must(view_eq(suffixes_registrable(suffixes, registrable), registrable));
        must(view_find(registrable, '.') > 0);
    }
    suffixes_is_shared(suffixes, name);
    return 0;
}
