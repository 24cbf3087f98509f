/* GET /v1/history?recipient=: when lists added and dropped what could list it. */
#include <stdlib.h>

#include "history_keys.h"
#include "json.h"
#include "request.h"

/* A search. It outlives a client that leaves: the answer comes exactly once. */
struct search {
    struct request *request; /* NULL: the client has gone */
    struct history_keys keys;
};

/* A feed's digest as the feed has it; a zone, which nobody can read, is shown by what it means. */
static void print_key(struct text *t, const struct history_keys *keys, unsigned key, bool of_feed)
{
    enum entry_kind kind = keys->keys[key].kind;

    if (of_feed || kind < ENTRY_ADDRESS_HASH)
        entry_print(t, kind, keys->keys[key].key);
    else
        text_add_view(t, keys->names[key]);
}

static json_t *change_json(const struct feeds *feeds, const struct history_keys *keys,
                           const struct history_change *change)
{
    char shown[2 * ADDRESS_MAX_BYTES + 16];
    struct text t = text_on(shown, sizeof shown);
    json_t *object = json_object();

    if (change->key < keys->n)
        print_key(&t, keys, change->key, feeds_status_of(feeds, view_of(change->list)) != NULL);
    json_put(object, "time", json_time(change->time));
    json_put(object, "list", json_text(view_of(change->list)));
    json_put(object, "entry", json_text(text_view(&t)));
    json_put(object, "change", json_string(change->added ? "added" : "dropped"));
    return object;
}

static void search_done(const struct history_change *changes, size_t n, int64_t since, void *arg)
{
    struct search *s = arg;
    struct request *r = s->request;

    if (r != NULL) {
        json_t *object = json_object(), *array = json_array();
        struct view recipient = VIEW_NONE;
        r->admin->searching--;
        target_get(&r->target, "recipient", &recipient);
        json_put(object, "recipient", json_text(recipient));
        json_put(object, "canonical", json_text(s->keys.canonical));
        json_put(object, "since", json_time(since));
        for (size_t i = 0; i < n; i++)
            json_array_append_new(array,
                                  change_json(r->admin->house->feeds, &s->keys, &changes[i]));
        json_put(object, "history", array);
        json_put(object, "cut", json_boolean(n >= HISTORY_CHANGES));
        request_reply(r, 200, object);
    }
    free(s);
}

static void search_gone(void *work)
{
    struct search *s = work;

    s->request->admin->searching--;
    s->request = NULL;
}

static void search(struct request *r, struct search *s)
{
    const struct admin_house *house = r->admin->house;

    s->request = r;
    if (house->history == NULL || history_find(house->history, house->disk, house->loop,
                                               s->keys.keys, s->keys.n, search_done, s) != 0) {
        free(s);
        request_fail(r, 503, "the history is busy; try again later");
        return;
    }
    r->admin->searching++;
    request_wait(r, search_gone, NULL, s);
}

void admin_history(struct request *r)
{
    struct view recipient;
    struct error why;

    if (!target_get(&r->target, "recipient", &recipient)) {
        request_fail(r, 400, "no recipient: GET /v1/history?recipient=ADDRESS or DOMAIN");
        return;
    }
    if (!request_may_search(r))
        return;
    struct search *s = malloc(sizeof *s);
    if (s == NULL) {
        request_reply(r, 500, NULL);
        return;
    }
    if (history_keys_of(recipient, r->admin->house->addresses, &s->keys, &why) == 0) {
        search(r, s);
        return;
    }
    free(s);
    request_fail(r, 400, "%s", why.text);
}
