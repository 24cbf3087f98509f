/* An eventfd by which one thread wakes another, or says that it has ended. Any thread. */
#ifndef RCPTGUARD_BASE_WAKE_H
#define RCPTGUARD_BASE_WAKE_H

int wake_open(void);      /* non-blocking; -1: no descriptor */
void wake_signal(int fd); /* readable from now on; never blocks */
void wake_clear(int fd);  /* not readable until the next signal */

#endif
