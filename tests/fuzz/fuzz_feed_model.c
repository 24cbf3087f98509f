/*
 * Feeds of the formats that most lists come in, against a plain reading of the same bytes: entries,
 * domains, aper with its cleared list, and csv. The first byte chooses the format, the second its
 * settings. What is compared is what is said of each line: entry, kind, date and type, or that it
 * is bad, about nothing, or for the whole world.
 */
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "feeds/parse/format.h"
#include "model.h"
#include "rcptguard/base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define EVENTS_MAX 8192
#define INPUT_MAX  4000 /* nothing is too long by itself */

enum what { ROW, BAD, IGNORED, ROOT, BROKEN, ANYTHING };

struct event {
    enum what what;
    uint64_t line;
    enum entry_kind kind;
    size_t key_at, key_len;
    int32_t date;
    unsigned types;
};

struct events {
    struct event all[EVENTS_MAX];
    size_t count;
    struct buf keys;
    bool given_up; /* the model cannot tell what the rest means */
};

static struct events parsed, expected;

static struct event *add(struct events *e, enum what what, uint64_t line)
{
    must(e->count < EVENTS_MAX);
    e->all[e->count] = (struct event){.what = what, .line = line};
    return &e->all[e->count++];
}

static void add_row(struct events *e, uint64_t line, enum entry_kind kind, struct view key,
                    int32_t date, unsigned types)
{
    struct event *event = add(e, ROW, line);

    event->kind = kind;
    event->key_at = e->keys.len;
    event->key_len = key.len;
    event->date = date;
    event->types = types;
    must(buf_add_view(&e->keys, key) == 0);
}

/* ---- what the parser says ---------------------------------------------------------------------
 */

static void on_row(const struct feed_row *row, void *arg)
{
    must(row->effect == LISTING_BLOCKS);
    add_row(arg, row->line, row->kind, row->key, row->date, row->types);
}

static void on_root(uint64_t line, void *arg)
{
    add(arg, ROOT, line);
}

static void on_bad(uint64_t line, struct view text, const char *why, void *arg)
{
    (void)text;
    must(why[0] != '\0');
    add(arg, BAD, line);
}

static void on_ignored(uint64_t line, void *arg)
{
    add(arg, IGNORED, line);
}

static void on_claim(enum feed_claim claim, int64_t value, void *arg)
{
    (void)claim;
    (void)value;
    (void)arg;
}

static void on_broken(uint64_t line, const char *why, void *arg)
{
    must(why[0] != '\0');
    add(arg, BROKEN, line);
}

static void parse(const struct feed_format *format, const struct feed_options *options,
                  struct view bytes)
{
    const struct feed_sink sink = {on_row,   on_root,   on_bad, on_ignored,
                                   on_claim, on_broken, &parsed};
    struct feed_parser *p = feed_parser_new(format, options, &sink);

    must(p != NULL);
    feed_parser_chunk(p, bytes);
    feed_parser_end(p);
}

/* ---- entries of each format -------------------------------------------------------------------
 */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct view trim(struct view v)
{
    while (v.len > 0 && memchr(" \t\r\n", v.ptr[0], 4) != NULL)
        v = view_make(v.ptr + 1, v.len - 1);
    while (v.len > 0 && memchr(" \t\r\n", v.ptr[v.len - 1], 4) != NULL)
        v.len--;
    return v;
}

/* Up to one of SIGNS at the start or behind a blank. */
static struct view without_comment(struct view line, const char *signs)
{
    for (size_t i = 0; i < line.len; i++)
        if (line.ptr[i] != '\0' && strchr(signs, line.ptr[i]) != NULL &&
            (i == 0 || is_blank(line.ptr[i - 1])))
            return view_first(line, i);
    return line;
}

static void tell(enum model_result result, const struct model_entry *e, uint64_t line, int32_t date,
                 unsigned types)
{
    static const enum what whats[] = {
        [MODEL_GOOD] = ROW, [MODEL_ROOT] = ROOT, [MODEL_BAD] = BAD, [MODEL_UNSURE] = ANYTHING};

    if (result == MODEL_GOOD)
        add_row(&expected, line, e->kind, model_view(&e->key), date, types);
    else
        add(&expected, whats[result], line);
}

static struct model_entry entry;

/* The domain and all below it, however it is written. */
static void tell_domain(struct view name, uint64_t line)
{
    name = trim(name);
    if (name.len == 0) {
        add(&expected, BAD, line);
        return;
    }
    if (view_starts(name, "*."))
        name = view_from(name, 2);
    else if (view_starts(name, "."))
        name = view_from(name, 1);
    enum model_result result =
        model_is_unsure(name) ? MODEL_UNSURE : model_name_entry(name, ENTRY_TREE, &entry);
    if (result == MODEL_GOOD && view_find(model_view(&entry.key), '.') < 0)
        add(&expected, IGNORED, line);
    else
        tell(result, &entry, line, 0, 0);
}

static void read_entries_line(struct view line, uint64_t number, const struct feed_options *o)
{
    struct view what = trim(without_comment(line, "#"));

    if (what.len == 0)
        return;
    enum model_result result = model_entry(what, &o->addresses, &entry);
    if (result == MODEL_GOOD && entry.kind == ENTRY_BELOW && o->apex)
        entry.kind = ENTRY_TREE;
    tell(result, &entry, number, 0, 0);
}

static void read_domains_line(struct view line, uint64_t number, const struct feed_options *o)
{
    struct view name = trim(without_comment(trim(line), "#;"));

    (void)o;
    if (name.len > 0 && name.ptr[0] != '!')
        tell_domain(name, number);
}

/* Days since 1970; 0: no day that counts. */
static int32_t read_day(struct view text)
{
    char digits[9] = "";
    struct tm tm = {.tm_hour = 12};

    if (text.len != 8 || !model_only(text, "0123456789"))
        return 0;
    memcpy(digits, text.ptr, 8);
    int number = atoi(digits);
    tm.tm_year = number / 10000 - 1900;
    tm.tm_mon = number / 100 % 100 - 1;
    tm.tm_mday = number % 100;
    const struct tm asked = tm;
    time_t at = timegm(&tm);
    bool is_day =
        tm.tm_year == asked.tm_year && tm.tm_mon == asked.tm_mon && tm.tm_mday == asked.tm_mday;
    return is_day && at >= 86400 && at / 86400 <= 65535 ? (int32_t)(at / 86400) : 0;
}

static unsigned read_types(struct view text)
{
    unsigned types = 0;

    if (!model_only(text, "ABCDE"))
        return 0;
    for (unsigned i = 0; i < 5; i++)
        types |= view_find(text, (char)('A' + i)) >= 0 ? 1u << i : 0;
    return types;
}

static void read_aper(struct view line, uint64_t number, const struct feed_options *o, bool cleared)
{
    struct view rest = trim(without_comment(line, "#")), fields[3], field;
    size_t n = 0;

    if (rest.len == 0)
        return;
    while (view_split(&rest, ',', &field)) {
        if (n < 3)
            fields[n] = trim(field);
        n++;
    }
    bool good = n == 3 || (n == 2 && cleared);
    int32_t date = good ? read_day(fields[n - 1]) : 0;
    unsigned types = n == 3 ? read_types(fields[1]) : 0;
    if (!good || date == 0 || (n == 3 && types == 0)) {
        add(&expected, BAD, number);
        return;
    }
    enum model_result result = model_entry(fields[0], &o->addresses, &entry);
    if (result == MODEL_ROOT || (result == MODEL_GOOD && entry.kind != ENTRY_ADDRESS))
        result = MODEL_BAD;
    tell(result, &entry, number, date, cleared ? 0 : types);
}

static void read_aper_line(struct view line, uint64_t number, const struct feed_options *o)
{
    read_aper(line, number, o, false);
}

static void read_cleared_line(struct view line, uint64_t number, const struct feed_options *o)
{
    read_aper(line, number, o, true);
}

typedef void read_line(struct view line, uint64_t number, const struct feed_options *o);

static void read_lines(read_line *read, struct view bytes, const struct feed_options *o)
{
    struct view line;

    for (uint64_t number = 1; bytes.len > 0 && view_split(&bytes, '\n', &line); number++) {
        if (view_find(line, '\0') >= 0)
            add(&expected, BAD, number);
        else
            read(line, number, o);
    }
}

/* ---- csv --------------------------------------------------------------------------------------
 */

struct record {
    struct view bytes;       /* without its line end */
    struct buf cells;        /* each with a NUL behind it */
    size_t n_cells, n_sound; /* SOUND: before the first with a fault */
    uint64_t line;
    bool comment, faulty, endless;
};

static void end_cell(struct record *r)
{
    buf_add(&r->cells, "", 1);
    r->n_cells++;
    r->n_sound += !r->faulty;
}

/* The cell that REST begins with, and its separator; *MORE: there was one. */
static struct view read_cell(struct record *r, struct view rest, char separator, bool *more)
{
    while (rest.len > 0 && is_blank(rest.ptr[0]) && rest.ptr[0] != separator)
        rest = view_from(rest, 1);
    bool quoted = view_starts(rest, "\""), closed = false;
    size_t i = quoted;
    for (; i < rest.len && quoted && !closed; i++) {
        bool is_quote = rest.ptr[i] == '"';
        closed = is_quote && (i + 1 == rest.len || rest.ptr[i + 1] != '"');
        if (!closed)
            buf_add(&r->cells, rest.ptr + i, 1);
        i += is_quote && !closed;
    }
    r->endless = quoted && !closed;
    for (; i < rest.len && rest.ptr[i] != separator && rest.ptr[i] != '\n'; i++) {
        bool line_end = rest.ptr[i] == '\r' && (i + 1 == rest.len || rest.ptr[i + 1] == '\n');
        r->faulty = r->faulty || (quoted && !line_end && !is_blank(rest.ptr[i])) ||
                    rest.ptr[i] == '"' || rest.ptr[i] == '\0';
        if (!quoted && !line_end)
            buf_add(&r->cells, rest.ptr + i, 1);
    }
    end_cell(r);
    *more = i < rest.len && rest.ptr[i] == separator;
    return view_from(rest, *more ? i + 1 : i);
}

static struct view cell_at(const struct record *r, size_t number)
{
    const char *at = r->cells.data;

    while (--number > 0)
        at += strlen(at) + 1;
    return trim(view_of(at));
}

static bool is_blank_record(const struct record *r)
{
    return trim(r->bytes).len == 0;
}

/* Takes the first record off *REST. */
static void read_record(struct record *r, struct view *rest, char separator)
{
    struct view begin = *rest;
    bool more = true;

    while (rest->len > 0 && is_blank(rest->ptr[0]))
        *rest = view_from(*rest, 1);
    r->comment = view_starts(*rest, "#");
    while (r->comment && rest->len > 0 && rest->ptr[0] != '\n')
        *rest = view_from(*rest, 1);
    while (!r->comment && more)
        *rest = read_cell(r, *rest, separator, &more);
    r->bytes = view_first(begin, begin.len - rest->len);
    *rest = view_from(*rest, 1);
    if (r->bytes.len > 0 && r->bytes.ptr[r->bytes.len - 1] == '\r')
        r->bytes.len--;
}

struct csv {
    const struct feed_options *options;
    bool begun;
    size_t column; /* 0: by name */
    struct view header;
};

static void read_row(const struct csv *c, const struct record *r)
{
    if (r->faulty || r->n_cells < c->column || cell_at(r, c->column).len == 0)
        add(&expected, BAD, r->line);
    else if (c->options->as_domains)
        tell_domain(cell_at(r, c->column), r->line);
    else
        tell(model_entry(cell_at(r, c->column), &c->options->addresses, &entry), &entry, r->line, 0,
             0);
}

/* Is the first row a header, where the column has a number? */
static bool is_header(const struct csv *c, const struct record *r)
{
    if (r->faulty || r->n_cells < c->column)
        return false;
    enum model_result result = model_entry(cell_at(r, c->column), &c->options->addresses, &entry);
    expected.given_up = result == MODEL_UNSURE;
    return expected.given_up || result == MODEL_BAD ||
           (result == MODEL_GOOD && entry.kind != ENTRY_ADDRESS &&
            view_find(model_view(&entry.key), '.') < 0);
}

static void read_first(struct csv *c, const struct record *r)
{
    bool named = c->column == 0;

    c->begun = true;
    for (size_t i = r->n_sound; named && i > 0; i--)
        if (view_eq_nocase(cell_at(r, i), view_of(c->options->column)))
            c->column = i;
    if (c->column == 0)
        add(&expected, BROKEN, r->line);
    else if (named || is_header(c, r))
        c->header = r->bytes;
    else
        read_row(c, r);
}

static void take_record(struct csv *c, const struct record *r)
{
    if (r->endless)
        add(&expected, BROKEN, r->line);
    else if (view_find(r->bytes, '\0') >= 0)
        add(&expected, BAD, r->line);
    else if (r->comment || is_blank_record(r))
        return;
    else if (!c->begun)
        read_first(c, r);
    else if (c->header.len == 0 || !view_eq(r->bytes, c->header))
        read_row(c, r);
}

static bool is_broken(void)
{
    return expected.given_up ||
           (expected.count > 0 && expected.all[expected.count - 1].what == BROKEN);
}

static void read_csv(struct view bytes, const struct feed_options *o)
{
    struct csv c = {.options = o, .column = o->column == NULL ? 1 : (size_t)atoi(o->column)};
    uint64_t line = 1;

    while (bytes.len > 0 && !is_broken()) {
        struct record r = {.line = line, .cells = BUF_INIT(0)};
        struct view rest = bytes;
        read_record(&r, &rest, o->separator == 0 ? ',' : o->separator);
        take_record(&c, &r);
        for (size_t i = 0; i < bytes.len - rest.len; i++)
            line += bytes.ptr[i] == '\n';
        bytes = rest;
        buf_free(&r.cells);
    }
}

/* -----------------------------------------------------------------------------------------------
 */

static void compare(void)
{
    for (size_t i = 0; i < expected.count; i++) {
        const struct event *e = &expected.all[i], *p = &parsed.all[i];
        must(i < parsed.count && p->line == e->line);
        must(e->what == ANYTHING || p->what == e->what);
        if (e->what != ROW)
            continue;
        must(p->kind == e->kind && p->date == e->date && p->types == e->types);
        must(view_eq(view_make(parsed.keys.data + p->key_at, p->key_len),
                     view_make(expected.keys.data + e->key_at, e->key_len)));
    }
    must(expected.given_up || parsed.count == expected.count);
}

static void empty(struct events *e)
{
    e->count = 0;
    e->given_up = false;
    buf_clear(&e->keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct {
        const struct feed_format *format;
        read_line *read; /* NULL: csv */
    } formats[] = {
        {&feed_format_entries, read_entries_line},
        {&feed_format_domains, read_domains_line},
        {&feed_format_aper, read_aper_line},
        {&feed_format_csv, NULL},
        {&feed_format_aper_cleared, read_cleared_line},
    };
    static const char *const columns[] = {NULL, "domain", "2", NULL};

    if (size < 2 || size > INPUT_MAX)
        return 0;
    const struct feed_options options = {
        .addresses = {.delimiter = "+", .provider_aliases = data[1] & 1},
        .apex = data[1] & 2,
        .as_domains = data[1] & 4,
        .separator = data[1] & 8 ? ';' : 0,
        .column = columns[data[1] >> 4 & 3],
    };
    size_t number = data[0] % (sizeof formats / sizeof *formats);
    struct view bytes = view_make(data + 2, size - 2);

    empty(&parsed);
    empty(&expected);
    parse(formats[number].format, &options, bytes);
    if (view_starts(bytes, "\xef\xbb\xbf"))
        bytes = view_from(bytes, 3);
    if (formats[number].read != NULL)
        read_lines(formats[number].read, bytes, &options);
    else
        read_csv(bytes, &options);
    compare();
    return 0;
}
