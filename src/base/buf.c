/* Buffers: one that grows up to a cap, one on memory of the caller that cuts. */
#include "rcptguard/base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "rcptguard/base/error.h"
#include "rcptguard/base/pages.h"

static int buf_fail(struct buf *b, int code)
{
    b->failed = true;
    return code;
}

static bool resize(struct buf *b, size_t size)
{
    char *data = realloc(b->data, size);

    if (data == NULL)
        return false;
    pages_large(data, size);
    b->data = data;
    b->size = size;
    return true;
}

/* Room for EXTRA more bytes and a NUL. */
static int buf_reserve(struct buf *b, size_t extra)
{
    if (b->failed)
        return ERR_LIMIT;
    if (extra > SIZE_MAX / 4 || b->len > SIZE_MAX / 4 || (b->cap != 0 && b->len + extra > b->cap))
        return buf_fail(b, ERR_LIMIT);
    size_t need = b->len + extra + 1;
    if (need <= b->size)
        return 0;
    size_t size = b->size < 256 ? 256 : b->size;
    while (size < need)
        size *= 2;
    return resize(b, size) ? 0 : buf_fail(b, ERR_NOMEM);
}

void buf_expect(struct buf *b, size_t bytes)
{
    if (b->cap != 0 && bytes > b->cap)
        bytes = b->cap;
    if (bytes < SIZE_MAX / 4 && b->len + bytes + 1 > b->size)
        resize(b, b->len + bytes + 1);
}

int buf_add(struct buf *b, const void *bytes, size_t len)
{
    int rc = buf_reserve(b, len);
    if (rc < 0)
        return rc;
    if (len > 0)
        memcpy(b->data + b->len, bytes, len);
    b->len += len;
    b->data[b->len] = '\0';
    return 0;
}

int buf_add_text(struct buf *b, const char *text)
{
    return buf_add(b, text, strlen(text));
}

int buf_add_view(struct buf *b, struct view v)
{
    return buf_add(b, v.ptr, v.len);
}

int buf_addf(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        return buf_fail(b, ERR_NOMEM);
    int rc = buf_reserve(b, (size_t)len);
    if (rc < 0)
        return rc;
    va_start(args, format);
    vsnprintf(b->data + b->len, (size_t)len + 1, format, args);
    va_end(args);
    b->len += (size_t)len;
    return 0;
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->failed = false;
    if (b->data != NULL)
        b->data[0] = '\0';
}

void buf_free(struct buf *b)
{
    free(b->data);
    *b = BUF_INIT(b->cap);
}

struct view buf_view(const struct buf *b)
{
    return view_make(b->data, b->len);
}

struct text text_on(char *dst, size_t size)
{
    dst[0] = '\0';
    return (struct text){dst, size, 0, false};
}

void text_add_view(struct text *t, struct view v)
{
    size_t room = t->size - 1 - t->len;

    if (v.len > room) {
        v.len = room;
        t->cut = true;
    }
    if (v.len > 0)
        memcpy(t->dst + t->len, v.ptr, v.len);
    t->len += v.len;
    t->dst[t->len] = '\0';
}

void text_addf(struct text *t, const char *format, ...)
{
    size_t room = t->size - t->len;
    va_list args;

    va_start(args, format);
    int len = vsnprintf(t->dst + t->len, room, format, args);
    va_end(args);
    if (len < 0)
        return;
    if ((size_t)len >= room) {
        t->cut = true;
        len = (int)(room - 1);
    }
    t->len += (size_t)len;
}

struct view text_view(const struct text *t)
{
    return view_make(t->dst, t->len);
}
