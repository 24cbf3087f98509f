/*
 * A counted hold on something immutable that several threads read (a configuration, say). The last
 * to let go frees it. Embed as first member.
 */
#ifndef RCPTGUARD_BASE_SHARED_H
#define RCPTGUARD_BASE_SHARED_H

#include <stdatomic.h>
#include <stddef.h>

struct shared {
    atomic_uint holders;
    void (*free)(struct shared *self);
};

static inline void shared_init(struct shared *s, void (*free_it)(struct shared *self))
{
    atomic_init(&s->holders, 1);
    s->free = free_it;
}

static inline void shared_hold(struct shared *s)
{
    atomic_fetch_add_explicit(&s->holders, 1, memory_order_relaxed);
}

/* NULL is fine. */
static inline void shared_release(struct shared *s)
{
    if (s != NULL && atomic_fetch_sub_explicit(&s->holders, 1, memory_order_acq_rel) == 1)
        s->free(s);
}

#endif
