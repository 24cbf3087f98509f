/*
 * The fleet's inside. new.c makes it, fleet.c has its thread, link.c the connection, kept.c one
 * shared file and what was agreed of it, sync.c brings file, agreement and Redis together
 * (round.h); status.c has what the loop sees; events.h has refusals on their way; settings.c reads
 * the configuration. Fleet thread, but for what says otherwise.
 */
#ifndef FLEET_PARTS_H
#define FLEET_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "events.h"
#include "lists.h"
#include "rcptguard/base/buf.h"
#include "rcptguard/base/map.h"
#include "rcptguard/base/seldom.h"
#include "rcptguard/fleet.h"
#include "records.h"
#include "redis.h"
#include "reply.h"
#include "seal.h"

#define FLEET_KINDS         2 /* enum local_kind */
#define FLEET_MAX_SENTINELS 8

/* One call; a Redis that takes longer is as good as away. */
#define FLEET_CALL_MS    1000
#define FLEET_BIG_MS     5000 /* one that may move megabytes */
#define FLEET_CONNECT_MS 2000

/* One shared file, and what the fleet agreed on. */
struct kept {
    enum local_kind kind;
    bool shared;
    char file[4096], base_file[4096];
    struct records *base;
    struct records *unheard; /* was told, and Redis did not say whether it took it */
    bool unloaded;     /* BASE is there and could not be read: nothing is compared until it is */
    bool base_changed; /* and not written yet */
    struct buf saving; /* BASE as it is written; its memory is kept */
    int64_t saved_agreed_at; /* records_agreed_at of what is written */
    int64_t save_ms;         /* not written before that; mono */
    struct local *local;
    bool edited;       /* here, since the last comparison: it is due at once */
    bool told;         /* by another relay */
    bool by_news;      /* this comparison is because of that */
    bool asked;        /* all relays, as Redis has nothing; not again until it had something */
    int64_t due_ms;    /* the next comparison at the latest; mono */
    int64_t looked_ms; /* the last one; mono */
    size_t waiting;
    uint64_t refused;
    int64_t agreed_at;
    bool by_time;       /* this comparison is the one of every minute */
    bool not_taken;     /* the last time: others' news do not make it due sooner */
    size_t no_room;     /* lines that cannot be shared: too many, too long */
    unsigned conflicts; /* in a row: somebody holds the file */
    struct seldom unbelieved, untold, crowded; /* warnings */
    uint64_t settled;                          /* of local_removed: what is in it waits no more */
    struct fleet *fleet;
};

struct fleet {
    /* Set before the thread starts. */
    char *prefix, *master, *state_dir;
    struct redis_url url, sentinels[FLEET_MAX_SENTINELS];
    size_t n_sentinels;
    unsigned share;
    struct seal_key key;
    struct address_options addresses;
    struct suffixes *suffixes;
    char relay[SEAL_RELAY_MAX];
    int wake_fd, ended_fd;
    struct events *events; /* NULL: not shared */
    struct lists *lists;   /* NULL: not shared */
    struct feeds *feeds;   /* NULL: lists are not shared */

    /* The loop's. */
    pthread_t thread;
    bool running;

    /* All threads'. */
    atomic_bool stop;
    atomic_uint edited; /* a bit by kind */

    /* The thread's. */
    struct kept kept[FLEET_KINDS];
    struct redis *redis, *news;
    /* Who speaks, in news: another one at each connection, so that no clone of this machine has it,
     * however it was made. A relay's name has a dot, this has none. */
    char self[17];
    struct redis_stop stopping; /* but for its descriptor, which is set before */
    struct protect *protect;    /* in use */
    int64_t retry_ms;           /* mono */
    int64_t deaf_until_ms;      /* too many news: not looked at until then */
    unsigned failures;
    int64_t report_ms; /* the next look at the other relays; mono */
    int64_t drift_ms;  /* since when one of them says something else; mono, 0: none does */
    bool drift_warned;
    bool relays_bad;          /* Redis did not let them be compared, the last time */
    struct seldom uncompared; /* warns of that */
    int64_t reported_at;      /* this relay of itself, on this connection; Redis' clock, 0: never */
    bool twin_warned;         /* of another relay of this name */

    pthread_mutex_t rooms; /* held by the thread for a call into another room; it never waits */
    bool left;             /* behind, at the end: there are no other rooms any more */

    pthread_mutex_t lock;       /* of what stands below; never held while anything is waited for */
    struct fleet_status status; /* where, relay and share are set before the thread starts */
    struct protect *fresh_protect; /* takes the place of the one in use; NULL: none came */
    struct redis_url place;        /* for the lists */
    unsigned place_number;
    enum lists_where place_known;
    char *relays; /* what they say of themselves, as JSON; NULL: nobody was asked yet */
    struct fleet_list *own_lists;
    size_t n_lists;
};

/* ---- settings.c */

/* OUT has room for FLEET_MAX_SENTINELS. */
int fleet_sentinels_parse(struct view text, struct redis_url *out, size_t *n, struct error *why);

/* ---- kept.c */

/* One shared file as it is now: its lines by WHAT. */
struct kept_group {
    struct view what;
    struct buf text; /* its lines, each with its end */
};
struct kept_text {
    struct buf text;
    struct local_table *table;
    struct map *by_what; /* → index + 1 in groups */
    struct kept_group *groups;
    size_t n;
};

/* Makes the directory and the file where they are missing, and reads what was agreed. */
int kept_open(struct fleet *f, struct kept *k, enum local_kind kind, struct error *why);
void kept_close(struct kept *k);

/* What was agreed, and the file where there is none. ERR_REFUSED: it is there, and cannot be read
 * now. Before the fleet's thread starts, or on it. */
int kept_load(struct fleet *f, struct kept *k, struct error *why);

/* *OUT is the caller's to free; on failure nothing is held. Codes as of file_read; ERR_CONFLICT:
 * another program has had it open for writing for a second. */
int kept_read(struct fleet *f, const struct kept *k, struct kept_text *out, struct error *why);
void kept_text_free(struct kept_text *t);

/* In how many WHATs the file differs from what was agreed. */
size_t kept_differs(const struct kept *k, const struct kept_text *t);

/* The lines of WHAT, "" when there are none. */
struct view kept_lines(const struct kept_text *t, struct view what);

/* What is to be in the file in the place of the lines of WHAT; "": nothing. */
struct kept_change {
    struct view what, text;
};

/* ERR_CONFLICT: somebody edited the file meanwhile. Waits for the disk thread. */
int kept_write(struct kept *k, const struct kept_text *t, const struct kept_change *changes,
               size_t n, struct error *why);

/* Writes what was agreed, if it changed; a warning when it cannot be written. While the thread goes
 * on not before k->save_ms, at its end in any case. */
void kept_save(struct kept *k);

/* Are these lines what others may put into force here? They come from outside. */
bool kept_allows(const struct fleet *f, enum local_kind kind, struct view what, struct view text);

/* ---- fleet.c: around each call into another room. False: it may be gone; nothing is held. */
bool rooms_enter(struct fleet *f);
void rooms_leave(struct fleet *f);

/* ---- link.c */

/* Connects and subscribes; what is shared is due then. When that fails the link is lost. */
void link_open(struct fleet *f);
void link_close(struct fleet *f);

/* It broke, or leads nowhere: closed, said once, and due again after a while (f->retry_ms), longer
 * each time until somebody found it good. */
void link_lost(struct fleet *f, const struct error *why);
void link_is_good(struct fleet *f);

/* Is it the word of a Redis that was the master once? */
bool link_is_replica(const struct error *why);

/* ---- relays.c */

/* Says what this relay has, and looks at what the others say. Codes as of sync_kind. */
int relays_round(struct fleet *f, struct error *why);

/* ---- share_lists.c */

void share_lists_are_at(struct fleet *f, const struct redis_url *where);
void share_lists_are_away(struct fleet *f);

/* ---- status.c: what the loop may see */

/* True: it is another state than before. WHY, also below: NULL: nothing is wrong. */
bool status_set_state(struct fleet *f, enum fleet_state state, const struct error *why);
/* From now on Redis does not take what is shared, or takes all of it; until it changes nothing. */
void status_set_shared(struct fleet *f, bool is_shared);
void status_set_why(struct fleet *f, const struct error *why);
void status_show_kind(struct fleet *f, const struct kept *k);

/* ---- sync.c */

/*
 * Compares and brings together, once. 0: as far as others did not change something at the same
 * moment (k->told: once more). ERR_REFUSED: Redis does not take it (full, rights), and the
 * connection is good; other codes: it is broken.
 */
int sync_kind(struct fleet *f, struct kept *k, struct error *why);

#endif
