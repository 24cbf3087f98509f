/* Items and listings: what is put in comes out, and sizes are what the walk will find. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "blocklist/layout.h"

static void test_varints_come_back(void **state)
{
    (void)state;
    const uint32_t values[] = {0, 1, 0x7f, 0x80, 0x3fff, 0x4000, (1u << 21) - 1};
    unsigned char bytes[8];
    uint32_t n;

    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        unsigned char *end = varint_put(bytes, values[i]);
        assert_int_equal(end - bytes, varint_bytes(values[i]));
        assert_true(end - bytes <= VARINT_MAX);
        assert_ptr_equal(varint_get(bytes, &n), end);
        assert_int_equal(n, values[i]);
    }
}

static void test_listings_keep_their_extremes(void **state)
{
    (void)state;
    const uint16_t lists[] = {0, 1, BLOCKLIST_MAX_LISTS - 1};
    const uint16_t dates[] = {0, 1, 20000, DATE_MAX};

    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 4; j++)
            for (int kind = ENTRY_ADDRESS; kind <= ENTRY_DOMAIN_HASH; kind++) {
                uint32_t packed = listing_pack(
                    &(struct listing){.list = lists[i], .kind = (uint8_t)kind, .date = dates[j]});
                struct listing l = listing_unpack(packed);
                assert_int_equal(l.list, lists[i]);
                assert_int_equal(l.kind, kind);
                assert_int_equal(l.date, dates[j]);
                assert_int_equal(listing_identity(packed),
                                 listing_pack(&(struct listing){
                                     .list = lists[i], .kind = (uint8_t)kind, .date = 0}));
            }
}

static void test_room_is_exact_for_few_and_close_for_many(void **state)
{
    (void)state;
    for (uint32_t n = 0; n <= 8; n++)
        assert_int_equal(listing_room(n), n);
    for (uint32_t n = 9; n <= 4 * BLOCKLIST_MAX_LISTS; n++) {
        uint32_t room = listing_room(n);
        assert_true(room >= n && room <= n + n / 4);
        assert_int_equal(listing_room(room), room);
        assert_true(room >= listing_room(n - 1));
    }
}

static void test_item_is_read_as_it_was_written(void **state)
{
    (void)state;
    unsigned char bytes[64];
    uint32_t packed = listing_pack(&(struct listing){.list = 7, .kind = ENTRY_TREE, .date = 300});
    unsigned char *to = varint_put(varint_put(bytes, 11), 1u << 1 | 1);

    memcpy(to, "example.org", 11);
    memcpy(to + 11, &packed, sizeof packed);
    struct item item = item_at(bytes);
    assert_true(view_is(item.key, "example.org"));
    assert_int_equal(item.count, 1);
    assert_true(item.moved);
    assert_int_equal(item.bytes, 2 + 11 + 4);
    assert_int_equal(item.bytes, item_bytes(11, 1));
    assert_int_equal(item_listing(&item, 0), packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_varints_come_back),
        cmocka_unit_test(test_listings_keep_their_extremes),
        cmocka_unit_test(test_room_is_exact_for_few_and_close_for_many),
        cmocka_unit_test(test_item_is_read_as_it_was_written),
    };
    return cmocka_run_group_tests_name("blocklist/layout", tests, NULL, NULL);
}
