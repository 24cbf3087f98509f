/* When a saved file counts, told as stories with a clock: what was seen at which millisecond. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "base/watch_state.h"

enum { OLD_SIZE = 1000, M = WATCH_MODIFIED, C = WATCH_CLOSED, R = WATCH_REPLACED };

struct step {
    int64_t at_ms;
    int64_t size; /* -1: no file */
    int ino;
    int mtime;
    unsigned events;
    bool told;
    int64_t look_in_ms; /* 0: not checked */
    uint32_t mode;      /* 0: 0644 */
};

struct story {
    const char *name;
    int64_t first_size;
    struct step steps[10];
};

static const struct story stories[] = {
    {"nothing happens", OLD_SIZE, {{5000, 1000, 1, 1, 0, false, 2000, 0}}},
    {"opened for writing and closed untouched", OLD_SIZE, {{0, 1000, 1, 1, C, false, 2000, 0}}},
    {"in place, closed",
     OLD_SIZE,
     {{10, 1100, 1, 2, M | C, true, 2000, 0}, {600, 1100, 1, 2, 0, false, 2000, 0}}},
    {"in place, same size and same clock tick", OLD_SIZE, {{10, 1000, 1, 1, M | C, true, 0, 0}}},
    {"grew, not closed: half a second after the last change",
     OLD_SIZE,
     {{0, 1100, 1, 2, M, false, 500, 0},
      {400, 1200, 1, 3, M, false, 500, 0},
      {899, 1200, 1, 3, 0, false, 1, 0},
      {900, 1200, 1, 3, 0, true, 2000, 0},
      {1000, 1200, 1, 3, C, false, 0, 0}}},
    {"grew without a pause: not for ever",
     OLD_SIZE,
     {{0, 1100, 1, 2, M, false, 0, 0},
      {29600, 1200, 1, 3, M, false, 400, 0},
      {30000, 1300, 1, 4, M, true, 0, 0}}},
    {"truncated, then written, then closed",
     OLD_SIZE,
     {{0, 0, 1, 2, M, false, 2000, 0},
      {2000, 0, 1, 2, 0, false, 2000, 0},
      {2500, 1500, 1, 3, M, false, 2000, 0},
      {9000, 1500, 1, 3, 0, false, 2000, 0},
      {9100, 1500, 1, 3, C, true, 0, 0}}},
    {"truncated and not closed: thirty seconds",
     OLD_SIZE,
     {{0, 0, 1, 2, M, false, 2000, 0},
      {29000, 700, 1, 3, M, false, 1000, 0},
      {30000, 700, 1, 3, 0, true, 0, 0},
      {30100, 700, 1, 3, C, false, 0, 0}}},
    {"emptied and closed",
     OLD_SIZE,
     {{0, 0, 1, 2, M | C, false, 500, 0}, {500, 0, 1, 2, 0, true, 2000, 0}}},
    {"closed, and emptied by the next writer, of whom nothing was heard yet",
     OLD_SIZE,
     {{0, 0, 1, 2, M | C, false, 500, 0},
      {10, 0, 1, 2, M, false, 2000, 0},
      {100, 0, 1, 2, 0, false, 2000, 0},
      {200, 1100, 1, 3, M | C, true, 2000, 0}}},
    {"smaller and closed", OLD_SIZE, {{0, 900, 1, 2, M | C, true, 2000, 0}}},
    {"emptied and closed, and changed again where nothing is heard",
     OLD_SIZE,
     {{0, 0, 1, 2, M | C, false, 500, 0},
      {40, 800, 1, 3, 0, false, 2000, 0},
      {29999, 800, 1, 3, 0, false, 1, 0},
      {30000, 800, 1, 3, 0, true, 0, 0}}},
    {"renamed over, smaller", OLD_SIZE, {{0, 10, 2, 2, R, true, 0, 0}}},
    {"replaced where inotify is silent, larger",
     OLD_SIZE,
     {{0, 2000, 2, 2, 0, false, 500, 0}, {500, 2000, 2, 2, 0, true, 0, 0}}},
    {"replaced where inotify is silent, smaller",
     OLD_SIZE,
     {{0, 10, 2, 2, 0, false, 2000, 0},
      {29999, 10, 2, 2, 0, false, 1, 0},
      {30000, 10, 2, 2, 0, true, 0, 0}}},
    {"deleted: told after a while, once",
     OLD_SIZE,
     {{0, -1, 0, 0, 0, false, 500, 0},
      {500, -1, 0, 0, 0, true, 2000, 0},
      {2500, -1, 0, 0, 0, false, 0, 0}}},
    {"deleted and made again by an editor",
     OLD_SIZE,
     {{0, -1, 0, 0, M, false, 500, 0},
      {100, 0, 2, 2, M, false, 2000, 0},
      {700, 400, 2, 3, M, false, 2000, 0},
      {800, 1010, 2, 4, M | C, true, 0, 0}}},
    {"deleted, told, and made again slowly: its old size is remembered",
     OLD_SIZE,
     {{0, -1, 0, 0, M, false, 500, 0},
      {500, -1, 0, 0, 0, true, 0, 0},
      {5000, 0, 2, 2, M, false, 2000, 0},
      {6000, 300, 2, 3, M, false, 2000, 0},
      {9000, 300, 2, 3, 0, false, 2000, 0},
      {9500, 300, 2, 3, C, true, 0, 0}}},
    {"made where there was none",
     -1,
     {{0, 0, 1, 1, M, false, 500, 0},
      {100, 20, 1, 1, M, false, 500, 0},
      {200, 20, 1, 1, C, true, 0, 0}}},
    {"renamed over, and emptied for the next writer",
     OLD_SIZE,
     {{0, 0, 2, 2, R, false, 500, 0}, {100, 900, 2, 3, M | C, true, 0, 0}}},
    {"an empty one renamed over",
     OLD_SIZE,
     {{0, 0, 2, 2, R, false, 500, 0}, {500, 0, 2, 2, 0, true, 0, 0}}},
    {"permission lost", OLD_SIZE, {{0, 1000, 1, 1, 0, true, 0, 0100000}}},
    {"chmod while it is written",
     OLD_SIZE,
     {{0, 0, 1, 2, M, false, 0, 0},
      {100, 0, 1, 2, 0, false, 0, 0100000},
      {200, 1900, 1, 2, M | C, true, 0, 0100000}}},
};

static struct watch_facts facts_of(const struct step *s)
{
    if (s->size < 0)
        return (struct watch_facts){.error = ENOENT};
    return (struct watch_facts){.exists = true,
                                .ino = (uint64_t)s->ino,
                                .size = s->size,
                                .mtime_ns = s->mtime,
                                .mode = s->mode == 0 ? 0100644 : s->mode};
}

static void test_stories(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof stories / sizeof stories[0]; i++) {
        const struct story *story = &stories[i];
        struct step first = {.size = story->first_size, .ino = 1, .mtime = 1};
        struct watch_facts facts = facts_of(&first);
        struct watch_state s;
        watch_state_start(&s, &facts);
        for (size_t n = 0; n < 10; n++) {
            const struct step *step = &story->steps[n];
            if (step->mtime == 0 && step->size == 0)
                break;
            int64_t look_at = 0;
            facts = facts_of(step);
            bool told = watch_state_look(&s, &facts, step->events, 100000 + step->at_ms, &look_at);
            if (told != step->told)
                fail_msg("%s, step %zu: told %d", story->name, n, told);
            int64_t look_in = look_at - 100000 - step->at_ms;
            if (step->look_in_ms != 0 && look_in != step->look_in_ms)
                fail_msg("%s, step %zu: look in %lld", story->name, n, (long long)look_in);
        }
    }
}

static void test_again(void **state)
{
    struct watch_facts facts = {
        .exists = true, .ino = 1, .size = OLD_SIZE, .mtime_ns = 1, .mode = 0644};
    struct watch_state s;
    int64_t look_at;
    (void)state;

    watch_state_start(&s, &facts);
    watch_state_again(&s);
    assert_true(watch_state_look(&s, &facts, 0, 1000, &look_at));
    assert_int_equal(look_at, 1000 + WATCH_LOOK_MS);
    assert_false(watch_state_look(&s, &facts, 0, 3000, &look_at));

    /* Somebody has begun to write it meanwhile: he is waited for, as ever. */
    watch_state_again(&s);
    facts.size = 10;
    facts.mtime_ns = 2;
    assert_false(watch_state_look(&s, &facts, M, 5000, &look_at));
    assert_false(watch_state_look(&s, &facts, 0, 7000, &look_at));
    facts.size = OLD_SIZE + 10;
    assert_true(watch_state_look(&s, &facts, M | C, 7100, &look_at));
    assert_false(watch_state_look(&s, &facts, 0, 9100, &look_at));

    /* It is away: so it is told, and the next one as ever. */
    watch_state_again(&s);
    facts = (struct watch_facts){.error = ENOENT};
    assert_false(watch_state_look(&s, &facts, 0, 11000, &look_at));
    assert_true(watch_state_look(&s, &facts, 0, look_at, &look_at));
}

static void test_later_events_take_back_earlier_ones(void **state)
{
    (void)state;
    unsigned events = watch_events_add(0, WATCH_MODIFIED);

    events = watch_events_add(events, WATCH_CLOSED);
    assert_int_equal(events, WATCH_MODIFIED | WATCH_CLOSED);
    assert_int_equal(watch_events_add(events, WATCH_MODIFIED), WATCH_MODIFIED);
    assert_int_equal(watch_events_add(WATCH_REPLACED, WATCH_MODIFIED), WATCH_MODIFIED);
    assert_int_equal(watch_events_add(WATCH_MODIFIED, WATCH_REPLACED),
                     WATCH_MODIFIED | WATCH_REPLACED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stories),
        cmocka_unit_test(test_again),
        cmocka_unit_test(test_later_events_take_back_earlier_ones),
    };
    return cmocka_run_group_tests_name("base/watch_state", tests, NULL, NULL);
}
