/* Keys for the indexes that are compared, and a clock. */
#ifndef RCPTGUARD_BENCH_KEYS_H
#define RCPTGUARD_BENCH_KEYS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct keys {
    char *bytes;
    size_t count, len;
};

static inline double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static inline uint64_t next_random(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* PREFIX makes a hit's key differ from a miss's. */
static inline struct keys make_keys(size_t count, size_t len, char prefix)
{
    struct keys k = {malloc(count * len + 1), count, len};

    if (k.bytes == NULL)
        exit(EXIT_FAILURE);
    for (size_t i = 0; i < count; i++) {
        char text[64];
        uint64_t state = i;
        int n = snprintf(text, sizeof text, "%c%08zx%016llx", prefix, i,
                         (unsigned long long)next_random(&state));
        memset(k.bytes + i * len, 'x', len);
        memcpy(k.bytes + i * len, text, (size_t)n < len ? (size_t)n : len);
        memcpy(k.bytes + i * len + len - 12, "@example.org", 12);
    }
    return k;
}

static inline void shuffle(struct keys *k)
{
    uint64_t state = 1;
    char swap[256];

    for (size_t i = k->count - 1; i > 0; i--) {
        size_t j = next_random(&state) % (i + 1);
        memcpy(swap, k->bytes + i * k->len, k->len);
        memmove(k->bytes + i * k->len, k->bytes + j * k->len, k->len);
        memcpy(k->bytes + j * k->len, swap, k->len);
    }
}

/* [KEYS [KEY_BYTES [FILE]]] of the command line. */
static inline void keys_options(int argc, char **argv, size_t *count, size_t *len,
                                const char **path)
{
    *count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    *len = argc > 2 ? strtoul(argv[2], NULL, 10) : 25;
    *path = argc > 3 ? argv[3] : "/tmp/rcptguard-bench.index";
    if (*count > 0 && *len >= 24 && *len <= 255)
        return;
    fprintf(stderr, "usage: %s [KEYS [KEY_BYTES from 24 to 255 [FILE]]]\n", argv[0]);
    exit(EXIT_FAILURE);
}

/* Nanoseconds a key since START. What finds too many or too few is no comparison. */
static inline double keys_found(const struct keys *k, double start, size_t found, size_t expected)
{
    double ns = (seconds() - start) * 1e9 / (double)k->count;

    if (found == expected)
        return ns;
    fprintf(stderr, "found %zu of %zu\n", found, expected);
    exit(EXIT_FAILURE);
}

/* The object of an index of others; BYTES: of all of it. */
static inline void keys_print(const struct keys *k, double bytes, double build_s, double hit_ns,
                              double miss_ns)
{
    bytes /= (double)k->count;
    printf("{\"keys\": %zu, \"key_bytes\": %zu, \"bytes_per_key\": %.2f, "
           "\"bytes_beyond_key\": %.2f, \"build_s\": %.4f, \"hit_ns\": %.1f, \"miss_ns\": %.1f}\n",
           k->count, k->len, bytes, bytes - (double)k->len, build_s, hit_ns, miss_ns);
}

#endif
