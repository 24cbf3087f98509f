/* Who says something else than this relay, in words for the log. Pure. */
#ifndef FLEET_DRIFT_H
#define FLEET_DRIFT_H

#include <stddef.h>

#include "rcptguard/base/view.h"

#define DRIFT_SHOWN 3
#define DRIFT_TEXT  1024

struct drift {
    char names[DRIFT_TEXT]; /* of the first DRIFT_SHOWN */
    size_t n;               /* relays in all */
};

/* RELAY has another WHAT; both come from outside. *D is {0} at first. */
void drift_add(struct drift *d, struct view relay, struct view what);

/* "mx2 (exclusions), mx3 (main), mx4 (main) and 2 more"; "" when N is 0. Returns DST. */
const char *drift_text(const struct drift *d, char dst[DRIFT_TEXT + 32]);

#endif
