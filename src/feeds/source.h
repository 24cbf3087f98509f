/*
 * The URLs of a source: several are mirrors, asked in order within one look until one serves a copy
 * that can be taken or held. Which one a copy came from is kept with it (store_source.url), because
 * validators mean something to the server only that made them. Worker thread.
 */
#ifndef FEEDS_SOURCE_H
#define FEEDS_SOURCE_H

#include "feed.h"

/* What the configuration says about a source; FIRST NULL: it has none. */
struct source_urls {
    const char *first;
    const char *const *mirrors;
    size_t n_mirrors;
    const char *pubkey;
};

/* Takes them over (borrowed) and watches files. True: one of them is new, or the one that is being
 * asked is gone. */
bool source_set_urls(struct feed *f, unsigned source, const struct source_urls *urls,
                     struct watcher *watcher);

/* The URL with that digest, or NULL. */
struct feed_url *source_url(struct feed_source *s, const unsigned char digest[SHA256_BYTES]);

void source_unwatch(struct feed_source *s);

/* A look begins. IMPATIENT: Retry-After does not count. */
void source_begin(struct feed_source *s, int64_t now, bool impatient);

/* The same at the URL of that digest, from which the copy is; the first one, when it is gone. */
void source_begin_at(struct feed_source *s, const unsigned char digest[SHA256_BYTES]);

/*
 * O is what became of the list. True: it is bad and there is another URL, which is to be asked now.
 * False: the look is over; O is the first failure when all failed, and that others than the first
 * one had to help is logged.
 */
bool source_next(struct feed *f, struct outcome *o, int64_t now);

/* The copy that arrived last is one of the feed's copies from now on. */
void source_came_from(struct feed *f, unsigned source);

/* Has a file changed that a pattern matches? Then the feed is due. */
void source_watch(struct feed *f, int64_t mono_ms);
int source_watch_ms(const struct feed *f, int64_t mono_ms); /* until then; -1: no patterns */

#endif
