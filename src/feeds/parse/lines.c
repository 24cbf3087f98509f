/* Bytes into lines, for every format whose rows are lines. */
#include <stdlib.h>

#include "waiting.h"

struct feed_parser {
    const struct feed_format *format;
    struct feed_options options;
    struct feed_sink sink;
    struct feed_reader reader;
    uint64_t number;  /* of the line under way, from 1 */
    struct view line; /* while it is told */
    uint64_t taken;   /* bytes of all lines, without a BOM */
    unsigned bom;     /* bytes of the BOM seen at the beginning; 4: it is over */
    struct waiting waiting;
};

#define BOM      "\xef\xbb\xbf"
#define BOM_OVER 4

struct feed_parser *feed_parser_new(const struct feed_format *format,
                                    const struct feed_options *options,
                                    const struct feed_sink *sink)
{
    struct feed_parser *p = malloc(sizeof *p);
    void *state = calloc(1, format->state_bytes + 1);

    if (p == NULL || state == NULL) {
        free(p);
        free(state);
        return NULL;
    }
    p->format = format;
    p->options = *options;
    p->sink = *sink;
    p->reader = (struct feed_reader){&p->options, &p->sink, state, 0};
    p->number = 1;
    p->line = VIEW_NONE;
    p->taken = 0;
    p->bom = 0;
    waiting_begin(&p->waiting);
    return p;
}

static void tell_line(struct feed_parser *p, struct view line)
{
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    /* Nothing behind here needs to think of strings that end early. */
    if (view_find(line, '\0') >= 0)
        p->sink.bad(p->number, line, "holds a NUL byte", p->sink.arg);
    else {
        p->line = line;
        p->format->line(&p->reader, line, p->number);
        p->line = VIEW_NONE;
    }
}

/* The line under way ends with PART. */
static void finish_line(struct feed_parser *p, struct view part)
{
    struct view line;

    if (waiting_end(&p->waiting, &p->sink, p->number, part, &line))
        tell_line(p, line);
    p->number++;
}

static void take_lines(struct feed_parser *p, struct view bytes)
{
    ptrdiff_t end;

    while ((end = view_find(bytes, '\n')) >= 0) {
        finish_line(p, view_first(bytes, (size_t)end));
        p->taken += (uint64_t)end + 1;
        p->reader.offset = p->taken;
        bytes = view_from(bytes, (size_t)end + 1);
    }
    waiting_add(&p->waiting, &p->sink, p->number, bytes);
    p->taken += bytes.len;
}

static void take(struct feed_parser *p, struct view bytes)
{
    if (p->format->bytes == NULL)
        take_lines(p, bytes);
    else if (bytes.len > 0)
        p->format->bytes(&p->reader, bytes);
}

/* A byte order mark at the very beginning says nothing; it may come byte by byte. */
static struct view without_bom(struct feed_parser *p, struct view bytes)
{
    while (p->bom < 3 && bytes.len > 0 && bytes.ptr[0] == BOM[p->bom]) {
        bytes = view_from(bytes, 1);
        p->bom++;
    }
    if (bytes.len > 0) {
        take(p, view_first(view_of(BOM), p->bom % 3)); /* it only began like one */
        p->bom = BOM_OVER;
    }
    return bytes;
}

void feed_parser_chunk(struct feed_parser *p, struct view bytes)
{
    if (p->bom != BOM_OVER)
        bytes = without_bom(p, bytes);
    take(p, bytes);
}

void feed_parser_end(struct feed_parser *p)
{
    if (p->bom != BOM_OVER)
        take(p, view_first(view_of(BOM), p->bom % 3));
    if (p->format->bytes == NULL && (p->waiting.len > 0))
        finish_line(p, VIEW_NONE);
    if (p->format->end != NULL)
        p->format->end(&p->reader);
    free(p->reader.state);
    free(p);
}

struct view feed_parser_line(const struct feed_parser *p, uint64_t number)
{
    return number == p->number ? p->line : VIEW_NONE;
}

uint64_t feed_parser_lines(const struct feed_parser *p)
{
    return p->number - 1;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

struct view feed_line_text(struct view line)
{
    size_t sign = 0;
    ptrdiff_t at;

    while ((at = view_find(view_from(line, sign), '#')) >= 0) {
        sign += (size_t)at;
        if (sign == 0 || is_space(line.ptr[sign - 1])) {
            line.len = sign;
            break;
        }
        sign++;
    }
    return view_trim(line);
}
