/* The worker's job for one feed: judge what came of a look, source by source. */
#include "judge.h"

#include "fetch/schedule.h"
#include "fetch/url.h"
#include "outcome.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"
#include "refresh.h"
#include "source.h"

/* A local file that fails by the machine's fault is tried so often and so soon before it is left
 * alone for longer. */
#define SOON_TIMES 6
#define SOON_S     5

static void set_validators(struct store_copy *copy, const struct fetch_result *result)
{
    feed_text(copy->etag, sizeof copy->etag, result->etag);
    feed_text(copy->last_modified, sizeof copy->last_modified, result->last_modified);
}

static void judge_held_source(const struct feed_house *house, struct feed *f, unsigned i,
                              int64_t now, bool manual, struct outcome *o)
{
    struct error why = {.code = 0};
    bool borrowed;
    struct body *body = feed_open(f, i, COPY_HELD, &borrowed, &why);

    if (body == NULL) {
        if (feed_is_lost(&why))
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

    if (stored->held.known || stored->guard.held_side != SIDE_NONE)
        log_info(f->config->name, "the copy that was held is gone: the accepted one is back");
    feed_forget_held(f, i);
    if (body != NULL) {
        if (f->unread_until != 0) /* what came is better than what cannot be read */
            stored->accepted.on_disk = stored->accepted.packed = false;
        source_came_from(f, i);
        set_validators(&stored->accepted, result);
        judge_keep_copy(&stored->accepted, &f->sources[i].unsaved[COPY_ACCEPTED], body);
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
    if (judge_is_copy(&stored->accepted, body) && !stored->accepted.unfit) {
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

    if (s->result.kind == FETCH_BODY || s->result.kind == FETCH_SAME)
        s->known_ms = clock_mono_ms() - s->age_ms;
    if (s->result.kind == FETCH_FAILED)
        outcome_fail(o, &s->result.why);
    else if (s->result.kind == FETCH_UNSIGNED)
        outcome_of_signature(o, f, &s->result.why);
    else if (s->result.kind == FETCH_BODY)
        take_body(house, f, i, now, o);
    else if (s->asked_held && stored->held.known)
        judge_held_source(house, f, i, now, false, o);
    else
        take_unchanged(f, i, NULL, &s->result, o);
    feed_drop_result(s);
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

/* How old the news is: what another relay fetched is due again when it is there, and what one of
 * two sources said longer ago. */
static int64_t age_s(const struct feed *f)
{
    int64_t age_ms = 0;

    for (unsigned i = 0; i < STORE_SOURCES; i++)
        if (f->sources[i].url != NULL && f->sources[i].age_ms > age_ms)
            age_ms = f->sources[i].age_ms;
    return age_ms / 1000;
}

static void set_times(struct feed *f, const struct schedule *schedule, int64_t now)
{
    int64_t true_at = f->meta.state == FEED_FAILED ? now : now - age_s(f);

    f->meta.last_fetch = now;
    if (f->meta.state < FEED_HELD && (true_at > f->meta.last_success || f->meta.last_success > now))
        f->meta.last_success = true_at;
    f->meta.next_fetch = schedule_next(true_at, schedule, random_u64());
    if (f->meta.next_fetch <= now)
        f->meta.next_fetch = now + 1;
}

/* A file that could not be read for want of descriptors or by its disk: nobody is knocked at when
 * it is tried again soon. (Some times only, since it may be a right that is missing.) */
static bool failed_here(const struct feed *f, const struct outcome *list)
{
    return f->meta.state == FEED_FAILED && url_is_file(f->sources[STORE_LIST].url) &&
           (list->why.code == ERR_IO || list->why.code == ERR_NOMEM);
}

static void plan_next(struct feed *f, const struct outcome *list, struct schedule *schedule,
                      int64_t now)
{
    f->meta.failures = f->meta.state == FEED_FAILED ? f->meta.failures + 1 : 0;
    schedule->failures = (unsigned)f->meta.failures;
    bool soon = failed_here(f, list) && f->config->min_refresh_s <= SOON_S;
    if (soon && schedule->failures > SOON_TIMES)
        schedule->failures -= SOON_TIMES; /* those were no reason to wait for long */
    set_times(f, schedule, now);
    if (soon && f->meta.failures <= SOON_TIMES && f->meta.next_fetch > now + SOON_S)
        f->meta.next_fetch = now + SOON_S;
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
    outcome_conclude(f, &list, &cleared, now);
    plan_next(f, &list, &schedule, now);
}

/*
 * A copy is taken by itself because the list went on to look so. When the last look brought
 * something else, a page or an error, nobody knows that, and the next one that brings a list tells.
 */
static bool last_look_held(const struct feed *f)
{
    return f->meta.state == FEED_HELD;
}

bool refresh_judge_held(const struct feed_house *house, struct feed *f, int64_t now, bool manual)
{
    struct outcome outcomes[STORE_SOURCES] = {{.state = FEED_UNCHANGED}, {.state = FEED_UNCHANGED}};
    static const unsigned order[STORE_SOURCES] = {STORE_CLEARED, STORE_LIST};
    bool any = false;

    if (!manual && !last_look_held(f))
        return false;
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
        outcome_conclude(f, &outcomes[STORE_LIST], &outcomes[STORE_CLEARED], now);
        f->changed = true;
    }
    return any;
}

int64_t refresh_held_until(const struct feed *f)
{
    int64_t first = 0;

    if (!last_look_held(f))
        return 0;
    for (unsigned i = 0; i < STORE_SOURCES; i++) {
        int64_t until = f->meta.sources[i].held_until;
        if (f->meta.sources[i].held.known && until != 0 && (first == 0 || until < first))
            first = until;
    }
    return first;
}
