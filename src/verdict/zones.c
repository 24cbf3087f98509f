/*
 * What DNS zones say of a recipient that nothing in memory refuses. Zones stand behind all lists
 * and keep the order of the configuration among themselves: their listings are all equally
 * specific.
 */
#include <limits.h>
#include <stdio.h>

#include "lookup.h"
#include "rcptguard/base/clock.h"

#define SECONDS_A_DAY 86400

static void add_zone_listing(struct verdict *v, unsigned number, const struct dnsbl_found *found)
{
    const struct verdict_zone *zone = &v->rules->zones[number];

    if (v->n_listings == ANSWER_LISTINGS)
        return;
    struct decision_listing *l = &v->listings[v->n_listings++];
    *l = (struct decision_listing){
        .list = view_of(zone->name),
        .rank = (unsigned)v->rules->n_lists + 1 + number,
        .specificity = UINT_MAX,
        .action = zone->action,
        .reply = view_of(zone->reply),
        .kind = found->kind,
        .key = found->key,
        .date = (int32_t)(found->since / SECONDS_A_DAY),
        .text = found->text,
        .since = found->since,
    };
    snprintf(l->said, sizeof l->said, "%u.%u.%u.%u", found->answer[0], found->answer[1],
             found->answer[2], found->answer[3]);
}

bool look_up_zones(struct verdict *v, const struct question *q, int64_t since_ms,
                   struct dnsbl_wait *w)
{
    struct dnsbl_question ask = {
        .address = &v->recipient,
        .seen = q->recipient,
        .all = q->look_only,
        .again = w != NULL,
        .asked_ms = since_ms,
        .deadline_ms = since_ms + v->rules->deadline_ms,
    };

    for (size_t i = 0; i < v->rules->n_zones; i++) {
        if (lookup_is_freed(v, view_of(v->rules->zones[i].name)))
            ask.skip |= (uint64_t)1 << i;
        else if (v->rules->zones[i].action != ACTION_OBSERVE)
            ask.deciding |= (uint64_t)1 << i;
    }
    dnsbl_look(v->dnsbl, &ask, w, &v->zones);
    v->zones_asked = true;
    if (v->zones.waits)
        return true;
    bool late = false;
    for (unsigned i = 0; i < v->zones.n_zones && i < v->rules->n_zones; i++) {
        if (v->zones.zones[i].word == DNSBL_LISTED)
            add_zone_listing(v, i, &v->zones.zones[i]);
        late |= v->zones.zones[i].word == DNSBL_LATE;
    }
    if (late && !q->look_only)
        record_counts(v->record)->late++;
    return false;
}
