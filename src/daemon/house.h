/* The daemon's inside: what start, reload and stop share. Loop thread only, but for struct reload.
 */
#ifndef DAEMON_HOUSE_H
#define DAEMON_HOUSE_H

#include "privileges.h"
#include "rcptguard/base/disk.h"
#include "setup.h"

enum { SIGNALS = 4 };

/* The way of a new configuration: read on the disk thread, put into force on the loop. */
struct reload {
    struct task task;
    struct daemon *daemon;
    struct setup *fresh; /* NULL: the configuration is bad, and that was logged */
    bool busy, again;
};

struct daemon {
    struct setup *setup;
    struct privileges privileges;
    struct event_base *base;
    struct event *signals[SIGNALS];
    struct queue *queue; /* what other threads have for the loop */
    struct event *queue_readable;
    struct record *record;
    struct verdict *verdict;
    struct feeds *feeds;
    struct feeds_events feeds_events;
    struct disk *disk;
    struct history *history;
    struct local *exclusions, *blocks;
    struct local_state exclusions_state, blocks_state;
    struct policy *policy;
    struct admin *admin;
    struct admin_house house;
    struct reload reload;
    bool stopping;
};

/* Keeps verdict's lists fresh: when the publisher last confirmed each copy. */
void daemon_confirm(struct setup *s, const struct feed_status *status);
void daemon_confirm_all(struct daemon *d, struct setup *s);

/* What the admin API shows of the configuration in force. */
void daemon_fill_house(struct daemon *d);

/* Reads the configuration again and puts it into force, all of it or nothing; returns at once. */
void daemon_reload(struct daemon *d);

#endif
