/* One copy before the guards, and what follows from what they say. */
#include "judge.h"

#include <inttypes.h>

#include "fetch/url.h"
#include "outcome.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/escape.h"
#include "rcptguard/base/log.h"

static bool same_set(const struct checksum *a, const struct checksum *b)
{
    return a->low == b->low && a->high == b->high;
}

static bool lists_same(const struct store_copy *copy, const struct copy_counts *counts)
{
    return copy->known && same_set(&copy->sets.shaped, &counts->sets.shaped);
}

bool judge_is_copy(const struct store_copy *copy, const struct body *body)
{
    return copy->known && memcmp(copy->digest, body->sha256, SHA256_BYTES) == 0;
}

/*
 * A person rolled back from it, and nothing of it has changed since: what is protected now, another
 * cleared list or other settings are no change of it (a mark of an older program is of the shaped
 * set alone). Not forgotten while the server
 * shows another copy that is not news: behind one name there may be servers of several days.
 */
static bool was_rolled_back(const struct store_mark *mark, const struct body *body,
                            const struct copy_counts *counts)
{
    static const struct checksum none;

    return mark->known && (memcmp(mark->digest, body->sha256, SHA256_BYTES) == 0 ||
                           same_set(&mark->sets.shaped, &counts->sets.shaped) ||
                           (!same_set(&mark->sets.plain, &none) &&
                            same_set(&mark->sets.plain, &counts->sets.plain)));
}

void judge_keep_copy(struct store_copy *copy, struct body **unsaved, struct body *body)
{
    if (!judge_is_copy(copy, body)) {
        *copy = (struct store_copy){.known = true, .size = body->size};
        memcpy(copy->digest, body->sha256, SHA256_BYTES);
    }
    body_free(*unsaved);
    *unsaved = NULL;
    if (copy->on_disk)
        body_free(body);
    else
        *unsaved = body;
}

void judge_note_counts(struct store_copy *copy, const struct copy_counts *counts)
{
    copy->sets = counts->sets;
    copy->rows = counts->rows;
    copy->bad_rows = counts->bad_rows;
    copy->ignored_rows = counts->ignored_rows;
    copy->entries = counts->entries;
    copy->exceptions = counts->exceptions;
    copy->dropped = counts->protected_ + counts->suffixes;
    copy->created = counts->claims[CLAIM_CREATED];
    copy->is_short = guard_is_short(counts);
    feed_text(copy->left_out, sizeof copy->left_out, counts->dropped_sample);
}

/* A page that says "not found" with a good status repeats what was asked for, the key in the URL
 * too. */
static void log_sample(const struct feed *f, const char *what, uint64_t line, const char *row)
{
    const char *secret = f->config->secret;
    struct buf hidden = BUF_INIT(0);
    char shown[256];
    struct text t = text_on(shown, sizeof shown);

    if (secret != NULL && secret[0] != '\0') {
        buf_add(&hidden, secret, strlen(secret) + 1);
        url_encode(&hidden, secret);
        buf_add(&hidden, "", 1);
    }
    if (!hidden.failed)
        url_hide(&t, view_of(row), buf_view(&hidden));
    log_info(f->config->name, "%sline %" PRIu64 ": %s", what, line, shown);
    buf_free(&hidden);
}

/* A page of samples an hour helps nobody: at info, and of a copy that is not taken only once. */
static void log_rows(const struct feed *f, unsigned i, const struct copy_counts *counts)
{
    const char *name = f->config->name, *what = i == STORE_LIST ? "" : "cleared list: ";

    if (counts->bad_rows > 0)
        log_info(name, "%s%" PRIu64 " rows do not parse, the first of them:", what,
                 counts->bad_rows);
    for (unsigned k = 0; k < counts->n_samples; k++)
        log_sample(f, what, counts->samples[k].line, counts->samples[k].text);
    if (counts->protected_ > 0)
        log_warning(name, "%" PRIu64 " entries would block a protected domain and are left out: %s",
                    counts->protected_, counts->dropped_sample);
}

/* What is accepted becomes what was accepted before. One that is not on disk cannot be gone back
 * to. */
static void make_previous(struct store_source *stored)
{
    if (stored->accepted.known && stored->accepted.on_disk)
        stored->previous = stored->accepted;
}

/* False: it lists the same as the accepted copy did, in other bytes, and nothing is to be built. */
static bool accept_copy(struct feed *f, unsigned i, struct body *body,
                        const struct copy_counts *counts, int64_t now)
{
    struct store_source *stored = &f->meta.sources[i];
    const struct store_copy before = stored->accepted;
    bool same = lists_same(&before, counts);

    if (!same) {
        make_previous(stored);
        stored->rolled_back.known = false;
    }
    /* What was held leaves its place, but its file and validators stay good. */
    if (judge_is_copy(&stored->held, body))
        stored->accepted = stored->held;
    judge_keep_copy(&stored->accepted, &f->sources[i].unsaved[COPY_ACCEPTED], body);
    feed_forget_held(f, i);
    judge_note_counts(&stored->accepted, counts);
    memcpy(stored->accepted.content, same ? before.content : stored->accepted.digest, SHA256_BYTES);
    stored->accepted.accepted_at = same ? before.accepted_at : now;
    stored->accepted.unfit = false;
    feed_remember(stored);
    f->changed = true;
    if (i == STORE_LIST)
        f->adopted = false;
    f->unread_until = 0;
    return !same;
}

static void hold_copy(struct feed *f, unsigned i, struct body *body,
                      const struct copy_counts *counts, const struct guard_verdict *verdict)
{
    struct store_source *stored = &f->meta.sources[i];
    struct text why = text_on(stored->held_why, sizeof stored->held_why);

    judge_keep_copy(&stored->held, &f->sources[i].unsaved[COPY_HELD], body);
    stored->held_until = verdict->until;
    judge_note_counts(&stored->held, counts);
    feed_text(stored->held_guard, sizeof stored->held_guard, verdict->guard);
    escape_to_max(&why, view_of(verdict->why), ESCAPE_TERMINAL, sizeof stored->held_why);
}

/* Do more of its rows say nothing than when it was taken? */
static bool is_read_worse(const struct copy_counts *now, const struct store_copy *taken)
{
    double bad_now = (double)now->bad_rows / (double)(now->rows + now->bad_rows + 1);
    double bad_then = (double)taken->bad_rows / (double)(taken->rows + taken->bad_rows + 1);

    return bad_now > bad_then;
}

bool judge_is_misread(const struct feed *f, const struct copy_counts *counts,
                      const struct store_copy *taken, struct guard_verdict *verdict)
{
    struct guard_memory nothing_before = {.accepted_entries = 0};

    guard_judge(f->config, counts, &nothing_before, clock_now(), false, verdict);
    /* Not because a limit is another one: the same rows say the same (rule 14). */
    return verdict->no_list &&
           (strcmp(verdict->guard, GUARD_BAD) != 0 || is_read_worse(counts, taken));
}

/* Is it the stored cleared list that cannot be used any more? Then that is asked for whole, once at
 * once, and nothing else is lost by it. */
static bool cleared_is_lost(const struct feed_house *house, struct feed *f)
{
    struct store_copy *cleared = &f->meta.sources[STORE_CLEARED].accepted;
    struct copy_counts counts;
    struct error why = {.code = 0};
    bool borrowed;

    if (!feed_has_cleared(f) || !cleared->known)
        return false;
    struct body *body = feed_open(f, STORE_CLEARED, COPY_ACCEPTED, &borrowed, &why);
    if (body != NULL)
        feed_count_cleared(house, f, body, &counts, &why);
    if (!borrowed)
        body_free(body);
    if (why.code == 0 || !feed_is_lost(&why))
        return false;
    f->due |= cleared->on_disk;
    cleared->on_disk = cleared->packed = false;
    return true;
}

struct blocklist *judge_parse(const struct feed_house *house, struct feed *f, unsigned source,
                              const struct body *body, struct copy_counts *counts,
                              struct error *why)
{
    struct blocklist *entries = NULL;
    struct checksum shape;

    memset(counts, 0, sizeof *counts);
    if (source == STORE_LIST)
        entries = feed_parse(house, f, body, counts, why);
    else
        feed_count_cleared(house, f, body, counts, why);
    if (source == STORE_LIST && entries == NULL && feed_is_lost(why) && cleared_is_lost(house, f))
        why->code = ERR_IO;
    /* Under other settings the same entries may come from other rows. */
    memcpy(&shape, f->shape, sizeof shape);
    counts->sets.shaped.low ^= shape.low;
    counts->sets.shaped.high ^= shape.high;
    return entries;
}

void judge_keep_parsed(struct feed *f, struct blocklist *entries)
{
    blocklist_free(f->fresh);
    f->fresh = NULL;
    if (feed_copy(f, f->fresh_copy))
        f->fresh = entries;
    else
        blocklist_free(entries);
}

/* min_entries is meant for the list; a cleared list is short by nature, but it has rows. */
static struct feed_config limits_of(const struct feed *f, unsigned i)
{
    struct feed_config limits = *f->config;

    if (i == STORE_CLEARED && limits.min_entries > 1)
        limits.min_entries = 1;
    return limits;
}

void judge_copy(const struct feed_house *house, struct feed *f, unsigned source, struct body *body,
                int64_t now, bool manual, struct outcome *o)
{
    struct feed_config limits = limits_of(f, source);
    struct guard_verdict verdict;
    struct copy_counts counts;
    struct error why = {.code = 0};
    struct blocklist *entries = judge_parse(house, f, source, body, &counts, &why);

    if (why.code != 0 || (source == STORE_LIST && entries == NULL)) {
        outcome_of_packing(o, &why);
        body_free(body);
        return;
    }
    counts.rolled_back = was_rolled_back(&f->meta.sources[source].rolled_back, body, &counts);
    guard_judge(&limits, &counts, &f->meta.sources[source].guard, now, manual, &verdict);
    if (verdict.says == GUARD_ACCEPT || strcmp(verdict.guard, f->meta.guard) != 0)
        log_rows(f, source, &counts);
    feed_text(o->guard, sizeof o->guard, verdict.guard);
    if (verdict.says == GUARD_ACCEPT) {
        bool news = accept_copy(f, source, body, &counts, now);
        o->state = news ? FEED_ACCEPTED : FEED_UNCHANGED;
        if (source == STORE_LIST && news) {
            judge_keep_parsed(f, entries);
            entries = NULL;
        }
    } else {
        error_set(&o->why, ERR_REFUSED, "%s: %s; %s", verdict.guard, verdict.why, verdict.remedy);
        o->state = verdict.says == GUARD_HOLD ? FEED_HELD : FEED_REFUSED;
        if (verdict.says == GUARD_HOLD)
            hold_copy(f, source, body, &counts, &verdict);
        else
            body_free(body);
    }
    blocklist_free(entries);
}
