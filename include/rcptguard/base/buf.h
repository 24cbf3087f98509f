/*
 * Two ways to build text. `struct buf` grows on the heap up to a cap (worker, disk thread, start,
 * admin). `struct text` fills memory of the caller, never allocates and cuts at the end (query
 * path, logs).
 */
#ifndef RCPTGUARD_BASE_BUF_H
#define RCPTGUARD_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "rcptguard/base/view.h"

struct buf {
    char *data; /* NUL-terminated once anything was added; owned */
    size_t len;
    size_t size;
    size_t cap;  /* most bytes it may hold; 0: no cap */
    bool failed; /* no memory or beyond the cap: what was added since is missing */
};

#define BUF_INIT(cap_bytes) ((struct buf){NULL, 0, 0, (cap_bytes), false})

/* Each returns 0, or ERR_NOMEM / ERR_LIMIT and sets failed; a failed buf takes nothing more. */
int buf_add(struct buf *b, const void *bytes, size_t len);
int buf_add_text(struct buf *b, const char *text);
int buf_add_view(struct buf *b, struct view v);
int buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* About so many bytes are to come; a guess, nothing fails. */
void buf_expect(struct buf *b, size_t bytes);
void buf_clear(struct buf *b); /* len 0, not failed; keeps the memory */
void buf_free(struct buf *b);
struct view buf_view(const struct buf *b);

struct text {
    char *dst;
    size_t size;
    size_t len; /* without the NUL, always below size */
    bool cut;   /* something did not fit */
};

/* DST has SIZE > 0 bytes and is borrowed as long as the text is used; it always ends in NUL. */
struct text text_on(char *dst, size_t size);
void text_add_view(struct text *t, struct view v);

/* Here, so that the compiler counts the bytes of literals. */
static inline void text_add(struct text *t, const char *words)
{
    text_add_view(t, view_of(words));
}

void text_addf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct view text_view(const struct text *t);

#endif
