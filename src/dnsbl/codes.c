/*
 * Patterns of answers, read as Postfix reads them (its src/util/ip_match.c: leading zeros, one pair
 * of brackets around it all), so that what stands in a main.cf can be copied. Each field becomes a
 * set of its 256 values, so matching is four looks.
 */
#include "codes.h"

#include <string.h>

#include "errors.h"

#define CODES_EXAMPLE "127.0.1.[2;4..6]"
#define MASK_EXAMPLE  "127.0.0.(2|4|8)"

struct parser {
    struct view word, rest; /* the pattern, and what of it is still to be read */
    bool mask;
    bool has_bits; /* there was a field in round brackets */
    struct error *why;
};

static int expected(const struct parser *p, const char *what)
{
    const char *example = p->mask ? MASK_EXAMPLE : CODES_EXAMPLE;

    if (p->rest.len == 0)
        return error_set(p->why, ERR_SYNTAX, "%.*s: %s expected at its end; write for example %s",
                         (int)view_first(p->word, 80).len, p->word.ptr, what, example);
    return error_set(p->why, ERR_SYNTAX, "%.*s: %s expected at '%.*s'; write for example %s",
                     (int)view_first(p->word, 80).len, p->word.ptr, what,
                     (int)view_first(p->rest, 20).len, p->rest.ptr, example);
}

static bool take(struct parser *p, const char *token)
{
    if (!view_starts(p->rest, token))
        return false;
    p->rest = view_from(p->rest, strlen(token));
    return true;
}

/* A number from 0 to 255, or -1 with nothing taken. */
static int take_number(struct parser *p)
{
    size_t len = 0;
    uint64_t number;

    while (len < p->rest.len && ascii_digit(p->rest.ptr[len]))
        len++;
    if (!view_to_uint(view_first(p->rest, len), 255, &number))
        return -1;
    p->rest = view_from(p->rest, len);
    return (int)number;
}

static void add_value(uint64_t field[4], int value)
{
    field[value / 64] |= UINT64_C(1) << value % 64;
}

static bool has_value(const uint64_t field[4], int value)
{
    return (field[value / 64] >> value % 64 & 1) != 0;
}

/* The inside of [2;4..6], behind the bracket. */
static int read_ranges(struct parser *p, uint64_t field[4])
{
    do {
        int low = take_number(p), high = low;
        if (low < 0)
            return expected(p, "a number from 0 to 255");
        if (take(p, "..")) {
            struct parser at_high = *p;
            high = take_number(p);
            if (high < low)
                return expected(&at_high, "a number from the range's first one to 255");
        }
        for (int value = low; value <= high; value++)
            add_value(field, value);
    } while (take(p, ";"));
    return take(p, "]") ? 0 : expected(p, "';', '..' or ']'");
}

/* The inside of (2|4|8), behind the bracket. A value of several bits is refused: (6) could be meant
 * as equal to 6. */
static int read_bits(struct parser *p, uint64_t field[4])
{
    int bits = 0;

    p->has_bits = true;
    do {
        struct parser at_bit = *p;
        int bit = take_number(p);
        if (bit <= 0 || (bit & (bit - 1)) != 0)
            return expected(&at_bit, "one of the bits 1, 2, 4, 8, 16, 32, 64 and 128");
        bits |= bit;
    } while (take(p, "|"));
    for (int value = 0; value < 256; value++)
        if ((value & bits) != 0)
            add_value(field, value);
    return take(p, ")") ? 0 : expected(p, "'|' or ')'");
}

static int read_field(struct parser *p, uint64_t field[4])
{
    if (take(p, "["))
        return read_ranges(p, field);
    if (p->mask && take(p, "("))
        return read_bits(p, field);

    int value = take_number(p);
    if (value < 0)
        return expected(p, p->mask ? "a number from 0 to 255, '[' or '('"
                                   : "a number from 0 to 255 or '['");
    add_value(field, value);
    return 0;
}

static int read_fields(struct parser *p, struct code_pattern *out)
{
    for (int i = 0; i < 4; i++) {
        if (i > 0 && !take(p, "."))
            return expected(p, "'.'");
        if (read_field(p, out->fields[i]) < 0)
            return ERR_SYNTAX;
    }
    return p->rest.len == 0 ? 0 : expected(p, "nothing more");
}

/* Error codes lie so that another answer is found after a few hundred steps, if there is one. */
static bool is_only_errors(const struct code_pattern *pattern)
{
    for (int b = 0; b < 256; b++)
        for (int c = 0; c < 256 && has_value(pattern->fields[1], b); c++)
            for (int d = 0; d < 256 && has_value(pattern->fields[2], c); d++) {
                const unsigned char answer[4] = {127, (unsigned char)b, (unsigned char)c,
                                                 (unsigned char)d};
                if (has_value(pattern->fields[3], d) && !errors_is_code(answer))
                    return false;
            }
    return true;
}

static int check_meaning(const struct parser *p, const struct code_pattern *pattern)
{
    uint64_t loopback[4] = {0};

    add_value(loopback, 127);
    if (memcmp(pattern->fields[0], loopback, sizeof loopback) != 0)
        return error_set(p->why, ERR_SYNTAX,
                         "%.*s: would list answers outside 127.0.0.0/8, which come from parked "
                         "domains and never from a list; begin with 127.",
                         (int)view_first(p->word, 80).len, p->word.ptr);
    if (is_only_errors(pattern))
        return error_set(p->why, ERR_SYNTAX,
                         "%.*s: is an error code, by which a list says that it does not answer, "
                         "and never a listing; leave it out",
                         (int)view_first(p->word, 80).len, p->word.ptr);
    if (p->mask && !p->has_bits)
        return error_set(
            p->why, ERR_SYNTAX,
            "%.*s: a mask needs bits in round brackets; write for example " MASK_EXAMPLE
            ", or set 'codes' for whole answers",
            (int)view_first(p->word, 80).len, p->word.ptr);
    return 0;
}

/* How deep in brackets it is behind C. */
static int depth_behind(int depth, char c)
{
    return depth + (c == '[' || c == '(') - (c == ']' || c == ')');
}

/* [127.0.0.2] without the brackets, as Postfix takes it; [127].0.0.2 as it is. */
static struct view without_outer(struct view word)
{
    int depth = 1;
    size_t i;

    if (word.len < 2 || word.ptr[0] != '[')
        return word;
    for (i = 1; i < word.len && depth > 0; i++)
        depth = depth_behind(depth, word.ptr[i]);
    return depth == 0 && i == word.len ? view_make(word.ptr + 1, word.len - 2) : word;
}

static bool is_between(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',';
}

/* Blanks and commas inside brackets part nothing, so that the complaint is about the whole. */
static bool next_word(struct view *rest, struct view *word)
{
    int depth = 0;
    size_t len = 0;

    while (rest->len > 0 && is_between(rest->ptr[0]))
        *rest = view_from(*rest, 1);
    for (; len < rest->len && (depth > 0 || !is_between(rest->ptr[len])); len++)
        depth = depth_behind(depth, rest->ptr[len]);
    *word = view_first(*rest, len);
    *rest = view_from(*rest, len);
    return len > 0;
}

static int add_all(struct codes *c, struct view text, bool mask, struct error *why)
{
    struct view word;
    unsigned before = c->n;

    while (next_word(&text, &word)) {
        struct view pattern = without_outer(word);
        struct parser p = {.word = pattern, .rest = pattern, .mask = mask, .why = why};
        struct code_pattern found = {0};

        if (read_fields(&p, &found) < 0 || check_meaning(&p, &found) < 0)
            return ERR_SYNTAX;
        if (c->n == CODES_PATTERNS)
            return error_set(why, ERR_LIMIT,
                             "more than %d patterns; put values into ranges such as " CODES_EXAMPLE,
                             CODES_PATTERNS);
        c->patterns[c->n++] = found;
    }
    if (c->n == before)
        return error_set(why, ERR_SYNTAX, "names no answer; write for example %s",
                         mask ? MASK_EXAMPLE : CODES_EXAMPLE);
    return 0;
}

int codes_add(struct codes *c, struct view text, struct error *why)
{
    return add_all(c, text, false, why);
}

int codes_add_mask(struct codes *c, struct view text, struct error *why)
{
    return add_all(c, text, true, why);
}

static bool fits(const struct code_pattern *pattern, const unsigned char answer[4])
{
    for (int i = 0; i < 4; i++)
        if (!has_value(pattern->fields[i], answer[i]))
            return false;
    return true;
}

bool codes_match(const struct codes *c, const unsigned char answer[4])
{
    for (unsigned i = 0; i < c->n; i++)
        if (fits(&c->patterns[i], answer))
            return true;
    return false;
}
