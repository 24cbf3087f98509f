/*
 * What a list says of itself in its comments. Of 16 real lists with such a line 15 told the number
 * of their rows exactly, so a copy with fewer is a copy that was cut short.
 */
#include "format.h"
#include "rcptguard/base/clock.h"

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

/* Seconds since 1970 of YYYYMMDD at midnight; 0: not a day of the calendar. */
static int64_t seconds_of_day(unsigned number)
{
    int year, month, day;
    int32_t days =
        clock_days((int)(number / 10000), (int)(number / 100 % 100), (int)(number % 100));

    /* There and back: 20230229 comes back as the first of March. */
    clock_date(days, &year, &month, &day);
    bool same = (unsigned)year * 10000 + (unsigned)month * 100 + (unsigned)day == number;
    return same ? (int64_t)days * 86400 : 0;
}

/*
 * Most serials of ten digits are a day and a number of the day (RFC 1912, 2.2); the rest are
 * seconds since 1970. What only nearly is a day (2026113100, after a hundred changes on the 30th)
 * is not read as the year 2034: a copy from the future would be refused.
 */
void feed_serial_tell(const struct feed_reader *r, struct view serial)
{
    uint64_t number;
    int64_t made;

    if (!view_to_uint(serial, UINT32_MAX, &number) || number < 1000000000)
        return;
    if (number >= 1970010100 && number <= 2099123199)
        made = seconds_of_day((unsigned)(number / 100));
    else
        made = (int64_t)number;
    if (made > 0)
        r->sink->claim(CLAIM_CREATED, made, r->sink->arg);
}
