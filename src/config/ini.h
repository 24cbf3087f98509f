/*
 * The grammar of the configuration file, and nothing of its meaning: sections, keys, values, line
 * numbers. Our own, because libinih as packaged cuts lines at 200 bytes. Pure.
 *
 *   [section]  [section name]  key = value
 *   '#' begins a comment at the start of a line or after white space; "\#" is a literal '#'.
 *   A line that begins with white space continues the key above it; blank lines and comments in
 *   between change nothing (as in Postfix's main.cf). CRLF and a UTF-8 BOM are fine. NUL bytes, and
 *   CRs that end no line, are bad in comments, too: settings may have stood there.
 */
#ifndef CONFIG_INI_H
#define CONFIG_INI_H

#include <stdbool.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/base/view.h"

enum ini_kind {
    INI_END,
    INI_SECTION, /* name, value: "feed", "aper"; value is empty in [section] */
    INI_KEY,     /* name, value */
    INI_BAD,     /* problem */
};

/* Views are valid until the next ini_next. */
struct ini_item {
    enum ini_kind kind;
    unsigned line; /* where it begins, from 1 */
    struct view name, value;
    const char *problem;

    /* A continuation line that reads like "word = ...": probably a key indented by mistake. */
    unsigned hidden_line; /* 0: none */
    struct view hidden_key;
};

struct ini {
    struct view rest;
    unsigned line;
    struct buf text; /* the logical line, without comments */
};

/* TEXT is borrowed until ini_end. */
void ini_begin(struct ini *ini, struct view text);
enum ini_kind ini_next(struct ini *ini, struct ini_item *item);
int ini_end(struct ini *ini); /* 0, or ERR_NOMEM: items may be missing */

#endif
