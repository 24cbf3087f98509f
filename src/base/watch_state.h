/*
 * When is a saved file worth reading? Pure: told what stat and inotify saw, and when, it says
 * "changed" or when to look again. See base/watch.h for the rules it keeps.
 */
#ifndef BASE_WATCH_STATE_H
#define BASE_WATCH_STATE_H

#include <stdbool.h>
#include <stdint.h>

#define WATCH_LOOK_MS 2000 /* how often to look where inotify is silent */
#define WATCH_QUIET_MS                                                                             \
    500 /* no change for so long: what only grew, or is empty and closed, counts */
#define WATCH_UNDONE_MS 30000 /* a writer that does not close in this time is not waited for */

/* What stat said. All zero but `error` when there is no file. */
struct watch_facts {
    bool exists;
    int error; /* errno of stat, 0 when it exists */
    uint64_t dev, ino;
    int64_t size;
    int64_t mtime_ns;
    uint32_t mode, uid, gid;
};

/* What inotify said since the last look; a later event may take back what an earlier one said. */
enum watch_event {
    WATCH_MODIFIED = 1, /* written or truncated, and not closed since */
    WATCH_CLOSED = 2,   /* closed by a writer, and not touched since */
    WATCH_REPLACED = 4, /* a whole file took its place, by rename or by a new link */
};

/* The same file with the same content, as far as stat knows. */
bool watch_facts_same(const struct watch_facts *a, const struct watch_facts *b);

struct watch_state {
    struct watch_facts seen; /* at the last look */
    int64_t whole_size; /* when last told: a file below it shrank, even if it was gone between */
    bool pending;       /* seen differs from what was told */
    bool content;       /* not only in mode or owner */
    bool shrunk;
    bool closed; /* by who changed it, and nothing was seen since */
    bool again;  /* told at the next look, unless something is pending */
    int64_t since, last_change;
};

/* FACTS is the state that needs no telling. */
void watch_state_start(struct watch_state *s, const struct watch_facts *facts);

/* The next look tells, though nothing changed; had the file been touched until then, it is told
 * when that is whole. */
void watch_state_again(struct watch_state *s);

/* Adds one more event to those of the same batch, in order. */
unsigned watch_events_add(unsigned events, enum watch_event event);

/* True: tell the owner. *LOOK_AT is when to look again at the latest, in both cases. */
bool watch_state_look(struct watch_state *s, const struct watch_facts *facts, unsigned events,
                      int64_t now_ms, int64_t *look_at);

#endif
