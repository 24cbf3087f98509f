/*
 * Verdicts that hang on DNS zones, with a room of zones that the test answers for: what is asked,
 * whose listing decides, what waits, and what happens meanwhile.
 */
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

#define NOW    1800000000
#define NOW_MS 5000000

/* ---- the zones ------------------------------------------------------------------------------ */

static struct {
    struct dnsbl_answer answer;
    struct dnsbl_question asked; /* the last look's, without what it points to */
    char seen[64];
    unsigned looks;
    struct dnsbl_wait *hooked; /* given to the last look that waits */
    unsigned n_waits;
    bool no_memory;
} fake;

struct dnsbl_wait {
    void (*call)(void *arg);
    void *arg;
};

struct dnsbl_wait *dnsbl_wait_new(struct dnsbl *d, void (*call)(void *arg), void *arg)
{
    struct dnsbl_wait *w = fake.no_memory ? NULL : malloc(sizeof *w);

    (void)d;
    if (w == NULL)
        return NULL;
    *w = (struct dnsbl_wait){call, arg};
    fake.n_waits++;
    return w;
}

void dnsbl_wait_free(struct dnsbl_wait *w)
{
    if (w == NULL)
        return;
    fake.n_waits--;
    if (fake.hooked == w)
        fake.hooked = NULL;
    free(w);
}

void dnsbl_look(struct dnsbl *d, const struct dnsbl_question *q, struct dnsbl_wait *w,
                struct dnsbl_answer *out)
{
    bool in_time = clock_mono_ms() < q->deadline_ms;

    (void)d;
    fake.looks++;
    fake.asked = *q;
    snprintf(fake.seen, sizeof fake.seen, "%.*s", (int)q->seen.len, q->seen.ptr);
    *out = fake.answer;
    out->waits = false;
    for (unsigned i = 0; i < out->n_zones; i++) {
        if (out->zones[i].word == DNSBL_WAITS && !in_time)
            out->zones[i].word = DNSBL_LATE;
        out->waits |= out->zones[i].word == DNSBL_WAITS;
        out->zones[i].key = q->address->domain;
    }
    if (out->waits && w != NULL)
        fake.hooked = w;
}

static void say(unsigned zone, enum dnsbl_word word)
{
    fake.answer.zones[zone] = (struct dnsbl_found){
        .word = word,
        .kind = ENTRY_DOMAIN,
        .answer = {127, 0, 1, 2},
        .since = NOW - 60,
        .text = "why",
    };
}

static void wake(void)
{
    struct dnsbl_wait *w = fake.hooked;

    assert_non_null(w);
    fake.hooked = NULL;
    w->call(w->arg);
}

/* ---- the verdict ---------------------------------------------------------------------------- */

static struct verdict_list lists[] = {
    {.name = "feed", .action = ACTION_REJECT, .reply = "on ${list}"},
};

static struct verdict_zone zones[] = {
    {.name = "one", .action = ACTION_REJECT, .reply = "zone ${list} as ${entry} since ${date}"},
    {.name = "two", .action = ACTION_DEFER, .reply = "zone ${list}"},
    {.name = "watched", .action = ACTION_OBSERVE, .reply = "zone ${list}"},
};
#define ZONES (sizeof zones / sizeof zones[0])

static const struct verdict_rules rules = {
    .deadline_ms = 1000,
    .contact = "help@example.org",
    .local_reply = "on ${list}",
    .addresses = {.delimiter = "+"},
    .lists = lists,
    .n_lists = 1,
    .zones = zones,
    .n_zones = ZONES,
};

static struct house {
    struct record *record;
    struct verdict *verdict;
    char action[ACTION_MAX];
    unsigned calls, n_listings;
    bool zones_shown;
    char line[LOG_LINE_BYTES]; /* the last of the log */
} *h;

static void take_line(enum log_level level, const char *line, void *arg)
{
    (void)arg;
    assert_true(level > LOG_LEVEL_WARNING);
    snprintf(h->line, sizeof h->line, "%s", line);
}

static void exclude(const char *text)
{
    local_table_free(verdict_set_exclusions(
        h->verdict, local_table_parse(LOCAL_EXCLUSIONS, view_of(text), &rules.addresses, NULL, 0)));
}

static int set_up(void **state)
{
    struct blocklist_builder *b = blocklist_builder_new(4);
    struct blocklist_list list = {.name = "feed", .accepted_at = NOW};

    (void)state;
    memset(&fake, 0, sizeof fake);
    fake.answer.n_zones = ZONES;
    for (unsigned i = 0; i < ZONES; i++)
        say(i, DNSBL_CLEAR);
    clock_set(NOW, NOW_MS);
    log_set_sink(take_line, NULL);
    log_set_level(LOG_LEVEL_INFO);
    h = calloc(1, sizeof *h);
    h->record = record_new();
    h->verdict = verdict_new(h->record, NULL);
    verdict_set_rules(h->verdict, &rules);
    assert_int_equal(blocklist_builder_list(b, &list, NULL), 0);
    assert_true(blocklist_builder_add(b, ENTRY_DOMAIN, view_of("bad.example"), 0, 0, NULL) >= 0);
    verdict_set_blocklist(h->verdict, blocklist_builder_finish(b, NULL));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    verdict_free(h->verdict);
    record_free(h->record);
    assert_int_equal(fake.n_waits, 0);
    free(h);
    log_set_sink(NULL, NULL);
    clock_set(-1, -1);
    return 0;
}

static void take_answer(const struct answer *a, void *arg)
{
    (void)arg;
    h->calls++;
    snprintf(h->action, sizeof h->action, "%s", a->action);
    h->n_listings = a->n_listings;
    h->zones_shown = a->zones != NULL;
}

static struct verdict_wait *ask_as(const char *recipient, const char *sender, bool look_only)
{
    /* On the heap and gone at once: who waits must have a copy. */
    char *words[] = {strdup(recipient), strdup(sender), strdup("login"), strdup("1.2.3.4")};
    const struct question q = {
        .recipient = view_of(words[0]),
        .sender = view_of(words[1]),
        .sasl_username = view_of(words[2]),
        .instance = view_of(words[3]),
        .look_only = look_only,
    };
    struct verdict_wait *w = verdict_ask(h->verdict, &q, take_answer, NULL);

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        free(words[i]);
    return w;
}

static struct verdict_wait *ask(const char *recipient)
{
    return ask_as(recipient, "ann@example.edu", false);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void test_what_memory_decides_is_not_asked(void **state)
{
    static const struct {
        const char *recipient, *sender, *exclusions, *action;
    } rows[] = {
        {"jane@bad.example", "", "", "550 5.7.1 on feed"},
        {"jane@free.example", "", "free.example\n", "DUNNO"},
        {"jane@clear.example", "abuse@example.edu", "sender:abuse@example.edu\n", "DUNNO"},
        {"jane@clear.example", "", "login:login\n", "DUNNO"},
        {"no address", "", "", "DUNNO"},
    };

    (void)state;
    say(0, DNSBL_LISTED);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        exclude(rows[i].exclusions);
        assert_null(ask_as(rows[i].recipient, rows[i].sender, false));
        assert_string_equal(h->action, rows[i].action);
        assert_false(h->zones_shown);
    }
    assert_int_equal(fake.looks, 0);
}

static void test_the_first_listing_decides(void **state)
{
    static const struct {
        enum dnsbl_word words[ZONES];
        const char *action;
        unsigned n_listings;
    } rows[] = {
        {{DNSBL_CLEAR, DNSBL_CLEAR, DNSBL_CLEAR}, "DUNNO", 0},
        {{DNSBL_LISTED, DNSBL_LISTED, DNSBL_CLEAR},
         "550 5.7.1 zone one as n.example since 2027-01-15",
         2},
        {{DNSBL_CLEAR, DNSBL_LISTED, DNSBL_LISTED}, "450 4.7.1 zone two", 2},
        {{DNSBL_OFF, DNSBL_LATE, DNSBL_LISTED}, "DUNNO", 1},
        {{DNSBL_NOT_ASKED, DNSBL_NOT_ASKED, DNSBL_NOT_ASKED}, "DUNNO", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (unsigned zone = 0; zone < ZONES; zone++)
            say(zone, rows[i].words[zone]);
        assert_null(ask("jane@n.example"));
        assert_string_equal(h->action, rows[i].action);
        assert_int_equal(h->n_listings, rows[i].n_listings);
        assert_true(h->zones_shown);
    }
    assert_int_equal(record_counts(h->record)->late, 1);
    assert_int_equal(record_counts(h->record)->rejected, 1);
    assert_int_equal(record_counts(h->record)->observed, 1);
}

static void test_what_the_zones_are_asked(void **state)
{
    (void)state;
    exclude("jane@n.example list=one,watched\n");
    ask("Jane+tag@N.Example");
    assert_string_equal(fake.seen, "Jane+tag@N.Example");
    assert_int_equal(fake.asked.skip, 1 << 0 | 1 << 2);
    assert_int_equal(fake.asked.deciding, 1 << 1);
    assert_false(fake.asked.all);
    assert_int_equal(fake.asked.asked_ms, NOW_MS);
    assert_int_equal(fake.asked.deadline_ms, NOW_MS + 1000);
    exclude("");
    ask_as("jane@n.example", "", true);
    assert_int_equal(fake.asked.skip, 0);
    assert_int_equal(fake.asked.deciding, 1 << 0 | 1 << 1);
    assert_true(fake.asked.all);
}

static void test_a_refusal_says_what_the_zone_said(void **state)
{
    (void)state;
    say(0, DNSBL_LISTED);
    ask("jane@n.example");
    assert_non_null(strstr(h->line, " list=one "));
    assert_non_null(strstr(h->line, " evidence=<127.0.1.2 since 2027-01-15T07:59:00Z>"));
}

static void test_waits_and_is_answered(void **state)
{
    (void)state;
    say(0, DNSBL_WAITS);
    assert_non_null(ask("jane@n.example"));
    assert_int_equal(h->calls, 0);
    assert_int_equal(verdict_waiting(h->verdict), 1);
    assert_int_equal(record_counts(h->record)->passed, 0); /* nothing is recorded before the end */

    /* Another question has the work space meanwhile. */
    ask("joe@bad.example");
    assert_int_equal(h->calls, 1);

    clock_set(NOW, NOW_MS + 400);
    wake(); /* not what it waits for */
    assert_int_equal(h->calls, 1);
    assert_int_equal(fake.asked.asked_ms, NOW_MS); /* its time goes on, and does not begin anew */
    say(0, DNSBL_LISTED);
    wake();
    assert_int_equal(h->calls, 2);
    assert_string_equal(h->action, "550 5.7.1 zone one as n.example since 2027-01-15");
    assert_string_equal(fake.seen, "jane@n.example");
    assert_non_null(strstr(h->line, "to=<jane@n.example> from=<ann@example.edu>"));
    assert_int_equal(verdict_waiting(h->verdict), 0);
    assert_int_equal(fake.n_waits, 0);
    assert_int_equal(verdict_latency(h->verdict, VERDICT_AT_ONCE)->counts[0], 1);
    assert_int_equal(verdict_latency(h->verdict, VERDICT_WAITED)->sum_ns, 400 * CLOCK_NS_A_MS);
}

static void test_the_deadline_passes(void **state)
{
    (void)state;
    say(0, DNSBL_WAITS);
    say(1, DNSBL_WAITS);
    assert_non_null(ask("jane@n.example"));
    clock_set(NOW, NOW_MS + 1000);
    wake();
    assert_string_equal(h->action, "DUNNO");
    assert_int_equal(record_counts(h->record)->late, 1);
    assert_int_equal(record_counts(h->record)->passed, 1);
}

/* It is asked again from its beginning: what somebody decided meanwhile counts. */
static void test_tables_change_while_it_waits(void **state)
{
    (void)state;
    say(0, DNSBL_WAITS);
    assert_non_null(ask("jane@n.example"));
    exclude("n.example\n");
    say(0, DNSBL_LISTED);
    wake();
    assert_string_equal(h->action, "DUNNO");
    assert_false(h->zones_shown);

    /* And so does a reload that takes the zones out. */
    struct verdict_rules none = rules;
    none.n_zones = 0;
    exclude("");
    say(0, DNSBL_WAITS);
    assert_non_null(ask("jane@n.example"));
    verdict_set_rules(h->verdict, &none);
    wake();
    assert_int_equal(h->calls, 2);
    assert_string_equal(h->action, "DUNNO");
}

static void test_who_asked_is_gone(void **state)
{
    (void)state;
    say(0, DNSBL_WAITS);
    struct verdict_wait *first = ask("jane@n.example"), *second = ask("joe@n.example");
    assert_int_equal(verdict_waiting(h->verdict), 2);
    verdict_forget(first);
    assert_int_equal(verdict_waiting(h->verdict), 1);
    verdict_forget(second);
    assert_int_equal(fake.n_waits, 0);
    assert_int_equal(h->calls, 0);
    assert_non_null(ask("jack@n.example")); /* and one is left for verdict_free */
}

/* Without memory to wait in it passes, and at once. */
static void test_no_memory_to_wait(void **state)
{
    (void)state;
    fake.no_memory = true;
    say(0, DNSBL_WAITS);
    assert_null(ask("jane@n.example"));
    assert_int_equal(h->calls, 1);
    assert_string_equal(h->action, "DUNNO");
    assert_int_equal(record_counts(h->record)->late, 1);
}

/* `check` leaves no trace. */
static void test_looking_only(void **state)
{
    (void)state;
    say(0, DNSBL_LISTED);
    say(1, DNSBL_LATE);
    assert_null(ask_as("jane@n.example", "", true));
    assert_string_equal(h->action, "550 5.7.1 zone one as n.example since 2027-01-15");
    assert_string_equal(h->line, "");
    assert_int_equal(record_counts(h->record)->late, 0);
    assert_int_equal(record_counts(h->record)->rejected, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_memory_decides_is_not_asked),
        TEST(test_the_first_listing_decides),
        TEST(test_what_the_zones_are_asked),
        TEST(test_a_refusal_says_what_the_zone_said),
        TEST(test_waits_and_is_answered),
        TEST(test_the_deadline_passes),
        TEST(test_tables_change_while_it_waits),
        TEST(test_who_asked_is_gone),
        TEST(test_no_memory_to_wait),
        TEST(test_looking_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
