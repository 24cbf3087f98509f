/*
 * The index alone: build time, bytes a key, look-ups, save and load. One JSON object.
 *
 *     index_rcptguard [KEYS [KEY_BYTES [FILE]]]      default 1000000 25 /tmp/rcptguard-bench.index
 *
 * Keys are made before the clock runs and asked in random order, each key once.
 */
#include <unistd.h>

#include "keys.h"
#include "rcptguard/blocklist.h"

static struct view key_at(const struct keys *k, size_t i)
{
    return view_make(k->bytes + i * k->len, k->len);
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
    return keys_found(k, start, found, expected);
}

int main(int argc, char **argv)
{
    size_t count, len;
    const char *path;
    struct error why = {0};

    keys_options(argc, argv, &count, &len, &path);
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
