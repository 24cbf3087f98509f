/*
 * What people see: aligned, coloured only on a terminal, and nothing from outside reaches the
 * terminal unescaped.
 */
#ifndef CLI_SHOW_H
#define CLI_SHOW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "rcptguard/base/view.h"

enum show_colour { SHOW_PLAIN, SHOW_BOLD, SHOW_GREEN, SHOW_YELLOW, SHOW_RED };

struct show {
    FILE *to;
    bool colour;
    int64_t now; /* seconds since 1970, for ages */
    /* As -s and -c were given, for the commands to paste, which are to ask the same daemon. */
    const char *socket, *config;
};

/* Colour when TO is a terminal that can, and NO_COLOR is unset or empty. */
struct show show_on(FILE *to, int64_t now);

/* Prints words of ours in a colour. */
void show_words(const struct show *s, enum show_colour colour, const char *words);

/* Prints bytes from outside, escaped, a longer text whole. */
void show_view(const struct show *s, struct view v);

/* "  LABEL       " to begin a line; more lines of the same label begin with show_label(s, ""). */
void show_label(const struct show *s, const char *label);

/* A field of OBJECT as text: "" when it is missing or null. Borrowed. */
struct view show_field(const json_t *object, const char *key);
bool show_is_set(const json_t *object, const char *key); /* there and not null */
json_int_t show_number(const json_t *object, const char *key);

/* "12 s", "5 min", "3 h", "2 d"; returns DST. */
#define SHOW_SPAN_MAX 32
const char *show_span(int64_t seconds, char dst[SHOW_SPAN_MAX]);

/* "3 h ago", "in 5 min", "now", "never" for THEN 0; returns DST. */
const char *show_age(int64_t now, int64_t then, char dst[SHOW_SPAN_MAX]);

/* Seconds since 1970 of "YYYY-MM-DDTHH:MM:SSZ"; 0 for anything else. */
int64_t show_time(struct view text);

/* The age of a field that holds a time. */
const char *show_field_age(const struct show *s, const json_t *object, const char *key,
                           char dst[SHOW_SPAN_MAX]);

/* "2026-11-23 19:10 (3 h ago)" in local time. */
void show_when(const struct show *s, struct view text);

/*
 * The moment of until= as the files have it: YYYY-MM-DD (its last second, local time) or
 * YYYY-MM-DDTHH:MM[:SS]Z; 0 for any other form.
 */
int64_t show_until_time(struct view until);

/* "2026-12-31 (in 37 d)", or as it is written; V empty: "for ever". */
void show_until(const struct show *s, struct view until);

/* A member of an array as text. */
struct view show_item(const json_t *item);

/* V in a colour, padded on the right to WIDTH columns; a longer one is shown whole. */
void show_padded(const struct show *s, struct view v, int width, enum show_colour colour);

/* "2026-11-23 19:10" and "19:10:05", local time, of a text for show_time; "-" for what is none. */
const char *show_local_date(struct view text, char dst[SHOW_SPAN_MAX]);
const char *show_local_clock(struct view text, char dst[SHOW_SPAN_MAX]);

/* A table: cells of outside text, cut at 256 bytes, columns as wide as most need. Row 0 is the
 * head. */
#define SHOW_COLUMNS 9
struct show_table {
    unsigned columns;
    unsigned right; /* bit for each column that is aligned right */
    struct show_cell {
        char *text; /* owned; NULL: no memory */
        enum show_colour colour;
    } *cells; /* owned */
    size_t count, room;
    bool failed;
};
void show_table_add(struct show_table *t, struct view text, enum show_colour colour);
void show_table_print(const struct show *s, struct show_table *t); /* and frees the cells */

#endif
