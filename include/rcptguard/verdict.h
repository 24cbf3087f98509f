/*
 * Verdict: the way of one question through exemptions, exclusions and blocklist to an answer,
 * used by policy and by `check` alike. Loop thread only.
 *
 * It reads immutable tables that others build; the daemon gives it new ones and gets the old ones
 * back. All that is asked today is in memory, so the callback comes before verdict_ask returns.
 */
#ifndef RCPTGUARD_VERDICT_H
#define RCPTGUARD_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "rcptguard/address.h"
#include "rcptguard/blocklist.h"
#include "rcptguard/decision.h"
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

struct verdict_rules {
    enum decision_mode mode;
    const char *contact;
    struct address_options addresses;
    const char *local_reply;          /* the template of local blocks */
    const struct verdict_list *lists; /* in configuration order */
    size_t n_lists;
};

struct question {
    struct view recipient, sender, sasl_username, client_address, queue_id, instance;
    bool look_only; /* `check`: no reference, no log, no counter */
};

/* Listings of one recipient that are judged and shown, the most specific first. */
#define ANSWER_LISTINGS 256

/* Exceptions of lists against themselves that are shown; all of them count. */
#define ANSWER_EXCEPTIONS 16

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
    const char *ref; /* "" without refusal */
    enum decision_mode mode;
};

typedef void verdict_done(const struct answer *answer, void *arg);

struct verdict;

/* RECORD is borrowed. NULL: no memory. */
struct verdict *verdict_new(struct record *record);
void verdict_free(struct verdict *v); /* with its tables; NULL is fine */

/* Must be called before the first question. Rules are borrowed until the next call; lists that the
 * blocklist holds under other settings, or that are no longer configured, count for nothing. */
void verdict_set_rules(struct verdict *v, const struct verdict_rules *rules);

/* Takes the new table and returns the old one for the caller to free elsewhere. */
struct blocklist *verdict_set_blocklist(struct verdict *v, struct blocklist *bl);
struct local_table *verdict_set_exclusions(struct verdict *v, struct local_table *table);

struct local_table *verdict_set_blocks(struct verdict *v, struct local_table *blocks);

const struct blocklist *verdict_blocklist(const struct verdict *v);
const struct local_table *verdict_exclusions(const struct verdict *v);
const struct local_table *verdict_blocks(const struct verdict *v);

/* Calls DONE exactly once. Never fails: what breaks on the way is DUNNO. */
void verdict_ask(struct verdict *v, const struct question *q, verdict_done *done, void *arg);

#endif
