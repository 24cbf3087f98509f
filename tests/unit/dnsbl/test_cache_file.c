/* What zones have said, over a restart: another process, another monotonic clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dnsbl/cache.h"
#include "dnsbl/message.h"
#include "dnsbl/zone.h"

#define BYTES    ((size_t)4 << 20)
#define NOW_S    INT64_C(1800000000) /* when it is saved */
#define NOW_MS   INT64_C(90000000)
#define REBOOTED INT64_C(5000) /* the monotonic clock of the next process */
#define DAY_S    INT64_C(86400)

static const struct cache_zone_id ids[3] = {{"first"}, {"second"}, {"third"}};

static struct cache *saved, *loaded;
static struct buf file;
static struct cache_zone_id read_ids[DNSBL_ZONES_MAX];
static unsigned n_read;
static struct error why;

static int setup(void **state)
{
    (void)state;
    saved = cache_new(BYTES);
    loaded = cache_new(BYTES);
    file = BUF_INIT(0);
    memset(read_ids, 0, sizeof read_ids);
    n_read = 99;
    why = (struct error){0, ""};
    return saved == NULL || loaded == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    cache_free(saved);
    cache_free(loaded);
    buf_free(&file);
    return 0;
}

/* A known entry, used and asked now. */
static struct cache_entry *put(unsigned zone, const char *label)
{
    struct cache_entry *e = cache_put(saved, zone, view_of(label), NOW_MS);

    assert_non_null(e);
    e->known = true;
    e->expires_ms = NOW_MS + 300000;
    e->said_at = NOW_S;
    return e;
}

static struct cache_entry *put_listed(unsigned zone, const char *label, const char *text)
{
    struct cache_entry *e = put(zone, label);

    cache_list_as(saved, e, CACHE_PROVEN);
    e->told = true;
    e->listed_since = NOW_S - 7200;
    memcpy(e->answer, "\x7f\x00\x01\x02", 4);
    assert_int_equal(cache_set_text(saved, e, view_of(text)), 0);
    return e;
}

static unsigned save_in_slices(size_t max)
{
    size_t cursor = 0;
    unsigned slices = 1;

    buf_clear(&file);
    assert_int_equal(cache_file_begin(&file, ids, 3), 0);
    while (cache_file_slice(saved, &cursor, max, &file, NOW_S, NOW_MS))
        slices++;
    assert_int_equal(cache_file_end(&file), 0);
    return slices;
}

static void save(void)
{
    save_in_slices(SIZE_MAX);
}

static int load_view(struct view bytes, int64_t now_s)
{
    return cache_file_read(loaded, bytes, read_ids, DNSBL_ZONES_MAX, &n_read, now_s, REBOOTED,
                           &why);
}

static void load_after(int64_t seconds)
{
    if (load_view(buf_view(&file), NOW_S + seconds) != 0)
        fail_msg("%s", why.text);
}

static struct cache_entry *find(unsigned zone, const char *label)
{
    return cache_find(loaded, zone, view_of(label));
}

static struct cache_entry *found(unsigned zone, const char *label)
{
    struct cache_entry *e = find(zone, label);

    assert_non_null(e);
    return e;
}

/* ---- a restart ------------------------------------------------------------------------------ */

static void test_a_restart(void **state)
{
    (void)state;
    put(0, "clear.example");
    put_listed(2, "listed.example", "see https://example.org/\"\\\xff");
    cache_list_as(saved, put_listed(2, "unproven.example", ""), CACHE_UNPROVEN);
    save();
    load_after(100);
    assert_int_equal(n_read, 3);
    assert_memory_equal(read_ids, ids, sizeof ids);
    assert_int_equal(cache_count(loaded), 2);
    assert_int_equal(cache_proven_of(loaded, 2), 1);
    assert_int_equal(cache_proven_of(loaded, 0), 0);

    struct cache_entry *e = found(2, "listed.example");
    assert_true(e->known && e->listing == CACHE_PROVEN && e->told &&
                (e->text_state != CACHE_TEXT_UNKNOWN));
    assert_memory_equal(e->answer, "\x7f\x00\x01\x02", 4);
    assert_string_equal(e->text, "see https://example.org/\"\\\xff");
    assert_int_equal(e->said_at, NOW_S);
    assert_int_equal(e->listed_since, NOW_S - 7200);
    assert_null(e->asking);
    assert_int_equal(e->expires_ms, REBOOTED + 200000);
    assert_int_equal(e->used_ms, REBOOTED - 100000);
    assert_int_equal(e->asked_ms, REBOOTED - 100000);

    /* One that nothing proved may be what a mad zone said. */
    assert_null(cache_find(loaded, 2, view_of("unproven.example")));
    e = found(0, "clear.example");
    assert_true(e->known && e->listing == CACHE_CLEAR && !e->told);
    assert_int_equal(e->listed_since, 0);
}

static void test_unknown_ones_are_not_kept(void **state)
{
    (void)state;
    put(0, "known.example");
    put(0, "waits.example")->known = false;
    put(0, "me.shared.example")->swallowed = true;
    put(3, "zone.without.identity.example");
    save();
    load_after(0);
    assert_int_equal(cache_count(loaded), 1);
    found(0, "known.example");
}

static void test_an_empty_one(void **state)
{
    (void)state;
    save();
    load_after(0);
    assert_int_equal(cache_count(loaded), 0);
    assert_int_equal(n_read, 3);
    assert_int_equal(cache_file_begin(&file, NULL, 0), 0); /* behind the other: no file any more */
    assert_int_equal(load_view(buf_view(&file), NOW_S), ERR_DAMAGED);
    buf_clear(&file);
    assert_int_equal(cache_file_begin(&file, NULL, 0), 0);
    assert_int_equal(cache_file_end(&file), 0);
    load_after(0);
    assert_int_equal(n_read, 0);
}

static void test_the_longest_label_and_text(void **state)
{
    char label[ZONE_LABEL_MAX + 1], text[DNS_TEXT_MAX + 1];
    (void)state;

    memset(label, 'l', sizeof label);
    memset(text, 't', sizeof text);
    label[ZONE_LABEL_MAX] = text[DNS_TEXT_MAX] = '\0';
    put_listed(1, label, text);
    put(1, "");
    save();
    load_after(0);
    assert_string_equal(found(1, label)->text, text);
    found(1, "");
}

/* ---- slices --------------------------------------------------------------------------------- */

static void put_numbered(unsigned n)
{
    char label[32];

    for (unsigned i = 0; i < n; i++) {
        snprintf(label, sizeof label, "%u.example", i);
        struct cache_entry *e = put(i % 3, label);
        e->used_ms = NOW_MS - (int64_t)(i * 7919 % n) * 1000;
        e->asked_ms = NOW_MS - (int64_t)(i * 104729 % n) * 1000;
    }
}

static void test_slices_make_the_same_file(void **state)
{
    static const size_t sizes[] = {1, 7, 500, 1999, 2000, 100000};
    struct view whole;
    (void)state;

    put_numbered(2000);
    save();
    whole = view_make(malloc(file.len), file.len);
    assert_non_null(whole.ptr);
    memcpy((char *)(uintptr_t)whole.ptr, file.data, file.len);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        unsigned slices = save_in_slices(sizes[i]);
        assert_true(view_eq(buf_view(&file), whole));
        /* Buckets count too, since most may be empty. */
        assert_true(slices >= 2000 / sizes[i]);
        assert_true(slices <= (2000 + BYTES / 100) / sizes[i] + 1);
    }
    free((char *)(uintptr_t)whole.ptr);
}

static void test_what_changes_while_it_is_saved(void **state)
{
    size_t cursor = 0;
    (void)state;

    put_numbered(2000);
    assert_int_equal(cache_file_begin(&file, ids, 3), 0);
    for (unsigned i = 0; cache_file_slice(saved, &cursor, 10, &file, NOW_S, NOW_MS); i++) {
        cache_drop(saved, cache_first_asked(saved));
        put(0, i % 2 == 0 ? "one.example" : "two.example");
        if (i == 20)
            cache_limit(saved, BYTES * 4);
        if (i == 40)
            cache_limit(saved, BYTES / 2);
    }
    assert_int_equal(cache_file_end(&file), 0);
    load_after(0);
    assert_true(cache_count(loaded) > 0 && cache_count(loaded) <= 2002);
}

static void test_no_room_to_save(void **state)
{
    size_t cursor = 0;
    (void)state;

    put_numbered(100);
    file.cap = 1000;
    assert_int_equal(cache_file_begin(&file, ids, 3), 0);
    while (cache_file_slice(saved, &cursor, 50, &file, NOW_S, NOW_MS))
        ;
    assert_true(file.failed);
    assert_false(cache_file_slice(saved, &cursor, 50, &file, NOW_S, NOW_MS));
    assert_true(cache_file_end(&file) < 0);
    buf_free(&file);
    file = BUF_INIT(10);
    assert_true(cache_file_begin(&file, ids, 3) < 0);
    assert_false(cache_file_slice(saved, &cursor, 50, &file, NOW_S, NOW_MS));
    assert_true(cache_file_end(&file) < 0);
}

/* ---- order and bounds ----------------------------------------------------------------------- */

static void test_order_after_reading(void **state)
{
    unsigned n = 0;
    (void)state;

    put_numbered(2000);
    save();
    load_after(60);
    struct cache_entry *before = NULL;
    for (struct cache_entry *e = cache_first_asked(loaded); e != NULL; e = e->asked.behind, n++) {
        assert_ptr_equal(e->asked.before, before);
        assert_true(before == NULL || before->asked_ms <= e->asked_ms);
        before = e;
    }
    assert_int_equal(n, 2000);
    assert_int_equal(cache_first_asked(loaded)->asked_ms, REBOOTED - 2059000);
    cache_asked(loaded, cache_first_asked(loaded), REBOOTED);
    assert_int_equal(cache_first_asked(loaded)->asked_ms, REBOOTED - 2058000);
}

static void test_less_room_than_before(void **state)
{
    int64_t oldest = INT64_MAX;
    (void)state;

    put_numbered(2000);
    save();
    cache_limit(loaded, 100000);
    load_after(0);
    size_t count = cache_count(loaded);
    assert_true(cache_bytes(loaded) <= 100000);
    assert_true(count > 300 && count < 1000);
    for (struct cache_entry *e = cache_first_asked(loaded); e != NULL; e = e->asked.behind)
        oldest = e->used_ms < oldest ? e->used_ms : oldest;
    /* Used a second apart each: those used last are left. */
    assert_int_equal(oldest, REBOOTED - (int64_t)(count - 1) * 1000);
}

/* ---- clocks --------------------------------------------------------------------------------- */

static void test_what_nobody_asked_for_a_day_is_forgotten(void **state)
{
    (void)state;
    put(0, "new.example");
    put(0, "old.example")->used_ms = NOW_MS - 3600 * 1000;
    put(0, "watched.example")->asked_ms = NOW_MS - 3600 * 1000;
    save();
    load_after(DAY_S - 3600);
    assert_int_equal(cache_count(loaded), 3);
    cache_drop(loaded, found(0, "old.example"));
    cache_drop(loaded, found(0, "new.example"));
    cache_drop(loaded, found(0, "watched.example"));
    load_after(DAY_S - 3599);
    assert_null(find(0, "old.example"));
    assert_int_equal(found(0, "new.example")->expires_ms, REBOOTED + (300 - DAY_S + 3599) * 1000);
    assert_int_equal(found(0, "watched.example")->asked_ms, REBOOTED - (DAY_S + 1) * 1000 + 1000);
}

static void test_clock_that_was_set(void **state)
{
    static const struct {
        int64_t after_s;
        bool there;
        int64_t used_ms, expires_ms; /* from the start of the process */
    } table[] = {
        {0, true, 0, 300000},           {10, true, -10000, 290000},
        {-1, true, 0, 301000},          {-100, true, 0, 400000},
        {-DAY_S, true, 0, 3600000}, /* nothing is believed for longer */
        {-NOW_S + 1, true, 0, 3600000}, {DAY_S, true, -86400000, -86100000},
        {DAY_S + 1, false, 0, 0},       {DAY_S * 36500, false, 0, 0},
    };
    (void)state;

    struct cache_entry *e = put_listed(0, "a.example", "");
    e->listed_since = e->said_at = NOW_S;
    save();
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        load_after(table[i].after_s);
        e = find(0, "a.example");
        assert_int_equal(e != NULL, table[i].there);
        if (e == NULL)
            continue;
        assert_int_equal(e->used_ms, REBOOTED + table[i].used_ms);
        assert_int_equal(e->asked_ms, REBOOTED + table[i].used_ms);
        assert_int_equal(e->expires_ms, REBOOTED + table[i].expires_ms);
        assert_true(e->said_at <= NOW_S + table[i].after_s);
        assert_in_range(e->listed_since, 1, NOW_S + table[i].after_s);
        cache_drop(loaded, e);
    }
}

static void test_absurd_times(void **state)
{
    static const int64_t absurd[] = {INT64_MIN / 4, INT64_MAX / 4};
    (void)state;

    for (size_t i = 0; i < 2; i++) {
        struct cache_entry *e = put_listed(0, "a.example", "");
        e->asked_ms = e->expires_ms = absurd[i];
        e->said_at = e->listed_since = absurd[i];
        save();
        load_after(0);
        e = found(0, "a.example");
        assert_in_range(e->asked_ms + CACHE_KEEP_MS, REBOOTED, REBOOTED + CACHE_KEEP_MS);
        assert_in_range(e->expires_ms + CACHE_KEEP_MS, REBOOTED,
                        REBOOTED + CACHE_KEEP_MS + CACHE_TTL_CEILING_S * 1000);
        assert_in_range(e->said_at, 0, NOW_S);
        assert_in_range(e->listed_since, 1, NOW_S);
        cache_drop(loaded, e);
    }
}

/* ---- damage --------------------------------------------------------------------------------- */

static void assert_refused(struct view bytes)
{
    why = (struct error){0, ""};
    assert_int_equal(load_view(bytes, NOW_S), ERR_DAMAGED);
    assert_int_equal(n_read, 0);
    assert_int_equal(cache_count(loaded), 0);
    assert_true(why.text[0] != '\0');
}

static void make_small_file(void)
{
    put(0, "a.example");
    put_listed(2, "b.example", "text");
    save();
}

/* Into memory of just that size, so that a sanitizer sees what reads beyond it. */
static void test_cut_off_at_every_byte(void **state)
{
    (void)state;
    make_small_file();
    for (size_t len = 0; len < file.len; len++) {
        char *cut = malloc(len + (len == 0));
        assert_non_null(cut);
        memcpy(cut, file.data, len);
        assert_refused(view_make(cut, len));
        free(cut);
    }
    assert_refused(VIEW_NONE);
    assert_int_equal(buf_add(&file, "", 1), 0);
    assert_refused(buf_view(&file));
}

static void test_every_bit_changed(void **state)
{
    (void)state;
    make_small_file();
    for (size_t bit = 0; bit < file.len * 8; bit++) {
        file.data[bit / 8] ^= (char)(1u << bit % 8);
        assert_refused(buf_view(&file));
        file.data[bit / 8] ^= (char)(1u << bit % 8);
    }
    load_after(0);
    assert_int_equal(cache_count(loaded), 2);
}

/* A value that no process writes, with a good checksum. Entries begin behind the head (24 bytes)
 * and three identities; the numbers of an entry behind five times. */
#define ENTRY (24 + 3 * sizeof(struct cache_zone_id))
static void test_lies_with_a_good_checksum(void **state)
{
    static const struct {
        size_t at;
        size_t len;
        const char *bytes;
        const char *why;
    } table[] = {
        {0, 8, "rgdnsbm\0", "not a file of answers"},
        {8, 4, "\1\2\3\4", "written on a machine with another byte order"},
        {12, 4, "\1\0\0\0", "written by another version"},
        {16, 4, "\377\377\377\377", "too many zones"},
        {16, 4, "\101\0\0\0", "too many zones"},
        {16, 4, "\77\0\0\0", "cut off"},
        {16, 4, "\4\0\0\0", "an entry that cannot be"},
        {ENTRY + 40, 2, "\3\0", "an entry that cannot be"},     /* zone */
        {ENTRY + 42, 2, "\1\0", "an entry that cannot be"},     /* label: the rest is too short */
        {ENTRY + 42, 2, "\377\0", "an entry that cannot be"},   /* beyond the end */
        {ENTRY + 42, 2, "\377\377", "an entry that cannot be"}, /* no label is so long */
        {ENTRY + 44, 2, "\1\0", "an entry that cannot be"},     /* text beyond the end */
        {ENTRY + 44, 2, "\377\377", "an entry that cannot be"},
        {ENTRY + 46, 1, "\2", "an entry that cannot be"}, /* a flag that is none */
    };
    const uint32_t one = 1;
    (void)state;

    if (*(const char *)&one == 0)
        skip(); /* the bytes above are of the other order */
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        put(0, "a.example");
        save();
        file.len -= sizeof(struct checksum);
        memcpy(file.data + table[i].at, table[i].bytes, table[i].len);
        assert_int_equal(cache_file_end(&file), 0);
        assert_refused(buf_view(&file));
        assert_string_equal(why.text, table[i].why);
    }
}

/* Lengths that the file has bytes for, but no process writes. */
static void test_longer_than_any(void **state)
{
    static const struct {
        uint16_t label_len, text_len;
        bool good;
    } table[] = {
        {ZONE_LABEL_MAX, DNS_TEXT_MAX, true},
        {ZONE_LABEL_MAX + 1, DNS_TEXT_MAX - 1, false},
        {ZONE_LABEL_MAX - 1, DNS_TEXT_MAX + 1, false},
        {0, ZONE_LABEL_MAX + DNS_TEXT_MAX, false},
    };
    char label[ZONE_LABEL_MAX + 1], text[DNS_TEXT_MAX + 1];
    (void)state;

    memset(label, 'l', sizeof label);
    memset(text, 't', sizeof text);
    label[ZONE_LABEL_MAX] = text[DNS_TEXT_MAX] = '\0';
    put_listed(1, label, text);
    for (size_t i = sizeof table / sizeof table[0]; i-- > 0;) {
        save();
        file.len -= sizeof(struct checksum);
        memcpy(file.data + ENTRY + 42, &table[i].label_len, 2);
        memcpy(file.data + ENTRY + 44, &table[i].text_len, 2);
        assert_int_equal(cache_file_end(&file), 0);
        if (table[i].good)
            load_after(0);
        else
            assert_refused(buf_view(&file));
    }
}

static void test_more_zones_than_any(void **state)
{
    static const struct cache_zone_id many[DNSBL_ZONES_MAX + 1];
    static struct cache_zone_id room[DNSBL_ZONES_MAX + 1];
    (void)state;

    for (unsigned n = DNSBL_ZONES_MAX; n <= DNSBL_ZONES_MAX + 1; n++) {
        buf_clear(&file);
        assert_int_equal(cache_file_begin(&file, many, n), 0);
        assert_int_equal(cache_file_end(&file), 0);
        int rc = cache_file_read(loaded, buf_view(&file), room, n, &n_read, NOW_S, REBOOTED, &why);
        assert_int_equal(rc, n == DNSBL_ZONES_MAX ? 0 : ERR_DAMAGED);
        assert_int_equal(n_read, n == DNSBL_ZONES_MAX ? n : 0);
    }
}

static void test_more_zones_than_there_is_room_for(void **state)
{
    (void)state;
    make_small_file();
    assert_int_equal(
        cache_file_read(loaded, buf_view(&file), read_ids, 2, &n_read, NOW_S, REBOOTED, &why),
        ERR_DAMAGED);
    assert_int_equal(cache_count(loaded), 0);
    assert_int_equal(
        cache_file_read(loaded, buf_view(&file), read_ids, 3, &n_read, NOW_S, REBOOTED, NULL), 0);
    assert_int_equal(n_read, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown_ones_are_not_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_empty_one, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_longest_label_and_text, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slices_make_the_same_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_changes_while_it_is_saved, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_room_to_save, setup, teardown),
        cmocka_unit_test_setup_teardown(test_order_after_reading, setup, teardown),
        cmocka_unit_test_setup_teardown(test_less_room_than_before, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_nobody_asked_for_a_day_is_forgotten, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_clock_that_was_set, setup, teardown),
        cmocka_unit_test_setup_teardown(test_absurd_times, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cut_off_at_every_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_bit_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lies_with_a_good_checksum, setup, teardown),
        cmocka_unit_test_setup_teardown(test_longer_than_any, setup, teardown),
        cmocka_unit_test_setup_teardown(test_more_zones_than_any, setup, teardown),
        cmocka_unit_test_setup_teardown(test_more_zones_than_there_is_room_for, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
