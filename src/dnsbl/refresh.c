/* Those who asked for a round of probes. */
#include "parts.h"

struct dnsbl_request {
    struct zone_state *zone;
    struct dnsbl_request *next, **previous;
    dnsbl_done *done;
    void *arg;
    bool begun; /* the round under way was started after the request */
};

void dnsbl_forget(struct dnsbl_request *r)
{
    *r->previous = r->next;
    if (r->next != NULL)
        r->next->previous = r->previous;
    free(r);
}

void refresh_begun(struct zone_state *z)
{
    for (struct dnsbl_request *r = z->requests; r != NULL; r = r->next)
        r->begun = true;
}

static void answer(struct dnsbl_request *r)
{
    dnsbl_done *done = r->done;
    void *arg = r->arg;

    dnsbl_forget(r);
    done(arg);
}

void refresh_answer(struct zone_state *z)
{
    struct dnsbl_request *r = z->requests;

    while (r != NULL) {
        if (!r->begun) {
            r = r->next;
            continue;
        }
        answer(r);
        r = z->requests; /* who was called may have forgotten others */
    }
}

void refresh_stop(struct zone_state *z)
{
    while (z->requests != NULL)
        answer(z->requests);
}

struct dnsbl_request *dnsbl_refresh(struct dnsbl *d, struct view name, dnsbl_done *done, void *arg)
{
    struct zone_state *z = NULL;

    for (unsigned i = 0; i < d->n_zones; i++)
        if (view_is(name, d->zones[i]->zone.config->name))
            z = d->zones[i];
    if (z == NULL || d->resolver == NULL)
        return NULL;
    struct dnsbl_request *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    *r = (struct dnsbl_request){
        .zone = z, .next = z->requests, .previous = &z->requests, .done = done, .arg = arg};
    if (r->next != NULL)
        r->next->previous = &r->next;
    z->requests = r;
    /* From the loop's next turn: nobody is called back before this returns. */
    if (!round_runs(z))
        timer_set(z->round_due, 0);
    return r;
}
