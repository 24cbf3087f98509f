/* What the worker tells the loop: slots under a short lock, and one task that says so. */
#include "post.h"

#include <pthread.h>
#include <stdlib.h>

struct slot {
    struct feed_status status;
    bool changed;
};

/* Lives until it was run: the queue may still hold it when the post is freed. */
struct wake {
    struct task task;
    struct post *post; /* NULL: freed meanwhile */
    bool posted;       /* under the post's lock */
};

struct post {
    struct queue *loop;
    void (*deliver)(void *arg);
    void *arg;
    struct wake *wake;

    pthread_mutex_t lock;
    bool waiting; /* something to be taken */
    struct blocklist *blocklist;
    struct slot *slots;
    size_t n_slots;
    struct feeds_request *done, **done_end;
};

static void run_wake(struct task *self)
{
    struct wake *wake = (struct wake *)self;
    struct post *p = wake->post;

    if (p == NULL) {
        free(wake);
        return;
    }
    pthread_mutex_lock(&p->lock);
    wake->posted = false;
    p->waiting = false;
    pthread_mutex_unlock(&p->lock);
    p->deliver(p->arg);
}

struct post *post_new(struct queue *loop, void (*deliver)(void *arg), void *arg)
{
    struct post *p = calloc(1, sizeof *p);

    if (p == NULL || (p->wake = calloc(1, sizeof *p->wake)) == NULL) {
        free(p);
        return NULL;
    }
    p->wake->task.run = run_wake;
    p->wake->post = p;
    p->loop = loop;
    p->deliver = deliver;
    p->arg = arg;
    p->done_end = &p->done;
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

void post_free(struct post *p)
{
    if (p == NULL)
        return;
    if (p->wake->posted)
        p->wake->post = NULL;
    else
        free(p->wake);
    blocklist_free(p->blocklist);
    free(p->slots);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

int post_shape(struct post *p, size_t n_feeds)
{
    struct slot *slots = calloc(n_feeds + 1, sizeof *slots);

    if (slots == NULL)
        return ERR_NOMEM;
    pthread_mutex_lock(&p->lock);
    struct slot *old = p->slots;
    p->slots = slots;
    p->n_slots = n_feeds;
    pthread_mutex_unlock(&p->lock);
    free(old);
    return 0;
}

struct blocklist *post_blocklist(struct post *p, struct blocklist *bl)
{
    pthread_mutex_lock(&p->lock);
    struct blocklist *untaken = p->blocklist;
    p->blocklist = bl;
    p->waiting = true;
    pthread_mutex_unlock(&p->lock);
    return untaken;
}

void post_status(struct post *p, size_t i, const struct feed_status *status)
{
    pthread_mutex_lock(&p->lock);
    p->slots[i].status = *status;
    p->slots[i].changed = true;
    p->waiting = true;
    pthread_mutex_unlock(&p->lock);
}

void post_done(struct post *p, struct feeds_request *r, enum feeds_result result)
{
    r->result = result;
    r->next = NULL;
    pthread_mutex_lock(&p->lock);
    *p->done_end = r;
    p->done_end = &r->next;
    p->waiting = true;
    pthread_mutex_unlock(&p->lock);
}

/* The loop wakes at once, and takes the CPU of this thread, which is a nice one: were the lock held
 * meanwhile, all mail would wait until this thread gets its turn again. */
bool post_send(struct post *p)
{
    pthread_mutex_lock(&p->lock);
    bool send = p->waiting && !p->wake->posted;
    if (send)
        p->wake->posted = true;
    pthread_mutex_unlock(&p->lock);
    if (!send || queue_post(p->loop, &p->wake->task) == 0)
        return true;

    pthread_mutex_lock(&p->lock);
    p->wake->posted = false;
    pthread_mutex_unlock(&p->lock);
    return false;
}

struct blocklist *post_take_blocklist(struct post *p)
{
    pthread_mutex_lock(&p->lock);
    struct blocklist *bl = p->blocklist;
    p->blocklist = NULL;
    pthread_mutex_unlock(&p->lock);
    return bl;
}

struct feeds_request *post_take_done(struct post *p)
{
    pthread_mutex_lock(&p->lock);
    struct feeds_request *done = p->done;
    p->done = NULL;
    p->done_end = &p->done;
    pthread_mutex_unlock(&p->lock);
    return done;
}

void post_take_statuses(struct post *p, void (*each)(const struct feed_status *status, void *arg),
                        void *arg)
{
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->n_slots; i++) {
        if (p->slots[i].changed)
            each(&p->slots[i].status, arg);
        p->slots[i].changed = false;
    }
    pthread_mutex_unlock(&p->lock);
}
