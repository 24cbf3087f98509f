/* Every guard at its edge, the order of the guards, and the clock of a held copy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feeds/parse/guard.h"

#define HOUR 3600
#define NOW  1700000000

/* The defaults of the contract. */
static const struct feed_config defaults = {
    .name = "aper",
    .hold_s = 48 * HOUR,
    .min_entries = 1,
    .max_protected = 3,
    .max_shrink = 0.2,
    .max_grow = 1.0,
    .max_bad = 0.05,
};

static struct guard_verdict judge(const struct feed_config *config, struct copy_counts counts,
                                  struct guard_memory *memory, int64_t now, bool manual)
{
    struct guard_verdict v;

    guard_judge(config, &counts, memory, now, manual, &v);
    return v;
}

static struct copy_counts of_size(uint64_t entries)
{
    return (struct copy_counts){.rows = entries, .entries = entries, .active = entries};
}

struct edge {
    uint64_t last;
    struct copy_counts counts;
    enum guard_says says, manual;
    const char *guard;
};

static void check_edges(const struct feed_config *config, const struct edge *edges, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (int manual = 0; manual <= 1; manual++) {
            struct guard_memory memory = {.accepted_entries = edges[i].last};
            struct guard_verdict v = judge(config, edges[i].counts, &memory, NOW, manual);
            enum guard_says says = manual ? edges[i].manual : edges[i].says;
            assert_int_equal(v.says, says);
            assert_string_equal(v.guard, says == GUARD_ACCEPT ? "" : edges[i].guard);
            assert_int_equal(v.why[0] != '\0', says != GUARD_ACCEPT);
            assert_int_equal(v.remedy[0] != '\0', says != GUARD_ACCEPT);
            assert_int_equal(memory.accepted_entries, edges[i].last);
        }
    }
}

#define CHECK_EDGES(config, edges) check_edges(config, edges, sizeof(edges) / sizeof(edges)[0])

#define ROWS(good, bad) {.rows = (good), .entries = (good), .bad_rows = (bad)}

static void test_what_is_refused(void **state)
{
    static const struct edge edges[] = {
        {0, {.rows = 1, .entries = 1}, GUARD_ACCEPT, GUARD_ACCEPT, ""},
        {0, {.rows = 1, .entries = 1, .html = true}, GUARD_REFUSE, GUARD_REFUSE, "html"},
        {0, {.rows = 1, .entries = 1, .control = true}, GUARD_REFUSE, GUARD_REFUSE, "control"},
        {0, ROWS(0, 0), GUARD_REFUSE, GUARD_REFUSE, "min_entries"},
        {500, ROWS(0, 0), GUARD_REFUSE, GUARD_REFUSE, "min_entries"},
        {0, ROWS(95, 5), GUARD_ACCEPT, GUARD_ACCEPT, ""},
        {0, ROWS(94, 5), GUARD_REFUSE, GUARD_REFUSE, "bad"},
        {0, ROWS(95, 6), GUARD_REFUSE, GUARD_REFUSE, "bad"},
        {0, {.rows = 1, .entries = 1, .ignored_rows = 99}, GUARD_ACCEPT, GUARD_ACCEPT, ""},
        {0, {.rows = 9, .entries = 9, .protected_ = 3}, GUARD_ACCEPT, GUARD_ACCEPT, ""},
        {0, {.rows = 9, .entries = 9, .protected_ = 4}, GUARD_REFUSE, GUARD_REFUSE, "protected"},
        {0, {.rows = 9, .entries = 9, .suffixes = 9}, GUARD_ACCEPT, GUARD_ACCEPT, ""},
        {0, {.rows = 9, .entries = 9, .broken = "cut"}, GUARD_REFUSE, GUARD_REFUSE, "broken"},
        /* Another format, when most rows say nothing in this one. */
        {0,
         {.rows = 9, .entries = 9, .ignored_rows = 10, .looks_like = "hosts"},
         GUARD_REFUSE,
         GUARD_REFUSE,
         "format"},
        {0,
         {.rows = 10, .entries = 9, .ignored_rows = 10, .looks_like = "hosts"},
         GUARD_ACCEPT,
         GUARD_ACCEPT,
         ""},
        {0, {.bad_rows = 2, .looks_like = "hosts"}, GUARD_REFUSE, GUARD_REFUSE, "format"},
        /* Digests in a list of names are single labels, and left out one by one. */
        {0,
         {.rows = 9, .entries = 9, .suffixes = 5, .looks_like = "hashes"},
         GUARD_REFUSE,
         GUARD_REFUSE,
         "format"},
        {0,
         {.rows = 9, .entries = 9, .suffixes = 4, .looks_like = "hashes"},
         GUARD_ACCEPT,
         GUARD_ACCEPT,
         ""},
        {0,
         {.rows = 9, .entries = 9, .looks_like = "rpz", .takes_any = true},
         GUARD_REFUSE,
         GUARD_REFUSE,
         "format"},
        {0, {.rows = 9, .entries = 9, .takes_any = true}, GUARD_ACCEPT, GUARD_ACCEPT, ""},
        /* Its own words about its time. */
        {0,
         {.rows = 9, .entries = 9, .claims[CLAIM_CREATED] = NOW + 48 * HOUR},
         GUARD_ACCEPT,
         GUARD_ACCEPT,
         ""},
        {0,
         {.rows = 9, .entries = 9, .claims[CLAIM_CREATED] = NOW + 48 * HOUR + 1},
         GUARD_REFUSE,
         GUARD_REFUSE,
         "future"},
        {0,
         {.rows = 9, .entries = 9, .claims[CLAIM_EXPIRES] = NOW},
         GUARD_ACCEPT,
         GUARD_ACCEPT,
         ""},
        {0,
         {.rows = 9, .entries = 9, .claims[CLAIM_EXPIRES] = NOW - 1},
         GUARD_REFUSE,
         GUARD_REFUSE,
         "expired"},
    };

    (void)state;
    CHECK_EDGES(&defaults, edges);
}

static void test_what_is_held(void **state)
{
    static const struct edge edges[] = {
        /* Below 100 entries nothing is judged, from 100 on everything is. */
        {99, ROWS(1, 0), GUARD_ACCEPT, GUARD_ACCEPT, ""},
        {99, ROWS(100000, 0), GUARD_ACCEPT, GUARD_ACCEPT, ""},
        {100, ROWS(80, 0), GUARD_ACCEPT, GUARD_ACCEPT, ""},
        {100, ROWS(79, 0), GUARD_HOLD, GUARD_ACCEPT, "shrink"},
        {100, ROWS(200, 0), GUARD_ACCEPT, GUARD_ACCEPT, ""},
        {100, ROWS(201, 0), GUARD_HOLD, GUARD_ACCEPT, "grow"},
        {100, ROWS(10, 0), GUARD_HOLD, GUARD_ACCEPT, "shrink"},
        {100, ROWS(9, 0), GUARD_HOLD, GUARD_ACCEPT, "collapse"},
        {10000, ROWS(8000, 0), GUARD_ACCEPT, GUARD_ACCEPT, ""},
        {10000, ROWS(7999, 0), GUARD_HOLD, GUARD_ACCEPT, "shrink"},
        {10000, ROWS(1000, 0), GUARD_HOLD, GUARD_ACCEPT, "shrink"},
        {10000, ROWS(999, 0), GUARD_HOLD, GUARD_ACCEPT, "collapse"},
        {1000, ROWS(1000, 0), GUARD_ACCEPT, GUARD_ACCEPT, ""},
        {5, {.rows = 5, .entries = 5, .rolled_back = true}, GUARD_HOLD, GUARD_ACCEPT, "rollback"},
        /* As many rows as it says, whatever became of them; more are no harm. */
        {5,
         {.rows = 2, .entries = 1, .bad_rows = 0, .ignored_rows = 3, .claims[CLAIM_ROWS] = 5},
         GUARD_ACCEPT,
         GUARD_ACCEPT,
         ""},
        {5, {.rows = 5, .entries = 5, .claims[CLAIM_ROWS] = 4}, GUARD_ACCEPT, GUARD_ACCEPT, ""},
        {5, {.rows = 5, .entries = 5, .claims[CLAIM_ROWS] = 6}, GUARD_HOLD, GUARD_ACCEPT, "count"},
        {0, {.rows = 5, .entries = 5, .claims[CLAIM_ROWS] = 6}, GUARD_HOLD, GUARD_ACCEPT, "count"},
    };

    (void)state;
    CHECK_EDGES(&defaults, edges);
}

static void test_ratios_at_their_ends(void **state)
{
    struct feed_config none = defaults, any = defaults;
    static const struct edge strict[] = {
        {100, ROWS(99, 0), GUARD_HOLD, GUARD_ACCEPT, "shrink"},
        {100, ROWS(101, 0), GUARD_HOLD, GUARD_ACCEPT, "grow"},
        {100, ROWS(100, 0), GUARD_ACCEPT, GUARD_ACCEPT, ""},
        {100, ROWS(1000000, 1), GUARD_REFUSE, GUARD_REFUSE, "bad"},
    };
    static const struct edge loose[] = {
        {100, ROWS(10, 1000), GUARD_ACCEPT, GUARD_ACCEPT, ""},
        {100, ROWS(9, 1000), GUARD_HOLD, GUARD_ACCEPT, "collapse"}, /* whatever max_shrink says */
    };

    (void)state;
    none.max_shrink = none.max_grow = none.max_bad = 0;
    any.max_shrink = any.max_grow = any.max_bad = 1;
    CHECK_EDGES(&none, strict);
    CHECK_EDGES(&any, loose);
}

/* What was taken although its number was wrong, is not measured by it again. */
static void test_a_number_that_was_wrong_before(void **state)
{
    struct guard_memory memory = {.accepted_entries = 5, .accepted_short = true};
    struct copy_counts counts = {.rows = 5, .entries = 5, .claims[CLAIM_ROWS] = 6};

    (void)state;
    assert_true(guard_is_short(&counts));
    assert_int_equal(judge(&defaults, counts, &memory, NOW, false).says, GUARD_ACCEPT);
}

static void test_an_older_copy_than_the_accepted_one(void **state)
{
    struct guard_memory memory = {.accepted_entries = 5, .accepted_created = NOW - 100};
    struct copy_counts counts = of_size(5);

    (void)state;
    counts.claims[CLAIM_CREATED] = NOW - 100;
    assert_int_equal(judge(&defaults, counts, &memory, NOW, false).says, GUARD_ACCEPT);
    counts.claims[CLAIM_CREATED] = NOW - 101;
    struct guard_verdict v = judge(&defaults, counts, &memory, NOW, false);
    assert_int_equal(v.says, GUARD_HOLD);
    assert_string_equal(v.guard, "older");
    assert_int_equal(v.until, NOW + 48 * HOUR);
    counts.claims[CLAIM_CREATED] = 0; /* it does not say any more */
    assert_int_equal(judge(&defaults, counts, &memory, NOW, false).says, GUARD_ACCEPT);
}

/* Never by itself, however long it lasts. */
static void test_a_rolled_back_copy_waits_for_a_person(void **state)
{
    struct guard_memory memory = {.accepted_entries = 5};
    struct copy_counts counts = of_size(5);

    (void)state;
    counts.rolled_back = true;
    assert_int_equal(judge(&defaults, counts, &memory, NOW, false).until, 0);
    assert_int_equal(judge(&defaults, counts, &memory, NOW + 9999 * HOUR, false).says, GUARD_HOLD);
    counts.html = true; /* but a page stays a page */
    assert_int_equal(judge(&defaults, counts, &memory, NOW, true).says, GUARD_REFUSE);
}

/* Ratios that binary fractions miss by a hair: 29 of 100 is not more than 29 %. */
static void test_rounding(void **state)
{
    (void)state;
    for (uint64_t percent = 1; percent < 100; percent++) {
        struct feed_config config = defaults;
        struct guard_memory memory = {0};
        config.max_bad = (double)percent / 100;
        struct copy_counts counts = ROWS(100 - percent, percent);
        assert_int_equal(judge(&config, counts, &memory, NOW, false).says, GUARD_ACCEPT);
        counts.bad_rows++;
        assert_int_equal(judge(&config, counts, &memory, NOW, false).says, GUARD_REFUSE);
    }
}

/* Whoever sets the floor to 0 wants to be able to empty a list; an accident must not. */
static void test_empty_without_a_floor(void **state)
{
    struct feed_config config = defaults;
    static const struct edge edges[] = {
        {0, ROWS(0, 0), GUARD_ACCEPT, GUARD_ACCEPT, ""},
        {1, ROWS(0, 0), GUARD_HOLD, GUARD_ACCEPT, "empty"},
        {99, ROWS(0, 0), GUARD_HOLD, GUARD_ACCEPT, "empty"},
        {1000, ROWS(0, 0), GUARD_HOLD, GUARD_ACCEPT, "empty"},
        {0, ROWS(0, 1), GUARD_REFUSE, GUARD_REFUSE, "bad"},
        {99, ROWS(1, 0), GUARD_ACCEPT, GUARD_ACCEPT, ""},
    };

    (void)state;
    config.min_entries = 0;
    CHECK_EDGES(&config, edges);
    struct guard_memory memory = {.accepted_entries = 5};
    assert_int_equal(judge(&config, of_size(0), &memory, NOW, false).until, 0);
    assert_int_equal(judge(&config, of_size(0), &memory, NOW + 9999 * HOUR, false).says,
                     GUARD_HOLD);
}

static void test_the_first_that_objects_speaks(void **state)
{
    struct copy_counts all = {.bad_rows = 9, .protected_ = 9, .html = true, .control = true};
    struct guard_memory memory = {.accepted_entries = 1000};
    struct feed_config config = defaults;

    (void)state;
    assert_string_equal(judge(&config, all, &memory, NOW, false).guard, "html");
    all.html = false;
    assert_string_equal(judge(&config, all, &memory, NOW, false).guard, "control");
    all.control = false;
    assert_string_equal(judge(&config, all, &memory, NOW, false).guard, "bad");
    all.bad_rows = 0;
    assert_string_equal(judge(&config, all, &memory, NOW, false).guard, "min_entries");
    config.min_entries = 0;
    assert_string_equal(judge(&config, all, &memory, NOW, false).guard, "protected");
    all.protected_ = 0;
    assert_string_equal(judge(&config, all, &memory, NOW, false).guard, "empty");
    all.entries = all.rows = 1;
    assert_string_equal(judge(&config, all, &memory, NOW, false).guard, "collapse");
}

/* One copy a row, one after the other: what a feed goes through. */
struct look {
    int64_t hours;
    uint64_t entries; /* of this copy; the last accepted one had 1000 */
    enum guard_says says;
    int64_t until_hours; /* of a held one; -1: never */
};

static void check_looks(const struct feed_config *config, const struct look *looks, size_t n)
{
    struct guard_memory memory = {.accepted_entries = 1000};

    for (size_t i = 0; i < n; i++) {
        struct guard_verdict v =
            judge(config, of_size(looks[i].entries), &memory, NOW + looks[i].hours * HOUR, false);
        assert_int_equal(v.says, looks[i].says);
        if (v.says == GUARD_HOLD)
            assert_int_equal(v.until,
                             looks[i].until_hours < 0 ? 0 : NOW + looks[i].until_hours * HOUR);
        else
            assert_int_equal(v.until, 0);
        if (v.says == GUARD_ACCEPT)
            assert_true(memory.held_side == 0 && memory.held_since == 0);
    }
}

#define CHECK_LOOKS(config, looks) check_looks(config, looks, sizeof(looks) / sizeof(looks)[0])

static void test_clock_of_a_held_copy(void **state)
{
    static const struct look lasts[] = {
        {0, 500, GUARD_HOLD, 48},
        {1, 510, GUARD_HOLD, 48}, /* another copy, the same side: the clock runs on */
        {47, 400, GUARD_HOLD, 48},
        {48, 450, GUARD_ACCEPT, 0},
    };
    static const struct look healed[] = {
        {0, 500, GUARD_HOLD, 48},  {24, 990, GUARD_ACCEPT, 0}, /* inside: the clock is reset */
        {25, 500, GUARD_HOLD, 73}, {72, 500, GUARD_HOLD, 73},  {73, 500, GUARD_ACCEPT, 0},
    };
    static const struct look sides[] = {
        {0, 500, GUARD_HOLD, 48},  {47, 3000, GUARD_HOLD, 95}, {49, 500, GUARD_HOLD, 97},
        {96, 500, GUARD_HOLD, 97}, {97, 500, GUARD_ACCEPT, 0},
    };
    static const struct look collapsed[] = {
        {0, 99, GUARD_HOLD, -1},
        {48, 99, GUARD_HOLD, -1},
        {5000, 99, GUARD_HOLD, -1},   /* never by itself */
        {5001, 100, GUARD_ACCEPT, 0}, /* a shrink on the same side, long since */
    };
    static const struct look refused_between[] = {
        {0, 500, GUARD_HOLD, 48},
        {24, 0, GUARD_REFUSE, 0}, /* no list at all: the clock neither stops nor starts */
        {48, 500, GUARD_ACCEPT, 0},
    };

    (void)state;
    CHECK_LOOKS(&defaults, lasts);
    CHECK_LOOKS(&defaults, healed);
    CHECK_LOOKS(&defaults, sides);
    CHECK_LOOKS(&defaults, collapsed);
    CHECK_LOOKS(&defaults, refused_between);
}

static void test_hold_zero_waits_for_a_person(void **state)
{
    struct feed_config config = defaults;
    static const struct look looks[] = {
        {0, 500, GUARD_HOLD, -1},
        {9999, 500, GUARD_HOLD, -1},
        {9999, 3000, GUARD_HOLD, -1},
        {99999, 3000, GUARD_HOLD, -1},
    };

    (void)state;
    config.hold_s = 0;
    CHECK_LOOKS(&config, looks);
}

static void test_clock_set_back(void **state)
{
    struct guard_memory memory = {
        .accepted_entries = 1000, .held_side = -1, .held_since = NOW + 1000 * HOUR};
    struct guard_verdict v = judge(&defaults, of_size(500), &memory, NOW, false);

    (void)state;
    assert_int_equal(v.until, NOW + 48 * HOUR);
}

static void test_accepting_by_hand_ends_the_clock(void **state)
{
    struct guard_memory memory = {.accepted_entries = 1000, .held_side = -1, .held_since = NOW - 1};
    struct guard_verdict v = judge(&defaults, of_size(5), &memory, NOW, true);

    (void)state;
    assert_int_equal(v.says, GUARD_ACCEPT);
    assert_int_equal(memory.held_side, 0);
    assert_int_equal(memory.held_since, 0);
}

static void test_texts_carry_numbers_and_the_remedy(void **state)
{
    struct guard_memory memory = {.accepted_entries = 1000};
    struct guard_verdict v = judge(&defaults, of_size(750), &memory, NOW, false);

    (void)state;
    assert_string_equal(v.why, "750 entries are 25.0% fewer than the 1000 of the last accepted "
                               "copy, max_shrink is 20.0%");
    assert_string_equal(v.remedy, "`rcptguard accept aper` takes it now");
    v = judge(&defaults, of_size(2500), &memory, NOW, false);
    assert_string_equal(v.why, "2500 entries are 150.0% more than the 1000 of the last accepted "
                               "copy, max_grow is 100.0%");
    struct copy_counts bad = ROWS(15, 5);
    v = judge(&defaults, bad, &memory, NOW, false);
    assert_string_equal(v.why, "5 of 20 rows do not parse: 25.0%, max_bad is 5.0%");
    struct copy_counts poison = {
        .rows = 9, .entries = 9, .protected_ = 4, .dropped_sample = "gmail.com"};
    v = judge(&defaults, poison, &memory, NOW, false);
    assert_string_equal(v.why, "4 entries would block protected domains (gmail.com), "
                               "max_protected is 3");
}

static void test_numbers(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FEED_GUARDS; i++)
        assert_int_equal(guard_number(feed_guard_name(i)), i);
    assert_null(feed_guard_name(FEED_GUARDS));
    assert_int_equal(guard_number(""), FEED_GUARDS);
    assert_true(guard_number("shrink") < FEED_GUARDS);
    assert_true(guard_number(GUARD_SIGNATURE) < FEED_GUARDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_what_is_held),
        cmocka_unit_test(test_ratios_at_their_ends),
        cmocka_unit_test(test_a_number_that_was_wrong_before),
        cmocka_unit_test(test_an_older_copy_than_the_accepted_one),
        cmocka_unit_test(test_a_rolled_back_copy_waits_for_a_person),
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_empty_without_a_floor),
        cmocka_unit_test(test_the_first_that_objects_speaks),
        cmocka_unit_test(test_clock_of_a_held_copy),
        cmocka_unit_test(test_hold_zero_waits_for_a_person),
        cmocka_unit_test(test_clock_set_back),
        cmocka_unit_test(test_accepting_by_hand_ends_the_clock),
        cmocka_unit_test(test_texts_carry_numbers_and_the_remedy),
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests_name("feeds/guard", tests, NULL, NULL);
}
