/* Why the daemon is degraded (rule 27), apart from how it was come by. */
#ifndef ADMIN_STATUS_H
#define ADMIN_STATUS_H

#include <jansson.h>
#include <stdint.h>

#include "rcptguard/feeds.h"
#include "rcptguard/local.h"

/* Appends a line to REASONS for what is wrong with this feed, if anything. */
void status_feed_reasons(json_t *reasons, const struct feed_status *feed, int64_t now);
void status_exclusion_reasons(json_t *reasons, const struct local_table *ex,
                              const struct local_state *state, const char *file);

#endif
