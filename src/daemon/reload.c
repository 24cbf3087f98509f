/*
 * Reload: the new configuration is read on the disk thread, with all that hangs on it, and put into
 * force on the loop in one step. Whatever is wrong with it, the old one stays.
 *
 * The exclusions and blocks are read under the new settings before these count, and are in force
 * with them: an exclusion must not be missing for the moment between.
 */
#include <string.h>

#include "house.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"

void daemon_confirm(struct setup *s, const struct feed_status *status)
{
    for (size_t i = 0; i < s->rules.n_lists; i++)
        if (strcmp(s->lists[i].name, status->name) == 0)
            s->lists[i].confirmed_at = status->last_success;
}

void daemon_confirm_all(struct daemon *d, struct setup *s)
{
    const struct feed_status *status;
    for (size_t i = 0; (status = feeds_status(d->feeds, i)) != NULL; i++)
        daemon_confirm(s, status);
}

void daemon_fill_house(struct daemon *d)
{
    const struct config *c = d->setup->config;

    d->house.exclusions_file = c->exclusions.file;
    d->house.blocks_file = c->blocks.file;
    d->house.state_dir = c->state_dir;
    d->house.addresses = &c->addresses;
    d->house.protect = d->setup->protect;
    d->house.protect_problem = d->setup->protect_problem.text;
    d->house.observe = c->mode == MODE_OBSERVE;
}

void daemon_log_decisions(struct daemon *d, const struct config *c)
{
    struct error why;

    if (record_log_to(d->record, c->decisions_file, c->decisions_passes, &why) < 0)
        log_warning("decisions", "%s", why.text);
}

static void take_local(struct daemon *d)
{
    local_take(d->exclusions);
    local_take(d->blocks);
    daemon_take_fleet(d);
}

static void finish_reload(struct task *task);
static void finish_going_back(struct task *task);

/* ---- the disk thread ---- */

static int configure_local(struct daemon *d, const struct config *c)
{
    int rc = local_configure(d->exclusions, &c->exclusions, &c->addresses, c->list_names,
                             c->n_list_names);

    if (rc == 0)
        rc = local_configure(d->blocks, &c->blocks, &c->addresses, c->list_names, c->n_list_names);
    return rc < 0 ? rc : daemon_configure_fleet(d, c);
}

/* The files as the settings in force read them. */
static void revert_local(struct daemon *d)
{
    local_revert(d->exclusions);
    local_revert(d->blocks);
    daemon_revert_fleet(d);
}

/* The first error is in *FIRST. */
static void log_problems(const struct config_problems *problems, struct error *first)
{
    bool is_first = true;

    for (size_t i = 0; i < problems->count; i++) {
        const struct config_problem *p = &problems->items[i];
        if (p->warning) {
            log_warning(NULL, "%s", p->text);
            continue;
        }
        log_error(NULL, "%s", p->text);
        if (is_first)
            error_set(first, ERR_SYNTAX, "%s", p->text);
        is_first = false;
    }
}

/* The configuration, if it is one that can be put into force; else NULL with r->bad, and *WORDS for
 * the log. */
static struct config *load_config(struct reload *r, const char **words)
{
    const struct config *running = r->daemon->setup->config;
    struct config_problems problems = {0};
    struct config *config = NULL;
    int rc = config_load(running->path, &config, &problems);

    error_set(&r->bad, ERR_NOMEM, "no memory");
    log_problems(&problems, &r->bad);
    config_problems_free(&problems);
    *words = rc == ERR_IO || rc == ERR_NOMEM ? "the configuration cannot be read now"
                                             : "the configuration has errors";
    if (rc < 0)
        return NULL;
    *words = r->bad.text;
    if (config_can_reload(running, config, &r->bad) == 0)
        return config;
    config_release(config);
    return NULL;
}

static struct setup *make_setup(struct reload *r, struct config *config)
{
    struct daemon *d = r->daemon;
    struct setup *fresh = setup_new(config, d->setup);

    if (fresh != NULL && configure_local(d, fresh->config) == 0)
        return fresh;
    revert_local(d);
    setup_release(fresh);
    return NULL;
}

/* Reads the configuration and all that hangs on it. What hangs on one that is not taken is not
 * looked at: it has its own copies to keep. */
static void read_config(struct task *task)
{
    struct reload *r = (struct reload *)task;
    const char *words;
    struct config *config = load_config(r, &words);

    r->fresh = config == NULL ? NULL : make_setup(r, config);
    if (r->fresh == NULL)
        log_error("reload", "%s; nothing was changed", words);
    r->task.run = finish_reload;
    queue_post(r->daemon->queue, &r->task);
}

static void go_back(struct task *task)
{
    struct reload *r = (struct reload *)task;

    revert_local(r->daemon);
    r->task.run = finish_going_back;
    queue_post(r->daemon->queue, &r->task);
}

/* ---- the loop ---- */

/* Both or none: of a feed that is gone even the stored copy is deleted. */
static int configure_rooms(struct daemon *d, const struct setup *fresh, struct error *why)
{
    struct feeds_change *feeds;
    int rc = feeds_prepare(d->feeds, &fresh->feeds, &feeds);

    if (rc == 0)
        rc = dnsbl_configure(d->dnsbl, &fresh->dnsbl, why);
    if (rc == 0)
        feeds_configure(d->feeds, feeds);
    else
        feeds_change_free(feeds);
    return rc;
}

/* The configuration of before stays in force. */
static void refuse(struct reload *r, const struct error *why)
{
    log_error("reload", "%s; nothing was changed", why->text);
    r->failed = *why;
}

/* FRESH is taken, and the one before let go; or, below 0, nothing could be changed, and FRESH is
 * let go. */
static int apply(struct daemon *d, struct setup *fresh)
{
    const struct config *c = fresh->config;
    struct setup *old = d->setup;
    struct error why;

    error_set(&why, ERR_NOMEM, "no memory"); /* of rooms that can say nothing else */
    if (configure_rooms(d, fresh, &why) < 0) {
        refuse(&d->reload, &why);
        setup_release(fresh);
        return why.code;
    }
    daemon_confirm_all(d, fresh);
    verdict_set_rules(d->verdict, &fresh->rules);
    take_local(d);
    fleet_protect(d->fleet, fresh->protect);
    policy_configure(d->policy, &c->policy);
    history_configure(d->history, c->history_s, c->history_max_bytes);
    daemon_log_decisions(d, c);
    d->setup = fresh;
    d->house.reloaded_at = clock_now();
    d->reload.failed.text[0] = '\0';
    daemon_fill_house(d);
    log_set_level(c->log_level);
    log_set_target(c->log_target);
    setup_release(old);
    log_notice("reload", "%s is in force: %zu feeds, %zu DNS zones, mode %s", c->path, c->n_feeds,
               c->n_zones, c->mode == MODE_OBSERVE ? "observe" : "enforce");
    return 0;
}

static void end_reload(struct reload *r)
{
    struct daemon *d = r->daemon;

    r->busy = false;
    take_local(d);
    if (d->stopping)
        return;
    if (r->again)
        daemon_reload(d);
    if (!r->busy)
        systemd_ready(d->systemd);
}

static void finish_going_back(struct task *task)
{
    end_reload((struct reload *)task);
}

/* True: RUN will be called on the disk thread. */
static bool post(struct reload *r, void (*run)(struct task *))
{
    r->task.run = run;
    return disk_post(r->daemon->disk, &r->task) == 0;
}

static void finish_reload(struct task *task)
{
    struct reload *r = (struct reload *)task;
    struct setup *fresh = r->fresh;

    r->fresh = NULL;
    if (fresh == NULL)
        r->failed = r->bad; /* that was logged */
    else if (r->daemon->stopping)
        setup_release(fresh);
    else if (apply(r->daemon, fresh) < 0 && post(r, go_back))
        return;
    end_reload(r);
}

void daemon_reload(struct daemon *d)
{
    struct reload *r = &d->reload;

    if (d->stopping)
        return;
    r->again = r->busy;
    if (r->busy)
        return;
    r->daemon = d;
    r->busy = post(r, read_config);
    if (r->busy) {
        systemd_reloading(d->systemd);
        return;
    }
    error_set(&r->bad, ERR_LIMIT, "the disk thread is too busy, try again");
    refuse(r, &r->bad);
}
