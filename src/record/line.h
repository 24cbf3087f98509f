/*
 * A decision as one line of text, and back: REF first, so that a search looks no further in the
 * lines of others. Fields are parted by tabs and bytes that would break the line are \xHH. Later
 * versions may put fields behind; nothing else may change. Pure.
 */
#ifndef RCPTGUARD_RECORD_LINE_H
#define RCPTGUARD_RECORD_LINE_H

#include "rcptguard/base/buf.h"
#include "rcptguard/record.h"

#define LINE_FIELD_BYTES 1024
#define LINE_BYTES       (54 * 1024) /* thirteen texts of nothing but \xHH, and numbers */

/* T has room for LINE_BYTES. Each text is cut at LINE_FIELD_BYTES bytes. */
void line_write(struct text *t, const struct record_decision *d);

/* Is it the line of REF, in any case? */
bool line_has_ref(struct view line, struct view ref);

/* Reads the LEN bytes at LINE, which are overwritten and then hold D's texts. False when it is not
 * such a line. */
bool line_read(char *line, size_t len, struct record_decision *d);

/* The label as a constant when it is that of a refusal, else NULL. */
const char *line_refusal(struct view label);

#endif
