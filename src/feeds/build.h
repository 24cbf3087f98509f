/*
 * A new blocklist: changed lists from their parsed copies, the others from the one in force.
 * Worker thread.
 */
#ifndef FEEDS_BUILD_H
#define FEEDS_BUILD_H

#include "feed.h"

/* Does CURRENT (may be NULL) hold other lists than the feeds' copies that may be in force at NOW,
 * seconds since 1970? (Those that could not be read are not asked for until their time.) */
bool build_needed(struct feed *const *feeds, size_t n_feeds, const struct blocklist *current,
                  int64_t now);

/*
 * Makes *OUT and uses up the feeds' fresh copies. A stored copy that turns out to be lost is
 * fetched again, one that cannot be read now is tried again after a while; what CURRENT has of that
 * feed stays meanwhile. On failure nothing is lost and it may be tried again.
 */
int build_blocklist(const struct feed_house *house, struct feed *const *feeds, size_t n_feeds,
                    const struct blocklist *current, struct blocklist **out, struct error *why);

/* One line in the log for each list of MADE that OLD (may be NULL) has not or in another copy. It
 * asks for each entry in the other index: for when MADE is in force already. */
void build_log(struct feed *const *feeds, size_t n_feeds, const struct blocklist *old,
               const struct blocklist *made);

/* Number of the list called NAME that was shaped like SHAPE, or -1. BL may be NULL. */
int build_find(const struct blocklist *bl, const char *name,
               const unsigned char shape[SHA256_BYTES]);

/*
 * How many entries of each feed block today: those that are in CURRENT and not older than
 * entry_max_age.
 */
void build_count_active(struct feed *const *feeds, size_t n_feeds, const struct blocklist *current,
                        int64_t now, uint64_t *active);

#endif
