/* Last good copies on disk, and what crashes leave there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "feeds/store/store.h"
#include "rcptguard/base/file.h"

struct fixture {
    char dir[40];
    struct store *store;
};

static const char *path_in(const struct fixture *f, const char *name)
{
    static char path[256];
    struct text t = text_on(path, sizeof path);
    text_addf(&t, "%s/feeds/list/%s", f->dir, name);
    return path;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    strcpy(f->dir, "/tmp/rcptguard-store.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->store = store_new(f->dir, "list", NULL);
    assert_non_null(f->store);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char feeds[64];
    struct text t = text_on(feeds, sizeof feeds);

    text_addf(&t, "%s/feeds", f->dir);
    store_tidy(f->store, NULL);
    store_free(f->store);
    assert_int_equal(rmdir(feeds), 0);
    assert_int_equal(rmdir(f->dir), 0);
    free(f);
    return 0;
}

static struct body *make_body(const char *spill, const char *text, size_t times)
{
    struct body *b = body_new(spill, UINT64_MAX);

    assert_non_null(b);
    for (size_t i = 0; i < times; i++)
        assert_int_equal(body_add(b, text, strlen(text), NULL), 0);
    body_end(b);
    return b;
}

static void name_copy(struct store_copy *copy, const struct body *b)
{
    *copy = (struct store_copy){.known = true, .size = b->size};
    memcpy(copy->digest, b->sha256, SHA256_BYTES);
}

static void write_file(const char *path, const char *text)
{
    assert_int_equal(file_replace(path, 0644, &(struct file_part){text, strlen(text)}, 1, NULL), 0);
}

static int take(struct view bytes, void *arg, struct error *why)
{
    size_t *len = arg;
    (void)why;
    *len += bytes.len;
    return 0;
}

static void test_nothing_stored(void **state)
{
    struct fixture *f = *state;
    struct store_meta m;

    memset(&m, 1, sizeof m);
    assert_int_equal(store_load(f->store, &m, NULL), ERR_ABSENT);
    assert_int_equal(m.state, FEED_NEVER);
    assert_false(m.sources[STORE_LIST].accepted.known);
}

static void keep_and_read(struct fixture *f, const char *row, size_t times)
{
    struct body *b = make_body(store_spill_path(f->store, STORE_LIST), row, times);
    struct store_meta m, got;
    size_t len = 0;

    memset(&m, 0, sizeof m);
    name_copy(&m.sources[STORE_LIST].accepted, b);
    assert_int_equal(store_put(f->store, b, NULL), 0);
    body_free(b);
    assert_int_equal(store_save(f->store, &m, NULL), 0);
    store_tidy(f->store, &m);
    assert_int_equal(store_load(f->store, &got, NULL), 0);
    assert_true(got.sources[STORE_LIST].accepted.on_disk);
    assert_false(got.sources[STORE_LIST].held.on_disk);
    b = store_open(f->store, &got.sources[STORE_LIST].accepted, NULL);
    assert_non_null(b);
    assert_int_equal(body_each(b, take, &len, NULL), 0);
    assert_int_equal(len, strlen(row) * times);
    body_free(b);
    assert_int_equal(access(store_spill_path(f->store, STORE_LIST), F_OK), -1);
}

static void test_put_and_open(void **state)
{
    keep_and_read(*state, "jane@example.org\n", 1);
    keep_and_read(*state, "0123456789abcde\n", BODY_MEMORY_BYTES / 8); /* by way of a file */
    keep_and_read(*state, "", 1);
}

/* A body waits for the disk, the next fetch writes beside it, and the store is tidied meanwhile. */
static void test_growing_bodies_stay_apart(void **state)
{
    struct fixture *f = *state;
    const char *spill = store_spill_path(f->store, STORE_LIST);
    struct body *first = make_body(spill, "0123456789abcde\n", BODY_MEMORY_BYTES / 8);
    struct body *second = make_body(spill, "fedcba987654321\n", BODY_MEMORY_BYTES / 8);
    struct store_meta m;
    size_t len = 0;

    memset(&m, 0, sizeof m);
    store_tidy(f->store, &m);
    name_copy(&m.sources[STORE_LIST].held, second);
    name_copy(&m.sources[STORE_LIST].accepted, first);
    assert_int_equal(store_put(f->store, second, NULL), 0);
    body_free(second);
    assert_int_equal(store_put(f->store, first, NULL), 0);
    body_free(first);
    first = store_open(f->store, &m.sources[STORE_LIST].accepted, NULL);
    second = store_open(f->store, &m.sources[STORE_LIST].held, NULL);
    assert_non_null(first);
    assert_non_null(second);
    assert_int_equal(body_each(first, take, &len, NULL), 0);
    assert_int_equal(body_each(second, take, &len, NULL), 0);
    body_free(first);
    body_free(second);
}

static size_t count_files(const struct fixture *f)
{
    DIR *dir = opendir(path_in(f, "."));
    size_t n = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n - 2;
}

/* A crash after the body was put and before meta was saved: the old state is the state. */
static void test_crash_leaves_the_old_state(void **state)
{
    struct fixture *f = *state;
    struct body *old = make_body("", "old\n", 1), *fresh = make_body("", "new\n", 1);
    struct store_meta m, got;

    memset(&m, 0, sizeof m);
    name_copy(&m.sources[STORE_LIST].accepted, old);
    assert_int_equal(store_put(f->store, old, NULL), 0);
    assert_int_equal(store_save(f->store, &m, NULL), 0);
    assert_int_equal(store_put(f->store, fresh, NULL), 0);
    write_file(path_in(f, "meta.new"), "half a me");
    write_file(path_in(f, "fetch.tmp.ab12Cd"), "half a li");
    write_file(path_in(f, "somebody-else's"), "file");

    assert_int_equal(count_files(f), 6);
    assert_int_equal(store_load(f->store, &got, NULL), 0);
    assert_memory_equal(got.sources[STORE_LIST].accepted.digest, old->sha256, SHA256_BYTES);
    assert_true(got.sources[STORE_LIST].accepted.on_disk);
    store_tidy(f->store, &got);
    assert_int_equal(count_files(f), 3); /* meta, the body, and what is not ours */
    assert_int_equal(access(path_in(f, "somebody-else's"), F_OK), 0);
    unlink(path_in(f, "somebody-else's"));
    body_free(old);
    body_free(fresh);
}

static void test_lost_and_damaged_bodies(void **state)
{
    struct fixture *f = *state;
    struct body *b = make_body("", "row\n", 1);
    struct store_meta m, got;
    char hex[2 * SHA256_BYTES + 1];
    size_t len = 0;

    memset(&m, 0, sizeof m);
    name_copy(&m.sources[STORE_CLEARED].held, b);
    hex_text(b->sha256, SHA256_BYTES, hex);
    assert_int_equal(store_put(f->store, b, NULL), 0);
    assert_int_equal(store_save(f->store, &m, NULL), 0);
    body_free(b);

    write_file(path_in(f, hex), "raw\n"); /* the size fits: seen when it is read */
    assert_int_equal(store_load(f->store, &got, NULL), 0);
    assert_true(got.sources[STORE_CLEARED].held.on_disk);
    b = store_open(f->store, &got.sources[STORE_CLEARED].held, NULL);
    assert_non_null(b);
    assert_int_equal(body_each(b, take, &len, NULL), ERR_DAMAGED);
    body_free(b);

    write_file(path_in(f, hex), "ro"); /* cut: seen at once */
    assert_int_equal(store_load(f->store, &got, NULL), 0);
    assert_true(got.sources[STORE_CLEARED].held.known);
    assert_false(got.sources[STORE_CLEARED].held.on_disk);
    unlink(path_in(f, hex));
    assert_int_equal(store_load(f->store, &got, NULL), 0);
    assert_false(got.sources[STORE_CLEARED].held.on_disk);
    assert_null(store_open(f->store, &got.sources[STORE_CLEARED].held, NULL));
}

/* The copy to go back to: compressed, found again, checked when it is read. */
static void test_packed_copy(void **state)
{
    struct fixture *f = *state;
    struct body *b =
        make_body(store_spill_path(f->store, STORE_LIST), "user@example.org\n", 300000);
    struct store_meta m, got;
    struct store_copy *previous = &m.sources[STORE_LIST].previous;
    atomic_bool stop = true;
    char name[2 * SHA256_BYTES + 4], hex[2 * SHA256_BYTES + 1];
    struct stat st;
    size_t len = 0;

    memset(&m, 0, sizeof m);
    name_copy(previous, b);
    snprintf(name, sizeof name, "%s.gz", hex_text(b->sha256, SHA256_BYTES, hex));
    assert_int_equal(store_put(f->store, b, NULL), 0);
    body_free(b);
    assert_int_equal(store_pack(f->store, previous, &stop, NULL), ERR_TIMEOUT);
    assert_false(previous->packed);
    assert_int_equal(access(path_in(f, name), F_OK), -1);
    stop = false;
    assert_int_equal(store_pack(f->store, previous, &stop, NULL), 0);
    assert_int_equal(store_save(f->store, &m, NULL), 0);
    store_tidy(f->store, &m);
    assert_int_equal(access(path_in(f, hex), F_OK), -1);
    assert_int_equal(stat(path_in(f, name), &st), 0);
    assert_true((uint64_t)st.st_size < previous->size / 10);

    assert_int_equal(store_load(f->store, &got, NULL), 0);
    previous = &got.sources[STORE_LIST].previous;
    assert_true(previous->on_disk && previous->packed);
    b = store_open(f->store, previous, NULL);
    assert_non_null(b);
    assert_int_equal(body_each(b, take, &len, NULL), 0);
    assert_int_equal(len, previous->size);
    body_free(b);

    write_file(path_in(f, name), "no gzip");
    b = store_open(f->store, previous, NULL);
    assert_true(b == NULL || body_each(b, take, &len, NULL) == ERR_DAMAGED);
    body_free(b);
}

static void test_names(void **state)
{
    static const char *const bad[] = {"", ".", "..", "../x", "a/b", ".hidden", "/"};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct error why = {.code = 0};
        assert_false(store_name_is_good(bad[i]));
        assert_null(store_new(f->dir, bad[i], &why));
        assert_int_equal(why.code, ERR_REFUSED);
    }
    assert_true(store_name_is_good("aper-2.x"));
}

static bool is_other(const char *name, const void *arg)
{
    (void)arg;
    return strcmp(name, "other") == 0;
}

static void test_prune(void **state)
{
    struct fixture *f = *state;
    struct store *other = store_new(f->dir, "other", NULL);
    struct store_meta m, got;

    memset(&m, 0, sizeof m);
    assert_non_null(other);
    assert_int_equal(store_save(f->store, &m, NULL), 0);
    assert_int_equal(store_save(other, &m, NULL), 0);
    store_prune(f->dir, is_other, NULL);
    assert_int_equal(access(path_in(f, "."), F_OK), -1);
    assert_int_equal(store_load(other, &got, NULL), 0);
    /* A store comes back with the next thing that is kept. */
    assert_int_equal(store_save(f->store, &m, NULL), 0);
    store_tidy(other, NULL);
    store_free(other);
}

int main(void)
{
#define ONE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        ONE(test_nothing_stored),
        ONE(test_put_and_open),
        ONE(test_growing_bodies_stay_apart),
        ONE(test_crash_leaves_the_old_state),
        ONE(test_lost_and_damaged_bodies),
        ONE(test_packed_copy),
        ONE(test_names),
        ONE(test_prune),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
