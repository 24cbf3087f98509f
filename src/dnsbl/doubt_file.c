/*
 * The file of doubtful times, state_dir/dnsbl.doubts: a few lines of text, written as soon as one
 * begins or ends, so that a process that is killed while a zone is mad knows of it when it is
 * started again. Without fsync: after the machine went down, its resolver remembers nothing either.
 */
#include <stdio.h>

#include "parts.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"
#include "rcptguard/base/summed.h"

#define MAX_BYTES 65536
#define AGAIN_MS  1000 /* between two writes: a zone may lose probe after probe */

struct doubt_job {
    struct task task;
    struct doubt_save *save;
    struct buf bytes;
    struct error why;
    int rc;
};

struct doubt_save {
    struct dnsbl *dnsbl;
    struct disk *disk;
    struct queue *loop;
    struct event *again;
    bool changed, writing, resting, failing;
};

void doubt_load(struct dnsbl *d)
{
    struct buf bytes = BUF_INIT(MAX_BYTES);
    struct error why = {0};

    int rc = summed_read(d->doubt_file, MAX_BYTES, &bytes, NULL, &why);
    if (rc == 0 &&
        (rc = doubts_read(&d->doubts, buf_view(&bytes), clock_now(), clock_mono_ms(), &why)) < 0)
        error_prefix(&why, "%s", d->doubt_file);
    if (rc < 0 && rc != ERR_ABSENT) {
        log_warning("dnsbl",
                    "%s; a resolver may remember what a zone listed in a mad time: for %d h zones "
                    "refuse nobody by answers that may be from before; if none was mad, stop "
                    "rcptguardd, remove the file and start it",
                    why.text, DOUBT_LOST_S / 3600);
        doubts_lose(&d->doubts, clock_mono_ms());
    }
    buf_free(&bytes);
}

/* On the loop. */
static void written(struct task *task)
{
    struct doubt_job *job = (struct doubt_job *)task;
    struct doubt_save *s = job->save;

    if (job->rc < 0 && !s->failing)
        log_warning("dnsbl", "when zones were not to be believed is not kept: %s", job->why.text);
    s->failing = job->rc < 0;
    s->changed |= s->failing; /* on_again tries it again */
    s->writing = false;
    buf_free(&job->bytes);
    free(job);
}

/* On the disk thread. */
static void write_file(struct task *task)
{
    struct doubt_job *job = (struct doubt_job *)task;

    job->rc =
        summed_replace_lazily(job->save->dnsbl->doubt_file, 0600, buf_view(&job->bytes), &job->why);
    task->run = written;
    queue_post(job->save->loop, task);
}

static void write_now(struct doubt_save *s)
{
    struct doubt_job *job = calloc(1, sizeof *job);

    if (job == NULL)
        return;
    *job = (struct doubt_job){.task = {.run = write_file}, .save = s, .bytes = BUF_INIT(MAX_BYTES)};
    doubts_write(&s->dnsbl->doubts, &job->bytes, clock_now(), clock_mono_ms());
    if (!job->bytes.failed && disk_post(s->disk, &job->task) == 0) {
        s->writing = true;
        s->changed = false;
        return;
    }
    buf_free(&job->bytes);
    free(job);
}

static void write_or_wait(struct doubt_save *s)
{
    if (s->resting || s->writing)
        return;
    write_now(s);
    s->resting = true;
    timer_set(s->again, AGAIN_MS);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    struct doubt_save *s = arg;

    (void)fd;
    (void)what;
    s->resting = s->writing;
    if (s->resting)
        timer_set(s->again, AGAIN_MS);
    else if (s->changed)
        write_or_wait(s);
}

void doubt_changed(struct dnsbl *d)
{
    if (d->doubt_save == NULL)
        return;
    d->doubt_save->changed = true;
    write_or_wait(d->doubt_save);
}

int doubt_start(struct dnsbl *d, struct disk *disk, struct queue *loop, struct error *why)
{
    struct doubt_save *s = calloc(1, sizeof *s);

    if (s == NULL)
        return error_set(why, ERR_NOMEM, "no memory");
    *s = (struct doubt_save){.dnsbl = d, .disk = disk, .loop = loop};
    d->doubt_save = s;
    s->again = timer_new(d, on_again, s);
    if (s->again == NULL)
        return error_set(why, ERR_NOMEM, "no memory");
    /* Else the next start would lose them once more, and count its day from then. */
    if (d->doubts.lost)
        doubt_changed(d);
    return 0;
}

void doubt_stop(struct dnsbl *d)
{
    if (d->doubt_save != NULL && d->doubt_save->changed)
        write_now(d->doubt_save);
}

void doubt_free(struct dnsbl *d)
{
    struct doubt_save *s = d->doubt_save;

    if (s == NULL)
        return;
    timer_free(s->again);
    free(s);
    d->doubt_save = NULL;
}
