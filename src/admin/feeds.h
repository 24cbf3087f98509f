/* The JSON of one feed, apart from how it was come by. */
#ifndef ADMIN_FEEDS_H
#define ADMIN_FEEDS_H

#include <jansson.h>

#include "rcptguard/feeds.h"

json_t *json_feed(const struct feed_status *feed);

#endif
