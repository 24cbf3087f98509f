/*
 * The line that an edit writes: what the lines of one WHAT say together with what the edit adds.
 * Pure.
 */
#ifndef LOCAL_EDIT_LINE_H
#define LOCAL_EDIT_LINE_H

#include "grammar.h"

#define EDIT_MAX_BY     64
#define EDIT_MAX_TICKET 200
#define EDIT_MAX_NOTE   500
#define EDIT_MAX_JOINED 1000 /* bytes of a ticket or note made of several */

/* Views point into the old text, the edit, or this struct: it must not be copied. */
struct edit_line {
    enum local_subject subject;
    enum entry_kind kind;
    struct view key;
    bool whole;        /* against every list */
    struct text lists; /* "a,b" */
    int64_t until;     /* with until_text; INT64_MAX: for ever */
    struct view until_text, by, at;
    struct text ticket, note;
    bool overflow; /* more lists than a line may name */
    char lists_bytes[GRAMMAR_MAX_LISTS + 1], ticket_bytes[GRAMMAR_MAX_LINE + 1],
        note_bytes[GRAMMAR_MAX_LINE + 1];
    char by_bytes[EDIT_MAX_BY + 1], at_bytes[21];
};

/* Says what L says. */
void edit_line_from(struct edit_line *e, const struct grammar_line *l);

/* Says nothing yet. */
void edit_line_begin(struct edit_line *e);

/* Says what E and L say together: the later until, the wider list (rule 13). What is over at NOW
 * adds its ticket and note alone: it frees nobody any more, and is not to free by what comes now.
 */
void edit_line_merge(struct edit_line *e, const struct grammar_line *l, int64_t now);

/* Only an edit can be refused: ERR_SYNTAX with *why, which names the field. */
int edit_line_check(enum local_kind kind, const struct local_edit *edit, struct error *why);

/* Says what a checked EDIT adds. True when something is different now. */
bool edit_line_add(struct edit_line *e, const struct local_edit *edit, int64_t until);

/* Takes the lists of NAMES out; true when one of them was named. */
bool edit_line_take_out(struct edit_line *e, struct view names);

/* The line, without its end. */
void edit_line_print(const struct edit_line *e, struct buf *to);

#endif
