/* See wake.h. */
#include "rcptguard/base/wake.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int wake_open(void)
{
    return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void wake_signal(int fd)
{
    /* Fails only when the counter is full, and then the descriptor is readable anyway. */
    uint64_t one = 1;
    ssize_t n = write(fd, &one, sizeof one);
    (void)n;
}

void wake_clear(int fd)
{
    uint64_t count;
    ssize_t n = read(fd, &count, sizeof count);
    (void)n;
}

bool wake_wait(int fd, int ms)
{
    struct pollfd signalled = {.fd = fd, .events = POLLIN};
    int n;

    do
        n = poll(&signalled, 1, ms);
    while (n < 0 && errno == EINTR);
    return n == 1;
}
