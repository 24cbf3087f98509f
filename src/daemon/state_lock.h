/*
 * One state_dir, one daemon: two would each overwrite what the other keeps for its next start, the
 * copy of the exclusions among it. Mail is filtered all the same: it is only said.
 */
#ifndef DAEMON_STATE_LOCK_H
#define DAEMON_STATE_LOCK_H

struct event_base;
struct state_lock;

/*
 * Holds STATE_DIR/lock (flock(2)) until it is freed or the process ends, however. Who finds it held
 * looks again when a daemon that was stopping has gone, and then warns. NULL: no memory, or a
 * directory in which no file can be locked; that is said elsewhere. BASE's thread.
 */
struct state_lock *state_lock_new(struct event_base *base, const char *state_dir);
void state_lock_free(struct state_lock *l); /* NULL is fine */

#endif
