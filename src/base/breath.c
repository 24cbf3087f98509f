/* See breath.h. */
#include "rcptguard/base/breath.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <time.h>

#define WORK_NS    300000
#define PAUSE_NS   50000 /* less may be over before the kernel has given the CPU away */
#define LATE_NS    50000 /* a pause that ends so much later is still only a pause */
#define CREDIT_NS  250000
#define LOOK_BYTES 4096

static _Thread_local struct {
    bool pauses;
    size_t bytes;      /* since the last look at the clock */
    int64_t wall, cpu; /* ns, when it last paused or need not have */
    int64_t credit;    /* ns that others took of this CPU, and no pause made up for yet */
} me;

/* The machine's own, whatever clock tests have set. */
static int64_t ns_of(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void rest(int64_t wall, int64_t cpu)
{
    me.wall = wall;
    me.cpu = cpu;
}

void breath_begin(void)
{
    me.pauses = true;
    rest(ns_of(CLOCK_MONOTONIC), ns_of(CLOCK_THREAD_CPUTIME_ID));
    prctl(PR_SET_TIMERSLACK, 1UL); /* ns; of itself it is 50 us, another pause */
}

static void take_credit(int64_t others)
{
    if (others > 0)
        me.credit += others;
    if (me.credit > CREDIT_NS)
        me.credit = CREDIT_NS;
}

static void look(void)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    int64_t wall = ns_of(CLOCK_MONOTONIC);

    me.bytes = 0;
    if (wall - me.wall < WORK_NS)
        return;
    int64_t cpu = ns_of(CLOCK_THREAD_CPUTIME_ID);
    take_credit((wall - me.wall) - (cpu - me.cpu));
    rest(wall, cpu);
    if (me.credit >= PAUSE_NS) {
        me.credit -= PAUSE_NS;
        return;
    }
    nanosleep(&pause, NULL);
    rest(ns_of(CLOCK_MONOTONIC), ns_of(CLOCK_THREAD_CPUTIME_ID));
    take_credit(me.wall - wall - PAUSE_NS - LATE_NS);
}

void breath(size_t bytes)
{
    me.bytes += bytes;
    if (me.pauses && me.bytes >= LOOK_BYTES)
        look();
}
