/*
 * What is said of a copy while it is parsed, which keeps the worker from its turn for seconds: a
 * person may be waiting in front of `rcptguard refresh`. Worker thread.
 */
#ifndef FEEDS_PROGRESS_H
#define FEEDS_PROGRESS_H

#include "feed.h"
#include "parse/copy.h"

/* Begins with all others zero. */
struct progress {
    const struct feed_house *house;
    const struct feed *feed;
    uint64_t bytes; /* so far */
    int64_t next_ms;
};

/* BYTES more were parsed. BUILDER knows what they were; NULL: of a cleared list. */
void progress_step(struct progress *p, size_t bytes, const struct copy_builder *builder);

#endif
