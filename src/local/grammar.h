/*
 * One line of either file: WHAT [key=value ...] [# note]. Pure (the time zone for `until=`
 * apart).
 */
#ifndef LOCAL_GRAMMAR_H
#define LOCAL_GRAMMAR_H

#include "rcptguard/local.h"

#define GRAMMAR_MAX_LINE  16384
#define GRAMMAR_MAX_LISTS 1024

enum line_kind {
    LINE_BLANK, /* nothing, or a comment that is not damaged */
    LINE_GOOD,
    LINE_BAD, /* *why says what is wrong and what to do */
};

/* Views point into the line, or into this struct: it must not be copied. */
struct grammar_line {
    enum local_subject subject;
    enum entry_kind kind;
    struct view key;   /* canonical; "" for sender:<> */
    struct view lists; /* "a,b" of all list= together */
    struct view until_text, ticket, by, at;
    struct view note;    /* of note=, else the comment behind */
    struct view comment; /* behind, also where there is a note= */
    int64_t until;
    enum local_kind file;
    unsigned column;      /* of the word that is wrong in a bad line, from 1; 0: of none */
    unsigned list_column; /* of the first list= */
    struct local_what whom;
    char lists_text[GRAMMAR_MAX_LISTS];
};

enum line_kind grammar_parse(enum local_kind kind, struct view line,
                             const struct address_options *options, struct grammar_line *out,
                             struct error *why);

/* Room for any WHAT in canonical print. */
#define GRAMMAR_WHAT_BYTES (sizeof((struct entry *)0)->text + 32)

/* Would V be read back as the value of a key, between double quotes or as it is? */
bool grammar_holds_value(struct view v, bool quoted);

/* Appends WHAT in canonical print: .example.org, login:abuse-desk, sender:<>. */
void grammar_print_what(struct text *t, enum local_subject subject, enum entry_kind kind,
                        struct view key);

#endif
