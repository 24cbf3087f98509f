/*
 * The disk thread: does short jobs in order, writes the log, and watches files for the rest of the
 * house, so that the loop never waits for a disk.
 */
#ifndef RCPTGUARD_BASE_DISK_H
#define RCPTGUARD_BASE_DISK_H

#include "rcptguard/base/error.h"
#include "rcptguard/base/queue.h"
#include "rcptguard/base/watch.h"

struct disk;

/* Starts the thread (all signals blocked in it). NULL with *why on failure. */
struct disk *disk_start(struct error *why);

/* Any thread. The task's run is called on the disk thread. ERR_LIMIT when 1024 jobs wait. */
int disk_post(struct disk *d, struct task *task);

/*
 * The same for what comes with every refusal: it is run beside the lines of the log, some 10 ms
 * later at most or when the job at hand is done, before or after what disk_post was given. So many
 * of them cost one change of thread.
 */
int disk_post_record(struct disk *d, struct task *task);

/* The watcher that the disk thread serves. To be used on the disk thread only (by a posted task).
 */
struct watcher *disk_watcher(struct disk *d);

/* Runs what waits, writes the log for at most two seconds, ends the thread. NULL is fine. */
void disk_stop(struct disk *d);

#endif
