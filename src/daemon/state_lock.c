/* See state_lock.h. */
#include "state_lock.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "rcptguard/base/log.h"

/* Longer than a stop may take. */
static const struct timeval look_again = {5, 0};

struct state_lock {
    int fd;
    struct event *again; /* timer */
    char dir[PATH_MAX];
};

static bool is_held_by_others(const struct state_lock *l)
{
    return flock(l->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    const struct state_lock *l = arg;

    (void)fd;
    (void)what;
    if (is_held_by_others(l))
        log_warning(NULL,
                    "another rcptguardd uses %s: each overwrites what the other keeps for its next "
                    "start; give this one a state_dir of its own, or stop the other one",
                    l->dir);
}

struct state_lock *state_lock_new(struct event_base *base, const char *state_dir)
{
    struct state_lock *l = calloc(1, sizeof *l);
    char path[PATH_MAX + sizeof "/lock"];

    if (l == NULL)
        return NULL;
    snprintf(l->dir, sizeof l->dir, "%s", state_dir);
    snprintf(path, sizeof path, "%s/lock", l->dir);
    l->fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (l->fd >= 0 && !is_held_by_others(l))
        return l;
    l->again = l->fd < 0 ? NULL : evtimer_new(base, on_again, l);
    if (l->again != NULL && evtimer_add(l->again, &look_again) == 0)
        return l;
    state_lock_free(l);
    return NULL;
}

void state_lock_free(struct state_lock *l)
{
    if (l == NULL)
        return;
    if (l->again != NULL)
        event_free(l->again);
    if (l->fd >= 0)
        close(l->fd);
    free(l);
}
