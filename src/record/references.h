/*
 * The decisions behind references, in a journal under state_dir. The loop writes lines into memory
 * and hands them over; the disk thread appends them and searches. Loop thread only.
 */
#ifndef RCPTGUARD_RECORD_REFERENCES_H
#define RCPTGUARD_RECORD_REFERENCES_H

#include "rcptguard/record.h"

struct references;

/* Opens STATE_DIR/references: blocks, start only. NULL with *why. */
struct references *references_new(const char *state_dir, struct disk *disk, struct queue *loop,
                                  struct error *why);

/* Takes note of a refusal with a reference. Never blocks: what does not fit is lost and counted. */
void references_add(struct references *refs, const struct record_decision *d);

/* As record_why. */
int references_find(struct references *refs, struct view ref, record_found *found, void *arg);

/* Before disk_stop: the disk thread writes what there is, without the loop. Searches under way end,
 * and nobody is told. */
void references_stop(struct references *refs);

/* After disk_stop: writes what is left. NULL is fine. */
void references_free(struct references *refs);

#endif
