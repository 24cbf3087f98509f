/* What the daemon remembers, as people see it: history, top, events. */
#ifndef CLI_RECORD_SHOW_H
#define CLI_RECORD_SHOW_H

#include "show.h"

/* The answer of /v1/history. */
void history_show(const struct show *s, const json_t *answer);

/* The answer of /v1/top. */
void top_show(const struct show *s, const json_t *answer);

/* One event of /v1/events; nothing for a sign of life. */
void event_show(const struct show *s, const json_t *event);

#endif
