/*
 * GET /v1/events: decisions as they are made, an object a line, without end; with fleet=yes the
 * refusals of all relays that share them. A reader that does not
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
    struct record_watch *watch;      /* NULL: it is the fleet's */
    struct fleet_follower *follower; /* NULL: it is not */
    uint64_t lost;                   /* since the reader was last told */
    int64_t told_ms;                 /* when he was last sent anything */
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

/* Before it is made: is there room? Else it is lost. */
static bool make_room(struct events *e)
{
    if (has_room(e))
        return true;
    e->lost++;
    e->request->admin->events_lost++;
    return false;
}

static void on_decision(const struct record_decision *d, void *arg)
{
    if (make_room(arg))
        tell(arg, decided_json(d));
}

static void on_fleet(const struct fleet_event *event, void *arg)
{
    if (make_room(arg))
        tell(arg, decided_fleet_json(event));
}

/* Nobody should take silence for quiet. */
static void put_redis(const struct events *e, json_t *event)
{
    struct fleet_status status;

    if (e->follower == NULL)
        return;
    fleet_look(e->request->admin->house->fleet, &status);
    json_put(event, "redis", json_string(fleet_state_text(status.state)));
}

static void on_tick(void *work)
{
    struct events *e = work;

    if (!has_room(e) || clock_mono_ms() - e->told_ms < EVENTS_ALIVE_MS)
        return;
    json_t *event = json_object();
    json_put(event, "alive", json_true());
    json_put(event, "time", json_time(clock_now()));
    put_redis(e, event);
    tell(e, event);
}

static void on_gone(void *work)
{
    struct events *e = work;
    struct admin *a = e->request->admin;

    a->streams--;
    record_unwatch(a->house->record, e->watch);
    fleet_unfollow(a->house->fleet, e->follower);
    free(e);
}

static struct events *begin(struct request *r, bool all, bool fleet)
{
    const struct admin_house *house = r->admin->house;
    struct events *e = calloc(1, sizeof *e);

    if (e == NULL)
        return NULL;
    e->request = r;
    e->told_ms = clock_mono_ms();
    if (fleet)
        e->follower = fleet_follow(house->fleet, on_fleet, e);
    else
        e->watch = record_watch(house->record, all, on_decision, e);
    if (e->watch != NULL || e->follower != NULL)
        return e;
    free(e);
    return NULL;
}

void admin_events(struct request *r)
{
    bool all, fleet;

    if (!request_flag(r, "all", &all) || !request_fleet(r, &fleet))
        return;
    if (all && fleet) {
        request_fail(r, 400, "all: relays tell each other of refusals only");
        return;
    }
    if (r->admin->streams >= ADMIN_MAX_STREAMS) {
        request_fail(r, 503, "%d clients watch already; end one of them", ADMIN_MAX_STREAMS);
        return;
    }
    struct events *e = begin(r, all, fleet);
    if (e == NULL) {
        request_reply(r, 500, NULL);
        return;
    }
    r->admin->streams++;
    request_wait(r, on_gone, on_tick, e);
    request_stream(r);
}
