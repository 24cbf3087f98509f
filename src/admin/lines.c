/*
 * GET /v1/exclusions and /v1/blocks: the lines in force, those that are over too. A file of any
 * size must not hold up the loop, nor fill the memory for clients that do not read: so much at
 * once, the rest is asked for with ?from=.
 */
#include "json.h"
#include "rcptguard/base/clock.h"
#include "request.h"
#include "status.h"

#define SHOWN_LINES 10000
#define SHOWN_BYTES (1u << 20)

static json_t *lists_json(struct view lists)
{
    json_t *array = json_array();
    struct view name;

    if (lists.len > 0)
        while (view_split(&lists, ',', &name))
            json_array_append_new(array, json_text(name));
    return array;
}

static json_t *line_json(enum local_kind kind, const struct local_line *e, int64_t now)
{
    json_t *object = json_object();

    json_put(object, "what", json_text(e->what));
    json_put(object, "line", json_count(e->line));
    if (kind == LOCAL_EXCLUSIONS)
        json_put(object, "list", lists_json(e->lists));
    json_put(object, "until", json_text_or_null(e->until_text));
    json_put(object, "ticket", json_text_or_null(e->ticket));
    json_put(object, "by", json_text_or_null(e->by));
    json_put(object, "at", json_text_or_null(e->at));
    json_put(object, "note", json_text_or_null(e->note));
    json_put(object, "expired", json_boolean(e->until < now));
    return object;
}

static size_t bytes_of(const struct local_line *e)
{
    return e->what.len + e->lists.len + e->until_text.len + e->ticket.len + e->by.len + e->at.len +
           e->note.len;
}

static void put_lines(json_t *object, enum local_kind kind, const struct local_table *table,
                      uint64_t from)
{
    json_t *array = json_array();
    size_t n = local_table_count(table), shown = 0, bytes = 0;
    int64_t now = clock_now();

    json_put(object, local_kind_text(kind), array);
    for (size_t i = 0; i < n; i++) {
        const struct local_line *e = local_table_at(table, i);
        if (e->line < from)
            continue;
        if (shown == SHOWN_LINES || bytes >= SHOWN_BYTES) {
            json_put(object, "next", json_count(e->line));
            break;
        }
        json_array_append_new(array, line_json(kind, e, now));
        shown++;
        bytes += bytes_of(e);
    }
}

static void show(struct request *r, enum local_kind kind, const char *file,
                 const struct local_table *table)
{
    struct view text;
    uint64_t from = 0;
    json_t *object;

    if (target_get(&r->target, "from", &text) && !view_to_uint(text, UINT32_MAX, &from)) {
        request_fail(r, 400, "from: must be the number of a line");
        return;
    }
    object = json_object();
    json_put(object, "file", json_text(view_of(file)));
    put_lines(object, kind, table, from);
    json_put(object, "errors", status_errors_json(table));
    request_reply(r, 200, object);
}

void admin_exclusions(struct request *r)
{
    const struct admin_house *house = r->admin->house;

    show(r, LOCAL_EXCLUSIONS, house->exclusions_file, verdict_exclusions(house->verdict));
}

void admin_blocks(struct request *r)
{
    const struct admin_house *house = r->admin->house;

    show(r, LOCAL_BLOCKS, house->blocks_file, verdict_blocks(house->verdict));
}
