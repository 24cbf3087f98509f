/* The worker's job for one feed: ask for its copies, keep what was taken. */
#include "refresh.h"

#include <limits.h>

#include "fetch/url.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"
#include "shared_list.h"
#include "signed_list.h"
#include "source.h"

#define SAVE_AGAIN_S 30

/* A server that says "not modified" for ever, or for a file that it only renamed, is not believed
 * for longer than this: once a day the copy comes whole. */
#define FULL_FETCH_S 86400

/* ---- asking --------------------------------------------------------------------------------- */

/* Of json half a copy is none, and a signature is of all of it. */
static bool is_of_lines(const struct feed *f)
{
    const struct feed_format *format = feed_format_find(f->config->format);

    return !signed_list_is(f) && (format->line != NULL || !format->one_piece);
}

static void on_fetched(struct fetch_result *result, void *arg)
{
    struct feed_source *s = arg;

    if (result->left_out > 0)
        log_notice(s->feed->config->name,
                   "the last line, of %zu bytes, is left out: it has no end, and the server does "
                   "not say how long the list is (no Content-Length): it may be half of one",
                   result->left_out);

    s->fetch = NULL;
    s->result = *result;
    if (result->kind == FETCH_BODY && signed_list_is(s->feed))
        signed_list_ask(s);
    else
        s->arrived = true;
}

/*
 * Of a held copy only its ETag is sent: "not modified since" would also be the answer when the
 * server went back to an older file, and then the held copy must not be taken for the server's.
 */
static void choose_validators(const struct store_source *stored, struct feed_source *s,
                              struct fetch_order *order, int64_t now)
{
    if (s->whole || now < stored->full_fetch || now - stored->full_fetch >= FULL_FETCH_S)
        return;
    if (stored->held.known) {
        s->asked_held = stored->held.on_disk && stored->held.etag[0] != '\0';
        order->etag = s->asked_held ? stored->held.etag : "";
    } else if (stored->accepted.known && stored->accepted.on_disk && !stored->accepted.unfit) {
        order->etag = stored->accepted.etag;
        order->last_modified = stored->accepted.last_modified;
    }
}

static void ask_file(struct feed *f, struct feed_source *s, const char *spill_path)
{
    struct feed_url *u = &s->urls[s->at];
    uint64_t max_bytes = f->config->max_bytes;
    char path[PATH_MAX];

    if (feed_url_is_glob(s->url) && url_file_pattern(s->url, path, sizeof path)) {
        file_glob_mark(path, u->files.taken);
        s->result.body = file_glob_read(path, spill_path, max_bytes, &s->result.why);
        s->result.kind = s->result.body == NULL ? FETCH_FAILED : FETCH_BODY;
    } else if (url_file_path(s->url, path, sizeof path)) {
        fetch_file(path, max_bytes, &s->result);
        if (s->result.kind == FETCH_BODY && signed_list_is(f))
            signed_list_read(s, path);
    } else {
        error_set(&s->result.why, ERR_SYNTAX, "the URL names no file: file:/path is expected");
    }
}

static void ask_server(struct feed *f, unsigned i)
{
    struct feed_source *s = &f->sources[i];
    struct store_source *stored = &f->meta.sources[i];
    struct fetch_order order = {
        .url = s->url,
        .how = f->config,
        .max_bytes = f->config->max_bytes,
        .etag = "",
        .last_modified = "",
        .spill_path = store_spill_path(f->store, i),
        .of_lines = is_of_lines(f),
    };

    /* Validators are of the URL that the copy is from: another server's may mean anything. */
    if (memcmp(s->urls[s->at].digest, stored->url, SHA256_BYTES) == 0 && f->unread_until == 0)
        choose_validators(stored, s, &order, clock_now());
    s->fetch = fetch_start(s->fetcher, &order, on_fetched, s, &s->result.why);
    s->arrived = s->fetch == NULL;
}

static void begin(const struct feed_house *house, struct feed *f, struct feed_source *s)
{
    s->feed = f;
    s->fetcher = house->fetcher;
    s->result = (struct fetch_result){.kind = FETCH_FAILED};
    s->arrived = s->asked_held = s->whole = s->fresh = false;
    s->age_ms = 0;
    s->signature_len = 0;
}

static void ask(const struct feed_house *house, struct feed *f, unsigned i)
{
    struct feed_source *s = &f->sources[i];

    begin(house, f, s);
    if (url_is_file(s->url)) {
        s->arrived = true;
        ask_file(f, s, store_spill_path(f->store, i));
    } else if (shared_list_begin(house, f, i) == SHARED_FETCH) {
        ask_server(f, i);
    }
}

/* ---- what other relays fetched -------------------------------------------------------------- */

#define NEWS_MS 60000

/* Of a source without news what is here goes on being true, as long as before. */
static void take_news(struct feed *f, unsigned i, enum shared_answer answer)
{
    struct feed_source *s = &f->sources[i];

    s->fresh = answer == SHARED_HERE;
    if (answer != SHARED_NONE)
        return;
    s->result.kind = FETCH_SAME;
    s->asked_held = f->meta.sources[i].held.known;
    s->age_ms = shared_list_age_ms(s, &f->meta);
    s->arrived = true;
}

/* Nothing to judge: nothing new, or nothing at all of a source that goes with what is new. */
static bool is_no_news(const struct feed *f)
{
    bool any = false;

    for (unsigned i = 0; i < STORE_SOURCES; i++) {
        const struct feed_source *s = &f->sources[i];
        const struct store_source *stored = &f->meta.sources[i];
        if (s->url == NULL)
            continue;
        any |= s->fresh;
        if (!s->fresh && !stored->held.known && !stored->accepted.known)
            return true;
    }
    return !any;
}

static void end_news(struct feed *f)
{
    if (f->news && refresh_arrived(f) && is_no_news(f))
        refresh_cancel(f);
}

void refresh_look_for_news(const struct feed_house *house, struct feed *f)
{
    int64_t now = clock_mono_ms();

    if (house->shares == NULL || now < f->news_ms)
        return;
    f->news_ms = now + NEWS_MS - NEWS_MS / 20 + (int64_t)(random_u64() % (NEWS_MS / 10));
    f->news = f->running = true;
    for (unsigned i = 0; i < STORE_SOURCES; i++) {
        struct feed_source *s = &f->sources[i];
        if (s->url == NULL)
            continue;
        source_begin_at(s, f->meta.sources[i].url);
        begin(house, f, s);
        take_news(f, i, url_is_file(s->url) ? SHARED_NONE : shared_list_begin(house, f, i));
    }
    end_news(f);
}

/* ---- all sources ---------------------------------------------------------------------------- */

static void ask_all(const struct feed_house *house, struct feed *f)
{
    f->running = true;
    for (unsigned i = 0; i < STORE_SOURCES; i++)
        if (f->sources[i].url != NULL)
            ask(house, f, i);
}

void refresh_start(const struct feed_house *house, struct feed *f)
{
    for (unsigned i = 0; i < STORE_SOURCES; i++)
        source_begin(&f->sources[i], clock_now(), f->due);
    f->due = f->news = false;
    ask_all(house, f);
}

void refresh_step(struct feed *f)
{
    for (unsigned i = 0; i < STORE_SOURCES; i++) {
        struct feed_source *s = &f->sources[i];
        if (s->shared == NULL)
            continue;
        enum shared_answer answer = shared_list_step(s);
        if (answer == SHARED_FETCH)
            ask_server(f, i);
        else if (f->news)
            take_news(f, i, answer);
    }
    end_news(f);
}

bool refresh_next_mirror(const struct feed_house *house, struct feed *f, struct outcome *list,
                         int64_t now)
{
    if (atomic_load(house->stop) || !source_next(f, list, now))
        return false;
    f->news = false; /* from here on it is a look like any other */
    ask_all(house, f);
    return true;
}

void refresh_cancel(struct feed *f)
{
    for (unsigned i = 0; i < STORE_SOURCES; i++) {
        fetch_cancel(f->sources[i].fetch);
        f->sources[i].fetch = NULL;
        feed_drop_result(&f->sources[i]);
    }
    f->running = false;
}

bool refresh_arrived(const struct feed *f)
{
    for (unsigned i = 0; i < STORE_SOURCES; i++)
        if (f->sources[i].url != NULL && !f->sources[i].arrived)
            return false;
    return f->running;
}

/* ---- keeping -------------------------------------------------------------------------------- */

static int put(struct feed *f, unsigned i, unsigned state, struct error *why)
{
    struct store_source *stored = &f->meta.sources[i];
    struct body **unsaved = &f->sources[i].unsaved[state];

    if (*unsaved == NULL)
        return 0;
    int rc = store_put(f->store, *unsaved, why);
    if (rc < 0)
        return rc;
    body_free(*unsaved);
    *unsaved = NULL;
    (state == COPY_HELD ? &stored->held : &stored->accepted)->on_disk = true;
    return 0;
}

static int keep(struct feed *f, struct error *why)
{
    int rc = 0;

    for (unsigned i = 0; i < STORE_SOURCES; i++)
        for (unsigned state = 0; state < COPY_STATES; state++)
            if (rc == 0)
                rc = put(f, i, state, why);
    if (rc == 0)
        rc = store_save(f->store, &f->meta, why);
    return rc;
}

/* What is only there to go back to need not take its whole size; uncompressed it serves as well. */
static void pack_previous(const struct feed_house *house, struct feed *f)
{
    struct error why;

    for (unsigned i = 0; i < STORE_SOURCES; i++) {
        struct store_copy *previous = &f->meta.sources[i].previous;
        if (previous->known && previous->on_disk && !previous->packed &&
            store_pack(f->store, previous, house->stop, &why) < 0 && why.code != ERR_TIMEOUT)
            feed_warn(f, "the copy before is not compressed", &why);
    }
}

void refresh_keep(const struct feed_house *house, struct feed *f, int64_t now)
{
    struct error why;

    if (!f->changed || now < f->save_again_at || f->unloaded_until != 0)
        return;
    if (keep(f, &why) < 0) {
        if (f->save_again_at == 0)
            feed_warn(f, "the copy in force cannot be kept for the next start", &why);
        f->save_again_at = now + SAVE_AGAIN_S;
        return;
    }
    if (f->save_again_at != 0)
        log_notice(f->config->name, "the copy in force is kept again");
    pack_previous(house, f);
    store_tidy(f->store, &f->meta);
    f->changed = false;
    f->save_again_at = 0;
    f->saved_at = now;
}
