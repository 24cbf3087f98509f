/*
 * A list on its way into the index, beside a bare loop over the same file. One JSON object.
 *
 *     feed_bench make ROWS FILE          writes ROWS addresses, one a line, none twice
 *     feed_bench bare FILE               splits lines, hashes them, keeps each once
 *     feed_bench index FORMAT FILE       parses, normalises, deduplicates, indexes
 *     feed_bench parse FORMAT FILE       parses only: every row is thrown away
 *
 * One mode a run, so that the peak of memory is that mode's own.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "feeds/parse/copy.h"
#include "rcptguard/base/hash.h"

#define CHUNK_BYTES 65536

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void give_up(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static double peak_mib(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}

static void make_file(size_t rows, const char *path)
{
    FILE *f = fopen(path, "w");
    uint64_t state = 1;

    if (f == NULL)
        give_up(path);
    for (size_t i = 0; i < rows; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        fprintf(f, "user%05x.%zx@mail%03x.example.org\n", (unsigned)(state >> 44), i,
                (unsigned)(state >> 20 & 0xfff));
    }
    if (fclose(f) != 0)
        give_up(path);
}

/* Reads FILE a chunk at a time; EACH gets all of them. */
static size_t each_chunk(const char *path, void (*each)(struct view bytes, void *arg), void *arg)
{
    static char bytes[CHUNK_BYTES];
    FILE *f = fopen(path, "r");
    size_t total = 0, n;

    if (f == NULL)
        give_up(path);
    while ((n = fread(bytes, 1, sizeof bytes, f)) > 0) {
        each(view_make(bytes, n), arg);
        total += n;
    }
    fclose(f);
    return total;
}

/* ---- bare ----------------------------------------------------------------------------------- */

/* The plainest set of lines that could be used afterwards: all of them in one arena, a table of
 * offsets at most half full. It knows nothing of what a line means. */
struct bare {
    struct hash_secret secret;
    char *arena;
    size_t len, room;
    uint32_t *table;
    size_t size, count;
    char waiting[CHUNK_BYTES];
    size_t waits;
};

static size_t bare_place(const struct bare *b, struct view line)
{
    size_t at = hash_keyed(&b->secret, line) & (b->size - 1);

    for (; b->table[at] != 0; at = (at + 1) & (b->size - 1)) {
        const char *known = b->arena + b->table[at] - 1;
        if (strncmp(known, line.ptr, line.len) == 0 && known[line.len] == '\n')
            break;
    }
    return at;
}

static void bare_grow(struct bare *b)
{
    uint32_t *old = b->table;
    size_t old_size = b->size;

    b->size = old_size == 0 ? 65536 : old_size * 2;
    b->table = calloc(b->size, sizeof *b->table);
    if (b->table == NULL)
        give_up("table");
    for (size_t i = 0; i < old_size; i++) {
        if (old[i] == 0)
            continue;
        const char *known = b->arena + old[i] - 1;
        b->table[bare_place(b, view_make(known, strcspn(known, "\n")))] = old[i];
    }
    free(old);
}

static void bare_line(struct bare *b, struct view line)
{
    if (b->count * 2 >= b->size)
        bare_grow(b);
    size_t at = bare_place(b, line);
    if (b->table[at] != 0)
        return;
    if (b->len + line.len + 1 > b->room) {
        b->room = b->room == 0 ? CHUNK_BYTES : b->room * 2;
        b->arena = realloc(b->arena, b->room);
        if (b->arena == NULL)
            give_up("arena");
    }
    memcpy(b->arena + b->len, line.ptr, line.len);
    b->arena[b->len + line.len] = '\n';
    b->table[at] = (uint32_t)b->len + 1;
    b->len += line.len + 1;
    b->count++;
}

static void bare_chunk(struct view bytes, void *arg)
{
    struct bare *b = arg;
    ptrdiff_t end;

    while ((end = view_find(bytes, '\n')) >= 0) {
        if (b->waits > 0) {
            memcpy(b->waiting + b->waits, bytes.ptr, (size_t)end);
            bare_line(b, view_make(b->waiting, b->waits + (size_t)end));
            b->waits = 0;
        } else {
            bare_line(b, view_first(bytes, (size_t)end));
        }
        bytes = view_from(bytes, (size_t)end + 1);
    }
    if (bytes.len > 0)
        memcpy(b->waiting, bytes.ptr, bytes.len);
    b->waits = bytes.len;
}

static void run_bare(const char *path)
{
    struct bare *b = calloc(1, sizeof *b);

    if (b == NULL)
        give_up("bare");
    hash_secret_random(&b->secret);
    double start = seconds();
    size_t bytes = each_chunk(path, bare_chunk, b);
    printf("{\"rows\": %zu, \"bytes\": %zu, \"seconds\": %.4f, \"peak_mib\": %.1f}\n", b->count,
           bytes, seconds() - start, peak_mib());
    free(b->table);
    free(b->arena);
    free(b);
}

static uint64_t file_bytes(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        give_up(path);
    return (uint64_t)st.st_size;
}

/* ---- ours ----------------------------------------------------------------------------------- */

static void copy_chunk(struct view bytes, void *arg)
{
    struct error why;

    if (copy_builder_chunk(arg, bytes, &why) < 0) {
        fprintf(stderr, "%s\n", why.text);
        exit(EXIT_FAILURE);
    }
}

/* As the worker does it: the copy first, since guards judge it; then the index. */
static struct blocklist *index_of(struct blocklist *copy)
{
    static const int numbers[] = {[COPY_ACTIVE] = 0, [COPY_REST] = -1};
    struct blocklist_builder *b = blocklist_builder_new(0);

    if (b == NULL ||
        blocklist_builder_list(b, &(struct blocklist_list){.name = "bench"}, NULL) < 0 ||
        blocklist_builder_absorb(b, copy, numbers, NULL) < 0)
        give_up("index");
    return blocklist_builder_finish(b, NULL);
}

static void run_index(const char *format, const char *path)
{
    struct feed_options options = {.addresses = {.delimiter = "+", .provider_aliases = true}};
    struct copy_shaping shaping = {
        .protect = protect_load(NULL, NULL), .suffixes = suffixes_new(), .bytes = file_bytes(path)};
    struct copy_counts counts;
    struct error why;
    double start = seconds();
    struct copy_builder *b = copy_builder_new(feed_format_find(format), &options, &shaping, &why);

    size_t bytes = each_chunk(path, copy_chunk, b);
    struct blocklist *copy = copy_builder_end(b, &counts, &why);
    double copied = seconds();
    struct blocklist *made = copy == NULL ? NULL : index_of(copy);
    if (made == NULL)
        give_up("index");
    double ended = seconds();
    double peak = peak_mib(), index = (double)blocklist_memory_bytes(made) / 1048576;
    printf(
        "{\"rows\": %" PRIu64 ", \"entries\": %" PRIu64 ", \"bytes\": %zu, \"seconds\": %.4f, "
        "\"copy_seconds\": %.4f, \"index_mib\": %.1f, \"peak_mib\": %.1f, \"peak_ratio\": %.2f}\n",
        counts.rows, counts.entries, bytes, ended - start, copied - start, index, peak,
        peak / index);
    blocklist_free(made);
    protect_release((struct protect *)(uintptr_t)shaping.protect);
    suffixes_free((struct suffixes *)(uintptr_t)shaping.suffixes);
}

static void drop_row(const struct feed_row *row, void *arg)
{
    (void)row;
    ++*(uint64_t *)arg;
}

static void drop_root(uint64_t line, void *arg)
{
    (void)line, (void)arg;
}

static void drop_bad(uint64_t line, struct view text, const char *why, void *arg)
{
    (void)line, (void)text, (void)why, (void)arg;
}

static void drop_claim(enum feed_claim claim, int64_t value, void *arg)
{
    (void)claim, (void)value, (void)arg;
}

static void drop_broken(uint64_t line, const char *why, void *arg)
{
    (void)line, (void)why, (void)arg;
}

static void parse_chunk(struct view bytes, void *arg)
{
    feed_parser_chunk(arg, bytes);
}

static void run_parse(const char *format, const char *path)
{
    struct feed_options options = {.addresses = {.delimiter = "+", .provider_aliases = true}};
    uint64_t rows = 0;
    const struct feed_sink sink = {drop_row,   drop_root,   drop_bad, drop_root,
                                   drop_claim, drop_broken, &rows};
    double start = seconds();
    struct feed_parser *p = feed_parser_new(feed_format_find(format), &options, &sink);

    size_t bytes = each_chunk(path, parse_chunk, p);
    feed_parser_end(p);
    printf("{\"rows\": %" PRIu64 ", \"bytes\": %zu, \"seconds\": %.4f, \"peak_mib\": %.1f}\n", rows,
           bytes, seconds() - start, peak_mib());
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "make") == 0) {
        make_file(strtoul(argv[2], NULL, 10), argv[3]);
    } else if (argc == 3 && strcmp(argv[1], "bare") == 0) {
        run_bare(argv[2]);
    } else if (argc == 4 && feed_format_named(argv[2]) != NULL) {
        if (strcmp(argv[1], "index") == 0)
            run_index(argv[2], argv[3]);
        else
            run_parse(argv[2], argv[3]);
    } else {
        fprintf(stderr, "usage: feed_bench make ROWS FILE | bare FILE | index FORMAT FILE | "
                        "parse FORMAT FILE\n");
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
