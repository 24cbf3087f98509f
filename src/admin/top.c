/* GET /v1/top: the most refused of the last hour and day. */
#include "json.h"
#include "rcptguard/base/clock.h"
#include "request.h"

#define DAY_S 86400

static json_t *rows_json(const struct record *record, enum record_top kind, enum record_span span,
                         int64_t now)
{
    struct record_top_row rows[TOP_ROWS];
    unsigned n = record_most(record, kind, span, now, rows);
    json_t *array = json_array();

    for (unsigned i = 0; i < n; i++) {
        json_t *row = json_object();
        json_put(row, "name", json_text(view_of(rows[i].name)));
        json_put(row, "count", json_count(rows[i].count));
        json_array_append_new(array, row);
    }
    return array;
}

static json_t *span_json(const struct record *record, enum record_span span, int64_t now)
{
    static const char *const names[TOP_KINDS] = {"recipients", "domains", "senders", "lists"};
    json_t *object = json_object();

    for (int kind = 0; kind < TOP_KINDS; kind++)
        json_put(object, names[kind], rows_json(record, (enum record_top)kind, span, now));
    return object;
}

void admin_top(struct request *r)
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
