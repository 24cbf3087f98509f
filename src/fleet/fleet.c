/*
 * The fleet's thread: connects, listens for news, compares what is shared when somebody changed it,
 * here or elsewhere, and every minute, and passes refusals on. It waits with its own deadlines for
 * a Redis that may hang; nobody waits for it.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "parts.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/escape.h"
#include "rcptguard/base/file.h"
#include "rcptguard/base/log.h"
#include "rcptguard/base/wake.h"
#include "sentinel.h"

#define LOOK_MS      60000  /* though nobody said that anything changed */
#define REPORT_MS    10000  /* to the other relays, and a look at them */
#define AGAIN_MS     10000  /* Redis did not take it: full, no rights */
#define SAY_AGAIN_MS 600000 /* the same trouble, in the log */
#define NEWS_A_TURN  1000   /* more than that are no news: they are left alone for GATHER_MS */
#define GATHER_MS    200    /* between two comparisons because others changed something */
#define RETRY_MS     500    /* doubled, to at most RETRY_MAX_MS, with a quarter of jitter */
#define RETRY_MAX_MS 8000
#define STOP_MS      1000

/* ---- what the loop may see ------------------------------------------------------------------ */

const char *fleet_state_text(enum fleet_state state)
{
    static const char *const texts[] = {"connecting", "up", "away"};

    return texts[state];
}

void fleet_look(const struct fleet *f, struct fleet_status *out)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)&f->lock;

    pthread_mutex_lock(lock);
    *out = f->status;
    pthread_mutex_unlock(lock);
    if (f->events != NULL)
        events_look_at(f->events, &out->events);
    if (f->lists == NULL)
        return;
    struct lists_counts counts;
    lists_look(f->lists, &counts);
    out->lists.taken = counts.taken;
    out->lists.same = counts.same;
    out->lists.led = counts.led;
    out->lists.bad = counts.bad;
}

bool fleet_status_is_away(const struct fleet *f, int64_t now)
{
    struct fleet_status status;

    if (f == NULL)
        return false;
    fleet_look(f, &status);
    return status.state != FLEET_UP && now - status.since > FLEET_AWAY_S;
}

static void set_why(struct fleet *f, const struct error *why)
{
    struct text t = text_on(f->status.why, sizeof f->status.why);

    if (why != NULL)
        escape_to_max(&t, view_of(why->text), ESCAPE_TERMINAL, sizeof f->status.why);
}

/* True: it is another state than before. */
static bool set_state(struct fleet *f, enum fleet_state state, const struct error *why)
{
    pthread_mutex_lock(&f->lock);
    bool changed = f->status.state != state;
    if (changed)
        f->status.since = clock_now();
    f->status.state = state;
    set_why(f, why);
    pthread_mutex_unlock(&f->lock);
    return changed;
}

static size_t count_set(const struct records *r)
{
    size_t set = 0;

    for (size_t i = 0; i < records_count(r); i++)
        set += records_at(r, i)->text.len > 0;
    return set;
}

static void show_kind(struct fleet *f, const struct kept *k)
{
    struct fleet_kind_status fresh = {
        .entries = count_set(k->base),
        .waiting = k->waiting,
        .version = records_version(k->base),
        .agreed_at = k->agreed_at,
        .refused = k->refused,
    };

    records_digest(k->base, fresh.digest);
    pthread_mutex_lock(&f->lock);
    f->status.kinds[k->kind] = fresh;
    pthread_mutex_unlock(&f->lock);
}

/* ---- connecting ----------------------------------------------------------------------------- */

/* As whom and what for says the URL; where, one of the Sentinels. */
static int find_redis(struct fleet *f, struct redis_url *where, struct error *why)
{
    *where = f->url;
    if (f->n_sentinels == 0)
        return 0;
    return sentinel_find(f->sentinels, f->n_sentinels, view_of(f->master), FLEET_CONNECT_MS, where,
                         why);
}

static int subscribe(struct fleet *f, struct error *why)
{
    struct redisReply *reply = NULL;
    char channel[128];
    struct text t = text_on(channel, sizeof channel);

    text_addf(&t, "%snews", f->prefix);
    const struct view words[] = {view_of("SUBSCRIBE"), text_view(&t)};
    int rc = redis_call(f->news, words, 2, FLEET_CALL_MS, &reply, why);
    redis_reply_free(reply);
    return rc;
}

static int connect_both(struct fleet *f, struct error *why)
{
    struct redis_url where;
    int rc = find_redis(f, &where, why);

    if (rc == 0)
        rc = redis_open(f->redis, &where, FLEET_CONNECT_MS, why);
    if (rc == 0)
        rc = redis_open(f->news, &where, FLEET_CONNECT_MS, why);
    if (rc == 0)
        rc = subscribe(f, why);
    if (rc == 0)
        share_lists_are_at(f, &where);
    return rc;
}

static void disconnect(struct fleet *f)
{
    redis_close(f->redis);
    redis_close(f->news);
}

static void went_away(struct fleet *f, const struct error *why)
{
    int64_t wait = RETRY_MS << (f->failures < 5 ? f->failures : 5);

    disconnect(f);
    share_lists_are_away(f);
    f->failures++;
    if (wait > RETRY_MAX_MS)
        wait = RETRY_MAX_MS;
    f->retry_ms = clock_mono_ms() + wait + (int64_t)(random_u64() % (uint64_t)(wait / 4));
    if (set_state(f, FLEET_AWAY, why))
        log_warning("fleet", "%s: %s; each relay goes on with what it has", f->status.where,
                    why->text);
}

static void connect_now(struct fleet *f)
{
    struct error why = {0};

    if (connect_both(f, &why) < 0) {
        went_away(f, &why);
        return;
    }
    if (set_state(f, FLEET_UP, NULL))
        log_notice("fleet", "%s: connected as %s", f->status.where, f->relay);
    for (unsigned i = 0; i < FLEET_KINDS; i++)
        f->kept[i].due_ms = 0;
}

/* ---- comparing ------------------------------------------------------------------------------ */

/* Whoever makes trouble again and again must not fill the log. */
static bool may_say(int64_t *said_ms)
{
    int64_t now = clock_mono_ms();

    if (*said_ms != 0 && now - *said_ms < SAY_AGAIN_MS)
        return false;
    *said_ms = now;
    return true;
}

/* Redis is up and does not take it: what was changed here waits, and is in force all the same. */
static void not_taken(struct fleet *f, struct kept *k, const struct error *why)
{
    k->due_ms = clock_mono_ms() + AGAIN_MS;
    k->not_taken = true;
    pthread_mutex_lock(&f->lock);
    set_why(f, why);
    pthread_mutex_unlock(&f->lock);
    if (may_say(&k->said_ms))
        log_warning("fleet", "%s: not told to the other relays: %s; tried again every %d s",
                    local_kind_text(k->kind), why->text, AGAIN_MS / 1000);
}

static void taken(struct fleet *f, struct kept *k)
{
    bool was_bad = k->not_taken, all_good = true;

    f->failures = 0;
    k->not_taken = false;
    for (unsigned i = 0; i < FLEET_KINDS; i++)
        all_good = all_good && !f->kept[i].not_taken;
    pthread_mutex_lock(&f->lock);
    if (all_good)
        f->status.why[0] = '\0';
    pthread_mutex_unlock(&f->lock);
    if (was_bad && clock_mono_ms() - k->said_ms < SAY_AGAIN_MS)
        log_notice("fleet", "%s: the other relays are told again", local_kind_text(k->kind));
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
    pthread_mutex_lock(&f->lock);
    set_why(f, &why);
    pthread_mutex_unlock(&f->lock);
    if (may_say(&k->said_ms))
        log_warning("fleet", "%s", why.text);
}

static void warn_of_refused(struct kept *k)
{
    if (k->refused > 0 && may_say(&k->warned_ms))
        log_warning(
            "fleet",
            "%s: %llu objects in Redis cannot be believed (another [redis] secret, damage, or "
            "a block that covers too much) and are left out",
            local_kind_text(k->kind), (unsigned long long)k->refused);
}

bool fleet_is_replica(const struct error *why)
{
    return strstr(why->text, "READONLY") != NULL;
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

/* False: the connection is broken. */
static bool compare(struct fleet *f, struct kept *k)
{
    struct error why = {0};
    int64_t begun = clock_mono_ms();

    take_protect(f);
    k->by_time = begun >= k->due_ms;
    k->edited = k->told = false;
    int rc = sync_kind(f, k, &why);
    warn_of_refused(k);
    k->looked_ms = clock_mono_ms();
    /* Comparing what others change without pause must not take more than a part of a CPU. */
    int64_t took = k->looked_ms - begun;
    k->looked_ms += took > GATHER_MS ? took : 0;
    k->due_ms = k->looked_ms + LOOK_MS;
    kept_save(k);
    show_kind(f, k);
    if (rc == ERR_REFUSED && fleet_is_replica(&why))
        rc = ERR_IO; /* it was the master once; another one is now */
    if (rc == ERR_REFUSED) {
        not_taken(f, k, &why);
    } else if (rc == 0) {
        taken(f, k);
        warn_of_room(f, k);
    } else {
        went_away(f, &why);
    }
    return rc == 0 || rc == ERR_REFUSED;
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
        f->failures = 0; /* where only lists are shared, nothing else tells */
    else if (rc != ERR_REFUSED)
        went_away(f, &why);
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

/* ---- events --------------------------------------------------------------------------------- */

static void turn_events(struct fleet *f)
{
    struct error why = {0};

    if (events_turn(f->events, redis_is_up(f->redis) ? f->redis : NULL, &why) < 0)
        went_away(f, &why);
}

/* ---- news ----------------------------------------------------------------------------------- */

/* "exclusions RELAY": RELAY changed some; "list ID": one was fetched. */
static void hear(struct fleet *f, struct view message)
{
    struct view kind, relay;

    if (view_starts(message, "list ")) {
        if (f->feeds != NULL && !atomic_load(&f->stop))
            feeds_share_news(f->feeds);
        return;
    }
    if (!view_word(&message, &kind) || !view_word(&message, &relay) || view_is(relay, f->relay))
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
        went_away(f, &why);
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

/* Without Redis: what was changed here waits, and people may know. */
static void count_waiting(struct fleet *f)
{
    struct kept_text now;
    struct error why;

    for (unsigned i = 0; i < FLEET_KINDS; i++) {
        struct kept *k = &f->kept[i];
        if (!k->shared || !k->edited || kept_read(f, k, &now, &why) < 0)
            continue;
        k->edited = false; /* all is compared when it is back */
        k->waiting = kept_differs(k, &now);
        kept_text_free(&now);
        show_kind(f, k);
    }
}

static void *fleet_main(void *arg)
{
    struct fleet *f = arg;

    while (!atomic_load(&f->stop)) {
        if (redis_is_up(f->redis))
            take_news(f);
        else if (clock_mono_ms() >= f->retry_ms)
            connect_now(f);
        if (redis_is_up(f->redis))
            compare_due(f);
        else
            count_waiting(f);
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
    disconnect(f);
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

/* ---- start and end -------------------------------------------------------------------------- */

static bool is_of_name(char c)
{
    return ascii_alnum(c) || c == '.' || c == '-' || c == '_';
}

/*
 * A name for people: the host's, and behind it a few digits of this state directory's own, since
 * several daemons may be on one host, and two hosts may be called localhost.
 */
static void name_relay(struct fleet *f)
{
    char path[4096], host[256] = "", id[9];
    struct text file = text_on(path, sizeof path), name = text_on(f->relay, sizeof f->relay);
    struct buf text = BUF_INIT(64);

    text_addf(&file, "%s/fleet/relay", f->state_dir);
    gethostname(host, sizeof host - 1);
    for (char *c = host; *c != '\0'; c++)
        if (!is_of_name(*c))
            *c = '-';
    bool known = file_read(path, 64, &text, NULL) == 0 && text.len >= 8;
    if (known)
        snprintf(id, sizeof id, "%.8s", text.data);
    else
        snprintf(id, sizeof id, "%08x", (unsigned)random_u64());
    for (char *c = id; *c != '\0'; c++)
        if (!is_of_name(*c))
            *c = '0';
    buf_free(&text);
    text_addf(&name, "%.40s.%s", host[0] == '\0' ? "relay" : host, id);
    struct file_part part = {id, strlen(id)};
    struct error why;
    if (!known && file_replace(path, 0640, &part, 1, &why) < 0)
        log_warning("fleet", "%s; this relay gets another name at each start", why.text);
}

static void show_where(struct fleet *f)
{
    struct text t = text_on(f->status.where, sizeof f->status.where);
    char where[REDIS_WHERE_MAX];

    if (f->n_sentinels > 0)
        text_addf(&t, "%s (of Sentinel)", f->master);
    else
        text_add(&t, redis_url_where(&f->url, where));
}

static int copy_config(struct fleet *f, const struct fleet_config *c, struct error *why)
{
    int rc = redis_url_parse(view_of(c->url), &f->url, why);

    if (rc == 0 && c->sentinel[0] != '\0')
        rc = fleet_sentinels_parse(view_of(c->sentinel), f->sentinels, &f->n_sentinels, why);
    if (rc < 0)
        return rc;
    f->share = f->status.share = c->share;
    /* Names of lines must be alike on all relays, whatever each makes of an address. */
    f->addresses = *c->addresses;
    f->addresses.provider_aliases = false;
    f->prefix = view_dup(view_of(c->prefix));
    f->master = view_dup(view_of(c->master));
    f->state_dir = view_dup(view_of(c->state_dir));
    f->redis = redis_new();
    f->news = redis_new();
    f->suffixes = suffixes_new();
    f->protect = protect_load(NULL, NULL);
    f->wake_fd = wake_open();
    f->ended_fd = wake_open();
    if (f->prefix == NULL || f->master == NULL || f->state_dir == NULL || f->redis == NULL ||
        f->news == NULL || f->suffixes == NULL || f->protect == NULL || f->wake_fd < 0 ||
        f->ended_fd < 0 || seal_key_make(view_of(c->secret), &f->key) < 0)
        return error_set(why, ERR_NOMEM, "no memory, or no list of public suffixes");
    return 0;
}

static int open_kept(struct fleet *f, struct error *why)
{
    static const unsigned bits[] = {
        [LOCAL_EXCLUSIONS] = FLEET_EXCLUSIONS, [LOCAL_BLOCKS] = FLEET_BLOCKS};
    char dir[4096];
    struct text t = text_on(dir, sizeof dir);
    int rc = 0;

    text_addf(&t, "%s/fleet", f->state_dir);
    if (file_make_dir(dir, 0750, why) < 0)
        log_error("fleet", "%s; nothing that is shared can be kept", why->text);
    name_relay(f);
    memcpy(f->status.relay, f->relay, sizeof f->relay);
    for (unsigned i = 0; rc == 0 && i < FLEET_KINDS; i++)
        if ((f->share & bits[i]) != 0)
            rc = kept_open(f, &f->kept[i], (enum local_kind)i, why);
    return rc;
}

struct fleet *fleet_new(const struct fleet_config *config, struct error *why)
{
    struct fleet *f = calloc(1, sizeof *f);

    if (f == NULL) {
        error_set(why, ERR_NOMEM, "no memory");
        return NULL;
    }
    pthread_mutex_init(&f->lock, NULL);
    atomic_init(&f->stop, false);
    atomic_init(&f->edited, 0);
    f->wake_fd = f->ended_fd = -1;
    f->status.since = clock_now();
    if (copy_config(f, config, why) < 0 || open_kept(f, why) < 0) {
        fleet_free(f);
        return NULL;
    }
    show_where(f);
    return f;
}

const char *fleet_file(const struct fleet *f, enum local_kind kind)
{
    return f != NULL && f->kept[kind].shared ? f->kept[kind].file : NULL;
}

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

void fleet_stop(struct fleet *f)
{
    if (f == NULL || !f->running)
        return;
    struct pollfd ended = {.fd = f->ended_fd, .events = POLLIN};
    atomic_store(&f->stop, true);
    wake_signal(f->wake_fd);
    if (poll(&ended, 1, STOP_MS + FLEET_BIG_MS / 2) == 1) {
        pthread_join(f->thread, NULL);
        f->running = false;
    }
}

void fleet_free(struct fleet *f)
{
    /* A thread that hangs in a name, at the end of the process, keeps what it looks at. */
    if (f == NULL || f->running)
        return;
    for (unsigned i = 0; i < FLEET_KINDS; i++)
        kept_close(&f->kept[i]);
    redis_free(f->redis);
    redis_free(f->news);
    lists_free(f->lists);
    free(f->relays);
    free(f->own_lists);
    events_free(f->events);
    suffixes_free(f->suffixes);
    protect_release(f->protect);
    protect_release(f->fresh_protect);
    free(f->prefix);
    free(f->master);
    free(f->state_dir);
    if (f->wake_fd >= 0)
        close(f->wake_fd);
    if (f->ended_fd >= 0)
        close(f->ended_fd);
    explicit_bzero(&f->key, sizeof f->key);
    explicit_bzero(&f->url, sizeof f->url);
    pthread_mutex_destroy(&f->lock);
    free(f);
}
