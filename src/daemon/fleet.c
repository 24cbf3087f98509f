/* The fleet's place in the daemon: its files are two more of the kind that this site has itself. */
#include <stdlib.h>
#include <string.h>

#include "house.h"
#include "rcptguard/base/log.h"

static void describe_list(const struct blocklist *bl, const struct feed_status *status,
                          struct fleet_list *out)
{
    snprintf(out->name, sizeof out->name, "%s", status->name);
    out->checked_at = status->last_success;
    for (size_t i = 0; bl != NULL && i < blocklist_lists(bl); i++) {
        const struct blocklist_list *list = blocklist_list(bl, i);
        if (strcmp(list->name, status->name) != 0)
            continue;
        memcpy(out->digest, list->copy, sizeof out->digest);
        out->entries = list->entries;
    }
}

void daemon_tell_lists(struct daemon *d)
{
    const struct blocklist *bl = verdict_blocklist(d->verdict);
    const struct feed_status *status;
    size_t n = 0;

    if (d->fleet == NULL)
        return;
    while (feeds_status(d->feeds, n) != NULL)
        n++;
    struct fleet_list *lists = calloc(n + 1, sizeof *lists);
    for (size_t i = 0; lists != NULL && (status = feeds_status(d->feeds, i)) != NULL; i++)
        describe_list(bl, status, &lists[i]);
    if (lists != NULL)
        fleet_tell_lists(d->fleet, lists, n);
    free(lists);
}

static void take(struct daemon *d, enum local_kind kind, struct local_table *table,
                 const struct local_state *state)
{
    d->shared_state[kind] = *state;
    daemon_retire(d, d->shared[kind], verdict_set_shared(d->verdict, kind, table));
}

static void on_exclusions(struct local_table *table, const struct local_state *state, void *arg)
{
    take(arg, LOCAL_EXCLUSIONS, table, state);
}

static void on_blocks(struct local_table *table, const struct local_state *state, void *arg)
{
    take(arg, LOCAL_BLOCKS, table, state);
}

/* Lists that a line names may be another relay's: none is unknown. */
static struct local_config file_of(const struct daemon *d, const struct config *c,
                                   enum local_kind kind, char dir[4096])
{
    snprintf(dir, 4096, "%s/fleet", c->state_dir);
    return (struct local_config){kind, fleet_file(d->fleet, kind), dir, true};
}

int daemon_load_fleet(struct daemon *d, const struct config *c, struct error *why)
{
    char dir[4096];

    if (c->fleet.url[0] == '\0')
        return 0;
    d->fleet = fleet_new(&c->fleet, why);
    if (d->fleet == NULL)
        return error_prefix(why, "redis");
    fleet_protect(d->fleet, d->setup->protect);
    for (enum local_kind i = LOCAL_EXCLUSIONS; i <= LOCAL_BLOCKS; i++) {
        struct local_table *first = NULL;
        const struct local_config file = file_of(d, c, i, dir);
        if (file.file == NULL)
            continue;
        d->shared[i] = local_new(&file, &c->addresses, NULL, 0, &first, &d->shared_state[i], why);
        if (d->shared[i] == NULL)
            return why->code;
        verdict_set_shared(d->verdict, i, first);
    }
    return 0;
}

int daemon_start_fleet(struct daemon *d, struct error *why)
{
    static local_changed *const changed[] = {on_exclusions, on_blocks};

    if (d->fleet == NULL)
        return 0;
    for (unsigned i = 0; i < 2; i++)
        if (d->shared[i] != NULL &&
            local_watch(d->shared[i], d->disk, d->queue, changed[i], d, why) < 0)
            return why->code;
    return fleet_start(d->fleet, d->shared, why);
}

int daemon_configure_fleet(struct daemon *d, const struct config *c)
{
    char dir[4096];
    int rc = 0;

    for (enum local_kind i = LOCAL_EXCLUSIONS; rc == 0 && i <= LOCAL_BLOCKS; i++) {
        const struct local_config file = file_of(d, c, i, dir);
        if (d->shared[i] != NULL)
            rc = local_configure(d->shared[i], &file, &c->addresses, NULL, 0);
    }
    return rc;
}

void daemon_revert_fleet(struct daemon *d)
{
    for (enum local_kind i = LOCAL_EXCLUSIONS; i <= LOCAL_BLOCKS; i++)
        if (d->shared[i] != NULL)
            local_revert(d->shared[i]);
}

void daemon_take_fleet(struct daemon *d)
{
    for (enum local_kind i = LOCAL_EXCLUSIONS; i <= LOCAL_BLOCKS; i++)
        if (d->shared[i] != NULL)
            local_take(d->shared[i]);
}
