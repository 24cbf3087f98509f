/*
 * References kept. At most one batch is on its way to the disk; what comes meanwhile waits in
 * memory and goes with the next. So a slow disk makes batches larger and not more numerous, and
 * what waits has one cap. Batches are looked at every 10 ms (disk_post_record), so what came within
 * the last 20 ms may not be on the disk. A search reads one segment a turn and queues up again,
 * because exclusions and the log wait behind it.
 */
#include "references.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "journal.h"
#include "line.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"

#define SUBJECT       "references"
#define PENDING_BYTES (2u << 20) /* some 6000 refusals that the disk has not taken */
#define SEGMENT_BYTES (4u << 20)
#define SEARCHES      16 /* at a time */
#define COMPLAIN_MS   60000
#define REF_LEAST     6
#define KEEP_S        ((int64_t)REFERENCES_DAYS * 86400)

struct batch {
    struct task append, appended;
    struct references *refs;
    struct buf lines;
    unsigned n_lines;
    struct error why;
    int rc;
    bool on_its_way;
};

struct search {
    struct task look, answer;
    struct references *refs;
    char ref[REF_MAX];
    record_found *found;
    void *arg;
    struct buf fresh; /* what no batch had taken yet when it was asked */
    struct buf line;  /* what was found */
    uint64_t before;  /* segments below this one are still to be looked at */
    struct search *next;
};

struct references {
    struct disk *disk;
    struct queue *loop;
    struct journal *journal; /* the disk thread's, while there is one */
    struct buf pending;
    unsigned n_pending;       /* lines */
    struct batch batch, last; /* last: behind the other, at the stop */
    struct search *searches;
    unsigned n_searches;
    uint64_t lost; /* and not yet complained about */
    int64_t complained_ms;
    bool complained;
    atomic_bool stopped; /* the loop's word; searches look at it between segments */
    char line[LINE_BYTES];
};

static void run_append(struct task *task);

/* ---- start ---------------------------------------------------------------------------------- */

struct references *references_new(const char *state_dir, struct disk *disk, struct queue *loop,
                                  struct error *why)
{
    char dir[PATH_MAX];
    struct journal_config config = {
        .dir = dir,
        .subject = SUBJECT,
        .segment_bytes = SEGMENT_BYTES,
        .max_bytes = REFERENCES_MAX_BYTES,
        .keep_s = KEEP_S,
    };

    if ((size_t)snprintf(dir, sizeof dir, "%s/references", state_dir) >= sizeof dir) {
        error_set(why, ERR_LIMIT, "%s: path too long", state_dir);
        return NULL;
    }
    struct references *refs = calloc(1, sizeof *refs);
    if (refs == NULL) {
        error_set(why, ERR_NOMEM, "no memory for references");
        return NULL;
    }
    refs->journal = journal_open(&config, why);
    if (refs->journal == NULL) {
        free(refs);
        return NULL;
    }
    refs->disk = disk;
    refs->loop = loop;
    refs->batch.refs = refs->last.refs = refs;
    atomic_init(&refs->stopped, false);
    return refs;
}

/* ---- writing -------------------------------------------------------------------------------- */

static void lose(struct references *refs, unsigned lines, const char *reason)
{
    int64_t now = clock_mono_ms();

    refs->lost += lines;
    if (refs->complained && now - refs->complained_ms < COMPLAIN_MS)
        return;
    log_warning(SUBJECT, "%llu lost, `why` will not find them: %s", (unsigned long long)refs->lost,
                reason);
    refs->complained = true;
    refs->complained_ms = now;
    refs->lost = 0;
}

/* Whatever refuses, the lines stay and go later. */
static void send_off(struct references *refs, struct batch *batch)
{
    struct buf empty = batch->lines;

    if (batch->on_its_way || refs->pending.len == 0)
        return;
    batch->lines = refs->pending;
    batch->append.run = run_append;
    if (disk_post_record(refs->disk, &batch->append) < 0) {
        batch->lines = empty;
        return;
    }
    batch->on_its_way = true;
    batch->n_lines = refs->n_pending;
    refs->pending = empty;
    refs->n_pending = 0;
}

static void flush(struct references *refs)
{
    if (!atomic_load(&refs->stopped))
        send_off(refs, &refs->batch);
}

static void on_appended(struct task *task)
{
    struct batch *batch = (struct batch *)((char *)task - offsetof(struct batch, appended));
    struct references *refs = batch->refs;

    batch->on_its_way = false;
    buf_clear(&batch->lines);
    if (batch->rc < 0)
        lose(refs, batch->n_lines, batch->why.text);
    flush(refs);
}

/* The disk thread. */
static void run_append(struct task *task)
{
    struct batch *batch = (struct batch *)task;

    batch->rc =
        journal_append(batch->refs->journal, buf_view(&batch->lines), clock_now(), &batch->why);
    batch->appended.run = on_appended;
    queue_post(batch->refs->loop, &batch->appended);
}

void references_add(struct references *refs, const struct record_decision *d)
{
    struct text line = text_on(refs->line, sizeof refs->line);

    line_write(&line, d);
    if (refs->pending.len + line.len + JOURNAL_FRAME_BYTES > PENDING_BYTES ||
        journal_frame(&refs->pending, text_view(&line)) < 0)
        lose(refs, 1, "the disk does not take them fast enough");
    else
        refs->n_pending++;
    flush(refs);
}

/* ---- searching ------------------------------------------------------------------------------ */

static void search_free(struct search *s)
{
    buf_free(&s->fresh);
    buf_free(&s->line);
    free(s);
}

static void search_end(struct search *s)
{
    struct search **at = &s->refs->searches;

    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    s->refs->n_searches--;
    search_free(s);
}

static void on_answer(struct task *task)
{
    struct search *s = (struct search *)((char *)task - offsetof(struct search, answer));
    struct record_decision d;

    bool known = !atomic_load(&s->refs->stopped) && s->line.len > 0 &&
                 line_read(s->line.data, s->line.len, &d) && d.time >= clock_now() - KEEP_S;
    s->found(known ? &d : NULL, s->arg);
    search_end(s);
}

/* The last one counts: references are random, but not numbered. */
static void look_at(struct view line, void *arg)
{
    struct search *s = arg;

    if (!line_has_ref(line, view_of(s->ref)))
        return;
    buf_clear(&s->line);
    buf_add_view(&s->line, line);
}

static void look_at_next(struct search *s)
{
    struct error why;

    if (s->fresh.len > 0) {
        journal_records(buf_view(&s->fresh), look_at, s);
        buf_free(&s->fresh);
        return;
    }
    s->before = journal_segment_before(s->refs->journal, s->before);
    if (s->before == 0)
        return;
    int rc = journal_read(s->refs->journal, s->before, look_at, s, &why);
    if (rc < 0 && rc != ERR_ABSENT)
        log_warning(SUBJECT, "%s", why.text);
}

/* The disk thread. */
static void run_look(struct task *task)
{
    struct search *s = (struct search *)task;

    while (s->before != 0 && s->line.len == 0 && !atomic_load(&s->refs->stopped)) {
        look_at_next(s);
        /* Only the first look had to come behind the batch: these wait for nothing that gathers. */
        if (disk_post(s->refs->disk, &s->look) == 0)
            return;
    }
    s->answer.run = on_answer;
    queue_post(s->refs->loop, &s->answer);
}

static bool may_be_ref(struct view ref)
{
    if (ref.len < REF_LEAST || ref.len >= REF_MAX)
        return false;
    for (size_t i = 0; i < ref.len; i++)
        if (!ascii_alnum(ref.ptr[i]) || view_find(view_of("aeiou"), ascii_lower(ref.ptr[i])) >= 0)
            return false;
    return true;
}

static struct search *search_new(struct references *refs, struct view ref)
{
    struct search *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->refs = refs;
    s->look.run = run_look;
    if (!may_be_ref(ref))
        return s; /* with no segment to look at: the answer takes the same way */
    memcpy(s->ref, ref.ptr, ref.len);
    s->before = UINT64_MAX;
    if (buf_add_view(&s->fresh, buf_view(&refs->pending)) < 0) {
        search_free(s);
        return NULL;
    }
    return s;
}

int references_find(struct references *refs, struct view ref, record_found *found, void *arg)
{
    if (refs->n_searches >= SEARCHES || atomic_load(&refs->stopped))
        return ERR_LIMIT;
    /* The batch on its way is appended before the search runs; what still waits goes with it. */
    flush(refs);
    struct search *s = search_new(refs, ref);
    if (s == NULL)
        return ERR_NOMEM;
    s->found = found;
    s->arg = arg;
    if (disk_post_record(refs->disk, &s->look) < 0) {
        search_free(s);
        return ERR_LIMIT;
    }
    s->next = refs->searches;
    refs->searches = s;
    refs->n_searches++;
    return 0;
}

/* ---- the end -------------------------------------------------------------------------------- */

void references_stop(struct references *refs)
{
    flush(refs);
    /* The disk thread takes them in order, and nobody knows how long the loop waits for others. */
    send_off(refs, &refs->last);
    atomic_store(&refs->stopped, true);
}

void references_free(struct references *refs)
{
    struct error why;

    if (refs == NULL)
        return;
    while (refs->searches != NULL) {
        refs->searches->found(NULL, refs->searches->arg);
        search_end(refs->searches);
    }
    if (journal_append(refs->journal, buf_view(&refs->pending), clock_now(), &why) < 0)
        log_warning(SUBJECT, "the last ones lost, `why` will not find them: %s", why.text);
    journal_close(refs->journal);
    buf_free(&refs->pending);
    buf_free(&refs->batch.lines);
    buf_free(&refs->last.lines);
    free(refs);
}
