/*
 * May a zone be believed? Conversations with the state machine, on a clock of our own: each step
 * says what is told or asked, when, and what must come of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dnsbl/health.h"

#define S    INT64_C(1000)
#define MIN  (60 * S)
#define HOUR (60 * MIN)

enum does {
    END,
    STARTS,
    ANSWERED,
    FAILED,
    LOST, /* random names, or their round */
    MAD,
    RANDOM, /* names, good */
    LATE,   /* but late */
    GOOD,   /* round */
    BAD,    /* round */
    FRESH,  /* says */
};

struct step {
    int64_t now;
    enum does does;
    bool says; /* what the call returns */
    enum dnsbl_state state;
    int64_t next; /* when the next round is due */
};

#define PROBING DNSBL_PROBING
#define ON      DNSBL_IS_ON
#define OFF     DNSBL_IS_OFF

static bool take(struct health *h, const struct step *s)
{
    switch (s->does) {
    case STARTS:
        health_start(h, s->now);
        return false;
    case ANSWERED:
        health_answered(h);
        return false;
    case FAILED:
        return health_failed(h, false, "no answer", s->now);
    case LOST:
        return health_failed(h, true, "no answer", s->now);
    case MAD:
        return health_mad(h, "lists everything", s->now);
    case RANDOM:
        health_good(h, false, s->now);
        return false;
    case LATE:
        health_good(h, true, s->now);
        return false;
    case GOOD:
        return health_round(h, true, NULL, s->now);
    case BAD:
        return health_round(h, false, "the round was bad", s->now);
    case FRESH:
        return health_is_fresh(h, s->now);
    case END:
        break;
    }
    fail();
    return false;
}

static void converse(const char *name, const struct step *steps)
{
    struct health h;

    memset(&h, 0x5a, sizeof h);
    for (unsigned i = 0; steps[i].does != END; i++) {
        const struct step *s = &steps[i];
        enum dnsbl_state before = h.state;
        bool says = take(&h, s);

        if (says != s->says || h.state != s->state || h.next_round_ms != s->next)
            fail_msg("%s, step %u: says %d, state %d, next %lld", name, i, says, (int)h.state,
                     (long long)h.next_round_ms);
        assert_int_equal(h.why[0] == '\0', h.state == ON);
        if (h.state != before)
            assert_int_equal(h.since_ms, s->now);
    }
}

/* A zone that is on since 0, with random names that were good at 0. */
#define IS_ON                                                                                      \
    {0, STARTS, false, PROBING, 0}, {0, RANDOM, false, PROBING, 0},                                \
    {                                                                                              \
        0, GOOD, true, ON, HOUR                                                                    \
    }

#define LAST {.does = END}

static void test_before_first_use(void **state)
{
    static const struct step steps[] = {
        {7, STARTS, false, PROBING, 7},
        {7, FRESH, false, PROBING, 7},
        /* Good names alone switch nothing on. */
        {20, RANDOM, false, PROBING, 7},
        {20, FRESH, true, PROBING, 7},
        /* One good round is enough. */
        {25, GOOD, true, ON, 25 + HOUR},
        LAST,
    };
    (void)state;
    converse("first use", steps);
}

static void test_on_without_random_names_is_not_fresh(void **state)
{
    static const struct step steps[] = {
        {0, STARTS, false, PROBING, 0},
        {0, GOOD, true, ON, HOUR},
        {0, FRESH, false, ON, HOUR},
        LAST,
    };
    (void)state;
    converse("no random names", steps);
}

static void test_trouble_while_probing(void **state)
{
    static const struct step bad_round[] = {
        {9, STARTS, false, PROBING, 9},
        {9, BAD, true, OFF, 9 + 5 * S},
        LAST,
    };
    static const struct step mad[] = {
        {9, STARTS, false, PROBING, 9},
        {9, MAD, true, OFF, 9 + 5 * S},
        LAST,
    };
    static const struct step failures[] = {
        {9, STARTS, false, PROBING, 9},    {9, FAILED, false, PROBING, 9},
        {9, FAILED, false, PROBING, 9},    {9, FAILED, false, PROBING, 9},
        {9, FAILED, false, PROBING, 9},    {9, ANSWERED, false, PROBING, 9},
        {9, FAILED, false, PROBING, 9},    {9, FAILED, false, PROBING, 9},
        {9, FAILED, false, PROBING, 9},    {9, FAILED, false, PROBING, 9},
        {9, FAILED, true, OFF, 9 + 5 * S}, LAST,
    };
    (void)state;
    converse("bad round while probing", bad_round);
    converse("mad while probing", mad);
    converse("failures while probing", failures);
}

/* 60 s exactly. */
static void test_random_names_are_fresh_for_a_minute(void **state)
{
    static const struct step steps[] = {
        IS_ON,
        {400, RANDOM, false, ON, HOUR},
        {400 + MIN, FRESH, true, ON, HOUR},
        {401 + MIN, FRESH, false, ON, HOUR},
        {500 + MIN, RANDOM, false, ON, HOUR},
        /* The clock of the loop was read before the answer was. */
        {499 + MIN, FRESH, true, ON, HOUR},
        LAST,
    };
    (void)state;
    converse("fresh", steps);
}

static void test_a_zone_that_lists_the_world(void **state)
{
    static const struct step steps[] = {
        IS_ON,
        {1 * S, RANDOM, false, ON, HOUR},
        {2 * S, MAD, true, OFF, 7 * S},
        {2 * S, FRESH, true, OFF, 7 * S},
        /* What else is said of it changes nothing. */
        {3 * S, MAD, false, OFF, 7 * S},
        {3 * S, FAILED, false, OFF, 7 * S},
        {3 * S, FAILED, false, OFF, 7 * S},
        {3 * S, FAILED, false, OFF, 7 * S},
        {3 * S, FAILED, false, OFF, 7 * S},
        {3 * S, FAILED, false, OFF, 7 * S},
        {3 * S, ANSWERED, false, OFF, 7 * S},
        {7 * S, RANDOM, false, OFF, 7 * S},
        {7 * S, GOOD, false, OFF, 12 * S},
        {12 * S, RANDOM, false, OFF, 12 * S},
        {12 * S, GOOD, true, ON, 12 * S + HOUR},
        /* Failures of the time before do not count. */
        {13 * S, FAILED, false, ON, 12 * S + HOUR},
        {13 * S, FAILED, false, ON, 12 * S + HOUR},
        {13 * S, FAILED, false, ON, 12 * S + HOUR},
        {13 * S, FAILED, false, ON, 12 * S + HOUR},
        LAST,
    };
    (void)state;
    converse("mad", steps);
}

static void test_five_failures_in_a_row(void **state)
{
    static const struct step four_and_four[] = {
        IS_ON,
        {1, FAILED, false, ON, HOUR},
        {2, FAILED, false, ON, HOUR},
        {3, FAILED, false, ON, HOUR},
        {4, FAILED, false, ON, HOUR},
        {5, ANSWERED, false, ON, HOUR},
        {6, FAILED, false, ON, HOUR},
        {7, FAILED, false, ON, HOUR},
        {8, FAILED, false, ON, HOUR},
        {9, FAILED, false, ON, HOUR},
        {10, FAILED, true, OFF, 10 + 5 * S},
        LAST,
    };
    /* However long they take: hours between them are in a row too. */
    static const struct step slowly[] = {
        IS_ON,
        {1, FAILED, false, ON, HOUR},
        {9 * MIN, FAILED, false, ON, HOUR},
        {20 * MIN, FAILED, false, ON, HOUR},
        {30 * MIN, FAILED, false, ON, HOUR},
        {50 * MIN, FAILED, true, OFF, 50 * MIN + 5 * S},
        LAST,
    };
    /* What is remembered of before does not count when it comes back. */
    static const struct step again[] = {
        IS_ON,
        {1 * S, FAILED, false, ON, HOUR},
        {1 * S, FAILED, false, ON, HOUR},
        {1 * S, FAILED, false, ON, HOUR},
        {1 * S, MAD, true, OFF, 6 * S},
        {6 * S, GOOD, false, OFF, 11 * S},
        {11 * S, GOOD, true, ON, 11 * S + HOUR},
        {12 * S, FAILED, false, ON, 11 * S + HOUR},
        {12 * S, FAILED, false, ON, 11 * S + HOUR},
        LAST,
    };
    /* Good names end a row of lost ones, but answer no question. */
    static const struct step of_probes[] = {
        IS_ON,
        {1, LOST, false, ON, HOUR},
        {2, LOST, false, ON, HOUR},
        {3, FAILED, false, ON, HOUR},
        {4, LOST, false, ON, HOUR},
        {5, RANDOM, false, ON, HOUR},
        {6, FAILED, false, ON, HOUR},
        {7, LOST, false, ON, HOUR},
        {8, LATE, false, ON, HOUR}, /* this is the one that was counted */
        {9, LOST, false, ON, HOUR},
        {10, RANDOM, false, ON, HOUR},
        {11, FAILED, false, ON, HOUR},
        {12, FAILED, false, ON, HOUR},
        {13, LOST, true, OFF, 13 + 5 * S},
        LAST,
    };
    (void)state;
    converse("4 + 1 good + 5", four_and_four);
    converse("of probes", of_probes);
    converse("slowly", slowly);
    converse("again", again);
}

static void test_rounds_while_on(void **state)
{
    static const struct step steps[] = {
        IS_ON,
        {HOUR, GOOD, false, ON, 2 * HOUR},
        /* A probe was not answered: one failure, no madness. It is looked at again soon. */
        {2 * HOUR, FAILED, false, ON, 2 * HOUR},
        {2 * HOUR, BAD, false, ON, 2 * HOUR + MIN},
        {2 * HOUR + MIN, BAD, false, ON, 2 * HOUR + 2 * MIN},
        {2 * HOUR + 2 * MIN, GOOD, false, ON, 3 * HOUR + 2 * MIN},
        /* Rounds themselves are no answers: the one failure still stands. */
        {3 * HOUR, FAILED, false, ON, 3 * HOUR + 2 * MIN},
        {3 * HOUR, FAILED, false, ON, 3 * HOUR + 2 * MIN},
        {3 * HOUR, FAILED, false, ON, 3 * HOUR + 2 * MIN},
        {3 * HOUR, FAILED, true, OFF, 3 * HOUR + 5 * S},
        LAST,
    };
    (void)state;
    converse("rounds while on", steps);
}

static void test_coming_back_needs_two_good_rounds_in_a_row(void **state)
{
    static const struct step steps[] = {
        IS_ON,
        {0, MAD, true, OFF, 5 * S},
        {5 * S, GOOD, false, OFF, 10 * S},
        {10 * S, BAD, false, OFF, 20 * S},
        {20 * S, GOOD, false, OFF, 30 * S},
        {30 * S, GOOD, true, ON, 30 * S + HOUR},
        /* The good rounds of then are not those of the next time. */
        {31 * S, MAD, true, OFF, 51 * S},
        {51 * S, GOOD, false, OFF, 71 * S},
        {71 * S, GOOD, true, ON, 71 * S + HOUR},
        LAST,
    };
    /* Off again between two good ones. */
    static const struct step cut[] = {
        IS_ON,
        {0, MAD, true, OFF, 5 * S},
        {5 * S, GOOD, false, OFF, 10 * S},
        {6 * S, STARTS, false, PROBING, 6 * S},
        {6 * S, MAD, true, OFF, 11 * S},
        {11 * S, GOOD, false, OFF, 16 * S},
        LAST,
    };
    (void)state;
    converse("two rounds", steps);
    converse("settings changed", cut);
}

static void test_back_off_doubles_up_to_a_quarter_of_an_hour(void **state)
{
    static const int64_t waits[] = {5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900};
    struct health h;
    int64_t now = 77;
    (void)state;

    health_start(&h, now);
    assert_true(health_round(&h, false, "bad", now));
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        assert_int_equal(h.next_round_ms, now + waits[i] * S);
        now = h.next_round_ms;
        assert_false(health_round(&h, false, "bad", now));
    }
}

static void test_back_off_of_a_zone_that_comes_and_goes(void **state)
{
    static const struct step steps[] = {
        IS_ON,
        /* The first time is the first time, however young the zone is. */
        {1 * S, MAD, true, OFF, 6 * S},
        {6 * S, GOOD, false, OFF, 11 * S},
        {11 * S, GOOD, true, ON, 11 * S + HOUR},
        /* Off again before it was calm. */
        {10 * S + HOUR, MAD, true, OFF, 20 * S + HOUR},
        {20 * S + HOUR, GOOD, false, OFF, 30 * S + HOUR},
        {30 * S + HOUR, GOOD, true, ON, 30 * S + 2 * HOUR},
        {30 * S + 2 * HOUR - 1, MAD, true, OFF, 50 * S + 2 * HOUR - 1},
        {50 * S + 2 * HOUR, GOOD, false, OFF, 70 * S + 2 * HOUR},
        {70 * S + 2 * HOUR, GOOD, true, ON, 70 * S + 3 * HOUR},
        /* An hour exactly. */
        {70 * S + 3 * HOUR, MAD, true, OFF, 75 * S + 3 * HOUR},
        LAST,
    };
    /* Hours of being off are not calm. */
    static const struct step off[] = {
        IS_ON,
        {0, MAD, true, OFF, 5 * S},
        {3 * HOUR, BAD, false, OFF, 3 * HOUR + 10 * S},
        {6 * HOUR, BAD, false, OFF, 6 * HOUR + 20 * S},
        LAST,
    };
    (void)state;
    converse("comes and goes", steps);
    converse("long off", off);
}

/* A round that was on its way when the zone went off, or that a person asked for. */
static void test_rounds_that_were_not_due(void **state)
{
    static const struct step steps[] = {
        IS_ON,
        {1 * S, MAD, true, OFF, 6 * S},
        /* The end of the round that found it: no reason to wait longer. */
        {1 * S + 1, BAD, false, OFF, 6 * S + 1},
        {6 * S, BAD, false, OFF, 11 * S},
        {11 * S, BAD, false, OFF, 21 * S},
        /* By hand: they count when they are good. */
        {12 * S, GOOD, false, OFF, 22 * S},
        {13 * S, BAD, false, OFF, 23 * S},
        {14 * S, GOOD, false, OFF, 24 * S},
        {15 * S, GOOD, true, ON, 15 * S + HOUR},
        LAST,
    };
    (void)state;
    converse("not due", steps);
}

static void test_why(void **state)
{
    struct health h;
    char longer[1000];
    (void)state;

    health_start(&h, 0);
    assert_string_equal(h.why, "not probed yet");
    assert_true(health_round(&h, false, "REFUSED", 0));
    assert_string_equal(h.why, "REFUSED");
    health_mad(&h, "mad", 1);
    for (int i = 0; i < 6; i++)
        health_failed(&h, false, "failed", 1);
    assert_string_equal(h.why, "REFUSED");
    assert_int_equal(h.since_ms, 0);
    /* Off for another reason than it was. */
    assert_false(health_round(&h, false, "SERVFAIL", 5 * S));
    assert_string_equal(h.why, "SERVFAIL");
    assert_int_equal(h.since_ms, 0);
    assert_false(health_round(&h, true, "", 15 * S));
    assert_string_equal(h.why, "SERVFAIL");
    assert_true(health_round(&h, true, "", 25 * S));
    assert_string_equal(h.why, "");
    assert_false(health_round(&h, false, "one of them is late", 26 * S));
    assert_string_equal(h.why, "");
    for (int i = 0; i < 4; i++)
        assert_false(health_failed(&h, false, "SERVFAIL", 30 * S));
    assert_string_equal(h.why, "");
    assert_true(health_failed(&h, false, "timeout", 30 * S));
    assert_string_equal(h.why, "5 questions in a row failed, the last one: timeout");

    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    health_start(&h, 0);
    assert_true(health_mad(&h, longer, 0));
    assert_int_equal(strlen(h.why), sizeof h.why - 1);
    health_start(&h, 0);
    for (int i = 0; i < 5; i++)
        health_failed(&h, false, longer, 0);
    assert_int_equal(strlen(h.why), sizeof h.why - 1);
}

/* A clock at its ends, which no machine reaches: nothing overflows, nothing counts by it. */
static void test_clock_at_its_ends(void **state)
{
#define MAX INT64_MAX
#define LOW (INT64_MIN + 1)
    static const struct step high[] = {
        {MAX, STARTS, false, PROBING, MAX},
        {MAX, RANDOM, false, PROBING, MAX},
        {MAX, GOOD, true, ON, MAX},
        {MAX, BAD, false, ON, MAX},
        {MAX, MAD, true, OFF, MAX},
        {MAX, BAD, false, OFF, MAX},
        {MAX, GOOD, false, OFF, MAX},
        {MAX, GOOD, true, ON, MAX},
        LAST,
    };
    static const struct step low[] = {
        {LOW, STARTS, false, PROBING, LOW},
        {LOW, FRESH, false, PROBING, LOW},
        {LOW, RANDOM, false, PROBING, LOW},
        {LOW, GOOD, true, ON, LOW + HOUR},
        {MAX, FRESH, false, ON, LOW + HOUR},
        {MAX, RANDOM, false, ON, LOW + HOUR},
        {LOW, FRESH, true, ON, LOW + HOUR},
        {MAX, MAD, true, OFF, MAX},
        LAST,
    };
    (void)state;
    converse("high", high);
    converse("low", low);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_first_use),
        cmocka_unit_test(test_on_without_random_names_is_not_fresh),
        cmocka_unit_test(test_trouble_while_probing),
        cmocka_unit_test(test_random_names_are_fresh_for_a_minute),
        cmocka_unit_test(test_a_zone_that_lists_the_world),
        cmocka_unit_test(test_five_failures_in_a_row),
        cmocka_unit_test(test_rounds_while_on),
        cmocka_unit_test(test_coming_back_needs_two_good_rounds_in_a_row),
        cmocka_unit_test(test_back_off_doubles_up_to_a_quarter_of_an_hour),
        cmocka_unit_test(test_back_off_of_a_zone_that_comes_and_goes),
        cmocka_unit_test(test_rounds_that_were_not_due),
        cmocka_unit_test(test_why),
        cmocka_unit_test(test_clock_at_its_ends),
    };
    return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
