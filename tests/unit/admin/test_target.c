/* Request targets: what decodes, what is refused, which route they fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "admin/target.h"

static int parse(const char *raw, char *memory, struct target *t)
{
    struct error why;
    return target_parse(view_of(raw), memory, t, &why);
}

static void test_values(void **state)
{
    static const struct {
        const char *raw;
        int code;
        struct view recipient;
    } rows[] = {
#define V(text) {text, sizeof text - 1}
        {"/v1/check?recipient=a%40example.org", 0, V("a@example.org")},
        {"/v1/check?recipient=a@example.org&sender=b", 0, V("a@example.org")},
        {"/v1/check?sender=x&recipient=a+tag@example.org", 0, V("a+tag@example.org")},
        {"/v1/check?recipient=a%2Btag@d", 0, V("a+tag@d")},
        {"/v1/check?recipient=", 0, V("")},
        {"/v1/check?recipient", 0, V("")},
        {"/v1/check?&&recipient=a=b&", 0, V("a=b")},
        {"/v1/check?recipient=%00%ff%C3%a9", 0, V("\0\xff\xc3\xa9")},
        {"/v1/check?recipient=a?b", 0, V("a?b")},
        {"/v1/check?%72ecipient=a", 0, V("a")},
        {"/v1/check?recipient=a%2", ERR_SYNTAX, V("")},
        {"/v1/check?recipient=a%", ERR_SYNTAX, V("")},
        {"/v1/check?recipient=a%g0", ERR_SYNTAX, V("")},
        {"/v1/check?recipient=a%0g", ERR_SYNTAX, V("")},
        {"/v1/check?recipient=a&recipient=b", ERR_SYNTAX, V("")},
        {"/v1/%2?recipient=a", ERR_SYNTAX, V("")},
        {"", ERR_SYNTAX, V("")},
        {"v1/check?recipient=a", ERR_SYNTAX, V("")},
        {"http://localhost/v1/check?recipient=a", ERR_SYNTAX, V("")},
        {"/1/2/3/4/5/6/7/8/9?recipient=a", ERR_LIMIT, V("")},
        {"/?1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16&17", ERR_LIMIT, V("")},
#undef V
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char memory[128];
        struct target t;
        struct view value;
        assert_int_equal(parse(rows[i].raw, memory, &t), rows[i].code);
        if (rows[i].code != 0)
            continue;
        assert_true(target_get(&t, "recipient", &value));
        assert_int_equal(value.len, rows[i].recipient.len);
        assert_true(view_eq(value, rows[i].recipient));
        assert_false(target_get(&t, "missing", &value));
    }
}

static void test_routes(void **state)
{
    static const struct {
        const char *raw, *pattern;
        const char *name; /* NULL: does not fit */
    } rows[] = {
        {"/v1/feeds", "/v1/feeds", ""},
        {"/v1/feeds?x=y", "/v1/feeds", ""},
        {"/v1/%66eeds", "/v1/feeds", ""},
        {"/v1/feeds/", "/v1/feeds", NULL},
        {"/v1/feed", "/v1/feeds", NULL},
        {"/v1/feeds/aper/refresh", "/v1/feeds/*/refresh", "aper"},
        {"/v1/feeds/a%2Fb/refresh", "/v1/feeds/*/refresh", "a/b"},
        {"/v1/feeds//refresh", "/v1/feeds/*/refresh", ""},
        {"/v1/feeds/aper", "/v1/feeds/*/refresh", NULL},
        {"/v1/feeds/aper/refresh/now", "/v1/feeds/*/refresh", NULL},
        {"/v1/feeds/aper/accept", "/v1/feeds/*/refresh", NULL},
        {"/", "/v1/feeds", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char memory[128];
        struct target t;
        struct view name = view_of("");
        assert_int_equal(parse(rows[i].raw, memory, &t), 0);
        assert_int_equal(target_matches(&t, rows[i].pattern, &name), rows[i].name != NULL);
        if (rows[i].name != NULL)
            assert_true(view_is(name, rows[i].name));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_routes),
    };
    return cmocka_run_group_tests_name("admin/target", tests, NULL, NULL);
}
