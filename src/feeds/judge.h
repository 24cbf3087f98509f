/*
 * One copy before the guards: parsed, judged, taken or held. What asks for it are the look
 * (judge.c) and the way back (rollback.c). Worker thread.
 */
#ifndef FEEDS_JUDGE_H
#define FEEDS_JUDGE_H

#include "feed.h"

/*
 * Parses BODY as SOURCE of F: the entries of a list (caller frees with blocklist_free), NULL of a
 * cleared list. why->code is not 0 when it could not be read whole.
 */
struct blocklist *judge_parse(const struct feed_house *house, struct feed *f, unsigned source,
                              const struct body *body, struct copy_counts *counts,
                              struct error *why);

/*
 * Parses BODY (taken over) and does what the guards say; *O tells. An accepted list that is news
 * waits in f->fresh for the index. Whatever fails, the accepted copy is as it was.
 */
void judge_copy(const struct feed_house *house, struct feed *f, unsigned source, struct body *body,
                int64_t now, bool manual, struct outcome *o);

/* ENTRIES (taken over) are those of the accepted copy, for the index. NULL: to be parsed again. */
void judge_keep_parsed(struct feed *f, struct blocklist *entries);

/* Has BODY the bytes of COPY? */
bool judge_is_copy(const struct store_copy *copy, const struct body *body);

/* BODY (taken over) is COPY from now on; what else is known of COPY stays when it was before. It
 * waits in *UNSAVED unless the store has it. */
void judge_keep_copy(struct store_copy *copy, struct body **unsaved, struct body *body);

/*
 * Is a copy that was TAKEN once no list as its rows are read now (COUNTS: other settings), so that
 * nothing of it may be in force? *VERDICT is what the guards say of it by itself.
 */
bool judge_is_misread(const struct feed *f, const struct copy_counts *counts,
                      const struct store_copy *taken, struct guard_verdict *verdict);

/* What was found in COPY. */
void judge_note_counts(struct store_copy *copy, const struct copy_counts *counts);

#endif
