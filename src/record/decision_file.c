/*
 * Opening, writing, and words for what goes wrong. Looked at before it is opened, since opening a
 * device may already do something (a tape rewinds), and again when it is open, since it may have
 * been exchanged. A symbolic link is refused: in a directory where somebody else may write, it
 * could lead anywhere.
 */
#include "decision_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MODE  0640
#define OPEN_FLAGS (O_WRONLY | O_APPEND | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC)

/* 0, or what speaks against it. */
static int check_kind(mode_t mode)
{
    if (S_ISLNK(mode))
        return ELOOP;
    return S_ISREG(mode) || S_ISFIFO(mode) ? 0 : DECISION_FILE_ODD;
}

static int open_path(const char *path, int *fd)
{
    struct stat st;
    int problem;

    if (lstat(path, &st) == 0) {
        if ((problem = check_kind(st.st_mode)) != 0)
            return problem;
        *fd = open(path, OPEN_FLAGS);
    } else {
        *fd = errno == ENOENT ? open(path, OPEN_FLAGS | O_CREAT, FILE_MODE) : -1;
    }
    return *fd < 0 ? errno : 0;
}

/* The descriptor cannot read, and need not: what the last byte is, is asked of another one. When
 * that cannot be had, the file is taken to be whole. */
static bool ends_within_line(const char *path, const struct stat *st)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
    char last = '\n';

    if (fd < 0)
        return false;
    if (pread(fd, &last, 1, st->st_size - 1) != 1)
        last = '\n';
    close(fd);
    return last != '\n';
}

static int end_line(struct decision_file *f, const char *path, const struct stat *st)
{
    if (!S_ISREG(st->st_mode) || st->st_size == 0 || !ends_within_line(path, st))
        return 0;
    return decision_file_write(f, "\n", 1) == 1 ? 0 : errno;
}

int decision_file_open(struct decision_file *f, const char *path)
{
    struct stat st;

    f->fd = -1;
    int problem = open_path(path, &f->fd);
    if (problem != 0)
        return problem;
    if (fstat(f->fd, &st) != 0)
        problem = errno;
    else if ((problem = check_kind(st.st_mode)) == 0)
        problem = end_line(f, path, &st);
    if (problem != 0) {
        decision_file_close(f);
        return problem;
    }
    f->dev = st.st_dev;
    f->ino = st.st_ino;
    return 0;
}

bool decision_file_is_at(const struct decision_file *f, const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && st.st_dev == f->dev && st.st_ino == f->ino;
}

ssize_t decision_file_write(struct decision_file *f, const char *bytes, size_t len)
{
    ssize_t n;

    do
        n = write(f->fd, bytes, len);
    while (n < 0 && errno == EINTR);
    if (n == 0) {
        errno = EIO;
        return -1;
    }
    return n;
}

void decision_file_close(struct decision_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

const char *decision_file_problem(int problem)
{
    switch (problem) {
    case DECISION_FILE_ODD:
        return "is neither a file nor a FIFO; name another in [decisions] file";
    case ENXIO:
    case EPIPE:
        return "is a FIFO that nobody reads; start its reader";
    case EAGAIN:
        return "is a FIFO whose reader does not keep up";
    case ELOOP:
        return "is a symbolic link; name the file itself in [decisions] file";
    case ENOENT:
    case ENOTDIR:
        return "its directory is missing; make it, for the daemon's user to write in";
    case EACCES:
    case EPERM:
    case EROFS:
        return "may not be written by the daemon's user; give it the directory and the file";
    default:
        return strerrordesc_np(problem) != NULL ? strerrordesc_np(problem) : "cannot be written";
    }
}
