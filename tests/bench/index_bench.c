/*
 * The index alone: build time, bytes a key, look-ups, save and load. One JSON object.
 *
 *     index_bench [KEYS [KEY_BYTES [FILE]]]      default 1000000 25 /tmp/rcptguard-bench.index
 *
 * Keys are made before the clock runs and asked in random order, each key once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "rcptguard/blocklist.h"

struct keys {
    char *bytes;
    size_t count, len;
};

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint64_t next_random(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static struct view key_at(const struct keys *k, size_t i)
{
    return view_make(k->bytes + i * k->len, k->len);
}

/* PREFIX makes a hit's key differ from a miss's. */
static struct keys make_keys(size_t count, size_t len, char prefix)
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

static void shuffle(struct keys *k)
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

static struct blocklist *build(const struct keys *k, size_t expected)
{
    struct blocklist_list list = {.name = "bench"};
    struct error why = {0};
    struct blocklist_builder *b = blocklist_builder_new(expected);

    if (b == NULL || blocklist_builder_list(b, &list, &why) < 0)
        exit(EXIT_FAILURE);
    for (size_t i = 0; i < k->count; i++)
        if (blocklist_builder_add(b, ENTRY_ADDRESS, key_at(k, i), 0, 18000, &why) != 1) {
            fprintf(stderr, "add: %s\n", why.text);
            exit(EXIT_FAILURE);
        }
    return blocklist_builder_finish(b, &why);
}

static double ask(const struct blocklist *bl, const struct keys *k, size_t expected)
{
    struct listing out[4];
    size_t found = 0;
    double start = seconds();

    for (size_t i = 0; i < k->count; i++)
        found += blocklist_find(bl, key_at(k, i), ENTRY_BIT(ENTRY_ADDRESS), out, 4);
    double ns = (seconds() - start) * 1e9 / (double)k->count;
    if (found != expected) {
        fprintf(stderr, "found %zu of %zu\n", found, expected);
        exit(EXIT_FAILURE);
    }
    return ns;
}

int main(int argc, char **argv)
{
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    size_t len = argc > 2 ? strtoul(argv[2], NULL, 10) : 25;
    const char *path = argc > 3 ? argv[3] : "/tmp/rcptguard-bench.index";
    struct error why = {0};

    if (count == 0 || len < 24 || len > 255) {
        fprintf(stderr, "usage: index_bench [KEYS [KEY_BYTES from 24 to 255 [FILE]]]\n");
        return EXIT_FAILURE;
    }
    struct keys hits = make_keys(count, len, 'h'), misses = make_keys(count, len, 'm');

    double start = seconds();
    struct blocklist *bl = build(&hits, 0);
    double build_s = seconds() - start;
    blocklist_free(bl);
    start = seconds();
    bl = build(&hits, count);
    double build_sized_s = seconds() - start;

    shuffle(&hits);
    shuffle(&misses);
    double hit_ns = ask(bl, &hits, count), miss_ns = ask(bl, &misses, 0);

    start = seconds();
    if (bl == NULL || blocklist_save(bl, path, &why) < 0) {
        fprintf(stderr, "%s\n", why.text);
        return EXIT_FAILURE;
    }
    double save_s = seconds() - start;
    double bytes = (double)blocklist_memory_bytes(bl) / (double)count;
    start = seconds();
    blocklist_free(bl);
    double free_s = seconds() - start;
    start = seconds();
    bl = blocklist_load(path, &why);
    double load_s = seconds() - start;
    if (bl == NULL) {
        fprintf(stderr, "%s\n", why.text);
        return EXIT_FAILURE;
    }
    double loaded_hit_ns = ask(bl, &hits, count);
    unlink(path);
    printf("{\"keys\": %zu, \"key_bytes\": %zu, \"bytes_per_key\": %.2f, "
           "\"bytes_beyond_key\": %.2f, \"build_s\": %.4f, \"build_sized_s\": %.4f, "
           "\"hit_ns\": %.1f, \"miss_ns\": %.1f, \"loaded_hit_ns\": %.1f, \"save_s\": %.4f, "
           "\"load_s\": %.4f, \"free_s\": %.4f}\n",
           count, len, bytes, bytes - (double)len, build_s, build_sized_s, hit_ns, miss_ns,
           loaded_hit_ns, save_s, load_s, free_s);
    blocklist_free(bl);
    free(hits.bytes);
    free(misses.bytes);
    return EXIT_SUCCESS;
}
