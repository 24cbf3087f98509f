/*
 * GET /v1/check: what the daemon would answer now, and why. It asks the same way that Postfix does
 * (look_only), so that the two can never differ. Then the row of each list and the time when an
 * entry was first seen are searched for, beside each other and not for long: an explanation that
 * is not whole is better than none while somebody waits on the telephone.
 */
#include "explain.h"

#include <stdlib.h>

#include "check.h"
#include "json.h"
#include "rcptguard/base/clock.h"

/* One listing of a feed, about which more is asked; zones have said all they know. */
struct seek {
    struct explanation *explanation;
    struct feeds_request *asked; /* for its row; NULL: nothing (more) to come */
    json_t *listing;             /* in the explanation's check */
    unsigned key;                /* of those that the history is asked for */
};

/* It outlives the client and the answer: the history calls back exactly once. */
struct explanation {
    struct request *request; /* NULL: answered, or the client has gone */
    char *recipient;         /* a copy: the request may be gone when the verdict comes */
    size_t recipient_len;
    json_t *around, *check;
    struct seek *seeks;
    size_t n_seeks;
    bool judging, searching;   /* verdict and history have not called back */
    struct verdict_wait *wait; /* while the verdict waits for DNS zones */
    bool no_history, no_rows, more_rows;
    int64_t end_ms;
};

static void free_if_over(struct explanation *e)
{
    if (e->request != NULL || e->judging || e->searching)
        return;
    json_decref(e->around);
    json_decref(e->check);
    free(e->seeks);
    free(e->recipient);
    free(e);
}

/* Were there rows still to come? */
static bool forget_rows(struct explanation *e)
{
    bool any = false;

    for (size_t i = 0; i < e->n_seeks; i++) {
        if (e->seeks[i].asked == NULL)
            continue;
        feeds_forget(e->seeks[i].asked);
        e->seeks[i].asked = NULL;
        any = true;
    }
    return any;
}

static void put_note(struct explanation *e)
{
    char memory[256];
    struct text t = text_on(memory, sizeof memory);

    if (e->no_history)
        text_add(&t, "when entries were first seen could not be found out in time; ");
    if (e->no_rows)
        text_add(&t, "rows of lists could not be looked for in time; ");
    if (e->more_rows)
        text_addf(&t, "rows are looked for in the first %d lists only; ", ADMIN_EXPLAIN_ROWS);
    if (t.len > 2)
        json_put(e->check, "note_rows", json_text(view_first(text_view(&t), t.len - 2)));
}

static void finish(struct explanation *e)
{
    struct request *r = e->request;
    json_t *document = e->check;

    e->no_rows |= forget_rows(e);
    e->no_history |= e->searching;
    put_note(e);
    if (e->around != NULL) {
        document = e->around;
        json_put(document, "now", e->check);
    }
    e->request = NULL;
    e->check = e->around = NULL;
    request_reply(r, 200, document);
    free_if_over(e);
}

static void finish_if_whole(struct explanation *e)
{
    if (e->judging || e->searching)
        return;
    for (size_t i = 0; i < e->n_seeks; i++)
        if (e->seeks[i].asked != NULL)
            return;
    finish(e);
}

/* ---- rows ----------------------------------------------------------------------------------- */

static void row_found(const struct feed_origin *origin, void *arg)
{
    struct seek *s = arg;

    s->asked = NULL;
    if (origin == NULL)
        s->explanation->no_rows = true;
    if (origin != NULL && origin->found) {
        json_put(s->listing, "row", json_text(origin->row));
        if (origin->line > 0)
            json_put(s->listing, "line", json_count(origin->line));
        json_put(s->listing, "text", json_text_or_null(origin->text));
        json_put(s->listing, "value", json_text_or_null(origin->value));
    }
    finish_if_whole(s->explanation);
}

static void seek_row(struct explanation *e, struct feeds *feeds, struct seek *s,
                     const struct decision_listing *listing)
{
    if (e->n_seeks > ADMIN_EXPLAIN_ROWS) {
        e->more_rows = true;
        return;
    }
    s->asked = feeds_origin(feeds, listing->list, listing->kind, listing->key, row_found, s);
    if (s->asked == NULL)
        e->no_rows = true;
}

/* ---- history -------------------------------------------------------------------------------- */

static void put_first_seen(const struct seek *s, const struct history_change *changes, size_t n,
                           int64_t since)
{
    const char *list = json_string_value(json_object_get(s->listing, "list"));

    while (n-- > 0) {
        if (!changes[n].added || changes[n].key != s->key || list == NULL ||
            strcmp(changes[n].list, list) != 0)
            continue;
        json_put(s->listing, "first_seen", json_time(changes[n].time));
        return;
    }
    /* No history yet, as after its first start: the copy in force holds it all the same. */
    json_t *accepted = json_object_get(s->listing, "list_accepted");
    json_put(s->listing, "first_seen_before",
             since != 0 || accepted == NULL ? json_time(since) : json_incref(accepted));
}

static void history_done(const struct history_change *changes, size_t n, int64_t since, void *arg)
{
    struct explanation *e = arg;

    e->searching = false;
    if (e->request == NULL) {
        free_if_over(e);
        return;
    }
    for (size_t i = 0; i < e->n_seeks; i++)
        put_first_seen(&e->seeks[i], changes, n, since);
    finish_if_whole(e);
}

/* The place of the listing's key among the N keys, which it may add to. */
static unsigned key_number(struct history_key *keys, unsigned *n,
                           const struct decision_listing *listing)
{
    for (unsigned i = 0; i < *n; i++)
        if (keys[i].kind == listing->kind && view_eq(keys[i].key, listing->key))
            return i;
    keys[*n] = (struct history_key){listing->kind, listing->key};
    return (*n)++;
}

static void seek_history(struct explanation *e, const struct admin_house *house,
                         const struct history_key *keys, unsigned n)
{
    if (n == 0 || house->history == NULL)
        return;
    e->searching = true;
    if (history_find(house->history, house->disk, house->loop, keys, n, history_done, e) != 0) {
        e->searching = false;
        e->no_history = true;
    }
}

/* ---- the verdict ---------------------------------------------------------------------------- */

static void seek_all(struct explanation *e, const struct answer *answer)
{
    const struct admin_house *house = e->request->admin->house;
    const json_t *listings = json_object_get(e->check, "listings");
    struct history_key keys[ANSWER_LISTINGS];
    unsigned n_keys = 0;

    if (answer->n_listings == 0)
        return;
    e->seeks = calloc(answer->n_listings, sizeof *e->seeks);
    for (unsigned i = 0; e->seeks != NULL && i < answer->n_listings; i++) {
        const struct decision_listing *listing = &answer->listings[i];
        json_t *object = json_array_get(listings, i);
        bool is_zone = listing->said[0] != '\0';
        if (object == NULL || is_zone || view_is(listing->list, LOCAL_LIST))
            continue;
        struct seek *s = &e->seeks[e->n_seeks++];
        *s = (struct seek){e, NULL, object, key_number(keys, &n_keys, listing)};
        seek_row(e, house->feeds, s, listing);
    }
    seek_history(e, house, keys, n_keys);
}

static void judged(const struct answer *answer, void *arg)
{
    struct explanation *e = arg;
    const struct admin_house *house = e->request->admin->house;
    const struct check_view view = {
        .answer = answer,
        .recipient = view_make(e->recipient, e->recipient_len),
        .addresses = house->addresses,
        .feeds = house->feeds,
        .dnsbl = house->dnsbl,
        .file = house->exclusions_file,
        .blocks_file = house->blocks_file,
        .shared_files = {house->shared[0].file, house->shared[1].file},
    };
    e->wait = NULL;
    e->check = check_json(&view);
    seek_all(e, answer);
    e->judging = false;
    finish_if_whole(e);
}

static void client_gone(void *work)
{
    struct explanation *e = work;

    e->request = NULL;
    if (e->wait != NULL)
        verdict_forget(e->wait);
    e->wait = NULL;
    e->judging = false;
    forget_rows(e);
    free_if_over(e);
}

static void client_waits(void *work)
{
    struct explanation *e = work;

    if (!e->judging && clock_mono_ms() >= e->end_ms)
        finish(e);
}

void explain(struct request *r, struct view recipient, struct view sender, struct view login,
             json_t *around)
{
    struct explanation *e = calloc(1, sizeof *e);

    if (recipient.len == 0)
        recipient = view_of("");
    if (e == NULL || (e->recipient = view_dup(recipient)) == NULL) {
        free(e);
        json_decref(around);
        request_reply(r, 500, NULL);
        return;
    }
    e->recipient_len = recipient.len;
    e->request = r;
    e->around = around;
    e->judging = true;
    e->end_ms = clock_mono_ms() + ADMIN_EXPLAIN_MS;
    request_wait(r, client_gone, client_waits, e);
    const struct question q = {
        .recipient = recipient, .sender = sender, .sasl_username = login, .look_only = true};
    struct verdict_wait *wait = verdict_ask(r->admin->house->verdict, &q, judged, e);
    /* Else E may be gone already. */
    if (wait != NULL)
        e->wait = wait;
}

void admin_check(struct request *r)
{
    struct view recipient, sender;

    if (!target_get(&r->target, "recipient", &recipient)) {
        request_fail(r, 400, "no recipient: GET /v1/check?recipient=ADDRESS&sender=ADDRESS");
        return;
    }
    if (!target_get(&r->target, "sender", &sender))
        sender = view_of(UNKNOWN_SENDER);
    else if (view_is(sender, "<>"))
        sender = view_of("");
    explain(r, recipient, sender, VIEW_NONE, NULL);
}
