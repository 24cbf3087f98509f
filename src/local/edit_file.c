/*
 * Replacing a file that editors may save at the same moment. A plain rename would throw away what
 * was saved since it was read, however short that was ago. So the new file and the old one are
 * exchanged, and what came out is looked at: if it is not what was read, they are exchanged back.
 */
#include "edit_file.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "edit_text.h"
#include "rcptguard/base/file.h"

/* A second in all. */
#define TRIES   100
#define WAIT_NS 10000000

#define NEW_MODE 0640

static void wait_a_bit(void)
{
    nanosleep(&(struct timespec){.tv_nsec = WAIT_NS}, NULL);
}

static const char *remedy(int number)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT:
        return "make room on that disk";
    case EFBIG:
        return "raise the limit on file sizes (ulimit -f)";
    case EROFS:
        return "mount that disk writable";
    case EACCES:
    case EPERM:
        return "check the modes of the file and of its directory";
    default:
        return "check that disk";
    }
}

static int cannot(struct error *why, const char *what, const char *path)
{
    struct error detail;
    const char *words = remedy(errno);

    error_errno(&detail, "cannot %s %s", what, path);
    return error_set(why, ERR_IO, "%s; %s; the file is as it was", detail.text, words);
}

/* ---- whose it is ---- */

/* The new file its group? */
static bool may_give(gid_t group)
{
    return geteuid() == 0 || group_member(group) != 0;
}

static int check_owner(const struct edit_file *f, const struct stat *st, struct error *why)
{
    if (st->st_uid == geteuid())
        return 0;
    int dir_len = (int)(f->name - f->path);
    /* Who has the daemon's user may have planted the link: nobody should give away what is there.
     */
    if (f->linked)
        return error_set(why, ERR_REFUSED,
                         "it is a symlink to %s, which is not the daemon's own, with its "
                         "directory; edit that by hand, or put a file in the place of the symlink",
                         f->path);
    char group[16] = "";
    if (!may_give(st->st_gid))
        snprintf(group, sizeof group, ":%u", getegid());
    return error_set(why, ERR_REFUSED,
                     "%s is not the daemon's own, with its directory; as root: chown %u%s %.*s %s "
                     "(the daemon's user is uid %u)",
                     f->path, geteuid(), group, dir_len, f->path, f->path, geteuid());
}

static int check_file(const struct edit_file *f, const struct stat *st, struct error *why)
{
    if (!S_ISREG(st->st_mode))
        return error_set(why, ERR_REFUSED, "%s is not a regular file; put one in its place",
                         f->path);
    return check_owner(f, st, why);
}

/* The directory of a file that is missing, and its name. */
static int resolve_dir(const char *path, char *real, struct error *why)
{
    char dir[PATH_MAX];
    struct stat st;
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;

    if (lstat(path, &st) == 0)
        return error_set(why, ERR_REFUSED,
                         "%s is a symlink to nothing; make its target, or remove it", path);
    snprintf(dir, sizeof dir, "%.*s", slash == NULL ? 1 : (int)(slash - path) + 1,
             slash == NULL ? "." : path);
    if (realpath(dir, real) == NULL)
        return cannot(why, "find the directory of", path);
    size_t len = strlen(real);
    if (len + 1 + strlen(name) >= PATH_MAX)
        return error_set(why, ERR_LIMIT, "%s: path too long", path);
    snprintf(real + len, PATH_MAX - len, "%s%s", real[len - 1] == '/' ? "" : "/", name);
    return 0;
}

static int resolve(struct edit_file *f, const char *path, struct error *why)
{
    struct stat st;

    if (strlen(path) >= sizeof f->path)
        return error_set(why, ERR_LIMIT, "%s: path too long", path);
    f->linked = lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
    if (realpath(path, f->path) == NULL) {
        if (errno != ENOENT)
            return cannot(why, "find", path);
        if (resolve_dir(path, f->path, why) < 0)
            return why->code;
    }
    f->name = strrchr(f->path, '/') + 1;
    int len = snprintf(f->temp, sizeof f->temp, ".%.*s.edit", NAME_MAX - 6, f->name);
    return len > 0 ? 0 : error_set(why, ERR_LIMIT, "%s: name too long", path);
}

static int tries(const struct edit_file *f)
{
    return f->impatient ? 1 : TRIES;
}

static int lock(const struct edit_file *f, struct error *why)
{
    for (int i = 0; i < tries(f); i++, wait_a_bit()) {
        if (flock(f->dir, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return cannot(why, "lock the directory of", f->path);
    }
    return error_set(why, ERR_TIMEOUT,
                     "%s: another program holds the lock of its directory; try again", f->path);
}

static int open_dir(struct edit_file *f, struct error *why)
{
    struct stat st;
    char dir[PATH_MAX];

    snprintf(dir, sizeof dir, "%.*s", (int)(f->name - f->path), f->path);
    f->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->dir < 0)
        return cannot(why, "open", dir);
    if (fstat(f->dir, &st) != 0)
        return cannot(why, "stat", dir);
    return check_owner(f, &st, why);
}

int edit_file_open(struct edit_file *f, const char *path, bool impatient, struct error *why)
{
    f->impatient = impatient;
    f->dir = -1;
    int rc = resolve(f, path, why);
    if (rc == 0)
        rc = open_dir(f, why);
    if (rc == 0)
        rc = lock(f, why);
    if (rc < 0)
        edit_file_close(f);
    return rc;
}

void edit_file_close(struct edit_file *f)
{
    if (f->dir >= 0)
        close(f->dir);
    f->dir = -1;
}

/* ---- reading ---- */

static int open_in(const struct edit_file *f, const char *name)
{
    return openat(f->dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

/* 0, ERR_ABSENT, ERR_CONFLICT: somebody is writing it, or another code with *why. */
static int read_once(struct edit_file *f, struct buf *text, struct error *why)
{
    int fd = open_in(f, f->name), rc;

    f->exists = fd >= 0;
    if (fd < 0)
        return errno == ENOENT ? error_set(why, ERR_ABSENT, "%s is missing", f->path)
                               : cannot(why, "open", f->path);
    if (fstat(fd, &f->seen) != 0)
        rc = cannot(why, "stat", f->path);
    else if ((rc = check_file(f, &f->seen, why)) == 0)
        rc = file_read_fd_saved(fd, f->path, LOCAL_MAX_FILE_BYTES, text, why);
    close(fd);
    return rc;
}

int edit_file_read(struct edit_file *f, bool expected, struct buf *text, struct error *why)
{
    int rc = ERR_IO;

    for (int i = 0; i < tries(f); i++, wait_a_bit()) {
        rc = read_once(f, text, why);
        if (rc != ERR_CONFLICT && !(rc == ERR_ABSENT && expected))
            return rc;
    }
    return rc;
}

/* ---- writing ---- */

static int keep_owners(const struct edit_file *f, int fd, struct error *why)
{
    mode_t mode = f->exists ? f->seen.st_mode & 07777 : NEW_MODE;
    struct stat st;

    if (fstat(fd, &st) != 0)
        return cannot(why, "stat", f->temp);
    if (f->exists && st.st_gid != f->seen.st_gid && fchown(fd, (uid_t)-1, f->seen.st_gid) != 0)
        return error_set(why, ERR_REFUSED,
                         "%s: its group (gid %u) cannot be kept, as the daemon's user (uid %u) is "
                         "not in it; as root: chgrp %u %s, or put the user into that group",
                         f->path, f->seen.st_gid, geteuid(), getegid(), f->path);
    /* Last: chown takes bits away. */
    return fchmod(fd, mode) != 0 ? cannot(why, "set the mode of", f->temp) : 0;
}

static int fill(const struct edit_file *f, int fd, struct view text, struct error *why)
{
    errno = 0;
    if (file_write_all(fd, f->path, text.ptr, text.len, why) < 0)
        return cannot(why, "write", f->path);
    int rc = keep_owners(f, fd, why);
    if (rc == 0 && fsync(fd) != 0)
        rc = cannot(why, "fsync", f->path);
    return rc;
}

static int write_temp(const struct edit_file *f, struct view text, ino_t *inode, struct error *why)
{
    struct stat st;

    /* A left-over of a crash. */
    unlinkat(f->dir, f->temp, 0);
    int fd = openat(f->dir, f->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return cannot(why, "make a file beside", f->path);
    int rc = fill(f, fd, text, why);
    if (rc == 0 && fstat(fd, &st) != 0)
        rc = cannot(why, "stat", f->path);
    if (close(fd) != 0 && rc == 0)
        rc = cannot(why, "close", f->path);
    if (rc == 0)
        *inode = st.st_ino;
    return rc;
}

static int saved_meanwhile(const struct edit_file *f, struct error *why)
{
    return error_set(why, ERR_CONFLICT,
                     "%s is saved by another program again and again; close it there and try again",
                     f->path);
}

static bool is_unsupported(int number)
{
    return number == EINVAL || number == ENOSYS || number == EOPNOTSUPP;
}

static int exchange(const struct edit_file *f)
{
    return renameat2(f->dir, f->temp, f->dir, f->name, RENAME_EXCHANGE);
}

/* Is what was in place still what was read, and nobody about to change it? */
static bool is_as_read(const struct edit_file *f, const char *name, struct view old)
{
    struct buf text = BUF_INIT(LOCAL_MAX_FILE_BYTES);
    int fd = open_in(f, name);
    bool same = fd >= 0 && !file_has_writer(fd) &&
                file_read_fd(fd, f->path, LOCAL_MAX_FILE_BYTES, &text, NULL) == 0 &&
                view_eq(buf_view(&text), old);

    if (fd >= 0)
        close(fd);
    buf_free(&text);
    return same;
}

/* After an exchange that threw out a version that was not read. INODE is ours. */
static void put_back(const struct edit_file *f, ino_t inode)
{
    struct stat st;

    if (exchange(f) != 0 || fstatat(f->dir, f->temp, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    /* It was saved once more: that is the latest, and belongs in place. */
    if (st.st_ino != inode)
        (void)exchange(f);
}

static int put_beside(const struct edit_file *f, struct error *why)
{
    int rc = renameat2(f->dir, f->temp, f->dir, f->name, RENAME_NOREPLACE);

    /* link(2) does not replace either, where that is not known. */
    if (rc != 0 && is_unsupported(errno))
        rc = linkat(f->dir, f->temp, f->dir, f->name, 0);
    if (rc == 0)
        return 0;
    return errno == EEXIST ? saved_meanwhile(f, why) : cannot(why, "make", f->path);
}

/* Without RENAME_EXCHANGE a save between this look and the rename is lost: microseconds. */
static int put_over(const struct edit_file *f, struct view old, struct error *why)
{
    if (!is_as_read(f, f->name, old))
        return saved_meanwhile(f, why);
    return renameat(f->dir, f->temp, f->dir, f->name) != 0 ? cannot(why, "replace", f->path) : 0;
}

static int put_in_place(const struct edit_file *f, struct view old, ino_t inode, struct error *why)
{
    if (!f->exists)
        return put_beside(f, why);
    if (exchange(f) != 0) {
        if (is_unsupported(errno))
            return put_over(f, old, why);
        return errno == ENOENT ? saved_meanwhile(f, why) : cannot(why, "replace", f->path);
    }
    if (is_as_read(f, f->temp, old))
        return 0;
    put_back(f, inode);
    return saved_meanwhile(f, why);
}

int edit_file_write(struct edit_file *f, struct view old, struct view fresh, struct error *why)
{
    ino_t inode = 0;
    int rc = write_temp(f, fresh, &inode, why);

    if (rc == 0)
        rc = put_in_place(f, old, inode, why);
    unlinkat(f->dir, f->temp, 0);
    /* The new file is in place whether this works or not; a disk that fails here is past saving. */
    (void)fsync(f->dir);
    return rc;
}
