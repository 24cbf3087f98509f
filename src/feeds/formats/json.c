/*
 * json: one array, as a file or as a single line of 200 MB. It is cut into its elements here, so
 * that no more than one of them is ever in memory, and jansson sees only that one. Between the
 * elements the grammar is kept to the letter: an array that does not end is a copy cut short.
 */
#include "../parse/waiting.h"
#include "json_row.h"

enum place {
    BEFORE,  /* the array */
    FIRST,   /* an element, or the end of an empty array */
    ELEMENT, /* one must come */
    INSIDE,  /* of an element */
    BEHIND,  /* an element: a comma, or the end */
    AFTER,   /* the array */
};

struct json_state {
    struct json_copy copy;
    enum place place;
    bool in_string;    /* of the element under way */
    bool in_escape;    /* behind a backslash in it */
    size_t depth;      /* brackets of the element that are open */
    uint64_t line;     /* from 0 */
    uint64_t begun;    /* line on which the element began */
    uint64_t elements; /* before it */
    struct waiting waiting;
};

/* --- One element ------------------------------------------------------- */

static void finish_element(const struct feed_reader *r, struct json_state *s)
{
    const struct json_place place = {s->begun + 1, s->elements, -1};
    struct view value;

    if (waiting_end(&s->waiting, r->sink, place.line, VIEW_NONE, &value))
        json_row_tell(r, &s->copy, value, &place);
    else if (s->copy.trailer)
        json_broken(r, &s->copy, place.line, "something follows its metadata");
    s->place = BEHIND;
    s->elements++;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* How many bytes of BYTES belong to the element; *ENDS: the last of them is its last. */
static size_t scan_string(struct json_state *s, struct view bytes, bool *ends)
{
    size_t i = 0;

    while (i < bytes.len && s->in_string) {
        char c = bytes.ptr[i++];
        s->line += c == '\n';
        if (s->in_escape)
            s->in_escape = false;
        else if (c == '\\')
            s->in_escape = true;
        else if (c == '"')
            s->in_string = false;
    }
    *ends = !s->in_string && s->depth == 0;
    return i;
}

/* Outside of strings. A number or a word ends before a byte that is no part of it. */
static size_t scan_rest(struct json_state *s, struct view bytes, bool *ends)
{
    size_t i = 0;

    for (; i < bytes.len && !s->in_string && !*ends; i++) {
        char c = bytes.ptr[i];
        if (s->depth == 0 && s->waiting.len + i > 0 && (is_blank(c) || c == ',' || c == ']')) {
            *ends = true;
            break;
        }
        s->line += c == '\n';
        if (c == '"')
            s->in_string = true;
        else if (c == '[' || c == '{')
            s->depth++;
        else if ((c == ']' || c == '}') && s->depth > 0)
            *ends = --s->depth == 0;
    }
    return i;
}

static struct view take_element(const struct feed_reader *r, struct json_state *s,
                                struct view bytes)
{
    bool ends = false;
    size_t n = s->in_string ? scan_string(s, bytes, &ends) : scan_rest(s, bytes, &ends);

    waiting_add(&s->waiting, r->sink, s->begun + 1, view_first(bytes, n));
    if (ends)
        finish_element(r, s);
    return view_from(bytes, n);
}

/* --- Between elements -------------------------------------------------- */

static const char *fault_before(char c)
{
    if (c == '{')
        return "an object, and not an array of entries (for an object a line: format = ndjson)";
    return "not an array, which begins with [";
}

static const char *fault_of_element(char c)
{
    if (c == ',')
        return "a comma without an element before it";
    return c == ']' ? "a comma without an element behind it" : NULL;
}

/* What C does between elements; NULL, or why the array is none. */
static const char *step(struct json_state *s, char c)
{
    switch (s->place) {
    case BEFORE:
        s->place = FIRST;
        return c == '[' ? NULL : fault_before(c);
    case FIRST:
        if (c == ']') {
            s->place = AFTER;
            return NULL;
        }
        /* fall through */
    case ELEMENT:
        s->place = INSIDE;
        s->begun = s->line;
        return fault_of_element(c);
    case BEHIND:
        s->place = c == ',' ? ELEMENT : AFTER;
        return c == ',' || c == ']' ? NULL : "no comma between two elements";
    case INSIDE:
    case AFTER:
        break;
    }
    return "something follows the array";
}

static struct view take_between(const struct feed_reader *r, struct json_state *s,
                                struct view bytes)
{
    char c = bytes.ptr[0];

    s->line += c == '\n';
    if (is_blank(c))
        return view_from(bytes, 1);
    const char *why = step(s, c);
    if (why != NULL)
        json_broken(r, &s->copy, s->line + 1, why);
    return s->place == INSIDE ? bytes : view_from(bytes, 1);
}

static void json_bytes(const struct feed_reader *r, struct view bytes)
{
    struct json_state *s = r->state;

    while (bytes.len > 0 && !s->copy.broken)
        bytes = s->place == INSIDE ? take_element(r, s, bytes) : take_between(r, s, bytes);
}

static void json_end(const struct feed_reader *r)
{
    struct json_state *s = r->state;

    if (s->copy.broken || s->place == AFTER)
        return;
    json_broken(r, &s->copy, s->line + 1,
                s->place == BEFORE ? "there is no array" : "the array does not end");
}

/* Its own line, or one of many: an array that is written with an element a line. */
static bool json_looks(struct view line)
{
    char last = line.ptr[line.len - 1];

    if (line.ptr[0] == '[') /* "[Adblock Plus]" is none */
        return line.len == 1 || view_find(view_of("\"{ \t"), line.ptr[1]) >= 0;
    if (view_starts(line, "{\""))
        return last != '}';
    /* "d", and nothing else between the quotes: a row of CSV has more cells */
    return line.ptr[0] == '"' && last == ',' && line.len > 3 && line.ptr[line.len - 2] == '"' &&
           view_find(view_make(line.ptr + 1, line.len - 3), '"') < 0;
}

static const char *const json_keys[] = {"field", "as", NULL};

const struct feed_format feed_format_json = {
    .info = {"json", "[\"ENTRY\",...] or [{\"MEMBER\":\"ENTRY\",...},...]",
             "the entry, or with field = the one in that member; as = domains: with everything "
             "below it",
             json_keys},
    .state_bytes = sizeof(struct json_state),
    .bytes = json_bytes,
    .end = json_end,
    .looks = json_looks,
    .one_piece = true,
};
