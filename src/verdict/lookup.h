/*
 * The verdict's inside: its tables and the work space of the one question that is being answered.
 * verdict.c has the way of a question, lookup.c what the lists say of its recipient.
 */
#ifndef VERDICT_LOOKUP_H
#define VERDICT_LOOKUP_H

#include "rcptguard/verdict.h"

/* Digests looked up for one recipient: each of its addresses and domains and what was seen, by
 * each kind of hash. */
#define LOOKUP_DIGESTS (HASH_KINDS * 8)

struct verdict {
    struct record *record;
    const struct verdict_rules *rules;
    struct blocklist *blocklist;
    struct local_table *exclusions, *blocks;
    const struct local_line *block; /* the local block of this recipient, or NULL */
    /* For each list of the blocklist: its place in the rules, or LOOKUP_NOT_CONFIGURED. */
    uint32_t rule_of[BLOCKLIST_MAX_LISTS];

    struct address recipient, sender;
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
    unsigned char digests[LOOKUP_DIGESTS][HASH_MAX_BYTES];
    unsigned n_digests;
    char ref[REF_MAX];
    char action[ACTION_MAX];
};

#define LOOKUP_NOT_CONFIGURED UINT32_MAX

/* Finds the rules of the lists; after either changed. */
void lookup_rules(struct verdict *v);

/* Fills listings and exceptions of v->recipient, which was parsed from SEEN; v->match is there. */
void look_up(struct verdict *v, struct view seen, int64_t now);

#endif
