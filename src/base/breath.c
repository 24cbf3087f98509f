/* See breath.h. */
#include "rcptguard/base/breath.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <time.h>

#define WORK_NS    300000
#define PAUSE_NS   50000 /* less may be over before the kernel has given the CPU away */
#define LOOK_BYTES 4096

static _Thread_local struct {
    bool pauses;
    size_t bytes; /* since the last look at the clock */
    int64_t rested_ns;
} me;

/* The machine's own, whatever clock tests have set. */
static int64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

void breath_begin(void)
{
    me.pauses = true;
    me.rested_ns = now_ns();
    prctl(PR_SET_TIMERSLACK, 1UL); /* ns; of itself it is 50 us, another pause */
}

static void look(void)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};

    me.bytes = 0;
    if (now_ns() - me.rested_ns < WORK_NS)
        return;
    nanosleep(&pause, NULL);
    me.rested_ns = now_ns();
}

void breath(size_t bytes)
{
    me.bytes += bytes;
    if (me.pauses && me.bytes >= LOOK_BYTES)
        look();
}
