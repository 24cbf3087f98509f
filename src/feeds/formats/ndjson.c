/*
 * ndjson: a value of JSON a line. The metadata that some publishers put last tell records and
 * bytes of what stands before, so that a copy with a piece missing gives itself away.
 */
#include "json_row.h"

struct ndjson_state {
    struct json_copy copy;
    uint64_t no_records; /* lines with nothing on them, or a comment */
};

static void ndjson_line(const struct feed_reader *r, struct view line, uint64_t number)
{
    struct ndjson_state *s = r->state;
    struct view text = view_trim(line);

    if (s->copy.broken)
        return;
    if (text.len == 0 || text.ptr[0] == '#') {
        s->no_records++;
        feed_comment_tell(r, text);
        return;
    }
    /* By the lines and not one by one: those that were too long to be seen here are records too. */
    const struct json_place place = {number, number - 1 - s->no_records, (int64_t)r->offset};
    json_row_tell(r, &s->copy, text, &place);
}

static bool ndjson_looks(struct view line)
{
    return view_starts(line, "{\"") && line.ptr[line.len - 1] == '}';
}

static const char *const ndjson_keys[] = {"field", "as", NULL};

const struct feed_format feed_format_ndjson = {
    .info = {"ndjson", "{\"MEMBER\":\"ENTRY\",...} or \"ENTRY\"; metadata may come last",
             "the entry in the member that field = names; as = domains: with everything below it",
             ndjson_keys},
    .state_bytes = sizeof(struct ndjson_state),
    .line = ndjson_line,
    .looks = ndjson_looks,
};
