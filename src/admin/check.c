/*
 * GET /v1/check: what the daemon would answer now, and why. It asks the same way that Postfix does
 * (look_only), so that the two can never differ.
 */
#include <stdlib.h>

#include "check.h"
#include "json.h"
#include "rcptguard/base/escape.h"
#include "request.h"

#define KEYS_MAX_BYTES 65536 /* of keys shown: a monster has 132 of them, up to 16 KB each */

/* Neither an address nor the null sender: a line `sender:<>` must not free what nobody asked. */
#define UNKNOWN_SENDER "?"

/* A question under way. It outlives the client that asked: the answer comes exactly once. */
struct check {
    struct request *request; /* NULL: the client has gone */
    char *recipient;         /* a copy: the request may be gone when the answer comes */
    size_t recipient_len;
};

static json_t *entry_json(enum entry_kind kind, struct view key)
{
    char shown[2 * ADDRESS_MAX_BYTES + 16];
    struct text t = text_on(shown, sizeof shown);

    entry_print(&t, kind, key);
    return json_text(text_view(&t));
}

/* In the forms in which lists would hold them, most specific first. */
static json_t *keys_json(const struct address *address, bool *cut)
{
    json_t *keys = json_array();
    size_t bytes = 0;

    *cut = false;
    for (unsigned i = 0; i < address->n_keys; i++) {
        const struct address_key *key = &address->keys[i];
        for (int kind = ENTRY_ADDRESS; kind <= ENTRY_BELOW; kind++) {
            if ((key->kinds & ENTRY_BIT(kind)) == 0)
                continue;
            bytes += key->name.len;
            if (bytes > KEYS_MAX_BYTES) {
                *cut = true;
                return keys;
            }
            json_array_append_new(keys, entry_json((enum entry_kind)kind, key->name));
        }
    }
    return keys;
}

static json_t *exclusion_json(const struct local_line *e, const char *file)
{
    if (e == NULL)
        return json_null();
    json_t *object = json_object();
    json_put(object, "what", json_text(e->what));
    json_put(object, "file", json_text(view_of(file)));
    json_put(object, "line", json_count(e->line));
    json_put(object, "until", json_text_or_null(e->until_text));
    json_put(object, "ticket", json_text_or_null(e->ticket));
    json_put(object, "by", json_text_or_null(e->by));
    json_put(object, "note", json_text_or_null(e->note));
    if (e->lists.len > 0)
        json_put(object, "list", json_text(e->lists));
    return object;
}

/* The line with list= that frees from this list. */
static const struct local_line *freed_by(const struct answer *answer, struct view list)
{
    for (unsigned i = 0; i < answer->n_partial; i++)
        if (local_line_frees(answer->partial[i], list))
            return answer->partial[i];
    return NULL;
}

static json_t *listing_json(const struct check_view *view, const struct decision_listing *listing)
{
    const struct feed_status *feed =
        view->feeds == NULL ? NULL : feeds_status_of(view->feeds, listing->list);
    json_t *object = json_object();

    json_put(object, "list", json_text(listing->list));
    json_put(object, "entry", entry_json(listing->kind, listing->key));
    json_put(object, "date", json_date(listing->date));
    json_put(object, "action", json_string(list_action_text(listing->action)));
    json_put(object, "excluded", json_boolean(listing->excluded));
    json_put(object, "decides", json_boolean(listing == view->answer->decision.decided_by));
    if (listing->excluded)
        json_put(object, "excluded_by",
                 exclusion_json(freed_by(view->answer, listing->list), view->file));
    if (feed != NULL) {
        json_put(object, "list_accepted", json_time(feed->accepted_at));
        json_put(object, "list_checked", json_time(feed->last_success));
    }
    return object;
}

/* By which a list frees from itself: not from any other. */
static json_t *exception_json(const struct decision_listing *exception)
{
    json_t *object = json_object();

    json_put(object, "list", json_text(exception->list));
    json_put(object, "entry", entry_json(exception->kind, exception->key));
    return object;
}

json_t *check_json(const struct check_view *view)
{
    const struct answer *answer = view->answer;
    const struct address *address = answer->address;
    const struct decision *decision = &answer->decision;
    bool observed = answer->mode == MODE_OBSERVE && decision->outcome != OUTCOME_PASS;
    json_t *object = json_object(), *listings = json_array(), *exceptions = json_array();
    bool cut;

    json_put(object, "recipient", json_text(view->recipient));
    json_put(object, "canonical",
             json_text_or_null(address->state == ADDRESS_OK ? address->canonical : VIEW_NONE));
    json_put(object, "keys", keys_json(address, &cut));
    if (cut)
        json_put(object, "keys_cut", json_true());
    json_put(object, "verdict",
             json_string(outcome_text(observed ? OUTCOME_PASS : decision->outcome)));
    json_put(object, "action", json_text(view_of(answer->action)));
    json_put(object, "mode", json_string(answer->mode == MODE_OBSERVE ? "observe" : "enforce"));
    if (observed)
        json_put(object, "would", json_string(outcome_text(decision->outcome)));
    json_put(object, "exclusion", exclusion_json(answer->exclusion, view->file));
    for (unsigned i = 0; i < answer->n_listings; i++)
        json_array_append_new(listings, listing_json(view, &answer->listings[i]));
    json_put(object, "listings", listings);
    for (unsigned i = 0; i < answer->n_exceptions; i++)
        json_array_append_new(exceptions, exception_json(&answer->exceptions[i]));
    json_put(object, "exceptions", exceptions);
    json_put(object, "exclusions_file", json_text(view_of(view->file)));
    if (address->state != ADDRESS_OK)
        json_put(object, "note", json_text(view_of(address_state_text(address->state))));
    return object;
}

static void check_done(const struct answer *answer, void *arg)
{
    struct check *c = arg;

    if (c->request != NULL) {
        const struct admin_house *house = c->request->admin->house;
        const struct check_view view = {
            .answer = answer,
            .recipient = view_make(c->recipient, c->recipient_len),
            .feeds = house->feeds,
            .file = house->exclusions_file,
        };
        request_reply(c->request, 200, check_json(&view));
    }
    free(c->recipient);
    free(c);
}

static void check_gone(void *work)
{
    struct check *c = work;

    c->request = NULL;
}

void admin_check(struct request *r)
{
    struct view recipient, sender;
    struct check *c = calloc(1, sizeof *c);

    if (!target_get(&r->target, "recipient", &recipient)) {
        free(c);
        request_fail(r, 400, "no recipient: GET /v1/check?recipient=ADDRESS&sender=ADDRESS");
        return;
    }
    if (recipient.len == 0)
        recipient = view_of("");
    if (!target_get(&r->target, "sender", &sender))
        sender = view_of(UNKNOWN_SENDER);
    else if (view_is(sender, "<>"))
        sender = view_of("");
    if (c == NULL || (c->recipient = view_dup(recipient)) == NULL) {
        free(c);
        request_reply(r, 500, NULL);
        return;
    }
    c->recipient_len = recipient.len;
    c->request = r;
    request_wait(r, check_gone, c);
    const struct question q = {.recipient = recipient, .sender = sender, .look_only = true};
    verdict_ask(r->admin->house->verdict, &q, check_done, c);
}
