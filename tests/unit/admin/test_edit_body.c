/* Bodies and parameters of edits: what is read, and what each wrong one is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "admin/edit_body.h"

static void test_bodies(void **state)
{
    static const struct {
        enum local_kind kind;
        const char *body;
        const char *says; /* of the error; NULL: it is good */
        const char *lists;
    } rows[] = {
        {LOCAL_EXCLUSIONS, "{\"what\":\"a@example.org\"}", NULL, ""},
        {LOCAL_EXCLUSIONS, "{\"what\":\"a\",\"list\":\"x,y\"}", NULL, "x,y"},
        {LOCAL_EXCLUSIONS, "{\"what\":\"a\",\"list\":[\"x\",\"y\"]}", NULL, "x,y"},
        {LOCAL_EXCLUSIONS, "{\"what\":\"a\",\"list\":[]}", NULL, ""},
        {LOCAL_EXCLUSIONS, "{\"what\":\"a\",\"list\":null,\"until\":null,\"force\":null}", NULL,
         ""},
        {LOCAL_BLOCKS,
         "{\"what\":\"a\",\"until\":\"2027-01-01\",\"ticket\":\"t\",\"note\":\"n\",\"by\":\"b\","
         "\"force\":true}",
         NULL, ""},
        {LOCAL_EXCLUSIONS, "{}", "what: is missing", ""},
        {LOCAL_EXCLUSIONS, "{\"what\":\"\"}", "what: is missing", ""},
        {LOCAL_EXCLUSIONS, "{\"what\":\" \"}", "what: is missing", ""},
        {LOCAL_EXCLUSIONS, "{\"what\":1}", "what: must be a string", ""},
        {LOCAL_EXCLUSIONS, "{\"what\":[\"a\"]}", "what: must be a string", ""},
        {LOCAL_EXCLUSIONS, "{\"what\":\"a\",\"tiket\":\"x\"}", "'tiket': did you mean ticket?", ""},
        {LOCAL_EXCLUSIONS, "{\"what\":\"a\",\"for\\u0007ce\":1}",
         "'for\\x07ce': did you mean force?", ""},
        {LOCAL_EXCLUSIONS, "{\"what\":\"a\",\"until\":20270101}", "until: must be a string", ""},
        {LOCAL_EXCLUSIONS, "{\"what\":\"a\",\"until\":\"\"}", "until: is empty", ""},
        {LOCAL_EXCLUSIONS, "{\"what\":\"a\",\"until\":\" \"}", "until: is empty", ""},
        {LOCAL_BLOCKS, "{\"what\":\"a\",\"until\":\"\"}", "until: is empty", ""},
        {LOCAL_EXCLUSIONS, "{\"what\":\"a\",\"list\":\"\"}", "list: is empty", ""},
        {LOCAL_EXCLUSIONS, "{\"what\":\"a\",\"list\":null,\"until\":null}", NULL, ""},
        {LOCAL_EXCLUSIONS, "{\"what\":\"a\",\"ticket\":{}}", "ticket: must be a string", ""},
        {LOCAL_EXCLUSIONS, "{\"what\":\"a\",\"by\":true}", "by: must be a string", ""},
        {LOCAL_EXCLUSIONS, "{\"what\":\"a\",\"note\":\"x\\ny\"}", "note: write it on one line", ""},
        {LOCAL_EXCLUSIONS, "{\"what\":\"a\\r\"}", "what: write it on one line", ""},
        {LOCAL_EXCLUSIONS, "{\"what\":\"a\",\"list\":[\"x\\ny\"]}", "list: write it on one line",
         ""},
        {LOCAL_EXCLUSIONS, "{\"what\":\"a\",\"force\":\"yes\"}", "force: must be true or false",
         ""},
        {LOCAL_EXCLUSIONS, "{\"what\":\"a\",\"list\":7}", "list: must be an array", ""},
        {LOCAL_EXCLUSIONS, "{\"what\":\"a\",\"list\":[7]}", "list: must be names", ""},
        {LOCAL_EXCLUSIONS, "{\"what\":\"a\",\"list\":[\"\"]}", "list: must be names", ""},
        {LOCAL_EXCLUSIONS, "{\"what\":\"a\",\"list\":[\"x,y\"]}", "list: must be names", ""},
        {LOCAL_BLOCKS, "{\"what\":\"a\",\"list\":[]}", "has no field \"list\"", ""},
        {LOCAL_BLOCKS, "{\"what\":\"a\",\"lits\":[]}", "unknown field 'lits'", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *body = json_loads(rows[i].body, 0, NULL);
        struct edit_body b;
        struct error why = {0};
        assert_non_null(body);
        int code = edit_body_read(rows[i].kind, body, &b, &why);
        assert_int_equal(code, rows[i].says == NULL ? 0 : ERR_SYNTAX);
        if (rows[i].says != NULL && strstr(why.text, rows[i].says) == NULL)
            fail_msg("%s: %s", rows[i].body, why.text);
        if (code == 0)
            assert_true(view_is(b.lists, rows[i].lists));
        edit_body_free(&b);
        json_decref(body);
    }
    struct edit_body none;
    assert_int_equal(edit_body_read(LOCAL_BLOCKS, NULL, &none, NULL), ERR_SYNTAX);
    edit_body_free(&none);
}

static void test_targets(void **state)
{
    static const struct {
        const char *target;
        const char *says;
    } rows[] = {
        {"/x?what=a", NULL},
        {"/x?what=a&list=b,c&by=ann", NULL},
        {"/x?expired=yes", NULL},
        {"/x?expired=yes&by=ann", NULL},
        {"/x", "what: is missing"},
        {"/x?what=", "what: is missing"},
        {"/x?what=a&list=", "list: name a list"},
        {"/x?what=a%0Ab", "what: write it on one line"},
        {"/x?expired=no", "expired: write"},
        {"/x?expired", "expired: write"},
        {"/x?expired=yes&what=a", "expired: write"},
        {"/x?expired=yes&list=a", "expired: write"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char memory[64];
        struct target t;
        struct edit_body b;
        struct error why = {0};
        assert_int_equal(target_parse(view_of(rows[i].target), memory, &t, NULL), 0);
        int code = edit_body_from_target(&t, &b, &why);
        assert_int_equal(code, rows[i].says == NULL ? 0 : ERR_SYNTAX);
        if (code != 0)
            assert_non_null(strstr(why.text, rows[i].says));
        edit_body_free(&b);
    }
}

static void test_lists(void **state)
{
    static const char *const names[] = {"local", "aper", "hosts"};
    struct error why;

    (void)state;
    assert_int_equal(edit_check_lists(view_of("aper"), names, 3, &why), 0);
    assert_int_equal(edit_check_lists(view_of("hosts, local"), names, 3, &why), 0);
    assert_int_equal(edit_check_lists(view_of("aper,host"), names, 3, &why), ERR_SYNTAX);
    assert_string_equal(why.text, "unknown list 'host': did you mean hosts?");
    assert_int_equal(edit_check_lists(view_of("aper,"), names, 3, &why), ERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_lists),
    };
    return cmocka_run_group_tests_name("admin/edit_body", tests, NULL, NULL);
}
