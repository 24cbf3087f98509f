/* The daemon's inside: what start, reload and stop share. Loop thread only, but for struct reload.
 */
#ifndef DAEMON_HOUSE_H
#define DAEMON_HOUSE_H

#include "privileges.h"
#include "rcptguard/base/disk.h"
#include "rcptguard/base/passed.h"
#include "rcptguard/fleet.h"
#include "setup.h"
#include "systemd.h"

enum { SIGNALS = 4 };

/* The way of a new configuration: read on the disk thread, put into force on the loop. */
struct reload {
    struct task task;
    struct daemon *daemon;
    struct setup *fresh; /* NULL: it cannot be taken, and that was logged */
    bool busy, again;
    struct error bad;    /* why FRESH is NULL */
    struct error failed; /* the last one changed nothing; no text: it did what it should */
};

struct daemon {
    struct setup *setup;
    struct privileges privileges;
    struct event_base *base;
    struct event *signals[SIGNALS];
    struct systemd *systemd;
    struct state_lock *state_lock;
    struct passed *passed; /* only until the sockets are bound */
    struct queue *queue;   /* what other threads have for the loop */
    struct event *queue_readable;
    struct record *record;
    struct dnsbl *dnsbl;
    struct verdict *verdict;
    struct feeds *feeds;
    struct feeds_events feeds_events;
    struct disk *disk;
    struct history *history;
    struct local *exclusions, *blocks;
    struct local_state exclusions_state, blocks_state;
    struct fleet *fleet;     /* NULL: [redis] is off */
    struct local *shared[2]; /* its files, by kind; NULL: not shared */
    struct local_state shared_state[2];
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

/* Makes d->systemd: what it is told of the rooms. */
int daemon_tell_systemd(struct daemon *d, struct error *why);

/* The log of decisions, as C wants it; without it mail goes on, and a warning says so. */
void daemon_log_decisions(struct daemon *d, const struct config *c);

/* The fleet, where [redis] says so: its files are loaded, and then watched and brought together. */
int daemon_load_fleet(struct daemon *d, const struct config *c, struct error *why);
int daemon_start_fleet(struct daemon *d, struct error *why);

/* The lists in force, for the other relays to compare. */
void daemon_tell_lists(struct daemon *d);

/* Its files under new settings of addresses, or those of before, on the disk thread; then on the
 * loop they count. */
int daemon_configure_fleet(struct daemon *d, const struct config *c);
void daemon_revert_fleet(struct daemon *d);
void daemon_take_fleet(struct daemon *d);

/* Gives a table that is not in force any more back; at the end the disk thread is gone. */
void daemon_retire(struct daemon *d, struct local *l, struct local_table *old);

/* Reads the configuration again and puts it into force, all of it or nothing; returns at once. */
void daemon_reload(struct daemon *d);

#endif
