/*
 * Log sinks that never block, as they are written by the thread that also does fsync for edits and
 * parses the exclusions: a hung logger must not delay those, and never the mail.
 *
 * syslog(3) blocks when its socket is full, and sd_journal_print(3) when journald does not read (a
 * stopped journald held a test program for ever). So both protocols are spoken here, by datagrams
 * with MSG_DONTWAIT: RFC 3164 as glibc writes it, and the documented native protocol of the journal
 * (systemd.io/JOURNAL_NATIVE_PROTOCOL).
 *
 * stderr may be shared with other programs: O_NONBLOCK belongs to the open file description, so
 * setting it would break them. Pipes and terminals are opened anew (/proc/self/fd/2), which gives a
 * description of our own; sockets have MSG_DONTWAIT; where opening is not allowed (another user's
 * terminal, after privileges were dropped) a poll and at most PIPE_BUF bytes must do.
 */
#include "log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/base/clock.h"

#define FRONT_BYTES     256 /* the most that is put in front of a line */
#define SINK_LINE_BYTES (LOG_LINE_BYTES + FRONT_BYTES)
#define DATAGRAM_BYTES  (SINK_LINE_BYTES + LOG_FIELDS_BYTES)
#define RETRY_MS        5000
#define FACILITY_MAIL   2 /* syslog's "mail": where postmasters look, beside Postfix */

_Static_assert(SINK_LINE_BYTES <= LOG_SINK_BYTES, "a write takes one line at least");
_Static_assert(LOG_SINK_BYTES <= PIPE_BUF, "a pipe takes a write as a whole or not at all");

struct socket_sink {
    const char *path;
    int fd;
    int64_t retry_at; /* not before, by clock_mono_ms; 0: at once */
};

static struct socket_sink syslog_sink = {"/dev/log", -1, 0};
static struct socket_sink journal_sink = {"/run/systemd/journal/socket", -1, 0};

static struct {
    enum { STDERR_UNKNOWN, STDERR_SOCKET, STDERR_OWN, STDERR_SHARED } kind;
    int fd;         /* STDERR_OWN: our own description */
    size_t written; /* of the records that come next */
    bool torn;      /* it ends in a part of a line, of which no more comes */
    enum { JOURNAL_UNKNOWN, JOURNAL_NO, JOURNAL_YES } journal;
} err = {.fd = -1};

void log_sink_paths(const char *syslog, const char *journal)
{
    log_sink_close();
    syslog_sink.path = syslog != NULL ? syslog : "/dev/log";
    journal_sink.path = journal != NULL ? journal : "/run/systemd/journal/socket";
}

static void socket_close(struct socket_sink *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    s->retry_at = 0;
}

static void tear(void)
{
    err.torn |= err.written > 0;
    err.written = 0;
}

void log_sink_close(void)
{
    socket_close(&syslog_sink);
    socket_close(&journal_sink);
    if (err.fd >= 0)
        close(err.fd);
    err.kind = STDERR_UNKNOWN;
    err.fd = -1;
    tear();
    err.journal = JOURNAL_UNKNOWN;
}

/* JOURNAL_STREAM is "DEVICE:INODE" of the stream that systemd made; stderr may be another by now.
 */
static bool stream_is_stderr(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long dev, ino;
    struct stat st;

    return stream != NULL && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 && fstat(2, &st) == 0 &&
           st.st_dev == (dev_t)dev && st.st_ino == (ino_t)ino;
}

static bool stderr_is_journal(void)
{
    if (err.journal == JOURNAL_UNKNOWN)
        err.journal = stream_is_stderr() ? JOURNAL_YES : JOURNAL_NO;
    return err.journal == JOURNAL_YES;
}

/* As in syslog(3): debug is 7, info 6, notice 5, warning 4, error 3. */
static int severity(enum log_level level)
{
    static const int of_level[] = {3, 4, 5, 6, 7};
    return of_level[level];
}

static struct tm local_time(int64_t time)
{
    time_t when = (time_t)time;
    struct tm tm;

    if (localtime_r(&when, &tm) == NULL)
        memset(&tm, 0, sizeof tm);
    return tm;
}

/* Of all lines of a second it is the same, and in a flood those are thousands. */
static const char *stamp_of(int64_t time)
{
    static struct {
        int64_t time;
        char text[48];
    } last = {.time = INT64_MIN};

    if (time == last.time)
        return last.text;
    struct tm tm = local_time(time);
    long offset = tm.tm_gmtoff < 0 ? -tm.tm_gmtoff : tm.tm_gmtoff;
    struct text t = text_on(last.text, sizeof last.text);
    text_addf(&t, "%04d-%02d-%02dT%02d:%02d:%02d%c%02ld:%02ld ", tm.tm_year + 1900, tm.tm_mon + 1,
              tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, tm.tm_gmtoff < 0 ? '-' : '+',
              offset / 3600, offset / 60 % 60);
    last.time = time;
    return last.text;
}

static void format_stderr(struct text *t, const struct log_record *r)
{
    if (!stderr_is_journal())
        text_add(t, stamp_of(r->time));
    text_add(t, program_invocation_short_name);
    text_add(t, ": ");
    text_add_view(t, r->text);
    text_add(t, "\n");
}

static void format_syslog(struct text *t, const struct log_record *r)
{
    /* Not strftime: month names must not follow the locale. */
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm tm = local_time(r->time);

    text_addf(t, "<%d>%s %2d %02d:%02d:%02d %s[%d]: ", FACILITY_MAIL << 3 | severity(r->level),
              months[tm.tm_mon], tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
              program_invocation_short_name, (int)getpid());
    text_add_view(t, r->text);
}

static void format_journal(struct text *t, const struct log_record *r)
{
    text_addf(t,
              "PRIORITY=%d\nSYSLOG_FACILITY=%d\nSYSLOG_IDENTIFIER=%s\nMESSAGE=", severity(r->level),
              FACILITY_MAIL, program_invocation_short_name);
    text_add_view(t, r->text);
    text_add(t, "\n");
    text_add_view(t, r->fields);
}

/* The record as TARGET (not auto) wants it; returns its length. */
static size_t log_sink_format(enum log_target target, const struct log_record *record, char *dst,
                              size_t size)
{
    struct text t = text_on(dst, size);

    if (target == LOG_TARGET_SYSLOG)
        format_syslog(&t, record);
    else if (target == LOG_TARGET_JOURNAL)
        format_journal(&t, record);
    else
        format_stderr(&t, record);
    return t.len;
}

static bool socket_open(struct socket_sink *s)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};

    if (strlen(s->path) >= sizeof sa.sun_path)
        return false;
    strcpy(sa.sun_path, s->path);
    s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->fd < 0)
        return false;
    if (connect(s->fd, (struct sockaddr *)&sa, sizeof sa) == 0)
        return true;
    socket_close(s);
    return false;
}

/* A logger that was restarted has a new socket at the same place: connect once more. */
static enum log_sink_result socket_write(struct socket_sink *s, const char *line, size_t len,
                                         int *busy_fd)
{
    int64_t now = clock_mono_ms();

    if (s->fd < 0 && now < s->retry_at)
        return LOG_SINK_GONE;
    for (int attempt = 0; attempt < 2; attempt++) {
        if (s->fd < 0 && !socket_open(s))
            break;
        ssize_t n;
        do
            n = send(s->fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        if (n >= 0)
            return LOG_SINK_DONE;
        if (errno == EAGAIN) {
            *busy_fd = s->fd;
            return LOG_SINK_BUSY;
        }
        socket_close(s);
    }
    s->retry_at = now + RETRY_MS;
    return LOG_SINK_GONE;
}

static void stderr_open(void)
{
    struct stat st;

    err.kind = STDERR_SHARED;
    if (fstat(2, &st) != 0)
        return;
    if (S_ISSOCK(st.st_mode)) {
        err.kind = STDERR_SOCKET;
    } else if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)) {
        /* Not for regular files: a second description has its own offset. */
        err.fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (err.fd >= 0)
            err.kind = STDERR_OWN;
    }
}

static ssize_t stderr_some(const char *bytes, size_t len)
{
    struct pollfd room = {.fd = 2, .events = POLLOUT};

    if (err.kind == STDERR_SOCKET)
        return send(2, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (err.kind == STDERR_OWN)
        return write(err.fd, bytes, len);
    if (poll(&room, 1, 0) == 0) {
        errno = EAGAIN;
        return -1;
    }
    return write(2, bytes, len);
}

static enum log_sink_result stderr_write(const char *line, size_t len, int *busy_fd)
{
    if (err.kind == STDERR_UNKNOWN)
        stderr_open();
    while (err.written < len) {
        ssize_t n = stderr_some(line + err.written, len - err.written);
        if (n > 0) {
            err.written += (size_t)n;
        } else if (n < 0 && errno == EINTR) {
            continue;
        } else if (n < 0 && errno == EAGAIN) {
            *busy_fd = err.kind == STDERR_OWN ? err.fd : 2;
            return LOG_SINK_BUSY;
        } else {
            return LOG_SINK_GONE;
        }
    }
    err.written = 0;
    return LOG_SINK_DONE;
}

/* Of lines that were written in part: how many are whole. The rest belongs to the next. */
static unsigned whole_lines(const char *lines)
{
    const char *at = lines, *end = lines + err.written, *next;
    unsigned n = 0;

    for (; (next = memchr(at, '\n', (size_t)(end - at))) != NULL; n++)
        at = next + 1;
    err.written = (size_t)(end - at);
    return n;
}

/* Of a disk that was full, or a target that came and went: what follows is a line of its own. */
static enum log_sink_result end_torn_line(int *busy_fd)
{
    if (!err.torn)
        return LOG_SINK_DONE;
    enum log_sink_result result = stderr_write("\n", 1, busy_fd);
    err.torn = result != LOG_SINK_DONE;
    return result;
}

/* All that fit into LINES, one at least; returns their bytes. */
static size_t format_some(char lines[LOG_SINK_BYTES], const struct log_record *records, unsigned n,
                          unsigned *formatted)
{
    size_t len = 0;

    for (*formatted = 0; *formatted < n; ++*formatted) {
        const struct log_record *r = &records[*formatted];
        if (LOG_SINK_BYTES - len < FRONT_BYTES + r->text.len)
            break;
        len += log_sink_format(LOG_TARGET_STDERR, r, lines + len, FRONT_BYTES + r->text.len);
    }
    return len;
}

static enum log_sink_result stderr_write_some(const struct log_record *records, unsigned n,
                                              struct log_sink_done *done, int *busy_fd)
{
    char lines[LOG_SINK_BYTES];
    unsigned formatted, whole;
    size_t len = format_some(lines, records, n, &formatted);
    enum log_sink_result result = end_torn_line(busy_fd);

    *done = (struct log_sink_done){formatted, formatted};
    if (result != LOG_SINK_DONE)
        return result;
    result = stderr_write(lines, len, busy_fd);
    *done = (struct log_sink_done){formatted, 0};
    if (result == LOG_SINK_DONE)
        return result;
    whole = whole_lines(lines);
    if (result == LOG_SINK_BUSY) {
        done->n = whole;
        return whole > 0 ? LOG_SINK_DONE : LOG_SINK_BUSY;
    }
    done->lost = formatted - whole;
    tear();
    return LOG_SINK_GONE;
}

/* As many as the socket takes; GONE: not even the first. */
static enum log_sink_result datagrams_write(enum log_target target,
                                            const struct log_record *records, unsigned n,
                                            struct log_sink_done *done, int *busy_fd)
{
    struct socket_sink *sink = target == LOG_TARGET_SYSLOG ? &syslog_sink : &journal_sink;
    char line[DATAGRAM_BYTES];

    *done = (struct log_sink_done){0, 0};
    for (; done->n < n; done->n++) {
        size_t len = log_sink_format(target, &records[done->n], line, sizeof line);
        enum log_sink_result result = socket_write(sink, line, len, busy_fd);
        if (result != LOG_SINK_DONE)
            return done->n > 0 ? LOG_SINK_DONE : result;
    }
    return LOG_SINK_DONE;
}

enum log_sink_result log_sink_write(enum log_target target, const struct log_record *records,
                                    unsigned n, struct log_sink_done *done, int *busy_fd)
{
    if (target == LOG_TARGET_AUTO)
        target = stderr_is_journal() ? LOG_TARGET_JOURNAL : LOG_TARGET_STDERR;
    /* A part of them went to stderr: the rest must go there too. */
    if (target != LOG_TARGET_STDERR && err.written == 0) {
        enum log_sink_result result = datagrams_write(target, records, n, done, busy_fd);
        if (result != LOG_SINK_GONE)
            return result;
        n = 1; /* the next may find its sink again */
    }
    return stderr_write_some(records, n, done, busy_fd);
}
