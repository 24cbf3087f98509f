/*
 * The verdict's inside: its tables and the work space of the one question that is being answered.
 * verdict.c has the way of a question, lookup.c what the lists say of its recipient, zones.c what
 * DNS zones say, wait.c questions that wait for them, counts.c what each list decided.
 */
#ifndef VERDICT_LOOKUP_H
#define VERDICT_LOOKUP_H

#include "rcptguard/verdict.h"

/* Digests looked up for one recipient: each of its addresses and domains and what was seen, by
 * each kind of hash. */
#define LOOKUP_DIGESTS (HASH_KINDS * 8)

struct verdict {
    struct record *record;
    struct dnsbl *dnsbl;
    struct verdict_wait *waits;
    size_t n_waits;
    const struct verdict_rules *rules;
    struct blocklist *blocklist;
    struct local_table *exclusions, *blocks;
    struct local_table *shared_exclusions, *shared_blocks; /* the fleet's; NULL: none */
    const struct local_line *block; /* the local block of this recipient, or NULL */
    /* For each list of the blocklist: its place in the rules, or LOOKUP_NOT_CONFIGURED. */
    uint32_t rule_of[BLOCKLIST_MAX_LISTS];

    struct address recipient, sender;
    uint64_t expected[ADDRESS_MAX_KEYS]; /* the recipient's keys, as blocklist_expect gave them */
    struct local_match match;
    struct decision_listing listings[ANSWER_LISTINGS];
    /* Of each listing: its list, and the place of its key among the recipient's. */
    uint16_t listed_by[ANSWER_LISTINGS], listed_at[ANSWER_LISTINGS];
    unsigned n_listings;
    struct decision_listing exceptions[ANSWER_EXCEPTIONS];
    unsigned n_exceptions;
    /* By list: one more than the place of the first key on which it makes an exception, 0: none;
     * those that are not 0 stand in EXCEPTING. */
    uint16_t excepted_at[BLOCKLIST_MAX_LISTS], excepting[BLOCKLIST_MAX_LISTS];
    unsigned n_excepting;
    struct verdict_idle idle;
    unsigned char digests[LOOKUP_DIGESTS][HASH_MAX_BYTES];
    unsigned n_digests;
    struct dnsbl_answer zones;
    bool zones_asked; /* of this question */
    struct histogram latency[VERDICT_WAYS];
    struct verdict_list_counts
        *lists; /* by rank (decision.h); NULL: no memory, nothing is counted */
    size_t n_lists;
    struct verdict_list_counts uncounted; /* where counting for no list goes */
    char ref[REF_MAX];
    char evidence[48]; /* of the listing that is told of */
    char action[ACTION_MAX];
};

#define LOOKUP_NOT_CONFIGURED UINT32_MAX

/* Finds the rules of the lists; after either changed. */
void lookup_rules(struct verdict *v);

/* Counters of the lists of the rules in force; those of lists that were there before go on. */
void counts_rules(struct verdict *v);

/* The counters of the list that L is of; never NULL. */
struct verdict_list_counts *counts_of(struct verdict *v, const struct decision_listing *l);

/*
 * Asks the DNS zones about v->recipient, which was parsed from Q's, and adds what they list. True:
 * it has to wait, and W (unless NULL) will be called; the listings are as they were. SINCE_MS: when
 * the question came, by clock_mono_ms.
 */
bool look_up_zones(struct verdict *v, const struct question *q, int64_t since_ms,
                   struct dnsbl_wait *w);

/*
 * The way of a question as far as it goes without waiting: DONE is called, or (true) it has to wait
 * for a zone, and W (unless NULL) will be called. SINCE_NS: when it came, by clock_mono_ns.
 */
bool verdict_try(struct verdict *v, const struct question *q, int64_t since_ns,
                 struct dnsbl_wait *w, verdict_done *done, void *arg);

/* Is a listing freed by one of the exclusions with list=? */
bool lookup_is_freed(const struct verdict *v, struct view list);

/* The lists will be asked for v->recipient. To be called as early as that is known. */
void look_up_expect(struct verdict *v);

/* Fills listings and exceptions of v->recipient, which was parsed from SEEN and is expected;
 * v->match is there. */
void look_up(struct verdict *v, struct view seen, int64_t now);

#endif
