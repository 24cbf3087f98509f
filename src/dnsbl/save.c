/*
 * The file of answers, state_dir/dnsbl.cache: read at start, written every few minutes and at the
 * end, so that a restart does not ask for everybody again. It is put together in slices between the
 * loop's other work, and written by the disk thread without fsync: it is a copy of what can be
 * asked again.
 */
#include <stdio.h>

#include "parts.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/file.h"
#include "rcptguard/base/log.h"

#define SAVE_EVERY_MS  300000
#define SAVE_AGAIN_MS  1000 /* what is to be forgotten, behind a write that is under way */
#define SAVE_SLICE     1000
#define SAVE_MAX_BYTES (4ull << 30)

/* ---- at start ------------------------------------------------------------------------------- */

void dnsbl_load(struct dnsbl *d, const char *state_dir, uint64_t cache_bytes)
{
    /* Names take less on disk than in memory, but some may be there twice. What is larger is not
     * ours, and reading it could end the start for want of memory. */
    uint64_t max_bytes = 2 * cache_bytes;
    struct buf bytes = BUF_INIT(max_bytes);
    struct error why = {0};

    if (asprintf(&d->file, "%s/dnsbl.cache", state_dir) < 0)
        d->file = NULL;
    if (asprintf(&d->doubt_file, "%s/dnsbl.doubts", state_dir) < 0)
        d->doubt_file = NULL;
    if (d->file == NULL || d->doubt_file == NULL)
        return;
    doubt_load(d);
    cache_limit(d->cache, cache_bytes);
    int rc = file_read(d->file, max_bytes, &bytes, &why);
    if (rc == 0 && (rc = cache_file_read(d->cache, buf_view(&bytes), d->ids, DNSBL_ZONES_MAX,
                                         &d->n_ids, clock_now(), clock_mono_ms(), &why)) < 0)
        error_prefix(&why, "%s", d->file);
    if (rc < 0 && rc != ERR_ABSENT)
        log_warning("dnsbl", "%s; zones are asked again", why.text);
    d->had_file = rc != ERR_ABSENT;
    buf_free(&bytes);
}

/* ---- saving --------------------------------------------------------------------------------- */

/* Text on its way to the disk. */
struct save_job {
    struct task task;
    struct save *save;
    struct buf bytes;
    struct error why;
    int rc;
};

struct save {
    struct dnsbl *dnsbl;
    struct disk *disk;
    struct queue *loop;
    struct event *due;
    struct buf bytes; /* while it is put together */
    size_t cursor;
    bool slicing, writing, failing;
    bool kept; /* the file may hold names: without zones it is emptied */
};

/* On the loop. */
static void written(struct task *task)
{
    struct save_job *job = (struct save_job *)task;
    struct save *s = job->save;

    if (job->rc < 0 && !s->failing)
        log_warning("dnsbl", "what zones answered is not kept until this is mended: %s",
                    job->why.text);
    else if (job->rc == 0 && s->failing)
        log_notice("dnsbl", "what zones answered is kept again");
    s->failing = job->rc < 0;
    s->writing = false;
    buf_free(&job->bytes);
    free(job);
}

/* On the disk thread. */
static void write_file(struct task *task)
{
    struct save_job *job = (struct save_job *)task;

    if (cache_file_end(&job->bytes) < 0) {
        job->rc = error_set(&job->why, ERR_NOMEM, "no memory");
    } else {
        const struct file_part part = {job->bytes.data, job->bytes.len};
        job->rc = file_replace_lazily(job->save->dnsbl->file, 0600, &part, 1, &job->why);
    }
    task->run = written;
    queue_post(job->save->loop, task);
}

/* The text is whole, but for its checksum, which takes too long for the loop. */
static void hand_over(struct save *s)
{
    struct save_job *job = calloc(1, sizeof *job);

    s->slicing = false;
    if (job == NULL || s->bytes.failed) {
        buf_free(&s->bytes);
        free(job);
        return;
    }
    *job = (struct save_job){.task = {.run = write_file}, .save = s, .bytes = s->bytes};
    s->bytes = BUF_INIT(SAVE_MAX_BYTES);
    s->writing = true;
    if (disk_post(s->disk, &job->task) == 0)
        return;
    s->writing = false;
    buf_free(&job->bytes);
    free(job);
}

static void begin(struct save *s)
{
    struct dnsbl *d = s->dnsbl;

    buf_free(&s->bytes);
    s->bytes = BUF_INIT(SAVE_MAX_BYTES);
    s->cursor = 0;
    s->kept = d->n_zones > 0;
    d->forgot = false;
    s->slicing = cache_file_begin(&s->bytes, d->ids, d->n_ids) == 0;
}

static bool slice(struct save *s, size_t max)
{
    return cache_file_slice(s->dnsbl->cache, &s->cursor, max, &s->bytes, clock_now(),
                            clock_mono_ms());
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
    struct save *s = arg;

    (void)fd;
    (void)what;
    if (!s->slicing && !s->writing && (s->dnsbl->n_zones > 0 || s->kept))
        begin(s);
    if (!s->slicing) {
        timer_set(s->due, s->dnsbl->forgot ? SAVE_AGAIN_MS : SAVE_EVERY_MS);
    } else if (slice(s, SAVE_SLICE)) {
        timer_set(s->due, 0);
    } else {
        hand_over(s);
        timer_set(s->due, SAVE_EVERY_MS);
    }
}

void save_renumbered(struct dnsbl *d)
{
    if (d->save != NULL)
        d->save->slicing = false;
}

void save_forgot(struct dnsbl *d)
{
    d->forgot = true;
    if (d->save == NULL)
        return;
    d->save->slicing = false;
    timer_set(d->save->due, 0);
}

int save_start(struct dnsbl *d, struct disk *disk, struct queue *loop, struct error *why)
{
    struct save *s = calloc(1, sizeof *s);

    if (s == NULL)
        return error_set(why, ERR_NOMEM, "no memory");
    *s = (struct save){.dnsbl = d, .disk = disk, .loop = loop, .kept = d->had_file};
    d->save = s;
    s->due = timer_new(d, on_due, s);
    if (s->due == NULL)
        return error_set(why, ERR_NOMEM, "no memory");
    timer_set(s->due, d->forgot ? 0 : SAVE_EVERY_MS);
    return 0;
}

void save_stop(struct dnsbl *d)
{
    struct save *s = d->save;

    if (s == NULL || s->due == NULL || (d->n_zones == 0 && !s->kept))
        return;
    timer_stop(s->due);
    begin(s);
    if (s->slicing) {
        while (slice(s, SAVE_SLICE))
            ;
        hand_over(s);
    }
}

void save_free(struct dnsbl *d)
{
    struct save *s = d->save;

    if (s == NULL)
        return;
    timer_free(s->due);
    buf_free(&s->bytes);
    free(s);
    d->save = NULL;
}
