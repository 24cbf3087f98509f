/*
 * What is counted of a copy while it is parsed: the same for every list, the cleared one too. Rows
 * and entries are its user's to count, into COUNTS.
 */
#ifndef FEEDS_TALLY_H
#define FEEDS_TALLY_H

#include "copy.h"
#include "sniff.h"

/* Begins zeroed but for the format. */
struct tally {
    struct copy_counts counts;
    struct sniff sniff;
    const struct feed_format *format;
};

void tally_bytes(struct tally *t, struct view bytes); /* every chunk, before it is parsed */
void tally_bad(struct tally *t, uint64_t line, struct view row, const char *why);
void tally_claim(struct tally *t, enum feed_claim claim, int64_t value);
void tally_broken(struct tally *t, uint64_t line, const char *why);

/* A blocklist_visit: adds the listing to the struct copy_sets ARG, in whatever order they come. */
int tally_listing(struct view key, const struct listing *l, void *arg);

/* All was seen: judges the beginning, and gives the counts. */
void tally_end(struct tally *t, struct copy_counts *counts);

#endif
