/*
 * A file on the disk that an edit replaces: rule 31 of the contract. It is the old one or the new
 * one whatever happens, and what an editor saves meanwhile is never lost. Disk thread; each call
 * waits a second at most.
 */
#ifndef LOCAL_EDIT_FILE_H
#define LOCAL_EDIT_FILE_H

#include <limits.h>
#include <sys/stat.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/base/error.h"

struct edit_file {
    char path[PATH_MAX]; /* where it really is */
    char *name;          /* in its directory */
    char temp[NAME_MAX + 1];
    bool linked; /* the path that was configured is a symlink */
    int dir;     /* its directory, locked against other edits */
    bool exists;
    struct stat seen; /* when it was read */
    bool impatient; /* an edit just waited in vain: this one does not, for others wait behind it */
};

/* 0, or a negative code with *why (ERR_TIMEOUT: it waited in vain), and nothing to close. */
int edit_file_open(struct edit_file *f, const char *path, bool impatient, struct error *why);

/*
 * Adds what it holds to *TEXT, once nobody is writing it. EXPECTED: it was there before, so that a
 * moment without it is waited for. ERR_ABSENT: there is none.
 */
int edit_file_read(struct edit_file *f, bool expected, struct buf *text, struct error *why);

/*
 * NEW in the place of OLD, which was read. ERR_CONFLICT: somebody saved meanwhile, and that is in
 * place: read again. On any error the file holds what others put there.
 */
int edit_file_write(struct edit_file *f, struct view old, struct view fresh, struct error *why);

void edit_file_close(struct edit_file *f);

#endif
