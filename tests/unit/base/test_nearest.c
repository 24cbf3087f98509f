/* What people mistype, and what they do not mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rcptguard/base/nearest.h"

static const char *const names[] = {"list", "until", "ticket", "by", "at", "note", "max_shrink"};

static void test_table(void **state)
{
    (void)state;
    static const struct {
        const char *word, *nearest;
    } table[] = {
        {"list", "list"},
        {"lists", "list"},
        {"Until", "until"},
        {"untill", "until"},
        {"unitl", "until"},
        {"tiket", "ticket"},
        {"tciket", "ticket"},
        {"nte", "note"},
        {"b", "by"},
        {"y", "by"},
        {"maxshrink", "max_shrink"},
        {"expires", NULL},
        {"max-shrin", "max_shrink"},
        {"", NULL},
        {"owner", NULL},
        {"xxxxxxxxxx", NULL},
    };
    char monster[5000];

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const char *got = nearest_name(view_of(table[i].word), names, 7);
        if (table[i].nearest == NULL)
            assert_null(got);
        else
            assert_string_equal(got, table[i].nearest);
    }
    memset(monster, 'l', sizeof monster);
    assert_null(nearest_name(view_make(monster, sizeof monster), names, 7));
    assert_null(nearest_name(view_of("list"), NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table)};
    return cmocka_run_group_tests_name("base/nearest", tests, NULL, NULL);
}
