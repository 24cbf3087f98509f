/*
 * DNSBLs: zones of the DNS that list recipient domains, or hashes of recipient addresses. They are
 * asked beside each other, answers are remembered, asked again every hour, and believed only
 * beside a good probe (rules "DNSBLs" of the contract; RFC 5782).
 *
 * Order of use: dnsbl_new, dnsbl_load, dnsbl_configure, dnsbl_start; then dnsbl_look a question;
 * at the end dnsbl_stop before disk_stop, and dnsbl_free. Loop thread only, unless said. Nothing
 * here refuses anything: what is late, broken, off or unknown is no listing.
 */
#ifndef RCPTGUARD_DNSBL_H
#define RCPTGUARD_DNSBL_H

#include <stdbool.h>
#include <stdint.h>

#include "rcptguard/address.h"
#include "rcptguard/base/disk.h"
#include "rcptguard/base/error.h"
#include "rcptguard/base/queue.h"
#include "rcptguard/base/view.h"

struct event_base;

#define DNSBL_ZONES_MAX 64

enum dnsbl_query { DNSBL_DOMAIN, DNSBL_EMAIL_SHA1, DNSBL_EMAIL_SHA256B32, DNSBL_EMAIL_MD5 };

/* [dnsbl NAME]. Strings are borrowed from the configuration. */
struct dnsbl_zone_config {
    const char *name;
    const char *zone;   /* with its secret in place: never shown, never logged */
    const char *shown;  /* the same with *** */
    const char *secret; /* what the *** stand for; NULL or "": nothing */
    enum dnsbl_query query;
    const char *codes, *mask; /* what either names lists; "": not written */
    bool parents;             /* domain: ask the registrable domain too */
    bool as_seen;             /* email-*: ask the lower-cased address as it came too */
    const char *probe_listed, *probe_unlisted; /* labels; "": none */
    int64_t timeout_ms;
};

/*
 * Can such a zone be asked? ERR_SYNTAX or ERR_LIMIT; *KEY ("zone", "query", "codes", "mask",
 * "parents", "as_seen", "probe_listed", "probe_unlisted") is what is wrong, and *why never quotes
 * the secret. Any thread.
 */
int dnsbl_zone_check(const struct dnsbl_zone_config *zone, const char **key, struct error *why);

/* SERVERS as in [dns]: "127.0.0.1:5353 [::1]:53 192.0.2.1"; ERR_SYNTAX. Any thread. */
int dnsbl_servers_check(struct view servers, struct error *why);

/* Takes the next of such servers off *REST, as it is written; false: there is none. Any thread. */
bool dnsbl_servers_next(struct view *rest, struct view *server);

/* Fills DST with the resolvers of /etc/resolv.conf, in the form of [dns] servers; the local host
 * when it names none (resolv.conf(5)). Blocks: start and disk thread. */
#define DNSBL_SERVERS_MAX 512
void dnsbl_system_servers(char dst[DNSBL_SERVERS_MAX]);

struct dnsbl_config {
    const struct dnsbl_zone_config *zones; /* at most DNSBL_ZONES_MAX that were checked */
    size_t n_zones;
    const char *servers; /* checked; not empty */
    uint64_t cache_bytes;
    /* On their way at once, or fewer where cache_bytes has no room for their names; beyond them a
     * question is not asked. */
    unsigned max_questions;
    /* Must a domain zone not be asked about DOMAIN (protected)? */
    bool (*is_protected)(struct view domain, const void *arg);
    const void *protected_arg;
};

/* Called when a listing came into force or went, for the history. KEY is what the zone was asked:
 * a domain (ENTRY_DOMAIN, or ENTRY_TREE with parents), or a digest (ENTRY_ADDRESS_HASH). */
struct dnsbl_events {
    void (*changed)(const char *list, enum entry_kind kind, struct view key, bool listed,
                    int64_t now, void *arg);
    void *arg;
};

struct dnsbl;

/* EVENTS is copied. NULL with *why. */
struct dnsbl *dnsbl_new(struct event_base *base, const struct dnsbl_events *events,
                        struct error *why);

/* What was known when the last process ended, CACHE_BYTES of it at most: STATE_DIR/dnsbl.cache
 * (copied). Blocks: start. A damaged file is a warning. Answers count once their zone is configured
 * and was probed. */
void dnsbl_load(struct dnsbl *d, const char *state_dir, uint64_t cache_bytes);

/*
 * CONFIG is borrowed until the next call. Zones whose settings are the same keep what is known of
 * them; changed ones begin anew. What is on its way is forgotten, and who waits looks again. A
 * negative code with *why: nothing changed, and CONFIG is not borrowed.
 */
int dnsbl_configure(struct dnsbl *d, const struct dnsbl_config *config, struct error *why);

/* From now on questions are asked, probes run, and answers are saved now and then. */
int dnsbl_start(struct dnsbl *d, struct disk *disk, struct queue *loop, struct error *why);

void dnsbl_stop(struct dnsbl *d); /* hands the answers to the disk thread; NULL is fine */
void dnsbl_free(struct dnsbl *d); /* after disk_stop; NULL is fine */

/* ---- a recipient ---------------------------------------------------------------------------- */

struct dnsbl_question {
    const struct address *address; /* ADDRESS_OK */
    struct view seen;              /* as Postfix gave it: ADDRESS is this, parsed */
    uint64_t skip;                 /* zones that are not asked, by bits of their number */
    uint64_t deciding;             /* zones whose listing ends the waiting for those behind them */
    bool all;            /* wait for every zone, and for what listings say of themselves */
    bool again;          /* it was asked already, and waited */
    int64_t asked_ms;    /* when the question came, by clock_mono_ms */
    int64_t deadline_ms; /* what is not there by then is late; the same clock */
};

enum dnsbl_word {
    DNSBL_NOT_ASKED, /* skipped, protected, too long for the DNS, or not one of its names */
    DNSBL_WAITS,     /* not known yet */
    DNSBL_CLEAR,     /* does not list it */
    DNSBL_LISTED,
    DNSBL_LATE,     /* no answer in time, or no question: too many were on their way */
    DNSBL_UNPROVEN, /* it says listed, and is not believed: no probe proved it in time, a resolver
                       may have kept that since the zone was off, or it lists a shared suffix */
    DNSBL_OFF,      /* switched off */
};
const char *dnsbl_word_text(enum dnsbl_word word);

/* What one zone says of one recipient. Valid until the next call into this room. */
struct dnsbl_found {
    enum dnsbl_word word;
    /* Of listings: */
    enum entry_kind kind;    /* ENTRY_ADDRESS, ENTRY_DOMAIN, ENTRY_TREE */
    struct view key;         /* the address or domain that is listed, canonical */
    unsigned char answer[4]; /* 127.0.1.2 */
    int64_t since;           /* when it was first seen listed, seconds since 1970 */
    const char *text;        /* its TXT, bytes from outside; NULL: none, or not there yet */
    /* Of clear ones and listings: */
    int64_t answered; /* when that was said, seconds since 1970 */
};

struct dnsbl_answer {
    bool waits; /* some zone that matters has not answered, and there is time left */
    unsigned n_zones;
    struct dnsbl_found zones[DNSBL_ZONES_MAX]; /* in the order of the configuration */
};

/* A place to wait at. CALL comes once for each look that waits, from the loop, when something that
 * matters may have changed: look again. It may free the wait. NULL: no memory. */
struct dnsbl_wait;
struct dnsbl_wait *dnsbl_wait_new(struct dnsbl *d, void (*call)(void *arg), void *arg);
void dnsbl_wait_free(struct dnsbl_wait *w); /* NULL is fine */

/*
 * Looks into memory, asks what is not there, and fills *OUT. Where that waits and W is not NULL, W
 * is called later, at the deadline at the latest. Never calls back before it returns.
 */
void dnsbl_look(struct dnsbl *d, const struct dnsbl_question *q, struct dnsbl_wait *w,
                struct dnsbl_answer *out);

/* ---- for people ----------------------------------------------------------------------------- */

enum dnsbl_state { DNSBL_PROBING, DNSBL_IS_ON, DNSBL_IS_OFF };
const char *dnsbl_state_text(enum dnsbl_state state); /* probing, on, off */

/* Times are seconds since 1970, 0: never. */
struct dnsbl_status {
    const char *name, *zone; /* the zone with *** */
    enum dnsbl_query query;
    enum dnsbl_state state;
    int64_t state_since;
    char why[256]; /* why it is not on, or what is wrong although it is on; escaped */
    bool failed;   /* it is off, or its last round of probes failed, which may happen to one that is
                      on */
    int64_t last_probe, next_probe; /* rounds */
    int64_t last_good;              /* the last good random name */
    uint64_t questions;             /* sent for recipients, the watch and explanations */
    uint64_t probes;                /* sent for health */
    uint64_t listings;              /* answers that list */
    uint64_t errors;                /* time-outs, server failures, error codes, foreign answers */
    uint64_t timeouts;              /* of them: no answer in time */
    uint64_t memory;                /* recipients answered from memory */
    uint64_t misses;                /* recipients about whom memory did not say enough */
    uint64_t answers;               /* to questions, late ones too */
    int64_t answers_ns;             /* what these took, together */
    uint64_t late;                  /* recipients that had no answer in time */
    uint64_t unproven;              /* recipients that it lists, which was not believed */
    uint64_t remembered, listed;    /* names in memory, and those of them that are listed */
};
const char *dnsbl_query_text(enum dnsbl_query query);

/* Of zone I in the order of the configuration; NULL beyond. Valid until the next call. */
const struct dnsbl_status *dnsbl_status(struct dnsbl *d, size_t i);
const struct dnsbl_status *dnsbl_status_of(struct dnsbl *d, struct view name);

/* Of all zones together. */
struct dnsbl_totals {
    uint64_t names, bytes; /* in memory */
    uint64_t waiting;      /* questions on their way */
    uint64_t dropped;      /* questions not asked because too many were on their way */
    char servers[DNSBL_SERVERS_MAX];
};
void dnsbl_totals(const struct dnsbl *d, struct dnsbl_totals *out);

/* Probes a zone now; DONE comes once, never before this returns: after the round, or when a reload
 * takes the zone out. dnsbl_forget: it does not. NULL: no such zone, or no memory. How many wait is
 * the caller's to bound. */
struct dnsbl_request;
typedef void dnsbl_done(void *arg);
struct dnsbl_request *dnsbl_refresh(struct dnsbl *d, struct view name, dnsbl_done *done, void *arg);
void dnsbl_forget(struct dnsbl_request *r);

#endif
