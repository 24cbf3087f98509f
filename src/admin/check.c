/*
 * What the daemon would answer now, and why, as JSON: all of it that is in memory. What must be
 * searched for is put in by explain.c.
 */
#include "check.h"
#include "json.h"
#include "rcptguard/base/escape.h"
#include "zones.h"

#define KEYS_MAX_BYTES 65536 /* of keys shown: a monster has 132 of them, up to 16 KB each */

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
        for (size_t k = 0; k < ENTRY_NAME_KINDS; k++) {
            enum entry_kind kind = entry_by_specificity[k];
            if ((key->kinds & ENTRY_BIT(kind)) == 0)
                continue;
            bytes += key->name.len;
            if (bytes > KEYS_MAX_BYTES) {
                *cut = true;
                return keys;
            }
            json_array_append_new(keys, entry_json(kind, key->name));
        }
    }
    return keys;
}

/* A line of one of our files, into an object that says more. */
static void put_line(json_t *object, const struct check_view *view, enum local_kind kind,
                     const struct local_line *e)
{
    const char *own = kind == LOCAL_BLOCKS ? view->blocks_file : view->file;
    const char *file = e->shared ? view->shared_files[kind] : own;

    json_put(object, "file", file == NULL ? json_null() : json_text(view_of(file)));
    json_put(object, "shared", json_boolean(e->shared));
    json_put(object, "line", json_count(e->line));
    json_put(object, "until", json_text_or_null(e->until_text));
    json_put(object, "ticket", json_text_or_null(e->ticket));
    json_put(object, "by", json_text_or_null(e->by));
    json_put(object, "note", json_text_or_null(e->note));
}

static json_t *exclusion_json(const struct check_view *view, const struct local_line *e)
{
    if (e == NULL)
        return json_null();
    json_t *object = json_object();
    json_put(object, "what", json_text(e->what));
    put_line(object, view, LOCAL_EXCLUSIONS, e);
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

static void put_unknown(json_t *object)
{
    static const char *const searched[] = {"first_seen", "first_seen_before", "row", "line", "text",
                                           "value"};

    for (size_t i = 0; i < sizeof searched / sizeof *searched; i++)
        json_put(object, searched[i], json_null());
}

/* A zone says all of it at once: nothing has to be searched for. */
static void put_zone(json_t *object, const struct decision_listing *listing)
{
    json_put(object, "value", json_text(view_of(listing->said)));
    if (listing->text != NULL)
        json_put(object, "text", json_text(view_of(listing->text)));
    json_put(object, "since", json_time(listing->since));
    json_put(object, "first_seen", json_time(listing->since));
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
                 exclusion_json(view, freed_by(view->answer, listing->list)));
    put_unknown(object);
    if (listing->said[0] != '\0')
        put_zone(object, listing);
    if (listing->rank == 0 && view->answer->block != NULL)
        put_line(object, view, LOCAL_BLOCKS, view->answer->block);
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

static const char *const idle_words[] = {
    [IDLE_COVERS] =
        "has the digest of this domain, which counts for nothing: it is protected, or a "
        "public suffix",
    [IDLE_ENTRY_OLD] = "holds it, which counts for nothing: its date is longer ago than "
                       "entry_max_age",
    [IDLE_LIST_OLD] = "holds it, which counts for nothing: max_age is over, until its publisher is "
                      "reached",
};

/* Postfix may ask for `<a@b>@c` or `mailto:a@b`, and it is answered as it stands; a person who asks
 * for that has pasted more than the address. */
static void put_note(json_t *object, const struct check_view *view)
{
    const enum address_state state = view->answer->address->state;
    char words[sizeof((struct error *)0)->text + 64];
    struct text note = text_on(words, sizeof words);
    struct local_what what;
    struct error why;

    if (state != ADDRESS_OK)
        text_add(&note, address_state_text(state));
    else if (view->answer->idle.list != NULL)
        text_addf(&note, "list %s %s", view->answer->idle.list, idle_words[view->answer->idle.why]);
    else if (view->addresses != NULL && view->answer->n_listings == 0 &&
             local_what_parse(LOCAL_BLOCKS, view->recipient, view->addresses, &what, &why) < 0)
        text_addf(&note, "is that the whole address, and nothing else? %s", why.text);
    if (note.len > 0)
        json_put(object, "note", json_text(text_view(&note)));
}

/* A zone that an exclusion frees from is not asked. */
static json_t *zones_json(const struct check_view *view)
{
    json_t *zones = zones_said_json(view->dnsbl, view->answer->zones), *zone;
    size_t i;

    json_array_foreach(zones, i, zone)
    {
        const json_t *name = json_object_get(zone, "list");
        const struct local_line *e =
            freed_by(view->answer, view_make(json_string_value(name), json_string_length(name)));
        if (e != NULL)
            json_put(zone, "excluded_by", exclusion_json(view, e));
    }
    return zones;
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
    json_put(object, "exclusion", exclusion_json(view, answer->exclusion));
    for (unsigned i = 0; i < answer->n_listings; i++)
        json_array_append_new(listings, listing_json(view, &answer->listings[i]));
    json_put(object, "listings", listings);
    for (unsigned i = 0; i < answer->n_exceptions; i++)
        json_array_append_new(exceptions, exception_json(&answer->exceptions[i]));
    json_put(object, "exceptions", exceptions);
    /* Behind the listings, whose texts the zones own until they are asked again. */
    json_put(object, "zones", zones_json(view));
    json_put(object, "exclusions_file", json_text(view_of(view->file)));
    put_note(object, view);
    return object;
}
