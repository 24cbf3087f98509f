/* The reserve: what malloc has none for comes from there, up to its size, and goes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "rcptguard/base/reserve.h"

static void *from_reserve(void)
{
    void *piece = reserve_take(100);

    assert_non_null(piece);
    return piece;
}

static void test_memory_comes_first(void **state)
{
    (void)state;
    char *piece = reserve_malloc(10);
    assert_non_null(piece);
    assert_int_equal(reserve_used(), 0);
    piece = reserve_realloc(piece, 5000);
    assert_non_null(piece);
    reserve_free(piece);
    reserve_free(NULL);
    piece = reserve_realloc(NULL, 10);
    assert_non_null(piece);
    reserve_free(piece);
}

static void test_pieces_are_apart_and_come_back(void **state)
{
    static char *all[RESERVE_PIECES];

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < RESERVE_PIECES; i++) {
            all[i] = from_reserve();
            memset(all[i], (int)(i % 251), RESERVE_PIECE_BYTES);
        }
        assert_null(reserve_take(1));
        for (size_t i = 0; i < RESERVE_PIECES; i++) {
            assert_int_equal(all[i][0], (char)(i % 251));
            assert_int_equal(all[i][RESERVE_PIECE_BYTES - 1], (char)(i % 251));
            assert_int_equal(reserve_used(), RESERVE_PIECES - i);
            reserve_free(all[i]);
        }
        assert_int_equal(reserve_used(), 0);
    }
    assert_null(reserve_take(RESERVE_PIECE_BYTES + 1));
}

static void test_moves_out(void **state)
{
    (void)state;
    char *piece = from_reserve();

    memset(piece, 'x', RESERVE_PIECE_BYTES);
    piece = reserve_realloc(piece, 3 * RESERVE_PIECE_BYTES);
    assert_non_null(piece);
    assert_int_equal(reserve_used(), 0);
    assert_int_equal(piece[0], 'x');
    assert_int_equal(piece[RESERVE_PIECE_BYTES - 1], 'x');
    reserve_free(piece);
    piece = reserve_realloc(from_reserve(), 10);
    assert_non_null(piece);
    assert_int_equal(reserve_used(), 0);
    reserve_free(piece);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_comes_first),
        cmocka_unit_test(test_pieces_are_apart_and_come_back),
        cmocka_unit_test(test_moves_out),
    };
    return cmocka_run_group_tests_name("base/reserve", tests, NULL, NULL);
}
