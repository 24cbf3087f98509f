/* JSON helpers: whatever the bytes, the document is valid. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "admin/json.h"

static void test_text(void **state)
{
    static const struct {
        struct view in;
        const char *json;
    } rows[] = {
        {{"jane@example.org", 16}, "\"jane@example.org\""},
        {{"", 0}, "\"\""},
        {{NULL, 0}, "\"\""},
        {{"j\xc3\xb6rg", 5}, "\"j\xc3\xb6rg\""},
        {{"a\0b", 3}, "\"a\\u0000b\""},
        {{"a\"\\\n", 4}, "\"a\\\"\\\\\\n\""},
        {{"a\xff", 2}, "\"a\\\\xFF\""},
        {{"\xff\xc0\xed\xa0\x80", 5}, "\"\\\\xFF\\\\xC0\\\\xED\\\\xA0\\\\x80\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *value = json_text(rows[i].in);
        char *dumped = json_dumps(value, JSON_ENCODE_ANY);
        assert_string_equal(dumped, rows[i].json);
        free(dumped);
        json_decref(value);
    }
}

static void test_times(void **state)
{
    json_t *object = json_object();

    (void)state;
    json_put(object, "at", json_time(1764000000));
    json_put(object, "never", json_time(0));
    json_put(object, "day", json_date(1));
    json_put(object, "none", json_date(0));
    json_put(object, "many", json_count(UINT64_MAX));
    json_put(object, "lost", NULL);
    char *dumped = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(dumped, "{\"at\":\"2025-11-24T16:00:00Z\",\"day\":\"1970-01-02\","
                                "\"lost\":null,\"many\":9223372036854775807,"
                                "\"never\":null,\"none\":null}");
    free(dumped);
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_times),
    };
    return cmocka_run_group_tests_name("admin/json", tests, NULL, NULL);
}
