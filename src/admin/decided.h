/* The JSON of a decision that was made, for `why` and `events` alike. */
#ifndef ADMIN_DECIDED_H
#define ADMIN_DECIDED_H

#include <jansson.h>

#include "rcptguard/record.h"

json_t *decided_json(const struct record_decision *d);

#endif
