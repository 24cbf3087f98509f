/* What is remembered of zones: for how long, in which order, how much of it, and who has to go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "dnsbl/cache.h"
#include "dnsbl/message.h"
#include "dnsbl/zone.h"

#define MANY_BYTES ((size_t)1 << 20)

static struct cache *cache;

static int setup(void **state)
{
    (void)state;
    cache = cache_new(MANY_BYTES);
    return cache == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    cache_free(cache);
    return 0;
}

static struct cache_entry *find(unsigned zone, const char *label)
{
    return cache_find(cache, zone, view_of(label));
}

static struct cache_entry *put(unsigned zone, const char *label, int64_t now_ms)
{
    struct cache_entry *e = cache_put(cache, zone, view_of(label), now_ms);

    assert_non_null(e);
    return e;
}

/* LABELS: "a b c", from the one asked first on. */
static void assert_asked_order(const char *labels)
{
    char found[256] = "";
    struct cache_entry *before = NULL;

    for (struct cache_entry *e = cache_first_asked(cache); e != NULL; e = e->asked.behind) {
        size_t len = strlen(found);
        snprintf(found + len, sizeof found - len, "%s%s", before == NULL ? "" : " ", e->label);
        assert_ptr_equal(e->asked.before, before);
        before = e;
    }
    assert_string_equal(found, labels);
}

/* ---- how long ------------------------------------------------------------------------------- */

static void test_ttl_has_floor_and_ceiling(void **state)
{
    static const struct {
        bool has_ttl;
        uint32_t ttl_s;
        int64_t ms;
    } table[] = {
        {true, 0, 60000},       {true, 1, 60000},          {true, 59, 60000},
        {true, 60, 60000},      {true, 61, 61000},         {true, 300, 300000},
        {true, 3599, 3599000},  {true, 3600, 3600000},     {true, 3601, 3600000},
        {true, 86400, 3600000}, {true, 1u << 31, 3600000}, {true, UINT32_MAX, 3600000},
        {false, 0, 60000},      {false, 86400, 60000}, /* no SOA: the number is nobody's */
    };
    (void)state;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        assert_int_equal(cache_ttl_ms(table[i].has_ttl, table[i].ttl_s), table[i].ms);
}

/* ---- finding -------------------------------------------------------------------------------- */

static void test_a_new_entry_knows_nothing(void **state)
{
    (void)state;
    struct cache_entry *e = put(3, "example.org", 1000);

    assert_string_equal(e->label, "example.org");
    assert_int_equal(e->label_len, 11);
    assert_int_equal(e->zone, 3);
    assert_false(e->known || e->listing || e->told || (e->text_state != CACHE_TEXT_UNKNOWN));
    assert_int_equal(e->used_ms, 1000);
    assert_int_equal(e->asked_ms, 1000);
    assert_null(e->asking);
    assert_null(e->text);
    assert_ptr_equal(find(3, "example.org"), e);
    assert_int_equal(cache_count(cache), 1);
    assert_int_equal(cache_count_of(cache, 3), 1);
}

static void test_labels_and_zones_are_told_apart(void **state)
{
    static const struct {
        unsigned zone;
        const char *label;
    } others[] = {{0, "example.or"},
                  {0, "example.orgg"},
                  {0, "Example.org"},
                  {1, "example.org"},
                  {63, "example.org"},
                  {64, "example.org"},
                  {0, ""},
                  {0, "com"}};
    char label[ZONE_LABEL_MAX + 2];
    (void)state;

    put(0, "example.org", 0);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_null(find(others[i].zone, others[i].label));
    memset(label, 'a', sizeof label);
    for (size_t len = 0; len <= ZONE_LABEL_MAX; len++)
        assert_non_null(cache_put(cache, 1, view_make(label, len), 0));
    for (size_t len = 0; len <= ZONE_LABEL_MAX; len++)
        assert_int_equal(cache_find(cache, 1, view_make(label, len))->label_len, len);
    assert_int_equal(cache_count_of(cache, 1), ZONE_LABEL_MAX + 1);
}

/* With fewer buckets than zones some have the same one for the same label. */
static void test_zones_in_one_bucket(void **state)
{
    (void)state;
    cache_limit(cache, 1000);
    put(0, "example.org", 0);
    put(1, "example.org", 0);
    for (unsigned zone = 2; zone < DNSBL_ZONES_MAX; zone++)
        assert_null(find(zone, "example.org"));
    assert_int_equal(find(1, "example.org")->zone, 1);
}

static void test_what_no_zone_can_be_asked_is_not_kept(void **state)
{
    char label[ZONE_LABEL_MAX + 1];
    (void)state;

    memset(label, 'a', sizeof label);
    assert_null(cache_put(cache, 0, view_make(label, sizeof label), 0));
    assert_null(cache_put(cache, DNSBL_ZONES_MAX, view_of("a"), 0));
    assert_null(cache_find(cache, 0, view_make(label, sizeof label)));
    assert_int_equal(cache_count(cache), 0);
    assert_int_equal(cache_count_of(cache, DNSBL_ZONES_MAX), 0);
    assert_int_equal(cache_proven_of(cache, DNSBL_ZONES_MAX), 0);
    assert_null(cache_first_listed(cache, DNSBL_ZONES_MAX, CACHE_PROVEN));
}

static void test_putting_again_changes_nothing(void **state)
{
    (void)state;
    struct cache_entry *e = put(0, "a", 1000);

    put(0, "b", 1500);
    e->known = true;
    assert_ptr_equal(put(0, "a", 2000), e);
    assert_true(e->known);
    assert_int_equal(e->used_ms, 1000);
    assert_int_equal(e->asked_ms, 1000);
    assert_int_equal(cache_count(cache), 2);
    assert_asked_order("a b");
}

static void test_a_dropped_one_is_gone(void **state)
{
    size_t before = cache_bytes(cache);
    (void)state;

    put(0, "a", 0);
    struct cache_entry *e = put(0, "b", 0);
    put(0, "c", 0);
    cache_list_as(cache, e, CACHE_PROVEN);
    assert_int_equal(cache_set_text(cache, e, view_of("why")), 0);
    cache_drop(cache, e);
    assert_null(find(0, "b"));
    assert_int_equal(cache_proven_of(cache, 0), 0);
    assert_null(cache_first_listed(cache, 0, CACHE_PROVEN));
    assert_asked_order("a c");
    cache_drop(cache, find(0, "a"));
    cache_drop(cache, find(0, "c"));
    assert_int_equal(cache_count(cache), 0);
    assert_int_equal(cache_bytes(cache), before);
    assert_asked_order("");
}

/* ---- the order of being asked --------------------------------------------------------------- */

static void test_order_of_being_asked(void **state)
{
    (void)state;
    assert_null(cache_first_asked(cache));
    put(0, "a", 1);
    assert_asked_order("a");
    cache_asked(cache, find(0, "a"), 2);
    assert_asked_order("a");
    put(1, "b", 3);
    put(2, "c", 4);
    assert_asked_order("a b c");
    cache_asked(cache, find(0, "a"), 5);
    assert_int_equal(find(0, "a")->asked_ms, 5);
    assert_asked_order("b c a");
    cache_asked(cache, find(2, "c"), 6);
    assert_asked_order("b a c");
    cache_asked(cache, find(2, "c"), 7);
    assert_asked_order("b a c");
    cache_used(cache, find(1, "b"), 8); /* another order */
    assert_asked_order("b a c");
}

/* ---- listed ones ---------------------------------------------------------------------------- */

static void test_listed_ones_of_each_zone(void **state)
{
    (void)state;
    struct cache_entry *a = put(0, "a", 0), *b = put(0, "b", 0), *c = put(1, "c", 0);

    assert_null(cache_first_listed(cache, 0, CACHE_PROVEN));
    cache_list_as(cache, a, CACHE_PROVEN);
    cache_list_as(cache, b, CACHE_PROVEN);
    cache_list_as(cache, b, CACHE_PROVEN); /* again: still once */
    cache_list_as(cache, c, CACHE_PROVEN);
    assert_int_equal(cache_proven_of(cache, 0), 2);
    assert_int_equal(cache_proven_of(cache, 1), 1);
    assert_ptr_equal(cache_first_listed(cache, 1, CACHE_PROVEN), c);
    assert_null(c->listed_of_zone.behind);
    assert_ptr_equal(cache_first_listed(cache, 0, CACHE_PROVEN), a);
    assert_ptr_equal(a->listed_of_zone.behind, b);
    cache_list_as(cache, a, CACHE_CLEAR);
    cache_list_as(cache, a, CACHE_CLEAR);
    assert_int_equal(a->listing, CACHE_CLEAR);
    assert_ptr_equal(cache_first_listed(cache, 0, CACHE_PROVEN), b);
    assert_null(b->listed_of_zone.behind);
    assert_int_equal(cache_proven_of(cache, 0), 1);
    /* Unproven ones are by themselves. */
    cache_list_as(cache, a, CACHE_UNPROVEN);
    cache_list_as(cache, b, CACHE_UNPROVEN);
    assert_null(cache_first_listed(cache, 0, CACHE_PROVEN));
    assert_int_equal(cache_proven_of(cache, 0), 0);
    assert_ptr_equal(cache_first_listed(cache, 0, CACHE_UNPROVEN), a);
    assert_ptr_equal(a->listed_of_zone.behind, b);
    assert_null(cache_first_listed(cache, 0, CACHE_CLEAR));
    cache_list_as(cache, a, CACHE_PROVEN);
    assert_ptr_equal(cache_first_listed(cache, 0, CACHE_UNPROVEN), b);
    assert_ptr_equal(cache_first_listed(cache, 0, CACHE_PROVEN), a);
    assert_int_equal(cache_proven_of(cache, 0), 1);
}

static void test_text(void **state)
{
    char longest[DNS_TEXT_MAX + 10];
    (void)state;
    struct cache_entry *e = put(0, "a", 0);
    size_t bare = cache_bytes(cache);

    assert_int_equal(cache_set_text(cache, e, view_of("listed")), 0);
    assert_string_equal(e->text, "listed");
    assert_true(cache_bytes(cache) > bare);
    assert_int_equal(cache_set_text(cache, e, view_make("cut\0here", 8)), 0);
    assert_string_equal(e->text, "cut");
    memset(longest, 't', sizeof longest);
    assert_int_equal(cache_set_text(cache, e, view_make(longest, sizeof longest)), 0);
    assert_int_equal(strlen(e->text), DNS_TEXT_MAX);
    assert_true(cache_bytes(cache) >= bare + DNS_TEXT_MAX);
    assert_int_equal(cache_set_text(cache, e, VIEW_NONE), 0);
    assert_null(e->text);
    assert_int_equal(cache_bytes(cache), bare);
    assert_int_equal(cache_set_text(cache, e, view_make("\0x", 2)), 0);
    assert_null(e->text);
}

/* ---- bounds --------------------------------------------------------------------------------- */

/* As many as fit, named 0, 1, ..; the number of them. All are of one size. */
static unsigned fill(int64_t now_ms)
{
    char label[16];
    unsigned n = 0;

    for (; cache_count(cache) == n; n++) {
        snprintf(label, sizeof label, "%08u", n);
        put(0, label, now_ms + n);
    }
    return n - 1; /* the last one took the place of the first */
}

static struct cache_entry *numbered(unsigned n)
{
    char label[16];

    snprintf(label, sizeof label, "%08u", n);
    return find(0, label);
}

static void test_the_least_recently_used_goes_first(void **state)
{
    (void)state;
    unsigned n = fill(0);

    assert_true(n > 1000);
    assert_null(numbered(0));
    assert_non_null(numbered(n));
    cache_used(cache, numbered(1), 900000);
    assert_int_equal(numbered(1)->used_ms, 900000);
    cache_asked(cache, numbered(2), 900000); /* the zone was asked, no recipient was there */
    put(0, "one more", 900001);
    assert_non_null(numbered(1));
    assert_null(numbered(2));
    assert_non_null(numbered(3));
    assert_int_equal(cache_count(cache), n);
    assert_true(cache_bytes(cache) <= MANY_BYTES);
}

static void test_what_is_asking_stays(void **state)
{
    int question;
    (void)state;
    unsigned n = fill(0);

    numbered(1)->asking = numbered(2)->asking = numbered(4)->asking = &question;
    put(0, "one more", 900001);
    assert_non_null(numbered(1));
    assert_non_null(numbered(2));
    assert_null(numbered(3));
    numbered(1)->asking = NULL;
    put(0, "and one", 900002);
    assert_null(numbered(1));
    assert_non_null(numbered(2));
    assert_int_equal(cache_count(cache), n);
}

static void test_full_of_what_is_asking(void **state)
{
    int question;
    (void)state;
    fill(0);

    for (struct cache_entry *e = cache_first_asked(cache); e != NULL; e = e->asked.behind)
        e->asking = &question;
    size_t count = cache_count(cache), bytes = cache_bytes(cache);
    char text[DNS_TEXT_MAX];
    memset(text, 't', sizeof text);
    assert_null(cache_put(cache, 0, view_of("one more"), 1));
    assert_non_null(cache_put(cache, 0, view_of("00000005"), 1));
    assert_int_equal(cache_set_text(cache, numbered(5), view_make(text, sizeof text)), ERR_NOMEM);
    assert_null(numbered(5)->text);
    cache_limit(cache, 1000); /* nothing of it may go */
    assert_int_equal(cache_count(cache), count);
    assert_true(cache_bytes(cache) <= bytes); /* the table shrinks */
    assert_non_null(numbered(5));
    for (struct cache_entry *e = cache_first_asked(cache); e != NULL; e = e->asked.behind)
        e->asking = NULL;
    assert_non_null(cache_put(cache, 0, view_of("one more"), 1));
    assert_true(cache_bytes(cache) <= 1000);
}

/* A text makes room for itself, but never by the entry that it belongs to. */
static void test_a_text_drives_others_out(void **state)
{
    char text[DNS_TEXT_MAX];
    (void)state;
    unsigned n = fill(0);

    memset(text, 't', sizeof text);
    assert_int_equal(cache_set_text(cache, numbered(1), view_make(text, sizeof text)), 0);
    assert_non_null(numbered(1));
    assert_null(numbered(2));
    assert_true(cache_count(cache) < n);
    assert_true(cache_bytes(cache) <= MANY_BYTES);
}

static void test_another_limit(void **state)
{
    (void)state;
    unsigned n = fill(0);

    cache_used(cache, numbered(7), 900000);
    cache_limit(cache, MANY_BYTES / 8);
    assert_true(cache_bytes(cache) <= MANY_BYTES / 8);
    assert_true(cache_count(cache) > n / 10 && cache_count(cache) < n / 7);
    assert_non_null(numbered(7));
    assert_non_null(numbered(n));
    assert_null(numbered(n / 2));
    unsigned left = (unsigned)cache_count(cache);
    cache_limit(cache, 8 * MANY_BYTES);
    assert_int_equal(cache_count(cache), left);
    assert_non_null(numbered(7));
    for (unsigned i = 0; i < left - 1; i++)
        assert_non_null(numbered(n - i)); /* all are found in the new table */
    cache_limit(cache, SIZE_MAX);
    assert_int_equal(cache_count(cache), left);
    assert_non_null(numbered(n));
    cache_limit(cache, 0);
    assert_int_equal(cache_count(cache), 0);
    assert_null(cache_put(cache, 0, view_of("a"), 0));
}

static void test_200000_puts_stay_within_bounds(void **state)
{
    char label[64];
    size_t most = 0;
    (void)state;

    for (unsigned i = 0; i < 200000; i++) {
        snprintf(label, sizeof label, "%u.%.*s.example", i, (int)(i % 40),
                 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
        struct cache_entry *e = put(i % 5, label, i);
        cache_list_as(cache, e, i % 3);
        if (i % 7 == 0)
            assert_int_equal(cache_set_text(cache, e, view_of(label)), 0);
        most = cache_bytes(cache) > most ? cache_bytes(cache) : most;
    }
    assert_true(most <= MANY_BYTES);
    assert_true(most > MANY_BYTES - 1000);
    size_t count = 0, listed = 0, walked = 0;
    for (unsigned zone = 0; zone < 5; zone++) {
        count += cache_count_of(cache, zone);
        listed += cache_proven_of(cache, zone);
        for (struct cache_entry *e = cache_first_listed(cache, zone, CACHE_PROVEN); e;
             e = e->listed_of_zone.behind)
            walked++;
    }
    assert_int_equal(count, cache_count(cache));
    assert_int_equal(listed, walked);
    while (cache_first_asked(cache) != NULL) {
        struct cache_entry *e = cache_first_asked(cache);
        assert_ptr_equal(cache_find(cache, e->zone, view_make(e->label, e->label_len)), e);
        cache_drop(cache, e);
    }
    assert_int_equal(cache_count(cache), 0);
}

/* ---- new numbers ---------------------------------------------------------------------------- */

static void test_new_numbers(void **state)
{
    static const int numbers[] = {2, -1, 0, 1};
    (void)state;

    put(0, "a", 1);
    put(1, "a", 2);
    put(2, "a", 3);
    put(3, "b", 4);
    put(4, "c", 5); /* of a zone that nobody numbered */
    cache_list_as(cache, find(0, "a"), CACHE_PROVEN);
    cache_list_as(cache, find(1, "a"), CACHE_PROVEN);
    cache_list_as(cache, find(3, "b"), CACHE_PROVEN);
    struct cache_entry *first = find(0, "a"), *third = find(2, "a"), *fourth = find(3, "b");

    cache_renumber(cache, numbers, 4);
    assert_int_equal(cache_count(cache), 3);
    assert_ptr_equal(find(2, "a"), first);
    assert_ptr_equal(find(0, "a"), third);
    assert_ptr_equal(find(1, "b"), fourth);
    assert_null(find(1, "a"));
    assert_null(find(3, "b"));
    assert_null(find(4, "c"));
    assert_asked_order("a a b");
    assert_int_equal(cache_proven_of(cache, 0), 0);
    assert_int_equal(cache_proven_of(cache, 1), 1);
    assert_int_equal(cache_proven_of(cache, 2), 1);
    assert_int_equal(cache_proven_of(cache, 3), 0);
    assert_ptr_equal(cache_first_listed(cache, 2, CACHE_PROVEN), first);
    assert_int_equal(first->listing, CACHE_PROVEN);
    assert_int_equal(cache_count_of(cache, 2), 1);
    assert_int_equal(cache_count_of(cache, 4), 0);
    cache_drop(cache, first); /* its bucket is the one of its new number */
    assert_null(find(2, "a"));
}

static void test_the_same_numbers(void **state)
{
    static const int same[] = {0, 1, 7}, fewer[] = {0};
    (void)state;

    put(0, "a", 1);
    put(1, "a", 2);
    cache_renumber(cache, same, 3); /* nobody is in the third */
    assert_int_equal(cache_count(cache), 2);
    cache_renumber(cache, fewer, 1);
    assert_non_null(find(0, "a"));
    assert_null(find(1, "a"));
    cache_renumber(cache, NULL, 0);
    assert_int_equal(cache_count(cache), 0);
    assert_asked_order("");
}

static void test_two_zones_become_one(void **state)
{
    static const int one[] = {0, 0};
    (void)state;

    put(0, "a", 1);
    put(1, "a", 2);
    put(0, "b", 3);
    put(1, "c", 4);
    struct cache_entry *newer = find(1, "a");
    cache_list_as(cache, find(0, "a"), CACHE_PROVEN);
    cache_renumber(cache, one, 2);
    assert_int_equal(cache_count(cache), 3);
    assert_int_equal(cache_count_of(cache, 0), 3);
    assert_int_equal(cache_proven_of(cache, 0), 0);
    assert_ptr_equal(find(0, "a"), newer);
    assert_asked_order("a b c");
}

/* Somebody waits at it: it must outlive a twin. */
static void test_what_is_asking_outlives_its_twin(void **state)
{
    static const int one[] = {0, 0};
    int question;
    (void)state;

    struct cache_entry *e = put(0, "a", 1);
    e->asking = &question;
    put(1, "a", 2);
    cache_renumber(cache, one, 2);
    bool there = false;
    for (struct cache_entry *at = cache_first_asked(cache); at != NULL; at = at->asked.behind)
        there |= at == e;
    assert_true(there);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ttl_has_floor_and_ceiling),
        cmocka_unit_test_setup_teardown(test_a_new_entry_knows_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_labels_and_zones_are_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_zones_in_one_bucket, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_no_zone_can_be_asked_is_not_kept, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_putting_again_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_dropped_one_is_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_order_of_being_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_listed_ones_of_each_zone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_text, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_least_recently_used_goes_first, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_asking_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_of_what_is_asking, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_text_drives_others_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_another_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_200000_puts_stay_within_bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_new_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_same_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_zones_become_one, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_asking_outlives_its_twin, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
