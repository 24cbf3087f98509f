/*
 * io_submit(2) writes to a socket at once, before it returns, and takes many of them. Beside the
 * system calls it saves changes of process: a client that wakes at the first of many answers takes
 * the CPU when the call returns, and finds all that are for it, and not after each.
 */
#include "sends.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "rcptguard/base/log.h"

void sends_open(struct sends *s)
{
    s->context = 0;
    if (syscall(SYS_io_setup, SENDS_MAX, &s->context) == 0)
        return;
    s->context = 0;
    log_debug("policy", "io_setup: %s; answers are sent one by one", strerrordesc_np(errno));
}

void sends_close(struct sends *s)
{
    if (s->context != 0)
        syscall(SYS_io_destroy, s->context);
    s->context = 0;
}

static long submit(const struct sends *s, const struct send *all, size_t n)
{
    struct iocb blocks[SENDS_MAX], *places[SENDS_MAX];

    memset(blocks, 0, n * sizeof blocks[0]);
    for (size_t i = 0; i < n; i++) {
        blocks[i].aio_data = i;
        blocks[i].aio_lio_opcode = IOCB_CMD_PWRITE;
        blocks[i].aio_fildes = (uint32_t)all[i].fd;
        blocks[i].aio_buf = (uintptr_t)all[i].bytes;
        blocks[i].aio_nbytes = all[i].len;
        places[i] = &blocks[i];
    }
    return syscall(SYS_io_submit, s->context, (long)n, places);
}

/* Whatever runs still reads the bytes: io_destroy waits for it. */
static int give_up(struct sends *s, long known)
{
    log_warning("policy",
                "io_getevents: %s; the connections of this turn are closed, and answers sent one "
                "by one from now on",
                known < 0 ? strerrordesc_np(errno) : "not all of what was submitted is done");
    sends_close(s);
    return -1;
}

int sends_write(struct sends *s, struct send *all, size_t n)
{
    struct io_event events[SENDS_MAX];

    for (size_t i = 0; i < n; i++)
        all[i].result = 0;
    if (s->context == 0)
        return 0;
    long submitted = submit(s, all, n);
    if (submitted <= 0)
        return 0;
    /* They are complete where io_submit writes at once; where it does not it is of no use here. */
    static const struct timespec at_once;
    long known = syscall(SYS_io_getevents, s->context, submitted, submitted, events, &at_once);
    if (known != submitted)
        return give_up(s, known);
    for (long i = 0; i < submitted; i++)
        if (events[i].res > 0)
            all[events[i].data].result = (ssize_t)events[i].res;
    return 0;
}
