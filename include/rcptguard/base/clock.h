/*
 * The two clocks. Pure code takes the time as an argument; everybody else asks here, so that a
 * test can set it. Any thread.
 */
#ifndef RCPTGUARD_BASE_CLOCK_H
#define RCPTGUARD_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "rcptguard/base/view.h"

/* Seconds since 1970, UTC. Jumps when the administrator sets it. */
int64_t clock_now(void);

/* Milliseconds since some moment, goes on during suspend (CLOCK_BOOTTIME), never jumps. */
int64_t clock_mono_ms(void);

/* The same in nanoseconds, for how long something took. */
int64_t clock_mono_ns(void);
#define CLOCK_NS_A_MS INT64_C(1000000)

/* For tests: both clocks stand at these values until called again; -1, -1 gives the real ones. */
void clock_set(int64_t now_s, int64_t mono_ms);

/* Days since 1970-01-01 of a calendar day (proleptic Gregorian), and back. */
int32_t clock_days(int year, int month, int day);
void clock_date(int32_t days, int *year, int *month, int *day);

/* Is it a day of the calendar? The 30th of February is none. */
bool clock_is_day(int year, int month, int day);

/* The last second of a calendar day in local time (TZ), in seconds since 1970: where clocks go back
 * over midnight, the later one of two. */
int64_t clock_end_of_local_day(int year, int month, int day);

/* Reads "YYYY-MM-DD", a day of the calendar and nothing else. */
bool clock_date_read(struct view text, int32_t *days);

/* "YYYY-MM-DD" into 11 bytes; "-" when DAYS is 0 (no date known) or beyond
 * the years 0 to 9999. Returns DST. */
const char *clock_date_text(int32_t days, char dst[11]);

/* "YYYY-MM-DDTHH:MM:SSZ" into 21 bytes; "-" when NOW_S is 0. Returns DST. */
const char *clock_time_text(int64_t now_s, char dst[21]);

#endif
