/* Segments: opened, appended to, removed. */
#include "history_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rcptguard/base/file.h"
#include "rcptguard/base/log.h"
#include "rcptguard/base/pages.h"

#define SEGMENT_MIN ((size_t)16 << 10)
#define SEGMENTS    64 /* of the most that is kept: what is forgotten at once is a part of that */

struct segment {
    uint32_t number;
    uint64_t bytes;
    int64_t newest; /* time of a block */
    bool closed;    /* it could not be written to: what follows goes into another */
};

/* One list's. */
struct past {
    char list[BLOCKLIST_NAME_MAX];
    struct segment *segments; /* oldest first, never none */
    size_t n;
    uint64_t bytes;
};

struct history_journal {
    char *dir;
    struct past **pasts;
    size_t n;
    uint64_t bytes;
};

size_t history_journal_longest(uint64_t max_bytes)
{
    uint64_t bytes = max_bytes / SEGMENTS;

    if (bytes > HISTORY_SEGMENT_MAX)
        bytes = HISTORY_SEGMENT_MAX;
    if (bytes < SEGMENT_MIN)
        bytes = max_bytes < SEGMENT_MIN ? max_bytes : SEGMENT_MIN;
    return bytes < HISTORY_HEAD_BYTES + HISTORY_HASH_BYTES ? 0 : (size_t)bytes;
}

/* ---- what is known of them ------------------------------------------------------------------ */

static struct past *find_past(const struct history_journal *j, const char *list)
{
    for (size_t i = 0; i < j->n; i++)
        if (strcmp(j->pasts[i]->list, list) == 0)
            return j->pasts[i];
    return NULL;
}

static struct past *add_past(struct history_journal *j, const char *list)
{
    struct past **more = reallocarray(j->pasts, j->n + 1, sizeof(struct past *));
    struct past *p = calloc(1, sizeof *p);

    if (more != NULL)
        j->pasts = more;
    if (more == NULL || p == NULL) {
        free(p);
        return NULL;
    }
    snprintf(p->list, sizeof p->list, "%s", list);
    j->pasts[j->n++] = p;
    return p;
}

/* A list without segments is not kept, and neither is its directory. */
static void drop_empty(struct history_journal *j, struct past *p)
{
    char path[PATH_MAX];
    size_t i = 0;

    if (p->n > 0)
        return;
    if (history_path(j->dir, p->list, 0, path))
        rmdir(path);
    while (j->pasts[i] != p)
        i++;
    j->pasts[i] = j->pasts[--j->n];
    free(p->segments);
    free(p);
}

static struct segment *add_segment(struct past *p, uint32_t number)
{
    struct segment *more = reallocarray(p->segments, p->n + 1, sizeof *more);

    if (more == NULL)
        return NULL;
    p->segments = more;
    p->segments[p->n] = (struct segment){.number = number, .newest = INT64_MIN};
    return &p->segments[p->n++];
}

static void grow(struct history_journal *j, struct past *p, struct segment *s, uint64_t by)
{
    s->bytes += by;
    p->bytes += by;
    j->bytes += by;
}

/* A reader may have it open, or finds it gone: both are fine. */
static void remove_segment(struct history_journal *j, struct past *p, size_t i)
{
    char path[PATH_MAX];

    if (history_path(j->dir, p->list, p->segments[i].number, path))
        unlink(path);
    p->bytes -= p->segments[i].bytes;
    j->bytes -= p->segments[i].bytes;
    p->n--;
    memmove(&p->segments[i], &p->segments[i + 1], (p->n - i) * sizeof *p->segments);
}

/* ---- opening -------------------------------------------------------------------------------- */

struct opening {
    struct history_journal *journal;
    char *bytes; /* HISTORY_SEGMENT_MAX */
    unsigned damaged;
    uint64_t cut;
};

/* Reads what FD holds at AT; short at the end of the file. */
static size_t read_at(int fd, char *bytes, size_t len, uint64_t at)
{
    size_t got = 0;

    while (got < len) {
        ssize_t n = pread(fd, bytes + got, len - got, (off_t)(at + got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    return got;
}

/* The length up to the first block that is cut off or none. */
static uint64_t walk_heads(int fd, const char *list, uint64_t size, int64_t *newest)
{
    struct history_head head;
    char bytes[HISTORY_HEAD_BYTES];
    uint64_t at = 0;

    for (;;) {
        size_t n = read_at(fd, bytes, sizeof bytes, at);
        size_t len = history_block_bytes(view_make(bytes, n), list, &head);
        if (len == 0 || len > size - at)
            return at;
        *newest = head.time > *newest ? head.time : *newest;
        at += len;
    }
}

/* The same with the checksum of each block. */
static uint64_t walk_blocks(const struct opening *o, int fd, const char *list, int64_t *newest)
{
    struct view rest = view_make(o->bytes, read_at(fd, o->bytes, HISTORY_SEGMENT_MAX, 0));
    struct history_block block;
    uint64_t at = 0;

    for (size_t len; (len = history_block_read(rest, list, &block)) > 0; at += len) {
        *newest = block.head.time > *newest ? block.head.time : *newest;
        rest = view_from(rest, len);
    }
    return at;
}

/* Only the last one was written to of late; a start should not read a quarter of a gigabyte. */
static int check_segment(struct opening *o, int fd, const struct history_file *file, bool last)
{
    struct history_journal *j = o->journal;
    struct past *p = find_past(j, file->list);
    int64_t newest = INT64_MIN;
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return 0;
    uint64_t size = (uint64_t)st.st_size;
    uint64_t sound =
        last ? walk_blocks(o, fd, file->list, &newest) : walk_heads(fd, file->list, size, &newest);
    if (sound < size) {
        o->damaged++;
        o->cut += size - sound;
        if (ftruncate(fd, (off_t)sound) != 0)
            sound = size; /* readers stop at the damage, too */
    }
    if (p == NULL && (p = add_past(j, file->list)) == NULL)
        return ERR_NOMEM;
    struct segment *s = add_segment(p, file->number);
    if (s == NULL)
        return ERR_NOMEM;
    s->newest = newest;
    grow(j, p, s, sound);
    if (sound == 0)
        remove_segment(j, p, p->n - 1);
    drop_empty(j, p);
    return 0;
}

static int open_segments(struct opening *o, const struct history_file *files, size_t n)
{
    char path[PATH_MAX];
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < n; i++) {
        bool last = i + 1 == n || strcmp(files[i].list, files[i + 1].list) != 0;
        if (!history_path(o->journal->dir, files[i].list, files[i].number, path))
            continue;
        int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0) {
            log_warning("history", "cannot open %s: %s", path, strerrordesc_np(errno));
            continue;
        }
        rc = check_segment(o, fd, &files[i], last);
        close(fd);
    }
    return rc;
}

static int read_dir(struct history_journal *j, struct error *why)
{
    struct opening o = {.journal = j, .bytes = malloc(HISTORY_SEGMENT_MAX)};
    struct history_file *files = NULL;
    size_t n = 0;

    if (o.bytes == NULL)
        return error_set(why, ERR_NOMEM, "no memory for the history");
    pages_large(o.bytes, HISTORY_SEGMENT_MAX); /* read in one go at the start: 15 ms less */
    int rc = history_files(j->dir, &files, &n, why);
    if (rc == 0 && open_segments(&o, files, n) < 0)
        rc = error_set(why, ERR_NOMEM, "no memory for the history");
    if (o.damaged > 0)
        log_warning("history",
                    "%u files were damaged, the last %" PRIu64
                    " bytes of them are lost; all else goes on",
                    o.damaged, o.cut);
    free(files);
    free(o.bytes);
    return rc;
}

struct history_journal *history_journal_open(const char *dir, struct error *why)
{
    struct history_journal *j = calloc(1, sizeof *j);

    if (j == NULL || (j->dir = view_dup(view_of(dir))) == NULL) {
        error_set(why, ERR_NOMEM, "no memory for the history");
        history_journal_close(j);
        return NULL;
    }
    if (read_dir(j, why) < 0) {
        history_journal_close(j);
        return NULL;
    }
    return j;
}

void history_journal_close(struct history_journal *j)
{
    if (j == NULL)
        return;
    for (size_t i = 0; i < j->n; i++) {
        free(j->pasts[i]->segments);
        free(j->pasts[i]);
    }
    free(j->pasts);
    free(j->dir);
    free(j);
}

/* ---- bounds --------------------------------------------------------------------------------- */

static struct past *largest(const struct history_journal *j)
{
    struct past *most = j->pasts[0];

    for (size_t i = 1; i < j->n; i++)
        if (j->pasts[i]->bytes > most->bytes)
            most = j->pasts[i];
    return most;
}

static void make_room(struct history_journal *j, uint64_t bytes, uint64_t max_bytes)
{
    while (j->n > 0 && j->bytes + bytes > max_bytes) {
        struct past *p = largest(j);
        remove_segment(j, p, 0);
        drop_empty(j, p);
    }
}

void history_journal_bound(struct history_journal *j, int64_t oldest, uint64_t max_bytes)
{
    for (size_t i = j->n; i-- > 0;) {
        struct past *p = j->pasts[i];
        while (p->n > 0 && p->segments[0].newest < oldest)
            remove_segment(j, p, 0);
        drop_empty(j, p);
    }
    make_room(j, 0, max_bytes);
}

/* ---- appending ------------------------------------------------------------------------------ */

/* The list's last segment when LEN bytes fit into it, else a new one. */
static struct segment *segment_for(struct past *p, size_t len, size_t longest)
{
    struct segment *last = p->n == 0 ? NULL : &p->segments[p->n - 1];

    if (last != NULL && !last->closed && last->bytes + len <= longest)
        return last;
    return add_segment(p, last == NULL ? 1 : last->number + 1);
}

/* What is half written goes again. */
static int write_at_end(int fd, const char *path, const struct segment *s, const void *block,
                        size_t len, struct error *why)
{
    off_t end = lseek(fd, 0, SEEK_END);

    if (end < 0 || (uint64_t)end != s->bytes)
        return error_set(why, ERR_CONFLICT, "%s was changed by somebody else", path);
    int rc = file_write_all(fd, path, block, len, why);
    if (rc < 0 && ftruncate(fd, end) == 0 && end == 0)
        unlink(path);
    return rc;
}

static int write_block(const char *path, const struct segment *s, const void *block, size_t len,
                       struct error *why)
{
    int flags = s->bytes == 0 ? O_CREAT | O_TRUNC : 0;
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | flags, 0640);

    if (fd < 0) {
        bool is_absent = errno == ENOENT;
        error_errno(why, "cannot open %s", path);
        return is_absent ? ERR_ABSENT : ERR_IO;
    }
    int rc = write_at_end(fd, path, s, block, len, why);
    close(fd);
    return rc;
}

static int append(struct history_journal *j, struct past *p, const struct history_head *block,
                  size_t len, size_t longest, struct error *why)
{
    char path[PATH_MAX];
    size_t before = p->n;
    struct segment *s = segment_for(p, len, longest);

    if (s == NULL)
        return error_set(why, ERR_NOMEM, "no memory for the history");
    int rc = history_path(j->dir, p->list, 0, path) ? file_make_dir(path, 0750, why)
                                                    : error_set(why, ERR_LIMIT, "path too long");
    if (rc == 0 && history_path(j->dir, p->list, s->number, path))
        rc = write_block(path, s, block, len, why);
    if (rc < 0) {
        s->closed = true;
        p->n = before;
        return rc;
    }
    s->newest = block->time > s->newest ? block->time : s->newest;
    grow(j, p, s, len);
    return 0;
}

int history_journal_append(struct history_journal *j, const struct history_head *block, size_t len,
                           uint64_t max_bytes, struct error *why)
{
    make_room(j, len, max_bytes);
    struct past *p = find_past(j, block->list);
    if (p == NULL && (p = add_past(j, block->list)) == NULL)
        return error_set(why, ERR_NOMEM, "no memory for the history");
    int rc = append(j, p, block, len, history_journal_longest(max_bytes), why);
    if (rc == ERR_ABSENT) /* somebody took the segment away: into another one */
        rc = append(j, p, block, len, history_journal_longest(max_bytes), why);
    drop_empty(j, p);
    return rc;
}
