/* Several files as one list: what is put together, what is refused, when a change counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "feeds/fetch/file_glob.h"
#include "rcptguard/base/file.h"

static char dir[32], pattern[64], spill[64];

static int set_up(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/test_file_glob.XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(pattern, sizeof pattern, "%s/*.txt", dir);
    snprintf(spill, sizeof spill, "%s/spill", dir);
    return 0;
}

static int tear_down(void **state)
{
    char command[64];

    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

static void put(const char *name, struct view bytes)
{
    char path[128];
    struct file_part part = {bytes.ptr, bytes.len};

    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(file_replace_lazily(path, 0644, &part, 1, NULL), 0);
}

static void drop(const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(unlink(path), 0);
}

static void assert_body(const char *expected)
{
    struct error why = {0};
    struct body *body = file_glob_read(pattern, spill, 1000, &why);

    if (body == NULL)
        fail_msg("%s", why.text);
    assert_int_equal(body->size, strlen(expected));
    assert_true(view_is(buf_view(&body->memory), expected));
    body_free(body);
}

static void assert_error(int code, const char *words, uint64_t max_bytes)
{
    struct error why = {0};

    assert_null(file_glob_read(pattern, spill, max_bytes, &why));
    assert_int_equal(why.code, code);
    if (strstr(why.text, words) == NULL)
        fail_msg("%s", why.text);
}

static void test_put_together(void **state)
{
    char path[128];
    (void)state;

    put("b.txt", view_of("b1\nb2"));
    assert_body("b1\nb2"); /* as it is */
    put("a.txt", view_of("a\n"));
    put("c.txt", view_of("\xef\xbb\xbf"
                         "c\r\n"));
    put("d.txt", view_of(""));
    put("e.txt", view_of("e"));
    put("f.txt", view_of("f"));
    put("g.txt.new", view_of("g\n"));
    put(".h.txt", view_of("h\n"));
    snprintf(path, sizeof path, "%s/aa.txt", dir);
    assert_int_equal(mkdir(path, 0755), 0);
    snprintf(path, sizeof path, "%s/aaa.txt", dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_body("a\nb1\nb2\nc\r\ne\nf");
}

static void test_no_file(void **state)
{
    char path[128];
    (void)state;

    assert_error(ERR_ABSENT, "no file matches", 1000);
    snprintf(path, sizeof path, "%s/aa.txt", dir);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_error(ERR_ABSENT, "no file matches", 1000);
    snprintf(pattern, sizeof pattern, "%s/none/*.txt", dir);
    assert_error(ERR_ABSENT, "no file matches", 1000);
}

static void test_packed(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } packed[] = {
        {"\x1f\x8b\x08\x00", 4},
        {"\xfd"
         "7zXZ\0",
         6},
        {"\x28\xb5\x2f\xfd", 4},
        {"BZh9\x31\x41\x59\x26\x53\x59", 10},
        {"PK\x03\x04", 4},
        {"PK\x05\x06", 4},
    };
    (void)state;

    for (size_t i = 0; i < sizeof packed / sizeof packed[0]; i++) {
        struct error why = {0};
        put("b.txt", view_make(packed[i].bytes, packed[i].len));
        struct body *alone = file_glob_read(pattern, spill, 1000, &why);
        assert_non_null(alone);
        body_free(alone);
        put("a.txt", view_of("a\n"));
        assert_error(ERR_REFUSED, "b.txt is packed", 1000);
        drop("a.txt");
    }
}

/* The signs that a packed file begins with may begin a row. */
static void test_only_looks_packed(void **state)
{
    struct error why = {0};
    (void)state;

    put("a.txt", view_of("a\n"));
    put("b.txt", view_of("BZh9.example.org\n"));
    struct body *body = file_glob_read(pattern, spill, 1000, &why);
    assert_non_null(body);
    assert_int_equal(body->size, 19);
    body_free(body);
    drop("a.txt");
}

static void test_cap_over_all(void **state)
{
    (void)state;
    put("a.txt", view_of("12345"));
    put("b.txt", view_of("6789\n"));
    assert_error(ERR_LIMIT, "max_bytes", 9);
    assert_error(ERR_LIMIT, "max_bytes", 10); /* the line end between counts */
    struct body *body = file_glob_read(pattern, spill, 11, NULL);
    assert_non_null(body);
    body_free(body);
}

/* A change counts when it stands still for one look. */
static void test_changes(void **state)
{
    struct file_glob_watch w = {.look_at_ms = 0};
    int64_t ms = 5000;
    (void)state;

    put("a.txt", view_of("a\n"));
    file_glob_mark(pattern, w.taken);
    assert_false(file_glob_changed(&w, pattern, ms));
    assert_false(file_glob_changed(&w, pattern, ms += FILE_GLOB_LOOK_MS));

    put("b.txt", view_of("b\n"));
    assert_false(file_glob_changed(&w, pattern, ms + FILE_GLOB_LOOK_MS - 1)); /* not yet */
    assert_false(file_glob_changed(&w, pattern, ms += FILE_GLOB_LOOK_MS));
    put("b.txt", view_of("bb\n"));
    assert_false(file_glob_changed(&w, pattern, ms += FILE_GLOB_LOOK_MS));
    assert_true(file_glob_changed(&w, pattern, ms += FILE_GLOB_LOOK_MS));
    assert_false(file_glob_changed(&w, pattern, ms += FILE_GLOB_LOOK_MS));

    put("c.new", view_of("c\n")); /* none of ours */
    assert_false(file_glob_changed(&w, pattern, ms += FILE_GLOB_LOOK_MS));
    assert_false(file_glob_changed(&w, pattern, ms += FILE_GLOB_LOOK_MS));

    drop("a.txt");
    drop("b.txt");
    assert_false(file_glob_changed(&w, pattern, ms += FILE_GLOB_LOOK_MS));
    assert_true(file_glob_changed(&w, pattern, ms += FILE_GLOB_LOOK_MS));
    assert_false(file_glob_changed(&w, pattern, ms += FILE_GLOB_LOOK_MS));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_put_together),      TEST(test_no_file),      TEST(test_packed),
        TEST(test_only_looks_packed), TEST(test_cap_over_all), TEST(test_changes),
    };
    return cmocka_run_group_tests_name("file_glob", tests, NULL, NULL);
}
