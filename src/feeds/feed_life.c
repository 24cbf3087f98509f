/* The worker's record of one feed: how it begins, changes, ends, and what is told of it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "fetch/url.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/escape.h"
#include "rcptguard/base/log.h"
#include "refresh.h"
#include "source.h"

#define LOAD_AGAIN_S 5 /* until what could not be read is tried again */

static void forget_source(struct feed *f, unsigned i)
{
    /* Nobody waits for it any more: it must not end in what a later configuration asks for. */
    fetch_cancel(f->sources[i].fetch);
    f->sources[i].fetch = NULL;
    feed_drop_result(&f->sources[i]);
    feed_forget_held(f, i);
    body_free(f->sources[i].unsaved[COPY_ACCEPTED]);
    f->sources[i].unsaved[COPY_ACCEPTED] = NULL;
    memset(&f->meta.sources[i], 0, sizeof f->meta.sources[i]);
    f->changed = true;
}

/*
 * The accepted copy of another URL stays in force until the new one brought its own: a typo that
 * is mended must not cost the list. But nothing of it is believed about the new server.
 */
static void set_source(struct feed *f, unsigned i, const struct source_urls *urls,
                       struct watcher *watcher)
{
    struct store_source *stored = &f->meta.sources[i];
    struct feed_source *s = &f->sources[i];
    bool had = s->n_urls > 0;
    bool fresh = source_set_urls(f, i, urls, watcher);

    if (s->n_urls == 0) {
        if (had || stored->accepted.known || stored->held.known)
            forget_source(f, i);
        return;
    }
    f->due |= fresh && had;
    if (source_url(s, stored->url) != NULL)
        return;
    memcpy(stored->url, s->urls[0].digest, SHA256_BYTES);
    stored->accepted.etag[0] = stored->accepted.last_modified[0] = '\0';
    feed_forget_held(f, i);
    f->changed = true;
    f->due = true;
}

static bool same_text(const char *a, const char *b)
{
    return view_eq(view_of(a), view_of(b));
}

/* How the server is asked: whoever mends a password does not want to wait for the next hour. */
static bool same_access(const struct feed_config *a, const struct feed_config *b)
{
    bool same = same_text(a->secret, b->secret) && same_text(a->proxy, b->proxy) &&
                same_text(a->userpwd, b->userpwd) && same_text(a->tls_ca, b->tls_ca) &&
                same_text(a->tls_cert, b->tls_cert) && same_text(a->tls_key, b->tls_key) &&
                a->n_headers == b->n_headers;

    for (size_t i = 0; same && i < a->n_headers; i++)
        same = same_text(a->headers[i], b->headers[i]);
    return same;
}

static bool same_limits(const struct feed_config *a, const struct feed_config *b)
{
    return a->min_entries == b->min_entries && a->max_protected == b->max_protected &&
           a->max_bytes == b->max_bytes && a->max_shrink == b->max_shrink &&
           a->max_grow == b->max_grow && a->max_bad == b->max_bad && a->hold_s == b->hold_s;
}

void feed_configure(struct feed *f, const struct feeds_config *config, const struct feed_config *fc,
                    struct watcher *watcher)
{
    struct source_urls list = {fc->url, fc->mirrors, fc->n_mirrors, fc->pubkey};
    struct source_urls cleared = {.pubkey = fc->pubkey};
    static const unsigned char no_shape[SHA256_BYTES];
    unsigned char shape[SHA256_BYTES];
    bool was_due = f->due, known = memcmp(f->shape, no_shape, sizeof no_shape) != 0;

    f->due = !same_access(f->config, fc);
    /* Somebody who has mended the settings of a list that is not taken is waiting for it. */
    f->due |= known && f->meta.state >= FEED_HELD && !same_limits(f->config, fc);
    f->config = fc;
    feed_shape(config, fc, shape);
    if (memcmp(shape, f->shape, sizeof shape) != 0) {
        memcpy(f->shape, shape, sizeof shape);
        blocklist_free(f->fresh);
        f->fresh = NULL;
        f->adopted = false;
        f->unread_until = 0;
        f->due |=
            known && (f->meta.state == FEED_REFUSED || !f->meta.sources[STORE_LIST].accepted.known);
    }
    if (fc->cleared != NULL && fc->cleared[0] != '\0')
        cleared.first = fc->cleared;
    set_source(f, STORE_LIST, &list, watcher);
    set_source(f, STORE_CLEARED, &cleared, watcher);
    if (f->due && f->running)
        refresh_cancel(f);
    f->due |= was_due;
}

static void shift(int64_t *at, int64_t by_s)
{
    if (*at != 0)
        *at += by_s;
}

void feed_clock_set(struct feed *f, int64_t by_s)
{
    for (unsigned i = 0; i < STORE_SOURCES; i++) {
        struct store_source *s = &f->meta.sources[i];
        shift(&s->guard.held_since, by_s);
        shift(&s->held_until, by_s);
        for (unsigned k = 0; k < f->sources[i].n_urls; k++)
            shift(&f->sources[i].urls[k].not_before, by_s);
    }
    shift(&f->save_again_at, by_s);
    shift(&f->unread_until, by_s);
    shift(&f->unloaded_until, by_s);
    shift(&f->saved_at, by_s);
    shift(&f->logged_at, by_s);
    /* Forward: whatever is due then is looked at once, as after a suspend. */
    if (by_s < 0)
        shift(&f->meta.next_fetch, by_s);
    f->changed = true;
}

/* The publisher's floor counts for a daemon that is started again and again, too. */
static bool is_too_soon(const struct feed *f, int64_t now)
{
    return f->meta.last_fetch <= now && now - f->meta.last_fetch < f->config->min_refresh_s;
}

/* What to do first: what is local is looked at, what is not there is fetched. */
static bool is_due_at_start(const struct feed *f)
{
    bool too_soon = is_too_soon(f, clock_now());

    for (unsigned i = 0; i < STORE_SOURCES; i++)
        if (f->sources[i].url != NULL &&
            (url_is_file(f->sources[i].url) || (!f->meta.sources[i].accepted.on_disk && !too_soon)))
            return true;
    return false;
}

static void load(struct feed *f, int64_t now)
{
    struct store_source *list = &f->meta.sources[STORE_LIST];
    struct error why;
    /* Of the index, where the worker adopted it: what the next copy is measured by. */
    uint64_t entries = list->accepted.entries;
    int64_t accepted_at = list->accepted.accepted_at;
    int rc = store_load(f->store, &f->meta, &why);

    if (f->adopted && !list->accepted.known && list->accepted.entries == 0) {
        list->accepted.entries = entries;
        list->accepted.accepted_at = accepted_at;
    }
    /* A disk or memory that fails for a moment, or what is no file, must not cost what the state
     * knows and names. */
    if (rc == ERR_IO || rc == ERR_NOMEM || rc == ERR_REFUSED) {
        if (f->unloaded_until == 0) {
            f->unloaded_since = now;
            feed_warn(f,
                      "what is stored of it cannot be read now; what is in force stays, and it "
                      "is tried again and again",
                      &why);
        }
        f->meta.last_success = f->unloaded_since; /* unknown, which is not over max_age */
        f->unloaded_until = now + LOAD_AGAIN_S;
        return;
    }
    f->unloaded_until = 0;
    if (rc < 0 && rc != ERR_ABSENT)
        feed_warn(f, "the stored state is left out, the feed begins anew", &why);
    for (unsigned i = 0; i < STORE_SOURCES; i++)
        feed_remember(&f->meta.sources[i]);
    if (rc == 0 || rc == ERR_ABSENT || rc == ERR_DAMAGED)
        store_tidy(f->store, &f->meta);
}

bool feed_load(struct feed *f, const struct feeds_config *config, struct watcher *watcher,
               int64_t now)
{
    if (now < f->unloaded_until)
        return false;
    if (f->unloaded_until == 0)
        return true;
    load(f, now);
    if (f->unloaded_until != 0)
        return false;
    f->adopted &= !f->meta.sources[STORE_LIST].accepted.known;
    f->due = false; /* it was, of a feed that nothing is known of */
    feed_configure(f, config, f->config, watcher);
    f->due |= is_due_at_start(f);
    return true;
}

struct feed *feed_new(const struct feeds_config *config, const struct feed_config *fc,
                      struct watcher *watcher, struct error *why)
{
    struct feed *f = calloc(1, sizeof *f);

    if (f == NULL) {
        error_set(why, ERR_NOMEM, "no memory");
        return NULL;
    }
    f->config = fc;
    f->store = store_new(config->state_dir, fc->name, why);
    if (f->store == NULL) {
        free(f);
        return NULL;
    }
    load(f, clock_now());
    feed_configure(f, config, fc, watcher);
    f->due |= is_due_at_start(f);
    f->changed = false;
    return f;
}

void feed_free(struct feed *f)
{
    if (f == NULL)
        return;
    refresh_cancel(f);
    for (unsigned i = 0; i < STORE_SOURCES; i++) {
        source_unwatch(&f->sources[i]);
        for (unsigned k = 0; k < COPY_STATES; k++)
            body_free(f->sources[i].unsaved[k]);
    }
    blocklist_free(f->fresh);
    store_free(f->store);
    free(f);
}

static void tell_progress(const struct feed *f, struct feed_status *status)
{
    uint64_t bytes = 0;

    if (!f->running)
        return;
    for (unsigned i = 0; i < STORE_SOURCES; i++)
        if (f->sources[i].fetch != NULL)
            bytes += fetch_received(f->sources[i].fetch);
    snprintf(status->progress, sizeof status->progress, "fetching %.1f MB", (double)bytes / 1e6);
}

static void tell_held(const struct feed *f, struct feed_status *status)
{
    for (unsigned i = 0; i < STORE_SOURCES; i++) {
        const struct store_source *s = &f->meta.sources[i];
        if (!s->held.known)
            continue;
        status->held.since = s->guard.held_since;
        status->held.until = s->held_until;
        status->held.entries = s->held.entries;
        snprintf(status->held.why, sizeof status->held.why, "%s%.230s",
                 i == STORE_CLEARED ? "cleared list: " : "", s->held_why);
        feed_text(status->held.guard, sizeof status->held.guard, s->held_guard);
        return;
    }
}

/* As the verdict judges it: counted from when the publisher last confirmed the copy. */
static bool is_stale(const struct feed *f, int64_t now)
{
    int64_t accepted = f->meta.sources[STORE_LIST].accepted.accepted_at;
    int64_t confirmed = f->meta.last_success > accepted ? f->meta.last_success : accepted;

    return f->config->max_age_s > 0 && confirmed != 0 && now - confirmed > f->config->max_age_s;
}

static void tell_problem(const struct feed *f, struct feed_status *status)
{
    struct text t = text_on(status->problem, sizeof status->problem);

    feed_add_problem(f, f->active, &t);
}

void feed_tell(const struct feed *f, struct feed_status *status)
{
    const struct store_meta *m = &f->meta;
    const struct store_copy *copy = &m->sources[STORE_LIST].accepted;

    memset(status, 0, sizeof *status); /* padding too: it is compared as a whole */
    feed_text(status->name, sizeof status->name, f->config->name);
    url_shown(f->config->url, status->url, sizeof status->url);
    feed_text(status->format, sizeof status->format, f->config->format);
    struct text settings = text_on(status->settings, sizeof status->settings);
    feed_settings(f->config, &settings);
    feed_limit(f->config, m->guard, &settings);
    status->state = m->state;
    status->state_since = m->state_since;
    status->rows = copy->rows;
    status->bad_rows = copy->bad_rows;
    status->ignored_rows = copy->ignored_rows;
    status->entries = copy->entries;
    status->exceptions = copy->exceptions;
    status->stale = is_stale(f, clock_now());
    status->active = status->stale ? 0 : f->active;
    status->dropped = copy->dropped;
    status->unkept = f->changed && f->save_again_at != 0;
    feed_text(status->left_out, sizeof status->left_out, copy->left_out);
    status->previous = refresh_can_roll_back(f);
    status->last_fetch = m->last_fetch;
    status->last_success = m->last_success;
    status->accepted_at = copy->accepted_at;
    status->next_fetch = m->next_fetch;
    feed_text(status->last_error, sizeof status->last_error, m->last_error);
    feed_text(status->guard, sizeof status->guard, m->guard);
    tell_problem(f, status);
    memcpy(status->looks, f->looks, sizeof status->looks);
    memcpy(status->guards, f->guards, sizeof status->guards);
    tell_held(f, status);
    tell_progress(f, status);
}
