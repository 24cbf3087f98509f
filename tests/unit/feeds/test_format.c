/* The formats that users may name, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feeds/format.h"

static void test_every_listed_format_is_found(void **state)
{
    (void)state;
    assert_true(feed_formats() >= 2);
    for (size_t i = 0; i < feed_formats(); i++) {
        const struct feed_format_info *info = feed_format_info(i);
        const struct feed_format *format = feed_format_find(info->name);
        assert_ptr_equal(&format->info, info);
        assert_true((format->line == NULL) != (format->bytes == NULL));
        assert_true(feed_format_known(info->name));
        assert_true(strlen(info->name) < 16 && *info->row != '\0' && *info->means != '\0');
    }
    assert_null(feed_format_info(feed_formats()));
}

static void test_names(void **state)
{
    (void)state;
    assert_ptr_equal(feed_format_find("aper"), &feed_format_aper);
    assert_ptr_equal(feed_format_find("entries"), &feed_format_entries);
    assert_false(feed_format_known("aper_cleared")); /* only ever beside an aper feed */
    assert_false(feed_format_known("Aper"));
    assert_false(feed_format_known(""));
    assert_null(feed_format_find("aperx"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_listed_format_is_found),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests_name("feeds/format", tests, NULL, NULL);
}
