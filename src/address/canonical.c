/* Canonical local parts and domains, for recipients and entries alike. */
#include "canonical.h"

#include <idn2.h>

#include "rcptguard/address.h"

/* Rule 4: a space, a control byte or one of these needs quotes; dots anywhere do not. */
static bool must_quote(char c)
{
    switch (c) {
    case ' ':
    case '"':
    case '\\':
    case ',':
    case ';':
    case ':':
    case '<':
    case '>':
    case '(':
    case ')':
    case '[':
    case ']':
    case '@':
        return true;
    default:
        return ascii_control(c);
    }
}

bool local_is_quoted(struct view raw)
{
    if (raw.len < 2 || raw.ptr[0] != '"' || raw.ptr[raw.len - 1] != '"')
        return false;

    size_t last = raw.len - 1;
    for (size_t i = 1; i < last; i++) {
        if (raw.ptr[i] == '"')
            return false;
        if (raw.ptr[i] == '\\' && ++i == last)
            return false;
    }
    return true;
}

struct view local_value(struct view raw, char *scratch)
{
    if (!local_is_quoted(raw))
        return raw;

    size_t len = 0;
    for (size_t i = 1; i < raw.len - 1; i++) {
        if (raw.ptr[i] == '\\')
            i++;
        scratch[len++] = raw.ptr[i];
    }
    return view_make(scratch, len);
}

static bool only_dots(struct view v)
{
    for (size_t i = 0; i < v.len; i++)
        if (v.ptr[i] != '.')
            return false;
    return true;
}

static size_t write_quoted(char *dst, struct view value, bool drop_dots)
{
    size_t len = 0;

    dst[len++] = '"';
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (drop_dots && c == '.')
            continue;
        if (c == '"' || c == '\\')
            dst[len++] = '\\';
        dst[len++] = ascii_lower(c);
    }
    dst[len++] = '"';
    return len;
}

size_t local_write(char *dst, struct view value, bool drop_dots)
{
    bool quote = false;
    size_t len = 0;

    drop_dots = drop_dots && !only_dots(value);
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        quote |= must_quote(c);
        dst[len] = ascii_lower(c);
        len += !(drop_dots && c == '.');
    }
    return quote ? write_quoted(dst, value, drop_dots) : len;
}

bool provider_is_gmail(struct view domain)
{
    return view_is(domain, PROVIDER_GMAIL) || view_is(domain, "googlemail.com");
}

size_t address_write(char *dst, struct view value, struct view domain, bool fold)
{
    bool gmail = fold && provider_is_gmail(domain);
    size_t len = local_write(dst, value, gmail);

    if (gmail)
        domain = view_of(PROVIDER_GMAIL);
    dst[len++] = '@';
    memcpy(dst + len, domain.ptr, domain.len);
    return len + domain.len;
}

bool domain_char(char c)
{
    return ascii_alnum(c) || c == '-' || c == '_' || c == '.';
}

static struct view without_trailing_dot(struct view v)
{
    return v.len > 0 && v.ptr[v.len - 1] == '.' ? view_first(v, v.len - 1) : v;
}

static enum domain_fault fold_ascii(struct view raw, char *dst, size_t size, struct domain *out)
{
    struct view v = without_trailing_dot(raw);
    unsigned dots = 0;
    char before = '.';

    if (v.len == 0)
        return DOMAIN_EMPTY;
    if (v.len > size)
        return DOMAIN_NO_ROOM;
    bool literal = v.ptr[0] == '[' && v.ptr[v.len - 1] == ']';
    for (size_t i = 0; i < v.len; i++) {
        char c = ascii_lower(v.ptr[i]);
        if (c == '.' && !literal) {
            if (before == '.')
                return DOMAIN_EMPTY_LABEL;
            dots++;
        }
        dst[i] = before = c;
    }
    if (before == '.')
        return DOMAIN_EMPTY_LABEL;
    *out = (struct domain){view_make(dst, v.len), dots, literal};
    return DOMAIN_GOOD;
}

/*
 * Mapping can make any ASCII out of full-width and compatibility characters, '@', '[' and '/'
 * among them: a name that is not a name after it is refused, so that nothing is taken for an
 * address or a literal that the sender did not write as one.
 */
static enum domain_fault fold_mapped(struct view mapped, char *dst, size_t size, struct domain *out)
{
    for (size_t i = 0; i < mapped.len; i++)
        if (!domain_char(mapped.ptr[i]))
            return DOMAIN_NOT_IDN;
    return fold_ascii(mapped, dst, size, out);
}

static enum domain_fault fold_idn(struct view raw, char *dst, size_t size, struct domain *out)
{
    char source[DOMAIN_IDN_MAX_BYTES + 1];
    uint8_t *mapped = NULL;

    if (!view_is_utf8(raw))
        return DOMAIN_NOT_UTF8;
    if (raw.len > DOMAIN_IDN_MAX_BYTES || view_find(raw, '\0') >= 0)
        return DOMAIN_NOT_IDN;
    memcpy(source, raw.ptr, raw.len);
    source[raw.len] = '\0';
    if (idn2_lookup_u8((const uint8_t *)source, &mapped, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) !=
        IDN2_OK)
        return DOMAIN_NOT_IDN;

    enum domain_fault fault = fold_mapped(view_of((const char *)mapped), dst, size, out);
    idn2_free(mapped);
    return fault;
}

enum domain_fault domain_fold(struct view raw, char *dst, size_t size, struct domain *out)
{
    return view_is_ascii(raw) ? fold_ascii(raw, dst, size, out) : fold_idn(raw, dst, size, out);
}

struct view domain_unicode(struct view name, char dst[DOMAIN_UNICODE_MAX_BYTES])
{
    char source[DOMAIN_IDN_MAX_OUT + 1];
    struct view unicode = VIEW_NONE;
    char *out = NULL;

    if (name.len >= sizeof source || memmem(name.ptr, name.len, "xn--", 4) == NULL)
        return VIEW_NONE;
    memcpy(source, name.ptr, name.len);
    source[name.len] = '\0';
    if (idn2_to_unicode_8z8z(source, &out, 0) == IDN2_OK &&
        strlen(out) < DOMAIN_UNICODE_MAX_BYTES && !view_is_ascii(view_of(out))) {
        unicode = view_make(dst, strlen(out));
        memcpy(dst, out, unicode.len);
    }
    idn2_free(out);
    return unicode;
}
