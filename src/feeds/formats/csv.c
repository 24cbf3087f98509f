/*
 * csv: RFC 4180. A record ends at a line end outside of quotes, so rows are cut here and not by
 * lines.c; a record that lies whole in its chunk is handed on from there, without a copy.
 *
 * What is quoted is somebody's free text and may hold anything, other people's addresses too. So a
 * record that goes wrong is never looked into for rows: the quotes alone say where the next record
 * begins, and a quote that does not end makes the copy a broken one.
 */
#include <stdio.h>

#include "../parse/waiting.h"
#include "rcptguard/base/buf.h"

enum place {
    RECORD_START, /* nothing but blanks of the record was seen */
    COMMENT,
    CELL_START, /* nothing but blanks of the cell */
    PLAIN,      /* in a cell without quotes, or behind the quotes of one */
    QUOTED,
    QUOTE_SEEN, /* in quotes a quote: the end of them, or the first of two */
};

struct csv_state {
    enum place place;
    char separator;  /* 0: nothing was read yet */
    bool broken;     /* told: what follows is nobody's */
    bool first_seen; /* the first row, which may be a header */
    size_t column;   /* from 1; 0: not known before the header */
    uint64_t lines;  /* ended before the byte under way */
    uint64_t begun;  /* lines ended before the record under way */
    struct buf header;
    struct waiting waiting;
};

/* --- One record -------------------------------------------------------- */

struct cell {
    struct view text; /* in quotes: without them, its "" are still two */
    bool quoted;
};

/* The cells of one record from left to right. */
struct cells {
    struct view rest; /* ptr NULL: the last one was taken */
    char separator;
    const char *fault; /* why the record is none */
};

static bool is_blank(char c, char separator)
{
    return (c == ' ' || c == '\t') && c != separator;
}

static struct view skip_blanks(struct view v, char separator)
{
    while (v.len > 0 && is_blank(v.ptr[0], separator))
        v = view_make(v.ptr + 1, v.len - 1);
    return v;
}

/* The cell in quotes that REST begins with. */
static bool take_quoted(struct cells *c, struct view *text)
{
    struct view rest = c->rest;
    size_t i = 1;

    while (i < rest.len && (rest.ptr[i] != '"' || view_starts(view_from(rest, i), "\"\"")))
        i += rest.ptr[i] == '"' ? 2 : 1;
    if (i >= rest.len) {
        c->fault = "a quote that does not end";
        return false;
    }
    *text = view_make(rest.ptr + 1, i - 1);
    rest = skip_blanks(view_make(rest.ptr + i + 1, rest.len - i - 1), c->separator);
    if (rest.len > 0 && rest.ptr[0] != c->separator) {
        c->fault = "text behind the quotes of a cell";
        return false;
    }
    c->rest = rest.len == 0 ? VIEW_NONE : view_make(rest.ptr + 1, rest.len - 1);
    return true;
}

static bool next_cell(struct cells *c, struct cell *cell)
{
    if (c->rest.ptr == NULL)
        return false;
    c->rest = skip_blanks(c->rest, c->separator);
    cell->quoted = c->rest.len > 0 && c->rest.ptr[0] == '"';
    if (cell->quoted)
        return take_quoted(c, &cell->text);
    view_split(&c->rest, c->separator, &cell->text);
    if (view_find(cell->text, '"') >= 0) {
        c->fault = "a quote in a cell without quotes around it";
        return false;
    }
    return true;
}

/*
 * What the cell says, without blanks around it, each "" made one in COPY. One that is too long for
 * that is left as it is: nothing that long is an entry, and half of it might be one.
 */
static struct view cell_value(const struct cell *cell, char copy[ENTRY_MAX_BYTES])
{
    struct view v = view_trim(cell->text);
    size_t len = 0;

    if (!cell->quoted || v.len > ENTRY_MAX_BYTES || view_find(v, '"') < 0)
        return v;
    for (size_t i = 0; i < v.len; i++) {
        copy[len++] = v.ptr[i];
        if (v.ptr[i] == '"')
            i++;
    }
    return view_make(copy, len);
}

/* Cell number s->column, of a record that is sound as a whole; else *FAULT says why not. */
static bool find_cell(const struct csv_state *s, struct view record, struct cell *found,
                      const char **fault)
{
    struct cells cells = {record, s->separator, NULL};
    struct cell cell;
    size_t n = 0;

    while (next_cell(&cells, &cell))
        if (++n == s->column)
            *found = cell;
    *fault = cells.fault != NULL ? cells.fault : n < s->column ? "has no such column" : NULL;
    return *fault == NULL;
}

static void tell_record(const struct feed_reader *r, const struct csv_state *s, struct view record,
                        uint64_t line)
{
    char copy[ENTRY_MAX_BYTES];
    const char *fault;
    struct cell cell = {.text = VIEW_NONE};

    if (!find_cell(s, record, &cell, &fault)) {
        r->sink->bad(line, record, fault, r->sink->arg);
        return;
    }
    struct view value = cell_value(&cell, copy);
    if (value.len == 0)
        r->sink->bad(line, record, "the cell is empty", r->sink->arg);
    else
        feed_entry_tell(r, value, record, (struct feed_row){.line = line});
}

/* --- The header -------------------------------------------------------- */

/* A number from 1, or 0: a name. */
static size_t column_number(const char *column)
{
    uint64_t number;

    if (column == NULL)
        return 1;
    return view_to_uint(view_of(column), FEED_LINE_MAX, &number) ? (size_t)number : 0;
}

/* The number of the column with this name, 0: none. */
static size_t column_named(const struct csv_state *s, struct view record, const char *name)
{
    struct cells cells = {record, s->separator, NULL};
    char copy[ENTRY_MAX_BYTES];
    struct cell cell;

    for (size_t n = 1; next_cell(&cells, &cell); n++)
        if (view_eq_nocase(cell_value(&cell, copy), view_of(name)))
            return n;
    return 0;
}

/* No entry, or one label: "Domain" is a word here, even though it could be a host's name. */
static bool is_heading(const struct feed_reader *r, struct view cell)
{
    struct entry entry;
    struct error why;
    enum entry_result result = entry_parse(cell, &r->options->addresses, &entry, &why);

    return result == ENTRY_BAD ||
           (result == ENTRY_GOOD && view_find(entry.key, '@') < 0 && view_find(entry.key, '.') < 0);
}

/* Is the first row a header, where the column has a number? */
static bool is_header(const struct feed_reader *r, const struct csv_state *s, struct view record)
{
    char copy[ENTRY_MAX_BYTES];
    const char *fault;
    struct cell cell;

    return find_cell(s, record, &cell, &fault) && is_heading(r, cell_value(&cell, copy));
}

static void tell_no_column(const struct feed_reader *r, uint64_t line)
{
    char why[160];

    snprintf(why, sizeof why, "no column named \"%.100s\"", r->options->column);
    r->sink->broken(line, why, r->sink->arg);
}

static void take_first(const struct feed_reader *r, struct csv_state *s, struct view record,
                       uint64_t line)
{
    bool named = s->column == 0;

    s->first_seen = true;
    if (named)
        s->column = column_named(s, record, r->options->column);
    if (s->column == 0) {
        s->broken = true;
        tell_no_column(r, line);
    } else if (named || is_header(r, s, record)) {
        buf_add_view(&s->header, record);
    } else {
        tell_record(r, s, record, line);
    }
}

static void take_record(const struct feed_reader *r, struct csv_state *s, struct view record)
{
    uint64_t line = s->begun + 1;

    if (record.len > 0 && record.ptr[record.len - 1] == '\r')
        record.len--;
    if (view_find(record, '\0') >= 0)
        r->sink->bad(line, record, "holds a NUL byte", r->sink->arg);
    else if (s->place == COMMENT)
        feed_comment_tell(r, record);
    else if (view_trim(record).len == 0)
        return;
    else if (!s->first_seen)
        take_first(r, s, record, line);
    /* Lists are put together from several files, each with its header. */
    else if (s->header.len == 0 || !view_eq(record, buf_view(&s->header)))
        tell_record(r, s, record, line);
}

/* --- Bytes into records ------------------------------------------------ */

/* The record under way ends with PART. */
static void finish_record(const struct feed_reader *r, struct csv_state *s, struct view part)
{
    struct view record;

    if (waiting_end(&s->waiting, r->sink, s->begun + 1, part, &record))
        take_record(r, s, record);
    s->place = RECORD_START;
    s->begun = s->lines;
}

/* Where the byte behind C lies. */
static enum place next_place(const struct csv_state *s, char c)
{
    switch (s->place) {
    case COMMENT:
        return COMMENT;
    case QUOTED:
        return c == '"' ? QUOTE_SEEN : QUOTED;
    case QUOTE_SEEN:
        if (c == '"')
            return QUOTED;
        break;
    case RECORD_START:
        if (c == '#')
            return COMMENT;
        /* fall through */
    case CELL_START:
        if (c == '"')
            return QUOTED;
        if (is_blank(c, s->separator))
            return s->place;
        break;
    case PLAIN:
        break;
    }
    return c == s->separator ? CELL_START : PLAIN;
}

static void csv_bytes(const struct feed_reader *r, struct view bytes)
{
    struct csv_state *s = r->state;
    size_t begin = 0;

    if (s->separator == '\0') {
        s->separator = r->options->separator == '\0' ? ',' : r->options->separator;
        s->column = column_number(r->options->column);
    }
    for (size_t i = 0; i < bytes.len && !s->broken; i++) {
        char c = bytes.ptr[i];
        s->lines += c == '\n';
        if (c != '\n' || s->place == QUOTED) {
            s->place = next_place(s, c);
            continue;
        }
        finish_record(r, s, view_make(bytes.ptr + begin, i - begin));
        begin = i + 1;
    }
    if (!s->broken)
        waiting_add(&s->waiting, r->sink, s->begun + 1, view_from(bytes, begin));
}

static void csv_end(const struct feed_reader *r)
{
    struct csv_state *s = r->state;

    if (!s->broken && s->place == QUOTED)
        r->sink->broken(s->begun + 1, "a quote that begins here does not end", r->sink->arg);
    else if (!s->broken && s->waiting.len > 0)
        finish_record(r, s, VIEW_NONE);
    buf_free(&s->header);
}

/* --- What it looks like ------------------------------------------------ */

static bool is_name(struct view cell)
{
    return view_find_any(cell, ".@") >= 0 && view_find_any(cell, " =/:|*\"'") < 0;
}

/* Two cells in quotes side by side, or a name before two commas. An array of JSON that is written
 * line by line has a comma at the end of each; rules of adblock have their signs. */
static bool csv_looks(struct view line)
{
    struct view rest = line, first;
    size_t cells = 0;

    if (line.ptr[line.len - 1] == ',' || view_find_any(line, "#$^|[{") >= 0 ||
        feed_format_aper.looks(line))
        return false;
    if (line.ptr[0] == '"')
        return memmem(line.ptr, line.len, "\",", 2) != NULL ||
               memmem(line.ptr, line.len, "\";", 2) != NULL;
    view_split(&rest, ',', &first);
    for (struct view cell; view_split(&rest, ',', &cell);)
        cells++;
    return cells >= 2 && is_name(first);
}

static const char *const csv_keys[] = {"column", "separator", "as", NULL};

const struct feed_format feed_format_csv = {
    .info = {"csv", "RFC 4180: CELL,CELL,\"CELL\"...; a header, # comments",
             "the entry in one column; as = domains: with everything below it", csv_keys},
    .state_bytes = sizeof(struct csv_state),
    .bytes = csv_bytes,
    .end = csv_end,
    .looks = csv_looks,
};
