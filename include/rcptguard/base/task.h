/* A job for another thread; base/queue.h carries it there. Here alone, for who only embeds one. */
#ifndef RCPTGUARD_BASE_TASK_H
#define RCPTGUARD_BASE_TASK_H

/* Embedded in whatever is posted; the poster keeps it alive until run was called (run may free it).
 */
struct task {
    void (*run)(struct task *self);
    struct task *next; /* the queue's own */
};

#endif
