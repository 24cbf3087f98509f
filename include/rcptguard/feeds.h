/*
 * Feeds: the worker thread that keeps the lists fresh. It fetches what is due, parses it, lets the
 * guards judge it, stores what is accepted, builds the new blocklist and hands it to the loop.
 * Whatever goes wrong, the last good copy stays in force and the reason is kept.
 *
 * Order of use (loop thread unless said): feeds_new (reads the stored state; may block, so at start
 * only) → feeds_start → feeds_prepare and feeds_configure, feeds_refresh, feeds_accept,
 * feeds_status at will → feeds_stop → feeds_free.
 */
#ifndef RCPTGUARD_FEEDS_H
#define RCPTGUARD_FEEDS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rcptguard/address.h"
#include "rcptguard/base/error.h"
#include "rcptguard/base/hash.h"
#include "rcptguard/base/queue.h"
#include "rcptguard/base/shared.h"
#include "rcptguard/blocklist.h"

/* The formats, for configuration, `lint` and documentation. */
struct feed_format_info {
    const char *name;
    const char *row;   /* what a row looks like */
    const char *means; /* what it lists */
    /* Keys of [feed] that this format reads and others do not, NULL-terminated; or NULL. */
    const char *const *keys;
};
size_t feed_formats(void);
const struct feed_format_info *feed_format_info(size_t i);
const struct feed_format_info *feed_format_named(const char *name); /* NULL: unknown */
bool feed_format_joins(const char *name);          /* are several files behind each other a list? */
const char *feed_format_nearest(const char *name); /* what may have been meant */

/* [protect]: domains that no feed may block as a whole; the built-in ones and those of a file. */
struct protect;
#define PROTECT_FILE_MAX (16u << 20) /* bytes */

/*
 * Reads the file (NULL or missing: the built-in ones; a missing file is told in *why, and so are
 * bad lines (ERR_SYNTAX), which are left out: both are warnings and the result is good). Blocks:
 * start and disk thread. NULL: no memory. Immutable and counted afterwards; any thread.
 */
struct protect *protect_load(const char *path, struct error *why);
/* The same of what was read already; NAME is for *why, which is as it was where nothing is bad. */
struct protect *protect_parse(const char *name, struct view text, struct error *why);
struct protect *protect_hold(struct protect *p);
void protect_release(struct protect *p);           /* NULL is fine */
bool protect_is_built_in(const struct protect *p); /* the file named no other domain */

/* Would an entry of this kind and name block a protected domain as a whole? ("*.mail.example"
 * does not block "mail.example"; ".example" blocks "mail.example"; "example" does not.) */
bool protect_covers(const struct protect *p, enum entry_kind kind, struct view domain);

/* An ed25519 key as people keep it: 64 hex digits, base64 of the 32 bytes or of the
 * SubjectPublicKeyInfo, or a PEM file of it (`openssl pkey -pubout`). Any thread. */
#define FEED_PUBKEY_BYTES 32
bool feed_pubkey_parse(struct view text, unsigned char key[FEED_PUBKEY_BYTES]);

/* file: with * ? or [ in it: all files that match, one behind the other, are the list. */
bool feed_url_is_glob(const char *url);

/* Is URL a file: URL of PATH, or a pattern that PATH matches? As written: links are not followed.
 */
bool feed_url_names(const char *url, const char *path);

#define FEED_MAX_URLS 16 /* url and mirrors together */

/* [feed NAME] of the configuration; strings are borrowed from it. */
struct feed_config {
    const char *name;
    const char *url;            /* https:, http: or file:; may hold ${secret} */
    const char *const *mirrors; /* further ones, asked in order when those before failed */
    size_t n_mirrors;           /* at most FEED_MAX_URLS - 1 */
    const char *format;

    /* What the parsers read; see src/feeds/parse/format.h. */
    unsigned types;                         /* aper: bit 0 for A to bit 4 for E */
    const char *cleared;                    /* aper: URL of the cleared list, or NULL */
    bool apex;                              /* entries: *.d includes d */
    bool as_domains;                        /* csv, json, ndjson: as = domains */
    bool of_domain;                         /* hashes: of = domain */
    bool parents_match;                     /* access: parent_domain_matches_subdomains */
    const char *column, *separator, *field; /* NULL or "": the default */

    /* How it is fetched. NULL or "": not set. ${secret} in headers and userpwd too. */
    const char *secret; /* what ${secret} stands for: read already, never a file name */
    const char *proxy, *userpwd;
    const char *const *headers; /* "Name: value" */
    size_t n_headers;
    const char *tls_ca, *tls_cert, *tls_key; /* paths of PEM files */
    const char *pubkey; /* the list is signed: ed25519, 64 hex digits; never a path */

    int64_t entry_max_age_s, refresh_s, hold_s, max_age_s, timeout_s;
    int64_t min_refresh_s; /* the schedule never asks more often, whatever else it says */
    bool honour_expires;   /* Cache-Control and Expires lengthen the interval, to 8 h at most */
    uint64_t min_entries, max_protected, max_bytes;
    double max_shrink, max_grow, max_bad; /* ratios: 20% is 0.2 */
};

/*
 * Everything that shapes the lists. The struct itself is copied; all that it points to belongs to
 * OWNER (NULL: lives as long as the feeds), never changes, and OWNER is held while it is used.
 */
struct feeds_config {
    struct shared *owner;
    const char *state_dir;
    struct address_options addresses;
    struct protect *protect; /* held by OWNER */
    const struct feed_config *feeds;
    size_t n_feeds;
};

/* What stands for all settings that shape what FEED's rows become (rule 7a); needs no memory. */
void feed_shape(const struct feeds_config *config, const struct feed_config *feed,
                unsigned char shape[SHA256_BYTES]);

enum feed_state {
    FEED_NEVER,     /* nothing was ever accepted */
    FEED_ACCEPTED,  /* the last copy was taken */
    FEED_UNCHANGED, /* the last look found nothing new */
    FEED_HELD,      /* the last copy is outside a limit and waits */
    FEED_REFUSED,   /* the last copy is not a list that can be taken */
    FEED_FAILED,    /* the last fetch failed */
};
const char *feed_state_text(enum feed_state state);

/* The guards by number, as the guards' own order is; NULL beyond. */
#define FEED_GUARDS 18
const char *feed_guard_name(unsigned i);

#define FEED_SETTINGS_MAX 256

/* What is known of one feed; a copy for the loop. Times are seconds since 1970, 0: never. */
struct feed_status {
    char name[BLOCKLIST_NAME_MAX];
    char url[512]; /* without userinfo and secrets */
    char format[16];
    char settings[FEED_SETTINGS_MAX]; /* keys that say how rows are read, where they are not as
                           usual, and the limit that was broken: "column=Domain", with a line end
                           between two; escaped */
    enum feed_state state;
    int64_t state_since;                   /* when it came into this state */
    uint64_t rows, bad_rows, ignored_rows; /* of the accepted copy */
    uint64_t entries;                      /* unique canonical entries of the accepted copy */
    uint64_t active;                       /* those that block now */
    uint64_t dropped;                      /* protected, public suffixes, the root */
    uint64_t exceptions;                   /* entries by which the list frees from itself */
    char left_out[160];                    /* the first of the protected entries, escaped */
    int64_t last_fetch, last_success, accepted_at, next_fetch;
    char last_error[512]; /* escaped; "" after a success */
    char guard[32];       /* the guard that held or refused, or "" */
    char problem[256];    /* what is left of the stored copy, where other settings make the guards
                             refuse it as it is read now; else "" */
    struct {
        int64_t since, until; /* 0: nothing is held; until 0: not by itself */
        uint64_t entries;
        char guard[32]; /* what holds it; GUARD above is that of the last look */
        char why[256];
    } held;
    char progress[128]; /* "fetching 3.1 MB", "parsing 12.1 MB, 120000 lines, 118000 entries",
                            "building"; "": nothing goes on */
    bool previous;      /* there is a copy to roll back to */
    bool stale;         /* the copy is older than max_age: nothing of it blocks */
    bool unkept;        /* it could not be stored: the next start would have the one of before */

    /* Since the start: looks by what came of them, and those that a guard held or refused. */
    uint64_t looks[FEED_FAILED + 1], guards[FEED_GUARDS];
};

/* How the loop is told; all are called on its thread, from queue_run of its queue. They must not
 * call feeds_configure. */
struct feeds_events {
    /* Takes the new blocklist into force; the old one is to be given to feeds_retire. */
    void (*blocklist)(struct blocklist *bl, void *arg);
    /* A status changed. */
    void (*status)(const struct feed_status *status, void *arg);
    /* MADE follows OLD (NULL: nothing before): for the history. On the WORKER's thread, while both
     * are there; may block. May be NULL. */
    void (*swapped)(const struct blocklist *old, const struct blocklist *made, void *arg);
    void *arg;
};

struct feeds;

/*
 * Reads the stored state of every feed and the saved index: *FIRST is the saved blocklist, or NULL
 * when there is none or it is damaged (a warning). LOOP and EVENTS are borrowed. NULL with *why:
 * the state directory cannot be used.
 */
struct feeds *feeds_new(const struct feeds_config *config, struct queue *loop,
                        const struct feeds_events *events, struct blocklist **first,
                        struct error *why);
int feeds_start(struct feeds *f, struct error *why);

/* How long the worker has been at what it does: it looks up every 30 s, and after each list that it
 * parses or builds. After feeds_start. */
int64_t feeds_silent_ms(const struct feeds *f);

/*
 * New settings: lists that were shaped otherwise are built again from their stored copies, removed
 * feeds leave the index and lose theirs, new feeds and URLs are fetched at once. In two steps, so
 * that what changes with them may fail in between: only the first can. ERR_NOMEM, or ERR_REFUSED
 * for a name that cannot be a directory's.
 */
struct feeds_change;
int feeds_prepare(struct feeds *f, const struct feeds_config *config, struct feeds_change **change);
void feeds_configure(struct feeds *f, struct feeds_change *change); /* takes it */
void feeds_change_free(struct feeds_change *change);                /* instead; NULL is fine */

/* Of feed I in the order of the configuration, NULL beyond. Valid until the loop's next turn. */
const struct feed_status *feeds_status(const struct feeds *f, size_t i);
const struct feed_status *feeds_status_of(const struct feeds *f, struct view name);

/* Of all feeds together, since the start. */
struct feeds_totals {
    uint64_t swaps;        /* new blocklists that came into force */
    int64_t swapped_at;    /* the last one, seconds since 1970; 0: none */
    int64_t build_ns;      /* what building the last one took; 0: none was built */
    uint64_t build_errors; /* could not be built */
    bool busy;             /* the worker works, and does not wait */
};
void feeds_totals(const struct feeds *f, struct feeds_totals *out);

enum feeds_result {
    FEEDS_DONE,    /* ended, whatever the guards said; what was accepted is in force */
    FEEDS_FAILED,  /* the fetch failed: see last_error */
    FEEDS_UNKNOWN, /* no such feed */
    FEEDS_NOTHING, /* accept: nothing is held; rollback: there is no copy before */
};
typedef void feeds_done(enum feeds_result result, void *arg);

/* A request under way; feeds_forget makes sure that its callback does not come. It goes on until
 * the worker is done with it, so who asks and leaves, again and again, must meet a limit. */
struct feeds_request;
#define FEEDS_MAX_REQUESTS 256

/*
 * Fetches NAME now, whatever back-off says; DONE comes on the loop's thread, never before this
 * returns. NULL: no memory, or FEEDS_MAX_REQUESTS are under way (DONE does not come).
 */
struct feeds_request *feeds_refresh(struct feeds *f, struct view name, feeds_done *done, void *arg);

/* Takes exactly the copy that is held. Else as feeds_refresh. */
struct feeds_request *feeds_accept(struct feeds *f, struct view name, feeds_done *done, void *arg);

/*
 * Back to the copy before the last change of NAME. The copy rolled back from is held until its
 * content changes or it is accepted (rule 15). Else as feeds_refresh.
 */
struct feeds_request *feeds_rollback(struct feeds *f, struct view name, feeds_done *done,
                                     void *arg);
void feeds_forget(struct feeds_request *r);

/* ---- where an entry comes from (rule 32) ---- */

struct feed_origin {
    bool found;
    uint64_t line;     /* where the row begins in the copy as unpacked, from 1; 0: not found */
    struct view row;   /* the feed's own line, csv record or json element; cut at FEED_ORIGIN_ROW */
    struct view text;  /* dnset: its text; "" elsewhere */
    struct view value; /* dnset: its address, as 127.0.0.2; "" elsewhere */
};
#define FEED_ORIGIN_ROW 512

/* ORIGIN is valid during the call; NULL: it could not be looked for. Loop thread. */
typedef void feed_origin_found(const struct feed_origin *origin, void *arg);

/*
 * Looks for the row that lists KEY by KIND in the stored copy of NAME, on the worker: of several
 * the one with the newest date, rows of the feed's types first. Returns a request as feeds_refresh
 * does (feeds_forget ends it), or NULL.
 */
struct feeds_request *feeds_origin(struct feeds *f, struct view name, enum entry_kind kind,
                                   struct view key, feed_origin_found *found, void *arg);

/*
 * lint: a file read as the first copy of a feed, without a daemon. Any thread; blocks.
 */
struct feed_lint_problem {
    uint64_t line;    /* 0: of the file as a whole */
    struct view text; /* the row, or "": bytes from outside, valid during the call */
    const char *why;  /* may quote the row */
    bool warning;     /* it keeps no copy from being taken */
};
typedef void feed_lint_tell(const struct feed_lint_problem *problem, void *arg);

#define FEED_LINT_NAMES 5
struct feed_lint_left_out {
    uint64_t entries;
    unsigned n_names;
    char names[FEED_LINT_NAMES][80]; /* the first of them, escaped */
};

struct feed_lint_report {
    uint64_t rows, bad_rows, ignored_rows; /* as in feed_status */
    uint64_t entries, active;
    uint64_t exceptions; /* of the rows */
    struct feed_lint_left_out protected_, suffixes;
    int32_t oldest, newest;            /* dates of rows, days since 1970; 0: they have none */
    int64_t claimed, created, expires; /* what it says of itself: rows, and times; 0: nothing */
    char why[256];                     /* why it would be refused as a first copy, or "" */
    char guard[32];                    /* the guard that would; "" when it does not unpack */
    const struct feed_format_info *looks_like; /* another format that fits better, or NULL */
};

/*
 * Reads FD to its end as a copy of FEED, whose format is known, tells every problem in the order of
 * the file, and fills *REPORT. Of CONFIG the addresses and the protected domains count. Negative
 * with *why: FD could not be read, or holds more than max_bytes.
 */
int feed_lint(int fd, const struct feeds_config *config, const struct feed_config *feed,
              feed_lint_tell *tell, void *arg, struct feed_lint_report *report, struct error *why);

/* The format that most lines of HEAD, the beginning of a file, look like; NULL: no idea. */
const struct feed_format_info *feed_looks_like(struct view head);

/* ---- one fetch for several relays ---- */

/*
 * Whoever knows other relays, and what they fetched (the room `fleet`), gives these calls. Before
 * the worker fetches from an http(s) URL it begins a look and takes steps until one says what to
 * do. All are on the WORKER's thread; one step may block for a second or two, and no longer.
 */
enum feeds_share_wish {
    FEEDS_SHARE_NEWS,  /* not due: only what others fetched since, and never LEAD */
    FEEDS_SHARE_FETCH, /* due: what others fetched within this period, else fetch for all */
    FEEDS_SHARE_NOW,   /* a person waits: as FETCH, but only what was fetched just now */
};

enum feeds_share_answer {
    FEEDS_SHARE_NOTHING, /* the share is out of it: fetch, and tell nobody */
    FEEDS_SHARE_MORE,    /* step again at once, there is more to do */
    FEEDS_SHARE_WAIT,    /* another relay fetches it: step again in half a second */
    FEEDS_SHARE_BODY,    /* another relay fetched it, and TAKE has had all bytes */
    FEEDS_SHARE_SAME,    /* the same, and it is one of HAVE */
    FEEDS_SHARE_FAILED,  /* another relay tried a moment ago, in vain */
    FEEDS_SHARE_LEAD,    /* fetch it and tell what came; go on with steps meanwhile */
};

#define FEEDS_SHARE_HAVE      2
#define FEEDS_SHARE_SIGNATURE 256 /* the longest spelling of one is shorter */

struct feeds_share_order {
    enum feeds_share_wish wish;
    const char *feed;      /* its name, for the log; borrowed as long as the look */
    struct view identity;  /* what is fetched, with its secrets; borrowed for the call */
    int64_t refresh_s;     /* between two fetches of the fleet at the least */
    int64_t expires_max_s; /* what the server says may make it so much; 0: nothing */
    uint64_t max_bytes;    /* of the body */
    const unsigned char *have[FEEDS_SHARE_HAVE]; /* SHA-256 of bodies that are here, or NULL */
    int64_t have_age_ms;     /* since this relay learned from the publisher what it has */
    uint64_t seen;           /* the mark of what was taken last; 0: nothing was */
    bool heed_failures;      /* believe a relay that failed, instead of trying as well */
    const atomic_bool *stop; /* the worker's: leave all undone */
    /* Takes bytes of a body, in order; FIRST: whatever came before is void. Not 0: cannot. */
    int (*take)(struct view bytes, bool first, void *arg);
    void *arg;
};

struct feeds_share_found {
    uint64_t mark;     /* of what is shared, never 0; 0: nothing is known to the share */
    unsigned same;     /* SAME: which of HAVE */
    int64_t age_ms;    /* BODY, SAME: since it was fetched */
    int64_t expires_s; /* as the server said then; 0: it did not */
    int64_t retry_s;   /* FAILED: leave it alone for so long */
    char etag[256], last_modified[64];     /* printable ASCII */
    char signature[FEEDS_SHARE_SIGNATURE]; /* of a signed list */
    size_t signature_len;
    struct error why; /* FAILED: may hold bytes from outside */
};

/* What came of a fetch that LEAD asked for. The bytes are read later, in steps. */
struct feeds_share_came {
    bool ok;     /* there is a body; else WHY says what went wrong */
    bool packed; /* by its publisher: packing it again is in vain */
    const unsigned char *sha256;
    uint64_t bytes;
    const char *etag, *last_modified;
    struct view signature;
    bool renew_only; /* only where the share has these bytes: their signature is not here */
    int64_t expires_s;
    const char *why;
    /* Gives the next bytes, none at the end; valid until the next call. */
    int (*next)(void *from, struct view *bytes, struct error *why);
    void *from; /* for as long as the look */
};

struct feeds_share_look;

struct feeds_share {
    void *arg;
    /* NULL: there is nobody to ask, or no memory. */
    struct feeds_share_look *(*begin)(const struct feeds_share_order *order, void *arg);
    /*
     * After LEAD: NOTHING: it is not ours any more, the fetch goes on alone; LEAD: still so. After
     * `came`: MORE until it is NOTHING.
     */
    enum feeds_share_answer (*step)(struct feeds_share_look *look, struct feeds_share_found *found);
    void (*came)(struct feeds_share_look *look, const struct feeds_share_came *came);
    /* At any time; what was begun and not finished is taken back. */
    void (*end)(struct feeds_share_look *look);
};

/* Before feeds_start, once; SHARE is copied, its ARG borrowed until feeds_stop. ERR_NOMEM. */
int feeds_share(struct feeds *f, const struct feeds_share *share);

/* Others fetched something: lists are looked for now instead of within a minute. Any thread, from
 * feeds_start until feeds_stop. */
void feeds_share_news(struct feeds *f);

/* Frees a blocklist on the worker, where it stalls nobody; NULL is fine. */
void feeds_retire(struct feeds *f, struct blocklist *bl);

/* Ends the worker at once, in the middle of a fetch too (at most a second or two). */
void feeds_stop(struct feeds *f);

/* After it, LOOP's queue may hold one last task of the feeds, which only frees itself. NULL is
 * fine. */
void feeds_free(struct feeds *f);

#endif
