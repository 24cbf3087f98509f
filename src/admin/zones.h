/*
 * DNS zones among the lists: how each is, and the orders that one can take. DNSBL may be NULL
 * everywhere here: there are no zones then.
 */
#ifndef ADMIN_ZONES_H
#define ADMIN_ZONES_H

#include <jansson.h>

#include "rcptguard/dnsbl.h"
#include "request.h"

/* Appends every zone to ARRAY. */
void zones_append(json_t *array, struct dnsbl *dnsbl);

const struct dnsbl_status *zones_named(struct dnsbl *dnsbl, struct view name);

/* "zones" of a check: what each said, by its place in the configuration; null: none was asked. */
json_t *zones_said_json(struct dnsbl *dnsbl, const struct dnsbl_answer *answer);

/* All zones together, for those who may see the names of servers, and how many RECIPIENTS wait for
 * them; null without zones. */
json_t *zones_totals_json(struct dnsbl *dnsbl, size_t recipients);

/* Append a line to REASONS for each zone that is off; BRIEF: without words from outside. */
void zones_reasons(json_t *reasons, struct dnsbl *dnsbl, bool brief);

/* Probes the zone R->name now and answers R when that is over. */
void zones_refresh(struct request *r);

#endif
