/* What is known of a feed, as text and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "feeds/store/meta.h"

static struct store_meta sample(void)
{
    struct store_meta m;

    memset(&m, 0, sizeof m);
    m.state = FEED_HELD;
    m.last_fetch = 1800000001;
    m.last_success = 1800000000;
    m.next_fetch = 1800003600;
    m.failures = 3;
    m.state_since = 1799990000;
    strcpy(m.last_error, "shrink: 1 = 2 \\x0a; more=less");
    strcpy(m.guard, "shrink");
    for (unsigned i = 0; i < STORE_SOURCES; i++) {
        struct store_source *s = &m.sources[i];
        memset(s->url, 0x11 + (int)i, sizeof s->url);
        s->accepted.known = true;
        memset(s->accepted.digest, 0xa0 + (int)i, sizeof s->accepted.digest);
        s->accepted.size = 99 + i;
        strcpy(s->accepted.etag, "W/\"a=b\"");
        s->accepted.rows = UINT64_MAX;
        s->accepted.bad_rows = 1;
        s->accepted.ignored_rows = 2;
        s->accepted.entries = 12345;
        s->accepted.exceptions = 3;
        s->accepted.dropped = 7;
        s->accepted.sets = (struct copy_sets){{UINT64_MAX, 5}, {6, 7}};
        s->accepted.created = 1700000000;
        s->accepted.is_short = true;
        s->accepted.unfit = true;
        s->accepted.accepted_at = 1790000000;
        strcpy(s->accepted.left_out, "gmail.com, .example");
        memset(s->accepted.content, 0xb0 + (int)i, sizeof s->accepted.content);
        s->held = s->previous = s->accepted;
        s->previous.entries = 1;
        s->full_fetch = 1800000000;
        strcpy(s->held.last_modified, "Thu, 01 Jan 2026 00:00:00 GMT");
        s->guard = (struct guard_memory){.held_side = i == 0 ? -1 : 3, .held_since = 1800000000};
        s->held_until = 1800100000;
        strcpy(s->held_guard, "shrink");
        strcpy(s->held_why, "why");
        s->rolled_back.known = true;
        memset(s->rolled_back.digest, 0xc0 + (int)i, sizeof s->rolled_back.digest);
        s->rolled_back.sets = (struct copy_sets){{8 + i, UINT64_MAX}, {9 + i, 3}};
    }
    return m;
}

static void test_round_trip(void **state)
{
    struct store_meta want = sample(), got;
    struct buf text = BUF_INIT(0);
    struct error why;
    (void)state;

    assert_int_equal(meta_write(&want, "aper", &text), 0);
    memset(&got, 0, sizeof got);
    if (meta_read(buf_view(&text), "aper", &got, &why) < 0)
        fail_msg("%s", why.text);
    assert_memory_equal(&got, &want, sizeof got);
    buf_free(&text);
}

static void test_any_damage_is_seen(void **state)
{
    struct store_meta m = sample(), got;
    struct buf text = BUF_INIT(0);
    (void)state;

    assert_int_equal(meta_write(&m, "aper", &text), 0);
    for (size_t i = 0; i < text.len; i++) {
        text.data[i] ^= 1;
        assert_int_equal(meta_read(buf_view(&text), "aper", &got, NULL), ERR_DAMAGED);
        text.data[i] ^= 1;
        assert_int_equal(meta_read(view_make(text.data, i), "aper", &got, NULL), ERR_DAMAGED);
    }
    assert_int_equal(meta_read(buf_view(&text), "apes", &got, NULL), ERR_DAMAGED);
    buf_free(&text);
}

/* With a good checksum, as another version or a person with too much time would write it. */
static int read_lines(const char *lines, struct store_meta *got)
{
    struct buf text = BUF_INIT(0);

    buf_addf(&text, "rcptguard feed 2\nname=aper\n%s", lines);
    struct checksum sum = checksum_of(text.data, text.len);
    buf_addf(&text, "checksum=%016llx%016llx\n", (unsigned long long)sum.high,
             (unsigned long long)sum.low);
    memset(got, 0, sizeof *got);
    int rc = meta_read(buf_view(&text), "aper", got, NULL);
    buf_free(&text);
    return rc;
}

static void test_values(void **state)
{
    static const char *const bad[] = {
        "failures=-1\n",
        "failures=1x\n",
        "failures=\n",
        "failures\n",
        "state=fine\n",
        "list.accepted.known=maybe\n",
        "list.held.side=4\n",
        "list.url=00\n",
        "last_fetch=99999999999999999999\n",
        "guard=0123456789012345678901234567890123456789\n",
    };
    struct store_meta got;
    (void)state;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (read_lines(bad[i], &got) != ERR_DAMAGED)
            fail_msg("%s", bad[i]);
    assert_int_equal(read_lines("of_a_later_version=1\nlist.more=2\nfailures=5\nguard=\n", &got),
                     0);
    assert_int_equal(got.failures, 5);
    assert_int_equal(read_lines("last_fetch=-5\nlist.held.side=-1\n", &got), 0);
    assert_int_equal(got.last_fetch, -5);
    assert_int_equal(got.sources[STORE_LIST].guard.held_side, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_any_damage_is_seen),
        cmocka_unit_test(test_values),
    };
    return cmocka_run_group_tests_name("meta", tests, NULL, NULL);
}
