/*
 * What systemd is told (sd_notify(3)): that we are ready, reload, stop, and still live. Loop thread
 * only; without NOTIFY_SOCKET all of it does nothing.
 *
 * Not libsystemd's sd_notify, which waits when systemd does not read: the loop never waits. And
 * not for sixty lines a library that brings four others into the process that reads hostile lists.
 */
#ifndef DAEMON_SYSTEMD_H
#define DAEMON_SYSTEMD_H

#include <stdbool.h>
#include <stddef.h>

#include "rcptguard/base/error.h"

struct event_base;
struct systemd;

struct systemd_events {
    bool (*alive)(void *arg);                          /* false: let the watchdog bite */
    void (*status)(void *arg, char *dst, size_t size); /* a line for `systemctl status` */
    void *arg;
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and removes them from the environment.
 * EVENTS is copied. NULL with *why: no memory, or a NOTIFY_SOCKET that cannot be one. */
struct systemd *systemd_new(struct event_base *base, const struct systemd_events *events,
                            struct error *why);
void systemd_free(struct systemd *s); /* NULL is fine */

void systemd_ready(struct systemd *s); /* after start, and after each reload, good or bad */
void systemd_reloading(struct systemd *s);
void systemd_stopping(struct systemd *s);

#endif
