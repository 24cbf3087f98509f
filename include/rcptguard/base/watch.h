/*
 * Tells when a file was saved, however the editor saves it: in place, by rename, truncated and
 * written, deleted and made again, behind a symlink, on a file system where inotify is silent.
 *
 * A change made in place counts when the writer closes the file; 500 ms later where it is
 * empty, lest it was the next writer who emptied it. Without a close, a file that only grew
 * counts 500 ms after the last change, one that shrank waits for the close, 30 s at most.
 * Directories are watched (an editor's rename replaces the file), a symlink's target too; a look
 * every 2 s (stat) finds what inotify did not tell.
 *
 * A watcher belongs to one thread: poll its descriptor and its timeout, then call watcher_run.
 */
#ifndef RCPTGUARD_BASE_WATCH_H
#define RCPTGUARD_BASE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "rcptguard/base/error.h"

struct watcher;
struct watch;

/* What the owner is told; the file may have changed again meanwhile, and may be gone. */
typedef void watch_changed(void *arg);

struct watcher *
watcher_new(struct error *why);       /* works by looks alone when inotify is not to be had */
void watcher_free(struct watcher *w); /* with all watches; NULL is fine */

/*
 * Calls CHANGED(ARG) from watcher_run whenever PATH was saved, replaced, removed, or its mode or
 * owner changed. PATH need not exist, nor its directory. Not called for the state at the time of
 * the call. NULL: no memory.
 */
struct watch *watch_add(struct watcher *w, const char *path, watch_changed *changed, void *arg);
/* What the owner was told of it could not use, no descriptor being left or the disk failing: it is
 * told again at the next look, in 2 s, though nothing has changed. Also from inside CHANGED; NULL
 * is fine. */
void watch_again(struct watch *x);
/* Was it written to since the owner was told? Then what was read meanwhile may be half of it, and
 * the owner is told again, as of every change. For inside CHANGED, behind the reading. */
bool watch_is_touched(struct watch *x);
void watch_remove(struct watch *x); /* also from inside CHANGED; NULL is fine */

int watcher_fd(const struct watcher *w); /* -1: looks only */
int watcher_timeout_ms(const struct watcher *w,
                       int64_t mono_ms); /* until watcher_run is due; -1: no watch */
void watcher_run(struct watcher *w, int64_t mono_ms);

#endif
