/*
 * One fetch for several relays: before a source is fetched the share (feeds.h) is asked, and what
 * came of a fetch that this relay made for all is given to it once the list is in force. Worker
 * thread; NULL as the worker's shares is off, everywhere.
 */
#ifndef FEEDS_SHARED_LIST_H
#define FEEDS_SHARED_LIST_H

#include "feed.h"

struct shared_lists;

struct shared_lists *shared_lists_new(const struct feeds_share *share); /* NULL: no memory */
void shared_lists_free(struct shared_lists *l);                         /* NULL is fine */

/* Gives on what was fetched for all, a piece at a time. False: there is no more to give. */
bool shared_lists_step(struct shared_lists *l);

/* Leaves what is not given on. */
void shared_lists_stop(struct shared_lists *l);

enum shared_answer {
    SHARED_FETCH, /* the source is to be fetched from its server now */
    SHARED_WAIT,  /* until the share or, when this relay fetches for all, the server answers */
    SHARED_HERE,  /* S->arrived: what another relay fetched */
    SHARED_NONE,  /* of a look for news only: there are none */
};

/* Source I of F is to be looked at, with f->news only at what others fetched. */
enum shared_answer shared_list_begin(const struct feed_house *house, struct feed *f, unsigned i);

/* The same again, each turn while s->shared is there. */
enum shared_answer shared_list_step(struct feed_source *s);

/* Nobody waits for it any more; NULL is fine as s->shared. */
void shared_list_cancel(struct feed_source *s);

/* Is there something to do at once? */
bool shared_list_hurries(const struct feed_source *s);

/* How long ago this relay learned from the publisher, or from who asked it, what S has. */
int64_t shared_list_age_ms(const struct feed_source *s, const struct store_meta *meta);

#endif
