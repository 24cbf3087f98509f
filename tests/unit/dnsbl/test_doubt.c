/* Times in which a zone was not to be believed: what may be from one, and what is kept of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dnsbl/doubt.h"

#define S      INT64_C(1000)
#define NOW_S  INT64_C(1800000000)
#define NOW_MS INT64_C(5000000)

static struct doubts all;

static bool is_used(const struct doubt *d, const void *arg)
{
    const bool *used = arg;

    return used != NULL && used[d - all.list];
}

static struct doubt *doubt_named(unsigned n, const bool *used)
{
    unsigned char name[SHA256_BYTES] = {1, (unsigned char)(n >> 8), (unsigned char)n};

    return doubts_of(&all, name, is_used, used);
}

static int set_up(void **state)
{
    (void)state;
    memset(&all, 0, sizeof all);
    return 0;
}

/* The TTL that is left tells whether a resolver may have kept the answer since then. */
static void test_what_may_be_from_then(void **state)
{
    static const struct {
        int64_t after; /* its end */
        uint32_t ttl_s;
        bool covers;
    } rows[] = {
        {0, 300, true},           {1 * S, 300, true},         {1 * S + 1, 300, false},
        {10 * S, 290, true},      {10 * S, 291, true},        {10 * S, 292, false},
        {11 * S + 1, 290, false}, {299 * S, 1, true},         {301 * S, 0, true},
        {301 * S + 1, 0, false},  {2 * S, 0xffffffff, false}, {-5 * S, 300, true},
    };

    (void)state;
    struct doubt *d = doubt_named(1, NULL);
    doubt_ttl(d, 300, NOW_MS);
    assert_false(doubt_covers(d, 0, NOW_MS)); /* there was none */
    assert_true(doubt_is_over(d, NOW_MS));
    doubt_open(d);
    assert_true(doubt_covers(d, 0xffffffff, NOW_MS + 1000000 * S)); /* until it is closed */
    assert_false(doubt_is_over(d, NOW_MS + 1000000 * S));
    doubt_ends(d, NOW_MS - 50 * S);
    assert_true(doubt_covers(d, 0xffffffff, NOW_MS));
    doubt_close(d, NOW_MS);
    doubt_close(d, NOW_MS - 20 * S); /* the last end counts */
    doubt_ends(d, NOW_MS - 10 * S);
    doubt_ttl(d, 60, NOW_MS); /* the longest counts */
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (doubt_covers(d, rows[i].ttl_s, NOW_MS + rows[i].after) != rows[i].covers)
            fail_msg("%d: after %lld ms", (int)i, (long long)rows[i].after);
    assert_false(doubt_is_over(d, NOW_MS + 301 * S));
    assert_true(doubt_is_over(d, NOW_MS + 301 * S + 1));
}

/* A week, as BIND keeps answers; a single answer of that kind is no measure for ever. */
static void test_long_ttls(void **state)
{
    (void)state;
    struct doubt *d = doubt_named(1, NULL);
    doubt_open(d);
    doubt_ttl(d, 0xffffffff, NOW_MS);
    assert_int_equal(d->ttl_s, 604800);
    doubt_close(d, NOW_MS);
    assert_true(doubt_covers(d, 604790, NOW_MS + 10 * S));
    assert_false(doubt_covers(d, 604800, NOW_MS + 10 * S));
    doubt_ttl(d, 300, NOW_MS + 1000 * S);
    assert_int_equal(d->ttl_s, 604800);
    int64_t later = NOW_MS + 604802 * S;
    assert_true(doubt_is_over(d, later));
    doubt_ttl(d, 300, later);
    assert_int_equal(d->ttl_s, 300);
    doubt_open(d);
    doubt_close(d, later);
    assert_false(doubt_covers(d, 300, later + 2 * S));
}

static void test_zones_have_their_own(void **state)
{
    bool used[DOUBTS_MAX] = {false};

    (void)state;
    struct doubt *one = doubt_named(1, used);
    used[one - all.list] = true;
    doubt_open(one);
    assert_ptr_equal(doubt_named(1, used), one);
    struct doubt *two = doubt_named(2, used);
    assert_ptr_not_equal(two, one);
    assert_false(two->open);
    /* Full: those in use stay, then those that are open, then the youngest. */
    doubt_open(two);
    for (unsigned i = 3; i <= DOUBTS_MAX; i++) {
        struct doubt *d = doubt_named(i, used);
        doubt_open(d);
        doubt_close(d, NOW_MS + (i == 9 ? -1 : (int64_t)i));
    }
    struct doubt *nine = doubt_named(9, used), *three = doubt_named(3, used);
    assert_ptr_equal(doubt_named(1000, used), nine);
    doubt_open(nine);
    assert_ptr_equal(doubt_named(1001, used), three);
    assert_ptr_equal(doubt_named(1, used), one);
    assert_true(one->open && two->open);
}

static void test_over_a_restart(void **state)
{
    struct buf text = BUF_INIT(0);
    struct error why;

    (void)state;
    struct doubt *open = doubt_named(1, NULL), *closed = doubt_named(2, NULL);
    struct doubt *never = doubt_named(3, NULL), *over = doubt_named(4, NULL);
    doubt_open(open);
    doubt_ttl(open, 300, NOW_MS);
    for (int i = 0; i < 2; i++) {
        doubt_open(i == 0 ? closed : over);
        doubt_ttl(i == 0 ? closed : over, i == 0 ? 3600 : 10, NOW_MS);
        doubt_close(i == 0 ? closed : over, NOW_MS - 100 * S);
    }
    doubt_ttl(never, 300, NOW_MS);
    doubts_write(&all, &text, NOW_S, NOW_MS);

    static struct doubts again;
    memset(&again, 0, sizeof again);
    if (doubts_read(&again, buf_view(&text), NOW_S + 50, 1000, &why) < 0)
        fail_msg("%s", why.text);
    assert_memory_equal(again.list[0].name, open->name, SHA256_BYTES);
    assert_true(again.list[0].open);
    assert_int_equal(again.list[0].ttl_s, 300);
    assert_memory_equal(again.list[1].name, closed->name, SHA256_BYTES);
    assert_false(again.list[1].open);
    assert_int_equal(again.list[1].end_ms, 1000 - 150 * S);
    assert_int_equal(again.list[1].ttl_s, 3600);
    assert_int_equal(again.list[2].name[0], 0);
    /* A clock that was set back makes nothing end later than now. */
    memset(&again, 0, sizeof again);
    assert_int_equal(doubts_read(&again, buf_view(&text), NOW_S - 5000, 1000, &why), 0);
    assert_int_equal(again.list[1].end_ms, 1000);
    buf_free(&text);
}

/* Any zone may have been mad until then, and for a day a resolver may remember it. */
static void test_what_is_lost(void **state)
{
    struct buf text = BUF_INIT(0);
    struct error why;

    (void)state;
    doubts_lose(&all, NOW_MS);
    struct doubt *d = doubt_named(1, NULL);
    assert_false(d->open);
    assert_true(doubt_covers(d, 300, NOW_MS + 86000 * S));
    assert_false(doubt_covers(d, 86400, NOW_MS + 2 * S));
    assert_false(doubt_is_over(d, NOW_MS + 86400 * S));
    assert_true(doubt_is_over(d, NOW_MS + 86402 * S));
    doubts_write(&all, &text, NOW_S, NOW_MS);
    memset(&all, 0, sizeof all);
    assert_int_equal(doubts_read(&all, buf_view(&text), NOW_S, NOW_MS, &why), 0);
    assert_int_equal(all.list[0].end_ms, NOW_MS);
    assert_int_equal(all.list[0].ttl_s, 86400);
    assert_int_equal(doubt_named(2, NULL)->ttl_s, 0);
    buf_free(&text);
}

/* A machine without a clock of its own begins in 1970. */
static void test_over_a_restart_in_1970(void **state)
{
    struct buf text = BUF_INIT(0);
    struct error why;

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct doubt *d = doubt_named(1, NULL);
        doubt_open(d);
        doubt_ttl(d, 3600, NOW_MS);
        doubt_close(d, NOW_MS - 100 * S);
        doubts_write(&all, &text, i == 0 ? 100 : 50, NOW_MS);
        memset(&all, 0, sizeof all);
        if (doubts_read(&all, buf_view(&text), 150, NOW_MS, &why) < 0)
            fail_msg("%s", why.text);
        assert_false(all.list[0].open);
        assert_in_range(all.list[0].end_ms, NOW_MS - 150 * S, NOW_MS);
        buf_free(&text);
    }
}

#define HEX "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"

static void test_lines(void **state)
{
    static const struct {
        const char *text;
        const char *why; /* NULL: good */
    } rows[] = {
        {"", NULL},
        {"# only a remark\n\n", NULL},
        {HEX " 0 300\n", NULL},
        {HEX " 1800000000 604800", NULL},
        {HEX " 0 604801\n", "line 1 is none of this file"},
        {"# head\n" HEX " 0\n", "line 2 is none of this file"},
        {HEX " 0 300 x\n", "line 1 is none of this file"},
        {HEX " -1 300\n", "line 1 is none of this file"},
        {HEX " 99999999999999999999 300\n", "line 1 is none of this file"},
        {"abc 0 300\n", "line 1 is none of this file"},
        {HEX "00 0 300\n", "line 1 is none of this file"},
        {"0000000000000000000000000000000000000000000000000000000000000000 0 300\n",
         "line 1 is none of this file"},
        {HEX " 0 300\nx\n", "line 2 is none of this file"},
    };
    struct error why;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        memset(&all, 0, sizeof all);
        int rc = doubts_read(&all, view_of(rows[i].text), NOW_S, NOW_MS, &why);
        if ((rc == 0) != (rows[i].why == NULL) || (rc != 0 && strcmp(why.text, rows[i].why) != 0))
            fail_msg("%s: %d %s", rows[i].text, rc, rc == 0 ? "" : why.text);
        if (rc != 0)
            assert_int_equal(all.list[0].name[1], 0); /* nothing was read */
    }
}

static void test_more_lines_than_any(void **state)
{
    struct buf text = BUF_INIT(0);
    struct error why;

    (void)state;
    for (int n = 0; n < DOUBTS_MAX; n++)
        buf_addf(&text, "%064x 0 1\n", n + 1);
    assert_int_equal(doubts_read(&all, buf_view(&text), NOW_S, NOW_MS, &why), 0);
    buf_addf(&text, "%064x 0 1\n", 0xffff);
    memset(&all, 0, sizeof all);
    assert_int_equal(doubts_read(&all, buf_view(&text), NOW_S, NOW_MS, &why), ERR_DAMAGED);
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_what_may_be_from_then, set_up),
        cmocka_unit_test_setup(test_long_ttls, set_up),
        cmocka_unit_test_setup(test_zones_have_their_own, set_up),
        cmocka_unit_test_setup(test_over_a_restart, set_up),
        cmocka_unit_test_setup(test_over_a_restart_in_1970, set_up),
        cmocka_unit_test_setup(test_what_is_lost, set_up),
        cmocka_unit_test_setup(test_lines, set_up),
        cmocka_unit_test_setup(test_more_lines_than_any, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
