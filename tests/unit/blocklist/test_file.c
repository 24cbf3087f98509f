/* Saving and loading: round trip, mode, absent, damaged, and things that are no files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "rcptguard/blocklist.h"

static char dir[64], path[128];

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/rcptguard-test-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/index", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

static struct blocklist *many(int keys)
{
    struct blocklist_builder *b = blocklist_builder_new(0);
    struct blocklist_list lists[2] = {{.name = "one"}, {.name = "two", .copy = {1, 2, 3}}};
    char key[64];

    for (int i = 0; i < 2; i++)
        assert_int_equal(blocklist_builder_list(b, &lists[i], NULL), i);
    for (int i = 0; i < keys; i++) {
        snprintf(key, sizeof key, "host%d.example.org", i);
        blocklist_builder_add(b, ENTRY_DOMAIN, view_of(key), 0, i % 1000, NULL);
        if (i % 3 == 0)
            blocklist_builder_add(b, ENTRY_BELOW, view_of(key), 1, 0, NULL);
    }
    return blocklist_builder_finish(b, NULL);
}

static int look_up_in_other(struct view key, const struct listing *listing, void *arg)
{
    struct listing out[1];

    assert_int_equal(blocklist_find(arg, key, ENTRY_BIT(listing->kind), out, 1), 1);
    assert_true(out[0].list == listing->list && out[0].date == listing->date);
    return 0;
}

static void test_round_trip(void **state)
{
    (void)state;
    /* Nothing, a heap's worth, a mapping's worth. */
    const int sizes[] = {0, 1000, 100000};

    for (size_t i = 0; i < 3; i++) {
        struct blocklist *saved = many(sizes[i]);
        struct error why = {0};
        struct stat st;
        assert_int_equal(blocklist_save(saved, path, &why), 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777 & ~0640, 0);
        struct blocklist *loaded = blocklist_load(path, &why);
        assert_non_null(loaded);
        assert_int_equal(blocklist_keys(loaded), blocklist_keys(saved));
        assert_int_equal(blocklist_lists(loaded), 2);
        assert_memory_equal(blocklist_list(loaded, 1), blocklist_list(saved, 1),
                            sizeof(struct blocklist_list));
        assert_int_equal(blocklist_each(saved, look_up_in_other, loaded), 0);
        assert_int_equal(blocklist_each(loaded, look_up_in_other, saved), 0);
        blocklist_free(saved);
        blocklist_free(loaded);
    }
}

static void test_absent(void **state)
{
    (void)state;
    struct error why = {0};
    char below[160];

    unlink(path);
    assert_null(blocklist_load(path, &why));
    assert_int_equal(why.code, ERR_ABSENT);
    assert_non_null(strstr(why.text, path));
    snprintf(below, sizeof below, "%s/none/index", dir);
    assert_null(blocklist_load(below, &why));
    assert_int_equal(why.code, ERR_ABSENT);
    struct blocklist *bl = many(1);
    assert_int_equal(blocklist_save(bl, below, &why), ERR_IO);
    blocklist_free(bl);
}

static void test_damaged_on_disk(void **state)
{
    (void)state;
    struct blocklist *bl = many(50);
    struct error why = {0};
    struct stat st;

    assert_int_equal(blocklist_save(bl, path, NULL), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size - 1), 0);
    assert_null(blocklist_load(path, &why));
    assert_int_equal(why.code, ERR_DAMAGED);
    assert_non_null(strstr(why.text, path));
    assert_int_equal(truncate(path, 0), 0);
    assert_null(blocklist_load(path, &why));
    assert_int_equal(why.code, ERR_DAMAGED);
    /* A sparse monster is refused before memory is asked for. */
    if (truncate(path, (off_t)1 << 40) == 0) {
        assert_null(blocklist_load(path, &why));
        assert_int_equal(why.code, ERR_DAMAGED);
    }
    assert_int_equal(blocklist_save(bl, path, NULL), 0);
    blocklist_free(bl);
    bl = blocklist_load(path, &why);
    assert_non_null(bl);
    blocklist_free(bl);
}

static void test_not_a_file(void **state)
{
    (void)state;
    struct error why = {0};

    assert_null(blocklist_load(dir, &why));
    assert_int_equal(why.code, ERR_REFUSED);
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_null(blocklist_load(path, &why));
    assert_int_equal(why.code, ERR_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_damaged_on_disk),
        cmocka_unit_test(test_not_a_file),
    };
    return cmocka_run_group_tests_name("blocklist/file", tests, make_dir, remove_dir);
}
