/*
 * Questions, each with one answer, however many servers and tries it takes.
 *
 * What was sent stays valid until the question has ended: a server that takes two seconds is heard
 * although it was asked again meanwhile. A question has one socket a server (udp.h) and one number
 * among all that are on their way, by which its answer is found.
 *
 * A server that refuses is not there at the moment: one that is restarted closes its port for a
 * second. Where no other is left the question waits for that, as long as for one that is silent.
 */
#include "resolver.h"

#include <event2/event.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "rcptguard/base/clock.h"
#include "rcptguard/base/hash.h"
#include "rcptguard/base/log.h"
#include "tcp.h"
#include "udp.h"

/* The first try waits so long, each round over all servers twice as long as the one before. */
#define FIRST_TRY_MS 400
#define TRIES_MAX    (SERVERS_MAX * 2)

#define TICK_MS      50
#define TRIES_A_TICK 500 /* so 10,000 a second; more would keep others waiting */
#define STUCK_A_TURN 100
#define NUMBERS      65536
#define NUMBERS_USED (NUMBERS / 2) /* so that a random free one is found at once */
#define BY_TCP_MAX   64            /* at once; more are asked by their next try */
#define KNOCKS_MAX   500           /* a tick, once a server is there again */

/* A server that misses so many tries in a row is asked after the others, but for one question now
 * and then. Else each recipient would wait for the first of two servers when that is away. */
#define MISSES_MAX   3
#define RETRY_MS     10000
#define SAY_EVERY_MS 60000 /* what comes and goes is said no more often */

TAILQ_HEAD(ask_list, ask);

struct ask {
    TAILQ_ENTRY(ask) in_tries, in_stuck;
    struct resolver *resolver;
    resolver_answered *call;
    void *arg;
    int64_t begun_ms;
    unsigned tries;            /* sent, not counting those that a failure brought */
    size_t server;             /* of the last one */
    int64_t sent_ms;           /* likewise */
    unsigned failed;           /* servers that did, by bits of their number */
    unsigned away;             /* servers that refused it since it was last sent */
    struct ask_list *stuck_in; /* one of the resolver's, or NULL */
    enum dns_type type;
    enum dns_result result; /* when it ends without an answer: the word that tells most */
    unsigned rcode;
    struct udp_holder sockets[SERVERS_MAX];
    struct tcp_question *tcp;
    size_t tcp_server;
    uint16_t number;
    size_t len;
    unsigned char question[];
};

struct peer {
    struct resolver *resolver;
    size_t number;
    struct udp_peer *udp;
    unsigned misses;  /* tries in a row while it was silent, or refused */
    int64_t heard_ms; /* when it last answered any question */
    int64_t retry_ms; /* when it is asked first again, once it missed too many */
    bool said;        /* that it is away */
    int64_t say_ms;   /* not before then again */
};

struct resolver {
    struct event_base *base;
    struct servers servers;
    struct peer peers[SERVERS_MAX];
    /* By the number of tries that were sent, the oldest first: all of one list are due after the
     * same time. */
    struct ask_list tries[TRIES_MAX + 1];
    int64_t due_ms[TRIES_MAX + 1]; /* since a question began: the next try, or the end */
    struct event *tick;
    struct ask_list stuck; /* a server failed: what follows, follows from the loop */
    struct event *unstick;
    struct ask_list refused; /* by all servers: they knock until one is there */
    bool refusals;           /* there were some since the last tick */
    int64_t give_up_ms;
    unsigned waiting, max_questions, by_tcp;
    struct ask *by_number[NUMBERS];
};

/* ---- the end of a question ------------------------------------------------------------------ */

static void end_tcp(struct ask *a)
{
    a->resolver->by_tcp -= a->tcp != NULL;
    tcp_free(a->tcp);
    a->tcp = NULL;
}

static void drop(struct ask *a)
{
    struct resolver *r = a->resolver;

    TAILQ_REMOVE(&r->tries[a->tries], a, in_tries);
    if (a->stuck_in != NULL)
        TAILQ_REMOVE(a->stuck_in, a, in_stuck);
    for (size_t i = 0; i < r->servers.n; i++)
        udp_let_go(&a->sockets[i]);
    end_tcp(a);
    r->by_number[a->number] = NULL;
    if (--r->waiting == 0)
        event_del(r->tick);
    free(a);
}

static void tell(struct ask *a, const struct dns_answer *answer)
{
    resolver_answered *call = a->call;
    void *arg = a->arg;

    drop(a);
    call(answer, arg);
}

static void tell_failure(struct ask *a)
{
    const struct dns_answer answer = {.result = a->result, .rcode = a->rcode};

    tell(a, &answer);
}

/* ---- servers that are away ------------------------------------------------------------------ */

/* Silence of the only server is nothing to tell of it: zones may be silent, too. */
static void say_away(struct peer *p, bool refused)
{
    const struct servers *all = &p->resolver->servers;
    int64_t now_ms = clock_mono_ms();
    char text[SERVER_TEXT_MAX];

    if (p->said || now_ms < p->say_ms || (all->n == 1 && !refused))
        return;
    p->said = true;
    p->say_ms = now_ms + SAY_EVERY_MS;
    log_warning("dns", "server %s %s%s", server_text(&all->list[p->number], text),
                refused ? "cannot be reached" : "does not answer",
                all->n == 1 ? "" : "; others are asked before it");
}

static void note_miss(struct peer *p, bool refused)
{
    if (++p->misses < MISSES_MAX)
        return;
    p->retry_ms = clock_mono_ms() + RETRY_MS;
    say_away(p, refused);
}

static void note_answer(struct peer *p)
{
    char text[SERVER_TEXT_MAX];

    if (p->said)
        log_notice("dns", "server %s answers again",
                   server_text(&p->resolver->servers.list[p->number], text));
    p->said = false;
    p->misses = 0;
    p->heard_ms = clock_mono_ms();
}

static size_t first_server(struct resolver *r)
{
    int64_t now_ms = clock_mono_ms();

    for (size_t i = 0; i < r->servers.n; i++) {
        struct peer *p = &r->peers[i];
        if (p->misses < MISSES_MAX)
            return i;
        if (now_ms >= p->retry_ms) {
            p->retry_ms = now_ms + RETRY_MS;
            return i;
        }
    }
    return 0;
}

/* ---- servers that fail ---------------------------------------------------------------------- */

static void move_to(struct ask *a, struct ask_list *list)
{
    if (a->stuck_in != NULL)
        TAILQ_REMOVE(a->stuck_in, a, in_stuck);
    a->stuck_in = list;
    if (list != NULL)
        TAILQ_INSERT_TAIL(list, a, in_stuck);
}

static void stick(struct ask *a)
{
    static const struct timeval soon = {0, 0};
    struct resolver *r = a->resolver;

    move_to(a, &r->stuck);
    if (!evtimer_pending(r->unstick, NULL))
        evtimer_add(r->unstick, &soon);
}

static bool is_out(const struct ask *a, size_t server)
{
    return (a->failed | a->away) >> server & 1;
}

/* A word tells more than that nobody was there, and that more than silence. */
static void note_result(struct ask *a, enum dns_result result, unsigned rcode)
{
    if (a->rcode != 0 || (rcode == 0 && result != DNS_FAILED && a->result != DNS_TIMEOUT))
        return;
    a->result = result;
    a->rcode = rcode;
}

/* RESULT and RCODE are what it said or did. */
static void fail_at(struct ask *a, size_t server, enum dns_result result, unsigned rcode)
{
    a->failed |= 1u << server;
    note_result(a, result, rcode);
    stick(a);
}

static void refuse_at(struct ask *a, size_t server)
{
    a->away |= 1u << server;
    note_result(a, DNS_UNREACHABLE, 0);
    a->resolver->refusals = true;
    stick(a);
}

static void on_refused(void *question, void *arg)
{
    struct peer *p = arg;

    note_miss(p, true);
    refuse_at(question, p->number);
}

static void send_to(struct ask *a, size_t server)
{
    struct peer *p = &a->resolver->peers[server];

    a->server = server;
    a->sent_ms = clock_mono_ms();
    if (a->sockets[server].socket == NULL && !udp_hold(p->udp, &a->sockets[server], a))
        refuse_at(a, server);
    else
        udp_send(&a->sockets[server], view_make(a->question, a->len));
}

/* A server failed; another may do better. */
static void go_on(struct ask *a)
{
    size_t n = a->resolver->servers.n, next = n;

    for (size_t i = n; i-- > 1;) {
        size_t server = (a->server + i) % n;
        if (is_out(a, server))
            continue;
        if (a->sockets[server].socket != NULL)
            return; /* may still answer, and is asked again when that is due */
        next = server;
    }
    if (!is_out(a, a->server))
        return;
    if (next < n)
        send_to(a, next);
    else if (a->failed != 0)
        tell_failure(a);
    else
        move_to(a, &a->resolver->refused);
}

static void on_unstick(evutil_socket_t fd, short what, void *arg)
{
    static const struct timeval soon = {0, 0};
    struct resolver *r = arg;
    struct ask *a;

    (void)fd;
    (void)what;
    for (int i = 0; i < STUCK_A_TURN && (a = TAILQ_FIRST(&r->stuck)) != NULL; i++) {
        move_to(a, NULL);
        go_on(a);
    }
    if (!TAILQ_EMPTY(&r->stuck))
        evtimer_add(r->unstick, &soon);
}

/* ---- answers -------------------------------------------------------------------------------- */

static void take(struct ask *a, size_t server, struct view message)
{
    struct dns_answer answer;

    dns_message_read(message, a->type, &answer);
    if (answer.result == DNS_FAILED)
        fail_at(a, server, DNS_FAILED, answer.rcode);
    else
        tell(a, &answer);
}

static void on_tcp(struct view message, void *arg)
{
    struct ask *a = arg;
    struct tcp_question *t = a->tcp;

    a->tcp = NULL;
    a->resolver->by_tcp--;
    if (dns_message_replies(message, view_make(a->question, a->len)))
        take(a, a->tcp_server, message);
    else
        fail_at(a, a->tcp_server, DNS_UNREACHABLE, 0);
    tcp_free(t);
}

static void ask_by_tcp(struct ask *a, size_t server)
{
    struct resolver *r = a->resolver;

    if (a->tcp != NULL ? a->tcp_server == server : r->by_tcp >= BY_TCP_MAX)
        return;
    end_tcp(a); /* of a server that took longer than a try */
    a->tcp_server = server;
    a->tcp = tcp_ask(r->base, &r->servers.list[server], view_make(a->question, a->len), on_tcp, a);
    if (a->tcp == NULL)
        fail_at(a, server, DNS_UNREACHABLE, 0);
    else
        r->by_tcp++;
}

static void on_heard(const struct udp_socket *s, struct view message, void *arg)
{
    struct peer *p = arg;
    uint16_t number;

    if (!dns_message_number(message, &number))
        return;
    struct ask *a = p->resolver->by_number[number];
    if (a == NULL || a->sockets[p->number].socket != s ||
        !dns_message_replies(message, view_make(a->question, a->len)))
        return;
    note_answer(p);
    if (dns_message_is_cut(message))
        ask_by_tcp(a, p->number);
    else
        take(a, p->number, message);
}

/* ---- tries ---------------------------------------------------------------------------------- */

/* To the next server that has not failed; and in passing to those that were not there. */
static void send_again(struct ask *a)
{
    size_t n = a->resolver->servers.n, last = a->server;
    unsigned away = a->away;

    a->away = 0;
    for (size_t i = 1; i <= n; i++) {
        size_t server = (last + i) % n;
        if (is_out(a, server) || (a->tcp != NULL && a->tcp_server == server))
            continue;
        send_to(a, server);
        if ((away >> server & 1) == 0)
            return;
    }
}

static void try_again(struct ask *a)
{
    struct resolver *r = a->resolver;
    struct peer *p = &r->peers[a->server];

    /* One that answers others waits for the zone. */
    if (!is_out(a, a->server) && p->heard_ms < a->sent_ms)
        note_miss(p, false);
    TAILQ_REMOVE(&r->tries[a->tries], a, in_tries);
    a->tries++; /* not above: a macro may look at its arguments twice, or not at all */
    TAILQ_INSERT_TAIL(&r->tries[a->tries], a, in_tries);
    send_again(a);
}

/* One of those that all servers refused asks again at each tick. Where none was refused since, all
 * do: not before, since each of them costs a socket. */
static void knock(struct resolver *r)
{
    int left = r->refusals ? 1 : KNOCKS_MAX;
    struct ask *a;

    r->refusals = false;
    while (left-- > 0 && (a = TAILQ_FIRST(&r->refused)) != NULL) {
        move_to(a, NULL);
        send_again(a);
    }
}

/* From the last list to the first, so that nobody is tried twice in a turn. */
static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct resolver *r = arg;
    int64_t now_ms = clock_mono_ms();
    int left = TRIES_A_TICK;
    struct ask *a;

    (void)fd;
    (void)what;
    for (size_t i = TRIES_MAX + 1; i-- > 0;)
        while (left-- > 0 && (a = TAILQ_FIRST(&r->tries[i])) != NULL &&
               now_ms - a->begun_ms >= r->due_ms[i]) {
            if (r->due_ms[i] == r->give_up_ms)
                tell_failure(a);
            else
                try_again(a);
        }
    knock(r);
}

static void plan_tries(struct resolver *r)
{
    int64_t due_ms = 0;

    for (size_t i = 1; i <= TRIES_MAX; i++) {
        due_ms += (int64_t)FIRST_TRY_MS << ((i - 1) / r->servers.n);
        r->due_ms[i] = due_ms < r->give_up_ms && i < TRIES_MAX ? due_ms : r->give_up_ms;
        if (r->due_ms[i] == r->give_up_ms)
            return;
    }
}

/* ---- questions ------------------------------------------------------------------------------ */

static uint16_t free_number(const struct resolver *r)
{
    uint16_t number;

    do
        number = (uint16_t)random_u64();
    while (r->by_number[number] != NULL);
    return number;
}

int resolver_ask(struct resolver *r, const char *name, enum dns_type type, resolver_answered *call,
                 void *arg)
{
    static const struct timeval every = {0, TICK_MS * 1000};
    unsigned char question[DNS_QUESTION_MAX];

    if (r->waiting >= r->max_questions)
        return ERR_LIMIT;
    uint16_t number = free_number(r);
    size_t len = dns_question_write(name, type, number, question);
    if (len == 0)
        return ERR_SYNTAX;
    struct ask *a = calloc(1, sizeof *a + len);
    if (a == NULL)
        return ERR_NOMEM;
    a->resolver = r;
    a->call = call;
    a->arg = arg;
    a->begun_ms = clock_mono_ms();
    a->type = type;
    a->result = DNS_TIMEOUT;
    a->number = number;
    a->len = len;
    memcpy(a->question, question, len);
    r->by_number[number] = a;
    a->tries = 1;
    TAILQ_INSERT_TAIL(&r->tries[a->tries], a, in_tries);
    if (r->waiting++ == 0)
        event_add(r->tick, &every);
    send_to(a, first_server(r));
    return 0;
}

void resolver_forget(struct resolver *r)
{
    for (size_t i = 0; i <= TRIES_MAX; i++)
        while (!TAILQ_EMPTY(&r->tries[i]))
            drop(TAILQ_FIRST(&r->tries[i]));
}

unsigned resolver_waiting(const struct resolver *r)
{
    return r->waiting;
}

/* ---- life ----------------------------------------------------------------------------------- */

static int begin(struct resolver *r)
{
    for (size_t i = 0; i <= TRIES_MAX; i++)
        TAILQ_INIT(&r->tries[i]);
    TAILQ_INIT(&r->stuck);
    TAILQ_INIT(&r->refused);
    plan_tries(r);
    for (size_t i = 0; i < r->servers.n; i++) {
        struct peer *p = &r->peers[i];
        const struct udp_events events = {on_heard, on_refused, p};

        *p = (struct peer){
            .resolver = r, .number = i, .udp = udp_peer_new(r->base, &r->servers.list[i], &events)};
        if (p->udp == NULL)
            return ERR_NOMEM;
    }
    r->tick = event_new(r->base, -1, EV_PERSIST, on_tick, r);
    r->unstick = evtimer_new(r->base, on_unstick, r);
    return r->tick == NULL || r->unstick == NULL ? ERR_NOMEM : 0;
}

struct resolver *resolver_new(struct event_base *base, const char *servers, unsigned max_questions,
                              int64_t give_up_ms, struct error *why)
{
    struct servers list;

    if (servers_parse(view_of(servers), &list, why) != 0)
        return NULL;
    struct resolver *r = calloc(1, sizeof *r);
    if (r != NULL) {
        r->base = base;
        r->servers = list;
        r->give_up_ms = give_up_ms;
        r->max_questions = max_questions < NUMBERS_USED ? max_questions : NUMBERS_USED;
    }
    if (r == NULL || begin(r) < 0) {
        resolver_free(r);
        error_set(why, ERR_NOMEM, "no memory");
        return NULL;
    }
    return r;
}

void resolver_free(struct resolver *r)
{
    if (r == NULL)
        return;
    resolver_forget(r);
    for (size_t i = 0; i < r->servers.n; i++)
        udp_peer_free(r->peers[i].udp);
    if (r->tick != NULL)
        event_free(r->tick);
    if (r->unstick != NULL)
        event_free(r->unstick);
    free(r);
}
