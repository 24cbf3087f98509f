/*
 * A view is a piece of somebody else's bytes: pointer and length, no NUL needed, never owned.
 * It is valid as long as the bytes behind it. Everything that outsiders send is handled as
 * views, because it may hold any byte.
 */
#ifndef RCPTGUARD_BASE_VIEW_H
#define RCPTGUARD_BASE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct view {
    const char *ptr;
    size_t len;
};

#define VIEW_NONE ((struct view){NULL, 0})

static inline struct view view_make(const void *ptr, size_t len)
{
    return (struct view){(const char *)ptr, len};
}

/* NULL gives an empty view. */
static inline struct view view_of(const char *text)
{
    return (struct view){text, text == NULL ? 0 : strlen(text)};
}

static inline bool view_eq(struct view a, struct view b)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): empty if NULL */
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool view_is(struct view a, const char *text)
{
    return view_eq(a, view_of(text));
}

/* The part from byte FROM on; empty when FROM is beyond the end. */
static inline struct view view_from(struct view v, size_t from)
{
    return from >= v.len ? VIEW_NONE : (struct view){v.ptr + from, v.len - from};
}

/* The first LEN bytes, or all when there are fewer. */
static inline struct view view_first(struct view v, size_t len)
{
    return (struct view){v.ptr, len < v.len ? len : v.len};
}

static inline bool view_starts(struct view v, const char *text)
{
    size_t len = strlen(text);
    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): empty if NULL */
    return v.len >= len && memcmp(v.ptr, text, len) == 0;
}

/* ASCII only: the locale never decides how an address or a key is read. */
static inline char ascii_lower(char c)
{
    return (c >= 'A' && c <= 'Z') ? (char)(c + ('a' - 'A')) : c;
}

static inline bool ascii_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool ascii_alnum(char c)
{
    return ascii_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

/* Bytes below 0x20 and 0x7f. */
static inline bool ascii_control(char c)
{
    return (unsigned char)c < 0x20 || (unsigned char)c == 0x7f;
}

/* Equal but for the case of ASCII letters. */
bool view_eq_nocase(struct view a, struct view b);

/* Position of the first / last C, or -1. */
ptrdiff_t view_find(struct view v, char c);
ptrdiff_t view_find_last(struct view v, char c);

/* Position of the first byte that is one of CHARS, or -1. */
ptrdiff_t view_find_any(struct view v, const char *chars);

/*
 * Position of the first byte that no text file of ours holds: a NUL byte, as a power cut or UTF-16
 * leave them, or a CR within a line, as where lines end with CR alone. -1: there is none. It makes
 * what stands behind it part of the same line, of a comment perhaps.
 */
ptrdiff_t view_find_nontext(struct view v);

/* Without spaces, tabs, CR and LF at both ends. */
struct view view_trim(struct view v);

/*
 * Takes the part of *REST before the first SEPARATOR, moves *REST behind it, and returns the part.
 * Without a separator all of *REST is taken and it becomes VIEW_NONE. Returns false when *REST was
 * VIEW_NONE (ptr NULL), so `while (view_split(&rest, ',', &part))` visits every field, empty ones
 * too.
 */
bool view_split(struct view *rest, char separator, struct view *part);

/* Takes the next word of *REST (blanks between); false at the end. */
bool view_word(struct view *rest, struct view *word);

/* An allocated NUL-terminated copy (an inner NUL stays, and cuts the string); NULL: no memory. */
char *view_dup(struct view v);

/* A decimal number without sign, at most MAX; false on anything else. */
bool view_to_uint(struct view v, uint64_t max, uint64_t *number);

/* Valid UTF-8 by RFC 3629: no surrogates, no overlong forms, at most U+10FFFF. */
bool view_is_utf8(struct view v);
bool view_is_ascii(struct view v);

#endif
