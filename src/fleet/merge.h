/*
 * What becomes of one WHAT (exclusions, blocks) when a relay looks into Redis. Three are compared:
 *
 *   base    what the fleet agreed on when this relay last looked (records.h)
 *   file    the lines of WHAT in this relay's shared file
 *   remote  the object that is in Redis now
 *
 * A file that differs from the base was changed here by a person; a remote that is newer than the
 * base was changed elsewhere. What is not there counts as deleted at version 0, in all three: a
 * relay that is new knows nothing, and a Redis that was emptied knows nothing, and neither says
 * that anything was deleted. A deletion is an object with a version and no lines.
 *
 * What relays agree on in the end is the object with the highest version, and of equal ones that
 * whose text sorts higher. A base only ever moves up in that order, so it does not matter who
 * comes when, or how often Redis is emptied: relays cannot fight.
 *
 * What is told gets a version above Redis' counter *and above all this relay knows*: above
 * records_version and above the remote, because the counter may have been emptied, and others may
 * have offered since. It is put only if Redis still has the very object that was compared (or
 * none, if there was none); else compare anew.
 *
 * When something is taken the file is written first, and then the base: after a crash between the
 * two the file says what Redis says, and is taken again. The other way round it would look like a
 * person's change back. What is left: killed just there, and another change elsewhere before this
 * relay is back. That looks like two changes: lines come back, even where it was a deletion.
 *
 * "Later" is the order of versions, never a clock. Where one relay told something, Redis was
 * emptied before another saw it, and that one tells its own meanwhile, the higher version wins,
 * whichever was first on the wall.
 *
 * A deletion is remembered for MERGE_KEPT_S, and a clock decides when that is over, since nothing
 * else can. It is the clock of Redis, the same for all relays: its time stands in the deletion from
 * the beginning, so it does not matter when a relay heard of it, and a relay that joins a day
 * before the end forgets it with the others. A deletion that is older is not offered, it is taken
 * out of Redis, if that still has the very object, and forgotten; whoever comes first does it. Not
 * offered even where it cannot be forgotten (below), or one that keeps it would put back what
 * another takes out, for ever.
 *
 * What is forgotten by mistake lets a relay that was away bring a line back. So nothing is taken
 * out or forgotten while the clock of Redis and this relay's own are more than a day apart: a Redis
 * whose clock leaps into the future makes nobody forget, and a relay whose own clock is wrong
 * leaves it to the others. When a relay learned of a deletion is not looked at: that would say no
 * more (a clock that leaps makes that old as well), and relays that often begin anew would never
 * forget anything. Left: one clock of both that leaps, as on one machine, forgets too early; and a
 * deletion told while the clock of Redis is wrong is kept for so much longer or shorter.
 *
 * A relay that was away for so long may know lines whose deletion is forgotten. It knows when it
 * last agreed with Redis, by that clock; what a Redis that was not emptied since does not have, and
 * nobody touched here, was deleted then. Whether it was emptied can only be guessed (has_outlived
 * in sync_decide.c), and where that is in doubt the line is offered.
 *
 * An object from before all that, put back by who kept it or by an old backup, cannot be told from
 * a new one by its seal. Its number can: it is below the highest that was forgotten here. Blocks
 * that are unknown and have such a number are not believed. Pure.
 */
#ifndef FLEET_MERGE_H
#define FLEET_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/base/view.h"

#define MERGE_KEPT_S ((int64_t)90 * 86400) /* deletions */

enum merge {
    MERGE_NOTHING, /* all agree */
    MERGE_TAKE,    /* file and base become the remote */
    MERGE_TELL,    /* the file's text is put with a new version, and becomes the base */
    MERGE_BOTH,    /* as TELL, of what merge_lines makes; the file becomes that, too */
    MERGE_OFFER,   /* the base's sealed object is put as it is, with the version it has */
};

struct merge_side {
    uint64_t version; /* 0: absent, whatever the text says */
    struct view text; /* lines, each with its '\n'; "": deleted */
    bool is_old;      /* merge_is_old; asked of the base only */
};

/* FILE: "" when it has no lines of WHAT. An old deletion is offered only to a Redis that still has
 * what it deleted. */
enum merge merge_decide(const struct merge_side *base, struct view file,
                        const struct merge_side *remote);

/*
 * What is told of MERGE_BOTH, added to *OUT: the lines of REMOTE and, behind them, those that only
 * FILE has, each once; but when one of them is "", FILE as it is. 0; ERR_LIMIT: together they are
 * more than RECORD_TEXT_MAX (records.h), and *OUT got FILE alone, which is to be told and worth a
 * line in the log; ERR_NOMEM.
 */
int merge_lines(struct view file, struct view remote, struct buf *out);

/* ---- time, in seconds since 1970. REDIS is now by the clock of Redis, OWN by this relay's. ----
 */

/* Is a deletion of DELETED_AT (0: none) no longer to be offered? */
bool merge_is_old(int64_t deleted_at, int64_t redis);

/* May old ones be taken out and forgotten? */
bool merge_clocks_agree(int64_t redis, int64_t own);

/* May deletions have come and gone since AGREED_AT (0: not known, so no)? A day early, since what
 * is told is dated a moment before it is there. */
bool merge_was_away(int64_t agreed_at, int64_t redis);

/* Are N of ALL lines so many that somebody's mistake is likelier than that they were meant? More
 * than 10, and more than half. */
bool merge_is_most(size_t n, size_t all);

#endif
