/* Dates of lines: read by hand, as strptime(3) takes the 31st of February. */
#include "until.h"

#include <stdbool.h>
#include <time.h>

#include "rcptguard/base/clock.h"

struct moment {
    int year, month, day, hour, minute, second;
    int offset_s; /* east of Greenwich */
};

/* Takes exactly DIGITS digits off *REST. */
static bool number(struct view *rest, size_t digits, int *out)
{
    uint64_t n;

    if (rest->len < digits || !view_to_uint(view_first(*rest, digits), 9999, &n))
        return false;
    *out = (int)n;
    *rest = view_from(*rest, digits);
    return true;
}

static bool sign(struct view *rest, char c)
{
    if (rest->len == 0 || rest->ptr[0] != c)
        return false;
    *rest = view_from(*rest, 1);
    return true;
}

static bool take_date(struct view *rest, struct moment *m)
{
    return number(rest, 4, &m->year) && sign(rest, '-') && number(rest, 2, &m->month) &&
           sign(rest, '-') && number(rest, 2, &m->day);
}

/* Z, +HH, +HHMM or +HH:MM, and nothing behind. */
static bool take_zone(struct view *rest, struct moment *m)
{
    int hours, minutes = 0;

    if (sign(rest, 'Z') || sign(rest, 'z'))
        return rest->len == 0;
    int direction = sign(rest, '+') ? 1 : sign(rest, '-') ? -1 : 0;
    if (direction == 0 || !number(rest, 2, &hours))
        return false;
    bool colon = sign(rest, ':');
    if ((colon || rest->len > 0) && !number(rest, 2, &minutes))
        return false;
    m->offset_s = direction * (hours * 3600 + minutes * 60);
    return rest->len == 0 && hours < 24 && minutes < 60;
}

static bool take_time(struct view *rest, struct moment *m)
{
    if (!number(rest, 2, &m->hour) || !sign(rest, ':') || !number(rest, 2, &m->minute))
        return false;
    if (sign(rest, ':') && !number(rest, 2, &m->second))
        return false;
    return m->hour < 24 && m->minute < 60 && m->second < 60;
}

int until_parse(struct view text, int64_t *until, struct error *why)
{
    struct moment m = {0};
    struct view rest = text;
    int shown = text.len < 60 ? (int)text.len : 60;

    if (!take_date(&rest, &m))
        return error_set(why, ERR_SYNTAX,
                         "until=%.*s: not a date; write it as until=2026-12-31 or "
                         "until=2026-12-31T18:00Z",
                         shown, text.ptr);
    if (!clock_is_day(m.year, m.month, m.day) || m.year < 1970)
        return error_set(why, ERR_SYNTAX, "until=%.*s: there is no such day", shown, text.ptr);
    if (rest.len == 0) {
        *until = clock_end_of_local_day(m.year, m.month, m.day);
        return 0;
    }
    if ((!sign(&rest, 'T') && !sign(&rest, 't')) || !take_time(&rest, &m))
        return error_set(why, ERR_SYNTAX,
                         "until=%.*s: not a time of day; write it as until=2026-12-31T18:00Z",
                         shown, text.ptr);
    if (!take_zone(&rest, &m))
        return error_set(why, ERR_SYNTAX,
                         "until=%.*s: a time of day needs its zone; put Z (UTC) or an offset such "
                         "as +01:00 behind it",
                         shown, text.ptr);
    *until = (int64_t)clock_days(m.year, m.month, m.day) * 86400 + m.hour * 3600 + m.minute * 60 +
             m.second - m.offset_s;
    return 0;
}
