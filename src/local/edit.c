/*
 * Edits: a job goes to the disk thread, which changes the file and hands the new table over, and
 * comes back to the loop behind that table, so that whoever is told finds it in force.
 */
#include <stddef.h>
#include <stdlib.h>

#include "edit_file.h"
#include "edit_text.h"
#include "keep.h"
#include "rcptguard/base/clock.h"

/* How often an editor may save in the midst of one edit. */
#define ROUNDS 10

#define IMPATIENT_MS 5000

struct edit_job {
    struct task task, answer; /* to the disk thread, and back */
    struct edit_job *next, *before;
    struct local *local;
    struct local_edit edit;
    local_edit_done *done;
    void *arg;
    struct edited_text text; /* the result */
    char strings[];
};

/* ---- the disk thread ---- */

static int fail(struct edit_job *j)
{
    j->text.outcome = LOCAL_EDIT_FAILED;
    return ERR_IO;
}

/* TEXT is what the file holds. Takes its memory. */
static void put_in_force(struct edit_job *j, struct buf *text, bool edited)
{
    struct local *l = j->local;

    if (view_eq(buf_view(text), buf_view(&l->good)) && !l->state.missing && !l->never && !l->owed)
        return;
    if (edited && j->edit.action == LOCAL_REMOVE)
        recent_forget(&l->recent, buf_view(&j->text.what));
    struct local_table *table = local_take_text(l, text, edited);
    if (table == NULL || !local_hand_over(l, table)) {
        error_set(&j->text.why, ERR_NOMEM,
                  "%s holds it, but there is no memory to put it in force; tried again soon",
                  l->settings->file);
        watch_again(l->watch);
        fail(j);
    }
}

static void remember(struct edit_job *j)
{
    const struct edited_text *t = &j->text;
    bool added = t->outcome == LOCAL_EDIT_ADDED || t->outcome == LOCAL_EDIT_CHANGED;

    if (added && j->edit.action == LOCAL_ADD)
        recent_add(&j->local->recent, buf_view(&t->what), j->edit.by, j->edit.now, t->until);
}

static void apply(struct edit_job *j, struct view old)
{
    const struct settings *s = j->local->settings;

    edited_text_free(&j->text);
    edit_text(s->kind, old, &j->edit, &s->options, &j->text);
}

/* What the edit is made on: the file, or where there is none what is in force. */
static int read_base(struct edit_job *j, struct edit_file *f, struct buf *base)
{
    const struct local *l = j->local;
    bool expected = !l->state.missing && !l->never;
    int rc = edit_file_read(f, expected, base, &j->text.why);

    if (rc == ERR_ABSENT)
        return buf_add_view(base, buf_view(&l->good));
    struct error none;
    if (rc == 0 && local_check_text(l, base, &none) < 0)
        rc = error_set(&j->text.why, ERR_SYNTAX, "%s; put it back first, or take %s in its place",
                       none.text, l->settings->good_file);
    return rc;
}

/* One attempt. ERR_CONFLICT: an editor saved meanwhile. */
static int attempt(struct edit_job *j, struct edit_file *f, struct buf *base)
{
    if (read_base(j, f, base) < 0)
        return fail(j);
    apply(j, buf_view(base));
    if (j->text.outcome != LOCAL_EDIT_ADDED && j->text.outcome != LOCAL_EDIT_CHANGED) {
        if (f->exists && j->text.outcome != LOCAL_EDIT_FAILED)
            put_in_force(j, base, false);
        return 0;
    }
    uint64_t lines = j->edit.action == LOCAL_ADD ? 0 : j->text.lines;
    atomic_fetch_add(&j->local->removing, lines);
    int rc = edit_file_write(f, buf_view(base), buf_view(&j->text.text), &j->text.why);
    if (rc < 0) {
        atomic_fetch_sub(&j->local->removing, lines);
        fail(j);
        return rc;
    }
    atomic_fetch_add(&j->local->removed, lines);
    put_in_force(j, &j->text.text, true);
    remember(j);
    return 0;
}

/* While somebody else holds the file, the edits of many must not keep this thread from its work,
 * each for a second. */
static void lose_patience(struct edit_job *j)
{
    struct local *l = j->local;
    int code = j->text.why.code;
    bool in_vain =
        j->text.outcome == LOCAL_EDIT_FAILED && (code == ERR_TIMEOUT || code == ERR_CONFLICT);

    if (!in_vain)
        l->impatient_until_ms = 0;
    else if (clock_mono_ms() >= l->impatient_until_ms)
        l->impatient_until_ms = clock_mono_ms() + IMPATIENT_MS;
}

static void change_file(struct edit_job *j)
{
    struct edit_file f;

    /* A bad edit is said to be one whatever the file is like. */
    apply(j, VIEW_NONE);
    if (j->text.outcome == LOCAL_EDIT_BAD)
        return;
    struct local *l = j->local;
    bool impatient = clock_mono_ms() < l->impatient_until_ms;
    if (edit_file_open(&f, l->settings->file, impatient, &j->text.why) < 0) {
        fail(j);
        lose_patience(j);
        return;
    }
    int rc = ERR_CONFLICT;
    for (int i = 0; i < ROUNDS && rc == ERR_CONFLICT; i++) {
        struct buf base = BUF_INIT(0);
        rc = attempt(j, &f, &base);
        buf_free(&base);
    }
    edit_file_close(&f);
    lose_patience(j);
}

static void run(struct task *task)
{
    struct edit_job *j = (struct edit_job *)task; /* its first member */
    struct local *l = j->local;

    change_file(j);
    /* J may be gone as soon as it is posted. The loop's queue has no cap. */
    (void)queue_post(l->loop, &j->answer);
    local_save_good(l);
}

/* ---- the loop ---- */

static void drop(struct edit_job *j)
{
    if (j->next != NULL)
        j->next->before = j->before;
    if (j->before != NULL)
        j->before->next = j->next;
    else
        j->local->jobs = j->next;
    edited_text_free(&j->text);
    free(j);
}

static void answer(struct task *task)
{
    struct edit_job *j = (struct edit_job *)((char *)task - offsetof(struct edit_job, answer));
    const struct edited_text *t = &j->text;
    struct local_edited result = {
        .outcome = t->outcome,
        .why = t->why,
        .what = buf_view(&t->what),
    };

    if (t->outcome != LOCAL_EDIT_FAILED && t->outcome != LOCAL_EDIT_BAD) {
        result.line = t->line;
        result.before = buf_view(&t->before);
        result.after = buf_view(&t->after);
        result.lines = t->lines;
    }
    j->done(&result, j->arg);
    drop(j);
}

/* Copies *V to *AT and moves that on. */
static void copy_in(struct view *v, char **at)
{
    if (v->len == 0)
        return;
    memcpy(*at, v->ptr, v->len);
    v->ptr = *at;
    *at += v->len;
}

static struct edit_job *job_new(const struct local_edit *e)
{
    size_t bytes =
        e->what.len + e->lists.len + e->until.len + e->ticket.len + e->note.len + e->by.len;
    struct edit_job *j = calloc(1, sizeof *j + bytes);
    if (j == NULL)
        return NULL;
    j->edit = *e;
    char *at = j->strings;
    copy_in(&j->edit.what, &at);
    copy_in(&j->edit.lists, &at);
    copy_in(&j->edit.until, &at);
    copy_in(&j->edit.ticket, &at);
    copy_in(&j->edit.note, &at);
    copy_in(&j->edit.by, &at);
    j->task.run = run;
    j->answer.run = answer;
    return j;
}

int local_edit(struct local *l, const struct local_edit *edit, local_edit_done *done, void *arg)
{
    if (l->disk == NULL)
        return ERR_LIMIT;
    struct edit_job *j = job_new(edit);
    if (j == NULL)
        return ERR_NOMEM;
    j->local = l;
    j->done = done;
    j->arg = arg;
    j->next = l->jobs;
    if (l->jobs != NULL)
        l->jobs->before = j;
    l->jobs = j;
    int rc = disk_post(l->disk, &j->task);
    if (rc < 0)
        drop(j);
    return rc;
}

uint64_t local_removing(const struct local *l)
{
    return atomic_load(&l->removing);
}

uint64_t local_removed(const struct local *l)
{
    return atomic_load(&l->removed);
}

void local_edit_forget(struct local *l)
{
    while (l->jobs != NULL)
        drop(l->jobs);
}
