/*
 * The log: formats on the thread that logs, queues, and lets the disk thread write.
 *
 * The queue is a ring of bytes under a mutex that is held for a memcpy of some lines, never during
 * a system call. A line that finds no room is dropped and counted rather than waited for; the count
 * is put in its place as soon as there is room, so that a reader sees where lines are missing.
 */
#include "rcptguard/base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "log_sink.h"
#include "rcptguard/base/buf.h"
#include "rcptguard/base/clock.h"

/* Some 2000 refusals: 30 ms of one after the other, a second of the worst flood that a relay sees.
 * Untouched pages cost nothing. */
#define RING_BYTES (1024 * 1024)
/* Once lines were dropped, an eighth must be free before more are taken: else a flood would fill
 * the log with notes about one dropped line each. */
#define RING_RESUME  (RING_BYTES / 8)
#define NOTE_BYTES   160
#define RECORD_BYTES (LOG_LINE_BYTES + LOG_FIELDS_BYTES)
#define SINK_RECORDS 32 /* at a time; more lines than a write takes are seldom so short */

struct ring_head {
    int64_t time;
    uint32_t len;
    uint16_t fields; /* bytes of them, behind the text */
    uint16_t level;
};

static struct {
    pthread_mutex_t lock; /* guards what follows */
    char bytes[RING_BYTES];
    size_t start, used;
    bool queued;       /* between log_start and log_stop */
    bool signalled;    /* the eventfd was written and not yet read */
    uint64_t unspoken; /* dropped, and no note of it yet */
    void (*sink)(enum log_level level, const char *line, void *arg);
    void *sink_arg;
} ring = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int wake_fd = -1;
static atomic_int min_level = LOG_LEVEL_INFO;
static atomic_int log_target_now = LOG_TARGET_AUTO;
static atomic_uint target_changes;
static atomic_bool takes_fields;
static _Atomic uint64_t dropped;

/* ---- the ring; the lock is held ---- */

static void ring_copy_in(const void *from, size_t len)
{
    size_t at = (ring.start + ring.used) % RING_BYTES;
    size_t first = len < RING_BYTES - at ? len : RING_BYTES - at;

    memcpy(ring.bytes + at, from, first);
    memcpy(ring.bytes, (const char *)from + first, len - first);
    ring.used += len;
}

static void ring_copy_out(size_t offset, void *to, size_t len)
{
    size_t at = (ring.start + offset) % RING_BYTES;
    size_t first = len < RING_BYTES - at ? len : RING_BYTES - at;

    memcpy(to, ring.bytes + at, first);
    memcpy((char *)to + first, ring.bytes, len - first);
}

static void ring_put(enum log_level level, struct view text, struct view fields)
{
    struct ring_head head = {clock_now(), (uint32_t)text.len, (uint16_t)fields.len,
                             (uint16_t)level};

    ring_copy_in(&head, sizeof head);
    ring_copy_in(text.ptr, text.len);
    if (fields.len > 0)
        ring_copy_in(fields.ptr, fields.len);
}

static size_t ring_room(void)
{
    return RING_BYTES - ring.used;
}

static void ring_put_note(void)
{
    char note[NOTE_BYTES - sizeof(struct ring_head)];
    struct text t = text_on(note, sizeof note);

    text_addf(&t, "warning: log: %llu lines dropped here: they came faster than they were written",
              (unsigned long long)ring.unspoken);
    ring_put(LOG_LEVEL_WARNING, text_view(&t), VIEW_NONE);
    ring.unspoken = 0;
}

/* ---- logging ---- */

static void clean(char *line, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (ascii_control(line[i]))
            line[i] = '?';
}

/* True when the eventfd is to be written, outside the lock. */
static bool enqueue(enum log_level level, struct view text, struct view fields)
{
    size_t need = sizeof(struct ring_head) + text.len + fields.len + NOTE_BYTES;

    if (ring_room() < (ring.unspoken > 0 ? need + RING_RESUME : need)) {
        ring.unspoken++;
        atomic_fetch_add_explicit(&dropped, 1, memory_order_relaxed);
    } else {
        if (ring.unspoken > 0)
            ring_put_note();
        ring_put(level, text, fields);
    }
    bool wake = !ring.signalled;
    ring.signalled = true;
    return wake;
}

/*
 * Before log_start (then a person waits for the words, and `| less` may make us wait) and after
 * log_stop (then the process must end, whatever stderr does): whoever logs writes. Without a time:
 * these lines are read as they come.
 */
static void write_direct(struct view text, bool stopped)
{
    struct pollfd room = {.fd = 2, .events = POLLOUT};
    char line[LOG_LINE_BYTES + 128];
    struct text t = text_on(line, sizeof line);

    if (stopped && poll(&room, 1, 0) != 1)
        return;
    text_addf(&t, "%s: ", program_invocation_short_name);
    text_add_view(&t, text);
    text_add(&t, "\n");
    ssize_t n = write(2, t.dst, t.len);
    (void)n;
}

static void deliver(enum log_level level, char *line, size_t len, struct view fields)
{
    struct view text = view_make(line, len);

    clean(line, len);
    pthread_mutex_lock(&ring.lock);
    if (ring.sink != NULL) {
        ring.sink(level, line, ring.sink_arg);
        pthread_mutex_unlock(&ring.lock);
        return;
    }
    bool queued = ring.queued, stopped = !queued && wake_fd >= 0;
    bool wake = queued && enqueue(level, text, fields);
    pthread_mutex_unlock(&ring.lock);

    if (!queued) {
        write_direct(text, stopped);
    } else if (wake) {
        uint64_t one = 1;
        ssize_t n = write(wake_fd, &one, sizeof one);
        (void)n;
    }
}

__attribute__((format(printf, 3, 0))) static void
log_args(enum log_level level, const char *subject, const char *format, va_list args)
{
    /* Notices and informations carry no word in front, as in Postfix. */
    static const char *const words[] = {"error: ", "warning: ", "", "", "debug: "};
    char line[LOG_LINE_BYTES];

    if ((int)level > atomic_load_explicit(&min_level, memory_order_relaxed))
        return;
    int saved = errno;
    struct text t = text_on(line, sizeof line);
    text_add(&t, words[level]);
    if (subject != NULL)
        text_addf(&t, "%s: ", subject);
    int len = vsnprintf(t.dst + t.len, t.size - t.len, format, args);
    if (len > 0)
        t.len += (size_t)len < t.size - t.len ? (size_t)len : t.size - t.len - 1;
    deliver(level, line, t.len, VIEW_NONE);
    errno = saved;
}

#define LOG_FUNCTION(name, level)                                                                  \
    void name(const char *subject, const char *format, ...)                                        \
    {                                                                                              \
        va_list args;                                                                              \
        va_start(args, format);                                                                    \
        log_args(level, subject, format, args);                                                    \
        va_end(args);                                                                              \
    }

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warning, LOG_LEVEL_WARNING)
LOG_FUNCTION(log_notice, LOG_LEVEL_NOTICE)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)

void log_line(struct view line, struct view fields)
{
    char copy[LOG_LINE_BYTES];

    if (LOG_LEVEL_INFO > atomic_load_explicit(&min_level, memory_order_relaxed))
        return;
    struct text t = text_on(copy, sizeof copy);
    text_add_view(&t, line);
    if (!log_takes_fields() || fields.len > LOG_FIELDS_BYTES)
        fields = VIEW_NONE;
    deliver(LOG_LEVEL_INFO, copy, t.len, fields);
}

/* ---- settings ---- */

void log_set_level(enum log_level level)
{
    atomic_store(&min_level, (int)level);
}

void log_set_target(enum log_target target)
{
    /* For auto a guess: whether stderr is that stream the disk thread sees for itself. */
    atomic_store(&takes_fields, target == LOG_TARGET_JOURNAL || (target == LOG_TARGET_AUTO &&
                                                                 getenv("JOURNAL_STREAM") != NULL));
    if (atomic_exchange(&log_target_now, (int)target) != (int)target)
        atomic_fetch_add(&target_changes, 1);
}

bool log_takes_fields(void)
{
    return atomic_load_explicit(&takes_fields, memory_order_relaxed);
}

uint64_t log_dropped(void)
{
    return atomic_load_explicit(&dropped, memory_order_relaxed);
}

void log_set_sink(void (*sink)(enum log_level level, const char *line, void *arg), void *arg)
{
    pthread_mutex_lock(&ring.lock);
    ring.sink = sink;
    ring.sink_arg = arg;
    pthread_mutex_unlock(&ring.lock);
}

/* ---- the disk thread ---- */

int log_start(struct error *why)
{
    /* Made once and never closed: a thread may be about to write to it when the log stops. */
    int fd = wake_fd >= 0 ? wake_fd : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return error_errno(why, "cannot make the log's eventfd");
    pthread_mutex_lock(&ring.lock);
    wake_fd = fd;
    ring.queued = true;
    ring.signalled = false;
    pthread_mutex_unlock(&ring.lock);
    return 0;
}

int log_fd(void)
{
    return wake_fd;
}

/* Read first: a line whose wake-up is read away here is in the ring already. */
static void clear_wake(void)
{
    uint64_t wakes;

    ssize_t n = read(wake_fd, &wakes, sizeof wakes);
    (void)n;
    pthread_mutex_lock(&ring.lock);
    ring.signalled = false;
    pthread_mutex_unlock(&ring.lock);
}

/* What is oldest, for one write: as it is in the ring, where it stays until ring_drop. */
struct oldest {
    struct log_record records[SINK_RECORDS];
    unsigned n;
    char text[RECORD_BYTES + LOG_SINK_BYTES];
};

static size_t ring_len_of(const struct log_record *r)
{
    return sizeof(struct ring_head) + r->text.len + r->fields.len;
}

/* A record that begins OFFSET behind the oldest; its bytes to TEXT. */
static struct log_record ring_record(size_t offset, const struct ring_head *head, char *text)
{
    ring_copy_out(offset + sizeof *head, text, head->len + head->fields);
    return (struct log_record){(enum log_level)head->level, head->time, view_make(text, head->len),
                               view_make(text + head->len, head->fields)};
}

static void ring_oldest(struct oldest *o)
{
    size_t offset = 0, used = 0;
    struct ring_head head;

    o->n = 0;
    pthread_mutex_lock(&ring.lock);
    if (ring.used == 0 && ring.unspoken > 0)
        ring_put_note();
    while (offset < ring.used && o->n < SINK_RECORDS) {
        ring_copy_out(offset, &head, sizeof head);
        if (used + head.len + head.fields > sizeof o->text)
            break;
        o->records[o->n] = ring_record(offset, &head, o->text + used);
        used += head.len + head.fields;
        offset += ring_len_of(&o->records[o->n++]);
    }
    pthread_mutex_unlock(&ring.lock);
}

static void ring_drop(const struct log_record *records, unsigned n)
{
    pthread_mutex_lock(&ring.lock);
    for (unsigned i = 0; i < n; i++) {
        ring.start = (ring.start + ring_len_of(&records[i])) % RING_BYTES;
        ring.used -= ring_len_of(&records[i]);
    }
    pthread_mutex_unlock(&ring.lock);
}

/* What the sink could not take at all, and no line of it says so yet. The disk thread's. */
static uint64_t lost;

static void lose(const struct oldest *o, struct log_sink_done done)
{
    lost += done.lost;
    atomic_fetch_add_explicit(&dropped, done.lost, memory_order_relaxed);
    ring_drop(o->records, done.n);
}

static enum log_sink_result tell_of_lost(enum log_target target, int64_t time, int *busy_fd)
{
    char note[NOTE_BYTES];
    struct text t = text_on(note, sizeof note);
    struct log_sink_done done;

    if (lost == 0)
        return LOG_SINK_DONE;
    text_addf(&t, "warning: log: %llu lines dropped here: they could not be written",
              (unsigned long long)lost);
    const struct log_record record = {LOG_LEVEL_WARNING, time, text_view(&t), VIEW_NONE};
    enum log_sink_result result = log_sink_write(target, &record, 1, &done, busy_fd);
    if (result == LOG_SINK_DONE)
        lost = 0;
    return result;
}

/* The oldest; false: its sink is busy. */
static bool write_some(const struct oldest *o, int *busy_fd)
{
    enum log_target target = (enum log_target)atomic_load(&log_target_now);
    struct log_sink_done done = {o->n, o->n};
    enum log_sink_result result = tell_of_lost(target, o->records[0].time, busy_fd);

    if (result == LOG_SINK_DONE)
        result = log_sink_write(target, o->records, o->n, &done, busy_fd);
    if (result != LOG_SINK_BUSY)
        lose(o, done);
    return result != LOG_SINK_BUSY;
}

int log_flush(void)
{
    static unsigned seen_changes;
    struct oldest oldest;
    int busy_fd = -1;

    unsigned changes = atomic_load(&target_changes);
    if (changes != seen_changes)
        log_sink_close();
    seen_changes = changes;
    clear_wake();
    for (ring_oldest(&oldest); oldest.n > 0; ring_oldest(&oldest))
        if (!write_some(&oldest, &busy_fd))
            return busy_fd;
    return -1;
}

void log_stop(int wait_ms)
{
    int64_t until = clock_mono_ms() + wait_ms;

    if (wake_fd < 0)
        return;
    for (int fd = log_flush(); fd >= 0; fd = log_flush()) {
        int64_t left = until - clock_mono_ms();
        struct pollfd room = {.fd = fd, .events = POLLOUT};
        if (left <= 0 || poll(&room, 1, (int)left) <= 0)
            break;
    }
    pthread_mutex_lock(&ring.lock);
    ring.queued = false;
    ring.start = ring.used = 0;
    ring.unspoken = 0;
    pthread_mutex_unlock(&ring.lock);
    log_sink_close();
}
