/* Whoever follows the refusals of all relays: new pages of the stream go to the loop as they come.
 */
#include <stdlib.h>

#include "events_read.h"
#include "parts.h"
#include "rcptguard/base/clock.h"

#define FOLLOW_MS 200
#define MORE_MS   20 /* there is more already */

struct fleet_follower {
    fleet_happened *call;
    void *arg;
    struct fleet_follower *next;
};

struct fleet_follower *fleet_follow(struct fleet *f, fleet_happened *call, void *arg)
{
    struct fleet_follower *follower = malloc(sizeof *follower);

    if (follower == NULL)
        return NULL;
    *follower = (struct fleet_follower){call, arg, f->events->followers};
    f->events->followers = follower;
    atomic_store(&f->events->followed, true);
    events_wake(f->events);
    return follower;
}

void fleet_unfollow(struct fleet *f, struct fleet_follower *follower)
{
    if (follower == NULL)
        return;
    struct fleet_follower **at = &f->events->followers;
    while (*at != follower)
        at = &(*at)->next;
    *at = follower->next;
    free(follower);
    atomic_store(&f->events->followed, f->events->followers != NULL);
}

/* On the loop. */
static void show_batch(struct task *task)
{
    struct events_batch *batch = (struct events_batch *)task;

    for (size_t i = 0; i < batch->n; i++)
        for (struct fleet_follower *f = batch->events->followers; f != NULL; f = f->next)
            f->call(&batch->list[i]->shown, f->arg);
    atomic_store(&batch->on_its_way, false);
}

/* Behind the newest; what came while nobody followed is not shown. After a break it goes on where
 * it was, unless the stream began anew. */
static int find_place(struct events *e, struct redis *redis, struct error *why)
{
    struct event_id end = {0, 0}, id;
    struct page p;
    struct view text;
    int rc = page_read(e, redis, "XREVRANGE", "+", "-", 1, &p, why);

    if (rc == 0) {
        if (page_next(&p, &id, &text))
            end = event_id_next(id);
        if (!e->has_place || event_id_is_before(end, e->at))
            e->at = end;
        e->has_place = e->is_placed = true;
    }
    redis_reply_free(p.reply);
    return rc;
}

static void fill_batch(struct events *e, struct page *p)
{
    struct events_batch *batch = &e->batch;
    struct event_id id;
    struct view text;

    for (size_t i = 0; i < batch->n; i++)
        free(batch->list[i]);
    batch->n = 0;
    while (batch->n < EVENTS_PAGE && page_next(p, &id, &text)) {
        struct event *event = events_open_entry(e, id, text);
        if (event != NULL)
            batch->list[batch->n++] = event;
        events_have_seen(e, id);
        e->at = event_id_next(id);
    }
    if (batch->n == 0)
        return;
    batch->task.run = show_batch;
    atomic_store(&batch->on_its_way, true);
    events_post(e, &batch->task);
}

static int follow(struct events *e, struct redis *redis, struct error *why)
{
    struct page p = {.reply = NULL};
    int rc = e->is_placed ? 0 : find_place(e, redis, why);

    if (rc == 0)
        rc = page_read_on(e, redis, e->at, &p, why);
    if (rc == 0)
        fill_batch(e, &p);
    e->follow_ms = clock_mono_ms() + (p.is_last || rc < 0 ? FOLLOW_MS : MORE_MS);
    redis_reply_free(p.reply);
    return rc;
}

int follow_turn(struct events *e, struct redis *redis, struct error *why)
{
    if (!atomic_load(&e->followed)) {
        e->has_place = e->is_placed = false;
        return 0;
    }
    if (redis == NULL) {
        e->is_placed = false;
        return 0;
    }
    if (clock_mono_ms() < e->follow_ms || atomic_load(&e->batch.on_its_way))
        return 0;
    int rc = follow(e, redis, why);
    if (rc == ERR_REFUSED) {
        events_set_problem(e, why);
        e->follow_ms = clock_mono_ms() + EVENTS_AGAIN_MS;
    }
    return rc == ERR_REFUSED ? 0 : rc;
}

int64_t follow_due(const struct events *e)
{
    if (!atomic_load(&e->followed))
        return INT64_MAX;
    int64_t due = e->follow_ms;
    /* It comes back within a turn of the loop. */
    if (atomic_load(&e->batch.on_its_way) && due < clock_mono_ms() + 10)
        due = clock_mono_ms() + 10;
    return due;
}
