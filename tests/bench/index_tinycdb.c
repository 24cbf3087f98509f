/*
 * tinycdb with the keys of index_rcptguard: a constant file, mapped. One JSON object.
 *
 *     index_tinycdb [KEYS [KEY_BYTES [FILE]]]
 */
#include <cdb.h>
#include <fcntl.h>
#include <unistd.h>

#include "keys.h"

static void give_up(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static void build(const struct keys *k, int fd)
{
    struct cdb_make cdb;

    cdb_make_start(&cdb, fd);
    for (size_t i = 0; i < k->count; i++)
        if (cdb_make_add(&cdb, k->bytes + i * k->len, (unsigned)k->len, "", 0) != 0)
            give_up("cdb_make_add");
    if (cdb_make_finish(&cdb) != 0)
        give_up("cdb_make_finish");
}

static double ask(struct cdb *cdb, const struct keys *k, size_t expected)
{
    size_t found = 0;
    double start = seconds();

    for (size_t i = 0; i < k->count; i++)
        found += cdb_find(cdb, k->bytes + i * k->len, (unsigned)k->len) > 0;
    return keys_found(k, start, found, expected);
}

int main(int argc, char **argv)
{
    size_t count, len;
    const char *path;
    struct cdb cdb;

    keys_options(argc, argv, &count, &len, &path);
    struct keys hits = make_keys(count, len, 'h'), misses = make_keys(count, len, 'm');
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        give_up(path);
    double start = seconds();
    build(&hits, fd);
    double build_s = seconds() - start;
    double bytes = (double)lseek(fd, 0, SEEK_END);
    if (cdb_init(&cdb, fd) != 0)
        give_up("cdb_init");
    shuffle(&hits);
    shuffle(&misses);
    /* The first round maps the pages. */
    ask(&cdb, &hits, count);
    double hit_ns = ask(&cdb, &hits, count), miss_ns = ask(&cdb, &misses, 0);
    keys_print(&hits, bytes, build_s, hit_ns, miss_ns);
    cdb_free(&cdb);
    close(fd);
    unlink(path);
    free(hits.bytes);
    free(misses.bytes);
    return EXIT_SUCCESS;
}
