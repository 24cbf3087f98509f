/* DNS zones for people: in /v1/feeds behind the feeds, in a check, in the status. */
#include "zones.h"

#include <stdio.h>
#include <stdlib.h>

#include "json.h"

static const struct dnsbl_status *zone_at(struct dnsbl *dnsbl, size_t i)
{
    return dnsbl == NULL ? NULL : dnsbl_status(dnsbl, i);
}

const struct dnsbl_status *zones_named(struct dnsbl *dnsbl, struct view name)
{
    return dnsbl == NULL ? NULL : dnsbl_status_of(dnsbl, name);
}

static json_t *json_zone(const struct dnsbl_status *zone)
{
    json_t *object = json_object();

    json_put(object, "name", json_text(view_of(zone->name)));
    json_put(object, "kind", json_string("dnsbl"));
    json_put(object, "zone", json_text(view_of(zone->zone)));
    json_put(object, "query", json_string(dnsbl_query_text(zone->query)));
    json_put(object, "state", json_string(dnsbl_state_text(zone->state)));
    json_put(object, "state_since", json_time(zone->state_since));
    json_put(object, "why", json_text_or_null(view_of(zone->why)));
    json_put(object, "last_probe", json_time(zone->last_probe));
    json_put(object, "next_probe", json_time(zone->next_probe));
    json_put(object, "last_good", json_time(zone->last_good));
    json_put(object, "questions", json_count(zone->questions));
    json_put(object, "probes", json_count(zone->probes));
    json_put(object, "listings", json_count(zone->listings));
    json_put(object, "errors", json_count(zone->errors));
    json_put(object, "timeouts", json_count(zone->timeouts));
    json_put(object, "memory", json_count(zone->memory));
    json_put(object, "late", json_count(zone->late));
    json_put(object, "unproven", json_count(zone->unproven));
    json_put(object, "remembered", json_count(zone->remembered));
    json_put(object, "listed", json_count(zone->listed));
    return object;
}

void zones_append(json_t *array, struct dnsbl *dnsbl)
{
    const struct dnsbl_status *zone;

    for (size_t i = 0; (zone = zone_at(dnsbl, i)) != NULL; i++)
        json_array_append_new(array, json_zone(zone));
}

json_t *zones_said_json(struct dnsbl *dnsbl, const struct dnsbl_answer *answer)
{
    const struct dnsbl_status *zone;

    if (answer == NULL || answer->n_zones == 0)
        return json_null();
    json_t *array = json_array();
    for (size_t i = 0; i < answer->n_zones && (zone = zone_at(dnsbl, i)) != NULL; i++) {
        json_t *said = json_object();
        json_put(said, "list", json_text(view_of(zone->name)));
        json_put(said, "result", json_string(dnsbl_word_text(answer->zones[i].word)));
        json_put(said, "answered", json_time(answer->zones[i].answered));
        json_array_append_new(array, said);
    }
    return array;
}

json_t *zones_totals_json(struct dnsbl *dnsbl, size_t recipients)
{
    const struct dnsbl_status *zone;
    struct dnsbl_totals totals;
    size_t zones = 0, on = 0;

    for (; (zone = zone_at(dnsbl, zones)) != NULL; zones++)
        on += zone->state == DNSBL_IS_ON;
    if (zones == 0)
        return json_null();
    dnsbl_totals(dnsbl, &totals);
    json_t *object = json_object();
    json_put(object, "zones", json_count(zones));
    json_put(object, "on", json_count(on));
    json_put(object, "names", json_count(totals.names));
    json_put(object, "bytes", json_count(totals.bytes));
    json_put(object, "recipients_waiting", json_count(recipients));
    json_put(object, "waiting", json_count(totals.waiting));
    json_put(object, "dropped", json_count(totals.dropped));
    json_put(object, "servers", json_text(view_of(totals.servers)));
    return object;
}

void zones_reasons(json_t *reasons, struct dnsbl *dnsbl, bool brief)
{
    const struct dnsbl_status *zone;

    for (size_t i = 0; (zone = zone_at(dnsbl, i)) != NULL; i++) {
        char text[sizeof zone->why + 128];
        bool why = !brief && zone->why[0] != '\0';
        if (zone->state != DNSBL_IS_OFF)
            continue;
        snprintf(text, sizeof text, "zone %.64s is off%s%s", zone->name, why ? ": " : "",
                 why ? zone->why : "");
        json_array_append_new(reasons, json_text(view_of(text)));
    }
}

/* ---- probes that a client waits for --------------------------------------------------------- */

struct refresh {
    struct request *request;
    struct dnsbl_request *asked;
};

/* A zone that is on may still not have answered this time: one failure switches nothing off. */
static void refresh_done(void *arg)
{
    struct refresh *w = arg;
    struct request *r = w->request;
    const struct dnsbl_status *zone = zones_named(r->admin->house->dnsbl, r->name);

    free(w);
    r->admin->fetching--;
    if (zone == NULL) {
        request_fail(r, 404, "this zone is no longer configured");
        return;
    }
    json_t *object = json_zone(zone);
    if (zone->failed)
        json_put(object, "error",
                 json_text(view_of(zone->why[0] == '\0' ? "the zone is off" : zone->why)));
    request_log(r, "refresh", r->name, zone->failed ? "failed" : "done");
    request_reply(r, zone->failed ? 502 : 200, object);
}

static void refresh_gone(void *work)
{
    struct refresh *w = work;

    w->request->admin->fetching--;
    dnsbl_forget(w->asked);
    free(w);
}

void zones_refresh(struct request *r)
{
    struct refresh *w = calloc(1, sizeof *w);

    if (w == NULL) {
        request_reply(r, 500, NULL);
        return;
    }
    w->request = r;
    w->asked = dnsbl_refresh(r->admin->house->dnsbl, r->name, refresh_done, w);
    if (w->asked == NULL) {
        free(w);
        request_reply(r, 500, NULL);
        return;
    }
    r->admin->fetching++;
    request_wait(r, refresh_gone, NULL, w);
}
