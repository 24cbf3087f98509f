/* Views: looking at bytes without owning them. ASCII rules only, so that no locale has a say. */
#include "rcptguard/base/view.h"

#include <stdlib.h>

bool view_eq_nocase(struct view a, struct view b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[i]))
            return false;
    return true;
}

ptrdiff_t view_find(struct view v, char c)
{
    const char *at = v.len == 0 ? NULL : memchr(v.ptr, c, v.len);
    return at == NULL ? -1 : at - v.ptr;
}

ptrdiff_t view_find_last(struct view v, char c)
{
    const char *at = v.len == 0 ? NULL : memrchr(v.ptr, c, v.len);
    return at == NULL ? -1 : at - v.ptr;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

ptrdiff_t view_find_any(struct view v, const char *chars)
{
    for (size_t i = 0; i < v.len; i++)
        if (v.ptr[i] != '\0' && strchr(chars, v.ptr[i]) != NULL)
            return (ptrdiff_t)i;
    return -1;
}

struct view view_trim(struct view v)
{
    while (v.len > 0 && is_blank(v.ptr[0])) {
        v.ptr++;
        v.len--;
    }
    while (v.len > 0 && is_blank(v.ptr[v.len - 1]))
        v.len--;
    return v;
}

ptrdiff_t view_find_nontext(struct view v)
{
    struct view rest = v, line;

    while (view_split(&rest, '\n', &line)) {
        struct view words = view_trim(line);
        for (const char *at = words.ptr; at < words.ptr + words.len; at++)
            if (*at == '\0' || *at == '\r')
                return at - v.ptr;
    }
    return -1;
}

bool view_split(struct view *rest, char separator, struct view *part)
{
    if (rest->ptr == NULL)
        return false;
    ptrdiff_t at = view_find(*rest, separator);
    if (at < 0) {
        *part = *rest;
        *rest = VIEW_NONE;
        return true;
    }
    *part = view_first(*rest, (size_t)at);
    /* Not view_from: an empty field behind the last separator is a field too. */
    *rest = view_make(rest->ptr + at + 1, rest->len - (size_t)at - 1);
    return true;
}

bool view_word(struct view *rest, struct view *word)
{
    struct view v = view_trim(*rest);
    size_t len = 0;

    while (len < v.len && !is_blank(v.ptr[len]))
        len++;
    *word = view_first(v, len);
    *rest = view_from(v, len);
    return len > 0;
}

char *view_dup(struct view v)
{
    char *copy = malloc(v.len + 1);
    if (copy == NULL)
        return NULL;
    if (v.len > 0)
        memcpy(copy, v.ptr, v.len);
    copy[v.len] = '\0';
    return copy;
}

bool view_to_uint(struct view v, uint64_t max, uint64_t *number)
{
    uint64_t n = 0;

    if (v.len == 0)
        return false;
    for (size_t i = 0; i < v.len; i++) {
        if (!ascii_digit(v.ptr[i]))
            return false;
        uint64_t digit = (uint64_t)(v.ptr[i] - '0');
        if (n > (max - digit) / 10 || digit > max)
            return false;
        n = n * 10 + digit;
    }
    *number = n;
    return true;
}

/* The length of the sequence that begins at P, or 0 when it is not valid (RFC 3629, section 4). */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
    unsigned char low = 0x80, high = 0xbf;
    size_t len;

    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        len = 2;
    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        len = 3;
        low = p[0] == 0xe0 ? 0xa0 : 0x80;
        high = p[0] == 0xed ? 0x9f : 0xbf;
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        len = 4;
        low = p[0] == 0xf0 ? 0x90 : 0x80;
        high = p[0] == 0xf4 ? 0x8f : 0xbf;
    } else {
        return 0;
    }
    if (left < len || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if (p[i] < 0x80 || p[i] > 0xbf)
            return 0;
    return len;
}

bool view_is_utf8(struct view v)
{
    const unsigned char *bytes = (const unsigned char *)v.ptr;

    for (size_t i = 0; i < v.len;) {
        size_t len = utf8_sequence(bytes + i, v.len - i);
        if (len == 0)
            return false;
        i += len;
    }
    return true;
}

bool view_is_ascii(struct view v)
{
    for (size_t i = 0; i < v.len; i++)
        if ((unsigned char)v.ptr[i] >= 0x80)
            return false;
    return true;
}
