/* Pauses of a thread that works for long beside others that must answer at once. */
#ifndef RCPTGUARD_BASE_BREATH_H
#define RCPTGUARD_BASE_BREATH_H

#include <stddef.h>

/*
 * From now on this thread pauses in `breath`; others never do. To be nice is not enough: Linux
 * (EEVDF, since 6.6) lets a thread that runs, however nice, have its slice, some milliseconds,
 * before one that wakes gets this CPU, be it the loop or an smtpd. sched_yield(2) would not do: it
 * helps those that wait already, and counts as a whole slice.
 */
void breath_begin(void);

/*
 * In every loop of the worker that may take milliseconds, with how many bytes it has worked
 * through since. Sleeps for 50 us when the last pause is 300 us ago, unless others had this CPU for
 * as long meanwhile: where it is full a nice thread that gave up the rest of its turn would get
 * nowhere. Looks at the clock only every few KiB. It changes nothing else, so pure code may call
 * it. Never with a lock that another thread takes: behind others a nice thread may be long in
 * coming back.
 */
void breath(size_t bytes);

#endif
