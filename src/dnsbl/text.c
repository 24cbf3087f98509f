/*
 * What a listing says of itself: its TXT, asked once, when the listing is proven, and beside the
 * way of recipients. By label, since its entry may go meanwhile.
 */
#include "parts.h"

struct text_asking {
    struct zone_state *zone;
    struct text_asking *next, **previous;
    char label[ZONE_LABEL_MAX + 1];
};

static void end_text(struct text_asking *t)
{
    *t->previous = t->next;
    if (t->next != NULL)
        t->next->previous = t->previous;
    hooks_wake(&t->zone->hooks);
    free(t);
}

static void on_text(const struct dns_answer *answer, void *arg)
{
    struct text_asking *t = arg;
    struct cache *cache = t->zone->dnsbl->cache;
    struct cache_entry *e = cache_find(cache, t->zone->number, view_of(t->label));

    if (e != NULL && e->listing != CACHE_CLEAR) {
        if (answer->result == DNS_RECORDS) {
            char shown[DNS_TEXT_MAX];
            memcpy(shown, answer->text, answer->text_len);
            cache_set_text(
                cache, e,
                view_make(shown, zone_hide_secret(&t->zone->zone, shown, answer->text_len)));
        }
        e->text_state = CACHE_TEXT_KNOWN;
    }
    end_text(t);
}

void text_ask(struct zone_state *z, struct cache_entry *e)
{
    if (e->text_state != CACHE_TEXT_UNKNOWN)
        return;
    struct text_asking *t = calloc(1, sizeof *t);
    if (t == NULL)
        return;
    t->zone = z;
    memcpy(t->label, e->label, e->label_len);
    if (!ask_send(z, view_make(e->label, e->label_len), DNS_TXT, on_text, t)) {
        free(t);
        return;
    }
    z->status.questions++;
    e->text_state = CACHE_TEXT_ASKED;
    t->next = z->texts;
    t->previous = &z->texts;
    if (t->next != NULL)
        t->next->previous = &t->next;
    z->texts = t;
}

void text_forget(struct zone_state *z)
{
    while (z->texts != NULL) {
        struct cache_entry *e = cache_find(z->dnsbl->cache, z->number, view_of(z->texts->label));
        if (e != NULL)
            e->text_state = CACHE_TEXT_UNKNOWN;
        end_text(z->texts);
    }
}
