/* What people see: see show.h. */
#include "show.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rcptguard/base/clock.h"
#include "rcptguard/base/escape.h"

#define LABEL_WIDTH 11
#define LONG_TEXT   8192
#define CELL_ALIGN  64 /* a longer cell moves what follows it, rather than all other rows */

static bool is_set(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0';
}

struct show show_on(FILE *to, int64_t now)
{
    const char *term = getenv("TERM");
    bool dumb = term == NULL || strcmp(term, "dumb") == 0;

    return (struct show){
        .to = to, .colour = !dumb && !is_set("NO_COLOR") && isatty(fileno(to)) == 1, .now = now};
}

static const char *colour_code(enum show_colour colour)
{
    switch (colour) {
    case SHOW_BOLD:
        return "\033[1m";
    case SHOW_GREEN:
        return "\033[32m";
    case SHOW_YELLOW:
        return "\033[33m";
    case SHOW_RED:
        return "\033[31m";
    case SHOW_PLAIN:
        break;
    }
    return "";
}

void show_words(const struct show *s, enum show_colour colour, const char *words)
{
    bool on = s->colour && colour != SHOW_PLAIN;

    fprintf(s->to, "%s%s%s", on ? colour_code(colour) : "", words, on ? "\033[0m" : "");
}

static bool is_hex(char c)
{
    return ascii_digit(c) || (c >= 'A' && c <= 'F');
}

/* Bytes in front of the first \xHH. */
static size_t before_escaped(struct view v)
{
    size_t n = 0;

    while (n < v.len && !(v.len - n >= 4 && v.ptr[n] == '\\' && v.ptr[n + 1] == 'x' &&
                          is_hex(v.ptr[n + 2]) && is_hex(v.ptr[n + 3])))
        n++;
    return n;
}

/* JSON holds no bytes that are not UTF-8: those come as \xHH (admin/json.c), as they are in the
 * log, and stay so. */
void show_view(const struct show *s, struct view v)
{
    char shown[LONG_TEXT];
    struct text t = text_on(shown, sizeof shown);

    while (v.len > 0 && !t.cut) {
        size_t n = before_escaped(v);
        escape_to_max(&t, view_first(v, n), ESCAPE_TERMINAL, sizeof shown);
        v = view_from(v, n);
        if (!t.cut)
            text_add_view(&t, view_first(v, 4));
        v = view_from(v, 4);
    }
    fwrite(t.dst, 1, t.len, s->to);
    if (t.cut)
        fputs("...", s->to);
}

void show_label(const struct show *s, const char *label)
{
    fprintf(s->to, "  %-*s ", LABEL_WIDTH, label);
}

struct view show_field(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_string(value))
        return VIEW_NONE;
    return view_make(json_string_value(value), json_string_length(value));
}

bool show_is_set(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return value != NULL && !json_is_null(value);
}

json_int_t show_number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

const char *show_span(int64_t seconds, char dst[SHOW_SPAN_MAX])
{
    long long n = seconds;

    if (n < 120)
        snprintf(dst, SHOW_SPAN_MAX, "%lld s", n);
    else if (n < 120 * 60)
        snprintf(dst, SHOW_SPAN_MAX, "%lld min", n / 60);
    else if (n < 48 * 3600)
        snprintf(dst, SHOW_SPAN_MAX, "%lld h", n / 3600);
    else
        snprintf(dst, SHOW_SPAN_MAX, "%lld d", n / 86400);
    return dst;
}

const char *show_age(int64_t now, int64_t then, char dst[SHOW_SPAN_MAX])
{
    char span[SHOW_SPAN_MAX];

    if (then == 0)
        snprintf(dst, SHOW_SPAN_MAX, "never");
    else if (then == now)
        snprintf(dst, SHOW_SPAN_MAX, "now");
    else if (then < now)
        snprintf(dst, SHOW_SPAN_MAX, "%.20s ago", show_span(now - then, span));
    else
        snprintf(dst, SHOW_SPAN_MAX, "in %.20s", show_span(then - now, span));
    return dst;
}

int64_t show_time(struct view text)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:ddZ";
    int field[6] = {0};
    unsigned n = 0;

    if (text.len != sizeof shape - 1)
        return 0;
    for (size_t i = 0; i < text.len; i++) {
        if (shape[i] == 'd' && ascii_digit(text.ptr[i]))
            field[n] = field[n] * 10 + (text.ptr[i] - '0');
        else if (shape[i] == 'd' || shape[i] != text.ptr[i])
            return 0;
        else
            n++;
        if (n == 6)
            break;
    }
    if (field[1] < 1 || field[1] > 12 || field[2] < 1 || field[2] > 31)
        return 0;
    return (int64_t)clock_days(field[0], field[1], field[2]) * 86400 + field[3] * 3600 +
           field[4] * 60 + field[5];
}

const char *show_field_age(const struct show *s, const json_t *object, const char *key,
                           char dst[SHOW_SPAN_MAX])
{
    return show_age(s->now, show_time(show_field(object, key)), dst);
}

void show_when(const struct show *s, struct view text)
{
    int64_t then = show_time(text);
    char date[SHOW_SPAN_MAX], age[SHOW_SPAN_MAX];

    if (then == 0)
        fputs("never", s->to);
    else
        fprintf(s->to, "%s (%s)", show_local_date(text, date), show_age(s->now, then, age));
}

static bool to_local(struct view text, struct tm *local)
{
    time_t when = (time_t)show_time(text);

    return when != 0 && localtime_r(&when, local) != NULL;
}

const char *show_local_date(struct view text, char dst[SHOW_SPAN_MAX])
{
    struct tm local;

    if (!to_local(text, &local) || strftime(dst, SHOW_SPAN_MAX, "%Y-%m-%d %H:%M", &local) == 0)
        snprintf(dst, SHOW_SPAN_MAX, "-");
    return dst;
}

const char *show_local_clock(struct view text, char dst[SHOW_SPAN_MAX])
{
    struct tm local;

    if (!to_local(text, &local) || strftime(dst, SHOW_SPAN_MAX, "%H:%M:%S", &local) == 0)
        snprintf(dst, SHOW_SPAN_MAX, "-");
    return dst;
}

/* The last second of a day, local time; 0: V is no day. */
static int64_t end_of_day(struct view v)
{
    int year, month, day;
    int32_t days;

    if (!clock_date_read(v, &days))
        return 0;
    clock_date(days, &year, &month, &day);
    return clock_end_of_local_day(year, month, day);
}

int64_t show_until_time(struct view until)
{
    char time[] = "YYYY-MM-DDTHH:MM:00Z";

    if (until.len != 17)
        return until.len == 10 ? end_of_day(until) : show_time(until);
    memcpy(time, until.ptr, 16);
    return until.ptr[16] == 'Z' ? show_time(view_of(time)) : 0;
}

void show_until(const struct show *s, struct view until)
{
    int64_t then = show_until_time(until);
    char age[SHOW_SPAN_MAX], date[21];

    if (until.len == 0) {
        fputs("for ever", s->to);
    } else if (then == 0 || until.len == 10) {
        show_view(s, until);
        if (then != 0)
            fprintf(s->to, " (%s)", show_age(s->now, then, age));
    } else {
        show_when(s, view_of(clock_time_text(then, date)));
    }
}

struct view show_item(const json_t *item)
{
    return json_is_string(item) ? view_make(json_string_value(item), json_string_length(item))
                                : VIEW_NONE;
}

void show_table_add(struct show_table *t, struct view text, enum show_colour colour)
{
    if (t->count == t->room) {
        size_t room = t->room == 0 ? 64 : t->room * 2;
        struct show_cell *cells = realloc(t->cells, room * sizeof *cells);
        if (cells == NULL) {
            t->failed = true;
            return;
        }
        t->cells = cells;
        t->room = room;
    }
    char shown[ESCAPE_MAX_BYTES + 8];
    struct text cell = text_on(shown, sizeof shown);
    escape_to(&cell, text, ESCAPE_TERMINAL);
    if (cell.cut)
        text_add(&cell, "...");
    t->cells[t->count++] = (struct show_cell){strdup(shown), colour};
}

/* Columns on the screen: bytes that begin a character. */
static int text_width(const char *text)
{
    int width = 0;

    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

void show_padded(const struct show *s, struct view v, int width, enum show_colour colour)
{
    char shown[LONG_TEXT];
    struct text t = text_on(shown, sizeof shown);

    escape_to_max(&t, v, ESCAPE_TERMINAL, sizeof shown);
    show_words(s, colour, shown);
    int pad = width - text_width(shown);
    fprintf(s->to, "%*s", pad > 0 ? pad : 0, "");
}

static const char *cell_text(const struct show_cell *cell)
{
    return cell->text == NULL ? "" : cell->text;
}

void show_table_print(const struct show *s, struct show_table *t)
{
    int width[SHOW_COLUMNS] = {0};

    for (size_t i = 0; i < t->count; i++) {
        int w = text_width(cell_text(&t->cells[i]));
        if (w > width[i % t->columns] && w <= CELL_ALIGN)
            width[i % t->columns] = w;
    }
    for (size_t i = 0; i < t->count; i++) {
        unsigned column = (unsigned)(i % t->columns);
        bool last = column + 1 == t->columns, right = (t->right >> column & 1) != 0;
        int pad = width[column] - text_width(cell_text(&t->cells[i]));
        pad = pad > 0 ? pad : 0;
        fprintf(s->to, "%*s", right ? pad : 0, "");
        show_words(s, t->cells[i].colour, cell_text(&t->cells[i]));
        fprintf(s->to, "%*s%s", right || last ? 0 : pad, "", last ? "\n" : "  ");
    }
    if (t->failed)
        fputs("(no memory for the rest)\n", s->to);
    for (size_t i = 0; i < t->count; i++)
        free(t->cells[i].text);
    free(t->cells);
    *t = (struct show_table){.columns = t->columns};
}
