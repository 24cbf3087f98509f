/*
 * The queue between threads. Posters push onto a stack with one compare-and-swap; the owner takes
 * the whole stack with one exchange and turns it round. As nothing but "all" is ever taken, a task
 * that comes back at the same address does no harm (no ABA), and nobody waits for a lock while its
 * holder is off the CPU.
 *
 * The eventfd is written only by the first post since the owner last looked: `signalled` says that
 * a wake-up is under way or that the owner is running tasks and will look again before it leaves.
 * All atomics are sequentially consistent, as the argument needs it: a poster pushes, then looks at
 * `signalled`; the owner clears `signalled`, then looks at the stack; so one of them sees the
 * other.
 */
#include "rcptguard/base/queue.h"
#include "rcptguard/base/wake.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

struct queue {
    _Atomic(struct task *) head; /* newest first */
    atomic_size_t waiting;
    atomic_bool signalled;
    size_t cap;
    int fd;
};

struct queue *queue_new(size_t cap)
{
    struct queue *q = malloc(sizeof *q);
    if (q == NULL)
        return NULL;
    atomic_init(&q->head, NULL);
    atomic_init(&q->waiting, 0);
    atomic_init(&q->signalled, false);
    q->cap = cap;
    q->fd = wake_open();
    if (q->fd < 0) {
        free(q);
        return NULL;
    }
    return q;
}

void queue_free(struct queue *q)
{
    if (q == NULL)
        return;
    close(q->fd);
    free(q);
}

int queue_fd(const struct queue *q)
{
    return q->fd;
}

static void wake_owner(struct queue *q)
{
    if (atomic_load(&q->signalled) || atomic_exchange(&q->signalled, true))
        return;
    wake_signal(q->fd);
}

int queue_post(struct queue *q, struct task *task)
{
    if (atomic_fetch_add(&q->waiting, 1) >= q->cap && q->cap != 0) {
        atomic_fetch_sub(&q->waiting, 1);
        return ERR_LIMIT;
    }
    task->next = atomic_load(&q->head);
    while (!atomic_compare_exchange_weak(&q->head, &task->next, task))
        ;
    wake_owner(q);
    return 0;
}

static struct task *take_all(struct queue *q)
{
    struct task *newest = atomic_exchange(&q->head, NULL), *oldest = NULL;

    while (newest != NULL) {
        struct task *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

size_t queue_run(struct queue *q)
{
    size_t count = 0;

    atomic_store(&q->signalled, true);
    wake_clear(q->fd);
    for (struct task *task = take_all(q), *next; task != NULL; task = next) {
        next = task->next; /* run may free the task */
        atomic_fetch_sub(&q->waiting, 1);
        task->run(task);
        count++;
    }
    atomic_store(&q->signalled, false);
    if (atomic_load(&q->head) != NULL)
        wake_owner(q);
    return count;
}
