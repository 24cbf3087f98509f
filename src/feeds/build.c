/* A new blocklist out of what changed and what did not. */
#include "build.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "judge.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"

#define SECONDS_A_DAY 86400
#define UNREAD_S      5 /* until a copy that could not be read is tried again */

/* What one feed gives. */
struct part {
    struct feed *feed;
    unsigned char copy[SHA256_BYTES];
    int old;    /* its list in the current blocklist that can be copied, or -1 */
    bool fresh; /* its entries are those of feed->fresh */
    int number; /* of its list in the new blocklist */
};

struct build {
    const struct feed_house *house;
    const struct blocklist *current;
    struct part *parts;
    size_t n_parts;
    struct blocklist_builder *builder;
    int *numbers; /* of the current blocklist's lists in the new one, -1: not in it */
};

int build_find(const struct blocklist *bl, const char *name,
               const unsigned char shape[SHA256_BYTES])
{
    for (size_t i = 0; bl != NULL && i < blocklist_lists(bl); i++) {
        const struct blocklist_list *list = blocklist_list(bl, i);
        if (strcmp(list->name, name) == 0)
            return memcmp(list->shape, shape, SHA256_BYTES) == 0 ? (int)i : -1;
    }
    return -1;
}

static bool is_put_off(const struct feed *f, int64_t now)
{
    return f->unread_until != 0 && now < f->unread_until;
}

bool build_needed(struct feed *const *feeds, size_t n_feeds, const struct blocklist *current,
                  int64_t now)
{
    unsigned char copy[SHA256_BYTES];
    size_t wanted = 0;

    for (size_t i = 0; i < n_feeds; i++) {
        int old = build_find(current, feeds[i]->config->name, feeds[i]->shape);
        if (is_put_off(feeds[i], now)) {
            wanted += old >= 0;
            continue;
        }
        if (!feed_copy(feeds[i], copy))
            continue;
        if (old < 0 || memcmp(blocklist_list(current, (size_t)old)->copy, copy, sizeof copy) != 0)
            return true;
        wanted++;
    }
    return current != NULL && wanted != blocklist_lists(current);
}

/* What the index has of this feed, if anything, stays as it is. */
static void stay(struct part *p, const struct blocklist *current)
{
    if (p->old >= 0)
        memcpy(p->copy, blocklist_list(current, (size_t)p->old)->copy, SHA256_BYTES);
    else
        p->feed = NULL;
}

/* Its own copy is there, and cannot be read now. The others are built. */
static void put_off(struct part *p, const struct blocklist *current, const struct error *why)
{
    struct feed *f = p->feed;

    if (f->unread_until == 0)
        feed_warn(f, "the stored copy cannot be read now; it stays, and is tried again and again",
                  why);
    f->unread_until = clock_now() + UNREAD_S;
    stay(p, current);
}

/* Its own copy is not there any more: what is in force stays, and the next fetch brings another. */
static void lose_copy(struct part *p, const struct blocklist *current, const struct error *why)
{
    struct feed *f = p->feed;

    feed_warn(f, "the stored copy is lost and will be fetched again", why);
    for (unsigned i = 0; i < STORE_SOURCES; i++)
        f->meta.sources[i].accepted.known = false;
    f->unread_until = 0;
    f->due = true;
    f->changed = true;
    f->adopted = p->old >= 0;
    stay(p, current);
    if (f->adopted)
        memcpy(f->adopted_copy, p->copy, SHA256_BYTES);
}

/*
 * What is shown of the copy is as it is read now, and what the next one is measured by, too:
 * configuration trips no guard (rule 14). So when the guards would refuse it now (where only the
 * protected domains are more by now, say) what settings leave of it is in force, and the next look
 * says it. But of what is no list under these settings (another format, another column) nothing is:
 * the few rows that say something then are not those that its publisher lists. Nor is anything
 * measured by what was misread.
 */
static struct blocklist *note_parsed(struct feed *f, struct blocklist *entries,
                                     const struct copy_counts *counts, struct error *why)
{
    struct store_source *stored = &f->meta.sources[STORE_LIST];
    struct guard_verdict verdict;

    if (judge_is_misread(f, counts, &stored->accepted, &verdict)) {
        blocklist_free(entries);
        entries = copy_nothing(why);
    } else {
        judge_note_counts(&stored->accepted, counts);
        feed_remember(stored);
    }
    if (entries == NULL)
        return NULL;
    stored->accepted.unfit = verdict.says == GUARD_REFUSE;
    f->due |= stored->accepted.unfit;
    f->changed = true;
    return entries;
}

static int parse_stored(struct build *b, struct part *p, struct error *why)
{
    struct copy_counts counts;
    struct feed *f = p->feed;
    bool borrowed;
    struct error lost = {.code = ERR_IO};
    struct body *body = feed_open(f, STORE_LIST, COPY_ACCEPTED, &borrowed, &lost);

    if (body != NULL)
        f->fresh = judge_parse(b->house, f, STORE_LIST, body, &counts, &lost);
    if (!borrowed)
        body_free(body);
    if (f->fresh != NULL)
        f->fresh = note_parsed(f, f->fresh, &counts, &lost);
    if (f->fresh != NULL) {
        memcpy(f->fresh_copy, p->copy, SHA256_BYTES);
        f->unread_until = 0;
        p->fresh = true;
        return 0;
    }
    if (lost.code == ERR_NOMEM || lost.code == ERR_TIMEOUT) {
        if (why != NULL)
            *why = lost;
        return error_prefix(why, "%s", f->config->name);
    }
    if (feed_is_lost(&lost))
        lose_copy(p, b->current, &lost);
    else
        put_off(p, b->current, &lost);
    return 0;
}

/* Where this feed's entries come from; none: p->feed is NULL. */
static int find_part(struct build *b, struct feed *f, struct part *p, struct error *why)
{
    *p = (struct part){.feed = f};
    p->old = build_find(b->current, f->config->name, f->shape);
    if (!feed_copy(f, p->copy)) {
        p->feed = NULL;
        return 0;
    }
    if (p->old >= 0 &&
        memcmp(blocklist_list(b->current, (size_t)p->old)->copy, p->copy, SHA256_BYTES) == 0)
        return 0;
    if (f->fresh != NULL && memcmp(f->fresh_copy, p->copy, SHA256_BYTES) == 0) {
        p->fresh = true;
        return 0;
    }
    blocklist_free(f->fresh);
    f->fresh = NULL;
    if (!is_put_off(f, clock_now()))
        return parse_stored(b, p, why);
    stay(p, b->current);
    return 0;
}

static int add_list(struct build *b, struct part *p, struct error *why)
{
    struct blocklist_list list = {.accepted_at =
                                      p->feed->meta.sources[STORE_LIST].accepted.accepted_at};

    if (!p->fresh)
        list.accepted_at = blocklist_list(b->current, (size_t)p->old)->accepted_at;
    feed_text(list.name, sizeof list.name, p->feed->config->name);
    memcpy(list.shape, p->feed->shape, sizeof list.shape);
    memcpy(list.copy, p->copy, sizeof list.copy);
    return blocklist_builder_list(b->builder, &list, why);
}

static int number_lists(struct build *b, struct error *why)
{
    for (size_t i = 0; i < b->n_parts; i++) {
        struct part *p = &b->parts[i];
        if (p->feed == NULL)
            continue;
        p->number = add_list(b, p, why);
        if (p->number < 0)
            return p->number;
        if (!p->fresh)
            b->numbers[p->old] = p->number;
    }
    return 0;
}

/* The copy goes into the index, whatever comes of it; its memory is used where that is possible. */
static int add_copy(struct build *b, struct part *p, struct error *why)
{
    const int numbers[] = {[COPY_ACTIVE] = p->number, [COPY_REST] = -1};
    struct blocklist *copy = p->feed->fresh;

    p->feed->fresh = NULL;
    return blocklist_builder_absorb(b->builder, copy, numbers, why);
}

static struct part *largest_copy(struct build *b)
{
    struct part *largest = NULL;

    for (size_t i = 0; i < b->n_parts; i++) {
        struct part *p = &b->parts[i];
        /* Not what was parsed once and is not accepted any more. */
        if (p->feed == NULL || !p->fresh || p->feed->fresh == NULL)
            continue;
        if (largest == NULL ||
            blocklist_keys(p->feed->fresh) > blocklist_keys(largest->feed->fresh))
            largest = p;
    }
    return largest;
}

/* How many keys there will be, but for those on several lists. */
static size_t expect_keys(const struct build *b)
{
    size_t keys = 0;

    for (size_t i = 0; i < b->n_parts; i++) {
        const struct part *p = &b->parts[i];
        if (p->feed != NULL)
            keys += p->fresh ? blocklist_keys(p->feed->fresh)
                             : blocklist_list(b->current, (size_t)p->old)->entries;
    }
    return keys;
}

/* The largest first, since the first one need not be copied. */
static int fill(struct build *b, struct error *why)
{
    struct part *p;
    size_t expected = expect_keys(b);
    int rc = number_lists(b, why);

    while (rc == 0 && (p = largest_copy(b)) != NULL) {
        rc = add_copy(b, p, why);
        blocklist_builder_expect(b->builder, expected);
    }
    if (rc < 0 || b->current == NULL)
        return rc;
    return blocklist_builder_add_from(b->builder, b->current, b->numbers, why);
}

static void tell_fresh(const struct build *b)
{
    for (size_t i = 0; b->house->tell != NULL && i < b->n_parts; i++)
        if (b->parts[i].fresh)
            b->house->tell(b->parts[i].feed, "building", b->house->tell_arg);
}

static int make(struct build *b, struct feed *const *feeds, struct blocklist **out,
                struct error *why)
{
    size_t lists = b->current == NULL ? 0 : blocklist_lists(b->current);

    b->parts = calloc(b->n_parts + 1, sizeof *b->parts);
    b->numbers = malloc((lists + 1) * sizeof *b->numbers);
    if (b->parts == NULL || b->numbers == NULL)
        return error_set(why, ERR_NOMEM, "no memory for a new blocklist");
    for (size_t i = 0; i < lists; i++)
        b->numbers[i] = -1;
    for (size_t i = 0; i < b->n_parts; i++) {
        int rc = find_part(b, feeds[i], &b->parts[i], why);
        if (rc < 0)
            return rc;
    }
    /* What could not be read, and nothing else: the one in force is as good. */
    if (!build_needed(feeds, b->n_parts, b->current, clock_now()))
        return 0;
    tell_fresh(b);
    log_debug("feeds", "building an index of at most %zu lists", b->n_parts);
    b->builder = blocklist_builder_new(0);
    if (b->builder == NULL)
        return error_set(why, ERR_NOMEM, "no memory for a new blocklist");
    int rc = fill(b, why);
    if (rc < 0)
        return rc;
    struct blocklist_builder *builder = b->builder;
    b->builder = NULL;
    *out = blocklist_builder_finish(builder, why);
    return *out == NULL ? ERR_NOMEM : 0;
}

int build_blocklist(const struct feed_house *house, struct feed *const *feeds, size_t n_feeds,
                    const struct blocklist *current, struct blocklist **out, struct error *why)
{
    struct build b = {.house = house, .current = current, .n_parts = n_feeds};

    *out = NULL;
    int rc = make(&b, feeds, out, why);

    for (size_t i = 0; rc == 0 && i < n_feeds; i++) {
        /* Of a feed that may not be in force. */
        blocklist_free(feeds[i]->fresh);
        feeds[i]->fresh = NULL;
    }
    blocklist_builder_free(b.builder);
    free(b.numbers);
    free(b.parts);
    return rc;
}

/* ---- what changed --------------------------------------------------------------------------- */

static void log_list(const struct feed *f, const struct blocklist *made, int now)
{
    const struct store_copy *copy = &f->meta.sources[STORE_LIST].accepted;
    char problem[sizeof((struct feed_status *)0)->problem];
    struct text t = text_on(problem, sizeof problem);

    log_info(f->config->name,
             "in force: %" PRIu64 " entries block, %" PRIu64 " entries and %" PRIu64
             " bad rows in the copy",
             blocklist_list(made, (size_t)now)->entries, copy->entries, copy->bad_rows);
    if (feed_add_problem(f, blocklist_list(made, (size_t)now)->entries, &t))
        log_warning(f->config->name, "%s", problem);
}

void build_log(struct feed *const *feeds, size_t n_feeds, const struct blocklist *old,
               const struct blocklist *made)
{
    for (size_t i = 0; i < n_feeds; i++) {
        int before = build_find(old, feeds[i]->config->name, feeds[i]->shape);
        int now = build_find(made, feeds[i]->config->name, feeds[i]->shape);
        if (now < 0 ||
            (before >= 0 && memcmp(blocklist_list(old, (size_t)before)->copy,
                                   blocklist_list(made, (size_t)now)->copy, SHA256_BYTES) == 0))
            continue;
        log_list(feeds[i], made, now);
    }
}

/* ---- counting ------------------------------------------------------------------------------- */

struct ages {
    int64_t now;
    int64_t *max_age_s; /* by list; 0: all count */
    uint64_t *old;      /* by list: too old to block */
};

static int count_old(struct view key, const struct listing *listing, void *arg)
{
    struct ages *a = arg;
    int64_t max_age_s = a->max_age_s[listing->list];

    (void)key;
    if (max_age_s > 0 && listing->date != 0 && listing->effect == LISTING_BLOCKS &&
        a->now - (int64_t)listing->date * SECONDS_A_DAY > max_age_s)
        a->old[listing->list]++;
    return 0;
}

void build_count_active(struct feed *const *feeds, size_t n_feeds, const struct blocklist *current,
                        int64_t now, uint64_t *active)
{
    size_t lists = current == NULL ? 0 : blocklist_lists(current);
    struct ages a = {now, calloc(lists + 1, sizeof *a.max_age_s), calloc(lists + 1, sizeof *a.old)};
    bool any = false;

    for (size_t i = 0; i < n_feeds; i++) {
        int list = build_find(current, feeds[i]->config->name, feeds[i]->shape);
        active[i] = list < 0 ? 0 : blocklist_list(current, (size_t)list)->entries;
        if (list < 0 || a.max_age_s == NULL)
            continue;
        a.max_age_s[list] = feeds[i]->config->entry_max_age_s;
        any |= a.max_age_s[list] > 0;
    }
    if (any && a.old != NULL) {
        blocklist_each(current, count_old, &a);
        for (size_t i = 0; i < n_feeds; i++) {
            int list = build_find(current, feeds[i]->config->name, feeds[i]->shape);
            if (list >= 0)
                active[i] -= a.old[list];
        }
    }
    free(a.max_age_s);
    free(a.old);
}
