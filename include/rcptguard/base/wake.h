/* An eventfd by which one thread wakes another, or says that it has ended. Any thread. */
#ifndef RCPTGUARD_BASE_WAKE_H
#define RCPTGUARD_BASE_WAKE_H

#include <stdbool.h>

int wake_open(void);      /* non-blocking; -1: no descriptor */
void wake_signal(int fd); /* readable from now on; never blocks */
void wake_clear(int fd);  /* not readable until the next signal */

/* Waits MS for a signal, from anew whenever a handler ran meanwhile. False: none came. */
bool wake_wait(int fd, int ms);

#endif
