/* Between the parts of `rcptguard lint`. */
#ifndef CLI_LINT_H
#define CLI_LINT_H

#include "cli.h"

/* One file on its way. */
struct lint {
    struct cli *cli;
    const struct config *config; /* [addresses], [protect] and the names of lists */
    const char *name;            /* as given */
    uint64_t problems, warnings, told;
    json_t *list; /* of the problems told; NULL without --json */
};

struct lint_place {
    uint64_t line;   /* 0: the whole file */
    unsigned column; /* from 1; 0: not known */
};

/* Says a problem of a file's LINE (0: of the whole file), or keeps it for the JSON; TEXT is the
 * row, or empty. */
void lint_tell(struct lint *l, uint64_t line, struct view text, const char *why, bool warning);

void lint_tell_at(struct lint *l, struct lint_place at, struct view text, const char *why,
                  bool warning);

/* "and N more", when not all of them were said. */
void lint_tell_rest(const struct lint *l);

/* Bytes from outside as a JSON string: escaped, as on a terminal. */
json_t *lint_text(struct view v);

/* The file's JSON object from DETAILS (taken): with name, counts and problems. */
void lint_print_json(const struct lint *l, json_t *details);

/* Reads FD as a feed, or as a file of exclusions or local blocks. A cli_exit. */
int lint_feed(struct lint *l, int fd, const struct feed_config *feed);
int lint_local(struct lint *l, int fd, enum local_kind kind);

/*
 * A configuration of one feed of that format with the settings of --set; NULL: its errors are on
 * stderr. Caller frees with config_release.
 */
struct config *lint_settings(const struct args *args, const struct feed_format_info *format);

/* All formats, as the table has them. */
void lint_print_formats(FILE *to);

#endif
