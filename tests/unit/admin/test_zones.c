/*
 * DNS zones over the admin API: in the list of feeds, in a check and in the status, and probes that
 * end well, badly, for nobody, or never.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "admin/check.h"
#include "admin/zones.h"
#include "fake_client.h"

#define V(text) ((struct view){text, sizeof text - 1})

static void get(const char *what, char *answer, size_t size)
{
    char request[256];

    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n\r\n", what);
    ask(request, answer, size);
}

static int post(const char *what)
{
    char request[256];
    int fd = dial();

    snprintf(request, sizeof request, "POST %s?by=ann HTTP/1.1\r\nContent-Length: 0\r\n\r\n", what);
    logged[0] = '\0';
    say(fd, request);
    turn(30);
    return fd;
}

static void assert_part(const char *answer, const char *part)
{
    if (strstr(answer, part) == NULL)
        fail_msg("no %s in %s", part, answer);
}

static void test_list(void **state)
{
    char answer[8192];

    (void)state;
    fake_feed("aper", FEED_ACCEPTED);
    fake_zone("ebl", DNSBL_IS_ON, "");
    fake_zone("dbl", DNSBL_IS_OFF, "lists names that nobody can have listed");
    get("/v1/feeds", answer, sizeof answer);
    assert_part(
        answer,
        "\"progress\":null},{\"name\":\"ebl\",\"kind\":\"dnsbl\",\"zone\":"
        "\"***.dbl.example.net\",\"query\":\"email-sha1\",\"state\":\"on\","
        "\"state_since\":\"1970-01-02T00:00:00Z\",\"why\":null,"
        "\"last_probe\":\"1970-01-02T00:00:01Z\","
        "\"next_probe\":\"1970-01-02T00:00:02Z\","
        "\"last_good\":\"1970-01-02T00:00:03Z\",\"questions\":1,\"probes\":2,"
        "\"listings\":3,\"errors\":4,\"timeouts\":5,\"memory\":6,\"late\":7,\"unproven\":10,"
        "\"remembered\":8,\"listed\":9},{\"name\":\"dbl\"");
    assert_part(answer, "\"state\":\"off\",\"state_since\":\"1970-01-02T00:00:00Z\","
                        "\"why\":\"lists names that nobody can have listed\"");
    fake.zones[0].last_probe = 0;
    fake.zones[0].state = DNSBL_PROBING;
    get("/v1/feeds", answer, sizeof answer);
    assert_part(answer, "\"state\":\"probing\"");
    assert_part(answer, "\"last_probe\":null");
}

static void test_status(void **state)
{
    static const struct {
        enum dnsbl_state zone;
        const char *why, *status, *reason; /* REASON NULL: none */
    } rows[] = {
        {DNSBL_IS_ON, "", "\"status\":\"ok\",\"reasons\":[]", NULL},
        {DNSBL_IS_ON, "test is not listed: a dead list?", "\"status\":\"ok\",\"reasons\":[]", NULL},
        {DNSBL_PROBING, "", "\"status\":\"ok\",\"reasons\":[]", NULL},
        {DNSBL_IS_OFF, "5 time-outs in a row", "\"status\":\"degraded\"",
         "\"reasons\":[\"zone ebl is off: 5 time-outs in a row\"]"},
        {DNSBL_IS_OFF, "", "\"status\":\"degraded\"", "\"reasons\":[\"zone ebl is off\"]"},
    };

    (void)state;
    fake.counts.late = 12;
    fake.totals = (struct dnsbl_totals){
        .names = 10, .bytes = 2000, .waiting = 3, .dropped = 4, .servers = "127.0.0.1:53"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char answer[8192];
        fake.n_zones = 0;
        fake_zone("ebl", rows[i].zone, rows[i].why);
        get("/v1/status", answer, sizeof answer);
        assert_part(answer, rows[i].status);
        if (rows[i].reason != NULL)
            assert_part(answer, rows[i].reason);
        assert_part(answer, "\"late\":12");
        assert_part(answer, rows[i].zone == DNSBL_IS_ON ? "\"dns\":{\"zones\":1,\"on\":1,"
                                                        : "\"dns\":{\"zones\":1,\"on\":0,");
        assert_part(
            answer,
            "\"names\":10,\"bytes\":2000,\"recipients_waiting\":11,\"waiting\":3,\"dropped\":4,"
            "\"servers\":\"127.0.0.1:53\"}");
    }
}

/* What anybody may read has no words from outside. */
static void test_brief_reasons(void **state)
{
    json_t *reasons = json_array();

    (void)state;
    fake_zone("ebl", DNSBL_IS_OFF, "answered 192.0.2.1 to key.ebl.example.net");
    zones_reasons(reasons, (struct dnsbl *)&fake, true);
    assert_int_equal(json_array_size(reasons), 1);
    assert_string_equal(json_string_value(json_array_get(reasons, 0)), "zone ebl is off");
    json_decref(reasons);
}

static void test_no_zones(void **state)
{
    struct dnsbl *const houses[] = {NULL, house.dnsbl};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char answer[8192];
        house.dnsbl = houses[i];
        get("/v1/feeds", answer, sizeof answer);
        assert_part(answer, "{\"feeds\":[]}");
        get("/v1/status", answer, sizeof answer);
        assert_part(answer, "\"status\":\"ok\",\"reasons\":[]");
        assert_part(answer, "\"dns\":null");
        assert_true(hear(post("/v1/feeds/ebl/refresh"), answer, sizeof answer));
        assert_memory_equal(answer, "HTTP/1.1 404", 12);
        assert_part(answer, "there is no feed or DNS zone of that name");
    }
}

static void test_refresh(void **state)
{
    static const struct {
        enum dnsbl_state after;
        bool failed;
        const char *why, *status, *part, *logged;
    } rows[] = {
        {DNSBL_IS_ON, false, "", "200", "{\"name\":\"ebl\",\"kind\":\"dnsbl\"",
         "refresh: ebl: done uid="},
        {DNSBL_IS_ON, true, "no answer", "502", "\"state\":\"on\"", "refresh: ebl: failed uid="},
        {DNSBL_PROBING, false, "", "200", "\"state\":\"probing\"", "refresh: ebl: done uid="},
        {DNSBL_IS_OFF, true, "no answer", "502", "\"error\":\"no answer\"",
         "refresh: ebl: failed uid="},
        {DNSBL_IS_OFF, true, "", "502", "\"error\":\"the zone is off\"",
         "refresh: ebl: failed uid="},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char answer[8192];
        fake.n_zones = 0;
        fake_zone("ebl", DNSBL_PROBING, "");
        int fd = post("/v1/feeds/ebl/refresh");
        assert_int_equal(fake.n_probes, 1);
        assert_int_equal(fake.n_waiting, 0); /* no feed was asked */
        pass(600000);                        /* nobody cuts who waits for us */
        turn(30);
        assert_int_equal(fake.probes_forgotten, 0);
        fake.n_zones = 0;
        fake_zone("ebl", rows[i].after, rows[i].why);
        fake.zones[0].failed = rows[i].failed;
        fake_probed();
        assert_true(hear(fd, answer, sizeof answer));
        assert_memory_equal(answer + strlen("HTTP/1.1 "), rows[i].status, 3);
        assert_part(answer, rows[i].part);
        assert_part(logged, rows[i].logged);
        assert_part(logged, "by=<ann>");
        assert_int_equal(strstr(answer, "\"error\":") != NULL, rows[i].failed);
    }
}

static void test_refresh_of_a_zone_that_goes(void **state)
{
    char answer[8192];

    (void)state;
    fake_zone("ebl", DNSBL_IS_ON, "");
    int fd = post("/v1/feeds/ebl/refresh");
    fake.n_zones = 0; /* a reload */
    fake_probed();
    assert_true(hear(fd, answer, sizeof answer));
    assert_memory_equal(answer, "HTTP/1.1 404", 12);
    fake_zone("ebl", DNSBL_IS_ON, "");
    fake.no_probes = true;
    assert_true(hear(post("/v1/feeds/ebl/refresh"), answer, sizeof answer));
    assert_memory_equal(answer, "HTTP/1.1 500", 12);
}

static void test_gone(void **state)
{
    (void)state;
    fake_zone("ebl", DNSBL_IS_ON, "");
    close(post("/v1/feeds/ebl/refresh"));
    assert_alone();
    assert_int_equal(fake.probes_forgotten, 1);
    fake_probed();
    int fd = post("/v1/feeds/ebl/refresh");
    admin_free(admin);
    admin = NULL;
    assert_int_equal(fake.probes_forgotten, 2);
    close(fd);
}

/* Probes and fetches share the places, and give them back. */
static void test_too_many_wait(void **state)
{
    int fds[ADMIN_MAX_FETCHING];
    char answer[8192];

    (void)state;
    fake_zone("ebl", DNSBL_IS_ON, "");
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < ADMIN_MAX_FETCHING; i++)
            fds[i] = post("/v1/feeds/ebl/refresh");
        assert_true(hear(post("/v1/feeds/ebl/refresh"), answer, sizeof answer));
        assert_memory_equal(answer, "HTTP/1.1 503", 12);
        fake_probed();
        for (size_t i = 0; i < ADMIN_MAX_FETCHING; i++) {
            assert_true(hear(fds[i], answer, sizeof answer));
            assert_memory_equal(answer, "HTTP/1.1 200", 12);
        }
    }
}

static void test_other_orders(void **state)
{
    static const char *const orders[][2] = {
        {"/v1/feeds/ebl/accept", "a DNS zone holds no copies: there is nothing to accept"},
        {"/v1/feeds/ebl/rollback", "a DNS zone holds no copies: there is nothing to go back to"},
    };

    (void)state;
    fake_zone("ebl", DNSBL_IS_ON, "");
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        char answer[8192];
        assert_true(hear(post(orders[i][0]), answer, sizeof answer));
        assert_memory_equal(answer, "HTTP/1.1 409", 12);
        assert_part(answer, orders[i][1]);
        assert_part(logged, "ebl: nothing to do uid=");
        assert_int_equal(fake.n_probes, 0);
    }
}

/* ---- a recipient ---------------------------------------------------------------------------- */

static struct address address;

/* Listed by two zones of three, and by a feed. */
static void list_it(struct answer *made)
{
    static struct dnsbl_answer said = {.n_zones = 3};
    static const struct decision_listing listings[] = {
        {.list = V("ebl"),
         .rank = 2,
         .kind = ENTRY_ADDRESS,
         .key = V("jane@example.org"),
         .said = "127.0.1.2",
         .text = "phish\x1b[2J\xff",
         .since = 86400},
        {.list = V("dbl"),
         .rank = 3,
         .kind = ENTRY_DOMAIN,
         .key = V("example.org"),
         .said = "127.0.0.4",
         .since = 86401},
        {.list = V("aper"), .rank = 1, .kind = ENTRY_TREE, .key = V("example.org")},
    };

    fake_feed("aper", FEED_ACCEPTED);
    fake_zone("ebl", DNSBL_IS_ON, "");
    fake_zone("dbl", DNSBL_IS_ON, "");
    fake_zone("slow", DNSBL_IS_ON, "");
    said.zones[0] = (struct dnsbl_found){.word = DNSBL_LISTED, .answered = 86402};
    said.zones[1] = (struct dnsbl_found){.word = DNSBL_LISTED, .answered = 86403};
    said.zones[2] = (struct dnsbl_found){.word = DNSBL_LATE};
    address_parse(V("jane@example.org"), &addresses, &address);
    *made = (struct answer){.action = "550 5.7.1 no",
                            .address = &address,
                            .listings = listings,
                            .n_listings = 3,
                            .zones = &said};
}

static void test_check(void **state)
{
    static struct answer made;
    char answer[8192];
    int fd = dial();

    (void)state;
    list_it(&made);
    fake.answer = &made;
    say(fd, "GET /v1/check?recipient=jane%40example.org HTTP/1.1\r\n\r\n");
    turn(30);
    /* Neither rows nor history are asked for what zones list. */
    assert_int_equal(fake.n_origins, 1);
    assert_int_equal(fake.n_keys, 1);
    assert_string_equal(fake.key_text[0], ".example.org");
    fake_origin(0, &(struct feed_origin){.found = false});
    fake.history(NULL, 0, 86399, fake.history_arg);
    assert_true(hear(fd, answer, sizeof answer));
    assert_part(answer, "\"list\":\"ebl\",\"entry\":\"jane@example.org\"");
    assert_part(answer, "\"first_seen\":\"1970-01-02T00:00:00Z\",\"first_seen_before\":null,"
                        "\"row\":null,\"line\":null,\"text\":\"phish\\\\x1B[2J\\\\xFF\","
                        "\"value\":\"127.0.1.2\",\"since\":\"1970-01-02T00:00:00Z\"}");
    assert_part(answer,
                "\"text\":null,\"value\":\"127.0.0.4\",\"since\":\"1970-01-02T00:00:01Z\"}");
    assert_part(answer,
                "\"zones\":[{\"list\":\"ebl\",\"result\":\"listed\",\"answered\":"
                "\"1970-01-02T00:00:02Z\"},{\"list\":\"dbl\",\"result\":\"listed\",\"answered\":"
                "\"1970-01-02T00:00:03Z\"},{\"list\":\"slow\",\"result\":\"late\",\"answered\":"
                "null}]");
    assert_null(strstr(answer, "note_rows"));
}

/* A reload between may have left fewer zones than were asked. */
static void test_said(void **state)
{
    static struct dnsbl_answer said = {.n_zones = 2};
    struct dnsbl *dnsbl = (struct dnsbl *)&fake;

    (void)state;
    said.zones[0].word = DNSBL_CLEAR;
    fake_zone("ebl", DNSBL_IS_ON, "");
    json_t *array = zones_said_json(dnsbl, &said);
    assert_int_equal(json_array_size(array), 1);
    json_decref(array);
    array = zones_said_json(NULL, &said);
    assert_int_equal(json_array_size(array), 0);
    json_decref(array);
    said.n_zones = 0;
    assert_true(json_is_null(zones_said_json(dnsbl, &said)));
    assert_true(json_is_null(zones_said_json(dnsbl, NULL)));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_list),     TEST(test_status),        TEST(test_brief_reasons),
        TEST(test_no_zones), TEST(test_refresh),       TEST(test_refresh_of_a_zone_that_goes),
        TEST(test_gone),     TEST(test_too_many_wait), TEST(test_other_orders),
        TEST(test_check),    TEST(test_said),
    };

    return RUN("admin/zones", tests);
}
