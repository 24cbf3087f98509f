/* Settings, memory and the files that outlive the process. */
#include "room.h"

#include <sys/stat.h>
#include <unistd.h>

/* ---- whom zones are asked about ------------------------------------------------------------- */

static void test_what_is_not_asked(void **state)
{
    static const struct address_options options = {.delimiter = "+"};
    struct dnsbl_answer out;

    (void)state;
    make_room_on(1);
    assert_int_equal(of("protected.example"), DNSBL_NOT_ASKED);
    assert_int_equal(of("co.uk"), DNSBL_NOT_ASKED);
    assert_int_equal(of("[192.0.2.1]"), DNSBL_NOT_ASKED);
    assert_int_equal(address_parse(view_of("a@n1.example"), &options, &h->address), ADDRESS_OK);
    const struct dnsbl_question q = {.address = &h->address,
                                     .seen = view_of("a@n1.example"),
                                     .skip = 1,
                                     .asked_ms = h->now_ms,
                                     .deadline_ms = h->now_ms + 1000};
    dnsbl_look(h->dnsbl, &q, NULL, &out);
    assert_int_equal(out.zones[0].word, DNSBL_NOT_ASKED);
    assert_int_equal(fake.n, 0);
}

/* What is remembered of a domain is the same, however often it is looked at and however long it
 * is, and nothing of it outlives the settings. */
static void test_domains_again(void **state)
{
    static const char *const domains[] = {
        "deep.n1.example", "n1.example",
        "a-name-that-is-longer-than-what-is-remembered.deep.below.n1.example"};

    (void)state;
    zones[0].parents = true;
    make_room_on(1);
    for (int turn = 0; turn < 3; turn++) {
        for (size_t i = 0; i < sizeof domains / sizeof *domains; i++)
            assert_int_equal(of(domains[i]), DNSBL_WAITS);
        assert_int_equal(of("protected.example"), DNSBL_NOT_ASKED);
        assert_int_equal(of("deep.protected.example"), DNSBL_WAITS);
        assert_int_equal(of("co.uk"), DNSBL_NOT_ASKED);
    }
    assert_int_equal(asked_of("n1.example"), 1);
    assert_int_equal(asked_of("deep.n1.example"), 1);
    assert_int_equal(asked_of("deep.protected.example"), 1);
    assert_int_equal(asked_of("protected.example"), 0);
    h->config.is_protected = NULL;
    assert_int_equal(dnsbl_configure(h->dnsbl, &h->config, NULL), 0);
    assert_int_equal(of("protected.example"), DNSBL_WAITS);
}

/* ---- memory --------------------------------------------------------------------------------- */

static void test_what_is_over(void **state)
{
    (void)state;
    make_room_on(1);
    list_it("listed.example");
    assert_int_equal(of("clear.example"), DNSBL_WAITS);
    one_says("clear.example", &absent);
    advance(300000);
    /* Clear: it passes at once, and the zone is asked behind it. */
    assert_int_equal(of("clear.example"), DNSBL_CLEAR);
    assert_int_equal(asked_of("clear.example"), 2);
    one_says("clear.example", &listed);
    /* Listed: nobody is refused by what is over. */
    assert_int_equal(of("listed.example"), DNSBL_WAITS);
    one_says("listed.example", &absent);
    assert_int_equal(of("listed.example"), DNSBL_CLEAR);
    assert_true(h->n_changes == 2 && !h->listed);
    answer_probes(&absent);
    assert_int_equal(of("clear.example"), DNSBL_LISTED);
}

/* Who was clear a moment ago is found by one look; that never hides what came since. */
static void test_clear_a_moment_ago(void **state)
{
    (void)state;
    make_room_on(2);
    assert_true(look("jane@clear.example").waits);
    one_says("clear.example", &absent);
    assert_true(look("jane@clear.example").waits); /* the other zone has not answered */
    give(waiting("clear.example.two.bl.test", DNS_A), &absent);
    for (unsigned i = 0; i < 4; i++) {
        struct dnsbl_answer out = look("jane@clear.example");
        assert_false(out.waits);
        assert_int_equal(out.n_zones, 2);
        assert_int_equal(out.zones[0].word, DNSBL_CLEAR);
        assert_int_equal(out.zones[1].word, DNSBL_CLEAR);
    }
    /* What people are shown has all of it. */
    const struct dnsbl_question q = {.address = &h->address,
                                     .seen = view_of("jane@clear.example"),
                                     .all = true,
                                     .asked_ms = h->now_ms,
                                     .deadline_ms = h->now_ms + 1000};
    struct dnsbl_answer out;
    dnsbl_look(h->dnsbl, &q, NULL, &out);
    assert_int_equal(out.zones[1].answered, NOW);
    assert_int_equal(dnsbl_status(h->dnsbl, 0)->memory, 6); /* once before the other answered */
    assert_int_equal(dnsbl_status(h->dnsbl, 1)->memory, 5);

    /* Not beyond what any zone said. */
    advance(299999);
    assert_int_equal(look("jane@clear.example").zones[0].word, DNSBL_CLEAR);
    assert_int_equal(fake.waiting, 0);
    advance(1);
    assert_int_equal(look("jane@clear.example").zones[0].word, DNSBL_CLEAR);
    give(waiting("clear.example.two.bl.test", DNS_A), &listed);
    answer_probes(&absent);
    assert_int_equal(look("jane@clear.example").zones[1].word, DNSBL_LISTED);
}

static void test_clear_a_moment_ago_for_other_zones(void **state)
{
    (void)state;
    make_room_on(1);
    assert_int_equal(word("jane@clear.example"), DNSBL_WAITS);
    one_says("clear.example", &absent);
    assert_int_equal(word("jane@clear.example"), DNSBL_CLEAR);
    struct dnsbl_config fresh = h->config;
    fresh.n_zones = 2;
    assert_int_equal(dnsbl_configure(h->dnsbl, &fresh, NULL), 0);
    assert_int_equal(look("jane@clear.example").zones[1].word, DNSBL_WAITS);
}

/* ---- the watch ------------------------------------------------------------------------------ */

/* Until the watch asks about DOMAIN, which is due; its answer comes at once. */
static void watch_asks(const char *domain)
{
    size_t before = asked_of(domain);

    for (int i = 0; i < 20 && asked_of(domain) == before; i++)
        advance(100);
    assert_int_equal(asked_of(domain), before + 1);
    one_says(domain, &absent);
    answer_probes(&absent);
}

static void test_asked_again_every_hour(void **state)
{
    (void)state;
    make_room_on(1);
    assert_int_equal(of("clear.example"), DNSBL_WAITS);
    one_says("clear.example", &absent);
    advance(HOUR_MS - 1);
    assert_int_equal(asked_of("clear.example"), 1);
    watch_asks("clear.example");
    assert_int_equal(of("clear.example"), DNSBL_CLEAR);

    /* Nobody wrote to it for a day: forgotten. */
    for (int hour = 2; hour < 26; hour++) {
        advance(HOUR_MS - 100);
        watch_asks("clear.example");
        assert_int_equal(dnsbl_status(h->dnsbl, 0)->remembered, 1);
    }
    advance(HOUR_MS + 2000);
    assert_int_equal(dnsbl_status(h->dnsbl, 0)->remembered, 0);
    assert_int_equal(asked_of("clear.example"), 26);
}

/* Ten thousand names that are due at once, as after a start, are asked over minutes. */
static void test_the_watch_asks_a_hundred_a_second(void **state)
{
    char domain[32];

    (void)state;
    make_room_on(1);
    for (int i = 0; i < 900; i++) {
        snprintf(domain, sizeof domain, "n%d.example", i);
        assert_int_equal(of(domain), DNSBL_WAITS);
        one_says(domain, &absent);
    }
    advance(HOUR_MS - 1000);
    size_t before = fake.n, asked = 0;
    for (int tenth = 0; tenth < 30; tenth++) {
        advance(100);
        for (; before < fake.n; before++)
            if (!is_random(fake.asked[before].name)) {
                asked++;
                give(&fake.asked[before], &absent);
            }
    }
    assert_in_range(asked, 150, 220);
    answer_probes(&absent);
    for (int second = 0; second < 15; second++) {
        advance(1000);
        for (; before < fake.n; before++)
            give(&fake.asked[before], &absent);
    }
    for (int i = 0; i < 900; i++) {
        snprintf(domain, sizeof domain, "n%d.example", i);
        assert_int_equal(asked_of(domain), 2);
    }
}

static void test_the_watch_leaves_a_zone_alone_that_is_off(void **state)
{
    (void)state;
    make_room_on(1);
    assert_int_equal(of("clear.example"), DNSBL_WAITS);
    assert_int_equal(of("n1.example"), DNSBL_WAITS);
    one_says("clear.example", &absent);
    one_says("n1.example", &refused);
    assert_int_equal(state_of(0), DNSBL_IS_OFF);
    for (int i = 0; i < 100; i++) {
        advance(HOUR_MS / 50);
        answer_probes(&refused);
    }
    assert_int_equal(asked_of("clear.example"), 1);
}

/* ---- texts ---------------------------------------------------------------------------------- */

static void test_text_is_asked_off_the_way(void **state)
{
    struct dns_answer text = nothing(DNS_RECORDS);

    (void)state;
    make_room_on(1);
    list_it("listed.example");
    assert_null(look("jane@listed.example").zones[0].text);
    text.text_len = (size_t)snprintf(text.text, sizeof text.text, "see example.org");
    give(waiting("listed.example.one.bl.test", DNS_TXT), &text);
    assert_string_equal(look("jane@listed.example").zones[0].text, "see example.org");
    assert_null(waiting("listed.example.one.bl.test", DNS_TXT));
}

/* Who wants to read all of it waits for the text, too. */
static void test_a_person_waits_for_the_text(void **state)
{
    struct dns_answer text = nothing(DNS_RECORDS);
    struct dnsbl_answer out;

    (void)state;
    make_room_on(1);
    list_it("listed.example");
    struct dnsbl_question q = {.address = &h->address,
                               .seen = view_of("someone@listed.example"),
                               .all = true,
                               .asked_ms = h->now_ms,
                               .deadline_ms = h->now_ms + 1000};
    struct dnsbl_wait *w = dnsbl_wait_new(h->dnsbl, called, NULL);
    dnsbl_look(h->dnsbl, &q, w, &out);
    assert_true(out.waits);
    text.text_len = (size_t)snprintf(text.text, sizeof text.text, "see example.org");
    give(waiting("listed.example.one.bl.test", DNS_TXT), &text);
    pump();
    assert_int_equal(h->calls, 1);
    dnsbl_look(h->dnsbl, &q, w, &out);
    assert_false(out.waits);
    assert_string_equal(out.zones[0].text, "see example.org");
    dnsbl_wait_free(w);
}

/* A text that is on its way when its listing goes, or when a reload forgets all questions. */
static void test_texts_whose_listing_goes(void **state)
{
    const char *name = "listed.example.one.bl.test";
    struct dns_answer text = nothing(DNS_RECORDS);

    (void)state;
    text.text_len = (size_t)snprintf(text.text, sizeof text.text, "an old reason");
    make_room_on(1);
    list_it("listed.example");
    struct asked *asked = waiting(name, DNS_TXT);
    assert_non_null(asked);
    advance(300000);
    assert_int_equal(of("listed.example"), DNSBL_WAITS);
    one_says("listed.example", &absent);
    give(asked, &text);
    advance(300000);
    assert_int_equal(of("listed.example"), DNSBL_CLEAR);
    one_says("listed.example", &listed);
    answer_probes(&absent);
    struct dnsbl_answer out = look("jane@listed.example");
    assert_int_equal(out.zones[0].word, DNSBL_LISTED);
    assert_null(out.zones[0].text);

    assert_non_null(waiting(name, DNS_TXT));
    assert_int_equal(dnsbl_configure(h->dnsbl, &h->config, NULL), 0);
    assert_null(waiting(name, DNS_TXT));
    assert_int_equal(of("listed.example"), DNSBL_LISTED); /* asks for it again */
    assert_non_null(waiting(name, DNS_TXT));
}

/* ---- settings ------------------------------------------------------------------------------- */

static void test_settings_change(void **state)
{
    struct dnsbl_zone_config other[] = {zones[1], zones[0]};

    (void)state;
    make_room_on(1);
    list_it("listed.example");
    struct dnsbl_wait *w = dnsbl_wait_new(h->dnsbl, called, NULL);
    assert_true(look_since("jane@clear.example", h->now_ms, w).waits);
    struct dnsbl_config fresh = h->config;
    fresh.zones = other;
    fresh.n_zones = 2;
    assert_int_equal(dnsbl_configure(h->dnsbl, &fresh, NULL), 0);
    pump();
    assert_int_equal(h->calls, 1); /* to look again: its question is gone */
    struct dnsbl_answer out = look("jane@listed.example");
    assert_int_equal(out.zones[1].word, DNSBL_LISTED); /* remembered under its new number */
    assert_int_equal(out.zones[0].word, DNSBL_WAITS);
    assert_string_equal(dnsbl_status(h->dnsbl, 1)->name, "one");
    assert_int_equal(state_of(1), DNSBL_IS_ON);
    assert_int_equal(state_of(0), DNSBL_PROBING);

    other[1].codes = "127.0.1.9";
    fresh.n_zones = 2;
    assert_int_equal(dnsbl_configure(h->dnsbl, &fresh, NULL), 0);
    assert_int_equal(look("jane@listed.example").zones[1].word, DNSBL_WAITS);
    dnsbl_wait_free(w);
}

/* ---- over a restart ------------------------------------------------------------------------- */

struct process {
    char dir[32];
    struct queue *loop;
    struct disk *disk;
};

static void begin_process(struct process *p, unsigned n_zones)
{
    const struct dnsbl_events events = {.changed = take_change};

    memset(&fake, 0, sizeof fake);
    p->loop = queue_new(0);
    p->disk = disk_start(NULL);
    h->dnsbl = dnsbl_new(h->base, &events, NULL);
    dnsbl_load(h->dnsbl, p->dir, 1 << 20);
    h->config = (struct dnsbl_config){.zones = zones,
                                      .n_zones = n_zones,
                                      .servers = "127.0.0.1",
                                      .cache_bytes = 1 << 20,
                                      .max_questions = 1000};
    assert_int_equal(dnsbl_configure(h->dnsbl, &h->config, NULL), 0);
    assert_int_equal(dnsbl_start(h->dnsbl, p->disk, p->loop, NULL), 0);
    pump();
}

/* Without STOPS it is killed: what was handed to the disk is there, and no more. */
static void end_process(struct process *p, bool stops)
{
    if (stops)
        dnsbl_stop(h->dnsbl);
    disk_stop(p->disk);
    queue_run(p->loop);
    dnsbl_free(h->dnsbl);
    h->dnsbl = NULL;
    queue_free(p->loop);
}

static struct process *new_state_dir(struct process *p)
{
    strcpy(p->dir, "/tmp/rcptguard-test.XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    return p;
}

static const char *path_of(const struct process *p, const char *file)
{
    static char path[64];

    snprintf(path, sizeof path, "%s/%s", p->dir, file);
    return path;
}

static void remove_state_dir(const struct process *p)
{
    unlink(path_of(p, "dnsbl.cache"));
    unlink(path_of(p, "dnsbl.doubts"));
    assert_int_equal(rmdir(p->dir), 0);
}

static void test_a_restart(void **state)
{
    struct process p;
    struct stat st;

    (void)state;
    begin_process(new_state_dir(&p), 1);
    answer_probes(&absent);
    list_it("listed.example");
    assert_int_equal(of("unproven.example"), DNSBL_WAITS);
    one_says("unproven.example", &listed);
    end_process(&p, true);
    assert_int_equal(stat(path_of(&p, "dnsbl.cache"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    begin_process(&p, 1);
    assert_int_equal(of("listed.example"), DNSBL_WAITS); /* until it is known that it is well */
    answer_probes(&absent);
    struct dnsbl_answer out = look("jane@listed.example");
    assert_int_equal(out.zones[0].word, DNSBL_LISTED);
    assert_int_equal(out.zones[0].since, NOW);
    assert_int_equal(asked_of("listed.example"), 0);
    assert_int_equal(h->n_changes, 1); /* told by the first process */
    assert_int_equal(of("unproven.example"), DNSBL_WAITS);
    assert_int_equal(asked_of("unproven.example"), 1);
    end_process(&p, true);

    /* Without zones nothing is kept of them. */
    begin_process(&p, 0);
    end_process(&p, true);
    begin_process(&p, 1);
    assert_int_equal(dnsbl_status(h->dnsbl, 0)->remembered, 0);
    end_process(&p, true);
    remove_state_dir(&p);
}

static void test_no_file_without_zones(void **state)
{
    struct process p;

    (void)state;
    begin_process(new_state_dir(&p), 0);
    advance(HOUR_MS);
    end_process(&p, true);
    assert_int_equal(access(path_of(&p, "dnsbl.cache"), F_OK), -1);
    assert_int_equal(access(path_of(&p, "dnsbl.doubts"), F_OK), -1);
    remove_state_dir(&p);
}

/* A zone goes mad, and the process ends before it is well again. The resolver remembers. */
static void test_doubt_outlives_the_process(void **state)
{
    struct dns_answer old = listed;
    struct process p;

    (void)state;
    old.ttl_s = 290;
    for (int stops = 0; stops < 2; stops++) {
        begin_process(new_state_dir(&p), 1);
        answer_probes(&absent);
        go_mad_with("clear.example");
        end_process(&p, stops);
        advance(2000);
        begin_process(&p, 1);
        answer_probes(&absent);
        assert_int_equal(state_of(0), DNSBL_IS_ON);
        advance(3000);
        assert_int_equal(of("n1.example"), DNSBL_WAITS);
        one_says("n1.example", &old);
        assert_int_equal(of("n1.example"), DNSBL_UNPROVEN);
        end_process(&p, stops);

        /* The end of it is known, too. */
        advance(3000);
        begin_process(&p, 1);
        answer_probes(&absent);
        assert_int_equal(of("n2.example"), DNSBL_WAITS);
        one_says("n2.example", &old);
        assert_int_equal(of("n2.example"), DNSBL_UNPROVEN);
        assert_int_equal(of("n3.example"), DNSBL_WAITS);
        one_says("n3.example", &listed);
        answer_probes(&absent);
        assert_int_equal(of("n3.example"), DNSBL_LISTED);
        end_process(&p, stops);
        remove_state_dir(&p);
    }
}

/* Does the file of doubts know a zone, and is that over, or not? */
static bool file_has_doubt(const struct process *p, bool over)
{
    char line[256];
    FILE *file = fopen(path_of(p, "dnsbl.doubts"), "r");
    bool has = false;

    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        has |= line[0] != '#' && (strstr(line, " 0 ") == NULL) == over;
    if (file != NULL)
        fclose(file);
    return has;
}

/* The disk has its own time. */
static void wait_for_doubt(const struct process *p, bool over)
{
    for (int i = 0; i < 10000 && !file_has_doubt(p, over); i++) {
        usleep(1000);
        queue_run(p->loop);
        advance(1);
    }
    assert_true(file_has_doubt(p, over));
}

/* What it listed before it went mad is on disk when the process is killed, and must not come back:
 * neither while the doubt is known, nor when that is over. */
static void test_what_was_forgotten_stays_forgotten(void **state)
{
    struct dns_answer brief = listed;
    struct process p;

    (void)state;
    brief.ttl_s = 10;
    for (int over = 0; over < 2; over++) {
        begin_process(new_state_dir(&p), 1);
        answer_probes(&absent);
        assert_int_equal(of("listed.example"), DNSBL_WAITS);
        one_says("listed.example", &brief);
        answer_probes(&absent);
        assert_int_equal(of("listed.example"), DNSBL_LISTED);
        end_process(&p, true);

        begin_process(&p, 1);
        answer_probes(&absent);
        assert_int_equal(of("listed.example"), DNSBL_LISTED);
        assert_int_equal(of("clear.example"), DNSBL_WAITS);
        one_says("clear.example", &brief);
        answer_probes(&brief);
        assert_int_equal(state_of(0), DNSBL_IS_OFF);
        if (over) {
            come_back();
            wait_for_doubt(&p, true);
            advance(20000);
        }
        end_process(&p, false);

        begin_process(&p, 1);
        answer_probes(&absent);
        assert_int_equal(state_of(0), DNSBL_IS_ON);
        assert_int_equal(dnsbl_status(h->dnsbl, 0)->listed, 0);
        advance(1);
        assert_int_equal(of("listed.example"), DNSBL_WAITS);
        advance(20000); /* then the doubt is over */
        end_process(&p, false);
        begin_process(&p, 1);
        assert_int_equal(dnsbl_status(h->dnsbl, 0)->listed, 0);
        end_process(&p, false);
        remove_state_dir(&p);
    }
}

/* A disk that is full for a moment, right then. */
static void test_doubt_that_could_not_be_written(void **state)
{
    struct process p;

    (void)state;
    begin_process(new_state_dir(&p), 1);
    answer_probes(&absent);
    assert_int_equal(mkdir(path_of(&p, "dnsbl.doubts"), 0700), 0); /* in its place */
    assert_int_equal(of("n1.example"), DNSBL_WAITS);
    one_says("n1.example", &refused); /* off, told to the disk once */
    for (int i = 0; i < 10000 && strstr(h->log, "is not kept") == NULL; i++) {
        usleep(1000);
        queue_run(p.loop);
    }
    assert_non_null(strstr(h->log, "is not kept"));
    assert_int_equal(rmdir(path_of(&p, "dnsbl.doubts")), 0);
    wait_for_doubt(&p, false);
    end_process(&p, false);
    remove_state_dir(&p);
}

static void write_file(const char *path, const char *text, size_t size)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fflush(file), 0);
    if (size > 0)
        assert_int_equal(ftruncate(fileno(file), (off_t)size), 0);
    fclose(file);
}

/* Whatever became of a file, it must not take all memory at the start, nor end it. */
static void test_files_that_are_not_ours(void **state)
{
    struct process p;

    (void)state;
    new_state_dir(&p);
    write_file(path_of(&p, "dnsbl.cache"), "", 3 << 20);
    begin_process(&p, 1);
    assert_non_null(strstr(h->log, "more than 2097152 bytes"));
    answer_probes(&absent);
    list_it("listed.example");
    end_process(&p, true);
    remove_state_dir(&p);
}

/* Nobody knows which zone was mad: for as long as a resolver may remember it, none is believed.
 * That time does not begin anew with each start. */
static void test_doubts_that_are_damaged(void **state)
{
    static const char *const texts[] = {"# fine\nnot at all\n", "",
                                        "# sum of what follows: 0123\n# zones\n"};
    static const char *const words[] = {"line 2 ", "is damaged; ", "is damaged; "};
    struct dns_answer old = listed;
    struct process p;

    (void)state;
    old.ttl_s = 290;
    for (int i = 0; i < 3; i++) {
        new_state_dir(&p);
        write_file(path_of(&p, "dnsbl.doubts"), texts[i], 0);
        *h->log = '\0';
        begin_process(&p, 1);
        assert_non_null(strstr(h->log, words[i]));
        assert_non_null(strstr(h->log, "for 24 h zones refuse nobody"));
        answer_probes(&absent);
        assert_int_equal(of("n1.example"), DNSBL_WAITS);
        one_says("n1.example", &old);
        assert_int_equal(of("n1.example"), DNSBL_UNPROVEN);
        end_process(&p, false);

        advance(23 * HOUR_MS);
        *h->log = '\0';
        begin_process(&p, 1);
        assert_string_equal(h->log, "");
        answer_probes(&absent);
        assert_int_equal(of("n2.example"), DNSBL_WAITS);
        one_says("n2.example", &old);
        assert_int_equal(of("n2.example"), DNSBL_UNPROVEN);
        advance(HOUR_MS);
        answer_probes(&absent);
        list_it("listed.example");
        end_process(&p, false);
        remove_state_dir(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_not_asked),
        TEST(test_domains_again),
        TEST(test_what_is_over),
        TEST(test_clear_a_moment_ago),
        TEST(test_clear_a_moment_ago_for_other_zones),
        TEST(test_asked_again_every_hour),
        TEST(test_the_watch_asks_a_hundred_a_second),
        TEST(test_the_watch_leaves_a_zone_alone_that_is_off),
        TEST(test_text_is_asked_off_the_way),
        TEST(test_a_person_waits_for_the_text),
        TEST(test_texts_whose_listing_goes),
        TEST(test_settings_change),
        TEST(test_a_restart),
        TEST(test_no_file_without_zones),
        TEST(test_doubt_outlives_the_process),
        TEST(test_what_was_forgotten_stays_forgotten),
        TEST(test_doubt_that_could_not_be_written),
        TEST(test_files_that_are_not_ours),
        TEST(test_doubts_that_are_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
