/* Dates of lines: any bytes. What is good is the moment that timegm(3) knows by that name. */
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "local/until.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* N digits at AT as a number. */
static int number(struct view text, size_t at, size_t n)
{
    int value = 0;

    must(at + n <= text.len);
    for (size_t i = at; i < at + n; i++) {
        must(ascii_digit(text.ptr[i]));
        value = value * 10 + (text.ptr[i] - '0');
    }
    return value;
}

/* Seconds east of Greenwich of "Z", "+01", "+0100" or "+01:00". */
static int offset_of(struct view zone)
{
    must(zone.len > 0);
    if (zone.ptr[0] == 'Z' || zone.ptr[0] == 'z') {
        must(zone.len == 1);
        return 0;
    }
    must(zone.ptr[0] == '+' || zone.ptr[0] == '-');
    bool colon = zone.len == 6 && zone.ptr[3] == ':';
    must(zone.len == 3 || zone.len == 5 || colon);
    int hours = number(zone, 1, 2), minutes = zone.len == 3 ? 0 : number(zone, zone.len - 2, 2);
    must(hours < 24 && minutes < 60);
    return (zone.ptr[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
}

static void check_moment(struct view text, int64_t until)
{
    struct tm tm = {.tm_hour = 23, .tm_min = 59, .tm_sec = 59};
    int offset = 0;

    must(text.len >= 10 && text.ptr[4] == '-' && text.ptr[7] == '-');
    tm.tm_year = number(text, 0, 4) - 1900;
    tm.tm_mon = number(text, 5, 2) - 1;
    tm.tm_mday = number(text, 8, 2);
    if (text.len > 10) {
        must((text.ptr[10] == 'T' || text.ptr[10] == 't') && text.len > 16 && text.ptr[13] == ':');
        bool seconds = text.ptr[16] == ':';
        tm.tm_hour = number(text, 11, 2);
        tm.tm_min = number(text, 14, 2);
        tm.tm_sec = seconds ? number(text, 17, 2) : 0;
        offset = offset_of(view_from(text, seconds ? 19 : 16));
    }
    const struct tm written = tm;
    time_t at = timegm(&tm);
    /* timegm moves what is no such day or time to another one. */
    must(tm.tm_mon == written.tm_mon && tm.tm_mday == written.tm_mday);
    must(tm.tm_hour == written.tm_hour && tm.tm_min == written.tm_min);
    must(tm.tm_sec == written.tm_sec);
    must(until == (int64_t)at - offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view text = view_make(data, size);
    struct error why = {0};
    int64_t until;

    if (getenv("TZ") == NULL || strcmp(getenv("TZ"), "UTC") != 0)
        setenv("TZ", "UTC", 1);
    if (until_parse(text, &until, &why) == 0)
        check_moment(text, until);
    else
        must(why.code == ERR_SYNTAX && why.text[0] != '\0');
    return 0;
}
