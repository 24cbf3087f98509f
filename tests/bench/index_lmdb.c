/*
 * LMDB with the keys of index_rcptguard: one transaction writes them, one reads them. One JSON
 * object.
 *
 *     index_lmdb [KEYS [KEY_BYTES [FILE]]]
 */
#include <lmdb.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keys.h"

static void check(int rc, const char *what)
{
    if (rc == 0)
        return;
    fprintf(stderr, "%s: %s\n", what, mdb_strerror(rc));
    exit(EXIT_FAILURE);
}

static MDB_val key_at(const struct keys *k, size_t i)
{
    return (MDB_val){k->len, k->bytes + i * k->len};
}

static void build(MDB_env *env, const struct keys *k, MDB_dbi *dbi)
{
    MDB_txn *txn;
    MDB_val nothing = {0, NULL};

    check(mdb_txn_begin(env, NULL, 0, &txn), "mdb_txn_begin");
    check(mdb_dbi_open(txn, NULL, 0, dbi), "mdb_dbi_open");
    for (size_t i = 0; i < k->count; i++) {
        MDB_val key = key_at(k, i);
        check(mdb_put(txn, *dbi, &key, &nothing, 0), "mdb_put");
    }
    check(mdb_txn_commit(txn), "mdb_txn_commit");
}

static double ask(MDB_env *env, MDB_dbi dbi, const struct keys *k, size_t expected)
{
    size_t found = 0;
    MDB_txn *txn;
    MDB_val value;

    check(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), "mdb_txn_begin");
    double start = seconds();
    for (size_t i = 0; i < k->count; i++) {
        MDB_val key = key_at(k, i);
        found += mdb_get(txn, dbi, &key, &value) == 0;
    }
    double ns = keys_found(k, start, found, expected);
    mdb_txn_abort(txn);
    return ns;
}

int main(int argc, char **argv)
{
    size_t count, len;
    const char *path;
    MDB_env *env;
    MDB_dbi dbi;
    struct MDB_stat all;

    keys_options(argc, argv, &count, &len, &path);
    struct keys hits = make_keys(count, len, 'h'), misses = make_keys(count, len, 'm');
    check(mdb_env_create(&env), "mdb_env_create");
    check(mdb_env_set_mapsize(env, count * 1024 + (1 << 20)), "mdb_env_set_mapsize");
    check(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOSYNC | MDB_NOLOCK, 0600), path);
    double start = seconds();
    build(env, &hits, &dbi);
    double build_s = seconds() - start;
    check(mdb_env_stat(env, &all), "mdb_env_stat");
    size_t pages = all.ms_branch_pages + all.ms_leaf_pages + all.ms_overflow_pages;
    double bytes = (double)(pages * all.ms_psize);
    shuffle(&hits);
    shuffle(&misses);
    /* The first round maps the pages. */
    ask(env, dbi, &hits, count);
    double hit_ns = ask(env, dbi, &hits, count), miss_ns = ask(env, dbi, &misses, 0);
    keys_print(&hits, bytes, build_s, hit_ns, miss_ns);
    mdb_env_close(env);
    unlink(path);
    free(hits.bytes);
    free(misses.bytes);
    return EXIT_SUCCESS;
}
