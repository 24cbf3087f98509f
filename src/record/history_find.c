/*
 * Searches: begun by the loop, done by the disk thread, one segment (4 MiB at most) a turn so that
 * log and edits are served in between, answered on the loop. Lists are read one after the other;
 * each change is told once however often a crash between swap and save made the worker write it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "history_parts.h"
#include "rcptguard/base/log.h"

#define SEARCHES_MAX 16
#define KEPT_ROOM    ((size_t)2 * HISTORY_CHANGES) /* so that sorting them is rare */

struct kept {
    struct history_change change;
    uint64_t order; /* as they were read */
};

enum last { LAST_UNKNOWN, LAST_ADDED, LAST_DROPPED };

struct history_search {
    struct task task;
    struct history *history;
    struct disk *disk;
    struct queue *loop;
    history_found *found;
    void *arg;
    struct history_search *next, **prev; /* the loop's */

    struct history_wanted *wanted;
    size_t n_wanted;

    /* The disk thread's, then the loop's. */
    struct history_file *files;
    size_t n_files, at;
    unsigned char last[HISTORY_KEYS]; /* of this list: enum last of each key */
    bool begun;                       /* a block of this list was read */
    int64_t time;                     /* of this block */
    struct kept *kept;
    size_t n_kept;
    uint64_t order;
    int64_t oldest, whole_since; /* of all; of the lists that have lost segments, the latest */
};

static void history_search_free(struct history_search *s)
{
    *s->prev = s->next;
    if (s->next != NULL)
        s->next->prev = s->prev;
    s->history->n_searches--;
    free(s->files);
    free(s->wanted);
    free(s->kept);
    free(s);
}

void history_search_end(struct history_search *s)
{
    s->found(NULL, 0, 0, s->arg);
    history_search_free(s);
}

/* ---- what was found ------------------------------------------------------------------------- */

static int compare_kept(const void *a, const void *b)
{
    const struct kept *x = a, *y = b;

    if (x->change.time != y->change.time)
        return x->change.time < y->change.time ? -1 : 1;
    int lists = strcmp(x->change.list, y->change.list);
    if (lists != 0)
        return lists;
    if (x->change.key != y->change.key)
        return x->change.key < y->change.key ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

/* In the order of time, and only the last ones. */
static void trim(struct history_search *s)
{
    qsort(s->kept, s->n_kept, sizeof *s->kept, compare_kept);
    if (s->n_kept <= HISTORY_CHANGES)
        return;
    memmove(s->kept, s->kept + s->n_kept - HISTORY_CHANGES, HISTORY_CHANGES * sizeof *s->kept);
    s->n_kept = HISTORY_CHANGES;
}

static void on_hit(unsigned key, bool added, void *arg)
{
    struct history_search *s = arg;
    unsigned char now = added ? LAST_ADDED : LAST_DROPPED;

    if (s->last[key] == now)
        return;
    s->last[key] = now;
    if (s->n_kept == KEPT_ROOM)
        trim(s);
    struct kept *kept = &s->kept[s->n_kept++];
    kept->order = s->order++;
    kept->change = (struct history_change){.time = s->time, .key = key, .added = added};
    memcpy(kept->change.list, s->files[s->at].list, sizeof kept->change.list);
}

/* ---- reading -------------------------------------------------------------------------------- */

/* The oldest block of a list: what was before is unknown when segments of it are gone. */
static void note_begin(struct history_search *s)
{
    bool lost_some = s->files[s->at].number > 1;

    s->begun = true;
    if (s->oldest == 0 || s->time < s->oldest)
        s->oldest = s->time;
    if (lost_some && s->time > s->whole_since)
        s->whole_since = s->time;
}

static size_t read_segment(const char *path, char *bytes)
{
    size_t len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0)
        return 0; /* removed meanwhile, to make room */
    while (len < HISTORY_SEGMENT_MAX) {
        ssize_t n = read(fd, bytes + len, HISTORY_SEGMENT_MAX - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    close(fd);
    return len;
}

static void search_segment(struct history_search *s)
{
    const struct history_file *file = &s->files[s->at];
    struct history_block block;
    char path[PATH_MAX];

    if (s->at == 0 || strcmp(s->files[s->at - 1].list, file->list) != 0) {
        memset(s->last, LAST_UNKNOWN, sizeof s->last);
        s->begun = false;
    }
    if (!history_path(s->history->dir, file->list, file->number, path))
        return;
    struct view rest = view_make(s->history->slice, read_segment(path, s->history->slice));
    for (size_t len; (len = history_block_read(rest, file->list, &block)) > 0;) {
        s->time = block.head.time;
        if (!s->begun)
            note_begin(s);
        history_block_search(&block, s->wanted, s->n_wanted, on_hit, s);
        rest = view_from(rest, len);
    }
}

/* ---- the way of a search -------------------------------------------------------------------- */

static void run_answer(struct task *task)
{
    struct history_search *s = (struct history_search *)task;
    struct history_change *changes = (struct history_change *)(void *)s->kept;

    if (atomic_load(&s->history->stopped))
        return; /* ended with the history */
    /* Packed where they are: the front of each is what is told. */
    for (size_t i = 0; i < s->n_kept; i++) {
        struct history_change change = s->kept[i].change;
        memcpy(&changes[i], &change, sizeof change);
    }
    int64_t since = s->whole_since > s->oldest ? s->whole_since : s->oldest;
    s->found(changes, s->n_kept, since, s->arg);
    history_search_free(s);
}

static void answer(struct history_search *s)
{
    trim(s);
    s->task.run = run_answer;
    queue_post(s->loop, &s->task);
}

static void run_slice(struct task *task)
{
    struct history_search *s = (struct history_search *)task;

    while (s->at < s->n_files && !atomic_load(&s->history->stopped)) {
        search_segment(s);
        s->at++;
        if (disk_post(s->disk, &s->task) == 0)
            return;
        /* So many jobs wait that it may not queue up again: on at once. */
    }
    answer(s);
}

static void run_begin(struct task *task)
{
    struct history_search *s = (struct history_search *)task;
    struct error why;

    if (history_files(s->history->dir, &s->files, &s->n_files, &why) < 0)
        log_warning("history", "cannot be searched: %s", why.text);
    s->task.run = run_slice;
    run_slice(task);
}

static struct history_search *new_search(struct history *h, const struct history_key *keys,
                                         size_t n)
{
    struct history_search *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->history = h;
    s->wanted = malloc((n + 1) * sizeof *s->wanted);
    s->kept = malloc(KEPT_ROOM * sizeof *s->kept);
    s->prev = &h->searches;
    s->next = h->searches;
    if (s->next != NULL)
        s->next->prev = &s->next;
    h->searches = s;
    h->n_searches++;
    if (s->wanted == NULL || s->kept == NULL) {
        history_search_free(s);
        return NULL;
    }
    for (size_t i = 0; i < n; i++)
        s->wanted[i] = (struct history_wanted){
            history_hash(&h->secret, (uint8_t)keys[i].kind, keys[i].key), (unsigned)i};
    s->n_wanted = n;
    history_wanted_sort(s->wanted, n);
    return s;
}

int history_find(struct history *h, struct disk *disk, struct queue *loop,
                 const struct history_key *keys, size_t n, history_found *found, void *arg)
{
    if (h == NULL || n > HISTORY_KEYS || h->n_searches >= SEARCHES_MAX || atomic_load(&h->stopped))
        return ERR_LIMIT;
    struct history_search *s = new_search(h, keys, n);
    if (s == NULL)
        return ERR_NOMEM;
    s->disk = disk;
    s->loop = loop;
    s->found = found;
    s->arg = arg;
    s->task.run = run_begin;
    int rc = disk_post(disk, &s->task);
    if (rc < 0)
        history_search_free(s);
    return rc;
}
