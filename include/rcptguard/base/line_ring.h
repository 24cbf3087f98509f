/*
 * Lines on their way from one thread to another without a lock: a ring of bytes with one writer and
 * one reader. Positions count bytes since the beginning and never go back. The reader frees whole
 * lines only, so that one that was half written when its file went can be written again.
 */
#ifndef RCPTGUARD_BASE_LINE_RING_H
#define RCPTGUARD_BASE_LINE_RING_H

#include <stdatomic.h>
#include <stdint.h>

#include "rcptguard/base/view.h"

struct line_ring {
    char *bytes; /* owned by whoever made it */
    size_t size;
    _Atomic uint64_t head; /* the writer's: behind the last line */
    _Atomic uint64_t tail; /* the reader's: the first line that is not written */
};

void line_ring_init(struct line_ring *ring, char *bytes, size_t size);

/* The writer: LINE and a line end go in, or false: there is no room for them and SPARE bytes more.
 * LINE holds no line end. */
bool line_ring_put(struct line_ring *ring, struct view line, size_t spare);

/* The reader: what lies in one piece from FROM on, before END. */
struct view line_ring_piece(const struct line_ring *ring, uint64_t from, uint64_t end);

/* The reader: all before DONE is written; the lines that end there are freed. */
void line_ring_free(struct line_ring *ring, uint64_t done);

uint64_t line_ring_head(const struct line_ring *ring); /* either */
uint64_t line_ring_tail(const struct line_ring *ring); /* either */

/* The reader: lines that are not freed and end before END. */
uint64_t line_ring_lines(const struct line_ring *ring, uint64_t end);

#endif
