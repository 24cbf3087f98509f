/*
 * The disk thread. One poll over its mailbox, the file watcher, the log's eventfd and, while the
 * log's sink is full, the sink. Jobs run in the order in which they were posted; a long one (a
 * fsync on a busy disk) delays the log and the watcher, never the mail.
 */
#include "rcptguard/base/disk.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"

#define DISK_JOBS   1024
#define LOG_STOP_MS 2000

struct disk {
    pthread_t thread;
    struct queue *queue;
    struct watcher *watcher;
    atomic_bool stop;
    struct task wake;
};

static void *disk_main(void *arg)
{
    struct disk *d = arg;

    while (!atomic_load(&d->stop)) {
        struct pollfd fds[] = {
            {.fd = queue_fd(d->queue), .events = POLLIN},
            {.fd = watcher_fd(d->watcher), .events = POLLIN},
            {.fd = log_fd(), .events = POLLIN},
            {.fd = log_flush(), .events = POLLOUT},
        };
        int64_t now = clock_mono_ms();
        poll(fds, sizeof fds / sizeof fds[0], watcher_timeout_ms(d->watcher, now));
        queue_run(d->queue);
        watcher_run(d->watcher, clock_mono_ms());
    }
    while (queue_run(d->queue) > 0)
        ;
    log_stop(LOG_STOP_MS);
    return NULL;
}

/* Signals belong to the loop: a handler here would run beside it. */
static int start_thread(struct disk *d)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&d->thread, NULL, disk_main, d);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        pthread_setname_np(d->thread, "disk");
    return rc;
}

static void disk_free(struct disk *d)
{
    watcher_free(d->watcher);
    queue_free(d->queue);
    free(d);
}

struct disk *disk_start(struct error *why)
{
    struct disk *d = calloc(1, sizeof *d);
    if (d == NULL) {
        error_set(why, ERR_NOMEM, "no memory for the disk thread");
        return NULL;
    }
    atomic_init(&d->stop, false);
    d->queue = queue_new(DISK_JOBS);
    d->watcher = watcher_new(why);
    if (d->queue == NULL)
        error_set(why, ERR_IO, "cannot make the disk thread's queue");
    if (d->queue == NULL || d->watcher == NULL || log_start(why) < 0) {
        disk_free(d);
        return NULL;
    }
    int rc = start_thread(d);
    if (rc != 0) {
        error_set(why, ERR_IO, "cannot start the disk thread: %s", strerrordesc_np(rc));
        log_stop(0);
        disk_free(d);
        return NULL;
    }
    return d;
}

int disk_post(struct disk *d, struct task *task)
{
    return queue_post(d->queue, task);
}

struct watcher *disk_watcher(struct disk *d)
{
    return d->watcher;
}

static void do_nothing(struct task *self)
{
    (void)self;
}

void disk_stop(struct disk *d)
{
    if (d == NULL)
        return;
    atomic_store(&d->stop, true);
    /* Only to wake it; a full queue has woken it already. */
    d->wake.run = do_nothing;
    queue_post(d->queue, &d->wake);
    pthread_join(d->thread, NULL);
    disk_free(d);
}
