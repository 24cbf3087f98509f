/*
 * What a list says of itself in its comments. Of 16 real lists with such a line 15 told the number
 * of their rows exactly, so a copy with fewer is a copy that was cut short.
 */
#include "format.h"

/* What stands before the colon, in lower case; "number of", "total" and the like are left out. */
static const char *const names[] = {"entries", "domains",        "domain count", "count", "records",
                                    "rows",    "unique domains", "blocked",      "rules", "hosts"};

static const char *const leads[] = {"number of ", "total number of ", "total "};

/* Signs that begin comments, frames of headings, and blanks. */
static struct view without_lead(struct view v)
{
    while (v.len > 0 && (view_find(view_of("#;!|/*-= \t"), v.ptr[0]) >= 0))
        v = view_from(v, 1);
    return v;
}

/* V without WORD at its beginning, in any case. */
static bool take_word(struct view *v, const char *word)
{
    size_t len = strlen(word);

    if (!view_eq_nocase(view_first(*v, len), view_of(word)))
        return false;
    *v = view_from(*v, len);
    return true;
}

static bool take_name(struct view *v)
{
    for (size_t i = 0; i < sizeof leads / sizeof leads[0]; i++)
        if (take_word(v, leads[i]))
            break;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct view rest = *v;
        if (!take_word(&rest, names[i]))
            continue;
        rest = view_trim(rest);
        if (rest.len == 0 || rest.ptr[0] != ':')
            continue;
        *v = view_trim(view_from(rest, 1));
        return true;
    }
    return false;
}

/* 190215, or 190,215 with the comma before each three digits; what follows is at most a word. */
static bool take_number(struct view v, int64_t *number)
{
    size_t i = 0;

    *number = 0;
    for (; i < v.len && *number < INT64_C(1000000000000); i++) {
        bool comma = v.ptr[i] == ',' && i > 0 && i + 3 < v.len && ascii_digit(v.ptr[i + 1]) &&
                     ascii_digit(v.ptr[i + 2]) && ascii_digit(v.ptr[i + 3]);
        if (!comma && !ascii_digit(v.ptr[i]))
            break;
        if (!comma)
            *number = *number * 10 + (v.ptr[i] - '0');
    }
    struct view unit = view_trim(view_from(v, i));
    for (size_t k = 0; k < unit.len; k++)
        if (ascii_lower(unit.ptr[k]) < 'a' || ascii_lower(unit.ptr[k]) > 'z')
            return false;
    return i > 0;
}

void feed_comment_tell(const struct feed_reader *r, struct view comment)
{
    struct view v = without_lead(view_trim(comment));
    int64_t number;

    if (v.len > 0 && take_name(&v) && take_number(v, &number))
        r->sink->claim(CLAIM_ROWS, number, r->sink->arg);
}
