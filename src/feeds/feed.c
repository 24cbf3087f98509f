/* The worker's record of one feed: its copies, and how they are parsed. */
#include "feed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "packing/unpack.h"
#include "parse/cleared.h"
#include "progress.h"
#include "rcptguard/base/breath.h"
#include "rcptguard/base/escape.h"
#include "rcptguard/base/hash.h"
#include "rcptguard/base/log.h"
#include "shared_list.h"

/* Both digests as one. It needs no memory: "there is none" would take the list out of force. */
static void add_cleared(unsigned char copy[SHA256_BYTES], const struct store_copy *cleared)
{
    unsigned char both[2 * SHA256_BYTES];

    memcpy(both, copy, SHA256_BYTES);
    memcpy(both + SHA256_BYTES, cleared->content, SHA256_BYTES);
    const struct checksum sum = checksum_of(both, sizeof both);
    memset(copy, 0, SHA256_BYTES);
    memcpy(copy, &sum, sizeof sum);
}

bool feed_copy(const struct feed *f, unsigned char copy[SHA256_BYTES])
{
    const struct store_copy *list = &f->meta.sources[STORE_LIST].accepted;
    const struct store_copy *cleared = &f->meta.sources[STORE_CLEARED].accepted;

    if (f->adopted) {
        memcpy(copy, f->adopted_copy, SHA256_BYTES);
        return true;
    }
    if (!list->known || (feed_has_cleared(f) && !cleared->known))
        return false;
    memcpy(copy, list->content, SHA256_BYTES);
    if (feed_has_cleared(f))
        add_cleared(copy, cleared);
    return true;
}

static void add_setting(struct text *to, const char *key, const char *value, const char *usual)
{
    if (value == NULL || value[0] == '\0' || strcmp(value, usual) == 0)
        return;
    size_t before = to->len;
    text_addf(to, "%s%s=", before == 0 ? "" : "\n", key);
    escape_to(to, view_of(value), ESCAPE_TERMINAL);
    if (!to->cut)
        return;
    to->len = before; /* a part of it would be another one */
    to->dst[before] = '\0';
    to->cut = false;
}

#define USUAL_TYPES 0xfu /* ABCD */

void feed_settings(const struct feed_config *c, struct text *to)
{
    char types[6] = "";

    for (unsigned i = 0, n = 0; i < 5 && c->types != USUAL_TYPES; i++)
        if ((c->types & 1u << i) != 0)
            types[n++] = (char)('A' + i);
    add_setting(to, "types", types, "");
    add_setting(to, "column", c->column, "1");
    add_setting(to, "separator",
                c->separator != NULL && strcmp(c->separator, "\t") == 0 ? "tab" : c->separator,
                ",");
    add_setting(to, "field", c->field, "");
    add_setting(to, "as", c->as_domains ? "domains" : NULL, "");
    add_setting(to, "of", c->of_domain ? "domain" : NULL, "");
    add_setting(to, "apex", c->apex ? "yes" : NULL, "");
    add_setting(to, "parent_domain_matches_subdomains", c->parents_match ? "yes" : NULL, "");
}

void feed_limit(const struct feed_config *c, const char *guard, struct text *to)
{
    char value[32];

    if (strcmp(guard, GUARD_BAD) == 0) {
        snprintf(value, sizeof value, "%g%%", 100 * c->max_bad);
        add_setting(to, "max_bad", value, "");
        return;
    }
    bool entries = strcmp(guard, GUARD_MIN_ENTRIES) == 0;
    if (!entries && strcmp(guard, GUARD_PROTECTED) != 0)
        return;
    snprintf(value, sizeof value, "%" PRIu64, entries ? c->min_entries : c->max_protected);
    add_setting(to, entries ? "min_entries" : "max_protected", value, "");
}

static void add_reading(const struct feed *f, struct text *to)
{
    char settings[FEED_SETTINGS_MAX];
    struct text t = text_on(settings, sizeof settings);
    struct view rest, setting;

    text_addf(to, "format=%s", f->config->format);
    /* The usual one is named, too: nobody wrote it, and that may be what is wrong. */
    if (strcmp(f->config->format, "csv") == 0 &&
        (f->config->column == NULL || strcmp(f->config->column, "1") == 0))
        text_add(to, " column=1");
    feed_settings(f->config, &t);
    rest = text_view(&t);
    while (rest.len > 0 && view_split(&rest, '\n', &setting))
        text_addf(to, " %.*s", (int)setting.len, setting.ptr);
}

bool feed_add_problem(const struct feed *f, uint64_t active, struct text *to)
{
    const struct store_copy *copy = &f->meta.sources[STORE_LIST].accepted;

    if (f->unloaded_until != 0) {
        text_addf(to, "what is stored of it cannot be read, see the log: %s of it is in force",
                  active == 0 ? "nothing" : "what came before");
        return true;
    }
    if (f->unread_until != 0) {
        text_addf(to, "the stored copy cannot be read, see the log: %s of it is in force",
                  active == 0 ? "nothing" : "what came before");
        return true;
    }
    if (!copy->known && copy->accepted_at != 0 && !f->adopted) {
        text_add(to,
                 "the stored copy is lost: nothing of it is in force until it is fetched again");
        return true;
    }
    if (!copy->known || !copy->unfit)
        return false;
    if (active > 0) {
        text_addf(to,
                  "only %" PRIu64 " entries of the stored copy are in force: as it is read now the "
                  "guards would refuse it",
                  active);
        return true;
    }
    text_add(to,
             "nothing of the stored copy is in force: the guards refuse it as it is read now (");
    add_reading(f, to);
    text_addf(to, "); look at [feed %s]", f->config->name);
    return true;
}

struct body *feed_open(const struct feed *f, unsigned source, unsigned state, bool *borrowed,
                       struct error *why)
{
    const struct store_source *s = &f->meta.sources[source];

    *borrowed = f->sources[source].unsaved[state] != NULL;
    if (*borrowed)
        return f->sources[source].unsaved[state];
    return store_open(f->store, state == COPY_HELD ? &s->held : &s->accepted, why);
}

void feed_text(char *dst, size_t size, const char *src)
{
    struct text t = text_on(dst, size);
    text_add(&t, src);
}

void feed_drop_result(struct feed_source *s)
{
    shared_list_cancel(s);
    body_free(s->result.body);
    s->result.body = NULL;
    s->arrived = false;
}

bool feed_is_lost(const struct error *why)
{
    return why->code != ERR_NOMEM && why->code != ERR_IO && why->code != ERR_TIMEOUT;
}

void feed_warn(const struct feed *f, const char *words, const struct error *why)
{
    char shown[sizeof why->text];
    struct text t = text_on(shown, sizeof shown);

    escape_to_max(&t, view_of(why->text), ESCAPE_TERMINAL, sizeof shown);
    log_warning(f->config->name, "%s: %s", words, shown);
}

void feed_forget_held(struct feed *f, unsigned source)
{
    struct store_source *stored = &f->meta.sources[source];

    body_free(f->sources[source].unsaved[COPY_HELD]);
    f->sources[source].unsaved[COPY_HELD] = NULL;
    stored->held = (struct store_copy){.known = false};
    stored->held_until = 0;
    stored->held_guard[0] = stored->held_why[0] = '\0';
    stored->guard.held_side = SIDE_NONE;
    stored->guard.held_since = 0;
}

void feed_remember(struct store_source *stored)
{
    stored->guard.accepted_entries = stored->accepted.entries;
    stored->guard.accepted_created = stored->accepted.created;
    stored->guard.accepted_short = stored->accepted.is_short;
}

struct reading {
    const atomic_bool *stop;
    struct copy_builder *builder;
    struct cleared *cleared; /* when there is no builder */
    struct progress progress;
};

static int read_chunk(struct view bytes, void *arg, struct error *why)
{
    struct reading *r = arg;
    int rc;

    if (atomic_load_explicit(r->stop, memory_order_relaxed))
        return error_set(why, ERR_TIMEOUT, "stopped");
    if (r->builder != NULL)
        rc = copy_builder_chunk(r->builder, bytes, why);
    else
        rc = cleared_chunk(r->cleared, bytes, why);
    progress_step(&r->progress, bytes.len, r->builder);
    breath(bytes.len);
    return rc;
}

/* The body knows its cap: a stored copy was taken once, whatever max_bytes is today. */
static int read_body(const struct body *body, struct reading *r, struct error *why)
{
    return unpack_each(body, body->max_bytes, read_chunk, r, why);
}

static const char *or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : text;
}

struct feed_options feed_options_of(const struct feeds_config *config, const struct feed_config *c,
                                    const struct suffixes *suffixes)
{
    return (struct feed_options){
        .addresses = config->addresses,
        .apex = c->apex,
        .as_domains = c->as_domains,
        .of_domain = c->of_domain,
        .parents_match = c->parents_match,
        .separator = c->separator == NULL ? '\0' : c->separator[0],
        .column = or_null(c->column),
        .field = or_null(c->field),
        .suffixes = suffixes,
        .protect = config->protect,
    };
}

struct copy_shaping feed_shaping_of(const struct feeds_config *config, const struct feed_config *c,
                                    const struct suffixes *suffixes)
{
    return (struct copy_shaping){
        .types = feed_format_find(c->format) == &feed_format_aper ? c->types : 0,
        .protect = config->protect,
        .suffixes = suffixes,
    };
}

static struct feed_options options_of(const struct feed_house *house, const struct feed *f)
{
    return feed_options_of(house->config, f->config, house->suffixes);
}

static struct map *parse_cleared(const struct feed_house *house, const struct feed *f,
                                 const struct body *body, struct copy_counts *counts,
                                 struct error *why)
{
    struct feed_options options = options_of(house, f);
    struct reading r = {house->stop, NULL, cleared_new(&options, why), {house, f, 0, 0}};

    if (r.cleared == NULL)
        return NULL;
    if (read_body(body, &r, why) == 0)
        return cleared_end(r.cleared, counts, why);
    cleared_free(r.cleared);
    return NULL;
}

int feed_count_cleared(const struct feed_house *house, const struct feed *f,
                       const struct body *body, struct copy_counts *counts, struct error *why)
{
    struct map *map = parse_cleared(house, f, body, counts, why);

    if (map == NULL)
        return why->code;
    map_free(map);
    return 0;
}

/* *CLEARED stays NULL for a feed without a cleared list. */
static int load_cleared(const struct feed_house *house, const struct feed *f, struct map **cleared,
                        struct error *why)
{
    struct copy_counts counts;
    bool borrowed;

    *cleared = NULL;
    if (!feed_has_cleared(f))
        return 0;
    struct body *body = feed_open(f, STORE_CLEARED, COPY_ACCEPTED, &borrowed, why);
    if (body != NULL)
        *cleared = parse_cleared(house, f, body, &counts, why);
    if (!borrowed)
        body_free(body);
    return *cleared == NULL ? error_prefix(why, "cleared list") : 0;
}

static struct blocklist *parse_list(const struct feed_house *house, const struct feed *f,
                                    const struct body *body, const struct map *cleared,
                                    struct copy_counts *counts, struct error *why)
{
    const struct feed_format *format = feed_format_find(f->config->format);
    struct feed_options options = options_of(house, f);
    struct copy_shaping shaping = feed_shaping_of(house->config, f->config, house->suffixes);

    shaping.cleared = cleared;
    shaping.bytes = body->size; /* packed it is more: then it only helps less */
    if (format == NULL) {
        error_set(why, ERR_SYNTAX, "unknown format '%s'", f->config->format);
        return NULL;
    }
    struct reading r = {
        house->stop, copy_builder_new(format, &options, &shaping, why), NULL, {house, f, 0, 0}};
    if (r.builder == NULL)
        return NULL;
    if (read_body(body, &r, why) == 0)
        return copy_builder_end(r.builder, counts, why);
    copy_builder_free(r.builder);
    return NULL;
}

struct blocklist *feed_parse(const struct feed_house *house, const struct feed *f,
                             const struct body *body, struct copy_counts *counts, struct error *why)
{
    struct map *cleared;

    if (load_cleared(house, f, &cleared, why) < 0)
        return NULL;
    struct blocklist *entries = parse_list(house, f, body, cleared, counts, why);
    map_free(cleared);
    return entries;
}
