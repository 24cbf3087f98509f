/*
 * The most refused: a fixed number of names a kind, counted in buckets of time. Who is refused
 * often stays; who was seen once in a flood of names gives way to the next. Pure.
 */
#ifndef RCPTGUARD_RECORD_TOP_H
#define RCPTGUARD_RECORD_TOP_H

#include "rcptguard/base/hash.h"
#include "rcptguard/record.h"

struct top;

/* SECRET is borrowed as long as the top is. NULL: no memory. */
struct top *top_new(const struct hash_secret *secret);
void top_free(struct top *t); /* NULL is fine */

/* One more refusal of what TEXT names; an empty one is not counted. */
void top_count(struct top *t, enum record_top kind, struct view text, int64_t now);

/* As record_most. */
unsigned top_most(const struct top *t, enum record_top kind, enum record_span span, int64_t now,
                  struct record_top_row rows[TOP_ROWS]);

#endif
