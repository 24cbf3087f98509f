/*
 * An edit of the text of a file: old bytes and an edit give new bytes. Whatever the edit does not
 * mean stays, byte for byte. Pure (the time zone for `until=` apart).
 */
#ifndef LOCAL_EDIT_TEXT_H
#define LOCAL_EDIT_TEXT_H

#include "rcptguard/base/buf.h"
#include "rcptguard/local.h"

struct edited_text {
    enum local_outcome outcome;
    struct error why;         /* BAD, ABSENT, FAILED */
    struct buf text;          /* the whole new text; of ADDED and CHANGED only */
    struct buf what;          /* canonical; "" of PRUNE and BAD */
    struct buf before, after; /* lines without their ends, '\n' between */
    unsigned line;
    uint64_t lines;
    int64_t until; /* of the line that was added */
};

/* Always to be freed. */
void edit_text(enum local_kind kind, struct view old, const struct local_edit *edit,
               const struct address_options *options, struct edited_text *out);
void edited_text_free(struct edited_text *t);

#endif
