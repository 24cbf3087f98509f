/*
 * The daemon: puts the rooms together, starts them in an order that never leaves a socket open
 * without lists behind it, reloads all or nothing, and ends in order. It decides nothing itself.
 */
#include "daemon.h"

#include <event2/event.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "house.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"
#include "rcptguard/base/reserve.h"
#include "state_lock.h"

#define DRAIN_MS 2000 /* for answers that a peer does not take */
#define STOP_S   4    /* whatever hangs at the end: rule 23 allows 5 s */

/* ---- what the other threads tell ------------------------------------------------------------ */

static void on_queue(evutil_socket_t fd, short what, void *arg)
{
    struct daemon *d = arg;
    (void)fd;
    (void)what;
    queue_run(d->queue);
}

static void on_blocklist(struct blocklist *bl, void *arg)
{
    struct daemon *d = arg;
    struct blocklist *old = verdict_set_blocklist(d->verdict, bl);
    if (old != NULL)
        feeds_retire(d->feeds, old);
}

static void on_status(const struct feed_status *status, void *arg)
{
    struct daemon *d = arg;
    daemon_confirm(d->setup, status);
    if (status->progress[0] == '\0')
        daemon_tell_lists(d);
}

void daemon_retire(struct daemon *d, struct local *l, struct local_table *old)
{
    if (d->disk != NULL)
        local_retire(l, old);
    else
        local_table_free(old);
}

static void on_exclusions(struct local_table *table, const struct local_state *state, void *arg)
{
    struct daemon *d = arg;

    d->exclusions_state = *state;
    daemon_retire(d, d->exclusions, verdict_set_exclusions(d->verdict, table));
}

static void on_blocks(struct local_table *table, const struct local_state *state, void *arg)
{
    struct daemon *d = arg;

    d->blocks_state = *state;
    daemon_retire(d, d->blocks, verdict_set_blocks(d->verdict, table));
}

static void on_zone_changed(const char *list, enum entry_kind kind, struct view key, bool listed,
                            int64_t now, void *arg)
{
    struct daemon *d = arg;

    history_note(d->history, d->disk, list, kind, key, listed, now);
}

/* On the worker's thread. */
static void on_swapped(const struct blocklist *old, const struct blocklist *made, void *arg)
{
    struct daemon *d = arg;

    history_swap(d->history, old, made, clock_now());
}

/* ---- signals -------------------------------------------------------------------------------- */

static void on_drained(void *arg)
{
    struct daemon *d = arg;
    event_base_loopbreak(d->base);
}

static void on_hung_stop(int signal_number)
{
    (void)signal_number;
    _exit(EX_OK); /* every answer is given; what hangs is a disk or a resolver */
}

static void on_stop(evutil_socket_t number, short what, void *arg)
{
    struct daemon *d = arg;
    (void)what;

    if (d->stopping) {
        event_base_loopbreak(d->base);
        return;
    }
    d->stopping = true;
    systemd_stopping(d->systemd);
    log_notice(NULL, "signal %d: answering what is pending, then stopping", (int)number);
    signal(SIGALRM, on_hung_stop);
    alarm(STOP_S);
    policy_drain(d->policy, DRAIN_MS, on_drained, d);
}

static void on_hup(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    daemon_reload(arg);
}

static void on_usr1(evutil_socket_t number, short what, void *arg)
{
    struct daemon *d = arg;
    (void)number;
    (void)what;
    log_set_target(d->setup->config->log_target);
    record_log_reopen(d->record);
}

static int catch_signals(struct daemon *d)
{
    static const struct {
        int number;
        event_callback_fn run;
    } wanted[SIGNALS] = {
        {SIGTERM, on_stop}, {SIGINT, on_stop}, {SIGHUP, on_hup}, {SIGUSR1, on_usr1}};

    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < SIGNALS; i++) {
        d->signals[i] = evsignal_new(d->base, wanted[i].number, wanted[i].run, d);
        if (d->signals[i] == NULL || event_add(d->signals[i], NULL) != 0)
            return ERR_NOMEM;
    }
    return 0;
}

/* ---- start ---------------------------------------------------------------------------------- */

/* Of so many bytes and more each block is a mapping, which goes back to the system when it is
 * freed. Left to itself malloc(3) raises this bound, to 32 MiB at most, with each such block that
 * is freed: the room of a list that was read once would stay. */
#define MAPPED_BYTES (4 << 20)

static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int make_loop(struct daemon *d, struct error *why)
{
    const struct dnsbl_events events = {.changed = on_zone_changed, .arg = d};

    d->base = event_base_new();
    d->queue = queue_new(0); /* its posters are bounded: each has a task of its own */
    d->record = record_new();
    if (d->base != NULL && (d->dnsbl = dnsbl_new(d->base, &events, why)) == NULL)
        return why->code;
    d->verdict = d->record == NULL ? NULL : verdict_new(d->record, d->dnsbl);
    if (d->base == NULL || d->queue == NULL || d->verdict == NULL)
        return error_set(why, ERR_NOMEM, "no memory");
    d->queue_readable = event_new(d->base, queue_fd(d->queue), EV_READ | EV_PERSIST, on_queue, d);
    if (d->queue_readable == NULL || event_add(d->queue_readable, NULL) != 0 ||
        catch_signals(d) < 0)
        return error_set(why, ERR_NOMEM, "no memory");
    return daemon_tell_systemd(d, why);
}

/* One of the two files: FIRST is what is in it now. */
static struct local *load_local(const struct config *c, const struct local_config *file,
                                struct local_table **first, struct local_state *state,
                                struct error *why)
{
    return local_new(file, &c->addresses, c->list_names, c->n_list_names, first, state, why);
}

static int load_files(struct daemon *d, const struct config *c, struct error *why)
{
    struct local_table *exclusions = NULL, *blocks = NULL;

    d->exclusions = load_local(c, &c->exclusions, &exclusions, &d->exclusions_state, why);
    if (d->exclusions == NULL)
        return why->code;
    verdict_set_exclusions(d->verdict, exclusions);
    d->blocks = load_local(c, &c->blocks, &blocks, &d->blocks_state, why);
    if (d->blocks == NULL)
        return why->code;
    verdict_set_blocks(d->verdict, blocks);
    return daemon_load_fleet(d, c, why);
}

/* With the rights of the user, as at reload: what the configuration (taken) names, and what was
 * saved, before any socket is bound. */
static int load_lists(struct daemon *d, struct config *c, struct error *why)
{
    const struct history_config history = {c->state_dir, c->history_s, c->history_max_bytes};
    struct blocklist *saved = NULL;

    d->setup = setup_new(c, NULL);
    if (d->setup == NULL)
        return error_set(why, ERR_NOMEM, "no memory");
    d->history = history_new(&history, why);
    if (d->history == NULL)
        log_warning("history", "%s; it is not kept until the next start", why->text);
    d->feeds_events = (struct feeds_events){
        .blocklist = on_blocklist, .status = on_status, .swapped = on_swapped, .arg = d};
    d->feeds = feeds_new(&d->setup->feeds, d->queue, &d->feeds_events, &saved, why);
    if (d->feeds == NULL)
        return why->code;
    daemon_confirm_all(d, d->setup);
    verdict_set_rules(d->verdict, &d->setup->rules);
    verdict_set_blocklist(d->verdict, saved);
    dnsbl_load(d->dnsbl, c->state_dir, c->dns_cache_bytes);
    if (dnsbl_configure(d->dnsbl, &d->setup->dnsbl, why) < 0 || load_files(d, c, why) < 0)
        return why->code;
    if (eaccess(c->path, R_OK) != 0)
        log_warning(NULL,
                    "%s is not readable by %s: SIGHUP will not be able to reload it; chgrp "
                    "it to the group of that user and chmod 640",
                    c->path, c->user);
    return 0;
}

static int bind_sockets(struct daemon *d, struct error *why)
{
    const struct config *c = d->setup->config;

    d->policy = policy_new(d->base, &c->policy, d->passed, d->verdict, d->record, why);
    if (d->policy == NULL)
        return why->code;
    d->house = (struct admin_house){
        .verdict = d->verdict,
        .record = d->record,
        .feeds = d->feeds,
        .dnsbl = d->dnsbl,
        .policy = d->policy,
        .history = d->history,
        .exclusions = d->exclusions,
        .blocks = d->blocks,
        .exclusions_state = &d->exclusions_state,
        .blocks_state = &d->blocks_state,
        .fleet = d->fleet,
        .shared = {{d->shared[0], &d->shared_state[0], fleet_file(d->fleet, LOCAL_EXCLUSIONS)},
                   {d->shared[1], &d->shared_state[1], fleet_file(d->fleet, LOCAL_BLOCKS)}},
        .reload_problem = d->reload.failed.text,
        .loop = d->queue,
        .started_at = clock_now(),
        .started_ms = clock_mono_ms(),
    };
    daemon_fill_house(d);
    d->admin = admin_new(d->base, &c->admin, d->passed, &d->house, why);
    if (d->admin == NULL || passed_check_taken(d->passed, why) < 0)
        return why->code;
    passed_free(d->passed);
    d->passed = NULL;
    return 0;
}

/* As root, if that is who started us: what must be there before the first look at a list. */
static int make_ready(struct daemon *d, const struct config *c, struct error *why)
{
    struct privileges *p = &d->privileges;
    int rc = privileges_find(c->user, p, why);

    if (rc < 0)
        return error_prefix(why, "daemon.user");
    if ((rc = passed_take_all(&d->passed, why)) < 0)
        return rc;
    if (geteuid() == 0 && !p->root)
        log_warning(NULL, "user = %s: running as root; name an unprivileged user in [daemon]",
                    c->user);
    if ((rc = privileges_make_dir(p, c->state_dir, why)) < 0 || (rc = make_loop(d, why)) < 0)
        return rc;
    return privileges_lower(p, why);
}

/* CONFIG is taken in every case. */
static int prepare(struct daemon *d, struct config *config, struct error *why)
{
    struct privileges *p = &d->privileges;
    int rc = make_ready(d, config, why);

    if (rc < 0) {
        config_release(config);
        return rc;
    }
    d->state_lock = state_lock_new(d->base, config->state_dir);
    if ((rc = load_lists(d, config, why)) < 0 || (rc = privileges_raise(p, why)) < 0 ||
        (rc = bind_sockets(d, why)) < 0)
        return rc;
    return privileges_drop(p, why);
}

/* Threads come last: setuid and signals are settled by then. */
static int start_rooms(struct daemon *d, struct error *why)
{
    int rc;

    d->disk = disk_start(why);
    if (d->disk == NULL)
        return why->code;
    d->house.disk = d->disk;
    if (record_start(d->record, d->setup->config->state_dir, d->disk, d->queue, why) < 0)
        log_warning("references", "%s; they are not kept until the next start", why->text);
    daemon_log_decisions(d, d->setup->config);
    if ((rc = fleet_share_lists(d->fleet, d->feeds, why)) < 0 ||
        (rc = fleet_share_events(d->fleet, d->record, d->queue, why)) < 0 ||
        (rc = feeds_start(d->feeds, why)) < 0 ||
        (rc = dnsbl_start(d->dnsbl, d->disk, d->queue, why)) < 0 ||
        (rc = local_watch(d->exclusions, d->disk, d->queue, on_exclusions, d, why)) < 0 ||
        (rc = local_watch(d->blocks, d->disk, d->queue, on_blocks, d, why)) < 0 ||
        (rc = daemon_start_fleet(d, why)) < 0 || (rc = policy_start(d->policy, why)) < 0)
        return rc;
    return admin_start(d->admin, why);
}

static void say_started(const struct daemon *d)
{
    const struct config *c = d->setup->config;
    const struct blocklist *bl = verdict_blocklist(d->verdict);

    log_notice(NULL, "rcptguardd %s: %zu feeds, %zu DNS zones, %zu exclusions, mode %s",
               RCPTGUARD_VERSION, c->n_feeds, c->n_zones,
               local_table_in_force(verdict_exclusions(d->verdict), clock_now()),
               c->mode == MODE_OBSERVE ? "observe" : "enforce");
    if (bl == NULL && c->n_feeds > 0)
        log_notice(NULL, "no list yet: no feed blocks anybody until it was read");
    else if (bl != NULL)
        log_notice(NULL, "%zu addresses and domains in force from the saved lists",
                   blocklist_keys(bl));
}

/*
 * The threads first; then what they still had for the loop is taken, while all of it stands. What
 * senders were told and what was asked is with the disk thread before anybody is waited for: a
 * worker that builds on a busy machine may take until the alarm.
 */
static void stop_threads(struct daemon *d)
{
    if (d->record != NULL)
        record_stop(d->record);
    dnsbl_stop(d->dnsbl);
    fleet_stop(d->fleet); /* it waits for the disk thread */
    if (d->feeds != NULL)
        feeds_stop(d->feeds);
    history_stop(d->history);
    disk_stop(d->disk);
    d->disk = NULL;
    if (d->queue != NULL)
        queue_run(d->queue);
    feeds_free(d->feeds);
    if (d->queue != NULL)
        queue_run(d->queue);
}

static void stop_rooms(struct daemon *d)
{
    admin_free(d->admin);
    policy_free(d->policy);
    stop_threads(d);
    setup_release(d->reload.fresh);
    local_free(d->exclusions);
    local_free(d->blocks);
    local_free(d->shared[0]);
    local_free(d->shared[1]);
    fleet_free(d->fleet);
    history_free(d->history);
    verdict_free(d->verdict);
    dnsbl_free(d->dnsbl);
    record_free(d->record);
    for (int i = 0; i < SIGNALS; i++)
        if (d->signals[i] != NULL)
            event_free(d->signals[i]);
    if (d->queue_readable != NULL)
        event_free(d->queue_readable);
    queue_free(d->queue);
    state_lock_free(d->state_lock);
    systemd_free(d->systemd);
    passed_free(d->passed);
    if (d->base != NULL)
        event_base_free(d->base);
    setup_release(d->setup);
}

int daemon_serve(struct config *config)
{
    struct daemon d = {.setup = NULL};
    struct error why = {0};
    int status = EX_OK;

    log_set_level(config->log_level);
    log_set_target(config->log_target);
    mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
    raise_file_limit();
    event_set_mem_functions(reserve_malloc, reserve_realloc, reserve_free);
    int rc = prepare(&d, config, &why);
    if (rc == 0)
        rc = start_rooms(&d, &why);
    if (rc == 0) {
        say_started(&d);
        systemd_ready(d.systemd);
        event_base_dispatch(d.base);
        log_notice(NULL, "stopped");
    } else {
        log_error(NULL, "%s", why.text);
        status = rc == ERR_ABSENT || rc == ERR_SYNTAX || rc == ERR_REFUSED ? EX_CONFIG : EX_OSERR;
    }
    stop_rooms(&d);
    return status;
}
