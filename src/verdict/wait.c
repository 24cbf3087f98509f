/*
 * Questions that wait for DNS zones. Each is a copy of what was asked; when a zone that matters has
 * answered, or time is over, the whole question is asked again.
 */
#include <stdlib.h>

#include "lookup.h"
#include "rcptguard/base/clock.h"

struct verdict_wait {
    struct verdict *verdict;
    struct verdict_wait *next, **previous;
    struct dnsbl_wait *wait;
    verdict_done *done;
    void *arg;
    int64_t since_ns;
    struct question question; /* points into TEXT */
    char text[];
};

static const size_t texts[] = {
    offsetof(struct question, recipient),     offsetof(struct question, sender),
    offsetof(struct question, sasl_username), offsetof(struct question, client_address),
    offsetof(struct question, queue_id),      offsetof(struct question, instance),
};
#define TEXTS (sizeof texts / sizeof texts[0])

static struct view *text_of(struct question *q, size_t i)
{
    return (struct view *)((char *)q + texts[i]);
}

static struct verdict_wait *copy_question(const struct question *q)
{
    struct question copy = *q;
    size_t len = 0;

    for (size_t i = 0; i < TEXTS; i++)
        len += text_of(&copy, i)->len;
    struct verdict_wait *w = malloc(sizeof *w + len);
    if (w == NULL)
        return NULL;
    char *to = w->text;
    for (size_t i = 0; i < TEXTS; i++) {
        struct view *text = text_of(&copy, i);
        if (text->len > 0)
            memcpy(to, text->ptr, text->len);
        text->ptr = to;
        to += text->len;
    }
    w->question = copy;
    return w;
}

void verdict_forget(struct verdict_wait *w)
{
    *w->previous = w->next;
    if (w->next != NULL)
        w->next->previous = w->previous;
    w->verdict->n_waits--;
    dnsbl_wait_free(w->wait);
    free(w);
}

static void look_again(void *arg)
{
    struct verdict_wait *w = arg;

    if (!verdict_try(w->verdict, &w->question, w->since_ns, w->wait, w->done, w->arg))
        verdict_forget(w);
}

/* NULL: no memory. */
static struct verdict_wait *wait_new(struct verdict *v, const struct question *q, int64_t since_ns,
                                     verdict_done *done, void *arg)
{
    struct verdict_wait *w = copy_question(q);

    if (w == NULL)
        return NULL;
    w->wait = dnsbl_wait_new(v->dnsbl, look_again, w);
    if (w->wait == NULL) {
        free(w);
        return NULL;
    }
    w->verdict = v;
    w->done = done;
    w->arg = arg;
    w->since_ns = since_ns;
    w->next = v->waits;
    w->previous = &v->waits;
    if (w->next != NULL)
        w->next->previous = &w->next;
    v->waits = w;
    v->n_waits++;
    return w;
}

struct verdict_wait *verdict_ask(struct verdict *v, const struct question *q, verdict_done *done,
                                 void *arg)
{
    int64_t since_ns = clock_mono_ns();

    /* A look first that hooks nothing: most are answered by it, and need neither copy nor timer. */
    if (!verdict_try(v, q, since_ns, NULL, done, arg))
        return NULL;
    struct verdict_wait *w = wait_new(v, q, since_ns, done, arg);
    if (w != NULL && verdict_try(v, &w->question, since_ns, w->wait, done, arg))
        return w;
    if (w != NULL)
        verdict_forget(w);
    else /* no memory to wait in: as if the deadline had passed */
        verdict_try(v, q, since_ns - v->rules->deadline_ms * CLOCK_NS_A_MS, NULL, done, arg);
    return NULL;
}

size_t verdict_waiting(const struct verdict *v)
{
    return v->n_waits;
}
