/*
 * What was decided, kept: references for bounces, counters. Loop thread only; bounded memory.
 */
#ifndef RCPTGUARD_RECORD_H
#define RCPTGUARD_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "rcptguard/base/view.h"
#include "rcptguard/decision.h"

#define REF_MAX 13 /* 6 to 12 of 0-9A-Z without vowels, and NUL */

struct record;

struct record *record_new(void);    /* NULL: no memory */
void record_free(struct record *r); /* NULL is fine */

/*
 * The reference of a refusal. The same instance, recipient and list within a minute (Postfix asks
 * again, or several restriction lists ask) get the same one; *is_new is false then, and the caller
 * neither counts nor logs again.
 */
void record_reference(struct record *r, struct view instance, struct view recipient,
                      struct view list, int64_t mono_ms, char ref[REF_MAX], bool *is_new);

/* Counters since the start. */
struct record_counts {
    uint64_t queries;  /* complete queries, of whatever kind */
    uint64_t foreign;  /* answered DUNNO because they were not about a recipient (rule 8) */
    uint64_t passed;   /* recipients that no list holds */
    uint64_t excluded; /* recipients that a list holds and an exclusion frees */
    uint64_t rejected;
    uint64_t deferred;
    uint64_t observed; /* would have been refused */
    uint64_t unparsed; /* recipients that are not an address with a domain */
    uint64_t repeated; /* refusals asked for again within the minute */
};

/* To be counted up by verdict and policy, read by admin. */
struct record_counts *record_counts(struct record *r);

#endif
