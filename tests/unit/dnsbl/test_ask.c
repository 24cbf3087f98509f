/* Questions on their way: who waits for them, how long, and what answers that come late are worth.
 */
#include "room.h"

static void test_one_question_for_all_who_wait(void **state)
{
    struct dnsbl_wait *waits[3];

    (void)state;
    make_room_on(1);
    for (int i = 0; i < 3; i++) {
        assert_true(look("jane@clear.example").waits);
        waits[i] = dnsbl_wait_new(h->dnsbl, called, NULL);
        assert_true(look_since("jane@clear.example", h->now_ms, waits[i]).waits);
    }
    assert_int_equal(asked_of("clear.example"), 1);
    assert_int_equal(h->calls, 0);
    one_says("clear.example", &absent);
    assert_int_equal(h->calls, 0); /* never from within an answer */
    pump();
    assert_int_equal(h->calls, 3);
    assert_int_equal(of("clear.example"), DNSBL_CLEAR);
    assert_int_equal(asked_of("clear.example"), 1);
    for (int i = 0; i < 3; i++)
        dnsbl_wait_free(waits[i]);
}

/* Thousands may wait for one name; whoever else has a question does not wait for all of them. */
static void test_many_who_wait_are_called_a_few_a_turn(void **state)
{
    enum { MANY = 1000 };
    static struct dnsbl_wait *waits[MANY];

    (void)state;
    make_room_on(1);
    for (int i = 0; i < MANY; i++) {
        waits[i] = dnsbl_wait_new(h->dnsbl, called, NULL);
        assert_true(look_since("jane@clear.example", h->now_ms, waits[i]).waits);
    }
    one_says("clear.example", &absent);
    struct timer *t = next_due(h->now_ms);
    assert_non_null(t);
    t->due_ms = -1;
    t->call(-1, 0, t->arg);
    assert_in_range(h->calls, 1, MANY / 2);
    pump();
    assert_int_equal(h->calls, MANY);
    for (int i = 0; i < MANY; i++)
        dnsbl_wait_free(waits[i]);
}

static void test_who_left_is_not_called(void **state)
{
    (void)state;
    make_room_on(1);
    struct dnsbl_wait *w = dnsbl_wait_new(h->dnsbl, called, NULL);
    assert_true(look_since("jane@clear.example", h->now_ms, w).waits);
    struct dnsbl_wait *woken = dnsbl_wait_new(h->dnsbl, called, NULL);
    assert_true(look_since("jane@clear.example", h->now_ms, woken).waits);
    dnsbl_wait_free(w);
    one_says("clear.example", &absent);
    dnsbl_wait_free(woken);
    pump();
    assert_int_equal(h->calls, 0);
}

/* Whoever waits is called when the zone goes off, whatever he waits for. */
static void test_who_waits_hears_that_the_zone_is_off(void **state)
{
    (void)state;
    make_room_on(1);
    struct dnsbl_wait *w = dnsbl_wait_new(h->dnsbl, called, NULL);
    int64_t since = h->now_ms;
    assert_true(look_since("jane@n1.example", since, w).waits);
    assert_int_equal(of("n2.example"), DNSBL_WAITS);
    one_says("n2.example", &refused);
    pump();
    assert_int_equal(h->calls, 1);
    struct dnsbl_answer out = look_since("jane@n1.example", since, w);
    assert_false(out.waits);
    assert_int_equal(out.zones[0].word, DNSBL_OFF);
    dnsbl_wait_free(w);
}

static void test_five_time_outs_switch_off(void **state)
{
    char domain[32];

    (void)state;
    make_room_on(1);
    for (int i = 1; i <= 5; i++) {
        snprintf(domain, sizeof domain, "n%d.example", i);
        assert_int_equal(of(domain), DNSBL_WAITS);
        int64_t since = h->now_ms;
        advance(999);
        assert_int_equal(dnsbl_status(h->dnsbl, 0)->timeouts, i - 1);
        advance(1);
        assert_int_equal(dnsbl_status(h->dnsbl, 0)->timeouts, i);
        char recipient[64];
        snprintf(recipient, sizeof recipient, "a@%s", domain);
        assert_int_equal(look_since(recipient, since, NULL).zones[0].word,
                         i < 5 ? DNSBL_LATE : DNSBL_OFF);
    }
    assert_int_equal(of("n6.example"), DNSBL_OFF);
    assert_non_null(strstr(h->log, "no answer within 1000 ms"));
}

/* One name that fails must not be asked over and over, and take the whole zone with it. */
static void test_a_name_that_fails(void **state)
{
    const struct dns_answer failed = {.result = DNS_FAILED, .rcode = 2};

    (void)state;
    make_room_on(1);
    struct dnsbl_wait *w = dnsbl_wait_new(h->dnsbl, called, NULL);
    int64_t since = h->now_ms;
    assert_true(look_since("jane@broken.example", since, w).waits);
    one_says("broken.example", &failed);
    pump();
    assert_int_equal(h->calls, 1);
    struct dnsbl_answer out = look_since("jane@broken.example", since, w);
    assert_false(out.waits);
    assert_int_equal(out.zones[0].word, DNSBL_LATE);
    assert_int_equal(asked_of("broken.example"), 1);
    assert_int_equal(dnsbl_status(h->dnsbl, 0)->errors, 1);
    advance(1); /* for the next recipient it may */
    assert_int_equal(word("joe@broken.example"), DNSBL_WAITS);
    one_says("broken.example", &absent);
    assert_int_equal(word("joe@broken.example"), DNSBL_CLEAR);
    dnsbl_wait_free(w);
}

static void test_a_late_answer_is_remembered(void **state)
{
    (void)state;
    make_room_on(1);
    int64_t since = h->now_ms;
    assert_int_equal(word("jane@listed.example"), DNSBL_WAITS);
    advance(1000);
    assert_int_equal(look_since("jane@listed.example", since, NULL).zones[0].word, DNSBL_LATE);
    /* Nobody waits behind one that is late. */
    assert_int_equal(word("joe@listed.example"), DNSBL_LATE);
    one_says("listed.example", &listed);
    answer_probes(&absent); /* sent without anybody who waits */
    assert_int_equal(word("jane@listed.example"), DNSBL_LISTED);
}

/* Who waits for two zones is late at the one whose time is over, and not at the other. */
static void test_each_zone_has_its_own_time(void **state)
{
    (void)state;
    zones[1].timeout_ms = 600;
    make_room_on(2);
    assert_int_equal(fake.give_up_ms, 5000);
    struct dnsbl_wait *w = dnsbl_wait_new(h->dnsbl, called, NULL);
    int64_t since = h->now_ms;
    assert_true(look_since("jane@clear.example", since, w).waits);
    advance(599);
    assert_int_equal(h->calls, 0);
    advance(1);
    assert_int_equal(h->calls, 1);
    struct dnsbl_answer out = look_since("jane@clear.example", since, w);
    assert_true(out.waits);
    assert_int_equal(out.zones[1].word, DNSBL_LATE);
    one_says("clear.example", &absent);
    assert_false(look_since("jane@clear.example", since, w).waits);
    assert_int_equal(dnsbl_status(h->dnsbl, 0)->late, 0);
    assert_int_equal(dnsbl_status(h->dnsbl, 1)->late, 1);
    dnsbl_wait_free(w);
}

/* A zone may have a timeout that is longer than questions live otherwise; a reload may bring it. */
static void test_questions_outlive_the_longest_timeout(void **state)
{
    struct dnsbl_zone_config slow;

    (void)state;
    make_room_on(1);
    slow = zones[0];
    slow.timeout_ms = 20000;
    struct dnsbl_config fresh = h->config;
    fresh.zones = &slow;
    assert_int_equal(dnsbl_configure(h->dnsbl, &fresh, NULL), 0);
    assert_int_equal(fake.give_up_ms, 20000);
    assert_int_equal(state_of(0), DNSBL_IS_ON);
}

/* The policy's deadline may come before the zone's. */
static void test_deadline_before_the_timeout(void **state)
{
    static const struct address_options options = {.delimiter = "+"};
    struct dnsbl_answer out;

    (void)state;
    make_room_on(1);
    assert_int_equal(address_parse(view_of("a@n1.example"), &options, &h->address), ADDRESS_OK);
    struct dnsbl_question q = {.address = &h->address,
                               .seen = view_of("a@n1.example"),
                               .deciding = 1,
                               .asked_ms = h->now_ms,
                               .deadline_ms = h->now_ms + 300};
    struct dnsbl_wait *w = dnsbl_wait_new(h->dnsbl, called, NULL);
    dnsbl_look(h->dnsbl, &q, w, &out);
    assert_true(out.waits);
    advance(299);
    assert_int_equal(h->calls, 0);
    advance(1);
    assert_int_equal(h->calls, 1);
    q.again = true;
    dnsbl_look(h->dnsbl, &q, w, &out);
    assert_false(out.waits);
    assert_int_equal(out.zones[0].word, DNSBL_LATE);
    assert_int_equal(dnsbl_status(h->dnsbl, 0)->timeouts, 0); /* the zone has time left */
    dnsbl_wait_free(w);
}

/* ---- order ---------------------------------------------------------------------------------- */

static void test_zones_decide_in_their_order(void **state)
{
    (void)state;
    make_room_on(2);
    assert_true(look("jane@listed.example").waits);
    give(waiting("listed.example.two.bl.test", DNS_A), &listed);
    answer_probes(&absent);
    struct dnsbl_answer out = look("jane@listed.example");
    assert_int_equal(out.zones[1].word, DNSBL_LISTED);
    assert_true(out.waits); /* for the one before it */
    one_says("listed.example", &absent);
    out = look("jane@listed.example");
    assert_false(out.waits);
    assert_int_equal(out.zones[0].word, DNSBL_CLEAR);

    assert_true(look("joe@n1.example").waits);
    one_says("n1.example", &listed);
    answer_probes(&absent);
    out = look("joe@n1.example");
    assert_int_equal(out.zones[0].word, DNSBL_LISTED);
    assert_false(out.waits); /* what stands behind it does not matter */
}

/* A zone that only observes delays no refusal, wherever it stands. */
static void test_who_observes_delays_no_refusal(void **state)
{
    static const struct address_options options = {.delimiter = "+"};
    struct dnsbl_answer out;

    (void)state;
    make_room_on(2);
    assert_int_equal(address_parse(view_of("a@n1.example"), &options, &h->address), ADDRESS_OK);
    struct dnsbl_question q = {.address = &h->address,
                               .seen = view_of("a@n1.example"),
                               .deciding = 1 << 1,
                               .asked_ms = h->now_ms,
                               .deadline_ms = h->now_ms + 1000};
    dnsbl_look(h->dnsbl, &q, NULL, &out);
    assert_true(out.waits);
    give(waiting("n1.example.two.bl.test", DNS_A), &listed);
    answer_probes(&absent);
    dnsbl_look(h->dnsbl, &q, NULL, &out);
    assert_int_equal(out.zones[0].word, DNSBL_WAITS);
    assert_int_equal(out.zones[1].word, DNSBL_LISTED);
    assert_false(out.waits);
    q.all = true; /* but a person waits for all of them */
    dnsbl_look(h->dnsbl, &q, NULL, &out);
    assert_true(out.waits);
}

/* ---- limits --------------------------------------------------------------------------------- */

static void test_too_many_questions(void **state)
{
    struct dnsbl_totals totals;

    (void)state;
    make_room_on(1);
    struct dnsbl_config few = h->config;
    few.max_questions = 3;
    assert_int_equal(dnsbl_configure(h->dnsbl, &few, NULL), 0);
    for (int i = 0; i < 5; i++) {
        char domain[32];
        snprintf(domain, sizeof domain, "n%d.example", i);
        assert_int_equal(of(domain), i < 3 ? DNSBL_WAITS : DNSBL_LATE);
    }
    dnsbl_totals(h->dnsbl, &totals);
    assert_int_equal(totals.waiting, 3);
    assert_int_equal(totals.dropped, 2);
    assert_int_equal(state_of(0), DNSBL_IS_ON); /* the zone did nothing */
}

/* Names that are asked stay in memory, so they must never fill it. */
static void test_questions_leave_room_in_memory(void **state)
{
    struct dnsbl_totals totals;

    (void)state;
    make_room_on(1);
    struct dnsbl_config many = h->config;
    many.max_questions = 30000;
    assert_int_equal(dnsbl_configure(h->dnsbl, &many, NULL), 0);
    for (int i = 0; i < QUESTIONS - 10; i++) {
        char domain[32];
        snprintf(domain, sizeof domain, "n%d.example", i);
        of(domain);
    }
    dnsbl_totals(h->dnsbl, &totals);
    assert_in_range(totals.waiting, 100, (1 << 20) / 2048);
}

/* ---- health --------------------------------------------------------------------------------- */

/* Makes what somebody at DOMAIN waits for late. */
static void make_late(const char *domain)
{
    uint64_t before = dnsbl_status(h->dnsbl, 0)->timeouts;

    assert_int_equal(of(domain), DNSBL_WAITS);
    advance(1000);
    assert_int_equal(dnsbl_status(h->dnsbl, 0)->timeouts, before + 1);
}

/* It was counted when it was late; what the resolver says of it later is no news. */
static void test_a_late_failure_counts_once(void **state)
{
    (void)state;
    make_room_on(1);
    make_late("slow.example");
    assert_int_equal(dnsbl_status(h->dnsbl, 0)->errors, 1);
    one_says("slow.example", &lost);
    assert_int_equal(dnsbl_status(h->dnsbl, 0)->errors, 1);
    assert_int_equal(dnsbl_status(h->dnsbl, 0)->timeouts, 1);
}

/* A late answer proves no health, but one that is mad is mad whenever it comes. */
static void test_late_answers_and_health(void **state)
{
    const struct dns_answer foreign = address(192, 0, 2, 1);

    (void)state;
    make_room_on(1);
    for (int i = 0; i < 4; i++) {
        char domain[32];
        snprintf(domain, sizeof domain, "n%d.example", i);
        make_late(domain);
        one_says(domain, i < 3 ? &absent : &foreign);
    }
    assert_int_equal(state_of(0), DNSBL_IS_OFF);
    assert_non_null(strstr(dnsbl_status(h->dnsbl, 0)->why, "192.0.2.1"));
}

static void test_late_answers_end_no_row_of_failures(void **state)
{
    (void)state;
    make_room_on(1);
    for (int i = 0; i < 5; i++) {
        char domain[32];
        snprintf(domain, sizeof domain, "n%d.example", i);
        assert_int_equal(state_of(0), DNSBL_IS_ON);
        make_late(domain);
        one_says(domain, &absent);
    }
    assert_int_equal(state_of(0), DNSBL_IS_OFF);
}

/* What was on its way when the zone was switched off tells nothing when it comes. */
static void test_answers_to_a_zone_that_is_off(void **state)
{
    (void)state;
    make_room_on(1);
    assert_int_equal(of("n1.example"), DNSBL_WAITS);
    assert_int_equal(of("n2.example"), DNSBL_WAITS);
    assert_int_equal(of("n3.example"), DNSBL_WAITS);
    one_says("n1.example", &refused);
    size_t before = fake.n;
    one_says("n2.example", &listed);
    one_says("n3.example", &refused);
    assert_int_equal(fake.n, before); /* no probe, no text */
    assert_int_equal(dnsbl_status(h->dnsbl, 0)->listed, 0);
    assert_int_equal(h->n_changes, 0);
    const char *first = strstr(h->log, "switched off");
    assert_non_null(first);
    assert_null(strstr(first + 1, "switched off")); /* said once */
}

static void test_values_that_nobody_named(void **state)
{
    const struct dns_answer unknown = address(127, 0, 9, 9);

    (void)state;
    make_room_on(1);
    for (int i = 0; i < 3; i++) {
        char domain[32];
        snprintf(domain, sizeof domain, "n%d.example", i);
        assert_int_equal(of(domain), DNSBL_WAITS);
        one_says(domain, &unknown);
        assert_int_equal(of(domain), DNSBL_CLEAR);
    }
    assert_int_equal(state_of(0), DNSBL_IS_ON);
    const char *first = strstr(h->log, "127.0.9.9");
    assert_non_null(first);
    assert_null(strstr(first + 1, "127.0.9.9"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_question_for_all_who_wait),
        TEST(test_many_who_wait_are_called_a_few_a_turn),
        TEST(test_who_left_is_not_called),
        TEST(test_who_waits_hears_that_the_zone_is_off),
        TEST(test_five_time_outs_switch_off),
        TEST(test_a_name_that_fails),
        TEST(test_a_late_answer_is_remembered),
        TEST(test_each_zone_has_its_own_time),
        TEST(test_questions_outlive_the_longest_timeout),
        TEST(test_deadline_before_the_timeout),
        TEST(test_zones_decide_in_their_order),
        TEST(test_who_observes_delays_no_refusal),
        TEST(test_too_many_questions),
        TEST(test_questions_leave_room_in_memory),
        TEST(test_a_late_failure_counts_once),
        TEST(test_late_answers_and_health),
        TEST(test_late_answers_end_no_row_of_failures),
        TEST(test_answers_to_a_zone_that_is_off),
        TEST(test_values_that_nobody_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
