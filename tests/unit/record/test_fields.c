/* How decisions are shown: the form is a promise, and nothing from outside breaks out of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "rcptguard/base/escape.h"
#include "rcptguard/base/log.h"
#include "rcptguard/record.h"

static struct record_decision refusal(void)
{
    return (struct record_decision){
        .time = 86400,
        .label = "reject",
        .ref = view_of("BCDF2345"),
        .recipient = view_of("Jane@example.org"),
        .sender = view_of(""),
        .sasl_username = view_of("ann"),
        .client = view_of("192.0.2.7"),
        .queue_id = view_of("4Xyz"),
        .canonical = view_of("jane@example.org"),
        .domain = view_of("example.org"),
        .list = view_of("aper"),
        .entry = view_of("jane@example.org"),
        .date = 1,
        .action = view_of("550 5.7.1 no"),
    };
}

static void test_json(void **state)
{
    char line[RECORD_JSON_BYTES];
    struct text t = text_on(line, sizeof line);
    struct record_decision d = refusal();

    (void)state;
    record_json(&t, &d);
    assert_string_equal(
        line,
        "{\"ref\":\"BCDF2345\",\"time\":\"1970-01-02T00:00:00Z\",\"outcome\":\"reject\","
        "\"recipient\":\"Jane@example.org\",\"canonical\":\"jane@example.org\",\"sender\":\"\","
        "\"sasl_username\":\"ann\",\"client\":\"192.0.2.7\",\"queue_id\":\"4Xyz\","
        "\"instance\":null,\"list\":\"aper\",\"entry\":\"jane@example.org\","
        "\"date\":\"1970-01-02\",\"action\":\"550 5.7.1 no\",\"evidence\":null}");
}

static void test_journal_fields(void **state)
{
    char fields[LOG_FIELDS_BYTES];
    struct text t = text_on(fields, sizeof fields);
    struct record_decision d = refusal();

    (void)state;
    d.sasl_username = view_of("a\nRCPTGUARD_LIST=b<\\\"");
    d.date = 0;
    record_journal_fields(&t, &d);
    assert_string_equal(
        fields,
        "RCPTGUARD_REF=BCDF2345\nRCPTGUARD_OUTCOME=reject\nRCPTGUARD_RECIPIENT=Jane@example.org\n"
        "RCPTGUARD_CANONICAL=jane@example.org\nRCPTGUARD_SENDER=\n"
        "RCPTGUARD_SASL_USERNAME=a\\x0ARCPTGUARD_LIST=b\\x3C\\x5C\\x22\n"
        "RCPTGUARD_CLIENT=192.0.2.7\nRCPTGUARD_QUEUE_ID=4Xyz\nRCPTGUARD_LIST=aper\n"
        "RCPTGUARD_ENTRY=jane@example.org\nRCPTGUARD_ACTION=550 5.7.1 no\n");
}

/* Puts V into every text. */
static void fill(struct record_decision *d, struct view v)
{
    for (size_t i = 0; i < RECORD_FIELDS; i++)
        if (record_fields[i].kind == FIELD_TEXT || record_fields[i].kind == FIELD_OPTIONAL)
            *(struct view *)(void *)((char *)d + record_fields[i].at) = v;
}

/* One line, whole, valid, and each value what a log line shows. */
static void check_value(struct view value)
{
    char line[RECORD_JSON_BYTES], fields[LOG_FIELDS_BYTES + 1], shown[ESCAPE_MAX_BYTES + 8];
    struct text t = text_on(line, sizeof line), f = text_on(fields, sizeof fields);
    struct text s = text_on(shown, sizeof shown);
    struct record_decision d = {.time = 253402300799, .label = "excluded", .date = 2932896};

    fill(&d, value);
    record_json(&t, &d);
    record_journal_fields(&f, &d);
    escape_to(&s, value, ESCAPE_LOG);
    assert_false(t.cut || f.cut);
    assert_int_equal(strlen(line), t.len);
    assert_null(strchr(line, '\n'));

    json_error_t error;
    json_t *object = json_loadb(t.dst, t.len, JSON_REJECT_DUPLICATES, &error);
    assert_non_null(object);
    assert_int_equal(json_object_size(object), RECORD_FIELDS);
    for (size_t i = 0; i < RECORD_FIELDS; i++) {
        const json_t *got = json_object_get(object, record_fields[i].name);
        if (record_fields[i].kind == FIELD_TEXT ||
            (record_fields[i].kind == FIELD_OPTIONAL && value.len > 0))
            assert_string_equal(json_string_value(got), shown);
    }
    json_decref(object);
}

static void test_any_bytes(void **state)
{
    char bytes[600];

    (void)state;
    srandom(1);
    check_value(view_of(""));
    for (int c = 0; c < 256; c++) {
        memset(bytes, c, sizeof bytes);
        check_value(view_make(bytes, 1));
        check_value(view_make(bytes, sizeof bytes));
    }
    for (int round = 0; round < 3000; round++) {
        size_t len = (size_t)random() % sizeof bytes;
        for (size_t i = 0; i < len; i++)
            bytes[i] = (char)(random() % (round % 2 == 0 ? 256 : 128));
        check_value(view_make(bytes, len));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_journal_fields),
        cmocka_unit_test(test_any_bytes),
    };
    return cmocka_run_group_tests_name("record/fields", tests, NULL, NULL);
}
