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
 * whichever was first on the wall. Pure.
 */
#ifndef FLEET_MERGE_H
#define FLEET_MERGE_H

#include <stdint.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/base/view.h"

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
};

/* FILE: "" when it has no lines of WHAT. */
enum merge merge_decide(const struct merge_side *base, struct view file,
                        const struct merge_side *remote);

/*
 * What is told of MERGE_BOTH, added to *OUT: the lines of REMOTE and, behind them, those that only
 * FILE has, each once; but when one of them is "", FILE as it is. 0; ERR_LIMIT: together they are
 * more than RECORD_TEXT_MAX (records.h), and *OUT got FILE alone, which is to be told and worth a
 * line in the log; ERR_NOMEM.
 */
int merge_lines(struct view file, struct view remote, struct buf *out);

#endif
