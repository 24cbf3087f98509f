/*
 * Bytes into lines, for every format whose rows are lines. Chunks come as the network cuts them,
 * so a line may lie in any number of them: what is unfinished waits in one buffer of fixed size.
 * A line that lies whole in its chunk is handed on from there, without a copy.
 */
#include <stdlib.h>

#include "format.h"

struct feed_parser {
    const struct feed_format *format;
    struct feed_options options;
    struct feed_sink sink;
    uint64_t number; /* of the line under way, from 1 */
    bool skipping;   /* the line under way was too long: its rest is nobody's */
    size_t len;      /* bytes of it in WAITING */
    char waiting[FEED_LINE_MAX];
};

struct feed_parser *feed_parser_new(const struct feed_format *format,
                                    const struct feed_options *options,
                                    const struct feed_sink *sink)
{
    struct feed_parser *p = malloc(sizeof *p);

    if (p == NULL)
        return NULL;
    p->format = format;
    p->options = *options;
    p->sink = *sink;
    p->number = 1;
    p->skipping = false;
    p->len = 0;
    return p;
}

static struct view without_bom(struct view line)
{
    return view_starts(line, "\xef\xbb\xbf") ? view_from(line, 3) : line;
}

static void tell_line(struct feed_parser *p, struct view line)
{
    if (p->number == 1)
        line = without_bom(line);
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    /* Nothing behind here needs to think of strings that end early. */
    if (view_find(line, '\0') >= 0)
        p->sink.bad(p->number, line, "holds a NUL byte", p->sink.arg);
    else
        p->format->line(line, p->number, &p->options, &p->sink);
}

/* Puts PART behind what is waiting; the first byte too many makes the line a bad row. */
static void keep(struct feed_parser *p, struct view part)
{
    if (p->skipping || part.len == 0)
        return;
    size_t room = sizeof p->waiting - p->len;
    struct view fits = view_first(part, room);
    memcpy(p->waiting + p->len, fits.ptr, fits.len);
    p->len += fits.len;
    if (part.len > room) {
        p->skipping = true;
        p->sink.bad(p->number, view_make(p->waiting, p->len), "is longer than 64 KiB", p->sink.arg);
    }
}

/* The line under way ends with PART. */
static void finish_line(struct feed_parser *p, struct view part)
{
    bool whole = p->len == 0 && !p->skipping && part.len <= sizeof p->waiting;

    if (whole) {
        tell_line(p, part);
    } else {
        keep(p, part);
        if (!p->skipping)
            tell_line(p, view_make(p->waiting, p->len));
    }
    p->number++;
    p->len = 0;
    p->skipping = false;
}

void feed_parser_chunk(struct feed_parser *p, struct view bytes)
{
    ptrdiff_t end;

    while ((end = view_find(bytes, '\n')) >= 0) {
        finish_line(p, view_first(bytes, (size_t)end));
        bytes = view_from(bytes, (size_t)end + 1);
    }
    keep(p, bytes);
}

void feed_parser_end(struct feed_parser *p)
{
    if (p->len > 0)
        finish_line(p, VIEW_NONE);
    free(p);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

struct view feed_line_text(struct view line)
{
    for (size_t i = 0; i < line.len; i++)
        if (line.ptr[i] == '#' && (i == 0 || is_space(line.ptr[i - 1]))) {
            line.len = i;
            break;
        }
    return view_trim(line);
}
