/* The codec: splits at every byte, odd attributes, the caps to the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/policy.h"

static const char plain[] = "request=smtpd_access_policy\n"
                            "protocol_state=RCPT\n"
                            "client_address=2001:db8::25\n"
                            "helo_name=a=b??c\n"
                            "sender=srs0=ab=cd=x@example.org\n"
                            "recipient=Jane+x=y@example.org\n"
                            "queue_id=4Xyz\n"
                            "instance=1a.2b.3c.0\n"
                            "sasl_username=user one=two\n"
                            "tls_sni=\n"
                            "\n";

static void assert_plain(const struct policy_query *q)
{
    assert_true(view_is(q->request, "smtpd_access_policy"));
    assert_true(view_is(q->protocol_state, "RCPT"));
    assert_true(view_is(q->client_address, "2001:db8::25"));
    assert_true(view_is(q->sender, "srs0=ab=cd=x@example.org"));
    assert_true(view_is(q->recipient, "Jane+x=y@example.org"));
    assert_true(view_is(q->queue_id, "4Xyz"));
    assert_true(view_is(q->instance, "1a.2b.3c.0"));
    assert_true(view_is(q->sasl_username, "user one=two"));
    assert_true(policy_query_is_recipient(q));
}

static enum policy_scan scan(const char *bytes, size_t len, size_t *used, struct policy_query *q)
{
    struct policy_scanner s = {0};
    const char *what;
    return policy_scan(&s, view_make(bytes, len), used, q, &what);
}

static void test_split_at_every_byte(void **state)
{
    (void)state;
    size_t len = sizeof plain - 1, used;
    struct policy_query q;
    const char *what;

    for (size_t split = 0; split < len; split++) {
        struct policy_scanner s = {0};
        assert_int_equal(policy_scan(&s, view_make(plain, split), &used, &q, &what), POLICY_MORE);
        assert_int_equal(policy_scan(&s, view_make(plain, len), &used, &q, &what), POLICY_QUERY);
        assert_int_equal(used, len);
        assert_plain(&q);
    }
    struct policy_scanner s = {0};
    for (size_t n = 0; n < len; n++)
        assert_int_equal(policy_scan(&s, view_make(plain, n), &used, &q, &what), POLICY_MORE);
    assert_int_equal(policy_scan(&s, view_make(plain, len), &used, &q, &what), POLICY_QUERY);
    assert_plain(&q);
}

static void test_two_queries_and_a_piece(void **state)
{
    (void)state;
    static const char bytes[] = "request=a\n\nrequest=b\n\nrequest=c\n";
    struct policy_scanner s = {0};
    struct policy_query q;
    const char *what;
    size_t used;

    assert_int_equal(policy_scan(&s, view_of(bytes), &used, &q, &what), POLICY_QUERY);
    assert_true(view_is(q.request, "a"));
    assert_int_equal(used, 11);
    assert_int_equal(policy_scan(&s, view_of(bytes + 11), &used, &q, &what), POLICY_QUERY);
    assert_true(view_is(q.request, "b"));
    assert_int_equal(policy_scan(&s, view_of(bytes + 22), &used, &q, &what), POLICY_MORE);
}

static void test_last_of_repeated_attributes_wins(void **state)
{
    (void)state;
    static const char bytes[] = "recipient=a@example.org\nrequest=x\nrecipient=b@example.org\n"
                                "request=smtpd_access_policy\nprotocol_state=RCPT\n\n";
    struct policy_query q;
    size_t used;

    assert_int_equal(scan(bytes, sizeof bytes - 1, &used, &q), POLICY_QUERY);
    assert_true(view_is(q.recipient, "b@example.org"));
    assert_true(policy_query_is_recipient(&q));
}

static void test_what_is_not_about_a_recipient(void **state)
{
    (void)state;
    static const char *const others[] = {
        "\n",
        "recipient=a@example.org\n\n",
        "request=smtpd_access_policy\nrecipient=a@example.org\n\n",
        "request=smtpd_access_policy\nprotocol_state=VRFY\nrecipient=a@example.org\n\n",
        "request=smtpd_access_policy\nprotocol_state=rcpt\nrecipient=a@example.org\n\n",
        "request=junk\nprotocol_state=RCPT\nrecipient=a@example.org\n\n",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct policy_query q;
        size_t used;
        assert_int_equal(scan(others[i], strlen(others[i]), &used, &q), POLICY_QUERY);
        assert_false(policy_query_is_recipient(&q));
    }
}

static void test_broken(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } broken[] = {
        {"request\n", 8}, {"request=a\nnonsense\n\n", 20}, {"\r\n", 2}, {"a=b\0c\n", 6},
        {"a\0=b\n", 5},
    };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct policy_query q;
        size_t used;
        assert_int_equal(scan(broken[i].bytes, broken[i].len, &used, &q), POLICY_BROKEN);
    }
}

static void test_caps(void **state)
{
    (void)state;
    char *bytes = malloc(POLICY_QUERY_MAX + 2);
    struct policy_query q;
    size_t used;

    /* A line of 16 KiB is good, a byte more is not, ended or not. */
    memset(bytes, 'x', POLICY_QUERY_MAX + 2);
    memcpy(bytes, "recipient=", 10);
    assert_int_equal(scan(bytes, POLICY_LINE_MAX, &used, &q), POLICY_MORE);
    assert_int_equal(scan(bytes, POLICY_LINE_MAX + 1, &used, &q), POLICY_BROKEN);
    memcpy(bytes + POLICY_LINE_MAX, "\n\n", 2);
    assert_int_equal(scan(bytes, POLICY_LINE_MAX + 2, &used, &q), POLICY_QUERY);
    assert_int_equal(q.recipient.len, POLICY_LINE_MAX - 10);

    /* A query of 64 KiB with its blank line is good, a byte more is not. */
    memset(bytes, 'x', POLICY_QUERY_MAX + 2);
    for (size_t i = 0; i < POLICY_QUERY_MAX; i += 64) {
        bytes[i + 1] = '=';
        bytes[i + 63] = '\n';
    }
    bytes[POLICY_QUERY_MAX - 2] = '\n';
    assert_int_equal(scan(bytes, POLICY_QUERY_MAX, &used, &q), POLICY_QUERY);
    assert_int_equal(used, POLICY_QUERY_MAX);
    bytes[POLICY_QUERY_MAX - 2] = 'x';
    assert_int_equal(scan(bytes, POLICY_QUERY_MAX - 1, &used, &q), POLICY_MORE);
    assert_int_equal(scan(bytes, POLICY_QUERY_MAX, &used, &q), POLICY_BROKEN);
    free(bytes);
}

/* Wherever it stands, and however much is searched for it at once: the line that holds it is named,
 * and what comes behind the query is none of its. */
static void test_a_nul_anywhere(void **state)
{
    char bytes[4096];
    struct text t = text_on(bytes, sizeof bytes);
    struct policy_query q;
    const char *what;
    size_t used;

    (void)state;
    text_add(&t, "recipient=a@example.org\n");
    for (size_t i = 0; i < 40; i++)
        text_addf(&t, "a%zu=%0*d\n", i, i == 20 ? 1500 : 23, 0);
    text_add(&t, "\n");
    for (size_t i = 0, line = 0; i < t.len; i++) {
        char kept = bytes[i];
        if (kept == '0') {
            struct policy_scanner s = {0};
            bytes[i] = '\0';
            assert_int_equal(policy_scan(&s, view_make(bytes, t.len), &used, &q, &what),
                             POLICY_BROKEN);
            assert_string_equal(what, "a NUL byte");
            assert_int_equal(s.line, line);
            bytes[i] = kept;
        }
        line = kept == '\n' ? i + 1 : line;
    }
    bytes[t.len] = '\0';
    assert_int_equal(scan(bytes, t.len + 1, &used, &q), POLICY_QUERY);
    assert_int_equal(used, t.len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split_at_every_byte),
        cmocka_unit_test(test_two_queries_and_a_piece),
        cmocka_unit_test(test_last_of_repeated_attributes_wins),
        cmocka_unit_test(test_what_is_not_about_a_recipient),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_caps),
        cmocka_unit_test(test_a_nul_anywhere),
    };
    return cmocka_run_group_tests_name("policy/protocol", tests, NULL, NULL);
}
