/*
 * The room's inside: what its files share. dnsbl.c has the door, settings and status; look.c a
 * recipient's way through memory and zones; clear.c who needs no such way; ask.c questions on their
 * way and what their answers do; listing.c what becomes of listings, text.c what they say of
 * themselves; probe.c random names, round.c rounds of them, refresh.c who asked for one; wait.c
 * those who wait; watch.c names asked again; save.c, doubt_file.c the files. All on the loop, but
 * for the writes. docs/architecture.md has their way through these files, and who owns what.
 */
#ifndef DNSBL_PARTS_H
#define DNSBL_PARTS_H

#include <event2/event.h>
#include <stdlib.h>

#include "cache.h"
#include "doubt.h"
#include "health.h"
#include "resolver.h"
#include "zone.h"

struct hook;

/* Those who wait for one thing. */
struct hooks {
    struct hook *first;
};

/* Where a recipient waits: in the list of one thing. It is a part of WAIT, which has one a name. */
struct hook {
    struct hook *next, **previous;
    struct dnsbl_wait *wait;
};

/* A question about a recipient on its way; the entry's `asking`. */
struct asking {
    struct zone_state *zone;
    struct cache_entry *entry;
    struct asking *next, **previous; /* among those of its zone, oldest first */
    int64_t order;                   /* when it was sent, by dnsbl.order */
    int64_t sent_ms, sent_ns;
    /* Nobody waits for it any more, and it was counted as a failure. An answer still fills the
     * memory. */
    bool late;
    struct hooks hooks;
};

#define ZONE_UNKNOWN_MAX 16

struct zone_state {
    struct dnsbl *dnsbl;
    struct zone zone;
    unsigned number;
    struct health health;
    struct doubt *doubt; /* shared with other sections of the same zone */
    struct asking *askings, **askings_end;
    struct asking *in_time; /* the first that is not late; all behind it are not either */
    struct event *late;     /* timer: of that one */
    bool late_is_due;
    bool swallows; /* that it lists shared suffixes was said */

    struct probe *probes;      /* names on their way that tell whether it is to be believed */
    struct event *late_probes; /* timer: of the oldest set that is not late */
    bool late_probes_are_due;
    struct event *round_due; /* timer */
    struct dnsbl_request *requests;
    struct hooks hooks; /* for what concerns the zone: probes, texts, its state */
    struct text_asking *texts;

    char warning[160]; /* what is wrong although it is on */
    char failure[160]; /* of the last round; empty: it was good */
    unsigned char unknown[ZONE_UNKNOWN_MAX][4];
    unsigned n_unknown;
    int64_t state_since, last_probe, last_good; /* seconds since 1970 */
    int64_t off_order;                          /* when it was last switched off, by dnsbl.order */
    /* Of the listing that was given last: its entry may go to make room for one of the next zone.
     */
    char text[DNS_TEXT_MAX + 1];
    struct dnsbl_status status; /* counters live here; the rest is filled on demand */
};

/* What may be asked about a domain (zone_domains). Remembered, since mail goes to the same domains
 * again and again, and the public suffix list takes longer than the look into the memory. */
struct domain_known {
    unsigned char len; /* 0: none */
    unsigned char exact_len, registrable_len;
    char name[61]; /* longer ones are rare, and not remembered */
};
#define DOMAINS_KNOWN 4096 /* a cache line each */

/* A recipient whom no zone lists (clear.c). */
struct clear_recipient {
    uint64_t key;
    uint64_t asked;   /* the zones that were asked, by bits of their number */
    int64_t until_ms; /* until the first of their answers is over */
};
#define CLEAR_RECIPIENTS 32768 /* who is written to within a minute, on a busy relay */

struct dnsbl {
    struct event_base *base;
    struct dnsbl_events events;
    const struct dnsbl_config *config; /* borrowed; NULL before the first */
    struct suffixes *suffixes;
    struct resolver *resolver;       /* NULL until there are zones */
    char servers[DNSBL_SERVERS_MAX]; /* that it asks */
    unsigned max_questions;          /* of recipients, on their way at once */
    int64_t give_up_ms;              /* when it ends a question that nobody answered */
    struct cache *cache;
    struct zone_state *zones[DNSBL_ZONES_MAX];
    unsigned n_zones;
    bool asks_domains;                              /* some zone does */
    struct domain_known known[DOMAINS_KNOWN];       /* by hash; a newer one takes the place */
    struct clear_recipient clear[CLEAR_RECIPIENTS]; /* likewise */
    struct hash_secret secret;
    /* By number: whose answers are in the cache. Those of a file before the zones are known. */
    struct cache_zone_id ids[DNSBL_ZONES_MAX];
    unsigned n_ids;
    struct doubts doubts;

    /*
     * What came after what: counted up at every question and every answer. A millisecond is too
     * coarse to say that a probe was sent later than a question.
     */
    int64_t order;
    uint64_t dropped;

    struct dnsbl_wait *woken, **woken_end;
    struct event *wake;

    struct event *watch_due;
    char *file, *doubt_file; /* of answers, of doubtful times; NULL: nothing is saved */
    bool had_file;           /* of answers, when it began */
    bool forgot;             /* listings that it may hold */
    struct save *save;
    struct doubt_save *doubt_save;

    /* Of the look that is under way, by zone. */
    struct zone_question questions[DNSBL_ZONES_MAX][ZONE_QUESTIONS];
    unsigned n_questions[DNSBL_ZONES_MAX];
    char memory[3 * ADDRESS_MAX_BYTES]; /* for keys of the answer that was given last */
};

/* ---- timer.c ---- */
struct event *timer_new(struct dnsbl *d, event_callback_fn call, void *arg); /* NULL: no memory */
void timer_set(struct event *timer, int64_t in_ms); /* once; from the loop when that is over */
bool timer_is_set(const struct event *timer);
void timer_stop(struct event *timer);
void timer_free(struct event *timer); /* NULL is fine */

/* ---- wait.c ---- */
void hooks_wake(struct hooks *hooks);               /* all of them, soon */
int wait_start(struct dnsbl *d, struct error *why); /* makes the event behind it */
void wait_stop(struct dnsbl *d);
/* Puts W into HOOKS, and lets it be called at UNTIL_MS at the latest. */
void wait_hook(struct dnsbl_wait *w, struct hooks *hooks, int64_t until_ms);

/* ---- clear.c ---- */
/* Did all zones call the recipient clear, and are their answers not over yet? */
bool clear_find(struct dnsbl *d, struct view seen, int64_t now_ms, uint64_t *asked);
void clear_note(struct dnsbl *d, struct view seen, int64_t until_ms, uint64_t asked);
void clear_forget(struct dnsbl *d); /* zones, or what they are asked, may be others now */

/* ---- ask.c ---- */
/* Asks ZONE for what E means, unless that is on its way; false: it could not be sent. */
bool ask_entry(struct zone_state *z, struct cache_entry *e);
/* A question to the zone, counted; call as resolver_ask's. False: it could not be sent. */
bool ask_send(struct zone_state *z, struct view label, enum dns_type type, resolver_answered *call,
              void *arg);
/* Forgets all that is on its way, after the resolver forgot it or was freed. */
void ask_forget(struct zone_state *z);
void ask_wake_all(struct zone_state *z); /* who waits for questions looks again */
int ask_start(struct zone_state *z, struct error *why);
void ask_stop(struct zone_state *z);

/* ---- listing.c ---- */
/* E was asked in vain: who waits for it is late. DISBELIEVED: there was an answer. */
void listing_in_vain(struct cache_entry *e, bool disbelieved);
/* The answer to the question of order SENT lists E: it waits for random names that prove it. False:
 * none could be sent, too many are on their way; it is forgotten, which says nothing of the zone.
 */
bool listing_came(struct zone_state *z, struct cache_entry *e, int64_t sent);
void listing_went(struct zone_state *z, struct cache_entry *e); /* or never came: it is clear */
/* The random names of that set were good: its listings count. Or they were not: those are
 * forgotten; a later set would say nothing of the zone as it was then. */
void listing_proven(struct zone_state *z, int64_t set);
void listing_unproven(struct zone_state *z, int64_t set);
/* It lists all below a suffix that strangers share, as no row of a list may: clear, but for people.
 */
void listing_swallowed(struct zone_state *z, int64_t set);
void listing_unproven_all(struct zone_state *z);
/* It lists the world, or did: nothing that it lists is known any more, here and on disk. */
void listing_forget_all(struct zone_state *z);
/* The public suffix, ICANN or private, that LABEL is below in a zone of domains; "" of other zones.
 */
struct view listing_below(const struct zone_state *z, struct view label);

/* ---- text.c ---- */
void text_ask(struct zone_state *z, struct cache_entry *e); /* unless it was asked */
void text_forget(struct zone_state *z);

/* ---- off.c ---- */
/* An answer that nobody should believe switches the zone off; its words, of NAME. */
#define MAD_WORDS 256
void mad_words(const struct zone_judgement *judged, const char *name, char *dst, size_t size);
/* LISTS: it lists what nobody can have listed. */
void zone_is_mad(struct zone_state *z, const char *words, bool lists);
/* A time-out or failure, of a question or a set of probes. */
void zone_failed(struct zone_state *z, bool of_probe, const char *what);
/* The zone was just switched off: says so, forgets what nothing proved, and calls those who wait
 * for it. */
void zone_switched_off(struct zone_state *z);
/* What it says may be believed since then. That of its name only once all its sections are on: one
 * that is off saw what the others did not. */
void zone_is_well(struct zone_state *z, int64_t since_ms);

/* ---- probe.c ---- */
enum probe_kind {
    PROBE_RANDOM,
    PROBE_SHARED, /* random too, below a suffix of the private section */
    PROBE_UNLISTED,
    PROBE_LISTED,
};

/* Of every set, since any may prove a listing: where one of two servers is mad, a listing that this
 * one gave passes by one set in 16. */
#define PROBE_RANDOM_N   4
#define PROBE_SHARED_AT  PROBE_RANDOM_N
#define PROBE_RANDOM_MAX (PROBE_RANDOM_N + 1)
#define PROBE_NAMES      (PROBE_RANDOM_MAX + 2)

/* Names that were sent together. */
struct probe {
    struct zone_state *zone;
    struct probe *next, **previous;
    int64_t number; /* of the set: dnsbl.order when it was sent */
    uint64_t below; /* the suffix that its random names are below, hashed */
    int64_t sent_ms;
    bool is_round;
    enum dnsbl_state state; /* of the zone, when it was sent */
    bool heard;             /* one of its random names was answered */
    unsigned waiting;
    bool late; /* counted as a failure already */
    bool unsent, failed, mad;
    bool swallowed;       /* the one below a shared suffix is listed */
    bool missing;         /* probe_listed is not listed */
    char what[MAD_WORDS]; /* of what is bad */
    struct probe_name {
        struct probe *set; /* NULL: not on its way (any more) */
        enum probe_kind kind;
    } names[PROBE_NAMES]; /* the random ones first */
};

/* The set that is to prove a listing below BELOW whose question was of order SENT: one that is on
 * its way and of which nothing was heard yet, or a new one. 0: none can be sent. */
int64_t probe_for_listing(struct zone_state *z, struct view below, int64_t sent);
/* Random names, unless some are on their way: that the zone was well a moment ago. */
void probe_now(struct zone_state *z, struct view below);
/* Is that set on its way, and not late? 0: is any? */
bool probe_is_awaited(const struct zone_state *z, int64_t number);
/* A set of random names, one more where BELOW is a suffix that strangers share, and the test points
 * of a round. False: no memory. It may have ended when this returns. */
bool probe_send(struct zone_state *z, struct view below, bool is_round);
void probe_forget(struct zone_state *z); /* what they were to prove is the caller's to forget */
int probe_start(struct zone_state *z, struct error *why);
void probe_stop(struct zone_state *z);

/* ---- round.c ---- */
bool round_runs(const struct zone_state *z);
void round_begin(struct zone_state *z);
void round_end(struct zone_state *z, const struct probe *p);
void round_schedule(struct zone_state *z); /* sets the timer of the next one */
int round_start(struct zone_state *z, struct error *why);
void round_stop(struct zone_state *z);

/* ---- refresh.c ---- */
void refresh_begun(struct zone_state *z);  /* a round that counts for all who asked so far */
void refresh_answer(struct zone_state *z); /* to those whose round has ended */
void refresh_stop(struct zone_state *z);   /* the zone goes */

/* ---- watch.c ---- */
int watch_start(struct dnsbl *d, struct error *why);
void watch_stop(struct dnsbl *d);

/* ---- save.c ---- */
int save_start(struct dnsbl *d, struct disk *disk, struct queue *loop, struct error *why);
void save_renumbered(struct dnsbl *d); /* what was put together so far is of other numbers */
void save_forgot(struct dnsbl *d);     /* listings that must not come back: it is written soon */
void save_stop(struct dnsbl *d);       /* hands all of it to the disk thread */
void save_free(struct dnsbl *d);

/* ---- doubt_file.c ---- */
void doubt_load(struct dnsbl *d);
int doubt_start(struct dnsbl *d, struct disk *disk, struct queue *loop, struct error *why);
void doubt_changed(struct dnsbl *d); /* to be written, soon */
void doubt_stop(struct dnsbl *d);    /* hands it to the disk thread */
void doubt_free(struct dnsbl *d);

#endif
