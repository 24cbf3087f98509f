/* Clocks, and calendar days without the C library's time zones. */
#include "rcptguard/base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* What four digits of a year can say: 0000-01-01 and 9999-12-31. */
#define DAYS_FIRST (-719528)
#define DAYS_LAST  2932896

static _Atomic int64_t test_now = -1, test_mono = -1;

int64_t clock_now(void)
{
    int64_t set = atomic_load_explicit(&test_now, memory_order_relaxed);
    return set >= 0 ? set : (int64_t)time(NULL);
}

int64_t clock_mono_ns(void)
{
    int64_t set = atomic_load_explicit(&test_mono, memory_order_relaxed);
    struct timespec ts;

    if (set >= 0)
        return set * CLOCK_NS_A_MS;
    clock_gettime(CLOCK_BOOTTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 * CLOCK_NS_A_MS + ts.tv_nsec;
}

int64_t clock_mono_ms(void)
{
    return clock_mono_ns() / CLOCK_NS_A_MS;
}

void clock_set(int64_t now_s, int64_t mono_ms)
{
    atomic_store(&test_now, now_s);
    atomic_store(&test_mono, mono_ms);
}

/* Years from March, so that the leap day is the last one: H. Hinnant, "days_from_civil". */
int32_t clock_days(int year, int month, int day)
{
    year -= month <= 2;
    int era = (year >= 0 ? year : year - 399) / 400;
    int of_era = year - era * 400;
    int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    return (int32_t)(era * 146097 + day_of_era - 719468);
}

void clock_date(int32_t days, int *year, int *month, int *day)
{
    int32_t z = days + 719468;
    int era = (z >= 0 ? z : z - 146096) / 146097;
    int day_of_era = z - era * 146097;
    int of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int of_year = day_of_era - (365 * of_era + of_era / 4 - of_era / 100);
    int mp = (5 * of_year + 2) / 153;
    *day = of_year - (153 * mp + 2) / 5 + 1;
    *month = mp < 10 ? mp + 3 : mp - 9;
    *year = of_era + era * 400 + (*month <= 2);
}

/* There and back: 2023-02-29 comes back as the first of March. */
bool clock_is_day(int year, int month, int day)
{
    int y, m, d;

    clock_date(clock_days(year, month, day), &y, &m, &d);
    return y == year && m == month && d == day;
}

int64_t clock_end_of_local_day(int year, int month, int day)
{
    int64_t end = 0;

    for (int dst = 0; dst <= 1; dst++) {
        struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
        tm.tm_hour = 23;
        tm.tm_min = tm.tm_sec = 59;
        tm.tm_isdst = dst;
        int64_t at = (int64_t)mktime(&tm); /* makes TM what the clock shows then */
        if (tm.tm_mday == day && at > end)
            end = at;
    }
    return end;
}

bool clock_date_read(struct view text, int32_t *days)
{
    static const char form[] = "9999-99-99";
    int part[3] = {0}, n = 0;

    if (text.len != sizeof form - 1)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (form[i] == '-' ? text.ptr[i] != '-' : !ascii_digit(text.ptr[i]))
            return false;
        if (form[i] == '-')
            n++;
        else
            part[n] = part[n] * 10 + (text.ptr[i] - '0');
    }
    if (!clock_is_day(part[0], part[1], part[2]))
        return false;
    *days = clock_days(part[0], part[1], part[2]);
    return true;
}

const char *clock_date_text(int32_t days, char dst[11])
{
    int year, month, day;

    if (days == 0 || days < DAYS_FIRST || days > DAYS_LAST)
        return strcpy(dst, "-");
    clock_date(days, &year, &month, &day);
    char wide[40];
    snprintf(wide, sizeof wide, "%04d-%02d-%02d", year, month, day);
    memcpy(dst, wide, 10);
    dst[10] = '\0';
    return dst;
}

const char *clock_time_text(int64_t now_s, char dst[21])
{
    int64_t days = now_s / 86400, seconds = now_s % 86400;

    if (now_s <= 0 || days > DAYS_LAST)
        return strcpy(dst, "-");
    if (days == 0)
        strcpy(dst, "1970-01-01");
    else
        clock_date_text((int32_t)days, dst);
    char wide[40];
    snprintf(wide, sizeof wide, "T%02d:%02d:%02dZ", (int)(seconds / 3600), (int)(seconds / 60 % 60),
             (int)(seconds % 60));
    memcpy(dst + 10, wide, 10);
    dst[20] = '\0';
    return dst;
}
