/*
 * The answer for a row of a dnset, as rbldnsd 1.0 was seen to give it. One thing differs: it
 * substitutes when it is asked, so a variable that is set behind a row counts there and not here.
 */
#include "dnset_answer.h"

#define TEMPLATE (DNSET_VARIABLES - 1)

bool dnset_value(struct view v, unsigned char value[4], struct view *behind)
{
    struct view rest = view_from(v, 1), octets, octet;
    unsigned char octet_of[4] = {0};
    uint64_t number, sum = 0;
    size_t len = 0, n = 0;

    while (len < rest.len && (ascii_digit(rest.ptr[len]) || rest.ptr[len] == '.'))
        len++;
    octets = view_first(rest, len);
    while (view_split(&octets, '.', &octet)) {
        if (n == 4 || !view_to_uint(octet, 255, &number))
            return false;
        octet_of[n++] = (unsigned char)number;
        sum += number;
    }
    *behind = view_trim(view_from(rest, len));
    if (n == 0 || sum == 0 || (behind->len > 0 && behind->ptr[0] != ':'))
        return false;
    /* As inet_aton: what is left out stands before the last one. 5 alone is a number of 127.0.0. */
    unsigned char last = octet_of[n - 1];
    octet_of[n - 1] = 0;
    if (n == 1)
        octet_of[0] = 127;
    octet_of[3] = last;
    memcpy(value, octet_of, sizeof octet_of);
    return true;
}

static struct view view_of_text(const struct dnset_text *text)
{
    return view_make(text->bytes, text->len);
}

static void set_text(struct dnset_text *text, struct view v)
{
    v = view_first(v, sizeof text->bytes);
    text->len = (unsigned char)v.len;
    if (v.len > 0)
        memcpy(text->bytes, v.ptr, v.len);
}

void dnset_set_default(struct dnset_words *words, struct view line)
{
    struct view behind;

    if (dnset_value(line, words->value, &behind))
        set_text(&words->text, view_trim(view_from(behind, 1)));
}

void dnset_set_variable(struct dnset_words *words, struct view word, struct view text)
{
    unsigned at = view_is(word, "=") ? TEMPLATE : (unsigned)(word.ptr[0] - '0');

    if (at < DNSET_VARIABLES && words->variables[at].len == 0) /* the first one counts */
        set_text(&words->variables[at], text);
}

/* What stands behind a $: takes it from *REST and gives what it stands for. */
static struct view take_mark(const struct dnset_row *row, struct view own, struct view *rest)
{
    char c = rest->len > 0 ? rest->ptr[0] : '\0';
    struct view mark = view_first(*rest, 1);

    if (c != '$' && c != '=' && !ascii_digit(c))
        return row->name;
    *rest = view_from(*rest, 1);
    if (c == '$')
        return mark;
    if (c == '=')
        return own;
    const struct dnset_text *variable = &row->words->variables[c - '0'];
    return variable->len > 0 ? view_of_text(variable) : view_make(mark.ptr - 1, 2);
}

/* PATTERN with its marks replaced; OWN is what the row says, for a template. */
static void substitute(const struct dnset_row *row, struct view pattern, struct view own,
                       struct text *text)
{
    ptrdiff_t at;

    while ((at = view_find(pattern, '$')) >= 0) {
        text_add_view(text, view_first(pattern, (size_t)at));
        pattern = view_from(pattern, (size_t)at + 1);
        text_add_view(text, take_mark(row, own, &pattern));
    }
    text_add_view(text, pattern);
}

/* As it is served: in lower case, without the dot at its end. */
static struct view served_name(struct view name, char *dst, size_t size)
{
    if (name.len > 0 && name.ptr[name.len - 1] == '.')
        name.len--;
    name = view_first(name, size);
    for (size_t i = 0; i < name.len; i++)
        dst[i] = ascii_lower(name.ptr[i]);
    return view_make(dst, name.len);
}

static void add_text(const struct dnset_row *row, struct view own, struct text *text)
{
    struct view template = view_of_text(&row->words->variables[TEMPLATE]);
    bool raw = view_starts(own, "=");

    if (raw)
        own = view_from(own, 1);
    if (raw || template.len == 0)
        substitute(row, own, own, text);
    else
        substitute(row, template, own.len > 0 ? own : row->name, text);
}

static bool says_nothing(struct view rest)
{
    return rest.len == 0 || rest.ptr[0] == '#' || rest.ptr[0] == ';';
}

void dnset_answer(const struct dnset_row *row, struct text *value, struct text *text)
{
    static const unsigned char usual[4] = {127, 0, 0, 2};
    const struct dnset_words *words = row->words;
    bool is_set = memcmp(words->value, "\0\0\0\0", 4) != 0;
    struct view own = view_of_text(&words->text), behind;
    unsigned char a[4];
    char name[DNSET_TEXT_BYTES];

    memcpy(a, is_set ? words->value : usual, sizeof a);
    if (!says_nothing(row->rest)) {
        if (!view_starts(row->rest, ":"))
            own = row->rest;
        else if (dnset_value(row->rest, a, &behind) && behind.len > 0)
            own = view_trim(view_from(behind, 1));
    }
    text_addf(value, "%u.%u.%u.%u", a[0], a[1], a[2], a[3]);
    const struct dnset_row served = {words, served_name(row->name, name, sizeof name), row->rest};
    add_text(&served, view_first(own, DNSET_TEXT_BYTES), text);
}
