/*
 * What edits added lately. An editor that was open meanwhile saves a text without it, and whoever
 * added it should hear of that: the file stays the truth, so nobody else would notice.
 */
#ifndef LOCAL_RECENT_H
#define LOCAL_RECENT_H

#include "rcptguard/local.h"

#define RECENT_LINES 64

struct recent_line {
    char *what, *by; /* BY: "" is nobody known */
    int64_t at, until;
};

struct recent {
    struct recent_line lines[RECENT_LINES]; /* what: NULL is a free place */
    unsigned next;                          /* to be given up for a new one */
};

/* Without memory it is not remembered. */
void recent_add(struct recent *r, struct view what, struct view by, int64_t at, int64_t until);
void recent_forget(struct recent *r, struct view what);

/* Warns of each line that TABLE has no more, and forgets it; silently when its time is over. */
void recent_check(struct recent *r, enum local_kind kind, const struct local_table *table,
                  const char *file, int64_t now);
void recent_free(struct recent *r);

#endif
