/* The notify protocol of systemd, by datagrams that never wait. */
#include "systemd.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "rcptguard/base/view.h"

#define STATUS_MS 10000 /* how often `systemctl status` gets a new line, if it is another */
#define AGAIN_MS  250   /* when systemd did not take what it must know */

struct systemd {
    struct systemd_events events;
    int fd;
    struct sockaddr_un to;
    socklen_t to_len;
    struct event *tick; /* timer */
    long every_ms;
    bool has_watchdog;
    const char *state; /* READY=1 ...; told again until systemd takes it */
    char extra[64];    /* a second line that belongs to it */
    char status[256];  /* what was told last */
};

/* An absolute path, or "@" and an abstract name. */
static int fill_address(struct systemd *s, const char *text, struct error *why)
{
    size_t len = strlen(text);

    if ((text[0] != '/' && text[0] != '@') || len < 2 || len >= sizeof s->to.sun_path)
        return error_set(why, ERR_SYNTAX, "NOTIFY_SOCKET of the environment is no socket's path");
    s->to.sun_family = AF_UNIX;
    memcpy(s->to.sun_path, text, len);
    if (text[0] == '@')
        s->to.sun_path[0] = '\0';
    s->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (text[0] == '/'));
    s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return s->fd < 0 ? error_errno(why, "socket") : 0;
}

/* How often the watchdog wants to hear of us; 0: it does not. */
static uint64_t watchdog_usec(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    uint64_t for_pid, every;

    if (usec == NULL || !view_to_uint(view_of(usec), INT64_MAX, &every))
        return 0;
    if (pid != NULL &&
        (!view_to_uint(view_of(pid), INT32_MAX, &for_pid) || (pid_t)for_pid != getpid()))
        return 0;
    return every;
}

/* False: systemd has no room for it now. What it will never take counts as taken. */
static bool send_text(struct systemd *s, const char *text)
{
    ssize_t n;

    do
        n = sendto(s->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
                   (const struct sockaddr *)&s->to, s->to_len);
    while (n < 0 && errno == EINTR);
    return n >= 0 || (errno != EAGAIN && errno != ENOBUFS && errno != ENOMEM);
}

static void tell_status(struct systemd *s, bool always)
{
    char status[sizeof s->status], text[sizeof s->status + 16];

    s->events.status(s->events.arg, status, sizeof status);
    if (!always && strcmp(status, s->status) == 0)
        return;
    snprintf(text, sizeof text, "STATUS=%s", status);
    if (send_text(s, text))
        memcpy(s->status, status, sizeof status);
}

static void arm(struct systemd *s)
{
    const long ms = s->state != NULL ? AGAIN_MS : s->every_ms;
    const struct timeval later = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    event_add(s->tick, &later);
}

static void tell_state(struct systemd *s)
{
    char text[sizeof s->extra + 32];

    snprintf(text, sizeof text, "%s%s", s->state, s->extra);
    if (send_text(s, text))
        s->state = NULL;
}

static void feed_watchdog(struct systemd *s)
{
    if (s->has_watchdog && s->events.alive(s->events.arg))
        send_text(s, "WATCHDOG=1");
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct systemd *s = arg;

    (void)fd;
    (void)what;
    if (s->state != NULL)
        tell_state(s);
    feed_watchdog(s);
    tell_status(s, false);
    arm(s);
}

static int open_all(struct systemd *s, const char *path, struct error *why)
{
    uint64_t usec = watchdog_usec();

    if (fill_address(s, path, why) < 0)
        return why->code;
    s->has_watchdog = usec > 0;
    s->every_ms = STATUS_MS;
    /* Half of it is what sd_watchdog_enabled(3) advises; a quarter, as a datagram may be lost. */
    if (s->has_watchdog && usec / 4000 < STATUS_MS)
        s->every_ms = usec < 8000 ? 2 : (long)(usec / 4000);
    return 0;
}

struct systemd *systemd_new(struct event_base *base, const struct systemd_events *events,
                            struct error *why)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct systemd *s = calloc(1, sizeof *s);

    if (s != NULL)
        s->tick = evtimer_new(base, on_tick, s);
    if (s == NULL || s->tick == NULL) {
        error_set(why, ERR_NOMEM, "no memory");
        systemd_free(s);
        return NULL;
    }
    s->events = *events;
    s->fd = -1;
    if (path != NULL && open_all(s, path, why) < 0) {
        systemd_free(s);
        return NULL;
    }
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return s;
}

void systemd_free(struct systemd *s)
{
    if (s == NULL)
        return;
    if (s->tick != NULL)
        event_free(s->tick);
    if (s->fd >= 0)
        close(s->fd);
    free(s);
}

static void enter(struct systemd *s, const char *state)
{
    if (s->fd < 0)
        return;
    s->state = state;
    tell_state(s);
    feed_watchdog(s); /* the timer begins anew: many reloads must not starve it */
    tell_status(s, true);
    arm(s);
}

void systemd_ready(struct systemd *s)
{
    s->extra[0] = '\0';
    enter(s, "READY=1");
}

void systemd_reloading(struct systemd *s)
{
    struct timespec now;

    /* Which reload it is that READY=1 ends (sd_notify(3)): by the clock, in microseconds. */
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(s->extra, sizeof s->extra, "\nMONOTONIC_USEC=%llu",
             (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000);
    enter(s, "RELOADING=1");
}

void systemd_stopping(struct systemd *s)
{
    s->extra[0] = '\0';
    enter(s, "STOPPING=1");
}
