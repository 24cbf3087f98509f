/* How long may an answer be kept? RFC 9111, as far as a list's publisher needs it. Pure. */
#ifndef FEEDS_CACHE_CONTROL_H
#define FEEDS_CACHE_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "rcptguard/base/view.h"

struct cache_control {
    bool never;        /* no-cache, no-store */
    int64_t max_age_s; /* -1: not said */
};

/* Adds what one Cache-Control header says; *C starts as {.max_age_s = -1}. */
void cache_control_read(struct view header, struct cache_control *c);

#endif
