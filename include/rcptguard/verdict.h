/*
 * Verdict: the way of one question through exemptions, exclusions, blocklist and DNS zones to an
 * answer, used by policy and by `check` alike. Loop thread only.
 *
 * It reads immutable tables that others build; the daemon gives it new ones and gets the old ones
 * back. What is in memory is answered before verdict_ask returns. A question that has to wait for a
 * zone is asked again from its beginning when the zone has answered, so that an exclusion made
 * meanwhile counts.
 */
#ifndef RCPTGUARD_VERDICT_H
#define RCPTGUARD_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "rcptguard/address.h"
#include "rcptguard/base/histogram.h"
#include "rcptguard/blocklist.h"
#include "rcptguard/decision.h"
#include "rcptguard/dnsbl.h"
#include "rcptguard/local.h"
#include "rcptguard/record.h"

/* One configured list, as the verdict sees it. Strings are borrowed from the configuration. */
struct verdict_list {
    const char *name;
    enum list_action action;
    const char *reply;
    int64_t entry_max_age_s;           /* 0: all dates count */
    int64_t max_age_s;                 /* 0: the last good copy never stops counting */
    unsigned char shape[SHA256_BYTES]; /* only listings made under these settings count (rule 7a) */
    int64_t
        confirmed_at; /* when the publisher last confirmed the copy; the daemon keeps it fresh */
};

/* One DNS zone; strings are borrowed from the configuration. */
struct verdict_zone {
    const char *name;
    enum list_action action;
    const char *reply;
};

struct verdict_rules {
    enum decision_mode mode;
    int64_t deadline_ms; /* a question that waits for zones is answered by then */
    const char *contact;
    struct address_options addresses;
    const char *local_reply;          /* the template of local blocks */
    const struct verdict_list *lists; /* in configuration order */
    size_t n_lists;
    const struct verdict_zone *zones; /* those that the DNSBLs are configured with, in that order */
    size_t n_zones;
    /* What no block of the fleet and no digest of a domain may cover as a whole: a protected domain
     * or a public suffix. NULL: nothing. On this relay alone, and from one set of rules to the
     * next: the block itself may be older. */
    bool (*covers_too_much)(enum entry_kind kind, struct view key, const void *arg);
    const void *covers_arg;
};

struct question {
    struct view recipient, sender, sasl_username, client_address, queue_id, instance;
    bool look_only; /* `check`: no reference, no log, no counter */
};

/* Listings of one recipient that are judged and shown, the most specific first. */
#define ANSWER_LISTINGS 256

/* Exceptions of lists against themselves that are shown; all of them count. */
#define ANSWER_EXCEPTIONS 16

/* A list that has an entry which counts for nothing, and why: the last of them. */
struct verdict_idle {
    const char *list; /* NULL: there is none */
    enum {
        IDLE_COVERS,    /* the digest of a domain that is protected, or a public suffix */
        IDLE_ENTRY_OLD, /* its date is longer ago than entry_max_age */
        IDLE_LIST_OLD,  /* max_age is over, and nothing of the list counts */
    } why;
};

/* Valid during the callback only. */
struct answer {
    const char *action; /* "DUNNO" or "550 5.7.1 ...", NUL-terminated, for `action=` */
    struct decision decision;
    const struct address *address;
    const struct local_line *exclusion;      /* the whole exclusion that frees it, or NULL */
    const struct local_line *const *partial; /* those that free it from some lists */
    unsigned n_partial;
    const struct decision_listing *listings;
    unsigned n_listings;
    const struct local_line *block;            /* the local block among the listings, or NULL */
    const struct decision_listing *exceptions; /* entries by which lists free from themselves */
    unsigned n_exceptions;
    struct verdict_idle idle;
    const struct dnsbl_answer *zones; /* what DNS zones said; NULL: none was asked */
    const char *ref;                  /* "" without refusal */
    enum decision_mode mode;
};

typedef void verdict_done(const struct answer *answer, void *arg);

struct verdict;

/* RECORD and DNSBL (NULL: no zones) are borrowed. NULL: no memory. */
struct verdict *verdict_new(struct record *record, struct dnsbl *dnsbl);

/* With its tables; before the DNSBL. Who still waits is not called. NULL is fine. */
void verdict_free(struct verdict *v);

/* Must be called before the first question. Rules are borrowed until the next call; lists that the
 * blocklist holds under other settings, or that are no longer configured, count for nothing. */
void verdict_set_rules(struct verdict *v, const struct verdict_rules *rules);

/* Takes the new table and returns the old one for the caller to free elsewhere. */
struct blocklist *verdict_set_blocklist(struct verdict *v, struct blocklist *bl);
struct local_table *verdict_set_exclusions(struct verdict *v, struct local_table *table);

struct local_table *verdict_set_blocks(struct verdict *v, struct local_table *blocks);

/* The fleet's table of that kind, beside this site's own: an exclusion of either frees. */
struct local_table *verdict_set_shared(struct verdict *v, enum local_kind kind,
                                       struct local_table *table);

const struct blocklist *verdict_blocklist(const struct verdict *v);
const struct local_table *verdict_exclusions(const struct verdict *v);
const struct local_table *verdict_blocks(const struct verdict *v);
const struct local_table *verdict_shared(const struct verdict *v, enum local_kind kind);

/*
 * Calls DONE exactly once, within [policy] deadline. Never fails: what breaks on the way is DUNNO.
 * NULL: DONE was called. Else it will be, and its answer be valid during that call only; the
 * question was copied, and verdict_forget makes sure that DONE does not come.
 */
struct verdict_wait;
struct verdict_wait *verdict_ask(struct verdict *v, const struct question *q, verdict_done *done,
                                 void *arg);
void verdict_forget(struct verdict_wait *w);

size_t verdict_waiting(const struct verdict *v); /* questions that wait for zones */

/* ---- counters, for /metrics; `check` does not count ------------------------------------------ */

/* How long verdicts took, from verdict_ask to DONE. */
enum verdict_way {
    VERDICT_AT_ONCE, /* all of it was in memory */
    VERDICT_WAITED,  /* for a DNS zone */
    VERDICT_WAYS,
};
const struct histogram *verdict_latency(const struct verdict *v, enum verdict_way way);

/* What a list decided, counted as record_counts counts recipients: a refusal once, however often it
 * is asked for within the minute. Kept as long as a list of that name is configured. */
struct verdict_list_counts {
    char name[BLOCKLIST_NAME_MAX]; /* "local", or of a feed or zone */
    uint64_t rejected, deferred;
    uint64_t observed; /* would have been refused */
    uint64_t
        excluded; /* an exclusion freed the recipient from it, and perhaps from others behind */
};

/* Local blocks first, then feeds and zones in the order of the configuration; NULL beyond. Valid
 * until the next call that sets rules. */
const struct verdict_list_counts *verdict_list_counts(const struct verdict *v, size_t i);

#endif
