/*
 * Is this a list at all? What a dead feed serves is normally a good 200 with a login page, a
 * "moved" page or the source of a script. Looks at bytes as they come, keeps the first KiB.
 */
#ifndef FEEDS_SNIFF_H
#define FEEDS_SNIFF_H

#include "rcptguard/base/view.h"

#define SNIFF_BYTES 1024
#define SNIFF_RAW   8192

struct sniff {
    size_t len; /* of HEAD: the first bytes that are no comment, from one not blank, lower case */
    char head[SNIFF_BYTES];
    enum { SNIFF_BLANK, SNIFF_TEXT, SNIFF_COMMENT } line; /* what its beginning says it is */
    size_t raw_len;
    char raw[SNIFF_RAW]; /* the first bytes as they are */
    bool control;        /* a control byte was seen, anywhere; TAB, CR, LF and FF are none */
};

void sniff_chunk(struct sniff *s, struct view bytes);

/* The first lines, whole ones unless the copy is one long line. */
struct view sniff_head(const struct sniff *s);

/* Does the beginning hold a tag of HTML, XML, PHP or a script? */
bool sniff_is_html(const struct sniff *s);

#endif
