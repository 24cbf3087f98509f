/*
 * One comparison of a shared file, what was agreed on, and Redis, from its beginning to its end.
 * sync.c asks and leads it; sync_decide.c decides, and asks nobody; sync_object.c is what stands in
 * Redis, read and written; sync_put.c puts there what is told, sync_take.c brings the rest into the
 * file and what was agreed, sync_forget.c takes old deletions out. Fleet thread.
 */
#ifndef FLEET_ROUND_H
#define FLEET_ROUND_H

#include "parts.h"
#include "scan.h"

#define ROUND_A_CALL 100 /* objects at once, so that Redis is never kept busy for long */

#define AGAIN_MS    50 /* without memory for what Redis has taken from here */
#define AGAIN_TIMES 20

#define ROUND_OUTLIVED 1                  /* when a deletion was told that nobody knows any more */
#define ROUND_TIME_MAX ((int64_t)1 << 40) /* no clock is that late */

/* What is to be put into Redis. */
struct put {
    struct buf what;      /* copied: what was agreed on moves when it grows */
    struct view expected; /* what is there; borrowed from the answer */
    struct buf text;      /* told: the lines, "" when deleted */
    struct buf sealed;
    uint64_t version;
    bool offer;     /* SEALED is the base's, and stays its */
    bool also_here; /* the file becomes TEXT as well */
    bool stands;
};

/* What is to be taken from it. */
struct take {
    struct record_of record;
    bool in_file; /* says so already */
    bool in_base;
};

/* An old deletion that is to be taken out of Redis; borrowed from the answer. */
struct removal {
    struct view what, object;
};

struct round {
    struct fleet *f;
    struct kept *k;
    struct kept_text now;
    struct scan hash;
    struct map *seen; /* WHATs that Redis has */
    struct put *puts;
    struct take *takes;
    struct removal *removals;
    size_t n_puts, n_takes, n_removals, no_room;
    uint64_t highest; /* version of all that Redis has and this relay knows */
    uint64_t count;   /* how far Redis has counted */
    int64_t time;     /* by the clock of Redis, when the round began */
    bool may_forget;  /* that clock can be believed */
    size_t vanished;  /* lines that nobody knows any more (has_outlived) */
    size_t gone, all; /* from the file, that would be told; of so many that were agreed */
    uint64_t removed; /* so many may be by edits */
    bool puts_back;   /* the others are not */
    char key[128], counter[136], channel[80], message[128];
};

/* ERR_NOMEM, said. */
int round_no_memory(struct error *why);

/* ---- sync_object.c */

enum belief {
    BELIEVED,
    FOREIGN, /* sealed, but not with our secret */
    REFUSED, /* sealed by a relay, and not for here: OUT has its version */
    NONE,    /* nothing of ours at all */
    UNKNOWN, /* there was no memory to tell */
};

/* What an object of Redis says; *OUT is borrowed from it. */
enum belief object_open(const struct round *r, struct view what, struct view raw,
                        struct record_of *out);

/* Fills P->version and P->sealed. ERR_NOMEM, or another code of seal_make. */
int object_seal(const struct round *r, struct put *p, uint64_t version);

/* ---- sync_decide.c */

/* Fills puts, takes and removals, from what was read and asked. ERR_NOMEM. */
int round_decide(struct round *r);
void round_undecide(struct round *r);

/* ---- sync_put.c */

/* Numbers, seals and puts what is told; what Redis took stands. Codes as of redis_run. */
int round_put(struct round *r, struct error *why);

/* ---- sync_take.c */

/* The file first, then what was agreed (merge.h). Codes as of kept_write. */
int round_take(struct round *r, struct error *why);

/* What was put, as it is agreed on; borrowed from P. */
struct record_of put_record(const struct round *r, const struct put *p);

/* What stands in Redis is agreed on: of puts that change the file as well, or of the others. */
int round_agree_on_puts(struct round *r, bool also_here, struct error *why);

/* ---- sync_forget.c */

/*
 * Old deletions leave Redis, and then the base: the other way round they would be learned again.
 * Only when all of them were taken, since a line that is still in the file would be offered, once
 * nothing in Redis says that it was deleted. What was changed in Redis meanwhile stays there.
 * Codes as of redis_run.
 */
int round_forget(struct round *r, struct error *why);

#endif
