/*
 * Merging: the whole table of what can be in base, file and Redis; texts put together; and a fleet
 * of five relays, a Redis that forgets, and persons who edit wherever they like.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fleet/merge.h"
#include "fleet/records.h"

/* ---- the table ------------------------------------------------------------------------------ */

static struct merge_side side(uint64_t version, const char *text)
{
    return (struct merge_side){.version = version, .text = view_of(text)};
}

static const char letters[] = {[MERGE_NOTHING] = '.',
                               [MERGE_TAKE] = 'K',
                               [MERGE_TELL] = 'T',
                               [MERGE_BOTH] = 'B',
                               [MERGE_OFFER] = 'O'};

static void test_table(void **state)
{
    /* Absent; deleted, a, b at version 4, 5 and 6. */
    static const struct {
        uint64_t version;
        const char *base, *file, *expect;
    } rows[] = {
        {0, "", "", ".KKKKKKKKK"},       {0, "", "a\n", "TBKBBKBBKB"},
        {0, "", "b\n", "TBBKBBKBBK"},    {5, "", "", "OOOO.KKKKK"},
        {5, "", "a\n", "TTTTTTTBKB"},    {5, "", "b\n", "TTTTTTTBBK"},
        {5, "a\n", "", "TTTTTTTKBB"},    {5, "a\n", "a\n", "OOOOO.KKKK"},
        {5, "a\n", "b\n", "TTTTTTTBBK"},
    };
    static const char *const texts[] = {"", "a\n", "b\n"};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (unsigned j = 0; j < 10; j++) {
            struct merge_side base = side(rows[i].version, rows[i].base);
            struct merge_side remote =
                j == 0 ? side(0, "") : side(4 + (j - 1) / 3, texts[(j - 1) % 3]);
            char got = letters[merge_decide(&base, view_of(rows[i].file), &remote)];
            if (got != rows[i].expect[j])
                fail_msg("row %zu, column %u: %c, not %c", i, j, got, rows[i].expect[j]);
        }
}

static void test_what_is_absent_has_no_text(void **state)
{
    struct merge_side base = side(0, "left over\n"), remote = side(0, "nil");

    (void)state;
    assert_int_equal(merge_decide(&base, VIEW_NONE, &remote), MERGE_NOTHING);
    assert_int_equal(merge_decide(&base, view_of("left over\n"), &remote), MERGE_TELL);
}

/* Bytes are compared as they are, and a text is below what it begins. */
static void test_equal_versions(void **state)
{
    static const char *const rising[] = {"", "a", "a\n", "a\nb\n", "b", "\x80", "\xff\n"};

    (void)state;
    for (size_t i = 0; i < 7; i++)
        for (size_t j = 0; j < 7; j++) {
            struct merge_side base = side(3, rising[i]), remote = side(3, rising[j]);
            enum merge expect = i < j ? MERGE_TAKE : i > j ? MERGE_OFFER : MERGE_NOTHING;
            assert_int_equal(merge_decide(&base, base.text, &remote), expect);
        }
}

/* An old deletion is a word against what it deleted, and none to who knows nothing of it. */
static void test_old_deletions(void **state)
{
    struct merge_side base = side(5, ""), gone = side(0, ""), before = side(4, "a\n"),
                      after = side(6, "a\n");

    (void)state;
    base.is_old = true;
    assert_int_equal(merge_decide(&base, view_of(""), &gone), MERGE_NOTHING);
    assert_int_equal(merge_decide(&base, view_of(""), &base), MERGE_NOTHING);
    assert_int_equal(merge_decide(&base, view_of(""), &before), MERGE_OFFER);
    assert_int_equal(merge_decide(&base, view_of(""), &after), MERGE_TAKE);
    assert_int_equal(merge_decide(&base, view_of("a\n"), &gone), MERGE_TELL);
}

/* Killed between writing the file and noting the base, or before Redis' answer was read. */
static void test_killed_in_the_middle(void **state)
{
    struct merge_side base = side(5, "old\n"), remote = side(6, "new\n"), gone = side(6, "");

    (void)state;
    assert_int_equal(merge_decide(&base, view_of("new\n"), &remote), MERGE_TAKE);
    assert_int_equal(merge_decide(&base, view_of(""), &gone), MERGE_TAKE);
}

/* ---- lines ---------------------------------------------------------------------------------- */

static void must_make(const char *file, const char *remote, const char *expect)
{
    struct buf out = BUF_INIT(0);

    buf_add_text(&out, "a\n"); /* what was there before is no line of theirs */
    assert_int_equal(merge_lines(view_of(file), view_of(remote), &out), 0);
    assert_string_equal(out.data + 2, expect);
    buf_free(&out);
}

static void test_lines(void **state)
{
    (void)state;
    must_make("a\n", "b\n", "b\na\n");
    must_make("a\n", "a\n", "a\n");
    must_make("a\nb\n", "b\nc\n", "b\nc\na\n");
    must_make("a\na\nb\nb\n", "c\nc\n", "c\na\nb\n");
    must_make("a", "b", "b\na\n");
    must_make("ab\na\n", "a\nabc\n", "a\nabc\nab\n");
    must_make("", "b\n", "");
    must_make("a\n", "", "a\n");
    must_make("a\na", "", "a\na");
    must_make("", "", "");
    must_make("\n", "b\n", "b\n\n");
}

static void test_more_than_fits(void **state)
{
    struct buf file = BUF_INIT(0), remote = BUF_INIT(0), out = BUF_INIT(0);

    (void)state;
    for (unsigned i = 0; file.len + 5 <= RECORD_TEXT_MAX / 2; i++) {
        buf_addf(&file, "%04u\n", i);
        buf_addf(&remote, "%04u\n", 5000 + i);
    }
    assert_int_equal(merge_lines(buf_view(&file), buf_view(&remote), &out), 0);
    assert_int_equal(out.len, file.len * 2);
    buf_clear(&out);
    buf_add_text(&out, "before");
    buf_add_text(&remote, "one more\n");
    assert_int_equal(merge_lines(buf_view(&file), buf_view(&remote), &out), ERR_LIMIT);
    assert_true(view_eq(view_from(buf_view(&out), 6), buf_view(&file)));
    buf_free(&file);
    buf_free(&remote);
    buf_free(&out);
}

/* ---- time ----------------------------------------------------------------------------------- */

#define DAY INT64_C(86400)

static void test_when_deletions_are_old(void **state)
{
    const int64_t now = 1700000000;

    (void)state;
    assert_false(merge_is_old(0, now)); /* it is none */
    assert_false(merge_is_old(now, now));
    assert_false(merge_is_old(now + 1000 * DAY, now));
    assert_false(merge_is_old(now - 90 * DAY, now));
    assert_true(merge_is_old(now - 90 * DAY - 1, now));
    assert_false(merge_is_old(1, 1));
}

static void test_clocks_agree(void **state)
{
    const int64_t now = 1700000000;

    (void)state;
    assert_true(merge_clocks_agree(now, now));
    assert_true(merge_clocks_agree(now + DAY, now) && merge_clocks_agree(now, now + DAY));
    assert_false(merge_clocks_agree(now + DAY + 1, now) || merge_clocks_agree(now, now + DAY + 1));
    assert_false(merge_clocks_agree((int64_t)1 << 40, now) || merge_clocks_agree(now, 0));
}

static void test_who_was_away(void **state)
{
    const int64_t now = 1700000000;

    (void)state;
    assert_false(merge_was_away(0, now)); /* nobody knows */
    assert_false(merge_was_away(now - 89 * DAY, now));
    assert_true(merge_was_away(now - 89 * DAY - 1, now));
    assert_false(merge_was_away(now + 200 * DAY, now));
    /* Whoever was not has seen all that may be forgotten, though it was told a moment later. */
    for (int64_t ago = 0; ago < 200 * DAY; ago += DAY / 8)
        if (merge_is_old(now - ago + DAY / 2, now))
            assert_true(merge_was_away(now - ago, now));
}

static void test_most(void **state)
{
    (void)state;
    assert_false(merge_is_most(0, 0) || merge_is_most(10, 10) || merge_is_most(11, 22));
    assert_true(merge_is_most(11, 11) && merge_is_most(11, 21) && merge_is_most(50001, 100000));
}

/* ---- a fleet -------------------------------------------------------------------------------- */

#define RELAYS 5
#define WHATS  3
#define STEPS  300
#define RUNS   1500
#define LINES  STEPS

struct object {
    uint64_t version; /* 0: absent */
    char text[2048];
    int64_t deleted_at;
};

struct relay {
    struct object base[WHATS];
    uint64_t version; /* the highest of all it ever knew */
    char file[WHATS][2048];
    bool edited[WHATS]; /* by a person, and not told yet */
    bool away, connected;
};

struct redis_model {
    struct object objects[WHATS];
    uint64_t counter;
};

static struct fleet {
    struct relay relays[RELAYS];
    struct redis_model redis, backup;
    struct object highest[WHATS]; /* of all that any relay ever agreed on */
    /* Lines are numbered, and typed once. */
    unsigned n_lines;
    bool told[WHATS][LINES], dropped[WHATS][LINES];
    bool forgets; /* Redis does */
    int64_t now;  /* 0: time stands still, and no deletion gets old */
} f;

static uint64_t seed;
static unsigned seen[5], ties, conflicts;

static unsigned dice(unsigned sides)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 33) % sides;
}

static void set_text(char *to, struct view text)
{
    assert_true(text.len < sizeof f.redis.objects[0].text);
    if (text.len > 0)
        memmove(to, text.ptr, text.len);
    to[text.len] = '\0';
}

static bool has(const char *text, unsigned line)
{
    char words[16];

    snprintf(words, sizeof words, "<%u>\n", line);
    return strstr(text, words) != NULL;
}

static int order(const struct object *a, const struct object *b)
{
    int versions = (a->version > b->version) - (a->version < b->version);

    return versions != 0 ? versions : strcmp(a->text, b->text);
}

/* ---- what relays do ---- */

static uint64_t known(const struct relay *r)
{
    return r->version;
}

static uint64_t raise_counter(uint64_t to)
{
    if (f.redis.counter < to)
        f.redis.counter = to;
    return f.redis.counter;
}

/* What a relay agreed on never sinks. */
static void agree(struct relay *r, unsigned w, const struct object *object)
{
    assert_true(order(object, &r->base[w]) >= 0);
    r->base[w] = *object;
    if (object->version > r->version)
        r->version = object->version;
    if (order(object, &f.highest[w]) > 0)
        f.highest[w] = *object;
}

static void drop_lines(unsigned w, const char *before, const char *after)
{
    for (unsigned line = 0; line < f.n_lines; line++)
        if (has(before, line) && !has(after, line))
            f.dropped[w][line] = true;
}

static void note_told(unsigned w, const char *text)
{
    for (unsigned line = 0; line < f.n_lines; line++)
        if (has(text, line))
            f.told[w][line] = true;
}

static void disturb(const struct relay *busy);

/* Puts PUT where FOUND was; false: Redis has another by now, or the answer was lost. */
static bool compare_and_set(const struct relay *r, unsigned w, const struct object *found,
                            const struct object *put, bool calm)
{
    struct object *now = &f.redis.objects[w];

    if (!calm)
        disturb(r);
    if (order(now, found) != 0) {
        conflicts++;
        return false;
    }
    *now = *put;
    return true;
}

static void tell(struct relay *r, unsigned w, const struct object *found, struct view text,
                 bool calm)
{
    struct object put = {0};

    assert_true(r->edited[w]); /* who was merely away has nothing to say */
    raise_counter(known(r));
    raise_counter(found->version);
    put.version = ++f.redis.counter;
    assert_true(put.version > found->version && put.version > r->base[w].version);
    set_text(put.text, text);
    put.deleted_at = text.len == 0 ? f.now : 0;
    if (!compare_and_set(r, w, found, &put, calm))
        return;
    /* Deleted here and set there: this is the later word on those lines. */
    if (text.len == 0)
        drop_lines(w, found->text, "");
    note_told(w, put.text);
    if (!calm && dice(20) == 0)
        return; /* the answer was lost */
    set_text(r->file[w], view_of(put.text));
    agree(r, w, &put);
    r->edited[w] = false;
}

static void tell_both(struct relay *r, unsigned w, const struct object *found, bool calm)
{
    struct buf both = BUF_INIT(0);

    assert_int_equal(merge_lines(view_of(r->file[w]), view_of(found->text), &both), 0);
    tell(r, w, found, buf_view(&both), calm);
    buf_free(&both);
}

static enum merge sync_one(struct relay *r, unsigned w, bool calm)
{
    struct object found = f.redis.objects[w], base = r->base[w];
    struct merge_side b = side(base.version, base.text), o = side(found.version, found.text);
    b.is_old = merge_is_old(base.deleted_at, f.now);
    enum merge what = merge_decide(&b, view_of(r->file[w]), &o);

    seen[what]++;
    ties += found.version != 0 && found.version == base.version && strcmp(found.text, base.text);
    switch (what) {
    case MERGE_NOTHING:
        r->edited[w] = false; /* edited, and edited back */
        break;
    case MERGE_TAKE:
        set_text(r->file[w], view_of(found.text));
        agree(r, w, &found);
        r->edited[w] = false;
        break;
    case MERGE_TELL:
        tell(r, w, &found, view_of(r->file[w]), calm);
        break;
    case MERGE_BOTH:
        tell_both(r, w, &found, calm);
        break;
    case MERGE_OFFER:
        compare_and_set(r, w, &found, &base, calm);
        break;
    }
    return what;
}

/* Out of Redis and out of the base. */
static void forget_old(struct relay *r, unsigned w)
{
    static const struct object none;

    if (merge_is_old(f.redis.objects[w].deleted_at, f.now))
        f.redis.objects[w] = none;
    if (merge_is_old(r->base[w].deleted_at, f.now))
        r->base[w] = none;
}

/* How many had something to do. */
static unsigned sync_relay(struct relay *r, bool calm)
{
    unsigned busy = 0, first = dice(WHATS);

    if (!r->connected)
        raise_counter(known(r));
    r->connected = true;
    for (unsigned i = 0; i < WHATS; i++)
        busy += sync_one(r, (first + i) % WHATS, calm) != MERGE_NOTHING;
    for (unsigned w = 0; w < WHATS; w++)
        forget_old(r, w);
    return busy;
}

/* ---- what happens to them ---- */

static void edit(struct relay *r)
{
    unsigned w = dice(WHATS), how = dice(4);
    char after[2048], line[16];

    if (f.n_lines == LINES)
        return;
    snprintf(line, sizeof line, "<%u>\n", f.n_lines);
    set_text(after, view_of(how == 0 ? r->file[w] : "")); /* adds, or replaces, or deletes */
    if (how <= 2) {
        set_text(after + strlen(after), view_of(line));
        f.n_lines++;
    }
    drop_lines(w, r->file[w], after);
    r->edited[w] |= strcmp(after, r->file[w]) != 0;
    set_text(r->file[w], view_of(after));
}

static void forget(const struct redis_model *becomes)
{
    static const struct redis_model empty;

    if (!f.forgets)
        return;
    f.redis = becomes == NULL ? empty : *becomes;
    for (unsigned i = 0; i < RELAYS; i++)
        f.relays[i].connected = false;
}

/* Something else happens between a relay's look and its word. */
static void disturb(const struct relay *busy)
{
    static bool within;
    struct relay *other = &f.relays[dice(RELAYS)];

    if (within)
        return;
    within = true;
    if (other != busy && dice(4) == 0)
        sync_one(other, dice(WHATS), false);
    if (dice(40) == 0)
        forget(NULL);
    within = false;
}

static void step(void)
{
    struct relay *r = &f.relays[dice(RELAYS)];
    unsigned what = dice(100);

    if (what < 20) {
        edit(r);
    } else if (what < 25) {
        r->away = dice(3) != 0;
        r->connected &= !r->away;
    } else if (what < 28) {
        forget(NULL);
    } else if (what < 29) {
        forget(&f.backup);
    } else if (what < 31) {
        f.backup = f.redis;
    } else if (!r->away) {
        sync_relay(r, false);
    }
}

/* ---- and what must be so in the end ---- */

static void let_all_sync(void)
{
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0, first = dice(RELAYS); i < RELAYS; i++)
            sync_relay(&f.relays[(first + i) % RELAYS], true);
    for (unsigned i = 0; i < RELAYS; i++)
        assert_int_equal(sync_relay(&f.relays[i], true), 0);
}

static void must_agree(void)
{
    for (unsigned w = 0; w < WHATS; w++) {
        for (unsigned i = 0; i < RELAYS; i++) {
            assert_string_equal(f.relays[i].file[w], f.highest[w].text);
            assert_int_equal(order(&f.relays[i].base[w], &f.highest[w]), 0);
        }
        assert_int_equal(order(&f.redis.objects[w], &f.highest[w]), 0);
    }
}

/* While Redis forgets nothing, what was told stays until somebody who saw it takes it away. */
static void must_have_lost_nothing(void)
{
    for (unsigned w = 0; w < WHATS; w++)
        for (unsigned line = 0; line < f.n_lines; line++)
            if (f.told[w][line] && !f.dropped[w][line] && !has(f.highest[w].text, line))
                fail_msg("what %u, line %u is lost", w, line);
}

static void run(uint64_t number, bool forgets)
{
    memset(&f, 0, sizeof f);
    f.forgets = forgets;
    seed = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
    for (unsigned i = 0; i < STEPS; i++)
        step();
    let_all_sync();
    must_agree();
    if (!forgets)
        must_have_lost_nothing();
}

/* All files are equal in the end: the newest of all that was ever agreed on, deletions too. */
static void test_redis_forgets(void **state)
{
    (void)state;
    memset(seen, 0, sizeof seen);
    ties = conflicts = 0;
    for (uint64_t i = 0; i < RUNS; i++)
        run(i, true);
    for (unsigned i = 0; i < 5; i++)
        assert_true(seen[i] > 100);
    assert_true(ties > 100 && conflicts > 100);
}

static void test_redis_remembers(void **state)
{
    (void)state;
    ties = 0;
    for (uint64_t i = 0; i < RUNS; i++)
        run(RUNS + i, false);
    assert_int_equal(ties, 0);
}

static void person_sets(unsigned relay, const char *text)
{
    set_text(f.relays[relay].file[0], view_of(text));
    f.relays[relay].edited[0] = true;
}

/* Relay 4 was away while something was deleted; Redis is emptied, and it is the first to come. */
static void test_back_from_long_ago(void **state)
{
    (void)state;
    memset(&f, 0, sizeof f);
    f.forgets = true;
    person_sets(0, "<0>\n");
    let_all_sync();
    person_sets(1, "");
    sync_relay(&f.relays[1], true);
    sync_relay(&f.relays[2], true);
    forget(NULL);
    sync_relay(&f.relays[4], true);
    assert_string_equal(f.redis.objects[0].text, "<0>\n");
    sync_relay(&f.relays[2], true);
    assert_string_equal(f.relays[2].file[0], "");
    assert_string_equal(f.redis.objects[0].text, "");
    let_all_sync();
    must_agree();
    assert_string_equal(f.relays[4].file[0], "");
    person_sets(4, "<1>\n"); /* a person who means it */
    let_all_sync();
    must_agree();
    assert_string_equal(f.relays[0].file[0], "<1>\n");
}

/* After 90 days nobody knows of it, Redis neither, and nobody brings it back: not who was away for
 * most of that, and not who joined the day before and learned of it then. */
static void test_deletions_are_forgotten(void **state)
{
    (void)state;
    for (unsigned first = 0; first < RELAYS; first++) {
        memset(&f, 0, sizeof f);
        f.now = 1700000000;
        person_sets(0, "<0>\n");
        for (unsigned i = 0; i < 4; i++)
            sync_relay(&f.relays[i], true);
        f.now += DAY;
        person_sets(1, "");
        sync_relay(&f.relays[1], true);
        sync_relay(&f.relays[2], true);
        f.now += 89 * DAY; /* 0 comes back, 4 is new */
        let_all_sync();
        for (unsigned i = 0; i < RELAYS; i++)
            assert_true(f.relays[i].base[0].version == 2 && f.relays[i].file[0][0] == '\0');
        f.now += DAY + 1;
        for (unsigned i = 0; i < RELAYS; i++) {
            assert_int_equal(sync_relay(&f.relays[(first + i) % RELAYS], true), 0);
            assert_true(f.redis.objects[0].version == 0);
        }
        for (unsigned i = 0; i < RELAYS; i++) {
            assert_int_equal(sync_relay(&f.relays[i], true), 0);
            assert_true(f.relays[i].base[0].version == 0 && f.relays[i].file[0][0] == '\0');
        }
        person_sets(3, "<1>\n"); /* and somebody means it again */
        let_all_sync();
        assert_string_equal(f.relays[4].file[0], "<1>\n");
        assert_true(f.redis.objects[0].version == 3);
    }
}

/* All five edit one WHAT at once, and none knew of the other. */
static void test_all_at_once(void **state)
{
    char line[16];

    (void)state;
    memset(&f, 0, sizeof f);
    for (unsigned i = 0; i < RELAYS; i++) {
        snprintf(line, sizeof line, "<%u>\n", i);
        person_sets(i, line);
    }
    let_all_sync();
    must_agree();
    for (unsigned i = 0; i < RELAYS; i++)
        assert_true(has(f.redis.objects[0].text, i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_what_is_absent_has_no_text),
        cmocka_unit_test(test_equal_versions),
        cmocka_unit_test(test_old_deletions),
        cmocka_unit_test(test_when_deletions_are_old),
        cmocka_unit_test(test_clocks_agree),
        cmocka_unit_test(test_who_was_away),
        cmocka_unit_test(test_most),
        cmocka_unit_test(test_deletions_are_forgotten),
        cmocka_unit_test(test_killed_in_the_middle),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_more_than_fits),
        cmocka_unit_test(test_redis_forgets),
        cmocka_unit_test(test_redis_remembers),
        cmocka_unit_test(test_back_from_long_ago),
        cmocka_unit_test(test_all_at_once),
    };
    seed = 1;
    return cmocka_run_group_tests_name("fleet/merge", tests, NULL, NULL);
}
