/*
 * Addresses and entries as rules.md says them, written anew and with no thought of speed, for
 * targets that compare. About ASCII only: what UTS 46 makes of a domain is libidn2's to say.
 */
#ifndef FUZZ_MODEL_H
#define FUZZ_MODEL_H

#include <string.h>

#include "must.h"
#include "rcptguard/address.h"

#define MODEL_BYTES (3 * ADDRESS_MAX_BYTES)

struct model_text {
    size_t len;
    char bytes[MODEL_BYTES];
};

static inline struct view model_view(const struct model_text *t)
{
    return view_make(t->bytes, t->len);
}

static inline void model_add(struct model_text *t, struct view v)
{
    must(t->len + v.len <= sizeof t->bytes);
    for (size_t i = 0; i < v.len; i++)
        t->bytes[t->len++] = v.ptr[i];
}

static inline void model_lower(struct model_text *t)
{
    for (size_t i = 0; i < t->len; i++)
        if (t->bytes[i] >= 'A' && t->bytes[i] <= 'Z')
            t->bytes[i] += 'a' - 'A';
}

/* Rule 4: is it a quoted string, and what does it say then? */
static inline bool model_unquote(struct view raw, struct model_text *value)
{
    size_t i = 1;

    value->len = 0;
    if (raw.len < 2 || raw.ptr[0] != '"')
        return false;
    while (i < raw.len && raw.ptr[i] != '"') {
        if (raw.ptr[i] == '\\')
            i++;
        if (i < raw.len)
            model_add(value, view_make(raw.ptr + i, 1));
        i++;
    }
    return i == raw.len - 1;
}

static inline void model_local_value(struct view raw, struct model_text *value)
{
    if (!model_unquote(raw, value)) {
        value->len = 0;
        model_add(value, raw);
    }
    model_lower(value);
}

static inline void model_write_local(struct view value, struct model_text *out)
{
    bool quotes = false;

    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        quotes = quotes || c <= ' ' || c == 127 || strchr("\"\\,;:<>()[]@", c) != NULL;
    }
    if (quotes)
        model_add(out, view_of("\""));
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == '"' || value.ptr[i] == '\\')
            model_add(out, view_of("\\"));
        model_add(out, view_make(value.ptr + i, 1));
    }
    if (quotes)
        model_add(out, view_of("\""));
}

/* Rule 5: false where it is none. */
static inline bool model_domain(struct view raw, struct model_text *out)
{
    out->len = 0;
    model_add(out, raw);
    model_lower(out);
    if (out->len > 0 && out->bytes[out->len - 1] == '.')
        out->len--;
    if (out->len == 0)
        return false;
    if (out->bytes[0] == '[' && out->bytes[out->len - 1] == ']')
        return true;
    for (size_t i = 0; i < out->len; i++)
        if (out->bytes[i] == '.' && (i == 0 || i + 1 == out->len || out->bytes[i + 1] == '.'))
            return false;
    return true;
}

static inline bool model_is_gmail(struct view domain)
{
    return view_is(domain, "gmail.com") || view_is(domain, "googlemail.com");
}

/* Rule 2: VALUE at DOMAIN with the provider's aliases folded, if they are. */
static inline void model_address_key(struct view value, struct view domain, bool aliases,
                                     struct model_text *out)
{
    static struct model_text bare;

    out->len = bare.len = 0;
    aliases = aliases && model_is_gmail(domain);
    for (size_t i = 0; i < value.len && aliases; i++)
        if (value.ptr[i] != '.')
            model_add(&bare, view_make(value.ptr + i, 1));
    model_write_local(bare.len > 0 ? model_view(&bare) : value, out);
    model_add(out, view_of("@"));
    model_add(out, aliases ? view_of("gmail.com") : domain);
}

struct model_address {
    enum address_state state;
    struct model_text canonical, domain, full, cut; /* CUT: without its tag; empty: as FULL */
    bool literal, has_tag, has_local;
};

static inline size_t model_tag_at(struct view value, const char *delimiter)
{
    for (size_t i = 1; i < value.len; i++)
        if (value.ptr[i] != '\0' && strchr(delimiter, value.ptr[i]) != NULL)
            return i;
    return value.len;
}

static inline void model_address(struct view raw, const struct address_options *options,
                                 struct model_address *a)
{
    static struct model_text value;
    ptrdiff_t at = -1;

    a->canonical.len = a->full.len = a->cut.len = a->domain.len = 0;
    a->literal = a->has_tag = a->has_local = false;
    for (size_t i = 0; i < raw.len; i++)
        if (raw.ptr[i] == '@')
            at = (ptrdiff_t)i;
    a->state = raw.len > ADDRESS_MAX_BYTES ? ADDRESS_TOO_LONG
               : at < 0                    ? ADDRESS_NO_DOMAIN
                                           : ADDRESS_OK;
    if (a->state != ADDRESS_OK)
        return;
    if (!model_domain(view_from(raw, (size_t)at + 1), &a->domain)) {
        a->state = ADDRESS_BAD_DOMAIN;
        return;
    }
    struct view domain = model_view(&a->domain);
    a->literal = domain.ptr[0] == '[' && domain.ptr[domain.len - 1] == ']';
    model_local_value(view_first(raw, (size_t)at), &value);
    model_write_local(model_view(&value), &a->canonical);
    model_add(&a->canonical, view_of("@"));
    model_add(&a->canonical, domain);
    a->has_local = value.len > 0;
    if (!a->has_local)
        return;
    model_address_key(model_view(&value), domain, options->provider_aliases, &a->full);
    size_t tag = model_tag_at(model_view(&value), options->delimiter);
    a->has_tag = !a->literal && tag < value.len;
    if (a->has_tag)
        model_address_key(view_first(model_view(&value), tag), domain, options->provider_aliases,
                          &a->cut);
    if (view_eq(model_view(&a->full), model_view(&a->cut)))
        a->cut.len = 0;
}

/* ---- entries ----------------------------------------------------------------------------------
 */

enum model_result {
    MODEL_GOOD,
    MODEL_ROOT,
    MODEL_BAD,
    MODEL_UNSURE, /* about IP addresses or not ASCII: not the model's subject */
};

struct model_entry {
    enum entry_kind kind;
    struct model_text key;
};

static inline bool model_is_unsure(struct view what)
{
    for (size_t i = 0; i < what.len; i++)
        if ((unsigned char)what.ptr[i] >= 128)
            return true;
    return false;
}

static inline bool model_only(struct view v, const char *chars)
{
    for (size_t i = 0; i < v.len; i++)
        if (v.ptr[i] == '\0' || strchr(chars, v.ptr[i]) == NULL)
            return false;
    return true;
}

#define MODEL_NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789-_."

/* A name of a host, not perhaps an IP address. */
static inline enum model_result model_name_entry(struct view name, enum entry_kind kind,
                                                 struct model_entry *e)
{
    if (model_only(name, "*.@"))
        return MODEL_ROOT;
    if (name.len > ENTRY_MAX_BYTES)
        return MODEL_BAD;
    if (model_only(name, "0123456789abcdefABCDEF.:%[]IPvp") || view_find(name, ':') >= 0)
        return MODEL_UNSURE;
    if (!model_domain(name, &e->key) || !model_only(model_view(&e->key), MODEL_NAME_CHARS))
        return MODEL_BAD;
    e->kind = kind;
    return MODEL_GOOD;
}

/* Of an address, so that both the local part and the domain are read strictly. */
static inline enum model_result model_address_entry(struct view local, struct view name,
                                                    const struct address_options *options,
                                                    struct model_entry *e)
{
    static struct model_text value, domain;

    if (!model_unquote(local, &value)) {
        for (size_t i = 0; i < local.len; i++)
            if ((unsigned char)local.ptr[i] <= ' ' || local.ptr[i] == 127 ||
                strchr("\"\\,;:<>()[]@*", local.ptr[i]) != NULL)
                return MODEL_BAD;
        if (local.len >= 7 && view_eq_nocase(view_first(local, 7), view_of("mailto:")))
            return MODEL_BAD;
    }
    model_local_value(local, &value);
    if (value.len == 0 || !model_domain(name, &domain))
        return MODEL_BAD;
    struct view d = model_view(&domain);
    bool literal = d.ptr[0] == '[' && d.ptr[d.len - 1] == ']';
    if (literal &&
        (d.len < 3 || !model_only(view_make(d.ptr + 1, d.len - 2), MODEL_NAME_CHARS ":")))
        return MODEL_BAD;
    if (literal && view_find(d, '_') >= 0)
        return MODEL_BAD;
    if (!literal && !model_only(d, MODEL_NAME_CHARS))
        return MODEL_BAD;
    model_address_key(model_view(&value), d, options->provider_aliases, &e->key);
    e->kind = ENTRY_ADDRESS;
    return MODEL_GOOD;
}

/* Rule 1. */
static inline enum model_result model_entry(struct view what, const struct address_options *options,
                                            struct model_entry *e)
{
    while (what.len > 0 && memchr(" \t\r\n", what.ptr[0], 4) != NULL)
        what = view_make(what.ptr + 1, what.len - 1);
    while (what.len > 0 && memchr(" \t\r\n", what.ptr[what.len - 1], 4) != NULL)
        what.len--;
    if (model_is_unsure(what))
        return MODEL_UNSURE;
    if (what.len == 0 || what.len > ENTRY_MAX_BYTES)
        return MODEL_BAD;
    if (model_only(what, "*.@"))
        return MODEL_ROOT;
    ptrdiff_t at = view_find_last(what, '@');
    if (at > 0 && !(at == 1 && what.ptr[0] == '*'))
        return model_address_entry(view_first(what, (size_t)at), view_from(what, (size_t)at + 1),
                                   options, e);
    struct view name = view_from(what, (size_t)(at + 1));
    if (at == 1 && view_starts(name, "*."))
        return model_name_entry(view_from(name, 2), ENTRY_BELOW, e);
    if (at >= 0)
        return view_starts(name, ".") ? MODEL_BAD : model_name_entry(name, ENTRY_DOMAIN, e);
    if (view_starts(name, "*."))
        return model_name_entry(view_from(name, 2), ENTRY_BELOW, e);
    if (view_starts(name, "."))
        return model_name_entry(view_from(name, 1), ENTRY_TREE, e);
    return model_name_entry(name, ENTRY_DOMAIN, e);
}

#endif
