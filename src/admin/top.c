/*
 * GET /v1/top: the most refused of the last hour and day, here; with fleet=yes of all relays that
 * share events, counted over the stream in Redis when it is asked for.
 */
#include <stdlib.h>

#include "json.h"
#include "rcptguard/base/clock.h"
#include "request.h"

#define DAY_S 86400

static const char *const names[TOP_KINDS] = {"recipients", "domains", "senders", "lists"};

static json_t *rows_json(const struct record_top_row rows[TOP_ROWS], unsigned n)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < n; i++) {
        json_t *row = json_object();
        json_put(row, "name", json_text(view_of(rows[i].name)));
        json_put(row, "count", json_count(rows[i].count));
        json_array_append_new(array, row);
    }
    return array;
}

/* ---- of this relay -------------------------------------------------------------------------- */

static json_t *span_json(const struct record *record, enum record_span span, int64_t now)
{
    struct record_top_row rows[TOP_ROWS];
    json_t *object = json_object();

    for (int kind = 0; kind < TOP_KINDS; kind++) {
        unsigned n = record_most(record, (enum record_top)kind, span, now, rows);
        json_put(object, names[kind], rows_json(rows, n));
    }
    return object;
}

static void reply_own(struct request *r)
{
    const struct admin_house *house = r->admin->house;
    int64_t now = clock_now();
    json_t *object = json_object();

    /* Counters live in memory: they know nothing of before the start. */
    json_put(object, "since",
             json_time(house->started_at > now - DAY_S ? house->started_at : now - DAY_S));
    json_put(object, "hour", span_json(house->record, TOP_HOUR, now));
    json_put(object, "day", span_json(house->record, TOP_DAY, now));
    request_reply(r, 200, object);
}

/* ---- of all relays -------------------------------------------------------------------------- */

/* It outlives a client that leaves: the fleet calls back exactly once. */
struct counting {
    struct request *request; /* NULL: the client has gone */
};

static json_t *fleet_span_json(const struct fleet_top *top, enum record_span span)
{
    json_t *object = json_object();

    for (int kind = 0; kind < TOP_KINDS; kind++)
        json_put(object, names[kind], rows_json(top->rows[span][kind], top->n[span][kind]));
    return object;
}

static void on_counted(const struct fleet_top *top, const char *problem, void *arg)
{
    struct counting *c = arg;
    struct request *r = c->request;

    free(c);
    if (r == NULL)
        return;
    r->admin->searching--;
    if (problem != NULL && top->events == 0) {
        request_fail(r, 503, "what relays refused cannot be counted: %s", problem);
        return;
    }
    json_t *object = json_object();
    json_put(object, "since", json_time(top->since));
    json_put(object, "events", json_count(top->events));
    json_put(object, "problem", json_text_or_null(view_of(problem)));
    json_put(object, "hour", fleet_span_json(top, TOP_HOUR));
    json_put(object, "day", fleet_span_json(top, TOP_DAY));
    request_reply(r, 200, object);
}

static void on_gone(void *work)
{
    struct counting *c = work;

    c->request->admin->searching--;
    c->request = NULL;
}

static void count_fleet(struct request *r)
{
    struct counting *c = calloc(1, sizeof *c);

    if (c == NULL || fleet_count(r->admin->house->fleet, on_counted, c) != 0) {
        free(c);
        request_reply(r, 500, NULL);
        return;
    }
    c->request = r;
    r->admin->searching++;
    request_wait(r, on_gone, NULL, c);
}

void admin_top(struct request *r)
{
    bool fleet;

    if (!request_fleet(r, &fleet))
        return;
    if (!fleet)
        reply_own(r);
    else if (request_may_search(r))
        count_fleet(r);
}
