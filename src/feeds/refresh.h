/*
 * The worker's job for one feed: ask for its copies, judge what came, keep what was taken.
 *
 *   refresh_start → (fetches) → refresh_arrived → refresh_judge → the index is built (build.h)
 *   → refresh_keep
 *
 * Judging comes before keeping, so that a slow or full disk keeps no good list from being in force.
 */
#ifndef FEEDS_REFRESH_H
#define FEEDS_REFRESH_H

#include "feed.h"

/* Starts the fetches of all sources; those of files arrive at once. */
void refresh_start(const struct feed_house *house, struct feed *f);
void refresh_cancel(struct feed *f);

/* While a look goes on, each turn: what the other relays say. */
void refresh_step(struct feed *f);

/* F is not due: have others fetched something newer, though? Once a minute, or when news_ms is 0.
 * If so f->running, and it is judged as what it brought itself. */
void refresh_look_for_news(const struct feed_house *house, struct feed *f);
bool refresh_arrived(const struct feed *f); /* every source has its result */

/*
 * Takes, holds or refuses what arrived; f->meta tells. Where a copy is bad and there is a mirror,
 * the look goes on with that (f->running).
 */
void refresh_judge(const struct feed_house *house, struct feed *f, int64_t now);

/* LIST is what became of the list: true when the next mirror is asked instead; else LIST is the
 * look's. All sources are asked again: what a mirror serves goes with the cleared list of then. */
bool refresh_next_mirror(const struct feed_house *house, struct feed *f, struct outcome *list,
                         int64_t now);

/* Looks again at held copies: because their time is up, or (MANUAL) because a person accepts
 * them. False: nothing is held. */
bool refresh_judge_held(const struct feed_house *house, struct feed *f, int64_t now, bool manual);

/* Is there a copy from before the last change? */
bool refresh_can_roll_back(const struct feed *f);

/*
 * Back to it: FEEDS_DONE, FEEDS_NOTHING when there is none, FEEDS_FAILED when it cannot be read and
 * nothing was changed. It is in force once the index is built.
 */
enum feeds_result refresh_roll_back(const struct feed_house *house, struct feed *f, int64_t now);

/* When the first held copy is taken by itself; 0: never, or not before the next look. */
int64_t refresh_held_until(const struct feed *f);

/* Stores bodies and meta. What fails is warned about and tried again later. */
void refresh_keep(const struct feed_house *house, struct feed *f, int64_t now);

#endif
