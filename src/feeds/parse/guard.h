/*
 * The guards: is this copy a list that can be taken? Pure; one table of rows, each with its name,
 * what it compares, what it does and the remedy. Order matters: the first that objects speaks.
 */
#ifndef FEEDS_GUARD_H
#define FEEDS_GUARD_H

#include "copy.h"

enum guard_says { GUARD_ACCEPT, GUARD_HOLD, GUARD_REFUSE };

/* On which side of the limits a copy is: the clock of a hold runs while it stays there. Kept as
 * numbers. */
enum guard_side {
    SIDE_SMALL = -1,
    SIDE_NONE = 0,
    SIDE_LARGE = 1,
    SIDE_OLD = 2,
    SIDE_ROLLED_BACK = 3,
};

/* What the guards remember of a feed between copies; stored with it. */
struct guard_memory {
    uint64_t accepted_entries; /* of the last accepted copy; 0: none */
    int64_t accepted_created;  /* when it says it was made; 0: it does not */
    bool accepted_short;       /* it was taken although it had fewer rows than it said */
    enum guard_side held_side;
    int64_t held_since; /* when the first copy outside on that side was seen */
};

#define GUARD_BAD         "bad" /* more rows that do not parse than max_bad */
#define GUARD_MIN_ENTRIES "min_entries"
#define GUARD_PROTECTED   "protected"

struct guard_verdict {
    enum guard_says says;
    bool no_list;      /* refused, and what was read of it is nobody's list */
    const char *guard; /* name, "" when accepted */
    char why[256];     /* with the numbers */
    char remedy[160];  /* what a person does about it; names the feed */
    int64_t until;     /* held: when it is taken by itself, 0: never */
};

/*
 * Judges and updates MEMORY's held_* (rules 14, 15); accepted_* is set by feed_remember, once
 * the copy is taken. A refused copy leaves the memory as it is: it is no copy of the list, so it
 * neither starts nor stops the clock. NOW is seconds since 1970. MANUAL is true for `accept`:
 * what would be held is passed (empty, collapse, shrink, grow ...), what would be refused is not.
 */
void guard_judge(const struct feed_config *config, const struct copy_counts *counts,
                 struct guard_memory *memory, int64_t now, bool manual,
                 struct guard_verdict *verdict);

/* Is the copy shorter than it says itself? */
bool guard_is_short(const struct copy_counts *counts);

/* The name of the guard that holds a copy that was rolled back from. */
#define GUARD_ROLLBACK "rollback"

/* Those that object to what is not even parsed; they are not in the table. */
#define GUARD_SIGNATURE "signature"
#define GUARD_PACKING   "packing"

/* The number of a guard for feed_guard_name; FEED_GUARDS: there is none of that name. */
unsigned guard_number(const char *name);

#endif
