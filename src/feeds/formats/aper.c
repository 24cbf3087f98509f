/*
 * aper: the Anti-Phishing-Email-Reply list, ADDRESS,TYPE,YYYYMMDD, and its list of cleared
 * addresses, ADDRESS,YYYYMMDD.
 *
 * TYPE and date decide whom a row blocks, so nothing about them is guessed: in fifteen years of
 * the list's history everything that looked nearly right was an editing accident. Some cleared
 * rows carried a stray TYPE column, which the authors' own tool dies of; they are taken.
 */
#include "../parse/format.h"
#include "rcptguard/base/clock.h"

#define MAX_FIELDS 3

/* Fields without the blanks around them; MAX_FIELDS + 1 says that there were more. */
static size_t split_fields(struct view rest, struct view fields[MAX_FIELDS])
{
    struct view field;
    size_t n = 0;

    while (view_split(&rest, ',', &field)) {
        if (n == MAX_FIELDS)
            return MAX_FIELDS + 1;
        fields[n++] = view_trim(field);
    }
    return n;
}

/* Bit 0 for A to bit 4 for E; 0: not a type. */
static unsigned parse_types(struct view text)
{
    unsigned types = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < 'A' || text.ptr[i] > 'E')
            return 0;
        types |= 1u << (text.ptr[i] - 'A');
    }
    return types;
}

/* Days since 1970, or 0: not a day of the calendar, or not one that the index can keep. */
static int32_t parse_date(struct view text)
{
    uint64_t number;

    if (text.len != 8 || !view_to_uint(text, 99991231, &number))
        return 0;
    int year = (int)(number / 10000), month = (int)(number / 100 % 100), day = (int)(number % 100);
    if (!clock_is_day(year, month, day))
        return 0;
    int32_t days = clock_days(year, month, day);
    return days > 0 && days <= UINT16_MAX ? days : 0;
}

static void tell_address(const struct feed_reader *r, struct view address, struct view text,
                         struct feed_row row)
{
    struct entry entry;
    struct error why;
    enum entry_result result = entry_parse_address(address, &r->options->addresses, &entry, &why);

    feed_row_tell(result, &entry, &why, address, text, row, r->sink);
}

static void aper_line(const struct feed_reader *r, struct view line, uint64_t number)
{
    struct view text = feed_line_text(line), fields[MAX_FIELDS];
    struct feed_row row = {.line = number};

    if (text.len == 0) {
        feed_comment_tell(r, line);
        return;
    }
    if (split_fields(text, fields) != 3) {
        r->sink->bad(number, text, "not three fields: ADDRESS,TYPE,YYYYMMDD", r->sink->arg);
        return;
    }
    row.types = parse_types(fields[1]);
    row.date = parse_date(fields[2]);
    if (row.types == 0)
        r->sink->bad(number, text, "the type is not of the letters A to E", r->sink->arg);
    else if (row.date == 0)
        r->sink->bad(number, text, "the date is not a day as YYYYMMDD", r->sink->arg);
    else
        tell_address(r, fields[0], text, row);
}

static void cleared_line(const struct feed_reader *r, struct view line, uint64_t number)
{
    struct view text = feed_line_text(line), fields[MAX_FIELDS];
    struct feed_row row = {.line = number};

    if (text.len == 0) {
        feed_comment_tell(r, line);
        return;
    }
    size_t n = split_fields(text, fields);
    if (n != 2 && n != 3) {
        r->sink->bad(number, text, "not two fields: ADDRESS,YYYYMMDD", r->sink->arg);
        return;
    }
    row.date = parse_date(fields[n - 1]);
    if (n == 3 && parse_types(fields[1]) == 0)
        r->sink->bad(number, text, "the field in the middle is not a type", r->sink->arg);
    else if (row.date == 0)
        r->sink->bad(number, text, "the date is not a day as YYYYMMDD", r->sink->arg);
    else
        tell_address(r, fields[0], text, row);
}

static bool aper_looks(struct view line)
{
    struct view fields[MAX_FIELDS];

    return split_fields(line, fields) == 3 && parse_types(fields[1]) != 0 &&
           parse_date(fields[2]) != 0;
}

static const char *const aper_keys[] = {"types", "cleared", "entry_max_age", NULL};

const struct feed_format feed_format_aper = {
    .info = {"aper", "ADDRESS,TYPE,YYYYMMDD; # comments",
             "the address, with its date and type (A to E)", aper_keys},
    .line = aper_line,
    .looks = aper_looks,
};

const struct feed_format feed_format_aper_cleared = {
    .info = {"aper_cleared", "ADDRESS,YYYYMMDD; # comments",
             "the address counts for nothing when it was listed on or before that day", NULL},
    .line = cleared_line,
};
