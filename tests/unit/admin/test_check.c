/* The JSON of a check, of a feed and of the reasons, from answers that are made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "admin/check.h"
#include "admin/feeds.h"
#include "admin/status.h"
#include "fake_house.h"

static const struct address_options options = {.delimiter = "+", .provider_aliases = true};
static struct address address;

static char *dump(json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);

    json_decref(value);
    return text;
}

#define V(text) ((struct view){text, sizeof text - 1})

static char *check(struct view recipient, struct answer *answer)
{
    address_parse(recipient, &options, &address);
    answer->address = &address;
    const struct check_view view = {.answer = answer, .recipient = recipient, .file = "/x"};
    return dump(check_json(&view));
}

static void test_rejected(void **state)
{
    const struct decision_listing listing = {
        .list = V("aper"), .rank = 1, .kind = ENTRY_DOMAIN, .key = V("example.org"), .date = 20000};
    struct answer answer = {.action = "550 5.7.1 no",
                            .decision = {.outcome = OUTCOME_REJECT, .decided_by = &listing},
                            .listings = &listing,
                            .n_listings = 1};

    (void)state;
    memset(&fake, 0, sizeof fake);
    fake_feed("aper", FEED_ACCEPTED);
    char *text = check(V("Jane@Example.Org."), &answer);
    assert_string_equal(
        text, "{\"action\":\"550 5.7.1 "
              "no\",\"canonical\":\"jane@example.org\",\"exceptions\":[],\"exclusion\":null,"
              "\"exclusions_file\":\"/x\","
              "\"keys\":[\"jane@example.org\",\"example.org\",\".example.org\",\"*.org\",\".org\"],"
              "\"listings\":[{\"action\":\"reject\",\"date\":\"2024-10-04\",\"decides\":true,"
              "\"entry\":\"example.org\",\"excluded\":false,\"first_seen\":null,"
              "\"first_seen_before\":null,\"line\":null,\"list\":\"aper\",\"row\":null,"
              "\"text\":null,\"value\":null}],"
              "\"mode\":\"enforce\",\"recipient\":\"Jane@Example.Org.\",\"verdict\":\"reject\","
              "\"zones\":null}");
    free(text);

    answer.mode = MODE_OBSERVE;
    answer.action = "DUNNO";
    text = check(V("jane@example.org"), &answer);
    assert_non_null(strstr(text, "\"verdict\":\"pass\""));
    assert_non_null(strstr(text, "\"would\":\"reject\""));
    assert_non_null(strstr(text, "\"mode\":\"observe\""));
    free(text);
}

static void test_feed_age(void **state)
{
    const struct decision_listing listing = {
        .list = V("aper"), .kind = ENTRY_TREE, .key = V("org")};
    struct answer answer = {.action = "DUNNO", .listings = &listing, .n_listings = 1};

    (void)state;
    memset(&fake, 0, sizeof fake);
    fake_feed("aper", FEED_ACCEPTED);
    address_parse(V("a@example.org"), &options, &address);
    answer.address = &address;
    const struct check_view view = {.answer = &answer,
                                    .recipient = V("a@example.org"),
                                    .feeds = (const struct feeds *)&fake,
                                    .file = "/x"};
    char *text = dump(check_json(&view));
    assert_non_null(strstr(text, "\"list_checked\":\"1970-01-02T00:16:40Z\""));
    assert_non_null(strstr(text, "\"entry\":\".org\""));
    assert_non_null(strstr(text, "\"date\":null"));
    free(text);
}

static void test_excluded(void **state)
{
    const struct local_line whole = {.what = V(".example.org"),
                                     .until_text = V("2026-12-31"),
                                     .ticket = V("INC4711"),
                                     .by = V("ann"),
                                     .note = V("phoned \xff"),
                                     .line = 4};
    const struct local_line partial[] = {{.what = V("x"), .lists = V("other"), .line = 1},
                                         {.what = V("y"), .lists = V("aper"), .line = 2}};
    const struct decision_listing listing = {
        .list = V("aper"), .key = V("example.org"), .kind = ENTRY_BELOW, .excluded = true};
    const struct local_line *const partials[] = {&partial[0], &partial[1]};
    struct answer answer = {.action = "DUNNO",
                            .exclusion = &whole,
                            .partial = partials,
                            .n_partial = 2,
                            .listings = &listing,
                            .n_listings = 1};

    (void)state;
    memset(&fake, 0, sizeof fake);
    char *text = check(V("jane@example.org"), &answer);
    assert_non_null(strstr(text,
                           "\"exclusion\":{\"by\":\"ann\",\"file\":\"/x\",\"line\":4,"
                           "\"note\":\"phoned \\\\xFF\",\"shared\":false,\"ticket\":\"INC4711\","
                           "\"until\":\"2026-12-31\",\"what\":\".example.org\"}"));
    assert_non_null(strstr(text, "\"excluded\":true,\"excluded_by\":{"));
    assert_non_null(strstr(text, "\"line\":2,\"list\":\"aper\""));
    assert_non_null(strstr(text, "\"entry\":\"*.example.org\""));
    free(text);
}

static void test_block(void **state)
{
    const struct local_line line = {.what = V("example.org"), .ticket = V("INC9"), .line = 3};
    const struct decision_listing listing = {
        .list = V("local"), .key = V("example.org"), .kind = ENTRY_DOMAIN};
    struct answer answer = {
        .action = "550 5.7.1 no", .listings = &listing, .n_listings = 1, .block = &line};

    (void)state;
    address_parse(V("a@example.org"), &options, &address);
    answer.address = &address;
    const struct check_view view = {.answer = &answer, .blocks_file = "/b", .file = "/x"};
    char *text = dump(check_json(&view));
    assert_non_null(strstr(text, "\"file\":\"/b\""));
    assert_non_null(strstr(text, "\"line\":3"));
    assert_non_null(strstr(text, "\"ticket\":\"INC9\""));
    free(text);
}

static void test_unparsable(void **state)
{
    struct answer answer = {.action = "DUNNO"};

    (void)state;
    memset(&fake, 0, sizeof fake);
    char *text = check(V("a\xff"), &answer);
    assert_non_null(strstr(text, "\"canonical\":null"));
    assert_non_null(strstr(text, "\"keys\":[]"));
    assert_non_null(strstr(text, "\"note\":\""));
    assert_non_null(strstr(text, "\"recipient\":\"a\\\\xFF\""));
    assert_non_null(strstr(text, "\"verdict\":\"pass\""));
    free(text);
}

/* Every key of a monster would be a megabyte: the answer is cut and says so. */
static void test_monster(void **state)
{
    static char recipient[16000];
    struct answer answer = {.action = "DUNNO"};

    (void)state;
    memset(&fake, 0, sizeof fake);
    memset(recipient, 'x', sizeof recipient);
    recipient[1] = '@';
    for (size_t i = 100; i < sizeof recipient; i += 100)
        recipient[i] = '.';
    char *text = check(view_make(recipient, sizeof recipient), &answer);
    assert_non_null(strstr(text, "\"keys_cut\":true"));
    assert_true(strlen(text) < 200000);
    free(text);
}

static void test_feed(void **state)
{
    struct feed_status feed = {
        .name = "aper",
        .url = "https://lists.example.org/a",
        .format = "aper",
        .settings = "column=2\nas=domains",
        .state = FEED_HELD,
        .rows = 1,
        .bad_rows = 2,
        .ignored_rows = 3,
        .entries = 4,
        .active = 5,
        .dropped = 6,
        .last_fetch = 86460,
        .held = {.since = 86401, .until = 86402, .entries = 9, .why = "too small"},
        .guard = "max_shrink"};

    (void)state;
    char *text = dump(json_feed(&feed));
    assert_string_equal(
        text,
        "{\"accepted\":null,\"active\":5,\"bad_rows\":2,\"dropped\":6,\"entries\":4,"
        "\"exceptions\":0,\"format\":\"aper\",\"guard\":\"max_shrink\",\"held\":{\"entries\":9,"
        "\"guard\":null,\"since\":\"1970-01-02T00:00:01Z\",\"until\":\"1970-01-02T00:00:02Z\","
        "\"why\":\"too small\"},\"ignored_rows\":3,\"kind\":\"feed\",\"last_error\":null,"
        "\"last_fetch\":\"1970-01-02T00:01:00Z\",\"last_success\":null,\"left_out\":null,"
        "\"name\":\"aper\","
        "\"next_fetch\":null,\"previous\":false,\"problem\":null,\"progress\":null,\"rows\":1,"
        "\"settings\":[\"column=2\",\"as=domains\"],\"stale\":false,"
        "\"state\":\"held\",\"state_since\":null,\"unkept\":false,"
        "\"url\":\"https://lists.example.org/a\"}");
    free(text);
}

static void test_reasons(void **state)
{
    static const struct {
        struct feed_status feed;
        const char *says; /* NULL: all is well */
    } rows[] = {
        {{.state = FEED_ACCEPTED, .accepted_at = 1, .last_success = 1}, NULL},
        {{.state = FEED_UNCHANGED, .accepted_at = 1, .last_success = 1}, NULL},
        {{.state = FEED_NEVER}, "no copy was ever accepted"},
        {{.state = FEED_FAILED, .last_error = "404"}, "no copy was ever accepted: 404"},
        {{.state = FEED_FAILED, .accepted_at = 1, .last_success = 100000 - 86400}, NULL},
        {{.state = FEED_FAILED, .accepted_at = 1, .state_since = 100000 - 86400}, NULL},
        {{.state = FEED_FAILED, .accepted_at = 1, .state_since = 100000 - 86401},
         "failing for more than a day"},
        {{.state = FEED_FAILED, .accepted_at = 1, .last_success = 100000 - 86401},
         "failing for more than a day"},
        {{.state = FEED_FAILED, .accepted_at = 1, .last_success = 99999, .stale = true},
         "max_age is over"},
        {{.state = FEED_REFUSED, .accepted_at = 1, .last_success = 1, .last_error = "HTML"},
         "refused: HTML"},
        {{.state = FEED_REFUSED,
          .accepted_at = 1,
          .last_error = "HTML",
          .problem = "nothing stays"},
         "the last copy was refused: nothing stays"},
        {{.state = FEED_FAILED,
          .accepted_at = 1,
          .last_success = 99999,
          .problem = "nothing stays"},
         "the stored copy is not well: nothing stays"},
        {{.state = FEED_HELD, .accepted_at = 1, .held = {.since = 5, .why = "half"}}, "held: half"},
        {{.state = FEED_FAILED, .accepted_at = 1, .last_success = 99999, .held = {.since = 5}},
         "a copy is held"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *reasons = json_array();
        status_feed_reasons(reasons, &rows[i].feed, 100000, false);
        assert_int_equal(json_array_size(reasons), rows[i].says != NULL);
        if (rows[i].says != NULL)
            assert_non_null(strstr(json_string_value(json_array_get(reasons, 0)), rows[i].says));
        json_decref(reasons);

        struct feed_status feed = rows[i].feed;
        strcpy(feed.last_error, "https://a.example/key");
        strcpy(feed.held.why, "/etc/x");
        reasons = json_array();
        status_feed_reasons(reasons, &feed, 100000, true);
        assert_int_equal(json_array_size(reasons), rows[i].says != NULL);
        char *text = dump(reasons);
        assert_null(strchr(text, '/'));
        free(text);
    }
}

static void test_not_kept(void **state)
{
    struct admin_house house = {.feeds = (struct feeds *)&fake,
                                .exclusions = (struct local *)&fake};
    char what[64];
    struct text names = text_on(what, sizeof what);

    (void)state;
    memset(&fake, 0, sizeof fake);
    fake_feed("aper", FEED_ACCEPTED);
    fake_feed("other", FEED_ACCEPTED);
    assert_int_equal(status_not_kept(&house, &names), 0);
    fake.feeds[1].unkept = fake.unkept = true;
    assert_int_equal(status_not_kept(&house, NULL), 2);
    assert_int_equal(status_not_kept(&house, &names), 2);
    assert_string_equal(what, "exclusions, feed other");
}

static void test_local_reasons(void **state)
{
    static const struct local_error errors[] = {{.line = 1, .warning = true}, {.line = 2}};
    const struct local_state good = {.missing = false}, missing = {true, "no such file", 0};
    json_t *reasons = json_array();

    (void)state;
    memset(&fake, 0, sizeof fake);
    fake.errors = errors;
    fake.n_errors = 1;
    status_local_reasons(reasons, LOCAL_EXCLUSIONS, (const struct local_table *)&fake, &good, "/x",
                         false);
    assert_int_equal(json_array_size(reasons), 0); /* a warning keeps its line in force */
    fake.n_errors = 2;
    status_local_reasons(reasons, LOCAL_EXCLUSIONS, (const struct local_table *)&fake, &missing,
                         "/x", false);
    assert_int_equal(json_array_size(reasons), 2);
    assert_string_equal(json_string_value(json_array_get(reasons, 0)), "exclusions: no such file");
    assert_string_equal(json_string_value(json_array_get(reasons, 1)),
                        "exclusions: /x: lines left out for errors: 1");
    json_decref(reasons);
    reasons = json_array();
    status_local_reasons(reasons, LOCAL_BLOCKS, (const struct local_table *)&fake, &missing, "/x",
                         true);
    assert_string_equal(json_string_value(json_array_get(reasons, 0)),
                        "blocks: the file is missing");
    assert_string_equal(json_string_value(json_array_get(reasons, 1)),
                        "blocks: lines left out for errors: 1");
    json_decref(reasons);
}

static void test_note_of_what_was_pasted(void **state)
{
    static const struct {
        const char *recipient, *note;
    } table[] = {
        {"jane@example.org", NULL},
        {"<jane@example.org>", "display name"},
        {"mailto:jane@example.org", "leave out mailto:"},
        {"jane@example.org,", "take the rest out"},
    };

    (void)state;
    memset(&fake, 0, sizeof fake);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct answer answer = {.action = "DUNNO", .address = &address};
        const struct check_view view = {.answer = &answer,
                                        .recipient = view_of(table[i].recipient),
                                        .addresses = &options,
                                        .file = "/x"};
        address_parse(view.recipient, &options, &address);
        json_t *object = check_json(&view);
        const char *note = json_string_value(json_object_get(object, "note"));
        if (table[i].note == NULL)
            assert_null(note);
        else
            assert_true(note != NULL && strstr(note, table[i].note) != NULL);
        json_decref(object);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rejected),
        cmocka_unit_test(test_feed_age),
        cmocka_unit_test(test_excluded),
        cmocka_unit_test(test_block),
        cmocka_unit_test(test_unparsable),
        cmocka_unit_test(test_monster),
        cmocka_unit_test(test_feed),
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_not_kept),
        cmocka_unit_test(test_local_reasons),
        cmocka_unit_test(test_note_of_what_was_pasted),
    };
    return cmocka_run_group_tests_name("admin/check", tests, NULL, NULL);
}
