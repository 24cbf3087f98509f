/* The ring of lines: what wraps round its end, what finds no room, what half of a line is worth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "rcptguard/base/line_ring.h"

static char bytes[16];
static struct line_ring ring;

static int setup(void **state)
{
    (void)state;
    line_ring_init(&ring, bytes, sizeof bytes);
    return 0;
}

static bool put(const char *line)
{
    return line_ring_put(&ring, view_of(line), 0);
}

/* Takes up to MAX bytes from *FROM on into DST. */
static const char *take(uint64_t *from, size_t max, char dst[17])
{
    size_t len = 0;

    while (len < max && *from < line_ring_head(&ring)) {
        struct view piece = line_ring_piece(&ring, *from, line_ring_head(&ring));
        piece = view_first(piece, max - len);
        memcpy(dst + len, piece.ptr, piece.len);
        len += piece.len;
        *from += piece.len;
    }
    dst[len] = '\0';
    line_ring_free(&ring, *from);
    return dst;
}

static void test_wraps(void **state)
{
    char got[17], line[16];
    uint64_t sent = 0;

    (void)state;
    for (int i = 0; i < 100; i++) {
        snprintf(line, sizeof line, "l%d", i);
        assert_true(put(line) && put(line));
        size_t len = 2 * strlen(line) + 2;
        assert_int_equal(strlen(take(&sent, 16, got)), len);
        assert_memory_equal(got, line, strlen(line));
        assert_int_equal(line_ring_tail(&ring), line_ring_head(&ring));
    }
}

static void test_full(void **state)
{
    char got[17];
    uint64_t sent = 0;

    (void)state;
    assert_false(put("sixteen and more"));
    assert_true(put("1234567") && put("1234567")); /* to the last byte */
    assert_false(put(""));
    assert_string_equal(take(&sent, 16, got), "1234567\n1234567\n");
    assert_true(put("fifteen bytes.."));
    assert_int_equal(line_ring_lines(&ring, line_ring_head(&ring)), 1);
}

static void test_spare_room(void **state)
{
    (void)state;
    assert_true(line_ring_put(&ring, view_of("123"), 12));
    assert_false(line_ring_put(&ring, view_of("123"), 9));
    assert_true(line_ring_put(&ring, view_of("123"), 8));
}

/* Half of a line stays until all of it is written, and can be read again. */
static void test_half_a_line(void **state)
{
    char got[17];
    uint64_t sent = 0;

    (void)state;
    assert_true(put("first") && put("second"));
    assert_string_equal(take(&sent, 9, got), "first\nsec");
    assert_int_equal(line_ring_tail(&ring), 6);
    assert_int_equal(line_ring_lines(&ring, line_ring_head(&ring)), 1);
    assert_int_equal(line_ring_lines(&ring, line_ring_head(&ring) - 1), 0);
    sent = line_ring_tail(&ring);
    assert_string_equal(take(&sent, 16, got), "second\n");
    assert_int_equal(line_ring_lines(&ring, line_ring_head(&ring)), 0);
}

int main(void)
{
#define RING_TEST(f) cmocka_unit_test_setup(f, setup)
    const struct CMUnitTest tests[] = {
        RING_TEST(test_wraps),
        RING_TEST(test_full),
        RING_TEST(test_spare_room),
        RING_TEST(test_half_a_line),
    };
    return cmocka_run_group_tests_name("record/line_ring", tests, NULL, NULL);
}
