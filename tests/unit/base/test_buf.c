/* Both kinds of text: growth, caps, cuts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/base/error.h"

static void test_buf_grows(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(0);
    char expected[3000];

    assert_int_equal(buf_view(&b).len, 0);
    for (int i = 0; i < 1000; i++) {
        expected[3 * i] = (char)('0' + i % 10);
        expected[3 * i + 1] = 'a';
        expected[3 * i + 2] = '\0';
        assert_int_equal(buf_addf(&b, "%d", i % 10), 0);
        assert_int_equal(buf_add_text(&b, "a"), 0);
        assert_int_equal(buf_add(&b, "", 1), 0);
        assert_int_equal(buf_add(&b, NULL, 0), 0);
    }
    assert_true(view_eq(buf_view(&b), view_make(expected, sizeof expected)));
    assert_int_equal(b.data[b.len], '\0');
    buf_clear(&b);
    assert_int_equal(b.len, 0);
    assert_string_equal(b.data, "");
    buf_free(&b);
    buf_free(&b);
    assert_null(b.data);
}

static void test_buf_keeps_its_cap(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(8);

    assert_int_equal(buf_add_text(&b, "1234567"), 0);
    assert_int_equal(buf_add_text(&b, "89"), ERR_LIMIT);
    assert_true(b.failed);
    assert_int_equal(buf_add_text(&b, "8"), ERR_LIMIT); /* a hole would be worse */
    assert_string_equal(b.data, "1234567");
    buf_clear(&b);
    assert_int_equal(buf_addf(&b, "%s", "12345678"), 0);
    assert_int_equal(buf_addf(&b, "%d", 9), ERR_LIMIT);
    assert_string_equal(b.data, "12345678");
    buf_free(&b);
    assert_int_equal(b.cap, 8);
}

static void test_buf_expects(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(100);

    buf_expect(&b, 50);
    assert_true(b.size > 50);
    const char *data = b.data;
    for (int i = 0; i < 50; i++)
        assert_int_equal(buf_add(&b, "x", 1), 0);
    assert_ptr_equal(b.data, data);
    buf_expect(&b, SIZE_MAX); /* a guess: what fits the cap */
    buf_expect(&b, 3);
    assert_int_equal(b.len, 50);
    assert_false(b.failed);
    buf_free(&b);
    b = BUF_INIT(0);
    buf_expect(&b, SIZE_MAX);
    assert_int_equal(buf_add_text(&b, "x"), 0);
    buf_expect(&b, (size_t)8 << 20);
    memset(b.data + 1, 'y', (size_t)8 << 20);
    assert_int_equal(b.data[0], 'x');
    buf_free(&b);
}

static void test_text_cuts(void **state)
{
    (void)state;
    char dst[8];
    struct text t = text_on(dst, sizeof dst);

    text_add(&t, "1234");
    text_addf(&t, "%d", 56);
    assert_false(t.cut);
    assert_string_equal(dst, "123456");
    text_addf(&t, "%d", 789);
    assert_true(t.cut);
    assert_string_equal(dst, "1234567");
    assert_int_equal(t.len, 7);
    text_add(&t, "x");
    text_addf(&t, "x");
    assert_string_equal(dst, "1234567");

    t = text_on(dst, 1);
    text_add_view(&t, view_of("x"));
    assert_true(t.cut);
    assert_string_equal(dst, "");
    assert_int_equal(text_view(&t).len, 0);

    t = text_on(dst, sizeof dst); /* exactly full is not cut */
    text_add(&t, "1234567");
    assert_false(t.cut);
    t = text_on(dst, sizeof dst);
    text_addf(&t, "%s", "1234567");
    assert_false(t.cut);
    assert_int_equal(t.len, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buf_grows),
        cmocka_unit_test(test_buf_keeps_its_cap),
        cmocka_unit_test(test_buf_expects),
        cmocka_unit_test(test_text_cuts),
    };
    return cmocka_run_group_tests_name("base/buf", tests, NULL, NULL);
}
