/* The URLs of a source: mirrors in their order, and the files among them. */
#include "source.h"

#include <limits.h>
#include <stdio.h>

#include "fetch/signature.h"
#include "fetch/url.h"
#include "rcptguard/base/escape.h"
#include "rcptguard/base/log.h"

/* ---- which there are ------------------------------------------------------------------------ */

static void on_saved(void *arg)
{
    struct feed *f = arg;
    f->due = true;
}

/* A list and its signature are saved one after the other: whichever comes last makes them fit. */
static void watch_file(struct feed *f, struct feed_url *u, const char *url, bool is_signed,
                       struct watcher *watcher)
{
    char path[PATH_MAX], beside[PATH_MAX + sizeof SIGNATURE_SUFFIX];

    if (!url_is_file(url) || feed_url_is_glob(url) || !url_file_path(url, path, sizeof path))
        return;
    u->watch = watch_add(watcher, path, on_saved, f);
    snprintf(beside, sizeof beside, "%s" SIGNATURE_SUFFIX, path);
    if (is_signed)
        u->signature = watch_add(watcher, beside, on_saved, f);
}

static void unwatch(struct feed_url *u)
{
    watch_remove(u->watch);
    watch_remove(u->signature);
}

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

/* A copy that another key signed, or none, is one of another publisher. */
static void digest_url(const char *url, const char *pubkey, unsigned char digest[SHA256_BYTES])
{
    struct digest *d = digest_new();

    memset(digest, 0, SHA256_BYTES);
    if (d == NULL)
        return;
    digest_add_view(d, view_of(url));
    if (is_set(pubkey))
        digest_add_view(d, view_of(pubkey));
    digest_end(d, digest);
}

static struct feed_url *find(struct feed_url *urls, unsigned n, const unsigned char *digest)
{
    for (unsigned i = 0; i < n; i++)
        if (memcmp(urls[i].digest, digest, SHA256_BYTES) == 0)
            return &urls[i];
    return NULL;
}

struct feed_url *source_url(struct feed_source *s, const unsigned char digest[SHA256_BYTES])
{
    return find(s->urls, s->n_urls, digest);
}

/* True: it was not among OLD, from where its state is taken over. */
static bool add_url(struct feed *f, struct feed_source *s, const char *url, const char *pubkey,
                    struct feed_url *old, unsigned n_old, struct watcher *watcher)
{
    struct feed_url *u = &s->urls[s->n_urls++];

    digest_url(url, pubkey, u->digest);
    struct feed_url *was = find(old, n_old, u->digest);
    if (was != NULL) {
        *u = *was;
        was->watch = was->signature = NULL;
    } else {
        watch_file(f, u, url, is_set(pubkey), watcher);
    }
    u->url = url;
    return was == NULL;
}

bool source_set_urls(struct feed *f, unsigned source, const struct source_urls *urls,
                     struct watcher *watcher)
{
    struct feed_source *s = &f->sources[source];
    struct feed_url old[FEED_MAX_URLS];
    unsigned n_old = s->n_urls;
    bool fresh = false;

    memcpy(old, s->urls, sizeof old);
    memset(s->urls, 0, sizeof s->urls);
    s->n_urls = 0;
    if (urls->first != NULL)
        fresh = add_url(f, s, urls->first, urls->pubkey, old, n_old, watcher);
    for (size_t i = 0; i < urls->n_mirrors && s->n_urls < FEED_MAX_URLS; i++)
        fresh |= add_url(f, s, urls->mirrors[i], urls->pubkey, old, n_old, watcher);
    for (unsigned i = 0; i < n_old; i++)
        unwatch(&old[i]);

    const struct feed_url *asked = n_old > 0 ? source_url(s, old[s->at].digest) : NULL;
    fresh |= n_old > 0 && asked == NULL;
    s->at = asked == NULL ? 0 : (unsigned)(asked - s->urls);
    s->url = s->n_urls > 0 ? s->urls[s->at].url : NULL;
    return fresh;
}

void source_unwatch(struct feed_source *s)
{
    for (unsigned i = 0; i < s->n_urls; i++)
        unwatch(&s->urls[i]);
}

/* ---- a look --------------------------------------------------------------------------------- */

/* From K on the first that is not asked to be left alone; the last one has nobody in its stead. */
static unsigned next_url(const struct feed_source *s, unsigned k, int64_t now)
{
    while (k + 1 < s->n_urls && s->urls[k].not_before > now)
        k++;
    return k;
}

static void ask(struct feed_source *s, unsigned k)
{
    s->at = k;
    s->url = s->urls[k].url;
}

void source_begin(struct feed_source *s, int64_t now, bool impatient)
{
    s->failed = 0;
    for (unsigned i = 0; i < s->n_urls; i++) {
        s->urls[i].failed[0] = '\0';
        if (impatient)
            s->urls[i].not_before = 0;
    }
    if (s->n_urls > 0)
        ask(s, next_url(s, 0, now));
}

void source_begin_at(struct feed_source *s, const unsigned char digest[SHA256_BYTES])
{
    const struct feed_url *u = source_url(s, digest);

    source_begin(s, 0, false);
    ask(s, u == NULL ? 0 : (unsigned)(u - s->urls));
}

/* One warning when it begins and one line when it is over, not one a look. */
static void tell_mirrors(struct feed *f, struct feed_source *s)
{
    char serves[256], shown[256];

    url_shown(s->urls[s->at].url, serves, sizeof serves);
    if (s->urls[s->at].down)
        log_notice(f->config->name, "%s serves the list again", serves);
    s->urls[s->at].down = false;
    for (unsigned i = 0; i < s->n_urls; i++) {
        struct feed_url *u = &s->urls[i];
        if (u->failed[0] == '\0' || u->down)
            continue;
        u->down = true;
        url_shown(u->url, shown, sizeof shown);
        log_warning(f->config->name, "%s fails, the list is taken from %s: %s", shown, serves,
                    u->failed);
    }
}

static void note_failure(struct feed_source *s, const struct outcome *o, int64_t now)
{
    struct feed_url *u = &s->urls[s->at];
    struct text t = text_on(u->failed, sizeof u->failed);

    if (s->failed++ == 0)
        s->first = *o;
    escape_to_max(&t, view_of(o->why.text), ESCAPE_TERMINAL, sizeof u->failed);
    u->not_before = s->result.retry_after_s > 0 ? now + s->result.retry_after_s : 0;
}

bool source_next(struct feed *f, struct outcome *o, int64_t now)
{
    struct feed_source *s = &f->sources[STORE_LIST];

    if (s->n_urls < 2)
        return false;
    if (o->state < FEED_REFUSED) {
        tell_mirrors(f, s);
        return false;
    }
    note_failure(s, o, now);
    if (s->at + 1 < s->n_urls) {
        ask(s, next_url(s, s->at + 1, now));
        return true;
    }
    *o = s->first;
    if (s->failed > 1)
        error_prefix(&o->why, "all %u URLs failed, the first of them", s->failed);
    return false;
}

void source_came_from(struct feed *f, unsigned source)
{
    struct feed_source *s = &f->sources[source];
    struct store_source *stored = &f->meta.sources[source];
    const unsigned char *digest = s->urls[s->at].digest;

    if (memcmp(stored->url, digest, SHA256_BYTES) == 0)
        return;
    memcpy(stored->url, digest, SHA256_BYTES);
    stored->accepted.etag[0] = stored->accepted.last_modified[0] = '\0';
    stored->held.etag[0] = stored->held.last_modified[0] = '\0';
    f->changed = true;
}

/* ---- files ---------------------------------------------------------------------------------- */

void source_watch(struct feed *f, int64_t mono_ms)
{
    char pattern[PATH_MAX];

    for (unsigned i = 0; i < STORE_SOURCES; i++)
        for (unsigned k = 0; k < f->sources[i].n_urls; k++) {
            struct feed_url *u = &f->sources[i].urls[k];
            if (!feed_url_is_glob(u->url))
                continue;
            if (url_file_pattern(u->url, pattern, sizeof pattern))
                f->due |= file_glob_changed(&u->files, pattern, mono_ms);
            else
                u->files.look_at_ms = mono_ms + FILE_GLOB_LOOK_MS; /* the next look says it */
        }
}

int source_watch_ms(const struct feed *f, int64_t mono_ms)
{
    int64_t soonest = INT_MAX;

    for (unsigned i = 0; i < STORE_SOURCES; i++)
        for (unsigned k = 0; k < f->sources[i].n_urls; k++) {
            const struct feed_url *u = &f->sources[i].urls[k];
            int64_t ms = u->files.look_at_ms - mono_ms;
            if (feed_url_is_glob(u->url) && ms < soonest)
                soonest = ms < 0 ? 0 : ms;
        }
    return soonest == INT_MAX ? -1 : (int)soonest;
}
