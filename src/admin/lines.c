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

/* Added to the number of a line of the fleet's file, in `from` and `next`: one listing goes over
 * both files, this site's own first. No file has so many lines (LOCAL_MAX_FILE_BYTES). */
#define SHARED_FROM (UINT64_C(1) << 31)

static json_t *lists_json(struct view lists)
{
    json_t *array = json_array();
    struct view name;

    if (lists.len > 0)
        while (view_split(&lists, ',', &name))
            json_array_append_new(array, json_text(name));
    return array;
}

/* What one answer holds so far. */
struct page {
    json_t *object, *array;
    enum local_kind kind;
    const struct protect *protect;
    uint64_t from;
    size_t bytes;
    bool full;
};

static json_t *line_json(const struct page *p, const struct local_line *e, int64_t now)
{
    json_t *object = json_object();

    json_put(object, "what", json_text(e->what));
    json_put(object, "line", json_count(e->line));
    json_put(object, "shared", json_boolean(e->shared));
    if (p->kind == LOCAL_EXCLUSIONS)
        json_put(object, "list", lists_json(e->lists));
    else
        json_put(object, "protected",
                 json_boolean(e->shared && protect_covers(p->protect, e->kind, e->key)));
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

static void put_lines(struct page *p, const struct local_table *table, uint64_t offset)
{
    size_t n = local_table_count(table);
    int64_t now = clock_now();

    for (size_t i = 0; i < n && !p->full; i++) {
        const struct local_line *e = local_table_at(table, i);
        if (e->line + offset < p->from)
            continue;
        p->full = json_array_size(p->array) == SHOWN_LINES || p->bytes >= SHOWN_BYTES;
        if (p->full) {
            json_put(p->object, "next", json_count(e->line + offset));
            break;
        }
        json_array_append_new(p->array, line_json(p, e, now));
        p->bytes += bytes_of(e);
    }
}

static void show(struct request *r, enum local_kind kind, const char *file,
                 const struct local_table *table)
{
    const struct admin_house *house = r->admin->house;
    struct page page = {.kind = kind, .protect = house->protect};
    struct view text;

    if (target_get(&r->target, "from", &text) && !view_to_uint(text, UINT32_MAX, &page.from)) {
        request_fail(r, 400, "from: must be the number of a line");
        return;
    }
    page.object = json_object();
    page.array = json_array();
    json_put(page.object, "file", json_text(view_of(file)));
    if (house->shared[kind].file != NULL)
        json_put(page.object, "shared_file", json_text(view_of(house->shared[kind].file)));
    json_put(page.object, local_kind_text(kind), page.array);
    put_lines(&page, table, 0);
    put_lines(&page, verdict_shared(house->verdict, kind), SHARED_FROM);
    json_put(page.object, "errors", status_errors_json(table));
    request_reply(r, 200, page.object);
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
