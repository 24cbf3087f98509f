/*
 * The disk thread. One poll over its mailboxes, the file watcher, the log's eventfd and, while the
 * log's sink is full, the sink. Jobs run in the order in which they were posted; a long one (a
 * fsync on a busy disk) delays the log and the watcher, never the mail.
 *
 * Log lines and records of decisions come with every refusal. The first is written at once; then
 * nobody is woken by more of them for a moment, in which they gather. Else each refusal would cost
 * two changes of thread, several times what it costs itself.
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
#define GATHER_MS   10 /* the log's ring takes three times what may come meanwhile */

struct disk {
    pthread_t thread;
    struct queue *queue, *records;
    struct watcher *watcher;
    atomic_bool stop;
    struct task wake;
};

/* What gathers: until when, and the log's sink while that is full (else -1). */
struct gathered {
    int64_t until_ms;
    int full_fd;
};

static int sooner(int a_ms, int b_ms)
{
    return a_ms < 0 || (b_ms >= 0 && b_ms < a_ms) ? b_ms : a_ms;
}

/* True: what has gathered is to be written. */
static bool wait_for_work(const struct disk *d, struct gathered *g)
{
    int64_t now = clock_mono_ms();
    int left_ms = now < g->until_ms ? (int)(g->until_ms - now) : -1;
    bool gathering = left_ms >= 0;
    struct pollfd fds[] = {
        {.fd = queue_fd(d->queue), .events = POLLIN},
        {.fd = watcher_fd(d->watcher), .events = POLLIN},
        {.fd = gathering ? -1 : queue_fd(d->records), .events = POLLIN},
        {.fd = gathering ? -1 : log_fd(), .events = POLLIN},
        {.fd = g->full_fd, .events = POLLOUT}, /* it is the logger that wakes us, no refusal */
    };

    if (poll(fds, sizeof fds / sizeof fds[0],
             sooner(watcher_timeout_ms(d->watcher, now), left_ms)) == 0)
        g->until_ms = now; /* whatever the clock says */
    return (fds[2].revents | fds[3].revents | fds[4].revents) != 0;
}

static void write_gathered(const struct disk *d, struct gathered *g)
{
    queue_run(d->records);
    g->full_fd = log_flush();
    g->until_ms = clock_mono_ms() + GATHER_MS;
}

static void *disk_main(void *arg)
{
    struct disk *d = arg;
    struct gathered gathered = {.full_fd = -1};

    while (!atomic_load(&d->stop)) {
        bool some = wait_for_work(d, &gathered);
        queue_run(d->queue);
        watcher_run(d->watcher, clock_mono_ms());
        if (some)
            write_gathered(d, &gathered);
    }
    while (queue_run(d->queue) + queue_run(d->records) > 0)
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
    queue_free(d->records);
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
    d->records = queue_new(DISK_JOBS);
    d->watcher = watcher_new(why);
    if (d->queue == NULL || d->records == NULL)
        error_set(why, ERR_IO, "cannot make the disk thread's queues");
    if (d->queue == NULL || d->records == NULL || d->watcher == NULL || log_start(why) < 0) {
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

int disk_post_record(struct disk *d, struct task *task)
{
    return queue_post(d->records, task);
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
