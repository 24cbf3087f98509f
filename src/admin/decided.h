/* The JSON of a decision that was made, for `why` and `events` alike; of the fleet's with the relay
 * that made it. */
#ifndef ADMIN_DECIDED_H
#define ADMIN_DECIDED_H

#include <jansson.h>

#include "rcptguard/fleet.h"
#include "rcptguard/record.h"

json_t *decided_json(const struct record_decision *d);
json_t *decided_fleet_json(const struct fleet_event *e);

#endif
