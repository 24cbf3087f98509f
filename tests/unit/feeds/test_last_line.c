/* What a connection that broke leaves of a list: whole lines, cut anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "feeds/fetch/last_line.h"
#include "feeds/parse/format.h"

/* BYTES in pieces of STEP; what the body then holds. */
static struct body *body_made_of(struct view bytes, size_t step, size_t *left_out)
{
    struct body *b = body_new("/nonexistent", UINT64_MAX);
    struct last_line l = {.head_len = 0};

    assert_non_null(b);
    for (size_t at = 0; at < bytes.len; at += step) {
        struct view piece = view_first(view_make(bytes.ptr + at, bytes.len - at), step);
        assert_int_equal(last_line_add(&l, piece, b, NULL), 0);
    }
    assert_int_equal(last_line_end(&l, b, left_out, NULL), 0);
    last_line_free(&l);
    return b;
}

static void assert_holds(struct view bytes, size_t expected)
{
    for (size_t step = 1; step <= bytes.len + 1; step++) {
        size_t left_out;
        struct body *b = body_made_of(bytes, step, &left_out);
        assert_int_equal(b->size, expected);
        assert_memory_equal(b->memory.data, bytes.ptr, expected);
        assert_int_equal(left_out, bytes.len - expected);
        body_free(b);
    }
}

static void test_half_a_line(void **state)
{
    (void)state;
    assert_holds(view_of("a.example\nb.example\npartner.org"), 20);
    assert_holds(view_of("a.example\r\nb"), 11);
    assert_holds(view_of("a.example\n\n"), 11);
    assert_holds(view_of("\npartner.org"), 1);
}

static void test_one_line_alone(void **state)
{
    size_t left_out;
    (void)state;
    struct body *b = body_made_of(view_of("partner.org"), 4, &left_out);

    assert_int_equal(b->size, 0);
    assert_int_equal(left_out, 11);
    body_free(b);
}

/* Its own end tells whether it is whole. */
static void test_packed(void **state)
{
    (void)state;
    assert_holds(view_make("\x1f\x8b\x08\n\0\0\n\0abc", 11), 11);
    assert_holds(view_make("\xfd\x37zXZ\0\n12345", 12), 12);
    assert_holds(view_make("\x28\xb5\x2f\xfd\n123", 8), 8);
    assert_holds(view_make("BZh91AY&SY\n123", 14), 14);
    assert_holds(view_make("PK\3\4\n123", 8), 8);
}

/* Without line ends memory is bounded all the same, and no byte is lost before the last line. */
static void test_endless_line(void **state)
{
    static char bytes[3 * FEED_LINE_MAX];
    size_t left_out;
    (void)state;

    memset(bytes, 'x', sizeof bytes);
    struct body *b = body_made_of(view_make(bytes, sizeof bytes), 10000, &left_out);
    assert_true(left_out <= FEED_LINE_MAX);
    assert_int_equal(b->size + left_out, sizeof bytes);
    body_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_half_a_line),
        cmocka_unit_test(test_one_line_alone),
        cmocka_unit_test(test_packed),
        cmocka_unit_test(test_endless_line),
    };
    return cmocka_run_group_tests_name("last_line", tests, NULL, NULL);
}
