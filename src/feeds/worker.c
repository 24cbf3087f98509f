/* The worker's thread. Its turn, in order, is the life of a list. */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "build.h"
#include "fetch/schedule.h"
#include "rcptguard/base/breath.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"
#include "refresh.h"
#include "shared_list.h"
#include "source.h"
#include "worker_parts.h"

#define AGAIN_S     30    /* after a build or a save that failed, at most */
#define SOONEST_S   2     /* after the first build that failed; twice as long each time */
#define LONGEST_MS  30000 /* so that a clock that was set is noticed */
#define PROGRESS_MS 500
#define RESEND_MS   50
#define CLOCK_SET_S 60 /* more in one turn than a clock that is slewed */

/* ---- a turn --------------------------------------------------------------------------------- */

static void begin_what_is_due(struct worker *w, int64_t now)
{
    for (size_t i = 0; i < w->n_feeds; i++) {
        struct feed *f = w->feeds[i];
        if (!feed_load(f, &w->config, w->watcher, now))
            continue;
        source_watch(f, clock_mono_ms());
        const struct schedule schedule = {f->config->refresh_s, f->config->min_refresh_s,
                                          (unsigned)f->meta.failures, 0, 0};
        f->meta.next_fetch =
            schedule_clamp(f->meta.next_fetch, now, &schedule, f->config->honour_expires);
        if (!f->running && (f->due || f->meta.next_fetch <= now))
            refresh_start(&w->house, f);
        else if (!f->running)
            refresh_look_for_news(&w->house, f);
    }
}

static void hear_other_relays(struct worker *w)
{
    for (size_t i = 0; i < w->n_feeds && !atomic_load(&w->stop); i++)
        refresh_step(w->feeds[i]);
    w->giving = shared_lists_step(w->house.shares);
}

/* On this thread, where it may wait: the others are not to wait for what does not come. */
static void leave_other_relays(struct worker *w)
{
    for (size_t i = 0; i < w->n_feeds; i++)
        refresh_cancel(w->feeds[i]);
    shared_lists_stop(w->house.shares);
}

static void judge_what_arrived(struct worker *w, int64_t now)
{
    for (size_t i = 0; i < w->n_feeds && !atomic_load(&w->stop); i++) {
        struct feed *f = w->feeds[i];
        int64_t until = refresh_held_until(f);
        if (refresh_arrived(f)) {
            refresh_judge(&w->house, f, now);
            if (f->running)
                continue; /* with the next mirror */
            worker_end_requests(w, &f->waiting,
                                f->meta.state == FEED_FAILED ? FEEDS_FAILED : FEEDS_DONE);
            f->waiting = f->again;
            f->again = NULL;
            f->due |= f->waiting != NULL;
        } else if (!f->running && until != 0 && until <= now) {
            /* A look under way tells whether the list still is so: after a long stop nobody knows.
             */
            refresh_judge_held(&w->house, f, now, false);
        }
    }
}

static void hand_over(struct worker *w, struct blocklist *made)
{
    w->swap.old = w->current;
    w->swap.made = made;
    w->swap.untaken = post_blocklist(w->post, made);
    w->current = made;
    post_send(w->post);
    build_log(w->feeds, w->n_feeds, w->swap.old, made);
}

/*
 * What was changed takes its time to be found out, and waits until the lists are in force and on
 * disk, but not for the index: should we end before that is saved, the next start makes the same
 * swap and tells it once more; one that it finds in the index it would never tell. OLD may be with
 * the loop or have been given back by it, but it is freed only on this thread, by a message of the
 * next turn; or the loop never fetched it, and then it is UNTAKEN, freed here. MADE is safe in the
 * same way, as nothing follows it yet.
 */
static void end_swap(struct worker *w)
{
    if (w->swap.made != NULL && w->events->swapped != NULL)
        w->events->swapped(w->swap.old, w->swap.made, w->events->arg);
    blocklist_free(w->swap.untaken);
    w->swap = (struct swap){NULL, NULL, NULL};
}

/* Lists that are to be read otherwise are out of force meanwhile; a lack of memory may last. */
static void build_later(struct worker *w, int64_t now)
{
    int64_t wait_s = w->build_wait_s == 0 ? SOONEST_S : 2 * w->build_wait_s;

    w->build_wait_s = wait_s < AGAIN_S ? wait_s : AGAIN_S;
    w->build_again_at = now + w->build_wait_s;
}

static void build(struct worker *w, int64_t now)
{
    struct blocklist *made;
    struct error why;
    int64_t began_ns;

    if (now < w->build_again_at)
        return;
    w->build_again_at = 0;
    if (!build_needed(w->feeds, w->n_feeds, w->current, now))
        return;
    began_ns = clock_mono_ns();
    if (build_blocklist(&w->house, w->feeds, w->n_feeds, w->current, &made, &why) < 0) {
        build_later(w, now);
        if (atomic_load(&w->stop))
            return;
        atomic_fetch_add(&w->pulse.build_errors, 1);
        log_error("feeds", "the new blocklist cannot be built, the old one stays: %s", why.text);
        return;
    }
    w->build_wait_s = 0;
    if (made == NULL)
        return;
    atomic_store(&w->pulse.build_ns, clock_mono_ns() - began_ns);
    w->unsaved = true;
    w->save_again_at = 0;
    w->counted_day = 0;
    hand_over(w, made);
}

static void count(struct worker *w, int64_t now)
{
    uint64_t *active;

    if (w->counted_day == now / 86400 + 1)
        return;
    active = calloc(w->n_feeds + 1, sizeof *active);
    if (active == NULL)
        return;
    build_count_active(w->feeds, w->n_feeds, w->current, now, active);
    for (size_t i = 0; i < w->n_feeds; i++)
        w->feeds[i]->active = active[i];
    free(active);
    w->counted_day = now / 86400 + 1;
}

/* Nobody else would say that a list that blocked a moment ago does not any more. */
static void log_stale(struct feed *f, const struct feed_status *status)
{
    int64_t success = status->last_success, accepted = status->accepted_at;
    char since[21];

    if (status->stale == f->stale_logged)
        return;
    f->stale_logged = status->stale;
    if (status->stale)
        log_warning(status->name,
                    "max_age is over, nothing of it blocks until its publisher is reached: the "
                    "last good fetch was at %s",
                    clock_time_text(success > accepted ? success : accepted, since));
    else
        log_notice(status->name, "max_age is not over any more, its entries block again");
}

void worker_tell(struct worker *w, int64_t now)
{
    struct feed_status status;

    count(w, now);
    for (size_t i = 0; i < w->n_feeds; i++) {
        feed_tell(w->feeds[i], &status);
        /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): cleared by feed_tell */
        if (memcmp(&status, &w->feeds[i]->told, sizeof status) == 0)
            continue;
        log_stale(w->feeds[i], &status);
        w->feeds[i]->told = status;
        post_status(w->post, i, &status);
    }
}

void worker_tell_progress(const struct feed *f, const char *words, void *arg)
{
    struct worker *w = arg;

    for (size_t i = 0; i < w->n_feeds; i++) {
        struct feed_status *told = &w->feeds[i]->told;
        /* All else is told at the end of the turn: it may be about a blocklist still to come. */
        if (w->feeds[i] != f || told->name[0] == '\0')
            continue;
        memset(told->progress, 0, sizeof told->progress);
        feed_text(told->progress, sizeof told->progress, words);
        post_status(w->post, i, told);
        post_send(w->post);
    }
}

static void post_ended(struct worker *w)
{
    while (w->ended != NULL) {
        struct feeds_request *r = w->ended;
        w->ended = r->next;
        /* What was accepted is not in force yet, and the caller should know. */
        bool waits = w->build_again_at != 0 && r->result == FEEDS_DONE;
        post_done(w->post, r, waits ? FEEDS_FAILED : r->result);
    }
}

static void save_index(struct worker *w, int64_t now)
{
    struct error why;

    if (!w->unsaved || now < w->save_again_at || w->current == NULL)
        return;
    if (blocklist_save(w->current, w->index_path, &why) == 0) {
        w->unsaved = false;
        return;
    }
    if (w->save_again_at == 0)
        log_warning("feeds", "the index in force cannot be kept for the next start: %s", why.text);
    w->save_again_at = now + AGAIN_S;
}

/* A machine that boots with a wrong clock must not take for two days what was one minute. */
static void heed_clock(struct worker *w, int64_t now)
{
    int64_t ahead_s = now - clock_mono_ms() / 1000, by_s = ahead_s - w->clock_ahead_s;
    bool known = w->clock_ahead_s != 0;

    w->clock_ahead_s = ahead_s;
    if (!known || (by_s > -CLOCK_SET_S && by_s < CLOCK_SET_S))
        return;
    log_notice("feeds", "the clock was set by %" PRId64 " s: what is held waits as long as before",
               by_s);
    w->apply_again_at += w->apply_again_at == 0 ? 0 : by_s;
    w->build_again_at += w->build_again_at == 0 ? 0 : by_s;
    w->save_again_at += w->save_again_at == 0 ? 0 : by_s;
    for (size_t i = 0; i < w->n_feeds; i++)
        feed_clock_set(w->feeds[i], by_s);
}

static void turn(struct worker *w)
{
    int64_t now = clock_now();

    atomic_store(&w->turned_at, clock_mono_ms());
    heed_clock(w, now);
    queue_run(w->inbox);
    worker_apply_again(w, now);
    watcher_run(w->watcher, clock_mono_ms());
    fetcher_run(w->house.fetcher);
    if (atomic_load(&w->stop))
        return;
    hear_other_relays(w);
    begin_what_is_due(w, now);
    judge_what_arrived(w, now);
    build(w, now);
    /* What is in force already is kept all the same: the next start begins with it. */
    if (atomic_load(&w->stop) && w->swap.made == NULL)
        return;
    worker_tell(w, now);
    post_send(w->post);
    for (size_t i = 0; i < w->n_feeds; i++)
        refresh_keep(&w->house, w->feeds[i], now);
    worker_tell(w, now);
    end_swap(w);
    save_index(w, now);
    w->trim_ms = blocklist_trim(clock_mono_ms());
    /* Last: what somebody was told is rolled back must not be in force after a crash, not even
     * until the index is built again. */
    post_ended(w);
    post_send(w->post);
}

int64_t worker_silent_ms(const struct worker *w)
{
    return clock_mono_ms() - atomic_load(&w->turned_at);
}

/* ---- waiting -------------------------------------------------------------------------------- */

static void sooner(int64_t *first, int64_t at)
{
    if (at != 0 && at < *first)
        *first = at;
}

static int64_t next_time(const struct worker *w, int64_t now)
{
    int64_t first = now + LONGEST_MS / 1000;

    sooner(&first, w->apply_again_at);
    sooner(&first, w->build_again_at);
    if (w->unsaved)
        sooner(&first, w->save_again_at);
    for (size_t i = 0; i < w->n_feeds; i++) {
        const struct feed *f = w->feeds[i];
        sooner(&first, f->unloaded_until);
        if (f->unloaded_until != 0)
            continue;
        sooner(&first, f->changed ? f->save_again_at : 0);
        sooner(&first, f->unread_until > now ? f->unread_until : 0);
        if (!f->running) {
            sooner(&first, refresh_held_until(f));
            sooner(&first, f->due ? now : f->meta.next_fetch);
        } else if (refresh_arrived(f)) {
            sooner(&first, now);
        }
    }
    return first;
}

static bool hurries(const struct worker *w)
{
    bool any = w->giving;

    for (size_t i = 0; i < w->n_feeds; i++)
        for (unsigned k = 0; k < STORE_SOURCES; k++)
            any |= shared_list_hurries(&w->feeds[i]->sources[k]);
    return any;
}

static int64_t news_in_ms(const struct worker *w, const struct feed *f)
{
    return w->house.shares == NULL ? INT_MAX : f->news_ms - clock_mono_ms();
}

static int wait_ms(const struct worker *w)
{
    int64_t now = clock_now();
    int64_t ms = (next_time(w, now) - now) * 1000;
    int watch_ms = watcher_timeout_ms(w->watcher, clock_mono_ms());

    if (ms > 0 && ms <= 1000)
        ms = 100; /* the clock is in seconds: find its next one */
    for (size_t i = 0; i < w->n_feeds; i++) {
        int files_ms = source_watch_ms(w->feeds[i], clock_mono_ms());
        if (w->feeds[i]->unloaded_until != 0)
            continue; /* nothing of it is looked at, so nothing of it is due */
        if (w->feeds[i]->running && ms > PROGRESS_MS)
            ms = PROGRESS_MS;
        if (!w->feeds[i]->running && news_in_ms(w, w->feeds[i]) < ms)
            ms = news_in_ms(w, w->feeds[i]);
        if (files_ms >= 0 && files_ms < ms)
            ms = files_ms;
    }
    if (watch_ms >= 0 && watch_ms < ms)
        ms = watch_ms;
    if (w->trim_ms >= 0 && w->trim_ms < ms)
        ms = w->trim_ms;
    if (!post_send(w->post) && ms > RESEND_MS)
        ms = RESEND_MS;
    return ms < 0 || hurries(w) ? 0 : (int)ms;
}

/*
 * Building an index of millions keeps a CPU busy for a second; on a small machine the loop would
 * wait for its turn behind it. Lower, but not idle: a busy relay still gets its lists.
 */
#define NICE 10

void worker_pulse(const struct worker *w, struct feeds_totals *out)
{
    out->build_ns = atomic_load(&w->pulse.build_ns);
    out->build_errors = atomic_load(&w->pulse.build_errors);
    out->busy = atomic_load(&w->pulse.busy);
}

void *worker_run(void *arg)
{
    struct worker *w = arg;

    setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    breath_begin();
    while (!atomic_load(&w->stop)) {
        atomic_store(&w->pulse.busy, true);
        turn(w);
        atomic_store(&w->pulse.busy, false);
        if (atomic_load(&w->stop))
            break;
        int fds[] = {queue_fd(w->inbox), watcher_fd(w->watcher)};
        fetcher_wait(w->house.fetcher, fds, 2, wait_ms(w));
    }
    leave_other_relays(w);
    return NULL;
}
