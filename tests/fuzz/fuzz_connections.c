/*
 * Connections from Postfix: the input is a script of four peers who connect, write whatever they
 * like in pieces of any size, read slowly, leave, and of the end of the daemon. The verdict is this
 * file's: recipients that begin with l are refused, with w wait, all others pass. What a peer reads
 * is compared with what a plain reading of all that it wrote says: one answer a whole query, in
 * order, none after a broken line; and at the end nobody is left.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "must.h"
#include "policy/server.h"
#include "rcptguard/base/buf.h"
#include "rcptguard/base/log.h"

#define PEERS       4
#define MAX_CLIENTS 3 /* the fourth is refused */
#define ACTS_MAX    400
#define STREAM_MAX  (200 * 1024)
#define WAITS_MAX   PEERS

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- the verdict ---------------------------------------------------------------------------- */

struct verdict_wait {
    verdict_done *done;
    void *arg;
    char action[ACTION_MAX];
};

static struct verdict_wait *waits[WAITS_MAX];
static unsigned n_waits;

/* Says all that was asked, so that an answer belongs to one question only. */
static void action_of(const struct question *q, char action[ACTION_MAX])
{
    const struct view parts[] = {q->recipient,      q->sender,   q->sasl_username,
                                 q->client_address, q->queue_id, q->instance};
    uint64_t sum = 14695981039346656037U;

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        for (size_t k = 0; k < parts[i].len; k++)
            sum = (sum ^ (unsigned char)parts[i].ptr[k]) * 1099511628211U;
        sum = (sum ^ 256) * 1099511628211U;
    }
    if (!view_starts(q->recipient, "l") && !view_starts(q->recipient, "w"))
        snprintf(action, ACTION_MAX, "DUNNO");
    else
        snprintf(action, ACTION_MAX, "550 5.7.1 %0*llx", (int)(q->recipient.len % 200),
                 (unsigned long long)sum);
}

struct verdict_wait *verdict_ask(struct verdict *v, const struct question *q, verdict_done *done,
                                 void *arg)
{
    char action[ACTION_MAX];

    (void)v;
    action_of(q, action);
    if (!view_starts(q->recipient, "w")) {
        done(&(struct answer){.action = action}, arg);
        return NULL;
    }
    must(n_waits < WAITS_MAX);
    struct verdict_wait *w = waits[n_waits++] = calloc(1, sizeof *w);
    must(w != NULL);
    w->done = done;
    w->arg = arg;
    memcpy(w->action, action, sizeof action);
    return w;
}

static void forget_wait(struct verdict_wait *w)
{
    unsigned i = 0;

    while (i < n_waits && waits[i] != w)
        i++;
    must(i < n_waits);
    waits[i] = waits[--n_waits];
    free(w);
}

void verdict_forget(struct verdict_wait *w)
{
    forget_wait(w);
}

/* The wait outlives the call, in which the next may begin. */
static void end_wait(unsigned i)
{
    struct verdict_wait *w = waits[i % n_waits];

    w->done(&(struct answer){.action = w->action}, w->arg);
    forget_wait(w);
}

/* ---- a send takes as much as the script says, and is the kernel's but for that ----------------
 */

static struct {
    bool full, interrupted; /* so ends the next one */
    size_t most;            /* bytes of each; 0: all */
} sends;

ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
    if (sends.full || sends.interrupted) {
        errno = sends.interrupted ? EINTR : EAGAIN;
        sends.full = sends.interrupted = false;
        return -1;
    }
    if (sends.most > 0 && sends.most < len)
        len = sends.most;
    return sendto(fd, bytes, len, flags, NULL, 0);
}

void sends_open(struct sends *s)
{
    (void)s;
}

void sends_close(struct sends *s)
{
    (void)s;
}

int sends_write(struct sends *s, struct send *all, size_t n)
{
    (void)s;
    for (size_t i = 0; i < n; i++) {
        ssize_t sent = send(all[i].fd, all[i].bytes, all[i].len, MSG_NOSIGNAL);
        all[i].result = sent > 0 ? sent : 0;
    }
    return 0;
}

/* ---- the house ------------------------------------------------------------------------------ */

struct peer {
    int fd;            /* -1: not there */
    struct buf stream; /* what it means to write */
    size_t written;
    size_t written_before; /* the drain began */
    struct buf heard;
    bool half_closed; /* it writes no more */
    bool ended;       /* we closed it */
};

static struct {
    struct event_base *base;
    struct record *record;
    struct policy *policy;
    struct sockaddr_un name;
    socklen_t name_len;
    struct peer peers[PEERS];
    bool draining;
    unsigned drained;
    unsigned turned_away; /* peers who asked, wrote nothing wrong, and heard nothing */
} house;

static void drop_line(enum log_level level, const char *line, void *arg)
{
    (void)level;
    (void)line;
    (void)arg;
}

static void note_drained(void *arg)
{
    (void)arg;
    house.drained++;
}

/* The kernel chooses an abstract name. */
static int listen_somewhere(void)
{
    const struct sockaddr_un any = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    must(fd >= 0 && bind(fd, (const struct sockaddr *)&any, sizeof any.sun_family) == 0);
    must(listen(fd, SOCKET_BACKLOG) == 0);
    house.name_len = sizeof house.name;
    must(getsockname(fd, (struct sockaddr *)&house.name, &house.name_len) == 0);
    return fd;
}

static void open_house(void)
{
    static struct event_base *base; /* these two for all runs: making them takes longer than one */
    static struct record *record;

    if (base == NULL) {
        log_set_sink(drop_line, NULL);
        base = event_base_new();
        record = record_new();
    }
    memset(&house, 0, sizeof house);
    memset(&sends, 0, sizeof sends);
    house.base = base;
    house.record = record;
    house.policy = calloc(1, sizeof *house.policy);
    struct listener *l = calloc(1, sizeof *l);
    must(house.base != NULL && house.record != NULL && house.policy != NULL && l != NULL);
    l->policy = house.policy;
    l->address.is_unix = true;
    l->fd = listen_somewhere();
    house.policy->base = house.base;
    house.policy->record = house.record;
    house.policy->listeners = l;
    house.policy->n_listeners = 1;
    house.policy->max_clients = MAX_CLIENTS;
    turn_open(house.policy);
    must(policy_start(house.policy, NULL) == 0);
    for (size_t i = 0; i < PEERS; i++)
        house.peers[i] = (struct peer){.fd = -1};
}

static void pump(void)
{
    for (int i = 0; i < 3; i++)
        event_base_loop(house.base, EVLOOP_NONBLOCK);
}

/* ---- what a plain reading of a stream says ----------------------------------------------------
 */

struct reading {
    struct buf answers;
    unsigned count;
    bool broken;
};

struct plain_query {
    struct view request, state;
    struct question q;
};

static void take_attribute(struct plain_query *p, struct view name, struct view value)
{
    const struct {
        const char *name;
        struct view *to;
    } known[] = {
        {"request", &p->request},
        {"protocol_state", &p->state},
        {"recipient", &p->q.recipient},
        {"sender", &p->q.sender},
        {"sasl_username", &p->q.sasl_username},
        {"client_address", &p->q.client_address},
        {"queue_id", &p->q.queue_id},
        {"instance", &p->q.instance},
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (view_is(name, known[i].name))
            *known[i].to = value;
}

static bool take_line(struct plain_query *p, struct view line)
{
    ptrdiff_t equals = view_find(line, '=');

    if (line.len > POLICY_LINE_MAX || equals < 0 || view_find(line, '\0') >= 0)
        return false;
    take_attribute(p, view_first(line, (size_t)equals), view_from(line, (size_t)equals + 1));
    return true;
}

static void answer_plainly(const struct plain_query *p, struct reading *r)
{
    char action[ACTION_MAX] = "DUNNO";

    if (view_is(p->request, "smtpd_access_policy") && view_is(p->state, "RCPT"))
        action_of(&p->q, action);
    buf_addf(&r->answers, "action=%s\n\n", action);
    r->count++;
}

static struct reading read_plainly(struct view stream)
{
    struct reading r = {.answers = BUF_INIT(0)};
    struct plain_query query = {0};
    size_t begin = 0, at = 0;

    while (!r.broken) {
        ptrdiff_t end = view_find(view_from(stream, at), '\n');
        if (end < 0) {
            r.broken = stream.len - at > POLICY_LINE_MAX || stream.len - begin >= POLICY_QUERY_MAX;
            break;
        }
        struct view line = view_make(stream.ptr + at, (size_t)end);
        at += line.len + 1;
        if (at - begin > POLICY_QUERY_MAX || (line.len > 0 && !take_line(&query, line))) {
            r.broken = true;
        } else if (line.len == 0) {
            answer_plainly(&query, &r);
            query = (struct plain_query){0};
            begin = at;
        }
    }
    return r;
}

static struct view take_answer(struct view *rest)
{
    const char *end = rest->len == 0 ? NULL : memmem(rest->ptr, rest->len, "\n\n", 2);
    struct view answer = view_first(*rest, end == NULL ? 0 : (size_t)(end - rest->ptr) + 2);

    *rest = view_from(*rest, answer.len);
    return answer;
}

static bool is_begin_of(struct view part, struct view whole)
{
    return part.len <= whole.len && view_eq(part, view_first(whole, part.len));
}

/* HEARD is the first of EXPECTED, and at its end perhaps a part of the next; returns how many are
 * whole. Who waits at the end of the daemon passes. */
static unsigned count_heard(struct view expected, struct view heard)
{
    const struct view passes = view_of("action=DUNNO\n\n");
    unsigned count = 0;

    for (;;) {
        struct view a = take_answer(&expected), b = take_answer(&heard);
        if (b.len == 0) {
            must(is_begin_of(heard, a) || (house.draining && is_begin_of(heard, passes)));
            return count;
        }
        must(view_eq(a, b) || (a.len > 0 && house.draining && view_eq(b, passes)));
        count++;
    }
}

/* ---- peers ---------------------------------------------------------------------------------- */

static void enter(struct peer *p)
{
    if (p->fd >= 0)
        return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    must(fd >= 0);
    if (connect(fd, (struct sockaddr *)&house.name, house.name_len) == 0) {
        p->fd = fd;
        return;
    }
    must(house.draining);
    close(fd);
}

static bool write_some(struct peer *p, size_t most)
{
    if (p->fd < 0 || p->half_closed || p->written == p->stream.len)
        return false;
    struct view rest = view_first(view_from(buf_view(&p->stream), p->written), most);
    ssize_t n = sendto(p->fd, rest.ptr, rest.len, MSG_NOSIGNAL, NULL, 0);
    p->written += n > 0 ? (size_t)n : 0;
    return n > 0;
}

static bool read_some(struct peer *p, size_t most)
{
    char bytes[4096];

    if (p->fd < 0)
        return false;
    if (most > sizeof bytes)
        most = sizeof bytes;
    ssize_t n = recvfrom(p->fd, bytes, most, MSG_DONTWAIT, NULL, NULL);
    p->ended = p->ended || n == 0 || (n < 0 && errno == ECONNRESET);
    if (n > 0)
        must(buf_add(&p->heard, bytes, (size_t)n) == 0);
    return n > 0;
}

/* Nothing is on its way any more. */
static void check_all_heard(const struct peer *p, const struct reading *r, unsigned heard)
{
    struct reading before = read_plainly(view_first(buf_view(&p->stream), p->written_before));
    unsigned least = house.draining ? before.count : r->count;

    if (p->ended && p->heard.len == 0 && (least > 0 || (!r->broken && !p->half_closed)))
        house.turned_away += least > 0 || !house.draining;
    else
        must(heard >= least && (house.draining || p->ended == (r->broken || p->half_closed)));
    buf_free(&before.answers);
}

static void leave(struct peer *p, bool is_over)
{
    if (p->fd < 0)
        return;
    struct reading r = read_plainly(view_first(buf_view(&p->stream), p->written));
    unsigned heard = count_heard(buf_view(&r.answers), buf_view(&p->heard));
    if (is_over)
        check_all_heard(p, &r, heard);
    close(p->fd);
    buf_free(&r.answers);
    buf_free(&p->stream);
    buf_free(&p->heard);
    *p = (struct peer){.fd = -1};
}

/* ---- the script ----------------------------------------------------------------------------- */

#define RCPT "request=smtpd_access_policy\nprotocol_state=RCPT\n"

static const char *const pieces[] = {
    RCPT "recipient=pass@example.org\n\n",
    RCPT "recipient=listed@example.org\nsender=a@b\nsasl_username=c\n\n",
    RCPT "recipient=wait@example.org\nclient_address=192.0.2.1\nqueue_id=Q\ninstance=i\n\n",
    RCPT "recipient=listed@a\nrecipient=pass@b\n\n",
    "request=smtpd_access_policy\nprotocol_state=DATA\nrecipient=listed@example.org\n\n",
    RCPT,
    "recipient=wait\n",
    "recipient=l",
    "sender=a=b\n",
    "=\n",
    "\n",
    "no equals sign\n",
};

static void add_piece(struct peer *p, unsigned n)
{
    if (p->fd >= 0 && p->stream.len < STREAM_MAX)
        buf_add_text(&p->stream, pieces[n % (sizeof pieces / sizeof *pieces)]);
}

static void add_bytes(struct peer *p, struct view *script, unsigned n)
{
    if (p->fd >= 0 && p->stream.len < STREAM_MAX)
        buf_add_view(&p->stream, view_first(*script, n));
    *script = view_from(*script, n);
}

static void add_long(struct peer *p, unsigned n)
{
    for (unsigned i = 0; i < n && p->fd >= 0 && p->stream.len < STREAM_MAX; i++)
        buf_add_text(&p->stream,
                     "................................................................"
                     "................................................................");
}

static void half_close(struct peer *p)
{
    if (p->fd >= 0)
        shutdown(p->fd, SHUT_WR);
    p->half_closed = p->fd >= 0;
}

static void begin_drain(void)
{
    if (house.draining)
        return;
    house.draining = true;
    for (size_t i = 0; i < PEERS; i++)
        house.peers[i].written_before = house.peers[i].written;
    policy_drain(house.policy, 5000, note_drained, NULL);
}

/* The time is over, first that of patience. */
static void end_patience(void)
{
    if (house.policy->drain_limit != NULL)
        event_active(house.policy->drain_limit, EV_TIMEOUT, 0);
    pump();
}

static unsigned take_byte(struct view *script)
{
    unsigned byte = script->len > 0 ? (unsigned char)script->ptr[0] : 0;

    *script = view_from(*script, 1);
    return byte;
}

static size_t size_of(unsigned byte)
{
    return byte < 128 ? byte + 1 : (byte - 127) * 1024;
}

static void set_sends(unsigned byte)
{
    sends.full = byte & 1;
    sends.interrupted = byte & 2;
    sends.most = byte >> 2;
}

enum {
    ENTER,
    PIECE,
    BYTES,
    LONG,
    WRITE,
    READ,
    HALF_CLOSE,
    LEAVE,
    PUMP,
    END_WAIT,
    SENDS,
    END,
    ACTS
};

/* The low two bits say which peer, those above what; often a byte more says how much. */
static void act(struct view *script)
{
    unsigned byte = take_byte(script);
    struct peer *p = &house.peers[byte % PEERS];

    switch (byte / PEERS % ACTS) {
    case ENTER:
        enter(p);
        break;
    case PIECE:
        add_piece(p, take_byte(script));
        break;
    case BYTES:
        add_bytes(p, script, take_byte(script));
        break;
    case LONG:
        add_long(p, take_byte(script));
        break;
    case WRITE:
        write_some(p, size_of(take_byte(script)));
        break;
    case READ:
        read_some(p, size_of(take_byte(script)));
        break;
    case HALF_CLOSE:
        half_close(p);
        break;
    case LEAVE:
        leave(p, false);
        break;
    case PUMP:
        pump();
        break;
    case END_WAIT:
        if (n_waits > 0)
            end_wait(take_byte(script));
        break;
    case SENDS:
        set_sends(take_byte(script));
        break;
    case END: /* rare: everything else is more interesting before it */
        if (take_byte(script) == 'E')
            house.draining ? end_patience() : begin_drain();
        break;
    }
}

/* Everybody writes and reads to the end, and no verdict is waited for. */
static void settle(void)
{
    bool moves = true;

    memset(&sends, 0, sizeof sends);
    while (moves) {
        pump();
        moves = n_waits > 0;
        if (moves)
            end_wait(0);
        for (size_t i = 0; i < PEERS; i++) {
            moves |= write_some(&house.peers[i], SIZE_MAX);
            moves |= read_some(&house.peers[i], SIZE_MAX);
        }
    }
}

static void close_house(void)
{
    struct policy_listener counts;

    settle();
    if (house.draining) {
        end_patience();
        end_patience();
        must(house.drained == 1);
        settle();
    }
    for (size_t i = 0; i < PEERS; i++)
        leave(&house.peers[i], true);
    pump();
    must(policy_listener(house.policy, 0, &counts) && house.turned_away <= counts.refused);
    must(counts.open == policy_clients(house.policy) && n_waits == 0);
    /* A drain that gave up leaves those to policy_free who did not leave in time. */
    must(counts.open == 0 || house.draining);
    policy_free(house.policy);
    must(event_base_get_num_events(house.base, EVENT_BASE_COUNT_ADDED) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view script = view_make(data, size);

    open_house();
    for (int i = 0; i < ACTS_MAX && script.len > 0; i++)
        act(&script);
    close_house();
    return 0;
}
