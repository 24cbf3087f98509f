/* Latencies of the bench's loads: counted as they come, percentiles at the end. */
#ifndef RCPTGUARD_BENCH_LATENCY_H
#define RCPTGUARD_BENCH_LATENCY_H

#include <stdint.h>
#include <stdio.h>
#include <time.h>

#define SECOND_NS 1000000000u

/* Powers of two, each in 64 steps: exact to 1.6%. */
static uint64_t histogram[64 * 64];
static uint64_t answered, longest_ns;

static inline uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static inline void latency_record(uint64_t ns)
{
    unsigned power = ns < 128 ? 0 : 57 - (unsigned)__builtin_clzll(ns);

    histogram[power * 64 + (ns >> power)]++;
    answered++;
    if (ns > longest_ns)
        longest_ns = ns;
}

static inline double percentile_us(double share)
{
    uint64_t below = (uint64_t)(share * (double)answered), seen = 0;

    for (unsigned i = 0; i < sizeof histogram / sizeof *histogram; i++) {
        seen += histogram[i];
        if (seen > below)
            return (i < 128 ? i : (double)(64 + i % 64) * (double)(1ull << (i / 64 - 1))) / 1000;
    }
    return (double)longest_ns / 1000;
}

/* One JSON object; WRONG: how many answers were not what they should be. */
static inline void latency_print(double seconds, uint64_t wrong)
{
    printf("{\"queries\": %llu, \"seconds\": %.3f, \"per_second\": %.0f, \"wrong\": %llu, "
           "\"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f}\n",
           (unsigned long long)answered, seconds, (double)answered / seconds,
           (unsigned long long)wrong, percentile_us(0.5), percentile_us(0.99), percentile_us(0.999),
           (double)longest_ns / 1000);
}

#endif
