/* What rule 28 asks of bytes from outside where people see them. */
#ifndef FUZZ_SHOWN_H
#define FUZZ_SHOWN_H

#include "must.h"
#include "rcptguard/base/view.h"

static inline bool shown_has(struct view v, const char *bytes)
{
    return memmem(v.ptr, v.len, bytes, strlen(bytes)) != NULL;
}

/* One line of UTF-8 that no terminal obeys: no control, C1, line separator or bidi control. */
static inline void shown_must_be_safe(struct view v)
{
    static const char *const sly[] = {
        "\xd8\x9c",     "\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\xa8", "\xe2\x80\xa9",
        "\xe2\x80\xaa", "\xe2\x80\xab", "\xe2\x80\xac", "\xe2\x80\xad", "\xe2\x80\xae",
        "\xe2\x81\xa6", "\xe2\x81\xa7", "\xe2\x81\xa8", "\xe2\x81\xa9"};

    must(v.len == 0 || view_is_utf8(v));
    for (size_t i = 0; i < v.len; i++) {
        must(!ascii_control(v.ptr[i]));
        must(v.ptr[i] != '\xc2' || (unsigned char)v.ptr[i + 1] >= 0xa0);
    }
    for (size_t i = 0; v.len > 0 && i < sizeof sly / sizeof *sly; i++)
        must(!shown_has(v, sly[i]));
}

#endif
