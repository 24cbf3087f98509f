/* Rounds of probes: before first use, while a zone is off, hourly, and when somebody asks. */
#include "room.h"

static void set_done(void *arg)
{
    *(bool *)arg = true;
}

static void test_before_first_use(void **state)
{
    (void)state;
    make_room(1);
    assert_int_equal(state_of(0), DNSBL_PROBING);
    pump();
    assert_int_equal(probes_waiting(), 4);
    assert_non_null(waiting_random(".one.bl.test"));
    assert_non_null(waiting_random(".com.one.bl.test"));
    assert_non_null(waiting("test.one.bl.test", DNS_A));
    assert_non_null(waiting("invalid.one.bl.test", DNS_A));
    /* Who asks meanwhile waits. */
    assert_int_equal(of("n1.example"), DNSBL_WAITS);
    one_says("n1.example", &listed);
    assert_int_equal(probes_waiting(), 8); /* with names of its own */
    assert_int_equal(of("n1.example"), DNSBL_WAITS);
    answer_probes(&absent);
    assert_int_equal(state_of(0), DNSBL_IS_ON);
    assert_int_equal(of("n1.example"), DNSBL_LISTED);
    assert_non_null(strstr(h->log, "one: probed: on"));
}

/* A slow test point must not make the zone be probed again and again. */
static void test_listing_before_the_first_round_is_over(void **state)
{
    (void)state;
    make_room(1);
    pump();
    assert_int_equal(of("listed.example"), DNSBL_WAITS);
    one_says("listed.example", &listed);
    struct asked *slow = waiting("test.one.bl.test", DNS_A);
    resolver_answered *call = slow->call;
    slow->call = NULL; /* kept from answer_probes */
    answer_probes(&absent);
    size_t before = fake.n;
    for (int i = 0; i < 5; i++) {
        assert_int_not_equal(of("listed.example"), DNSBL_LISTED);
        answer_probes(&absent);
    }
    assert_true(fake.n <= before + 4 * 5);
    slow->call = call;
    give(slow, &listed);
    answer_probes(&absent);
    assert_int_equal(of("listed.example"), DNSBL_LISTED);
}

static void test_a_test_point_that_is_missing(void **state)
{
    (void)state;
    make_room(1);
    pump();
    give(waiting("test.one.bl.test", DNS_A), &absent);
    answer_probes(&absent);
    assert_int_equal(state_of(0), DNSBL_IS_ON);
    assert_non_null(strstr(dnsbl_status(h->dnsbl, 0)->why, "'test' is not listed"));
    assert_non_null(strstr(h->log, "empty or dead"));
}

static void test_a_test_point_that_must_not_be_listed(void **state)
{
    (void)state;
    make_room_on(1);
    list_it("listed.example");
    advance(HOUR_MS + HOUR_MS / 10);
    give(waiting("invalid.one.bl.test", DNS_A), &listed);
    assert_int_equal(state_of(0), DNSBL_IS_OFF);
    assert_int_equal(dnsbl_status(h->dnsbl, 0)->listed, 0);
    assert_non_null(strstr(dnsbl_status(h->dnsbl, 0)->why, "the test point that never is"));
}

static void test_hourly(void **state)
{
    (void)state;
    make_room_on(1);
    advance(HOUR_MS - 1);
    assert_int_equal(fake.n, 0);
    advance(HOUR_MS / 10 + 1);
    assert_int_equal(fake.n, 6);
    answer_probes(&absent);
    assert_int_equal(state_of(0), DNSBL_IS_ON);
    assert_int_equal(dnsbl_status(h->dnsbl, 0)->last_probe, clock_now());
}

static void test_back_after_two_good_rounds(void **state)
{
    bool done = false;

    (void)state;
    make_room_on(1);
    assert_int_equal(of("n1.example"), DNSBL_WAITS);
    one_says("n1.example", &refused);
    assert_int_equal(state_of(0), DNSBL_IS_OFF);
    assert_non_null(strstr(dnsbl_status(h->dnsbl, 0)->why, "127.255.255.254"));

    assert_non_null(dnsbl_refresh(h->dnsbl, view_of("one"), set_done, &done));
    assert_null(dnsbl_refresh(h->dnsbl, view_of("none"), set_done, &done));
    assert_false(done);
    pump();
    answer_probes(&absent);
    assert_int_equal(state_of(0), DNSBL_IS_OFF);
    assert_false(done);
    assert_int_equal(probes_waiting(), 0);
    advance(1100); /* somebody waits: the second round begins soon */
    answer_probes(&absent);
    assert_true(done);
    assert_int_equal(state_of(0), DNSBL_IS_ON);
    assert_non_null(strstr(h->log, "one: on again"));
    /* What it lists now is believed. */
    list_it("listed.example");
}

/* A good round between two bad ones, and one that began before the zone went off, count for
 * nothing.
 */
static void test_rounds_that_do_not_count(void **state)
{
    (void)state;
    make_room_on(1);
    advance(HOUR_MS + HOUR_MS / 10);
    assert_int_equal(probes_waiting(), 4);
    assert_int_equal(of("n1.example"), DNSBL_WAITS);
    one_says("n1.example", &refused);
    assert_int_equal(state_of(0), DNSBL_IS_OFF);
    answer_probes(&absent); /* that round was sent while it was on */
    advance(5500);
    answer_probes(&absent);
    assert_int_equal(state_of(0), DNSBL_IS_OFF); /* so this is the first */
    advance(5500);
    answer_probes(&listed);
    advance(11000);
    answer_probes(&absent);
    assert_int_equal(state_of(0), DNSBL_IS_OFF);
    advance(11000);
    answer_probes(&absent);
    assert_int_equal(state_of(0), DNSBL_IS_ON);
}

/* A round that cannot be sent is tried again a second later, not at every turn of the loop; who
 * asked for it hears that. */
static void test_a_round_that_cannot_be_sent(void **state)
{
    bool done = false;

    (void)state;
    fake.full = true;
    make_room(1);
    pump();
    assert_int_equal(fake.refused, 6);
    assert_int_equal(state_of(0), DNSBL_PROBING);
    advance(999);
    assert_int_equal(fake.refused, 6);
    advance(1);
    assert_int_equal(fake.refused, 12);
    assert_non_null(dnsbl_refresh(h->dnsbl, view_of("one"), set_done, &done));
    pump();
    assert_true(done);
    assert_true(dnsbl_status(h->dnsbl, 0)->failed);
    fake.full = false;
    advance(1000);
    answer_probes(&absent);
    assert_int_equal(state_of(0), DNSBL_IS_ON);
    assert_false(dnsbl_status(h->dnsbl, 0)->failed);
}

/* A probe that a person asks for and that is not answered has failed, though the zone stays on. */
static void test_a_round_that_is_not_answered(void **state)
{
    bool done = false;

    (void)state;
    make_room_on(1);
    assert_non_null(dnsbl_refresh(h->dnsbl, view_of("one"), set_done, &done));
    pump();
    answer_probes(&lost);
    assert_true(done);
    assert_int_equal(state_of(0), DNSBL_IS_ON);
    assert_true(dnsbl_status(h->dnsbl, 0)->failed);
    assert_non_null(strstr(dnsbl_status(h->dnsbl, 0)->why, "not answered"));
}

static void test_who_forgot_is_not_told(void **state)
{
    bool done = false, other = false;

    (void)state;
    make_room_on(1);
    struct dnsbl_request *r = dnsbl_refresh(h->dnsbl, view_of("one"), set_done, &done);
    assert_non_null(dnsbl_refresh(h->dnsbl, view_of("one"), set_done, &other));
    dnsbl_forget(r);
    pump();
    answer_probes(&absent);
    assert_false(done);
    assert_true(other);
}

/* A round that runs already began before the request: another is owed. */
static void test_a_request_during_a_round(void **state)
{
    bool done = false;

    (void)state;
    make_room_on(1);
    advance(HOUR_MS + HOUR_MS / 10);
    assert_non_null(dnsbl_refresh(h->dnsbl, view_of("one"), set_done, &done));
    answer_probes(&absent);
    assert_false(done);
    pump();
    answer_probes(&absent);
    assert_true(done);
}

static void ask_status(void *arg)
{
    const char **name = arg;

    assert_null(dnsbl_status_of(h->dnsbl, view_of(*name)));
    assert_null(dnsbl_status(h->dnsbl, 0));
    h->calls++;
}

/* Who waits for the probes of a zone that goes finds none of those that went. */
static void test_zones_go_while_somebody_waits_for_their_probes(void **state)
{
    static const char *names[2] = {"one", "two"};
    struct dnsbl_config none;

    (void)state;
    make_room_on(2);
    for (int i = 0; i < 2; i++)
        assert_non_null(dnsbl_refresh(h->dnsbl, view_of(names[i]), ask_status, &names[i]));
    pump();
    assert_int_equal(probes_waiting(), 8);
    none = h->config;
    none.n_zones = 0;
    assert_int_equal(dnsbl_configure(h->dnsbl, &none, NULL), 0);
    assert_int_equal(h->calls, 2);
}

/* A reload that leaves the zone as it is: its round begins anew, and who asked for one is told. */
static void test_a_reload_during_a_round(void **state)
{
    bool done = false;

    (void)state;
    make_room_on(1);
    assert_non_null(dnsbl_refresh(h->dnsbl, view_of("one"), set_done, &done));
    pump();
    assert_int_equal(probes_waiting(), 4);
    assert_int_equal(dnsbl_configure(h->dnsbl, &h->config, NULL), 0);
    assert_int_equal(probes_waiting(), 0);
    pump();
    answer_probes(&absent);
    assert_true(done);
    assert_int_equal(state_of(0), DNSBL_IS_ON);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_before_first_use),
        TEST(test_listing_before_the_first_round_is_over),
        TEST(test_a_test_point_that_is_missing),
        TEST(test_a_test_point_that_must_not_be_listed),
        TEST(test_hourly),
        TEST(test_back_after_two_good_rounds),
        TEST(test_rounds_that_do_not_count),
        TEST(test_a_round_that_cannot_be_sent),
        TEST(test_a_round_that_is_not_answered),
        TEST(test_who_forgot_is_not_told),
        TEST(test_a_request_during_a_round),
        TEST(test_zones_go_while_somebody_waits_for_their_probes),
        TEST(test_a_reload_during_a_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
