/*
 * The writer of a page. Some thousand lines are written while queries wait, so there is no printf
 * in here.
 */
#include "metrics_text.h"

#include <stdlib.h>
#include <string.h>

#define NUMBER_BYTES 24
#define NS_A_S       1000000000

void metrics_begin(struct metrics_page *page, size_t size)
{
    *page = (struct metrics_page){.bytes = malloc(size + 1), .size = size + 1};
    page->failed = page->bytes == NULL;
}

static bool has_room(struct metrics_page *page, size_t len)
{
    if (page->failed)
        return false;
    if (page->size - page->len >= len)
        return true;
    size_t size = 2 * page->size + len;
    char *bytes = realloc(page->bytes, size);
    if (bytes == NULL) {
        page->failed = true;
        return false;
    }
    page->bytes = bytes;
    page->size = size;
    return true;
}

static void add_bytes(struct metrics_page *page, const char *bytes, size_t len)
{
    if (!has_room(page, len))
        return;
    memcpy(page->bytes + page->len, bytes, len);
    page->len += len;
}

static void add(struct metrics_page *page, const char *text)
{
    add_bytes(page, text, strlen(text));
}

static char *copy(char *to, const char *bytes, size_t len)
{
    memcpy(to, bytes, len);
    return to + len;
}

/* Nothing of it is to be escaped, as of nearly all. Three quick searches: byte by byte is what a
 * page would take most of its time for. */
static bool is_plain(const char *text, size_t len)
{
    return memchr(text, '\\', len) == NULL && memchr(text, '"', len) == NULL &&
           memchr(text, '\n', len) == NULL;
}

/* QUOTED: of a label, where double quotes are escaped too. TO has room for twice LEN; returns where
 * it ends. */
static char *escape(char *to, const char *text, size_t len, bool quoted)
{
    if (is_plain(text, len))
        return copy(to, text, len);
    for (; len > 0; len--, text++) {
        if (*text == '\\' || *text == '\n' || (*text == '"' && quoted))
            *to++ = '\\';
        *to++ = *text == '\n' ? 'n' : *text;
    }
    return to;
}

/* Decimal, with ZEROS up to so many digits in front; returns where it begins in TO. */
static const char *digits(uint64_t n, int zeros, char to[NUMBER_BYTES])
{
    char *at = to + NUMBER_BYTES - 1;

    *at = '\0';
    do {
        *--at = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0 || to + NUMBER_BYTES - 1 - at < zeros);
    return at;
}

static void add_count(struct metrics_page *page, uint64_t n)
{
    char memory[NUMBER_BYTES];

    add(page, digits(n, 1, memory));
}

/* As seconds, without zeros at the end. */
static void add_ns(struct metrics_page *page, int64_t ns)
{
    uint64_t n = ns < 0 ? 0 : (uint64_t)ns, rest = n % NS_A_S;
    char memory[NUMBER_BYTES];
    int len = 9;

    add_count(page, n / NS_A_S);
    if (rest == 0)
        return;
    while (rest % 10 == 0) {
        rest /= 10;
        len--;
    }
    add(page, ".");
    add(page, digits(rest, len, memory));
}

void metrics_open(struct metrics_page *page, enum metric_id id)
{
    const struct metric *m = page->metric = &metrics_table[id];

    add(page, "# HELP ");
    add(page, m->name);
    add(page, " ");
    if (has_room(page, 2 * strlen(m->help)))
        page->len = (size_t)(escape(page->bytes + page->len, m->help, strlen(m->help), false) -
                             page->bytes);
    add(page, "\n# TYPE ");
    add(page, m->name);
    add(page, " ");
    add(page, metric_type_text(m->type));
    add(page, "\n");
    page->name_len = strlen(m->name);
    for (int i = 0; i < METRIC_LABELS; i++)
        page->label_len[i] = m->labels[i] == NULL ? 0 : strlen(m->labels[i]);
}

static char *put_label(const struct metrics_page *page, char *to, int i, const char *value,
                       size_t len)
{
    *to++ = i == 0 ? '{' : ',';
    to = copy(to, page->metric->labels[i], page->label_len[i]);
    *to++ = '=';
    *to++ = '"';
    to = escape(to, value, len, true);
    *to++ = '"';
    return to;
}

/* Name and labels, in one go: most of a page is made of them. */
static void begin_line(struct metrics_page *page, const char *suffix, const char *first,
                       const char *second)
{
    size_t suffix_len = strlen(suffix);
    size_t first_len = first == NULL ? 0 : strlen(first);
    size_t second_len = second == NULL ? 0 : strlen(second);

    if (!has_room(page, page->name_len + suffix_len + page->label_len[0] + page->label_len[1] +
                            2 * (first_len + second_len) + 16))
        return;
    char *to = copy(page->bytes + page->len, page->metric->name, page->name_len);
    to = copy(to, suffix, suffix_len);
    if (first != NULL)
        to = put_label(page, to, 0, first, first_len);
    if (second != NULL)
        to = put_label(page, to, 1, second, second_len);
    if (first != NULL)
        *to++ = '}';
    page->len = (size_t)(to - page->bytes);
}

static void end_line(struct metrics_page *page, uint64_t value)
{
    char memory[NUMBER_BYTES];
    const char *number = digits(value, 1, memory);
    size_t len = (size_t)(memory + NUMBER_BYTES - 1 - number);

    if (!has_room(page, len + 2))
        return;
    page->bytes[page->len++] = ' ';
    memcpy(page->bytes + page->len, number, len);
    page->len += len;
    page->bytes[page->len++] = '\n';
}

static void end_line_ns(struct metrics_page *page, int64_t ns)
{
    add(page, " ");
    add_ns(page, ns);
    add(page, "\n");
}

void metrics_put(struct metrics_page *page, const char *first, const char *second, uint64_t value)
{
    begin_line(page, "", first, second);
    end_line(page, value);
}

static void metrics_put_ns(struct metrics_page *page, const char *first, const char *second,
                           int64_t ns)
{
    begin_line(page, "", first, second);
    end_line_ns(page, ns);
}

void metrics_put_summary(struct metrics_page *page, const char *first, uint64_t count, int64_t ns)
{
    begin_line(page, "_sum", first, NULL);
    end_line_ns(page, ns);
    begin_line(page, "_count", first, NULL);
    end_line(page, count);
}

/* The end of a range is the label `le`, behind the metric's own one, if it has any. */
static void add_bound(struct metrics_page *page, const char *first, int i)
{
    if (first != NULL && !page->failed)
        page->len--; /* the brace is still open */
    add(page, first != NULL ? ",le=\"" : "{le=\"");
    if (i == HISTOGRAM_BOUNDS)
        add(page, "+Inf");
    else
        add_ns(page, histogram_bounds_ns[i]);
    add(page, "\"}");
}

void metrics_put_histogram(struct metrics_page *page, const char *first, const struct histogram *h)
{
    uint64_t count = 0;

    for (int i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        count += h->counts[i];
        begin_line(page, "_bucket", first, NULL);
        add_bound(page, first, i);
        end_line(page, count);
    }
    metrics_put_summary(page, first, count, h->sum_ns);
}

void metrics_one(struct metrics_page *page, enum metric_id id, uint64_t value)
{
    metrics_open(page, id);
    metrics_put(page, NULL, NULL, value);
}

void metrics_one_ns(struct metrics_page *page, enum metric_id id, int64_t ns)
{
    metrics_open(page, id);
    metrics_put_ns(page, NULL, NULL, ns);
}

void metrics_put_member(struct metrics_page *page, const char *first, const char *second,
                        const struct metrics_member *member, const void *object)
{
    const char *at = (const char *)object + member->at;
    uint64_t value = 0;

    switch (member->type) {
    case METRICS_U64:
        value = *(const uint64_t *)(const void *)at;
        break;
    case METRICS_I64: {
        int64_t number = *(const int64_t *)(const void *)at;
        value = number < 0 ? 0 : (uint64_t)number;
        break;
    }
    case METRICS_UINT:
        value = *(const unsigned *)(const void *)at;
        break;
    case METRICS_BOOL:
        value = *(const bool *)(const void *)at;
        break;
    }
    metrics_put(page, first, second, value);
}
