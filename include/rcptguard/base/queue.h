/*
 * The border between threads: a bounded queue of tasks that one thread owns and any thread may
 * post to. The owner waits for queue_fd to become readable and calls queue_run, which runs what
 * was posted, in order, on the owner's thread. Everything that crosses a thread goes through here.
 */
#ifndef RCPTGUARD_BASE_QUEUE_H
#define RCPTGUARD_BASE_QUEUE_H

#include <stddef.h>

#include "rcptguard/base/error.h"
#include "rcptguard/base/task.h"

struct queue;

/* At most CAP tasks wait; 0: no cap (for posters that are bounded by themselves). NULL: no memory
 * or no descriptor. */
struct queue *queue_new(size_t cap);

/* Tasks that still wait are not run: the owner drains first. NULL is fine. */
void queue_free(struct queue *q);

/* Any thread. 0, or ERR_LIMIT: not taken, the task is the caller's. Never blocks on the owner. */
int queue_post(struct queue *q, struct task *task);

/* An eventfd, readable while tasks wait. Owner only. */
int queue_fd(const struct queue *q);

/* Runs what waits now (not what is posted meanwhile); returns how many. Owner only. */
size_t queue_run(struct queue *q);

#endif
