/* Files read whole, and files replaced so that a crash leaves the old or the new. */
#include "rcptguard/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rcptguard/base/breath.h"

#define PIECE_BYTES 65536 /* read or written between two breaths */

bool file_may_be_read(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && eaccess(path, R_OK) == 0;
}

int file_read_fd(int fd, const char *path, size_t max_bytes, struct buf *out, struct error *why)
{
    char chunk[PIECE_BYTES];
    size_t total = 0;
    struct stat st;

    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= 0 &&
        (uintmax_t)st.st_size <= max_bytes)
        buf_expect(out, (size_t)st.st_size);
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(why, "cannot read %s", path);
        if (n == 0)
            return 0;
        total += (size_t)n;
        if (total > max_bytes)
            return error_set(why, ERR_LIMIT, "%s: more than %zu bytes", path, max_bytes);
        if (buf_add(out, chunk, (size_t)n) < 0)
            return error_set(why, ERR_NOMEM, "%s: no memory for %zu bytes", path, total);
        breath((size_t)n);
    }
}

bool file_has_writer(int fd)
{
    fcntl(fd, F_SETSIG, SIGURG);
    if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
        fcntl(fd, F_SETLEASE, F_UNLCK);
        return false;
    }
    return errno == EAGAIN;
}

static int being_written(const char *path, struct error *why)
{
    return error_set(why, ERR_CONFLICT,
                     "%s is being written by another program; close it there and try again", path);
}

/* What is written, closed or not, while it is read shows in its time. */
static bool is_untouched(const struct stat *before, const struct stat *after)
{
    return after->st_size == before->st_size && after->st_mtim.tv_sec == before->st_mtim.tv_sec &&
           after->st_mtim.tv_nsec == before->st_mtim.tv_nsec;
}

int file_read_fd_saved(int fd, const char *path, size_t max_bytes, struct buf *out,
                       struct error *why)
{
    struct stat before, after;
    size_t len = out->len;

    if (file_has_writer(fd))
        return being_written(path, why);
    if (fstat(fd, &before) != 0)
        return error_errno(why, "cannot stat %s", path);
    int rc = file_read_fd(fd, path, max_bytes, out, why);
    if (rc < 0)
        return rc;
    if (fstat(fd, &after) != 0)
        return error_errno(why, "cannot stat %s", path);
    if (is_untouched(&before, &after) && !file_has_writer(fd))
        return 0;
    out->len = len;
    return being_written(path, why);
}

static int read_path(const char *path, size_t max_bytes, bool saved, struct buf *out,
                     struct error *why)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) {
        int code = errno == ENOENT || errno == ENOTDIR ? ERR_ABSENT : ERR_IO;
        error_errno(why, "cannot open %s", path);
        if (why != NULL)
            why->code = code;
        return code;
    }
    int rc = 0;
    if (fstat(fd, &st) != 0)
        rc = error_errno(why, "cannot stat %s", path);
    else if (!S_ISREG(st.st_mode))
        rc = error_set(why, ERR_REFUSED, "%s is not a regular file", path);
    else
        rc = saved ? file_read_fd_saved(fd, path, max_bytes, out, why)
                   : file_read_fd(fd, path, max_bytes, out, why);
    close(fd);
    return rc;
}

int file_read(const char *path, size_t max_bytes, struct buf *out, struct error *why)
{
    return read_path(path, max_bytes, false, out, why);
}

int file_read_saved(const char *path, size_t max_bytes, struct buf *out, struct error *why)
{
    return read_path(path, max_bytes, true, out, why);
}

int file_write_all(int fd, const char *path, const void *bytes, size_t len, struct error *why)
{
    const char *ptr = bytes;

    while (len > 0) {
        ssize_t n = write(fd, ptr, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(why, "cannot write %s", path);
        ptr += n;
        len -= (size_t)n;
    }
    return 0;
}

struct parts {
    const struct file_part *first;
    size_t count;
};

static int write_part(int fd, const char *path, struct file_part part, struct error *why)
{
    const char *ptr = part.ptr;
    int rc = 0;

    for (size_t at = 0; rc == 0 && at < part.len; at += PIECE_BYTES) {
        size_t len = part.len - at < PIECE_BYTES ? part.len - at : PIECE_BYTES;
        rc = file_write_all(fd, path, ptr + at, len, why);
        breath(len);
    }
    return rc;
}

static int write_parts(int fd, const char *path, void *arg, struct error *why)
{
    const struct parts *parts = arg;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < parts->count; i++)
        rc = write_part(fd, path, parts->first[i], why);
    return rc;
}

int file_sync_dir_of(const char *path, struct error *why)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int len = slash == NULL ? 1 : slash == path ? 1 : (int)(slash - path);

    if ((size_t)len >= sizeof dir)
        return error_set(why, ERR_LIMIT, "%s: path too long", path);
    snprintf(dir, sizeof dir, "%.*s", len, slash == NULL ? "." : path);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(why, "cannot open %s", dir);
    int rc = fsync(fd) != 0 ? error_errno(why, "cannot fsync %s", dir) : 0;
    close(fd);
    return rc;
}

static int replace(const char *path, mode_t mode, file_writer *writer, void *arg, bool sync,
                   struct error *why)
{
    char fresh[PATH_MAX];

    if ((size_t)snprintf(fresh, sizeof fresh, "%s.new", path) >= sizeof fresh)
        return error_set(why, ERR_LIMIT, "%s: path too long", path);
    /* A left-over of a crash may belong to nobody any more; never follow a link to elsewhere. */
    unlink(fresh);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return error_errno(why, "cannot create %s", fresh);
    int rc = writer(fd, fresh, arg, why);
    if (rc == 0 && sync && fsync(fd) != 0)
        rc = error_errno(why, "cannot fsync %s", fresh);
    if (close(fd) != 0 && rc == 0)
        rc = error_errno(why, "cannot close %s", fresh);
    if (rc == 0 && rename(fresh, path) != 0)
        rc = error_errno(why, "cannot rename %s", fresh);
    if (rc < 0) {
        unlink(fresh);
        return rc;
    }
    return sync ? file_sync_dir_of(path, why) : 0;
}

int file_replace(const char *path, mode_t mode, const struct file_part *parts, size_t count,
                 struct error *why)
{
    return replace(path, mode, write_parts, &(struct parts){parts, count}, true, why);
}

int file_replace_by(const char *path, mode_t mode, file_writer *writer, void *arg,
                    struct error *why)
{
    return replace(path, mode, writer, arg, true, why);
}

int file_replace_lazily(const char *path, mode_t mode, const struct file_part *parts, size_t count,
                        struct error *why)
{
    return replace(path, mode, write_parts, &(struct parts){parts, count}, false, why);
}

static void add_remedy(struct error *why, const char *path, int dir_len)
{
    size_t len = strlen(why->text);

    snprintf(why->text + len, sizeof why->text - len, "; run chown -R %u %.*s", geteuid(), dir_len,
             path);
}

int file_make_dir(const char *path, mode_t mode, struct error *why)
{
    const char *slash = strrchr(path, '/');

    if (mkdir(path, mode) == 0 || errno == EEXIST)
        return 0;
    int rc = error_errno(why, "cannot make %s", path);
    /* Root wrote there, or made it: who starts us has to give it back. */
    if (why != NULL && errno == EACCES && slash != NULL && slash != path)
        add_remedy(why, path, (int)(slash - path));
    return rc;
}
