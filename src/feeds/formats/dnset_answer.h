/*
 * What rbldnsd would answer for a row of a dnset: an address and a text, made of the row's own
 * :A:TXT, of the default in force, and of the zone's variables. Made only for whoever asks where an
 * entry comes from; while a list is parsed, nothing but the few lines that set something is kept.
 */
#ifndef FEEDS_FORMATS_DNSET_ANSWER_H
#define FEEDS_FORMATS_DNSET_ANSWER_H

#include "rcptguard/base/buf.h"

#define DNSET_TEXT_BYTES 255 /* of a TXT record's string; rbldnsd cuts there, too */
#define DNSET_VARIABLES  11  /* $0 to $9, and the template $= */

/* What lines before a row have set; all zero: nothing. */
struct dnset_words {
    unsigned char value[4]; /* of the default; all zero: 127.0.0.2 */
    struct dnset_text {
        unsigned char len;
        char bytes[DNSET_TEXT_BYTES];
    } text, variables[DNSET_VARIABLES];
};

struct dnset_row {
    const struct dnset_words *words;
    struct view name; /* without a wildcard */
    struct view rest; /* behind the name, without blanks around it */
};

/* ":A" and ":A:TXT" with A of one to four octets: ":5" is 127.0.0.5. *BEHIND begins with the second
 * colon, or is empty: there is none. */
bool dnset_value(struct view v, unsigned char value[4], struct view *behind);

/* A default (it is one that dnset_value takes), and "$1 TEXT": WORD is "1". */
void dnset_set_default(struct dnset_words *words, struct view line);
void dnset_set_variable(struct dnset_words *words, struct view word, struct view text);

/* The answer for ROW: "127.0.0.2", and its text. */
void dnset_answer(const struct dnset_row *row, struct text *value, struct text *text);

#endif
