/*
 * Watching files: inotify tells when to look and what a writer did, stat tells what is there, and
 * watch_state.c judges. Directories are watched rather than files, as editors and `rcptguard
 * exclude` replace the file; a watch on the file itself would follow the old one.
 *
 * Two directories a watch: the one the path names (or the nearest one that exists), and, when the
 * file is a symlink, the one its target lies in. They are looked up anew at every look, which finds
 * directories that were replaced, and costs a few system calls every two seconds.
 */
#include "rcptguard/base/watch.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rcptguard/base/buf.h"
#include "watch_state.h"

#define DIR_EVENTS                                                                                 \
    (IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVED_FROM |              \
     IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

#define LOOKS 3 /* one after the other, while something happens in between */

struct watch_dir {
    int wd;                  /* -1: none */
    char name[NAME_MAX + 1]; /* of the file or link in it; "": a directory above is watched */
};

struct watch {
    struct watcher *owner;
    struct watch *next;
    char *path;
    watch_changed *changed;
    void *arg;
    struct watch_dir link, target; /* where the path lies; where the file does, if elsewhere */
    struct watch_state state;
    unsigned events; /* of this batch */
    bool moved;      /* something else was renamed into the path's directory */
    bool look_now;
    bool touched; /* so that it is to be looked at: the file itself */
    int64_t look_at;
    bool removed; /* inside watcher_run: freed at its end */
};

struct watcher {
    int fd; /* -1: no inotify */
    struct watch *first;
    bool running;
};

struct watcher *watcher_new(struct error *why)
{
    struct watcher *w = calloc(1, sizeof *w);
    if (w == NULL) {
        error_set(why, ERR_NOMEM, "no memory for the file watcher");
        return NULL;
    }
    w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    return w;
}

int watcher_fd(const struct watcher *w)
{
    return w->fd;
}

/* ---- directories ---- */

static bool wd_in_use(const struct watcher *w, int wd)
{
    for (const struct watch *x = w->first; x != NULL; x = x->next)
        if (!x->removed && (x->link.wd == wd || x->target.wd == wd))
            return true;
    return false;
}

/* The kernel gives the same number to all who watch one directory. */
static void set_wd(struct watcher *w, struct watch_dir *d, int wd)
{
    int old = d->wd;

    d->wd = wd;
    if (old >= 0 && old != wd && !wd_in_use(w, old))
        inotify_rm_watch(w->fd, old);
}

/* Cuts DIR to the part before its last '/', "/" or "."; false when there is nothing above. */
static bool parent_of(char *dir)
{
    char *slash = strrchr(dir, '/');

    if (strcmp(dir, "/") == 0 || strcmp(dir, ".") == 0)
        return false;
    if (slash == NULL)
        strcpy(dir, ".");
    else if (slash == dir)
        dir[1] = '\0';
    else
        *slash = '\0';
    return true;
}

static bool is_out_of_watches(int error)
{
    return error == ENOSPC || error == ENOMEM || error == EMFILE;
}

/* Watches the directory of PATH, or, when it is missing, the nearest one above that is there. Where
 * the kernel has no watch to give, the one of before stays: it mostly is the same. */
static void watch_dir_of(struct watcher *w, struct watch_dir *d, const char *path)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');

    if (w->fd < 0 || strlen(path) >= sizeof dir)
        return;
    strcpy(dir, path);
    parent_of(dir);
    int wd = inotify_add_watch(w->fd, dir, DIR_EVENTS);
    if (wd < 0 && d->wd >= 0 && is_out_of_watches(errno))
        return;
    struct text name = text_on(d->name, sizeof d->name);
    if (wd >= 0)
        text_add(&name, slash == NULL ? path : slash + 1);
    while (wd < 0 && parent_of(dir))
        wd = inotify_add_watch(w->fd, dir, DIR_EVENTS);
    set_wd(w, d, wd);
}

static bool is_link(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

/* Where the link at PATH leads; also when nothing is there, as the file may be about to be made. */
static bool target_of(const char *path, char target[PATH_MAX])
{
    char words[PATH_MAX];

    if (realpath(path, target) != NULL)
        return true;
    ssize_t len = readlink(path, words, sizeof words);
    if (len <= 0)
        return false;
    const char *slash = strrchr(path, '/');
    struct text t = text_on(target, PATH_MAX);
    if (words[0] != '/' && slash != NULL)
        text_add_view(&t, view_make(path, (size_t)(slash + 1 - path)));
    text_add_view(&t, view_make(words, (size_t)len));
    return !t.cut;
}

static void watch_dirs(struct watch *x)
{
    char target[PATH_MAX];

    watch_dir_of(x->owner, &x->link, x->path);
    if (is_link(x->path) && target_of(x->path, target))
        watch_dir_of(x->owner, &x->target, target);
    else
        set_wd(x->owner, &x->target, -1);
}

static struct watch_facts facts_of(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return (struct watch_facts){.error = errno};
    return (struct watch_facts){
        .exists = true,
        .dev = st.st_dev,
        .ino = st.st_ino,
        .size = st.st_size,
        .mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
        .mode = st.st_mode,
        .uid = st.st_uid,
        .gid = st.st_gid,
    };
}

/* ---- watches ---- */

static void watch_free(struct watch *x)
{
    free(x->path);
    free(x);
}

static void unlink_removed(struct watcher *w)
{
    for (struct watch **at = &w->first; *at != NULL;) {
        struct watch *x = *at;
        if (x->removed) {
            *at = x->next;
            watch_free(x);
        } else {
            at = &x->next;
        }
    }
}

void watch_remove(struct watch *x)
{
    if (x == NULL)
        return;
    x->removed = true;
    set_wd(x->owner, &x->link, -1);
    set_wd(x->owner, &x->target, -1);
    if (!x->owner->running)
        unlink_removed(x->owner);
}

void watcher_free(struct watcher *w)
{
    if (w == NULL)
        return;
    for (struct watch *x = w->first, *next; x != NULL; x = next) {
        next = x->next;
        watch_free(x);
    }
    if (w->fd >= 0)
        close(w->fd);
    free(w);
}

int watcher_timeout_ms(const struct watcher *w, int64_t mono_ms)
{
    int64_t soonest = INT64_MAX;

    for (const struct watch *x = w->first; x != NULL; x = x->next) {
        int64_t due = x->look_now ? mono_ms : x->look_at;
        if (due < soonest)
            soonest = due;
    }
    if (soonest == INT64_MAX)
        return -1;
    return soonest <= mono_ms ? 0 : (int)(soonest - mono_ms);
}

/* ---- events ---- */

/* What happened to the name itself, be it the file's or that of the link to it. */
static void name_event(struct watch *x, const struct watch_dir *d, uint32_t mask)
{
    /* A link is never half-made. */
    bool new_link = (mask & IN_CREATE) && d == &x->link && is_link(x->path);

    if ((mask & IN_MOVED_TO) || new_link)
        x->events = watch_events_add(x->events, WATCH_REPLACED);
    else if (mask & (IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_FROM))
        x->events = watch_events_add(x->events, WATCH_MODIFIED);
    else if (mask & IN_CLOSE_WRITE)
        x->events = watch_events_add(x->events, WATCH_CLOSED);
}

static void dir_event(struct watch *x, struct watch_dir *d, const struct inotify_event *e)
{
    if (d->wd != e->wd)
        return;
    if (e->mask & IN_IGNORED)
        d->wd = -1;
    bool named = e->len > 0 && strcmp(e->name, d->name) == 0;
    x->touched |= named;
    if (named)
        name_event(x, d, e->mask);
    else if (e->mask & IN_MOVED_TO)
        x->moved = true;
    /* Other names may be a directory of the path, or a link on the way to the target. */
    if (named || e->len == 0 || !(e->mask & (IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB)))
        x->look_now = true;
}

static void take_event(struct watcher *w, const struct inotify_event *e)
{
    for (struct watch *x = w->first; x != NULL; x = x->next) {
        if (e->mask & IN_Q_OVERFLOW) {
            /* A close among what was lost is not guessed at: see watch_state.c. */
            x->look_now = true;
            continue;
        }
        dir_event(x, &x->link, e);
        dir_event(x, &x->target, e);
    }
}

static void take_events(struct watcher *w)
{
    char bytes[16384] __attribute__((aligned(__alignof__(struct inotify_event))));

    while (w->fd >= 0) {
        ssize_t len = read(w->fd, bytes, sizeof bytes);
        if (len < 0 && errno == EINTR)
            continue;
        if (len <= 0)
            return;
        for (char *at = bytes; at < bytes + len;) {
            const struct inotify_event *e = (const struct inotify_event *)at;
            take_event(w, e);
            at += sizeof *e + e->len;
        }
    }
}

struct watch *watch_add(struct watcher *w, const char *path, watch_changed *changed, void *arg)
{
    struct watch *x = calloc(1, sizeof *x);
    if (x == NULL)
        return NULL;
    x->path = strdup(path);
    if (x->path == NULL) {
        free(x);
        return NULL;
    }
    x->owner = w;
    x->changed = changed;
    x->arg = arg;
    x->link.wd = x->target.wd = -1;
    /* Before the first stat, so that nothing falls between. */
    watch_dirs(x);
    /* What happened before is for the others only: a directory may be watched already. */
    take_events(w);
    struct watch_facts facts = facts_of(path);
    watch_state_start(&x->state, &facts);
    x->next = w->first;
    w->first = x;
    return x;
}

void watch_again(struct watch *x)
{
    if (x != NULL)
        watch_state_again(&x->state);
}

/*
 * With all events that led there: a writer who came behind a close may have emptied the file, and
 * then that close says nothing of it; and of a directory that came meanwhile nothing is heard
 * before it is watched. Who writes all the time is looked at again in the next run: TOUCHED.
 */
static struct watch_facts facts_and_events(struct watch *x)
{
    struct watch_facts facts;

    for (int i = 0; i < LOOKS; i++) {
        x->look_now = x->touched = false;
        watch_dirs(x);
        facts = facts_of(x->path);
        take_events(x->owner);
        if (!x->look_now)
            break;
    }
    return facts;
}

static bool look(struct watch *x, int64_t mono_ms)
{
    uint64_t dev = x->state.seen.dev, ino = x->state.seen.ino;

    struct watch_facts facts = facts_and_events(x);
    unsigned events = x->events;
    bool moved = x->moved;
    /* A close that came behind the facts says nothing of them. It is kept for those it is of. */
    if (x->touched)
        events = watch_events_add(events, WATCH_MODIFIED);
    else
        x->events = 0;
    x->moved = false;
    /* A directory on the way was switched by a rename, to a file that was there before (that is
     * how Kubernetes replaces a ConfigMap): nothing will be closed. */
    if (moved && events == 0 && facts.exists && (facts.ino != ino || facts.dev != dev))
        events = WATCH_REPLACED;
    return watch_state_look(&x->state, &facts, events, mono_ms, &x->look_at);
}

bool watch_is_touched(struct watch *x)
{
    take_events(x->owner);
    struct watch_facts facts = facts_of(x->path);
    return (x->events & WATCH_MODIFIED) != 0 || !watch_facts_same(&x->state.seen, &facts);
}

void watcher_run(struct watcher *w, int64_t mono_ms)
{
    take_events(w);
    w->running = true;
    for (struct watch *x = w->first; x != NULL; x = x->next)
        if (!x->removed && (x->look_now || mono_ms >= x->look_at) && look(x, mono_ms))
            x->changed(x->arg);
    w->running = false;
    unlink_removed(w);
}
