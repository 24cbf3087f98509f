/* The worker's job for one feed: judge what came. The guards decide; here is what follows. */
#include <inttypes.h>
#include <stdio.h>

#include "rcptguard/base/escape.h"
#include "rcptguard/base/log.h"
#include "refresh.h"
#include "schedule.h"
#include "source.h"
#include "url.h"

#define SAY_AGAIN_S  3600
#define SAVE_TIMES_S 60

static void outcome_fail(struct outcome *o, const struct error *why)
{
    o->state = FEED_FAILED;
    o->guard[0] = '\0';
    o->why = *why;
}

/* Whoever cannot sign is not the publisher: what came is not even looked at. */
static void outcome_unsigned(struct outcome *o, const struct feed *f, const struct error *why)
{
    o->state = FEED_REFUSED;
    feed_text(o->guard, sizeof o->guard, "signature");
    error_set(&o->why, ERR_REFUSED,
              "signature: %.300s; ask the publisher to sign the list anew, or set pubkey of [feed "
              "%s] to the new key",
              why->text, f->config->name);
}

/* ---- one copy ----------------------------------------------------------------------- */

static void set_validators(struct store_copy *copy, const struct fetch_result *result)
{
    feed_text(copy->etag, sizeof copy->etag, result->etag);
    feed_text(copy->last_modified, sizeof copy->last_modified, result->last_modified);
}

static bool lists_same(const struct store_copy *copy, const struct copy_counts *counts)
{
    return copy->known && copy->set.low == counts->set.low && copy->set.high == counts->set.high;
}

static bool is_copy(const struct store_copy *copy, const struct body *body)
{
    return copy->known && memcmp(copy->digest, body->sha256, SHA256_BYTES) == 0;
}

/*
 * A person rolled back from it, and nothing of it has changed since. Not forgotten while the server
 * shows another copy that is not news: behind one name there may be servers of several days.
 */
static bool was_rolled_back(const struct store_mark *mark, const struct body *body,
                            const struct copy_counts *counts)
{
    return mark->known &&
           (memcmp(mark->digest, body->sha256, SHA256_BYTES) == 0 ||
            (mark->set.low == counts->set.low && mark->set.high == counts->set.high));
}

/* BODY (taken over) is COPY from now on; what else is known of COPY stays when it was before. */
static void keep_copy(struct store_copy *copy, struct body **unsaved, struct body *body)
{
    if (!is_copy(copy, body)) {
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
    if (is_copy(&stored->held, body))
        stored->accepted = stored->held;
    keep_copy(&stored->accepted, &f->sources[i].unsaved[COPY_ACCEPTED], body);
    feed_forget_held(f, i);
    feed_note_counts(&stored->accepted, counts);
    memcpy(stored->accepted.content, same ? before.content : stored->accepted.digest, SHA256_BYTES);
    stored->accepted.accepted_at = same ? before.accepted_at : now;
    stored->accepted.unfit = false;
    feed_remember(stored);
    f->changed = true;
    if (i == STORE_LIST)
        f->adopted = false;
    return !same;
}

static void hold_copy(struct feed *f, unsigned i, struct body *body,
                      const struct copy_counts *counts, const struct guard_verdict *verdict)
{
    struct store_source *stored = &f->meta.sources[i];
    struct text why = text_on(stored->held_why, sizeof stored->held_why);

    keep_copy(&stored->held, &f->sources[i].unsaved[COPY_HELD], body);
    stored->held_until = verdict->until;
    feed_note_counts(&stored->held, counts);
    feed_text(stored->held_guard, sizeof stored->held_guard, verdict->guard);
    escape_to_max(&why, view_of(verdict->why), ESCAPE_TERMINAL, sizeof stored->held_why);
}

static struct blocklist *parse(const struct feed_house *house, const struct feed *f, unsigned i,
                               const struct body *body, struct copy_counts *counts,
                               struct error *why)
{
    memset(counts, 0, sizeof *counts);
    if (i == STORE_LIST)
        return feed_parse(house, f, body, counts, why);
    feed_count_cleared(house, f, body, counts, why);
    return NULL;
}

/* What is wrong with how it was packed is wrong with the copy, not with the fetch. */
static void outcome_unpacked(struct outcome *o, const struct error *why)
{
    outcome_fail(o, why);
    if (why->code != ERR_SYNTAX && why->code != ERR_LIMIT)
        return;
    o->state = FEED_REFUSED;
    feed_text(o->guard, sizeof o->guard, "packing");
    error_prefix(&o->why, "packing");
}

/* min_entries is meant for the list; a cleared list is short by nature, but it has rows. */
static struct feed_config limits_of(const struct feed *f, unsigned i)
{
    struct feed_config limits = *f->config;

    if (i == STORE_CLEARED && limits.min_entries > 1)
        limits.min_entries = 1;
    return limits;
}

/* BODY is taken over. */
static void judge_copy(const struct feed_house *house, struct feed *f, unsigned i,
                       struct body *body, int64_t now, bool manual, struct outcome *o)
{
    struct feed_config limits = limits_of(f, i);
    struct guard_verdict verdict;
    struct copy_counts counts;
    struct error why = {.code = 0};
    struct blocklist *entries = parse(house, f, i, body, &counts, &why);

    if (why.code != 0 || (i == STORE_LIST && entries == NULL)) {
        outcome_unpacked(o, &why);
        body_free(body);
        return;
    }
    counts.rolled_back = was_rolled_back(&f->meta.sources[i].rolled_back, body, &counts);
    guard_judge(&limits, &counts, &f->meta.sources[i].guard, now, manual, &verdict);
    if (verdict.says == GUARD_ACCEPT || strcmp(verdict.guard, f->meta.guard) != 0)
        log_rows(f, i, &counts);
    feed_text(o->guard, sizeof o->guard, verdict.guard);
    if (verdict.says == GUARD_ACCEPT) {
        bool news = accept_copy(f, i, body, &counts, now);
        o->state = news ? FEED_ACCEPTED : FEED_UNCHANGED;
        if (i == STORE_LIST && news && feed_copy(f, f->fresh_copy)) {
            blocklist_free(f->fresh);
            f->fresh = entries;
            entries = NULL;
        }
    } else {
        error_set(&o->why, ERR_REFUSED, "%s: %s; %s", verdict.guard, verdict.why, verdict.remedy);
        o->state = verdict.says == GUARD_HOLD ? FEED_HELD : FEED_REFUSED;
        if (verdict.says == GUARD_HOLD)
            hold_copy(f, i, body, &counts, &verdict);
        else
            body_free(body);
    }
    blocklist_free(entries);
}

/* ---- judging a look ------------------------------------------------------------------------- */

static void judge_held_source(const struct feed_house *house, struct feed *f, unsigned i,
                              int64_t now, bool manual, struct outcome *o)
{
    struct error why = {.code = 0};
    bool borrowed;
    struct body *body = feed_open(f, i, COPY_HELD, &borrowed, &why);

    if (body == NULL) {
        feed_forget_held(f, i);
        outcome_fail(o, &why);
        return;
    }
    /* judge_copy takes bodies over: this one must not be in two places. */
    if (borrowed)
        f->sources[i].unsaved[COPY_HELD] = NULL;
    judge_copy(house, f, i, body, now, manual, o);
    bool gone = borrowed && f->sources[i].unsaved[COPY_HELD] == NULL;
    if (o->state > FEED_HELD && (gone || o->why.code == ERR_DAMAGED))
        feed_forget_held(f, i);
}

/* The server's copy is the accepted one: whatever was held is over. */
static void take_unchanged(struct feed *f, unsigned i, struct body *body,
                           const struct fetch_result *result, struct outcome *o)
{
    struct store_source *stored = &f->meta.sources[i];

    if (stored->held.known || stored->guard.held_side != 0)
        log_info(f->config->name, "the copy that was held is gone: the accepted one is back");
    feed_forget_held(f, i);
    if (body != NULL) {
        source_came_from(f, i);
        set_validators(&stored->accepted, result);
        keep_copy(&stored->accepted, &f->sources[i].unsaved[COPY_ACCEPTED], body);
    }
    o->state = FEED_UNCHANGED;
}

static void take_body(const struct feed_house *house, struct feed *f, unsigned i, int64_t now,
                      struct outcome *o)
{
    struct feed_source *s = &f->sources[i];
    struct store_source *stored = &f->meta.sources[i];
    struct body *body = s->result.body;

    s->result.body = NULL;
    stored->full_fetch = now;
    if (is_copy(&stored->accepted, body) && !stored->accepted.unfit) {
        take_unchanged(f, i, body, &s->result, o);
        return;
    }
    judge_copy(house, f, i, body, now, false, o);
    if (o->state == FEED_ACCEPTED || o->state == FEED_UNCHANGED || o->state == FEED_HELD)
        source_came_from(f, i);
    if (o->state == FEED_ACCEPTED || o->state == FEED_UNCHANGED)
        set_validators(&stored->accepted, &s->result);
    else if (o->state == FEED_HELD)
        set_validators(&stored->held, &s->result);
}

static void take_source(const struct feed_house *house, struct feed *f, unsigned i, int64_t now,
                        struct outcome *o)
{
    struct feed_source *s = &f->sources[i];
    struct store_source *stored = &f->meta.sources[i];

    if (s->result.kind == FETCH_FAILED)
        outcome_fail(o, &s->result.why);
    else if (s->result.kind == FETCH_UNSIGNED)
        outcome_unsigned(o, f, &s->result.why);
    else if (s->result.kind == FETCH_BODY)
        take_body(house, f, i, now, o);
    else if (s->asked_held && stored->held.known)
        judge_held_source(house, f, i, now, false, o);
    else
        take_unchanged(f, i, NULL, &s->result, o);
    feed_drop_result(s);
}

/* The worse of both; one that is new is news. */
static const struct outcome *combine(const struct outcome *list, const struct outcome *cleared)
{
    bool good = list->state < FEED_HELD && cleared->state < FEED_HELD;

    if (good)
        return cleared->state == FEED_ACCEPTED ? cleared : list;
    return cleared->state > list->state ? cleared : list;
}

static void log_outcome(struct feed *f, const struct outcome *o, int64_t now)
{
    const char *state = feed_state_text(o->state);
    unsigned char copy[SHA256_BYTES];
    char line[sizeof f->logged];
    struct text t = text_on(line, sizeof line);

    text_addf(&t, "%s: %s", state, f->meta.last_error);
    bool again = strcmp(line, f->logged) == 0 && now - f->logged_at < SAY_AGAIN_S;
    if (o->state < FEED_HELD) {
        log_debug(f->config->name, "%s", state);
    } else if (again) {
        log_debug(f->config->name, "%s", line);
        return;
    } else {
        log_warning(f->config->name, "%s%s", line,
                    feed_copy(f, copy) ? "; the last good copy stays in force"
                                       : "; nothing of it is in force");
    }
    f->logged_at = now;
    feed_text(f->logged, sizeof f->logged, line);
}

static void note_outcome(struct feed *f, const struct outcome *o, int64_t now)
{
    struct text error = text_on(f->meta.last_error, sizeof f->meta.last_error);
    bool good = o->state < FEED_HELD;

    if (good && f->meta.state >= FEED_HELD)
        log_notice(f->config->name, "%s: all is well again", feed_state_text(o->state));
    if (o->state != f->meta.state || f->meta.state_since > now || f->meta.state_since == 0)
        f->meta.state_since = now;
    /* Times alone are not worth an fsync every few seconds. */
    f->changed |= o->state != FEED_UNCHANGED || o->state != f->meta.state ||
                  now - f->saved_at >= SAVE_TIMES_S;
    f->meta.state = o->state;
    feed_text(f->meta.guard, sizeof f->meta.guard, good ? "" : o->guard);
    if (!good)
        escape_to_max(&error, view_of(o->why.text), ESCAPE_TERMINAL, sizeof f->meta.last_error);
    log_outcome(f, o, now);
}

/* Both sources' words into one outcome of the feed. */
static void conclude(struct feed *f, const struct outcome *list, struct outcome *cleared,
                     int64_t now)
{
    if (feed_has_cleared(f) && cleared->state >= FEED_HELD)
        error_prefix(&cleared->why, "cleared list");
    note_outcome(f, !feed_has_cleared(f) ? list : combine(list, cleared), now);
}

/* Without any cleared list the rows cannot be told apart that are no longer true (rule 18). */
static bool waits_for_cleared(const struct feed *f)
{
    return feed_has_cleared(f) && !f->meta.sources[STORE_CLEARED].accepted.known;
}

/* Of two servers the one that wants to be left alone for longer. */
static void heed_servers(const struct feed *f, struct schedule *schedule)
{
    for (unsigned i = 0; i < STORE_SOURCES; i++) {
        const struct feed_source *s = &f->sources[i];
        if (!s->arrived)
            continue;
        if (s->result.retry_after_s > schedule->retry_after_s)
            schedule->retry_after_s = s->result.retry_after_s;
        if (f->config->honour_expires && i == STORE_LIST)
            schedule->expires_s = s->result.expires_s;
    }
}

void refresh_judge(const struct feed_house *house, struct feed *f, int64_t now)
{
    struct outcome list = {.state = FEED_UNCHANGED}, cleared = {.state = FEED_UNCHANGED};
    struct schedule schedule = {f->config->refresh_s, f->config->min_refresh_s, 0, 0, 0};

    heed_servers(f, &schedule);
    if (feed_has_cleared(f))
        take_source(house, f, STORE_CLEARED, now, &cleared);
    if (waits_for_cleared(f)) {
        feed_drop_result(&f->sources[STORE_LIST]);
        error_prefix(&cleared.why, "the feed waits until one is accepted");
        cleared.state = FEED_FAILED;
    } else {
        take_source(house, f, STORE_LIST, now, &list);
        if (refresh_next_mirror(house, f, &list, now))
            return;
    }
    f->running = false;
    if (atomic_load(house->stop))
        return;
    conclude(f, &list, &cleared, now);
    f->meta.last_fetch = now;
    if (f->meta.state < FEED_HELD)
        f->meta.last_success = now;
    f->meta.failures = f->meta.state == FEED_FAILED ? f->meta.failures + 1 : 0;
    schedule.failures = (unsigned)f->meta.failures;
    f->meta.next_fetch = schedule_next(now, &schedule, random_u64());
}

bool refresh_judge_held(const struct feed_house *house, struct feed *f, int64_t now, bool manual)
{
    struct outcome outcomes[STORE_SOURCES] = {{.state = FEED_UNCHANGED}, {.state = FEED_UNCHANGED}};
    static const unsigned order[STORE_SOURCES] = {STORE_CLEARED, STORE_LIST};
    bool any = false;

    for (unsigned k = 0; k < STORE_SOURCES; k++) {
        unsigned i = order[k];
        struct store_source *stored = &f->meta.sources[i];
        bool up = stored->held_until != 0 && stored->held_until <= now;
        if (!stored->held.known || !(manual || up))
            continue;
        any = true;
        judge_held_source(house, f, i, now, manual, &outcomes[i]);
        if (stored->held_until <= now)
            stored->held_until = 0; /* at the next look then */
    }
    if (any) {
        /* The first cleared list: what waited for it was not kept. */
        f->due |= !waits_for_cleared(f) && !f->meta.sources[STORE_LIST].accepted.known;
        conclude(f, &outcomes[STORE_LIST], &outcomes[STORE_CLEARED], now);
        f->changed = true;
    }
    return any;
}

/* ---- going back ----------------------------------------------------------------------------- */

/* What was accepted last is what is gone back from. */
static int latest_source(const struct feed *f)
{
    int latest = -1;

    for (int i = 0; i < STORE_SOURCES; i++) {
        const struct store_source *s = &f->meta.sources[i];
        if (s->previous.known && s->previous.on_disk &&
            (latest < 0 || s->accepted.accepted_at > f->meta.sources[latest].accepted.accepted_at))
            latest = i;
    }
    return latest;
}

bool refresh_can_roll_back(const struct feed *f)
{
    return latest_source(f) >= 0;
}

/* Takes the place of the accepted copy, which is held until its content changes (rule 15). */
static void swap_previous(struct feed *f, unsigned i, int64_t now)
{
    struct store_source *stored = &f->meta.sources[i];
    struct feed_source *s = &f->sources[i];

    feed_forget_held(f, i);
    stored->rolled_back = (struct store_mark){.known = true, .set = stored->accepted.set};
    memcpy(stored->rolled_back.digest, stored->accepted.digest, SHA256_BYTES);
    stored->held = stored->accepted;
    s->unsaved[COPY_HELD] = s->unsaved[COPY_ACCEPTED];
    s->unsaved[COPY_ACCEPTED] = NULL;
    stored->accepted = stored->previous;
    stored->accepted.accepted_at = now;
    /* They may be of another URL by now. */
    stored->accepted.etag[0] = stored->accepted.last_modified[0] = '\0';
    stored->previous = (struct store_copy){.known = false};
    feed_text(stored->held_guard, sizeof stored->held_guard, GUARD_ROLLBACK);
    feed_text(stored->held_why, sizeof stored->held_why,
              "it was rolled back from; it is not taken until its content changes");
    stored->guard.held_since = now;
    feed_remember(stored);
    f->changed = true;
}

enum feeds_result refresh_roll_back(const struct feed_house *house, struct feed *f, int64_t now)
{
    struct outcome list = {.state = FEED_HELD}, cleared = {.state = FEED_UNCHANGED};
    struct error why = {.code = 0};
    struct copy_counts counts;
    int i = latest_source(f);

    if (i < 0)
        return FEEDS_NOTHING;
    struct body *body = store_open(f->store, &f->meta.sources[i].previous, &why);
    struct blocklist *entries =
        body == NULL ? NULL : parse(house, f, (unsigned)i, body, &counts, &why);
    body_free(body);
    if (why.code != 0) {
        feed_warn(f, "the copy before cannot be read; nothing was changed", &why);
        f->meta.sources[i].previous.known = false;
        f->changed = true;
        blocklist_free(entries);
        return FEEDS_FAILED;
    }
    swap_previous(f, (unsigned)i, now);
    /* What it brings was asked for by the validators of the copy that is gone. */
    if (f->running) {
        refresh_cancel(f);
        f->due = true;
    }
    feed_note_counts(&f->meta.sources[i].accepted, &counts);
    blocklist_free(f->fresh);
    f->fresh = NULL;
    if (i == STORE_LIST) {
        f->adopted = false;
        if (feed_copy(f, f->fresh_copy)) {
            f->fresh = entries;
            entries = NULL;
        }
    }
    blocklist_free(entries);
    feed_text(list.guard, sizeof list.guard, GUARD_ROLLBACK);
    error_set(&list.why, ERR_REFUSED,
              GUARD_ROLLBACK ": the copy before is in force again; `rcptguard accept %s` takes the "
                             "other one back",
              f->config->name);
    conclude(f, i == STORE_LIST ? &list : &cleared, i == STORE_LIST ? &cleared : &list, now);
    return FEEDS_DONE;
}

int64_t refresh_held_until(const struct feed *f)
{
    int64_t first = 0;

    for (unsigned i = 0; i < STORE_SOURCES; i++) {
        int64_t until = f->meta.sources[i].held_until;
        if (f->meta.sources[i].held.known && until != 0 && (first == 0 || until < first))
            first = until;
    }
    return first;
}
