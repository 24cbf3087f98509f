/*
 * The log of decisions.
 *
 * It has a thread of its own because its file may hang where nothing else does: /var/log, a network
 * file system, a FIFO; and the disk thread has to bring exclusions into force meanwhile. The loop
 * only copies a line into the ring. It wakes the thread for the first line since that last looked,
 * and the thread then lets some gather, so that many decisions cost few system calls on either
 * side.
 *
 * A line is in the ring until it is written. While the file takes nothing the ring fills up, and
 * what finds no room is lost and counted; once an eighth is free again, a line in the place of
 * those that are missing says how many they were.
 */
#include "decision_log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "decision_file.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/line_ring.h"
#include "rcptguard/base/log.h"
#include "rcptguard/base/seldom.h"
#include "rcptguard/base/wake.h"

#define SUBJECT     "decisions"
#define RING_BYTES  (1u << 20) /* some 2500 lines; untouched pages cost nothing */
#define RING_RESUME (RING_BYTES / 8)
#define NOTE_BYTES  128
#define GATHER_MS   10
#define RETRY_MS    1000
#define HANGS_MS    2000 /* a write that takes longer is called a disk that hangs */
#define STOP_MS     1000
#define COMPLAIN_MS 60000

struct change {
    uint64_t at;           /* lines from here on go to the new file */
    char *path;            /* NULL: none */
    struct change *before; /* one that the thread had not taken yet, or NULL */
};

struct decision_log {
    /* The loop's. */
    char *file; /* NULL: none */
    uint64_t lines;
    uint64_t unspoken; /* lost, and no line says so yet */
    struct seldom complained;
    bool running; /* the thread; it stays so when it hangs at the end */

    /* Both threads'. */
    struct line_ring ring;
    int lines_fd, orders_fd, ended_fd; /* eventfds */
    atomic_bool woken;                 /* lines_fd was written and not read yet */
    _Atomic(struct change *) change;   /* the last one; whoever takes it out frees it */
    atomic_bool reopen, stop;
    _Atomic uint64_t lost;
    atomic_int problem;            /* as of decision_file_open; 0: none */
    _Atomic int64_t writing_since; /* by clock_mono_ms; 0: it does not */
    pthread_t thread;

    /* The thread's. */
    char *path; /* NULL: none */
    struct decision_file out;
    uint64_t sent;    /* in the ring: what OUT has taken, lines or half of one */
    int64_t retry_ms; /* OUT takes nothing before; 0: it does */
    int told;         /* the problem that the last warning was about; 0: it is over */
    int64_t told_ms;
};

/* ---- the thread ----------------------------------------------------------------------------- */

static void close_file(struct decision_log *l)
{
    decision_file_close(&l->out);
    l->sent = line_ring_tail(&l->ring); /* a line that it has half is written again */
}

/* Once, and not more often than every minute when it comes and goes. A FIFO that is full for a
 * moment is nothing to speak of. */
static void tell(struct decision_log *l, int problem)
{
    int64_t now = clock_mono_ms();

    if (problem == EAGAIN || problem == l->told ||
        (l->told_ms != 0 && now - l->told_ms < COMPLAIN_MS))
        return;
    l->told = problem;
    l->told_ms = now;
    log_warning(SUBJECT, "%s: %s; up to %u KiB of lines wait for it, more are lost", l->path,
                decision_file_problem(problem), RING_BYTES / 1024);
}

static void have_problem(struct decision_log *l, int problem)
{
    if (problem == EPIPE)
        problem = ENXIO;
    atomic_store(&l->problem, problem);
    l->retry_ms = clock_mono_ms() + RETRY_MS;
    tell(l, problem);
    /* What lacks room only goes on where it stopped. */
    if (problem != EAGAIN && problem != ENOSPC && problem != EDQUOT && problem != EFBIG)
        close_file(l);
}

static void be_well(struct decision_log *l)
{
    if (l->told != 0)
        log_notice(SUBJECT, "%s is written again; %llu lines lost since the start", l->path,
                   (unsigned long long)atomic_load(&l->lost));
    l->told = 0;
    l->retry_ms = 0;
    atomic_store(&l->problem, 0);
}

static bool make_ready(struct decision_log *l)
{
    if (l->out.fd >= 0 && !decision_file_is_at(&l->out, l->path))
        close_file(l);
    int problem = l->out.fd >= 0 ? 0 : decision_file_open(&l->out, l->path);
    if (problem != 0)
        have_problem(l, problem);
    return problem == 0;
}

static void write_out(struct decision_log *l, uint64_t end)
{
    if (!make_ready(l))
        return;
    while (l->sent < end) {
        struct view piece = line_ring_piece(&l->ring, l->sent, end);
        ssize_t n = decision_file_write(&l->out, piece.ptr, piece.len);
        if (n < 0) {
            have_problem(l, errno);
            return;
        }
        l->sent += (uint64_t)n;
        line_ring_free(&l->ring, l->sent);
    }
    be_well(l);
}

static void write_lines(struct decision_log *l, uint64_t end)
{
    int64_t now = clock_mono_ms();

    if (l->path == NULL || now < l->retry_ms)
        return;
    atomic_store(&l->writing_since, now);
    write_out(l, end);
    atomic_store(&l->writing_since, 0);
}

/* Without a file nothing waits, or it would turn up in another one some day. Behind END may already
 * be lines for the next one. */
static void let_go(struct decision_log *l, uint64_t end)
{
    atomic_fetch_add(&l->lost, line_ring_lines(&l->ring, end));
    line_ring_free(&l->ring, end);
    l->sent = end;
}

/* What the file before does not take goes to the new one. */
static void take_change(struct decision_log *l, struct change *change)
{
    uint64_t at = change->at;

    if (change->before != NULL)
        take_change(l, change->before);
    write_lines(l, at);
    close_file(l);
    free(l->path);
    l->path = change->path;
    free(change);
    l->retry_ms = l->told_ms = 0;
    l->told = 0;
    atomic_store(&l->problem, 0);
    if (l->path == NULL)
        let_go(l, at);
}

static void obey(struct decision_log *l)
{
    struct change *change = atomic_exchange(&l->change, NULL);

    if (change != NULL)
        take_change(l, change);
    /* Whether the file is another one by now is looked at before each batch. One that is the same
     * stays open: half a line may be in it, which its rest must follow. */
    if (atomic_exchange(&l->reopen, false) || atomic_load(&l->stop))
        l->retry_ms = 0;
}

static int retry_in_ms(const struct decision_log *l)
{
    int64_t left = l->retry_ms - clock_mono_ms();
    return l->retry_ms == 0 ? -1 : left > 0 ? (int)left : 0;
}

static void wait_for_work(struct decision_log *l)
{
    bool in_trouble = l->retry_ms != 0;
    struct pollfd fds[] = {
        {.fd = l->orders_fd, .events = POLLIN},
        {.fd = in_trouble ? -1 : l->lines_fd, .events = POLLIN},
        {.fd = in_trouble && atomic_load(&l->problem) == EAGAIN ? l->out.fd : -1,
         .events = POLLOUT},
    };

    poll(fds, sizeof fds / sizeof fds[0], retry_in_ms(l));
    if (fds[0].revents != 0)
        wake_clear(l->orders_fd);
    if (fds[2].revents != 0)
        l->retry_ms = 0;
    if (fds[1].revents == 0)
        return;
    poll(NULL, 0, GATHER_MS);
    wake_clear(l->lines_fd);
    atomic_store(&l->woken, false);
}

/*
 * First the end, then the orders: of all lines before that end the change of file that came before
 * them is seen, so none goes to a file that was not meant any more when it was decided.
 */
static void work(struct decision_log *l)
{
    uint64_t end = line_ring_head(&l->ring);

    obey(l);
    write_lines(l, end);
}

static void *log_main(void *arg)
{
    struct decision_log *l = arg;

    while (!atomic_load(&l->stop)) {
        wait_for_work(l);
        work(l);
    }
    work(l);
    close_file(l);
    wake_signal(l->ended_fd);
    return NULL;
}

/* ---- the loop: start and end ---------------------------------------------------------------- */

/* Signals belong to the loop. */
static int start_thread(struct decision_log *l)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&l->thread, NULL, log_main, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        pthread_setname_np(l->thread, "decisions");
    return rc;
}

static bool open_fds(struct decision_log *l)
{
    l->lines_fd = wake_open();
    l->orders_fd = wake_open();
    l->ended_fd = wake_open();
    return l->lines_fd >= 0 && l->orders_fd >= 0 && l->ended_fd >= 0;
}

struct decision_log *decision_log_new(struct error *why)
{
    struct decision_log *l = calloc(1, sizeof *l);
    char *bytes = malloc(RING_BYTES);
    int rc;

    if (l == NULL || bytes == NULL) {
        error_set(why, ERR_NOMEM, "no memory; nothing is logged");
        free(l);
        free(bytes);
        return NULL;
    }
    line_ring_init(&l->ring, bytes, RING_BYTES);
    l->out.fd = -1;
    if (!open_fds(l))
        error_errno(why, "cannot make an eventfd; nothing is logged");
    else if ((rc = start_thread(l)) != 0)
        error_set(why, ERR_IO, "cannot start the thread: %s; nothing is logged",
                  strerrordesc_np(rc));
    else
        l->running = true;
    if (l->running)
        return l;
    decision_log_free(l);
    return NULL;
}

int decision_log_to(struct decision_log *l, const char *file)
{
    bool same = file == NULL || l->file == NULL ? file == l->file : strcmp(file, l->file) == 0;
    struct change *change = same ? NULL : malloc(sizeof *change);
    char *ours = file == NULL || same ? NULL : strdup(file);
    char *its = file == NULL || same ? NULL : strdup(file);

    if (same)
        return 0;
    if (change == NULL || (file != NULL && (ours == NULL || its == NULL))) {
        free(change);
        free(ours);
        free(its);
        return ERR_NOMEM;
    }
    free(l->file);
    l->file = ours;
    if (file == NULL)
        l->unspoken = 0; /* who is missing there is no business of the next file */
    *change = (struct change){line_ring_head(&l->ring), its, atomic_load(&l->change)};
    while (!atomic_compare_exchange_weak(&l->change, &change->before, change))
        ;
    wake_signal(l->orders_fd);
    return 0;
}

void decision_log_reopen(struct decision_log *l)
{
    atomic_store(&l->reopen, true);
    wake_signal(l->orders_fd);
}

/* ---- the loop: lines ------------------------------------------------------------------------ */

static const char *problem_of(const struct decision_log *l)
{
    int problem = atomic_load(&l->problem);
    int64_t since = atomic_load(&l->writing_since);

    if (problem != 0)
        return decision_file_problem(problem);
    return since != 0 && clock_mono_ms() - since > HANGS_MS ? "its disk does not answer" : NULL;
}

static void lose(struct decision_log *l)
{
    const char *problem = problem_of(l);

    l->unspoken++;
    atomic_fetch_add(&l->lost, 1);
    if (!seldom_say(&l->complained, clock_mono_ms(), COMPLAIN_MS))
        return;
    log_warning(SUBJECT, "%s: lines are lost, %llu since the start: %s", l->file,
                (unsigned long long)atomic_load(&l->lost),
                problem != NULL ? problem : "they come faster than they are written");
}

static bool put_note(struct decision_log *l, size_t spare)
{
    char note[NOTE_BYTES], time[21];
    struct text t = text_on(note, sizeof note);

    text_addf(&t, "{\"lost\":%llu,\"time\":\"%s\"}", (unsigned long long)l->unspoken,
              clock_time_text(clock_now(), time));
    if (!line_ring_put(&l->ring, text_view(&t), spare))
        return false;
    l->unspoken = 0;
    return true;
}

static void wake(struct decision_log *l)
{
    if (atomic_load(&l->woken) || atomic_exchange(&l->woken, true))
        return;
    wake_signal(l->lines_fd);
}

void decision_log_add(struct decision_log *l, const struct record_decision *d)
{
    char line[RECORD_JSON_BYTES];
    struct text t = text_on(line, sizeof line);

    record_json(&t, d);
    if ((l->unspoken > 0 && !put_note(l, RING_RESUME)) ||
        !line_ring_put(&l->ring, text_view(&t), 0))
        lose(l);
    else
        l->lines++;
    wake(l);
}

void decision_log_look(const struct decision_log *l, struct record_log *look)
{
    look->file = l->file;
    look->lines = l->lines;
    look->lost = atomic_load(&l->lost);
    look->waiting = (size_t)(line_ring_head(&l->ring) - line_ring_tail(&l->ring));
    look->problem = l->file == NULL ? NULL : problem_of(l);
}

/* ---- the loop: the end ---------------------------------------------------------------------- */

static bool has_ended(struct decision_log *l)
{
    if (!wake_wait(l->ended_fd, STOP_MS))
        return false;
    pthread_join(l->thread, NULL);
    return true;
}

void decision_log_stop(struct decision_log *l)
{
    if (!l->running || atomic_load(&l->stop))
        return;
    if (l->unspoken > 0)
        put_note(l, 0);
    atomic_store(&l->stop, true);
    wake_signal(l->orders_fd);
    l->running = !has_ended(l);
    uint64_t left = l->running ? 0 : line_ring_lines(&l->ring, line_ring_head(&l->ring));
    if (l->running)
        log_warning(SUBJECT, "the disk does not take the last lines; they are lost");
    else if (left > 0)
        log_warning(SUBJECT, "%s: the last %llu lines are lost: %s", l->file,
                    (unsigned long long)left, decision_file_problem(atomic_load(&l->problem)));
}

/* While the thread hangs in a write all stays: the process is about to end. */
void decision_log_free(struct decision_log *l)
{
    if (l == NULL || l->running)
        return;
    for (struct change *c = atomic_load(&l->change), *before; c != NULL; c = before) {
        before = c->before;
        free(c->path);
        free(c);
    }
    for (int i = 0; i < 3; i++) {
        int fd = (int[]){l->lines_fd, l->orders_fd, l->ended_fd}[i];
        if (fd >= 0)
            close(fd);
    }
    free(l->path);
    free(l->file);
    free(l->ring.bytes);
    free(l);
}
