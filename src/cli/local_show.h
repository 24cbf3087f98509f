/*
 * Exclusions and local blocks as people see them: the tables, and what an edit did. Both files have
 * one grammar, so one set of functions, told by a row of words.
 */
#ifndef CLI_LOCAL_SHOW_H
#define CLI_LOCAL_SHOW_H

#include "show.h"

/* The words of a kind. */
struct local_words {
    const char *path;         /* of the API */
    const char *key;          /* of the array of lines; also the command that shows it */
    const char *add, *remove; /* the commands */
    const char *done;         /* "excluded" */
    const char *undone;       /* what holds when a line is out */
    bool lists;               /* lines may have list= */
};
extern const struct local_words local_exclusions, local_blocks;

/* The answer of GET. */
void local_show_table(const struct show *s, const struct local_words *w, const json_t *answer);

/* The answer of POST, of an edit that ENDS at some time or not; true when something changed. */
bool local_show_added(const struct show *s, const struct local_words *w, const json_t *answer,
                      bool ends);

/* The answer of DELETE; WHAT empty: of --prune. Where it has an error, too, one of two files could
 * not be changed. True when something changed. */
bool local_show_removed(const struct show *s, const struct local_words *w, struct view what,
                        const json_t *answer);

/* The value of KEY= ("until=") in a LINE of a file; empty when it has none. */
struct view local_line_value(struct view line, const char *key);

#endif
