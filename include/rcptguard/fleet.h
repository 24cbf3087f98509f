/*
 * The fleet: what several relays share through Redis. Redis is other people's machine, so all that
 * comes from it is looked at as what a stranger sent, and nothing waits for it: a thread of its own
 * talks with it, the loop only reads what that thread left. Without Redis each relay goes on with
 * what it has.
 *
 * Exclusions and blocks that are shared are lines of files under state_dir/fleet, of the same
 * grammar as this site's own, kept in force by the room `local`. Edits change the file; the thread
 * compares the file, what the fleet last agreed on, and Redis, and brings them together.
 *
 * Events are refusals: the loop puts them into a ring, the thread puts them into a stream in Redis
 * and reads there what others refused, when somebody asks.
 *
 * Order of use (loop thread): fleet_new (at start; makes the files) → fleet_share_lists,
 * fleet_share_events → the files are loaded and watched (local_new, local_watch) → fleet_start →
 * fleet_edited, fleet_look and what is asked of events at will → fleet_stop → fleet_free.
 */
#ifndef RCPTGUARD_FLEET_H
#define RCPTGUARD_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rcptguard/address.h"
#include "rcptguard/base/error.h"
#include "rcptguard/base/queue.h"
#include "rcptguard/feeds.h"
#include "rcptguard/local.h"
#include "rcptguard/record.h"

/* [redis] share */
enum fleet_share {
    FLEET_LISTS = 1,
    FLEET_EXCLUSIONS = 2,
    FLEET_BLOCKS = 4,
    FLEET_EVENTS = 8,
};

/* "lists exclusions", in any order, blanks or commas between; "": nothing. ERR_SYNTAX with *why. */
int fleet_share_parse(struct view text, unsigned *share, struct error *why);

/* [redis] of the configuration; strings are borrowed. */
struct fleet_config {
    const char *url;               /* "": off */
    const char *secret;            /* read already, never a file name; "": none */
    const char *prefix;            /* begins every key and channel */
    unsigned share;                /* enum fleet_share */
    const char *sentinel, *master; /* "": URL is Redis itself */
    const char *state_dir;
    const struct address_options *addresses;
};

/* What is wrong with it, for -t: ERR_SYNTAX or ERR_REFUSED with *why ("url: ..."), or 0. */
int fleet_config_check(const struct fleet_config *config, struct error *why);

struct fleet;

/*
 * Copies CONFIG, reads what this relay knows of the fleet and makes the files under state_dir/fleet
 * that are not there yet. NULL with *why: they cannot be made, or there is no memory.
 */
struct fleet *fleet_new(const struct fleet_config *config, struct error *why);

/* The file of that kind, to be loaded like this site's own; NULL: it is not shared. */
const char *fleet_file(const struct fleet *f, enum local_kind kind);

/* Lists are shared, where `share` says so: before feeds_start; the feeds' thread ends before
 * fleet_free, and the fleet's before that. F may be NULL. */
int fleet_share_lists(struct fleet *f, struct feeds *feeds, struct error *why);

/* Starts the thread. KEPT: by kind, the files in force (NULL where not shared). */
int fleet_start(struct fleet *f, struct local *const kept[2], struct error *why);

/* Somebody changed the file of that kind: the others are to know. Any thread; NULL is fine. */
void fleet_edited(struct fleet *f, enum local_kind kind);

/* What no block of another relay covers as a whole, from now on; before that, the built-in domains.
 * Held. Any thread; F may be NULL. */
void fleet_protect(struct fleet *f, struct protect *p);

enum fleet_state {
    FLEET_CONNECTING, /* not yet, or again */
    FLEET_UP,
    FLEET_AWAY,
};
const char *fleet_state_text(enum fleet_state state);

/* A copy for the loop. */
struct fleet_kind_status {
    size_t entries;           /* that are set */
    size_t waiting;           /* changed here, and not yet told */
    uint64_t version;         /* the newest that is known */
    unsigned char digest[16]; /* of all that is set: two relays that agree have it alike */
    int64_t agreed_at; /* when it was last compared with Redis, seconds since 1970; 0: never */
    uint64_t refused;  /* objects in Redis that could not be believed, at the last look */
};
struct fleet_events_status {
    uint64_t told;     /* since the start */
    uint64_t lost;     /* Redis did not take them for so long that they found no room */
    size_t waiting;    /* bytes */
    uint64_t refused;  /* entries of the stream that could not be believed, as far as looked at */
    char problem[256]; /* why they are not told or read now, escaped; "": nothing */
};
struct fleet_status {
    enum fleet_state state;
    int64_t since;          /* in this state, seconds since 1970 */
    int64_t unshared_since; /* Redis is away or does not take what is shared; 0: it does */
    char where[160];        /* host and port or path; no secret */
    char relay[80];         /* what this relay is called */
    char why[256];          /* what went wrong last, in words of Redis, too; "": nothing */
    unsigned share;
    struct fleet_kind_status kinds[2]; /* by enum local_kind */
    struct {
        uint64_t taken, same, led, bad; /* since the start: what came of looks for lists */
    } lists;
    bool drift; /* another relay has said something else for more than a minute */
    struct fleet_events_status events;
};
void fleet_look(const struct fleet *f, struct fleet_status *out);

/* A list in force here, for the others to compare. Any thread; copied; F may be NULL. */
struct fleet_list {
    char name[BLOCKLIST_NAME_MAX];
    unsigned char digest[8]; /* of what is in force; two relays that agree have it alike */
    uint64_t entries;
    int64_t checked_at; /* when its publisher last confirmed it, seconds since 1970 */
};
int fleet_tell_lists(struct fleet *f, const struct fleet_list *lists, size_t n);

/*
 * What all relays said of themselves, this one too: a JSON array of objects {"relay", "version",
 * "seen_s", "away", "differs", "exclusions", "blocks", "lists"}. It holds bytes from outside. The
 * caller's to free; NULL: nobody was asked yet, or no memory.
 */
char *fleet_relays(const struct fleet *f);

/* Redis is configured and away for so long that a person should look (rule 27), or as good as away:
 * it is reached, and what is shared is not. */
#define FLEET_AWAY_S 60
bool fleet_status_is_away(const struct fleet *f, int64_t now); /* NULL: no */

/* ---- events ---------------------------------------------------------------------------------- */

#define FLEET_EVENTS_MAX  100000 /* that Redis keeps, a bit more or less */
#define FLEET_EVENTS_DAYS REFERENCES_DAYS

/* Refusals of RECORD are told, where `share` says so, and what others tell comes on LOOP, a queue
 * without a cap that is run once more after fleet_stop. Before fleet_start; RECORD outlives F. F
 * may be NULL. */
int fleet_share_events(struct fleet *f, struct record *record, struct queue *loop,
                       struct error *why);
bool fleet_shares_events(const struct fleet *f); /* NULL: no */

/* A refusal of some relay. Its texts come from outside. */
struct fleet_event {
    struct view relay;
    struct record_decision decision;
};

/* From about now on CALL gets each refusal of all relays, this one's too, as it comes into Redis.
 * CALL must not follow or unfollow. NULL: no memory. Only where events are shared. */
typedef void fleet_happened(const struct fleet_event *e, void *arg);
struct fleet_follower;
struct fleet_follower *fleet_follow(struct fleet *f, fleet_happened *call, void *arg);
void fleet_unfollow(struct fleet *f, struct fleet_follower *follower); /* NULL is fine */

/*
 * Looks for the refusal of REF (any case) of any relay. 0 and FOUND comes once, later: E is NULL
 * when there is none, PROBLEM why it could not be looked for to the end (NULL: it was). ERR_NOMEM:
 * it does not come. Only where events are shared.
 */
#define FLEET_WHY_MS 2000
typedef void fleet_found(const struct fleet_event *e, const char *problem, void *arg);
int fleet_why(struct fleet *f, struct view ref, fleet_found *found, void *arg);

/* The most refused of all relays, by when Redis was told. Names of rows are escaped. */
struct fleet_top {
    struct record_top_row rows[TOP_SPANS][TOP_KINDS][TOP_ROWS];
    unsigned n[TOP_SPANS][TOP_KINDS];
    int64_t since;   /* the oldest that was counted, seconds since 1970; 0: none was */
    uint64_t events; /* counted */
};

/* The same; TOP is what was counted until PROBLEM came. */
#define FLEET_TOP_MS 5000
typedef void fleet_counted(const struct fleet_top *top, const char *problem, void *arg);
int fleet_count(struct fleet *f, fleet_counted *counted, void *arg);

/*
 * Ends the thread: at once, or within half a second where Redis hangs; the lists' talk with Redis,
 * too. Where the system hangs in a name it is left behind after a second and a half: it touches
 * nothing then but what is F's, and fleet_free frees nothing. NULL is fine.
 */
void fleet_stop(struct fleet *f);
void fleet_free(struct fleet *f); /* NULL is fine */

#endif
