/*
 * Numbered segments of checksummed lines. A segment is opened for each batch and closed again:
 * batches are few, and a directory that somebody empties, fills or makes read-only meanwhile costs
 * an error or a new segment, never a journal that writes into a file that nobody sees.
 */
#include "journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rcptguard/base/file.h"
#include "rcptguard/base/hash.h"
#include "rcptguard/base/log.h"

#define NAME_DIGITS 8
#define NUMBER_MAX  99999999u
#define SUM_DIGITS  16
#define SPANS       16 /* a segment holds at most keep_s / SPANS of time */

struct segment {
    uint64_t number;
    uint64_t bytes;
    int64_t written; /* when last */
};

struct journal {
    char *dir;
    const char *subject;
    uint64_t segment_bytes, max_bytes;
    int64_t keep_s;
    struct segment *segments; /* oldest first */
    size_t count, size;
    uint64_t total; /* bytes of all */
    uint64_t last;  /* highest number that was seen */
    int64_t begun;  /* no record of the newest segment is older */
    bool closed;    /* nothing more goes into the newest segment */
};

/* ---- records -------------------------------------------------------------------------------- */

static void sum_text(struct view line, char hex[SUM_DIGITS + 1])
{
    snprintf(hex, SUM_DIGITS + 1, "%016" PRIx64, checksum_of(line.ptr, line.len).low);
}

int journal_frame(struct buf *batch, struct view line)
{
    char head[SUM_DIGITS + 2];
    size_t before = batch->len;

    if (view_find(line, '\n') >= 0)
        return ERR_REFUSED;
    sum_text(line, head);
    head[SUM_DIGITS] = ' ';
    head[SUM_DIGITS + 1] = '\0';
    int rc = buf_add(batch, head, SUM_DIGITS + 1);
    if (rc == 0)
        rc = buf_add_view(batch, line);
    if (rc == 0)
        rc = buf_add(batch, "\n", 1);
    if (rc < 0) {
        batch->len = before;
        batch->failed = false;
    }
    return rc;
}

static bool is_good(struct view framed, struct view *line)
{
    char sum[SUM_DIGITS + 1];

    if (framed.len <= SUM_DIGITS || framed.ptr[SUM_DIGITS] != ' ')
        return false;
    *line = view_make(framed.ptr + SUM_DIGITS + 1, framed.len - SUM_DIGITS - 1);
    sum_text(*line, sum);
    return memcmp(framed.ptr, sum, SUM_DIGITS) == 0;
}

size_t journal_records(struct view bytes, journal_visit *visit, void *arg)
{
    size_t good_end = 0, at = 0;
    struct view line;

    while (at < bytes.len) {
        const char *begin = bytes.ptr + at, *end = memchr(begin, '\n', bytes.len - at);
        if (end == NULL)
            break;
        at += (size_t)(end - begin) + 1;
        if (!is_good(view_make(begin, (size_t)(end - begin)), &line))
            continue;
        good_end = at;
        if (visit != NULL)
            visit(line, arg);
    }
    return good_end;
}

/* ---- the directory -------------------------------------------------------------------------- */

static int path_of(const struct journal *j, uint64_t number, char path[PATH_MAX], struct error *why)
{
    if (snprintf(path, PATH_MAX, "%s/%0*" PRIu64, j->dir, NAME_DIGITS, number) >= PATH_MAX)
        return error_set(why, ERR_LIMIT, "%s: path too long", j->dir);
    return 0;
}

static int add_segment(struct journal *j, const struct segment *s, struct error *why)
{
    if (j->count == j->size) {
        size_t size = j->size == 0 ? 32 : 2 * j->size;
        struct segment *more = realloc(j->segments, size * sizeof *more);
        if (more == NULL)
            return error_set(why, ERR_NOMEM, "%s: no memory", j->dir);
        j->segments = more;
        j->size = size;
    }
    j->segments[j->count++] = *s;
    j->total += s->bytes;
    return 0;
}

static void forget_segment(struct journal *j, size_t i)
{
    j->total -= j->segments[i].bytes;
    j->count--;
    memmove(j->segments + i, j->segments + i + 1, (j->count - i) * sizeof *j->segments);
}

static int by_number(const void *a, const void *b)
{
    const struct segment *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

static int take_name(struct journal *j, int dir_fd, const char *name, struct error *why)
{
    struct segment s = {0};
    struct stat st;

    if (strlen(name) != NAME_DIGITS || !view_to_uint(view_of(name), NUMBER_MAX, &s.number) ||
        s.number == 0)
        return 0;
    if (s.number > j->last)
        j->last = s.number;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
        return 0;
    s.bytes = (uint64_t)st.st_size;
    s.written = st.st_mtime;
    return add_segment(j, &s, why);
}

static int list_segments(struct journal *j, struct error *why)
{
    struct dirent *entry;
    DIR *dir = opendir(j->dir);
    int rc = 0;

    if (dir == NULL)
        return error_errno(why, "cannot open %s", j->dir);
    while (rc == 0 && (entry = readdir(dir)) != NULL)
        rc = take_name(j, dirfd(dir), entry->d_name, why);
    closedir(dir);
    if (j->count > 0)
        qsort(j->segments, j->count, sizeof *j->segments, by_number);
    return rc;
}

/* ---- reading -------------------------------------------------------------------------------- */

static int read_segment(const struct journal *j, uint64_t number, struct buf *bytes,
                        struct error *why)
{
    char path[PATH_MAX];
    int rc = path_of(j, number, path, why);

    /* One batch may be larger than a segment; more than that is not ours. */
    return rc < 0 ? rc : file_read(path, 2 * j->segment_bytes, bytes, why);
}

uint64_t journal_segment_before(const struct journal *j, uint64_t before)
{
    for (size_t i = j->count; i > 0; i--)
        if (j->segments[i - 1].number < before)
            return j->segments[i - 1].number;
    return 0;
}

int journal_read(const struct journal *j, uint64_t segment, journal_visit *visit, void *arg,
                 struct error *why)
{
    struct buf bytes = BUF_INIT(0);
    int rc = read_segment(j, segment, &bytes, why);

    if (rc == 0)
        journal_records(buf_view(&bytes), visit, arg);
    buf_free(&bytes);
    return rc;
}

/* ---- opening -------------------------------------------------------------------------------- */

/* Whatever cannot be read or cut stays as it is, and a new segment is begun behind it. */
static void cut_tail(struct journal *j)
{
    struct segment *s = &j->segments[j->count - 1];
    struct buf bytes = BUF_INIT(0);
    char path[PATH_MAX];
    struct error why;

    int rc = path_of(j, s->number, path, &why);
    if (rc == 0)
        rc = read_segment(j, s->number, &bytes, &why);
    size_t good = rc == 0 ? journal_records(buf_view(&bytes), NULL, NULL) : 0;
    if (rc == 0 && good < bytes.len) {
        if (truncate(path, (off_t)good) != 0)
            rc = error_errno(&why, "cannot cut the damaged end of %s", path);
        else
            log_warning(j->subject, "%s: %zu damaged bytes at the end cut off, after a crash?",
                        path, bytes.len - good);
    }
    if (rc < 0) {
        log_warning(j->subject, "%s", why.text);
        j->closed = true;
    } else {
        j->total -= s->bytes - good;
        s->bytes = good;
    }
    buf_free(&bytes);
}

struct journal *journal_open(const struct journal_config *config, struct error *why)
{
    struct journal *j = calloc(1, sizeof *j);

    if (j == NULL || (j->dir = view_dup(view_of(config->dir))) == NULL) {
        error_set(why, ERR_NOMEM, "%s: no memory", config->dir);
        journal_close(j);
        return NULL;
    }
    j->subject = config->subject;
    j->segment_bytes = config->segment_bytes;
    j->max_bytes = config->max_bytes;
    j->keep_s = config->keep_s;
    if (file_make_dir(j->dir, 0750, why) < 0 || list_segments(j, why) < 0) {
        journal_close(j);
        return NULL;
    }
    if (j->count > 0)
        cut_tail(j);
    /* Nothing says when the newest was begun, but it was after the last word of the one before;
     * without one it may be as old as can be, and is ended. */
    if (j->count > 1)
        j->begun = j->segments[j->count - 2].written;
    else
        j->closed = true;
    return j;
}

void journal_close(struct journal *j)
{
    if (j == NULL)
        return;
    free(j->segments);
    free(j->dir);
    free(j);
}

/* ---- appending ------------------------------------------------------------------------------ */

static int drop_oldest(struct journal *j, struct error *why)
{
    char path[PATH_MAX];
    int rc = path_of(j, j->segments[0].number, path, why);

    if (rc == 0 && unlink(path) != 0 && errno != ENOENT)
        rc = error_errno(why, "cannot remove %s", path);
    if (rc == 0)
        forget_segment(j, 0);
    return rc;
}

/* The first record of a segment may be a span older than its last. */
static bool is_old(const struct journal *j, const struct segment *s, int64_t now)
{
    return s->written - j->keep_s / SPANS < now - j->keep_s;
}

static int make_room(struct journal *j, size_t len, int64_t now, struct error *why)
{
    int rc = 0;

    if (len > j->max_bytes)
        return error_set(why, ERR_LIMIT, "%s: a batch of %zu bytes is too large", j->dir, len);
    while (rc == 0 && j->count > 0 &&
           (j->total + len > j->max_bytes || is_old(j, &j->segments[0], now)))
        rc = drop_oldest(j, why);
    return rc;
}

static bool newest_takes(const struct journal *j, size_t len, int64_t now)
{
    if (j->count == 0 || j->closed)
        return false;
    /* A clock that went back must not keep one segment open for years. */
    return j->segments[j->count - 1].bytes + len <= j->segment_bytes && now >= j->begun &&
           now - j->begun <= j->keep_s / SPANS;
}

static int open_new(struct journal *j, int64_t now, char path[PATH_MAX], struct error *why)
{
    struct segment s = {.number = j->last + 1, .written = now};

    if (s.number > NUMBER_MAX)
        return error_set(why, ERR_LIMIT, "%s: no number left: remove what is in it", j->dir);
    int rc = file_make_dir(j->dir, 0750, why);
    if (rc < 0 || (rc = path_of(j, s.number, path, why)) < 0)
        return rc;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0 && errno == EEXIST)
        j->last++; /* not ours: the next batch goes behind it */
    if (fd < 0)
        return error_errno(why, "cannot make %s", path);
    if ((rc = add_segment(j, &s, why)) < 0) {
        close(fd);
        return rc;
    }
    j->last = s.number;
    j->begun = now;
    j->closed = false;
    return fd;
}

static int open_newest(struct journal *j, size_t len, int64_t now, char path[PATH_MAX],
                       struct error *why)
{
    if (!newest_takes(j, len, now))
        return open_new(j, now, path, why);
    int rc = path_of(j, j->segments[j->count - 1].number, path, why);
    if (rc < 0)
        return rc;
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) {
        forget_segment(j, j->count - 1);
        return open_new(j, now, path, why);
    }
    return fd < 0 ? error_errno(why, "cannot open %s", path) : fd;
}

int journal_append(struct journal *j, struct view batch, int64_t now, struct error *why)
{
    char path[PATH_MAX];
    int rc = make_room(j, batch.len, now, why);

    if (rc < 0 || batch.len == 0)
        return rc;
    int fd = open_newest(j, batch.len, now, path, why);
    if (fd < 0)
        return fd;
    struct segment *s = &j->segments[j->count - 1];
    rc = file_write_all(fd, path, batch.ptr, batch.len, why);
    if (rc == 0) {
        s->bytes += batch.len;
        s->written = now;
        j->total += batch.len;
    } else if (ftruncate(fd, (off_t)s->bytes) != 0) {
        /* A torn record would swallow the next one. */
        j->closed = true;
    }
    close(fd);
    return rc;
}
