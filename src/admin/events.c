/*
 * GET /v1/events: decisions as they are made, an object a line, without end. A reader that does not
 * keep up loses events and is told how many; the daemon keeps no more than EVENTS_UNSENT for him.
 */
#include <stdlib.h>

#include "decided.h"
#include "json.h"
#include "rcptguard/base/clock.h"
#include "request.h"

#define EVENTS_UNSENT   (256u << 10)
#define EVENTS_ALIVE_MS 15000

struct events {
    struct request *request;
    struct record_watch *watch;
    uint64_t lost;   /* since the reader was last told */
    int64_t told_ms; /* when he was last sent anything */
};

static void tell(struct events *e, json_t *event)
{
    request_chunk(e->request, event);
    e->told_ms = clock_mono_ms();
}

static void tell_lost(struct events *e)
{
    json_t *event = json_object();

    json_put(event, "lost", json_count(e->lost));
    json_put(event, "time", json_time(clock_now()));
    e->lost = 0;
    tell(e, event);
}

/* Is there room for another one? If so, what was lost has been told first. */
static bool has_room(struct events *e)
{
    if (request_unsent(e->request) > EVENTS_UNSENT)
        return false;
    if (e->lost > 0)
        tell_lost(e);
    return true;
}

static void on_decision(const struct record_decision *d, void *arg)
{
    struct events *e = arg;

    if (has_room(e))
        tell(e, decided_json(d));
    else
        e->lost++, e->request->admin->events_lost++;
}

static void on_tick(void *work)
{
    struct events *e = work;

    if (!has_room(e) || clock_mono_ms() - e->told_ms < EVENTS_ALIVE_MS)
        return;
    json_t *event = json_object();
    json_put(event, "alive", json_true());
    json_put(event, "time", json_time(clock_now()));
    tell(e, event);
}

static void on_gone(void *work)
{
    struct events *e = work;
    struct admin *a = e->request->admin;

    a->streams--;
    record_unwatch(a->house->record, e->watch);
    free(e);
}

static struct events *begin(struct request *r, bool all)
{
    struct events *e = calloc(1, sizeof *e);

    if (e == NULL)
        return NULL;
    e->request = r;
    e->told_ms = clock_mono_ms();
    e->watch = record_watch(r->admin->house->record, all, on_decision, e);
    if (e->watch != NULL)
        return e;
    free(e);
    return NULL;
}

void admin_events(struct request *r)
{
    struct view all = view_of("no");

    if (target_get(&r->target, "all", &all) && !view_is(all, "yes") && !view_is(all, "no")) {
        request_fail(r, 400, "all: write yes or no");
        return;
    }
    if (r->admin->streams >= ADMIN_MAX_STREAMS) {
        request_fail(r, 503, "%d clients watch already; end one of them", ADMIN_MAX_STREAMS);
        return;
    }
    struct events *e = begin(r, view_is(all, "yes"));
    if (e == NULL) {
        request_reply(r, 500, NULL);
        return;
    }
    r->admin->streams++;
    request_wait(r, on_gone, on_tick, e);
    request_stream(r);
}
