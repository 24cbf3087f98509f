/*
 * A recipient's way through the zones: memory first, then questions, all of them sent at once;
 * what is not there yet is waited for, the zone's timeout at most. Looking again gives the same
 * answer or a better one, so whoever waits simply looks again.
 */
#include <stdio.h>

#include "parts.h"
#include "rcptguard/base/clock.h"

/* A clear answer that is over is still good enough to let a recipient pass at once, while the zone
 * is asked again behind it. */
#define CLEAR_OVERDUE_MS 7200000

/* Who was asked for so recently keeps his place among those who may be forgotten: to move him means
 * to touch others, and what is not in the CPU's cache is what a look takes most of its time for.
 * For the same reason one whom all zones called clear is not looked for at each of them (clear.c).
 */
#define USED_MS 60000

/* One look. */
struct look {
    struct dnsbl *dnsbl;
    const struct dnsbl_question *question;
    struct zone_domains domains;
    struct text memory;
    int64_t now_ms;
    bool asked;             /* something of the zone at hand was not in memory */
    int64_t clear_until_ms; /* when the first of the clear answers is over */
};

/* What to wait for at one zone. */
struct look_hooks {
    struct hooks *of[ZONE_QUESTIONS];
    unsigned n;
    bool text; /* only for what it says of a listing */
};

/* Of one name at one zone. */
struct name_look {
    enum dnsbl_word word;
    struct cache_entry *entry; /* of clear ones and listings */
    struct hooks *hooks;       /* of those that wait */
};

static int64_t until_ms(const struct look *l, const struct zone_state *z)
{
    int64_t until = l->question->asked_ms + z->zone.config->timeout_ms;

    return until < l->question->deadline_ms ? until : l->question->deadline_ms;
}

/* Of one that was asked in vain, or cannot be waited for. */
static struct name_look late(bool disbelieved)
{
    return (struct name_look){disbelieved ? DNSBL_UNPROVEN : DNSBL_LATE, NULL, NULL};
}

/* The answer lists: it counts, or waits for names that prove it or show that the zone is well. */
static struct name_look look_at_listing(struct look *l, struct zone_state *z, struct cache_entry *e)
{
    bool proven = e->listing == CACHE_PROVEN;

    if (proven && z->health.state == DNSBL_IS_ON && health_is_fresh(&z->health, l->now_ms)) {
        text_ask(z, e); /* a reload or a restart may have come between */
        return (struct name_look){DNSBL_LISTED, e, NULL};
    }
    l->asked = true;
    if (proven)
        probe_now(z, listing_below(z, view_make(e->label, e->label_len)));
    if (!probe_is_awaited(z, proven ? 0 : e->set) || l->now_ms >= until_ms(l, z))
        return late(true);
    return (struct name_look){DNSBL_WAITS, NULL, &z->hooks};
}

/* Memory does not say: the zone has to. */
static struct name_look ask_zone(struct look *l, struct zone_state *z, struct cache_entry *e)
{
    l->asked = true;
    /* Asked in vain since the recipient came. Whoever asked again at once would ask a zone that
     * fails for one name until it is switched off. */
    if (e->asking == NULL && e->failed_ms >= l->question->asked_ms)
        return late(e->disbelieved);
    if (!ask_entry(z, e) || l->now_ms >= until_ms(l, z))
        return late(false);
    struct asking *a = e->asking;
    if (a->late)
        return late(false);
    return (struct name_look){DNSBL_WAITS, NULL, &a->hooks};
}

static struct name_look clear(struct cache_entry *e)
{
    return e->swallowed ? late(true) : (struct name_look){DNSBL_CLEAR, e, NULL};
}

static struct name_look look_at_name(struct look *l, struct zone_state *z,
                                     const struct zone_question *q)
{
    struct cache *cache = l->dnsbl->cache;
    struct cache_entry *e = cache_find(cache, z->number, view_make(q->label, q->label_len));

    if (e == NULL)
        e = cache_put(cache, z->number, view_make(q->label, q->label_len), l->now_ms);
    else if (l->now_ms - e->used_ms >= USED_MS)
        cache_used(cache, e, l->now_ms);
    if (e == NULL)
        return late(false);
    if (!e->known)
        return ask_zone(l, z, e);
    if (l->now_ms < e->expires_ms && e->listing != CACHE_CLEAR)
        return look_at_listing(l, z, e);
    if (e->expires_ms < l->clear_until_ms)
        l->clear_until_ms = e->expires_ms;
    if (l->now_ms < e->expires_ms)
        return clear(e);
    if (e->listing != CACHE_CLEAR || l->now_ms - e->expires_ms > CLEAR_OVERDUE_MS)
        return ask_zone(l, z, e);
    ask_entry(z, e);
    return clear(e);
}

static void show(struct zone_state *z, const struct zone_question *q, const struct name_look *found,
                 struct dnsbl_found *out)
{
    const struct cache_entry *e = found->entry;

    out->word = found->word;
    if (e == NULL)
        return;
    out->answered = e->said_at;
    if (found->word != DNSBL_LISTED)
        return;
    if (e->text != NULL)
        snprintf(z->text, sizeof z->text, "%s", e->text);
    out->kind = q->kind;
    out->key = q->key;
    memcpy(out->answer, e->answer, sizeof out->answer);
    out->since = e->listed_since;
    out->text = e->text == NULL ? NULL : z->text;
}

/* The word that says more of one recipient: a listing, then what may become one. */
static bool says_more(enum dnsbl_word a, enum dnsbl_word b)
{
    static const int rank[] = {
        [DNSBL_NOT_ASKED] = 0, [DNSBL_CLEAR] = 1, [DNSBL_OFF] = 2,    [DNSBL_LATE] = 3,
        [DNSBL_UNPROVEN] = 4,  [DNSBL_WAITS] = 5, [DNSBL_LISTED] = 6,
    };

    return rank[a] > rank[b];
}

/* What all zones are asked is found before the first look: the memory of one is fetched while the
 * names of the next are made. */
static void find_questions(struct look *l, unsigned number)
{
    struct dnsbl *d = l->dnsbl;
    struct zone_question *questions = d->questions[number];

    d->n_questions[number] = 0;
    if (l->question->skip >> number & 1)
        return;
    unsigned n = zone_questions(&d->zones[number]->zone, l->question->address, l->question->seen,
                                &l->domains, &l->memory, questions);
    for (unsigned i = 0; i < n; i++)
        cache_expect(d->cache, number, view_make(questions[i].label, questions[i].label_len));
    d->n_questions[number] = n;
}

/* A person wants to read what the listing says of itself, and that is on its way. */
static bool waits_for_text(const struct look *l, const struct zone_state *z,
                           const struct name_look *found)
{
    return found->word == DNSBL_LISTED && found->entry->text_state == CACHE_TEXT_ASKED &&
           l->question->all && l->now_ms < until_ms(l, z);
}

static void look_at_zone(struct look *l, struct zone_state *z, struct dnsbl_found *out,
                         struct look_hooks *hooks)
{
    const struct zone_question *questions = l->dnsbl->questions[z->number];
    unsigned n = l->dnsbl->n_questions[z->number];

    *out = (struct dnsbl_found){.word = DNSBL_NOT_ASKED};
    *hooks = (struct look_hooks){.n = 0};
    for (unsigned i = 0; i < n; i++) {
        if (z->health.state == DNSBL_IS_OFF) {
            out->word = DNSBL_OFF;
            return;
        }
        struct name_look found = look_at_name(l, z, &questions[i]);
        if (found.word == DNSBL_WAITS)
            hooks->of[hooks->n++] = found.hooks;
        if (!says_more(found.word, out->word))
            continue;
        show(z, &questions[i], &found, out);
        hooks->text = waits_for_text(l, z, &found);
    }
    if (hooks->text) {
        hooks->of[0] = &z->hooks;
        hooks->n = 1;
    }
}

/* ---- the recipient's domain ----------------------------------------------------------------- */

static bool is_protected(const struct dnsbl *d, struct view domain)
{
    return d->config->is_protected != NULL &&
           d->config->is_protected(domain, d->config->protected_arg);
}

/* A public suffix has no registrable domain. What is protected is not asked about by the name above
 * it either. */
static struct zone_domains may_ask(const struct dnsbl *d, struct view domain)
{
    struct zone_domains may = {VIEW_NONE, VIEW_NONE};
    struct view registrable = suffixes_registrable(d->suffixes, domain);

    if (registrable.len == 0 || is_protected(d, domain))
        return may;
    may.exact = domain;
    if (registrable.len == domain.len || !is_protected(d, registrable))
        may.registrable = registrable;
    return may;
}

static struct domain_known *place_of(struct dnsbl *d, struct view domain)
{
    return &d->known[hash_keyed(&d->secret, domain) % DOMAINS_KNOWN];
}

/* By lengths, since both are ends of DOMAIN. */
static void find_domains(struct look *l)
{
    struct view domain = l->question->address->domain;

    if (!l->dnsbl->asks_domains || l->question->address->literal)
        return;
    if (domain.len > sizeof l->dnsbl->known->name) {
        l->domains = may_ask(l->dnsbl, domain);
        return;
    }
    struct domain_known *k = place_of(l->dnsbl, domain);
    if (!view_eq(view_make(k->name, k->len), domain)) {
        l->domains = may_ask(l->dnsbl, domain);
        k->len = (unsigned char)domain.len;
        k->exact_len = (unsigned char)l->domains.exact.len;
        k->registrable_len = (unsigned char)l->domains.registrable.len;
        memcpy(k->name, domain.ptr, domain.len);
        return;
    }
    l->domains.exact = view_from(domain, domain.len - k->exact_len);
    l->domains.registrable = view_from(domain, domain.len - k->registrable_len);
}

/* ---- all zones ------------------------------------------------------------------------------ */

/*
 * Does anything that is still to come matter? The first listing of a zone that decides ends the
 * waiting for those behind it and for those that only observe; but not for those that decide in
 * front of it, so that the same recipient is refused by the same zone each time.
 */
static bool has_to_wait(const struct dnsbl_question *q, const struct dnsbl_answer *out)
{
    bool waits = false, deciding_waits = false;

    for (unsigned i = 0; i < out->n_zones; i++) {
        bool decides = q->deciding >> i & 1;
        if (decides && out->zones[i].word == DNSBL_LISTED && !q->all)
            return deciding_waits;
        if (out->zones[i].word != DNSBL_WAITS)
            continue;
        waits = true;
        deciding_waits |= decides;
    }
    return waits;
}

static bool is_known(enum dnsbl_word word)
{
    return word == DNSBL_CLEAR || word == DNSBL_LISTED;
}

static void count_late(struct dnsbl *d, const struct dnsbl_answer *out)
{
    for (unsigned i = 0; i < out->n_zones; i++) {
        d->zones[i]->status.late += out->zones[i].word == DNSBL_LATE;
        d->zones[i]->status.unproven += out->zones[i].word == DNSBL_UNPROVEN;
    }
}

/* A person wants to read what each zone said and when; an exclusion asks only some of them. */
static bool asks_plainly(const struct dnsbl_question *q)
{
    return !q->all && q->skip == 0;
}

static bool is_clear(const struct look *l, struct dnsbl_answer *out)
{
    struct dnsbl *d = l->dnsbl;
    uint64_t asked;

    if (!asks_plainly(l->question) || !clear_find(d, l->question->seen, l->now_ms, &asked))
        return false;
    out->n_zones = d->n_zones;
    out->waits = false;
    for (unsigned i = 0; i < d->n_zones; i++) {
        bool was = asked >> i & 1;
        out->zones[i] = (struct dnsbl_found){.word = was ? DNSBL_CLEAR : DNSBL_NOT_ASKED};
        d->zones[i]->status.memory += was && !l->question->again;
    }
    return true;
}

static void note_clear(const struct look *l, const struct dnsbl_answer *out)
{
    uint64_t asked = 0;

    for (unsigned i = 0; i < out->n_zones; i++) {
        if (out->zones[i].word == DNSBL_CLEAR)
            asked |= (uint64_t)1 << i;
        else if (out->zones[i].word != DNSBL_NOT_ASKED)
            return;
    }
    if (asks_plainly(l->question) && l->now_ms < l->clear_until_ms)
        clear_note(l->dnsbl, l->question->seen, l->clear_until_ms, asked);
}

void dnsbl_look(struct dnsbl *d, const struct dnsbl_question *q, struct dnsbl_wait *w,
                struct dnsbl_answer *out)
{
    int64_t now_ms = clock_mono_ms();
    struct look l = {.dnsbl = d,
                     .question = q,
                     .memory = text_on(d->memory, sizeof d->memory),
                     .now_ms = now_ms,
                     .clear_until_ms = now_ms + USED_MS};
    struct look_hooks hooks[DNSBL_ZONES_MAX];
    bool text = false;

    if (is_clear(&l, out))
        return;
    find_domains(&l);
    for (unsigned i = 0; i < d->n_zones; i++)
        find_questions(&l, i);
    out->n_zones = d->n_zones;
    for (unsigned i = 0; i < d->n_zones; i++) {
        l.asked = false;
        look_at_zone(&l, d->zones[i], &out->zones[i], &hooks[i]);
        text |= hooks[i].text;
        if (!q->again && l.asked)
            d->zones[i]->status.misses++;
        else if (!q->again && is_known(out->zones[i].word))
            d->zones[i]->status.memory++;
    }
    out->waits = text || has_to_wait(q, out);
    if (!out->waits) {
        count_late(d, out);
        note_clear(&l, out);
    } else if (w != NULL) {
        for (unsigned i = 0; i < d->n_zones; i++)
            for (unsigned j = 0; j < hooks[i].n; j++)
                wait_hook(w, hooks[i].of[j], until_ms(&l, d->zones[i]));
    }
}
