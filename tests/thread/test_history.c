/*
 * A worker that swaps without a pause and a loop that asks all the time and notes changes of a DNS
 * zone, with the disk thread in between, which writes those beside the worker; segments come and go
 * while they are read. Each answer must be one that is true of some moment: changes of a key in
 * turn, and never back in time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rcptguard/record.h"

#define SWAPS       400
#define ENTRIES     1500
#define DEADLINE_MS 60000
#define ZONE_KEY    2

struct house {
    struct history *history;
    atomic_uint swapped;
    unsigned answers, with_changes, with_notes;
};

static struct blocklist *make(unsigned turn)
{
    struct blocklist_builder *b = blocklist_builder_new(ENTRIES);
    char name[32];

    for (unsigned l = 0; l < 2; l++) {
        struct blocklist_list list = {.accepted_at = 1};
        snprintf(list.name, sizeof list.name, "list%u", l);
        memcpy(list.copy, &turn, sizeof turn);
        blocklist_builder_list(b, &list, NULL);
    }
    for (unsigned i = 0; i < ENTRIES; i++) {
        snprintf(name, sizeof name, "n%u-%u.example", turn, i);
        blocklist_builder_add(b, ENTRY_DOMAIN, view_of(name), 0, 0, NULL);
    }
    blocklist_builder_add(b, ENTRY_DOMAIN, view_of(turn % 2 ? "odd" : "even"), 1, 0, NULL);
    return blocklist_builder_finish(b, NULL);
}

static void *run_worker(void *arg)
{
    struct house *h = arg;
    struct blocklist *old = NULL;

    for (unsigned turn = 0; turn < SWAPS; turn++) {
        struct blocklist *made = make(turn);
        history_swap(h->history, old, made, 1000 + turn);
        /* A reload now and then. */
        history_configure(h->history, 86400, turn % 50 == 0 ? 1 << 18 : 1 << 19);
        blocklist_free(old);
        old = made;
        atomic_fetch_add(&h->swapped, 1);
    }
    blocklist_free(old);
    return NULL;
}

static void on_found(const struct history_change *changes, size_t n, int64_t since, void *arg)
{
    struct house *h = arg;
    bool seen[3] = {false, false, false}, last[3] = {false, false, false};
    bool noted = false;

    assert_true(since <= 1000 + SWAPS);
    h->answers++;
    h->with_changes += n > 0;
    for (size_t i = 0; i < n; i++) {
        const struct history_change *c = &changes[i];
        assert_true(c->key < 3 && c->time >= 1000 && c->time <= 1000 + SWAPS);
        assert_true(i == 0 || c->time >= changes[i - 1].time);
        assert_string_equal(c->list, c->key == ZONE_KEY ? "zone" : "list1");
        assert_true(c->key == ZONE_KEY || c->added == ((c->time + c->key) % 2 == 0));
        noted |= c->key == ZONE_KEY;
        assert_true(!seen[c->key] || last[c->key] != c->added);
        seen[c->key] = true;
        last[c->key] = c->added;
    }
    h->with_notes += noted;
}

static void test_swap_while_find(void **state)
{
    struct house h = {.answers = 0};
    char dir[] = "/tmp/rcptguard-history.XXXXXX", command[64];
    const struct history_config config = {dir, 86400, 1 << 19};
    const struct history_key keys[] = {{ENTRY_DOMAIN, view_of("even")},
                                       {ENTRY_DOMAIN, view_of("odd")},
                                       {ENTRY_TREE, view_of("zone.example")}};
    pthread_t worker;

    (void)state;
    assert_non_null(mkdtemp(dir));
    struct disk *disk = disk_start(NULL);
    struct queue *loop = queue_new(0);
    h.history = history_new(&config, NULL);
    assert_true(disk != NULL && loop != NULL && h.history != NULL);
    assert_int_equal(pthread_create(&worker, NULL, run_worker, &h), 0);
    for (unsigned asked = 0; atomic_load(&h.swapped) < SWAPS || asked < 3; asked++) {
        struct pollfd fd = {.fd = queue_fd(loop), .events = POLLIN};
        for (int i = 0; i < 2; i++)
            history_note(h.history, disk, "zone", keys[ZONE_KEY].kind, keys[ZONE_KEY].key, i == 0,
                         1000 + atomic_load(&h.swapped));
        assert_int_equal(history_find(h.history, disk, loop, keys, 3, on_found, &h), 0);
        while (h.answers <= asked) {
            assert_int_equal(poll(&fd, 1, DEADLINE_MS), 1);
            queue_run(loop);
        }
    }
    pthread_join(worker, NULL);
    assert_true(h.with_changes > 0 && h.with_notes > 0);
    /* And the end comes while searches are under way. */
    for (int i = 0; i < 4; i++) {
        history_note(h.history, disk, "zone", ENTRY_DOMAIN, view_of("last"), true, 1000 + SWAPS);
        assert_int_equal(history_find(h.history, disk, loop, keys, 3, on_found, &h), 0);
    }
    history_stop(h.history);
    disk_stop(disk);
    queue_run(loop);
    history_free(h.history);
    queue_free(loop);
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_swap_while_find),
    };
    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
