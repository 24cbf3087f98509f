/* Events of other relays: what record_json wrote is read back as it was; nothing else is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fleet/event.h"

static struct seal_key key, other, none;
static struct error why;

static int set_up(void **state)
{
    (void)state;
    return seal_key_make(view_of("a secret"), VIEW_NONE, &key) |
           seal_key_make(view_of("another"), VIEW_NONE, &other) |
           seal_key_make(view_of(""), VIEW_NONE, &none);
}

static struct record_decision example(void)
{
    return (struct record_decision){
        .time = 1700000000,
        .label = "reject",
        .ref = view_of("7K2M4QXB"),
        .recipient = view_of("\"a\\\"<b>\"@Example.ORG"),
        .sender = view_of(""),
        .sasl_username = view_make("an\0n\n\xff", 6),
        .canonical = view_of("a@example.org"),
        .list = view_of("aper"),
        .entry = view_of(".example.org"),
        .date = 19000,
        .action = view_of("550 5.7.1 no"),
    };
}

/* An allocation of exactly that size, so that a read beyond it is seen. */
static int open_exactly(const struct seal_key *with, struct view text, struct event **out)
{
    char *bytes = malloc(text.len == 0 ? 1 : text.len);

    assert_non_null(bytes);
    if (text.len > 0)
        memcpy(bytes, text.ptr, text.len);
    int rc = event_open(with, view_make(bytes, text.len), out, &why);
    free(bytes);
    assert_true(rc == 0 || rc == why.code);
    return rc;
}

static struct buf sealed_line(const struct seal_key *with, struct view line)
{
    struct buf out = BUF_INIT(0);

    assert_int_equal(event_seal(with, "mx1.00c0ffee", 3, line, &out), 0);
    return out;
}

static struct buf sealed_of(const struct record_decision *d)
{
    char line[RECORD_JSON_BYTES];
    struct text t = text_on(line, sizeof line);

    record_json(&t, d);
    return sealed_line(&key, text_view(&t));
}

static void assert_same(struct view a, struct view b)
{
    assert_int_equal(a.len, b.len);
    if (a.len > 0)
        assert_memory_equal(a.ptr, b.ptr, a.len);
}

static void test_there_and_back(void **state)
{
    struct record_decision d = example();
    struct buf text = sealed_of(&d);
    struct event *e = NULL;

    (void)state;
    assert_int_equal(open_exactly(&key, buf_view(&text), &e), 0);
    const struct record_decision *got = &e->shown.decision;
    assert_true(view_is(e->shown.relay, "mx1.00c0ffee"));
    assert_int_equal(got->time, d.time);
    assert_int_equal(got->date, d.date);
    assert_string_equal(got->label, "reject");
    assert_same(got->ref, d.ref);
    assert_same(got->recipient, d.recipient);
    assert_same(got->sender, d.sender);
    assert_same(got->sasl_username, d.sasl_username);
    assert_same(got->entry, d.entry);
    assert_same(got->queue_id, VIEW_NONE);
    assert_true(view_is(got->domain, "example.org"));
    assert_true(event_may_have(buf_view(&text), view_of("7k2m4qxb")));
    assert_false(event_may_have(buf_view(&text), view_of("7K2M4QX")));
    free(e);
    buf_free(&text);
}

static void test_the_longest(void **state)
{
    char junk[400];
    struct record_decision d = example();
    struct event *e = NULL;

    (void)state;
    memset(junk, '\\', sizeof junk);
    d.recipient = d.sender = d.sasl_username = d.client = d.queue_id = d.instance = d.canonical =
        d.list = d.entry = d.action = d.evidence = view_make(junk, sizeof junk);
    struct buf text = sealed_of(&d);
    assert_int_equal(open_exactly(&key, buf_view(&text), &e), 0);
    assert_int_equal(e->shown.decision.evidence.ptr[0], '\\');
    free(e);
    buf_free(&text);
}

static void test_another_secret(void **state)
{
    struct record_decision d = example();
    struct buf text = sealed_of(&d);
    struct event *e = NULL;

    (void)state;
    assert_int_equal(open_exactly(&other, buf_view(&text), &e), ERR_REFUSED);
    assert_int_equal(open_exactly(&none, buf_view(&text), &e), ERR_REFUSED);
    text.data[text.len - 3] ^= 1;
    assert_int_equal(open_exactly(&key, buf_view(&text), &e), ERR_REFUSED);
    assert_null(e);
    buf_free(&text);
}

/* Whoever has the secret may be mad, too. */
static void test_what_is_not_believed(void **state)
{
#define HEAD "{\"ref\":\"7K2M4QXB\",\"time\":\"2023-11-14T22:13:20Z\",\"outcome\":\"reject\","
    static const char *const good[] = {
        HEAD "\"recipient\":\"a@b\",\"sender\":\"\"}",
        HEAD "\"recipient\":\"a@b\",\"sender\":\"\",\"of a later version\":{\"x\":[1]}}",
        HEAD "\"recipient\":\"a@b\",\"sender\":\"\",\"date\":null,\"list\":null}",
    };
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "{}",
        HEAD "\"recipient\":\"a@b\"}",
        HEAD "\"recipient\":\"a@b\",\"sender\":null}",
        HEAD "\"recipient\":\"a@b\",\"sender\":1}",
        HEAD "\"recipient\":\"a@b\",\"sender\":\"\",\"list\":[\"x\"]}",
        HEAD "\"recipient\":\"a@b\",\"sender\":\"\",\"date\":\"2023-02-30\"}",
        HEAD "\"recipient\":\"a@b\",\"sender\":\"\",\"sender\":\"\"}",
        HEAD "\"recipient\":\"a@b\",\"sender\":\"\\\\\"}",
        HEAD "\"recipient\":\"a@b\",\"sender\":\"\\\\x4\"}",
        HEAD "\"recipient\":\"a@b\",\"sender\":\"\\\\xzz\"}",
        HEAD "\"recipient\":\"a@b\",\"sender\":\"\"} x",
        "{\"ref\":\"7K2M4QXB\",\"time\":\"2023-11-14 22:13:20\",\"outcome\":\"reject\","
        "\"recipient\":\"a@b\",\"sender\":\"\"}",
        "{\"ref\":\"7K2M4QXB\",\"time\":\"2023-11-14T24:13:20Z\",\"outcome\":\"reject\","
        "\"recipient\":\"a@b\",\"sender\":\"\"}",
        "{\"ref\":\"7K2M4QXB\",\"time\":\"1970-01-01T00:00:00Z\",\"outcome\":\"reject\","
        "\"recipient\":\"a@b\",\"sender\":\"\"}",
        "{\"ref\":\"7K2M4QXB\",\"time\":\"0001-01-01T00:00:00Z\",\"outcome\":\"reject\","
        "\"recipient\":\"a@b\",\"sender\":\"\"}",
        "{\"ref\":\"7K2M4QXB\",\"time\":\"9999-12-31T23:59:60Z\",\"outcome\":\"reject\","
        "\"recipient\":\"a@b\",\"sender\":\"\"}",
        "{\"ref\":\"7K2M4QXB\",\"time\":\"2023-11-14T22:13:20Z\",\"outcome\":\"pass\","
        "\"recipient\":\"a@b\",\"sender\":\"\"}",
        "{\"ref\":\"7K 2\",\"time\":\"2023-11-14T22:13:20Z\",\"outcome\":\"reject\","
        "\"recipient\":\"a@b\",\"sender\":\"\"}",
        "{\"ref\":\"7K2M4QXB7K2M4QXB\",\"time\":\"2023-11-14T22:13:20Z\",\"outcome\":\"reject\","
        "\"recipient\":\"a@b\",\"sender\":\"\"}",
    };
    struct event *e = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct buf text = sealed_line(&key, view_of(good[i]));
        assert_int_equal(open_exactly(&key, buf_view(&text), &e), 0);
        free(e);
        buf_free(&text);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct buf text = sealed_line(&key, view_of(bad[i]));
        assert_int_equal(open_exactly(&key, buf_view(&text), &e), ERR_SYNTAX);
        buf_free(&text);
    }
    assert_int_equal(open_exactly(&key, view_of(""), &e), ERR_SYNTAX);
    assert_int_equal(open_exactly(&key, view_of("garbage"), &e), ERR_SYNTAX);
}

static void test_ids(void **state)
{
    char text[EVENT_ID_SIZE];
    struct event_id id;

    (void)state;
    assert_true(event_id_parse(view_of("1700000000000-7"), &id));
    assert_string_equal(event_id_text(event_id_next(id), text), "1700000000000-8");
    assert_string_equal(event_id_text(event_id_previous(id), text), "1700000000000-6");
    assert_true(event_id_is_before(id, event_id_next(id)));
    assert_false(event_id_is_before(id, id));
    assert_true(event_id_parse(view_of("18446744073709551615-18446744073709551615"), &id));
    assert_string_equal(event_id_text(event_id_next(id), text),
                        "18446744073709551615-18446744073709551615");
    assert_true(event_id_parse(view_of("5-0"), &id));
    assert_string_equal(event_id_text(event_id_previous(id), text), "4-18446744073709551615");
    id = (struct event_id){0, 0};
    assert_string_equal(event_id_text(event_id_previous(id), text), "0-0");
    assert_false(event_id_parse(view_of("5"), &id));
    assert_false(event_id_parse(view_of("-5"), &id));
    assert_false(event_id_parse(view_of("5-x"), &id));
    assert_false(event_id_parse(VIEW_NONE, &id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_the_longest),
        cmocka_unit_test(test_another_secret),
        cmocka_unit_test(test_what_is_not_believed),
        cmocka_unit_test(test_ids),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
