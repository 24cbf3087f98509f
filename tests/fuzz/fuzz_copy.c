/*
 * A feed's copy on its whole way: parsed, shaped, counted, made an index. The first byte chooses
 * the format, the second what shapes it. It comes out alike however it is cut; nothing in force is
 * protected or a public suffix; and every entry in force has a row in the copy, which is what a
 * person who asks is shown.
 */
#include <stdint.h>
#include <string.h>

#include "feeds/parse/copy.h"
#include "feeds/parse/origin.h"
#include "shown.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SOUGHT 5 /* entries whose rows are looked for */

static const struct feed_format *const formats[] = {
    &feed_format_entries, &feed_format_aper,    &feed_format_csv,    &feed_format_json,
    &feed_format_ndjson,  &feed_format_domains, &feed_format_hosts,  &feed_format_adblock,
    &feed_format_dnsmasq, &feed_format_unbound, &feed_format_rpz,    &feed_format_dnset,
    &feed_format_access,  &feed_format_urls,    &feed_format_hashes,
};

static struct suffixes *suffixes;
static struct protect *protect;

static struct blocklist *parse(const struct feed_format *format, const struct feed_options *options,
                               const struct copy_shaping *shaping, struct view bytes, size_t cut,
                               struct copy_counts *counts)
{
    struct error why = {0};
    struct copy_builder *b = copy_builder_new(format, options, shaping, &why);

    must(b != NULL);
    must(copy_builder_chunk(b, view_first(bytes, cut), &why) == 0);
    must(copy_builder_chunk(b, view_from(bytes, cut), &why) == 0);
    struct blocklist *made = copy_builder_end(b, counts, &why);
    must(made != NULL);
    return made;
}

struct walk {
    const struct feed_format *format;
    const struct feed_options *options;
    struct view bytes;
    unsigned types, sought;
    uint64_t active;
};

static void seek(const struct walk *w, struct view key, const struct listing *l)
{
    const struct origin_wish wish = {(enum entry_kind)l->kind, key, w->types};
    static struct origin found;
    struct origin_search *s = origin_search_new(w->format, w->options, &wish, &found);

    must(s != NULL);
    origin_search_chunk(s, w->bytes);
    origin_search_end(s);
    must(found.shown.found && found.shown.line > 0);
}

static int visit(struct view key, const struct listing *l, void *arg)
{
    struct walk *w = arg;

    if (l->list != COPY_ACTIVE || l->effect != LISTING_BLOCKS)
        return 0;
    w->active++;
    must(key.len > 0 && !protect_covers(protect, (enum entry_kind)l->kind, key));
    if (l->kind == ENTRY_DOMAIN || l->kind == ENTRY_TREE)
        must(!suffixes_is_public(suffixes, key));
    if (w->sought++ < SOUGHT)
        seek(w, key, l);
    return 0;
}

static void check_counts(const struct copy_counts *a, const struct copy_counts *b)
{
    must(a->rows == b->rows && a->bad_rows == b->bad_rows && a->ignored_rows == b->ignored_rows);
    must(a->entries == b->entries && a->active == b->active && a->exceptions == b->exceptions);
    must(memcmp(&a->sets, &b->sets, sizeof a->sets) == 0);
    must(strcmp(a->broken, b->broken) == 0 && a->html == b->html && a->control == b->control);
    must(a->active <= a->entries && a->n_samples <= COPY_SAMPLES);
    for (unsigned i = 0; i < a->n_samples; i++)
        shown_must_be_safe(view_of(a->samples[i].text));
    shown_must_be_safe(view_of(a->dropped_sample));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct copy_counts whole, pieces;

    if (size < 3)
        return 0;
    if (protect == NULL) {
        suffixes = suffixes_new();
        protect = protect_load(NULL, NULL);
        must(suffixes != NULL && protect != NULL);
    }
    const struct feed_format *format = formats[data[0] % (sizeof formats / sizeof *formats)];
    const struct feed_options options = {
        .addresses = {.delimiter = "+", .provider_aliases = data[1] & 1},
        .apex = data[1] & 2,
        .as_domains = data[1] & 4,
        .of_domain = data[1] & 8,
        .parents_match = data[1] & 16,
        .column = data[1] & 32 ? "domain" : NULL,
        .field = data[1] & 64 ? "domain" : NULL,
        .suffixes = suffixes,
        .protect = protect,
    };
    unsigned types = format == &feed_format_aper ? 1U + data[1] / 8 : 0;
    const struct copy_shaping shaping = {.types = types, .protect = protect, .suffixes = suffixes};
    struct view bytes = view_make(data + 3, size - 3);
    struct blocklist *a = parse(format, &options, &shaping, bytes, bytes.len, &whole);
    struct blocklist *b =
        parse(format, &options, &shaping, bytes, data[2] % (bytes.len + 1), &pieces);
    struct walk w = {.format = format, .options = &options, .bytes = bytes, .types = types};

    check_counts(&whole, &pieces);
    must(blocklist_keys(a) == blocklist_keys(b));
    blocklist_each(a, visit, &w);
    must(w.active == whole.active);
    blocklist_free(a);
    blocklist_free(b);
    return 0;
}
