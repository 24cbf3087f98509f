/* What stands on the page of metrics, by subject. */
#ifndef ADMIN_METRICS_H
#define ADMIN_METRICS_H

#include "metrics_text.h"
#include "request.h"

/* Feeds, the index, the files of exclusions and blocks, DNS zones. */
void metrics_lists(struct metrics_page *page, const struct admin_house *house);

#endif
