/* What is asked of the share about a source, and what it is told. */
#include "shared_list.h"

#include <limits.h>
#include <stdlib.h>

#include "fetch/schedule.h"
#include "fetch/url.h"
#include "packing/unpack.h"
#include "rcptguard/base/clock.h"
#include "signed_list.h"

/* A relay is believed so often in a row that the server does not answer; then this one tries. */
#define HEARSAY_MAX 2

/* A list that comes slower from the share than this is fetched: Redis hangs now and then. */
#define TAKE_MS 20000

struct shared_list {
    const struct feeds_share *share;
    struct feeds_share_look *look;
    struct shared_lists *owner;
    struct body *body; /* what was taken so far */
    char spill_path[PATH_MAX];
    uint64_t max_bytes;
    int64_t until_ms;      /* to wait for another relay, mono */
    int64_t take_until_ms; /* 0: nothing was taken yet */
    bool leads, hurries;
};

/* A fetch for all on its way to the share. */
struct giving {
    struct giving *next;
    const struct feeds_share *share;
    struct feeds_share_look *look;
    struct body *body;
    struct body_reader *reader;
    struct view first; /* read already, to see how it is packed */
};

struct shared_lists {
    struct feeds_share share;
    struct giving *first, **last;
};

struct shared_lists *shared_lists_new(const struct feeds_share *share)
{
    struct shared_lists *l = calloc(1, sizeof *l);

    if (l == NULL)
        return NULL;
    l->share = *share;
    l->last = &l->first;
    return l;
}

/* ---- giving --------------------------------------------------------------------------------- */

static void giving_end(struct giving *g)
{
    if (g->look != NULL)
        g->share->end(g->look);
    body_reader_free(g->reader);
    body_free(g->body);
    free(g);
}

static struct giving *take_first(struct shared_lists *l)
{
    struct giving *g = l->first;

    l->first = g->next;
    if (l->first == NULL)
        l->last = &l->first;
    g->next = NULL;
    return g;
}

static void add_last(struct shared_lists *l, struct giving *g)
{
    *l->last = g;
    l->last = &g->next;
}

bool shared_lists_step(struct shared_lists *l)
{
    struct feeds_share_found found;

    if (l == NULL || l->first == NULL)
        return false;
    struct giving *g = take_first(l);
    if (l->share.step(g->look, &found) == FEEDS_SHARE_MORE)
        add_last(l, g);
    else
        giving_end(g);
    return l->first != NULL;
}

void shared_lists_stop(struct shared_lists *l)
{
    while (l != NULL && l->first != NULL)
        giving_end(take_first(l));
}

void shared_lists_free(struct shared_lists *l)
{
    shared_lists_stop(l);
    free(l);
}

static int give_next(void *from, struct view *bytes, struct error *why)
{
    struct giving *g = from;

    if (g->first.len == 0)
        return body_reader_next(g->reader, bytes, why);
    *bytes = g->first;
    g->first = VIEW_NONE;
    return 0;
}

/* The body that the server sent, or the stored one that it said is still the same. */
static struct body *open_body(struct feed_source *s)
{
    struct feed *f = s->feed;
    unsigned i = (unsigned)(s - f->sources);
    bool borrowed;

    if (s->result.kind == FETCH_BODY)
        return body_hold(s->result.body);
    struct body *body = feed_open(f, i, s->asked_held ? COPY_HELD : COPY_ACCEPTED, &borrowed, NULL);
    return body != NULL && borrowed ? body_hold(body) : body;
}

static struct giving *giving_new(struct feed_source *s)
{
    struct giving *g = calloc(1, sizeof *g);

    if (g == NULL)
        return NULL;
    g->body = open_body(s);
    g->reader = g->body == NULL ? NULL : body_reader_new(g->body, NULL);
    if (g->reader == NULL || body_reader_next(g->reader, &g->first, NULL) < 0) {
        giving_end(g);
        return NULL;
    }
    return g;
}

/* Of a copy that the server calls the same its own words are better than those of then. */
static const char *validator(const char *fresh, const char *stored)
{
    return fresh[0] != '\0' ? fresh : stored;
}

static void tell_body(struct feed_source *s, struct feeds_share_look *look, struct giving *g)
{
    const struct store_source *stored = &s->feed->meta.sources[s - s->feed->sources];
    const struct store_copy *copy = s->asked_held ? &stored->held : &stored->accepted;
    const bool same = s->result.kind == FETCH_SAME;
    const struct feeds_share_came came = {
        .ok = true,
        .packed = unpack_is_packed(g->first),
        .sha256 = g->body->sha256,
        .bytes = same ? copy->size : g->body->size,
        .etag = validator(s->result.etag, same ? copy->etag : ""),
        .last_modified = validator(s->result.last_modified, same ? copy->last_modified : ""),
        .signature = view_make(s->signature, s->signature_len),
        .renew_only = signed_list_is(s->feed) && s->signature_len == 0,
        .expires_s = s->result.expires_s,
        .next = give_next,
        .from = g,
    };

    g->look = look;
    g->share->came(look, &came);
}

/* What came is given on after the list is in force here: this only begins it. */
static void begin_giving(struct feed_source *s, struct shared_list *l)
{
    const bool failed = s->result.kind == FETCH_FAILED || s->result.kind == FETCH_UNSIGNED;
    struct giving *g = failed ? calloc(1, sizeof *g) : giving_new(s);

    if (g == NULL)
        return;
    g->share = l->share;
    if (failed) {
        const struct feeds_share_came came = {.why = s->result.why.text};
        g->look = l->look;
        l->share->came(l->look, &came);
    } else {
        tell_body(s, l->look, g);
    }
    l->look = NULL;
    add_last(l->owner, g);
}

/* ---- asking --------------------------------------------------------------------------------- */

static int take(struct view bytes, bool first, void *arg)
{
    struct shared_list *l = arg;

    if (first) {
        body_free(l->body);
        l->body = body_new(l->spill_path, l->max_bytes);
    }
    return l->body == NULL ? ERR_NOMEM : body_add(l->body, bytes.ptr, bytes.len, NULL);
}

/* The digest of COPY, if another one of the same bytes would be of no use here. */
static const unsigned char *have(const struct feed *f, const struct store_copy *copy,
                                 const struct body *unsaved)
{
    bool is_here = (copy->on_disk && f->unread_until == 0) || unsaved != NULL;

    return copy->known && !copy->unfit && is_here ? copy->digest : NULL;
}

int64_t shared_list_age_ms(const struct feed_source *s, const struct store_meta *meta)
{
    int64_t ago_s = clock_now() - meta->last_success;

    if (s->known_ms != 0)
        return clock_mono_ms() - s->known_ms;
    return ago_s < 0 ? 0 : ago_s * 1000;
}

static int add_field(struct buf *to, const char *text, const char *secret)
{
    int rc = text == NULL ? 0 : url_expand_text(to, text, secret);

    return rc < 0 ? rc : buf_add(to, "", 1);
}

/* What makes two relays ask for the same; one with another password may be answered otherwise. */
static int identify(struct buf *to, const struct feed_config *c, const char *url)
{
    int rc = url_expand(to, url, c->secret);

    if (rc == 0)
        rc = buf_add(to, "", 1);
    if (rc == 0)
        rc = add_field(to, c->userpwd, c->secret);
    if (rc == 0)
        rc = add_field(to, c->pubkey, NULL);
    for (size_t i = 0; rc == 0 && i < c->n_headers; i++)
        rc = add_field(to, c->headers[i], c->secret);
    return rc;
}

static enum feeds_share_wish wish_of(const struct feed *f)
{
    if (f->news)
        return FEEDS_SHARE_NEWS;
    return f->waiting != NULL ? FEEDS_SHARE_NOW : FEEDS_SHARE_FETCH;
}

static struct feeds_share_look *begin_look(const struct feed_house *house, struct feed *f,
                                           unsigned i, struct shared_list *l)
{
    const struct feed_config *c = f->config;
    struct feed_source *s = &f->sources[i];
    const struct store_source *stored = &f->meta.sources[i];
    struct buf identity = BUF_INIT(0);
    struct feeds_share_look *look = NULL;
    const struct feeds_share_order order = {
        .wish = wish_of(f),
        .feed = c->name,
        .refresh_s = c->refresh_s > c->min_refresh_s ? c->refresh_s : c->min_refresh_s,
        .expires_max_s = c->honour_expires && i == STORE_LIST ? SCHEDULE_MAX_EXPIRES_S : 0,
        .max_bytes = c->max_bytes,
        .have = {have(f, &stored->accepted, s->unsaved[COPY_ACCEPTED]),
                 have(f, &stored->held, s->unsaved[COPY_HELD])},
        .have_age_ms = shared_list_age_ms(s, &f->meta),
        .seen = s->urls[s->at].seen,
        .heed_failures = s->urls[s->at].hearsay < HEARSAY_MAX,
        .stop = house->stop,
        .take = take,
        .arg = l,
    };

    if (identify(&identity, c, s->url) == 0) {
        struct feeds_share_order asked = order;
        asked.identity = buf_view(&identity);
        look = l->share->begin(&asked, l->share->arg);
    }
    buf_free(&identity);
    return look;
}

enum shared_answer shared_list_begin(const struct feed_house *house, struct feed *f, unsigned i)
{
    struct feed_source *s = &f->sources[i];
    enum shared_answer nobody = f->news ? SHARED_NONE : SHARED_FETCH;

    if (house->shares == NULL)
        return nobody;
    shared_list_cancel(s);
    struct shared_list *l = calloc(1, sizeof *l);
    if (l == NULL)
        return nobody;
    l->owner = house->shares;
    l->share = &house->shares->share;
    l->max_bytes = f->config->max_bytes;
    l->until_ms = clock_mono_ms() + f->config->timeout_s * 1000;
    feed_text(l->spill_path, sizeof l->spill_path, store_spill_path(f->store, i));
    l->look = begin_look(house, f, i, l);
    if (l->look == NULL) {
        free(l);
        return nobody;
    }
    s->shared = l;
    return shared_list_step(s);
}

void shared_list_cancel(struct feed_source *s)
{
    struct shared_list *l = s->shared;

    s->shared = NULL;
    if (l == NULL)
        return;
    if (l->look != NULL)
        l->share->end(l->look);
    body_free(l->body);
    free(l);
}

bool shared_list_hurries(const struct feed_source *s)
{
    return s->shared != NULL && s->shared->hurries;
}

/* ---- what it answers ------------------------------------------------------------------------ */

static void set_validators(struct fetch_result *result, const struct feeds_share_found *found)
{
    feed_text(result->etag, sizeof result->etag, found->etag);
    feed_text(result->last_modified, sizeof result->last_modified, found->last_modified);
    result->expires_s = found->expires_s;
}

static enum shared_answer take_body(struct feed_source *s, const struct feeds_share_found *found)
{
    s->result.kind = FETCH_BODY;
    s->result.body = s->shared->body;
    s->shared->body = NULL;
    body_end(s->result.body);
    set_validators(&s->result, found);
    s->age_ms = found->age_ms;
    if (signed_list_is(s->feed))
        signed_list_check(s, view_make(found->signature, found->signature_len));
    else
        s->arrived = true;
    shared_list_cancel(s);
    return SHARED_HERE;
}

/* The server has new words for the same bytes: whoever asks it next says them. */
static void heed_validators(struct feed_source *s, const struct feeds_share_found *found)
{
    struct store_source *stored = &s->feed->meta.sources[s - s->feed->sources];
    struct store_copy *copy = found->same == COPY_HELD ? &stored->held : &stored->accepted;

    if (memcmp(s->urls[s->at].digest, stored->url, SHA256_BYTES) != 0 ||
        (strcmp(copy->etag, found->etag) == 0 &&
         strcmp(copy->last_modified, found->last_modified) == 0))
        return;
    feed_text(copy->etag, sizeof copy->etag, found->etag);
    feed_text(copy->last_modified, sizeof copy->last_modified, found->last_modified);
    s->feed->changed = true;
}

static enum shared_answer take_same(struct feed_source *s, const struct feeds_share_found *found)
{
    s->result.kind = FETCH_SAME;
    s->result.expires_s = found->expires_s;
    s->asked_held = found->same == COPY_HELD;
    s->age_ms = found->age_ms;
    s->arrived = true;
    heed_validators(s, found);
    shared_list_cancel(s);
    return SHARED_HERE;
}

static enum shared_answer take_failure(struct feed_source *s, const struct feeds_share_found *found)
{
    s->result.kind = FETCH_FAILED;
    s->result.why = found->why;
    s->result.retry_after_s = found->retry_s;
    s->urls[s->at].hearsay++;
    s->arrived = true;
    shared_list_cancel(s);
    return SHARED_HERE;
}

static enum shared_answer give_up(struct feed_source *s)
{
    bool news = s->feed->news;

    shared_list_cancel(s);
    return news ? SHARED_NONE : SHARED_FETCH;
}

/* With nothing in the share, the list is fetched whole where a signature has to go with it. */
static enum shared_answer lead(struct feed_source *s, const struct feeds_share_found *found)
{
    s->shared->leads = true;
    s->whole = signed_list_is(s->feed) && found->mark == 0;
    body_free(s->shared->body);
    s->shared->body = NULL;
    return SHARED_FETCH;
}

static enum shared_answer go_on(struct feed_source *s, bool more)
{
    struct shared_list *l = s->shared;
    int64_t now = clock_mono_ms();

    l->hurries = more;
    if (more && l->take_until_ms == 0)
        l->take_until_ms = now + TAKE_MS;
    return now >= (more ? l->take_until_ms : l->until_ms) ? give_up(s) : SHARED_WAIT;
}

static enum shared_answer ask_step(struct feed_source *s)
{
    struct shared_list *l = s->shared;
    struct feed_url *u = &s->urls[s->at];
    struct feeds_share_found found;
    enum feeds_share_answer answer = l->share->step(l->look, &found);

    l->hurries = false;
    if (answer == FEEDS_SHARE_MORE || answer == FEEDS_SHARE_WAIT)
        return go_on(s, answer == FEEDS_SHARE_MORE);
    if (found.mark != 0 && answer != FEEDS_SHARE_LEAD)
        u->seen = found.mark;
    if (answer == FEEDS_SHARE_FAILED)
        return take_failure(s, &found);
    if (answer != FEEDS_SHARE_NOTHING || !s->feed->news)
        u->hearsay = 0;
    if (answer == FEEDS_SHARE_BODY && l->body != NULL)
        return take_body(s, &found);
    if (answer == FEEDS_SHARE_SAME)
        return take_same(s, &found);
    return answer == FEEDS_SHARE_LEAD ? lead(s, &found) : give_up(s);
}

static void lead_step(struct feed_source *s)
{
    struct shared_list *l = s->shared;
    struct feeds_share_found found;

    if (s->arrived)
        begin_giving(s, l);
    else if (l->share->step(l->look, &found) == FEEDS_SHARE_LEAD)
        return;
    shared_list_cancel(s);
}

enum shared_answer shared_list_step(struct feed_source *s)
{
    if (!s->shared->leads)
        return ask_step(s);
    lead_step(s);
    return SHARED_WAIT;
}
