/* How lists are shown: one line each, and a few more where somebody should look. */
#ifndef CLI_FEEDS_SHOW_H
#define CLI_FEEDS_SHOW_H

#include "cli.h"

/* FEEDS is the array of /v1/feeds. */
void feeds_show(const struct show *s, const json_t *feeds);

/* What happened to FEED, what is in force, when it ends, what to type; nothing when it is well. */
void feeds_show_attention(const struct show *s, const json_t *feed);

/* That what is in force would not survive a restart; nothing when it would. */
void feeds_show_unkept(const struct show *s, const json_t *feed);

/* "200 entries, 198 active" */
void feeds_show_size(const struct show *s, const json_t *feed);

/* "  type        rcptguard ORDER NAME   # DOES" */
void feeds_show_order(const struct show *s, const json_t *feed, const char *order,
                      const char *does);

#endif
