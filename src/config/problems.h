/* What is wrong, for people: "FILE:LINE: section.key: what is wrong; what to do". */
#ifndef CONFIG_PROBLEMS_H
#define CONFIG_PROBLEMS_H

#include "rcptguard/config.h"

/* Beyond this many nobody reads on, and a file of nonsense must not eat the memory. */
#define PROBLEMS_MAX 500

struct complaints {
    const char *file;
    struct config_problems *list;
    size_t dropped; /* not in the list: too many, or no memory */
    bool forbid;    /* one was more than a warning */
    bool for_now;   /* and one of these was the machine's, not the file's */
};

struct place {
    unsigned line;
    struct view section, name; /* "feed", "aper"; may be empty */
    struct view key;           /* may be empty */
};

enum weight { WARNING, ERROR };

/* The words may hold bytes from outside; they are escaped here. */
void complain(struct complaints *c, enum weight weight, const struct place *place,
              const char *format, ...) __attribute__((format(printf, 4, 5)));

/* An error that no line is to blame for: the file itself. */
void complain_of_file(struct complaints *c, const char *words);

/* Was WHY, of reading PATH, trouble of the machine that may be over soon? */
bool failed_for_now(const char *path, const struct error *why);

/* Brings the list into the order of the file; problems of one line stay as they came. */
void complaints_end(struct complaints *c);

#endif
