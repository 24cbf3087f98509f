/*
 * The ring. All atomics are sequentially consistent: the writer moves HEAD and then looks whether
 * the reader sleeps; the reader says that it sleeps and then looks at HEAD; so one of them sees the
 * other (decision_log.c).
 */
#include "rcptguard/base/line_ring.h"

#include <string.h>

void line_ring_init(struct line_ring *ring, char *bytes, size_t size)
{
    ring->bytes = bytes;
    ring->size = size;
    atomic_init(&ring->head, 0);
    atomic_init(&ring->tail, 0);
}

static void copy_in(struct line_ring *ring, uint64_t to, const char *from, size_t len)
{
    size_t at = (size_t)(to % ring->size);
    size_t first = len < ring->size - at ? len : ring->size - at;

    memcpy(ring->bytes + at, from, first);
    memcpy(ring->bytes, from + first, len - first);
}

bool line_ring_put(struct line_ring *ring, struct view line, size_t spare)
{
    uint64_t head = atomic_load(&ring->head);
    size_t room = ring->size - (size_t)(head - atomic_load(&ring->tail));

    if (line.len >= room || room - line.len - 1 < spare)
        return false;
    copy_in(ring, head, line.ptr, line.len);
    copy_in(ring, head + line.len, "\n", 1);
    atomic_store(&ring->head, head + line.len + 1);
    return true;
}

struct view line_ring_piece(const struct line_ring *ring, uint64_t from, uint64_t end)
{
    size_t at = (size_t)(from % ring->size), len = (size_t)(end - from);

    return view_make(ring->bytes + at, len < ring->size - at ? len : ring->size - at);
}

void line_ring_free(struct line_ring *ring, uint64_t done)
{
    uint64_t tail = atomic_load(&ring->tail);

    while (done > tail && ring->bytes[(done - 1) % ring->size] != '\n')
        done--;
    atomic_store(&ring->tail, done);
}

uint64_t line_ring_head(const struct line_ring *ring)
{
    return atomic_load(&ring->head);
}

uint64_t line_ring_tail(const struct line_ring *ring)
{
    return atomic_load(&ring->tail);
}

uint64_t line_ring_lines(const struct line_ring *ring, uint64_t end)
{
    uint64_t lines = 0;

    for (uint64_t at = atomic_load(&ring->tail); at < end; at++)
        lines += ring->bytes[at % ring->size] == '\n';
    return lines;
}
