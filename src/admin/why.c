/*
 * GET /v1/why/REF: the decision of which somebody holds the reference, this relay's or, where
 * events are shared, another one's; and what this daemon would answer now.
 */
#include <stdlib.h>

#include "decided.h"
#include "explain.h"
#include "json.h"

static json_t *field_json(const struct record_field *field, const struct record_decision *d)
{
    const void *at = (const char *)d + field->at;

    switch (field->kind) {
    case FIELD_TIME:
        return json_time(*(const int64_t *)at);
    case FIELD_DATE:
        return json_date(*(const int32_t *)at);
    case FIELD_LABEL:
        return json_string(*(const char *const *)at);
    case FIELD_OPTIONAL:
        return json_text_or_null(*(const struct view *)at);
    case FIELD_TEXT:
        break;
    }
    return json_text(*(const struct view *)at);
}

/* Whole and unescaped, as far as JSON can hold it: `why` asks again with what stands here. */
json_t *decided_json(const struct record_decision *d)
{
    json_t *object = json_object();

    for (size_t i = 0; i < RECORD_FIELDS; i++)
        json_put(object, record_fields[i].name, field_json(&record_fields[i], d));
    return object;
}

json_t *decided_fleet_json(const struct fleet_event *e)
{
    json_t *object = decided_json(&e->decision);

    json_put(object, "relay", json_text(e->relay));
    return object;
}

/* It outlives a client that leaves: the store, and then the fleet, call back exactly once. */
struct why {
    struct request *request; /* NULL: the client has gone */
};

static void explain_then(struct request *r, const struct record_decision *d, json_t *then)
{
    explain(r, d->recipient, d->sender, d->sasl_username, then);
}

static void fleet_found_it(const struct fleet_event *e, const char *problem, void *arg)
{
    struct why *w = arg;
    struct request *r = w->request;

    free(w);
    if (r == NULL)
        return;
    r->admin->searching--;
    if (e != NULL)
        explain_then(r, &e->decision, decided_fleet_json(e));
    else if (problem == NULL)
        request_fail(r, 404,
                     "there is no such reference, of this relay or another: it is older than %d "
                     "days or than what is kept, or was mistyped",
                     REFERENCES_DAYS);
    else
        request_fail(r, 404,
                     "there is no such reference of this relay, and those of others cannot be "
                     "looked for: %s",
                     problem);
}

static void why_found(const struct record_decision *d, void *arg)
{
    struct why *w = arg;
    struct request *r = w->request;

    if (r != NULL && d == NULL && fleet_shares_events(r->admin->house->fleet) &&
        fleet_why(r->admin->house->fleet, r->name, fleet_found_it, w) == 0)
        return;
    free(w);
    if (r == NULL)
        return;
    r->admin->searching--;
    if (d == NULL)
        request_fail(r, 404,
                     "there is no such reference: it is older than %d days, was mistyped, or is "
                     "another relay's",
                     REFERENCES_DAYS);
    else
        explain_then(r, d, decided_json(d));
}

static void why_gone(void *work)
{
    struct why *w = work;

    w->request->admin->searching--;
    w->request = NULL;
}

static bool is_reference(struct view name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!ascii_alnum(name.ptr[i]))
            return false;
    return name.len > 0 && name.len < REF_MAX;
}

void admin_why(struct request *r)
{
    if (!is_reference(r->name)) {
        request_fail(r, 404, "this is not a reference: 6 to 12 letters and digits, as in a bounce");
        return;
    }
    if (!request_may_search(r))
        return;
    struct why *w = calloc(1, sizeof *w);
    if (w == NULL) {
        request_reply(r, 500, NULL);
        return;
    }
    w->request = r;
    if (record_why(r->admin->house->record, r->name, why_found, w) != 0) {
        free(w);
        request_fail(r, 503, "too many references are looked for; try again later");
        return;
    }
    r->admin->searching++;
    request_wait(r, why_gone, NULL, w);
}
