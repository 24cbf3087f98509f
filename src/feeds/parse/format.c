/* The formats there are, and what every format does with an entry once it has parsed one. */
#include "format.h"

#include "rcptguard/base/nearest.h"

static const struct feed_format *const formats[] = {
    &feed_format_entries, &feed_format_aper,    &feed_format_csv,    &feed_format_json,
    &feed_format_ndjson,  &feed_format_domains, &feed_format_hosts,  &feed_format_adblock,
    &feed_format_dnsmasq, &feed_format_unbound, &feed_format_rpz,    &feed_format_dnset,
    &feed_format_access,  &feed_format_urls,    &feed_format_hashes,
};

#define N_FORMATS (sizeof formats / sizeof formats[0])

size_t feed_formats(void)
{
    return N_FORMATS;
}

const struct feed_format_info *feed_format_info(size_t i)
{
    return i < N_FORMATS ? &formats[i]->info : NULL;
}

const struct feed_format *feed_format_find(const char *name)
{
    for (size_t i = 0; i < N_FORMATS; i++)
        if (strcmp(formats[i]->info.name, name) == 0)
            return formats[i];
    return NULL;
}

const struct feed_format_info *feed_format_named(const char *name)
{
    const struct feed_format *format = feed_format_find(name);

    return format == NULL ? NULL : &format->info;
}

bool feed_format_joins(const char *name)
{
    const struct feed_format *format = feed_format_find(name);

    return format == NULL || !format->one_piece;
}

const char *feed_format_nearest(const char *name)
{
    const char *names[N_FORMATS];

    for (size_t i = 0; i < N_FORMATS; i++)
        names[i] = formats[i]->info.name;
    return nearest_name(view_of(name), names, N_FORMATS);
}

/* Comments of all formats, and the blank line. */
static bool says_nothing(struct view line)
{
    return line.len == 0 || view_find(view_of("#;!"), line.ptr[0]) >= 0;
}

/* How many of the lines of HEAD look like rows of FORMAT; 0 unless most do. */
static unsigned lines_like(const struct feed_format *format, struct view head)
{
    unsigned rows = 0, like = 0;
    struct view line;

    if (format->looks == NULL)
        return 0;
    if (view_starts(head, "\xef\xbb\xbf"))
        head = view_from(head, 3);
    while (view_split(&head, '\n', &line)) {
        line = view_trim(line);
        rows += !says_nothing(line);
        like += !says_nothing(line) && format->looks(line);
    }
    return like > rows / 2 ? like : 0;
}

const struct feed_format *feed_format_guess(struct view head)
{
    const struct feed_format *best = NULL;
    unsigned most = 0;

    for (size_t i = 0; i < N_FORMATS; i++) {
        unsigned like = lines_like(formats[i], head);
        if (like > most) {
            most = like;
            best = formats[i];
        }
    }
    return best;
}

bool feed_format_fits(const struct feed_format *format, struct view head)
{
    return lines_like(format, head) > 0;
}

/* Words about a row begin with what was read of it; here the row itself is handed on beside. */
static const char *without_row(const char *words, struct view what)
{
    size_t same = 0;

    while (same < what.len && words[same] == what.ptr[same])
        same++;
    return same > 0 && strncmp(words + same, ": ", 2) == 0 ? words + same + 2 : words;
}

void feed_row_tell(enum entry_result result, const struct entry *entry, const struct error *why,
                   struct view what, struct view text, struct feed_row row,
                   const struct feed_sink *sink)
{
    if (result == ENTRY_ROOT && row.effect != LISTING_BLOCKS)
        result = ENTRY_IGNORED;
    switch (result) {
    case ENTRY_GOOD:
        row.kind = entry->kind;
        row.key = entry->key;
        row.text = text;
        sink->row(&row, sink->arg);
        break;
    case ENTRY_ROOT:
        sink->root(row.line, sink->arg);
        break;
    case ENTRY_IGNORED:
        sink->ignored(row.line, sink->arg);
        break;
    case ENTRY_BAD:
        sink->bad(row.line, text, without_row(why->text, what), sink->arg);
        break;
    }
}

void feed_domain_tell(const struct feed_reader *r, struct view name, struct view text,
                      struct feed_row row)
{
    struct view bare = view_trim(name);
    struct entry entry;
    struct error why;

    if (bare.len == 0) { /* an empty cell or string is nobody, not everybody */
        r->sink->bad(row.line, text, "no domain is there", r->sink->arg);
        return;
    }
    if (view_starts(bare, "*."))
        bare = view_from(bare, 2);
    else if (view_starts(bare, "."))
        bare = view_from(bare, 1);
    enum entry_result result = entry_parse_domain(bare, ENTRY_TREE, &entry, &why);
    if (result == ENTRY_GOOD && view_find(entry.key, '.') < 0)
        result = ENTRY_IGNORED;
    feed_row_tell(result, &entry, &why, bare, text, row, r->sink);
}

void feed_entry_tell(const struct feed_reader *r, struct view what, struct view text,
                     struct feed_row row)
{
    struct entry entry;
    struct error why;

    if (r->options->as_domains) {
        feed_domain_tell(r, what, text, row);
        return;
    }
    enum entry_result result = entry_parse(what, &r->options->addresses, &entry, &why);
    feed_row_tell(result, &entry, &why, what, text, row, r->sink);
}
