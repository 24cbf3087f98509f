/*
 * Reload: the new configuration is read on the disk thread, with all that hangs on it, and put into
 * force on the loop in one step. Whatever is wrong with it, the old one stays.
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
    d->house.addresses = &c->addresses;
    d->house.protect = d->setup->protect;
    d->house.observe = c->mode == MODE_OBSERVE;
}

static int configure_local(struct daemon *d, const struct config *c)
{
    int rc = local_configure(d->exclusions, &c->exclusions, &c->addresses, c->list_names,
                             c->n_list_names);

    return rc < 0 ? rc
                  : local_configure(d->blocks, &c->blocks, &c->addresses, c->list_names,
                                    c->n_list_names);
}

/* What can fail comes first, and is undone when the other fails. */
static int configure_rooms(struct daemon *d, const struct setup *fresh)
{
    int rc = configure_local(d, fresh->config);

    if (rc < 0 || (rc = feeds_configure(d->feeds, &fresh->feeds)) < 0)
        configure_local(d, d->setup->config);
    return rc;
}

/* FRESH is taken, and the one before let go, or FRESH when nothing could be changed. */
static void apply(struct daemon *d, struct setup *fresh)
{
    const struct config *c = fresh->config;
    struct setup *old = d->setup;

    if (configure_rooms(d, fresh) < 0) {
        log_error("reload", "no memory; nothing was changed");
        setup_release(fresh);
        return;
    }
    daemon_confirm_all(d, fresh);
    verdict_set_rules(d->verdict, &fresh->rules);
    policy_configure(d->policy, &c->policy);
    history_configure(d->history, c->history_s, c->history_max_bytes);
    d->setup = fresh;
    d->house.reloaded_at = clock_now();
    daemon_fill_house(d);
    log_set_level(c->log_level);
    log_set_target(c->log_target);
    setup_release(old);
    log_notice("reload", "%s is in force: %zu feeds, mode %s", c->path, c->n_feeds,
               c->mode == MODE_OBSERVE ? "observe" : "enforce");
}

/* On the loop. */
static void finish_reload(struct task *task)
{
    struct reload *r = (struct reload *)task;
    struct daemon *d = r->daemon;
    struct error why;

    r->busy = false;
    if (r->fresh != NULL && !d->stopping) {
        if (config_can_reload(d->setup->config, r->fresh->config, &why) < 0) {
            log_error("reload", "%s; nothing was changed", why.text);
            setup_release(r->fresh);
        } else {
            apply(d, r->fresh);
        }
    } else {
        setup_release(r->fresh);
    }
    r->fresh = NULL;
    if (r->again && !d->stopping)
        daemon_reload(d);
}

/* On the disk thread: reads the configuration and all that hangs on it. */
static void read_config(struct task *task)
{
    struct reload *r = (struct reload *)task;
    struct config_problems problems = {0};
    struct config *config = NULL;
    int rc = config_load(r->daemon->setup->config->path, &config, &problems);

    for (size_t i = 0; i < problems.count; i++) {
        if (problems.items[i].warning)
            log_warning(NULL, "%s", problems.items[i].text);
        else
            log_error(NULL, "%s", problems.items[i].text);
    }
    config_problems_free(&problems);
    if (rc < 0)
        log_error("reload", "the configuration has errors; nothing was changed");
    r->fresh = rc < 0 ? NULL : setup_new(config, r->daemon->setup);
    if (rc == 0 && r->fresh == NULL)
        log_error("reload", "no memory; nothing was changed");
    r->task.run = finish_reload;
    queue_post(r->daemon->queue, &r->task);
}

void daemon_reload(struct daemon *d)
{
    struct reload *r = &d->reload;

    r->again = r->busy;
    if (r->busy)
        return;
    r->daemon = d;
    r->task.run = read_config;
    r->busy = true;
    if (disk_post(d->disk, &r->task) == 0)
        return;
    r->busy = false;
    log_error("reload", "the disk thread is too busy; nothing was changed, try again");
}
