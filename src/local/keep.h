/*
 * One file in force: what reload.c keeps and edit.c changes. Disk thread, but for what says
 * otherwise.
 */
#ifndef LOCAL_KEEP_H
#define LOCAL_KEEP_H

#include <stdatomic.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/local.h"
#include "recent.h"
#include "settings.h"

struct change;
struct edit_job;

struct local {
    struct settings *settings;
    struct settings *before; /* of the last reload, to go back to; or NULL */
    atomic_bool untaken;     /* a reload that the loop has not taken: it may be gone back from */
    struct local_state state;
    struct buf good;   /* text of what is in force */
    size_t in_force;   /* its lines */
    bool good_damaged; /* what is in force is what is left of the copy */
    bool good_unsaved;
    atomic_bool unkept; /* and it was tried in vain; the loop asks */
    bool never;         /* nothing was ever in force, not at an earlier start either */
    int64_t torn_since; /* monotonic ms: since then others write whenever it is read; 0: no */
    bool unread;        /* by an accident of this machine: at the next look, too */
    bool owed;          /* what is in force here could not be handed over: at the next look */
    struct recent recent;

    struct disk *disk;
    struct queue *loop;
    local_changed *changed;
    void *arg;
    struct watch *watch;
    struct task start, deliver;
    _Atomic(struct change *) mailbox;
    int64_t impatient_until_ms;         /* after an edit that waited in vain; mono */
    struct edit_job *jobs;              /* edits under way; the loop's */
    _Atomic uint64_t removing, removed; /* lines; counted before they are written, and after */
};

/* What a power cut leaves, or an editor that saves UTF-16: NUL bytes, and not one good line; or
 * line ends of CR alone, so that all is one line. That counts as a file that cannot be read:
 * ERR_SYNTAX, with file and line. */
int local_check_text(const struct local *l, const struct buf *text, struct error *why);

/*
 * TEXT was read whole, or written: from now on it is what counts. Takes its memory. EDITED: by us,
 * so that nobody is warned of lines that it takes out. NULL: no memory.
 */
struct local_table *local_take_text(struct local *l, struct buf *text, bool edited);

/* To the loop; TABLE may be NULL: nothing to say. False: it could not be done, and was logged. */
bool local_hand_over(struct local *l, struct local_table *table);

/* The copy for the next start; after the table was handed over. */
void local_save_good(struct local *l);

/* After disk_stop: edits that nobody was told of. */
void local_edit_forget(struct local *l);

/* ---- what the log says ---- */

void local_log_errors(const struct local *l, const struct local_table *table);
void local_log_losses(const struct local *l, size_t before, const struct local_table *table);

/* Warns once for each reason, as the file is looked at again at every change; true: it is a new
 * one. */
bool local_note_missing(struct local *l, const struct error *why);

#endif
