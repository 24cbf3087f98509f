/*
 * What became of a look at a feed, from its sources' outcomes: the state that is shown, the words,
 * the log lines (a warning when it begins, then once an hour). Worker thread.
 */
#ifndef FEEDS_OUTCOME_H
#define FEEDS_OUTCOME_H

#include "feed.h"

/* The source failed, for WHY. */
void outcome_fail(struct outcome *o, const struct error *why);

/* Whoever cannot sign is not the publisher: what came is refused and not even looked at. */
void outcome_of_signature(struct outcome *o, const struct feed *f, const struct error *why);

/* What is wrong with how it was packed is wrong with the copy, not with the fetch; other errors are
 * the fetch's. */
void outcome_of_packing(struct outcome *o, const struct error *why);

/* Both sources' outcomes into one of the feed: f->meta has it, the log says it. */
void outcome_conclude(struct feed *f, const struct outcome *list, struct outcome *cleared,
                      int64_t now);

#endif
