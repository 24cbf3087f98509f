/*
 * How long something took, counted into a few fixed ranges, for /metrics. To add is a comparison or
 * two and two additions: it is done for every query. Pure; one thread.
 */
#ifndef RCPTGUARD_BASE_HISTOGRAM_H
#define RCPTGUARD_BASE_HISTOGRAM_H

#include <stdint.h>

/* The upper ends of the ranges, both ends of the scale included: 10 us to 2 s. */
#define HISTOGRAM_BOUNDS 17
extern const int64_t histogram_bounds_ns[HISTOGRAM_BOUNDS];

/* All zero at first. */
struct histogram {
    uint64_t counts[HISTOGRAM_BOUNDS + 1]; /* by range; the last one is beyond all bounds */
    int64_t sum_ns;
};

/* Negative times count as 0. */
void histogram_add(struct histogram *h, int64_t ns);

#endif
