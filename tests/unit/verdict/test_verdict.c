/* The way of a question, with the real tables behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"
#include "rcptguard/verdict.h"

#define DAY 86400

static struct verdict_list lists[] = {
    {.name = "first", .action = ACTION_REJECT, .reply = "on ${list} as ${entry}, ref ${ref}"},
    {.name = "second", .action = ACTION_DEFER, .reply = "on ${list}"},
    {.name = "watched", .action = ACTION_OBSERVE, .reply = "on ${list}"},
};

static struct verdict_rules rules = {
    .contact = "help@example.org",
    .local_reply = "on ${list} as ${entry} since ${date}",
    .addresses = {.delimiter = "+", .provider_aliases = true},
    .lists = lists,
    .n_lists = 3,
};

struct house {
    struct record *record;
    struct verdict *verdict;
    char action[ACTION_MAX], ref[REF_MAX], exclusion[64];
    unsigned n_listings;
    struct decision decision;
};

static char last_line[LOG_LINE_BYTES];
static unsigned n_lines;

static void take_line(enum log_level level, const char *line, void *arg)
{
    (void)arg;
    assert_true(level > LOG_LEVEL_WARNING); /* nothing here is worth a warning */
    snprintf(last_line, sizeof last_line, "%s", line);
    n_lines++;
}

static void add(struct blocklist_builder *b, enum entry_kind kind, const char *key, uint16_t list,
                int32_t date)
{
    assert_true(blocklist_builder_add(b, kind, view_of(key), list, date, NULL) >= 0);
}

static struct blocklist *make_blocklist(void)
{
    struct blocklist_builder *b = blocklist_builder_new(16);
    static const char *const names[] = {"watched", "second", "first", "gone"};
    struct blocklist_list list = {.accepted_at = 20000 * (int64_t)DAY};

    for (size_t i = 0; i < 4; i++) {
        snprintf(list.name, sizeof list.name, "%s", names[i]);
        assert_int_equal(blocklist_builder_list(b, &list, NULL), i);
    }
    add(b, ENTRY_ADDRESS, "jane@example.org", 2, 17814);
    add(b, ENTRY_DOMAIN, "example.org", 1, 0);
    add(b, ENTRY_TREE, "bad.example", 1, 0);
    add(b, ENTRY_BELOW, "worse.example", 2, 0);
    add(b, ENTRY_ADDRESS, "seen@example.net", 0, 0);
    add(b, ENTRY_ADDRESS, "gone@example.net", 3, 0);
    struct blocklist *bl = blocklist_builder_finish(b, NULL);
    assert_non_null(bl);
    return bl;
}

static int set_up(void **state)
{
    struct house *h = calloc(1, sizeof *h);
    static const char text[] = "vendor@example.org list=second,third\n"
                               ".free.bad.example until=2099-12-31\n"
                               "login:abuse-desk\n"
                               "sender:abuse@example.edu\n";

    clock_set(20001 * (int64_t)DAY, 5000000);
    log_set_sink(take_line, NULL);
    log_set_level(LOG_LEVEL_INFO);
    n_lines = 0;
    h->record = record_new();
    h->verdict = verdict_new(h->record, NULL);
    verdict_set_rules(h->verdict, &rules);
    assert_null(verdict_set_blocklist(h->verdict, make_blocklist()));
    verdict_set_exclusions(
        h->verdict, local_table_parse(LOCAL_EXCLUSIONS, view_of(text), &rules.addresses, NULL, 0));
    *state = h;
    return 0;
}

static int tear_down(void **state)
{
    struct house *h = *state;
    verdict_free(h->verdict);
    record_free(h->record);
    free(h);
    log_set_sink(NULL, NULL);
    clock_set(-1, -1);
    return 0;
}

static void take_answer(const struct answer *a, void *arg)
{
    struct house *h = arg;
    snprintf(h->action, sizeof h->action, "%s", a->action);
    snprintf(h->ref, sizeof h->ref, "%s", a->ref);
    snprintf(h->exclusion, sizeof h->exclusion, "%.*s",
             a->exclusion == NULL ? 0 : (int)a->exclusion->what.len,
             a->exclusion == NULL ? "" : a->exclusion->what.ptr);
    h->n_listings = a->n_listings;
    h->decision = a->decision;
}

static const char *ask(struct house *h, const char *recipient, const char *sender,
                       const char *login)
{
    struct question q = {.recipient = view_of(recipient),
                         .sender = view_of(sender),
                         .sasl_username = view_of(login),
                         .instance = view_of("1.2.3.4")};
    verdict_ask(h->verdict, &q, take_answer, h);
    return h->action;
}

static void test_the_most_specific_listing_decides(void **state)
{
    struct house *h = *state;
    char expected[ACTION_MAX];

    ask(h, "Jane+tag@Example.ORG.", "ann@example.edu", "");
    snprintf(expected, sizeof expected, "550 5.7.1 on first as jane@example.org, ref %s", h->ref);
    assert_string_equal(h->action, expected);
    assert_int_equal(h->n_listings, 2);
    assert_string_equal(ask(h, "other@example.org", "", ""), "450 4.7.1 on second");
    assert_string_equal(ask(h, "x@bad.example", "", ""), "450 4.7.1 on second");
    assert_string_equal(ask(h, "x@deep.bad.example", "", ""), "450 4.7.1 on second");
    assert_string_equal(ask(h, "x@worse.example", "", ""), "DUNNO");
    assert_string_equal(ask(h, "x@notbad.example", "", ""), "DUNNO");
    ask(h, "x@deep.worse.example", "", "");
    assert_non_null(strstr(h->action, "as *.worse.example"));
}

static void test_exclusions_win(void **state)
{
    struct house *h = *state;

    assert_string_equal(ask(h, "x@a.free.bad.example", "", ""), "DUNNO");
    assert_string_equal(h->exclusion, ".free.bad.example");
    assert_string_equal(ask(h, "jane@example.org", "", "abuse-desk"), "DUNNO");
    assert_string_equal(h->exclusion, "login:abuse-desk");
    assert_string_equal(ask(h, "jane@example.org", "Abuse@Example.edu", ""), "DUNNO");
    assert_string_equal(ask(h, "vendor@example.org", "", ""), "DUNNO");
    assert_string_equal(h->exclusion, "");
    assert_true(strncmp(last_line, "excluded: ", 10) == 0 || strstr(last_line, "excluded: "));
    assert_int_equal(record_counts(h->record)->excluded, 4);
}

/* Postfix gives each message an instance. Who gives none gives the sender, at least. */
static void test_without_an_instance_each_sender_counts(void **state)
{
    struct house *h = *state;
    struct question q = {.recipient = view_of("other@example.org"),
                         .sender = view_of("a@example.edu")};
    char first[REF_MAX];

    verdict_ask(h->verdict, &q, take_answer, h);
    snprintf(first, sizeof first, "%s", h->ref);
    verdict_ask(h->verdict, &q, take_answer, h);
    assert_string_equal(h->ref, first);
    assert_int_equal(record_counts(h->record)->deferred, 1);
    q.sasl_username = view_of("mallory");
    verdict_ask(h->verdict, &q, take_answer, h);
    assert_string_not_equal(h->ref, first);
    assert_int_equal(record_counts(h->record)->deferred, 2);
}

static void keep_ref(const struct record_decision *d, void *arg)
{
    snprintf(arg, REF_MAX, "%.*s", (int)d->ref.len, d->ref.ptr);
}

/* What a bounce shows must be what is kept, also when an exclusion freed the same a moment ago. */
static void test_a_refusal_after_an_exclusion_is_told(void **state)
{
    struct house *h = *state;
    char told[REF_MAX] = "";

    record_watch(h->record, false, keep_ref, told);
    assert_string_equal(ask(h, "vendor@example.org", "", ""), "DUNNO");
    assert_string_equal(told, "");
    local_table_free(verdict_set_exclusions(h->verdict, NULL));
    assert_string_equal(ask(h, "vendor@example.org", "", ""), "450 4.7.1 on second");
    assert_string_not_equal(h->ref, "");
    assert_string_equal(told, h->ref);
    assert_int_equal(record_counts(h->record)->deferred, 1);
}

/* Somebody may write a line for each of many lists. */
static void test_the_last_of_many_lines_of_one_address_frees_too(void **state)
{
    struct house *h = *state;
    struct buf text = BUF_INIT(0);

    for (int i = 0; i < 100; i++)
        buf_addf(&text, "other@example.org list=list%d\n", i);
    buf_add_text(&text, "other@example.org list=second\n");
    local_table_free(
        verdict_set_exclusions(h->verdict, local_table_parse(LOCAL_EXCLUSIONS, buf_view(&text),
                                                             &rules.addresses, NULL, 0)));
    assert_string_equal(ask(h, "other@example.org", "", ""), "DUNNO");
    buf_free(&text);
}

static void test_lists_that_are_not_configured_count_for_nothing(void **state)
{
    struct house *h = *state;

    assert_string_equal(ask(h, "gone@example.net", "", ""), "DUNNO");
    lists[0].shape[0] ^= 1;
    verdict_set_rules(h->verdict, &rules);
    assert_string_equal(ask(h, "jane@example.org", "", ""), "450 4.7.1 on second");
    lists[0].shape[0] ^= 1;
    verdict_set_rules(h->verdict, &rules);
    ask(h, "jane@example.org", "", "");
    assert_non_null(strstr(h->action, "550 5.7.1 on first"));
}

static void test_ages_are_judged_at_look_up(void **state)
{
    struct house *h = *state;

    /* The row is of day 17814; it is day 20001. */
    lists[0].entry_max_age_s = (20001 - 17814) * (int64_t)DAY;
    ask(h, "jane@example.org", "", "");
    assert_non_null(strstr(h->action, "on first"));
    lists[0].entry_max_age_s--;
    assert_string_equal(ask(h, "jane@example.org", "", ""), "450 4.7.1 on second");
    lists[0].entry_max_age_s = 0;

    /* The copy is a day old. */
    lists[1].max_age_s = DAY - 1;
    assert_string_equal(ask(h, "other@example.org", "", ""), "DUNNO");
    lists[1].confirmed_at = 20000 * (int64_t)DAY + 1;
    assert_string_equal(ask(h, "other@example.org", "", ""), "450 4.7.1 on second");
    lists[1].max_age_s = lists[1].confirmed_at = 0;
}

/* However many lists only watch, what refuses finds its place among what is looked at. */
static void test_more_listings_than_there_is_room_for(void **state)
{
    struct house *h = *state;
    static char names[ANSWER_LISTINGS + 2][16];
    static struct verdict_list many[ANSWER_LISTINGS + 2];
    struct blocklist_builder *b = blocklist_builder_new(16);
    struct blocklist_list list = {.accepted_at = 20000 * (int64_t)DAY};
    struct verdict_rules wide = rules;

    for (uint16_t i = 0; i < ANSWER_LISTINGS + 2; i++) {
        bool refuses = i == ANSWER_LISTINGS + 1;
        snprintf(names[i], sizeof names[i], "list%u", i);
        many[i] = (struct verdict_list){.name = names[i],
                                        .action = refuses ? ACTION_REJECT : ACTION_OBSERVE,
                                        .reply = "on ${list}"};
        snprintf(list.name, sizeof list.name, "%s", names[i]);
        assert_int_equal(blocklist_builder_list(b, &list, NULL), i);
        if (refuses)
            add(b, ENTRY_TREE, "crowd.example", i, 0);
        else
            add(b, ENTRY_ADDRESS, "u@crowd.example", i, 0);
    }
    wide.lists = many;
    wide.n_lists = ANSWER_LISTINGS + 2;
    blocklist_free(verdict_set_blocklist(h->verdict, blocklist_builder_finish(b, NULL)));
    verdict_set_rules(h->verdict, &wide);
    ask(h, "u@crowd.example", "", "");
    assert_non_null(strstr(h->action, "550 5.7.1 on list257"));
    assert_int_equal(h->n_listings, ANSWER_LISTINGS);
}

static void test_observing(void **state)
{
    struct house *h = *state;

    assert_string_equal(ask(h, "seen@example.net", "", ""), "DUNNO");
    assert_non_null(strstr(last_line, "observe: ref="));
    assert_int_equal(record_counts(h->record)->observed, 1);
    rules.mode = MODE_OBSERVE;
    verdict_set_rules(h->verdict, &rules);
    assert_string_equal(ask(h, "jane@example.org", "", ""), "DUNNO");
    assert_non_null(strstr(last_line, "observe: ref="));
    assert_non_null(strstr(last_line, "action=<550 5.7.1 on first"));
    assert_string_equal(h->ref, ""); /* nobody was refused */
    assert_int_equal(record_counts(h->record)->rejected, 0);
    rules.mode = MODE_ENFORCE;
}

static void test_asked_again_is_logged_once(void **state)
{
    struct house *h = *state;
    char ref[REF_MAX];

    ask(h, "jane@example.org", "ann@example.edu", "");
    snprintf(ref, sizeof ref, "%s", h->ref);
    ask(h, "JANE@example.org", "ann@example.edu", "");
    assert_string_equal(h->ref, ref);
    assert_int_equal(n_lines, 1);
    assert_int_equal(record_counts(h->record)->rejected, 1);
    assert_int_equal(record_counts(h->record)->repeated, 1);
}

static const struct verdict_list_counts *counts_of(const struct house *h, const char *name)
{
    const struct verdict_list_counts *list;

    for (size_t i = 0; (list = verdict_list_counts(h->verdict, i)) != NULL; i++)
        if (strcmp(list->name, name) == 0)
            return list;
    return NULL;
}

static void test_counts_by_list_survive_a_reload(void **state)
{
    static struct verdict_list others[] = {
        {.name = "new", .action = ACTION_REJECT, .reply = "on ${list}"},
        {.name = "watched", .action = ACTION_OBSERVE, .reply = "on ${list}"},
        {.name = "first", .action = ACTION_REJECT, .reply = "on ${list}"},
    };
    struct verdict_rules reloaded = rules;
    struct house *h = *state;

    ask(h, "jane@example.org", "", "");
    ask(h, "jane@example.org", "", ""); /* again: not counted */
    ask(h, "joe@example.org", "", "");
    ask(h, "seen@example.net", "", "");
    ask(h, "vendor@example.org", "", ""); /* an exclusion with list=second */
    ask(h, "jane@example.org", "", "abuse-desk");
    assert_int_equal(counts_of(h, "first")->rejected, 1);
    assert_int_equal(counts_of(h, "first")->excluded, 1);
    assert_int_equal(counts_of(h, "second")->deferred, 1);
    assert_int_equal(counts_of(h, "second")->excluded, 1);
    assert_int_equal(counts_of(h, "watched")->observed, 1);
    assert_string_equal(verdict_list_counts(h->verdict, 0)->name, "local");
    assert_null(verdict_list_counts(h->verdict, 4));

    reloaded.lists = others;
    verdict_set_rules(h->verdict, &reloaded);
    assert_null(counts_of(h, "second"));
    assert_int_equal(counts_of(h, "first")->rejected, 1);
    assert_int_equal(counts_of(h, "watched")->observed, 1);
    assert_int_equal(counts_of(h, "new")->rejected, 0);
    ask(h, "x@deep.worse.example", "", "");
    assert_int_equal(counts_of(h, "first")->rejected, 2);

    verdict_set_rules(h->verdict, &rules); /* one that was away begins anew */
    assert_int_equal(counts_of(h, "second")->deferred, 0);
}

/* What an observing list would have refused is counted as that, though another was freed from. */
static void test_each_recipient_is_counted_once(void **state)
{
    struct house *h = *state;
    const struct record_counts *c = record_counts(h->record);
    static const char text[] = "seen@example.net list=first\njane@example.org list=first,second\n";
    static const char *const recipients[] = {
        "seen@example.net", "seen@example.net",    "jane@example.org", "jane@example.org",
        "x@bad.example",    "x@bad.example",       "x@fine.example",   "no address",
        "joe@example.org",  "y@deep.worse.example"};
    size_t n = sizeof recipients / sizeof recipients[0];

    local_table_free(verdict_set_exclusions(
        h->verdict, local_table_parse(LOCAL_EXCLUSIONS, view_of(text), &rules.addresses, NULL, 0)));
    for (size_t i = 0; i < n; i++)
        ask(h, recipients[i], "", "");
    assert_int_equal(c->excluded, 2);
    assert_int_equal(c->observed, 1);
    assert_int_equal(c->repeated, 2);
    assert_int_equal(c->passed + c->excluded + c->rejected + c->deferred + c->observed +
                         c->unparsed + c->repeated,
                     n);
    const struct histogram *latency = verdict_latency(h->verdict, VERDICT_AT_ONCE);
    assert_int_equal(latency->counts[0], n);
    assert_int_equal(latency->sum_ns, 0); /* the clock stands */
}

static void test_check_leaves_no_trace(void **state)
{
    struct house *h = *state;
    struct question q = {.recipient = view_of("jane@example.org"), .look_only = true};

    verdict_ask(h->verdict, &q, take_answer, h);
    assert_non_null(strstr(h->action, "550 5.7.1 on first"));
    assert_string_equal(h->ref, "");
    assert_int_equal(n_lines, 0);
    assert_int_equal(record_counts(h->record)->rejected, 0);
    assert_int_equal(counts_of(h, "first")->rejected, 0);
    assert_int_equal(verdict_latency(h->verdict, VERDICT_AT_ONCE)->counts[0], 0);
    ask(h, "jane@example.org", "", "");
    assert_int_equal(n_lines, 1);
}

static void test_what_is_no_address_passes(void **state)
{
    struct house *h = *state;
    static const char *const odd[] = {"",       "postmaster",   "user@", "user@a..example.org",
                                      "u@\xff", "a@[192.0.2.1]"};

    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        assert_string_equal(ask(h, odd[i], "", ""), "DUNNO");
    assert_int_equal(record_counts(h->record)->unparsed, 5);
}

static void test_without_any_list(void **state)
{
    struct house *h = *state;

    blocklist_free(verdict_set_blocklist(h->verdict, NULL));
    assert_string_equal(ask(h, "jane@example.org", "", ""), "DUNNO");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

/* A local block is a list as others are, but for its place among equals (rule 7). */
static void test_local_blocks(void **state)
{
    struct house *h = *state;
    static const char text[] = "pays@example.com at=2024-10-05T10:00:00Z\n"
                               "example.org\n"
                               ".bad.example\n"
                               "odd@example.com at=9999999999\n"
                               "over@example.com until=2024-10-01\n";
    static const struct {
        const char *recipient, *action;
    } rows[] = {
        {"Pays+now@example.com", "550 5.7.1 on local as pays@example.com since 2024-10-05"},
        {"john@example.org", "550 5.7.1 on local as example.org since -"},
        {"x@deep.bad.example", "550 5.7.1 on local as .bad.example since -"},
        {"odd@example.com", "550 5.7.1 on local as odd@example.com since -"},
        {"over@example.com", "DUNNO"},
        {"other@example.com", "DUNNO"},
    };

    assert_null(verdict_set_blocks(
        h->verdict, local_table_parse(LOCAL_BLOCKS, view_of(text), &rules.addresses, NULL, 0)));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(ask(h, rows[i].recipient, "ann@example.edu", ""), rows[i].action);
    /* The feed names the address, the block the domain: the more specific decides. */
    assert_non_null(strstr(ask(h, "jane@example.org", "", ""), "on first as jane@example.org"));
    assert_int_equal(h->n_listings, 3);
    assert_string_equal(ask(h, "pays@example.com", "", "abuse-desk"), "DUNNO");

    local_table_free(verdict_set_exclusions(
        h->verdict, local_table_parse(LOCAL_EXCLUSIONS, view_of("pays@example.com list=local\n"),
                                      &rules.addresses, NULL, 0)));
    assert_string_equal(ask(h, "pays@example.com", "", ""), "DUNNO");
    /* Without any feed's list, too. */
    blocklist_free(verdict_set_blocklist(h->verdict, NULL));
    assert_non_null(strstr(ask(h, "jane@example.org", "", ""), "on local as example.org"));
}

static bool covers_big(enum entry_kind kind, struct view key, const void *arg)
{
    (void)arg;
    return kind != ENTRY_ADDRESS && (view_is(key, "big.example") || view_is(key, "example"));
}

/* What the fleet agreed on may cover what is protected here, since that changed later. */
static void test_blocks_of_the_fleet(void **state)
{
    struct house *h = *state;
    static const char text[] = "big.example\n.example\nbob@big.example\n*.big.example\n"
                               ".small.example\n";
    struct verdict_rules reloaded = rules;

    verdict_set_shared(h->verdict, LOCAL_BLOCKS,
                       local_table_parse(LOCAL_BLOCKS, view_of(text), &rules.addresses, NULL, 0));
    assert_non_null(strstr(ask(h, "ann@big.example", "", ""), "local as big.example"));
    assert_non_null(strstr(ask(h, "ann@other.example", "", ""), "local as .example"));
    reloaded.covers_too_much = covers_big;
    verdict_set_rules(h->verdict, &reloaded);
    assert_string_equal(ask(h, "ann@big.example", "", ""), "DUNNO");
    assert_string_equal(ask(h, "ann@other.example", "", ""), "DUNNO");
    assert_non_null(strstr(ask(h, "bob@big.example", "", ""), "local as bob@big.example"));
    assert_non_null(strstr(ask(h, "x@small.example", "", ""), "local as .small.example"));
    /* This site's own are what a person wants here. */
    verdict_set_blocks(h->verdict, local_table_parse(LOCAL_BLOCKS, view_of(".example\n"),
                                                     &rules.addresses, NULL, 0));
    assert_non_null(strstr(ask(h, "ann@big.example", "", ""), "local as .example"));
    verdict_set_rules(h->verdict, &rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_most_specific_listing_decides),
        TEST(test_exclusions_win),
        TEST(test_without_an_instance_each_sender_counts),
        TEST(test_a_refusal_after_an_exclusion_is_told),
        TEST(test_the_last_of_many_lines_of_one_address_frees_too),
        TEST(test_lists_that_are_not_configured_count_for_nothing),
        TEST(test_ages_are_judged_at_look_up),
        TEST(test_more_listings_than_there_is_room_for),
        TEST(test_observing),
        TEST(test_asked_again_is_logged_once),
        TEST(test_counts_by_list_survive_a_reload),
        TEST(test_each_recipient_is_counted_once),
        TEST(test_check_leaves_no_trace),
        TEST(test_what_is_no_address_passes),
        TEST(test_without_any_list),
        TEST(test_local_blocks),
        TEST(test_blocks_of_the_fleet),
    };
    return cmocka_run_group_tests_name("verdict/verdict", tests, NULL, NULL);
}
