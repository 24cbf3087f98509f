/* Why the daemon is degraded (rule 27), apart from how it was come by. */
#ifndef ADMIN_STATUS_H
#define ADMIN_STATUS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "rcptguard/admin.h"
#include "rcptguard/base/buf.h"
#include "rcptguard/feeds.h"
#include "rcptguard/local.h"

enum degraded {
    DEGRADED_FEED_HELD,
    DEGRADED_FEED_NEVER,
    DEGRADED_FEED_REFUSED,
    DEGRADED_FEED_FAILING,
    DEGRADED_FILE_MISSING,
    DEGRADED_FILE_ERRORS,
    DEGRADED_ZONE_OFF, /* of these dnsbl_status says it all */
    DEGRADED_REDIS_AWAY,
    DEGRADED_NOT_KEPT, /* a feed or file that could not be written under state_dir */
    DEGRADED_REASONS,
};

bool status_feed_is(enum degraded reason, const struct feed_status *feed, int64_t now);
bool status_file_is(enum degraded reason, const struct local_table *table,
                    const struct local_state *state);

/* How many feeds and files the next start would have as they were before; their names to WHAT,
 * unless it is NULL. */
size_t status_not_kept(const struct admin_house *house, struct text *what);

/* Append a line to REASONS for what is wrong, if anything. BRIEF: for anybody to read, so without
 * URLs, paths, and words from outside. */
void status_feed_reasons(json_t *reasons, const struct feed_status *feed, int64_t now, bool brief);
void status_local_reasons(json_t *reasons, enum local_kind kind, const struct local_table *table,
                          const struct local_state *state, const char *file, bool brief);

/* [{"line", "error", "warning"}] */
json_t *status_errors_json(const struct local_table *table);

#endif
