/* Copies kept in gzip: they come back as they were, or as damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "feeds/packed.h"
#include "feeds/packing/pack.h"
#include "rcptguard/base/file.h"

struct fixture {
    char dir[40], from[64], to[64];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    strcpy(f->dir, "/tmp/rcptguard-pack.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->from, sizeof f->from, "%s/from", f->dir);
    snprintf(f->to, sizeof f->to, "%s/to", f->dir);
    *state = f;
    return 0;
}

/* rmdir fails where anything else was left. */
static int teardown(void **state)
{
    struct fixture *f = *state;

    unlink(f->from);
    unlink(f->to);
    assert_int_equal(rmdir(f->dir), 0);
    free(f);
    return 0;
}

static void write_file(const char *path, struct view bytes)
{
    assert_int_equal(file_replace(path, 0600, &(struct file_part){bytes.ptr, bytes.len}, 1, NULL),
                     0);
}

static struct body *open_packed(const struct fixture *f, struct view plain)
{
    unsigned char sha256[SHA256_BYTES];
    struct digest *d = digest_new();

    digest_add(d, plain.ptr, plain.len);
    digest_end(d, sha256);
    struct body *b = body_of_stored_gz(f->to, sha256, NULL);
    assert_non_null(b);
    return b;
}

static int read_packed(const struct fixture *f, struct view plain, struct buf *got)
{
    struct body *b = open_packed(f, plain);

    buf_clear(got);
    int rc = body_each(b, keep_plain, got, NULL);
    body_free(b);
    return rc;
}

static void test_comes_back(void **state)
{
    static const size_t sizes[] = {0, 1, 100, 65535, 65536, 65537, 1000000};
    struct fixture *f = *state;
    struct buf got = BUF_INIT(0);
    struct stat st;

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct buf plain = BUF_INIT(0);
        while (plain.len < sizes[i])
            buf_addf(&plain, "user%zu@example.org\n", plain.len);
        struct view v = view_first(buf_view(&plain), sizes[i]);
        write_file(f->from, v);
        assert_int_equal(pack_file(f->from, f->to, NULL, NULL), 0);
        assert_int_equal(read_packed(f, v, &got), 0);
        assert_true(view_eq(buf_view(&got), v));
        buf_free(&plain);
    }
    assert_int_equal(stat(f->to, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_true(st.st_size < 500000);
    assert_int_equal(stat(f->from, &st), 0);
    buf_free(&got);
}

/* What the publisher packed stays packed inside, and unpack_each finds it there. */
static void test_packed_inside(void **state)
{
    static const char list[] = "jane.doe@example.org\n";
    struct fixture *f = *state;

    for (unsigned kind = 0; kind < KINDS; kind++) {
        struct buf packed = packed_as(kind, view_of(list)), got = BUF_INIT(0);
        write_file(f->from, buf_view(&packed));
        assert_int_equal(pack_file(f->from, f->to, NULL, NULL), 0);
        struct body *b = open_packed(f, buf_view(&packed));
        assert_int_equal(unpack_each(b, MANY, keep_plain, &got, NULL), 0);
        assert_string_equal(got.data, list);
        body_free(b);
        buf_free(&got);
        buf_free(&packed);
    }
}

/* Whatever the disk did is damage, and never another list. */
static void test_damage(void **state)
{
    static const char list[] = "jane.doe@example.org\njohn.doe@example.org\n";
    struct fixture *f = *state;
    struct buf packed = BUF_INIT(0), got = BUF_INIT(0);

    write_file(f->from, view_of(list));
    assert_int_equal(pack_file(f->from, f->to, NULL, NULL), 0);
    assert_int_equal(file_read(f->to, 1000, &packed, NULL), 0);
    assert_int_equal(read_packed(f, view_of("other"), &got), ERR_DAMAGED);
    for (size_t len = 0; len < packed.len; len++) {
        write_file(f->to, view_first(buf_view(&packed), len));
        assert_int_equal(read_packed(f, view_of(list), &got), ERR_DAMAGED);
    }
    for (size_t at = 0; at < packed.len; at++) {
        packed.data[at] ^= 0x21;
        write_file(f->to, buf_view(&packed));
        packed.data[at] ^= 0x21;
        if (read_packed(f, view_of(list), &got) != ERR_DAMAGED)
            assert_string_equal(got.data, list);
    }
    buf_add_text(&packed, "junk");
    write_file(f->to, buf_view(&packed));
    assert_int_equal(read_packed(f, view_of(list), &got), ERR_DAMAGED);
    buf_free(&packed);
    buf_free(&got);
}

static void test_failure_leaves_the_old(void **state)
{
    struct fixture *f = *state;
    struct buf got = BUF_INIT(0);
    struct error why;

    write_file(f->to, view_of("old"));
    assert_int_equal(pack_file(f->from, f->to, NULL, &why), ERR_IO);
    assert_non_null(strstr(why.text, f->from));
    assert_int_equal(pack_file(f->dir, f->to, NULL, &why), ERR_IO);
    assert_int_equal(file_read(f->to, 100, &got, NULL), 0);
    assert_string_equal(got.data, "old");
    buf_free(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_packed_inside, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failure_leaves_the_old, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
