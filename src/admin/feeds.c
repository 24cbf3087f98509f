/*
 * /v1/feeds: how each list is, fetch one now, take a held copy, go back to the copy before. DNS
 * zones are lists too: those that have no copies and are probed instead (zones.c).
 */
#include "feeds.h"

#include <stdlib.h>

#include "json.h"
#include "request.h"
#include "zones.h"

static json_t *held_json(const struct feed_status *feed)
{
    if (feed->held.since == 0)
        return json_null();
    json_t *held = json_object();
    json_put(held, "since", json_time(feed->held.since));
    json_put(held, "until", json_time(feed->held.until));
    json_put(held, "guard", json_text_or_null(view_of(feed->held.guard)));
    json_put(held, "why", json_text(view_of(feed->held.why)));
    json_put(held, "entries", json_count(feed->held.entries));
    return held;
}

static json_t *settings_json(const struct feed_status *feed)
{
    struct view rest = view_of(feed->settings), setting;
    json_t *array = json_array();

    while (rest.len > 0 && view_split(&rest, '\n', &setting))
        json_array_append_new(array, json_text(setting));
    return array;
}

json_t *json_feed(const struct feed_status *feed)
{
    json_t *object = json_object();

    json_put(object, "name", json_text(view_of(feed->name)));
    json_put(object, "kind", json_string("feed"));
    json_put(object, "url", json_text(view_of(feed->url)));
    json_put(object, "format", json_text(view_of(feed->format)));
    json_put(object, "settings", settings_json(feed));
    json_put(object, "state", json_string(feed_state_text(feed->state)));
    json_put(object, "rows", json_count(feed->rows));
    json_put(object, "bad_rows", json_count(feed->bad_rows));
    json_put(object, "ignored_rows", json_count(feed->ignored_rows));
    json_put(object, "entries", json_count(feed->entries));
    json_put(object, "active", json_count(feed->active));
    json_put(object, "dropped", json_count(feed->dropped));
    json_put(object, "left_out", json_text_or_null(view_of(feed->left_out)));
    json_put(object, "exceptions", json_count(feed->exceptions));
    json_put(object, "stale", json_boolean(feed->stale));
    json_put(object, "unkept", json_boolean(feed->unkept));
    json_put(object, "state_since", json_time(feed->state_since));
    json_put(object, "last_fetch", json_time(feed->last_fetch));
    json_put(object, "last_success", json_time(feed->last_success));
    json_put(object, "accepted", json_time(feed->accepted_at));
    json_put(object, "next_fetch", json_time(feed->next_fetch));
    json_put(object, "last_error", json_text_or_null(view_of(feed->last_error)));
    json_put(object, "guard", json_text_or_null(view_of(feed->guard)));
    json_put(object, "problem", json_text_or_null(view_of(feed->problem)));
    json_put(object, "held", held_json(feed));
    json_put(object, "previous", json_boolean(feed->previous));
    json_put(object, "progress", json_text_or_null(view_of(feed->progress)));
    return object;
}

void admin_feeds(struct request *r)
{
    const struct feeds *feeds = r->admin->house->feeds;
    const struct feed_status *feed;
    json_t *object = json_object(), *array = json_array();

    for (size_t i = 0; (feed = feeds_status(feeds, i)) != NULL; i++)
        json_array_append_new(array, json_feed(feed));
    zones_append(array, r->admin->house->dnsbl);
    json_put(object, "feeds", array);
    request_reply(r, 200, object);
}

typedef struct feeds_request *feeds_ask(struct feeds *f, struct view name, feeds_done *done,
                                        void *arg);

/* What a client may want of one feed. */
struct order {
    const char *name; /* in the log */
    feeds_ask *ask;
    const char *nothing; /* the answer when there is nothing to do it with */
    const char *failed;  /* NULL: the feed's last error says why */
};

static const struct order refresh = {"refresh", feeds_refresh, "there is nothing to fetch", NULL},
                          accept_held = {"accept", feeds_accept, "no copy of this feed is held",
                                         NULL},
                          rollback = {
                              "rollback", feeds_rollback, "there is no copy before this one",
                              "the copy before cannot be read or put in force; the log says "
                              "why"};

static const char *failed_text(const struct order *order, const struct feed_status *feed)
{
    const char *text = order->failed != NULL ? order->failed : feed->last_error;

    if (text[0] == '\0')
        text = feed->problem;
    return text[0] == '\0' ? "failed" : text;
}

/* An order that a client waits for. */
struct errand {
    struct request *request;
    struct feeds_request *asked;
    const struct order *order;
};

static const char *result_text(enum feeds_result result)
{
    return result == FEEDS_FAILED ? "failed" : result == FEEDS_NOTHING ? "nothing to do" : "done";
}

static void reply_feed(struct request *r, const struct order *order, enum feeds_result result)
{
    const struct feed_status *feed = feeds_status_of(r->admin->house->feeds, r->name);

    if (result == FEEDS_UNKNOWN || feed == NULL) {
        request_reply(r, 404,
                      json_error(view_of(
                          "there is no feed or DNS zone of that name; look at the list of feeds")));
        return;
    }
    request_log(r, order->name, r->name, result_text(result));
    json_t *object = json_feed(feed);
    if (result == FEEDS_FAILED)
        json_put(object, "error", json_text(view_of(failed_text(order, feed))));
    if (result == FEEDS_NOTHING)
        json_put(object, "error", json_text(view_of(order->nothing)));
    request_reply(r, result == FEEDS_DONE ? 200 : result == FEEDS_FAILED ? 502 : 409, object);
}

static void errand_done(enum feeds_result result, void *arg)
{
    struct errand *e = arg;

    e->request->admin->fetching--;
    reply_feed(e->request, e->order, result);
    free(e);
}

static void errand_gone(void *work)
{
    struct errand *e = work;

    e->request->admin->fetching--;
    feeds_forget(e->asked);
    free(e);
}

static void ask_feed(struct request *r, const struct order *order)
{
    struct admin *a = r->admin;
    struct errand *e = calloc(1, sizeof *e);
    if (e == NULL) {
        request_reply(r, 500, NULL);
        return;
    }
    *e = (struct errand){.request = r, .order = order};
    e->asked = order->ask(a->house->feeds, r->name, errand_done, e);
    if (e->asked == NULL) {
        free(e);
        request_fail(r, 503, "too many requests for a fetch are under way; try again later");
        return;
    }
    a->fetching++;
    request_wait(r, errand_gone, NULL, e);
}

static void order_zone(struct request *r, const struct order *order)
{
    if (order == &refresh) {
        zones_refresh(r);
        return;
    }
    request_log(r, order->name, r->name, result_text(FEEDS_NOTHING));
    request_fail(r, 409, "a DNS zone holds no copies: there is nothing to %s",
                 order == &rollback ? "go back to" : "accept");
}

static void run_errand(struct request *r, const struct order *order)
{
    const struct admin *a = r->admin;
    bool is_feed = feeds_status_of(a->house->feeds, r->name) != NULL;

    if (!is_feed && zones_named(a->house->dnsbl, r->name) == NULL)
        reply_feed(r, order, FEEDS_UNKNOWN);
    else if (a->fetching >= ADMIN_MAX_FETCHING)
        request_fail(r, 503, "%d requests wait for a fetch already; try again later",
                     ADMIN_MAX_FETCHING);
    else if (is_feed)
        ask_feed(r, order);
    else
        order_zone(r, order);
}

void admin_refresh(struct request *r)
{
    run_errand(r, &refresh);
}

void admin_accept(struct request *r)
{
    if (request_may_admin(r, accept_held.name, r->name))
        run_errand(r, &accept_held);
}

void admin_rollback(struct request *r)
{
    if (request_may_admin(r, rollback.name, r->name))
        run_errand(r, &rollback);
}
