/*
 * This relay's refusals on their way to Redis. Each is one line in a ring until Redis has taken it;
 * while it takes none the ring fills up, and what finds no room is lost and counted. A batch that
 * was not answered is sent again: twice told is better than not.
 */
#include "events.h"

#include <stdlib.h>
#include <unistd.h>

#include "parts.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/escape.h"
#include "rcptguard/base/log.h"

#define RING_BYTES (256u << 10) /* some 500 lines; untouched pages cost nothing */
#define A_CALL     100          /* events told at once, so that Redis is never kept busy for long */
#define A_COPY     (64u << 10)  /* of the ring, for one call: some lines at least */
#define GATHER_MS  20           /* from the first line to the call */

#define TEXT_OF(number) #number
#define NUMBER(number)  TEXT_OF(number)

/* KEYS: stream. ARGV: how many are kept, for how many seconds, then events. A Redis before 6.2
 * knows no MINID, and keeps them until there are too many or none comes any more. */
static struct redis_script tell_script = {
    .text = "for i = 3, #ARGV do\n"
            "  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'line', ARGV[i])\n"
            "end\n"
            "local old = redis.call('TIME')[1] - ARGV[2]\n"
            "redis.pcall('XTRIM', KEYS[1], 'MINID', string.format('%d000', old))\n"
            "redis.pcall('EXPIRE', KEYS[1], ARGV[2])\n"
            "return #ARGV - 2\n",
};

/* ---- the loop ------------------------------------------------------------------------------- */

void events_wake(struct events *e)
{
    uint64_t one = 1;
    ssize_t n = write(e->wake_fd, &one, sizeof one);
    (void)n; /* full: it is awake */
}

static void on_refusal(const struct record_decision *d, void *arg)
{
    struct events *e = arg;
    char line[RECORD_JSON_BYTES];
    struct text t = text_on(line, sizeof line);

    record_json(&t, d);
    if (!line_ring_put(&e->ring, text_view(&t), 0))
        atomic_fetch_add(&e->lost, 1);
    else if (!atomic_load(&e->woken) && !atomic_exchange(&e->woken, true))
        events_wake(e);
}

int fleet_share_events(struct fleet *f, struct record *record, struct queue *loop,
                       struct error *why)
{
    if (f == NULL || (f->share & FLEET_EVENTS) == 0)
        return 0;
    f->events = events_new(f->prefix, &f->key, f->relay, f->wake_fd);
    if (f->events == NULL)
        return error_set(why, ERR_NOMEM, "no memory");
    f->events->record = record;
    f->events->loop = loop;
    f->events->watch = record_watch(record, false, on_refusal, f->events);
    return f->events->watch == NULL ? error_set(why, ERR_NOMEM, "no memory") : 0;
}

bool fleet_shares_events(const struct fleet *f)
{
    return f != NULL && f->events != NULL;
}

void events_look_at(const struct events *e, struct fleet_events_status *out)
{
    *out = (struct fleet_events_status){
        .told = atomic_load(&e->told),
        .lost = atomic_load(&e->lost),
        .refused = atomic_load(&e->refused),
        .waiting = (size_t)(line_ring_head(&e->ring) - line_ring_tail(&e->ring)),
    };
    pthread_mutex_t *lock = (pthread_mutex_t *)&e->lock;
    pthread_mutex_lock(lock);
    memcpy(out->problem, e->problem, sizeof e->problem);
    pthread_mutex_unlock(lock);
}

void events_leave(struct events *e)
{
    pthread_mutex_lock(&e->lock);
    e->left = true;
    pthread_mutex_unlock(&e->lock);
}

/* ---- the thread ----------------------------------------------------------------------------- */

void events_set_problem(struct events *e, const struct error *why)
{
    pthread_mutex_lock(&e->lock);
    bool was = e->problem[0] != '\0';
    struct text t = text_on(e->problem, sizeof e->problem);
    if (why != NULL)
        escape_to_max(&t, view_of(why->text), ESCAPE_TERMINAL, sizeof e->problem);
    pthread_mutex_unlock(&e->lock);
    if (!was && why != NULL)
        log_warning("fleet", "events are not shared: %s; tried again every %d s", why->text,
                    EVENTS_AGAIN_MS / 1000);
    if (was && why == NULL)
        log_notice("fleet", "events are shared again");
}

/* Sealed events, for one call. */
struct parcel {
    struct buf bytes;
    size_t ends[A_CALL], n;
    uint64_t done; /* in the ring: behind the last of them */
};

/* The last line of LINES may be cut: it is left for the next call. */
static int pack(struct events *e, struct view lines, struct parcel *p)
{
    struct view rest = lines, line;

    while (p->n < A_CALL && view_split(&rest, '\n', &line) && rest.ptr != NULL) {
        int rc = event_seal(e->key, e->relay, ++e->number, line, &p->bytes);
        if (rc < 0)
            return rc;
        p->ends[p->n++] = p->bytes.len;
        p->done += line.len + 1;
    }
    return 0;
}

static int fill(struct events *e, struct parcel *p)
{
    uint64_t at = line_ring_tail(&e->ring), end = line_ring_head(&e->ring);
    struct buf lines = BUF_INIT(A_COPY);

    p->done = at;
    if (end - at > A_COPY)
        end = at + A_COPY;
    while (at < end) {
        struct view piece = line_ring_piece(&e->ring, at, end);
        buf_add_view(&lines, piece);
        at += piece.len;
    }
    int rc = lines.failed ? ERR_NOMEM : pack(e, buf_view(&lines), p);
    buf_free(&lines);
    return rc;
}

static int send_parcel(const struct events *e, struct redis *redis, const struct parcel *p,
                       struct error *why)
{
    static const char most[] = NUMBER(FLEET_EVENTS_MAX);
    char seconds[24];
    struct text t = text_on(seconds, sizeof seconds);
    struct view args[A_CALL + 2] = {view_of(most)};
    const struct view key = view_of(e->stream);
    struct redisReply *reply = NULL;

    text_addf(&t, "%lld", FLEET_EVENTS_DAYS * 86400LL);
    args[1] = text_view(&t);
    for (size_t i = 0; i < p->n; i++) {
        size_t begin = i == 0 ? 0 : p->ends[i - 1];
        args[2 + i] = view_make(p->bytes.data + begin, p->ends[i] - begin);
    }
    int rc = redis_run(redis, &tell_script, &key, 1, args, p->n + 2, EVENTS_CALL_MS, &reply, why);
    redis_reply_free(reply);
    return rc;
}

static int send_some(struct events *e, struct redis *redis, struct error *why)
{
    struct parcel p = {.bytes = BUF_INIT(0)};
    int rc = fill(e, &p);

    if (rc < 0)
        rc = error_set(why, ERR_REFUSED, "no memory");
    else if (p.n > 0)
        rc = send_parcel(e, redis, &p, why);
    if (rc == 0) {
        line_ring_free(&e->ring, p.done);
        atomic_fetch_add(&e->told, p.n);
    }
    buf_free(&p.bytes);
    return rc;
}

/* First the flag, then the ring: who puts a line after that wakes again. */
static int send_due(struct events *e, struct redis *redis, struct error *why)
{
    int64_t now = clock_mono_ms();

    if (e->send_ms == 0 && atomic_load(&e->woken))
        e->send_ms = now + GATHER_MS;
    if (redis == NULL || e->send_ms == 0 || now < e->send_ms)
        return 0;
    atomic_store(&e->woken, false);
    int rc = send_some(e, redis, why);
    if (rc == 0) {
        bool more = line_ring_head(&e->ring) != line_ring_tail(&e->ring);
        e->send_ms = more ? now : 0;
        events_set_problem(e, NULL);
    } else {
        e->send_ms = rc == ERR_REFUSED ? now + EVENTS_AGAIN_MS : now;
    }
    if (rc != ERR_REFUSED)
        return rc;
    if (link_is_replica(why))
        return ERR_IO;
    events_set_problem(e, why);
    return 0;
}

int events_turn(struct events *e, struct redis *redis, struct error *why)
{
    if (e == NULL)
        return 0;
    int rc = send_due(e, redis, why);
    return rc < 0 ? rc : events_read(e, redis, why);
}

int64_t events_due(const struct events *e, bool up)
{
    if (e == NULL)
        return INT64_MAX;
    int64_t due = events_read_due(e, up);
    return up && e->send_ms != 0 && e->send_ms < due ? e->send_ms : due;
}

void events_end(struct events *e, struct redis *redis)
{
    struct error why;

    if (e == NULL)
        return;
    if (redis != NULL && line_ring_head(&e->ring) != line_ring_tail(&e->ring))
        send_some(e, redis, &why);
    events_give_up(e, "the daemon ends");
}

/* ---- start and end -------------------------------------------------------------------------- */

struct events *events_new(const char *prefix, const struct seal_key *key, const char *relay,
                          int wake_fd)
{
    struct events *e = calloc(1, sizeof *e);
    char *bytes = malloc(RING_BYTES);

    if (e == NULL || bytes == NULL) {
        free(e);
        free(bytes);
        return NULL;
    }
    struct text t = text_on(e->stream, sizeof e->stream);
    text_addf(&t, "%sevents", prefix);
    e->key = key;
    e->relay = relay;
    e->wake_fd = wake_fd;
    e->bytes = bytes;
    line_ring_init(&e->ring, bytes, RING_BYTES);
    pthread_mutex_init(&e->lock, NULL);
    e->batch.events = e;
    return e;
}

void events_free(struct events *e)
{
    if (e == NULL)
        return;
    events_give_up(e, "the daemon ends");
    for (size_t i = 0; i < e->batch.n; i++)
        free(e->batch.list[i]);
    record_unwatch(e->record, e->watch);
    pthread_mutex_destroy(&e->lock);
    free(e->bytes);
    free(e);
}
