/* Many writes to sockets in one system call. Loop thread only. */
#ifndef POLICY_SENDS_H
#define POLICY_SENDS_H

#include <linux/aio_abi.h>
#include <stddef.h>
#include <sys/types.h>

#define SENDS_MAX 64

struct send {
    int fd; /* does not block */
    const void *bytes;
    size_t len;
    ssize_t result; /* bytes written; 0: none, write them as ever */
};

struct sends {
    aio_context_t context; /* 0: the kernel has none for us */
};

/* Where io_setup(2) is refused (seccomp, fs.aio-max-nr), nothing is written by sends_write. */
void sends_open(struct sends *s);
void sends_close(struct sends *s);

/*
 * Tries each of N, at most SENDS_MAX, once and without waiting. What did not go, for whatever
 * reason, has the result 0: write(2) tells why. SIGPIPE must be ignored. -1: nobody knows which of
 * them went; none may be written to any more.
 */
int sends_write(struct sends *s, struct send *all, size_t n);

#endif
