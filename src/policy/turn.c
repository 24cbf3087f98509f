/* See turn.h. */
#include "turn.h"

#include "server.h"

static void on_end(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    turn_end(arg);
}

void turn_open(struct policy *p)
{
    event_assign(&p->turn.end, p->base, -1, 0, on_end, p);
    sends_open(&p->turn.sends);
}

void turn_close(struct policy *p)
{
    event_del(&p->turn.end);
    sends_close(&p->turn.sends);
}

void turn_add(struct client *c)
{
    struct turn *t = &c->policy->turn;

    /* Before C is in it: ending a turn may close whoever is. */
    if (t->n == SENDS_MAX)
        turn_end(c->policy);
    /* It runs behind all that the loop found ready in this turn. */
    if (t->n == 0)
        event_active(&t->end, EV_TIMEOUT, 0);
    c->in_turn = true;
    t->clients[t->n++] = c;
}

void turn_remove(struct client *c)
{
    struct turn *t = &c->policy->turn;
    size_t i = 0;

    if (!c->in_turn)
        return;
    while (t->clients[i] != c)
        i++;
    t->clients[i] = t->clients[--t->n];
    c->in_turn = false;
}

/* False: nobody knows what was sent. */
static bool send_all(struct turn *t)
{
    struct send all[SENDS_MAX];

    for (size_t i = 0; i < t->n; i++)
        all[i] = (struct send){.fd = t->clients[i]->fd,
                               .bytes = t->clients[i]->reply,
                               .len = t->clients[i]->reply_len};
    if (sends_write(&t->sends, all, t->n) < 0)
        return false;
    for (size_t i = 0; i < t->n; i++)
        t->clients[i]->reply_sent = (size_t)all[i].result;
    return true;
}

void turn_end(struct policy *p)
{
    struct turn *t = &p->turn;
    bool known = t->n < 2 || send_all(t);

    while (t->n > 0) {
        struct client *c = t->clients[--t->n];
        c->in_turn = false;
        if (known)
            client_send(c);
        else
            client_close(c);
    }
}
