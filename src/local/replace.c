/*
 * The whole file for another one, by who keeps it in step with others. On the disk thread, as edits
 * are, so neither ever sees half of the other.
 */
#include <stddef.h>
#include <stdlib.h>

#include "edit_file.h"
#include "keep.h"

struct replacement {
    struct task task; /* to the disk thread */
    struct local *local;
    struct buf old, fresh;
    local_replaced *done;
    void *arg;
};

static void replacement_free(struct replacement *r)
{
    if (r == NULL)
        return;
    buf_free(&r->old);
    buf_free(&r->fresh);
    free(r);
}

static int write_file(struct replacement *r, struct error *why)
{
    struct edit_file f;
    struct buf held = BUF_INIT(0);
    int rc = edit_file_open(&f, r->local->settings->file, false, why);

    if (rc < 0)
        return rc;
    rc = edit_file_read(&f, r->old.len > 0, &held, why);
    if (rc == ERR_ABSENT)
        rc = 0;
    if (rc == 0 && !view_eq(buf_view(&held), buf_view(&r->old)))
        rc = error_set(why, ERR_CONFLICT, "%s was changed meanwhile", f.path);
    if (rc == 0)
        rc = edit_file_write(&f, buf_view(&r->old), buf_view(&r->fresh), why);
    edit_file_close(&f);
    buf_free(&held);
    return rc;
}

/* Lines that others took out are no loss that anybody here must hear of. */
static int put_in_force(struct replacement *r, struct error *why)
{
    struct local *l = r->local;

    recent_free(&l->recent);
    struct local_table *table = local_take_text(l, &r->fresh, true);
    if (table != NULL && local_hand_over(l, table))
        return 0;
    return error_set(why, ERR_NOMEM, "no memory to put %s in force", l->settings->file);
}

static void run(struct task *task)
{
    struct replacement *r = (struct replacement *)task; /* its first member */
    struct local *l = r->local;
    struct error why = {0};
    int rc = write_file(r, &why);

    if (rc == 0)
        rc = put_in_force(r, &why);
    r->done(rc, &why, r->arg);
    replacement_free(r);
    local_save_good(l);
}

int local_replace(struct local *l, struct view old, struct view fresh, local_replaced *done,
                  void *arg)
{
    struct replacement *r = l->disk == NULL ? NULL : calloc(1, sizeof *r);

    if (r == NULL)
        return l->disk == NULL ? ERR_LIMIT : ERR_NOMEM;
    *r = (struct replacement){.task.run = run, .local = l, .done = done, .arg = arg};
    int rc = buf_add_view(&r->old, old) < 0 || buf_add_view(&r->fresh, fresh) < 0
                 ? ERR_NOMEM
                 : disk_post(l->disk, &r->task);
    if (rc < 0)
        replacement_free(r);
    return rc;
}
