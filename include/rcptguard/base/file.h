/*
 * Files of ours: read whole with a cap; replaced so that a crash leaves the old or the new one.
 * Never called by the loop after start: worker, disk thread and start-up only.
 */
#ifndef RCPTGUARD_BASE_FILE_H
#define RCPTGUARD_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/base/error.h"

/*
 * Appends the whole file to *OUT. ERR_ABSENT: no such file; ERR_LIMIT: more than MAX_BYTES;
 * ERR_REFUSED: not a regular file (it is opened without blocking, so a FIFO cannot hang us).
 */
int file_read(const char *path, size_t max_bytes, struct buf *out, struct error *why);

/*
 * The same of a file that others save. ERR_CONFLICT: somebody has it open for writing, or wrote it
 * meanwhile, and what was read may be half of it; nothing was appended then. Where there are no
 * leases nobody can tell, and it is read as it is. The second reads FD, which is open for reading;
 * PATH is for messages then.
 */
int file_read_saved(const char *path, size_t max_bytes, struct buf *out, struct error *why);
int file_read_fd_saved(int fd, const char *path, size_t max_bytes, struct buf *out,
                       struct error *why);

/*
 * Does somebody have it open for writing? FD is open for reading; a lease is refused then. Where
 * there are no leases nobody can tell: no. The lease's signal is made one that does nothing by
 * default.
 */
bool file_has_writer(int fd);

/* Is it a regular file that we have the right to read? When it could not be, that was the machine's
 * trouble (descriptors, memory, the disk), and may be over soon. */
bool file_may_be_read(const char *path);

/* As file_read, of FD, to its end, whatever it is; PATH is for messages. Stays open. */
int file_read_fd(int fd, const char *path, size_t max_bytes, struct buf *out, struct error *why);

/* One piece of what is written. */
struct file_part {
    const void *ptr;
    size_t len;
};

/*
 * Writes the parts to "PATH.new", fsyncs, renames over PATH, fsyncs the directory. On any error
 * PATH is as it was and the new file is removed; only when the last step fails (ERR_IO) the new
 * one is in place, and a crash may bring back the old.
 */
int file_replace(const char *path, mode_t mode, const struct file_part *parts, size_t count,
                 struct error *why);

/*
 * The same with bytes that are not in memory at once: WRITER writes them all to FD (NAME is for its
 * error). 0, or a negative code with *why.
 */
typedef int file_writer(int fd, const char *name, void *arg, struct error *why);
int file_replace_by(const char *path, mode_t mode, file_writer *writer, void *arg,
                    struct error *why);

/* All of BYTES to FD, whatever signals come between; PATH is for messages. */
int file_write_all(int fd, const char *path, const void *bytes, size_t len, struct error *why);

/*
 * file_replace without the fsyncs, for copies of what is elsewhere too: an fsync beside a busy
 * spool takes seconds. When the machine (not the process) crashes, PATH may be the old, the new or
 * empty.
 */
int file_replace_lazily(const char *path, mode_t mode, const struct file_part *parts, size_t count,
                        struct error *why);

/* Makes the directory when it is missing (one level). */
int file_make_dir(const char *path, mode_t mode, struct error *why);

/* fsync of the directory that holds PATH. */
int file_sync_dir_of(const char *path, struct error *why);

#endif
