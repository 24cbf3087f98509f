/* What a zone lists: when it is proven, when it counts, and when it is forgotten. */
#include "room.h"

/* What a resolver gives of a listing. */
static struct dns_answer remembered(uint32_t ttl_s)
{
    struct dns_answer answer = listed;

    answer.ttl_s = ttl_s;
    return answer;
}

static void test_proven_by_names_of_its_own(void **state)
{
    (void)state;
    make_room_on(1);
    assert_int_equal(of("listed.example"), DNSBL_WAITS);
    assert_int_equal(probes_waiting(), 0); /* the zone was well a moment ago */
    one_says("listed.example", &listed);
    assert_int_equal(probes_waiting(), 4);
    assert_non_null(waiting_random(".one.bl.test"));
    assert_non_null(waiting_random(".example.one.bl.test"));
    assert_int_equal(of("listed.example"), DNSBL_WAITS);
    answer_probes(&absent);
    struct dnsbl_answer out = look("jane@listed.example");
    assert_int_equal(out.zones[0].word, DNSBL_LISTED);
    assert_int_equal(out.zones[0].kind, ENTRY_DOMAIN);
    assert_true(view_is(out.zones[0].key, "listed.example"));
    assert_memory_equal(out.zones[0].answer, "\x7f\x00\x01\x02", 4);
    assert_int_equal(out.zones[0].since, NOW);
    assert_true(h->n_changes == 1 && h->listed);
    assert_int_equal(dnsbl_status(h->dnsbl, 0)->listed, 1);

    /* For a minute, from memory; then names have to show that the zone is well. */
    advance(60000);
    size_t before = fake.n;
    assert_int_equal(of("listed.example"), DNSBL_LISTED);
    assert_int_equal(fake.n, before);
    advance(1);
    assert_int_equal(of("listed.example"), DNSBL_WAITS);
    assert_int_equal(probes_waiting(), 4);
    answer_probes(&absent);
    assert_int_equal(of("listed.example"), DNSBL_LISTED);
    assert_int_equal(h->n_changes, 1);
}

/* A list may go mad for one suffix alone; its own names are below that of the listing. */
static void test_a_zone_that_lists_all_of_one_suffix(void **state)
{
    static const struct {
        const char *domain, *below;
    } rows[] = {{"sub.company.org", ".org.one.bl.test"},
                {"company.co.uk", ".co.uk.one.bl.test"},
                {"me.github.io", ".io.one.bl.test"},
                {"company.com", ".com.one.bl.test"}};

    (void)state;
    make_room_on(1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(of(rows[i].domain), DNSBL_WAITS);
        one_says(rows[i].domain, &listed);
        /* What nobody can have listed below this suffix is listed; all others are not. */
        struct asked *below = waiting_random(rows[i].below);
        assert_non_null(below);
        give(below, &listed);
        answer_probes(&absent);
        assert_int_equal(state_of(0), DNSBL_IS_OFF);
        assert_int_equal(of(rows[i].domain), DNSBL_OFF);
        come_back();
        advance(400000);
    }
}

/* A host that anybody may have a name at may well be listed with all below it. That is no madness,
 * and says nothing of one of its names. */
static void test_a_shared_host_that_is_listed_with_all_below(void **state)
{
    const struct dns_answer abused = address(127, 0, 9, 102);

    (void)state;
    make_room_on(1);
    assert_int_equal(of("me.github.io"), DNSBL_WAITS);
    one_says("me.github.io", &listed);
    struct asked *shared = waiting_random(".github.io.one.bl.test");
    assert_non_null(shared);
    give(shared, &listed);
    assert_int_equal(of("me.github.io"), DNSBL_WAITS);
    answer_probes(&absent);
    assert_int_equal(state_of(0), DNSBL_IS_ON);
    assert_int_equal(of("me.github.io"), DNSBL_UNPROVEN);
    assert_int_equal(asked_of("me.github.io"), 1);
    assert_int_equal(h->n_changes, 0);
    assert_non_null(strstr(h->log, "that strangers share"));

    /* Where it has a value of its own that lists nobody, a name below it may still be listed. */
    assert_int_equal(of("you.github.io"), DNSBL_WAITS);
    one_says("you.github.io", &listed);
    give(waiting_random(".github.io.one.bl.test"), &abused);
    answer_probes(&absent);
    assert_int_equal(of("you.github.io"), DNSBL_LISTED);
    assert_int_equal(state_of(0), DNSBL_IS_ON);
    /* Also where the names went out beside the question. */
    advance(60001);
    assert_int_equal(of("all.github.io"), DNSBL_WAITS);
    assert_int_equal(probes_waiting(), 5);
    one_says("all.github.io", &listed);
    give(waiting_random(".github.io.one.bl.test"), &listed);
    answer_probes(&absent);
    assert_int_equal(of("all.github.io"), DNSBL_UNPROVEN);
    /* Until the zone says something else. */
    advance(300000);
    assert_int_equal(of("me.github.io"), DNSBL_UNPROVEN);
    assert_int_equal(asked_of("me.github.io"), 2);
    one_says("me.github.io", &absent);
    answer_probes(&absent);
    assert_int_equal(of("me.github.io"), DNSBL_CLEAR);
    /* An error code is one everywhere. */
    assert_int_equal(of("they.github.io"), DNSBL_WAITS);
    one_says("they.github.io", &listed);
    give(waiting_random(".github.io.one.bl.test"), &refused);
    assert_int_equal(state_of(0), DNSBL_IS_OFF);
}

/* Names below one suffix prove nothing of another. */
static void test_suffixes_prove_their_own_only(void **state)
{
    (void)state;
    make_room_on(1);
    assert_int_equal(of("company.org"), DNSBL_WAITS);
    assert_int_equal(of("other.org"), DNSBL_WAITS);
    assert_int_equal(of("company.net"), DNSBL_WAITS);
    one_says("company.org", &listed);
    one_says("other.org", &listed); /* the same names prove it */
    assert_int_equal(probes_waiting(), 4);
    one_says("company.net", &listed);
    assert_int_equal(probes_waiting(), 8);
    size_t n = fake.n;
    for (size_t i = 0; i < n; i++)
        if (fake.asked[i].call != NULL && i < n - 4)
            give(&fake.asked[i], &absent);
    assert_int_equal(of("company.org"), DNSBL_LISTED);
    assert_int_equal(of("other.org"), DNSBL_LISTED);
    assert_int_equal(of("company.net"), DNSBL_WAITS);
    answer_probes(&absent);
    assert_int_equal(of("company.net"), DNSBL_LISTED);
}

static void test_hashes_are_proven_by_hashes(void **state)
{
    (void)state;
    zones[0].query = DNSBL_EMAIL_SHA1;
    zones[0].probe_listed = zones[0].probe_unlisted = "";
    make_room(1);
    pump();
    assert_int_equal(fake.n, 4);
    for (size_t i = 0; i < 4; i++)
        give(&fake.asked[i], &absent);
    assert_int_equal(state_of(0), DNSBL_IS_ON);
    assert_int_equal(of("listed.example"), DNSBL_WAITS);
    give(&fake.asked[4], &listed);
    assert_int_equal(fake.n, 9);
    for (size_t i = 5; i < 9; i++) {
        assert_int_equal(strcspn(fake.asked[i].name, "."), 40);
        give(&fake.asked[i], &absent);
    }
    assert_int_equal(of("listed.example"), DNSBL_LISTED);
}

/* As many as any listing is proven by, so that no further round trip is needed. */
static void test_old_probe_goes_out_beside_the_question(void **state)
{
    (void)state;
    make_room_on(1);
    advance(60001);
    assert_int_equal(of("listed.example"), DNSBL_WAITS);
    assert_int_equal(probes_waiting(), 4);
    one_says("listed.example", &listed);
    assert_int_equal(probes_waiting(), 4); /* those that are on their way will do */
    answer_probes(&absent);
    assert_int_equal(of("listed.example"), DNSBL_LISTED);
}

/* A name came back before the listing did: the zone may have gone mad between the two. */
static void test_names_that_were_faster_prove_nothing(void **state)
{
    (void)state;
    for (int all = 0; all < 2; all++) {
        make_room_on(1);
        advance(60001);
        assert_int_equal(of("listed.example"), DNSBL_WAITS);
        if (all)
            answer_probes(&absent);
        else
            give(waiting_random(".one.bl.test"), &absent);
        one_says("listed.example", &listed);
        assert_int_equal(probes_waiting(), all ? 4 : 7);
        for (int left = all ? 0 : 3; left > 0; left--) /* of the first set */
            give(waiting_random(".example.one.bl.test"), &absent);
        assert_int_equal(of("listed.example"), DNSBL_WAITS);
        answer_probes(&absent);
        assert_int_equal(of("listed.example"), DNSBL_LISTED);
        dnsbl_free(h->dnsbl);
        h->dnsbl = NULL;
        memset(&fake, 0, sizeof fake);
    }
}

/* Until all of its names are answered. */
static void test_all_names_have_to_be_clear(void **state)
{
    (void)state;
    make_room_on(1);
    assert_int_equal(of("listed.example"), DNSBL_WAITS);
    one_says("listed.example", &listed);
    for (int left = 4; left > 0; left--) {
        assert_int_equal(probes_waiting(), left);
        assert_int_equal(of("listed.example"), DNSBL_WAITS);
        struct asked *a = waiting_random(".example.one.bl.test");
        give(a != NULL ? a : waiting_random(".one.bl.test"), &absent);
    }
    assert_int_equal(of("listed.example"), DNSBL_LISTED);
}

/* A random name that has any address at all is listed, whatever the codes say. */
static void test_a_random_name_with_an_odd_value(void **state)
{
    const struct dns_answer odd = address(127, 0, 9, 9);

    (void)state;
    make_room_on(1);
    assert_int_equal(of("listed.example"), DNSBL_WAITS);
    one_says("listed.example", &listed);
    answer_probes(&odd);
    assert_int_equal(state_of(0), DNSBL_IS_OFF);
}

/* ---- what is not proven --------------------------------------------------------------------- */

/* Names of later would tell of the zone as it is then, and not as it was when it listed. */
static void test_lost_names_prove_nothing(void **state)
{
    static const char *const which[] = {".one.bl.test", ".example.one.bl.test"};

    (void)state;
    make_room_on(1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(of("n1.example"), DNSBL_WAITS);
        one_says("n1.example", &listed);
        give(waiting_random(which[i]), &lost);
        assert_int_equal(of("n1.example"), DNSBL_WAITS);
        answer_probes(&absent);
        assert_int_equal(of("n1.example"), DNSBL_UNPROVEN);
        assert_int_equal(state_of(0), DNSBL_IS_ON);
        assert_int_equal(h->n_changes, 0);
        assert_int_equal(dnsbl_status(h->dnsbl, 0)->listed, 0);
        /* Good ones end the doubt, and after a while no resolver remembers that time. */
        advance(60001);
        assert_int_equal(of(i == 0 ? "n8.example" : "n9.example"), DNSBL_WAITS);
        answer_probes(&absent);
        advance(400000);
    }
    assert_int_equal(asked_of("n1.example"), 2);
}

/* Those of another listing, sent and answered meanwhile, are no names of its own. */
static void test_names_of_another_listing_do_not_help(void **state)
{
    (void)state;
    make_room_on(1);
    assert_int_equal(of("n1.example"), DNSBL_WAITS);
    one_says("n1.example", &listed);
    struct asked *own = waiting_random(".one.bl.test");
    give(waiting_random(".example.one.bl.test"), &absent); /* so that they serve no other */
    assert_int_equal(of("n2.example"), DNSBL_WAITS);
    one_says("n2.example", &listed);
    resolver_answered *call = own->call;
    own->call = NULL; /* kept from answer_probes */
    answer_probes(&absent);
    assert_int_equal(of("n2.example"), DNSBL_LISTED);
    assert_int_equal(of("n1.example"), DNSBL_WAITS);
    own->call = call;
    give(own, &lost);
    assert_int_equal(of("n1.example"), DNSBL_UNPROVEN);
    assert_int_equal(of("n2.example"), DNSBL_LISTED);
}

static void test_names_that_cannot_be_sent(void **state)
{
    static const char *const names[] = {"n1.example", "n2.example"};
    static const char *const others[] = {"n3.example", "n4.example"};
    struct dns_answer old = remembered(200), same = remembered(290);

    (void)state;
    make_room_on(1);
    for (int some = 0; some < 2; some++) {
        assert_int_equal(of(names[some]), DNSBL_WAITS);
        if (some)
            fake.not_such = ".example.one.bl.test";
        else
            fake.full = true;
        one_says(names[some], &listed);
        assert_int_equal(of(names[some]), DNSBL_UNPROVEN);
        fake.full = false;
        fake.not_such = NULL;
        answer_probes(&absent);
        assert_int_equal(of(names[some]), DNSBL_UNPROVEN);
        assert_int_equal(dnsbl_status(h->dnsbl, 0)->listed, 2 * some);

        /* That is no reason to doubt what it says of others, however long ago it said so. */
        advance(10000);
        assert_int_equal(of(others[some]), DNSBL_WAITS);
        one_says(others[some], &old);
        answer_probes(&absent);
        assert_int_equal(of(others[some]), DNSBL_LISTED);
        /* But the same answer may come again, from a resolver. */
        assert_int_equal(of(names[some]), DNSBL_WAITS);
        one_says(names[some], &same);
        assert_int_equal(probes_waiting(), 0);
        assert_int_equal(of(names[some]), DNSBL_UNPROVEN);
        advance(1);
        assert_int_equal(of(names[some]), DNSBL_WAITS);
        one_says(names[some], &listed);
        answer_probes(&absent);
        assert_int_equal(of(names[some]), DNSBL_LISTED);
    }
}

static void test_a_reload_forgets_what_was_to_be_proven(void **state)
{
    (void)state;
    make_room_on(1);
    list_it("old.example");
    assert_int_equal(of("n1.example"), DNSBL_WAITS);
    one_says("n1.example", &listed);
    assert_int_equal(dnsbl_configure(h->dnsbl, &h->config, NULL), 0);
    assert_int_equal(probes_waiting(), 0);
    assert_int_equal(of("n1.example"), DNSBL_UNPROVEN);
    assert_int_equal(of("old.example"), DNSBL_LISTED);
    assert_non_null(strstr(dnsbl_status(h->dnsbl, 0)->why, "random names were lost"));
    advance(1);
    assert_int_equal(of("n1.example"), DNSBL_WAITS);
    assert_int_equal(asked_of("n1.example"), 2);
}

/* A slow zone can be believed, too. */
static void test_slow_names_prove(void **state)
{
    (void)state;
    make_room_on(1);
    assert_int_equal(of("n1.example"), DNSBL_WAITS);
    one_says("n1.example", &listed);
    advance(1001);
    assert_int_equal(of("n1.example"), DNSBL_UNPROVEN);
    assert_int_equal(dnsbl_status(h->dnsbl, 0)->timeouts, 1);
    answer_probes(&absent);
    assert_int_equal(of("n1.example"), DNSBL_LISTED);
}

/* Names that are late are failures, whether anybody looks or not, and five of them in a row switch
 * the zone off. */
static void test_late_names_are_failures(void **state)
{
    (void)state;
    make_room_on(1);
    for (int i = 1; i <= 5; i++) {
        char domain[32];
        snprintf(domain, sizeof domain, "n%d.example", i);
        assert_int_equal(of(domain), DNSBL_WAITS);
        one_says(domain, &listed); /* ends the row */
        advance(1001);
        assert_int_equal(dnsbl_status(h->dnsbl, 0)->errors, i);
        assert_int_equal(of(domain), DNSBL_UNPROVEN);
        assert_int_equal(state_of(0), DNSBL_IS_ON);
        answer_probes(&absent);
    }
}

static void test_late_names_in_a_row_switch_off(void **state)
{
    struct dns_answer long_listed = listed;

    (void)state;
    long_listed.ttl_s = 3600;
    make_room_on(1);
    assert_int_equal(of("listed.example"), DNSBL_WAITS);
    one_says("listed.example", &long_listed);
    answer_probes(&absent);
    for (int i = 1; i <= 5; i++) {
        advance(60001);
        answer_probes(&lost); /* the resolver gave up long ago */
        int64_t since = h->now_ms;
        assert_int_equal(state_of(0), DNSBL_IS_ON);
        assert_int_equal(of("listed.example"), DNSBL_WAITS);
        advance(1001);
        assert_int_equal(look_since("jane@listed.example", since, NULL).zones[0].word,
                         i < 5 ? DNSBL_UNPROVEN : DNSBL_OFF);
    }
    assert_int_equal(state_of(0), DNSBL_IS_OFF);
}

/* A relay to which little comes sends little but probes: one that gets lost now and then, with good
 * ones between, is no row. */
static void test_lost_names_with_good_ones_between(void **state)
{
    (void)state;
    make_room_on(1);
    for (int i = 0; i < 20; i++) {
        advance(HOUR_MS + HOUR_MS / 10);
        if (i % 2 == 0)
            give(waiting_random(".one.bl.test"), &lost);
        answer_probes(&absent);
    }
    assert_int_equal(state_of(0), DNSBL_IS_ON);
    assert_true(dnsbl_status(h->dnsbl, 0)->errors >= 5);
}

static void test_many_suffixes_at_once(void **state)
{
    char domain[32];
    unsigned proven = 0;

    (void)state;
    make_room_on(1);
    for (int i = 0; i < 100; i++) {
        snprintf(domain, sizeof domain, "company.tld%d", i);
        assert_int_equal(of(domain), DNSBL_WAITS);
        one_says(domain, &listed);
    }
    assert_in_range(probes_waiting(), 160, 320);
    answer_probes(&absent);
    for (int i = 0; i < 100; i++) {
        snprintf(domain, sizeof domain, "company.tld%d", i);
        enum dnsbl_word is = of(domain);
        assert_true(is == DNSBL_LISTED || is == DNSBL_UNPROVEN);
        proven += is == DNSBL_LISTED;
    }
    assert_in_range(proven, 40, 99);
    assert_int_equal(state_of(0), DNSBL_IS_ON);
    assert_string_equal(dnsbl_status(h->dnsbl, 0)->why, "");
}

/* ---- the world ------------------------------------------------------------------------------ */

static void test_a_zone_that_lists_the_world(void **state)
{
    (void)state;
    make_room_on(1);
    list_it("listed.example");
    go_mad_with("clear.example");
    assert_non_null(strstr(h->log, "one: switched off: a name made at random is listed"));
    size_t before = fake.n;
    assert_int_equal(of("clear.example"), DNSBL_OFF);
    assert_int_equal(of("listed.example"), DNSBL_OFF);
    assert_int_equal(of("n1.example"), DNSBL_OFF);
    assert_int_equal(fake.n, before); /* nobody is asked about */

    /* All that it listed is forgotten: some of its servers may have been mad for longer. */
    assert_int_equal(dnsbl_status(h->dnsbl, 0)->listed, 0);
    come_back();
    advance(1100);
    assert_int_equal(of("clear.example"), DNSBL_WAITS);
    assert_int_equal(of("listed.example"), DNSBL_WAITS);
    assert_int_equal(asked_of("listed.example"), 2);
    /* What people may read in the history is still so. */
    assert_true(h->n_changes == 1 && h->listed);
    one_says("listed.example", &listed);
    answer_probes(&absent);
    assert_int_equal(of("listed.example"), DNSBL_LISTED);
    assert_int_equal(look("jane@listed.example").zones[0].since, NOW);
    assert_int_equal(h->n_changes, 1);
}

static void test_what_was_listed_only_while_mad(void **state)
{
    (void)state;
    make_room_on(1);
    list_it("clear.example"); /* by luck */
    go_mad_with("other.example");
    come_back();
    advance(1100);
    assert_int_equal(of("clear.example"), DNSBL_WAITS);
    one_says("clear.example", &absent);
    assert_true(h->n_changes == 2 && !h->listed);
    assert_int_equal(of("clear.example"), DNSBL_CLEAR);
}

/* An error code takes back nothing that was proven before. */
static void test_what_is_known_of_a_zone_that_refuses(void **state)
{
    (void)state;
    make_room_on(1);
    list_it("listed.example");
    assert_int_equal(of("n1.example"), DNSBL_WAITS);
    assert_int_equal(of("n2.example"), DNSBL_WAITS);
    one_says("n1.example", &listed);
    one_says("n2.example", &refused);
    assert_int_equal(state_of(0), DNSBL_IS_OFF);
    answer_probes(&absent);
    assert_int_equal(of("listed.example"), DNSBL_OFF);
    come_back();
    assert_int_equal(of("listed.example"), DNSBL_LISTED);
    advance(1100);
    assert_int_equal(of("n1.example"), DNSBL_WAITS); /* never proven: asked again */
    assert_int_equal(asked_of("n1.example"), 2);
    assert_int_equal(asked_of("listed.example"), 1);
}

/* What it was asked while it was mad, answered when it is sane again. */
static void test_an_answer_that_is_older_than_the_recovery(void **state)
{
    (void)state;
    make_room_on(1);
    assert_int_equal(of("n1.example"), DNSBL_WAITS);
    assert_int_equal(of("n2.example"), DNSBL_WAITS);
    one_says("n2.example", &refused);
    come_back();
    advance(1100);
    one_says("n1.example", &listed);
    answer_probes(&absent);
    assert_int_equal(of("n1.example"), DNSBL_WAITS);
    assert_int_equal(asked_of("n1.example"), 2);
}

/* ---- what a resolver remembers -------------------------------------------------------------- */

/* Of 300 s: 200 are left, so it is 100 s old. */
static void test_answers_older_than_the_return(void **state)
{
    struct dns_answer old = remembered(200), young = remembered(299);

    (void)state;
    make_room_on(1);
    go_mad_with("clear.example");
    come_back();
    assert_non_null(strstr(dnsbl_status(h->dnsbl, 0)->why, "resolver may remember"));
    advance(20000);
    assert_int_equal(of("n1.example"), DNSBL_WAITS);
    one_says("n1.example", &old);
    assert_int_equal(probes_waiting(), 0);
    assert_int_equal(of("n1.example"), DNSBL_UNPROVEN);
    assert_int_equal(of("n2.example"), DNSBL_WAITS);
    one_says("n2.example", &young);
    answer_probes(&absent);
    assert_int_equal(of("n2.example"), DNSBL_LISTED);
    /* 100 s later the same age is young enough. */
    advance(82000);
    assert_int_equal(of("n1.example"), DNSBL_WAITS);
    one_says("n1.example", &old);
    answer_probes(&absent);
    assert_int_equal(of("n1.example"), DNSBL_LISTED);
    advance(400000);
    assert_string_equal(dnsbl_status(h->dnsbl, 0)->why, "");
}

/* A loop that stood still reads answers late: what the resolver gave is no younger for that. */
static void test_answers_that_were_read_late(void **state)
{
    (void)state;
    make_room_on(1);
    go_mad_with("clear.example");
    come_back();
    /* Taken by the resolver half a second before the first good round. */
    int64_t taken_ms = h->dnsbl->zones[0]->health.well_ms - 500;
    advance(3000);
    struct dns_answer old = remembered((uint32_t)(300 - (h->now_ms - taken_ms) / 1000));
    assert_int_equal(of("n1.example"), DNSBL_WAITS);
    set_clock(h->now_ms + 3000);
    one_says("n1.example", &old);
    assert_int_equal(of("n1.example"), DNSBL_UNPROVEN);
    /* Nor is a time over that was not when it was asked. */
    advance(292000);
    assert_int_equal(of("n2.example"), DNSBL_WAITS);
    old.ttl_s = 0;
    set_clock(h->now_ms + 20000);
    one_says("n2.example", &old);
    assert_int_equal(of("n2.example"), DNSBL_UNPROVEN);
}

/* Somebody else asked the resolver while the zone was off and nobody here asked anything. */
static void test_the_doubt_ends_when_the_zone_is_back(void **state)
{
    struct dns_answer told_meanwhile = remembered(290);

    (void)state;
    make_room_on(1);
    go_mad_with("clear.example");
    advance(4000);
    come_back(); /* after more than 10 s */
    advance(2000);
    assert_int_equal(of("n1.example"), DNSBL_WAITS);
    one_says("n1.example", &told_meanwhile);
    assert_int_equal(of("n1.example"), DNSBL_UNPROVEN);
}

static void test_doubt_after_lost_names_ends_with_good_ones(void **state)
{
    struct dns_answer old = remembered(100);

    (void)state;
    make_room_on(1);
    assert_int_equal(of("n1.example"), DNSBL_WAITS);
    one_says("n1.example", &listed);
    answer_probes(&lost);
    assert_non_null(strstr(dnsbl_status(h->dnsbl, 0)->why, "random names were lost"));
    advance(50000);
    /* Nothing counts before names were good again; they are asked for that. */
    assert_int_equal(of("n2.example"), DNSBL_WAITS);
    one_says("n2.example", &listed);
    assert_int_equal(of("n2.example"), DNSBL_UNPROVEN);
    assert_int_equal(probes_waiting(), 4);
    answer_probes(&absent);
    assert_null(strstr(dnsbl_status(h->dnsbl, 0)->why, "random names were lost"));
    advance(1100);
    assert_int_equal(of("n2.example"), DNSBL_WAITS);
    one_says("n2.example", &listed);
    answer_probes(&absent);
    assert_int_equal(of("n2.example"), DNSBL_LISTED);
    assert_int_equal(of("n3.example"), DNSBL_WAITS);
    one_says("n3.example", &old);
    assert_int_equal(of("n3.example"), DNSBL_UNPROVEN);
}

/* Who takes a mad zone out of the configuration and puts it back has the same resolver. */
static void test_doubt_outlives_settings(void **state)
{
    struct dns_answer old = remembered(290);

    (void)state;
    for (int turn = 0; turn < 4; turn++) {
        make_room_on(1);
        go_mad_with("clear.example");
        struct dnsbl_config none = h->config;
        none.n_zones = 0;
        if (turn != 1)
            assert_int_equal(dnsbl_configure(h->dnsbl, &none, NULL), 0);
        if (turn == 1)
            zones[0].codes = "127.0.1.[2..98]";
        if (turn == 2)
            zones[0].name = "renamed";
        if (turn == 3)
            zones[0].zone = zones[0].shown = "ONE.bl.test.";
        assert_int_equal(dnsbl_configure(h->dnsbl, &h->config, NULL), 0);
        pump();
        answer_probes(&absent);
        assert_int_equal(state_of(0), DNSBL_IS_ON);
        advance(3000);
        assert_int_equal(of("n1.example"), DNSBL_WAITS);
        struct asked *a = &fake.asked[fake.n - 1];
        assert_non_null(strstr(a->name, "n1.example"));
        give(a, &old);
        assert_int_equal(of("n1.example"), DNSBL_UNPROVEN);
        dnsbl_free(h->dnsbl);
        h->dnsbl = NULL;
        memset(&fake, 0, sizeof fake);
    }
}

/* That another section of the same zone saw nothing of its madness is no reason to believe what a
 * resolver was told meanwhile. */
static void test_doubt_of_two_sections(void **state)
{
    (void)state;
    zones[1].zone = zones[1].shown = "one.bl.test";
    make_room_on(2);
    go_mad_with("company.org");
    one_says("company.org", &absent); /* to the second */
    answer_probes(&absent);
    int64_t taken_ms = h->now_ms + 3000; /* when a resolver took an answer from it */
    /* Names of the second are clear. */
    look("jane@company.net");
    one_says("company.net", &listed);
    answer_probes(&absent);
    assert_int_equal(state_of(0), DNSBL_IS_OFF);
    assert_int_equal(state_of(1), DNSBL_IS_ON);

    advance(4000);
    struct dns_answer old = remembered(299);
    look("jane@n1.org");
    one_says("n1.org", &old);
    answer_probes(&absent);
    assert_int_equal(look("jane@n1.org").zones[1].word, DNSBL_UNPROVEN);
    come_back();
    old.ttl_s = (uint32_t)(300 - (h->now_ms - taken_ms) / 1000);
    look("jane@n2.org");
    one_says("n2.org", &old);
    one_says("n2.org", &old);
    answer_probes(&absent);
    for (int i = 0; i < 2; i++)
        assert_int_equal(look("jane@n2.org").zones[i].word, DNSBL_UNPROVEN);
    advance(1100);
    look("jane@n3.org");
    one_says("n3.org", &listed);
    one_says("n3.org", &listed);
    answer_probes(&absent);
    for (int i = 0; i < 2; i++)
        assert_int_equal(look("jane@n3.org").zones[i].word, DNSBL_LISTED);
}

/* An error code that a resolver keeps would keep the zone off for as long. */
static void test_error_codes_that_are_remembered(void **state)
{
    struct dns_answer old = refused;

    (void)state;
    make_room_on(1);
    assert_int_equal(of("n1.example"), DNSBL_WAITS);
    assert_int_equal(of("n2.example"), DNSBL_WAITS);
    one_says("n1.example", &refused);
    assert_int_equal(state_of(0), DNSBL_IS_OFF);
    come_back();
    advance(10000);
    old.ttl_s = 270;
    assert_int_equal(of("n3.example"), DNSBL_WAITS);
    one_says("n3.example", &old);
    assert_int_equal(of("n3.example"), DNSBL_UNPROVEN);
    assert_int_equal(state_of(0), DNSBL_IS_ON);
    answer_probes(&absent); /* it was asked what it says now */
    assert_int_equal(state_of(0), DNSBL_IS_ON);
    /* One of now counts. */
    assert_int_equal(of("n4.example"), DNSBL_WAITS);
    one_says("n4.example", &refused);
    assert_int_equal(state_of(0), DNSBL_IS_OFF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_proven_by_names_of_its_own),
        TEST(test_a_zone_that_lists_all_of_one_suffix),
        TEST(test_a_shared_host_that_is_listed_with_all_below),
        TEST(test_suffixes_prove_their_own_only),
        TEST(test_hashes_are_proven_by_hashes),
        TEST(test_old_probe_goes_out_beside_the_question),
        TEST(test_names_that_were_faster_prove_nothing),
        TEST(test_all_names_have_to_be_clear),
        TEST(test_a_random_name_with_an_odd_value),
        TEST(test_lost_names_prove_nothing),
        TEST(test_names_of_another_listing_do_not_help),
        TEST(test_names_that_cannot_be_sent),
        TEST(test_a_reload_forgets_what_was_to_be_proven),
        TEST(test_slow_names_prove),
        TEST(test_late_names_are_failures),
        TEST(test_late_names_in_a_row_switch_off),
        TEST(test_lost_names_with_good_ones_between),
        TEST(test_many_suffixes_at_once),
        TEST(test_a_zone_that_lists_the_world),
        TEST(test_what_was_listed_only_while_mad),
        TEST(test_what_is_known_of_a_zone_that_refuses),
        TEST(test_an_answer_that_is_older_than_the_recovery),
        TEST(test_answers_older_than_the_return),
        TEST(test_answers_that_were_read_late),
        TEST(test_the_doubt_ends_when_the_zone_is_back),
        TEST(test_doubt_after_lost_names_ends_with_good_ones),
        TEST(test_doubt_outlives_settings),
        TEST(test_doubt_of_two_sections),
        TEST(test_error_codes_that_are_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
