/*
 * What the kernel tells of this process in files, which the loop never reads: each page of metrics
 * asks the disk thread to look again, and shows what it found the last time.
 */
#ifndef ADMIN_USAGE_H
#define ADMIN_USAGE_H

#include <stdbool.h>
#include <stdint.h>

struct admin;

struct usage_numbers {
    bool known; /* false: nothing was found yet */
    uint64_t resident_bytes, virtual_bytes, open_fds;
};

/* What was found last; and asks for a new look, unless one is under way. */
struct usage_numbers usage_now(struct admin *a);

/* Whoever still looks finds no admin when it ends. */
void usage_forget(struct admin *a);

#endif
