/*
 * The life of the fleet's thread: it listens for news, compares what is shared when somebody
 * changed it, here or elsewhere, and every minute, and passes refusals on. It waits with its own
 * deadlines for a Redis that may hang; nobody waits for it.
 */
#include <poll.h>
#include <signal.h>

#include "parts.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"
#include "rcptguard/base/wake.h"

#define LOOK_MS      60000  /* though nobody said that anything changed */
#define REPORT_MS    10000  /* to the other relays, and a look at them */
#define AGAIN_MS     10000  /* Redis did not take it: full, no rights */
#define SAY_AGAIN_MS 600000 /* the same trouble, in the log */
#define NEWS_A_TURN  1000   /* more than that are no news: they are left alone for GATHER_MS */
#define GATHER_MS    200    /* between two comparisons because others changed something */
#define STOP_MS      1500   /* what Redis is given at a stop, and a second of the disk thread's */

/* ---- other rooms ---------------------------------------------------------------------------- */

bool rooms_enter(struct fleet *f)
{
    pthread_mutex_lock(&f->rooms);
    if (!f->left)
        return true;
    pthread_mutex_unlock(&f->rooms);
    return false;
}

void rooms_leave(struct fleet *f)
{
    pthread_mutex_unlock(&f->rooms);
}

/* ---- comparing ------------------------------------------------------------------------------ */

static bool may_say(struct seldom *s)
{
    return seldom_say(s, clock_mono_ms(), SAY_AGAIN_MS);
}

/* Redis is up and does not take it: what was changed here waits, and is in force all the same. */
static void not_taken(struct fleet *f, struct kept *k, const struct error *why)
{
    k->due_ms = clock_mono_ms() + AGAIN_MS;
    k->not_taken = true;
    status_set_shared(f, false);
    status_set_why(f, why);
    if (may_say(&k->untold))
        log_warning("fleet", "%s: not told to the other relays: %s; tried again every %d s",
                    local_kind_text(k->kind), why->text, AGAIN_MS / 1000);
}

/* All else is shared; this is not, until somebody takes it out. */
static void warn_of_room(struct fleet *f, struct kept *k)
{
    struct error why;

    if (k->no_room == 0)
        return;
    error_set(
        &why, ERR_LIMIT,
        "%s: %zu lines cannot be shared: more than %d in all, or more than %d bytes of one; take "
        "out what is over",
        local_kind_text(k->kind), k->no_room, RECORDS_MAX, RECORD_TEXT_MAX);
    status_set_why(f, &why);
    if (may_say(&k->crowded))
        log_warning("fleet", "%s", why.text);
}

/* Nothing is wrong any more, but for lines that find no room, of whatever kind. */
static void clear_why(struct fleet *f)
{
    struct kept *full = NULL;

    for (unsigned i = 0; i < FLEET_KINDS; i++) {
        if (f->kept[i].not_taken)
            return;
        if (f->kept[i].no_room > 0)
            full = &f->kept[i];
    }
    if (f->relays_bad)
        return;
    if (full != NULL)
        warn_of_room(f, full);
    else
        status_set_why(f, NULL);
}

/* Something went well: is there nothing that did not? */
static void goes_well(struct fleet *f)
{
    link_is_good(f);
    for (unsigned i = 0; i < FLEET_KINDS; i++)
        if (f->kept[i].not_taken)
            return;
    status_set_shared(f, true);
}

static void taken(struct fleet *f, struct kept *k)
{
    bool was_bad = k->not_taken;

    k->not_taken = false;
    goes_well(f);
    clear_why(f);
    if (was_bad && seldom_is_quiet(&k->untold, clock_mono_ms()))
        log_notice("fleet", "%s: the other relays are told again", local_kind_text(k->kind));
}

static void warn_of_refused(struct kept *k)
{
    if (k->refused > 0 && may_say(&k->unbelieved))
        log_warning(
            "fleet",
            "%s: %llu objects in Redis cannot be believed (another [redis] secret, damage, "
            "a block that covers too much, or one that is older than what was taken out here "
            "since) and are left out",
            local_kind_text(k->kind), (unsigned long long)k->refused);
}

static void take_protect(struct fleet *f)
{
    pthread_mutex_lock(&f->lock);
    struct protect *fresh = f->fresh_protect;
    f->fresh_protect = NULL;
    pthread_mutex_unlock(&f->lock);
    if (fresh == NULL)
        return;
    protect_release(f->protect);
    f->protect = fresh;
}

/* What was changed here waits to be told, and people may know. False: it cannot be read now. */
static bool count_waiting(struct fleet *f, struct kept *k)
{
    struct kept_text now;
    struct error why;

    if (k->unloaded || kept_read(f, k, &now, &why) < 0)
        return false;
    k->edited = false;
    k->waiting = kept_differs(k, &now);
    kept_text_free(&now);
    return true;
}

/* False: the connection is broken. */
static bool compare(struct fleet *f, struct kept *k)
{
    struct error why = {0};
    int64_t begun = clock_mono_ms();

    take_protect(f);
    k->by_time = begun >= k->due_ms;
    k->by_news = k->told;
    k->edited = k->told = false;
    int rc = sync_kind(f, k, &why);
    if (rc != 0)
        count_waiting(f, k);
    warn_of_refused(k);
    k->looked_ms = clock_mono_ms();
    /* Comparing what others change without pause must not take more than a part of a CPU. */
    int64_t took = k->looked_ms - begun;
    k->looked_ms += took > GATHER_MS ? took : 0;
    k->due_ms = k->looked_ms + LOOK_MS;
    status_show_kind(f, k);
    if (rc == ERR_REFUSED && link_is_replica(&why))
        rc = ERR_IO; /* it was the master once; another one is now */
    if (rc == ERR_REFUSED) {
        not_taken(f, k, &why);
    } else if (rc == 0) {
        taken(f, k);
        warn_of_room(f, k);
    } else {
        link_lost(f, &why);
    }
    return rc == 0 || rc == ERR_REFUSED;
}

static void relays_not_compared(struct fleet *f, const struct error *why)
{
    f->relays_bad = true;
    /* Where only lists or events are shared, nothing else tells. */
    if (!f->kept[LOCAL_EXCLUSIONS].shared && !f->kept[LOCAL_BLOCKS].shared)
        status_set_shared(f, false);
    status_set_why(f, why);
    if (may_say(&f->uncompared))
        log_warning("fleet", "the relays cannot be compared: %s; tried again every %d s", why->text,
                    REPORT_MS / 1000);
}

static void relays_compared(struct fleet *f)
{
    goes_well(f); /* where only lists are shared, nothing else tells */
    if (!f->relays_bad)
        return;
    f->relays_bad = false;
    clear_why(f);
    log_notice("fleet", "the relays can be compared again");
}

/* What it cannot do is no reason to leave what is shared alone. */
static void report_due(struct fleet *f)
{
    struct error why = {0};

    if (clock_mono_ms() < f->report_ms)
        return;
    int rc = relays_round(f, &why);
    f->report_ms = clock_mono_ms() + REPORT_MS;
    if (rc == 0)
        relays_compared(f);
    else if (rc == ERR_REFUSED && !link_is_replica(&why))
        relays_not_compared(f, &why);
    else
        link_lost(f, &why);
}

static int64_t kept_due(const struct kept *k)
{
    int64_t due = k->due_ms;

    if (k->told && !k->not_taken && k->looked_ms + GATHER_MS < due)
        due = k->looked_ms + GATHER_MS;
    return k->edited ? 0 : due;
}

static void compare_due(struct fleet *f)
{
    for (unsigned i = 0; i < FLEET_KINDS; i++) {
        struct kept *k = &f->kept[i];
        if (k->shared && clock_mono_ms() >= kept_due(k) && !compare(f, k))
            return;
    }
}

static int64_t save_due(const struct kept *k)
{
    return k->shared && k->base_changed ? k->save_ms : INT64_MAX;
}

static void save_when_due(struct fleet *f)
{
    for (unsigned i = 0; i < FLEET_KINDS; i++)
        if (clock_mono_ms() >= save_due(&f->kept[i]))
            kept_save(&f->kept[i]);
}

/* ---- events --------------------------------------------------------------------------------- */

static void turn_events(struct fleet *f)
{
    struct error why = {0};

    if (events_turn(f->events, redis_is_up(f->redis) ? f->redis : NULL, &why) < 0)
        link_lost(f, &why);
}

/* ---- news ----------------------------------------------------------------------------------- */

/* "exclusions WHO": WHO changed some (f->self; of older relays the name, which is nobody's self);
 * "list ID": one was fetched. */
static void hear(struct fleet *f, struct view message)
{
    struct view kind, who;

    if (view_starts(message, "list ")) {
        if (f->feeds != NULL && rooms_enter(f)) {
            feeds_share_news(f->feeds);
            rooms_leave(f);
        }
        return;
    }
    if (!view_word(&message, &kind) || !view_word(&message, &who) || view_is(who, f->self))
        return;
    for (unsigned i = 0; i < FLEET_KINDS; i++)
        if (f->kept[i].shared && view_is(kind, local_kind_text(f->kept[i].kind)))
            f->kept[i].told = true;
}

static void take_news(struct fleet *f)
{
    struct redisReply *reply;
    struct error why = {0};
    struct view text;
    int rc = 0;

    if (clock_mono_ms() < f->deaf_until_ms)
        return;
    for (int i = 0; i < NEWS_A_TURN && (rc = redis_message(f->news, &reply, &why)) > 0; i++) {
        if (reply_published(reply, &text))
            hear(f, text);
        redis_reply_free(reply);
    }
    if (rc > 0)
        f->deaf_until_ms = clock_mono_ms() + GATHER_MS;
    if (rc < 0)
        link_lost(f, &why);
}

/* ---- the thread ----------------------------------------------------------------------------- */

static int wait_ms(const struct fleet *f)
{
    int64_t now = clock_mono_ms(), due = f->retry_ms;

    if (redis_is_up(f->redis)) {
        due = f->report_ms;
        for (unsigned i = 0; i < FLEET_KINDS; i++)
            if (f->kept[i].shared && kept_due(&f->kept[i]) < due)
                due = kept_due(&f->kept[i]);
    }
    if (f->deaf_until_ms > now && f->deaf_until_ms < due)
        due = f->deaf_until_ms;
    for (unsigned i = 0; i < FLEET_KINDS; i++)
        if (save_due(&f->kept[i]) < due)
            due = save_due(&f->kept[i]);
    int64_t events = events_due(f->events, redis_is_up(f->redis));
    if (events < due)
        due = events;
    return due <= now ? 0 : (int)(due - now);
}

static void wait_for_work(struct fleet *f)
{
    bool deaf = clock_mono_ms() < f->deaf_until_ms;
    struct pollfd fds[] = {{.fd = f->wake_fd, .events = POLLIN},
                           {.fd = deaf ? -1 : redis_fd(f->news), .events = POLLIN}};

    poll(fds, 2, wait_ms(f));
    wake_clear(f->wake_fd);
    unsigned edited = atomic_exchange(&f->edited, 0);
    for (unsigned i = 0; i < FLEET_KINDS; i++)
        if ((edited & 1u << i) != 0)
            f->kept[i].edited = true;
}

/* Without Redis. All is compared when it is back. */
static void count_edited(struct fleet *f)
{
    for (unsigned i = 0; i < FLEET_KINDS; i++) {
        struct kept *k = &f->kept[i];
        if (k->shared && k->edited && count_waiting(f, k))
            status_show_kind(f, k);
    }
}

static void *fleet_main(void *arg)
{
    struct fleet *f = arg;

    while (!atomic_load(&f->stop)) {
        if (redis_is_up(f->redis))
            take_news(f);
        else if (clock_mono_ms() >= f->retry_ms)
            link_open(f);
        if (redis_is_up(f->redis))
            compare_due(f);
        else
            count_edited(f);
        save_when_due(f);
        if (redis_is_up(f->redis))
            report_due(f);
        turn_events(f);
        if (!atomic_load(&f->stop))
            wait_for_work(f);
    }
    for (unsigned i = 0; i < FLEET_KINDS; i++)
        if (f->kept[i].shared)
            kept_save(&f->kept[i]);
    events_end(f->events, redis_is_up(f->redis) ? f->redis : NULL);
    link_close(f);
    wake_signal(f->ended_fd);
    return NULL;
}

void fleet_edited(struct fleet *f, enum local_kind kind)
{
    if (f == NULL)
        return;
    atomic_fetch_or(&f->edited, 1u << kind);
    wake_signal(f->wake_fd);
}

void fleet_protect(struct fleet *f, struct protect *p)
{
    if (f == NULL)
        return;
    pthread_mutex_lock(&f->lock);
    struct protect *before = f->fresh_protect;
    f->fresh_protect = protect_hold(p);
    pthread_mutex_unlock(&f->lock);
    protect_release(before);
    /* What was refused may be good now. */
    fleet_edited(f, LOCAL_BLOCKS);
}

/* ---- start and stop ------------------------------------------------------------------------- */

/* Signals belong to the loop. */
static int start_thread(struct fleet *f)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&f->thread, NULL, fleet_main, f);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        pthread_setname_np(f->thread, "fleet");
    return rc;
}

int fleet_start(struct fleet *f, struct local *const kept[2], struct error *why)
{
    for (unsigned i = 0; i < FLEET_KINDS; i++)
        f->kept[i].local = kept[i];
    int rc = start_thread(f);
    if (rc != 0)
        return error_set(why, ERR_IO, "cannot start the fleet's thread: %s", strerrordesc_np(rc));
    f->running = true;
    return 0;
}

/* Nobody can end a look-up of a name. It ends at last, or the process does. */
static void leave_behind(struct fleet *f)
{
    pthread_mutex_lock(&f->rooms);
    f->left = true;
    pthread_mutex_unlock(&f->rooms);
    if (f->events != NULL)
        events_leave(f->events);
    log_warning("fleet",
                "its thread is left behind: the system looks up a name, or the disk hangs");
}

void fleet_stop(struct fleet *f)
{
    if (f == NULL || !f->running)
        return;
    atomic_store(&f->stop, true);
    wake_signal(f->stopping.fd);
    wake_signal(f->wake_fd);
    if (wake_wait(f->ended_fd, STOP_MS)) {
        pthread_join(f->thread, NULL);
        f->running = false;
    } else {
        leave_behind(f);
    }
}
