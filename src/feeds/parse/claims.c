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

/* More rows than anybody serves: a number of another kind. */
#define MAX_ROWS INT64_C(1000000000000)

/* Signs that begin comments, frames of headings, and blanks. */
static bool is_frame(char c)
{
    return view_find(view_of("#;!|/*-= \t"), c) >= 0;
}

static struct view without_frame(struct view v)
{
    while (v.len > 0 && is_frame(v.ptr[0]))
        v = view_from(v, 1);
    while (v.len > 0 && is_frame(v.ptr[v.len - 1]))
        v.len--;
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

/* Takes "Entries:"; in a heading of several parts ("A list | entries 6125") the colon may lack. */
static bool take_name(struct view *v, bool colon_may_lack)
{
    for (size_t i = 0; i < sizeof leads / sizeof leads[0]; i++)
        if (take_word(v, leads[i]))
            break;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct view rest = *v;
        if (!take_word(&rest, names[i]))
            continue;
        bool blank = rest.len > 0 && rest.ptr[0] == ' ';
        rest = view_trim(rest);
        bool colon = rest.len > 0 && rest.ptr[0] == ':';
        if (!colon && !(blank && colon_may_lack))
            continue;
        *v = view_trim(view_from(rest, colon));
        return true;
    }
    return false;
}

static size_t count_digits(struct view v)
{
    size_t n = 0;

    while (n < v.len && ascii_digit(v.ptr[n]))
        n++;
    return n;
}

/* Takes N digits, which may make NUMBER at most MAX_ROWS; none at all are none. */
static bool take_digits(struct view *v, size_t n, int64_t *number)
{
    if (n == 0)
        return false;
    for (size_t i = 0; i < n && *number <= MAX_ROWS; i++)
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): N digits are there */
        *number = *number * 10 + (v->ptr[i] - '0');
    *v = view_from(*v, n);
    return *number <= MAX_ROWS;
}

/* Takes 190215, or 190,215 with the comma before each three digits. */
static bool take_number(struct view *v, int64_t *number)
{
    size_t first = count_digits(*v);

    *number = 0;
    if (!take_digits(v, first, number))
        return false;
    while (first <= 3 && v->len > 0 && v->ptr[0] == ',') {
        *v = view_from(*v, 1);
        if (count_digits(*v) != 3 || !take_digits(v, 3, number))
            return false;
    }
    return true;
}

/* What was counted ("domains"), or nothing: more words are a sentence and not a count. */
static bool is_unit(struct view v)
{
    v = view_trim(v);
    for (size_t i = 0; i < v.len; i++)
        if (ascii_digit(v.ptr[i]) || !ascii_alnum(v.ptr[i]))
            return false;
    return true;
}

void feed_comment_tell(const struct feed_reader *r, struct view comment)
{
    struct view rest = without_frame(view_trim(comment)), part;
    int64_t number;

    if (rest.len == 0)
        return; /* a blank line: of a bomb there are 300 million */
    for (bool first = true; view_split(&rest, '|', &part); first = false) {
        part = without_frame(part);
        if (take_name(&part, !first) && take_number(&part, &number) && is_unit(part))
            r->sink->claim(CLAIM_ROWS, number, r->sink->arg);
    }
}

/* Seconds since 1970 of YYYYMMDD at midnight; 0: not a day of the calendar. */
static int64_t seconds_of_day(unsigned number)
{
    int year = (int)(number / 10000), month = (int)(number / 100 % 100), day = (int)(number % 100);

    return clock_is_day(year, month, day) ? (int64_t)clock_days(year, month, day) * 86400 : 0;
}

/* A number of the day that was counted on beyond 99 (2026113100, after a hundred changes on the
 * 30th), or a slip: nobody means the year 2034 by it. */
static bool is_nearly_day(unsigned number)
{
    unsigned month = number / 100 % 100, day = number % 100;

    return month <= 13 && day <= 32 && month + day > 0;
}

/* YYMMDDHHMM, as some scripts write it; read as seconds it would lie after 2036. */
static bool is_short_date(uint64_t number)
{
    unsigned month = (unsigned)(number / 1000000 % 100), day = (unsigned)(number / 10000 % 100);

    return month >= 1 && month <= 12 && day >= 1 && day <= 31 && number / 100 % 100 < 24 &&
           number % 100 < 60;
}

#define DATES_FROM  UINT64_C(1970010100)
#define DATES_UNTIL UINT64_C(2099123199)

/*
 * Serials of ten digits are a day and a number of the day (RFC 1912, 2.2), or seconds since 1970.
 * What might be a date of another make tells nothing: a copy from the future would be refused.
 */
void feed_serial_tell(const struct feed_reader *r, struct view serial)
{
    uint64_t number;
    int64_t made = 0;

    if (!view_to_uint(serial, UINT32_MAX, &number) || number < 1000000000)
        return;
    if (number < DATES_FROM || (number > DATES_UNTIL && !is_short_date(number)))
        made = (int64_t)number;
    else if (number <= DATES_UNTIL && (made = seconds_of_day((unsigned)(number / 100))) == 0 &&
             !is_nearly_day((unsigned)(number / 100)))
        made = (int64_t)number;
    if (made > 0)
        r->sink->claim(CLAIM_CREATED, made, r->sink->arg);
}
