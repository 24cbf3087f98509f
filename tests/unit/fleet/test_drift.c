/* All who differ are named, up to a bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fleet/drift.h"

static char text[DRIFT_TEXT + 32];

static void test_named(void **state)
{
    static const char *const expected[] = {
        "mx1 (exclusions)",
        "mx1 (exclusions), mx2 (blocks)",
        "mx1 (exclusions), mx2 (blocks), mx3 (main)",
        "mx1 (exclusions), mx2 (blocks), mx3 (main) and 1 more",
        "mx1 (exclusions), mx2 (blocks), mx3 (main) and 2 more",
    };
    static const char *const relays[] = {"mx1", "mx2", "mx3", "mx4", "mx5"};
    static const char *const whats[] = {"exclusions", "blocks", "main", "main", "main"};
    struct drift d = {.n = 0};
    (void)state;

    assert_string_equal(drift_text(&d, text), "");
    for (size_t i = 0; i < 5; i++) {
        drift_add(&d, view_of(relays[i]), view_of(whats[i]));
        assert_string_equal(drift_text(&d, text), expected[i]);
    }
}

/* Names come from outside. */
static void test_long_and_ugly(void **state)
{
    static char ugly[4000];
    struct drift d = {.n = 0};
    (void)state;

    memset(ugly, '\n', sizeof ugly);
    for (size_t i = 0; i < 10; i++)
        drift_add(&d, view_make(ugly, sizeof ugly), view_make(ugly, sizeof ugly));
    drift_text(&d, text);
    assert_null(strchr(text, '\n'));
    assert_non_null(strstr(text, ") and 7 more"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_named),
        cmocka_unit_test(test_long_and_ugly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
