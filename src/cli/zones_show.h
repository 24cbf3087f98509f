/* How DNS zones are shown, behind the feeds: one line each, and a few more where somebody should
 * look. */
#ifndef CLI_ZONES_SHOW_H
#define CLI_ZONES_SHOW_H

#include "cli.h"

/* Is this one of /v1/feeds a DNS zone? */
bool zone_is(const json_t *list);

/* The zones among FEEDS, the array of /v1/feeds; nothing when there are none. */
void zones_show(const struct show *s, const json_t *feeds);

/* How ZONE is after its probes, behind "NAME: ". */
void zone_show_probed(const struct show *s, const json_t *zone);

/* "zones" of a check: what each said, on one line. */
void zones_show_said(const struct show *s, const json_t *said);

#endif
