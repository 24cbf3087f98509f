/*
 * Index files in memory: damaged, cut, foreign ones, and hostile ones whose checksums are right.
 * What is refused must be refused as damaged; what is taken must be safe to read (the sanitizers
 * of the other build watch).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "blocklist/image.h"

struct bytes {
    unsigned char *ptr;
    size_t len;
};

static struct bytes image_of(const struct blocklist *bl)
{
    size_t head_bytes;
    struct image_head *head = image_head_new(bl, &head_bytes);
    struct bytes image = {malloc(head_bytes + bl->arena_len), head_bytes + bl->arena_len};

    assert_non_null(head);
    memcpy(image.ptr, head, head_bytes);
    memcpy(image.ptr + head_bytes, bl->arena, bl->arena_len);
    free(head);
    return image;
}

static struct bytes small_image(void)
{
    struct blocklist_builder *b = blocklist_builder_new(0);
    struct blocklist_list lists[2] = {{.name = "aper", .accepted_at = 7}, {.name = "local"}};

    for (int i = 0; i < 2; i++)
        assert_int_equal(blocklist_builder_list(b, &lists[i], NULL), i);
    blocklist_builder_add(b, ENTRY_ADDRESS, view_of("jane@example.org"), 0, 20000, NULL);
    blocklist_builder_add(b, ENTRY_DOMAIN, view_of("example.org"), 0, 4, NULL);
    blocklist_builder_add(b, ENTRY_BELOW, view_of("example.org"), 1, 0, NULL);
    struct blocklist *bl = blocklist_builder_finish(b, NULL);
    struct bytes image = image_of(bl);
    blocklist_free(bl);
    return image;
}

static struct blocklist *parse(const void *bytes, size_t len, struct error *why)
{
    struct region region;

    assert_true(region_open(&region, len));
    memcpy(region.base, bytes, len);
    struct blocklist *bl = image_parse(&region, why);
    assert_null(region.base);
    return bl;
}

static void assert_damaged(const void *bytes, size_t len)
{
    struct error why = {0};

    assert_null(parse(bytes, len, &why));
    assert_int_equal(why.code, ERR_DAMAGED);
    assert_non_null(strstr(why.text, "will be rebuilt"));
}

static struct image_head *head_of(struct bytes image)
{
    return (struct image_head *)(void *)image.ptr;
}

static struct blocklist_list *lists_of(struct bytes image)
{
    return (struct blocklist_list *)(void *)(image.ptr + sizeof(struct image_head));
}

static unsigned char *arena_of(struct bytes image)
{
    return image.ptr + image.len - head_of(image)->arena_len;
}

/* What a forger does who knows the format. */
static void set_sums(struct bytes image)
{
    struct image_head *head = head_of(image);

    head->arena_sum = checksum_of(arena_of(image), head->arena_len);
    head->head_sum = image_head_sum(head, head->n_lists);
}

static void test_comes_back_whole(void **state)
{
    (void)state;
    struct bytes image = small_image();
    struct blocklist *bl = parse(image.ptr, image.len, NULL);
    struct listing out[4];

    assert_non_null(bl);
    assert_int_equal(blocklist_keys(bl), 2);
    assert_int_equal(blocklist_lists(bl), 2);
    assert_string_equal(blocklist_list(bl, 0)->name, "aper");
    assert_int_equal(blocklist_list(bl, 0)->accepted_at, 7);
    assert_int_equal(blocklist_list(bl, 0)->entries, 2);
    assert_int_equal(blocklist_find(bl, view_of("jane@example.org"), 0xf, out, 4), 1);
    assert_int_equal(out[0].date, 20000);
    assert_int_equal(blocklist_find(bl, view_of("example.org"), 0xf, out, 4), 2);
    assert_int_equal(blocklist_find(bl, view_of("example.com"), 0xf, out, 4), 0);
    struct bytes again = image_of(bl);
    assert_int_equal(again.len, image.len);
    assert_memory_equal(again.ptr, image.ptr, image.len);
    free(again.ptr);
    free(image.ptr);
    blocklist_free(bl);
}

static void test_every_flipped_bit_is_seen(void **state)
{
    (void)state;
    struct bytes image = small_image();

    for (size_t i = 0; i < image.len; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            image.ptr[i] ^= (unsigned char)(1u << bit);
            assert_damaged(image.ptr, image.len);
            image.ptr[i] ^= (unsigned char)(1u << bit);
        }
    free(image.ptr);
}

static void test_every_length_but_one_is_seen(void **state)
{
    (void)state;
    struct bytes image = small_image();

    for (size_t len = 0; len < image.len; len++)
        assert_damaged(image.ptr, len);
    image.ptr = realloc(image.ptr, image.len + 1);
    image.ptr[image.len] = 0;
    assert_damaged(image.ptr, image.len + 1);
    free(image.ptr);
}

/* Every byte of lists and arena set to telling values, with right checksums. */
static void test_forged_bytes_are_refused_or_harmless(void **state)
{
    (void)state;
    const unsigned char values[] = {0x00, 0x01, 0x02, 0x03, 0x04, 0x7f, 0x80, 0x81, 0xff};
    struct bytes image = small_image();
    struct listing out[8];
    int refused = 0;

    for (size_t i = sizeof(struct image_head); i < image.len; i++)
        for (size_t v = 0; v < sizeof values; v++) {
            unsigned char was = image.ptr[i];
            struct error why = {0};
            image.ptr[i] = values[v];
            set_sums(image);
            struct blocklist *bl = parse(image.ptr, image.len, &why);
            if (bl != NULL) {
                blocklist_find(bl, view_of("jane@example.org"), 0xf, out, 8);
                blocklist_find(bl, view_of("example.org"), 0xf, out, 8);
            } else {
                assert_int_equal(why.code, ERR_DAMAGED);
                refused++;
            }
            blocklist_free(bl);
            image.ptr[i] = was;
        }
    assert_true(refused > 100);
    free(image.ptr);
}

typedef void forge(struct bytes image);

static void forge_keys(struct bytes image)
{
    head_of(image)->keys = 3;
}

static void forge_huge_keys(struct bytes image)
{
    head_of(image)->keys = UINT64_MAX;
}

static void forge_entries(struct bytes image)
{
    lists_of(image)[0].entries++;
}

static void forge_name_without_end(struct bytes image)
{
    memset(lists_of(image)[0].name, 'a', BLOCKLIST_NAME_MAX);
}

static void forge_no_name(struct bytes image)
{
    lists_of(image)[0].name[0] = '\0';
}

static void forge_same_names(struct bytes image)
{
    memcpy(lists_of(image)[1].name, lists_of(image)[0].name, BLOCKLIST_NAME_MAX);
}

static void forge_key_beyond_the_end(struct bytes image)
{
    arena_of(image)[0] = 0x7f;
}

static void forge_varint_without_end(struct bytes image)
{
    memset(arena_of(image), 0xff, head_of(image)->arena_len);
}

static void forge_no_key(struct bytes image)
{
    arena_of(image)[0] = 0;
}

static void forge_no_listing(struct bytes image)
{
    arena_of(image)[1] = 0;
}

static void forge_moved(struct bytes image)
{
    arena_of(image)[1] |= 1;
}

static void forge_more_listings(struct bytes image)
{
    arena_of(image)[1] = 8 << 1;
}

static void forge_list_number(struct bytes image)
{
    uint32_t packed =
        listing_pack(&(struct listing){.list = 2, .kind = ENTRY_ADDRESS, .date = 20000});
    memcpy(arena_of(image) + 2 + strlen("jane@example.org"), &packed, sizeof packed);
}

static void forge_spare_bits(struct bytes image)
{
    uint32_t packed =
        listing_pack(&(struct listing){.list = 0, .kind = ENTRY_ADDRESS, .date = 20000}) | 1u << 15;
    memcpy(arena_of(image) + 2 + strlen("jane@example.org"), &packed, sizeof packed);
}

static void forge_no_arena(struct bytes image)
{
    head_of(image)->arena_len = 0;
}

static void test_forged_heads_and_items(void **state)
{
    (void)state;
    forge *const forgeries[] = {
        forge_keys,       forge_huge_keys,     forge_entries,
        forge_no_name,    forge_same_names,    forge_name_without_end,
        forge_no_key,     forge_no_listing,    forge_key_beyond_the_end,
        forge_moved,      forge_more_listings, forge_varint_without_end,
        forge_spare_bits, forge_list_number,   forge_no_arena,
    };
    for (size_t i = 0; i < sizeof forgeries / sizeof *forgeries; i++) {
        struct bytes image = small_image();
        forgeries[i](image);
        set_sums(image);
        assert_damaged(image.ptr, image.len);
        free(image.ptr);
    }
}

/* Lengths that overflow when they are added. */
static void test_forged_lengths(void **state)
{
    (void)state;
    const uint64_t numbers[] = {BLOCKLIST_MAX_LISTS + 1, UINT64_MAX, UINT64_MAX / 144 + 1, 0};
    struct bytes image = small_image();

    for (size_t i = 0; i < 4; i++) {
        struct image_head head = *head_of(image);
        head_of(image)->n_lists = numbers[i];
        assert_damaged(image.ptr, image.len);
        *head_of(image) = head;
        head_of(image)->arena_len = numbers[i];
        assert_damaged(image.ptr, image.len);
        *head_of(image) = head;
    }
    free(image.ptr);
}

static void test_says_what_it_is(void **state)
{
    (void)state;
    const struct {
        size_t at;
        const char *words;
    } rows[] = {
        {0, "not an index"},
        {offsetof(struct image_head, byte_order), "byte order"},
        {offsetof(struct image_head, version), "version"},
        {offsetof(struct image_head, head_sum), "checksum"},
        {offsetof(struct image_head, arena_len), "as long as"},
    };
    struct bytes image = small_image();

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error why = {0};
        image.ptr[rows[i].at] ^= 1;
        assert_null(parse(image.ptr, image.len, &why));
        assert_non_null(strstr(why.text, rows[i].words));
        image.ptr[rows[i].at] ^= 1;
    }
    free(image.ptr);
}

/* Thousands of the same key would make one endless chain. */
static void test_one_key_over_and_over(void **state)
{
    (void)state;
    enum { COPIES = PROBE_MAX_GROUPS * GROUP * 2, ITEM = 2 + 1 + 4 };
    size_t head_bytes = sizeof(struct image_head) + sizeof(struct blocklist_list);
    struct bytes image = {calloc(1, head_bytes + COPIES * ITEM), head_bytes + COPIES * ITEM};
    unsigned char *to = image.ptr + head_bytes;
    uint32_t packed = listing_pack(&(struct listing){.list = 0, .kind = ENTRY_DOMAIN, .date = 0});

    assert_non_null(image.ptr);
    *head_of(image) = (struct image_head){
        .byte_order = IMAGE_BYTE_ORDER,
        .version = IMAGE_VERSION,
        .arena_len = COPIES * ITEM,
        .keys = COPIES,
        .n_lists = 1,
    };
    memcpy(head_of(image)->magic, IMAGE_MAGIC, sizeof head_of(image)->magic);
    *lists_of(image) = (struct blocklist_list){.name = "x", .entries = COPIES};
    for (int i = 0; i < COPIES; i++, to += ITEM) {
        varint_put(varint_put(to, 1), 1u << 1);
        to[2] = 'k';
        memcpy(to + 3, &packed, sizeof packed);
    }
    set_sums(image);
    assert_damaged(image.ptr, image.len);
    free(image.ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comes_back_whole),
        cmocka_unit_test(test_every_flipped_bit_is_seen),
        cmocka_unit_test(test_every_length_but_one_is_seen),
        cmocka_unit_test(test_forged_bytes_are_refused_or_harmless),
        cmocka_unit_test(test_forged_heads_and_items),
        cmocka_unit_test(test_forged_lengths),
        cmocka_unit_test(test_says_what_it_is),
        cmocka_unit_test(test_one_key_over_and_over),
    };
    return cmocka_run_group_tests_name("blocklist/image", tests, NULL, NULL);
}
